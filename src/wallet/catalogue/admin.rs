//! The toolset `admin`: what an operator looks at. The first two need the operator's password, which no tool has.
//!
//! Used by the catalogue. Pure data; refuses to know how a row becomes a schema or a request.

use super::{path_wallet, query_wallet, venue_wallet};
use crate::wallet::spec::{Composition, Effect, Kind, Reach, ToolSpec, get, query, unsent};
use crate::wallet::toolsets::Toolset;

pub(super) fn tools() -> Vec<ToolSpec> {
    vec![
        ToolSpec {
            name: "list_sessions".into(),
            title: "Sessions".into(),
            description: "Active sessions; for the operator only.".into(),
            toolset: Toolset::Admin,
            effect: Effect::Read,
            reach: Reach::Daemon,
            endpoint: get("/v1/sessions").composed(Composition::OperatorOnly),
            params: vec![
                query_wallet(),
                query("limit", Kind::Integer(Some(1), Some(200))),
                query("offset", Kind::Integer(Some(0), None)),
            ],
        },
        ToolSpec {
            name: "list_credentials".into(),
            title: "Credentials".into(),
            description: "Names of a wallet's stored credentials; for the operator only.".into(),
            toolset: Toolset::Admin,
            effect: Effect::Read,
            reach: Reach::Daemon,
            endpoint: get("/v1/wallets/{walletId}/credentials").composed(Composition::OperatorOnly),
            params: vec![venue_wallet()],
        },
        ToolSpec {
            name: "list_offchain_actions".into(),
            title: "Off-chain actions".into(),
            description: "Orders and signed messages that providers made for a wallet.".into(),
            toolset: Toolset::Admin,
            effect: Effect::Read,
            reach: Reach::Daemon,
            endpoint: get("/v1/wallets/{walletId}/actions"),
            params: vec![
                query("venue", Kind::Text),
                query("status", Kind::Text),
                query("limit", Kind::Number).about("1-100"),
                query("offset", Kind::Number),
                path_wallet("walletId"),
            ],
        },
        ToolSpec {
            name: "get_rpc_proxy_url".into(),
            title: "RPC proxy URL".into(),
            description: "JSON-RPC URL for tools like Foundry that signs with the wallet.".into(),
            toolset: Toolset::Admin,
            effect: Effect::Read,
            reach: Reach::Daemon,
            endpoint: get("/v1/connect-info").composed(Composition::RpcProxy),
            params: vec![
                unsent("wallet_id", Kind::WalletUuid).required(),
                unsent("chain_id", Kind::Count).required().about("EVM chain id, such as 1"),
            ],
        },
    ]
}
