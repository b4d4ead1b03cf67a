//! From a checked call to its result, also where that takes more than one request or none.
//!
//! Used by the threads of the call pool and by the command line. What is put together from answers is decided in the
//! wallet; here it is asked for. Refuses to know MCP but for the form of a tool's result.

use std::time::Duration;

use crate::http::{Request, Response};
use crate::json::RawValue;
use crate::mcp::types::CallToolResult;
use crate::wallet::actions::{self, Actions};
use crate::wallet::arguments::{Arguments, Draft};
use crate::wallet::asset::{Asset, NotCaip19, Resolution};
use crate::wallet::binding::{self, Defaults};
use crate::wallet::connected;
use crate::wallet::daemon_names::{self, Pair};
use crate::wallet::provider;
use crate::wallet::spec::{Composition, Effect, ToolSpec};
use crate::wallet::userop::{BuildError, Need, UserOp};

use super::call::{Cancelled, Daemon};
use super::own_wallet;
use super::render::{self, Advice, CallError, Failure};

mod wallet_info;

/// For routes that are the operator's only. The session has nothing to do with it.
const ASK_THE_OPERATOR: Advice = Advice {
    code: "INVALID_MASTER_PASSWORD",
    hint: "Only the daemon's operator may see this, with the master password: in the daemon's admin page, or, for \
           this session, with `waiaas-mcp status`. The session itself is fine",
};

/// What a call comes down to.
#[derive(Clone, Debug)]
pub enum Task {
    /// A request, what becomes of its answer, and what is to be said besides.
    Ask(Draft, Then, Aside),
    /// Nothing is left to ask.
    Known(CallToolResult),
}

/// What is to be said besides the result.
#[derive(Clone, Default, Debug)]
pub struct Aside {
    /// What was ignored.
    ignored: Option<String>,
    /// Arguments that the daemon calls by another name, in case it does.
    names: Vec<Pair>,
}

/// What becomes of the answer to the first request.
#[derive(Clone, Debug)]
pub enum Then {
    /// It is the result.
    Pass,
    /// It is the result; a refusal is explained.
    Explain,
    /// It is a wallet's address; its networks and details are asked for.
    WalletInfo,
    /// The asset is looked for in it.
    Asset(Asset),
    /// The provider is read from it.
    ProviderStatus,
    /// The proxy's address for this wallet and chain is read from it.
    RpcProxy {
        /// A UUID.
        wallet_id: String,
        /// Decimal digits.
        chain_id: String,
    },
    /// It is asked with this body, once that is complete; then it is the result.
    Build(UserOp),
}

impl Task {
    /// The task of a call with these arguments. Wrong ones leave nothing to ask.
    pub fn of(spec: &ToolSpec, arguments: Option<&RawValue>, daemon: &Daemon) -> Task {
        let defaults = Defaults { wallet_id: daemon.wallet_id.as_deref() };
        let made = binding::check(spec, arguments, &defaults)
            .map_err(|error| CallToolResult::error(error.to_string()))
            .and_then(|arguments| Ok((Task::made(spec, &arguments)?, arguments.ignored())));
        let aside = |ignored| Aside { ignored, names: daemon_names::of(spec) };
        match made {
            Ok((Task::Ask(draft, then, _), ignored)) => Task::Ask(draft, then, aside(ignored)),
            Ok((Task::Known(result), ignored)) => Task::Known(shown(result, &aside(ignored))),
            // What is wrong with an argument quotes it.
            Err(result) => Task::Known(shown(result, &Aside::default())),
        }
    }

    fn made(spec: &ToolSpec, arguments: &Arguments<'_>) -> Result<Task, CallToolResult> {
        let text = |name: &str| arguments.text(name).unwrap_or_default();
        let then = match spec.endpoint.composed {
            None => Then::Pass,
            Some(Composition::OperatorOnly) => Then::Explain,
            Some(Composition::WalletInfo) => Then::WalletInfo,
            Some(Composition::ProviderStatus) => Then::ProviderStatus,
            Some(Composition::Asset) => return Task::asset(text("asset_id")),
            Some(Composition::RpcProxy) => Then::RpcProxy {
                wallet_id: text("wallet_id").to_owned(),
                chain_id: arguments.json("chain_id").unwrap_or_default().into_owned(),
            },
            Some(Composition::UserOp) => {
                Then::Build(UserOp::of(arguments).map_err(|error| CallToolResult::error(error.to_string()))?)
            }
        };
        Ok(Task::Ask(arguments.draft(), then, Aside::default()))
    }

    fn asset(id: &str) -> Result<Task, CallToolResult> {
        let asset = Asset::parse(id)
            .map_err(|error| render::own_error(NotCaip19::CODE, &error.to_string(), false, None))?;
        Ok(match asset.resolve() {
            Resolution::Known(text) => Task::Known(CallToolResult::text(text)),
            Resolution::Ask(request) => Task::Ask(request.into(), Then::Asset(asset), Aside::default()),
        })
    }

    /// Does it. Blocks.
    pub fn run(self, daemon: &Daemon, cancelled: &Cancelled) -> CallToolResult {
        let (draft, then, aside) = match self {
            Task::Known(result) => return result,
            Task::Ask(draft, then, aside) => (draft, then, aside),
        };
        let result = match draft.complete() {
            Ok(request) => then.result(request, daemon, cancelled),
            Err(draft) => own_wallet::with(daemon, cancelled, |wallet_id| {
                then.clone().result(draft.with_wallet(wallet_id), daemon, cancelled)
            }),
        };
        shown(result.map_or_else(|failure| failure.result, CallToolResult::text), &aside)
    }
}

/// The result as the client gets it, with what is to be said besides.
fn shown(mut result: CallToolResult, aside: &Aside) -> CallToolResult {
    if let Some(hint) = daemon_names::told(&aside.names, &result.text).filter(|_| result.is_error) {
        result.text = render::with_hint(&result.text, &hint);
    }
    result.notes.extend(aside.ignored.clone());
    render::visible(result)
}

impl Then {
    fn result(self, request: Request, daemon: &Daemon, cancelled: &Cancelled) -> Result<String, Failure> {
        let read = |request: &Request| read(request, daemon, cancelled);
        match self {
            Then::Pass => ask(&request, daemon, cancelled),
            Then::Explain => {
                let outcome = daemon.perform(&request, cancelled);
                render::answer_advised(outcome, request.repeatable, ASK_THE_OPERATOR)
            }
            Then::WalletInfo => wallet_info::wallet_info(&request, daemon, cancelled),
            Then::Asset(asset) => asset.found_in(&read(&request)?).ok_or_else(unreadable),
            Then::ProviderStatus => provider::status(&read(&request)?).ok_or_else(unreadable),
            Then::RpcProxy { wallet_id, chain_id } => {
                let found = connected::rpc_proxy(&read(&request)?, &wallet_id, &chain_id);
                found.ok_or_else(unreadable)?.map_err(|none| {
                    let [code, message, hint] = none.words();
                    Failure::own(code, message, false, Some(hint))
                })
            }
            Then::Build(operation) => {
                let answer = match operation.need() {
                    None => String::new(),
                    Some(Need::Token(request) | Need::Calldata(request)) => read(&request)?,
                };
                let body = operation.body(&answer).map_err(|error| match &error {
                    BuildError::Unreadable => unreadable(),
                    BuildError::NotRegistered { .. } => {
                        Failure::own(BuildError::NOT_REGISTERED, &error.to_string(), false, None)
                    }
                })?;
                ask(&Request { body: Some(body), ..request }, daemon, cancelled)
            }
        }
    }
}

/// Whether a call of the tool may be done again without harm.
pub fn is_repeatable(spec: &ToolSpec) -> bool {
    spec.effect == Effect::Read
}

fn ask(request: &Request, daemon: &Daemon, cancelled: &Cancelled) -> Result<String, Failure> {
    render::answer(daemon.perform(request, cancelled), request.repeatable)
}

/// The answer to a request that only reads.
pub(super) fn read(request: &Request, daemon: &Daemon, cancelled: &Cancelled) -> Result<String, Failure> {
    render::answer(daemon.perform(request, cancelled), true)
}

/// A good answer to a request that only reads, without what it should tell.
pub(super) fn unreadable() -> Failure {
    render::unreadable(200, true)
}

/// The actions of the daemon's providers.
///
/// # Errors
/// What a call is answered with instead.
pub fn actions(daemon: &Daemon, cancelled: &Cancelled) -> Result<Actions, CallToolResult> {
    providers(daemon, daemon.call_time_max, cancelled).map(|(_, found)| found)
}

/// The same with a time limit for each request, and with the text that was read.
pub(super) fn providers(
    daemon: &Daemon,
    time_max: Duration,
    cancelled: &Cancelled,
) -> Result<(String, Actions), CallToolResult> {
    let outcome = daemon.perform_within(time_max, &actions::request(), cancelled);
    let found = render::answer(outcome, true).and_then(|body| match actions::read(&body) {
        Some(found) => Ok((body, found)),
        None => Err(unreadable()),
    });
    found.map_err(|failure| failure.result)
}

/// `GET /health`, which needs no token.
pub fn health(daemon: &Daemon, cancelled: &Cancelled) -> CallToolResult {
    let outcome: Result<Response, CallError> =
        daemon.perform_without_token(&Request::get("/health"), cancelled);
    render::tool_result(outcome, true)
}
