//! The toolset `polymarket`: what a wallet has there, and its markets. Nothing is traded.
//!
//! Used by the catalogue. Pure data; refuses to know how a row becomes a schema or a request.

use super::venue_wallet;
use crate::wallet::spec::{Effect, Kind, Param, Reach, ToolSpec, body, get, path, post, query};
use crate::wallet::toolsets::Toolset;

pub(super) fn tools() -> Vec<ToolSpec> {
    vec![
        tool(
            ["waiaas_pm_get_positions", "Polymarket positions", "Positions of a wallet."],
            "/v1/wallets/{walletId}/polymarket/positions",
            vec![venue_wallet()],
        ),
        tool(
            ["waiaas_pm_get_orders", "Polymarket orders", "Orders of a wallet."],
            "/v1/wallets/{walletId}/polymarket/orders",
            vec![venue_wallet(), query("status", Kind::Choice(&["LIVE", "MATCHED", "CANCELLED"]))],
        ),
        tool(
            ["waiaas_pm_get_markets", "Polymarket markets", "Find prediction markets."],
            "/v1/polymarket/markets",
            vec![
                query("category", Kind::Text),
                query("status", Kind::Text),
                query("keyword", Kind::Text),
                query("limit", Kind::TextOrNumber),
            ],
        ),
        tool(
            ["waiaas_pm_get_market_detail", "Polymarket market", "One market, with outcomes and prices."],
            "/v1/polymarket/markets/{conditionId}",
            vec![path("condition_id", Kind::Text).sent_as("conditionId")],
        ),
        tool(
            ["waiaas_pm_get_events", "Polymarket events", "Events and their markets."],
            "/v1/polymarket/events",
            vec![query("category", Kind::Text)],
        ),
        tool(
            ["waiaas_pm_get_balance", "Polymarket balance", "Outcome tokens of a wallet."],
            "/v1/wallets/{walletId}/polymarket/balance",
            vec![venue_wallet()],
        ),
        tool(
            ["waiaas_pm_get_pnl", "Polymarket profit", "Realized and unrealized profit and loss."],
            "/v1/wallets/{walletId}/polymarket/pnl",
            vec![venue_wallet()],
        ),
        ToolSpec {
            effect: Effect::Write,
            endpoint: post("/v1/wallets/{walletId}/polymarket/setup"),
            ..tool(
                ["waiaas_pm_setup", "Set up Polymarket", "Prepare a wallet for trading there."],
                "",
                vec![venue_wallet().required(), body("auto_approve", Kind::Boolean)],
            )
        },
    ]
}

/// Name, title and description; it only reads.
fn tool([name, title, description]: [&'static str; 3], path: &'static str, params: Vec<Param>) -> ToolSpec {
    ToolSpec {
        name: name.into(),
        title: title.into(),
        description: description.into(),
        toolset: Toolset::Polymarket,
        effect: Effect::Read,
        reach: Reach::World,
        endpoint: get(path),
        params,
    }
}
