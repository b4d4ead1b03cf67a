//! What is cancelled on its way is not sent any further, is not answered, and holds nobody else up.

use std::io::Write as _;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use waiaas_mcp::time::{Clock as _, SystemClock};

use super::peer::{self, Peer};
use super::{WALLET, assert_unanswered, cancel, gated, transfer};
use crate::Scene;
use crate::daemon::{Claims, Daemon, until};
use crate::player::{Player, serve};

/// For so long after its cancellation nothing of a call is sent. What is sent by mistake is sent at once.
const SILENCE: Duration = Duration::from_millis(500);

/// What the program may have in memory, whatever the daemon and the client do.
const MEMORY_KIB_MAX: u64 = 32 * 1024;

pub(crate) const SCENES: &[Scene] = &[
    ("a spend that was cancelled while it waited for a renewal is not sent", cancelled_in_a_renewal),
    ("a spend that waits for a renewal is not sent when nobody reads its answer any more", nobody_reads),
    ("a build that was cancelled while it looked up its token is not asked for", || {
        cancelled_between(
            "build_userop",
            json!({
                "wallet_id": WALLET, "type": "TOKEN_TRANSFER", "to": "0x00000000000000000000000000000000000000aa",
                "amount": "1", "token": "0x00000000000000000000000000000000000000bb", "network": "ethereum-sepolia",
            }),
            "GET /v1/tokens",
            r#"{"tokens":[{"address":"0x00000000000000000000000000000000000000BB","symbol":"T","decimals":6}]}"#,
        )
    }),
    ("a build that was cancelled while its call was encoded is not asked for", || {
        cancelled_between(
            "build_userop",
            json!({
                "wallet_id": WALLET, "type": "CONTRACT_CALL", "contract": "0x00000000000000000000000000000000000000aa",
                "method": "f", "abi": [{ "type": "function", "name": "f", "inputs": [] }],
                "network": "ethereum-sepolia",
            }),
            "POST /v1/utils/encode-calldata",
            r#"{"calldata":"0x00"}"#,
        )
    }),
    ("an overview of a wallet that was cancelled after its first part asks for no other", || {
        cancelled_between(
            "get_wallet_info",
            json!({}),
            "GET /v1/wallet/address",
            &format!(r#"{{"walletId":"{WALLET}"}}"#),
        )
    }),
    ("a call that was cancelled while it looked for its wallet is not sent", || {
        cancelled_between(
            "waiaas_hl_get_positions",
            json!({}),
            "GET /v1/connect-info",
            &format!(r#"{{"wallets":[{{"id":"{WALLET}","name":"w"}}]}}"#),
        )
    }),
    ("a list of resources that was cancelled at its first manual asks for no other", cancelled_list),
    ("a call that was cancelled before its token was refused is not sent with the next", cancelled_refused),
    ("a spend that was cancelled before its token was refused is not sent with the next", || {
        refused_for("send_token", transfer())
    }),
    ("a call that was cancelled before its connection broke is not sent again", cancelled_broken),
    ("a resource that was cancelled before its connection broke is not asked for again", broken_resource),
    ("64 cancelled calls that hang give their places up", || hung(1, &["get_address"])),
    ("cancelled calls that hang give their places up time and again", || {
        hung(4, &["get_address", "get_balance"])
    }),
    ("cancelled spends that hang give their places up", || hung(1, &["send_token"])),
    ("cancelled resources that hang give their places up", || hung(1, &[])),
];

fn cancelled_in_a_renewal() {
    // Due at once, and over two seconds later; the answer takes longer.
    let daemon = Daemon::with_aged_token(10, 8);
    daemon.inject_on_renewals(json!({ "kind": "slow", "ms": 4500 }));
    let mut player = Player::of(&daemon);
    let expires = Claims::of(&daemon.token()).expires_at * 1000;
    until("the token's time is over", || player.wall_ms() > expires + 200);
    let call = player.send_call("send_token", transfer());
    let resource = player.send("resources/read", json!({ "uri": "waiaas://wallet/balance" }));
    player.pause(Duration::from_millis(300));
    for id in [call, resource] {
        cancel(&mut player, id);
    }
    player.wait_for("renewal.succeeded", 1);
    player.pause(SILENCE);
    let requests = &daemon.ledger().0["requests"];
    assert!(requests["POST /v1/transactions/send"].is_null(), "{requests}");
    assert!(requests["GET /v1/wallet/balance"].is_null(), "{requests}");
    player.balance().assert_balance("the next call");
    assert_unanswered(player);
}

/// The program waits for the renewal before it ends, but not for the call.
fn nobody_reads() {
    let daemon = Daemon::with_aged_token(10, 8);
    daemon.inject_on_renewals(json!({ "kind": "slow", "ms": 4000 }));
    let mut command = serve(&daemon);
    let mut server = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program runs");
    let mut input = server.stdin.take().expect("a pipe");
    let expires = Claims::of(&daemon.token()).expires_at;
    let clock = SystemClock::start();
    until("the token's time is over", || clock.now().wall.unix_millis() > expires * 1000 + 200);
    let call = json!({ "name": "send_token", "arguments": transfer() });
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call });
    let ping = json!({ "jsonrpc": "2.0", "id": 2, "method": "ping" });
    drop(server.stdout.take());
    input.write_all(format!("{call}\n{ping}\n").as_bytes()).expect("it reads");
    let mut code = None;
    until("the server ends", || {
        code = server.try_wait().expect("it can be waited for").map(|status| status.code());
        code.is_some()
    });
    let ledger = daemon.ledger();
    assert_eq!((code, ledger.renewals_granted()), (Some(Some(0)), 1), "it has waited for the renewal");
    let requests = &ledger.0["requests"];
    assert!(requests["POST /v1/transactions/send"].is_null(), "{requests}");
    assert!(Claims::of(&daemon.token()).expires_at > expires, "and saved what it brought");
}

/// Cancelled while the first of a call's requests is under way, which is answered then.
fn cancelled_between(tool: &str, arguments: Value, first: &'static str, answer: &str) {
    let answer = answer.to_owned();
    let (peer, open) = gated(first, move |_| Some((200, answer.clone())));
    let mut player = peer.player(&[]);
    let call = player.send_call(tool, arguments);
    peer.wait_for(first);
    cancel(&mut player, call);
    open();
    player.pause(SILENCE);
    let others = peer.lines(|line| !line.contains("/v1/actions/providers") && !line.contains(first));
    assert_eq!(others, [""; 0], "it was cancelled");
    assert_unanswered(player);
}

fn cancelled_list() {
    let (peer, open) = gated("/v1/skills/", |_| Some((200, "{}".to_owned())));
    let mut player = peer.player(&[]);
    let list = player.send("resources/list", json!({}));
    peer.wait_for("/v1/skills/");
    cancel(&mut player, list);
    open();
    player.pause(SILENCE);
    assert_eq!(peer.times_asked("/v1/skills/"), 1);
    assert_unanswered(player);
}

fn cancelled_refused() {
    refused_for("get_address", json!({}));
}

/// The daemon refuses the first session's token, and knows the second's.
fn refused_for(tool: &str, arguments: Value) {
    let part = if tool == "send_token" { "/v1/transactions/send" } else { "/v1/wallet/address" };
    let (peer, open) = gated(part, |asked| {
        let refusal = r#"{"code":"INVALID_TOKEN","message":"m","retryable":false}"#;
        Some(if asked.session == "s-1" { (401, refusal.to_owned()) } else { (200, "{}".to_owned()) })
    });
    let mut player = peer.player(&[]);
    let call = player.send_call(tool, arguments);
    peer.wait_for(part);
    peer.put_token("s-2");
    cancel(&mut player, call);
    open();
    player.pause(SILENCE);
    assert_eq!(peer.times_asked(part), 1);
    assert_unanswered(player);
}

fn cancelled_broken() {
    broken("/v1/wallet/address", |player| player.send_call("get_address", json!({})));
}

fn broken_resource() {
    broken("/v1/wallet/balance", |player| {
        player.send("resources/read", json!({ "uri": "waiaas://wallet/balance" }))
    });
}

/// The connection ends without an answer, which is a reason to ask again for who still wants to know.
fn broken(part: &'static str, ask: impl FnOnce(&mut Player) -> u64) {
    // Half an answer.
    let (peer, open) = gated(part, |_| Some((200, peer::CUT.to_owned())));
    let mut player = peer.player(&[]);
    let call = ask(&mut player);
    peer.wait_for(part);
    cancel(&mut player, call);
    open();
    player.pause(SILENCE);
    assert_eq!(peer.times_asked(part), 1);
    assert_unanswered(player);
}

/// Rounds of as many calls as may run at once, all of which hang at the daemon and are cancelled, and then one more.
fn hung(rounds: usize, tools: &[&str]) {
    const CALLS: usize = 64;
    const ANSWER_TIME_MAX: Duration = Duration::from_secs(3);
    let peer = Peer::start(|asked| match asked.line.as_str() {
        line if line.contains("/v1/actions/providers") => Some((200, r#"{"providers":[]}"#.to_owned())),
        "GET /v1/connect-info" => Some((200, r#"{"wallets":[]}"#.to_owned())),
        _ => None,
    });
    let mut player = peer.player(&[]);
    for round in 1..=rounds {
        let calls: Vec<u64> = (0..CALLS)
            .map(|at| match tools.get(at % tools.len().max(1)) {
                Some(&"send_token") => player.send_call("send_token", transfer()),
                Some(&"get_balance") => {
                    player.send_call("get_balance", json!({ "network": "ethereum-sepolia" }))
                }
                Some(tool) => player.send_call(tool, json!({})),
                None => player.send("resources/read", json!({ "uri": "waiaas://wallet/balance" })),
            })
            .collect();
        until("they hang", || {
            peer.lines(|line| !line.contains("/v1/actions/")).len() >= round * (CALLS + 1) - 1
        });
        for call in calls {
            cancel(&mut player, call);
        }
        let outcome = player.call("connect_info", json!({}));
        assert_eq!(outcome.text, r#"{"wallets":[]}"#, "round {round}");
        assert!(outcome.took < ANSWER_TIME_MAX, "round {round}: {:?}", outcome.took);
    }
    let memory_kib = resident_kib(player.process_id());
    assert!(memory_kib < MEMORY_KIB_MAX, "{memory_kib} KiB");
    assert_unanswered(player);
}

/// The most memory that a process has had so far; nothing where no one tells.
fn resident_kib(process_id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process_id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
