//! The Rust MCP SDK over stdio: what several clients embed. Arguments: `legacy|auto|discover COMMAND ARGUMENT…`.

use std::collections::HashSet;
use std::env::args;
use std::error::Error;

use rmcp::model::{
    CallToolRequestParams, CallToolResult, ProtocolVersion, ReadResourceRequestParams, ReadResourceResult,
};
use rmcp::service::{Peer, RunningService};
use rmcp::transport::TokioChildProcess;
use rmcp::{ClientLifecycleMode, ClientServiceExt as _, RoleClient};
use serde_json::{Value, json};
use tokio::process::Command;

type Done = Result<(), Box<dyn Error>>;

const TOOLS: usize = 128;
const CALLS_AT_ONCE: usize = 20;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Done {
    let mut words = args().skip(1);
    let era = words.next().ok_or("no era")?;
    let mut command = Command::new(words.next().ok_or("no command")?);
    command.args(words);
    let preferred_versions = vec![ProtocolVersion::V_2026_07_28];
    let lifecycle = match era.as_str() {
        "legacy" => ClientLifecycleMode::Initialize,
        "discover" => ClientLifecycleMode::Discover { preferred_versions },
        "auto" => ClientLifecycleMode::Auto { preferred_versions, legacy_version: None },
        _ => return Err("the era is legacy, auto or discover".into()),
    };
    let mut client = ().serve_with_lifecycle(TokioChildProcess::new(command)?, lifecycle).await?;
    all(&client, &era).await?;
    client.close().await?;
    Ok(())
}

async fn all(client: &RunningService<RoleClient, ()>, era: &str) -> Done {
    let server = serde_json::to_value(client.peer_info().ok_or("no server")?.as_ref())?.to_string();
    check(server.contains("waiaas-sandbox"), &server)?;
    check(server.contains("2026-07-28") == (era != "legacy"), &server)?;
    let tools = client.list_all_tools().await?;
    let names: HashSet<&str> = tools.iter().map(|tool| tool.name.as_ref()).collect();
    check(
        tools.len() == TOOLS && names.len() == TOOLS && names.iter().any(|name| name.starts_with("action_")),
        &format!("{}", names.len()),
    )?;

    let peer: &Peer<RoleClient> = client;
    let calls: Vec<_> = (0..CALLS_AT_ONCE)
        .map(|_| {
            let peer = peer.clone();
            tokio::spawn(
                async move { call(&peer, "get_balance", json!({ "network": "ethereum-sepolia" })).await },
            )
        })
        .collect();
    for result in calls {
        let (result, text) = result.await??;
        let body: Value = serde_json::from_str(&text)?;
        let is_balance = body["balance"].is_string() && body["network"] == "ethereum-sepolia";
        check(result.is_error != Some(true) && is_balance, &text)?;
    }
    let (wrong, text) = call(peer, "get_tokens", json!({})).await?;
    check(wrong.is_error == Some(true) && text.contains("`network`"), &text)?;

    let listed = client.list_all_resources().await?;
    check(listed.iter().any(|resource| resource.uri == "waiaas://session/status"), "the list of resources")?;
    let templates = client.list_all_resource_templates().await?;
    check(templates.len() == 1 && templates[0].uri_template == "waiaas://skills/{name}", "the templates")?;
    let skill =
        text_of(&client.read_resource(ReadResourceRequestParams::new("waiaas://skills/quickstart")).await?)?;
    check(skill.contains("# Quickstart"), &skill)?;
    let status =
        text_of(&client.read_resource(ReadResourceRequestParams::new("waiaas://session/status")).await?)?;
    check(serde_json::from_str::<Value>(&status)?["state"] == "active", &status)
}

async fn call(
    peer: &Peer<RoleClient>,
    tool: &'static str,
    arguments: Value,
) -> Result<(CallToolResult, String), rmcp::ServiceError> {
    let arguments = arguments.as_object().cloned().unwrap_or_default();
    let result = peer.call_tool(CallToolRequestParams::new(tool).with_arguments(arguments)).await?;
    let content = serde_json::to_value(&result.content).unwrap_or_default();
    let text = content[0]["text"].as_str().unwrap_or_default().to_owned();
    Ok((result, text))
}

fn text_of(result: &ReadResourceResult) -> Result<String, Box<dyn Error>> {
    let contents = serde_json::to_value(&result.contents)?;
    Ok(contents[0]["text"].as_str().ok_or("no text")?.to_owned())
}

fn check(is_so: bool, told: &str) -> Done {
    if is_so { Ok(()) } else { Err(format!("not so: {told}").into()) }
}
