//! `doctor`: a list of checks, each with what was looked at, what was found, and what to do.
//!
//! Used by the command line. Exits with 0 only if no check failed; a warning is no failure. Looks where `status` looks
//! and a little further, and leaves nothing behind but the look at whether a file could be written. The judgement is
//! in `checks`, which is pure.

use std::process::ExitCode;

use super::arguments::Input;
use super::{Failure, NOT_DONE, output, survey};
use crate::config::Config;
use crate::http::client::Http;
use crate::time::SystemClock;

mod checks;
mod clients;
mod facts;
mod keeper;
mod report;

pub(super) fn run(input: &Input, config: Config) -> Result<ExitCode, Failure> {
    let clock = SystemClock::start();
    let transport = Http::new(config.base_url.clone());
    let survey = survey::survey(&config, &transport, &clock)?;
    let facts = facts::gather(&config, &survey, &transport);
    let mut checks = checks::all(&survey, &facts, config.wallet_id.as_deref());
    checks.extend(clients::checks(&config, &facts.wallet_files));
    let text = if input.has("json") { report::json(&checks) } else { report::text(&checks, output::paint()) };
    output::print(&text)?;
    Ok(if report::is_well(&checks) { ExitCode::SUCCESS } else { ExitCode::from(NOT_DONE) })
}
