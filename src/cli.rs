//! The command line. (Skeleton: parsing and commands follow.)

pub mod sandbox;

use std::ffi::OsString;
use std::process::ExitCode;

/// Runs the program with the arguments after its name.
pub fn run(_arguments: impl Iterator<Item = OsString>) -> ExitCode {
    ExitCode::from(2)
}
