//! The session as the rest of the program sees it: the current token, and a way to say that it was refused.
//!
//! Used by the calls (many threads) and written by the worker (one thread). Reading the current token is one
//! read of an `RwLock`; a call that was refused nudges the worker and waits, bounded, until it has looked at
//! the file or finished a renewal. Refuses to read files, renew, or decide what becomes of a token.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use parking_lot::{Condvar, Mutex, RwLock};

use super::clock_offset::{DaemonClock, Sample};
use super::events::Wake;
use super::status::{Status, WhyNone};
use super::{Generation, Session, State, choose, policy};
use crate::log::{self, Area, Level};
use crate::time::{Clock, Timestamp};

/// What a call holds while it runs.
#[derive(Clone, Debug)]
pub struct Lease {
    /// The token to use; `None` while there is none that could be accepted.
    pub session: Option<Arc<Session>>,
    /// The generation it belongs to; to be named when it is refused.
    pub generation: Generation,
    /// The published state.
    pub state: State,
}

/// Something about the session changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Change {
    /// A token is usable where none was, or it is of another session: what the daemon offers may differ.
    pub session_changed: bool,
    /// It is the token that was there at the start: nobody has missed it before.
    pub is_first: bool,
}

/// Wakes the worker before its time; what for, [`SharedSession::wake`] tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Nudge;

/// One session, shared by all threads.
pub struct SharedSession {
    current: RwLock<Current>,
    daemon_clock: RwLock<DaemonClock>,
    /// The token file's path, for people.
    place: RwLock<PathBuf>,
    /// Starts the worker, until that was done.
    starter: Mutex<Option<Starter>>,
    clock: Arc<dyn Clock>,
    nudges: Sender<Nudge>,
    questions: Mutex<Questions>,
    answered: Condvar,
    listeners: Mutex<Vec<Listener>>,
}

/// How the worker is started, and when that is tried next.
struct Starter {
    start: Box<dyn FnMut() -> io::Result<()> + Send>,
    again_at: Duration,
    wait: Duration,
}

struct Current {
    session: Option<Arc<Session>>,
    generation: Generation,
    status: Status,
}

/// Somebody who wants to hear of changes.
struct Listener {
    sender: Sender<Change>,
    wake: Box<dyn Fn() + Send>,
}

/// Calls that wait for the worker ask a numbered question; the worker answers all it had heard of when it
/// woke, by the time it rests again.
#[derive(Default)]
struct Questions {
    asked: u64,
    heard: u64,
    answered: u64,
    /// The worker has looked around once: what is published means something.
    has_settled: bool,
    /// The newest generation that was refused to a call since the worker woke last.
    rejected: Option<Generation>,
}

/// Nudges that wait. One is enough: a nudge says "look again", and looking once answers everybody.
const NUDGES_MAX: usize = 1;

/// Changes that a listener has not taken yet. A full queue loses only repetitions of "something changed".
const CHANGES_MAX: usize = 16;

impl SharedSession {
    /// A session of which nothing is known yet, and where its worker hears of nudges.
    pub fn new(clock: Arc<dyn Clock>) -> (Arc<SharedSession>, Receiver<Nudge>) {
        let (nudges, receiver) = bounded(NUDGES_MAX);
        let shared = SharedSession {
            current: RwLock::new(Current {
                session: None,
                generation: Generation::default(),
                status: Status::UNKNOWN,
            }),
            daemon_clock: RwLock::new(DaemonClock::default()),
            place: RwLock::default(),
            starter: Mutex::new(None),
            clock,
            nudges,
            questions: Mutex::new(Questions::default()),
            answered: Condvar::new(),
            listeners: Mutex::new(Vec::new()),
        };
        (Arc::new(shared), receiver)
    }

    /// The token to use now.
    pub fn current(&self) -> Lease {
        let daemon_time = self.daemon_clock.read().time(self.clock.now());
        let current = self.current.read();
        let refused = current.status.refused;
        let usable = |session: &&Arc<Session>| !refused && choose::fitness(session, daemon_time).is_ok();
        Lease {
            session: current.session.as_ref().filter(usable).cloned(),
            generation: current.generation,
            state: current.status.state,
        }
    }

    /// Why there is no token to use, and the path of the token file.
    pub fn why_none(&self) -> (WhyNone, PathBuf) {
        // Its time may have run out since the worker looked last.
        let why = self.current.read().status.why_none.unwrap_or(WhyNone::Expired);
        (why, self.place.read().clone())
    }

    /// Has the worker started by `start`, now or as soon as that works: a limit of threads is often a passing one.
    pub fn start_with(&self, start: impl FnMut() -> io::Result<()> + Send + 'static) {
        let wait = policy::RESTART_WAIT_MIN;
        *self.starter.lock() = Some(Starter { start: Box::new(start), again_at: Duration::ZERO, wait });
        self.tend();
    }

    /// Starts the worker if it is not there and if it is time. How long until it is to be tried again; `None` if there is
    /// nothing to do.
    pub fn tend(&self) -> Option<Duration> {
        let mut slot = self.starter.lock();
        let starter = slot.as_mut()?;
        let now = self.clock.now().mono;
        if now < starter.again_at {
            return Some(starter.again_at.saturating_sub(now));
        }
        match (starter.start)() {
            Ok(()) => {
                *slot = None;
                None
            }
            Err(error) => {
                let wait = starter.wait;
                starter.again_at = now.saturating_add(wait);
                starter.wait = wait.saturating_mul(2).min(policy::RESTART_WAIT_MAX);
                let error = error.to_string();
                let fields: [(&str, &dyn log::Loggable); 2] =
                    [("error", &log::Foreign(&error)), ("again_in", &wait)];
                log::event(Area::Session, Level::Error, "worker.not_started", &fields);
                self.worker_is_down("no_thread");
                Some(wait)
            }
        }
    }

    /// The worker's: where it looks.
    pub(super) fn set_place(&self, path: PathBuf) {
        *self.place.write() = path;
    }

    /// The worker's: the token that is served, whatever is thought of it.
    pub(super) fn held(&self) -> Option<Session> {
        self.current.read().session.as_deref().cloned()
    }

    /// There is no worker for a while. What is served goes on being served; calls that wait have their answer.
    pub fn worker_is_down(&self, why: &str) {
        let mut status = Status::without_worker(why);
        {
            let current = self.current.read();
            if current.session.is_some() {
                status = Status { last_error: Some(why.to_owned()), ..current.status.clone() };
                status.why_none = status.why_none.map(|_| WhyNone::NoWorker);
            }
        }
        self.rest(status, true);
    }

    /// Has the file looked at because the token of `generation` was refused, or because there was none to use;
    /// a renewal under way is waited for. Returns as soon as another token can be used, whatever the worker goes on
    /// to do with it; else what is current once the worker has looked, or after [`policy::RELOAD_WAIT_MAX`]. A
    /// refusal of an older generation than the current one is answered at once.
    pub fn renewed_after(&self, generation: Generation) -> Lease {
        let lease = self.current();
        let is_usable = lease.session.is_some();
        if is_usable && lease.generation != generation {
            return lease;
        }
        if self.tend().is_some() {
            return lease;
        }
        let deadline = self.clock.now().mono.saturating_add(policy::RELOAD_WAIT_MAX);
        let mut questions = self.questions.lock();
        questions.asked = questions.asked.wrapping_add(1);
        if is_usable {
            questions.rejected = questions.rejected.max(Some(generation));
        }
        let mine = questions.asked;
        // Full: the worker has not taken the last nudge yet, and will hear of this question with it.
        if let Err(TrySendError::Disconnected(_)) = self.nudges.try_send(Nudge) {
            return self.current();
        }
        let is_better = |lease: Lease| lease.session.is_some() && lease.generation != generation;
        while questions.answered < mine && !is_better(self.current()) {
            let left = deadline.saturating_sub(self.clock.now().mono);
            if left.is_zero() || self.answered.wait_for(&mut questions, left).timed_out() {
                break;
            }
        }
        drop(questions);
        self.current()
    }

    /// Takes the `Date` header of any answer of the daemon: its clock may differ from ours. One that casts doubt on
    /// what was believed has the worker ask for the time.
    pub fn heard_date(&self, date: Timestamp) {
        let is_doubt = self.daemon_clock.write().hear(date, self.clock.now(), Sample::Passing);
        if is_doubt {
            // Full: the worker is about to look around anyway.
            let _ = self.nudges.try_send(Nudge);
        }
    }

    /// The worker's: takes the `Date` header of an answer that was asked for to learn the time.
    pub(super) fn asked_date(&self, date: Timestamp) {
        self.daemon_clock.write().hear(date, self.clock.now(), Sample::Asked);
    }

    /// The worker's: the daemon accepts this token now.
    pub(super) fn accepted(&self, session: &Session) {
        self.daemon_clock.write().accepted(session, self.clock.now());
    }

    /// What is published of the session; `None` until the worker has looked around once.
    pub fn status(&self) -> Option<Status> {
        let has_settled = self.questions.lock().has_settled;
        has_settled.then(|| self.current.read().status.clone())
    }

    /// The same, waited for at the very start, [`policy::SETTLE_WAIT_MAX`] at most; then as it is by then.
    pub fn settled_status(&self) -> Status {
        let deadline = self.clock.now().mono.saturating_add(policy::SETTLE_WAIT_MAX);
        let mut questions = self.questions.lock();
        while !questions.has_settled {
            let left = deadline.saturating_sub(self.clock.now().mono);
            if left.is_zero() || self.answered.wait_for(&mut questions, left).timed_out() {
                break;
            }
        }
        drop(questions);
        self.current.read().status.clone()
    }

    /// A queue that gets one message after each change; `wake` is called after each message.
    pub fn changes(&self, wake: impl Fn() + Send + 'static) -> Receiver<Change> {
        let (sender, receiver) = bounded(CHANGES_MAX);
        self.listeners.lock().push(Listener { sender, wake: Box::new(wake) });
        receiver
    }

    /// The clock that everything here is timed by.
    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// What is known of the daemon's clock.
    pub(super) fn daemon_clock(&self) -> DaemonClock {
        *self.daemon_clock.read()
    }

    /// The worker's: serves another token from now on, and publishes it with its status.
    pub(super) fn swap(&self, session: Session, generation: Generation, status: Status) {
        let was_usable = self.current().session.is_some();
        let is_first = !self.questions.lock().has_settled;
        let mut current = self.current.write();
        let same = current.session.as_ref().is_some_and(|former| former.id() == session.id());
        current.session = Some(Arc::new(session));
        current.generation = generation;
        current.status = status;
        drop(current);
        // Announced first: whoever waited for the token and listens from then on has missed nothing.
        self.announce(Change { session_changed: !was_usable || !same, is_first });
        // Behind the lock of the questions: a call that has just looked in vain is waiting by now, and wakes.
        drop(self.questions.lock());
        self.answered.notify_all();
    }

    /// The worker's: publishes the status, and answers the calls that it had heard of, unless something is under way
    /// that they should wait for.
    pub(super) fn rest(&self, status: Status, is_settled: bool) {
        let mut current = self.current.write();
        let changed = current.status != status;
        current.status = status;
        drop(current);
        if changed {
            self.announce(Change { session_changed: false, is_first: false });
        }
        let mut questions = self.questions.lock();
        if is_settled {
            questions.answered = questions.heard;
        }
        questions.has_settled = true;
        self.answered.notify_all();
    }

    /// The worker's: it is awake, and hears of every question asked so far.
    pub(super) fn wake(&self) -> Wake {
        let mut questions = self.questions.lock();
        let is_wanted = questions.heard != questions.asked;
        questions.heard = questions.asked;
        match questions.rejected.take() {
            Some(generation) => Wake::Rejected(generation),
            None if is_wanted => Wake::Wanted,
            None => Wake::Elapsed,
        }
    }

    fn announce(&self, change: Change) {
        self.listeners.lock().retain(|listener| {
            let is_there = !matches!(listener.sender.try_send(change), Err(TrySendError::Disconnected(_)));
            (listener.wake)();
            is_there
        });
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
    use crossbeam_channel::unbounded;

    use super::*;
    use crate::time::SystemClock;

    #[test]
    fn who_listens_hears_of_every_change_and_who_has_gone_is_forgotten() {
        let (shared, _nudges) = SharedSession::new(Arc::new(SystemClock::start()));
        let status = |renewals| Status { renewals, ..Status::UNKNOWN };
        let (woken, times_woken) = unbounded();
        let changes = shared.changes(move || {
            let _ = woken.send(());
        });
        for renewals in 1..=3 {
            shared.rest(status(renewals), true);
            assert_eq!((changes.try_iter().count(), times_woken.try_iter().count()), (1, 1));
            shared.rest(status(renewals), true);
            assert_eq!(changes.try_iter().count(), 0, "nothing has changed");
        }
        drop(changes);
        shared.rest(status(4), true);
        shared.rest(status(5), true);
        assert_eq!(times_woken.try_iter().count(), 1, "once, to find out that it has gone");
    }

    #[test]
    fn a_change_says_whether_the_session_is_another_one_and_whether_it_is_the_first() {
        let (shared, _nudges) = SharedSession::new(Arc::new(SystemClock::start()));
        let changes = shared.changes(|| {});
        let swap = |id: &str| {
            let claims = BASE64URL.encode(format!(r#"{{"sub":"{id}"}}"#));
            let session = Session::parse(&format!("wai_sess_a.{claims}.b"), shared.clock().now().wall);
            let generation = shared.current().generation.next();
            shared.swap(session.expect("a token"), generation, Status::UNKNOWN);
            let told: Vec<_> = changes.try_iter().map(|it| (it.session_changed, it.is_first)).collect();
            told
        };
        assert_eq!(swap("s"), [(true, true)]);
        shared.rest(Status::UNKNOWN, true);
        assert_eq!(swap("s"), [(false, false)]);
        assert_eq!(swap("t"), [(true, false)]);
    }

    #[test]
    fn what_is_settled_is_not_waited_for() {
        let clock = SystemClock::start();
        let (shared, _nudges) = SharedSession::new(Arc::new(SystemClock::start()));
        assert_eq!(shared.status(), None);
        shared.rest(Status { renewals: 7, ..Status::UNKNOWN }, true);
        let before = clock.now().mono;
        assert_eq!(shared.settled_status().renewals, 7);
        assert!(clock.now().mono - before < policy::SETTLE_WAIT_MAX);
    }

    #[test]
    fn the_worker_hears_why_it_was_woken_and_of_each_question_once() {
        let (shared, nudges) = SharedSession::new(Arc::new(SystemClock::start()));
        assert_eq!(shared.wake(), Wake::Elapsed, "nobody has asked for anything");
        thread::scope(|scope| {
            let asking = scope.spawn(|| shared.renewed_after(Generation::default()));
            nudges.recv_timeout(policy::RELOAD_WAIT_MAX).expect("a nudge");
            assert_eq!(shared.wake(), Wake::Wanted);
            assert_eq!(shared.wake(), Wake::Elapsed);
            shared.rest(Status::UNKNOWN, true);
            assert!(asking.join().expect("it was answered").session.is_none());
        });
    }

    #[test]
    fn who_asks_while_the_worker_looks_is_answered_by_its_next_look() {
        let (shared, nudges) = SharedSession::new(Arc::new(SystemClock::start()));
        shared.wake();
        thread::scope(|scope| {
            let asking = scope.spawn(|| shared.renewed_after(Generation::default()));
            nudges.recv_timeout(policy::RELOAD_WAIT_MAX).expect("a nudge");
            shared.rest(Status::UNKNOWN, true);
            assert_eq!(shared.questions.lock().answered, 0, "the look had begun before it asked");
            shared.wake();
            shared.rest(Status::UNKNOWN, true);
            asking.join().expect("it was answered");
        });
    }
}
