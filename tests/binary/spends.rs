//! What must never be sent: a spend that is not exactly what was asked.

use serde_json::{Value, json};

use super::Scene;
use super::daemon::Daemon;
use super::outcome::Outcome;
use super::player::Player;

/// An address, and a token's.
const A: &str = "0x8ba1f109551bD432803012645Ac136ddd64DBA72";
const L: &str = "0x779877A7B0D9E8603169DdbD7836e478b4624789";

pub(crate) const SCENES: &[Scene] = &[
    ("a misspelt argument of a spend", misspelt),
    ("an argument under the daemon's name", other_names),
    ("a wallet under the daemon's name", other_wallet),
    ("a read with an argument that is unknown", told_of_a_read),
];

/// Everything but reading that the daemon was asked for.
fn acts(daemon: &Daemon) -> Vec<(String, u64)> {
    let ledger = daemon.ledger();
    let requests = ledger.0["requests"].as_object().expect("an object").iter();
    let acts = requests.filter(|(route, _)| !route.starts_with("GET ") && !route.contains("/sandbox/"));
    acts.map(|(route, times)| (route.clone(), times.as_u64().expect("a number"))).collect()
}

/// A native transfer with these members besides.
fn transfer(more: Value) -> Value {
    let mut arguments = json!({ "to": A, "amount": "5", "network": "ethereum-sepolia" });
    arguments.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    arguments
}

fn misspelt() {
    let token = json!({ "address": L, "decimals": 18, "symbol": "LINK" });
    let with = |mut token: Value, name: &str| {
        token[name] = json!("x");
        token
    };
    let batch = |more: Value| {
        let mut second = json!({ "to": A, "amount": "1" });
        second.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        json!({ "network": "solana-devnet", "instructions": [{ "to": A, "amount": "1" }, second] })
    };
    let table = [
        ("send_token", transfer(json!({ "tokenAddress": L })), "`tokenAddress`", "`token.address`"),
        ("send_token", transfer(json!({ "token_address": L })), "`token_address`", "`token.address`"),
        ("send_token", transfer(json!({ "amout": "5" })), "`amout`", "`amount`"),
        ("send_token", transfer(json!({ "dry_run": true })), "`dry_run`", "known: to, amount, memo"),
        ("send_token", transfer(json!({ "from": A })), "`from`", "known: to, amount, memo"),
        (
            "send_token",
            transfer(json!({ "token": with(token.clone(), "network") })),
            "`token.network`",
            "`network`",
        ),
        (
            "send_token",
            transfer(json!({ "gas_condition": { "maxPrice": "7" } })),
            "`gas_condition.maxPrice`",
            "max_gas_price",
        ),
        (
            "call_contract",
            json!({ "to": A, "network": "ethereum-sepolia", "data": "0x" }),
            "`data`",
            "`calldata`",
        ),
        (
            "approve_token",
            json!({ "spender": A, "token": token, "amount": "1", "network": "ethereum-sepolia", "expiry": 7 }),
            "`expiry`",
            "known: spender",
        ),
        (
            "send_batch",
            batch(json!({ "token_address": L })),
            "`instructions[1].token_address`",
            "`instructions[1].token.address`",
        ),
        ("send_batch", batch(json!({ "type": "TOKEN_TRANSFER" })), "`instructions[1].type`", "TRANSFER"),
        (
            "x402_fetch",
            json!({ "url": "https://example.org/", "max_amount": "1" }),
            "`max_amount`",
            "known: url",
        ),
        ("sign_message", json!({ "message": "m", "dry_run": true }), "`dry_run`", "known: message"),
        ("wc_connect", json!({ "walletID": "w" }), "`walletID`", "`wallet_id`"),
        ("action_lido_staking_stake", json!({ "amount": "1", "dryRun": true }), "`dryRun`", "known: amount"),
        (
            "action_erc8004_agent_register_agent",
            json!({ "name": "n", "description": "d", "services": [{ "name": "s", "endpoint": "https://a", "url": "x" }] }),
            "`services[0].url`",
            "known: name, endpoint, version",
        ),
    ];
    let daemon = Daemon::start(300);
    let mut player = Player::settled(&daemon);
    let before = acts(&daemon);
    for (tool, arguments, named, hint) in table {
        let outcome = player.call(tool, arguments.clone());
        assert!(outcome.is_error, "{tool} {arguments}: {outcome:?}");
        assert!(
            outcome.text.contains(&format!("nothing was sent: {named}")),
            "{tool} {arguments}: {outcome:?}"
        );
        assert!(outcome.text.contains(hint), "{tool} {arguments}: {outcome:?}");
    }
    assert_eq!(acts(&daemon), before, "something was sent");
    // The same without the slip is sent.
    let outcome = player.call("send_token", transfer(json!({})));
    assert!(!outcome.is_error && outcome.body["id"].is_string(), "{outcome:?}");
    assert_ne!(acts(&daemon), before);
}

fn other_names() {
    let daemon = Daemon::start(300);
    let mut player = Player::settled(&daemon);
    let waits = |outcome: &Outcome| !outcome.is_error && outcome.body["status"].is_string();
    for more in [
        json!({ "gas_condition": { "max_gas_price": "7", "timeout": 60 } }),
        json!({ "gasCondition": { "maxGasPrice": "7", "timeout": 60 } }),
        json!({ "gas_condition": { "maxGasPrice": "7" } }),
        json!({ "gasCondition": { "maxGasPrice": "7" }, "gas_condition": { "max_gas_price": "7" } }),
    ] {
        let outcome = player.call("send_token", transfer(more.clone()));
        assert!(waits(&outcome), "{more}: {outcome:?}");
    }
    // A map takes any name.
    let headers = json!({ "x-anything": "at all", "walletId": "w" });
    let outcome = player.call("x402_fetch", json!({ "url": "https://example.org/", "headers": headers }));
    assert!(!outcome.text.contains("unknown ("), "{outcome:?}");
}

fn other_wallet() {
    let daemon = Daemon::start(300);
    let wallets = daemon.wallet_ids();
    let [one, two] = [&wallets[0], &wallets[1]];
    daemon.put_token(&daemon.new_session(json!({ "ttl": 300, "walletIds": [one, two] })).token);
    let mut player = Player::with(&daemon, &[("WAIAAS_WALLET_ID", one)]);
    let paid = |player: &mut Player| {
        let mut count = |wallet: &str| {
            let outcome = player.call("list_transactions", json!({ "walletId": wallet }));
            outcome.body["items"].as_array().unwrap_or_else(|| panic!("{outcome:?}")).len()
        };
        [count(one), count(two)]
    };
    // Somebody has paid before.
    let before = paid(&mut player);
    let since = |now: [usize; 2]| [now[0] - before[0], now[1] - before[1]];
    for (more, expected) in [
        (json!({}), [1, 0]),
        (json!({ "walletId": two }), [1, 1]),
        (json!({ "wallet_id": two, "walletId": two }), [1, 2]),
        (json!({ "wallet_id": null, "walletId": two }), [1, 3]),
    ] {
        let outcome = player.call("send_token", transfer(more.clone()));
        assert!(!outcome.is_error, "{more}: {outcome:?}");
        assert_eq!(since(paid(&mut player)), expected, "{more}");
    }
    let outcome = player.call("send_token", transfer(json!({ "wallet_id": one, "walletId": two })));
    assert!(outcome.is_error && outcome.text.contains("`wallet_id` is given as `"), "{outcome:?}");
    assert_eq!(since(paid(&mut player)), [1, 3]);
}

fn told_of_a_read() {
    let daemon = Daemon::start(300);
    let mut player = Player::of(&daemon);
    let outcome = player.call("get_balance", json!({ "network": "ethereum-sepolia", "reason": "curious" }));
    outcome.assert_balance("with an argument that is unknown");
    let [note] = &outcome.notes[..] else { panic!("{outcome:?}") };
    assert!(note.contains("`reason` was ignored"), "{note}");
    let outcome = player.call("get_balance", json!({ "netwrok": "ethereum-sepolia" }));
    assert!(outcome.notes[0].contains("did you mean `network`?"), "{outcome:?}");
    assert_eq!(player.balance().notes, [""; 0]);
}
