//! The toolset `defi`.
//!
//! Used by the catalogue. Pure data; refuses to know how a row becomes a schema or a request.

use super::{query_network, query_wallet_as_is};
use crate::wallet::spec::{Effect, Reach, ToolSpec, get};
use crate::wallet::toolsets::Toolset;

pub(super) fn tools() -> Vec<ToolSpec> {
    vec![
        ToolSpec {
            name: "waiaas_get_defi_positions".into(),
            title: "DeFi positions".into(),
            description: "Lending, staking, yield, perpetual positions.".into(),
            toolset: Toolset::Defi,
            effect: Effect::Read,
            reach: Reach::World,
            endpoint: get("/v1/wallet/positions"),
            params: vec![query_wallet_as_is()],
        },
        ToolSpec {
            name: "waiaas_get_health_factor".into(),
            title: "Health factor".into(),
            description: "Health factor of a wallet's loans; below 1 they are liquidated.".into(),
            toolset: Toolset::Defi,
            effect: Effect::Read,
            reach: Reach::World,
            endpoint: get("/v1/wallet/health-factor"),
            params: vec![query_wallet_as_is(), query_network()],
        },
    ]
}
