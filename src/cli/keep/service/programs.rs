//! The system's own commands for services: `systemctl`, `launchctl`, `schtasks`. The one file of this program, beside the
//! demo's, that starts another.
//!
//! Used by `install`. What they say is shown only where they fail, and in one line. A command that does not end is given
//! up after a bound.

use std::io::{self, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, after, bounded};

use super::Step;
use crate::cli::output;
use crate::time::Clock;

/// Longest wait for a command. A service that starts is waited for by `systemctl`, for its `TimeoutStartSec`.
const TIME_MAX: Duration = Duration::from_secs(90);

/// Pause between two looks whether it has ended.
const POLL: Duration = Duration::from_millis(20);

/// Longest wait for the rest of what a command says that has ended.
const SAID_WAIT_MAX: Duration = Duration::from_secs(1);

/// Longest piece of what it says that is looked at, in bytes.
const SAID_BYTES_MAX: u64 = 8 * 1024;

/// Runs a command.
///
/// # Errors
/// Why it failed, in one line.
pub(super) fn run(step: &Step, clock: &dyn Clock) -> Result<(), String> {
    let fault = |why: String| format!("{}: {why}", step.typed());
    let mut child = Command::new(step.program)
        .args(&step.arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| fault(error.to_string()))?;
    let said = child.stderr.take().map(listen);
    match wait(&mut child, clock) {
        None => Err(fault(format!("it did not end within {} s", TIME_MAX.as_secs()))),
        Some(status) if status.success() => Ok(()),
        Some(status) => {
            let text = said.and_then(|said| said.recv_timeout(SAID_WAIT_MAX).ok()).unwrap_or_default();
            let line = text.lines().map(str::trim).find(|line| !line.is_empty());
            Err(fault(line.map_or_else(|| status.to_string(), output::foreign)))
        }
    }
}

/// Reads what it says, on a thread of its own: a pipe that nobody reads could keep it from ending.
fn listen(mut stream: impl Read + Send + 'static) -> Receiver<String> {
    let (said, heard) = bounded(1);
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = stream.by_ref().take(SAID_BYTES_MAX).read_to_end(&mut bytes);
        let _ = io::copy(&mut stream, &mut io::sink());
        let _ = said.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    heard
}

/// Waits for its end. `None`: it did not come, and the command was ended by force.
fn wait(child: &mut Child, clock: &dyn Clock) -> Option<ExitStatus> {
    let deadline = clock.now().mono.saturating_add(TIME_MAX);
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if clock.now().mono < deadline => {
                let _ = after(POLL).recv();
            }
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::time::SystemClock;

    fn sh(script: &str) -> Result<(), String> {
        run(&Step::new("sh", &["-c", script]), &SystemClock::start())
    }

    #[test]
    fn a_command_that_fails_is_quoted_in_one_line() {
        assert_eq!(sh("exit 0"), Ok(()));
        let why = sh("echo nothing >&1; printf '\\n  Failed to \\033[31mconnect\\nmore\\n' >&2; exit 1")
            .unwrap_err();
        assert!(why.ends_with(": Failed to ?[31mconnect"), "{why}");
        assert!(sh("exit 3").unwrap_err().contains("exit status: 3"));
        let missing = run(&Step::new("waiaas-no-such-command", &["x"]), &SystemClock::start()).unwrap_err();
        assert!(missing.starts_with("waiaas-no-such-command x: "), "{missing}");
        // More than a pipe holds.
        assert_eq!(sh("head -c 200000 /dev/zero >&2"), Ok(()));
    }
}
