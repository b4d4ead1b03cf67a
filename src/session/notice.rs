//! What people are told of the session, and in which words: the events of the log.
//!
//! Made by `renewal` before a decision is taken, told by the `worker`. Pure. The names of the events are part
//! of the contract; scripts rely on them. Refuses to know where a line goes.

use std::time::Duration;

use super::fault::FileFault;
use crate::log::{Foreign, Level, Loggable};
use crate::time::{Now, Timestamp};

/// One thing to tell. Holds no secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Notice {
    /// The named reasons of the decision that follows.
    Decision(Decision),
    /// The first token of this process.
    Loaded { from: &'static str, expires_at: Option<Timestamp> },
    /// A token is held, and this is when it will be renewed.
    Scheduled { at: Timestamp, within: Duration, expires_at: Timestamp },
    /// A token is held that needs no renewal, or cannot have one.
    NotScheduled { why: NotRenewable, expires_at: Option<Timestamp> },
    /// A renewal request goes out.
    Attempt { number: u32 },
    /// It is not answered, and not given up either.
    Waiting { waited: Duration, unanswered: usize },
    /// The daemon granted it.
    Succeeded { renewals: u64, expires_at: Option<Timestamp>, saved: bool },
    /// It did not.
    Failed { code: String, next: Option<Duration> },
    /// The daemon's configuration or ours makes renewing impossible.
    Misconfigured { code: String },
    /// A call's token was refused: the file is read.
    ReloadAttempt,
    /// Another token was found and is used from now on.
    Adopted { from: &'static str, same_session: bool, expires_at: Option<Timestamp> },
    /// The daemon, asked about it, accepts the token that it had refused to a call or to a renewal.
    Accepted,
    /// The file holds the refused token.
    ReloadUnchanged,
    /// There is no token file.
    ReloadMissing,
    /// The file holds nothing of use.
    ReloadInvalid { why: &'static str },
    /// There is no token at all.
    NoToken { why: &'static str },
    /// No token is usable, or renewing fails: the file is looked at every minute from now on.
    RecoveryStarted { state: &'static str },
    /// A token is active again.
    RecoverySucceeded,
    /// The token can no longer be used.
    Expired { why: &'static str },
    /// The token file cannot be read as a token; another source is used, or none.
    FileUnusable { why: &'static str },
    /// The file could not be prepared or written.
    NotWritable { fault: FileFault, unsaved: bool },
    /// A token that could not be written before is in the file now.
    Saved,
    /// The file was written in place.
    InPlace,
    /// While a token was being renewed, somebody put another into the file. Theirs stays.
    SomebodyElse,
    /// Another process keeps the lock.
    LockTimedOut,
    /// The same, and the token would end if it were waited for any longer.
    LockIgnored,
    /// The file system has no locks.
    LockUnsupported,
    /// The machine was suspended or the clock was set.
    ClocksDisagree { before: Now, after: Now },
}

/// Why a held token will not be renewed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotRenewable {
    /// It has no end.
    Unlimited,
    /// The daemon says that it has no end.
    NotRequired,
    /// Renewal limit or absolute lifetime.
    Exhausted,
    /// The last renewal bought next to nothing.
    Clamped,
    /// Another token of this session was issued after it.
    Superseded,
}

/// The reasons, each by its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Decision {
    /// A token is held that can be served.
    pub usable: bool,
    /// The daemon may still renew it.
    pub renewable: bool,
    /// 60 % of its life have passed.
    pub due: bool,
    /// An earlier attempt forbids another one yet.
    pub backing_off: bool,
    /// It is not in the file.
    pub unsaved: bool,
    /// The daemon's time is known.
    pub time_known: bool,
}

impl Decision {
    fn fields(&self) -> [(&'static str, &dyn Loggable); 6] {
        let Decision { usable, renewable, due, backing_off, unsaved, time_known } = self;
        [
            ("usable", usable),
            ("renewable", renewable),
            ("due", due),
            ("backing_off", backing_off),
            ("unsaved", unsaved),
            ("time_known", time_known),
        ]
    }
}

impl NotRenewable {
    /// For people and the log.
    pub fn reason(self) -> &'static str {
        match self {
            NotRenewable::Unlimited => "the session has no end",
            NotRenewable::NotRequired => "the daemon says that the session has no end",
            NotRenewable::Exhausted => "the session's renewal limit or lifetime is reached",
            NotRenewable::Clamped => "the session's lifetime ends with this token",
            NotRenewable::Superseded => "another token of this session was issued after it",
        }
    }
}

impl Notice {
    /// Whether it is about what stands at the token file's path, so that the path belongs to it.
    pub fn is_about_the_file(&self) -> bool {
        matches!(
            self,
            Notice::NoToken { .. }
                | Notice::ReloadMissing
                | Notice::ReloadInvalid { .. }
                | Notice::FileUnusable { .. }
                | Notice::NotWritable { .. }
        )
    }
}

type Fields<'a> = &'a [(&'static str, &'a dyn Loggable)];

impl Notice {
    /// Hands level, event name and fields to `write`.
    pub fn describe<R>(&self, write: impl FnOnce(Level, &'static str, Fields<'_>) -> R) -> R {
        use Level::{Debug, Error, Info, Warn};
        match self {
            Notice::Decision(decision) => write(Debug, "renewal.decision", &decision.fields()),
            Notice::Loaded { from, expires_at } => {
                write(Info, "session.loaded", &[("from", from), ("expires_at", expires_at)])
            }
            Notice::Scheduled { at, within, expires_at } => {
                write(Info, "renewal.scheduled", &[("at", at), ("in", within), ("expires_at", expires_at)])
            }
            Notice::NotScheduled { why, expires_at } => {
                let advice = "run `waiaas-mcp setup` before then; the new token is picked up by itself";
                let fields: Fields<'_> =
                    &[("why", &why.reason()), ("expires_at", expires_at), ("advice", &advice)];
                if why.is_expected() {
                    write(Info, "renewal.not_scheduled", &fields[..2])
                } else {
                    write(Warn, "renewal.not_scheduled", fields)
                }
            }
            Notice::Attempt { number } => write(Info, "renewal.attempt", &[("number", number)]),
            Notice::Waiting { waited, unanswered } => {
                write(Warn, "renewal.waiting", &[("waited", waited), ("unanswered", unanswered)])
            }
            Notice::Succeeded { renewals, expires_at, saved } => {
                let fields: Fields<'_> =
                    &[("renewals", renewals), ("expires_at", expires_at), ("saved", saved)];
                // Being saved is what is expected, and goes without saying.
                write(Info, "renewal.succeeded", &fields[..if *saved { 2 } else { 3 }])
            }
            Notice::Failed { code, next } => {
                write(Warn, "renewal.failed", &[("code", &Foreign(code)), ("next_in", next)])
            }
            Notice::Misconfigured { code } => {
                let advice =
                    "check WAIAAS_BASE_URL: the daemon answers only on 127.0.0.1, localhost or [::1]";
                write(Error, "renewal.misconfigured", &[("code", &Foreign(code)), ("advice", &advice)])
            }
            Notice::ReloadAttempt => write(Info, "reload.attempt", &[]),
            Notice::Adopted { from, same_session, expires_at } => write(
                Info,
                "reload.adopted",
                &[("from", from), ("same_session", same_session), ("expires_at", expires_at)],
            ),
            Notice::Accepted => write(Info, "session.accepted", &[]),
            Notice::ReloadUnchanged => write(Warn, "reload.unchanged", &[]),
            Notice::ReloadMissing => write(Warn, "reload.missing", &[]),
            Notice::ReloadInvalid { why } => write(Warn, "reload.invalid", &[("why", why)]),
            Notice::RecoveryStarted { state } => write(Warn, "recovery.started", &[("state", state)]),
            Notice::NoToken { why } => {
                let advice = "run `waiaas-mcp setup`; the token is picked up by the next call";
                write(Error, "session.missing", &[("why", why), ("advice", &advice)])
            }
            Notice::RecoverySucceeded => write(Info, "recovery.succeeded", &[]),
            Notice::Expired { why } => {
                let advice = "run `waiaas-mcp setup`; the new token is picked up by the next call";
                write(Error, "session.expired", &[("why", why), ("advice", &advice)])
            }
            Notice::FileUnusable { why } => write(Warn, "token_file.unusable", &[("why", why)]),
            Notice::NotWritable { fault, unsaved } => write(
                Error,
                "token_file.not_writable",
                &[
                    ("operation", &fault.operation),
                    ("error", &Foreign(&fault.detail)),
                    ("unsaved", unsaved),
                    ("advice", &fault.advice()),
                ],
            ),
            Notice::Saved => write(Info, "token_file.saved", &[]),
            Notice::InPlace => {
                let advice = "the token file is a mount point and was written in place; mount its directory";
                write(Warn, "token_file.in_place", &[("advice", &advice)])
            }
            Notice::SomebodyElse => write(Info, "token_file.somebody_else", &[]),
            Notice::LockTimedOut => write(Info, "lock.timed_out", &[]),
            Notice::LockIgnored => {
                let advice = "another process does not let go of the lock; see `waiaas-mcp doctor`";
                write(Warn, "lock.ignored", &[("advice", &advice)])
            }
            Notice::LockUnsupported => write(Warn, "lock.unsupported", &[]),
            Notice::ClocksDisagree { before, after } => {
                let by_wall = after.wall.millis_since(before.wall);
                let by_mono = after.mono.saturating_sub(before.mono);
                write(Info, "clock.jumped", &[("wall_ms", &by_wall), ("mono", &by_mono)])
            }
        }
    }
}

impl NotRenewable {
    /// Nobody has to do anything about it.
    fn is_expected(self) -> bool {
        matches!(self, NotRenewable::Unlimited | NotRenewable::NotRequired)
    }
}
