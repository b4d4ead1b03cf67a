//! Parsing: from what was typed to a command and its input, by the table of commands.
//!
//! Used by the command line. Pure. Options of the configuration may stand before the command or after it. Refuses
//! to know what a command does.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::process::ExitCode;

use lexopt::{Arg, Parser};

use super::Failure;
use crate::config::{Config, SETTINGS, Setting};

/// One command: the row from which parsing and help follow.
pub(super) struct Command {
    /// The word that is typed.
    pub(super) name: &'static str,
    /// A few words, for the overview.
    pub(super) about: &'static str,
    /// A few sentences, for the command's own help.
    pub(super) details: &'static str,
    /// What is typed without dashes, in order.
    pub(super) operands: &'static [Operand],
    /// Its own options, besides those of the configuration.
    pub(super) flags: &'static [Flag],
    /// Runs although the configuration is wrong, and explains that in its own way.
    pub(super) keeps_problems: bool,
    /// Does it.
    pub(super) run: fn(&Input, Config) -> Result<ExitCode, Failure>,
}

/// Something typed without dashes.
pub(super) struct Operand {
    /// How the help calls it.
    pub(super) name: &'static str,
    /// Whether the command can do without it.
    pub(super) required: bool,
}

/// An option of one command.
pub(super) struct Flag {
    /// Without dashes.
    pub(super) long: &'static str,
    /// How the help calls its value, if it has one.
    pub(super) value: Option<&'static str>,
    /// A few words.
    pub(super) about: &'static str,
}

/// What was typed after a command.
pub(super) struct Input {
    pub(super) command: &'static Command,
    /// Options of the configuration, which beat the environment.
    pub(super) settings: Vec<(&'static Setting, OsString)>,
    /// By the option's name; the last one counts.
    flags: BTreeMap<&'static str, OsString>,
    operands: Vec<OsString>,
}

/// What is to be done.
pub(super) enum Parsed {
    /// Explain a command, or all of them.
    Help(Option<&'static Command>),
    /// Say which version this is.
    Version,
    /// Run a command.
    Run(Input),
}

impl Input {
    /// Whether the option was typed.
    pub(super) fn has(&self, long: &str) -> bool {
        self.flags.contains_key(long)
    }
}

/// Reads what was typed.
///
/// # Errors
/// [`Failure`]: wrong usage.
pub(super) fn parse(
    commands: &'static [Command],
    arguments: impl Iterator<Item = OsString>,
) -> Result<Parsed, Failure> {
    let mut parser = Parser::from_args(arguments);
    let mut settings = Vec::new();
    let mut input: Option<Input> = None;
    loop {
        let command = input.as_ref().map(|input| input.command);
        let wrong = |what: String| usage(command, what);
        let Some(argument) = parser.next().map_err(|error| wrong(error.to_string()))? else { break };
        match argument {
            Arg::Long("help") | Arg::Short('h') => return Ok(Parsed::Help(command)),
            Arg::Long("version") | Arg::Short('V') => return Ok(Parsed::Version),
            Arg::Short(letter) => return Err(wrong(format!("there is no option -{letter}"))),
            Arg::Long(long) => match setting(long) {
                Some(setting) => settings.push((setting, value(&mut parser, command)?)),
                None => {
                    // Only a command has options of its own: the first one, if none was typed before.
                    let input = input.get_or_insert_with(|| Input::of(&commands[0]));
                    let flag = input.command.flags.iter().find(|flag| flag.long == long);
                    let flag = flag.ok_or_else(|| wrong(format!("there is no option --{long}")))?;
                    let value = match flag.value {
                        Some(_) => value(&mut parser, command)?,
                        None => OsString::new(),
                    };
                    input.flags.insert(flag.long, value);
                }
            },
            Arg::Value(word) => match &mut input {
                None => input = Some(Input::of(find(commands, &word)?)),
                Some(input) if input.operands.len() < input.command.operands.len() => {
                    input.operands.push(word);
                }
                Some(_) => return Err(wrong(format!("{word:?} is one argument too many"))),
            },
        }
    }
    let input = input.unwrap_or_else(|| Input::of(&commands[0]));
    let missing = input.command.operands.iter().skip(input.operands.len()).find(|operand| operand.required);
    match missing {
        Some(operand) => Err(usage(Some(input.command), format!("{} is missing", operand.name))),
        None => Ok(Parsed::Run(Input { settings, ..input })),
    }
}

impl Input {
    fn of(command: &'static Command) -> Input {
        Input { command, settings: Vec::new(), flags: BTreeMap::new(), operands: Vec::new() }
    }
}

fn find(commands: &'static [Command], word: &OsString) -> Result<&'static Command, Failure> {
    let command = commands.iter().find(|command| word == command.name);
    command.ok_or_else(|| usage(None, format!("there is no command {word:?}")))
}

/// The setting that has an option of this name.
fn setting(long: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.option.is_some_and(|(name, _)| name == long))
}

/// The value of the option that was just read.
fn value(parser: &mut Parser, command: Option<&'static Command>) -> Result<OsString, Failure> {
    parser.value().map_err(|error| usage(command, error.to_string()))
}

fn usage(command: Option<&'static Command>, what: String) -> Failure {
    let command = command.map(|command| format!(" {}", command.name)).unwrap_or_default();
    Failure { what, advice: format!("Type `waiaas-mcp{command} --help` to see what can be typed.") }
}
