//! The toolset `hyperliquid`: what a wallet has there, and its markets. Nothing is traded.
//!
//! Used by the catalogue. Pure data; refuses to know how a row becomes a schema or a request.

use super::venue_wallet;
use crate::wallet::spec::{Effect, Form, Kind, Param, Reach, ToolSpec, get, path, query};
use crate::wallet::toolsets::Toolset;

pub(super) fn tools() -> Vec<ToolSpec> {
    let sub_account = || query("sub_account", Kind::Text).sent_as("subAccount");
    let sub_account_in_path = path("sub_account", Kind::Formed(Form::EvmAddress)).sent_as("subAccount");
    vec![
        tool(
            ["waiaas_hl_get_positions", "Hyperliquid positions", "Open perpetual positions."],
            "/v1/wallets/{walletId}/hyperliquid/positions",
            vec![venue_wallet(), sub_account()],
        ),
        tool(
            ["waiaas_hl_get_open_orders", "Hyperliquid orders", "Open orders."],
            "/v1/wallets/{walletId}/hyperliquid/orders",
            vec![venue_wallet(), sub_account()],
        ),
        tool(
            ["waiaas_hl_get_markets", "Hyperliquid markets", "Perpetual markets."],
            "/v1/hyperliquid/markets",
            vec![],
        ),
        tool(
            ["waiaas_hl_get_funding_rates", "Hyperliquid funding", "Funding rates of a market."],
            "/v1/hyperliquid/funding-rates",
            vec![
                query("market", Kind::Text).required().about("such as ETH"),
                query("start_time", Kind::TextOrNumber).sent_as("startTime").about("Unix milliseconds"),
            ],
        ),
        tool(
            ["waiaas_hl_get_account_state", "Hyperliquid account", "Balance, margin and equity."],
            "/v1/wallets/{walletId}/hyperliquid/account",
            vec![venue_wallet()],
        ),
        tool(
            ["waiaas_hl_get_trade_history", "Hyperliquid trades", "Past trades."],
            "/v1/wallets/{walletId}/hyperliquid/fills",
            vec![venue_wallet(), query("limit", Kind::TextOrNumber)],
        ),
        tool(
            ["waiaas_hl_get_spot_balances", "Hyperliquid spot", "Spot balances."],
            "/v1/wallets/{walletId}/hyperliquid/spot/balances",
            vec![venue_wallet()],
        ),
        tool(
            ["waiaas_hl_get_spot_markets", "Hyperliquid spot markets", "Spot markets."],
            "/v1/hyperliquid/spot/markets",
            vec![],
        ),
        tool(
            ["waiaas_hl_list_sub_accounts", "Hyperliquid sub-accounts", "Sub-accounts of a wallet."],
            "/v1/wallets/{walletId}/hyperliquid/sub-accounts",
            vec![venue_wallet()],
        ),
        tool(
            ["waiaas_hl_get_sub_positions", "Sub-account positions", "Open positions of a sub-account."],
            "/v1/wallets/{walletId}/hyperliquid/sub-accounts/{subAccount}/positions",
            vec![venue_wallet(), sub_account_in_path],
        ),
    ]
}

/// Name, title and description; all only read.
fn tool([name, title, description]: [&'static str; 3], path: &'static str, params: Vec<Param>) -> ToolSpec {
    ToolSpec {
        name: name.into(),
        title: title.into(),
        description: description.into(),
        toolset: Toolset::Hyperliquid,
        effect: Effect::Read,
        reach: Reach::World,
        endpoint: get(path),
        params,
    }
}
