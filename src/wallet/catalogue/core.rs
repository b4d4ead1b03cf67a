//! The toolset `core`: 14 tools that make a good small wallet by themselves, a row each.
//!
//! Used by the catalogue. Pure data; refuses to know how a row becomes a schema or a request.

use super::{
    TRANSACTION_TYPES, accounts, body_network, body_wallet, gas_condition, instructions, query_currency,
    query_network, query_wallet, query_wallet_as_is, token,
};
use crate::wallet::spec::{
    Composition, Effect, Form, Implied, Kind, Others, Param, Reach, Required, Shape, ToolSpec, body, get,
    path, post, query, unsent,
};
use crate::wallet::toolsets::Toolset;

/// A body without `type` is a transfer of the chain's own coin for the daemon, and `token` would be lost.
const TOKEN_MEANS_TOKEN_TRANSFER: Implied = Implied { given: Some("token"), value: "TOKEN_TRANSFER" };

pub(super) fn tools() -> Vec<ToolSpec> {
    let mut tools = wallet_tools();
    tools.extend(transaction_tools());
    tools.extend(registry_tools());
    tools
}

/// The wallet itself: what it is and holds.
fn wallet_tools() -> Vec<ToolSpec> {
    vec![
        ToolSpec {
            name: "connect_info".into(),
            title: "Session overview".into(),
            description: "Call first. The session's wallets with their networks, its policies and \
                          capabilities. Other tools take a wallet's id as wallet_id (needed only if there are \
                          several) and a network's name, or CAIP-2, as network."
                .into(),
            toolset: Toolset::Core,
            effect: Effect::Read,
            reach: Reach::Daemon,
            endpoint: get("/v1/connect-info"),
            params: vec![],
        },
        ToolSpec {
            name: "get_wallet_info".into(),
            title: "Wallet details".into(),
            description: "A wallet's address, chain, networks and account type (eoa or smart).".into(),
            toolset: Toolset::Core,
            effect: Effect::Read,
            reach: Reach::Daemon,
            endpoint: get("/v1/wallet/address").composed(Composition::WalletInfo),
            params: vec![query_wallet()],
        },
        ToolSpec {
            name: "get_address".into(),
            title: "Wallet address".into(),
            description: "A wallet's public address.".into(),
            toolset: Toolset::Core,
            effect: Effect::Read,
            reach: Reach::Daemon,
            endpoint: get("/v1/wallet/address"),
            params: vec![query_wallet()],
        },
        ToolSpec {
            name: "get_balance".into(),
            title: "Balance".into(),
            description: "Balance of the native coin: `balance` in the smallest unit (wei, lamports, drops), \
                          `balanceFormatted` for people. EVM wallets must name a network; `all` asks every one."
                .into(),
            toolset: Toolset::Core,
            effect: Effect::Read,
            reach: Reach::World,
            endpoint: get("/v1/wallet/balance"),
            params: vec![query_network(), query_currency(), query_wallet()],
        },
        ToolSpec {
            name: "get_assets".into(),
            title: "Assets".into(),
            description: "Balances of the native coin and of every token. network as in get_balance."
                .into(),
            toolset: Toolset::Core,
            effect: Effect::Read,
            reach: Reach::World,
            endpoint: get("/v1/wallet/assets"),
            params: vec![query_network(), query_currency(), query_wallet()],
        },
        ToolSpec {
            name: "sign_message".into(),
            title: "Sign a message".into(),
            description: "Sign text or 0x-hex bytes (personal), or EIP-712 typed_data.".into(),
            toolset: Toolset::Core,
            effect: Effect::Sign,
            reach: Reach::Daemon,
            endpoint: post("/v1/transactions/sign-message"),
            params: vec![
                body("message", Kind::Text).keeps_empty(),
                body("sign_type", Kind::Choice(&["personal", "typedData"]))
                    .sent_as("signType")
                    .implied(&[Implied { given: Some("typed_data"), value: "typedData" }]),
                body("typed_data", Kind::Verbatim(Others::Taken, typed_data())).sent_as("typedData"),
                body_network(),
                body_wallet(),
            ],
        },
    ]
}

/// Transactions: make, try, follow.
fn transaction_tools() -> Vec<ToolSpec> {
    vec![
        ToolSpec {
            name: "send_token".into(),
            title: "Send".into(),
            description: "Send the native coin or, with token, a token. The answer PENDING is not success: \
                          follow its id with get_transaction."
                .into(),
            toolset: Toolset::Core,
            effect: Effect::Spend,
            reach: Reach::World,
            endpoint: post("/v1/transactions/send"),
            params: vec![
                body("to", Kind::Text).required().about("Address"),
                body("amount", Kind::Text)
                    .required()
                    .about("Integer in the smallest unit (wei, lamports, drops)"),
                body("memo", Kind::Text).keeps_empty(),
                body("type", Kind::Choice(&["TRANSFER", "TOKEN_TRANSFER"]))
                    .implied(&[TOKEN_MEANS_TOKEN_TRANSFER]),
                body("token", Kind::Object(token(Required::Never)))
                    .required_as(Required::OnlyWhen("type", "TOKEN_TRANSFER"))
                    .about("assetId (CAIP-19) alone, or address, decimals and symbol"),
                body_network(),
                body_wallet(),
                gas_condition()
                    .about("Wait until fees are at most this (wei), for timeout seconds (60-86400)"),
            ],
        },
        ToolSpec {
            name: "simulate_transaction".into(),
            title: "Simulate a transaction".into(),
            description: "Try a transaction without sending it: whether policies allow it, its cost and \
                          effects. Arguments as for sending it."
                .into(),
            toolset: Toolset::Core,
            effect: Effect::Read,
            reach: Reach::World,
            endpoint: post("/v1/transactions/simulate"),
            params: simulated(),
        },
        ToolSpec {
            name: "get_transaction".into(),
            title: "Transaction".into(),
            description: "A transaction's status, hash and error. Ends as CONFIRMED, FAILED, CANCELLED or \
                          EXPIRED; QUEUED waits for a delay or the owner's approval."
                .into(),
            toolset: Toolset::Core,
            effect: Effect::Read,
            reach: Reach::Daemon,
            endpoint: get("/v1/transactions/{id}"),
            params: vec![
                path("transaction_id", Kind::Formed(Form::Uuid)).sent_as("id"),
                query_currency(),
                query_wallet(),
            ],
        },
        ToolSpec {
            name: "list_transactions".into(),
            title: "Transactions".into(),
            description: "The wallet's own transactions, newest first.".into(),
            toolset: Toolset::Core,
            effect: Effect::Read,
            reach: Reach::Daemon,
            endpoint: get("/v1/transactions"),
            params: vec![limit(), cursor("cursor of the last page"), query_currency(), query_wallet()],
        },
        ToolSpec {
            name: "list_incoming_transactions".into(),
            title: "Incoming transactions".into(),
            description: "Transfers the wallet received, newest first.".into(),
            toolset: Toolset::Core,
            effect: Effect::Read,
            reach: Reach::Daemon,
            endpoint: get("/v1/wallet/incoming"),
            params: vec![
                limit(),
                cursor("nextCursor of the last page"),
                query("chain", Kind::Text),
                query_network(),
                query("status", Kind::Text).about("default CONFIRMED"),
                query("token", Kind::Text).about("Token address"),
                query("from_address", Kind::Text),
                query("since", Kind::Number).about("Unix seconds"),
                query("until", Kind::Number),
                query_wallet_as_is(),
            ],
        },
    ]
}

/// What the daemon knows besides wallets.
fn registry_tools() -> Vec<ToolSpec> {
    vec![
        ToolSpec {
            name: "get_tokens".into(),
            title: "Token registry".into(),
            description: "Tokens registered for an EVM or XRPL network: address, symbol, decimals, assetId."
                .into(),
            toolset: Toolset::Core,
            effect: Effect::Read,
            reach: Reach::Daemon,
            endpoint: get("/v1/tokens"),
            params: vec![query_network().required()],
        },
        ToolSpec {
            name: "resolve_asset".into(),
            title: "Resolve an asset id".into(),
            description: "The network, address, decimals and symbol behind a CAIP-19 asset id.".into(),
            toolset: Toolset::Core,
            effect: Effect::Read,
            reach: Reach::Daemon,
            endpoint: get("/v1/tokens").composed(Composition::Asset),
            params: vec![unsent("asset_id", Kind::Text).required().about("such as eip155:1/erc20:0x…")],
        },
        ToolSpec {
            name: "get_policies".into(),
            title: "Policies".into(),
            description: "Spending limits, allow-lists and other rules that transactions must obey.".into(),
            toolset: Toolset::Core,
            effect: Effect::Read,
            reach: Reach::Daemon,
            endpoint: get("/v1/policies"),
            params: vec![
                query_wallet(),
                query("limit", Kind::Integer(Some(1), Some(200))),
                query("offset", Kind::Integer(Some(0), None)),
            ],
        },
    ]
}

/// The arguments of a simulation: those of every type of transaction. Only a transfer needs both `to` and
/// `amount`, though both are published as required.
fn simulated() -> Vec<Param> {
    vec![
        body("to", Kind::Text).required_as(Required::Unless("type", &["APPROVE", "BATCH"])),
        body("amount", Kind::Text).required_as(Required::Unless("type", &["CONTRACT_CALL", "BATCH"])),
        // The daemon refuses a simulation without a type.
        body("type", Kind::Choice(TRANSACTION_TYPES))
            .implied(&[TOKEN_MEANS_TOKEN_TRANSFER, Implied { given: None, value: "TRANSFER" }]),
        body("token", Kind::Object(token(Required::UnlessGiven("assetId")))),
        body("calldata", Kind::Text),
        body("abi", Kind::Objects(None)),
        body("value", Kind::Text).about("wei"),
        body("programId", Kind::Text),
        body("instructionData", Kind::Text).about("base64"),
        body("accounts", accounts()),
        body("spender", Kind::Text),
        body("instructions", Kind::Variants(None, instructions())),
        body_network(),
        body_wallet(),
        gas_condition(),
    ]
}

fn limit() -> Param {
    query("limit", Kind::Number).about("1-100, default 20")
}

fn cursor(about: &'static str) -> Param {
    query("cursor", Kind::Text).about(about)
}

/// EIP-712 typed data.
fn typed_data() -> Vec<Param> {
    const TYPES: &str = r#"{"type":"object","additionalProperties":{"type":"array","items":{"type":"object","properties":{"name":{"type":"string"},"type":{"type":"string"}},"required":["name","type"]}}}"#;
    let domain = vec![
        body("name", Kind::Text),
        body("version", Kind::Text),
        body("chainId", Kind::TextOrNumber),
        body("verifyingContract", Kind::Text),
        body("salt", Kind::Text),
    ];
    vec![
        // The daemon hashes these five. A misspelt one is missing, and the signature would hold on every chain.
        body("domain", Kind::Verbatim(Others::Refused, domain)).required(),
        body("types", Kind::Raw(Shape::Object, TYPES.into())).required(),
        body("primaryType", Kind::Text).required(),
        body("message", Kind::Raw(Shape::Object, r#"{"type":"object"}"#.into())).required(),
    ]
}
