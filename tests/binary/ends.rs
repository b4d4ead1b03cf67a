//! The ways in which the server is told to end, and what it finishes before it does.

use std::time::Duration;

use serde_json::json;

use super::Scene;
use super::daemon::{Claims, Daemon, until};
use super::outcome::outcome;
use super::player::{Ended, Player, serve};

/// The longest end when nothing is in flight.
const IDLE_END_MAX: Duration = Duration::from_secs(1);

pub(crate) const SCENES: &[Scene] = &[
    ("stdin is closed", || idle(Player::end)),
    ("SIGTERM", || idle(|player| player.end_by("-TERM"))),
    ("SIGINT", || idle(|player| player.end_by("-INT"))),
    ("stdin is closed while a call is in flight", call_in_flight),
    ("stdin is closed while a call hangs", call_hangs),
    ("SIGTERM while a renewal is in flight", || renewal_in_flight(|player| player.end_by("-TERM"))),
    ("stdin is closed while a renewal is in flight", || renewal_in_flight(Player::end)),
    ("stdin is closed before anything was said", nothing_said),
    ("the last line has no newline", last_line),
];

fn idle(end: fn(Player) -> Ended) {
    let daemon = Daemon::start(300);
    let player = Player::settled(&daemon);
    let ended = end(player);
    assert_eq!(ended.code, Some(0), "{:?}", ended.printed.stderr);
    assert!(ended.took < IDLE_END_MAX, "{:?}", ended.took);
    assert!(ended.answers().is_empty(), "{:?}", ended.unread);
}

fn call_in_flight() {
    let daemon = Daemon::start(300);
    let mut player = Player::of(&daemon);
    daemon.inject(json!({ "kind": "slow", "ms": 500, "method": "GET", "path": "/v1/wallet/balance" }));
    let call = player.send_call("get_balance", json!({ "network": "ethereum-sepolia" }));
    let ended = player.end();
    assert_eq!(ended.code, Some(0));
    let answers = ended.answers();
    assert_eq!((answers.len(), &answers[0]["id"]), (1, &json!(call)), "{answers:?}");
    assert!(outcome(answers[0]).is_balance(), "{}", answers[0]);
}

fn call_hangs() {
    let daemon = Daemon::start(300);
    let mut player = Player::of(&daemon);
    daemon.inject(json!({ "kind": "hang", "method": "GET", "path": "/v1/wallet/balance" }));
    let call = player.send_call("get_balance", json!({ "network": "ethereum-sepolia" }));
    let ended = player.end();
    assert_eq!(ended.code, Some(0));
    assert!(ended.took < Duration::from_secs(3), "{:?}", ended.took);
    let answer = ended.unread.iter().find(|message| message["id"] == call).expect("an answer");
    outcome(answer).assert_unavailable("at the end");
}

fn renewal_in_flight(end: fn(Player) -> Ended) {
    let daemon = Daemon::with_aged_token(20, 13);
    let old = Claims::of(&daemon.token());
    daemon.inject_on_renewals(json!({ "kind": "slow", "ms": 2000 }));
    let player = Player::of(&daemon);
    // Committed, and not answered yet: the instant at which a token can be lost.
    until("the daemon has committed", || daemon.ledger().renewals_granted() == 1);
    assert_eq!(Claims::of(&daemon.token()), old, "the answer is not there yet");
    let ended = end(player);
    assert_eq!(ended.code, Some(0), "{:?}", ended.printed.stderr);
    let session = daemon.ledger().sessions().last().expect("a session").clone();
    let kept = Claims::of(&daemon.token());
    assert_eq!(
        (kept.issued_at, kept.expires_at),
        (session["issuedAt"].as_i64().expect("iat"), session["expiresAt"].as_i64().expect("exp"))
    );
    assert!(kept > old, "the daemon's newest token is not in the file");
    // It is not only in the file: it works, and can be renewed.
    Player::of(&daemon).balance().assert_balance("the next process");
    daemon.ledger().assert_undisturbed();
}

fn nothing_said() {
    let daemon = Daemon::start(300);
    let player = Player::start(&mut serve(&daemon));
    let ended = player.end();
    assert_eq!((ended.code, ended.answers().len()), (Some(0), 0));
    assert!(ended.took < IDLE_END_MAX, "{:?}", ended.took);
}

fn last_line() {
    let daemon = Daemon::start(300);
    let mut player = Player::of(&daemon);
    player.say_unended(br#"{"jsonrpc":"2.0","id":"last","method":"ping"}"#);
    let ended = player.end();
    assert_eq!(ended.code, Some(0));
    assert_eq!(ended.answers(), [&json!({ "jsonrpc": "2.0", "id": "last", "result": {} })]);
}
