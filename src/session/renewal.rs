//! The heart: what to do next about the session, as one pure value. `step(moment, event) -> action`.
//!
//! Driven by [`super::events::run`], in production and in simulation. It holds the schedule, the counters,
//! the back-off and the rules of adoption; it does nothing itself. The policy in ten rules:
//!
//! 1. Every wake reads the file first. One path serves the timer, a call's 401 and the other process.
//! 2. Another usable token in the file is adopted: of another session always, of the same session if later.
//! 3. Due is 60 % of the token's life, in the daemon's time; never for an unlimited one.
//! 4. If our two clocks moved by different amounts, the daemon is asked for its time and waits are forgotten.
//! 5. No renewal without the lock, unless there are no locks here; none before the pre-flight succeeded,
//!    unless a tenth of the life is left.
//! 6. `not_before` holds after every attempt: nobody, not even a call's 401, outruns the back-off, and there
//!    is never less than a second between two requests.
//! 7. A grant is stored, then swapped in. If it cannot be stored it is swapped in all the same, and stored at
//!    a later wake. If somebody else's token stands in the file meanwhile, theirs stays.
//! 8. The code decides: too early waits, exhausted and superseded serve to the end, refused looks at the
//!    file, unavailable backs off, misconfigured says so once.
//! 9. A grant that buys next to nothing ends renewing.
//! 10. A decision is computed into named booleans, which are told before it is taken.
//!
//! What happens under the lock stands in `transaction`; what is so, and how long to wait, in `outlook`.
//!
//! A token is served until its own end or until the daemon refuses it to a call, whatever renewals answered.

use std::mem;
use std::time::Duration;

use super::choose::Unfit;
use super::events::{Action, AttemptId, Event, FileView, LockPurpose, Moment, Wake};
use super::fault::FileFaultKind;
use super::notice::Notice;
use super::refusals::Refusals;
use super::{Generation, Session, clock_offset, policy};
use crate::time::Now;

mod doubt;
mod held;
mod in_flight;
mod outlook;
mod transaction;

use doubt::Doubt;
use held::Held;
use transaction::Transaction;

/// The state of one session's keeping.
pub struct Renewal {
    /// The token of the environment, used when the file offers none.
    bootstrap: Option<Session>,
    held: Option<Held>,
    generation: Generation,
    /// What the file held when it was last read.
    file: FileView,
    refusals: Refusals,
    /// A call wants to know whether a refused token is accepted again, and the last question is too fresh.
    introspection_wanted: bool,
    /// Attempts in a row that got no answer.
    unanswered: u32,
    /// "Too early" in a row.
    too_early: u32,
    misconfigured: bool,
    last_error: Option<String>,
    renewals: u64,
    /// Monotonic times before which something is not tried again.
    renew_not_before: Duration,
    floor_until: Duration,
    storage_not_before: Duration,
    ask_time_not_before: Duration,
    measure_not_before: Duration,
    introspect_not_before: Duration,
    /// A crashed process's leftovers were looked for, and there is nothing more to be known of them.
    swept: bool,
    sweep_not_before: Duration,
    phase: Phase,
    turn: Turn,
    /// `None`: nothing is under way.
    transaction: Option<Transaction>,
    /// The last request of this process.
    attempts: AttemptId,
    /// A token that was granted to a request which nobody waited for any more.
    late: Option<Session>,
    /// The program ends, as soon as nothing is in flight.
    stopping: bool,
    last_wake: Option<Now>,
    told: Told,
    notices: Vec<Notice>,
    at: Moment,
}

/// What the outstanding action is about.
#[derive(Debug)]
enum Phase {
    Idle,
    Looking,
    AskingTime,
    Introspecting {
        session: Session,
        doubt: Doubt,
    },
    /// A crashed process left it; the others it left are looked at if the daemon refuses it.
    IntrospectingLeftover {
        session: Session,
        others: Vec<Session>,
    },
    Locking,
    Sweeping,
    LookingLocked {
        leftovers: Vec<Session>,
    },
    Preparing,
    Sending {
        attempt: AttemptId,
    },
    LookingAfterRefusal {
        refused: Session,
    },
    Storing {
        session: Session,
        clamped: bool,
    },
    Swapping,
    Unlocking,
}

/// What belongs to one wake-up only.
#[derive(Default)]
struct Turn {
    /// A call's token of the current generation was refused, and nobody has confirmed it yet.
    rejected: bool,
    introspected: bool,
    asked_time: bool,
    tried_lock: bool,
}

/// What was told already, so that it is told once.
#[derive(Default)]
struct Told {
    scheduled: Option<Generation>,
    expired: Option<Generation>,
    no_token: bool,
    recovering: bool,
    unusable: Option<&'static str>,
    lock_unsupported: bool,
    not_writable: Option<(FileFaultKind, bool)>,
    /// What the last look has come to that found nothing of use.
    in_vain: Option<Notice>,
}

impl Renewal {
    /// A renewal that has seen nothing yet. `bootstrap` is the environment's token, if it has the right form.
    pub fn new(bootstrap: Option<Session>, at: Moment) -> Renewal {
        Renewal {
            bootstrap,
            held: None,
            generation: Generation::default(),
            file: FileView::Missing,
            refusals: Refusals::default(),
            introspection_wanted: false,
            unanswered: 0,
            too_early: 0,
            misconfigured: false,
            last_error: None,
            renewals: 0,
            renew_not_before: Duration::ZERO,
            floor_until: Duration::ZERO,
            storage_not_before: Duration::ZERO,
            ask_time_not_before: Duration::ZERO,
            measure_not_before: Duration::ZERO,
            introspect_not_before: Duration::ZERO,
            swept: false,
            sweep_not_before: Duration::ZERO,
            phase: Phase::Idle,
            turn: Turn::default(),
            transaction: None,
            attempts: AttemptId::default(),
            late: None,
            stopping: false,
            last_wake: None,
            told: Told::default(),
            notices: Vec::new(),
            at,
        }
    }

    /// The same, with a token that was served before this renewal began to keep it: it may be later than the file's.
    pub fn with_late(self, served: Option<Session>) -> Renewal {
        Renewal { late: served, ..self }
    }

    /// What was to be told since the last call.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        mem::take(&mut self.notices)
    }

    /// One event in, one action out.
    pub fn step(&mut self, at: Moment, event: Event) -> Action {
        self.at = at;
        match (mem::replace(&mut self.phase, Phase::Idle), event) {
            (Phase::Idle, Event::Woke(Wake::Shutdown)) => {
                self.stopping = true;
                if !self.decision().unsaved {
                    return self.rest();
                }
                // The last chance to save it.
                self.storage_not_before = Duration::ZERO;
                self.wake(false)
            }
            (Phase::Idle, Event::Woke(Wake::Answered(attempt, answer))) => {
                self.note_wake();
                self.answer_came(attempt, *answer)
            }
            (Phase::Idle, Event::Started | Event::Woke(Wake::Elapsed)) => self.wake(false),
            (Phase::Idle, Event::Woke(Wake::Wanted)) => {
                // Our clock may be all that makes a token look expired: ask again, however lately we asked.
                self.ask_time_not_before = Duration::ZERO;
                self.introspection_wanted = true;
                self.wake(false)
            }
            (Phase::Idle, Event::Woke(Wake::Rejected(generation))) => {
                self.wake(generation == self.generation)
            }
            (Phase::Looking, Event::FileRead(view)) => {
                self.note_file(view);
                self.looked()
            }
            (Phase::AskingTime, Event::TimeAsked) => {
                let is_settled = at.daemon.is_known;
                let wait = if is_settled { policy::ASK_TIME_AGAIN_WAIT } else { policy::ASK_TIME_WAIT };
                self.ask_time_not_before = self.in_mono(wait);
                self.measure_not_before = self.in_mono(policy::ASK_TIME_WAIT);
                // What the file holds may look different in the daemon's time.
                self.go(Phase::Looking, Action::ReadFile)
            }
            (Phase::Introspecting { session, doubt }, Event::Introspected(answer)) => {
                self.introspected(&session, doubt, answer)
            }
            (Phase::IntrospectingLeftover { session, others }, Event::Introspected(answer)) => {
                self.introspected_leftover(session, others, answer)
            }
            (Phase::Locking, Event::Locked(outcome)) => self.locked(outcome),
            (Phase::Sweeping, Event::Swept(leftovers)) => {
                self.swept = true;
                self.go(Phase::LookingLocked { leftovers }, Action::ReadFile)
            }
            (Phase::LookingLocked { leftovers }, Event::FileRead(view)) => {
                self.note_file(view);
                self.looked_locked(leftovers)
            }
            (Phase::Preparing, Event::Prepared(result)) => self.prepared(result),
            (Phase::Sending { attempt }, Event::RenewalSent) => self.sent(attempt),
            (Phase::Sending { .. }, Event::RenewalNotSent) => self.not_sent(),
            (Phase::LookingAfterRefusal { refused }, Event::FileRead(view)) => {
                self.note_file(view);
                match self.candidate() {
                    Some((session, source)) => self.adopt(session, source),
                    None if self.holds(&refused) => self.introspect(refused, Doubt::Renewal),
                    // It was what the served token is a copy of.
                    None => {
                        self.notices.push(self.looked_in_vain());
                        self.unlock()
                    }
                }
            }
            (Phase::Storing { session, clamped }, Event::Stored(outcome)) => {
                self.stored(session, clamped, outcome)
            }
            (Phase::Swapping, Event::TokenSwapped) => self.swapped(),
            (Phase::Unlocking, Event::Unlocked) => {
                self.transaction = None;
                self.rest()
            }
            (phase, event) => {
                debug_assert!(false, "the world answered {phase:?} with {event:?}");
                self.rest()
            }
        }
    }

    fn go(&mut self, phase: Phase, action: Action) -> Action {
        self.phase = phase;
        action
    }

    /// Looks whether our clocks have jumped since the last wake.
    fn note_wake(&mut self) {
        if let Some(before) =
            self.last_wake.filter(|before| clock_offset::clocks_disagree(*before, self.at.now))
        {
            self.notices.push(Notice::ClocksDisagree { before, after: self.at.now });
            self.renew_not_before = Duration::ZERO;
            self.ask_time_not_before = Duration::ZERO;
            self.forget_silence();
        }
        self.last_wake = Some(self.at.now);
    }

    fn wake(&mut self, rejected: bool) -> Action {
        self.note_wake();
        let news = rejected && self.held.as_ref().is_some_and(|held| !self.is_refused(&held.session));
        self.turn = Turn { rejected: news, ..Turn::default() };
        if news {
            self.notices.push(Notice::ReloadAttempt);
        }
        self.go(Phase::Looking, Action::ReadFile)
    }

    /// The file was read without the lock, or what follows from that reading was done.
    fn looked(&mut self) -> Action {
        if let Some((session, source)) = self.candidate() {
            return self.adopt(session, source);
        }
        if self.in_flight().is_some() {
            return self.wait_for_answers();
        }
        // Before any question about a token: in the daemon's time there may be nothing to ask.
        if self.wants_time() {
            self.turn.asked_time = true;
            return self.go(Phase::AskingTime, Action::AskTime);
        }
        if let Some((session, doubt)) = self.in_doubt() {
            return self.introspect(session, doubt);
        }
        self.tell_what_was_found();
        let decision = self.decision();
        self.notices.push(Notice::Decision(decision));
        let storage_allowed = self.at.now.mono >= self.storage_not_before && !self.turn.tried_lock;
        let write = (decision.due && !decision.backing_off) || decision.unsaved || self.late.is_some();
        let wants_sweep = !self.swept && self.at.now.mono >= self.sweep_not_before;
        if storage_allowed && (write || wants_sweep || self.is_superseded()) {
            self.turn.tried_lock = true;
            let purpose = if write { LockPurpose::Write } else { LockPurpose::Sweep };
            let at_most = self.lock_wait();
            return self.go(Phase::Locking, Action::TakeLock { purpose, at_most });
        }
        self.rest()
    }

    /// While nothing is usable, people hear of each change of what stands in the file.
    fn tell_what_was_found(&mut self) {
        let is_refused = self.held.as_ref().is_some_and(|held| self.is_refused(&held.session));
        let found = Some(self.looked_in_vain()).filter(|found| {
            is_refused && matches!(found, Notice::ReloadMissing | Notice::ReloadInvalid { .. })
        });
        if self.told.in_vain != found {
            self.notices.extend(found.clone());
            self.told.in_vain = found;
        }
    }

    fn swapped(&mut self) -> Action {
        if self.transaction.as_mut().is_some_and(|transaction| mem::take(&mut transaction.granted)) {
            let expires_at = self.held.as_ref().and_then(|held| held.session.expires_at());
            let saved = self.held.as_ref().is_some_and(|held| !held.unsaved);
            self.notices.push(Notice::Succeeded { renewals: self.renewals, expires_at, saved });
        }
        if self.transaction.is_some() { self.unlock() } else { self.looked() }
    }

    fn note_file(&mut self, view: FileView) {
        let why = match &view {
            FileView::Unusable(why) => Some(*why),
            FileView::Held(session) => self.unfit(session).map(Unfit::reason),
            FileView::Missing => None,
        };
        // A held token's own expiry is told as such.
        let is_held = matches!(&view, FileView::Held(session) if self.holds(session));
        if why != self.told.unusable && !is_held {
            self.told.unusable = why;
            self.notices.extend(why.map(|why| Notice::FileUnusable { why }));
        }
        self.file = view;
    }
}
