//! `serve`: wires clocks, transport, session worker and server together, and ends them in order.
//!
//! Used by the command line, for `serve` and `serve --sandbox`. Nothing here waits for the disk or the daemon
//! before the server answers. Refuses to decide anything about sessions or messages.

use std::io;
use std::process::ExitCode;

use super::Failure;
use super::arguments::Input;
use super::daemon::{self, Kept, Unstarted};
use super::parents::{Parents, Watch};
use super::signals;
use crate::config::{Config, RawConfig, SETTINGS};
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
    if !input.has("sandbox") {
        return serve(config, None);
    }
    let sandbox = Sandbox::start(sandbox::Options::default()).map_err(|error| Failure {
        what: format!("the sandbox cannot be started: {error}"),
        advice: "Look whether this user may write temporary files and listen on 127.0.0.1.".to_owned(),
    })?;
    let mut raw = RawConfig::new(None);
    raw.say_variable("WAIAAS_BASE_URL", sandbox.base_url());
    // Like an option: a directory for temporary files may have any name.
    if let Some(setting) = SETTINGS.iter().find(|setting| setting.variable == "WAIAAS_DATA_DIR") {
        raw.say_option(setting, sandbox.data_dir().into());
    }
    let config = Config { log_level: config.log_level, ..raw.resolve(SystemClock::start().now().wall) };
    serve(config, Some(SANDBOX_NAME))
}

fn serve(config: Config, name: Option<&str>) -> Result<ExitCode, Failure> {
    // Before the first answer, because the client may be gone right after it.
    let parent = Parents::parent_now();
    let connection = Connection::stdio().map_err(|error| no_stdio(&error))?;
    let waker = connection.waker();
    // Signals that come from here on end the program in order.
    warn_if_unavailable(signals::stop_on_signals(&waker));
    // With a wrong configuration nothing is read and nobody is asked: every call explains what is wrong.
    let (daemon, unstarted) = match config.problems.first() {
        Some(problem) => {
            (Err(ConfigProblem { message: problem.what.clone(), hint: problem.advice.clone() }), None)
        }
        None => {
            let (daemon, unstarted) = daemon::connect(&config);
            (Ok(daemon), Some(unstarted))
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
    let mut kept = None;
    server::run(connection, settings, |connection| {
        let mut watch = Watch::new(parent.with_grandparent());
        connection.watch_client(move |has_spoken| watch.is_client_gone(has_spoken));
        warn_if_unavailable(signals::stop_on_other_signals(&waker));
        kept = unstarted.map(Unstarted::start);
        let at_end = kept.as_ref().map(Kept::handle);
        connection.when_ending(move || {
            if let Some(kept) = at_end {
                kept.begin_no_more();
            }
            signals::let_a_second_signal_end(waker.stop_flag());
        });
    });
    if let Some(kept) = kept {
        kept.shut_down();
    }
    Ok(ExitCode::SUCCESS)
}

fn warn_if_unavailable(registered: io::Result<()>) {
    if let Err(error) = registered {
        let detail = error.to_string();
        log::event(Area::Server, Level::Warn, "signals.unavailable", &[("error", &log::Foreign(&detail))]);
    }
}

fn no_stdio(error: &io::Error) -> Failure {
    Failure {
        what: format!("stdin and stdout cannot be used: {error}"),
        advice: "Start it from an MCP client, or with both open.".to_owned(),
    }
}
