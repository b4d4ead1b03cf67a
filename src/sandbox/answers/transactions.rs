//! What went out and came in: transactions by id, in lists, waiting, and incoming ones.

use super::super::amounts::{formatted, value};
use super::super::chain::{Asset, Transaction, Wallet};
use super::super::clock::Moment;
use super::super::digests::{hex, keccak256};
use super::super::ids::is_uuid;
use super::super::json::{Json, object};
use super::super::networks::available;
use super::super::refusals::*;
use super::super::routes::{Answer, Call, Daemon};

type Outcome = Result<Answer, Refusal>;

/// Items of a page when none are asked for.
const PAGE_USUAL: usize = 20;

/// What came in: days ago, amount as a share of the smallest unit.
const INCOMING: [(i64, &str); 3] =
    [(1, "250000000000000000"), (3, "1000000000000000000"), (12, "750000000000000000")];

const DAY_S: i64 = 86_400;

fn page_limit(call: &Call<'_>) -> Result<usize, Refusal> {
    let Some(given) = call.request.query("limit") else { return Ok(PAGE_USUAL) };
    match given.parse::<i64>() {
        Ok(limit) if limit < 1 => Err(Refusal::issues(vec![too_small(1, "limit")])),
        Ok(limit) if limit > 100 => Err(Refusal::issues(vec![too_big(100, "limit")])),
        Ok(limit) => Ok(usize::try_from(limit).unwrap_or(PAGE_USUAL)),
        Err(_) => Err(Refusal::issues(vec![invalid_type("number", "nan", &["limit"])])),
    }
}

/// GET /v1/transactions: newest first.
pub(in super::super) fn list(daemon: &mut Daemon, call: &Call<'_>) -> Outcome {
    let wallet = daemon.wallet_meant(call, None)?;
    let limit = page_limit(call)?;
    let cursor = call.request.query("cursor").filter(|cursor| !cursor.is_empty());
    if cursor.is_some_and(|cursor| !is_uuid(cursor)) {
        return Err(not_a_uuid("cursor"));
    }
    let own = daemon.chain.transactions.iter().rev().filter(|transaction| transaction.wallet_id == wallet.id);
    // Ids are in order of time, so the cursor is where the next page begins.
    let after: Vec<&Transaction> =
        own.filter(|transaction| cursor.is_none_or(|cursor| transaction.id.as_str() < cursor)).collect();
    let page = &after[..limit.min(after.len())];
    let has_more = after.len() > page.len();
    let items: Vec<Json> = page.iter().map(|transaction| shown(transaction, call, true)).collect();
    let cursor = page.last().filter(|_| has_more).map(|transaction| &transaction.id);
    Ok(Answer::ok(&object! { "items": items, "cursor": cursor, "hasMore": has_more }))
}

/// GET /v1/transactions/pending
pub(in super::super) fn pending(daemon: &mut Daemon, call: &Call<'_>) -> Outcome {
    let wallet = daemon.wallet_meant(call, None)?;
    let waiting = daemon.chain.transactions.iter().rev().filter(|transaction| {
        transaction.wallet_id == wallet.id && matches!(transaction.status(call.now), "PENDING" | "QUEUED")
    });
    let items: Vec<Json> = waiting.map(|transaction| shown(transaction, call, false)).collect();
    Ok(Answer::ok(&object! { "items": items }))
}

/// GET /v1/transactions/{id}
pub(in super::super) fn detail(daemon: &mut Daemon, call: &Call<'_>) -> Outcome {
    let id = call.path[2];
    if !is_uuid(id) {
        return Err(not_a_uuid("id"));
    }
    let wallet = daemon.wallet_meant(call, None)?;
    let mut all = daemon.chain.transactions.iter();
    let found =
        all.find(|transaction| transaction.wallet_id == wallet.id && transaction.id.eq_ignore_ascii_case(id));
    match found {
        Some(transaction) => Ok(Answer::ok(&shown(transaction, call, true))),
        None => Err(Refusal::new("TX_NOT_FOUND")),
    }
}

/// A transaction as it stands now; the list of waiting ones leaves out what is for display.
fn shown(transaction: &Transaction, call: &Call<'_>, for_display: bool) -> Json {
    let now = call.now;
    let Transaction { network, amount, .. } = transaction;
    let mut json = object! {
        "id": &transaction.id, "walletId": &transaction.wallet_id, "type": &transaction.kind,
        "status": transaction.status(now), "tier": transaction.tier(now), "chain": network.chain,
        "network": network.name, "toAddress": transaction.to.as_ref(), "amount": amount.as_ref(),
        "txHash": transaction.hash(now), "error": transaction.error(now),
        "createdAt": transaction.created.seconds(),
    };
    if for_display {
        let currency = call.request.query("display_currency").unwrap_or("USD");
        let unit = match &transaction.asset {
            Asset::Native => Some((network.coin.decimals, network.coin.symbol)),
            Asset::Token { decimals, symbol, .. } => Some((*decimals, symbol.as_str())),
            Asset::None => None,
        };
        let unit = unit.filter(|_| amount.is_some());
        let text = amount.as_deref().zip(unit).map(|(amount, (decimals, _))| formatted(amount, decimals));
        json = json
            .with("displayAmount", Json::Null)
            .with("displayCurrency", currency)
            .with("amountFormatted", text)
            .with("amountDecimals", unit.map(|(decimals, _)| decimals))
            .with("amountSymbol", unit.map(|(_, symbol)| symbol));
    }
    json.with("contractName", Json::Null)
        .with("contractNameSource", Json::Null)
        .with("chainId", network.caip2)
}

/// What came in, newest first: when, id, amount.
fn received(daemon: &Daemon, wallet: &Wallet) -> Vec<(i64, String, &'static str)> {
    let since = daemon.started;
    INCOMING
        .iter()
        .filter(|_| wallet.chain == "ethereum")
        .map(|(days, amount)| {
            let at = since.seconds().saturating_sub(days * DAY_S);
            let digest = hex(&keccak256(format!("{} {days}", wallet.id).as_bytes()));
            let id = super::super::ids::Ids::seeded(u64::from_str_radix(&digest[..8], 16).unwrap_or(0))
                .uuid(Moment(at.saturating_mul(1000)));
            (at, id, *amount)
        })
        .collect()
}

fn bounds(call: &Call<'_>) -> impl Fn(i64) -> bool {
    let number = |name: &str| call.request.query(name).and_then(|text| text.parse::<i64>().ok());
    let (since, until) = (number("since"), number("until"));
    move |at| since.is_none_or(|since| at >= since) && until.is_none_or(|until| at <= until)
}

/// GET /v1/wallet/incoming
pub(in super::super) fn incoming(daemon: &mut Daemon, call: &Call<'_>) -> Outcome {
    let wallet = daemon.wallet_meant_either(call)?;
    let limit = page_limit(call)?;
    let within = bounds(call);
    let Some(network) = available(wallet.chain, wallet.environment).next() else {
        return Err(Refusal::new("INTERNAL_ERROR"));
    };
    let asked =
        |name: &str, is: &str| call.request.query(name).is_none_or(|asked| asked.eq_ignore_ascii_case(is));
    let sender = "0x2222222222222222222222222222222222222222";
    let shown = asked("chain", wallet.chain)
        && asked("network", network.name)
        && asked("status", "CONFIRMED")
        && asked("token", "native")
        && asked("from_address", sender);
    let cursor = call.request.query("cursor").filter(|cursor| !cursor.is_empty());
    let after: Vec<_> = received(daemon, &wallet)
        .into_iter()
        .filter(|(at, id, _)| shown && within(*at) && cursor.is_none_or(|cursor| id.as_str() < cursor))
        .collect();
    let page = &after[..limit.min(after.len())];
    let data: Vec<Json> = page
        .iter()
        .map(|(at, id, amount)| {
            object! {
                "id": id, "txHash": format!("0x{}", hex(&keccak256(id.as_bytes()))), "walletId": &wallet.id,
                "fromAddress": sender, "amount": *amount, "tokenAddress": Json::Null, "chain": wallet.chain,
                "network": network.name, "status": "CONFIRMED", "blockNumber": 6_000_000 + (at / 12) % 1_000_000,
                "detectedAt": *at, "confirmedAt": at.saturating_add(60), "suspicious": false,
                "chainId": network.caip2, "assetId": network.native_asset_id(),
            }
        })
        .collect();
    let has_more = after.len() > page.len();
    let next = page.last().filter(|_| has_more).map(|(_, id, _)| id);
    Ok(Answer::ok(&object! { "data": data, "nextCursor": next, "hasMore": has_more }))
}

/// GET /v1/wallet/incoming/summary: totals by day, week or month.
pub(in super::super) fn incoming_summary(daemon: &mut Daemon, call: &Call<'_>) -> Outcome {
    let wallet = daemon.wallet_meant_either(call)?;
    let period = call.request.query("period").unwrap_or("daily");
    let days = match period {
        "daily" => 1,
        "weekly" => 7,
        "monthly" => 30,
        _ => {
            return Err(Refusal::issues(vec![issue(
                "invalid_enum_value",
                "Invalid enum value",
                &["period"],
            )]));
        }
    };
    let within = bounds(call);
    let mut entries: Vec<(i64, i64, u128)> = Vec::new();
    for (at, _, amount) in received(daemon, &wallet).into_iter().filter(|(at, ..)| within(*at)) {
        let start = at.div_euclid(days * DAY_S) * days * DAY_S;
        match entries.last_mut().filter(|(day, ..)| *day == start) {
            Some((_, count, total)) => {
                *count += 1;
                *total = total.saturating_add(value(amount));
            }
            None => entries.push((start, 1, value(amount))),
        }
    }
    let entries: Vec<Json> = entries
        .into_iter()
        .map(|(start, count, total)| {
            object! {
                "date": Moment(start.saturating_mul(1000)).iso_date(), "totalCount": count,
                "totalAmountNative": total.to_string(), "totalAmountUsd": Json::Null, "suspiciousCount": 0_i64,
            }
        })
        .collect();
    Ok(Answer::ok(&object! { "period": period, "entries": entries }))
}
