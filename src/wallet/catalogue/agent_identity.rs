//! The toolset `agent-identity`: who an agent is (ERC-8004), and HTTP requests it signs (ERC-8128).
//!
//! Used by the catalogue. Pure data; refuses to know how a row becomes a schema or a request.

use super::{HTTP_METHODS, body_network, body_wallet};
use crate::wallet::spec::{Effect, Form, Kind, Param, Reach, ToolSpec, body, get, path, post, query};
use crate::wallet::toolsets::Toolset;

pub(super) fn tools() -> Vec<ToolSpec> {
    let mut tools = registry_tools();
    tools.extend(signature_tools());
    tools
}

fn agent() -> Param {
    path("agent_id", Kind::Formed(Form::Digits)).sent_as("agentId")
}

/// ERC-8004.
fn registry_tools() -> Vec<ToolSpec> {
    vec![
        ToolSpec {
            name: "erc8004_get_agent_info".into(),
            title: "Agent".into(),
            description: "An agent's registration (ERC-8004): owner, wallet, URI.".into(),
            toolset: Toolset::AgentIdentity,
            effect: Effect::Read,
            reach: Reach::World,
            endpoint: get("/v1/erc8004/agent/{agentId}"),
            params: vec![agent()],
        },
        ToolSpec {
            name: "erc8004_get_reputation".into(),
            title: "Agent reputation".into(),
            description: "An agent's reputation, all or by tag.".into(),
            toolset: Toolset::AgentIdentity,
            effect: Effect::Read,
            reach: Reach::World,
            endpoint: get("/v1/erc8004/agent/{agentId}/reputation"),
            params: vec![agent(), query("tag1", Kind::Text), query("tag2", Kind::Text)],
        },
        ToolSpec {
            name: "erc8004_get_validation_status".into(),
            title: "Agent validation".into(),
            description: "State of a validation request.".into(),
            toolset: Toolset::AgentIdentity,
            effect: Effect::Read,
            reach: Reach::World,
            endpoint: get("/v1/erc8004/validation/{requestHash}"),
            params: vec![path("request_hash", Kind::Text).sent_as("requestHash")],
        },
    ]
}

/// ERC-8128.
fn signature_tools() -> Vec<ToolSpec> {
    vec![
        ToolSpec {
            name: "erc8128_sign_request".into(),
            title: "Sign an HTTP request".into(),
            description: "Headers that sign an HTTP request as this wallet (ERC-8128).".into(),
            toolset: Toolset::AgentIdentity,
            effect: Effect::Sign,
            reach: Reach::Daemon,
            endpoint: post("/v1/erc8128/sign"),
            params: vec![
                body("method", Kind::Choice(HTTP_METHODS)).required(),
                body("url", Kind::Formed(Form::Url)).required(),
                body("headers", Kind::TextMap),
                body("body", Kind::Text),
                body_wallet(),
                body_network(),
                body("preset", Kind::Choice(&["minimal", "standard", "strict"])),
                body("ttl_seconds", Kind::Number).sent_as("ttlSec").about("10-3600"),
            ],
        },
        ToolSpec {
            name: "erc8128_verify_signature".into(),
            title: "Verify a signed request".into(),
            description: "Whether a signed HTTP request is valid, and who signed it.".into(),
            toolset: Toolset::AgentIdentity,
            effect: Effect::Read,
            reach: Reach::Daemon,
            endpoint: post("/v1/erc8128/verify"),
            params: vec![
                body("method", Kind::Choice(HTTP_METHODS)).required(),
                body("url", Kind::Formed(Form::Url)).required(),
                body("headers", Kind::TextMap).required(),
                body("signature_input", Kind::Text).sent_as("headers.signature-input").required(),
                body("signature", Kind::Text).sent_as("headers.signature").required(),
                body("content_digest", Kind::Text).sent_as("headers.content-digest"),
            ],
        },
    ]
}
