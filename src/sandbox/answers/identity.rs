//! Who an agent is and what it signs: ERC-8004, ERC-8128, and paid requests (x402).
//! Nothing is looked up on a chain and nothing is fetched.

use serde_json::Value;

use super::super::digests::{hex, sha256};
use super::super::json::{Json, object};
use super::super::networks::available;
use super::super::refusals::*;
use super::super::routes::{Answer, Call, Daemon};
use super::signing::signature;

type Outcome = Result<Answer, Refusal>;

/// The registry of agents on ethereum-sepolia.
const REGISTRY: &str = "0x8004A818BFB912233c491871b3d84c89A494BD9e";
const REGISTRY_CHAIN_ID: i64 = 11_155_111;

/// The one domain, with its subdomains, that may be paid.
const PAID_DOMAIN: &str = "example.com";

/// Life of a signed request in seconds: usual, and its bounds.
const SIGNATURE_LIFE_S: i64 = 300;
const SIGNATURE_LIFE_BOUNDS_S: std::ops::RangeInclusive<i64> = 10..=3600;

fn agent_id<'a>(call: &'a Call<'_>) -> Result<&'a str, Refusal> {
    let id = call.path[3];
    if !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(id);
    }
    Err(Refusal::issues(vec![issue("custom", "agentId must be a decimal number", &["agentId"])]))
}

/// GET /v1/erc8004/agent/{agentId}
pub(in super::super) fn agent(_: &mut Daemon, call: &Call<'_>) -> Outcome {
    let id = agent_id(call)?;
    Ok(Answer::ok(&object! {
        "agentId": id, "wallet": "0x52908400098527886E0F7030069857D2E4169EE7",
        "uri": format!("https://agents.example/{id}.json"),
        "metadata": object! { "name": format!("Sandbox agent {id}") },
        "registryAddress": REGISTRY, "chainId": REGISTRY_CHAIN_ID,
    }))
}

/// GET /v1/erc8004/agent/{agentId}/reputation
pub(in super::super) fn reputation(_: &mut Daemon, call: &Call<'_>) -> Outcome {
    let id = agent_id(call)?;
    let tag = |name: &str| call.request.query(name).unwrap_or("").to_owned();
    Ok(Answer::ok(&object! {
        "agentId": id, "count": 12_i64, "score": "87", "decimals": 0_i64, "tag1": tag("tag1"), "tag2": tag("tag2"),
    }))
}

/// GET /v1/erc8004/validation/{requestHash}
pub(in super::super) fn validation(daemon: &mut Daemon, call: &Call<'_>) -> Outcome {
    let hash = call.path[3];
    Ok(Answer::ok(&object! {
        "requestHash": hash, "validator": "0x5555555555555555555555555555555555555555", "agentId": "1",
        "response": 100_i64, "responseHash": format!("0x{}", hex(&sha256(hash.as_bytes()))), "tag": "sandbox",
        "lastUpdate": daemon.started.seconds(),
    }))
}

/// The host of an absolute http(s) URL, without port and userinfo.
fn host(url: &str) -> Option<String> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?.split(':').next()?;
    (!host.is_empty()).then(|| host.to_ascii_lowercase())
}

fn url_asked(body: &Value) -> Result<(&str, String), Refusal> {
    let url = body.get("url").and_then(Value::as_str);
    let url = url.ok_or_else(|| Refusal::issues(vec![invalid_type("string", "undefined", &["url"])]))?;
    let invalid = object! {
        "validation": "url", "code": "invalid_string", "message": "Invalid url", "path": vec!["url"],
    };
    let host = host(url).ok_or_else(|| Refusal::issues(vec![invalid]))?;
    Ok((url, host))
}

/// POST /v1/x402/fetch: nothing is fetched; the allowed domain answers as if it had been paid.
pub(in super::super) fn x402_fetch(daemon: &mut Daemon, call: &Call<'_>) -> Outcome {
    let body = call.request.json()?;
    let wallet = daemon.wallet_meant(call, Some(&body))?;
    let (url, host) = url_asked(&body)?;
    if host != PAID_DOMAIN && !host.ends_with(&format!(".{PAID_DOMAIN}")) {
        let message = format!("Domain '{host}' not allowed for x402 payments");
        return Err(Refusal::new("X402_DOMAIN_NOT_ALLOWED").saying(message));
    }
    let network = available(wallet.chain, wallet.environment).next().map_or("", |network| network.caip2);
    let content = object! { "sandbox": true, "url": url }.text();
    let payment = object! {
        "amount": "10000", "asset": "USDC", "network": network,
        "payTo": "0x6666666666666666666666666666666666666666", "txId": daemon.ids.uuid(call.now),
    };
    let headers = object! { "content-type": "application/json" };
    Ok(Answer::ok(&object! { "status": 200_i64, "headers": headers, "body": content, "payment": payment }))
}

/// POST /v1/erc8128/sign
pub(in super::super) fn sign_request(daemon: &mut Daemon, call: &Call<'_>) -> Outcome {
    let body = call.request.json()?;
    let wallet = daemon.wallet_meant(call, Some(&body))?;
    let (url, _) = url_asked(&body)?;
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    if wallet.chain != "ethereum" {
        return Err(Refusal::new("UNSUPPORTED_CHAIN"));
    }
    let life = match body.get("ttlSec") {
        None => SIGNATURE_LIFE_S,
        Some(life) => {
            life.as_i64().filter(|life| SIGNATURE_LIFE_BOUNDS_S.contains(life)).ok_or_else(|| {
                Refusal::issues(vec![issue("custom", "Number must be between 10 and 3600", &["ttlSec"])])
            })?
        }
    };
    let network = super::sending::network_or_first(&wallet, &body)?;
    let (created, expires) = (call.now.seconds(), call.now.seconds().saturating_add(life));
    let content = text("body").filter(|content| !content.is_empty());
    let components: Vec<&str> = match text("preset").unwrap_or("standard") {
        "minimal" => vec!["@method", "@target-uri"],
        "strict" => vec!["@method", "@target-uri", "@authority", "content-digest", "content-type"],
        _ => vec!["@method", "@target-uri", "content-digest"],
    };
    let components: Vec<&str> =
        components.into_iter().filter(|name| content.is_some() || !name.starts_with("content-")).collect();
    let quoted: Vec<String> = components.iter().map(|name| format!("\"{name}\"")).collect();
    let chain_id = network.caip2.trim_start_matches("eip155:");
    let key = format!("erc8128:{chain_id}:{}", wallet.address.to_ascii_lowercase());
    let input = format!(
        "sig1=({});created={created};expires={expires};keyid=\"{key}\";alg=\"eip191-secp256k1\"",
        quoted.join(" ")
    );
    let signed = signature(&wallet, &format!("{url} {input}"));
    let digest = content.map(|content| format!("sha-256=:{}:", base64(&sha256(content.as_bytes()))));
    let bytes = super::super::calldata::bytes_of(&signed).unwrap_or_default();
    let answer = object! { "signatureInput": input, "signature": format!("sig1=:{}:", base64(&bytes)) };
    Ok(Answer::ok(
        &answer
            .with_some("contentDigest", digest)
            .with("keyid", key)
            .with("algorithm", "eip191-secp256k1")
            .with("created", created)
            .with("expires", expires)
            .with("coveredComponents", components),
    ))
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// POST /v1/erc8128/verify: a signature of the sandbox that has not expired holds.
pub(in super::super) fn verify_request(_: &mut Daemon, call: &Call<'_>) -> Outcome {
    let body = call.request.json()?;
    url_asked(&body)?;
    let headers = body.get("headers").and_then(Value::as_object);
    let headers =
        headers.ok_or_else(|| Refusal::issues(vec![invalid_type("object", "undefined", &["headers"])]))?;
    let header = |name: &str| {
        let found = headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.and_then(|(_, value)| value.as_str()).unwrap_or("")
    };
    let input = header("signature-input");
    let parameter = |name: &str| {
        input
            .split(';')
            .find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
            .map(|value| value.trim_matches('"'))
    };
    let key = parameter("keyid").unwrap_or("");
    let expires = parameter("expires").and_then(|seconds| seconds.parse::<i64>().ok());
    let error = if !header("signature").starts_with("sig1=:") || key.is_empty() {
        Some("SIGNATURE_MISSING")
    } else if expires.is_some_and(|expires| expires < call.now.seconds()) {
        Some("SIGNATURE_EXPIRED")
    } else {
        None
    };
    let address = key.rsplit(':').next().filter(|_| error.is_none()).map(str::to_owned);
    let answer = object! { "valid": error.is_none(), "recoveredAddress": address, "keyid": key };
    Ok(Answer::ok(&answer.with_some("error", error.map(Json::from))))
}
