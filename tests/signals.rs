//! A request of the operating system to stop is noted, and ends nothing by itself.
//!
//! One test alone in its program: a handler is the whole process's.

#![cfg(unix)]

use std::process::{Command, id};
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, TryRecvError};
use waiaas_mcp::cli::signals::stop_requests;

/// Longest wait for a signal that was sent.
const TIME_MAX: Duration = Duration::from_secs(10);

#[test]
fn a_signal_asks_to_stop() {
    let stop = stop_requests().expect("a handler");
    assert_eq!(stop.requested().try_recv(), Err(TryRecvError::Empty), "it was not sent yet");
    // One only: the next would end this test.
    let sent = Command::new("kill").args(["-TERM", &id().to_string()]).status().expect("kill");
    assert!(sent.success());
    assert_eq!(stop.requested().recv_timeout(TIME_MAX), Err(RecvTimeoutError::Disconnected));
}
