//! `status`: what token is held, by which file, until when, and whether the daemon answers; never the token.
//!
//! Used by the command line. Exits with 0 if there is a session that can be used, as far as that can be seen, and with 1
//! otherwise: a daemon that is away does not make a token worthless. Refuses to change anything.

use std::process::ExitCode;

use super::arguments::Input;
use super::{Failure, NOT_DONE, output, survey};
use crate::config::Config;
use crate::http::client::Http;
use crate::time::SystemClock;

mod report;

pub(super) fn run(input: &Input, config: Config) -> Result<ExitCode, Failure> {
    let transport = Http::new(config.base_url.clone());
    let survey = survey::survey(&config, &transport, &SystemClock::start())?;
    let text = if input.has("json") { report::json(&survey) } else { report::text(&survey, output::paint()) };
    output::print(&text)?;
    let is_well = survey.is_usable() && !survey.is_unbelievable();
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::from(NOT_DONE) })
}
