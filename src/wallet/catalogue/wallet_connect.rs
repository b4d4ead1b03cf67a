//! The toolset `walletconnect`: the owner's own wallet app, paired with a wallet of the daemon.
//!
//! Used by the catalogue. Pure data; refuses to know how a row becomes a schema or a request.

use super::query_wallet;
use crate::wallet::spec::{Effect, Reach, ToolSpec, delete, get, post};
use crate::wallet::toolsets::Toolset;

pub(super) fn tools() -> Vec<ToolSpec> {
    vec![
        ToolSpec {
            name: "wc_connect".into(),
            title: "Pair WalletConnect".into(),
            description: "A WalletConnect pairing URI for the owner's wallet app.".into(),
            toolset: Toolset::WalletConnect,
            effect: Effect::Write,
            reach: Reach::World,
            endpoint: post("/v1/wallet/wc/pair"),
            // The daemon reads it in the query only.
            params: vec![query_wallet()],
        },
        ToolSpec {
            name: "wc_status".into(),
            title: "WalletConnect status".into(),
            description: "The wallet's WalletConnect session.".into(),
            toolset: Toolset::WalletConnect,
            effect: Effect::Read,
            reach: Reach::Daemon,
            endpoint: get("/v1/wallet/wc/session"),
            params: vec![query_wallet()],
        },
        ToolSpec {
            name: "wc_disconnect".into(),
            title: "End WalletConnect".into(),
            description: "End the wallet's WalletConnect session.".into(),
            toolset: Toolset::WalletConnect,
            effect: Effect::Write,
            reach: Reach::World,
            endpoint: delete("/v1/wallet/wc/session"),
            params: vec![query_wallet()],
        },
    ]
}
