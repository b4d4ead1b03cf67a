//! Which servers of a client's file are ours, or the Node program's that this one takes the place of.
//!
//! Used by `doctor`, and by `setup`, which points at an entry that would use the same token. Pure. Refuses to know
//! whether a command exists.

use std::path::Path;

use super::entry::{OWN_VARIABLES, Target};
use super::table::Client;
use super::value::Value;
use crate::http::base_url::BaseUrl;

/// The npm package of the Node program.
const NODE_PACKAGE: &str = "@waiaas/mcp";

/// The name of this program's file, without the ending that Windows adds.
const OUR_NAME: &str = "waiaas-mcp";

/// A server in a client's file that serves a WAIaaS wallet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Server {
    /// Its name there.
    pub key: String,
    /// The project it is confined to, in Claude Code's file.
    pub project: Option<String>,
    /// What it starts.
    pub program: Program,
    /// The command as it is written.
    pub command: String,
    /// Why the client does not start it, if it is switched off.
    pub off: Option<String>,
    /// Whether a session token stands in the file, where it does not belong.
    pub has_token: bool,
    variables: Vec<(String, String)>,
}

/// What a server of a client's file starts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Program {
    /// This program.
    Ours,
    /// The Node program.
    Node,
}

impl Server {
    /// A variable that the entry sets.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.iter().find(|(candidate, _)| candidate == name).map(|(_, value)| value.as_str())
    }

    /// Whether it uses the same token file as an entry for `target` would.
    pub fn shares_token_with(&self, target: &Target) -> bool {
        self.variable(OWN_VARIABLES[0]).is_some_and(|text| Path::new(text) == target.data_dir)
            && same_wallet(self.variable("WAIAAS_WALLET_ID"), target.wallet_id.as_deref())
    }

    /// In what it differs from an entry for `target`: the variable, what it says there, and what it would say.
    pub fn differences(&self, target: &Target) -> Vec<Difference> {
        let data_dir = target.data_dir.to_string_lossy();
        let base_url = |text: Option<&str>| text.unwrap_or(BaseUrl::DEFAULT).trim_end_matches('/').to_owned();
        let row = |variable: &'static str, expected: Option<&str>, is_same: bool| {
            let found = self.variable(variable).map(str::to_owned);
            (!is_same).then(|| Difference { variable, found, expected: expected.map(str::to_owned) })
        };
        let has_data_dir =
            self.variable("WAIAAS_DATA_DIR").is_some_and(|text| Path::new(text) == target.data_dir);
        let has_base_url = base_url(self.variable("WAIAAS_BASE_URL")) == base_url(target.base_url.as_deref());
        let has_wallet = same_wallet(self.variable("WAIAAS_WALLET_ID"), target.wallet_id.as_deref());
        [
            row("WAIAAS_DATA_DIR", Some(&data_dir), has_data_dir),
            row("WAIAAS_BASE_URL", target.base_url.as_deref(), has_base_url),
            row("WAIAAS_WALLET_ID", target.wallet_id.as_deref(), has_wallet),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// A variable of an entry that is not as expected.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// Its name.
    pub variable: &'static str,
    /// What the entry says; `None` if it does not set it.
    pub found: Option<String>,
    /// What this process says; `None` if it is not set.
    pub expected: Option<String>,
}

fn same_wallet(one: Option<&str>, other: Option<&str>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
        (one, other) => one.is_none() && other.is_none(),
    }
}

/// The servers of a client's file that serve a WAIaaS wallet, in its order.
pub fn servers(client: &Client, document: &Value) -> Vec<Server> {
    let below = |value: &Value, project: Option<&str>| -> Vec<Server> {
        let all = value.get(client.top_key).map(Value::members).unwrap_or_default();
        all.iter().filter_map(|(key, entry)| server(client, document, key, entry, project)).collect()
    };
    let mut found = below(document, None);
    if client.name == "claude-code" {
        let projects = document.get("projects").map(Value::members).unwrap_or_default();
        found.extend(projects.iter().flat_map(|(project, value)| below(value, Some(project))));
    }
    found
}

fn server(
    client: &Client,
    document: &Value,
    key: &str,
    entry: &Value,
    project: Option<&str>,
) -> Option<Server> {
    let names = client.shape.names();
    let command = entry.get(names.command)?.as_str()?;
    let arguments: Vec<&str> = entry.get(names.args).map(|list| list.strings().collect()).unwrap_or_default();
    let program = program(command, &arguments)?;
    let variables: Vec<(String, String)> = entry
        .get(names.variables)
        .map(Value::members)
        .unwrap_or_default()
        .iter()
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect();
    Some(Server {
        key: key.to_owned(),
        project: project.map(str::to_owned),
        program,
        command: if holds_token(command) { String::new() } else { command.to_owned() },
        off: switched_off(client, document, key, entry),
        has_token: [command].iter().chain(&arguments).any(|text| holds_token(text))
            || variables.iter().any(|(_, value)| holds_token(value)),
        // The token itself goes no further.
        variables: variables.into_iter().filter(|(_, value)| !holds_token(value)).collect(),
    })
}

fn holds_token(text: &str) -> bool {
    text.contains("wai_sess_")
}

fn program(command: &str, arguments: &[&str]) -> Option<Program> {
    // The paths of Windows have other separators, and may be read elsewhere.
    let name = command.rsplit(['/', '\\']).next().unwrap_or_default().to_ascii_lowercase();
    let name = name.strip_suffix(".exe").unwrap_or(&name);
    let is_node = |text: &&str| text.replace('\\', "/").contains(NODE_PACKAGE);
    match () {
        () if is_node(&command) || arguments.iter().any(is_node) => Some(Program::Node),
        () if name == OUR_NAME => Some(Program::Ours),
        () => None,
    }
}

/// Why the client would not start a server of this name, there already or not.
pub(super) fn would_be_off(client: &Client, document: &Value, key: &str) -> Option<String> {
    let nothing = Value::Map(Vec::new());
    let entry = document.get(client.top_key).and_then(|servers| servers.get(key));
    switched_off(client, document, key, entry.unwrap_or(&nothing))
}

/// Why the client does not start a server, as far as its file says.
fn switched_off(client: &Client, document: &Value, key: &str, entry: &Value) -> Option<String> {
    let says = |name: &str, wanted| entry.get(name).is_some_and(|value| value.is(wanted));
    if says("disabled", true) {
        return Some("`disabled` is true".to_owned());
    }
    if says("enabled", false) {
        return Some("`enabled` is false".to_owned());
    }
    if client.name == "gemini" {
        let lists = document.get("mcp");
        let list = |name: &str| lists.and_then(|lists| lists.get(name));
        if list("excluded").is_some_and(|list| list.strings().any(|name| name == key)) {
            return Some("it stands in `mcp.excluded`".to_owned());
        }
        if list("allowed").is_some_and(|list| !list.strings().any(|name| name == key)) {
            return Some("it is missing in `mcp.allowed`".to_owned());
        }
    }
    None
}
