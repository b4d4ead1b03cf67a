//! What the worker itself writes into the log, as the log has it. A program of its own, because a process has one log.

#![cfg(unix)]
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests prepare and examine real files")]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::unbounded;
use waiaas_mcp::http::{Credential, HttpFault, HttpFaultKind, Request, Response, Transport};
use waiaas_mcp::log::{self, Level};
use waiaas_mcp::session::shared::SharedSession;
use waiaas_mcp::session::worker::Worker;
use waiaas_mcp::session::{Generation, TokenPlace};
use waiaas_mcp::time::SystemClock;

mod support;
use support::token;

struct Down;

impl Transport for Down {
    fn send(&self, _: &Request, _: Credential<'_>, _: Duration) -> Result<Response, HttpFault> {
        Err(HttpFault { kind: HttpFaultKind::Unreachable, sent: false, detail: String::new() })
    }
}

/// The names of all that is logged while a worker keeps a file of this mode and is asked for a token three times.
fn logged_with(mode: u32, of_log: &crossbeam_channel::Receiver<String>) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mcp-token");
    fs::write(&path, token("s", 0, None)).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    let place = TokenPlace { write: path, read_fallback: None, only_session: None, bootstrap: None };
    let (shared, nudges) = SharedSession::new(Arc::new(SystemClock::start()));
    let worker = Worker::spawn(place, Arc::new(Down), Arc::clone(&shared), nudges).unwrap();
    for _ in 0..3 {
        // Answered once the worker has looked at the file.
        shared.renewed_after(Generation::default());
    }
    worker.shut_down();
    of_log.try_iter().collect()
}

#[test]
fn a_token_file_that_others_can_read_is_told_of_once() {
    let (heard, of_log) = unbounded();
    log::set_threshold(Level::Error);
    log::read_along(move |event| drop(heard.send(event.name.to_owned())));
    log::set_reading(Some(Level::Debug));
    let times = |names: &[String], name: &str| names.iter().filter(|told| *told == name).count();
    for (mode, told) in [(0o600, 0), (0o640, 1), (0o604, 1)] {
        let names = logged_with(mode, &of_log);
        assert_eq!(times(&names, "session.loaded"), 1, "{names:?}");
        assert_eq!(times(&names, "token_file.readable_by_others"), told, "{mode:o}: {names:?}");
    }
}
