//! A request of the operating system to stop arrives as one message, and ends nothing by itself.
//!
//! One test alone in its program: a handler is the whole process's.

#![cfg(unix)]

use std::process::{Command, id};
use std::time::Duration;

use waiaas_mcp::cli::signals::stop_requests;

/// Longest wait for a signal that was sent.
const TIME_MAX: Duration = Duration::from_secs(10);

#[test]
fn sigterm_and_sigint_ask_to_stop() {
    for signal in ["-TERM", "-INT"] {
        let stopped = stop_requests().expect("a handler");
        assert!(stopped.try_recv().is_err(), "{signal} was not sent yet");
        let sent = Command::new("kill").args([signal, &id().to_string()]).status().expect("kill");
        assert!(sent.success());
        assert_eq!(stopped.recv_timeout(TIME_MAX), Ok(()), "{signal}");
    }
}
