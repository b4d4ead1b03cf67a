//! The help, written from the table of commands and the settings.
//!
//! Used by the command line. Pure. Refuses to say anything that the tables do not.

use std::fmt::Write as _;

use super::ABOUT;
use super::arguments::{Command, Value};
use crate::config::SETTINGS;

/// What every command answers besides its own.
pub(super) const GENERAL: [(char, &str, &str); 2] =
    [('h', "help", "this help"), ('V', "version", "the version")];

/// The answer to `--help`: of one command, or the overview.
pub(super) fn text(commands: &[Command], command: Option<&Command>) -> String {
    match command {
        Some(command) => of_command(command),
        None => overview(commands),
    }
}

fn overview(commands: &[Command]) -> String {
    let mut text = format!("{ABOUT}\n\nUsage: waiaas-mcp [COMMAND] [OPTION]...\n");
    let rows = commands.iter().map(|command| (command.name.to_owned(), command.about.to_owned()));
    section(&mut text, "Commands", rows.collect());
    if let Some(first) = commands.first() {
        let _ = writeln!(text, "Without a command: {}. Each command has its own --help.", first.name);
    }
    common_options(&mut text);
    let rows = SETTINGS.iter().map(|setting| (setting.variable.to_owned(), setting.about.to_owned()));
    section(&mut text, "Environment (an option beats it)", rows.collect());
    text
}

fn of_command(command: &Command) -> String {
    let mut text = format!("Usage: waiaas-mcp {}", command.name);
    for operand in command.operands {
        let name = operand.name;
        let _ = if operand.required { write!(text, " {name}") } else { write!(text, " [{name}]") };
    }
    let _ = write!(text, " [OPTION]...\n\n{}\n", wrapped(command.details));
    let rows = command
        .flags
        .iter()
        .map(|flag| (option(flag.long, flag.value.map(Value::name)), flag.about.to_owned()));
    section(&mut text, "Options", rows.collect());
    common_options(&mut text);
    text
}

fn common_options(text: &mut String) {
    let of_settings = SETTINGS.iter().filter_map(|setting| {
        let (long, value) = setting.option?;
        Some((option(long, Some(value)), setting.about.to_owned()))
    });
    let general = GENERAL.map(|(short, long, about)| (format!("-{short}, --{long}"), about.to_owned()));
    section(text, "Common options", of_settings.chain(general).collect());
}

/// `--ttl D`
fn option(long: &str, value: Option<&str>) -> String {
    value.map_or(format!("--{long}"), |value| format!("--{long} {value}"))
}

/// A heading and two columns; nothing if there are no rows.
fn section(text: &mut String, heading: &str, rows: Vec<(String, String)>) {
    let Some(width) = rows.iter().map(|(left, _)| left.len()).max() else { return };
    let _ = writeln!(text, "\n{heading}:");
    for (left, right) in rows {
        let _ = writeln!(text, "  {left:width$}  {right}");
    }
}

/// Broken into lines of at most this many characters, as wide as a terminal surely is.
const LINE_CHARS_MAX: usize = 80;

fn wrapped(paragraph: &str) -> String {
    let mut text = String::new();
    let mut length = 0;
    for word in paragraph.split_whitespace() {
        if length > 0 && length + 1 + word.len() > LINE_CHARS_MAX {
            text.push('\n');
            length = 0;
        } else if length > 0 {
            text.push(' ');
            length += 1;
        }
        text.push_str(word);
        length += word.len();
    }
    text
}
