//! Lines that stderr has not taken yet, in the order in which they were written, and how many of them were lost.
//!
//! Used by [`super::sink`], which writes. Pure. What is kept is bounded; beyond that lines are counted, and where they
//! would have stood a line says how many they were.

use std::collections::VecDeque;

use super::{Area, Level};

/// Bytes that are kept for a reader who has stopped reading: as much again as a pipe holds.
const KEPT_BYTES_MAX: usize = 64 * 1024;

/// What waits to be written.
pub(super) struct Backlog {
    pieces: VecDeque<Piece>,
    /// Bytes in the pieces.
    bytes: usize,
    /// A line was broken off: what is written next begins a new one.
    is_torn: bool,
}

enum Piece {
    /// One or more whole lines.
    Text {
        bytes: Vec<u8>,
        written: usize,
        /// How many lines are lost with it.
        lines: u64,
    },
    /// So many lines were not kept.
    Lost(u64),
}

impl Backlog {
    pub(super) const fn new() -> Backlog {
        Backlog { pieces: VecDeque::new(), bytes: 0, is_torn: false }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Adds whole lines, or counts them where there is no room.
    pub(super) fn push(&mut self, text: &str) {
        let lines = text.lines().count() as u64;
        if self.bytes > 0 && self.bytes.saturating_add(text.len()) > KEPT_BYTES_MAX {
            return self.lose(lines);
        }
        self.bytes = self.bytes.saturating_add(text.len());
        self.pieces.push_back(Piece::Text { bytes: text.as_bytes().to_vec(), written: 0, lines });
    }

    /// What is to be written next, in one piece.
    pub(super) fn next(&mut self) -> Option<&[u8]> {
        if let Some(Piece::Lost(lines)) = self.pieces.front() {
            let (lines, new_line) = (*lines, if self.is_torn { "\n" } else { "" });
            let notice = super::line(Area::Server, Level::Warn, "log.lost", &[("lines", &lines)]);
            let bytes = format!("{new_line}{notice}").into_bytes();
            self.bytes = self.bytes.saturating_add(bytes.len());
            self.pieces[0] = Piece::Text { bytes, written: 0, lines };
        }
        match self.pieces.front() {
            Some(Piece::Text { bytes, written, .. }) => bytes.get(*written..),
            _ => None,
        }
    }

    /// So many bytes of it were written.
    pub(super) fn advance(&mut self, count: usize) {
        self.is_torn = false;
        self.bytes = self.bytes.saturating_sub(count);
        if let Some(Piece::Text { bytes, written, .. }) = self.pieces.front_mut() {
            *written = written.saturating_add(count);
            if *written >= bytes.len() {
                self.pieces.pop_front();
            }
        }
    }

    /// Nothing can be written now: all of it is lost. Told as soon as something can be written again.
    pub(super) fn lose_all(&mut self) {
        let mut lost: u64 = 0;
        for piece in self.pieces.drain(..) {
            lost = lost.saturating_add(match piece {
                Piece::Text { lines, written, .. } => {
                    self.is_torn |= written > 0;
                    lines
                }
                Piece::Lost(lines) => lines,
            });
        }
        self.bytes = 0;
        self.lose(lost);
    }

    fn lose(&mut self, count: u64) {
        match self.pieces.back_mut() {
            Some(Piece::Lost(lines)) => *lines = lines.saturating_add(count),
            _ => self.pieces.push_back(Piece::Lost(count)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything that is written of it, when so many bytes at most are taken at once.
    fn written(backlog: &mut Backlog, at_once: usize) -> String {
        let mut text = Vec::new();
        while let Some(bytes) = backlog.next() {
            let taken = bytes.len().min(at_once);
            text.extend_from_slice(&bytes[..taken]);
            backlog.advance(taken);
        }
        assert_eq!(backlog.bytes, 0);
        String::from_utf8(text).expect("UTF-8")
    }

    fn notice(lines: u64) -> String {
        format!("[waiaas-mcp] level=warn event=log.lost lines={lines}\n")
    }

    #[test]
    fn lines_are_written_in_order_however_much_is_taken_at_once() {
        for at_once in [1, 3, 1000] {
            let mut backlog = Backlog::new();
            backlog.push("one\n");
            backlog.push("two\nthree\n");
            assert_eq!(written(&mut backlog, at_once), "one\ntwo\nthree\n");
            assert!(backlog.is_empty());
        }
    }

    #[test]
    fn what_there_is_no_room_for_is_counted_where_it_would_have_stood() {
        let mut backlog = Backlog::new();
        let line = format!("{}\n", "x".repeat(999));
        let kept = KEPT_BYTES_MAX / line.len();
        for _ in 0..kept + 5 {
            backlog.push(&line);
        }
        backlog.push(&line.replacen('x', "\n", 1));
        backlog.push("short\n");
        backlog.push(&line);
        assert_eq!(
            written(&mut backlog, 500),
            format!("{}{}short\n{}", line.repeat(kept), notice(7), notice(1))
        );
        backlog.push("later\n");
        assert_eq!(written(&mut backlog, 500), "later\n");
    }

    #[test]
    fn a_line_that_is_longer_than_all_that_is_kept_is_written_if_nothing_waits() {
        let mut backlog = Backlog::new();
        let long = format!("{}\n", "x".repeat(2 * KEPT_BYTES_MAX));
        backlog.push(&long);
        backlog.push("lost\n");
        assert_eq!(written(&mut backlog, 4096), format!("{long}{}", notice(1)));
    }

    #[test]
    fn what_could_not_be_written_is_counted_until_something_can_be() {
        let mut backlog = Backlog::new();
        backlog.push("one\n");
        backlog.push("two\n");
        assert!(backlog.next().is_some());
        backlog.lose_all();
        backlog.push("three\n");
        // The notice itself is not one of them.
        assert!(backlog.next().is_some());
        backlog.lose_all();
        backlog.push("four\n");
        assert_eq!(written(&mut backlog, 10), format!("{}four\n", notice(3)));
    }

    #[test]
    fn what_follows_a_line_that_was_broken_off_begins_a_new_one() {
        let mut backlog = Backlog::new();
        backlog.push("broken\n");
        assert!(backlog.next().is_some());
        backlog.advance(3);
        backlog.lose_all();
        assert!(backlog.next().is_some());
        backlog.lose_all();
        assert_eq!(written(&mut backlog, 1000), format!("\n{}", notice(1)));
    }
}
