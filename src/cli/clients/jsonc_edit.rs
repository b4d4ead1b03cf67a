//! Putting an entry into a JSON file by editing its text: nothing else in it changes by a byte.
//!
//! Used by the editor. Pure. The style of the file is taken from what stands there: indentation, line ends,
//! trailing commas, everything on one line.

use super::edit::{Place, Refusal, Splice};
use super::jsonc::{self, Kind, Member, Node};
use super::render::{Layout, push_json, push_member};
use super::value::Value;

/// The splices that put `value` at `place`, where nothing stands or another entry.
pub(super) fn put(
    text: &str,
    root: Option<&Node>,
    place: &Place<'_>,
    value: &Value,
    newline: &'static str,
) -> Result<Vec<Splice>, Refusal> {
    let Some(root) = root else {
        return Ok(vec![fresh(text, place, value, newline)]);
    };
    let layout = layout_of(text, root, newline);
    let servers = root.member(place.top_key);
    match servers.map(|servers| &servers.value) {
        None if !matches!(root.kind, Kind::Object(_)) => {
            Err(Refusal::at("the file holds no object", text, root.span.start))
        }
        None => {
            let servers = Value::Map(vec![(place.key.to_owned(), value.clone())]);
            Ok(insert(text, root, place.top_key, &servers, &layout))
        }
        Some(servers) => match (servers.member(place.key), &servers.kind) {
            (Some(member), _) => {
                let layout = if is_on_one_line(text, servers) { layout.on_one_line() } else { layout };
                let mut new = String::new();
                push_json(&mut new, value, line_indent(text, member.start), &layout);
                Ok(vec![Splice { range: member.value.span.clone(), text: new }])
            }
            (None, Kind::Object(_)) => Ok(insert(text, servers, place.key, value, &layout)),
            (None, _) => {
                let reason = format!("{:?} is not an object", place.top_key);
                Err(Refusal::at(reason, text, servers.span.start))
            }
        },
    }
}

/// A document of our own behind whatever comments there are.
fn fresh(text: &str, place: &Place<'_>, value: &Value, newline: &'static str) -> Splice {
    let servers = Value::Map(vec![(place.key.to_owned(), value.clone())]);
    let document = Value::Map(vec![(place.top_key.to_owned(), servers)]);
    let kept = text.trim_end();
    let mut new = String::new();
    if !kept.trim_start_matches('\u{feff}').is_empty() {
        new.push_str(newline);
    }
    push_json(&mut new, &document, "", &Layout::fresh(newline));
    new.push_str(newline);
    Splice { range: kept.len()..text.len(), text: new }
}

/// Adds a member at the end of an object.
fn insert(text: &str, object: &Node, name: &str, value: &Value, layout: &Layout) -> Vec<Splice> {
    let Kind::Object(members) = &object.kind else { return Vec::new() };
    let (Some(first), Some(last)) = (members.first(), members.last()) else {
        return vec![insert_first(text, object, name, value, layout)];
    };
    let end = last.value.span.end;
    let next = jsonc::after_trivia(text, end);
    let comma = text[next..].starts_with(',').then_some(next + 1);
    if is_on_one_line(text, object) {
        let mut new = String::new();
        let layout = layout.on_one_line();
        let (before, after) = if comma.is_some() { ("", ",") } else { (",", "") };
        new.extend([before, layout.space]);
        push_member(&mut new, name, value, "", &layout);
        new.push_str(after);
        let at = comma.unwrap_or(end);
        return vec![Splice { range: at..at, text: new }];
    }
    let indent = match own_line_indent(text, first.start) {
        Some(indent) => indent.to_owned(),
        None => inner_indent(text, object, layout),
    };
    // Behind a comment that stands on the last member's line: it is about that member.
    let at = jsonc::after_line_comments(text, comma.unwrap_or(end));
    let mut new = format!("{}{indent}", layout.newline);
    push_member(&mut new, name, value, &indent, layout);
    if comma.is_some() {
        new.push(',');
        return vec![Splice { range: at..at, text: new }];
    }
    if at == end {
        return vec![Splice { range: end..end, text: format!(",{new}") }];
    }
    vec![Splice { range: end..end, text: ",".to_owned() }, Splice { range: at..at, text: new }]
}

/// Puts the first member into an empty object; comments in it stay in front.
fn insert_first(text: &str, object: &Node, name: &str, value: &Value, layout: &Layout) -> Splice {
    let inside = object.span.start + 1..object.span.end - 1;
    let kept = text[inside.clone()].trim_end().len();
    let range = inside.start + kept..inside.end;
    let mut new = String::new();
    if layout.unit.is_none() && kept == 0 {
        push_member(&mut new, name, value, "", layout);
        return Splice { range, text: new };
    }
    let outer = line_indent(text, object.span.start);
    let inner = inner_indent(text, object, layout);
    new.extend([layout.newline, &inner]);
    push_member(&mut new, name, value, &inner, layout);
    new.extend([layout.newline, outer]);
    Splice { range, text: new }
}

/// How the file is laid out, judged by its first members.
fn layout_of(text: &str, root: &Node, newline: &'static str) -> Layout {
    let Kind::Object(members) = &root.kind else { return Layout::fresh(newline) };
    let Some(first) = members.first() else { return Layout::fresh(newline) };
    if is_on_one_line(text, root) && !text[root.span.clone()].contains('\n') {
        return Layout { unit: None, newline, space: space_after_colon(text, first) };
    }
    let unit = own_line_indent(text, first.start).filter(|indent| !indent.is_empty());
    let unit = unit.map(|indent| indent.strip_prefix(line_indent(text, root.span.start)).unwrap_or(indent));
    let unit = unit.filter(|unit| !unit.is_empty()).unwrap_or("  ");
    Layout { unit: Some(unit.to_owned()), newline, space: " " }
}

fn space_after_colon(text: &str, member: &Member) -> &'static str {
    if text[..member.value.span.start].ends_with(' ') { " " } else { "" }
}

/// Whether an object's first member stands on the line on which the object begins.
fn is_on_one_line(text: &str, object: &Node) -> bool {
    match &object.kind {
        Kind::Object(members) => {
            members.first().is_some_and(|first| !text[object.span.start..first.start].contains('\n'))
        }
        _ => false,
    }
}

fn inner_indent(text: &str, object: &Node, layout: &Layout) -> String {
    format!("{}{}", line_indent(text, object.span.start), layout.unit.as_deref().unwrap_or("  "))
}

/// The white space in front of `at`, if nothing else stands there on its line.
fn own_line_indent(text: &str, at: usize) -> Option<&str> {
    let line = text[..at].rsplit('\n').next().unwrap_or_default();
    line.chars().all(|c| c == ' ' || c == '\t').then_some(line)
}

/// The indentation of the line on which `at` stands.
fn line_indent(text: &str, at: usize) -> &str {
    let line = text[..at].rsplit('\n').next().unwrap_or_default();
    let line = line.trim_start_matches('\u{feff}');
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}
