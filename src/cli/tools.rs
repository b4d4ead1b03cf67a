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
use crate::wallet::spec::{Effect, ToolSpec};
use crate::wallet::toolsets::Toolset;

pub(super) fn run(input: &Input, _config: Config) -> Result<ExitCode, Failure> {
    let text = match () {
        () if input.has("json") => json(catalogue::tools()),
        () if input.has("markdown") => markdown(catalogue::tools()),
        () => table(catalogue::tools()),
    };
    output::print(&text).map(|()| ExitCode::SUCCESS)
}

/// The toolsets that have tools of their own, each with them, in the order of listings.
fn by_toolset(tools: &[ToolSpec]) -> impl Iterator<Item = (Toolset, Vec<&ToolSpec>)> {
    let sets = Toolset::ALL.into_iter().map(|set| {
        let tools: Vec<&ToolSpec> = tools.iter().filter(|tool| tool.toolset == set).collect();
        (set, tools)
    });
    sets.filter(|(_, tools)| !tools.is_empty())
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
    for (set, tools) in by_toolset(tools) {
        let separator = if text.is_empty() { "" } else { "\n" };
        let _ = writeln!(text, "{separator}{} ({}): {}", set.name(), tools.len(), set.about());
        for tool in tools {
            let _ = writeln!(text, "  {:5}  {:width$}  {}", tool.effect.name(), tool.name, tool.title);
        }
    }
    text
}

/// One table, which the README shows; a toolset is a row in bold.
fn markdown(tools: &[ToolSpec]) -> String {
    let mut text = String::from("| tool | may change | what it does |\n|---|---|---|\n");
    for (set, tools) in by_toolset(tools) {
        let _ = writeln!(text, "| **{}** ({}) | | **{}** |", set.name(), tools.len(), set.about());
        for tool in tools {
            let changes = match tool.effect {
                Effect::Read => "nothing",
                Effect::Sign => "signs",
                Effect::Write => "settings",
                Effect::Spend => "**money**",
            };
            // A bar would end the cell.
            let about = tool.description.replace('|', "\\|");
            let _ = writeln!(text, "| `{}` | {changes} | {about} |", tool.name);
        }
    }
    text
}
