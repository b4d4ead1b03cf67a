//! The checks: what was seen, judged.
//!
//! Used by `doctor`. Pure. Each check has a name that stays, says what was looked at and what was found, and where it
//! is not as it should be, what to do. Refuses to look at anything by itself.

use super::facts::{Directory, Facts, Rights, holes};
use super::keeper;
use super::report::Check;
use crate::cli::duration::{instant, words};
use crate::cli::operator::answers::Refusal;
use crate::cli::output::foreign;
use crate::cli::survey::{Connected, Survey};
use crate::session::Session;
use crate::session::events::FileView;
use crate::session::lock::LockState;
use crate::session::status::Source;
use crate::wallet::catalogue;
use crate::wallet::toolsets::Toolset;

/// A difference of clocks that renewals have to deal with, in milliseconds. Less is the answer's way.
const OFFSET_ODD_MS: i64 = 2_000;

/// A difference that somebody should mend, in milliseconds: everything else on this machine goes by that clock too.
const OFFSET_BAD_MS: i64 = 60_000;

/// Versions of the daemon that this program was made for.
const DAEMON_MAJOR: u64 = 2;
const DAEMON_MINOR_MIN: u64 = 15;

const SETUP: &str = "Run `waiaas-mcp setup`; servers that run pick the new token up by themselves.";

/// All but those of clients.
pub(super) fn all(survey: &Survey, facts: &Facts, wallet_id: Option<&str>) -> Vec<Check> {
    let mut checks = vec![
        daemon_reachable(survey),
        loopback_host(survey),
        daemon_version(survey),
        daemon_unlocked(survey),
        clock_difference(survey),
        data_directory(facts),
        directory_private(facts),
        directory_writable(facts),
        token_file(survey, facts),
        token_file_private(survey, facts),
        lock(survey),
        leftovers(facts),
        environment_token(survey),
    ];
    checks.extend([
        token_present(survey, facts),
        token_valid(survey),
        token_accepted(survey),
        token_renewable(survey),
        token_limited(survey),
        wallet(survey, wallet_id),
        tools_known(facts),
        keeper::check(survey, facts),
    ]);
    checks
}

fn daemon_reachable(survey: &Survey) -> Check {
    let check =
        |found: String| Check::good("daemon_reachable", format!("GET {}/health", survey.base_url), found);
    match &survey.health {
        Ok(_) => check("the daemon answers".to_owned()),
        Err(Refusal::Refused { code, .. }) if !code.starts_with("HTTP_") => {
            check(format!("it answers {}", foreign(code)))
        }
        Err(refusal) => {
            let failure = refusal.failure(&survey.base_url);
            check(failure.what).failed(failure.advice)
        }
    }
}

/// The daemon answers only to a loopback Host header.
fn loopback_host(survey: &Survey) -> Check {
    let name = "loopback_host";
    let looked = format!("the Host header of {}", survey.base_url);
    match &survey.health {
        Err(refusal @ Refusal::Refused { code, .. }) if code == "SYSTEM_LOCKED" => {
            let failure = refusal.failure(&survey.base_url);
            Check::good(name, looked, failure.what).failed(failure.advice)
        }
        Err(_) => Check::skipped(name, looked, "the daemon does not answer"),
        Ok(_) => Check::good(name, looked, "the daemon accepts it"),
    }
}

fn daemon_version(survey: &Survey) -> Check {
    let (name, looked) = ("daemon_version", "the version that /health tells");
    let Ok(health) = &survey.health else {
        return Check::skipped(name, looked, "the daemon does not answer");
    };
    let version = foreign(&health.version);
    let mut numbers = version.split(['.', '-']).map(|part| part.parse::<u64>().ok());
    let check = Check::good(name, looked, version.clone());
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(DAEMON_MAJOR), Some(minor)) if minor >= DAEMON_MINOR_MIN => check,
        (Some(major), Some(_)) if major > DAEMON_MAJOR => {
            check.warning("This program was made for 2.15 and later 2.x: look for a newer one.")
        }
        (Some(_), Some(_)) => {
            check.warning("This program was made for 2.15: tools may be missing there. Update the daemon.")
        }
        _ => check.warning("This is no version of a WAIaaS daemon: look at --base-url and WAIAAS_BASE_URL."),
    }
}

fn daemon_unlocked(survey: &Survey) -> Check {
    let (name, looked) = ("daemon_unlocked", "GET /v1/connect-info");
    match &survey.connected {
        Some(Err(refusal @ Refusal::Refused { code, .. }))
            if matches!(
                code.as_str(),
                "SYSTEM_LOCKED" | "KILL_SWITCH_ACTIVE" | "KEYSTORE_LOCKED" | "SHUTTING_DOWN"
            ) =>
        {
            let failure = refusal.failure(&survey.base_url);
            Check::good(name, looked, failure.what).failed(failure.advice)
        }
        Some(Ok(_) | Err(Refusal::Refused { .. })) => Check::good(name, looked, "the daemon serves"),
        Some(Err(refusal)) => {
            let failure = refusal.failure(&survey.base_url);
            Check::good(name, looked, failure.what).failed(failure.advice)
        }
        None if survey.health.is_err() => Check::skipped(name, looked, "the daemon does not answer"),
        None => Check::skipped(name, looked, "there is no token to ask with"),
    }
}

fn clock_difference(survey: &Survey) -> Check {
    let (name, looked) = ("clock_difference", "the daemon's Date header and this machine's clock");
    let Some(offset_ms) = survey.clock_offset_ms else {
        return Check::skipped(name, looked, "the daemon tells no time");
    };
    let by = words(offset_ms.unsigned_abs() / 1000);
    let word = if offset_ms < 0 { "behind" } else { "ahead" };
    let found = format!("the daemon's clock is {by} {word}");
    match offset_ms.saturating_abs() {
        0..OFFSET_ODD_MS => Check::good(name, looked, "no difference to speak of"),
        OFFSET_ODD_MS..OFFSET_BAD_MS => {
            Check::good(name, looked, format!("{found}; renewals go by the daemon's"))
        }
        _ => Check::good(name, looked, found).warning(
            "Set both clocks by a time server. Renewals go by the daemon's clock and work all the same.",
        ),
    }
}

fn data_directory(facts: &Facts) -> Check {
    let check = |found: &str| Check::good("data_directory", facts.data_dir.display().to_string(), found);
    match facts.directories.first().map(|(_, directory)| directory) {
        Some(Directory::Is(_)) => check("it is a directory"),
        Some(Directory::NotOne) => {
            check("it is not a directory").failed("Name the directory with --data-dir or WAIAAS_DATA_DIR.")
        }
        _ => check("it is not there").failed(
            "Run `waiaas-mcp setup`, which makes it, or name another one with --data-dir or WAIAAS_DATA_DIR.",
        ),
    }
}

/// Who may write there can put a token of his own in the place of ours.
fn directory_private(facts: &Facts) -> Check {
    let name = "data_directory_private";
    let there: Vec<(String, Rights)> = facts
        .directories
        .iter()
        .filter_map(|(path, directory)| match directory {
            Directory::Is(rights) => Some((path.display().to_string(), *rights)),
            _ => None,
        })
        .collect();
    let looked = || {
        format!(
            "owner and mode of {}",
            there.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>().join(" and ")
        )
    };
    if there.is_empty() {
        return Check::skipped(name, "owner and mode of the data directory", "it is not there");
    }
    if let Some((path, _)) = there.iter().find(|(_, rights)| !rights.is_ours) {
        return Check::good(name, looked(), format!("{path} belongs to another user"))
            .warning("Let it belong to the user who runs the servers: its owner can replace your token.");
    }
    if let Some((path, Rights { mode, .. })) = there.iter().find(|(_, rights)| rights.mode & 0o022 != 0) {
        return Check::good(name, looked(), format!("others may write in {path} (mode {mode:04o})"))
            .failed(format!("Run `chmod 700 {path}`: who writes there can replace your token."));
    }
    if let Some((path, Rights { mode, .. })) = there.iter().find(|(_, rights)| rights.mode & 0o055 != 0) {
        return Check::good(name, looked(), format!("others may look into {path} (mode {mode:04o})"))
            .warning(format!("Run `chmod 700 {path}`."));
    }
    Check::good(name, looked(), "nobody else may look into it")
}

fn directory_writable(facts: &Facts) -> Check {
    let name = "data_directory_writable";
    let path = facts.directories.last().map(|(path, _)| path.display().to_string()).unwrap_or_default();
    let looked = format!("a temporary file in {path}");
    match &facts.writable {
        None => Check::skipped(name, looked, "the directory is not there; `waiaas-mcp setup` makes it"),
        Some(Ok(())) => Check::good(name, looked, "it can be written and synced"),
        Some(Err(fault)) => {
            Check::good(name, looked, format!("{}: {}", fault.operation, foreign(&fault.detail)))
                .failed(format!("{}: a renewed token could not be kept.", fault.remedy()))
        }
    }
}

fn token_file(survey: &Survey, facts: &Facts) -> Check {
    let check = |found: &str| Check::good("token_file", survey.file.display().to_string(), found);
    match (&survey.view, facts.obstacle) {
        (_, Some(why)) => check(why).failed("Move it away and run `waiaas-mcp setup`: only a file can be read and replaced safely."),
        (FileView::Held(_), None) if survey.file != survey.write => {
            check(&format!("a token, read because {} is not there", survey.write.display()))
                .warning("Run `waiaas-mcp setup --wallet ID` for a session of the wallet's own: this file is shared, and never written for one wallet.")
        }
        (FileView::Held(_), None) => check("a session token"),
        (FileView::Missing, None) if matches!(survey.environment, Some(Ok(_))) => {
            check("it is not there; the token of the environment is used, and its renewals are written here")
        }
        (FileView::Missing, None) if facts.wants_a_wallet(survey) => {
            let looked = survey.file.display().to_string();
            Check::skipped("token_file", looked, "it is not there; wallets have token files of their own")
        }
        (FileView::Missing, None) => check("it is not there").failed(SETUP),
        (FileView::Unusable(why), None) => check(why).failed("Run `waiaas-mcp setup`, which replaces it."),
    }
}

fn token_file_private(survey: &Survey, facts: &Facts) -> Check {
    let name = "token_file_private";
    let path = survey.file.display();
    let looked = format!("owner and mode of {path}");
    match facts.file {
        None => Check::skipped(name, looked, "it is not a file"),
        Some(Rights { is_ours: false, .. }) => Check::good(name, looked, "it belongs to another user")
            .warning(
                "Let it belong to the user who runs the servers, or run `waiaas-mcp setup` as that user.",
            ),
        Some(Rights { mode, .. }) if mode & 0o022 != 0 => {
            Check::good(name, looked, format!("others may write it (mode {mode:04o})"))
                .failed(format!("Run `chmod 600 {path}`: who writes it decides which session you use."))
        }
        Some(Rights { mode, .. }) if mode & 0o044 != 0 => {
            Check::good(name, looked, format!("others may read it (mode {mode:04o})"))
                .warning(format!("Run `chmod 600 {path}`; renewals write it so by themselves."))
        }
        Some(_) => Check::good(name, looked, "nobody else may read it"),
    }
}

fn lock(survey: &Survey) -> Check {
    let check = |found: &str| Check::good("lock", format!("{}.lock", survey.write.display()), found);
    match survey.lock {
        LockState::Free => check("free"),
        LockState::HeldByAnother => check("another process holds it, which is renewing or replacing the token")
            .warning("That takes a moment. If it stays so, a process hangs there: look for it with `fuser` or `lsof`."),
        LockState::Unsupported => check("the file system has no locks")
            .warning("Keep the data directory on a local disk, or run one server at a time: several could renew the same token."),
        LockState::Unknown => check("it cannot be opened").failed("Give this user the right to read and write it, or remove it: it holds nothing."),
    }
}

fn leftovers(facts: &Facts) -> Check {
    let (name, looked) = ("leftovers", "temporary files beside the token file");
    if facts.leftovers.is_empty() {
        return Check::good(name, looked, "none");
    }
    let names: Vec<String> = facts.leftovers.iter().map(|name| foreign(name)).collect();
    Check::good(name, looked, names.join(", "))
        .warning("A server that starts takes a token it lacks out of its own and removes them; one that ends in .tmp is another program's.")
}

fn environment_token(survey: &Survey) -> Check {
    let check = |found: String| Check::good("environment_token", "WAIAAS_SESSION_TOKEN", found);
    match (&survey.environment, &survey.held) {
        (None, _) => check("not set, and not needed".to_owned()),
        (Some(Err(fault)), _) => check(format!("this is not a session token: {}", fault.reason()))
            .failed("Copy the whole token, or unset it to use the token file alone."),
        (Some(Ok(session)), _) if survey.is_over(session) => {
            check("its token has expired".to_owned()).warning("Unset it: the token file is used anyway.")
        }
        (Some(Ok(given)), Some((held, Source::File))) if given.id() != held.id() => {
            check("it belongs to another session than the token file, which counts".to_owned())
                .warning("Unset it, so that it is not used by surprise when the file's token cannot be.")
        }
        (Some(Ok(_)), Some((_, Source::File))) => check("the file's session; the file counts".to_owned()),
        (Some(Ok(_)), _) => check("it is used, because the token file offers none".to_owned())
            .warning("Prefer `waiaas-mcp setup`: a token in the environment can be seen by other programs of this user."),
    }
}

fn token_present(survey: &Survey, facts: &Facts) -> Check {
    let check = |found: String| Check::good("token_present", "the token file and the environment", found);
    match &survey.held {
        Some((_, source)) => check(format!("a token from the {}", source.name())),
        None if facts.wants_a_wallet(survey) => {
            check(format!("no token; {} wallets have one of their own", facts.wallet_files.len())).failed(
                format!(
                    "Name the wallet with --wallet or WAIAAS_WALLET_ID: {}.",
                    facts.wallet_files.iter().map(|id| id.as_str()).collect::<Vec<_>>().join(", ")
                ),
            )
        }
        None => check("no token".to_owned()).failed(SETUP),
    }
}

/// The held session, or the check that is skipped without one.
fn held<'s>(survey: &'s Survey, name: &'static str, looked: &str) -> Result<&'s Session, Check> {
    let held = survey.held.as_ref().map(|(session, _)| session);
    held.ok_or_else(|| Check::skipped(name, looked, "there is no token"))
}

fn token_valid(survey: &Survey) -> Check {
    let (name, looked) = ("token_valid", "the token's end");
    let session = match held(survey, name, looked) {
        Ok(session) => session,
        Err(skipped) => return skipped,
    };
    match session.expires_at() {
        None => Check::good(name, looked, "it has none"),
        Some(at) if survey.is_over(session) => {
            Check::good(name, looked, instant(at, survey.daemon_now())).failed(SETUP)
        }
        Some(at) => {
            let at = instant(survey.lifetime_end().unwrap_or(at), survey.daemon_now());
            let whose = survey.lifetime_end().map_or("", |_| ", by its session's lifetime");
            Check::good(name, looked, format!("{at}{whose}"))
        }
    }
}

fn connected<'s>(survey: &'s Survey, name: &'static str, looked: &str) -> Result<&'s Connected, Check> {
    match &survey.connected {
        Some(Ok(connected)) => Ok(connected),
        Some(Err(_)) => Err(Check::skipped(name, looked, "the daemon does not say")),
        None if survey.held.is_none() => Err(Check::skipped(name, looked, "there is no token")),
        None => Err(Check::skipped(name, looked, "the daemon does not answer")),
    }
}

fn token_accepted(survey: &Survey) -> Check {
    let (name, looked) = ("token_accepted", "GET /v1/connect-info with the token");
    if let Some(code) = survey.refused() {
        return Check::good(name, looked, format!("the daemon refuses it: {}", foreign(code))).failed(SETUP);
    }
    match connected(survey, name, looked) {
        Ok(_) => Check::good(name, looked, "the daemon accepts it"),
        Err(skipped) => skipped,
    }
}

fn token_renewable(survey: &Survey) -> Check {
    let (name, looked) = ("token_renewable", "the token's times and what the daemon says of its session");
    let session = match held(survey, name, looked) {
        Ok(session) => session,
        Err(skipped) => return skipped,
    };
    if !survey.is_usable() {
        return Check::skipped(name, looked, "the token cannot be used");
    }
    let before = "Run `waiaas-mcp setup` or `waiaas-mcp refresh-token` before it expires.";
    let check = |found: String| Check::good(name, looked, found);
    if survey.is_superseded() {
        return check(
            "a later token of its session was issued, and only the latest can be renewed".to_owned(),
        )
        .failed(before);
    }
    if survey.is_exhausted() {
        return check("the session has been renewed as often as it may be".to_owned()).failed(before);
    }
    if survey.is_at_its_end() {
        return check(survey.end_told().to_owned()).failed(before);
    }
    match (session.expires_at(), survey.renew_at()) {
        (None, _) => check("it needs no renewal".to_owned()),
        (Some(_), Some(at)) => check(format!("it will be renewed at {}", instant(at, survey.daemon_now()))),
        (Some(_), None) => check("it will not be renewed".to_owned()).warning(before),
    }
}

/// A token that never dies is a key that never changes.
fn token_limited(survey: &Survey) -> Check {
    let (name, looked) = ("token_limited", "the token's life");
    match held(survey, name, looked) {
        Err(skipped) => skipped,
        Ok(session) if session.expires_at().is_some() => Check::good(name, looked, "it has an end, and renews itself"),
        Ok(_) => Check::good(name, looked, "it never ends").warning(
            "Run `waiaas-mcp setup`: a token that expires in 7 days and renews itself is safer than one that never dies.",
        ),
    }
}

fn wallet(survey: &Survey, wallet_id: Option<&str>) -> Check {
    let name = "wallet";
    let looked = wallet_id.map_or("the session's wallets".to_owned(), |id| format!("wallet {id}"));
    let connected = match connected(survey, name, &looked) {
        Ok(connected) => connected,
        Err(skipped) => return skipped,
    };
    let names: Vec<String> = connected.wallets.iter().map(|wallet| foreign(&wallet.name)).collect();
    match (wallet_id, connected.wallets.as_slice()) {
        (Some(id), wallets) => match wallets.iter().find(|wallet| wallet.id.eq_ignore_ascii_case(id)) {
            Some(wallet) => {
                Check::good(name, looked, format!("the session may use it ({})", foreign(&wallet.name)))
            }
            None => {
                Check::good(name, looked, format!("the session may not use it, only {}", names.join(", ")))
                    .failed(format!("Run `waiaas-mcp setup --wallet {id}`, or take out WAIAAS_WALLET_ID."))
            }
        },
        (None, []) => Check::good(name, looked, "none").failed(SETUP),
        (None, [_]) => Check::good(name, looked, names.join(", ")),
        (None, _) => Check::good(name, looked, names.join(", "))
            .warning("Set WAIAAS_WALLET_ID to one of them, or every call has to name its wallet."),
    }
}

/// The daemon's document leaves Hyperliquid's and Polymarket's routes out, so that nothing can be said of them.
fn tools_known(facts: &Facts) -> Check {
    let (name, looked) = ("tools_known", "the routes of GET /doc");
    let Some(routes) = &facts.routes else {
        return Check::skipped(name, looked, "the daemon gives no such document");
    };
    let is_documented = |set: Toolset| !matches!(set, Toolset::Hyperliquid | Toolset::Polymarket);
    let missing: Vec<&str> = catalogue::tools()
        .iter()
        .filter(|tool| is_documented(tool.toolset))
        .filter(|tool| {
            let route = format!("{} {}", tool.endpoint.method.name(), holes(&tool.endpoint.path));
            !routes.contains(&route)
        })
        .map(|tool| &*tool.name)
        .collect();
    if missing.is_empty() {
        return Check::good(name, looked, "the daemon knows every tool that it documents");
    }
    Check::good(name, looked, format!("the daemon does not know {}", missing.join(", ")))
        .warning("Update the daemon, or leave these tools out with WAIAAS_MCP_TOOLSETS.")
}
