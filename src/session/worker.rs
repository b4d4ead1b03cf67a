//! The worker: the one thread that does what the renewal asks for.
//!
//! Started by `serve`, `call` and `keep`. [`DaemonWorld`] is the only real [`World`]: clocks, token file, lock and HTTP, each
//! behind its own seam, one action at a time, no decision. Refuses to know when and why.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, select};

use super::answers::{self, ClassifiedAnswer, RenewalAnswer};
use super::events::{Action, Event, LockOutcome, LockPurpose, Moment, Wake, World};
use super::lock::{TokenLock, TryLock};
use super::notice::Notice;
use super::renewal::Renewal;
use super::shared::{Nudge, SharedSession};
use super::token_file::TokenFile;
use super::{Session, TokenPlace, events, policy};
use crate::http::{Credential, Method, Request, Transport, percent_encoded};
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

/// What the ending program and the worker must see in the same order: either the worker sees that it is to
/// end and sends no renewal, or the program sees the renewal and waits for it.
#[derive(Default)]
struct Flags {
    stopping: AtomicBool,
    renewing: AtomicBool,
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
        wrap: impl FnOnce(DaemonWorld) -> W + Send + 'static,
    ) -> io::Result<Worker> {
        let (stop, stopped) = bounded(0);
        let (ending, ended) = bounded(0);
        let flags = Arc::new(Flags::default());
        let world_flags = Arc::clone(&flags);
        let thread =
            thread::Builder::new().name("session".to_owned()).stack_size(STACK_BYTES).spawn(move || {
                let bootstrap = place.bootstrap.clone();
                let lock = TokenLock::of(&place.write);
                let file = TokenFile::new(place);
                let mut world = wrap(DaemonWorld {
                    transport,
                    shared,
                    nudges,
                    stopped,
                    flags: world_flags,
                    file,
                    lock,
                    mode_checked: false,
                });
                let now = world.now();
                let bootstrap = bootstrap.and_then(|token| parse_bootstrap(token.expose(), now));
                let mut renewal = Renewal::new(bootstrap, now);
                events::run(&mut renewal, &mut world);
                drop(ending);
            })?;
        Ok(Worker { stop, ended, flags, thread })
    }

    /// Ends the worker. A renewal in flight is let finish, for [`policy::SHUTDOWN_WAIT_MAX`] at most; no new
    /// one begins. Anything else it is doing is not waited for: there is nothing to lose.
    pub fn shut_down(self) {
        self.flags.stopping.store(true, Ordering::SeqCst);
        drop(self.stop);
        if self.flags.renewing.load(Ordering::SeqCst) {
            let _ = self.ended.recv_timeout(policy::SHUTDOWN_WAIT_MAX);
        }
        if self.thread.is_finished() {
            let _ = self.thread.join();
        }
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
    mode_checked: bool,
}

impl World for DaemonWorld {
    fn now(&self) -> Moment {
        let now = self.shared.clock().now();
        Moment { now, daemon: self.shared.daemon_clock().time(now) }
    }

    fn perform(&mut self, action: Action) -> Event {
        match action {
            Action::Wait { at_most, status } => {
                self.end_transaction();
                self.shared.rest(status);
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
            Action::TakeLock(purpose) => Event::Locked(self.take_lock(purpose)),
            Action::Sweep => Event::Swept(self.file.sweep(self.shared.clock().now().wall)),
            Action::Prepare => Event::Prepared(self.file.prepare()),
            Action::Renew(session) => Event::RenewalAnswered(self.renew(&session)),
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
            Action::Stop => Event::Woke(Wake::Shutdown),
        }
    }

    fn tell(&mut self, notice: Notice) {
        notice.describe(|level, name, fields| log::event(Area::Session, level, name, fields));
    }
}

impl DaemonWorld {
    fn wait(&self, at_most: Duration) -> Wake {
        let (nudges, stopped) = (&self.nudges, &self.stopped);
        select! {
            recv(nudges) -> _ => {}
            recv(stopped) -> _ => {}
            default(at_most) => {}
        }
        if self.flags.stopping.load(Ordering::SeqCst) {
            return Wake::Shutdown;
        }
        // Asked after any of the three, because a call may have spoken in the very moment the time was over.
        self.shared.wake()
    }

    /// Leaves nothing behind: neither a temporary file nor the lock, and nothing for the program's end to wait
    /// for. Without a lock there was nothing to release, so resting ends a transaction too.
    fn end_transaction(&mut self) {
        self.file.discard();
        self.lock.release();
        self.flags.renewing.store(false, Ordering::SeqCst);
    }

    fn ask_time(&self) {
        let answer = self.transport.send(&Request::get("/health"), Credential::None, policy::ASK_TIME_MAX);
        if let Some(date) = answer.ok().and_then(|response| response.date) {
            self.shared.heard_date(date);
        }
    }

    fn take_lock(&mut self, purpose: LockPurpose) -> LockOutcome {
        if purpose == LockPurpose::Write
            && let Err(fault) = self.file.make_directory()
        {
            return LockOutcome::Failed(fault);
        }
        let deadline = self.shared.clock().now().mono.saturating_add(policy::LOCK_WAIT_MAX);
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

    fn renew(&self, session: &Session) -> ClassifiedAnswer {
        self.flags.renewing.store(true, Ordering::SeqCst);
        if self.flags.stopping.load(Ordering::SeqCst) {
            return ClassifiedAnswer { answer: RenewalAnswer::NotSent, code: "stopping".to_owned() };
        }
        let request = Request {
            method: Method::Put,
            target: format!("/v1/sessions/{}/renew", percent_encoded(session.id())),
            body: None,
            repeatable: false,
        };
        let credential = Credential::Session(session.token());
        let result = self.transport.send(&request, credential, policy::RENEWAL_TIME_MAX);
        if let Some(date) = result.as_ref().ok().and_then(|response| response.date) {
            self.shared.heard_date(date);
        }
        answers::classify(result.as_ref(), session, self.now().daemon.earliest)
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
