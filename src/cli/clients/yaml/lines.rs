//! The lines of a YAML file that say something, with their indentation and their place.
//!
//! Used by the reader of YAML. Pure. Takes out empty lines, comments and the mark of the document's beginning, and
//! refuses what makes indentation or documents unclear.

use std::ops::Range;

use super::Refusal;

/// A line that says something.
#[derive(Clone, Copy)]
pub(super) struct Line<'t> {
    /// Spaces in front.
    pub(super) indent: usize,
    /// Its first byte behind these.
    pub(super) start: usize,
    /// What follows, with a comment if there is one.
    pub(super) content: &'t str,
    /// The byte behind it, where its line end begins.
    pub(super) end: usize,
}

impl Line<'_> {
    /// Whether it begins an item of a sequence.
    pub(super) fn is_item(&self) -> bool {
        self.content == "-" || self.content.starts_with("- ")
    }
}

/// The lines from byte `from`, which is the end of a line, with their places; line ends not counted.
pub(super) fn raw(text: &str, from: usize) -> impl Iterator<Item = (Range<usize>, &str)> {
    let rest = text.get(from..).unwrap_or_default();
    let mut start = from + rest.find('\n').map_or(rest.len(), |newline| newline + 1);
    text.get(start..).unwrap_or_default().split_inclusive('\n').map(move |line| {
        let content = line.trim_end_matches('\n').trim_end_matches('\r');
        let range = start..start + content.len();
        start += line.len();
        (range, content)
    })
}

/// The lines that say something.
pub(super) fn lines(text: &str) -> Result<Vec<Line<'_>>, Refusal> {
    let mut lines: Vec<Line<'_>> = Vec::new();
    let mut start = text.len() - text.trim_start_matches('\u{feff}').len();
    let mut has_begun = false;
    for whole in text[start..].split_inclusive('\n') {
        let line = whole.trim_end_matches('\n').trim_end_matches('\r');
        let content = line.trim_start_matches(' ');
        let indent = line.len() - content.len();
        let at = start + indent;
        let wrong = |reason: &str| Refusal::at(reason, text, at);
        let end = start + line.len();
        start += whole.len();
        if content.trim().is_empty() || content.starts_with('#') {
            continue;
        }
        if content.starts_with('\t') {
            return Err(wrong("the indentation contains a tab"));
        }
        if line.contains('\r') {
            return Err(wrong("there is a carriage return inside a line"));
        }
        if indent == 0 && content.trim_end() == "---" && lines.is_empty() && !has_begun {
            has_begun = true;
            continue;
        }
        let marks_document = ["---", "..."].iter().any(|mark| {
            let rest = line.strip_prefix(mark);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
        });
        if marks_document || line.starts_with('%') {
            return Err(wrong("it has more than one document, or directives"));
        }
        lines.push(Line { indent, start: at, content, end });
    }
    Ok(lines)
}
