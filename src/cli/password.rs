//! The master password: from a file, from stdin, from the environment, or from the person at the terminal. Never from
//! the command line, which every process of the machine can read.
//!
//! Used by the commands that make sessions. Refuses to know what it opens.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _};

use super::arguments::Input;
use super::{Failure, terminal};
use crate::config;
use crate::secret::Password;

/// The option that names the file.
pub(super) const OPTION: &str = "password-file";

/// Longest password, in bytes: more would not fit the header that carries it.
const PASSWORD_BYTES_MAX: u64 = 4096;

/// Where a password came from, which decides who can mend a wrong one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Source {
    /// `--password-file`.
    File,
    /// `--password-file -`.
    Stdin,
    /// `WAIAAS_MASTER_PASSWORD`.
    Environment,
    /// It was typed.
    Terminal,
}

/// The master password, from the first place that is named.
///
/// # Errors
/// [`Failure`] if it cannot be read, or nobody can be asked.
pub(super) fn obtain(input: &Input) -> Result<(Password, Source), Failure> {
    if let Some(path) = input.path(OPTION) {
        let source = if path == "-" { Source::Stdin } else { Source::File };
        return Ok((from_file(path)?, source));
    }
    let environment = config::master_password()
        .map_err(|problem| Failure { what: problem.what, advice: problem.advice })?;
    if let Some(password) = environment {
        return Ok((usable(password.expose().to_owned(), config::MASTER_PASSWORD)?, Source::Environment));
    }
    if !terminal::is_there() {
        return Err(Failure {
            what: "there is no master password, and no terminal to ask at".to_owned(),
            advice: format!("Give --{OPTION} FILE (- is stdin), or set {}.", config::MASTER_PASSWORD),
        });
    }
    let typed = terminal::ask_hidden("Master password of the daemon: ")?;
    Ok((usable(typed, "what was typed")?, Source::Terminal))
}

fn from_file(path: &OsString) -> Result<Password, Failure> {
    let is_stdin = path == "-";
    let name = if is_stdin { "stdin".to_owned() } else { path.to_string_lossy().into_owned() };
    let bytes = if is_stdin { terminal::read_stdin(PASSWORD_BYTES_MAX + 1) } else { read(path) };
    let bytes = bytes.map_err(|error| Failure {
        what: format!("the password cannot be read from {name}: {error}"),
        advice: "Give a file that this user may read, with the password and nothing else.".to_owned(),
    })?;
    let text = String::from_utf8(bytes).map_err(|_| unfit(&name, "it is not text in UTF-8"))?;
    usable(text.trim_end_matches(['\r', '\n']).to_owned(), &name)
}

/// Anything that can be read: a file, a descriptor of the shell, a pipe with a name.
fn read(path: &OsString) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(PASSWORD_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A password that can be sent. What is wrong with another is said without showing it.
fn usable(text: String, from: &str) -> Result<Password, Failure> {
    if text.is_empty() {
        return Err(unfit(from, "it is empty"));
    }
    if text.len() as u64 > PASSWORD_BYTES_MAX {
        return Err(unfit(from, "it is too long"));
    }
    if text.contains(char::is_control) {
        return Err(unfit(from, "it has more than one line, or a control character"));
    }
    Ok(Password::new(text))
}

fn unfit(from: &str, why: &str) -> Failure {
    Failure {
        what: format!("this is no password ({from}): {why}"),
        advice: "Write the daemon's master password and nothing else.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_a_password_is_sent() {
        for good in ["x", " two words ", "p\u{e4}ss", &"y".repeat(4096)] {
            assert_eq!(usable(good.to_owned(), "a test"), Ok(Password::new(good.to_owned())));
        }
        for bad in ["", "a\nb", "a\tb", "\u{1b}[0m", &"y".repeat(4097)] {
            let failure = usable(bad.to_owned(), "a test").expect_err(bad);
            assert!(bad.is_empty() || !failure.what.contains(bad), "{failure:?}");
        }
    }
}
