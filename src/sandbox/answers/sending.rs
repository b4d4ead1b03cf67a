//! Sending and simulating: what a policy says to it, and what becomes of it.
//! Decides the course at once; the chain lets it run by the clock.

use serde_json::Value;

use super::super::amounts::value;
use super::super::chain::{Asset, Course, EVM_FEE, SOLANA_FEE, Transaction, Wallet};
use super::super::json::{Json, object};
use super::super::networks::Network;
use super::super::refusals::*;
use super::super::routes::{Answer, Call, Daemon};
use super::about::POLICIES;
use super::requests::{Asked, KINDS, asked, network};

type Outcome = Result<Answer, Refusal>;

/// The spending limits of `about::POLICIES`, in wei: at once, with a notice; above them after a delay.
const INSTANT_MAX: u128 = 100_000_000_000_000_000;
const NOTIFY_MAX: u128 = 500_000_000_000_000_000;
const DELAY_S: i64 = 300;

/// POST /v1/transactions/send: PENDING at once; the outcome shows later.
pub(in super::super) fn send(daemon: &mut Daemon, call: &Call<'_>) -> Outcome {
    let body = call.request.json()?;
    let wallet = daemon.wallet_meant(call, Some(&body))?;
    let network = network(&wallet, &body)?;
    let asked = asked(&body, network)?;
    if wallet.suspended_at.is_some() {
        return Err(Refusal::new("WALLET_SUSPENDED"));
    }
    let course = course(daemon, call, &wallet, network, &asked);
    Ok(write_down(daemon, call, &wallet, network, asked, course))
}

/// Writes a transaction down and answers as the daemon does.
pub(in super::super) fn write_down(
    daemon: &mut Daemon,
    call: &Call<'_>,
    wallet: &Wallet,
    network: &'static Network,
    asked: Asked,
    course: Course,
) -> Answer {
    let id = daemon.ids.uuid(call.now);
    let Asked { kind, to, amount, asset, .. } = asked;
    let transaction = Transaction {
        id: id.clone(),
        wallet_id: wallet.id.clone(),
        kind: kind.to_owned(),
        network,
        to,
        amount,
        asset,
        created: call.now,
        course,
    };
    let status = transaction.status(call.now);
    daemon.chain.transactions.push(transaction);
    Answer::created(&object! { "id": id, "status": status })
}

/// What will become of a transaction: refused by default-deny or a bad address, delayed by the limit, or sent.
fn course(daemon: &Daemon, call: &Call<'_>, wallet: &Wallet, network: &Network, asked: &Asked) -> Course {
    if let Some(reason) = denied(wallet, asked) {
        return Course::Cancelled(reason);
    }
    if asked.kind == "BATCH" && wallet.chain == "ethereum" && wallet.signer.is_none() {
        return Course::Failed("Batches are not supported for this wallet".to_owned());
    }
    if let Some(to) = asked.to.as_deref().filter(|to| !is_address(network, to)) {
        return Course::Failed(format!("Invalid address: {to}"));
    }
    let amount = asked.amount.as_deref().map_or(0, value);
    let token = match &asked.asset {
        Asset::Token { address, .. } => Some(address.as_str()),
        _ => None,
    };
    let limited = policies_of(wallet, "SPENDING_LIMIT") && token.is_none();
    if limited && amount > NOTIFY_MAX {
        return Course::Delayed(DELAY_S);
    }
    let spends = matches!(asked.kind, "TRANSFER" | "TOKEN_TRANSFER");
    if spends && amount > daemon.chain.balance(wallet, network, token, call.now) {
        return Course::Failed("Insufficient balance".to_owned());
    }
    if asked.waits_for_gas {
        return Course::GasWaiting;
    }
    Course::Straight(if limited && amount > INSTANT_MAX { "NOTIFY" } else { "INSTANT" })
}

fn policies_of(wallet: &Wallet, kind: &str) -> bool {
    POLICIES.iter().any(|(of, of_kind, ..)| *of == wallet.id && *of_kind == kind)
}

/// Why default-deny refuses it, if it does.
fn denied(wallet: &Wallet, asked: &Asked) -> Option<String> {
    match (asked.kind, &asked.asset) {
        ("CONTRACT_CALL" | "CONTRACT_DEPLOY", _) => {
            Some("Contract calls disabled: no CONTRACT_WHITELIST policy configured".to_owned())
        }
        ("APPROVE", _) => Some("Token approvals disabled: no APPROVED_SPENDERS policy configured".to_owned()),
        ("TOKEN_TRANSFER", _) if !policies_of(wallet, "ALLOWED_TOKENS") => {
            Some("Token transfers disabled: no ALLOWED_TOKENS policy configured".to_owned())
        }
        ("TOKEN_TRANSFER", Asset::Token { address, .. }) => {
            let listed = |rules: &str| {
                rules.to_ascii_lowercase().contains(&format!("\"{}\"", address.to_ascii_lowercase()))
            };
            let allowed =
                POLICIES.iter().any(|(_, kind, rules, _)| *kind == "ALLOWED_TOKENS" && listed(rules));
            (!allowed).then(|| format!("Token {address} is not allowed by the ALLOWED_TOKENS policy"))
        }
        _ => None,
    }
}

fn is_address(network: &Network, text: &str) -> bool {
    match network.chain {
        "ethereum" => text.strip_prefix("0x").is_some_and(|digits| {
            digits.len() == 40 && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
        }),
        _ => (20..=60).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric()),
    }
}

/// POST /v1/transactions/simulate
pub(in super::super) fn simulate(daemon: &mut Daemon, call: &Call<'_>) -> Outcome {
    let body = call.request.json()?;
    let wallet = daemon.wallet_meant(call, Some(&body))?;
    if body.get("type").is_none() {
        return Err(no_type());
    }
    let network = network(&wallet, &body)?;
    let asked = asked(&body, network).map_err(|refusal| {
        Refusal::new("VALIDATION_FAILED")
            .saying(format!("Request validation failed: {}", refusal.body("").text()))
    })?;
    Ok(Answer::ok(&simulation(daemon, call, &wallet, network, &asked)))
}

/// The message is the text of the schema library's issues, spread over lines.
fn no_type() -> Refusal {
    let options: Vec<String> = KINDS.iter().map(|kind| format!("      \"{kind}\"")).collect();
    Refusal::new("VALIDATION_FAILED").saying(format!(
        "Request validation failed: [\n  {{\n    \"code\": \"invalid_union_discriminator\",\n    \"options\": [\n{}\n    ],\n    \
         \"path\": [\n      \"type\"\n    ],\n    \"message\": \"Invalid discriminator value\"\n  }}\n]",
        options.join(",\n")
    ))
}

/// What a transaction would cost and change.
pub(in super::super) fn simulation(
    daemon: &Daemon,
    call: &Call<'_>,
    wallet: &Wallet,
    network: &Network,
    asked: &Asked,
) -> Json {
    let fee = if network.chain == "solana" { SOLANA_FEE } else { EVM_FEE };
    let amount = asked.amount.as_deref().map_or(0, value);
    let course = course(daemon, call, wallet, network, asked);
    let (tier, allowed, reason) = match &course {
        Course::Cancelled(reason) => ("INSTANT", false, Some(reason.as_str())),
        Course::Delayed(_) => ("DELAY", true, None),
        Course::Straight(tier) => (*tier, true, None),
        _ => ("INSTANT", true, None),
    };
    let error = match &course {
        Course::Failed(error) => Some(error.as_str()),
        _ => None,
    };
    let success = allowed && error.is_none();
    let native = daemon.chain.balance(wallet, network, None, call.now);
    let own = if asked.asset == Asset::Native { amount.saturating_add(fee) } else { fee };
    let mut changes = vec![change("native", network.coin.symbol, network.coin.decimals, native, own)];
    if let Asset::Token { address, symbol, decimals } = &asked.asset {
        let current = daemon.chain.balance(wallet, network, Some(address), call.now);
        changes.push(change(address, symbol, *decimals, current, amount));
    }
    let mut warnings = vec![object! {
        "code": "ORACLE_PRICE_UNAVAILABLE", "message": "Price oracle unavailable", "severity": "warning",
    }];
    if asked.asset == Asset::Native && amount > 0 && fee / amount >= 1 {
        let percent = fee.saturating_mul(100) / amount;
        let message = format!("Fee is {percent}% of transaction amount");
        warnings.push(object! { "code": "HIGH_FEE_RATIO", "message": message, "severity": "info" });
    }
    let policy = object! { "tier": tier, "allowed": allowed }.with_some("reason", reason);
    let policy = policy.with_some("delaySeconds", matches!(course, Course::Delayed(_)).then_some(DELAY_S));
    let units = if network.chain == "solana" { "450" } else { "25200" };
    let result = object! {
        "success": success, "policy": policy,
        "fee": object! {
            "estimatedFee": fee.to_string(), "feeSymbol": network.coin.symbol, "feeDecimals": network.coin.decimals,
            "feeUsd": Json::Null,
        },
        "balanceChanges": changes, "warnings": warnings,
        "simulation": object! {
            "success": success, "logs": Vec::<Json>::new(), "unitsConsumed": units, "error": error,
        },
        "meta": object! {
            "chain": network.chain, "network": network.name, "transactionType": asked.kind, "durationMs": 14_i64,
        },
    };
    let condition = object! { "met": false, "currentGasPrice": "2640000000" };
    result.with_some("gasCondition", asked.waits_for_gas.then_some(condition))
}

fn change(asset: &str, symbol: &str, decimals: u32, current: u128, gone: u128) -> Json {
    let after = match current.checked_sub(gone) {
        Some(left) => left.to_string(),
        None => format!("-{}", gone - current),
    };
    object! {
        "asset": asset, "symbol": symbol, "decimals": decimals, "currentBalance": current.to_string(),
        "changeAmount": if gone == 0 { "0".to_owned() } else { format!("-{gone}") }, "afterBalance": after,
    }
}

/// A body asked for by the daemon's own parts: a contract call of an action.
pub(in super::super) fn contract_call(to: String) -> Asked {
    Asked { kind: "CONTRACT_CALL", to: Some(to), amount: None, asset: Asset::None, waits_for_gas: false }
}

/// The network a transaction of the daemon's own parts takes when none is named: the wallet's first.
pub(in super::super) fn network_or_first(wallet: &Wallet, body: &Value) -> Result<&'static Network, Refusal> {
    match body.get("network") {
        None | Some(Value::Null) => super::super::networks::available(wallet.chain, wallet.environment)
            .next()
            .ok_or_else(|| Refusal::new("INTERNAL_ERROR")),
        Some(_) => network(wallet, body),
    }
}
