//! `man`: the manual page, in the macros that every `man` reads.
//!
//! Used by the command line, and by `scripts/package`. Commands, options and variables come from the tables that the
//! help comes from; files and exit codes are told here. Refuses to say when it was made: two builds of one version
//! print the same page.

use std::fmt::Write as _;
use std::process::ExitCode;

use super::arguments::Input;
use super::grammar::{Grammar, TypedCommand, TypedOption};
use super::{ABOUT, COMMANDS, Failure, output};
use crate::config::{Config, SETTINGS};

const DESCRIPTION: &str = concat!(
    "Lets AI clients use a self-hosted WAIaaS wallet daemon. A client starts it and speaks MCP with it on stdin and stdout; ",
    "it calls the daemon with a session token, and renews that token by itself for as long as the daemon allows. Without a ",
    "command it serves."
);

/// Where things are, and what they are.
const FILES: [(&str, &str); 3] = [
    ("DIR/mcp-token", "The session token; DIR is that of --data-dir, default ~/.waiaas. Mode 0600."),
    ("DIR/mcp-tokens/ID", "The session token of one wallet, where --wallet names it."),
    (
        "DIR/mcp-token.lock",
        "Held while a token is renewed, so that several processes share one. Never holds a token.",
    ),
];

const EXIT_STATUS: [(&str, &str); 3] = [
    ("0", "What was asked for is done."),
    ("1", "It could not be done; stderr says what happened and what to do."),
    ("2", "Wrong usage or a wrong configuration; stderr says which."),
];

pub(super) fn run(_input: &Input, _config: Config) -> Result<ExitCode, Failure> {
    output::print(&page(&Grammar::of(&COMMANDS))).map(|()| ExitCode::SUCCESS)
}

fn page(grammar: &Grammar) -> String {
    let version = concat!("waiaas-mcp ", env!("CARGO_PKG_VERSION"));
    let mut page = format!(".TH WAIAAS-MCP 1 \"\" \"{version}\" \"User Commands\"\n");
    section(&mut page, "NAME");
    let _ = writeln!(page, "waiaas\\-mcp \\- {}", escaped(ABOUT));
    section(&mut page, "SYNOPSIS");
    page.push_str(".B waiaas\\-mcp\n[\\fICOMMAND\\fR] [\\fIOPTION\\fR]...\n");
    section(&mut page, "DESCRIPTION");
    let _ = writeln!(page, "{}", escaped(DESCRIPTION));
    section(&mut page, "COMMANDS");
    for command in &grammar.commands {
        of_command(&mut page, command);
    }
    section(&mut page, "COMMON OPTIONS");
    for option in &grammar.common {
        of_option(&mut page, option);
    }
    section(&mut page, "ENVIRONMENT");
    page.push_str("An option beats the variable of the same meaning.\n");
    for setting in &SETTINGS {
        entry(&mut page, setting.variable, setting.about);
    }
    section(&mut page, "FILES");
    for (path, about) in FILES {
        entry(&mut page, path, about);
    }
    section(&mut page, "EXIT STATUS");
    for (code, about) in EXIT_STATUS {
        entry(&mut page, code, about);
    }
    page
}

fn section(page: &mut String, heading: &str) {
    let _ = writeln!(page, ".SH {heading}");
}

fn of_command(page: &mut String, command: &TypedCommand) {
    let mut heading = command.name.to_owned();
    for operand in &command.operands {
        let name = operand.name;
        let _ = if operand.required { write!(heading, " {name}") } else { write!(heading, " [{name}]") };
    }
    let _ = writeln!(page, ".SS \"{}\"\n{}", escaped(&heading), escaped(command.details));
    for option in &command.options {
        of_option(page, option);
    }
}

fn of_option(page: &mut String, option: &TypedOption) {
    let mut typed = option.short.map(|short| format!("-{short}, ")).unwrap_or_default();
    typed.push_str(&option.typed());
    if let Some((name, _)) = &option.value {
        let _ = write!(typed, " {name}");
    }
    entry(page, &typed, option.about);
}

/// A word in bold, and beneath it what it is.
fn entry(page: &mut String, word: &str, about: &str) {
    let _ = writeln!(page, ".TP\n.B {}\n{}", escaped(word), escaped(about));
}

/// A hyphen stays one that can be copied, and no line starts with what would be a request.
fn escaped(text: &str) -> String {
    let escaped = text.replace('\\', "\\e").replace('-', "\\-").replace('"', "\\(dq");
    if escaped.starts_with(['.', '\'']) { format!("\\&{escaped}") } else { escaped }
}
