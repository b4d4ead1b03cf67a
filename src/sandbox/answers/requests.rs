//! The bodies of transactions, for sending, simulating and building alike: what is asked for, checked as the daemon checks it.

use serde_json::Value;

use super::super::amounts::{from_human, is_amount};
use super::super::chain::{Asset, Wallet};
use super::super::json::{Json, object};
use super::super::networks::{Network, available, token_at};
use super::super::refusals::*;
use super::wallets::network_mismatch;

/// The kinds of transactions.
pub(in super::super) const KINDS: [&str; 7] =
    ["TRANSFER", "TOKEN_TRANSFER", "CONTRACT_CALL", "APPROVE", "BATCH", "NFT_TRANSFER", "CONTRACT_DEPLOY"];

/// The NFT standards the daemon takes.
const NFT_STANDARDS: [&str; 4] = ["ERC-721", "ERC-1155", "METAPLEX", "XLS-20"];

/// A transaction that passed the checks.
pub(in super::super) struct Asked {
    pub(in super::super) kind: &'static str,
    pub(in super::super) to: Option<String>,
    pub(in super::super) amount: Option<String>,
    pub(in super::super) asset: Asset,
    pub(in super::super) waits_for_gas: bool,
}

/// The network of a transaction body: a CAIP-2 name and Solana's old names are taken here too.
pub(in super::super) fn network(wallet: &Wallet, body: &Value) -> Result<&'static Network, Refusal> {
    let mut choices = available(wallet.chain, wallet.environment);
    let given = body.get("network").and_then(Value::as_str).filter(|name| !name.is_empty());
    let Some(given) = given else {
        return choices.next().filter(|network| network.chain == "solana").ok_or_else(|| {
            Refusal::new("ENVIRONMENT_NETWORK_MISMATCH").saying(format!(
                "Network is required for {} wallets in {} environment",
                wallet.chain, wallet.environment
            ))
        });
    };
    let old =
        |network: &Network| network.chain == "solana" && network.name.strip_prefix("solana-") == Some(given);
    let found = choices.find(|network| network.name == given || network.caip2 == given || old(network));
    found.ok_or_else(|| network_mismatch(wallet, given))
}

/// Checks a body. Issues carry their path as a dotted string, as POST /v1/transactions/send does.
pub(in super::super) fn asked(body: &Value, network: &Network) -> Result<Asked, Refusal> {
    let kind = match body.get("type").and_then(Value::as_str) {
        None => "TRANSFER",
        Some(given) => *KINDS.iter().find(|kind| **kind == given).ok_or_else(|| {
            let expected = KINDS.map(|kind| format!("'{kind}'")).join(" | ");
            one("type", &format!("Invalid discriminator value. Expected {expected}"))
        })?,
    };
    let mut issues = Vec::new();
    let mut asset = Asset::Native;
    let to = match kind {
        "BATCH" => batch(body, &mut issues),
        "CONTRACT_DEPLOY" => text(body, "bytecode", &mut issues).and(None),
        "APPROVE" => text(body, "spender", &mut issues),
        _ => text(body, "to", &mut issues),
    };
    match kind {
        "TOKEN_TRANSFER" | "APPROVE" => asset = token(body, network, &mut issues),
        "NFT_TRANSFER" => asset = nft(body, &mut issues),
        "CONTRACT_CALL" | "BATCH" | "CONTRACT_DEPLOY" if body.get("value").is_none() => asset = Asset::None,
        _ => {}
    }
    let amount = match kind {
        "TRANSFER" | "TOKEN_TRANSFER" | "APPROVE" => amount(body, &asset, network, &mut issues),
        "CONTRACT_CALL" => body.get("value").and_then(Value::as_str).map(str::to_owned),
        _ => None,
    };
    let waits_for_gas = gas_condition(body, &mut issues);
    if issues.is_empty() {
        Ok(Asked { kind, to, amount, asset, waits_for_gas })
    } else {
        Err(Refusal::issues(issues))
    }
}

fn dotted(path: &str, message: &str) -> Json {
    object! { "path": path, "message": message }
}

fn one(path: &str, message: &str) -> Refusal {
    Refusal::issues(vec![dotted(path, message)])
}

fn text(body: &Value, name: &str, issues: &mut Vec<Json>) -> Option<String> {
    match body.get(name).and_then(Value::as_str) {
        Some("") => issues.push(dotted(name, "String must contain at least 1 character(s)")),
        Some(text) => return Some(text.to_owned()),
        None => issues.push(dotted(name, "Required")),
    }
    None
}

fn amount(body: &Value, asset: &Asset, network: &Network, issues: &mut Vec<Json>) -> Option<String> {
    let decimals = match asset {
        Asset::Token { decimals, .. } => *decimals,
        _ => network.coin.decimals,
    };
    let read = match (body.get("amount"), body.get("humanAmount")) {
        (Some(amount), _) => match amount.as_str().filter(|amount| is_amount(amount)) {
            Some(amount) => return Some(amount.to_owned()),
            None => dotted("amount", "amount must be a numeric string (lamports/wei)"),
        },
        (None, Some(human)) => match human.as_str().and_then(|human| from_human(human, decimals)) {
            Some(amount) => return Some(amount),
            None => dotted("humanAmount", "humanAmount must be a decimal number"),
        },
        (None, None) => dotted("amount", "Either amount or humanAmount is required"),
    };
    issues.push(read);
    None
}

fn token(body: &Value, network: &Network, issues: &mut Vec<Json>) -> Asset {
    let Some(token) = body.get("token").filter(|token| token.is_object()) else {
        issues.push(dotted("token", "Required"));
        return Asset::None;
    };
    let member = |name: &str| token.get(name).and_then(Value::as_str);
    if let Some(asset_id) = member("assetId") {
        let address = asset_id.rsplit_once(':').map_or("", |(_, reference)| reference);
        let known = token_at(network, address);
        return Asset::Token {
            address: address.to_owned(),
            symbol: known.map_or("UNKNOWN", |token| token.symbol).to_owned(),
            decimals: known.map_or(18, |token| token.decimals),
        };
    }
    let decimals = token.get("decimals").and_then(Value::as_u64).and_then(|count| u32::try_from(count).ok());
    match (member("address"), decimals.filter(|decimals| *decimals <= 24), member("symbol")) {
        (Some(address), Some(decimals), Some(symbol)) => {
            Asset::Token { address: address.to_owned(), symbol: symbol.to_owned(), decimals }
        }
        (address, decimals, symbol) => {
            let missing = [
                (address.is_none(), "token.address"),
                (decimals.is_none(), "token.decimals"),
                (symbol.is_none(), "token.symbol"),
            ];
            let missing = missing.iter().filter(|(missing, _)| *missing);
            issues.extend(missing.map(|(_, path)| dotted(path, "Required when assetId is not given")));
            Asset::None
        }
    }
}

fn nft(body: &Value, issues: &mut Vec<Json>) -> Asset {
    let token = body.get("token").cloned().unwrap_or_default();
    for name in ["address", "tokenId"] {
        if token.get(name).and_then(Value::as_str).is_none() {
            issues.push(dotted(&format!("token.{name}"), "Required"));
        }
    }
    let standard = token.get("standard").and_then(Value::as_str).unwrap_or("");
    if !NFT_STANDARDS.contains(&standard) {
        let expected = NFT_STANDARDS.map(|standard| format!("'{standard}'")).join(" | ");
        let message = format!("Invalid enum value. Expected {expected}, received '{standard}'");
        issues.push(dotted("token.standard", &message));
    }
    Asset::None
}

fn batch(body: &Value, issues: &mut Vec<Json>) -> Option<String> {
    let count = body.get("instructions").and_then(Value::as_array).map_or(0, Vec::len);
    if count < 2 {
        issues.push(dotted("instructions", "Array must contain at least 2 element(s)"));
    } else if count > 20 {
        issues.push(dotted("instructions", "Array must contain at most 20 element(s)"));
    }
    None
}

fn gas_condition(body: &Value, issues: &mut Vec<Json>) -> bool {
    let Some(condition) = body.get("gasCondition").filter(|condition| !condition.is_null()) else {
        return false;
    };
    let price = |name: &str| condition.get(name).and_then(Value::as_str).is_some_and(is_amount);
    if !price("maxGasPrice") && !price("maxPriorityFee") {
        issues
            .push(dotted("gasCondition", "At least one of maxGasPrice or maxPriorityFee must be specified"));
    }
    let in_bounds =
        |timeout: &Value| timeout.as_i64().is_some_and(|seconds| (60..=86_400).contains(&seconds));
    if condition.get("timeout").is_some_and(|timeout| !in_bounds(timeout)) {
        issues.push(dotted("gasCondition.timeout", "Number must be between 60 and 86400"));
    }
    true
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::networks::named;
    use super::*;

    #[test]
    fn bodies_are_checked_by_type() {
        let to = "0x1111111111111111111111111111111111111111";
        let table = [
            (json!({"to": to, "amount": "1"}), Ok("TRANSFER")),
            (json!({"to": to, "humanAmount": "1.5"}), Ok("TRANSFER")),
            (json!({"type": "TRANSFER", "to": to, "amount": "1.5"}), Err("amount")),
            (json!({"type": "TRANSFER", "to": to, "amount": 1}), Err("amount")),
            (json!({"type": "TRANSFER", "amount": "1"}), Err("to")),
            (json!({"type": "NOTHING"}), Err("type")),
            (json!({"type": "TOKEN_TRANSFER", "to": to, "amount": "1"}), Err("token")),
            (
                json!({"type": "TOKEN_TRANSFER", "to": to, "amount": "1", "token": {"address": to}}),
                Err("token.decimals"),
            ),
            (
                json!({"type": "TOKEN_TRANSFER", "to": to, "amount": "1", "token": {"assetId": "eip155:1/erc20:0xa"}}),
                Ok("TOKEN_TRANSFER"),
            ),
            (json!({"type": "CONTRACT_CALL", "to": to, "calldata": "0x"}), Ok("CONTRACT_CALL")),
            (json!({"type": "BATCH", "instructions": [{}]}), Err("instructions")),
            (json!({"type": "BATCH", "instructions": [{}, {}]}), Ok("BATCH")),
            (
                json!({"type": "NFT_TRANSFER", "to": to, "token": {"address": to, "tokenId": "1", "standard": "erc721"}}),
                Err("token.standard"),
            ),
            (
                json!({"type": "NFT_TRANSFER", "to": to, "token": {"address": to, "tokenId": "1", "standard": "ERC-721"}}),
                Ok("NFT_TRANSFER"),
            ),
            (json!({"to": to, "amount": "1", "gasCondition": {}}), Err("gasCondition")),
            (
                json!({"to": to, "amount": "1", "gasCondition": {"maxGasPrice": "1", "timeout": 5}}),
                Err("gasCondition.timeout"),
            ),
        ];
        let network = named("ethereum-sepolia").expect("known");
        for (body, expected) in table {
            match (asked(&body, network), expected) {
                (Ok(asked), Ok(kind)) => assert_eq!(asked.kind, kind),
                (Err(refusal), Err(path)) => {
                    let shown = refusal.body("").text();
                    assert!(shown.contains(&format!(r#""path":"{path}""#)), "{body}: {shown}");
                }
                (outcome, _) => {
                    panic!("{body}: {}", outcome.map_or_else(|r| r.body("").text(), |a| a.kind.to_owned()))
                }
            }
        }
    }
}
