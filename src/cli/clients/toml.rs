//! Reading a TOML file and putting an entry into it as text.
//!
//! Used by the editor, for Codex. Pure. The tokens are `toml_parser`'s; what they mean together is put together
//! here: every header and every pair with its place, and the tables that follow from them. What would be edited
//! only with luck is refused: a table that is written as a value, an entry that is spread over the file.

use std::borrow::Cow;
use std::ops::Range;

use toml_parser::decoder::ScalarKind;
use toml_parser::parser::{Event, EventKind, EventReceiver, RecursionGuard, parse_document};
use toml_parser::{ParseError, Source};

use super::edit::{Place, Refusal, Splice};
use super::render::{toml_inline, toml_tables};
use super::value::Value;

/// Deepest nesting of arrays and inline tables. The parser calls itself, and the stack is finite.
const DEPTH_MAX: u32 = 128;

/// Most headers and pairs. Each is compared with those before it; a configuration has some dozens.
const ITEMS_MAX: usize = 4_000;

/// A file that was read.
pub(super) struct Document {
    /// What it says.
    pub(super) value: Value,
    items: Vec<Item>,
}

/// A header or a pair, in the order of the file.
struct Item {
    /// From the root.
    path: Vec<String>,
    kind: ItemKind,
    /// From the bracket or the name to the end of the bracket or the value.
    span: Range<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ItemKind {
    Table,
    ArrayOfTables,
    /// The value of a pair begins at this byte.
    Pair(usize),
}

/// Reads a whole file.
pub(super) fn parse(text: &str) -> Result<Document, Refusal> {
    let source = Source::new(text);
    let tokens = source.lex().into_vec();
    let mut events: Vec<Event> = Vec::new();
    let mut error: Option<ParseError> = None;
    {
        let mut collect = |event: Event| events.push(event);
        let mut guard = RecursionGuard::new(&mut collect as &mut dyn EventReceiver, DEPTH_MAX);
        parse_document(&tokens, &mut guard, &mut error);
    }
    let mut reader = Reader { text, source, events: &events, next: 0, error };
    let mut document = Document { value: Value::Map(Vec::new()), items: Vec::new() };
    reader.document(&mut document)?;
    match reader.error {
        Some(error) => Err(refusal(text, &error)),
        None => Ok(document),
    }
}

fn refusal(text: &str, error: &ParseError) -> Refusal {
    let at = error.unexpected().or(error.context()).map_or(text.len(), |span| span.start());
    Refusal::at(error.description(), text, at)
}

/// The splice that puts `value` at `place`, where nothing stands or another entry.
pub(super) fn put(
    text: &str,
    document: &Document,
    place: &Place<'_>,
    value: &Value,
    newline: &'static str,
) -> Result<Vec<Splice>, Refusal> {
    let path = [place.top_key, place.key];
    let tables = toml_tables(&path, value.members(), newline);
    let is_ours = |item: &Item| item.path.len() >= 2 && item.path[0] == path[0] && item.path[1] == path[1];
    let Some(first) = document.items.iter().position(is_ours) else {
        let is_value = |item: &&Item| item.path == path[..1] && item.kind != ItemKind::Table;
        if let Some(item) = document.items.iter().find(is_value) {
            let reason = format!("{} is not written as a table", place.top_key);
            return Err(Refusal::at(reason, text, item.span.start));
        }
        return Ok(vec![append(text, &tables, newline)]);
    };
    let ours = document.items[first..].iter().take_while(|item| is_ours(item)).count();
    let is_spread = document.items[first + ours..].iter().any(is_ours);
    let item = &document.items[first];
    match item.kind {
        ItemKind::Pair(start) if ours == 1 && !is_spread && item.path == path => {
            Ok(vec![Splice { range: start..item.span.end, text: toml_inline(value) }])
        }
        ItemKind::Table if !is_spread => {
            let last = &document.items[first + ours - 1];
            Ok(vec![Splice { range: item.span.start..line_end(text, last.span.end), text: tables }])
        }
        _ => {
            let reason = format!("{}.{} is spread over the file", place.top_key, place.key);
            Err(Refusal::at(reason, text, item.span.start))
        }
    }
}

/// New tables at the end of the file, behind an empty line.
fn append(text: &str, tables: &str, newline: &str) -> Splice {
    let lines = text.trim_start_matches('\u{feff}');
    let before = match lines {
        "" => String::new(),
        lines if lines.ends_with("\n\n") || lines.ends_with("\n\r\n") => String::new(),
        lines if lines.ends_with('\n') => newline.to_owned(),
        _ => format!("{newline}{newline}"),
    };
    Splice { range: text.len()..text.len(), text: format!("{before}{tables}{newline}") }
}

/// Where the line of `at` ends, its line end not counted: what stands there belongs to the entry.
fn line_end(text: &str, at: usize) -> usize {
    let rest = text[at..].split('\n').next().unwrap_or_default();
    at + rest.trim_end_matches('\r').len()
}

struct Reader<'t> {
    text: &'t str,
    source: Source<'t>,
    events: &'t [Event],
    next: usize,
    error: Option<ParseError>,
}

impl Reader<'_> {
    /// The next event that is not white space or a comment.
    fn event(&mut self) -> Option<Event> {
        loop {
            let event = *self.events.get(self.next)?;
            self.next += 1;
            if let Some(raw) = self.source.get(event.span()) {
                match event.kind() {
                    EventKind::Comment => raw.decode_comment(&mut self.error),
                    EventKind::Newline => raw.decode_newline(&mut self.error),
                    EventKind::Whitespace | EventKind::Error => {}
                    _ => return Some(event),
                }
            }
        }
    }

    fn document(&mut self, document: &mut Document) -> Result<(), Refusal> {
        let mut table: Vec<String> = Vec::new();
        while let Some(event) = self.event() {
            // What follows an error is the parser's guess.
            if self.error.is_some() {
                return Ok(());
            }
            let start = event.span().start();
            if document.items.len() >= ITEMS_MAX {
                return Err(Refusal::at(format!("it has more than {ITEMS_MAX} entries"), self.text, start));
            }
            let kind = match event.kind() {
                EventKind::StdTableOpen => ItemKind::Table,
                EventKind::ArrayTableOpen => ItemKind::ArrayOfTables,
                EventKind::SimpleKey => {
                    self.next -= 1;
                    let (key, _) = self.key();
                    let path: Vec<String> = table.iter().cloned().chain(key.iter().cloned()).collect();
                    let (value, span) = self.value()?;
                    self.define(&mut document.value, &table, &key, value, start)?;
                    let kind = ItemKind::Pair(span.start);
                    document.items.push(Item { path, kind, span: start..span.end });
                    continue;
                }
                _ => continue,
            };
            let (path, end) = self.key();
            self.open(&mut document.value, &path, kind, &document.items, start)?;
            table = path.clone();
            document.items.push(Item { path, kind, span: start..end });
        }
        Ok(())
    }

    /// The parts of a dotted key, and where what closes it ends: `=` or a bracket.
    fn key(&mut self) -> (Vec<String>, usize) {
        let mut path = Vec::new();
        while let Some(event) = self.event() {
            match event.kind() {
                EventKind::SimpleKey => {
                    let mut name = Cow::Borrowed("");
                    if let Some(raw) = self.source.get(event) {
                        raw.decode_key(&mut name, &mut self.error);
                    }
                    path.push(name.into_owned());
                }
                EventKind::KeySep => {}
                _ => return (path, event.span().end()),
            }
        }
        (path, self.text.len())
    }

    fn value(&mut self) -> Result<(Value, Range<usize>), Refusal> {
        let Some(event) = self.event() else {
            return Err(Refusal::at("a value is missing", self.text, self.text.len()));
        };
        let start = event.span().start();
        match event.kind() {
            EventKind::Scalar => Ok((self.scalar(event), start..event.span().end())),
            EventKind::ArrayOpen => {
                let mut items = Vec::new();
                loop {
                    match self.event() {
                        Some(event) if event.kind() == EventKind::ValueSep => {}
                        Some(event) if event.kind() == EventKind::ArrayClose => {
                            return Ok((Value::List(items), start..event.span().end()));
                        }
                        Some(_) => {
                            self.next -= 1;
                            items.push(self.value()?.0);
                        }
                        None => return Err(Refusal::at("an array does not end", self.text, start)),
                    }
                }
            }
            EventKind::InlineTableOpen => {
                let mut table = Value::Map(Vec::new());
                loop {
                    match self.event() {
                        Some(event) if event.kind() == EventKind::ValueSep => {}
                        Some(event) if event.kind() == EventKind::InlineTableClose => {
                            return Ok((table, start..event.span().end()));
                        }
                        Some(event) => {
                            self.next -= 1;
                            let (key, _) = self.key();
                            let (value, _) = self.value()?;
                            self.define(&mut table, &[], &key, value, event.span().start())?;
                        }
                        None => return Err(Refusal::at("a table does not end", self.text, start)),
                    }
                }
            }
            _ => Err(Refusal::at("a value is missing", self.text, start)),
        }
    }

    fn scalar(&mut self, event: Event) -> Value {
        let mut decoded = Cow::Borrowed("");
        let Some(raw) = self.source.get(event) else { return Value::null() };
        match raw.decode_scalar(&mut decoded, &mut self.error) {
            ScalarKind::String => Value::String(decoded.into_owned()),
            ScalarKind::Boolean(bool) => Value::Bool(bool),
            ScalarKind::DateTime if !is_date_time(raw.as_str()) => {
                let error = ParseError::new("this is not a date or a time").with_unexpected(event.span());
                self.error.get_or_insert(error);
                Value::null()
            }
            _ => Value::Other(raw.as_str().to_owned()),
        }
    }

    /// Enters a pair.
    fn define(
        &self,
        root: &mut Value,
        table: &[String],
        key: &[String],
        value: Value,
        at: usize,
    ) -> Result<(), Refusal> {
        let Some((name, tables)) = key.split_last() else {
            return Err(Refusal::at("a key is missing", self.text, at));
        };
        let path = table.iter().chain(tables);
        let members = self.table_at(root, path, at)?;
        if members.iter().any(|(candidate, _)| candidate == name) {
            return Err(Refusal::at(format!("{name:?} is defined twice"), self.text, at));
        }
        members.push((name.clone(), value));
        Ok(())
    }

    /// Enters a header.
    fn open(
        &self,
        root: &mut Value,
        path: &[String],
        kind: ItemKind,
        items: &[Item],
        at: usize,
    ) -> Result<(), Refusal> {
        let twice = || Refusal::at(format!("{:?} is defined twice", path.join(".")), self.text, at);
        let Some((name, tables)) = path.split_last() else {
            return Err(Refusal::at("a key is missing", self.text, at));
        };
        if kind == ItemKind::Table {
            // Below an array of tables each of its tables has tables of these names.
            let array = items.iter().rposition(|item| {
                item.kind == ItemKind::ArrayOfTables && path.starts_with(&item.path) && item.path != path
            });
            let since = &items[array.map_or(0, |array| array + 1)..];
            if since.iter().any(|item| item.kind != ItemKind::ArrayOfTables && item.path == path) {
                return Err(twice());
            }
            return self.table_at(root, path.iter(), at).map(|_| ());
        }
        let members = self.table_at(root, tables.iter(), at)?;
        match members.iter_mut().find(|(candidate, _)| candidate == name) {
            None => members.push((name.clone(), Value::List(vec![Value::Map(Vec::new())]))),
            Some((_, Value::List(items))) if items.iter().all(|item| matches!(item, Value::Map(_))) => {
                items.push(Value::Map(Vec::new()));
            }
            Some(_) => return Err(twice()),
        }
        Ok(())
    }

    /// The members of the table at this path, which is made where it is missing; of an array of tables the last.
    fn table_at<'v, 'p>(
        &self,
        root: &'v mut Value,
        path: impl Iterator<Item = &'p String>,
        at: usize,
    ) -> Result<&'v mut Vec<(String, Value)>, Refusal> {
        let not_a_table = |name: &str| Refusal::at(format!("{name:?} is not a table"), self.text, at);
        let Value::Map(members) = root else { return Err(not_a_table("")) };
        let mut members = members;
        for name in path {
            let index = match members.iter().position(|(candidate, _)| candidate == name) {
                Some(index) => index,
                None => {
                    members.push((name.clone(), Value::Map(Vec::new())));
                    members.len() - 1
                }
            };
            members = match &mut members[index].1 {
                Value::Map(members) => members,
                Value::List(items) => match items.last_mut() {
                    Some(Value::Map(members)) => members,
                    _ => return Err(not_a_table(name)),
                },
                _ => return Err(not_a_table(name)),
            };
        }
        Ok(members)
    }
}

/// Whether it is a date, a time, or both, which the tokens do not tell. Days are not counted by month.
fn is_date_time(text: &str) -> bool {
    fn two(text: &str, max: u8) -> Option<&str> {
        let (digits, rest) = text.split_at_checked(2)?;
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
        (is_number && digits.parse::<u8>().is_ok_and(|number| number <= max)).then_some(rest)
    }
    fn date(text: &str) -> Option<&str> {
        two(two(two(two(text, 99)?, 99)?.strip_prefix('-')?, 12)?.strip_prefix('-')?, 31)
    }
    fn hour(text: &str) -> Option<&str> {
        two(two(text, 23)?.strip_prefix(':')?, 59)
    }
    fn time(text: &str) -> Option<&str> {
        let rest = hour(text)?;
        let Some(seconds) = rest.strip_prefix(':') else { return Some(rest) };
        let rest = two(seconds, 60)?;
        let Some(fraction) = rest.strip_prefix('.') else { return Some(rest) };
        let rest = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
        (rest.len() < fraction.len()).then_some(rest)
    }
    fn is_offset(text: &str) -> bool {
        let by_hours = text.strip_prefix(['+', '-']).and_then(hour);
        matches!(text, "" | "Z" | "z") || by_hours == Some("")
    }
    match date(text) {
        Some("") => true,
        Some(rest) => rest.strip_prefix(['T', 't', ' ']).and_then(time).is_some_and(is_offset),
        None => time(text) == Some(""),
    }
}
