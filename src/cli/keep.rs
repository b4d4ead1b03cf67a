//! `keep`: sessions are kept alive while no client runs.
//!
//! Used by the command line. Every token file of the data directory gets a worker, the same that `serve` has; what is
//! here is which files there are, when a worker begins and ends, and who is told. Modules: `files` says which files are
//! kept, `look` finds them, `workers` has the workers, `keeping` runs until it is told to stop, `once` does what is due,
//! `board` and `record` hold what is known, `metrics`, `notify` and the keeper's mark tell it, `service` installs it.

use std::process::ExitCode;
use std::sync::Arc;

use super::arguments::Input;
use super::{Failure, WRONG_USAGE, output};
use crate::config::Config;
use crate::http::Transport;
use crate::http::client::Http;
use crate::time::{Clock, SystemClock};

mod board;
mod files;
mod keeping;
mod look;
mod metrics;
mod metrics_file;
mod notify;
mod once;
mod record;
mod replace;
pub(super) mod service;
mod workers;

use look::Choice;
use metrics_file::MetricsFile;

/// What both ways of keeping work with.
struct Means {
    choice: Choice,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    metrics: Option<MetricsFile>,
}

pub(super) fn run(input: &Input, config: Config) -> Result<ExitCode, Failure> {
    if input.has("uninstall") {
        return service::uninstall();
    }
    if input.has("install") {
        if config.token_place.bootstrap.is_some() {
            output::complain(
                "a service cannot be given the token of WAIAAS_SESSION_TOKEN: it would stand in a file for everybody",
                "Unset it and run this again: its token file is kept as soon as there is one. Or run `waiaas-mcp setup`.",
            );
            return Ok(ExitCode::from(WRONG_USAGE));
        }
        return service::install(input, &config);
    }
    let clock = SystemClock::start();
    let now = clock.now().wall;
    let open = |path| MetricsFile::open(path, &config.data_dir, now);
    let means = Means {
        metrics: input.path("metrics").map(|path| open(path)).transpose()?,
        choice: Choice::new(&config, input.has("all")),
        transport: Arc::new(Http::new(config.base_url.clone())),
        clock: Arc::new(clock),
    };
    if input.has("once") { once::run(input, means) } else { keeping::run(means) }
}
