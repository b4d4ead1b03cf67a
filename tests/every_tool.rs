//! Every tool, called through the server's own pieces against the sandbox daemon, with its required arguments only and
//! with all of them. What the daemon answers may be a refusal (a policy, a missing key, an owner who is not set); it
//! must never be about the request: an unknown route, a body it cannot read, an argument it does not know.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use waiaas_mcp::http::Transport;
use waiaas_mcp::http::base_url::BaseUrl;
use waiaas_mcp::http::client::Http;
use waiaas_mcp::json::RawValue;
use waiaas_mcp::sandbox::{Options, RateLimits, Sandbox, SessionLimits};
use waiaas_mcp::server::call::{Cancelled, Daemon};
use waiaas_mcp::server::composed::{self, Task};
use waiaas_mcp::session::TokenPlace;
use waiaas_mcp::session::shared::SharedSession;
use waiaas_mcp::session::worker::Worker;
use waiaas_mcp::time::SystemClock;
use waiaas_mcp::wallet::catalogue;
use waiaas_mcp::wallet::schema::input_schema;
use waiaas_mcp::wallet::spec::ToolSpec;

const CALL_TIME_MAX: Duration = Duration::from_secs(20);
const ADDRESS: &str = "0x1111111111111111111111111111111111111111";
/// Registered on ethereum-sepolia.
const TOKEN: &str = "0x779877A7B0D9E8603169DdbD7836e478b4624789";
const ABI: &str = r#"[{"type":"function","name":"transfer","inputs":[{"name":"to","type":"address"},{"name":"amount","type":"uint256"}],"outputs":[{"type":"bool"}],"stateMutability":"nonpayable"}]"#;

/// Words in an answer that say that the request itself was wrong, or that there was no answer at all.
const OUR_FAULT: [&str; 11] = [
    "VALIDATION_FAILED",
    "HTTP_4",
    "HTTP_5",
    "wrong arguments",
    "daemon_unavailable",
    "outcome_unknown",
    "session_expired",
    "WALLET_ID_REQUIRED",
    "NETWORK_REQUIRED",
    "MISMATCH",
    "ACTION_NOT_FOUND",
];

struct Stage {
    daemon: Daemon,
    worker: Option<Worker>,
    sandbox: Sandbox,
}

impl Stage {
    /// A session of the sandbox, for these of its wallets; none: the first one alone.
    fn set(wallet_ids: Vec<String>) -> Stage {
        let sandbox = Sandbox::start(Options::default()).expect("a sandbox");
        sandbox.set_rate_limits(RateLimits { address: None, session: None, transactions: None });
        if !wallet_ids.is_empty() {
            let session = sandbox.new_session(SessionLimits { wallet_ids, ..SessionLimits::default() });
            sandbox.replace_token_file(&session.token).expect("a writable file");
        }
        let base_url = BaseUrl::parse(&sandbox.base_url()).expect("a good address");
        let transport: Arc<dyn Transport> = Arc::new(Http::new(base_url));
        let (session, nudges) = SharedSession::new(Arc::new(SystemClock::start()));
        let place = TokenPlace {
            write: sandbox.token_file().to_owned(),
            read_fallback: None,
            only_session: None,
            bootstrap: None,
        };
        let worker = Worker::spawn(place, Arc::clone(&transport), Arc::clone(&session), nudges);
        let daemon = Daemon { transport, session, wallet_id: None, call_time_max: CALL_TIME_MAX };
        Stage { daemon, worker: Some(worker.expect("a thread")), sandbox }
    }

    fn call(&self, tool: &ToolSpec, arguments: &Value) -> String {
        let raw = RawValue::from_string(arguments.to_string()).expect("JSON");
        Task::of(tool, Some(&raw), &self.daemon).run(&self.daemon, &Cancelled::default()).text
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(worker) = self.worker.take() {
            worker.shut_down();
        }
    }
}

/// The least and the fullest call of a tool.
fn calls(tool: &ToolSpec, wallet_id: &str) -> [Value; 2] {
    let schema: Value = serde_json::from_str(&input_schema(tool)).expect("JSON");
    let properties = schema["properties"].as_object().expect("properties");
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let all: Map<_, _> = properties
        .iter()
        .filter(|(name, _)| !is_exclusive(&tool.name, name))
        .map(|(name, property)| (name.clone(), sample(&tool.name, name, property, wallet_id)))
        .collect();
    let least = all.iter().filter(|(name, _)| {
        // EVM wallets must name a network, which no schema can say.
        required.contains(&name.as_str()) || *name == "network" || needed(&tool.name, name)
    });
    let least = least.map(|(name, value)| (name.clone(), value.clone())).collect();
    [Value::Object(least), Value::Object(all)]
}

/// Arguments of which an action takes one or the other.
fn is_exclusive(tool: &str, name: &str) -> bool {
    tool.starts_with("action_") && name.starts_with("human")
}

/// Arguments that the schema calls optional and this sample needs.
fn needed(tool: &str, name: &str) -> bool {
    matches!((tool, name), ("build_userop", "to" | "amount") | ("sign_message", "message"))
}

fn sample(tool: &str, name: &str, schema: &Value, wallet_id: &str) -> Value {
    if let Some(choice) = schema["enum"].get(0) {
        return match (tool, name) {
            ("send_token", "type") => json!("TOKEN_TRANSFER"),
            _ => choice.clone(),
        };
    }
    match (tool, name) {
        (_, "wallet_id") => json!(wallet_id),
        (_, "network") => json!("eip155:11155111"),
        (_, "to" | "spender" | "token_address" | "sender" | "sub_account" | "contract") => json!(ADDRESS),
        ("build_userop", "token") => json!(TOKEN),
        (_, "token") if schema["type"] == "object" => {
            json!({ "address": TOKEN, "decimals": 18, "symbol": "LINK" })
        }
        (_, "asset_id") => json!(format!("eip155:11155111/erc20:{TOKEN}")),
        (_, "transaction_id") => json!("01a1f2c4-5b00-7c1e-9d3a-2f6b8e4a7dff"),
        ("list_transactions", "cursor") => json!("01a1f2c4-5b00-7c1e-9d3a-2f6b8e4a7dff"),
        (_, "url") => json!("https://api.example.com/a?b=c"),
        (_, "abi") => serde_json::from_str(ABI).expect("JSON"),
        (_, "functionName" | "method") => json!("transfer"),
        (_, "args") => json!([ADDRESS, "1"]),
        (_, "gas_condition") => json!({ "max_gas_price": "1000000000", "timeout": 60 }),
        (_, "typed_data") => json!({
            "domain": { "name": "a", "version": "1", "chainId": 11155111, "verifyingContract": ADDRESS },
            "types": { "Mail": [{ "name": "text", "type": "string" }] },
            "primaryType": "Mail", "message": { "text": "hello" },
        }),
        ("send_batch" | "simulate_transaction", "instructions") => {
            json!([{ "to": ADDRESS, "amount": "1" }, { "to": ADDRESS, "amount": "2" }])
        }
        (_, "token_identifier") => json!("0x3333333333333333333333333333333333333333:1"),
        (_, "calldata" | "call_data" | "transaction" | "data") => json!("0x02"),
        // All its values are hexadecimal.
        ("sign_userop", name) if name != "build_id" => json!("0x01"),
        (_, "signature") => json!("0x00"),
        (_, "period") => json!("weekly"),
        _ => by_type(tool, name, schema, wallet_id),
    }
}

fn by_type(tool: &str, name: &str, schema: &Value, wallet_id: &str) -> Value {
    let inner = |schema: &Value| sample(tool, "", schema, wallet_id);
    match schema["type"].as_str() {
        Some("string") => json!("1"),
        Some("number") => schema.get("minimum").cloned().unwrap_or(json!(20)),
        Some("integer") => schema.get("minimum").filter(|least| **least != 0).cloned().unwrap_or(json!(1)),
        Some("boolean") => json!(true),
        Some("array") => json!([inner(&schema["items"]), inner(&schema["items"])]),
        Some("object") if schema["additionalProperties"].is_object() => {
            json!({ "key": inner(&schema["additionalProperties"]) })
        }
        Some("object") => {
            let members = schema["properties"].as_object().into_iter().flatten();
            Value::Object(
                members.map(|(name, each)| (name.clone(), sample(tool, name, each, wallet_id))).collect(),
            )
        }
        other => panic!("{tool} {name}: a sample of {other:?}"),
    }
}

#[test]
fn the_daemon_understands_every_call_of_every_tool() {
    let stage = Stage::set(Vec::new());
    let wallets = stage.sandbox.wallet_ids().map(str::to_owned);
    let with_smart = Stage::set(vec![wallets[2].clone()]);
    let found = composed::actions(&stage.daemon, &Cancelled::default()).expect("the providers");
    assert_eq!((found.actions.len(), found.odd.len()), (68, 0));
    let mut faults = Vec::new();
    let actions = found.actions.iter().map(|action| &action.spec);
    for tool in catalogue::tools().iter().chain(actions) {
        let is_userop = tool.name.ends_with("_userop") || tool.name == "get_provider_status";
        let (stage, wallet_id) = if is_userop { (&with_smart, &wallets[2]) } else { (&stage, &wallets[0]) };
        for arguments in calls(tool, wallet_id) {
            let text = stage.call(tool, &arguments);
            // The daemon fails here by itself.
            let expected = tool.name == "waiaas_pm_setup" && text.contains("INTERNAL_ERROR");
            let is_fault =
                OUR_FAULT.iter().any(|word| text.contains(word)) || text.contains("INTERNAL_ERROR");
            if is_fault && !expected {
                faults.push(format!("{} {arguments}\n    {text}", tool.name));
            }
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}
