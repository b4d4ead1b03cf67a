//! What commands print: results on stdout, complaints on stderr.
//!
//! Used by the commands that print a result; `serve` is not one of them, its stdout belongs to the protocol.
//! A closed pipe is a reader that has seen enough, and no reason for a panic; a stderr that nobody reads is no reason to
//! wait.

use std::io::{self, ErrorKind, IsTerminal as _, Write as _};

use super::Failure;
use crate::config;
use crate::log::{self, Foreign, Loggable as _};

/// How words are made to stand out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Paint {
    /// With the colours of a terminal.
    Colours,
    /// Not at all.
    Nothing,
}

/// How words on stdout are made to stand out.
pub(super) fn paint() -> Paint {
    if is_terminal() && config::may_colour() { Paint::Colours } else { Paint::Nothing }
}

/// Whether a person reads stdout as it is written.
pub(super) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

impl Paint {
    /// Green.
    pub(super) fn good(self, text: &str) -> String {
        self.with("32", text)
    }

    /// Yellow.
    pub(super) fn odd(self, text: &str) -> String {
        self.with("33", text)
    }

    /// Red.
    pub(super) fn bad(self, text: &str) -> String {
        self.with("31", text)
    }

    fn with(self, colour: &str, text: &str) -> String {
        match self {
            Paint::Colours => format!("\u{1b}[{colour}m{text}\u{1b}[0m"),
            Paint::Nothing => text.to_owned(),
        }
    }
}

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
    log::say(&format!("waiaas-mcp: {what}\n{advice}\n"));
}

/// Says something on stderr that is neither a result nor a failure.
pub(super) fn remark(text: &str) {
    log::say(&format!("{text}\n"));
}

/// Text from outside, as it can be shown on a terminal: cut, and without anything that would steer it.
pub(super) fn foreign(text: &str) -> String {
    let mut shown = String::new();
    // Writing to a String cannot fail.
    let _ = Foreign(text).write(&mut shown);
    shown
}
