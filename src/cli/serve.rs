//! `serve`: wires clocks, transport, session worker and server together, and ends them in order.
//!
//! Used by the command line, for `serve` and `serve --sandbox`. Nothing here waits for the disk or the daemon
//! before the server answers. Refuses to decide anything about sessions or messages.

use std::process::ExitCode;

use crossbeam_channel::{Receiver, never};

use super::arguments::Input;
use super::daemon::{self, no_thread};
use super::{Failure, signals};
use crate::config::{Config, RawConfig};
use crate::log::{self, Area, Level};
use crate::mcp::stdio::Connection;
use crate::sandbox::{self, Sandbox};
use crate::server::toolbox::ToolChoice;
use crate::server::{self, ConfigProblem, Settings};
use crate::time::{Clock as _, SystemClock};

/// The name under which the sandbox presents itself, so that nobody takes it for a wallet with money.
const SANDBOX_NAME: &str = "waiaas-sandbox";

/// The name without a wallet name: what the Node program says, so that clients that show it need no change.
const UNNAMED: &str = "waiaas-wallet";

pub(super) fn run(input: &Input, config: Config) -> Result<ExitCode, Failure> {
    // Signals that come from here on end the program in order.
    let stop = signals::stop_requests().unwrap_or_else(|error| {
        let detail = error.to_string();
        log::event(Area::Server, Level::Warn, "signals.unavailable", &[("error", &log::Foreign(&detail))]);
        never()
    });
    if !input.has("sandbox") {
        return serve(config, None, &stop);
    }
    let sandbox = Sandbox::start(sandbox::Options::default()).map_err(|error| Failure {
        what: format!("the sandbox cannot be started: {error}"),
        advice: "Look whether this user may write temporary files and listen on 127.0.0.1.".to_owned(),
    })?;
    let mut raw = RawConfig::new(None);
    raw.say_variable("WAIAAS_BASE_URL", sandbox.base_url());
    raw.say_variable("WAIAAS_DATA_DIR", sandbox.data_dir());
    let config = Config { log_level: config.log_level, ..raw.resolve(SystemClock::start().now().wall) };
    serve(config, Some(SANDBOX_NAME), &stop)
}

fn serve(config: Config, name: Option<&str>, stop: &Receiver<()>) -> Result<ExitCode, Failure> {
    // With a wrong configuration nothing is read and nobody is asked: every call explains what is wrong.
    let (daemon, worker) = match config.problems.first() {
        Some(problem) => {
            (Err(ConfigProblem { message: problem.what.clone(), hint: problem.advice.clone() }), None)
        }
        None => {
            let (daemon, worker) = daemon::connect(&config)?;
            (Ok(daemon), Some(worker))
        }
    };
    let name = match (name, &config.wallet_name) {
        (Some(name), _) => name.to_owned(),
        (None, Some(wallet)) => format!("waiaas-{wallet}"),
        (None, None) => UNNAMED.to_owned(),
    };
    let settings = Settings {
        name,
        wallet_name: config.wallet_name,
        tools: ToolChoice { toolsets: config.toolsets, read_only: config.read_only },
        daemon,
    };
    let connection = Connection::stdio().map_err(|error| no_thread(&error))?;
    server::run(connection, settings, stop.clone());
    if let Some(worker) = worker {
        worker.shut_down();
    }
    Ok(ExitCode::SUCCESS)
}
