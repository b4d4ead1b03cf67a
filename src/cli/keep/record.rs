//! What is known of one token file and its worker, and whether all is well with it.
//!
//! Used by `keep` for its report, its metrics and its exit code. Pure. Holds times and names, and never a token.

use std::time::Duration;

use crate::session::events::Moment;
use crate::session::notice::NotRenewable;
use crate::session::status::Status;
use crate::session::{Session, State, policy, schedule};
use crate::time::{Now, Timestamp};

/// A worker that has done nothing for this long hangs: it never sleeps longer than [`policy::WAIT_MAX`], and every
/// question it asks has a deadline, except a renewal.
const SILENCE_MAX: Duration = Duration::from_secs(120);

const _: () = assert!(SILENCE_MAX.as_secs() > policy::WAIT_MAX.as_secs() + policy::ASK_TIME_MAX.as_secs());

/// A token file and its worker.
#[derive(Clone, Debug)]
pub(super) struct Record {
    /// The file's path in the data directory.
    pub(super) label: String,
    /// The wallet whose file it is.
    pub(super) wallet: Option<String>,
    /// The token that its worker holds.
    pub(super) token: Option<TokenTimes>,
    /// As published when the worker rested last; `None` before its first rest.
    pub(super) rested: Option<Rested>,
    pub(super) renewals: u64,
    pub(super) failures: u64,
    /// By this keeper or one before it.
    pub(super) last_renewal: Option<Timestamp>,
    pub(super) not_renewable: Option<NotRenewable>,
    /// What kept the worker from asking the daemon.
    pub(super) hindrance: Option<Hindrance>,
    /// The worker's thread has ended.
    pub(super) has_ended: bool,
    /// When the worker was last seen to do something.
    pub(super) last_act: Duration,
    /// It is waiting for the answer to a renewal.
    pub(super) is_renewing: bool,
}

/// Something on this machine that kept a worker from its renewal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Hindrance {
    pub(super) what: String,
    pub(super) advice: String,
}

/// What a token says of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct TokenTimes {
    pub(super) session_id: String,
    pub(super) expires_at: Option<Timestamp>,
    /// From then on it should have been renewed.
    pub(super) due_at: Option<Timestamp>,
}

/// How a worker rested.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Rested {
    pub(super) status: Status,
    pub(super) at: Moment,
}

/// Whether all is well with a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// Usable, and not overdue.
    Fine,
    /// Usable, and it should have been renewed.
    Overdue(String),
    /// It cannot be used.
    Unusable(String),
    /// The worker has not come to rest yet.
    Unsettled,
}

impl TokenTimes {
    pub(super) fn of(session: &Session) -> TokenTimes {
        TokenTimes {
            session_id: session.id().to_owned(),
            expires_at: session.expires_at(),
            due_at: schedule::renew_at(session),
        }
    }
}

impl Record {
    /// Nothing is known yet.
    pub(super) fn new(label: String, wallet: Option<String>, now: Duration) -> Record {
        Record {
            label,
            wallet,
            token: None,
            rested: None,
            renewals: 0,
            failures: 0,
            last_renewal: None,
            not_renewable: None,
            hindrance: None,
            has_ended: false,
            last_act: now,
            is_renewing: false,
        }
    }

    /// The published state; `error` before anything was published.
    pub(super) fn state(&self) -> State {
        self.rested.as_ref().map_or(State::Error, |rested| rested.status.state)
    }

    /// When the token will be renewed, if it will.
    pub(super) fn renew_at(&self) -> Option<Timestamp> {
        self.rested.as_ref()?.status.renew_at
    }

    /// The worker lives, as far as can be seen. One that waits for a renewal may be silent until its token has ended.
    pub(super) fn is_alive(&self, now: Now) -> bool {
        let is_silent = now.mono.saturating_sub(self.last_act) > SILENCE_MAX;
        let end = self.token.as_ref().and_then(|token| token.expires_at);
        let may_be_silent = self.is_renewing && end.is_none_or(|end| now.wall < end.plus(SILENCE_MAX));
        !self.has_ended && (!is_silent || may_be_silent)
    }

    pub(super) fn verdict(&self) -> Verdict {
        let Some(Rested { status, at }) = &self.rested else { return Verdict::Unsettled };
        let (Some(token), true) = (&self.token, status.source.is_some()) else {
            return Verdict::Unusable("it holds no usable token".to_owned());
        };
        let code = status.last_error.as_deref();
        if status.refused {
            let code = code.map(|code| format!(": {code}")).unwrap_or_default();
            return Verdict::Unusable(format!("the daemon refuses its token{code}"));
        }
        if let Some(end) = token.expires_at.filter(|end| at.daemon.earliest >= *end) {
            return Verdict::Unusable(format!("its token has expired at {end}"));
        }
        let needs_none = self.not_renewable == Some(NotRenewable::NotRequired);
        match (token.due_at, token.expires_at) {
            (Some(due_at), Some(end)) if at.daemon.latest >= due_at && !needs_none => {
                let why = match (self.not_renewable, &self.hindrance, code) {
                    (Some(why), ..) => why.reason().to_owned(),
                    (None, Some(hindrance), _) => hindrance.what.clone(),
                    (None, None, Some(code)) => format!("the renewal failed with {code}"),
                    (None, None, None) => "it could not be renewed now".to_owned(),
                };
                Verdict::Overdue(format!("its token ends at {end} and was not renewed: {why}"))
            }
            _ => Verdict::Fine,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::clock_offset::DaemonTime;
    use crate::session::status::Source;
    use crate::session::tests::token_with;

    const T0: i64 = 1_795_330_000;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(T0 + seconds)
    }

    /// A file whose worker has rested at so many seconds of its token's life of 300.
    fn rested(age_s: i64) -> Record {
        let claims = format!(r#"{{"sub":"s","iat":{T0},"exp":{}}}"#, T0 + 300);
        let session = Session::parse(&token_with(&claims), at(0)).unwrap();
        let now = Now { wall: at(age_s), mono: Duration::from_secs(1000) };
        let daemon = DaemonTime { earliest: at(age_s), latest: at(age_s), is_known: true };
        let status = Status { state: State::Active, source: Some(Source::File), ..Status::UNKNOWN };
        Record {
            token: Some(TokenTimes::of(&session)),
            rested: Some(Rested { status, at: Moment { now, daemon } }),
            ..Record::new("mcp-token".to_owned(), None, now.mono)
        }
    }

    fn with(record: Record, change: impl FnOnce(&mut Record)) -> Record {
        let mut record = record;
        change(&mut record);
        record
    }

    fn status(record: &mut Record) -> &mut Status {
        &mut record.rested.as_mut().unwrap().status
    }

    #[test]
    fn a_file_is_well_if_its_token_is_usable_and_was_renewed_in_time() {
        let fine = |record: &Record| record.verdict() == Verdict::Fine;
        let overdue = |record: &Record| matches!(record.verdict(), Verdict::Overdue(_));
        let unusable = |record: &Record| matches!(record.verdict(), Verdict::Unusable(_));
        assert!(fine(&rested(0)) && fine(&rested(179)));
        assert!(overdue(&rested(180)) && overdue(&rested(299)));
        assert!(unusable(&rested(300)));
        assert!(unusable(&with(rested(0), |it| status(it).refused = true)));
        assert!(unusable(&with(rested(0), |it| it.token = None)));
        assert!(unusable(&with(rested(0), |it| status(it).source = None)));
        assert_eq!(with(rested(0), |it| it.rested = None).verdict(), Verdict::Unsettled);
        // Renewing fails for good, and it is usable all the same: that is told only once it is due.
        assert!(fine(&with(rested(0), |it| status(it).state = State::Error)));
        let why = |why| with(rested(200), |it| it.not_renewable = Some(why));
        assert!(overdue(&why(NotRenewable::Exhausted)));
        assert!(fine(&why(NotRenewable::NotRequired)));
        let unlimited = TokenTimes { session_id: "s".to_owned(), expires_at: None, due_at: None };
        assert!(fine(&with(rested(900), |it| it.token = Some(unlimited))));
    }

    #[test]
    fn why_it_is_not_well_is_told_with_the_daemons_word() {
        let told = |record: Record| match record.verdict() {
            Verdict::Overdue(why) | Verdict::Unusable(why) => why,
            verdict => panic!("{verdict:?}"),
        };
        let code = |record: &mut Record| status(record).last_error = Some("SESSION_REVOKED".to_owned());
        assert!(told(with(rested(200), code)).ends_with("the renewal failed with SESSION_REVOKED"));
        let refused = told(with(with(rested(200), code), |it| status(it).refused = true));
        assert_eq!(refused, "the daemon refuses its token: SESSION_REVOKED");
    }

    #[test]
    fn a_disk_that_takes_nothing_is_told_before_what_the_daemon_said_earlier() {
        let record = with(rested(200), |it| {
            let what = "reserve space: no space left".to_owned();
            it.hindrance = Some(Hindrance { what, advice: String::new() });
            status(it).last_error = Some("unreachable".to_owned());
        });
        assert!(matches!(record.verdict(), Verdict::Overdue(why) if why.ends_with("no space left")));
    }

    #[test]
    fn a_silent_worker_is_dead_unless_it_waits_for_a_renewal() {
        let record = rested(0);
        let later = |seconds: i64| {
            let mono = record.last_act + Duration::from_secs(u64::try_from(seconds).unwrap());
            Now { wall: at(seconds), mono }
        };
        assert!(record.is_alive(later(120)) && !record.is_alive(later(121)));
        let renewing = with(record.clone(), |it| it.is_renewing = true);
        assert!(
            renewing.is_alive(later(419)) && !renewing.is_alive(later(421)),
            "its token ends after 300 s"
        );
        assert!(!with(record.clone(), |it| it.has_ended = true).is_alive(later(0)));
    }
}
