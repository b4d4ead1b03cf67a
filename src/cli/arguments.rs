//! Parsing: from what was typed to a command and its input, by the table of commands.
//!
//! Used by the command line. Pure. Options of the configuration may stand before the command or after it. Refuses
//! to know what a command does.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::process::ExitCode;

use lexopt::{Arg, Parser};

use super::{Failure, duration};
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
    /// What its value is, if it has one.
    pub(super) value: Option<Value>,
    /// A few words.
    pub(super) about: &'static str,
    /// Options that say the contrary, those of the configuration included. One of the two lists the other.
    pub(super) excludes: &'static [&'static str],
}

/// What the value of an option is.
#[derive(Clone, Copy)]
pub(super) enum Value {
    /// A duration of at least so many seconds.
    Duration(u64),
    /// The same, or the word `none`.
    DurationOrNone(u64),
    /// A number up to this one.
    Number(u64),
    /// The path of a file.
    File,
    /// One of these words, under this name in the help. The option may be given several times.
    Choice(&'static str, fn() -> Vec<&'static str>),
}

/// The value of an option as it was typed and understood.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Typed {
    /// The option has no value.
    Nothing,
    /// The word `none`.
    None,
    /// A number, or a duration in seconds.
    Number(u64),
    /// A path.
    Path(OsString),
    /// One of the words that can be chosen.
    Word(&'static str),
}

/// What was typed after a command.
pub(super) struct Input {
    pub(super) command: &'static Command,
    /// Options of the configuration, which beat the environment.
    pub(super) settings: Vec<(&'static Setting, OsString)>,
    /// By the option's name, in the order of typing.
    flags: BTreeMap<&'static str, Vec<Typed>>,
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

    /// The value of the option, in seconds if it is a duration. The last one counts.
    pub(super) fn number(&self, long: &str) -> Option<u64> {
        self.typed(long).iter().rev().find_map(|typed| match typed {
            Typed::Number(number) => Some(*number),
            _ => None,
        })
    }

    /// Whether the last value of the option is the word `none`.
    #[cfg_attr(not(feature = "setup"), expect(dead_code, reason = "only `setup` has such an option"))]
    pub(super) fn is_none(&self, long: &str) -> bool {
        self.typed(long).last() == Some(&Typed::None)
    }

    /// The path that is the value of the option. The last one counts.
    pub(super) fn path(&self, long: &str) -> Option<&OsString> {
        self.typed(long).iter().rev().find_map(|typed| match typed {
            Typed::Path(path) => Some(path),
            _ => None,
        })
    }

    /// The words that were chosen with the option, each once, in the order of typing.
    #[cfg_attr(not(feature = "setup"), expect(dead_code, reason = "only `setup` has such an option"))]
    pub(super) fn words(&self, long: &str) -> Vec<&'static str> {
        let mut words = Vec::new();
        for typed in self.typed(long) {
            match typed {
                Typed::Word(word) if !words.contains(word) => words.push(*word),
                _ => {}
            }
        }
        words
    }

    fn typed(&self, long: &str) -> &[Typed] {
        self.flags.get(long).map_or(&[], Vec::as_slice)
    }

    /// The operand at this place.
    pub(super) fn operand(&self, index: usize) -> Option<&OsString> {
        self.operands.get(index)
    }

    /// The value of an option of the configuration, without regard to the environment.
    pub(super) fn setting(&self, variable: &str) -> Option<&OsString> {
        let said = self.settings.iter().rev().find(|(setting, _)| setting.variable == variable);
        said.map(|(_, value)| value)
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
                    let typed = match flag.value {
                        Some(kind) => kind.read(flag.long, value(&mut parser, command)?)?,
                        None => Typed::Nothing,
                    };
                    input.flags.entry(flag.long).or_default().push(typed);
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
    if let Some((one, other)) = contradiction(&input, &settings) {
        return Err(usage(Some(input.command), format!("--{one} and --{other} contradict each other")));
    }
    let missing = input.command.operands.iter().skip(input.operands.len()).find(|operand| operand.required);
    match missing {
        Some(operand) => Err(usage(Some(input.command), format!("{} is missing", operand.name))),
        None => Ok(Parsed::Run(Input { settings, ..input })),
    }
}

impl Value {
    /// How the help calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Value::Duration(_) | Value::DurationOrNone(_) => "D",
            Value::Number(_) => "N",
            Value::File => "FILE",
            Value::Choice(name, _) => name,
        }
    }

    fn read(self, long: &str, said: OsString) -> Result<Typed, Failure> {
        let text = said.to_str().unwrap_or_default();
        let (typed, expected, advice) = match self {
            Value::DurationOrNone(_) if text == "none" => return Ok(Typed::None),
            Value::Duration(min) | Value::DurationOrNone(min) => {
                let seconds = duration::seconds(text).filter(|seconds| *seconds >= min);
                let expected = format!("a duration of at least {min} s");
                let or_none = if matches!(self, Value::DurationOrNone(_)) { "; or none" } else { "" };
                let advice = format!("Write seconds, or with a unit: 90m, 12h, 7d, 1y{or_none}.");
                (seconds.map(Typed::Number), expected, advice)
            }
            Value::Number(max) => {
                let number = text.parse().ok().filter(|number| *number <= max && !text.starts_with('+'));
                let advice = "Write a whole number.".to_owned();
                (number.map(Typed::Number), format!("a number from 0 to {max}"), advice)
            }
            Value::File if said.is_empty() => {
                (None, "the path of a file".to_owned(), "Write a path.".to_owned())
            }
            Value::File => return Ok(Typed::Path(said)),
            Value::Choice(name, words) => {
                let words = words();
                let word = words.iter().find(|word| **word == text).map(|word| Typed::Word(word));
                let expected = format!("a known {}", name.to_ascii_lowercase());
                (word, expected, format!("Write one of {}.", words.join(", ")))
            }
        };
        let what = || format!("--{long}: {said:?} is not {expected}");
        typed.ok_or_else(|| Failure { what: what(), advice })
    }
}

impl Input {
    fn of(command: &'static Command) -> Input {
        Input { command, settings: Vec::new(), flags: BTreeMap::new(), operands: Vec::new() }
    }
}

/// Two options that were typed and say the contrary of each other.
fn contradiction(
    input: &Input,
    settings: &[(&'static Setting, OsString)],
) -> Option<(&'static str, &'static str)> {
    let is_setting =
        |long: &str| settings.iter().any(|(setting, _)| setting.option.is_some_and(|(name, _)| name == long));
    let typed = input.command.flags.iter().filter(|flag| input.has(flag.long));
    typed.into_iter().find_map(|flag| {
        let other = flag.excludes.iter().find(|other| input.has(other) || is_setting(other));
        other.map(|other| (flag.long, *other))
    })
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
