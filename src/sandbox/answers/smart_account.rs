//! User operations of smart accounts: built, kept for ten minutes, signed once.
//! What the real build route loses (data of a batch) is lost here too.

use serde_json::Value;

use super::super::calldata::{bytes_of, encode};
use super::super::chain::{Build, Wallet};
use super::super::json::{Json, object};
use super::super::networks::available;
use super::super::refusals::*;
use super::super::routes::{Answer, Call, Daemon};
use super::requests::asked;
use super::signing::{note, signature};
use super::wallets::{FACTORY, network_mismatch};

type Outcome = Result<Answer, Refusal>;

/// How long a build can be signed, in milliseconds.
const BUILD_LIFE_MS: i64 = 600_000;

/// The contract every user operation goes through (ERC-4337 version 0.7).
const ENTRY_POINT: &str = "0x0000000071727De22E5E9d8BAf0edAc6f37da032";

fn smart_wallet(daemon: &Daemon, call: &Call<'_>) -> Result<Wallet, Refusal> {
    let wallet = daemon.wallet_in_path(call, Some("id"))?;
    if wallet.signer.is_some() {
        return Ok(wallet);
    }
    let message = "UserOp API is only available for smart account wallets";
    Err(Refusal::issues(vec![issue("custom", message, &["id"])]).saying(message))
}

/// POST /v1/wallets/{id}/userop/build
pub(in super::super) fn build(daemon: &mut Daemon, call: &Call<'_>) -> Outcome {
    let wallet = smart_wallet(daemon, call)?;
    let body = call.request.json()?;
    let Some(request) = body.get("request").filter(|request| request.is_object()) else {
        return Err(Refusal::issues(vec![invalid_type("object", "undefined", &["request"])]));
    };
    let Some(name) = body.get("network").and_then(Value::as_str) else {
        return Err(Refusal::issues(vec![invalid_type("string", "undefined", &["network"])]));
    };
    let network = available(wallet.chain, wallet.environment).find(|network| network.name == name);
    let network = network.ok_or_else(|| network_mismatch(&wallet, name))?;
    asked(request, network)?;
    let call_data = call_data(request)?;
    let build = Build {
        id: daemon.ids.uuid(call.now),
        wallet_id: wallet.id.clone(),
        call_data,
        network,
        built_at: call.now,
        used: false,
    };
    let signer = wallet.signer.unwrap_or("").trim_start_matches("0x").to_ascii_lowercase();
    let answer = object! {
        "sender": &wallet.address, "nonce": "0x0", "callData": &build.call_data, "factory": FACTORY,
        "factoryData": format!("0x5fbfb9cf{signer:0>64}{:0>64}", ""), "entryPoint": ENTRY_POINT, "buildId": &build.id,
    };
    daemon.chain.builds.push(build);
    Ok(Answer::ok(&answer))
}

/// `execute(target, value, data)` of the account. The build route encodes nothing itself: without `calldata` a call is
/// empty, and of a batch only plain transfers survive.
fn call_data(request: &Value) -> Result<String, Refusal> {
    let member = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let to = member(request, "to").or_else(|| member(request, "spender"));
    let (to, amount, data) = match request.get("type").and_then(Value::as_str) {
        Some("TOKEN_TRANSFER" | "APPROVE") => {
            let token = request.get("token").and_then(|token| member(token, "address"));
            let token = token.ok_or_else(|| Refusal::new("INTERNAL_ERROR"))?;
            let name = if request.get("spender").is_some() { "approve" } else { "transfer" };
            let abi = [function(name, &["address", "uint256"])];
            let args = [Value::from(to), Value::from(member(request, "amount"))];
            let (data, _) = encode(&abi, name, &args).map_err(|_| Refusal::new("INTERNAL_ERROR"))?;
            (token, "0".to_owned(), data)
        }
        Some("BATCH") => {
            let first = request.get("instructions").and_then(|list| list.get(0)).cloned().unwrap_or_default();
            let amount = member(&first, "amount").ok_or_else(|| Refusal::new("INTERNAL_ERROR"))?;
            (member(&first, "to").unwrap_or_default(), amount, "0x".to_owned())
        }
        Some("CONTRACT_CALL") => {
            let value = member(request, "value").unwrap_or_else(|| "0".to_owned());
            (to.unwrap_or_default(), value, member(request, "calldata").unwrap_or_else(|| "0x".to_owned()))
        }
        _ => (to.unwrap_or_default(), member(request, "amount").unwrap_or_default(), "0x".to_owned()),
    };
    let abi = [function("execute", &["address", "uint256", "bytes"])];
    let args = [Value::from(to), Value::from(amount), Value::from(data)];
    match encode(&abi, "execute", &args) {
        Ok((data, _)) => Ok(data),
        Err(reason) => Err(Refusal::issues(vec![issue("custom", &reason, &["request"])])),
    }
}

fn function(name: &str, inputs: &[&str]) -> Value {
    let inputs: Vec<Value> = inputs.iter().map(|kind| serde_json::json!({ "type": kind })).collect();
    serde_json::json!({ "type": "function", "name": name, "inputs": inputs })
}

/// POST /v1/wallets/{id}/userop/sign
pub(in super::super) fn sign(daemon: &mut Daemon, call: &Call<'_>) -> Outcome {
    const MEMBERS: [&str; 15] = [
        "sender",
        "nonce",
        "callData",
        "callGasLimit",
        "verificationGasLimit",
        "preVerificationGas",
        "maxFeePerGas",
        "maxPriorityFeePerGas",
        "signature",
        "factory",
        "factoryData",
        "paymaster",
        "paymasterData",
        "paymasterVerificationGasLimit",
        "paymasterPostOpGasLimit",
    ];
    const REQUIRED: usize = 8;
    let wallet = smart_wallet(daemon, call)?;
    let body = call.request.json()?;
    let operation = body.get("userOperation").cloned().unwrap_or_default();
    let member = |name: &str| operation.get(name).and_then(Value::as_str);
    let wrong = |name: &&str| !member(name).is_some_and(|text| text == "0x" || is_hex(text));
    let issues: Vec<Json> = MEMBERS[..REQUIRED]
        .iter()
        .filter(|name| wrong(name))
        .map(|name| invalid_type("string", "undefined", &["userOperation", name]))
        .collect();
    if !issues.is_empty() {
        return Err(Refusal::issues(issues));
    }
    let id = body.get("buildId").and_then(Value::as_str).unwrap_or("");
    let mut builds = daemon.chain.builds.iter_mut();
    let build = builds.find(|build| build.id == id && build.wallet_id == wallet.id);
    let build = build.ok_or_else(|| Refusal::new("BUILD_NOT_FOUND"))?;
    if build.used {
        return Err(Refusal::new("BUILD_ALREADY_USED"));
    }
    if call.now.0.saturating_sub(build.built_at.0) > BUILD_LIFE_MS {
        return Err(Refusal::new("EXPIRED_BUILD"));
    }
    if !member("callData").is_some_and(|data| data.eq_ignore_ascii_case(&build.call_data)) {
        return Err(Refusal::new("CALLDATA_MISMATCH"));
    }
    if !member("sender").is_some_and(|sender| sender.eq_ignore_ascii_case(&wallet.address)) {
        return Err(Refusal::new("SENDER_MISMATCH"));
    }
    build.used = true;
    let network = build.network;
    let signature = signature(&wallet, id);
    let shown = MEMBERS.iter().filter_map(|name| {
        let value = if *name == "signature" { Some(signature.as_str()) } else { member(name) };
        value.map(|value| ((*name).into(), Json::from(value)))
    });
    let shown = Json::Object(shown.collect());
    let transaction = note(daemon, call, &wallet, network, "SIGN");
    Ok(Answer::ok(&object! { "signedUserOperation": shown, "txId": transaction }))
}

/// Hexadecimal of any length, an odd one too: numbers have no leading zeros.
fn is_hex(text: &str) -> bool {
    bytes_of(text).is_some()
        || text.strip_prefix("0x").is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
}
