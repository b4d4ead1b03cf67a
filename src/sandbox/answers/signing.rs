//! Signatures and call data. The signatures have the right form and are the same each time, but sign nothing.

use serde_json::Value;

use super::super::calldata::{bytes_of, encode};
use super::super::chain::{Asset, Course, Transaction, Wallet};
use super::super::digests::{hex, keccak256};
use super::super::json::{Json, object};
use super::super::networks::Network;
use super::super::refusals::*;
use super::super::routes::{Answer, Call, Daemon};
use super::requests::network;
use super::wallets::network_mismatch;

type Outcome = Result<Answer, Refusal>;

/// 65 bytes that look like a signature of `message` by the wallet.
pub(in super::super) fn signature(wallet: &Wallet, message: &str) -> String {
    let first = keccak256(format!("r {} {message}", wallet.id).as_bytes());
    let second = keccak256(format!("s {} {message}", wallet.id).as_bytes());
    format!("0x{}{}1b", hex(&first), hex(&second))
}

/// POST /v1/transactions/sign
pub(in super::super) fn sign_transaction(daemon: &mut Daemon, call: &Call<'_>) -> Outcome {
    let body = call.request.json()?;
    let wallet = daemon.wallet_meant(call, Some(&body))?;
    let Some(raw) = body.get("transaction").and_then(Value::as_str).filter(|raw| !raw.is_empty()) else {
        return Err(Refusal::issues(vec![invalid_type("string", "undefined", &["transaction"])]));
    };
    // CAIP-2 names are taken by send and simulate only.
    if let Some(name) = body.get("network").and_then(Value::as_str).filter(|name| name.contains(':')) {
        return Err(network_mismatch(&wallet, name));
    }
    let network = network(&wallet, &body)?;
    if wallet.chain == "ethereum" && bytes_of(raw).is_none_or(|bytes| bytes.len() < 2) {
        return Err(Refusal::new("INVALID_TRANSACTION"));
    }
    let signature = signature(&wallet, raw);
    let id = note(daemon, call, &wallet, network, "SIGN");
    let operation = object! { "type": "NATIVE_TRANSFER", "to": "0x1111111111111111111111111111111111111111", "amount": "1" };
    Ok(Answer::ok(&object! {
        "id": id, "signedTransaction": format!("{raw}{}", signature.trim_start_matches("0x")), "txHash": Json::Null,
        "operations": vec![operation], "policyResult": object! { "tier": "INSTANT" },
    }))
}

/// POST /v1/transactions/sign-message
pub(in super::super) fn sign_message(daemon: &mut Daemon, call: &Call<'_>) -> Outcome {
    let body = call.request.json()?;
    let wallet = daemon.wallet_meant(call, Some(&body))?;
    let kind = match body.get("signType").and_then(Value::as_str).unwrap_or("personal") {
        "personal" => "personal",
        "typedData" => "typedData",
        _ => {
            return Err(Refusal::issues(vec![issue(
                "invalid_enum_value",
                "Invalid enum value",
                &["signType"],
            )]));
        }
    };
    let invalid = |message: &str| Err(Refusal::new("VALIDATION_FAILED").saying(message));
    let message = match (kind, body.get("message").and_then(Value::as_str), body.get("typedData")) {
        ("personal", None | Some(""), _) => return invalid("message is required for personal signing"),
        ("personal", Some(message), _) => message.to_owned(),
        (_, _, Some(typed)) if typed.is_object() => typed.to_string(),
        _ => return invalid("typedData is required for typedData signing"),
    };
    let network = super::sending::network_or_first(&wallet, &body)?;
    let id = note(daemon, call, &wallet, network, "SIGN");
    Ok(Answer::ok(&object! { "id": id, "signature": signature(&wallet, &message), "signType": kind }))
}

/// Writes a signature down among the transactions.
pub(in super::super) fn note(
    daemon: &mut Daemon,
    call: &Call<'_>,
    wallet: &Wallet,
    network: &'static Network,
    kind: &str,
) -> String {
    let id = daemon.ids.uuid(call.now);
    daemon.chain.transactions.push(Transaction {
        id: id.clone(),
        wallet_id: wallet.id.clone(),
        kind: kind.to_owned(),
        network,
        to: None,
        amount: None,
        asset: Asset::None,
        created: call.now,
        course: Course::Signed,
    });
    id
}

/// POST /v1/utils/encode-calldata
pub(in super::super) fn encode_calldata(_: &mut Daemon, call: &Call<'_>) -> Outcome {
    let body = call.request.json()?;
    let (Some(abi), Some(name)) =
        (body.get("abi").and_then(Value::as_array), body.get("functionName").and_then(Value::as_str))
    else {
        let missing = if body.get("abi").is_some_and(Value::is_array) { "functionName" } else { "abi" };
        return Err(Refusal::issues(vec![invalid_type("array", "undefined", &[missing])]));
    };
    let none = Vec::new();
    let args = body.get("args").and_then(Value::as_array).unwrap_or(&none);
    let (calldata, selector) =
        encode(abi, name, args).map_err(|reason| Refusal::new("ABI_ENCODING_FAILED").saying(reason))?;
    Ok(Answer::ok(&object! { "calldata": calldata, "selector": selector, "functionName": name }))
}
