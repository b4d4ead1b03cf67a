//! From a checked call to its result, also where that takes more than one request or none.
//!
//! Used by the threads of the call pool and by the command line. Members of the daemon's answers are put together as
//! the text they came in. Refuses to know MCP but for the form of a tool's result.

use std::thread;

use crate::http::{Request, Response, percent_encoded};
use crate::json::{self, Object, RawValue};
use crate::mcp::types::CallToolResult;
use crate::wallet::asset::{Asset, NotCaip19, Resolution};
use crate::wallet::binding::{self, Defaults};
use crate::wallet::spec::{Composition, Effect, ToolSpec};

use super::call::{Cancelled, Daemon};
use super::render::{self, CallError, Failure};

/// Stack of the thread that asks one of two questions asked together, in bytes; as for a call.
const STACK_BYTES: usize = super::call_pool::STACK_BYTES;

/// The code of a part whose answer cannot be read.
const UNREADABLE: &str = "UNREADABLE_ANSWER";

/// What a call comes down to.
#[derive(Clone, Debug)]
pub enum Task {
    /// One request whose answer is the result.
    Request(Request),
    /// The request for the address, and then those for the wallet's networks and details.
    WalletInfo(Request),
    /// A look into the registry of tokens.
    Asset(Asset, Request),
    /// Nothing is left to ask.
    Known(CallToolResult),
}

impl Task {
    /// The task of a call with these arguments. Wrong ones leave nothing to ask.
    pub fn of(spec: &ToolSpec, arguments: Option<&RawValue>, daemon: &Daemon) -> Task {
        let defaults = Defaults { wallet_id: daemon.wallet_id.as_deref() };
        let arguments = match binding::check(spec, arguments, &defaults) {
            Ok(arguments) => arguments,
            Err(error) => return Task::Known(CallToolResult::error(error.to_string())),
        };
        match spec.endpoint.composed {
            None => Task::Request(arguments.request()),
            Some(Composition::WalletInfo) => Task::WalletInfo(arguments.request()),
            Some(Composition::Asset) => Task::asset(arguments.text("asset_id").unwrap_or_default()),
        }
    }

    fn asset(id: &str) -> Task {
        match Asset::parse(id) {
            Err(error) => Task::Known(render::own_error(NotCaip19::CODE, &error.to_string(), false, None)),
            Ok(asset) => match asset.resolve() {
                Resolution::Known(text) => Task::Known(CallToolResult::text(text)),
                Resolution::Ask(request) => Task::Asset(asset, request),
            },
        }
    }

    /// Does it. Blocks.
    pub fn run(self, daemon: &Daemon, cancelled: &Cancelled) -> CallToolResult {
        let result = match self {
            Task::Known(result) => return result,
            Task::Request(request) => {
                let repeatable = request.repeatable;
                render::answer(daemon.perform(&request, cancelled), repeatable)
            }
            Task::WalletInfo(request) => wallet_info(&request, daemon, cancelled),
            Task::Asset(asset, request) => read(&request, daemon, cancelled)
                .and_then(|body| asset.found_in(&body).ok_or_else(|| render::unreadable(200, true))),
        };
        result.map_or_else(|failure| failure.result, CallToolResult::text)
    }
}

/// Whether a call of the tool may be done again without harm.
pub fn is_repeatable(spec: &ToolSpec) -> bool {
    spec.effect == Effect::Read
}

fn read(request: &Request, daemon: &Daemon, cancelled: &Cancelled) -> Result<String, Failure> {
    render::answer(daemon.perform(request, cancelled), true)
}

/// The members of the address answer, then `networks`, `accountType`, `signerKey` and `deployed`. A part that could
/// not be had is left out and named in `partial`, never replaced by a default.
fn wallet_info(request: &Request, daemon: &Daemon, cancelled: &Cancelled) -> Result<String, Failure> {
    let address = read(request, daemon, cancelled)?;
    let [id] = json::members(&address, ["walletId"]).ok_or_else(|| render::unreadable(200, true))?;
    let id = id.and_then(json::string).filter(|id| !["", ".", ".."].contains(&id.as_str()));
    let (networks, wallet) = match id {
        None => (Err(UNREADABLE.to_owned()), Err(UNREADABLE.to_owned())),
        Some(id) => {
            let id = percent_encoded(&id);
            let networks = Request::get(format!("/v1/wallets/{id}/networks"));
            let wallet = Request::get(format!("/v1/wallets/{id}"));
            together(&networks, &wallet, daemon, cancelled)
        }
    };
    Ok(merged(&address, networks, wallet))
}

/// Both answers, or the codes of what went wrong. Asked at the same time, so that the call takes two round trips.
fn together(
    first: &Request,
    second: &Request,
    daemon: &Daemon,
    cancelled: &Cancelled,
) -> (Result<String, String>, Result<String, String>) {
    let ask = |request: &Request| read(request, daemon, cancelled).map_err(|failure| failure.code);
    thread::scope(|scope| {
        let builder = thread::Builder::new().name("call-part".to_owned()).stack_size(STACK_BYTES);
        let spawned = builder.spawn_scoped(scope, || ask(first));
        let second = ask(second);
        let first = match spawned {
            // A panic there is a panic of this call.
            Ok(thread) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            Err(_) => ask(first),
        };
        (first, second)
    })
}

/// Pure: one object from three answers.
fn merged(address: &str, networks: Result<String, String>, wallet: Result<String, String>) -> String {
    let mut added = Object::new();
    let mut partial = Vec::new();
    match networks.and_then(|body| network_names(&body).ok_or_else(|| UNREADABLE.to_owned())) {
        Ok(names) => {
            added.raw("networks", &json::array_of_strings(names.iter().map(String::as_str)));
        }
        Err(code) => partial.push(code),
    }
    const NAMES: [&str; 3] = ["accountType", "signerKey", "deployed"];
    match wallet.as_deref().map(|body| json::members(body, NAMES)) {
        Ok(Some(values)) => {
            for (name, value) in NAMES.into_iter().zip(values) {
                if let Some(value) = value {
                    added.raw(name, value.get());
                }
            }
        }
        Ok(None) => partial.push(UNREADABLE.to_owned()),
        Err(code) => partial.push(code.clone()),
    }
    if !partial.is_empty() {
        added.raw("partial", &json::array_of_strings(partial.iter().map(String::as_str)));
    }
    with_members(address, &added.finish())
}

/// The names in `availableNetworks`, whose elements are `{"network": name}`; a plain name is taken too.
fn network_names(body: &str) -> Option<Vec<String>> {
    let [networks] = json::members(body, ["availableNetworks"])?;
    let networks: Vec<&RawValue> = serde_json::from_str(networks?.get()).ok()?;
    let name = |element: &RawValue| match json::members(element.get(), ["network"]) {
        Some([name]) => json::string(name?),
        None => json::string(element),
    };
    networks.into_iter().map(name).collect()
}

/// The object `first` with the members of the object `second` behind its own. Both are the text of an object.
pub fn with_members(first: &str, second: &str) -> String {
    let inner = |object: &str| {
        let object = object.trim();
        object.strip_prefix('{').and_then(|object| object.strip_suffix('}')).unwrap_or("").to_owned()
    };
    let (first, second) = (inner(first), inner(second));
    let separator = if first.trim().is_empty() || second.trim().is_empty() { "" } else { "," };
    format!("{{{first}{separator}{second}}}")
}

/// `GET /health`, which needs no token.
pub fn health(daemon: &Daemon, cancelled: &Cancelled) -> CallToolResult {
    let outcome: Result<Response, CallError> =
        daemon.perform_without_token(&Request::get("/health"), cancelled);
    render::tool_result(outcome, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: &str = r#"{"walletId":"w","balance":1.10}"#;
    const NETWORKS: &str = r#"{"id":"w","availableNetworks":[{"network":"a"},{"network":"b"}]}"#;
    const WALLET: &str = r#"{"id":"w","signerKey":null,"accountType":"eoa","deployed":true,"more":1}"#;

    #[test]
    fn wallet_info_is_put_together_and_never_made_up() {
        let ok = |text: &str| Ok(text.to_owned());
        let failed = |code: &str| Err(code.to_owned());
        let table = [
            (
                ok(NETWORKS),
                ok(WALLET),
                r#"{"walletId":"w","balance":1.10,"networks":["a","b"],"accountType":"eoa","signerKey":null,"deployed":true}"#,
            ),
            (
                failed("CHAIN_ERROR"),
                ok(WALLET),
                r#"{"walletId":"w","balance":1.10,"accountType":"eoa","signerKey":null,"deployed":true,"partial":["CHAIN_ERROR"]}"#,
            ),
            (
                ok(r#"{"availableNetworks":[{"network":7}]}"#),
                failed("daemon_unavailable"),
                r#"{"walletId":"w","balance":1.10,"partial":["UNREADABLE_ANSWER","daemon_unavailable"]}"#,
            ),
            (
                ok(r#"{"availableNetworks":["a"]}"#),
                ok("[]"),
                r#"{"walletId":"w","balance":1.10,"networks":["a"],"partial":["UNREADABLE_ANSWER"]}"#,
            ),
            (ok(r#"{"availableNetworks":[]}"#), ok("{}"), r#"{"walletId":"w","balance":1.10,"networks":[]}"#),
        ];
        for (networks, wallet, expected) in table {
            assert_eq!(merged(ADDRESS, networks, wallet), expected);
        }
    }

    #[test]
    fn objects_are_joined_as_text() {
        let table = [
            ("{}", "{}", "{}"),
            (" { } ", r#"{"a":1}"#, r#"{ "a":1}"#),
            (r#"{"a":1}"#, "{}", r#"{"a":1}"#),
            ("{\"a\":1}\n", r#"{"b":2}"#, r#"{"a":1,"b":2}"#),
        ];
        for (first, second, expected) in table {
            assert_eq!(with_members(first, second), expected);
        }
    }
}
