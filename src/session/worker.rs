//! The worker: the one thread that does what the renewal asks for.
//!
//! Started by `serve`, `call` and `keep`. [`DaemonWorld`] is the only real [`World`]: clocks, token file, lock and HTTP, each
//! behind its own seam, one action at a time, no decision. Refuses to know when and why.

use std::convert::Infallible;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{
    Receiver, RecvTimeoutError, Sender, TryRecvError, bounded, never, select, unbounded,
};

use super::answers::{self, Introspection};
use super::events::{Action, AttemptId, Event, LockOutcome, LockPurpose, Moment, Wake, World};
use super::lock::{TokenLock, TryLock};
use super::notice::Notice;
use super::renewal::Renewal;
use super::renewal_request::{RenewalRequest, Reported};
use super::shared::{Nudge, SharedSession};
use super::token_file::TokenFile;
use super::{Session, TokenPlace, events, policy};
use crate::http::{Credential, Request, Transport};
use crate::log::{self, Area, Level};

/// Stack of the worker's thread, in bytes: it holds a token file and a few answers.
const STACK_BYTES: usize = 256 * 1024;

/// The running worker.
pub struct Worker {
    /// Dropped to end it.
    stop: Sender<Infallible>,
    /// Disconnected once it has ended.
    ended: Receiver<Infallible>,
    flags: Arc<Flags>,
    thread: JoinHandle<()>,
}

/// What the ending program and the worker must see in the same order: either the worker sees that no renewal shall
/// begin and sends none, or the program sees the renewal and waits for it.
#[derive(Default)]
struct Flags {
    stopping: AtomicBool,
    busy: AtomicBool,
}

impl Worker {
    /// Starts the worker's thread. `nudges` comes from [`SharedSession::new`] with `shared`.
    ///
    /// # Errors
    /// If the operating system has no thread for it.
    pub fn spawn(
        place: TokenPlace,
        transport: Arc<dyn Transport>,
        shared: Arc<SharedSession>,
        nudges: Receiver<Nudge>,
    ) -> io::Result<Worker> {
        Worker::spawn_in(place, transport, shared, nudges, |world| world)
    }

    /// The same in a world that somebody has wrapped, to see what goes on in it ([`super::observed`]).
    ///
    /// # Errors
    /// If the operating system has no thread for it.
    pub fn spawn_in<W: World>(
        place: TokenPlace,
        transport: Arc<dyn Transport>,
        shared: Arc<SharedSession>,
        nudges: Receiver<Nudge>,
        wrap: impl Fn(DaemonWorld) -> W + Send + 'static,
    ) -> io::Result<Worker> {
        let (stop, stopped) = bounded(0);
        let (ending, ended) = bounded(0);
        let flags = Arc::new(Flags::default());
        shared.set_place(place.write.clone());
        let parts = Parts { wrap, place, transport, shared, nudges, stopped, flags: Arc::clone(&flags) };
        let builder = thread::Builder::new().name("session".to_owned()).stack_size(STACK_BYTES);
        let thread = builder.spawn(move || {
            parts.run_for_ever();
            drop(ending);
        })?;
        Ok(Worker { stop, ended, flags, thread })
    }

    /// For the time in which the program is ending already and calls may still finish: has no renewal begin any more.
    /// Everything else goes on.
    pub fn begin_no_more(&self) {
        self.flags.stopping.store(true, Ordering::SeqCst);
    }

    /// Ends the worker. A renewal in flight is let finish, for [`policy::SHUTDOWN_WAIT_MAX`] at most; no new
    /// one begins. Anything else it is doing is not waited for: there is nothing to lose.
    pub fn shut_down(self) {
        self.shut_down_within(policy::SHUTDOWN_WAIT_MAX);
    }

    /// The same with another bound.
    pub fn shut_down_within(self, time_max: Duration) {
        self.flags.stopping.store(true, Ordering::SeqCst);
        drop(self.stop);
        if self.flags.busy.load(Ordering::SeqCst) {
            let what: &'static str = "the answer to a renewal";
            let fields: [(&str, &dyn log::Loggable); 2] = [("for", &what), ("at_most", &time_max)];
            log::event(Area::Session, Level::Warn, "shutdown.waiting", &fields);
            if self.ended.recv_timeout(time_max) == Err(RecvTimeoutError::Timeout) {
                log::event(Area::Session, Level::Warn, "shutdown.unanswered", &fields);
            }
        }
        if self.thread.is_finished() {
            let _ = self.thread.join();
        }
    }
}

/// What a world is made of, and made of anew if it breaks down.
struct Parts<F> {
    /// What somebody wraps each world in.
    wrap: F,
    place: TokenPlace,
    transport: Arc<dyn Transport>,
    shared: Arc<SharedSession>,
    nudges: Receiver<Nudge>,
    stopped: Receiver<Infallible>,
    flags: Arc<Flags>,
}

impl<W: World, F: Fn(DaemonWorld) -> W> Parts<F> {
    /// Keeps the session until it is told to stop. A panic is the end of one attempt, and not of the session: another one
    /// begins with what is in the file and what is served.
    fn run_for_ever(&self) {
        let mut wait = policy::RESTART_WAIT_MIN;
        loop {
            let began = self.shared.clock().now().mono;
            if panic::catch_unwind(AssertUnwindSafe(|| self.run())).is_ok() {
                return;
            }
            self.flags.busy.store(false, Ordering::SeqCst);
            let lasted = self.shared.clock().now().mono.saturating_sub(began);
            wait = if lasted > policy::RESTART_WAIT_MAX { policy::RESTART_WAIT_MIN } else { wait };
            let fields: [(&str, &dyn log::Loggable); 1] = [("again_in", &wait)];
            log::event(Area::Session, Level::Error, "worker.restarted", &fields);
            self.shared.worker_is_down("internal_error");
            if pause(&self.stopped, wait) == Paused::Stopped {
                return;
            }
            wait = wait.saturating_mul(2).min(policy::RESTART_WAIT_MAX);
        }
    }

    fn run(&self) {
        let (report, reports) = unbounded();
        let mut world = (self.wrap)(DaemonWorld {
            transport: Arc::clone(&self.transport),
            shared: Arc::clone(&self.shared),
            nudges: self.nudges.clone(),
            stopped: self.stopped.clone(),
            flags: Arc::clone(&self.flags),
            file: TokenFile::new(self.place.clone()),
            lock: TokenLock::of(&self.place.write),
            path: self.place.write.clone(),
            mode_checked: false,
            stop_told: false,
            foreign_told: None,
            report,
            reports,
        });
        let now = world.now();
        let bootstrap = self.place.bootstrap.as_ref();
        let bootstrap = bootstrap.and_then(|token| parse_bootstrap(token.expose(), now));
        let mut renewal = Renewal::new(bootstrap, now).with_late(self.shared.held());
        events::run(&mut renewal, &mut world);
    }
}

fn parse_bootstrap(text: &str, now: Moment) -> Option<Session> {
    Session::parse(text, now.now.wall)
        .inspect_err(|fault| {
            let fields: [(&str, &dyn log::Loggable); 1] = [("why", &fault.reason())];
            log::event(Area::Session, Level::Warn, "environment_token.unusable", &fields);
        })
        .ok()
}

/// The real world.
pub struct DaemonWorld {
    transport: Arc<dyn Transport>,
    shared: Arc<SharedSession>,
    nudges: Receiver<Nudge>,
    stopped: Receiver<Infallible>,
    flags: Arc<Flags>,
    file: TokenFile,
    lock: TokenLock,
    /// The token file's, for people.
    path: PathBuf,
    mode_checked: bool,
    stop_told: bool,
    /// The last one of another user's that people were told of.
    foreign_told: Option<PathBuf>,
    /// Where the threads of renewal requests say what came of them.
    report: Sender<Reported>,
    reports: Receiver<Reported>,
}

impl World for DaemonWorld {
    fn now(&self) -> Moment {
        let now = self.shared.clock().now();
        Moment { now, daemon: self.shared.daemon_clock().time(now) }
    }

    fn perform(&mut self, action: Action) -> Event {
        match action {
            Action::Wait { at_most, status, is_settled } => {
                self.flags.busy.store(!is_settled || status.unsaved, Ordering::SeqCst);
                self.shared.rest(status, is_settled);
                Event::Woke(self.wait(at_most))
            }
            Action::ReadFile => {
                self.warn_about_mode_once();
                Event::FileRead(self.file.read(self.now().daemon.earliest))
            }
            Action::AskTime => {
                self.ask_time();
                Event::TimeAsked
            }
            Action::Introspect(session) => Event::Introspected(self.introspect(&session)),
            Action::TakeLock { purpose, at_most } => Event::Locked(self.take_lock(purpose, at_most)),
            Action::Sweep => Event::Swept(self.sweep()),
            Action::Prepare => Event::Prepared(self.file.prepare()),
            Action::SendRenewal { attempt, session, time_max } => {
                self.send_renewal(attempt, session, time_max)
            }
            Action::Store { session, instead_of } => {
                let now = self.now().daemon.earliest;
                let stopped = &self.stopped;
                let pause = || {
                    pause(stopped, policy::RENAME_PAUSE);
                };
                Event::Stored(self.file.store(&session, instead_of.as_ref(), now, pause))
            }
            Action::SwapToken { session, generation, status } => {
                self.shared.swap(session, generation, status);
                Event::TokenSwapped
            }
            Action::ReleaseLock => {
                self.end_transaction();
                Event::Unlocked
            }
            // The loop ends before it performs this; the wait for the end is over at once.
            Action::Stop { .. } => Event::Woke(Wake::Shutdown),
        }
    }

    fn tell(&mut self, notice: Notice) {
        let is_about_the_file = notice.is_about_the_file();
        notice.describe(|level, name, fields| {
            let path: (&'static str, &dyn log::Loggable) = ("path", &self.path);
            let with_path: Vec<_> =
                is_about_the_file.then_some(path).into_iter().chain(fields.iter().copied()).collect();
            log::event(Area::Session, level, name, &with_path);
        });
    }
}

impl DaemonWorld {
    fn wait(&mut self, at_most: Duration) -> Wake {
        let stopped = if self.stop_told { &never() } else { &self.stopped };
        let (nudges, reports) = (&self.nudges, &self.reports);
        let reported = reports.try_recv().ok().or_else(|| {
            select! {
                recv(reports) -> reported => reported.ok(),
                recv(nudges) -> _ => None,
                recv(stopped) -> _ => None,
                default(at_most) => None,
            }
        });
        if let Some(reported) = reported {
            return self.classified(reported);
        }
        if !self.stop_told && self.stopped.try_recv() == Err(TryRecvError::Disconnected) {
            self.stop_told = true;
            return Wake::Shutdown;
        }
        // Asked after any of the three, because a call may have spoken in the very moment the time was over.
        self.shared.wake()
    }

    /// Leaves nothing behind: neither a temporary file nor the lock.
    fn end_transaction(&mut self) {
        self.file.discard();
        self.lock.release();
    }

    fn ask_time(&self) {
        for _ in 0..policy::ASK_TIME_SAMPLES_MAX {
            let answer = self.transport.send(&question("/health"), Credential::None, policy::ASK_TIME_MAX);
            let Some(date) = answer.ok().and_then(|response| response.date) else { return };
            self.shared.asked_date(date);
            if self.now().daemon.is_known {
                return;
            }
        }
    }

    fn introspect(&self, session: &Session) -> Introspection {
        let request = question("/v1/connect-info");
        let credential = Credential::Session(session.token());
        let result = self.transport.send(&request, credential, policy::INTROSPECTION_TIME_MAX);
        if let Some(date) = result.as_ref().ok().and_then(|response| response.date) {
            self.shared.heard_date(date);
        }
        let introspection = answers::introspection(result.as_ref());
        if introspection == Introspection::Active {
            self.shared.accepted(session);
        }
        introspection
    }

    fn sweep(&mut self) -> Vec<Session> {
        let Moment { now, daemon } = self.now();
        let leftovers = self.file.sweep(daemon, now.wall);
        if let Some(path) = leftovers.foreign.filter(|path| self.foreign_told.as_ref() != Some(path)) {
            let why = "it belongs to another user: it is neither used nor removed";
            let fields: [(&str, &dyn log::Loggable); 2] = [("path", &path), ("why", &why)];
            log::event(Area::Session, Level::Warn, "token_file.foreign_leftover", &fields);
            self.foreign_told = Some(path);
        }
        leftovers.sessions
    }

    fn take_lock(&mut self, purpose: LockPurpose, at_most: Duration) -> LockOutcome {
        if purpose == LockPurpose::Write
            && let Err(fault) = self.file.make_directory()
        {
            return LockOutcome::Failed(fault);
        }
        let deadline = self.shared.clock().now().mono.saturating_add(at_most);
        loop {
            match self.lock.try_take() {
                TryLock::Held => return LockOutcome::Held,
                TryLock::Unsupported => return LockOutcome::Unsupported,
                TryLock::NoDirectory => return LockOutcome::NoDirectory,
                TryLock::Failed(fault) => return LockOutcome::Failed(fault),
                TryLock::Busy => {
                    let is_over = self.shared.clock().now().mono >= deadline;
                    if is_over || pause(&self.stopped, policy::LOCK_POLL) == Paused::Stopped {
                        return LockOutcome::TimedOut;
                    }
                }
            }
        }
    }

    /// On a thread of its own, because it is never hung up on, and calls and the file go on meanwhile.
    fn send_renewal(&mut self, attempt: AttemptId, session: Session, time_max: Duration) -> Event {
        self.flags.busy.store(true, Ordering::SeqCst);
        if self.flags.stopping.load(Ordering::SeqCst) {
            return Event::RenewalNotSent;
        }
        let request = RenewalRequest {
            transport: Arc::clone(&self.transport),
            attempt,
            session,
            report: self.report.clone(),
        };
        let on_thread = request.clone();
        let builder = thread::Builder::new().name("renewal".to_owned()).stack_size(STACK_BYTES);
        if let Err(error) = builder.spawn(move || on_thread.send(time_max)) {
            let error = error.to_string();
            log::event(Area::Session, Level::Warn, "thread.refused", &[("error", &log::Foreign(&error))]);
            request.send(policy::RENEWAL_INLINE_TIME_MAX);
        }
        Event::RenewalSent
    }

    fn classified(&self, reported: Reported) -> Wake {
        let Reported { attempt, session, result } = reported;
        if let Some(date) = result.as_ref().ok().and_then(|response| response.date) {
            self.shared.heard_date(date);
        }
        let answer = answers::classify(result.as_ref(), &session, self.now().daemon);
        Wake::Answered(attempt, Box::new(answer))
    }

    fn warn_about_mode_once(&mut self) {
        if !self.mode_checked && self.file.is_readable_by_others() {
            let advice: &'static str = "run `chmod 600` on it; this program writes it with mode 0600";
            let fields: [(&str, &dyn log::Loggable); 1] = [("advice", &advice)];
            log::event(Area::Session, Level::Warn, "token_file.readable_by_others", &fields);
        }
        self.mode_checked = true;
    }
}

/// A question whose answer decides something. Over a connection of its own: one that was kept may have been closed by the
/// daemon, and nothing would be known.
fn question(target: &str) -> Request {
    Request { repeatable: false, ..Request::get(target) }
}

/// How a pause ended.
#[derive(PartialEq, Eq)]
enum Paused {
    Over,
    Stopped,
}

/// Waits, unless the program ends.
fn pause(stopped: &Receiver<Infallible>, at_most: Duration) -> Paused {
    match stopped.recv_timeout(at_most) {
        Err(RecvTimeoutError::Disconnected) => Paused::Stopped,
        _ => Paused::Over,
    }
}
