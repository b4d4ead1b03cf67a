//! What is to be done to a client's file: the old text and an entry of ours make a new text, or a reason why not.
//!
//! Used by `setup` and `doctor`. Pure. Whatever the format, an edit is a few splices into the old text, and is
//! believed only after old and new have been read again and differ in our entry alone. Refuses to touch a file.

use std::ops::Range;

use super::entry::{Entry, OWN_VARIABLES};
use super::table::{Client, Format};
use super::value::Value;
use super::{jsonc, jsonc_edit, toml, yaml};

/// What an entry means for a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Edit {
    /// It is there already.
    Unchanged,
    /// It is added: the new text.
    Edited(String),
    /// Another entry stands under its key. If the user agrees, the new text takes its place.
    Different {
        /// What stands there.
        theirs: Value,
        /// The whole new text.
        replaced: String,
    },
}

/// Why a file is left alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// In a few words.
    pub reason: String,
    /// Line and column, from 1, if it is about one place.
    pub position: Option<(usize, usize)>,
}

/// Where an entry stands in a file.
pub(super) struct Place<'p> {
    pub(super) top_key: &'p str,
    pub(super) key: &'p str,
}

/// A part of the old text, and what takes its place.
pub(super) struct Splice {
    pub(super) range: Range<usize>,
    pub(super) text: String,
}

impl Refusal {
    /// About the whole file.
    pub(super) fn of_all(reason: impl Into<String>) -> Refusal {
        Refusal { reason: reason.into(), position: None }
    }

    /// About the place at this byte of `text`.
    pub(super) fn at(reason: impl Into<String>, text: &str, at: usize) -> Refusal {
        let before = text.get(..at).unwrap_or(text);
        let line = before.bytes().filter(|byte| *byte == b'\n').count().saturating_add(1);
        let start = before.rfind('\n').map_or(0, |newline| newline.saturating_add(1));
        let column = before[start..].trim_start_matches('\u{feff}').chars().count().saturating_add(1);
        Refusal { reason: reason.into(), position: Some((line, column)) }
    }
}

/// What the whole file says; a map without members if it is empty.
///
/// # Errors
/// [`Refusal`] if it cannot be read, or says something twice.
pub fn read(client: &Client, text: &str) -> Result<Value, Refusal> {
    let nothing = || Value::Map(Vec::new());
    match client.format {
        Format::Json | Format::Jsonc => {
            let root = jsonc::parse(text, client.format == Format::Jsonc)?;
            Ok(root.map_or_else(nothing, |root| root.value(text)))
        }
        Format::Toml => Ok(toml::parse(text)?.value),
        Format::Yaml => Ok(yaml::parse(text)?.value),
    }
}

/// Puts an entry into the text of a client's file.
///
/// # Errors
/// [`Refusal`] if the file cannot be read, or cannot be edited safely.
pub fn edit(client: &Client, old: &str, entry: &Entry) -> Result<Edit, Refusal> {
    let before = read(client, old)?;
    let ours = entry.value(client);
    let theirs = before.get(client.top_key).and_then(|servers| servers.get(entry.key()));
    let wanted = match theirs {
        Some(theirs) if starts_the_same(client, theirs, &ours) => return Ok(Edit::Unchanged),
        Some(theirs) => merged(client, theirs, &ours),
        None => ours,
    };
    let place = Place { top_key: client.top_key, key: entry.key() };
    let new = spliced(old, put(client, old, &place, &wanted)?)?;
    verify(client, &before, &new, &place, &wanted)?;
    Ok(match theirs {
        Some(theirs) => Edit::Different { theirs: theirs.clone(), replaced: new },
        None => Edit::Edited(new),
    })
}

fn put(client: &Client, old: &str, place: &Place<'_>, value: &Value) -> Result<Vec<Splice>, Refusal> {
    let newline = newline_of(old);
    match client.format {
        Format::Json | Format::Jsonc => {
            let root = jsonc::parse(old, client.format == Format::Jsonc)?;
            jsonc_edit::put(old, root.as_ref(), place, value, newline)
        }
        Format::Toml => toml::put(old, &toml::parse(old)?, place, value, newline),
        Format::Yaml => yaml::put(old, &yaml::parse(old)?, place, value, newline),
    }
}

/// The line ending of a text: that of its first line.
fn newline_of(text: &str) -> &'static str {
    match text.split_once('\n') {
        Some((first, _)) if first.ends_with('\r') => "\r\n",
        _ => "\n",
    }
}

/// The old text with splices in it, which stand in order.
fn spliced(old: &str, splices: Vec<Splice>) -> Result<String, Refusal> {
    let mut new = String::new();
    let mut copied = 0;
    for Splice { range, text } in splices {
        let Some(kept) = old.get(copied..range.start) else {
            return Err(Refusal::of_all("it could not be edited safely"));
        };
        new.extend([kept, &text]);
        copied = range.end;
    }
    new.push_str(old.get(copied..).unwrap_or_default());
    Ok(new)
}

/// Reads the new text and compares: our entry as wanted, everything else as before, in the same order.
fn verify(
    client: &Client,
    before: &Value,
    new: &str,
    place: &Place<'_>,
    wanted: &Value,
) -> Result<(), Refusal> {
    let unsafe_edit = || Refusal::of_all("it could not be edited safely");
    let after = read(client, new).map_err(|_| unsafe_edit())?;
    let written = after.get(place.top_key).and_then(|servers| servers.get(place.key));
    let is_as_wanted = written.is_some_and(|written| written.same(wanted));
    match is_as_wanted && without(before, place) == without(&after, place) {
        true => Ok(()),
        false => Err(unsafe_edit()),
    }
}

/// Everything but one entry, and but the map of servers if that is empty then: it may have been made for us.
fn without(document: &Value, place: &Place<'_>) -> Value {
    let mut document = document.clone();
    let Value::Map(members) = &mut document else { return document };
    for (name, servers) in members.iter_mut() {
        if let (true, Value::Map(servers)) = (name == place.top_key, servers) {
            servers.retain(|(key, _)| key != place.key);
        }
    }
    let is_nothing = |value: &Value| match value {
        Value::Map(members) => members.is_empty(),
        value => *value == Value::null(),
    };
    members.retain(|(name, servers)| name != place.top_key || !is_nothing(servers));
    document
}

/// Whether an entry starts what ours would start, whatever else it says.
fn starts_the_same(client: &Client, theirs: &Value, ours: &Value) -> bool {
    let names = client.shape.names();
    let variable =
        |entry: &Value, variable| entry.get(names.variables).and_then(|all| all.get(variable)).cloned();
    let has_no_arguments = match theirs.get(names.args) {
        None => true,
        Some(Value::List(arguments)) => arguments.is_empty(),
        Some(_) => false,
    };
    let is_stdio = theirs.get("type").is_none_or(|kind| kind.as_str() == Some("stdio"));
    let needs_kind = client.shape == super::table::Shape::Goose;
    theirs.get(names.command) == ours.get(names.command)
        && has_no_arguments
        && is_stdio
        && (!needs_kind || theirs.get("type").is_some())
        && !is_remote(theirs)
        && OWN_VARIABLES.iter().all(|name| variable(theirs, *name) == variable(ours, *name))
}

/// Members that point at a server on the network.
const REMOTE: [&str; 5] = ["url", "httpUrl", "serverUrl", "uri", "headers"];

fn is_remote(entry: &Value) -> bool {
    REMOTE.iter().any(|name| entry.get(name).is_some())
}

/// Our entry in place of another: what somebody added to it (a time limit, a choice of tools) stays, what says
/// which program, daemon and token is ours.
fn merged(client: &Client, theirs: &Value, ours: &Value) -> Value {
    let names = client.shape.names();
    let is_start =
        |name: &str| [names.command, names.args, "type", "cwd"].contains(&name) || REMOTE.contains(&name);
    let mut members: Vec<(String, Value)> = Vec::new();
    for (name, our_value) in ours.members() {
        let their_value = theirs.get(name);
        let value = match their_value {
            Some(their_value) if name == names.variables => {
                let foreign = their_value.members().iter();
                let foreign = foreign.filter(|(name, _)| !OWN_VARIABLES.contains(&name.as_str()));
                Value::Map(our_value.members().iter().chain(foreign).cloned().collect())
            }
            Some(their_value) if !is_start(name) => their_value.clone(),
            _ => our_value.clone(),
        };
        members.push((name.clone(), value));
    }
    for (name, value) in theirs.members() {
        if ours.get(name).is_none() && !is_start(name) {
            members.push((name.clone(), value.clone()));
        }
    }
    Value::Map(members)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::clients::find;

    #[test]
    fn an_edit_that_does_more_or_less_than_it_should_is_not_believed() {
        let client = find("zed").expect("it is in the table");
        let place = Place { top_key: client.top_key, key: "w" };
        let before = read(client, r#"{"a":1.0,"context_servers":{"v":{}},"b":[2]}"#).expect("JSON");
        let wanted = Value::Map(vec![("command".to_owned(), Value::string("c"))]);
        let table = [
            (r#"{"a":1.0,"context_servers":{"v":{},"w":{"command":"c"}},"b":[2]}"#, true),
            (r#"{"a":1.0,"context_servers":{"v":{},"w":{"command":"d"}},"b":[2]}"#, false),
            (r#"{"a":1.0,"context_servers":{"v":{},"w":{"command":"c","x":1}},"b":[2]}"#, false),
            (r#"{"a":1.0,"context_servers":{"v":{}},"b":[2]}"#, false),
            (r#"{"a":1.0,"context_servers":{"w":{"command":"c"}},"b":[2]}"#, false),
            (r#"{"a":1.0,"context_servers":{"v":{"x":0},"w":{"command":"c"}},"b":[2]}"#, false),
            (r#"{"a":1,"context_servers":{"v":{},"w":{"command":"c"}},"b":[2]}"#, false),
            (r#"{"a":1.0,"context_servers":{"v":{},"w":{"command":"c"}},"b":[2,3]}"#, false),
            (r#"{"b":[2],"a":1.0,"context_servers":{"v":{},"w":{"command":"c"}}}"#, false),
            (r#"{"a":1.0,"context_servers":{"v":{},"w":{"command":"c"}},"b":[2]"#, false),
            (r#"{"a":1.0,"context_servers":{"v":{},"w":{"command":"c"}},"b":[2],"b":[2]}"#, false),
        ];
        for (new, is_good) in table {
            assert_eq!(verify(client, &before, new, &place, &wanted).is_ok(), is_good, "{new}");
        }
    }
}
