//! The status as text, for people and for programs.
//!
//! Used by `status`. Pure. The members of the JSON form are described in the README; they stay. Refuses to know how
//! anything was found out.

use serde_json::Value;

use crate::cli::duration::instant;
use crate::cli::operator::answers::Refusal;
use crate::cli::output::{Paint, foreign};
use crate::cli::survey::Survey;
use crate::json::Object;
use crate::session::events::FileView;
use crate::session::keeper::KeeperView;
use crate::session::lock::LockState;
use crate::session::status::Source;
use crate::session::{Session, State};
use crate::text::escaped;
use crate::time::Timestamp;

/// What is wrong, and what to do.
struct Trouble {
    what: String,
    advice: String,
}

/// The one thing that a person should know first; `None` if all is well.
fn trouble(survey: &Survey) -> Option<Trouble> {
    let trouble = |what: String, advice: &str| Some(Trouble { what, advice: advice.to_owned() });
    let setup = "Run `waiaas-mcp setup`; servers that run pick the new token up by themselves.";
    let Some((session, _)) = &survey.held else {
        return match &survey.view {
            FileView::Unusable(why) => trouble(format!("the token file holds no token: {why}"), setup),
            _ => trouble(
                "there is no token".to_owned(),
                "Run `waiaas-mcp setup`, or name the wallet with --wallet.",
            ),
        };
    };
    if let Some(code) = survey.refused() {
        return trouble(format!("the daemon refuses the token: {}", foreign(code)), setup);
    }
    if survey.is_over(session) {
        return trouble("the token has expired".to_owned(), setup);
    }
    if let Err(refusal) = &survey.health {
        let failure = refusal.failure(&survey.base_url);
        return trouble(failure.what, &failure.advice);
    }
    if let Some(Err(refusal)) = &survey.connected {
        let failure = refusal.failure(&survey.base_url);
        return trouble(failure.what, &failure.advice);
    }
    let before = "Run `waiaas-mcp setup` before it expires.";
    if survey.is_superseded() {
        return trouble(
            "a later token of this session was issued, so this one cannot be renewed".to_owned(),
            before,
        );
    }
    if survey.is_exhausted() {
        return trouble("the session has been renewed as often as it may be".to_owned(), before);
    }
    if survey.is_at_its_end() {
        return trouble(survey.end_told().to_owned(), before);
    }
    None
}

/// The word for the session.
fn state(survey: &Survey) -> State {
    match &survey.held {
        None => State::Error,
        Some(_) if survey.is_usable() => State::Active,
        Some(_) => State::Expired,
    }
}

/// One JSON object. Times are Unix seconds; `null` is what is not known, or is not.
pub(super) fn json(survey: &Survey) -> String {
    let number = |number: Option<i64>| number.map_or_else(|| "null".to_owned(), |number| number.to_string());
    let count = |count: Option<u64>| count.map_or_else(|| "null".to_owned(), |count| count.to_string());
    let seconds = |at: Option<Timestamp>| number(at.map(Timestamp::unix_seconds));
    let text = |text: Option<&str>| Value::from(text).to_string();
    let session = survey.held.as_ref().map(|(session, _)| session);
    let wallets = survey.connected.as_ref().and_then(|connected| connected.as_ref().ok());
    let wallets = wallets.map_or_else(
        || "null".to_owned(),
        |connected| {
            let wallets = connected.wallets.iter();
            let each = wallets
                .map(|wallet| Object::new().string("id", &wallet.id).string("name", &wallet.name).finish());
            format!("[{}]", each.collect::<Vec<_>>().join(","))
        },
    );
    let (renewals, max_renewals) = survey.renewals();
    let error = survey.health.as_ref().err().map(|refusal| refusal.failure(&survey.base_url).what);
    let daemon = Object::new()
        .string("baseUrl", &survey.base_url)
        .bool("reachable", survey.health.is_ok())
        .raw("version", &text(survey.health.as_ref().ok().map(|health| health.version.as_str())))
        .raw("clockOffsetSeconds", &number(survey.clock_offset_ms.map(whole_seconds)))
        .raw("error", &text(error.as_deref()))
        .finish();
    let trouble = trouble(survey);
    let object = Object::new()
        .string("state", state(survey).name())
        .bool("usable", survey.is_usable())
        .raw("source", &text(survey.held.as_ref().map(|(_, source)| source.name())))
        .string("tokenFile", &survey.file.to_string_lossy())
        .raw("sessionId", &text(session.map(Session::id)))
        .raw("wallets", &wallets)
        .raw("issuedAt", &seconds(session.map(Session::issued_at)))
        .raw("expiresAt", &seconds(survey.ends_at()))
        .raw("renewAt", &seconds(survey.renew_at()))
        .raw("renewals", &count(renewals))
        .raw("maxRenewals", &count(max_renewals))
        .raw("absoluteExpiresAt", &number(survey.absolute_expires_at()))
        .raw("daemon", &daemon)
        .string("lock", lock_word(survey.lock))
        .raw("keeper", &keeper_json(survey))
        .raw("problem", &text(trouble.as_ref().map(|trouble| trouble.what.as_str())))
        .raw("advice", &text(trouble.as_ref().map(|trouble| trouble.advice.as_str())))
        .finish();
    escaped(&object).into_owned() + "\n"
}

/// The daemon's time is cut to whole seconds, so that its clock seems to be up to a second behind.
fn whole_seconds(offset_ms: i64) -> i64 {
    offset_ms.saturating_add(999).div_euclid(1000)
}

fn lock_word(lock: LockState) -> &'static str {
    match lock {
        LockState::Free => "free",
        LockState::HeldByAnother => "held",
        LockState::Unsupported => "unsupported",
        LockState::Unknown => "unknown",
    }
}

/// A row for each thing, aligned.
pub(super) fn text(survey: &Survey, paint: Paint) -> String {
    let word = match state(survey) {
        State::Active => paint.good("active"),
        State::Expired => paint.bad("expired"),
        State::Error if matches!(survey.view, FileView::Missing) => paint.bad("no token"),
        State::Error => paint.bad("no usable token"),
    };
    let mut rows = vec![("State", word), ("Token", token(survey))];
    if let Some((session, _)) = &survey.held {
        rows.push(("Session", foreign(session.id())));
        rows.extend(wallets(survey).map(|wallet| ("Wallet", wallet)));
        let at = |time: Timestamp| instant(time, survey.daemon_now());
        rows.push(("Issued", at(session.issued_at())));
        rows.push(("Expires", survey.ends_at().map_or_else(|| "never".to_owned(), at)));
        rows.push(("Renews", survey.renew_at().map_or_else(|| "no".to_owned(), at)));
        let (used, limit) = survey.renewals();
        if let Some(used) = used {
            let limit = limit.filter(|limit| *limit > 0).map(|limit| format!(" of {limit}"));
            rows.push(("Renewals", format!("{used}{}", limit.unwrap_or_default())));
        }
        if let Some(end) = survey.absolute_expires_at().filter(|end| *end != 0) {
            rows.push(("Lifetime", format!("ends {}", at(Timestamp::from_unix_seconds(end)))));
        }
    }
    rows.push(("Daemon", daemon(survey, paint)));
    let lock = match survey.lock {
        LockState::Free => "free",
        LockState::HeldByAnother => "held by another process, which renews or replaces the token",
        LockState::Unsupported => "the file system has no locks",
        LockState::Unknown => "cannot be seen: this user may not open it",
    };
    rows.push(("Lock", lock.to_owned()));
    rows.push(("Keeper", keeper(survey)));
    let mut text: String = rows.iter().map(|(name, value)| format!("{name:8} {value}\n")).collect();
    if let Some(Trouble { what, advice }) = trouble(survey) {
        text.push_str(&format!("\n{}\n{advice}\n", paint.bad(&what)));
    }
    text
}

/// The times of its work only while it is at work; when one renewed last, always.
fn keeper_json(survey: &Survey) -> String {
    let KeeperView { is_at_work, note } = survey.keeper;
    let number = |number: Option<i64>| number.map_or_else(|| "null".to_owned(), |number| number.to_string());
    let at_work = note.filter(|_| is_at_work == Some(true));
    Object::new()
        .raw("atWork", is_at_work.map_or("null", |is_so| if is_so { "true" } else { "false" }))
        .raw("pid", &number(at_work.map(|note| i64::from(note.pid))))
        .raw("since", &number(at_work.map(|note| note.since.unix_seconds())))
        .raw("lastRenewal", &number(note.and_then(|note| note.last_renewal).map(Timestamp::unix_seconds)))
        .finish()
}

fn keeper(survey: &Survey) -> String {
    let at = |time: Timestamp| instant(time, survey.now);
    let last = survey.keeper.note.and_then(|note| note.last_renewal);
    match (survey.keeper.is_at_work, survey.keeper.note) {
        (Some(true), Some(note)) => {
            let renewed = last.map(|last| format!(", renewed it last {}", at(last))).unwrap_or_default();
            format!("at work since {}, process {}{renewed}", at(note.since), note.pid)
        }
        (Some(true), None) => "at work".to_owned(),
        (Some(false), _) => match last {
            Some(last) => format!("none at work; one renewed it last {}", at(last)),
            None => "none at work: the token is renewed while a client runs".to_owned(),
        },
        (None, _) => "cannot be seen".to_owned(),
    }
}

fn token(survey: &Survey) -> String {
    let file = survey.file.display();
    match &survey.held {
        Some((_, Source::Environment)) => "from WAIAAS_SESSION_TOKEN".to_owned(),
        Some(_) if survey.file != survey.write => {
            format!("from {file}, because {} is not there", survey.write.display())
        }
        Some(_) => format!("from {file}"),
        None => format!("none in {file}"),
    }
}

fn wallets(survey: &Survey) -> impl Iterator<Item = String> {
    let connected = survey.connected.as_ref().and_then(|connected| connected.as_ref().ok());
    let wallets = connected.map(|connected| connected.wallets.as_slice()).unwrap_or_default();
    wallets.iter().map(|wallet| format!("{} {}", foreign(&wallet.id), foreign(&wallet.name)))
}

fn daemon(survey: &Survey, paint: Paint) -> String {
    let url = &survey.base_url;
    match (&survey.health, survey.clock_offset_ms) {
        (Ok(health), Some(offset_ms)) if offset_ms.saturating_abs() >= 2_000 => {
            let word = if offset_ms > 0 { "ahead" } else { "behind" };
            let by = whole_seconds(offset_ms).saturating_abs();
            format!("{url} answers, version {}; its clock is {by} s {word}", foreign(&health.version))
        }
        (Ok(health), _) => format!("{url} answers, version {}", foreign(&health.version)),
        (Err(Refusal::Unanswered(_)), _) => paint.bad(&format!("{url} does not answer")),
        (Err(_), _) => paint.bad(&format!("{url} answers, but not as a daemon that serves")),
    }
}
