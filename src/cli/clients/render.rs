//! Values as text: JSON, TOML and YAML, in the style of the file that they are put into.
//!
//! Used by the editors and by the snippets. Pure. Refuses to know where the text goes.

use std::fmt::Write as _;

use super::value::Value;
use crate::json;

/// How a JSON file is laid out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Layout {
    /// One step of indentation; `None` puts everything on one line.
    pub(super) unit: Option<String>,
    /// `\n` or `\r\n`.
    pub(super) newline: &'static str,
    /// What stands after a colon and, on one line, after a comma.
    pub(super) space: &'static str,
}

impl Layout {
    /// That of a file of our own.
    pub(super) fn fresh(newline: &'static str) -> Layout {
        Layout { unit: Some("  ".to_owned()), newline, space: " " }
    }

    /// The same without line ends.
    pub(super) fn on_one_line(&self) -> Layout {
        Layout { unit: None, ..self.clone() }
    }
}

/// Appends a value as JSON. `indent` is that of the line on which it begins.
pub(super) fn push_json(out: &mut String, value: &Value, indent: &str, layout: &Layout) {
    match value {
        Value::String(text) => json::push_string(out, text),
        Value::Bool(bool) => out.push_str(if *bool { "true" } else { "false" }),
        Value::Other(text) => out.push_str(text),
        Value::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                    out.push_str(layout.space);
                }
                push_json(out, item, indent, layout);
            }
            out.push(']');
        }
        Value::Map(members) => push_object(out, members, indent, layout),
    }
}

fn push_object(out: &mut String, members: &[(String, Value)], indent: &str, layout: &Layout) {
    out.push('{');
    let inner = layout.unit.as_ref().map(|unit| format!("{indent}{unit}"));
    for (index, (name, value)) in members.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        match &inner {
            Some(inner) => out.extend([layout.newline, inner]),
            None if index > 0 => out.push_str(layout.space),
            None => {}
        }
        push_member(out, name, value, inner.as_deref().unwrap_or_default(), layout);
    }
    if layout.unit.is_some() && !members.is_empty() {
        out.extend([layout.newline, indent]);
    }
    out.push('}');
}

/// Appends a member of an object: its name, and its value.
pub(super) fn push_member(out: &mut String, name: &str, value: &Value, indent: &str, layout: &Layout) {
    json::push_string(out, name);
    out.push(':');
    out.push_str(layout.space);
    push_json(out, value, indent, layout);
}

/// A value as TOML on one line.
pub(super) fn toml_inline(value: &Value) -> String {
    match value {
        Value::String(text) => toml_string(text),
        Value::Bool(bool) => bool.to_string(),
        Value::Other(text) => text.clone(),
        Value::List(items) => {
            format!("[{}]", items.iter().map(toml_inline).collect::<Vec<_>>().join(", "))
        }
        Value::Map(members) if members.is_empty() => "{}".to_owned(),
        Value::Map(members) => {
            let pair =
                |(name, value): &(String, Value)| format!("{} = {}", toml_key(name), toml_inline(value));
            format!("{{ {} }}", members.iter().map(pair).collect::<Vec<_>>().join(", "))
        }
    }
}

/// A map as a TOML table under this header, its maps as tables below it. No line end at the end.
pub(super) fn toml_tables(header: &[&str], members: &[(String, Value)], newline: &str) -> String {
    let path: Vec<String> = header.iter().map(|name| toml_key(name)).collect();
    let mut text = format!("[{}]", path.join("."));
    let (tables, pairs): (Vec<_>, Vec<_>) =
        members.iter().partition(|(_, value)| matches!(value, Value::Map(_)));
    for (name, value) in pairs {
        let _ = write!(text, "{newline}{} = {}", toml_key(name), toml_inline(value));
    }
    for (name, value) in tables {
        let header: Vec<&str> = header.iter().copied().chain([name.as_str()]).collect();
        text.push_str(newline);
        text.push_str(newline);
        text.push_str(&toml_tables(&header, value.members(), newline));
    }
    text
}

fn toml_key(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.is_empty() && name.chars().all(is_bare) { name.to_owned() } else { toml_string(name) }
}

/// A basic string. Its escapes are those of JSON; DEL needs one here, and not there.
fn toml_string(text: &str) -> String {
    let mut out = String::new();
    json::push_string(&mut out, text);
    out.replace('\u{7f}', "\\u007f")
}

/// Spaces by which a member of a mapping is indented where the file does not say otherwise.
pub(super) const YAML_STEP: usize = 2;

/// A member of a YAML mapping at this indentation, with everything below it. A line end after every line.
pub(super) fn yaml_member(name: &str, value: &Value, indent: usize, step: usize, newline: &str) -> String {
    let mut text = format!("{:indent$}{}:", "", yaml_string(name));
    match value {
        Value::Map(members) if !members.is_empty() => {
            text.push_str(newline);
            for (name, value) in members {
                text.push_str(&yaml_member(name, value, indent.saturating_add(step), step, newline));
            }
        }
        value => {
            let _ = write!(text, " {}{newline}", yaml_inline(value));
        }
    }
    text
}

fn yaml_inline(value: &Value) -> String {
    match value {
        Value::String(text) => yaml_string(text),
        Value::Bool(bool) => bool.to_string(),
        Value::Other(text) => text.clone(),
        Value::List(items) => {
            format!("[{}]", items.iter().map(yaml_inline).collect::<Vec<_>>().join(", "))
        }
        Value::Map(members) => {
            let pair =
                |(name, value): &(String, Value)| format!("{}: {}", yaml_string(name), yaml_inline(value));
            format!("{{{}}}", members.iter().map(pair).collect::<Vec<_>>().join(", "))
        }
    }
}

/// Words that are no strings without quotes, to some reader of YAML at least.
const YAML_WORDS: [&str; 12] =
    ["null", "true", "false", "yes", "no", "on", "off", "y", "n", "inf", "nan", "infinity"];

/// A string as it stands where nothing in it could mean something else, or else with quotes.
fn yaml_string(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | ' ');
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let is_word = YAML_WORDS.iter().any(|word| text.eq_ignore_ascii_case(word));
    if begins && !is_word && !text.ends_with(' ') && text.chars().all(is_plain) {
        return text.to_owned();
    }
    let mut quoted = String::new();
    json::push_string(&mut quoted, text);
    let mut out = String::new();
    for c in quoted.chars() {
        match c {
            // Not printable in YAML, or taken for a line end or a byte order mark.
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}
