//! `setup` in a program that was built without it, for those who serve and nothing else.
//!
//! Used by the command line in place of the real one. Refuses everything, and says where to have it.

use std::process::ExitCode;

use super::Failure;
use super::arguments::Input;
use crate::config::Config;

pub(super) fn run(_input: &Input, _config: Config) -> Result<ExitCode, Failure> {
    Err(Failure {
        what: "this program was built without `setup`".to_owned(),
        advice: "Use one that was built with the feature `setup`, or write the token file with the daemon's own tools."
            .to_owned(),
    })
}

/// It knows no clients.
pub(super) fn client_names() -> Vec<&'static str> {
    Vec::new()
}
