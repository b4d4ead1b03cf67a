//! The toolset `transactions`: contracts, approvals, batches, signing what others made, paid HTTP requests.
//!
//! Used by the catalogue. Pure data; refuses to know how a row becomes a schema or a request.

use super::{
    accounts, body_network, body_wallet, gas_condition, instructions, query_network, query_wallet_as_is,
    token,
};
use crate::wallet::spec::{
    Effect, Form, Implied, Kind, Reach, Required, ToolSpec, body, get, post, query, unsent,
};
use crate::wallet::toolsets::Toolset;

/// Least and largest number of instructions of a batch.
const BATCH_SIZES: (usize, usize) = (2, 20);

pub(super) fn tools() -> Vec<ToolSpec> {
    let mut tools = sending_tools();
    tools.extend(other_tools());
    tools
}

/// Transactions of one type each.
fn sending_tools() -> Vec<ToolSpec> {
    vec![
        ToolSpec {
            name: "call_contract".into(),
            title: "Call a contract".into(),
            description: "Send a contract call. EVM: calldata (0x-hex) and value; Solana: programId, \
                          instructionData, accounts."
                .into(),
            toolset: Toolset::Transactions,
            effect: Effect::Spend,
            reach: Reach::World,
            endpoint: post("/v1/transactions/send").transaction("CONTRACT_CALL"),
            params: vec![
                body("to", Kind::Text).required(),
                body("calldata", Kind::Text),
                body("abi", Kind::Objects(None)),
                body("value", Kind::Text).about("wei"),
                body("programId", Kind::Text),
                body("instructionData", Kind::Text).about("base64"),
                body("accounts", accounts()),
                body_network(),
                body_wallet(),
                gas_condition(),
            ],
        },
        ToolSpec {
            name: "approve_token".into(),
            title: "Approve a spender".into(),
            description:
                "Allow spender to take up to amount (smallest unit) of a token. token as in send_token."
                    .into(),
            toolset: Toolset::Transactions,
            effect: Effect::Spend,
            reach: Reach::World,
            endpoint: post("/v1/transactions/send").transaction("APPROVE"),
            params: vec![
                body("spender", Kind::Text).required(),
                body("token", Kind::Object(token(Required::Never))).required(),
                body("amount", Kind::Text).required(),
                body_network(),
                body_wallet(),
                gas_condition(),
            ],
        },
        ToolSpec {
            name: "send_batch".into(),
            title: "Send a batch".into(),
            description:
                "Send several instructions as one transaction: Solana wallets and smart accounts only.".into(),
            toolset: Toolset::Transactions,
            effect: Effect::Spend,
            reach: Reach::World,
            endpoint: post("/v1/transactions/send").transaction("BATCH"),
            params: vec![
                body("instructions", Kind::Variants(Some(BATCH_SIZES), instructions()))
                    .required()
                    .about("Bodies as of single transactions, without type"),
                body_network(),
                body_wallet(),
                gas_condition(),
            ],
        },
        ToolSpec {
            name: "x402_fetch".into(),
            title: "Fetch and pay".into(),
            description: "HTTP request that pays if the server answers 402 (x402).".into(),
            toolset: Toolset::Transactions,
            effect: Effect::Spend,
            reach: Reach::World,
            endpoint: post("/v1/x402/fetch"),
            params: vec![
                body("url", Kind::Formed(Form::Url)).required(),
                body("method", Kind::Choice(super::HTTP_METHODS)),
                body("headers", Kind::TextMap),
                body("body", Kind::Text),
                body_wallet(),
            ],
        },
    ]
}

fn other_tools() -> Vec<ToolSpec> {
    vec![
        ToolSpec {
            name: "sign_transaction".into(),
            title: "Sign a transaction".into(),
            description: "Sign an unsigned transaction (EVM 0x-hex, Solana base64) without sending it."
                .into(),
            toolset: Toolset::Transactions,
            effect: Effect::Sign,
            reach: Reach::Daemon,
            endpoint: post("/v1/transactions/sign"),
            params: vec![body("transaction", Kind::Text).required(), body_network(), body_wallet()],
        },
        ToolSpec {
            name: "encode_calldata".into(),
            title: "Encode calldata".into(),
            description: "ABI-encode an EVM function call, for call_contract.".into(),
            toolset: Toolset::Transactions,
            effect: Effect::Read,
            reach: Reach::Daemon,
            endpoint: post("/v1/utils/encode-calldata"),
            params: vec![
                body("abi", Kind::Objects(None)).required(),
                body("functionName", Kind::Text).required(),
                body("args", super::free_values()).implied(&[Implied { given: None, value: "[]" }]),
                // The daemon reads no wallet here.
                unsent("wallet_id", Kind::Wallet),
            ],
        },
        ToolSpec {
            name: "get_incoming_summary".into(),
            title: "Incoming summary".into(),
            description: "Received amounts by period.".into(),
            toolset: Toolset::Transactions,
            effect: Effect::Read,
            reach: Reach::Daemon,
            endpoint: get("/v1/wallet/incoming/summary"),
            params: vec![
                query("period", Kind::Text).about("daily (default), weekly, monthly"),
                query("chain", Kind::Text),
                query_network(),
                query("since", Kind::Number).about("Unix seconds"),
                query("until", Kind::Number),
                query_wallet_as_is(),
            ],
        },
        ToolSpec {
            name: "get_nonce".into(),
            title: "Nonce".into(),
            description: "A nonce for an owner's signature at the daemon; not a transaction's.".into(),
            toolset: Toolset::Transactions,
            effect: Effect::Read,
            reach: Reach::Daemon,
            endpoint: get("/v1/nonce"),
            // The daemon reads no wallet here.
            params: vec![unsent("wallet_id", Kind::Wallet)],
        },
    ]
}
