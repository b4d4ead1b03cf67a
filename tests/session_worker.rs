//! The worker with a real file, a real lock and real clocks, and a daemon that answers as it is told: what comes before
//! what, what the program's end waits for, and who may hold it up.

#![cfg(unix)]
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests prepare and examine real files")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use tempfile::TempDir;
use waiaas_mcp::http::{Credential, HttpFault, HttpFaultKind, Method, Request, Response, Transport};
use waiaas_mcp::log::{self, Level};
use waiaas_mcp::secret::Token;
use waiaas_mcp::session::lock::{TokenLock, TryLock};
use waiaas_mcp::session::shared::SharedSession;
use waiaas_mcp::session::status::WhyNone;
use waiaas_mcp::session::worker::Worker;
use waiaas_mcp::session::{Generation, State, TokenPlace, policy};
use waiaas_mcp::time::{Clock, Now, SystemClock, Timestamp};

mod support;
use support::token;

/// Far above what anything here takes on a busy machine.
const TIME_MAX: Duration = Duration::from_secs(20);

/// A daemon that tells of each renewal and answers it when it is told how. Of anything else it knows nothing but the
/// time.
struct Daemon {
    /// How far its clock is ahead, in seconds.
    ahead_s: i64,
    asked: Sender<String>,
    answers: Receiver<Answer>,
}

enum Answer {
    /// Something in the program breaks while the answer is read.
    Break,
    Grant(String),
    Refuse(&'static str),
    Nothing,
}

impl Transport for Daemon {
    fn send(
        &self,
        request: &Request,
        credential: Credential<'_>,
        _: Duration,
    ) -> Result<Response, HttpFault> {
        let date = Some(Timestamp::from_unix_seconds(unix_seconds() + self.ahead_s));
        let answer =
            |status, body: String| Response { status, body: body.into_bytes(), date, retry_after: None };
        if request.method != Method::Put {
            return Ok(answer(200, "{}".to_owned()));
        }
        let Credential::Session(token) = credential else { panic!("a renewal carries the token") };
        self.asked.send(token.expose().to_owned()).unwrap();
        match self.answers.recv_timeout(TIME_MAX) {
            Ok(Answer::Grant(token)) => Ok(answer(200, format!(r#"{{"token":"{token}"}}"#))),
            Ok(Answer::Refuse(code)) => Ok(answer(401, format!(r#"{{"code":"{code}"}}"#))),
            Ok(Answer::Break) => panic!("planted"),
            Ok(Answer::Nothing) | Err(_) => {
                Err(HttpFault { kind: HttpFaultKind::Broken, sent: true, detail: String::new() })
            }
        }
    }
}

/// The worker, its file, and the daemon's two ends.
struct Scene {
    directory: TempDir,
    shared: Arc<SharedSession>,
    worker: Worker,
    asked: Receiver<String>,
    answer: Sender<Answer>,
}

fn unix_seconds() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

/// A token that is due, with 40 s to live.
fn due() -> String {
    token("s", unix_seconds() - 80, Some(unix_seconds() + 40))
}

/// One that is not.
fn fresh(id: &str) -> String {
    token(id, unix_seconds(), Some(unix_seconds() + 600))
}

/// What a scene begins with.
#[derive(Default)]
struct Setup<'a> {
    in_file: &'a str,
    /// The token file is a wallet's, and this one the common one that it falls back to; its directory cannot be made.
    is_fallback: bool,
    /// The token file's directory is not there yet.
    is_new: bool,
    bootstrap: Option<&'a str>,
    /// How far the daemon's clock is ahead, in seconds.
    ahead_s: i64,
    /// Another process holds the lock.
    is_locked: bool,
}

impl Setup<'_> {
    /// The scene, and the lock of the other process.
    fn begin(self) -> (Scene, Option<TokenLock>) {
        log::set_threshold(Level::Error);
        let directory = tempfile::tempdir().unwrap();
        let common = directory.path().join("mcp-token");
        fs::write(&common, self.in_file).unwrap();
        let (write, read_fallback) = match (self.is_fallback, self.is_new) {
            (true, _) => (directory.path().join("mcp-tokens/wallet"), Some(common)),
            (false, true) => (directory.path().join("new/mcp-token"), None),
            (false, false) => (common, None),
        };
        if self.is_fallback {
            fs::write(directory.path().join("mcp-tokens"), "a file where a directory would be").unwrap();
        }
        let lock = self.is_locked.then(|| lock_of(&write));
        let bootstrap = self.bootstrap.map(|text| Token::new(text.to_owned()));
        let place = TokenPlace { write, read_fallback, only_session: None, bootstrap };
        let (asked, of_asked) = unbounded();
        let (answer, answers) = unbounded();
        let daemon = Arc::new(Daemon { ahead_s: self.ahead_s, asked, answers });
        let (shared, nudges) = SharedSession::new(Arc::new(SystemClock::start()));
        let worker = Worker::spawn(place, daemon, Arc::clone(&shared), nudges).unwrap();
        (Scene { directory, shared, worker, asked: of_asked, answer }, lock)
    }
}

/// What is left when a scene is over.
struct Left {
    /// In `mcp-token`.
    in_file: String,
    names: Vec<String>,
    /// A renewal was asked for that nobody had looked for.
    was_asked: bool,
}

impl Scene {
    fn begin(in_file: &str) -> Scene {
        Setup { in_file, ..Setup::default() }.begin().0
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("mcp-token")
    }

    /// As other programs do it: at once, and without the lock.
    fn put(&self, token: &str) {
        let new = self.directory.path().join("operators-own.tmp");
        fs::write(&new, token).and_then(|()| fs::rename(&new, self.path())).unwrap();
    }

    fn held(&self) -> Option<String> {
        self.shared.current().session.map(|session| session.token().expose().to_owned())
    }

    /// The token that a renewal was asked for with.
    fn asked(&self) -> String {
        self.asked.recv_timeout(TIME_MAX).expect("a renewal was asked for")
    }

    fn until_held(&self, token: &str) {
        until("the token is held", || self.held().as_deref() == Some(token));
    }

    fn end(self) -> Left {
        self.worker.shut_down();
        let in_file = fs::read_to_string(self.directory.path().join("mcp-token")).unwrap();
        Left { in_file, names: names_in(&self.directory), was_asked: !self.asked.is_empty() }
    }
}

fn names_in(directory: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(directory.path()).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + TIME_MAX;
    while !is_so() {
        assert!(Instant::now() < deadline, "not so in time: {what}");
        thread::yield_now();
    }
}

fn names<const N: usize>(expected: [&str; N]) -> Vec<String> {
    expected.map(str::to_owned).to_vec()
}

fn lock_of(path: &Path) -> TokenLock {
    let mut lock = TokenLock::of(path);
    assert!(matches!(lock.try_take(), TryLock::Held));
    lock
}

#[test]
fn the_new_token_is_in_the_file_before_anybody_uses_it() {
    let (old, new) = (due(), fresh("s"));
    let scene = Scene::begin(&old);
    assert_eq!(scene.asked(), old);
    until("the old token is served meanwhile", || scene.held().as_deref() == Some(&old));
    // Looked at in the very moment of each change, by whoever makes it.
    let path = scene.path();
    let (seen, of_seen) = unbounded();
    let shared = Arc::clone(&scene.shared);
    let changes = scene.shared.changes(move || {
        let held = shared.current().session.map(|session| session.token().expose().to_owned());
        let _ = seen.send((held, fs::read_to_string(&path).unwrap()));
    });
    scene.answer.send(Answer::Grant(new.clone())).unwrap();
    scene.until_held(&new);
    scene.worker.shut_down();
    drop(changes);
    let moments: Vec<_> = of_seen.try_iter().collect();
    assert!(moments.iter().any(|(held, _)| held.as_deref() == Some(&new)), "the change was announced");
    for (held, in_file) in moments {
        assert!(held.as_deref() != Some(&new) || in_file == new, "the memory was ahead of the file");
    }
}

#[test]
fn the_programs_end_lets_a_renewal_in_flight_finish_and_keeps_its_token() {
    let new = fresh("s");
    let scene = Scene::begin(&due());
    scene.asked();
    let (path, answer) = (scene.path(), scene.answer.clone());
    thread::scope(|scope| {
        let (ended, of_ended) = bounded(1);
        let worker = scene.worker;
        scope.spawn(move || {
            worker.shut_down();
            ended.send(()).unwrap();
        });
        assert!(of_ended.recv_timeout(Duration::from_millis(200)).is_err(), "it did not wait");
        answer.send(Answer::Grant(new.clone())).unwrap();
        of_ended.recv_timeout(TIME_MAX).expect("it ended");
        assert_eq!(fs::read_to_string(&path).unwrap(), new);
    });
}

#[test]
fn the_programs_end_does_not_wait_for_ever_for_a_daemon_that_hangs() {
    const WAIT_MAX: Duration = Duration::from_millis(700);
    // What it waits for is the renewal's own deadline, and not less.
    assert!(policy::SHUTDOWN_WAIT_MAX >= policy::SILENCE_MAX);
    let scene = Scene::begin(&due());
    scene.asked();
    let began = Instant::now();
    scene.worker.shut_down_within(WAIT_MAX);
    let took = began.elapsed();
    assert!(took >= WAIT_MAX, "it gave the answer no time: {took:?}");
    assert!(took < WAIT_MAX * 3, "{took:?}");
}

#[test]
fn while_calls_may_still_finish_no_renewal_begins_and_the_file_is_read_as_before() {
    let young = fresh("s");
    let scene = Scene::begin(&young);
    scene.until_held(&young);
    scene.worker.begin_no_more();
    let other = token("other", unix_seconds() - 80, Some(unix_seconds() + 40));
    scene.put(&other);
    let lease = scene.shared.renewed_after(scene.shared.current().generation);
    let held = lease.session.map(|session| session.token().expose().to_owned());
    assert_eq!(held, Some(other), "a call whose token was refused is not helped");
    assert!(scene.asked.recv_timeout(Duration::from_millis(500)).is_err(), "a renewal was sent");
    scene.end();
}

#[test]
fn the_programs_end_begins_no_renewal_and_does_not_wait_for_the_lock() {
    let old = due();
    let (scene, lock) = Setup { in_file: &old, is_locked: true, ..Setup::default() }.begin();
    scene.until_held(&old);
    let began = Instant::now();
    let left = scene.end();
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert!(!left.was_asked && left.in_file == old);
    drop(lock);
}

#[test]
fn nobody_renews_while_another_process_holds_the_lock_and_what_it_wrote_is_adopted() {
    let (old, new) = (due(), fresh("s"));
    let (scene, lock) = Setup { in_file: &old, is_locked: true, ..Setup::default() }.begin();
    scene.until_held(&old);
    let in_vain = scene.asked.recv_timeout(policy::LOCK_WAIT_MAX + Duration::from_millis(500));
    assert!(in_vain.is_err(), "a renewal was asked for without the lock");
    scene.put(&new);
    scene.until_held(&new);
    drop(lock);
    assert!(!scene.end().was_asked);
}

#[test]
fn a_refused_renewal_leaves_what_another_process_put_there() {
    let other = fresh("other");
    let scene = Scene::begin(&due());
    scene.asked();
    scene.put(&other);
    scene.answer.send(Answer::Refuse("INVALID_TOKEN")).unwrap();
    scene.until_held(&other);
    let left = scene.end();
    assert_eq!((left.in_file, left.names), (other, names(["mcp-token", "mcp-token.lock"])));
}

#[test]
fn an_answer_that_is_lost_leaves_nothing_behind_and_the_token_served() {
    let old = due();
    let scene = Scene::begin(&old);
    scene.asked();
    scene.answer.send(Answer::Nothing).unwrap();
    until("it is told", || scene.shared.status().is_some_and(|status| status.last_error.is_some()));
    scene.until_held(&old);
    // While it goes on: other processes can renew at once, and find nothing unfinished.
    let mut lock = TokenLock::of(&scene.path());
    until("the lock is free", || matches!(lock.try_take(), TryLock::Held));
    assert_eq!(names_in(&scene.directory), names(["mcp-token", "mcp-token.lock"]));
    let left = scene.end();
    assert_eq!((left.in_file, left.names), (old, names(["mcp-token", "mcp-token.lock"])));
}

#[test]
fn the_daemons_clock_says_when_a_token_is_due() {
    // By our own clock there are minutes to go.
    let young = fresh("s");
    let (scene, _) = Setup { in_file: &young, ahead_s: 500, ..Setup::default() }.begin();
    assert_eq!(scene.asked(), young);
    scene.answer.send(Answer::Nothing).unwrap();
    scene.end();
}

#[test]
fn a_token_of_the_environment_is_used_where_the_file_has_none_and_it_has_the_form_of_one() {
    let good = fresh("from-the-environment");
    let (scene, _) = Setup { in_file: "garbage", bootstrap: Some(&good), ..Setup::default() }.begin();
    scene.until_held(&good);
    scene.end();

    let (scene, _) = Setup { in_file: "garbage", bootstrap: Some("sk-other"), ..Setup::default() }.begin();
    until("it has looked", || scene.shared.status().is_some());
    assert_eq!((scene.held(), scene.shared.settled_status().state), (None, State::Error));
    scene.end();
}

/// By our clock, which is an hour ahead, it had ended when the program started.
#[test]
fn a_token_of_the_environment_was_judged_at_the_start_and_never_again() {
    let hour_ago = unix_seconds() - 3_600;
    let good = token("from-the-environment", hour_ago - 60, Some(hour_ago + 600));
    let (scene, _) =
        Setup { in_file: "garbage", bootstrap: Some(&good), ahead_s: -3_600, ..Setup::default() }.begin();
    scene.until_held(&good);
    scene.end();
}

#[test]
fn the_directory_is_made_when_there_is_something_to_write() {
    let good = fresh("from-the-environment");
    let (scene, _) = Setup { is_new: true, bootstrap: Some(&good), ..Setup::default() }.begin();
    scene.until_held(&good);
    until("it has looked", || scene.shared.status().is_some());
    assert!(!scene.directory.path().join("new").exists());
    scene.end();

    let (old, new) = (due(), fresh("s"));
    let (scene, _) = Setup { is_new: true, bootstrap: Some(&old), ..Setup::default() }.begin();
    assert_eq!(scene.asked(), old);
    scene.answer.send(Answer::Grant(new.clone())).unwrap();
    scene.until_held(&new);
    assert_eq!(fs::read_to_string(scene.directory.path().join("new/mcp-token")).unwrap(), new);
    scene.end();
}

#[test]
fn where_the_directory_cannot_be_made_no_renewal_is_asked_for() {
    let old = due();
    let (scene, _) = Setup { in_file: &old, is_fallback: true, ..Setup::default() }.begin();
    scene.until_held(&old);
    until("it has looked", || scene.shared.status().is_some());
    let left = scene.end();
    assert!(!left.was_asked);
    assert_eq!(left.names, names(["mcp-token", "mcp-tokens"]));
}

/// A clock that breaks down so many times, and then works.
struct BrokenClock {
    clock: SystemClock,
    breaks: AtomicU64,
}

impl Clock for BrokenClock {
    fn now(&self) -> Now {
        let is_worker = thread::current().name() == Some("session");
        let left = self.breaks.load(Ordering::SeqCst);
        if is_worker && left > 0 {
            self.breaks.store(left - 1, Ordering::SeqCst);
            // Not the look with which the worker notes when it began.
            assert!(left.is_multiple_of(2), "planted");
        }
        self.clock.now()
    }
}

#[test]
fn a_worker_that_broke_down_left_the_session_to_die() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mcp-token");
    let good = fresh("s");
    fs::write(&path, &good).unwrap();
    let clock = BrokenClock { clock: SystemClock::start(), breaks: AtomicU64::new(2) };
    let (shared, nudges) = SharedSession::new(Arc::new(clock));
    let place = TokenPlace { write: path, read_fallback: None, only_session: None, bootstrap: None };
    let (asked, _of_asked) = unbounded();
    let (_answer, answers) = unbounded();
    let daemon = Arc::new(Daemon { ahead_s: 0, asked, answers });
    let worker = Worker::spawn(place, daemon, Arc::clone(&shared), nudges).unwrap();
    until("people are told", || shared.status().is_some_and(|status| status.last_error.is_some()));
    assert_eq!(shared.why_none().0, WhyNone::NoWorker);
    // A call that comes now waits for it.
    let lease = shared.renewed_after(Generation::default());
    assert_eq!(lease.session.unwrap().token().expose(), good);
    worker.shut_down();
}

#[test]
fn a_worker_that_was_started_again_served_an_older_token_than_before() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mcp-token");
    let (older, later) = (token("s", unix_seconds() - 60, Some(unix_seconds() + 540)), fresh("s"));
    fs::write(&path, &later).unwrap();
    let clock = Arc::new(BrokenClock { clock: SystemClock::start(), breaks: AtomicU64::new(0) });
    let (shared, nudges) = SharedSession::new(Arc::clone(&clock) as Arc<dyn Clock>);
    let place = TokenPlace { write: path.clone(), read_fallback: None, only_session: None, bootstrap: None };
    let (asked, _of_asked) = unbounded();
    let (_answer, answers) = unbounded();
    let daemon = Arc::new(Daemon { ahead_s: 0, asked, answers });
    let worker = Worker::spawn(place, daemon, Arc::clone(&shared), nudges).unwrap();
    until("it is served", || shared.current().session.is_some());
    // Another program puts the older one back, and then the worker breaks down.
    fs::write(&path, &older).unwrap();
    clock.breaks.store(2, Ordering::SeqCst);
    shared.renewed_after(shared.current().generation);
    until("it has broken down", || clock.breaks.load(Ordering::SeqCst) == 0);
    until("the file holds the later one again", || fs::read_to_string(&path).unwrap() == later);
    let held = || shared.current().session.map(|session| session.token().expose().to_owned());
    until("the later one is served again", || held().as_deref() == Some(&later));
    worker.shut_down();
}

#[test]
fn a_renewal_whose_thread_broke_down_is_one_that_was_not_answered() {
    let scene = Scene::begin(&due());
    scene.asked();
    scene.answer.send(Answer::Break).unwrap();
    until("it is told", || scene.shared.status().is_some_and(|status| status.last_error.is_some()));
    scene.asked();
    let new = fresh("s");
    scene.answer.send(Answer::Grant(new.clone())).unwrap();
    scene.until_held(&new);
    assert_eq!(scene.end().in_file, new);
}

#[test]
fn a_worker_that_could_not_be_started_at_once_was_never_started() {
    let (shared, nudges) = SharedSession::new(Arc::new(SystemClock::start()));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mcp-token");
    fs::write(&path, fresh("s")).unwrap();
    let (started, of_started) = bounded(1);
    let (of_shared, mut refusals) = (Arc::clone(&shared), 2);
    shared.start_with(move || {
        if refusals > 0 {
            refusals -= 1;
            return Err(std::io::ErrorKind::WouldBlock.into());
        }
        let place =
            TokenPlace { write: path.clone(), read_fallback: None, only_session: None, bootstrap: None };
        let (asked, _) = unbounded();
        let daemon = Arc::new(Daemon { ahead_s: 0, asked, answers: crossbeam_channel::never() });
        started.send(Worker::spawn(place, daemon, Arc::clone(&of_shared), nudges.clone())?).unwrap();
        Ok(())
    });
    assert_eq!(shared.why_none().0, WhyNone::NoWorker, "no call advises a new session");
    assert_eq!(shared.status().unwrap().last_error.as_deref(), Some("no_thread"));
    // Whoever owns the main loop comes by again and again.
    until("it is started", || shared.tend().is_none());
    until("calls are served", || shared.current().session.is_some());
    of_started.recv_timeout(TIME_MAX).unwrap().shut_down();
}

/// Half a minute passes with every look at it.
struct HastyClock {
    looks: AtomicU64,
}

impl Clock for HastyClock {
    fn now(&self) -> Now {
        let looks = self.looks.fetch_add(1, Ordering::SeqCst);
        Now { wall: Timestamp::from_unix_seconds(unix_seconds()), mono: Duration::from_secs(30 * looks) }
    }
}

#[test]
fn nobody_waits_beyond_the_bound_for_a_worker_that_does_not_answer() {
    let (shared, nudges) = SharedSession::new(Arc::new(HastyClock { looks: AtomicU64::new(0) }));
    assert_eq!(shared.status(), None, "nobody has looked yet");
    assert_eq!(shared.settled_status().state, State::Error);
    assert!(shared.renewed_after(Generation::default()).session.is_none());
    drop(nudges);
}
