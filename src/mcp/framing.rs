//! Newline-delimited framing: bytes to lines, messages to lines, both bounded.
//!
//! Used by `stdio`. Pure. Refuses to know what a line means.

use std::mem;
use std::ops::Range;

use super::message::Outgoing;

/// Longest line accepted, in bytes, without its end. The largest real request, a batch of contract calls,
/// has some hundred kilobytes; a line is held in memory whole.
pub const LINE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What may stand before a newline as a part of the line's end.
const CARRIAGE_RETURN: &[u8] = b"\r";

/// Room that is kept between lines, in bytes, so that one huge line does not weigh for ever.
const BYTES_KEPT: usize = 64 * 1024;

/// What a [`LineBuffer`] holds next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Line<'b> {
    /// A line without its newline.
    Complete(&'b [u8]),
    /// The line was longer than the bound and was skipped to its end.
    TooLong,
}

/// Bytes in, lines out: whatever the pieces they come in, and never more than the bound is held of one line.
#[derive(Default, Debug)]
pub struct LineBuffer {
    bytes: Vec<u8>,
    /// Where the next line begins.
    start: usize,
    /// No newline stands before this.
    scanned: usize,
    /// The line that `start` is in has passed the bound; its beginning is gone.
    skipping: bool,
}

impl LineBuffer {
    /// Takes bytes as they were read.
    pub fn push(&mut self, bytes: &[u8]) {
        self.forget_taken();
        self.bytes.extend_from_slice(bytes);
    }

    fn forget_taken(&mut self) {
        self.bytes.drain(..self.start);
        self.scanned -= self.start;
        self.start = 0;
        if self.bytes.is_empty() {
            self.bytes.shrink_to(BYTES_KEPT);
        }
    }

    /// How many bytes wait to be taken as lines.
    pub fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The next line that has its newline.
    pub fn next_line(&mut self) -> Option<Line<'_>> {
        let Some(at) = self.bytes[self.scanned..].iter().position(|byte| *byte == b'\n') else {
            self.scanned = self.bytes.len();
            if self.skipping || self.len() > LINE_BYTES_MAX + CARRIAGE_RETURN.len() {
                self.skipping = true;
                self.start = self.scanned;
            }
            if self.is_empty() {
                self.forget_taken();
            }
            return None;
        };
        let end = self.scanned + at;
        let line = self.start..end;
        self.start = end + 1;
        self.scanned = self.start;
        Some(self.taken(line))
    }

    /// The line that the end of input has left without a newline.
    pub fn last_line(&mut self) -> Option<Line<'_>> {
        let line = self.start..self.bytes.len();
        self.start = self.bytes.len();
        self.scanned = self.start;
        (self.skipping || !line.is_empty()).then(|| self.taken(line))
    }

    /// Forgets what stands behind the last newline.
    pub fn drop_unfinished(&mut self) {
        let bytes = &self.bytes[self.start..];
        let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(self.start, |at| self.start + at + 1);
        self.skipping &= end > self.start;
        self.bytes.truncate(end);
        self.scanned = self.scanned.min(end);
    }

    fn taken(&mut self, line: Range<usize>) -> Line<'_> {
        let line = &self.bytes[line];
        let bytes = line.strip_suffix(CARRIAGE_RETURN).unwrap_or(line).len();
        let too_long = mem::take(&mut self.skipping) || bytes > LINE_BYTES_MAX;
        if too_long { Line::TooLong } else { Line::Complete(line) }
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

    fn lines(pieces: &[&[u8]]) -> Vec<String> {
        let show = |line: Line<'_>| match line {
            Line::Complete(line) => String::from_utf8_lossy(line).into_owned(),
            Line::TooLong => "too long".to_owned(),
        };
        let mut buffer = LineBuffer::default();
        let mut found = Vec::new();
        for piece in pieces {
            buffer.push(piece);
            while let Some(line) = buffer.next_line() {
                found.push(show(line));
            }
        }
        found.extend(buffer.last_line().map(show));
        assert!(buffer.is_empty() && buffer.next_line().is_none());
        found
    }

    #[test]
    fn lines_come_out_whatever_pieces_they_come_in() {
        let table: &[(&str, &[&str])] = &[
            ("", &[]),
            ("a", &["a"]),
            ("a\n", &["a"]),
            ("a\r\n\n b", &["a\r", "", " b"]),
            ("12345\n6", &["12345", "6"]),
        ];
        for (bytes, expected) in table {
            assert_eq!(lines(&[bytes.as_bytes()]), *expected, "{bytes:?} at once");
            let trickle: Vec<&[u8]> = bytes.as_bytes().chunks(1).collect();
            assert_eq!(lines(&trickle), *expected, "{bytes:?} byte by byte");
        }
    }

    #[test]
    fn a_line_above_the_bound_is_skipped_to_its_end_and_the_next_one_is_taken() {
        let longest = vec![b'x'; LINE_BYTES_MAX];
        assert_eq!(lines(&[&longest, b"\n7"])[0].len(), LINE_BYTES_MAX);
        assert_eq!(lines(&[&longest, b"\r", b"\n7"])[0].len(), LINE_BYTES_MAX + 1);
        assert_eq!(lines(&[&longest, b"x"]), ["too long"]);
        for rest in [&b"x\n7\n"[..], b"x\r\n7\n", b"xxxx\n7"] {
            assert_eq!(lines(&[&longest, rest]), ["too long", "7"]);
        }
        let half = &longest[..LINE_BYTES_MAX / 2 + 1];
        assert_eq!(lines(&[half, half, half, b"\n\n7"]), ["too long", "", "7"]);
        assert_eq!(lines(&[half, half, half]), ["too long"]);
    }

    #[test]
    fn one_huge_line_does_not_weigh_for_ever() {
        let mut buffer = LineBuffer::default();
        buffer.push(&vec![b'x'; 3 * LINE_BYTES_MAX]);
        assert_eq!(buffer.next_line(), None);
        assert!(buffer.is_empty(), "what is too long is not kept");
        assert!(buffer.bytes.capacity() <= BYTES_KEPT);
        buffer.push(b"\n");
        assert_eq!(buffer.next_line(), Some(Line::TooLong));
    }

    #[test]
    fn a_message_is_one_line_whatever_is_in_it() {
        let mut out = String::new();
        push_line(&mut out, &Outgoing::notification("n", Some("{\r\n \"a\": \"\\n\"\n}")));
        assert_eq!(out, "{\"jsonrpc\":\"2.0\",\"method\":\"n\",\"params\":{   \"a\": \"\\n\" }}\n");
    }
}
