//! Properties of the step from arguments to requests, with random arguments of every tool: valid ones become a request
//! that the daemon's document accepts, with every value in it; wrong ones are all named and never reach the network.

#[path = "argument_properties/generate.rs"]
mod generate;
#[path = "argument_properties/names.rs"]
mod names;
#[path = "support/openapi.rs"]
mod openapi;
#[path = "support/prng.rs"]
mod prng;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;
use waiaas_mcp::http::{Credential, HttpFault, HttpFaultKind, Request, Response, Transport};
use waiaas_mcp::json::RawValue;
use waiaas_mcp::server::call::{Cancelled, Daemon};
use waiaas_mcp::server::composed::Task;
use waiaas_mcp::session::shared::SharedSession;
use waiaas_mcp::time::SystemClock;
use waiaas_mcp::wallet::spec::{Place, ToolSpec};
use waiaas_mcp::wallet::{actions, catalogue};

use generate::Generator;
use openapi::{Routes, final_request};

/// Calls of each tool. The daemon has 128 of them.
const CALLS_OF_EACH: u64 = 150;

/// The catalogue and the actions that the daemon ships.
fn all_tools() -> Vec<ToolSpec> {
    let providers = include_str!("../src/sandbox/data/action-providers.json");
    let actions = actions::read(providers).expect("providers").actions;
    catalogue::tools().iter().cloned().chain(actions.into_iter().map(|action| action.spec)).collect()
}

fn seeds(tool_index: usize) -> impl Iterator<Item = u64> {
    let first = tool_index as u64 * CALLS_OF_EACH;
    first..first + CALLS_OF_EACH
}

fn raw(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn random_valid_arguments_become_a_request_that_the_daemons_document_accepts() {
    let routes = Routes::read();
    for (index, tool) in all_tools().iter().enumerate() {
        for seed in seeds(index) {
            let call = Generator::new(seed).valid(tool);
            let at = format!("seed {seed}: {} {}", tool.name, call.text());
            let request =
                final_request(tool, &raw(&call.text())).unwrap_or_else(|error| panic!("{at}: {error}"));
            routes.check(&request, &at);
            assert!(request.target.bytes().all(|byte| byte.is_ascii_graphic()), "{at}: {}", request.target);
            if tool.name.starts_with("action_") {
                check_action(&request, &call.sent, &at);
            } else if tool.endpoint.composed.is_none() {
                check_that_all_arrive(tool, &call.names(), &request, &at);
            }
        }
    }
}

/// Every argument that was given is in the request, under the daemon's name.
fn check_that_all_arrive(tool: &ToolSpec, given: &[String], request: &Request, at: &str) {
    let body: Value =
        request.body.as_deref().map_or(Value::Null, |body| serde_json::from_str(body).expect("JSON"));
    for param in tool.params.iter().filter(|param| given.contains(&param.name.to_string())) {
        let arrives = match param.place {
            Place::Query => request.target.contains(&format!("{}=", param.field)),
            Place::Body => body.pointer(&format!("/{}", param.field.replace('.', "/"))).is_some(),
            // The document's routes say how many segments there are.
            Place::Path | Place::Unsent => true,
        };
        assert!(arrives, "{at}: {} is lost in {request:?}", param.name);
    }
}

/// An action's own arguments arrive under `params`, all of them, and nothing else does.
fn check_action(request: &Request, sent: &serde_json::Map<String, Value>, at: &str) {
    let body: Value = serde_json::from_str(request.body.as_deref().expect("a body")).expect("JSON");
    assert_eq!(body["params"].as_object(), Some(sent), "{at}");
}

#[test]
fn random_wrong_arguments_are_all_named_and_reach_no_network() {
    let transport = Arc::new(NoNetwork::default());
    let daemon = Daemon {
        transport: Arc::clone(&transport) as Arc<dyn Transport>,
        session: SharedSession::new(Arc::new(SystemClock::start())).0,
        wallet_id: None,
        call_time_max: Duration::from_secs(1),
    };
    let mut refused = 0_u64;
    for (index, tool) in all_tools().iter().enumerate() {
        for seed in seeds(index) {
            let Some(call) = Generator::new(seed).wrong(tool) else { continue };
            let at = format!("seed {seed}: {} {}", tool.name, call.text());
            let task = Task::of(tool, Some(&raw(&call.text())), &daemon);
            assert!(matches!(task, Task::Known(_)), "{at}: something is left to ask");
            let result = task.run(&daemon, &Cancelled::default());
            assert!(result.is_error, "{at}: {}", result.text);
            for name in &call.wrong {
                assert!(
                    result.text.contains(&format!("`{name}`: expected ")),
                    "{at}: {name}: {}",
                    result.text
                );
            }
            refused += 1;
        }
    }
    assert_eq!(transport.requests.load(Ordering::Relaxed), 0, "a wrong call was sent");
    // Some tools take no arguments that could be wrong.
    assert!(refused > 100 * CALLS_OF_EACH, "only {refused} calls had something wrong");
}

#[test]
fn the_generator_reaches_every_argument_of_every_tool_in_both_ways() {
    for (index, tool) in all_tools().iter().enumerate() {
        let mut given = BTreeSet::new();
        let mut wrong = BTreeSet::new();
        for seed in seeds(index) {
            given.extend(Generator::new(seed).valid(tool).names());
            let call = Generator::new(seed).wrong(tool);
            wrong.extend(
                call.into_iter()
                    .flat_map(|call| call.wrong)
                    .map(|at| at.split(['.', '[']).next().unwrap_or_default().to_owned()),
            );
        }
        for param in &tool.params {
            assert!(given.contains(&*param.name), "{}: {} is never given", tool.name, param.name);
            assert!(wrong.contains(&*param.name), "{}: {} is never wrong", tool.name, param.name);
        }
    }
}

/// Counts what should not have been sent.
#[derive(Default)]
struct NoNetwork {
    requests: AtomicUsize,
}

impl Transport for NoNetwork {
    fn send(&self, _: &Request, _: Credential<'_>, _: Duration) -> Result<Response, HttpFault> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let detail = "there is no network".to_owned();
        Err(HttpFault { kind: HttpFaultKind::Unreachable, sent: false, detail })
    }
}
