//! `call`: one tool call from the shell.
//!
//! Used by the command line. The same path as a client's call, without the protocol around it. Refuses what the
//! configuration hides from clients.

use std::ffi::OsString;
use std::process::ExitCode;

use super::arguments::Input;
use super::{Failure, NOT_DONE, WRONG_USAGE, daemon, output};
use crate::config::Config;
use crate::json::RawValue;
use crate::mcp::types::CallToolResult;
use crate::server::call::{Cancelled, Daemon};
use crate::server::composed::{self, Task};
use crate::server::toolbox::{NoTool, ToolChoice, Toolbox};
use crate::wallet::actions;
use crate::wallet::spec::ToolSpec;

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
    let (daemon, unstarted) = daemon::connect(&config);
    let worker = unstarted.start()?;
    let result = called(toolbox, &name, arguments.as_deref(), is_action, &daemon);
    worker.shut_down();
    let result = match result {
        Ok(result) => result,
        Err(wrong) => return Ok(wrong_usage(&wrong)),
    };
    output::print(&format!("{}\n", result.text))?;
    Ok(if result.is_error { ExitCode::from(NOT_DONE) } else { ExitCode::SUCCESS })
}

fn wrong_usage(wrong: &Failure) -> ExitCode {
    output::complain(&wrong.what, &wrong.advice);
    ExitCode::from(WRONG_USAGE)
}

/// The result of the call. Which actions there are, only the daemon knows; what it says instead is the result.
fn called(
    mut toolbox: Toolbox,
    name: &str,
    arguments: Option<&RawValue>,
    is_action: bool,
    daemon: &Daemon,
) -> Result<CallToolResult, Failure> {
    let cancelled = Cancelled::default();
    if is_action {
        match composed::actions(daemon, &cancelled) {
            Ok(found) => toolbox.set_actions(found.actions),
            Err(instead) => return Ok(instead),
        };
    }
    Ok(Task::of(known(&toolbox, name)?, arguments, daemon).run(daemon, &cancelled))
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
