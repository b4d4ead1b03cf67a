//! `tools`: the catalogue, for people and for programs.
//!
//! Used by the command line. Refuses to ask a daemon.

use std::fmt::Write as _;
use std::process::ExitCode;

use super::arguments::Input;
use super::{Failure, output};
use crate::config::Config;
use crate::json::Object;
use crate::wallet::catalogue;
use crate::wallet::schema::input_schema;
use crate::wallet::spec::ToolSpec;
use crate::wallet::toolsets::Toolset;

pub(super) fn run(input: &Input, _config: Config) -> Result<ExitCode, Failure> {
    let text = if input.has("json") { json(catalogue::tools()) } else { table(catalogue::tools()) };
    output::print(&text).map(|()| ExitCode::SUCCESS)
}

/// One array, a tool a line.
fn json(tools: &[ToolSpec]) -> String {
    let rows: Vec<String> = tools
        .iter()
        .map(|tool| {
            Object::new()
                .string("name", &tool.name)
                .string("title", &tool.title)
                .string("toolset", tool.toolset.name())
                .string("effect", tool.effect.name())
                .string("description", &tool.description)
                .raw("inputSchema", &input_schema(tool))
                .finish()
        })
        .collect();
    format!("[\n{}\n]\n", rows.join(",\n"))
}

/// By toolset, with the number of tools for those whose client takes only so many.
fn table(tools: &[ToolSpec]) -> String {
    let width = tools.iter().map(|tool| tool.name.len()).max().unwrap_or_default();
    let mut text = String::new();
    for set in Toolset::ALL {
        let tools: Vec<&ToolSpec> = tools.iter().filter(|tool| tool.toolset == set).collect();
        if tools.is_empty() {
            continue;
        }
        let separator = if text.is_empty() { "" } else { "\n" };
        let _ = writeln!(text, "{separator}{} ({}): {}", set.name(), tools.len(), set.about());
        for tool in tools {
            let _ = writeln!(text, "  {:5}  {:width$}  {}", tool.effect.name(), tool.name, tool.title);
        }
    }
    text
}
