//! The shapes of the recorded successful answers.

use serde_json::{Value, json};
use waiaas_mcp::sandbox::SessionLimits;

use crate::raw_http::{bearer, master};
use crate::scene::Scene;
use crate::shape;

/// A request whose successful answer was recorded: file, status, credential, request, body.
type Recorded = (&'static str, u16, As, &'static str, &'static str);

/// Who asks.
#[derive(Clone, Copy, PartialEq)]
enum As {
    Nobody,
    Operator,
    /// A session of the trading bot alone.
    OneWallet,
    /// A session of all three wallets.
    AllWallets,
}

/// `{trading}`, `{sol}`, `{smart}`, `{session}`, `{revoked}`, `{confirmed}`, `{cancelled}`, `{queued}`, `{build}` and
/// `{callData}` are put in.
const RECORDED: &[Recorded] = &[
    ("delete-v1-sessions-id", 200, As::Operator, "DELETE /v1/sessions/{session}", ""),
    ("delete-v1-sessions-id-again", 200, As::Operator, "DELETE /v1/sessions/{revoked}", ""),
    ("get-health", 200, As::Nobody, "GET /health", ""),
    ("get-v1-connect-info", 200, As::OneWallet, "GET /v1/connect-info", ""),
    ("get-v1-connect-info-two-wallets", 200, As::AllWallets, "GET /v1/connect-info", ""),
    ("get-v1-nonce", 200, As::Nobody, "GET /v1/nonce", ""),
    ("get-v1-policies-some", 200, As::OneWallet, "GET /v1/policies", ""),
    ("get-v1-policies", 200, As::OneWallet, "GET /v1/policies?offset=100", ""),
    ("get-v1-sessions-master", 200, As::Operator, "GET /v1/sessions", ""),
    ("get-v1-skills-name", 200, As::Nobody, "GET /v1/skills/quickstart", ""),
    ("get-v1-tokens", 200, As::OneWallet, "GET /v1/tokens?network=ethereum-sepolia", ""),
    ("get-v1-transactions-empty", 200, As::AllWallets, "GET /v1/transactions?walletId={smart}", ""),
    ("get-v1-transactions-id", 200, As::OneWallet, "GET /v1/transactions/{confirmed}", ""),
    ("get-v1-transactions-id-denied", 200, As::OneWallet, "GET /v1/transactions/{cancelled}", ""),
    ("get-v1-transactions-id-queued", 200, As::OneWallet, "GET /v1/transactions/{queued}", ""),
    ("get-v1-transactions-pending", 200, As::OneWallet, "GET /v1/transactions/pending", ""),
    ("get-v1-transactions", 200, As::OneWallet, "GET /v1/transactions?limit=2", ""),
    ("get-v1-wallet-address", 200, As::OneWallet, "GET /v1/wallet/address", ""),
    ("get-v1-wallet-address-solana", 200, As::AllWallets, "GET /v1/wallet/address?walletId={sol}", ""),
    ("get-v1-wallet-assets-all", 200, As::OneWallet, "GET /v1/wallet/assets?network=all", ""),
    ("get-v1-wallet-assets", 200, As::OneWallet, "GET /v1/wallet/assets?network=ethereum-sepolia", ""),
    ("get-v1-wallet-balance-all", 200, As::OneWallet, "GET /v1/wallet/balance?network=all", ""),
    ("get-v1-wallet-balance-solana", 200, As::AllWallets, "GET /v1/wallet/balance?walletId={sol}", ""),
    ("get-v1-wallet-balance", 200, As::OneWallet, "GET /v1/wallet/balance?network=ethereum-sepolia", ""),
    (
        "get-v1-wallet-health-factor",
        200,
        As::OneWallet,
        "GET /v1/wallet/health-factor?network=ethereum-sepolia",
        "",
    ),
    ("get-v1-wallet-incoming-summary", 200, As::OneWallet, "GET /v1/wallet/incoming/summary", ""),
    ("get-v1-wallet-incoming", 200, As::OneWallet, "GET /v1/wallet/incoming", ""),
    ("get-v1-wallet-positions", 200, As::OneWallet, "GET /v1/wallet/positions", ""),
    ("get-v1-wallet-staking", 200, As::OneWallet, "GET /v1/wallet/staking", ""),
    ("get-v1-wallets-id-actions", 200, As::OneWallet, "GET /v1/wallets/{trading}/actions", ""),
    ("get-v1-wallets-id-networks", 200, As::OneWallet, "GET /v1/wallets/{trading}/networks", ""),
    (
        "get-v1-wallets-id-polymarket-balance",
        200,
        As::OneWallet,
        "GET /v1/wallets/{trading}/polymarket/balance",
        "",
    ),
    (
        "get-v1-wallets-id-polymarket-orders",
        200,
        As::OneWallet,
        "GET /v1/wallets/{trading}/polymarket/orders",
        "",
    ),
    ("get-v1-wallets-id-polymarket-pnl", 200, As::OneWallet, "GET /v1/wallets/{trading}/polymarket/pnl", ""),
    (
        "get-v1-wallets-id-polymarket-positions",
        200,
        As::OneWallet,
        "GET /v1/wallets/{trading}/polymarket/positions",
        "",
    ),
    ("get-v1-wallets-id", 200, As::OneWallet, "GET /v1/wallets/{trading}", ""),
    ("get-v1-wallets-id-smart", 200, As::AllWallets, "GET /v1/wallets/{smart}", ""),
    ("get-v1-wallets", 200, As::OneWallet, "GET /v1/wallets", ""),
    ("get-v1-wallets-master", 200, As::Operator, "GET /v1/wallets", ""),
    ("post-v1-mcp-tokens", 201, As::Operator, "POST /v1/mcp/tokens", r#"{"walletId":"{trading}"}"#),
    (
        "post-v1-sessions",
        201,
        As::Operator,
        "POST /v1/sessions",
        r#"{"walletId":"{trading}","ttl":86400,"maxRenewals":30,"absoluteLifetime":2592000}"#,
    ),
    (
        "post-v1-sessions-two-wallets",
        201,
        As::Operator,
        "POST /v1/sessions",
        r#"{"walletIds":["{trading}","{sol}"],"ttl":3600}"#,
    ),
    ("post-v1-sessions-unlimited", 201, As::Operator, "POST /v1/sessions", r#"{"walletId":"{trading}"}"#),
    (
        "post-v1-transactions-send",
        201,
        As::OneWallet,
        "POST /v1/transactions/send",
        r#"{"type":"TRANSFER","to":"0x1111111111111111111111111111111111111111","amount":"1","network":"ethereum-sepolia"}"#,
    ),
    (
        "post-v1-transactions-send-token",
        201,
        As::OneWallet,
        "POST /v1/transactions/send",
        r#"{"type":"TOKEN_TRANSFER","to":"0x1111111111111111111111111111111111111111","amount":"1","token":{"address":"0x779877A7B0D9E8603169DdbD7836e478b4624789","decimals":18,"symbol":"LINK"},"network":"ethereum-sepolia"}"#,
    ),
    (
        "post-v1-transactions-sign-message",
        200,
        As::OneWallet,
        "POST /v1/transactions/sign-message",
        r#"{"message":"hello","signType":"personal","network":"ethereum-sepolia"}"#,
    ),
    (
        "post-v1-transactions-sign-message-typed",
        200,
        As::OneWallet,
        "POST /v1/transactions/sign-message",
        r#"{"signType":"typedData","typedData":{"domain":{"name":"T"},"types":{},"primaryType":"Mail","message":{}}}"#,
    ),
    (
        "post-v1-transactions-sign",
        200,
        As::OneWallet,
        "POST /v1/transactions/sign",
        r#"{"transaction":"0x02ea83aa36a7","network":"ethereum-sepolia"}"#,
    ),
    (
        "post-v1-transactions-simulate",
        200,
        As::OneWallet,
        "POST /v1/transactions/simulate",
        r#"{"type":"TRANSFER","to":"0x1111111111111111111111111111111111111111","amount":"1","network":"ethereum-sepolia"}"#,
    ),
    (
        "post-v1-utils-encode-calldata",
        200,
        As::OneWallet,
        "POST /v1/utils/encode-calldata",
        r#"{"abi":[{"type":"function","name":"transfer","inputs":[{"name":"to","type":"address"},{"name":"v","type":"uint256"}]}],"functionName":"transfer","args":["0x1111111111111111111111111111111111111111","1"]}"#,
    ),
    (
        "post-v1-wallets-id-userop-build",
        200,
        As::AllWallets,
        "POST /v1/wallets/{smart}/userop/build",
        r#"{"request":{"type":"TRANSFER","to":"0x1111111111111111111111111111111111111111","amount":"1"},"network":"ethereum-sepolia"}"#,
    ),
    (
        "post-v1-wallets-id-userop-sign",
        200,
        As::AllWallets,
        "POST /v1/wallets/{smart}/userop/sign",
        r#"{"buildId":"{build}","userOperation":{"sender":"{sender}","nonce":"0x0","callData":"{callData}","callGasLimit":"0x186a0","verificationGasLimit":"0x186a0","preVerificationGas":"0xc350","maxFeePerGas":"0x3b9aca00","maxPriorityFeePerGas":"0x3b9aca00","signature":"0x","factory":"0x91E60e0613810449d098b0b5Ec8b51A0FE8c8985","factoryData":"0x00"}}"#,
    ),
    (
        "post-v1-wallets",
        201,
        As::Operator,
        "POST /v1/wallets",
        r#"{"name":"trading-bot","chain":"ethereum","environment":"testnet"}"#,
    ),
];

/// Bodies that are the same to the byte, ids and signatures apart.
const IDENTICAL: &[&str] = &["get-v1-tokens", "post-v1-utils-encode-calldata", "get-v1-transactions-empty"];

#[test]
fn successful_answers_have_the_recorded_shape() {
    let scene = Scene::new();
    let operator = master(scene.sandbox.master_password());
    let all = scene.sandbox.new_session(SessionLimits {
        wallet_ids: scene.sandbox.wallet_ids().map(str::to_owned).to_vec(),
        ..SessionLimits::default()
    });
    let (one, all) = (bearer(&scene.token), bearer(&all.token));
    let put_in = names(&scene, &one, &all);
    for (file, status, credential, line, body) in RECORDED {
        let (mut line, mut body) = ((*line).to_owned(), (*body).to_owned());
        for (name, value) in &put_in {
            line = line.replace(name, value);
            body = body.replace(name, value);
        }
        let headers = match credential {
            As::Nobody => vec![],
            As::Operator => vec![operator.clone()],
            As::OneWallet => vec![one.clone()],
            As::AllWallets => vec![all.clone()],
        };
        let (method, target) = line.split_once(' ').unwrap();
        let answer = scene.ask(method, target, &headers, &body);
        assert_eq!(answer.status, *status, "{file}: {}", answer.body);
        let path = format!("{}/tests/contract/responses/{file}.json", env!("CARGO_MANIFEST_DIR"));
        let recorded = std::fs::read_to_string(&path).unwrap();
        if IDENTICAL.contains(file) {
            assert_eq!(answer.body, recorded.trim(), "{file}");
        }
        shape::assert_alike(file, recorded.trim(), &answer.body);
    }
}

#[test]
fn no_recorded_answer_is_left_out() {
    let directory = format!("{}/tests/contract/responses", env!("CARGO_MANIFEST_DIR"));
    for entry in std::fs::read_dir(directory).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let name = name.trim_end_matches(".json");
        assert!(RECORDED.iter().any(|(file, ..)| *file == name), "{name} is compared with nothing");
    }
}

/// Makes what the recorded requests speak of and says what it is called.
fn names(scene: &Scene, one: &str, all: &str) -> Vec<(&'static str, String)> {
    let ask = |credential: &str, method: &str, target: &str, body: &str| {
        let answer = scene.ask(method, target, &[credential.to_owned()], body);
        assert!(answer.status < 300, "{}", answer.body);
        serde_json::from_str::<Value>(&answer.body).unwrap()
    };
    let id = |value: Value| value["id"].as_str().unwrap().to_owned();
    let to = "0x1111111111111111111111111111111111111111";
    let send = |kind: &str, amount: &str| {
        let body = json!({"type": kind, "to": to, "amount": amount, "network": "ethereum-sepolia"});
        id(ask(one, "POST", "/v1/transactions/send", &body.to_string()))
    };
    let (confirmed, cancelled, queued) =
        (send("TRANSFER", "1"), send("CONTRACT_CALL", "0"), send("TRANSFER", "900000000000000000"));
    send("TRANSFER", "800000000000000000");
    scene.sandbox.set_clock_offset_s(20);
    let [trading, sol, smart] = scene.sandbox.wallet_ids().map(str::to_owned);
    let body =
        json!({"request": {"type": "TRANSFER", "to": to, "amount": "1"}, "network": "ethereum-sepolia"});
    let build = ask(all, "POST", &format!("/v1/wallets/{smart}/userop/build"), &body.to_string());
    let member = |name: &str| build[name].as_str().unwrap().to_owned();
    let revoked = scene.sandbox.new_session(SessionLimits::default()).id;
    scene.sandbox.revoke(&revoked);
    vec![
        ("{build}", member("buildId")),
        ("{sender}", member("sender")),
        ("{callData}", member("callData")),
        ("{session}", scene.sandbox.new_session(SessionLimits::default()).id),
        ("{revoked}", revoked),
        ("{confirmed}", confirmed),
        ("{cancelled}", cancelled),
        ("{queued}", queued),
        ("{trading}", trading),
        ("{sol}", sol),
        ("{smart}", smart),
    ]
}
