//! What can be typed, as data for those who do not parse it: the completions of shells and the manual page.
//!
//! Made from the table of commands and the settings, like the parser and the help. Pure. Refuses to know any shell.

use super::arguments::{Command, Flag, Operand, Value};
use super::completions::SHELLS;
use super::help::GENERAL;
use crate::config::{SETTINGS, Setting};
use crate::log::Level;
use crate::wallet::catalogue;

/// Everything that can be typed.
pub(super) struct Grammar {
    /// The first one is meant where none is typed.
    pub(super) commands: Vec<TypedCommand>,
    /// Options of every command.
    pub(super) common: Vec<TypedOption>,
}

/// A command.
pub(super) struct TypedCommand {
    pub(super) name: &'static str,
    /// A few words.
    pub(super) about: &'static str,
    /// A few sentences.
    pub(super) details: &'static str,
    /// In their places.
    pub(super) operands: Vec<TypedOperand>,
    /// Its own, besides the common ones.
    pub(super) options: Vec<TypedOption>,
}

/// An argument without dashes.
pub(super) struct TypedOperand {
    pub(super) name: &'static str,
    pub(super) required: bool,
    pub(super) words: Words,
}

/// An option.
pub(super) struct TypedOption {
    pub(super) short: Option<char>,
    /// Without dashes.
    pub(super) long: &'static str,
    /// Its value's name and what may stand there.
    pub(super) value: Option<(&'static str, Words)>,
    /// A few words.
    pub(super) about: &'static str,
}

/// What may stand in a place.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Words {
    /// Nobody can tell.
    Free,
    /// The path of a file.
    Files,
    /// The path of a directory.
    Directories,
    /// One of these. No word needs quoting in any shell.
    OneOf(Vec<&'static str>),
}

impl Grammar {
    /// Of these commands.
    pub(super) fn of(commands: &'static [Command]) -> Grammar {
        let general =
            GENERAL.map(|(short, long, about)| TypedOption { short: Some(short), long, value: None, about });
        Grammar {
            commands: commands.iter().map(TypedCommand::of).collect(),
            common: SETTINGS.iter().filter_map(of_setting).chain(general).collect(),
        }
    }

    /// The options that have a value, those of all commands.
    pub(super) fn valued_options(&self) -> Vec<&'static str> {
        let own = self.commands.iter().flat_map(|command| &command.options);
        let mut found = Vec::new();
        for option in self.common.iter().chain(own).filter(|option| option.value.is_some()) {
            if !found.contains(&option.long) {
                found.push(option.long);
            }
        }
        found
    }

    /// What is typed for the options of a command, the common ones included.
    pub(super) fn typed_options(&self, command: &TypedCommand) -> Vec<String> {
        let options = command.options.iter().chain(&self.common);
        options
            .flat_map(|option| {
                option.short.map(|short| format!("-{short}")).into_iter().chain([option.typed()])
            })
            .collect()
    }
}

impl TypedCommand {
    fn of(command: &'static Command) -> TypedCommand {
        let Command { name, about, details, operands, flags, .. } = command;
        TypedCommand {
            name,
            about,
            details,
            operands: operands.iter().map(of_operand).collect(),
            options: flags.iter().map(of_flag).collect(),
        }
    }
}

impl TypedOption {
    /// `--ttl`
    pub(super) fn typed(&self) -> String {
        format!("--{}", self.long)
    }
}

fn of_operand(operand: &'static Operand) -> TypedOperand {
    let words = match operand.name {
        "TOOL" => Words::OneOf(catalogue::tools().iter().map(|tool| &*tool.name).collect()),
        "SHELL" => Words::OneOf(SHELLS.map(|(name, _)| name).to_vec()),
        _ => Words::Free,
    };
    TypedOperand { name: operand.name, required: operand.required, words }
}

fn of_flag(flag: &'static Flag) -> TypedOption {
    let value = flag.value.map(|value| {
        let words = match value {
            Value::File => Words::Files,
            Value::Choice(_, words) => Words::OneOf(words()),
            Value::Duration(_) | Value::DurationOrNone(_) | Value::Number(_) => Words::Free,
        };
        (value.name(), words)
    });
    TypedOption { short: None, long: flag.long, value, about: flag.about }
}

fn of_setting(setting: &'static Setting) -> Option<TypedOption> {
    let (long, name) = setting.option?;
    let words = match name {
        "DIR" => Words::Directories,
        "LEVEL" => Words::OneOf(Level::ALL.map(Level::name).to_vec()),
        _ => Words::Free,
    };
    Some(TypedOption { short: None, long, value: Some((name, words)), about: setting.about })
}
