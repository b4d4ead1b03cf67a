//! Hyperliquid and Polymarket: a small market and one open position. Neither is in the daemon's OpenAPI document; the
//! outer member is what the tools name, the rest is made up in the venue's words.

use super::super::json::{Json, object};
use super::super::refusals::*;
use super::super::routes::{Answer, Call, Daemon};

type Outcome = Result<Answer, Refusal>;

/// Prediction markets: condition id, question, category.
const QUESTIONS: [(&str, &str, &str); 2] = [
    (
        "0x7777777777777777777777777777777777777777777777777777777777777777",
        "Will it rain in the sandbox?",
        "weather",
    ),
    (
        "0x8888888888888888888888888888888888888888888888888888888888888888",
        "Will the castle stand?",
        "science",
    ),
];

/// GET /v1/wallets/{id}/hyperliquid/…
pub(in super::super) fn hyperliquid_account(daemon: &mut Daemon, call: &Call<'_>) -> Outcome {
    let wallet = daemon.wallet_in_path(call, None)?;
    let none = Vec::<Json>::new;
    let in_sub_account = call.request.query("subAccount").is_some();
    let answer = match &call.path[4..] {
        ["positions"] if in_sub_account => object! { "positions": none() },
        ["positions"] => object! { "positions": vec![position()] },
        ["orders"] => object! { "orders": none() },
        ["account"] => object! {
            "state": object! {
                "walletAddress": &wallet.address,
                "marginSummary": object! {
                    "accountValue": "1000.0", "totalNtlPos": "250.0", "totalRawUsd": "750.0", "totalMarginUsed": "50.0",
                },
                "withdrawable": "950.0", "assetPositions": vec![position()],
            },
        },
        ["fills"] => object! {
            "fills": vec![object! {
                "coin": "ETH", "side": "B", "px": "2500.0", "sz": "0.1", "fee": "0.1",
                "time": daemon.started.0.saturating_sub(3_600_000),
            }],
        },
        ["spot", "balances"] => object! {
            "balances": vec![object! { "coin": "USDC", "token": 0_i64, "total": "500.0", "hold": "0.0" }],
        },
        ["sub-accounts", address, "positions"] => {
            if !address.starts_with("0x") || address.len() != 42 {
                return Err(Refusal::issues(vec![issue(
                    "custom",
                    "Invalid sub-account address",
                    &["subAddress"],
                )]));
            }
            object! { "positions": none() }
        }
        // The table of routes lets only the list of sub-accounts through besides.
        _ => object! { "subAccounts": none() },
    };
    Ok(Answer::ok(&answer))
}

fn position() -> Json {
    object! {
        "coin": "ETH", "szi": "0.1", "entryPx": "2500.0", "positionValue": "250.0", "unrealizedPnl": "0.0",
        "leverage": object! { "type": "cross", "value": 5_i64 }, "liquidationPx": Json::Null, "marginUsed": "50.0",
    }
}

/// GET /v1/hyperliquid/…
pub(in super::super) fn hyperliquid_market(daemon: &mut Daemon, call: &Call<'_>) -> Outcome {
    let answer = match &call.path[2..] {
        ["markets"] => object! {
            "markets": vec![
                object! { "name": "BTC", "szDecimals": 5_i64, "maxLeverage": 50_i64, "midPrice": "60000.0" },
                object! { "name": "ETH", "szDecimals": 4_i64, "maxLeverage": 50_i64, "midPrice": "2500.0" },
            ],
        },
        ["funding-rates"] => {
            let Some(market) = call.request.query("market").filter(|market| !market.is_empty()) else {
                return Err(Refusal::issues(vec![invalid_type("string", "undefined", &["market"])]));
            };
            let hour = daemon.started.0.div_euclid(3_600_000) * 3_600_000;
            let rate = |hours: i64| {
                object! {
                    "coin": market, "fundingRate": "0.0000125", "premium": "0.0001",
                    "time": hour.saturating_sub(hours * 3_600_000),
                }
            };
            object! { "rates": vec![rate(1), rate(0)] }
        }
        // Only the spot markets are left.
        _ => object! {
            "markets": vec![object! { "name": "PURR/USDC", "index": 0_i64, "szDecimals": 0_i64, "midPrice": "0.2" }],
        },
    };
    Ok(Answer::ok(&answer))
}

/// GET /v1/wallets/{id}/polymarket/…: a wallet without any position, as recorded.
pub(in super::super) fn polymarket_account(daemon: &mut Daemon, call: &Call<'_>) -> Outcome {
    let wallet = daemon.wallet_in_path(call, None)?;
    let none = Vec::<Json>::new;
    let answer = match call.path[4] {
        "positions" => object! { "positions": none() },
        "orders" => object! { "orders": none() },
        "balance" => object! { "walletId": &wallet.id, "positions": none(), "tokenCount": 0_i64 },
        // Only profit and loss is left.
        _ => object! {
            "walletId": &wallet.id,
            "pnl": object! { "totalUnrealized": "0", "totalRealized": "0", "byPosition": none() },
        },
    };
    Ok(Answer::ok(&answer))
}

/// POST /v1/wallets/{id}/polymarket/setup. The daemon fails here by itself (2.15.0).
pub(in super::super) fn polymarket_setup(daemon: &mut Daemon, call: &Call<'_>) -> Outcome {
    daemon.wallet_in_path(call, None)?;
    Err(Refusal::new("INTERNAL_ERROR"))
}

fn market(question: &(&str, &str, &str)) -> Json {
    let (condition_id, text, category) = *question;
    let side = |outcome: &str, price: &str, token: &str| {
        object! { "tokenId": token, "outcome": outcome, "price": price }
    };
    object! {
        "conditionId": condition_id, "question": text, "category": category, "active": true, "closed": false,
        "tokens": vec![side("Yes", "0.4", "1001"), side("No", "0.6", "1002")], "volume": "12345.67",
    }
}

/// GET /v1/polymarket/…
pub(in super::super) fn polymarket_market(_: &mut Daemon, call: &Call<'_>) -> Outcome {
    let category = call.request.query("category");
    let keyword = call.request.query("keyword").unwrap_or("").to_ascii_lowercase();
    let limit = call.request.query("limit").and_then(|limit| limit.parse().ok()).unwrap_or(usize::MAX);
    let answer = match &call.path[2..] {
        ["markets"] => {
            let found = QUESTIONS.iter().filter(|(_, text, of)| {
                category.is_none_or(|category| category == *of)
                    && text.to_ascii_lowercase().contains(&keyword)
            });
            object! { "markets": found.take(limit).map(market).collect::<Vec<_>>() }
        }
        ["markets", condition_id] => match QUESTIONS.iter().find(|(known, ..)| known == condition_id) {
            Some(question) => object! { "market": market(question) },
            None => object! { "market": Json::Null },
        },
        // Only the events are left.
        _ => {
            let found = QUESTIONS.iter().filter(|(.., of)| category.is_none_or(|category| category == *of));
            let event = |question: &(&str, &str, &str)| {
                object! { "id": question.2, "title": question.1, "category": question.2, "markets": vec![market(question)] }
            };
            object! { "events": found.map(event).collect::<Vec<_>>() }
        }
    };
    Ok(Answer::ok(&answer))
}
