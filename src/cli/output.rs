//! What commands print: results on stdout, complaints on stderr.
//!
//! Used by the commands that print a result; `serve` is not one of them, its stdout belongs to the protocol.
//! Refuses to be the reason for a panic: a closed pipe is a reader that has seen enough.

use std::io::{self, ErrorKind, Write as _};

use super::Failure;
use crate::log::{Foreign, Loggable as _};

/// Prints a result.
///
/// # Errors
/// [`Failure`] if it could not be written, for another reason than that nobody reads it any more.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure {
            what: format!("the result could not be written: {error}"),
            advice: "Look at what stdout is connected to.".to_owned(),
        }),
        _ => Ok(()),
    }
}

/// Where a command writes that goes on running.
pub(super) fn writer() -> impl io::Write {
    io::stdout()
}

/// Says on stderr what happened and what to do.
pub(super) fn complain(what: &str, advice: &str) {
    let text = format!("waiaas-mcp: {what}\n{advice}\n");
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Says something on stderr that is neither a result nor a failure.
pub(super) fn remark(text: &str) {
    let _ = io::stderr().lock().write_all(format!("{text}\n").as_bytes());
}

/// Text from outside, as it can be shown on a terminal: cut, and without anything that would steer it.
pub(super) fn foreign(text: &str) -> String {
    let mut shown = String::new();
    // Writing to a String cannot fail.
    let _ = Foreign(text).write(&mut shown);
    shown
}
