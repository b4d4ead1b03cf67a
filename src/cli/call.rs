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
use crate::server::call::Cancelled;
use crate::server::composed::Task;
use crate::server::toolbox::{ToolChoice, Toolbox};
use crate::wallet::catalogue;
use crate::wallet::spec::ToolSpec;

pub(super) fn run(input: &Input, config: Config) -> Result<ExitCode, Failure> {
    let read = tool(input, &config).and_then(|spec| Ok((spec, arguments(input.operand(1))?)));
    let (spec, arguments) = match read {
        Ok(read) => read,
        Err(wrong) => {
            output::complain(&wrong.what, &wrong.advice);
            return Ok(ExitCode::from(WRONG_USAGE));
        }
    };
    let (daemon, keeper) = daemon::connect(&config);
    let worker = keeper.start()?;
    let result = Task::of(spec, arguments.as_deref(), &daemon).run(&daemon, &Cancelled::default());
    worker.shut_down();
    output::print(&format!("{}\n", result.text))?;
    Ok(if result.is_error { ExitCode::from(NOT_DONE) } else { ExitCode::SUCCESS })
}

/// The tool that was named, if the configuration shows it.
fn tool(input: &Input, config: &Config) -> Result<&'static ToolSpec, Failure> {
    let name = input.operand(0).map(|name| name.to_string_lossy()).unwrap_or_default();
    let choice = ToolChoice { toolsets: config.toolsets.clone(), read_only: config.read_only };
    Toolbox::new(choice, None).find(&name).ok_or_else(|| match catalogue::find(&name) {
        Some(_) => Failure {
            what: format!("the configuration leaves {name} out"),
            advice: "Look at WAIAAS_MCP_TOOLSETS and WAIAAS_MCP_READ_ONLY.".to_owned(),
        },
        None => Failure {
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
