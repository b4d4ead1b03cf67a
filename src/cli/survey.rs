//! What can be seen from here without changing anything: the token file, the environment's token, the lock, and what
//! the daemon says to them.
//!
//! Used by `status` and `doctor`. Looks, and judges nothing. No token is renewed, no file is made, and no request
//! changes anything. Refuses to wait for long: every question has its deadline.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::Failure;
use super::operator::answers::{self, Health, ListedSession, Refusal, Wallet};
use super::operator::{self, Operator};
use crate::config::{self, Config};
use crate::http::{Credential, Request, Response, Transport};
use crate::session::answers::about_the_token;
use crate::session::choose::{self, Known, Unfit};
use crate::session::clock_offset::{DaemonClock, DaemonTime, Sample};
use crate::session::events::FileView;
use crate::session::keeper::KeeperView;
use crate::session::lock::{LockState, TokenLock};
use crate::session::schedule;
use crate::session::status::Source;
use crate::session::token_file::TokenFile;
use crate::session::{Session, SessionFault, TokenPlace};
use crate::time::{Clock, Timestamp};

/// Longest wait for what the daemon says about the session.
const QUESTION_TIME_MAX: Duration = Duration::from_secs(10);

/// Everything that was seen.
pub(super) struct Survey {
    pub(super) base_url: String,
    /// Our own time.
    pub(super) now: Timestamp,
    /// The daemon's, as well as it is known.
    pub(super) daemon_time: DaemonTime,
    /// How far the daemon's clock is ahead of ours, in milliseconds, if it was told.
    pub(super) clock_offset_ms: Option<i64>,
    /// Where this process would write.
    pub(super) write: PathBuf,
    /// The file that was read: the same, or the one that is read in its place.
    pub(super) file: PathBuf,
    /// What is in it.
    pub(super) view: FileView,
    /// `WAIAAS_SESSION_TOKEN`, if it is set.
    pub(super) environment: Option<Result<Session, SessionFault>>,
    /// The token that a server would use, and where it is from.
    pub(super) held: Option<(Session, Source)>,
    pub(super) lock: LockState,
    /// Who keeps the session alive while no client runs.
    pub(super) keeper: KeeperView,
    pub(super) health: Result<Health, Refusal>,
    /// What the daemon says of the held token's session; `None` if it was not asked.
    pub(super) connected: Option<Result<Connected, Refusal>>,
    /// What the daemon tells its operator of it, where a master password was at hand.
    pub(super) listed: Option<ListedSession>,
}

/// What the daemon says of a session to whoever has its token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Connected {
    /// The end of the session's newest token in Unix seconds; 0 = never.
    pub(super) expires_at: Option<i64>,
    pub(super) wallets: Vec<Wallet>,
    /// Told by later daemons.
    pub(super) renewals: Option<u64>,
    pub(super) max_renewals: Option<u64>,
    pub(super) absolute_expires_at: Option<i64>,
}

/// Looks around.
///
/// # Errors
/// [`Failure`] only for a master password in the environment that is not Unicode.
pub(super) fn survey(
    config: &Config,
    transport: &dyn Transport,
    clock: &dyn Clock,
) -> Result<Survey, Failure> {
    let place = &config.token_place;
    let health = operator::health(transport);
    let mut daemon_clock = DaemonClock::default();
    let at = clock.now();
    let date = health.as_ref().ok().and_then(|health| health.date);
    if let Some(date) = date {
        // As a server does: a difference counts once a second answer confirms it.
        if daemon_clock.hear(date, at, Sample::Asked)
            && let Some(date) = operator::health(transport).ok().and_then(|health| health.date)
        {
            daemon_clock.hear(date, clock.now(), Sample::Asked);
        }
    }
    let daemon_time = daemon_clock.time(at);
    let daemon_now = daemon_time.earliest;
    let view = match TokenFile::new(place.clone()).read(daemon_now) {
        FileView::Held(session) if choose::fitness(&session, daemon_time) == Err(Unfit::AbsurdEnd) => {
            FileView::Unusable(Unfit::AbsurdEnd.reason())
        }
        view => view,
    };
    let environment = place.bootstrap.as_ref().map(|token| Session::parse(token.expose(), daemon_now));
    let held = held(&view, environment.as_ref(), daemon_time);
    let connected = held.as_ref().filter(|_| health.is_ok()).map(|(session, _)| ask(transport, session));
    let listed = match &held {
        Some((session, _)) if health.is_ok() => listed(transport, session, config.call_time_max)?,
        _ => None,
    };
    Ok(Survey {
        base_url: config.base_url.as_str().to_owned(),
        now: at.wall,
        daemon_time,
        clock_offset_ms: date.map(|date| date.millis_since(at.wall)),
        file: file_read(place),
        write: place.write.clone(),
        view,
        environment,
        held,
        lock: TokenLock::of(&place.write).state(),
        keeper: KeeperView::of(&file_read(place)),
        health,
        connected,
        listed,
    })
}

/// The file's token if it can be used, else the environment's, else whichever there is: as a server chooses.
fn held(
    view: &FileView,
    environment: Option<&Result<Session, SessionFault>>,
    time: DaemonTime,
) -> Option<(Session, Source)> {
    let in_file = match view {
        FileView::Held(session) => Some(session),
        FileView::Missing | FileView::Unusable(_) => None,
    };
    let in_environment = environment.and_then(|given| given.as_ref().ok());
    let known = Known { in_file, held: None, in_environment };
    let good = choose::choose(known, |session| choose::fitness(session, time).is_ok());
    let of_file = in_file.map(|session| (session, Source::File));
    let of_environment = in_environment.map(|session| (session, Source::Environment));
    let held = good.or(of_file).or(of_environment);
    held.map(|(session, source)| (session.clone(), source))
}

fn file_read(place: &TokenPlace) -> PathBuf {
    let is_there = |path: &PathBuf| path.symlink_metadata().is_ok();
    match &place.read_fallback {
        Some(fallback) if !is_there(&place.write) && is_there(fallback) => fallback.clone(),
        _ => place.write.clone(),
    }
}

fn ask(transport: &dyn Transport, session: &Session) -> Result<Connected, Refusal> {
    let request = Request::get("/v1/connect-info");
    let response = transport.send(&request, Credential::Session(session.token()), QUESTION_TIME_MAX);
    connected(&answers::accepted(response.map_err(Refusal::Unanswered)?)?)
}

fn connected(response: &Response) -> Result<Connected, Refusal> {
    let unreadable = || Refusal::Unreadable { status: response.status };
    let body: Value = serde_json::from_slice(&response.body).map_err(|_| unreadable())?;
    let session = body.get("session").ok_or_else(unreadable)?;
    let wallets = body.get("wallets").and_then(Value::as_array).ok_or_else(unreadable)?;
    let count = |member: &str| session.get(member).and_then(Value::as_u64);
    Ok(Connected {
        expires_at: session.get("expiresAt").and_then(Value::as_i64),
        wallets: wallets
            .iter()
            .map(|item| answers::wallet(item, response.status))
            .collect::<Result<_, _>>()?,
        renewals: count("renewalCount"),
        max_renewals: count("maxRenewals"),
        absolute_expires_at: session.get("absoluteExpiresAt").and_then(Value::as_i64),
    })
}

/// The session in the operator's list. Nobody is asked for a password for that; a wrong one is no matter here.
fn listed(
    transport: &dyn Transport,
    session: &Session,
    time_max: Duration,
) -> Result<Option<ListedSession>, Failure> {
    let password = config::master_password()
        .map_err(|problem| Failure { what: problem.what, advice: problem.advice })?;
    let Some(password) = password else { return Ok(None) };
    let operator = Operator::new(transport, password, time_max.min(QUESTION_TIME_MAX));
    let sessions = operator.sessions().unwrap_or_default();
    Ok(sessions.into_iter().find(|listed| *listed.id == *session.id()))
}

impl Survey {
    /// The code with which the daemon refused the held token itself.
    pub(super) fn refused(&self) -> Option<&str> {
        match &self.connected {
            Some(Err(Refusal::Refused { code, status, .. })) if about_the_token(*status, code) => Some(code),
            _ => None,
        }
    }

    /// The daemon's time, as far as it is known.
    pub(super) fn daemon_now(&self) -> Timestamp {
        self.daemon_time.earliest
    }

    /// Whether a token cannot be used any more, whatever the daemon says of it.
    pub(super) fn is_over(&self, session: &Session) -> bool {
        choose::fitness(session, self.daemon_time).is_err()
    }

    /// What answered names wallets by what no daemon calls one, so that nothing else it says means much.
    pub(super) fn is_unbelievable(&self) -> bool {
        matches!(&self.connected, Some(Err(Refusal::ForeignId { .. })))
    }

    /// The held token can be used, as far as that can be seen from here.
    pub(super) fn is_usable(&self) -> bool {
        let is_alive = |(session, _): &(Session, Source)| !self.is_over(session);
        self.held.as_ref().is_some_and(is_alive) && self.refused().is_none()
    }

    /// A later token of the session was issued, so that this one cannot be renewed.
    pub(super) fn is_superseded(&self) -> bool {
        let Some((session, _)) = &self.held else { return false };
        let told = self.connected.as_ref().and_then(|connected| connected.as_ref().ok()?.expires_at);
        match (session.expires_at(), told) {
            (Some(ours), Some(newest)) => newest == 0 || newest > ours.unix_seconds(),
            _ => false,
        }
    }

    /// Renewals so far, and how many there may be (0 = no limit), as far as the daemon tells.
    pub(super) fn renewals(&self) -> (Option<u64>, Option<u64>) {
        match (&self.listed, &self.connected) {
            (Some(listed), _) => (Some(listed.renewals), Some(listed.max_renewals)),
            (None, Some(Ok(connected))) => (connected.renewals, connected.max_renewals),
            _ => (None, None),
        }
    }

    /// When the session ends for good in Unix seconds, 0 = never, as far as the daemon tells.
    pub(super) fn absolute_expires_at(&self) -> Option<i64> {
        let of_list = self.listed.as_ref().map(|listed| listed.absolute_expires_at);
        of_list.or_else(|| self.connected.as_ref()?.as_ref().ok()?.absolute_expires_at)
    }

    /// When the session ends for good, if that is before a token of it does. The daemon looks at it only when it renews: a
    /// token that is never renewed outlives it.
    pub(super) fn lifetime_end(&self) -> Option<Timestamp> {
        let end = self.absolute_expires_at().filter(|end| *end != 0).map(Timestamp::from_unix_seconds);
        let exp = self.held.as_ref()?.0.expires_at()?;
        end.filter(|end| *end < exp)
    }

    /// When the held token or its session ends, whichever is earlier; `None` for one that never does.
    pub(super) fn ends_at(&self) -> Option<Timestamp> {
        self.lifetime_end().or_else(|| self.held.as_ref()?.0.expires_at())
    }

    /// The session ends before its token can be renewed, or has ended.
    pub(super) fn is_at_its_end(&self) -> bool {
        let renew_at = self.held.as_ref().and_then(|(session, _)| schedule::renew_at(session));
        self.lifetime_end().is_some_and(|end| end <= self.daemon_now() || renew_at.is_none_or(|at| at >= end))
    }

    /// The same in words.
    pub(super) fn end_told(&self) -> &'static str {
        match self.lifetime_end() {
            Some(end) if end <= self.daemon_now() => {
                "the session's lifetime is over: the daemon still takes its token, and renews it no more"
            }
            _ => "the session's lifetime ends before its token can be renewed",
        }
    }

    /// No more renewals are left to it.
    pub(super) fn is_exhausted(&self) -> bool {
        matches!(self.renewals(), (Some(used), Some(limit)) if limit > 0 && used >= limit)
    }

    /// When the held token will be renewed, if it will.
    pub(super) fn renew_at(&self) -> Option<Timestamp> {
        let (session, _) = self.held.as_ref()?;
        let is_barred = self.is_superseded() || self.is_exhausted() || self.is_at_its_end();
        let can_be = self.is_usable() && !is_barred;
        schedule::renew_at(session).filter(|_| can_be)
    }
}
