//! The catalogue: every tool that is known without asking the daemon.
//!
//! Used by the server and by the command line. The rows stand in one file per toolset; this one puts them in
//! the order of listings and holds what rows share. Pure. The tests at the foot walk the whole table and name
//! the guilty row.

use std::sync::LazyLock;

use super::spec::{Kind, Param, Required, Shape, ToolSpec, Variant, body, path, query};

mod admin;
mod agent_identity;
mod core;
mod defi;
mod hyperliquid;
mod nft;
mod polymarket;
mod smart_account;
mod transactions;
mod wallet_connect;

/// The order of listings: that of the Node program, on which people's habits and clients' caps on the number of
/// tools depend.
const ORDER: [&str; 60] = [
    "connect_info",
    "list_sessions",
    "get_policies",
    "get_tokens",
    "send_token",
    "get_balance",
    "get_address",
    "get_assets",
    "list_transactions",
    "get_transaction",
    "get_nonce",
    "call_contract",
    "approve_token",
    "send_batch",
    "get_wallet_info",
    "encode_calldata",
    "sign_transaction",
    "x402_fetch",
    "wc_connect",
    "wc_status",
    "wc_disconnect",
    "list_incoming_transactions",
    "get_incoming_summary",
    "waiaas_get_defi_positions",
    "waiaas_get_health_factor",
    "simulate_transaction",
    "erc8004_get_agent_info",
    "erc8004_get_reputation",
    "erc8004_get_validation_status",
    "get_provider_status",
    "sign_message",
    "erc8128_sign_request",
    "erc8128_verify_signature",
    "list_nfts",
    "get_nft_metadata",
    "transfer_nft",
    "build_userop",
    "sign_userop",
    "waiaas_hl_get_positions",
    "waiaas_hl_get_open_orders",
    "waiaas_hl_get_markets",
    "waiaas_hl_get_funding_rates",
    "waiaas_hl_get_account_state",
    "waiaas_hl_get_trade_history",
    "waiaas_hl_get_spot_balances",
    "waiaas_hl_get_spot_markets",
    "waiaas_hl_list_sub_accounts",
    "waiaas_hl_get_sub_positions",
    "waiaas_pm_get_positions",
    "waiaas_pm_get_orders",
    "waiaas_pm_get_markets",
    "waiaas_pm_get_market_detail",
    "waiaas_pm_get_events",
    "waiaas_pm_get_balance",
    "waiaas_pm_get_pnl",
    "waiaas_pm_setup",
    "list_offchain_actions",
    "list_credentials",
    "get_rpc_proxy_url",
    "resolve_asset",
];

/// The types of transaction that have tools.
const TRANSACTION_TYPES: &[&str] = &["TRANSFER", "TOKEN_TRANSFER", "CONTRACT_CALL", "APPROVE", "BATCH"];

/// The methods of HTTP requests that are signed or paid for.
const HTTP_METHODS: &[&str] = &["GET", "POST", "PUT", "DELETE", "PATCH"];

/// Made at the first use, which is after the answer to `initialize`.
static TOOLS: LazyLock<Vec<ToolSpec>> = LazyLock::new(|| {
    let sets = [
        core::tools(),
        transactions::tools(),
        nft::tools(),
        defi::tools(),
        smart_account::tools(),
        wallet_connect::tools(),
        agent_identity::tools(),
        hyperliquid::tools(),
        polymarket::tools(),
        admin::tools(),
    ];
    let mut tools: Vec<ToolSpec> = sets.into_iter().flatten().collect();
    tools.sort_by_key(|tool| ORDER.iter().position(|name| *name == tool.name));
    tools
});

/// All tools, in the order of listings.
pub fn tools() -> &'static [ToolSpec] {
    &TOOLS
}

/// The tool of this name.
pub fn find(name: &str) -> Option<&'static ToolSpec> {
    tools().iter().find(|tool| tool.name == name)
}

/// `network`, in the query.
fn query_network() -> Param {
    query("network", Kind::Network)
}

/// `network`, in the body.
pub(super) fn body_network() -> Param {
    body("network", Kind::Network)
}

/// `wallet_id`, in the query. Published without words: `connect_info` tells what it is.
fn query_wallet() -> Param {
    query("wallet_id", Kind::Wallet).sent_as("walletId")
}

/// `wallet_id`, in the body.
pub(super) fn body_wallet() -> Param {
    body("wallet_id", Kind::Wallet).sent_as("walletId")
}

/// `wallet_id`, in the query of routes that keep the argument's own name.
fn query_wallet_as_is() -> Param {
    query("wallet_id", Kind::Wallet)
}

/// `wallet_id`, in the path, where the daemon calls it `field` and takes UUIDs only. Published as optional: the
/// session's only wallet is found.
fn path_wallet(field: &'static str) -> Param {
    path("wallet_id", Kind::WalletUuid).sent_as(field).required_as(Required::Never)
}

/// The same where the daemon's document does not ask for a UUID.
fn venue_wallet() -> Param {
    Param { kind: Kind::Wallet, ..path_wallet("walletId") }
}

/// The currency of converted amounts, in the query.
fn query_currency() -> Param {
    query("display_currency", Kind::Text)
}

/// An array of any values, such as a function's arguments. Published with one type of items, as clients ask.
fn free_values() -> Kind {
    Kind::Raw(Shape::Array, r#"{"type":"array","items":{"type":"string"}}"#.into())
}

/// `gas_condition`. Without any price it is sent all the same: that is for the daemon to refuse.
fn gas_condition() -> Param {
    body("gas_condition", Kind::Object(gas_condition_members())).sent_as("gasCondition")
}

/// The same, published without its members: dozens of actions take it, `send_token` tells them, and the server's
/// instructions say so.
pub(super) fn gas_condition_unsaid() -> Param {
    body("gas_condition", Kind::Unsaid(gas_condition_members())).sent_as("gasCondition")
}

fn gas_condition_members() -> Vec<Param> {
    vec![
        body("max_gas_price", Kind::Text).sent_as("maxGasPrice"),
        body("max_priority_fee", Kind::Text).sent_as("maxPriorityFee"),
        body("timeout", Kind::Number),
    ]
}

/// A token: either `assetId`, or the three others.
fn token(required: Required) -> Vec<Param> {
    vec![
        body("address", Kind::Text).required_as(required),
        body("decimals", Kind::Number).required_as(required),
        body("symbol", Kind::Text).required_as(required),
        body("assetId", Kind::Text),
    ]
}

/// The accounts of a Solana instruction.
fn accounts() -> Kind {
    let account = vec![
        body("pubkey", Kind::Text).required(),
        body("isSigner", Kind::Boolean).required(),
        body("isWritable", Kind::Boolean).required(),
    ];
    Kind::List(Box::new(Kind::Object(account)))
}

/// The instructions of a batch, in the order in which the daemon asks what one is. It has more members for them than the
/// tools for one transaction have arguments.
fn instructions() -> Vec<Variant> {
    let text = |name| body(name, Kind::Text);
    let token = || body("token", Kind::Object(token(Required::Never)));
    let nft = Kind::Object(vec![text("tokenId"), text("standard")]);
    let more = |name| {
        let members = vec![text("programId"), text("data"), body("accounts", accounts())];
        body(name, Kind::List(Box::new(Kind::Object(members))))
    };
    let amounts = || [text("amount"), text("humanAmount")];
    let kind = |name, marks, params: Vec<Param>| {
        let params = params.into_iter().chain([body_network(), gas_condition()]).collect();
        Variant { name, marks, params }
    };
    let [amount, human_amount] = amounts();
    let approve = vec![text("spender"), token(), amount, human_amount, body("nft", nft)];
    let [amount, human_amount] = amounts();
    let token_transfer = vec![text("to"), amount, human_amount, token(), text("memo")];
    let [amount, human_amount] = amounts();
    let transfer = vec![text("to"), amount, human_amount, text("memo")];
    let call = vec![
        text("to"),
        text("calldata"),
        body("abi", Kind::Objects(None)),
        text("value"),
        text("programId"),
        text("instructionData"),
        body("accounts", accounts()),
        more("preInstructions"),
        more("postInstructions"),
        body("addressLookupTableAddresses", Kind::List(Box::new(Kind::Text))),
        text("actionProvider"),
        text("actionName"),
    ];
    vec![
        kind("APPROVE", &["spender"], approve),
        kind("TOKEN_TRANSFER", &["token"], token_transfer),
        kind("CONTRACT_CALL", &["programId", "calldata"], call),
        kind("TRANSFER", &[], transfer),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::http::Method;
    use crate::wallet::spec::{Effect, Place};
    use crate::wallet::toolsets::Toolset;

    #[test]
    fn every_row_has_a_place_in_the_order_and_a_name_of_its_own() {
        let names: Vec<&str> = tools().iter().map(|tool| &*tool.name).collect();
        assert_eq!(names, ORDER);
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "a name occurs twice");
    }

    #[test]
    fn names_are_short_enough_for_every_client() {
        for tool in tools() {
            let good = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            assert!(tool.name.chars().all(good) && tool.name.len() <= 40, "{}", tool.name);
            assert!(!tool.title.is_empty() && !tool.description.is_empty(), "{} says nothing", tool.name);
            assert!(find(&tool.name) == Some(tool), "{} is not found by its name", tool.name);
        }
    }

    #[test]
    fn each_hole_of_a_path_has_exactly_one_parameter() {
        for tool in tools() {
            let mut holes: Vec<&str> = tool.endpoint.path.split(['{', '}']).skip(1).step_by(2).collect();
            let mut params: Vec<&str> =
                tool.params.iter().filter(|p| p.place == Place::Path).map(|p| &*p.field).collect();
            holes.sort_unstable();
            params.sort_unstable();
            assert_eq!(holes, params, "{}", tool.name);
        }
    }

    #[test]
    fn parameters_have_names_of_their_own() {
        for tool in tools() {
            let names: BTreeSet<_> = tool.params.iter().map(|param| &param.name).collect();
            assert_eq!(names.len(), tool.params.len(), "{}", tool.name);
            let fields: BTreeSet<_> =
                tool.params.iter().map(|param| (param.place as u8, &param.field)).collect();
            assert_eq!(fields.len(), tool.params.len(), "{}", tool.name);
        }
    }

    #[test]
    fn a_body_belongs_to_a_request_that_may_have_one() {
        for tool in tools() {
            let has_body = tool.params.iter().any(|param| param.place == Place::Body);
            let may_have = matches!(tool.endpoint.method, Method::Post | Method::Put);
            assert!(may_have || !has_body, "{}", tool.name);
        }
    }

    #[test]
    fn exactly_the_requests_that_change_nothing_are_reads() {
        // POST routes that only compute.
        const READING_POSTS: [&str; 3] =
            ["simulate_transaction", "encode_calldata", "erc8128_verify_signature"];
        for tool in tools() {
            let reads = tool.endpoint.method == Method::Get || READING_POSTS.contains(&&*tool.name);
            assert_eq!(tool.effect == Effect::Read, reads, "{}", tool.name);
        }
    }

    #[test]
    fn every_group_has_its_tools() {
        let count = |set| tools().iter().filter(|tool| tool.toolset == set).count();
        assert_eq!(Toolset::ALL.map(count), [14, 8, 3, 2, 3, 3, 5, 10, 8, 4, 0]);
    }

    #[test]
    fn only_a_wallet_may_be_missing_from_a_path() {
        for tool in tools() {
            for param in tool.params.iter().filter(|p| p.place == Place::Path) {
                let is_wallet = param.name == "wallet_id";
                assert!(is_wallet || param.required == Required::Always, "{}: {}", tool.name, param.name);
            }
        }
    }
}
