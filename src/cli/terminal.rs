//! The person at the terminal: questions, and the one whose answer is not shown.
//!
//! Used by the commands that ask. Questions go to stderr, because stdout is for results. Where stdin or stderr is
//! no terminal nobody is asked anything. Refuses to know what is asked.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _};

use super::Failure;
use crate::log;

/// Longest answer that is read, in bytes. Nobody types more; a terminal's own limit is about this too.
const ANSWER_BYTES_MAX: u64 = 4096;

/// Whether somebody is there to be asked.
pub(super) fn is_there() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// All that comes from stdin, `bytes_max` at most.
///
/// # Errors
/// What the operating system says.
pub(super) fn read_stdin(bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io::stdin().lock().take(bytes_max).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Asks a question and reads a line.
///
/// # Errors
/// [`Failure`] if there is no answer: the terminal is closed, or it was Ctrl-D.
pub(super) fn ask(question: &str) -> Result<String, Failure> {
    log::say(question);
    let mut line = String::new();
    let read = io::stdin().lock().take(ANSWER_BYTES_MAX).read_line(&mut line);
    match read {
        Ok(bytes) if bytes > 0 => Ok(line.trim().to_owned()),
        _ => {
            log::say("\n");
            Err(no_answer())
        }
    }
}

/// Asks whether something is to be done. Anything but a yes is a no.
///
/// # Errors
/// [`Failure`] if there is no answer.
#[cfg_attr(not(feature = "setup"), expect(dead_code, reason = "only `setup` asks for what may be shown"))]
pub(super) fn agrees(question: &str) -> Result<bool, Failure> {
    let answer = ask(&format!("{question} [y/N] "))?;
    Ok(matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// Asks for something that is not shown while it is typed.
///
/// # Errors
/// [`Failure`] if there is no answer.
pub(super) fn ask_hidden(question: &str) -> Result<String, Failure> {
    hidden::ask(question).map_err(|_| no_answer())
}

fn no_answer() -> Failure {
    Failure {
        what: "the question was not answered".to_owned(),
        advice: "Nothing was changed; run it again, or say it with options (--help).".to_owned(),
    }
}

#[cfg(all(unix, feature = "setup"))]
mod hidden {
    //! The terminal without echo. Keys are read one by one, so that Ctrl-C can put the terminal back before it ends
    //! the question; a terminal that a signal left without echo is a broken one.

    use std::fs::{File, OpenOptions};
    use std::io::{self, ErrorKind, Read as _, Write as _};

    use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};

    use super::ANSWER_BYTES_MAX;

    const CTRL_C: u8 = 3;
    const CTRL_D: u8 = 4;
    const BACKSPACE: u8 = 8;
    const CTRL_U: u8 = 21;
    const DELETE: u8 = 127;

    /// Puts the terminal back as it was.
    struct Quiet<'t> {
        terminal: &'t File,
        before: Termios,
    }

    impl<'t> Quiet<'t> {
        fn new(terminal: &'t File) -> io::Result<Quiet<'t>> {
            let before = tcgetattr(terminal)?;
            let mut modes = before.clone();
            modes
                .local_modes
                .remove(LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG);
            modes.special_codes[SpecialCodeIndex::VMIN] = 1;
            modes.special_codes[SpecialCodeIndex::VTIME] = 0;
            // Now, not after a flush: what was typed ahead is an answer too.
            tcsetattr(terminal, OptionalActions::Now, &modes)?;
            Ok(Quiet { terminal, before })
        }
    }

    impl Drop for Quiet<'_> {
        fn drop(&mut self) {
            let _ = tcsetattr(self.terminal, OptionalActions::Now, &self.before);
        }
    }

    /// The question is shown only when nothing that is typed will be.
    #[cfg_attr(not(feature = "setup"), expect(dead_code, reason = "only `setup` asks for what may be shown"))]
    pub(super) fn ask(question: &str) -> io::Result<String> {
        let mut terminal = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
        let quiet = Quiet::new(&terminal)?;
        (&terminal).write_all(question.as_bytes())?;
        let typed = typed(&mut &terminal);
        drop(quiet);
        terminal.write_all(b"\n")?;
        String::from_utf8(typed?).map_err(|_| ErrorKind::InvalidData.into())
    }

    #[expect(clippy::unbuffered_bytes, reason = "what stands behind the line's end is for the next question")]
    fn typed(keys: &mut impl io::Read) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        for key in keys.bytes() {
            match key? {
                b'\n' | b'\r' => return Ok(line),
                CTRL_C => return Err(ErrorKind::Interrupted.into()),
                CTRL_D if line.is_empty() => return Err(ErrorKind::UnexpectedEof.into()),
                BACKSPACE | DELETE => pop(&mut line),
                CTRL_U => line.clear(),
                key if key >= b' ' && (line.len() as u64) < ANSWER_BYTES_MAX => line.push(key),
                _ => {}
            }
        }
        Err(ErrorKind::UnexpectedEof.into())
    }

    /// Takes the last character away, which may be several bytes.
    fn pop(line: &mut Vec<u8>) {
        const IS_CONTINUATION: fn(&u8) -> bool = |byte| byte & 0b1100_0000 == 0b1000_0000;
        while line.pop_if(|byte| IS_CONTINUATION(byte)).is_some() {}
        line.pop();
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn keys_become_a_line() {
            let table: [(&[u8], Result<&str, ErrorKind>); 8] = [
                (b"secret\nmore", Ok("secret")),
                (b"secret\r", Ok("secret")),
                (b"wrong\x15right\n", Ok("right")),
                (b"ax\x7fb\x08c\n", Ok("ac")),
                ("p\u{e4}\x7fq\n".as_bytes(), Ok("pq")),
                (b"\x7f\x7f\n", Ok("")),
                (b"sec\x03ret\n", Err(ErrorKind::Interrupted)),
                (b"\x04", Err(ErrorKind::UnexpectedEof)),
            ];
            for (keys, expected) in table {
                let line = typed(&mut &*keys).map_err(|error| error.kind());
                let line = line.map(|line| String::from_utf8(line).expect("UTF-8"));
                assert_eq!(line.as_deref(), expected.as_ref().copied(), "{keys:?}");
            }
        }
    }
}

#[cfg(not(all(unix, feature = "setup")))]
mod hidden {
    //! This build asks for nothing that must not be shown.

    use std::io;

    pub(super) fn ask(_question: &str) -> io::Result<String> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
