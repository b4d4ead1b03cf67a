//! Reading JSON with comments and trailing commas, every value with the place where it stands.
//!
//! Used by the editor of such files and by those who look into them. Pure. A second member of the same name is an
//! error here, although most readers take the last one: nobody knows which of the two a person means. Refuses to
//! change anything.

use std::collections::HashSet;
use std::ops::Range;

use super::edit::Refusal;
use super::value::Value;

/// Deepest nesting. Clients' files nest a dozen deep; the reader calls itself, and the stack is finite.
const DEPTH_MAX: u32 = 128;

/// A value and its place in the text.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) span: Range<usize>,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    Object(Vec<Member>),
    Array(Vec<Node>),
    String(String),
    Bool(bool),
    /// A number or `null`.
    Other,
}

/// A member of an object.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: String,
    /// Where its name begins.
    pub(super) start: usize,
    pub(super) value: Node,
}

/// Reads a whole file. `None` if there is no value in it: it is empty, or all comments.
pub(super) fn parse(text: &str, comments: bool) -> Result<Option<Node>, Refusal> {
    let mut reader = Reader { text, at: 0, comments };
    if text.starts_with('\u{feff}') {
        reader.at = '\u{feff}'.len_utf8();
    }
    reader.skip()?;
    if reader.at == text.len() {
        return Ok(None);
    }
    let node = reader.value(0)?;
    reader.skip()?;
    match reader.at == text.len() {
        true => Ok(Some(node)),
        false => Err(reader.wrong("something stands behind the end")),
    }
}

/// The first place at or after `at` that is no white space and no comment. The text must have been read before.
pub(super) fn after_trivia(text: &str, at: usize) -> usize {
    let mut reader = Reader { text, at, comments: true };
    // A comment that does not end was found when the file was read.
    let _ = reader.skip();
    reader.at
}

/// The end of the comments that begin on the same line as `at`, or `at` if there are none.
pub(super) fn after_line_comments(text: &str, at: usize) -> usize {
    let mut end = at;
    let mut reader = Reader { text, at, comments: true };
    loop {
        reader.at += text[reader.at..].len() - text[reader.at..].trim_start_matches([' ', '\t']).len();
        if reader.comment() != Ok(true) {
            return end;
        }
        end = reader.at;
    }
}

impl Node {
    /// The member of an object. `None` if this is no object, or has no such member.
    pub(super) fn member(&self, name: &str) -> Option<&Member> {
        let Kind::Object(members) = &self.kind else { return None };
        members.iter().find(|member| member.name == name)
    }

    /// What it says.
    pub(super) fn value(&self, text: &str) -> Value {
        match &self.kind {
            Kind::Object(members) => {
                let member = |member: &Member| (member.name.clone(), member.value.value(text));
                Value::Map(members.iter().map(member).collect())
            }
            Kind::Array(items) => Value::List(items.iter().map(|item| item.value(text)).collect()),
            Kind::String(string) => Value::String(string.clone()),
            Kind::Bool(bool) => Value::Bool(*bool),
            Kind::Other => Value::Other(text[self.span.clone()].to_owned()),
        }
    }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    comments: bool,
}

impl Reader<'_> {
    fn wrong(&self, reason: impl Into<String>) -> Refusal {
        Refusal::at(reason, self.text, self.at)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Takes this byte, if it is the next one.
    fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    /// Skips white space and comments.
    fn skip(&mut self) -> Result<(), Refusal> {
        loop {
            while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
                self.at += 1;
            }
            if !self.comment()? {
                return Ok(());
            }
        }
    }

    /// Skips one comment, if one begins here. The line end after `//` is not part of it.
    fn comment(&mut self) -> Result<bool, Refusal> {
        let rest = &self.text[self.at..];
        let length = if rest.starts_with("//") {
            let line = rest.split('\n').next().unwrap_or_default();
            line.trim_end_matches('\r').len()
        } else if let Some(inside) = rest.strip_prefix("/*") {
            match inside.find("*/") {
                Some(end) => "/**/".len() + end,
                None => return Err(self.wrong("a comment does not end")),
            }
        } else {
            return Ok(false);
        };
        if !self.comments {
            return Err(self.wrong("there is a comment, which this client does not read"));
        }
        self.at += length;
        Ok(true)
    }

    fn value(&mut self, depth: u32) -> Result<Node, Refusal> {
        if depth > DEPTH_MAX {
            return Err(self.wrong(format!("it nests deeper than {DEPTH_MAX} levels")));
        }
        let start = self.at;
        let kind = match self.peek() {
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.array(depth)?,
            Some(b'"') => Kind::String(self.string()?),
            Some(_) => self.word()?,
            None => return Err(self.wrong("it ends where a value is missing")),
        };
        Ok(Node { span: start..self.at, kind })
    }

    fn object(&mut self, depth: u32) -> Result<Kind, Refusal> {
        self.at += 1;
        let mut members: Vec<Member> = Vec::new();
        loop {
            self.skip()?;
            if self.closes(b'}', members.is_empty())? {
                break;
            }
            let start = self.at;
            if self.peek() != Some(b'"') {
                return Err(self.wrong("a member's name in quotes is missing"));
            }
            let name = self.string()?;
            self.skip()?;
            if !self.take(b':') {
                return Err(self.wrong("a colon is missing"));
            }
            self.skip()?;
            let value = self.value(depth + 1)?;
            members.push(Member { name, start, value });
            self.skip()?;
            if !self.take(b',') && self.peek() != Some(b'}') {
                return Err(self.wrong("a comma or a closing brace is missing"));
            }
        }
        let mut names = HashSet::new();
        match members.iter().find(|member| !names.insert(member.name.as_str())) {
            Some(member) => {
                let reason = format!("there is a second member {:?}", member.name);
                Err(Refusal::at(reason, self.text, member.start))
            }
            None => Ok(Kind::Object(members)),
        }
    }

    fn array(&mut self, depth: u32) -> Result<Kind, Refusal> {
        self.at += 1;
        let mut items = Vec::new();
        loop {
            self.skip()?;
            if self.closes(b']', items.is_empty())? {
                return Ok(Kind::Array(items));
            }
            items.push(self.value(depth + 1)?);
            self.skip()?;
            if !self.take(b',') && self.peek() != Some(b']') {
                return Err(self.wrong("a comma or a closing bracket is missing"));
            }
        }
    }

    /// Whether the container ends here. After a comma only a file with comments may end it.
    fn closes(&mut self, bracket: u8, is_empty: bool) -> Result<bool, Refusal> {
        if self.peek() != Some(bracket) {
            return Ok(false);
        }
        let is_after_comma = !is_empty && self.text[..self.at].trim_end().ends_with(',');
        if is_after_comma && !self.comments {
            return Err(self.wrong("there is a comma before the end, which this client does not read"));
        }
        self.at += 1;
        Ok(true)
    }

    fn string(&mut self) -> Result<String, Refusal> {
        let start = self.at;
        let mut escaped = false;
        let length = self.text[start + 1..].bytes().position(|byte| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends
        });
        let end = length.map(|length| start + 1 + length + 1);
        let Some(end) = end else { return Err(self.wrong("a string does not end")) };
        // Escapes, control characters and lone surrogates are serde's to judge.
        match serde_json::from_str(&self.text[start..end]) {
            Ok(string) => {
                self.at = end;
                Ok(string)
            }
            Err(_) => Err(self.wrong("this is not a JSON string")),
        }
    }

    /// `true`, `false`, `null` or a number.
    fn word(&mut self) -> Result<Kind, Refusal> {
        let rest = &self.text[self.at..];
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
        let word = &rest[..rest.len() - rest.trim_start_matches(is_part).len()];
        let kind = match word {
            "true" => Kind::Bool(true),
            "false" => Kind::Bool(false),
            word if !word.is_empty() && crate::json::is_one_value(word) => Kind::Other,
            _ => return Err(self.wrong("this is not a JSON value")),
        };
        self.at += word.len();
        Ok(kind)
    }
}
