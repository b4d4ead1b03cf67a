//! What is so, how long to wait, and what to tell: the questions that [`super::Renewal`] asks itself.
//!
//! Pure. Everything here is computed from the renewal's fields and the moment of the last event; nothing but
//! "told already" is changed. Refuses to know the order of actions.

use std::mem;
use std::time::Duration;

use super::{Phase, Renewal};
use crate::session::choose::{self, Unfit};
use crate::session::events::{Action, FileView};
use crate::session::notice::{Decision, NotRenewable, Notice};
use crate::session::status::{Status, WhyNone};
use crate::session::{Session, State, policy, schedule};
use crate::time::Timestamp;

impl Renewal {
    pub(super) fn holds(&self, session: &Session) -> bool {
        self.held.as_ref().is_some_and(|held| held.session.token() == session.token())
    }

    pub(super) fn is_refused(&self, session: &Session) -> bool {
        self.refusals.contains(session.token())
    }

    pub(super) fn is_good(&self, session: &Session) -> bool {
        !self.is_refused(session) && self.unfit(session).is_none()
    }

    /// Why the token cannot be used now, whatever the daemon said of it.
    pub(super) fn unfit(&self, session: &Session) -> Option<Unfit> {
        choose::fitness(session, self.at.daemon).err()
    }

    pub(super) fn usable(&self) -> bool {
        self.held.as_ref().is_some_and(|held| self.is_good(&held.session))
    }

    /// A later token of the session exists. Until it is found, a crashed process may have it.
    pub(super) fn is_superseded(&self) -> bool {
        self.held.as_ref().is_some_and(|held| held.not_renewable == Some(NotRenewable::Superseded))
    }

    /// When the held token may be renewed, in the daemon's time.
    fn renew_at(&self) -> Option<Timestamp> {
        let held = self.held.as_ref().filter(|held| held.not_renewable.is_none())?;
        if self.usable() { schedule::renew_at(held.renewed()) } else { None }
    }

    pub(super) fn decision(&self) -> Decision {
        let renew_at = self.renew_at();
        let not_before = self.renew_not_before.max(self.floor_until);
        Decision {
            usable: self.usable(),
            renewable: renew_at.is_some(),
            due: renew_at.is_some_and(|renew_at| self.at.daemon.latest >= renew_at),
            backing_off: self.at.now.mono < not_before,
            unsaved: self.usable() && self.held.as_ref().is_some_and(|held| held.unsaved),
            time_known: self.at.daemon.is_known,
        }
    }

    /// What a look at the file has come to that found no token to change to.
    pub(super) fn looked_in_vain(&self) -> Notice {
        match &self.file {
            FileView::Missing => Notice::ReloadMissing,
            FileView::Unusable(why) => Notice::ReloadInvalid { why },
            FileView::Held(session) => match self.unfit(session).filter(|_| !self.holds(session)) {
                Some(unfit) => Notice::ReloadInvalid { why: unfit.reason() },
                None => Notice::ReloadUnchanged,
            },
        }
    }

    fn state(&self) -> State {
        let Some(held) = &self.held else { return State::Error };
        if self.is_refused(&held.session) {
            let is_unchanged = matches!(self.looked_in_vain(), Notice::ReloadUnchanged);
            return if is_unchanged { State::Expired } else { State::Error };
        }
        if self.unfit(&held.session).is_some() {
            return State::Expired;
        }
        let renewing_fails = self.unanswered >= policy::ATTEMPTS_MAX || self.misconfigured;
        if renewing_fails { State::Error } else { State::Active }
    }

    pub(super) fn status(&self) -> Status {
        Status {
            state: self.state(),
            expires_at: self.held.as_ref().and_then(|held| held.session.expires_at()),
            renew_at: self.until_attempt().map(|wait| self.at.daemon.latest.plus(wait)),
            renewals: self.renewals,
            source: self.held.as_ref().map(|held| held.source),
            last_error: self.last_error.clone(),
            unsaved: self.held.as_ref().is_some_and(|held| held.unsaved),
            refused: self.held.as_ref().is_some_and(|held| self.is_refused(&held.session)),
            why_none: self.why_none(),
        }
    }

    fn why_none(&self) -> Option<WhyNone> {
        let of_file = || match &self.file {
            FileView::Missing => WhyNone::NoFile,
            FileView::Unusable(why) => WhyNone::UnusableFile(why),
            FileView::Held(session) if self.unfit(session) == Some(Unfit::AbsurdEnd) => {
                WhyNone::UnusableFile(Unfit::AbsurdEnd.reason())
            }
            FileView::Held(session) if self.is_refused(session) => WhyNone::Refused,
            FileView::Held(_) => WhyNone::Expired,
        };
        match &self.held {
            Some(held) if self.is_good(&held.session) => None,
            Some(held) if self.is_refused(&held.session) => Some(WhyNone::Refused),
            Some(_) => Some(WhyNone::Expired),
            None => Some(of_file()),
        }
    }

    pub(super) fn rest(&mut self) -> Action {
        self.tell_state();
        let is_settled = self.in_flight().is_none();
        if self.stopping && is_settled {
            return Action::Stop { status: self.status() };
        }
        let wait = Action::Wait { at_most: self.wait(), status: self.status(), is_settled };
        self.go(Phase::Idle, wait)
    }

    /// How long until the held token is due, and may be renewed after what was tried already.
    fn until_attempt(&self) -> Option<Duration> {
        let until_due = self.renew_at()?.after(self.at.daemon.latest);
        let mut not_before = self.renew_not_before.max(self.floor_until);
        if until_due.is_zero() {
            not_before = not_before.max(self.storage_not_before);
        }
        Some(until_due.max(not_before.saturating_sub(self.at.now.mono)))
    }

    /// Until the next thing that can be foreseen, in chunks. Sooner things come as a nudge.
    fn wait(&self) -> Duration {
        let until = self.until_silence().or_else(|| self.until_attempt());
        let mut wait = until.unwrap_or(policy::WAIT_MAX).min(policy::WAIT_MAX);
        if self.decision().unsaved {
            wait = wait.min(self.storage_not_before.saturating_sub(self.at.now.mono));
        }
        if let Some(exp) =
            self.held.as_ref().filter(|_| self.usable()).and_then(|held| held.session.expires_at())
        {
            wait = wait.min(exp.after(self.at.daemon.earliest));
        }
        if self.introspection_wanted
            && let Some((again_at, _)) = self.doubtful()
        {
            wait = wait.min(again_at.saturating_sub(self.at.now.mono));
        }
        wait.max(policy::WAIT_MIN)
    }

    /// A wait that shrinks as the token's life runs out. While the daemon's time is unknown, perhaps for hours
    /// of an outage, the life may only seem to be over: then waits double from one attempt to the next.
    pub(super) fn shrunk(&self, wait: Duration) -> Duration {
        let Some(held) = &self.held else { return wait };
        let by_life = schedule::shrunk(wait, &held.session, self.at.daemon.latest);
        if self.at.daemon.is_known {
            return by_life;
        }
        let in_vain = self.unanswered.saturating_add(self.too_early);
        let doublings = 1_u32.checked_shl(in_vain).unwrap_or(u32::MAX);
        by_life.max(policy::WAIT_MIN.saturating_mul(doublings)).min(wait)
    }

    pub(super) fn in_mono(&self, wait: Duration) -> Duration {
        self.at.now.mono.saturating_add(wait)
    }

    fn tell_state(&mut self) {
        let state = self.state();
        if self.held.is_none() && !mem::replace(&mut self.told.no_token, true) {
            let why = match &self.file {
                FileView::Missing => "there is no token file",
                FileView::Unusable(why) => why,
                FileView::Held(session) => self.unfit(session).map_or("it is not used", Unfit::reason),
            };
            self.notices.push(Notice::NoToken { why });
        }
        if let Some(held) = &self.held {
            let expires_at = held.session.expires_at();
            if state == State::Expired || self.is_refused(&held.session) {
                if self.told.expired != Some(self.generation) {
                    self.told.expired = Some(self.generation);
                    let refused = self.is_refused(&held.session);
                    let why =
                        if refused { "the daemon refused the token" } else { "the token's time is over" };
                    self.notices.push(Notice::Expired { why });
                }
            } else if self.told.scheduled != Some(self.generation) {
                self.told.scheduled = Some(self.generation);
                self.notices.extend(match (held.not_renewable, self.until_attempt(), expires_at) {
                    (None, Some(within), Some(expires_at)) => {
                        Some(Notice::Scheduled { at: self.at.daemon.latest.plus(within), within, expires_at })
                    }
                    (Some(why), ..) => Some(Notice::NotScheduled { why, expires_at }),
                    _ => None,
                });
            }
        }
        let recovering = state != State::Active;
        if recovering != mem::replace(&mut self.told.recovering, recovering) {
            self.notices.push(if recovering {
                Notice::RecoveryStarted { state: state.name() }
            } else {
                Notice::RecoverySucceeded
            });
        }
    }
}
