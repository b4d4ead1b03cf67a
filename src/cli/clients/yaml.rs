//! Reading the part of YAML that configuration files are written in, and putting an entry into one as text.
//!
//! Used by the editor, for goose. Pure. Block mappings and sequences, plain and quoted scalars, block scalars, flow
//! collections on one line, comments. Everything else has a way of meaning something unexpected and is refused by
//! line and column: anchors, aliases, tags, tabs, several documents, values over several lines. Refuses to decide
//! what is to be written.

use super::edit::{Place, Refusal, Splice};
use super::render::{YAML_STEP, yaml_member};
use super::value::Value;
use lines::{Line, lines};

mod lines;
mod scalar;

/// Deepest nesting. The reader calls itself, and the stack is finite.
const DEPTH_MAX: u32 = 64;

/// Most lines. A configuration has some hundreds.
const LINES_MAX: usize = 50_000;

/// Most members of one mapping. Each is compared with those before it.
const MEMBERS_MAX: usize = 2_000;

/// A file that was read.
pub(super) struct Document {
    /// What it says.
    pub(super) value: Value,
    /// The members of the root and of the root's mappings.
    marks: Vec<Mark>,
}

/// Where a member stands.
struct Mark {
    path: Vec<String>,
    /// From its first byte on its first line, the indentation not counted, to the end of its last line, the line
    /// end not counted.
    start: usize,
    end: usize,
    form: Form,
}

/// How a member's value is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Not at all.
    Nothing,
    /// As a block mapping, its members at this indentation.
    Mapping(usize),
    /// In any other way.
    Other,
}

/// Reads a whole file.
pub(super) fn parse(text: &str) -> Result<Document, Refusal> {
    let lines = lines(text)?;
    if lines.len() > LINES_MAX {
        return Err(Refusal::of_all(format!("it has more than {LINES_MAX} lines")));
    }
    let mut reader = Reader { text, lines, next: 0, marks: Vec::new() };
    let value = match reader.lines.first() {
        None => Value::Map(Vec::new()),
        Some(first) if first.indent > 0 || first.is_item() => {
            return Err(reader.wrong("the file does not begin with a member at the margin"));
        }
        Some(_) => reader.mapping(0, &mut Vec::new())?.0,
    };
    match reader.lines.get(reader.next) {
        Some(_) => Err(reader.wrong("this line belongs to nothing above it")),
        None => Ok(Document { value, marks: reader.marks }),
    }
}

/// The splice that puts `value` at `place`, where nothing stands or another entry.
pub(super) fn put(
    text: &str,
    document: &Document,
    place: &Place<'_>,
    value: &Value,
    newline: &'static str,
) -> Result<Vec<Splice>, Refusal> {
    let mark = |path: &[&str]| document.marks.iter().find(|mark| mark.path == path);
    // As the file does it: by what its own members are indented.
    let step = match mark(&[place.top_key]).map(|servers| servers.form) {
        Some(Form::Mapping(indent)) => indent,
        _ => YAML_STEP,
    };
    let member = |indent| {
        let member = yaml_member(place.key, value, indent, step, newline);
        member.strip_suffix(newline).map(str::to_owned).unwrap_or(member)
    };
    if let Some(ours) = mark(&[place.top_key, place.key]) {
        let indent = text[..ours.start].rsplit('\n').next().unwrap_or_default();
        let indent = indent.trim_start_matches('\u{feff}').len();
        return Ok(vec![Splice {
            range: ours.start..ours.end,
            text: member(indent).trim_start_matches(' ').to_owned(),
        }]);
    }
    let Some(servers) = mark(&[place.top_key]) else {
        let before = match text.trim_start_matches('\u{feff}') {
            "" => "",
            lines if lines.ends_with('\n') => "",
            _ => newline,
        };
        let servers = Value::Map(vec![(place.key.to_owned(), value.clone())]);
        let new = yaml_member(place.top_key, &servers, 0, step, newline);
        return Ok(vec![Splice { range: text.len()..text.len(), text: format!("{before}{new}") }]);
    };
    let indent = match servers.form {
        Form::Nothing => YAML_STEP,
        Form::Mapping(indent) => indent,
        Form::Other => {
            let reason = format!("{} is not written as an indented list of members", place.top_key);
            return Err(Refusal::at(reason, text, servers.start));
        }
    };
    let text = format!("{newline}{}", member(indent));
    Ok(vec![Splice { range: servers.end..servers.end, text }])
}

struct Reader<'t> {
    text: &'t str,
    /// Those that say something, of what is left of them.
    lines: Vec<Line<'t>>,
    next: usize,
    marks: Vec<Mark>,
}

impl<'t> Reader<'t> {
    /// About the line that is next.
    fn wrong(&self, reason: impl Into<String>) -> Refusal {
        let at = self.lines.get(self.next).map_or(self.text.len(), |line| line.start);
        Refusal::at(reason, self.text, at)
    }

    /// The next line, if it is indented at least so far.
    fn peek(&self, indent: usize) -> Option<&Line<'t>> {
        self.lines.get(self.next).filter(|line| line.indent >= indent)
    }

    /// A block mapping whose members stand at `indent`. Also returns where it ends.
    fn mapping(&mut self, indent: usize, path: &mut Vec<String>) -> Result<(Value, usize), Refusal> {
        self.check_depth(path)?;
        let mut members: Vec<(String, Value)> = Vec::new();
        let mut end = 0;
        while let Some(line) = self.peek(indent) {
            if line.indent != indent || line.is_item() {
                return Err(self.wrong("this line is indented differently from those above it"));
            }
            let (name, value_at) = scalar::name(line.content).map_err(|reason| self.wrong(reason))?;
            if members.len() >= MEMBERS_MAX {
                return Err(self.wrong(format!("it has more than {MEMBERS_MAX} members")));
            }
            if members.iter().any(|(candidate, _)| *candidate == name) {
                return Err(self.wrong(format!("there is a second member {name:?}")));
            }
            let start = line.start;
            path.push(name.clone());
            let (value, form);
            (value, form, end) = self.member_value(indent, value_at, path)?;
            if path.len() <= 2 {
                self.marks.push(Mark { path: path.clone(), start, end, form });
            }
            path.pop();
            members.push((name, value));
        }
        Ok((Value::Map(members), end))
    }

    /// The value of the member on the next line, whose text begins at `value_at` of the line.
    fn member_value(
        &mut self,
        indent: usize,
        value_at: usize,
        path: &mut Vec<String>,
    ) -> Result<(Value, Form, usize), Refusal> {
        let line = self.lines[self.next];
        let rest = scalar::without_comment(&line.content[value_at..]);
        if !rest.is_empty() {
            let (value, end) = self.scalar(line.start + value_at, indent)?;
            return Ok((value, Form::Other, end));
        }
        self.next += 1;
        let is_child = |line: &Line<'_>| line.indent > indent || (line.indent == indent && line.is_item());
        match self.lines.get(self.next).copied().filter(is_child) {
            None => Ok((Value::null(), Form::Nothing, line.end)),
            Some(child) if child.is_item() => {
                let (value, end) = self.sequence(child.indent, path)?;
                Ok((value, Form::Other, end))
            }
            Some(child) => {
                let (value, end) = self.mapping(child.indent, path)?;
                Ok((value, Form::Mapping(child.indent), end))
            }
        }
    }

    /// A block sequence whose dashes stand at `indent`.
    fn sequence(&mut self, indent: usize, path: &mut Vec<String>) -> Result<(Value, usize), Refusal> {
        self.check_depth(path)?;
        path.push("-".to_owned());
        let mut items = Vec::new();
        let mut end = 0;
        while let Some(line) = self.lines.get(self.next).copied().filter(|line| line.indent == indent) {
            if !line.is_item() {
                break;
            }
            let after = line.content[1..].trim_start_matches(' ');
            let offset = line.content.len() - after.len();
            let value;
            if scalar::without_comment(after).is_empty() {
                return Err(self.wrong("there is nothing on the line of a dash"));
            } else if after.starts_with("- ") || after == "-" {
                return Err(self.wrong("there is a sequence on the line of a dash"));
            } else if scalar::name(after).is_ok() {
                // A mapping that begins on the line of the dash: the rest of the line is its first member.
                let at = line.start + offset;
                self.lines[self.next] =
                    Line { indent: indent + offset, start: at, content: after, end: line.end };
                (value, end) = self.mapping(indent + offset, path)?;
            } else {
                (value, end) = self.scalar(line.start + offset, indent)?;
            }
            items.push(value);
        }
        path.pop();
        match self.peek(indent + 1) {
            Some(_) => Err(self.wrong("this line is indented differently from those above it")),
            None => Ok((Value::List(items), end)),
        }
    }

    /// A value that begins at byte `at` on the next line and belongs to a line with this indentation.
    fn scalar(&mut self, at: usize, indent: usize) -> Result<(Value, usize), Refusal> {
        let line = self.lines[self.next];
        let wrong = |reason: String| Refusal::at(reason, self.text, at);
        let text = &line.content[at - line.start..];
        if text.starts_with(['|', '>']) {
            let header = scalar::block_header(text).map_err(wrong)?;
            let least = header.indent.map(|relative| indent.saturating_add(relative));
            return Ok(self.block_scalar(at, indent, least, header.keeps_end));
        }
        let value = scalar::read(text).map_err(wrong)?;
        self.next += 1;
        match self.peek(indent + 1) {
            Some(_) => Err(self.wrong("a value goes on over several lines")),
            None => Ok((value, line.end)),
        }
    }

    /// The lines below one that ends in `|` or `>`, as they stand there: indented at least as far as the first of
    /// them, or as it was said. A line of the text may look like a comment, or like anything else.
    fn block_scalar(
        &mut self,
        at: usize,
        indent: usize,
        least: Option<usize>,
        keeps_end: bool,
    ) -> (Value, usize) {
        let mut end = self.lines[self.next].end;
        let mut blank_end = end;
        let mut least = least;
        self.next += 1;
        for (range, line) in lines::raw(self.text, end) {
            let is_blank = line.trim().is_empty();
            let line_indent = line.len() - line.trim_start_matches(' ').len();
            if !is_blank && (line_indent <= indent || least.is_some_and(|least| line_indent < least)) {
                break;
            }
            blank_end = range.end;
            if !is_blank {
                end = range.end;
                least = least.or(Some(line_indent));
            }
        }
        if keeps_end {
            end = blank_end;
        }
        while self.lines.get(self.next).is_some_and(|line| line.start < end) {
            self.next += 1;
        }
        (Value::Other(self.text[at..end].to_owned()), end)
    }

    fn check_depth(&self, path: &[String]) -> Result<(), Refusal> {
        match u32::try_from(path.len()).is_ok_and(|depth| depth <= DEPTH_MAX) {
            true => Ok(()),
            false => Err(self.wrong(format!("it nests deeper than {DEPTH_MAX} levels"))),
        }
    }
}
