//! The renewal's transaction: what happens under the lock, in the order that loses nothing.
//!
//! Lock, look for leftovers, read the file again, prepare the temporary file, ask the daemon, store, swap,
//! unlock. Pure, as its parent. Refuses to know when a renewal is due and how long the next wait is.

use std::mem;
use std::time::Duration;

use super::in_flight::InFlight;
use super::{Held, Phase, Renewal};
use crate::session::answers::{ClassifiedAnswer, Introspection, RenewalAnswer};
use crate::session::events::{Action, FileView, LockOutcome, StoreOutcome};
use crate::session::fault::FileFault;
use crate::session::notice::{NotRenewable, Notice};
use crate::session::status::Source;
use crate::session::{Session, policy, schedule};

/// What is under way under the lock, from taking it to releasing it; while an answer is awaited, over many wakes.
#[derive(Debug, Default)]
pub(super) struct Transaction {
    /// Requests that were sent and are not answered yet.
    pub(super) in_flight: Option<InFlight>,
    /// The daemon granted a renewal, which is told once it is in the file and in memory.
    pub(super) granted: bool,
    /// A renewal was answered that a later token exists, and it is looked for.
    superseded: bool,
    /// Stores that were tried.
    stores: u32,
}

/// Stores tried in one transaction while others keep changing the file: after that it is theirs for this time.
const STORES_MAX: u32 = 3;

impl Renewal {
    pub(super) fn locked(&mut self, outcome: LockOutcome) -> Action {
        match outcome {
            LockOutcome::Held => {}
            LockOutcome::Unsupported => {
                if !mem::replace(&mut self.told.lock_unsupported, true) {
                    self.notices.push(Notice::LockUnsupported);
                }
            }
            LockOutcome::TimedOut => {
                if !self.must_renew_without_lock() {
                    // Its holder may just have renewed: look, and wait for the lock.
                    self.notices.push(Notice::LockTimedOut);
                    let wait = self.shrunk(policy::STORAGE_RETRY_WAIT).min(self.until_last_tenth());
                    self.storage_not_before = self.in_mono(wait);
                    return self.go(Phase::Looking, Action::ReadFile);
                }
                self.notices.push(Notice::LockIgnored);
            }
            LockOutcome::NoDirectory => {
                self.swept = true;
                return self.hold_late().unwrap_or_else(|| self.rest());
            }
            LockOutcome::Failed(fault) => {
                self.swept = true;
                if let Some(swap) = self.hold_late() {
                    return swap;
                }
                let decision = self.decision();
                let matters = decision.due || decision.unsaved;
                return if matters { self.not_writable(fault) } else { self.rest() };
            }
        }
        self.transaction = Some(Transaction::default());
        self.go(Phase::Sweeping, Action::Sweep)
    }

    /// How long the lock is waited for: not beyond the beginning of the last tenth, from which on it is not needed.
    pub(super) fn lock_wait(&self) -> Duration {
        self.until_last_tenth().clamp(policy::LOCK_WAIT_MIN, policy::LOCK_WAIT_MAX)
    }

    fn until_last_tenth(&self) -> Duration {
        let held = self.held.as_ref();
        held.map_or(Duration::MAX, |held| schedule::until_last_tenth(held.renewed(), self.at.daemon.latest))
    }

    /// A lock that nobody lets go of must not cost the token: two requests of which one is refused are better than none.
    fn must_renew_without_lock(&self) -> bool {
        let is_last_tenth = |held: &Held| schedule::is_last_tenth(held.renewed(), self.at.daemon.latest);
        self.late.is_some() || (self.decision().due && self.held.as_ref().is_some_and(is_last_tenth))
    }

    /// A late token that cannot be written: it is served from memory, and written as soon as it can be.
    fn hold_late(&mut self) -> Option<Action> {
        let session = self.late.take()?;
        let (source, unsaved) = (Source::Renewal, true);
        Some(self.hold(Held { session, original: None, source, not_renewable: None, unsaved }))
    }

    pub(super) fn looked_locked(&mut self, leftovers: Vec<Session>) -> Action {
        if let Some((session, source)) = self.candidate() {
            return self.adopt(session, source);
        }
        let held = self.held.as_ref().map(|held| held.session.clone());
        let is_later = |session: &Session| held.as_ref().is_none_or(|held| session.is_later_than(held));
        if let Some(late) = self.late.take().filter(is_later) {
            return self.store(late, false);
        }
        let mut others: Vec<Session> =
            leftovers.into_iter().filter(|session| is_later(session) && self.is_good(session)).collect();
        others.sort_by_key(Session::order);
        if let Some(session) = others.pop() {
            let ask = Action::Introspect(session.clone());
            return self.go(Phase::IntrospectingLeftover { session, others }, ask);
        }
        if self.transaction.as_mut().is_some_and(|transaction| mem::take(&mut transaction.superseded)) {
            self.notices.push(self.looked_in_vain());
        }
        let decision = self.decision();
        if decision.unsaved || (decision.due && !decision.backing_off) {
            return self.go(Phase::Preparing, Action::Prepare);
        }
        self.unlock()
    }

    /// What a crashed process left may be the session's newest token, or something that only looks like one: the daemon is
    /// asked before it takes the place of what is in the file.
    pub(super) fn introspected_leftover(
        &mut self,
        session: Session,
        others: Vec<Session>,
        answer: Introspection,
    ) -> Action {
        match answer {
            Introspection::Active => self.store(session, false),
            Introspection::Inactive => {
                self.refusals.add(session.token(), self.at.now.mono);
                self.looked_locked(others)
            }
            Introspection::Unknown => {
                self.swept = false;
                self.sweep_not_before = self.in_mono(self.shrunk(policy::RETRY_WAIT));
                self.looked_locked(Vec::new())
            }
        }
    }

    pub(super) fn prepared(&mut self, result: Result<(), FileFault>) -> Action {
        match (result, &self.held) {
            (Err(fault), _) => self.not_writable(fault),
            (Ok(()), Some(held)) if held.unsaved => {
                let session = held.session.clone();
                self.store(session, false)
            }
            (Ok(()), _) => {
                self.told.not_writable = None;
                self.renew()
            }
        }
    }

    /// The file cannot be written. A renewal would lose its token to the next crash, so it waits; unless so little life is
    /// left that a token in memory only is better than none. Once that was done the file protects nothing any more: what it
    /// holds is superseded. From then on renewals go on as they fall due.
    fn not_writable(&mut self, fault: FileFault) -> Action {
        let unsaved = self.held.as_ref().is_some_and(|held| held.unsaved);
        self.tell_not_writable(fault, unsaved);
        let Some(held) = &self.held else { return self.unlock() };
        // The next look may be a second away, which is the whole last tenth of a very short life.
        let next_look = self.at.daemon.latest.plus(policy::WAIT_MIN);
        let is_short =
            schedule::life_ms(held.renewed()).is_some_and(|life_ms| life_ms < policy::SHORT_LIFE_MS);
        let by = if is_short { next_look } else { self.at.daemon.latest };
        let last_tenth = schedule::is_last_tenth(held.renewed(), by);
        let wait = if unsaved || last_tenth { policy::STORAGE_RETRY_WAIT } else { policy::RETRY_WAIT };
        let wait = self.shrunk(wait);
        self.storage_not_before = self.in_mono(wait);
        let decision = self.decision();
        let is_due = decision.due && !decision.backing_off;
        if is_due && (last_tenth || unsaved) { self.renew() } else { self.unlock() }
    }

    /// Once for each kind of fault, until the file can be written again, and once more with each renewal.
    fn tell_not_writable(&mut self, fault: FileFault, unsaved: bool) {
        let news = Some((fault.kind, unsaved));
        if self.told.not_writable != news {
            self.told.not_writable = news;
            self.notices.push(Notice::NotWritable { fault, unsaved });
        }
    }

    pub(super) fn answered(&mut self, ClassifiedAnswer { answer, code }: ClassifiedAnswer) -> Action {
        let carried = self.held.as_ref().map(|held| held.renewed().clone());
        self.floor_until = self.in_mono(policy::WAIT_MIN);
        let wait = match answer {
            RenewalAnswer::Granted(session) => return self.granted(session),
            RenewalAnswer::TooEarly => self.too_early_wait(),
            // Whatever the daemon says of the original, the token that is served may be better than it.
            RenewalAnswer::Superseded | RenewalAnswer::Refused if self.drop_original() => policy::WAIT_MIN,
            RenewalAnswer::Exhausted => self.stop_renewing(NotRenewable::Exhausted),
            RenewalAnswer::Superseded => self.stop_renewing(NotRenewable::Superseded),
            RenewalAnswer::NotRequired => self.stop_renewing(NotRenewable::NotRequired),
            RenewalAnswer::Refused => policy::WAIT_MIN,
            RenewalAnswer::Unavailable { retry_after, counts } => self.unavailable(retry_after, counts),
            RenewalAnswer::Misconfigured => {
                if !mem::replace(&mut self.misconfigured, true) {
                    self.notices.push(Notice::Misconfigured { code: code.clone() });
                }
                self.shrunk(policy::RETRY_WAIT)
            }
        };
        self.renew_not_before = self.in_mono(wait);
        let is_renewable = self.held.as_ref().is_some_and(|held| held.not_renewable.is_none());
        let goes_on = is_renewable && self.usable() && answer != RenewalAnswer::Refused;
        self.tell_failed(code, goes_on.then_some(wait));
        match (answer, carried) {
            (RenewalAnswer::Refused, Some(refused)) => {
                self.notices.push(Notice::ReloadAttempt);
                self.go(Phase::LookingAfterRefusal { refused }, Action::ReadFile)
            }
            // The later token may lie in a crashed process's temporary file that could not be read before.
            (RenewalAnswer::Superseded, _) => {
                self.notices.push(Notice::ReloadAttempt);
                self.transaction.get_or_insert_default().superseded = true;
                self.go(Phase::Sweeping, Action::Sweep)
            }
            _ => self.unlock(),
        }
    }

    fn granted(&mut self, session: Session) -> Action {
        self.renewals = self.renewals.saturating_add(1);
        self.told.not_writable = None;
        self.renew_not_before = Duration::ZERO;
        self.transaction.get_or_insert_default().granted = true;
        let clamped = self.held.as_ref().is_some_and(|held| schedule::is_clamped(held.renewed(), &session));
        self.store(session, clamped)
    }

    fn store(&mut self, session: Session, clamped: bool) -> Action {
        let transaction = self.transaction.get_or_insert_default();
        transaction.stores = transaction.stores.saturating_add(1);
        let instead_of = match &self.file {
            FileView::Held(seen) => Some(seen.token().clone()),
            FileView::Missing | FileView::Unusable(_) => None,
        };
        let action = Action::Store { session: session.clone(), instead_of };
        self.go(Phase::Storing { session, clamped }, action)
    }

    pub(super) fn stored(&mut self, session: Session, clamped: bool, outcome: StoreOutcome) -> Action {
        let was_held = self.holds(&session);
        let unsaved = match outcome {
            StoreOutcome::Done => false,
            StoreOutcome::DoneInPlace => {
                self.notices.push(Notice::InPlace);
                false
            }
            StoreOutcome::SomebodyElse(theirs) => {
                let is_theirs_to_keep = self.is_good(&theirs) && theirs.supersedes(&session);
                self.file = FileView::Held(theirs.clone());
                if is_theirs_to_keep {
                    self.transaction.get_or_insert_default().granted = false;
                    self.notices.push(Notice::SomebodyElse);
                    // Theirs may be a copy of what we were granted: then ours is the one that can be renewed.
                    if let Some(held) = &mut self.held {
                        (held.session, held.original, held.not_renewable) = (session, None, None);
                    }
                    return self.adopt(theirs, Source::File);
                }
                if self.transaction.as_ref().is_some_and(|transaction| transaction.stores < STORES_MAX) {
                    return self.store(session, clamped);
                }
                self.storage_not_before = self.in_mono(policy::STORAGE_RETRY_WAIT);
                true
            }
            StoreOutcome::Failed(fault) => {
                self.tell_not_writable(fault, true);
                self.storage_not_before = self.in_mono(policy::STORAGE_RETRY_WAIT);
                true
            }
        };
        if !unsaved {
            self.told.not_writable = None;
            self.storage_not_before = Duration::ZERO;
            self.file = FileView::Held(session.clone());
        }
        if was_held {
            if let Some(held) = &mut self.held {
                held.unsaved = unsaved;
            }
            self.notices.extend((!unsaved).then_some(Notice::Saved));
            let decision = self.decision();
            // The file protects nothing that is worth waiting for.
            let goes_on = unsaved && decision.due && !decision.backing_off;
            return if goes_on { self.renew() } else { self.unlock() };
        }
        let not_renewable = clamped.then_some(NotRenewable::Clamped);
        self.hold(Held { session, original: None, source: Source::Renewal, not_renewable, unsaved })
    }

    pub(super) fn unlock(&mut self) -> Action {
        if self.transaction.is_some() { self.go(Phase::Unlocking, Action::ReleaseLock) } else { self.rest() }
    }

    // What follows from an answer.

    /// How long to wait after an attempt that came to nothing.
    pub(super) fn unavailable(&mut self, retry_after: Option<Duration>, counts: bool) -> Duration {
        self.unanswered = self.unanswered.saturating_add(u32::from(counts));
        self.retry_wait(retry_after)
    }

    pub(super) fn tell_failed(&mut self, code: String, next: Option<Duration>) {
        self.notices.push(Notice::Failed { code: code.clone(), next });
        self.last_error = Some(code);
    }

    /// Once more after a little; refused again, then wait for the time computed from the daemon's own clock.
    fn too_early_wait(&mut self) -> Duration {
        self.too_early = self.too_early.saturating_add(1);
        if self.too_early == 1 {
            return self.shrunk(policy::TOO_EARLY_WAIT);
        }
        let computed = self
            .held
            .as_ref()
            .and_then(|held| schedule::renew_at(held.renewed()))
            .map(|renew_at| renew_at.after(self.at.daemon.earliest).min(self.half_a_life()));
        computed.unwrap_or_default().max(self.shrunk(policy::RETRY_WAIT))
    }

    /// The daemon's wish counts, but not beyond half of what is left: a limit that outlives the token is
    /// tried once more before its end.
    fn retry_wait(&self, retry_after: Option<Duration>) -> Duration {
        let own = self.shrunk(policy::RETRY_WAIT);
        retry_after.map_or(own, |wish| wish.min(self.half_of_life_left()).max(own))
    }

    /// The daemon never says "too early" for longer than this.
    fn half_a_life(&self) -> Duration {
        let life_ms = self.held.as_ref().and_then(|held| schedule::life_ms(held.renewed())).unwrap_or(0);
        Duration::from_millis(u64::try_from(life_ms.saturating_div(2)).unwrap_or(0))
    }

    fn half_of_life_left(&self) -> Duration {
        let held = self.held.as_ref();
        let left = held.and_then(|held| schedule::life_left(&held.session, self.at.daemon.latest));
        left.unwrap_or(Duration::MAX).checked_div(2).unwrap_or_default()
    }

    fn stop_renewing(&mut self, why: NotRenewable) -> Duration {
        if let Some(held) = &mut self.held {
            held.not_renewable = Some(why);
        }
        self.told.scheduled = None;
        policy::RETRY_WAIT
    }

    /// From now on the served token itself is renewed. `false` if that was so already.
    fn drop_original(&mut self) -> bool {
        self.told.scheduled = None;
        self.held.as_mut().and_then(|held| held.original.take()).is_some()
    }
}
