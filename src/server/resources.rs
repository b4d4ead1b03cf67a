//! The resources, as data, and where the text of each comes from.
//!
//! Used by the server. Refuses to know how a text is sent.

use std::borrow::Cow;
use std::time::Duration;

use crate::http::{Request, percent_encoded};
use crate::json::{self, with_members};
use crate::mcp::era::Era;
use crate::mcp::error::ErrorObject;
use crate::mcp::message::Params;
use crate::mcp::types::{CallToolResult, JSON, Resource, ResourceTemplate};

use super::call::{Cancelled, Daemon};
use super::composed::health;
use super::render;
use super::service::Standing;

/// The state of the session, which changes by itself.
pub const SESSION_STATUS: &str = "waiaas://session/status";
/// The daemon's health, with the same state.
pub const SYSTEM_STATUS: &str = "waiaas://system/status";
const WALLET_BALANCE: &str = "waiaas://wallet/balance";
const WALLET_ADDRESS: &str = "waiaas://wallet/address";

/// The daemon's manuals for agents.
pub const SKILLS: ResourceTemplate = ResourceTemplate {
    uri_template: "waiaas://skills/{name}",
    name: "API Skills",
    title: "Skills",
    description: "A manual of the daemon: quickstart, wallet, transactions, policies, admin, actions or x402",
    mime_type: MARKDOWN,
};
const SKILL_PREFIX: &str = "waiaas://skills/";
const SKILL_VARIABLE: &str = "name";

/// The names that the daemon allows, and whether it comes with a text for it.
const SKILL_NAMES: [(&str, bool); 7] = [
    ("quickstart", true),
    ("wallet", true),
    ("transactions", true),
    ("policies", true),
    ("admin", false),
    ("actions", true),
    ("x402", true),
];

/// Longest name of a skill, in bytes. No daemon has longer ones; what is longer is not asked for.
const SKILL_NAME_BYTES_MAX: usize = 64;

/// How long the daemon may take to say whether it has one skill while they are listed. It answers from a file.
const SKILL_TIME_MAX: Duration = Duration::from_millis(500);

const MARKDOWN: &str = "text/markdown";

/// Those that are always there, in the order of the list.
pub static RESOURCES: [Resource; 4] = [
    fixed(
        WALLET_BALANCE,
        "Wallet Balance",
        "Wallet balance",
        "Native balance on every network of the wallet",
    ),
    fixed(WALLET_ADDRESS, "Wallet Address", "Wallet address", "Public address of the wallet"),
    fixed(
        SYSTEM_STATUS,
        "System Status",
        "System status",
        "Health of the WAIaaS daemon, and the state of the session",
    ),
    fixed(
        SESSION_STATUS,
        "Session Status",
        "Session status",
        "State of the session token, until when it holds, when it is renewed",
    ),
];

const fn fixed(
    uri: &'static str,
    name: &'static str,
    title: &'static str,
    description: &'static str,
) -> Resource {
    let [uri, name, title] = [Cow::Borrowed(uri), Cow::Borrowed(name), Cow::Borrowed(title)];
    Resource { uri, name, title, description, mime_type: JSON }
}

/// The resource of this URI. Of a skill only reading it tells whether the daemon has it.
pub fn find(uri: &str) -> Option<Resource> {
    let fixed = RESOURCES.iter().find(|resource| resource.uri == uri);
    fixed.cloned().or_else(|| find_skill(uri))
}

/// Whether clients are told of its changes. Those of the chain are for them to ask.
pub fn standing(resource: &Resource) -> Standing {
    let changes = [SESSION_STATUS, SYSTEM_STATUS].contains(&&*resource.uri);
    if changes { Standing::Changing } else { Standing::Fixed }
}

/// The values of a template's variable that begin with what the client has typed.
///
/// # Errors
/// `completion/complete` asks for something that has no variables.
pub fn completions(params: &Params) -> Result<Vec<&'static str>, ErrorObject> {
    let [reference, argument] = params.members(["ref", "argument"]);
    let wrong = |what: &str| ErrorObject::invalid_params(format!("Invalid params: {what}"));
    let of_reference = reference.and_then(|reference| json::members(reference.get(), ["type", "uri"]));
    let [kind, uri] = of_reference.ok_or_else(|| wrong("ref must be an object"))?;
    let of_argument = argument.and_then(|argument| json::members(argument.get(), ["name", "value"]));
    let [name, typed] = of_argument.ok_or_else(|| wrong("argument must be an object"))?;
    if kind.and_then(json::string).as_deref() != Some("ref/resource") {
        return Err(wrong("only ref/resource has completions"));
    }
    if uri.and_then(json::string).as_deref() != Some(SKILLS.uri_template) {
        return Err(wrong("no resource template has this uri"));
    }
    if name.and_then(json::string).as_deref() != Some(SKILL_VARIABLE) {
        return Err(wrong("the resource template has no such variable"));
    }
    let typed = typed.and_then(json::string).ok_or_else(|| wrong("argument.value must be a string"))?;
    Ok(usual_skills().filter(|skill| skill.starts_with(&typed.to_lowercase())).collect())
}

/// The names of the skills that a daemon comes with.
fn usual_skills() -> impl Iterator<Item = &'static str> {
    SKILL_NAMES.into_iter().filter(|(_, usual)| *usual).map(|(name, _)| name)
}

/// The skill of this URI.
fn find_skill(uri: &str) -> Option<Resource> {
    let name = uri.strip_prefix(SKILL_PREFIX)?;
    let good = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    ((1..=SKILL_NAME_BYTES_MAX).contains(&name.len()) && name.chars().all(good)).then(|| skill(name))
}

fn skill(name: &str) -> Resource {
    Resource {
        uri: format!("{SKILL_PREFIX}{name}").into(),
        name: format!("{name} skill").into(),
        title: format!("Skill {name}").into(),
        description: "A manual of the daemon",
        mime_type: MARKDOWN,
    }
}

/// All resources as a JSON array: those that are always there, and the skills. Without a `daemon` the ones that it
/// comes with. Blocks.
pub fn list(daemon: Option<(&Daemon, &Cancelled)>, era: Era) -> String {
    let skills = daemon.and_then(|(daemon, cancelled)| served_skills(daemon, cancelled));
    let skills = skills.unwrap_or_else(|| usual_skills().collect());
    let skills = skills.into_iter().map(skill);
    let all: Vec<String> =
        RESOURCES.iter().cloned().chain(skills).map(|resource| resource.to_json(era)).collect();
    format!("[{}]", all.join(","))
}

/// The names for which the daemon has a text; `None` if it does not say so for all of them.
fn served_skills(daemon: &Daemon, cancelled: &Cancelled) -> Option<Vec<&'static str>> {
    let mut served = Vec::new();
    for (name, _) in SKILL_NAMES {
        match daemon.ask_openly(&skill_request(name), SKILL_TIME_MAX, cancelled)?.status {
            200 => served.push(name),
            404 => {}
            _ => return None,
        }
    }
    Some(served)
}

fn skill_request(name: &str) -> Request {
    Request::get(format!("/v1/skills/{}", percent_encoded(name)))
}

/// The markdown of a skill. What is said instead is marked as an error, because it is another type of text.
fn read_skill(name: &str, daemon: &Daemon, cancelled: &Cancelled) -> CallToolResult {
    let outcome = daemon.perform_without_token(&skill_request(name), cancelled);
    let content = render::answer(outcome, true).and_then(|body| {
        let content = json::members(&body, ["content"]).and_then(|[content]| json::string(content?));
        content.ok_or_else(|| render::unreadable(200, true))
    });
    match content {
        Ok(content) => CallToolResult::text(content),
        Err(failure) => CallToolResult { is_error: true, ..failure.result },
    }
}

/// The text of a resource. Blocks.
pub fn read(resource: &Resource, daemon: &Daemon, cancelled: &Cancelled) -> CallToolResult {
    match resource.uri.strip_prefix(SKILL_PREFIX) {
        // Markdown has no escapes.
        Some(name) => read_skill(name, daemon, cancelled),
        None => render::visible(read_object(&resource.uri, daemon, cancelled)),
    }
}

/// The text of a resource that is JSON.
fn read_object(uri: &str, daemon: &Daemon, cancelled: &Cancelled) -> CallToolResult {
    match uri {
        SYSTEM_STATUS => system_status(daemon, cancelled),
        SESSION_STATUS => CallToolResult::text(daemon.session.settled_status().to_json()),
        uri => {
            let outcome = daemon.perform(&request(uri, daemon.wallet_id.as_deref()), cancelled);
            render::tool_result(outcome, true)
        }
    }
}

/// The daemon's health, or what is said instead, with the state of the session as its last member.
fn system_status(daemon: &Daemon, cancelled: &Cancelled) -> CallToolResult {
    let health = health(daemon, cancelled);
    let session = format!(r#"{{"session":{}}}"#, daemon.session.settled_status().to_json());
    let is_object = health.text.trim_start().starts_with('{');
    let text = if is_object { with_members(&health.text, &session) } else { session };
    CallToolResult { text, ..health }
}

fn request(uri: &str, wallet_id: Option<&str>) -> Request {
    let mut target = match uri {
        // EVM wallets must name a network; a resource cannot, so it shows all.
        WALLET_BALANCE => "/v1/wallet/balance?network=all".to_owned(),
        _ => "/v1/wallet/address".to_owned(),
    };
    if let Some(id) = wallet_id {
        target.push(if target.contains('?') { '&' } else { '?' });
        target.push_str("walletId=");
        target.push_str(&percent_encoded(id));
    }
    Request::get(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_resource_is_found_by_its_own_uri() {
        for resource in &RESOURCES {
            assert_eq!(find(&resource.uri).as_ref(), Some(resource));
        }
        assert_eq!(find("waiaas://skills/x402").map(|skill| skill.name), Some("x402 skill".into()));
        for uri in
            ["waiaas://skills/", "waiaas://skills/../sessions", "waiaas://skills/a%2Fb", "waiaas://skill/a"]
        {
            assert_eq!(find(uri), None, "{uri}");
        }
        assert_eq!(find("waiaas://wallet"), None);
    }

    #[test]
    fn requests_name_the_configured_wallet_and_every_network() {
        let table = [
            (WALLET_BALANCE, None, "/v1/wallet/balance?network=all"),
            (WALLET_BALANCE, Some("w"), "/v1/wallet/balance?network=all&walletId=w"),
            (WALLET_ADDRESS, None, "/v1/wallet/address"),
            (WALLET_ADDRESS, Some("w"), "/v1/wallet/address?walletId=w"),
        ];
        for (uri, wallet_id, target) in table {
            assert_eq!(request(uri, wallet_id), Request::get(target));
        }
    }
}
