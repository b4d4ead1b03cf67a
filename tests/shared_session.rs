//! The shared session between many calls and one worker: nobody reloads twice, nobody evicts a newer token,
//! nobody waits for ever.
//!
//! The worker is the real one, with a real file and a transport that counts.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests prepare and examine real files")]

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use waiaas_mcp::http::{Credential, HttpFault, HttpFaultKind, Request, Response, Transport};
use waiaas_mcp::log::{self, Level};
use waiaas_mcp::session::shared::SharedSession;
use waiaas_mcp::session::worker::Worker;
use waiaas_mcp::session::{State, TokenPlace};
use waiaas_mcp::time::SystemClock;

mod support;
use support::token;

/// A daemon that refuses every token, and answers nothing else, after a while.
struct Silent {
    takes: Duration,
    asked: AtomicU32,
}

impl Transport for Silent {
    fn send(&self, _: &Request, credential: Credential<'_>, _: Duration) -> Result<Response, HttpFault> {
        if matches!(credential, Credential::Session(_)) {
            let body = br#"{"code":"SESSION_REVOKED"}"#.to_vec();
            return Ok(Response { status: 401, body, date: None, retry_after: None });
        }
        self.asked.fetch_add(1, Ordering::SeqCst);
        thread::park_timeout(self.takes);
        Err(HttpFault { kind: HttpFaultKind::Unreachable, sent: false, detail: String::new() })
    }
}

fn unix_seconds() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

/// A token that is not due for a long time.
fn fresh(id: &str) -> String {
    token(id, unix_seconds(), Some(unix_seconds() + 86_400))
}

fn start(path: &Path, takes: Duration) -> (Arc<SharedSession>, Worker, Arc<Silent>) {
    log::set_threshold(Level::Error);
    let place =
        TokenPlace { write: path.to_owned(), read_fallback: None, only_session: None, bootstrap: None };
    let (shared, nudges) = SharedSession::new(Arc::new(SystemClock::start()));
    let transport = Arc::new(Silent { takes, asked: AtomicU32::new(0) });
    let worker = Worker::spawn(place, Arc::clone(&transport) as _, Arc::clone(&shared), nudges).unwrap();
    (shared, worker, transport)
}

/// Waits, bounded, until the worker has loaded what the file holds.
fn until_served(shared: &SharedSession, id: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while shared.current().session.is_none_or(|session| session.id() != id) {
        assert!(Instant::now() < deadline, "{id} is not served");
        thread::yield_now();
    }
}

#[test]
fn ten_calls_that_are_refused_at_once_cause_one_swap_and_all_get_the_new_token() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mcp-token");
    fs::write(&path, fresh("first")).unwrap();
    let (shared, worker, _) = start(&path, Duration::ZERO);
    until_served(&shared, "first");
    let refused = shared.current().generation;
    let changes = shared.changes(|| {});
    fs::write(&path, fresh("second")).unwrap();

    let together = Barrier::new(10);
    let leases: Vec<_> = thread::scope(|scope| {
        let call = || {
            together.wait();
            shared.renewed_after(refused)
        };
        let calls: Vec<_> = (0..10).map(|_| scope.spawn(call)).collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    for lease in leases {
        assert_eq!(lease.session.unwrap().id(), "second");
        assert_eq!(lease.generation, refused.next(), "one swap for all of them");
    }
    let swaps = changes.try_iter().filter(|change| change.session_changed).count();
    assert_eq!(swaps, 1);
    worker.shut_down();
}

#[test]
fn a_late_401_of_an_old_token_is_answered_at_once_and_evicts_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mcp-token");
    fs::write(&path, fresh("first")).unwrap();
    let (shared, worker, _) = start(&path, Duration::ZERO);
    until_served(&shared, "first");
    let old = shared.current().generation;
    fs::write(&path, fresh("second")).unwrap();
    let new = shared.renewed_after(old);
    for _ in 0..100 {
        let late = shared.renewed_after(old);
        assert_eq!(late.session.unwrap().id(), "second");
        assert_eq!(late.generation, new.generation);
    }
    assert_eq!(shared.current().state, State::Active);
    worker.shut_down();
}

#[test]
fn a_nudge_is_never_lost_however_many_come_while_the_worker_is_busy() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mcp-token");
    let (shared, worker, _) = start(&path, Duration::ZERO);
    // No token at first. Each round a new session appears, and a call that asks then must find it: a lost nudge
    // would leave it waiting for its bound, and without the token.
    for round in 0..200 {
        let id = format!("session-{round}");
        let before = shared.current().generation;
        fs::write(directory.path().join("new"), fresh(&id)).unwrap();
        fs::rename(directory.path().join("new"), &path).unwrap();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let began = Instant::now();
                    let lease = shared.renewed_after(before);
                    assert_eq!(lease.session.unwrap().id(), id);
                    assert!(began.elapsed() < Duration::from_secs(15), "it waited for its bound");
                });
            }
        });
    }
    worker.shut_down();
}

#[test]
fn the_same_refused_token_is_served_to_nobody_and_nobody_waits_long() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mcp-token");
    fs::write(&path, fresh("only")).unwrap();
    let (shared, worker, _) = start(&path, Duration::ZERO);
    until_served(&shared, "only");
    let began = Instant::now();
    let lease = shared.renewed_after(shared.current().generation);
    assert!(lease.session.is_none());
    assert_eq!(lease.state, State::Expired);
    assert!(shared.renewed_after(lease.generation).session.is_none(), "also when asked again");
    assert!(began.elapsed() < Duration::from_secs(15), "they waited for their bound");
    worker.shut_down();
}

#[test]
fn without_a_worker_nobody_waits() {
    let (shared, nudges) = SharedSession::new(Arc::new(SystemClock::start()));
    drop(nudges);
    let began = Instant::now();
    assert!(shared.renewed_after(shared.current().generation).session.is_none());
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn the_programs_end_waits_for_nothing_but_a_renewal() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mcp-token");
    fs::write(&path, fresh("only")).unwrap();
    // The question for the time takes a minute.
    let (_shared, worker, transport) = start(&path, Duration::from_secs(60));
    let deadline = Instant::now() + Duration::from_secs(20);
    while transport.asked.load(Ordering::SeqCst) == 0 {
        assert!(Instant::now() < deadline, "the daemon was never asked for its time");
        thread::yield_now();
    }
    let began = Instant::now();
    worker.shut_down();
    assert!(began.elapsed() < Duration::from_secs(5));
}
