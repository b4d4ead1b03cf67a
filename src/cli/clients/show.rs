//! Entries for people: what to paste into a client's file, and the client's own command for it.
//!
//! Used by `setup --print`, and wherever a file cannot be edited. Pure.

use super::entry::{Entry, WALLET_NAME};
use super::render::{Layout, YAML_STEP, push_json, toml_tables, yaml_member};
use super::table::{AddCommand, Client, Format};
use super::value::Value;
use crate::config::System;
use crate::json::Object;

/// The part of a client's file that holds these entries, with a line end.
pub fn snippet(client: &Client, entries: &[Entry]) -> String {
    let values = || entries.iter().map(|entry| (entry.key().to_owned(), entry.value(client)));
    match client.format {
        Format::Json | Format::Jsonc => {
            let servers = Value::Map(values().collect());
            let document = Value::Map(vec![(client.top_key.to_owned(), servers)]);
            let mut text = String::new();
            push_json(&mut text, &document, "", &Layout::fresh("\n"));
            text.push('\n');
            text
        }
        Format::Toml => {
            let table = |(key, value): (String, Value)| {
                toml_tables(&[client.top_key, &key], value.members(), "\n") + "\n"
            };
            values().map(table).collect::<Vec<_>>().join("\n")
        }
        Format::Yaml => {
            let servers = Value::Map(values().collect());
            yaml_member(client.top_key, &servers, 0, YAML_STEP, "\n")
        }
    }
}

/// The client's own command for adding this entry, to be typed into a shell. `None` if it has none. A wallet's name that
/// some shell might read even between quotes is left out of it: the entry works without.
pub fn add_command(client: &Client, entry: &Entry, system: System) -> Option<String> {
    let is_said = |(name, value): &&(&str, String)| *name != WALLET_NAME || is_only_text(value, system);
    let variables: Vec<&(&str, String)> = entry.variables().iter().filter(is_said).collect();
    let assignments = |option: &str| {
        let pairs = variables.iter().map(|(name, value)| format!("{name}={value}"));
        pairs.flat_map(|pair| [option.to_owned(), pair]).collect::<Vec<_>>()
    };
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let (key, command) = (entry.key(), entry.command());
    let words = match client.add_command? {
        AddCommand::Claude => [
            words(&["claude", "mcp", "add", "--scope", "user"]),
            assignments("--env"),
            words(&[key, "--", command]),
        ]
        .concat(),
        AddCommand::Codex => {
            [words(&["codex", "mcp", "add", key]), assignments("--env"), words(&["--", command])].concat()
        }
        AddCommand::Gemini => {
            [words(&["gemini", "mcp", "add", "-s", "user"]), assignments("-e"), words(&[key, command])]
                .concat()
        }
        AddCommand::Code => {
            let mut object = Object::new();
            for (name, value) in &variables {
                object.string(name, value);
            }
            let server = Object::new()
                .string("name", key)
                .string("command", command)
                .raw("args", "[]")
                .raw("env", &object.finish())
                .finish();
            words(&["code", "--add-mcp", &server])
        }
    };
    Some(words.iter().map(|word| quoted(word, system)).collect::<Vec<_>>().join(" "))
}

/// Whether no shell of the system reads more into a quoted text than its characters. The daemon chose it, so what is
/// doubtful counts as read.
fn is_only_text(text: &str, system: System) -> bool {
    match system {
        // cmd and PowerShell end a string at different characters, and replace variables within.
        System::Windows => text.chars().all(|c| c.is_alphanumeric() || " ._-+@,:".contains(c)),
        // A backslash is a backslash within single quotes, but not in fish.
        System::MacOs | System::Linux => !text.contains('\\'),
    }
}

/// A word for the system's shell.
fn quoted(word: &str, system: System) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-=:+@,".contains(c);
    match system {
        _ if !word.is_empty() && word.chars().all(is_plain) => word.to_owned(),
        System::Windows => format!("\"{}\"", word.replace('"', "\\\"")),
        System::MacOs | System::Linux => format!("'{}'", word.replace('\'', "'\\''")),
    }
}
