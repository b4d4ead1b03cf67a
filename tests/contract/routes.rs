//! Every route the tools use is there, and what is asked for happens.

use serde_json::{Value, json};
use waiaas_mcp::sandbox::SessionLimits;

use crate::raw_http::{Answer, bearer};
use crate::scene::Scene;

const TO: &str = "0x1111111111111111111111111111111111111111";

/// A scene whose token is good for all three wallets.
fn scene_of_all_wallets() -> Scene {
    let mut scene = Scene::new();
    scene.session = scene.sandbox.new_session(SessionLimits {
        wallet_ids: scene.sandbox.wallet_ids().map(str::to_owned).to_vec(),
        ..SessionLimits::default()
    });
    scene.token = scene.session.token.clone();
    scene
}

fn ask(scene: &Scene, line: &str, body: &str) -> Answer {
    let [trading, sol, smart] = scene.sandbox.wallet_ids();
    let line = line.replace("{t}", trading).replace("{sol}", sol).replace("{smart}", smart);
    let (method, target) = line.split_once(' ').unwrap();
    scene.ask(method, target, &[bearer(&scene.token)], body)
}

fn json_of(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap()
}

#[test]
fn every_route_of_the_tools_answers() {
    // Request, body, status, and the member the answer must have.
    let table: &[(&str, &str, u16, &str)] = &[
        ("GET /v1/wallet/nfts?network=ethereum-sepolia&pageSize=2", "", 200, "items"),
        ("GET /v1/wallet/nfts?network=ethereum-sepolia&groupBy=collection", "", 200, "collections"),
        ("GET /v1/wallet/nfts", "", 400, "details"),
        (
            "GET /v1/wallet/nfts/eip155%3A11155111%2Ferc721%3A0x3333333333333333333333333333333333333333%2F7?network=ethereum-sepolia",
            "",
            200,
            "attributes",
        ),
        ("GET /v1/wallet/nfts/nothing?network=ethereum-sepolia", "", 404, "code"),
        ("GET /v1/wallet/wc/session", "", 404, "code"),
        ("POST /v1/wallet/wc/pair", "", 200, "uri"),
        ("DELETE /v1/wallet/wc/session", "", 200, "disconnected"),
        ("GET /v1/wallets/{t}/hyperliquid/positions", "", 200, "positions"),
        ("GET /v1/wallets/{t}/hyperliquid/orders?subAccount=0x1", "", 200, "orders"),
        ("GET /v1/wallets/{t}/hyperliquid/account", "", 200, "state"),
        ("GET /v1/wallets/{t}/hyperliquid/fills?limit=5", "", 200, "fills"),
        ("GET /v1/wallets/{t}/hyperliquid/spot/balances", "", 200, "balances"),
        ("GET /v1/wallets/{t}/hyperliquid/sub-accounts", "", 200, "subAccounts"),
        (
            "GET /v1/wallets/{t}/hyperliquid/sub-accounts/0x1111111111111111111111111111111111111111/positions",
            "",
            200,
            "positions",
        ),
        ("GET /v1/wallets/default/hyperliquid/positions", "", 404, "code"),
        ("GET /v1/wallets/{sol}/hyperliquid/positions", "", 403, "code"),
        ("GET /v1/hyperliquid/markets", "", 200, "markets"),
        ("GET /v1/hyperliquid/funding-rates?market=ETH&startTime=1", "", 200, "rates"),
        ("GET /v1/hyperliquid/spot/markets", "", 200, "markets"),
        ("GET /v1/polymarket/markets?category=weather&limit=1", "", 200, "markets"),
        (
            "GET /v1/polymarket/markets/0x7777777777777777777777777777777777777777777777777777777777777777",
            "",
            200,
            "market",
        ),
        ("GET /v1/polymarket/events", "", 200, "events"),
        ("POST /v1/wallets/{t}/polymarket/setup", "{}", 500, "code"),
        ("GET /v1/erc8004/agent/7", "", 200, "registryAddress"),
        ("GET /v1/erc8004/agent/7/reputation?tag1=a", "", 200, "score"),
        ("GET /v1/erc8004/validation/0xabc", "", 200, "validator"),
        ("POST /v1/x402/fetch", r#"{"url":"https://api.example.com/x"}"#, 200, "payment"),
        ("POST /v1/x402/fetch", r#"{"url":"https://elsewhere.test/"}"#, 403, "code"),
        ("POST /v1/x402/fetch", r#"{"url":"ftp://x"}"#, 400, "details"),
        (
            "POST /v1/erc8128/sign",
            r#"{"method":"POST","url":"https://example.com/","body":"x","network":"ethereum-sepolia","ttlSec":60}"#,
            200,
            "contentDigest",
        ),
        ("POST /v1/erc8128/sign", r#"{"url":"https://example.com/","ttlSec":5}"#, 400, "details"),
        ("GET /v1/actions/providers", "", 200, "providers"),
        ("GET /v1/wallets/{t}/credentials", "", 401, "code"),
        ("GET /v1/sessions?limit=1", "", 401, "code"),
        ("GET /v1/skills/erc8128", "", 404, "code"),
        ("GET /v1/tokens?network=solana-devnet", "", 400, "details"),
        ("GET /v1/tokens?network=eip155:1", "", 400, "details"),
        ("GET /v1/transactions?limit=101", "", 400, "details"),
        ("GET /v1/transactions/01a20238-ffff-7fff-8fff-ffffffffffff", "", 404, "code"),
        ("POST /v1/transactions/sign", r#"{"transaction":"zz","network":"ethereum-sepolia"}"#, 400, "code"),
        ("POST /v1/transactions/sign-message", r#"{"message":""}"#, 400, "code"),
        ("POST /v1/utils/encode-calldata", r#"{"abi":[],"functionName":"f","args":[]}"#, 400, "code"),
    ];
    let scene = Scene::new();
    for (line, body, status, member) in table {
        let answer = ask(&scene, line, body);
        assert_eq!(answer.status, *status, "{line}: {}", answer.body);
        assert!(json_of(&answer).get(member).is_some(), "{line}: {}", answer.body);
    }
}

#[test]
fn a_transfer_is_pending_then_confirmed_and_the_balance_is_lower() {
    let mut scene = Scene::new();
    let balance = |scene: &Scene| {
        let answer = ask(scene, "GET /v1/wallet/balance?network=ethereum-sepolia", "");
        json_of(&answer)["balance"].as_str().unwrap().parse::<u128>().unwrap()
    };
    let before = balance(&scene);
    assert_eq!(before, 2_000_000_000_000_000_000);
    let body = json!({"to": TO, "humanAmount": "0.05", "network": "eip155:11155111"}).to_string();
    let sent = json_of(&ask(&scene, "POST /v1/transactions/send", &body));
    assert_eq!(sent["status"], "PENDING");
    let line = format!("GET /v1/transactions/{}", sent["id"].as_str().unwrap());
    assert_eq!(json_of(&ask(&scene, &line, ""))["status"], "PENDING");
    scene.prepare("5 s later");
    let after = json_of(&ask(&scene, &line, ""));
    assert_eq!(after["status"], "CONFIRMED");
    assert_eq!(after["amountFormatted"], "0.05");
    assert_eq!(balance(&scene), before - 50_000_000_000_000_000 - 66_528_000_000_000);
}

#[test]
fn what_becomes_of_a_transaction_follows_from_what_it_is() {
    let token = |address: &str| json!({"address": address, "decimals": 18, "symbol": "T"});
    let (link, other) = (token("0x779877A7B0D9E8603169DdbD7836e478b4624789"), token(TO));
    let table = [
        (json!({"type": "TRANSFER", "to": TO, "amount": "1"}), "CONFIRMED", Some("INSTANT")),
        (json!({"type": "TRANSFER", "to": TO, "amount": "200000000000000000"}), "CONFIRMED", Some("NOTIFY")),
        (json!({"type": "TRANSFER", "to": TO, "amount": "600000000000000000"}), "QUEUED", Some("DELAY")),
        (json!({"type": "TRANSFER", "to": "0x1", "amount": "1"}), "FAILED", Some("INSTANT")),
        (
            json!({"type": "TOKEN_TRANSFER", "to": TO, "amount": "1", "token": link}),
            "CONFIRMED",
            Some("INSTANT"),
        ),
        (json!({"type": "TOKEN_TRANSFER", "to": TO, "amount": "1", "token": other}), "CANCELLED", None),
        (json!({"type": "CONTRACT_CALL", "to": TO, "calldata": "0x"}), "CANCELLED", None),
        (json!({"type": "APPROVE", "spender": TO, "amount": "1", "token": other}), "CANCELLED", None),
        (json!({"type": "BATCH", "instructions": [{"to": TO}, {"to": TO}]}), "FAILED", Some("INSTANT")),
    ];
    let mut scene = Scene::new();
    let ids: Vec<String> = table
        .iter()
        .map(|(body, ..)| {
            let mut body = body.clone();
            body["network"] = "ethereum-sepolia".into();
            let answer = ask(&scene, "POST /v1/transactions/send", &body.to_string());
            assert_eq!(answer.status, 201, "{}", answer.body);
            json_of(&answer)["id"].as_str().unwrap().to_owned()
        })
        .collect();
    scene.prepare("10 s later");
    for (id, (body, status, tier)) in ids.iter().zip(&table) {
        let found = json_of(&ask(&scene, &format!("GET /v1/transactions/{id}"), ""));
        assert_eq!(found["status"], *status, "{body}");
        assert_eq!(found["tier"].as_str(), *tier, "{body}");
        let failed = matches!(*status, "CANCELLED" | "FAILED");
        assert_eq!(found["error"].is_string(), failed, "{body}");
    }
    let pending = json_of(&ask(&scene, "GET /v1/transactions/pending", ""));
    assert_eq!(pending["items"].as_array().unwrap().len(), 1);
    scene.prepare("400 s later");
    let pending = json_of(&ask(&scene, "GET /v1/transactions/pending", ""));
    assert_eq!(pending["items"], json!([]), "the delay has passed");
}

#[test]
fn the_pages_of_a_list_follow_each_other() {
    for (line, items, cursor) in [
        ("GET /v1/transactions?limit=1", "items", "cursor"),
        ("GET /v1/wallet/incoming?limit=1", "data", "nextCursor"),
    ] {
        let scene = Scene::new();
        let whole = json_of(&ask(&scene, &line.replace("limit=1", "limit=100"), ""));
        let mut seen = Vec::new();
        let mut next = String::new();
        loop {
            let page = json_of(&ask(&scene, &format!("{line}{next}"), ""));
            seen.extend(page[items].as_array().unwrap().clone());
            assert_eq!(page["hasMore"].as_bool().unwrap(), page[cursor].is_string());
            match page[cursor].as_str() {
                Some(cursor) => next = format!("&cursor={cursor}"),
                None => break,
            }
        }
        assert_eq!(Value::Array(seen), whole[items], "{line}");
        assert!(whole[items].as_array().unwrap().len() > 1, "{line}");
    }
}

#[test]
fn an_action_is_checked_against_its_schema_and_done() {
    let scene = Scene::new();
    let table = [
        ("lido_staking/stake", json!({"params": {"humanAmount": "1"}}), 201, ""),
        ("lido_staking/nothing", json!({}), 404, "ACTION_NOT_FOUND"),
        ("lifi/cross_swap", json!({"params": {}}), 400, "ACTION_VALIDATION_FAILED"),
        (
            "jupiter_swap/swap",
            json!({"params": {"inputMint": "a", "outputMint": "b"}}),
            403,
            "API_KEY_REQUIRED",
        ),
        ("across_bridge/routes", json!({"params": {}}), 201, ""),
    ];
    for (action, body, status, code) in table {
        let answer = ask(&scene, &format!("POST /v1/actions/{action}"), &body.to_string());
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{action}: {}", answer.body);
    }
    let body = json!({"params": {"market": "ETH", "oid": 1}});
    let answer = ask(&scene, "POST /v1/actions/hyperliquid_perp/hl_cancel_order", &body.to_string());
    assert_eq!(answer.status, 201, "{}", answer.body);
    let listed = json_of(&ask(&scene, "GET /v1/wallets/{t}/actions?venue=hyperliquid", ""));
    assert_eq!(listed["actions"][0]["operation"], "hl_cancel_order");
    assert_eq!(listed["total"], 1);
    let dry =
        ask(&scene, "POST /v1/actions/lido_staking/stake?dryRun=true", r#"{"params":{"humanAmount":"1"}}"#);
    assert_eq!(dry.status, 200);
    assert!(json_of(&dry)["simulation"].is_object());
}

#[test]
fn transactions_are_limited_to_ten_a_minute() {
    let scene = Scene::new();
    let body = json!({"to": TO, "amount": "1", "network": "ethereum-sepolia"}).to_string();
    for _ in 0..10 {
        assert_eq!(ask(&scene, "POST /v1/transactions/send", &body).status, 201);
    }
    let answer = ask(&scene, "POST /v1/transactions/send", &body);
    assert_eq!((answer.status, answer.code().as_str()), (429, "RATE_LIMITED"));
    assert!(answer.body.contains("Transaction rate limit exceeded"));
    assert_eq!(ask(&scene, "GET /v1/wallet/address", "").status, 200);
}

#[test]
fn a_session_of_several_wallets_must_say_which() {
    let scene = scene_of_all_wallets();
    for (line, status) in [
        ("GET /v1/wallet/address", 400),
        ("GET /v1/wallet/address?walletId={sol}", 200),
        ("GET /v1/wallet/address?wallet_id={sol}", 400),
        ("GET /v1/wallet/positions?wallet_id={sol}", 200),
        ("GET /v1/wallet/incoming?walletId={t}", 200),
        ("GET /v1/wallets/{smart}", 200),
    ] {
        let answer = ask(&scene, line, "");
        assert_eq!(answer.status, status, "{line}: {}", answer.body);
    }
    let sol = scene.sandbox.wallet_ids()[1];
    let body = json!({"walletId": sol, "to": "7y2VcKsdQAav1NsYAJu994KkcEYV6Dtt82amGybvLdPw", "amount": "1"});
    assert_eq!(ask(&scene, "POST /v1/transactions/send", &body.to_string()).status, 201, "in the body");
    let mut body = body;
    body["walletId"] = Value::Null;
    let line = "POST /v1/transactions/send?walletId={sol}";
    assert_eq!(ask(&scene, line, &body.to_string()).status, 201, "in the query");
}

#[test]
fn a_user_operation_is_built_and_signed_once() {
    let mut scene = scene_of_all_wallets();
    let request = |kind: Value| json!({"request": kind, "network": "ethereum-sepolia"}).to_string();
    let build = "POST /v1/wallets/{smart}/userop/build";
    let built = json_of(&ask(&scene, build, &request(json!({"type": "TRANSFER", "to": TO, "amount": "1"}))));
    let sign = |scene: &Scene, call_data: &Value, sender: &Value| {
        let operation = json!({
            "sender": sender, "nonce": "0x0", "callData": call_data, "callGasLimit": "0x1",
            "verificationGasLimit": "0x1", "preVerificationGas": "0x1", "maxFeePerGas": "0x1",
            "maxPriorityFeePerGas": "0x1", "signature": "0x",
        });
        let body = json!({"buildId": built["buildId"], "userOperation": operation});
        ask(scene, "POST /v1/wallets/{smart}/userop/sign", &body.to_string()).code()
    };
    let (call_data, sender) = (&built["callData"], &built["sender"]);
    assert_eq!(sign(&scene, &"0x00".into(), sender), "CALLDATA_MISMATCH");
    assert_eq!(sign(&scene, call_data, &TO.into()), "SENDER_MISMATCH");
    assert_eq!(sign(&scene, call_data, sender), "");
    assert_eq!(sign(&scene, call_data, sender), "BUILD_ALREADY_USED");
    let batch = json!({"type": "BATCH", "instructions": [{"to": TO}, {"to": TO, "amount": "1"}]});
    assert_eq!(ask(&scene, build, &request(batch)).status, 500, "amount left out, as recorded");
    let token = json!({"type": "TOKEN_TRANSFER", "to": TO, "amount": "1", "token": {"assetId": "eip155:1/erc20:0x1"}});
    assert_eq!(ask(&scene, build, &request(token)).status, 500, "an asset id alone, as recorded");
    assert_eq!(ask(&scene, "POST /v1/wallets/{t}/userop/build", "{}").status, 400, "no smart account");
    scene.prepare("700 s later");
    assert_eq!(sign(&scene, call_data, sender), "BUILD_ALREADY_USED");
}

#[test]
fn wallet_connect_pairs_and_ends() {
    let mut scene = Scene::new();
    assert_eq!(ask(&scene, "POST /v1/wallet/wc/pair", "").status, 200);
    assert_eq!(ask(&scene, "GET /v1/wallet/wc/session", "").code(), "WC_SESSION_NOT_FOUND");
    scene.prepare("3 s later");
    assert_eq!(ask(&scene, "GET /v1/wallet/wc/session", "").status, 200);
    assert_eq!(ask(&scene, "POST /v1/wallet/wc/pair", "").code(), "WC_SESSION_EXISTS");
    assert_eq!(ask(&scene, "DELETE /v1/wallet/wc/session", "").status, 200);
    assert_eq!(ask(&scene, "DELETE /v1/wallet/wc/session", "").code(), "WC_SESSION_NOT_FOUND");
}
