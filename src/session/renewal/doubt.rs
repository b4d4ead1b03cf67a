//! What is not believed on one word: a refusal, a `Date`, our own clock. What is asked then, and what follows.
//!
//! Pure, as its parent.

use std::time::Duration;

use super::{Phase, Renewal};
use crate::session::answers::Introspection;
use crate::session::choose;
use crate::session::clock_offset::DaemonTime;
use crate::session::events::{Action, FileView};
use crate::session::notice::Notice;
use crate::session::{Session, policy, schedule};

/// Why the daemon is asked about a token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Doubt {
    /// It refused the token to a call.
    Call,
    /// It refused to renew the token.
    Renewal,
    /// It refused the token some time ago.
    Refusal,
    /// The token is past its end by the daemon's `Date`, and by our own clock it is not.
    Clock,
}

impl Renewal {
    /// One refusal is a sample: the daemon is asked about the token by itself before it counts.
    pub(super) fn introspect(&mut self, session: Session, doubt: Doubt) -> Action {
        self.turn.introspected = true;
        self.introspection_wanted = false;
        self.introspect_not_before = self.in_mono(policy::INTROSPECTION_WAIT);
        self.go(Phase::Introspecting { session: session.clone(), doubt }, Action::Introspect(session))
    }

    pub(super) fn introspected(&mut self, session: &Session, doubt: Doubt, answer: Introspection) -> Action {
        let now = self.at.now.mono;
        match answer {
            Introspection::Active if self.is_refused(session) => {
                self.refusals.clear();
                self.told.scheduled = None;
                self.told.expired = None;
            }
            Introspection::Active => self.notices.push(Notice::Accepted),
            Introspection::Inactive => self.refusals.add(session.token(), now),
            Introspection::Unknown => self.refusals.asked(session.token(), now),
        }
        match doubt {
            Doubt::Refusal | Doubt::Clock => self.looked(),
            Doubt::Call => {
                self.turn.rejected = false;
                self.tell_confirmed(answer);
                self.looked()
            }
            Doubt::Renewal => {
                self.tell_confirmed(answer);
                if answer != Introspection::Inactive {
                    self.unanswered = self.unanswered.saturating_add(1);
                    self.renew_not_before = self.in_mono(self.shrunk(policy::RETRY_WAIT));
                }
                match self.candidate() {
                    Some((session, source)) => self.adopt(session, source),
                    None => self.unlock(),
                }
            }
        }
    }

    fn tell_confirmed(&mut self, answer: Introspection) {
        if answer == Introspection::Inactive && self.candidate().is_none() {
            let found = self.looked_in_vain();
            self.notices.push(found.clone());
            self.told.in_vain = Some(found);
        }
    }

    /// The token that the daemon is to be asked about now: the one it has just refused to a call; else one that would
    /// be served but for an old refusal, or but for the daemon's `Date`.
    pub(super) fn in_doubt(&self) -> Option<(Session, Doubt)> {
        if self.turn.introspected {
            return None;
        }
        if self.turn.rejected {
            let held = self.held.as_ref()?;
            return Some((held.session.clone(), Doubt::Call));
        }
        let (again_at, session) = self.doubtful()?;
        let doubt = if self.is_refused(session) { Doubt::Refusal } else { Doubt::Clock };
        (self.at.now.mono >= again_at).then(|| (session.clone(), doubt))
    }

    /// The doubtful token to be asked about first, and from when on. While nothing is usable, all that are known take
    /// turns, and a call may be waiting; while something is, only a token that somebody put back into the file counts.
    pub(super) fn doubtful(&self) -> Option<(Duration, &Session)> {
        let (mut known, mut wait) = (self.known(), policy::INTROSPECTION_WAIT);
        if self.usable() {
            let held = self.held.as_ref().map(|held| &held.session);
            let replaces = |session: &&Session| held.is_none_or(|held| session.supersedes(held));
            (known, wait) = ([known[0].filter(replaces), None, None], policy::RETRY_WAIT);
        }
        let again_at = |session: &Session| match self.refusals.asked_at(session.token()) {
            Some(asked_at) if self.unfit(session).is_none() => Some(asked_at.saturating_add(wait)),
            None if self.is_unfit_by_one_clock(session) => Some(self.introspect_not_before),
            _ => None,
        };
        let doubtful = known.into_iter().flatten();
        doubtful
            .filter_map(|session| Some((again_at(session)?, session)))
            .min_by_key(|(again_at, _)| *again_at)
    }

    /// Past its end, or its end absurd, by the daemon's `Date` and not by our clock; or by ours while the daemon's is not
    /// known.
    fn is_unfit_by_one_clock(&self, session: &Session) -> bool {
        let own = self.at.now.wall;
        let by_own = DaemonTime { earliest: own, latest: own, is_known: true };
        let is_doubtful = !self.at.daemon.is_known || choose::fitness(session, by_own).is_ok();
        self.unfit(session).is_some() && is_doubtful
    }

    /// The daemon's clock matters as soon as any token has an end, and where a file cannot be read as a token,
    /// because its end may only seem absurd.
    pub(super) fn wants_time(&self) -> bool {
        let ends = |session: &Session| session.expires_at().is_some();
        let in_file = match &self.file {
            FileView::Held(session) => ends(session),
            FileView::Unusable(_) => true,
            FileView::Missing => false,
        };
        let held = self.held.as_ref().is_some_and(|held| ends(&held.session));
        let matters = held || in_file || self.bootstrap.as_ref().is_some_and(ends);
        let now = self.at.now.mono;
        let is_open = !self.at.daemon.is_known && now >= self.ask_time_not_before;
        let is_measured_anew = now >= self.measure_not_before && self.depends_on_offset();
        matters && !self.turn.asked_time && (is_open || is_measured_anew)
    }

    /// Whether the daemon's clock and ours lead to different verdicts on any known token: then the difference between
    /// them is measured again and again.
    fn depends_on_offset(&self) -> bool {
        let (daemon, own) = (self.at.daemon, self.at.now.wall);
        let is_due = |session: &Session, now| schedule::renew_at(session).is_some_and(|at| now >= at);
        self.known().into_iter().flatten().any(|session| {
            session.is_expired(daemon.earliest) != session.is_expired(own)
                || is_due(session, daemon.latest) != is_due(session, own)
        })
    }

    /// The tokens that are known: the file's, the one that is held, the environment's.
    pub(super) fn known(&self) -> [Option<&Session>; 3] {
        let in_file = match &self.file {
            FileView::Held(session) => Some(session),
            FileView::Missing | FileView::Unusable(_) => None,
        };
        [in_file, self.held.as_ref().map(|held| &held.session), self.bootstrap.as_ref()]
    }
}
