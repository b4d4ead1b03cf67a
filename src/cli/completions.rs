//! `completions`: what a shell needs to complete this program's command line.
//!
//! Used by the command line. Each shell has a file of its own, written from the same [`Grammar`]. Refuses to install
//! anything: where a script belongs, the user's shell knows.

use std::process::ExitCode;

use super::arguments::Input;
use super::grammar::Grammar;
use super::{COMMANDS, Failure, WRONG_USAGE, output};
use crate::config::Config;

mod bash;
mod fish;
mod powershell;
mod zsh;

/// Writes the script of one shell.
type Writer = fn(&Grammar) -> String;

/// The shells and how their scripts are written.
pub(super) const SHELLS: [(&str, Writer); 4] = [
    ("bash", bash::script),
    ("zsh", zsh::script),
    ("fish", fish::script),
    ("powershell", powershell::script),
];

pub(super) fn run(input: &Input, _config: Config) -> Result<ExitCode, Failure> {
    let typed = input.operand(0).map(|shell| shell.to_string_lossy()).unwrap_or_default();
    let Some((_, script)) = SHELLS.iter().find(|(name, _)| *name == typed) else {
        let names = SHELLS.map(|(name, _)| name).join(", ");
        output::complain(&format!("{typed:?} is not a known shell"), &format!("Write one of {names}."));
        return Ok(ExitCode::from(WRONG_USAGE));
    };
    output::print(&script(&Grammar::of(&COMMANDS))).map(|()| ExitCode::SUCCESS)
}
