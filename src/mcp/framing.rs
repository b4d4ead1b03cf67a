//! Newline-delimited framing: bytes to lines, messages to lines, both bounded.
//!
//! Used by `stdio`. Pure over `BufRead` and `String`. Refuses to know what a line means.

use std::io::{BufRead, ErrorKind, Result};

use super::message::Outgoing;

/// Longest line accepted, in bytes, without its newline. The largest real request, a batch of contract calls,
/// has some hundred kilobytes; a line is held in memory whole.
pub const LINE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Room for a line that is kept between lines, in bytes, so that one huge line does not weigh for ever.
const LINE_BYTES_KEPT: usize = 64 * 1024;

/// What [`read_line`] found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Line {
    /// A line, with or without a newline at its end, is in the buffer (the newline is not).
    Complete,
    /// The line was longer than the bound and was skipped to its end.
    TooLong,
    /// There are no more lines.
    End,
}

/// Reads the next line into `line`, at most `bytes_max` bytes of it.
///
/// # Errors
/// The reader's own, except for an interruption, after which it goes on.
pub fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>, bytes_max: usize) -> Result<Line> {
    line.clear();
    line.shrink_to(LINE_BYTES_KEPT);
    let mut too_long = false;
    let mut something = false;
    loop {
        let available = match reader.fill_buf() {
            Ok(available) => available,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if available.is_empty() {
            return Ok(match (something, too_long) {
                (false, _) => Line::End,
                (true, false) => Line::Complete,
                (true, true) => Line::TooLong,
            });
        }
        something = true;
        let newline = available.iter().position(|byte| *byte == b'\n');
        let part = &available[..newline.unwrap_or(available.len())];
        too_long = too_long || part.len() > bytes_max - line.len();
        if !too_long {
            line.extend_from_slice(part);
        }
        let consumed = newline.map_or(available.len(), |at| at + 1);
        reader.consume(consumed);
        if newline.is_some() {
            return Ok(if too_long { Line::TooLong } else { Line::Complete });
        }
    }
}

/// Appends `message` and its newline. A newline inside the message, which can only be white space between two
/// JSON tokens, becomes a space: nothing that a daemon sends can break the framing.
pub fn push_line(out: &mut String, message: &Outgoing) {
    let text = message.as_json();
    if text.contains(['\n', '\r']) {
        out.extend(text.chars().map(|c| if c == '\n' || c == '\r' { ' ' } else { c }));
    } else {
        out.push_str(text);
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufReader, Read};

    /// Gives one byte at a time and is interrupted before each.
    struct Trickle<'a>(&'a [u8], bool);

    impl Read for Trickle<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(ErrorKind::Interrupted.into());
            }
            let end = buffer.len().min(1);
            self.0.read(&mut buffer[..end])
        }
    }

    fn lines(mut reader: impl BufRead) -> Vec<String> {
        let mut line = Vec::new();
        let mut found = Vec::new();
        loop {
            match read_line(&mut reader, &mut line, 5).expect("a reader in memory does not fail") {
                Line::Complete => found.push(String::from_utf8_lossy(&line).into_owned()),
                Line::TooLong => found.push("too long".to_owned()),
                Line::End => return found,
            }
        }
    }

    #[test]
    fn lines_are_bounded_and_the_last_one_needs_no_newline() {
        let table: &[(&str, &[&str])] = &[
            ("", &[]),
            ("a", &["a"]),
            ("a\n", &["a"]),
            ("a\r\n\n b", &["a\r", "", " b"]),
            ("12345\n6", &["12345", "6"]),
            ("123456\n7", &["too long", "7"]),
            ("123456", &["too long"]),
            ("1234567890123\n\n", &["too long", ""]),
        ];
        for (bytes, expected) in table {
            assert_eq!(lines(bytes.as_bytes()), *expected, "{bytes:?} at once");
            let trickle = BufReader::with_capacity(1, Trickle(bytes.as_bytes(), false));
            assert_eq!(lines(trickle), *expected, "{bytes:?} byte by byte");
        }
    }

    #[test]
    fn one_huge_line_does_not_weigh_for_ever() {
        let mut line = Vec::with_capacity(LINE_BYTES_MAX);
        let end =
            read_line(&mut &b""[..], &mut line, LINE_BYTES_MAX).expect("a reader in memory does not fail");
        assert_eq!(end, Line::End);
        assert!(line.capacity() <= LINE_BYTES_KEPT);
    }

    #[test]
    fn a_message_is_one_line_whatever_is_in_it() {
        let mut out = String::new();
        push_line(&mut out, &Outgoing::notification("n", Some("{\r\n \"a\": \"\\n\"\n}")));
        assert_eq!(out, "{\"jsonrpc\":\"2.0\",\"method\":\"n\",\"params\":{   \"a\": \"\\n\" }}\n");
    }
}
