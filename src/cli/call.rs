//! `call`: one tool call from the shell.
//!
//! Used by the command line. The same path as a client's call, without the protocol around it. Refuses what the
//! configuration hides from clients. Told to end, it does as `serve` does: what was sent gets two seconds to be answered,
//! nothing further is sent, and a renewal in flight is waited for.

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded, select};

use super::arguments::Input;
use super::signals::{self, Stop};
use super::{Failure, NOT_DONE, WRONG_USAGE, daemon, output};
use crate::config::Config;
use crate::json::RawValue;
use crate::log;
use crate::mcp::types::CallToolResult;
use crate::server::call::{Cancelled, Daemon};
use crate::server::composed::{self, Task};
use crate::server::toolbox::{NoTool, ToolChoice, Toolbox};
use crate::server::{DRAIN_TIME_MAX, render};
use crate::wallet::actions;
use crate::wallet::spec::ToolSpec;

/// What was typed, and who is to do it.
struct Call {
    toolbox: Toolbox,
    name: String,
    arguments: Option<Box<RawValue>>,
    is_action: bool,
    daemon: Daemon,
}

/// What came of it.
enum Outcome {
    /// A result, or what was wrong with the call.
    Called(Result<CallToolResult, Failure>),
    /// The program was told to end before there was one.
    Interrupted,
    /// Something in the program broke.
    Broken,
}

pub(super) fn run(input: &Input, config: Config) -> Result<ExitCode, Failure> {
    let name = input.operand(0).map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let choice = ToolChoice { toolsets: config.toolsets.clone(), read_only: config.read_only };
    let toolbox = Toolbox::new(choice, None);
    let is_action = name.starts_with(actions::NAME_PREFIX) && toolbox.wants_actions();
    let read = if is_action { Ok(()) } else { known(&toolbox, &name).map(|_| ()) };
    let arguments = match read.and_then(|()| arguments(input.operand(1))) {
        Ok(arguments) => arguments,
        Err(wrong) => return Ok(wrong_usage(&wrong)),
    };
    let is_repeatable = known(&toolbox, &name).is_ok_and(composed::is_repeatable);
    let stop = signals::stop_requests().map_err(|error| daemon::no_thread(&error))?;
    let (daemon, unstarted) = daemon::connect(&config);
    let session = Arc::clone(&daemon.session);
    let kept = unstarted.start();
    let call = Call { toolbox, name, arguments, is_action, daemon };
    let outcome = call.start().map(|(results, cancelled)| wait_for(&results, &cancelled, &stop));
    let is_interrupted = matches!(outcome, Ok(Outcome::Interrupted));
    // Printed before a renewal is waited for, with which it has nothing to do.
    let printed = outcome.and_then(|outcome| print(outcome, is_repeatable));
    if !is_interrupted {
        // If the token is due it is renewed: a session that is used by such calls alone is kept too.
        session.settled_status();
    }
    kept.shut_down();
    let code = printed?;
    if is_interrupted {
        log::settle();
        return Ok(stop.end());
    }
    Ok(code)
}

impl Call {
    /// Begins the call on a thread of its own, because a call that hangs cannot be ended, but left behind.
    fn start(self) -> Result<(Receiver<Result<CallToolResult, Failure>>, Cancelled), Failure> {
        let (sender, results) = bounded(1);
        let cancelled = Cancelled::default();
        let wanted = cancelled.clone();
        let call = move || {
            // Nobody is there to hear it if the program has ended.
            let _ = sender.send(self.result(&wanted));
        };
        let thread = thread::Builder::new().name("call".to_owned()).spawn(call);
        thread.map(|_| (results, cancelled)).map_err(|error| daemon::no_thread(&error))
    }

    /// The result of the call. Which actions there are, only the daemon knows; what it says instead is the result.
    fn result(mut self, cancelled: &Cancelled) -> Result<CallToolResult, Failure> {
        if self.is_action {
            match composed::actions(&self.daemon, cancelled) {
                Ok(found) => self.toolbox.set_actions(found.actions),
                Err(instead) => return Ok(instead),
            };
        }
        let task = Task::of(known(&self.toolbox, &self.name)?, self.arguments.as_deref(), &self.daemon);
        Ok(task.run(&self.daemon, cancelled))
    }
}

/// Waits for the result, or for a request to stop and then a little longer.
fn wait_for(
    results: &Receiver<Result<CallToolResult, Failure>>,
    cancelled: &Cancelled,
    stop: &Stop,
) -> Outcome {
    select! {
        recv(results) -> result => result.map_or(Outcome::Broken, Outcome::Called),
        recv(stop.requested()) -> _ => {
            cancelled.cancel();
            match results.recv_timeout(DRAIN_TIME_MAX) {
                Ok(result) => Outcome::Called(result),
                Err(RecvTimeoutError::Timeout) => Outcome::Interrupted,
                Err(RecvTimeoutError::Disconnected) => Outcome::Broken,
            }
        }
    }
}

/// Prints what there is to print. Returns the exit code.
fn print(outcome: Outcome, is_repeatable: bool) -> Result<ExitCode, Failure> {
    // Without a result, what a client would be answered: a transfer may have been carried out.
    let (result, is_done) = match outcome {
        Outcome::Called(Ok(result)) => {
            let is_done = !result.is_error;
            (result, is_done)
        }
        Outcome::Called(Err(wrong)) => return Ok(wrong_usage(&wrong)),
        Outcome::Interrupted => {
            (render::lost("waiaas-mcp was told to end before the answer came", is_repeatable), false)
        }
        Outcome::Broken => {
            (render::lost("an internal error of waiaas-mcp, see its log", is_repeatable), false)
        }
    };
    output::print(&format!("{}\n", result.text))?;
    for note in &result.notes {
        output::remark(&format!("waiaas-mcp: {note}"));
    }
    Ok(if is_done { ExitCode::SUCCESS } else { ExitCode::from(NOT_DONE) })
}

fn wrong_usage(wrong: &Failure) -> ExitCode {
    output::complain(&wrong.what, &wrong.advice);
    ExitCode::from(WRONG_USAGE)
}

/// The tool of this name, if the configuration shows it.
fn known<'t>(toolbox: &'t Toolbox, name: &str) -> Result<&'t ToolSpec, Failure> {
    toolbox.find(name).map_err(|none| match none {
        NoTool::Hidden(why) => Failure {
            what: format!("the configuration leaves {name} out"),
            advice: format!("Look at the environment: {why}."),
        },
        NoTool::Unknown => Failure {
            what: format!("there is no tool {name:?}"),
            advice: "Type `waiaas-mcp tools` to see the tools.".to_owned(),
        },
    })
}

/// The arguments as they were typed.
fn arguments(typed: Option<&OsString>) -> Result<Option<Box<RawValue>>, Failure> {
    let Some(typed) = typed else { return Ok(None) };
    let raw = typed.to_str().and_then(|text| RawValue::from_string(text.trim().to_owned()).ok());
    let wrong = || Failure {
        what: "the arguments are not JSON".to_owned(),
        advice: r#"Write one object in quotes, such as '{"network":"all"}'."#.to_owned(),
    };
    raw.map(Some).ok_or_else(wrong)
}
