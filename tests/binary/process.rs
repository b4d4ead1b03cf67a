//! The process among others: a stderr that nobody reads, signals, launchers that exit.

use std::process::Command;
use std::time::Duration;

use super::Scene;
use super::daemon::{Daemon, program};

#[path = "process/unread.rs"]
mod unread;

pub(crate) const SCENES: &[Scene] = &[
    ("nobody reads stderr, calls fail by the hundred and a renewal falls due", unread::by_the_hundred),
    ("a terminal that is stopped with Ctrl-S is stderr", unread::stopped_terminal),
    ("nobody reads stderr of a command", unread::commands),
    ("a socket that nobody reads is stderr", unread::socket),
    ("stderr is a pipe whose reader has gone", unread::reader_gone),
    ("stderr is a file, and a full disk", unread::files),
];

/// The end of a program that has nothing to wait for any more, on a busy machine.
const AT_ONCE: Duration = Duration::from_secs(2);

/// A command, for this daemon.
fn command(daemon: &Daemon, words: &[&str]) -> Command {
    let mut command = program();
    command.args(words);
    command.env("WAIAAS_BASE_URL", daemon.base_url()).env("WAIAAS_DATA_DIR", daemon.data_dir());
    command
}
