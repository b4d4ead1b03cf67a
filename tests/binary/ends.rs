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
    ("SIGTERM comes right behind requests", || right_behind("-TERM")),
    ("SIGINT comes right behind requests", || right_behind("-INT")),
    ("SIGTERM comes behind half a request", half_a_request),
    ("SIGTERM comes behind a flood of calls", flood_of_calls),
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

/// Sends all that while the program is frozen, so that it finds the signal and the requests at the same moment.
fn at_once(player: &mut Player, say: impl FnOnce(&mut Player)) {
    player.signal("-STOP");
    say(player);
}

/// The signal, and the end.
fn thawed(mut player: Player, signal: &str) -> Ended {
    player.signal(signal);
    player.end_by("-CONT")
}

/// What the client has written before the signal is answered like what it has written before it closes its side.
fn right_behind(signal: &str) {
    const PINGS: usize = 300;
    let daemon = Daemon::start(300);
    let mut player = Player::settled(&daemon);
    daemon.inject(json!({ "kind": "slow", "ms": 300, "method": "GET", "path": "/v1/wallet/balance" }));
    let mut wanted = Vec::new();
    at_once(&mut player, |player| {
        for _ in 0..PINGS {
            wanted.push(player.send("ping", json!({})));
        }
        wanted.push(player.send_call("get_balance", json!({ "network": "ethereum-sepolia" })));
        wanted.push(player.send("tools/list", json!({})));
        wanted.push(player.send("no/such/method", json!({})));
    });
    let ended = thawed(player, signal);
    assert_eq!(ended.code, Some(0));
    let answers = ended.answers();
    for id in &wanted {
        assert_eq!(answers.iter().filter(|answer| answer["id"] == *id).count(), 1, "{id} of {answers:?}");
    }
    assert_eq!(answers.len(), wanted.len());
    let balance = answers.iter().find(|answer| answer["id"] == wanted[PINGS]).expect("just seen");
    assert!(outcome(balance).is_balance(), "{balance}");
}

fn half_a_request() {
    let daemon = Daemon::start(300);
    let mut player = Player::settled(&daemon);
    let mut ping = 0;
    at_once(&mut player, |player| {
        ping = player.send("ping", json!({}));
        player.say_unended(br#"{"jsonrpc":"2.0","id":"half","method":"pi"#);
    });
    let ended = thawed(player, "-TERM");
    assert_eq!(ended.code, Some(0));
    assert_eq!(ended.answers(), [&json!({ "jsonrpc": "2.0", "id": ping, "result": {} })]);
    assert!(ended.took < IDLE_END_MAX, "{:?}", ended.took);
}

/// More than run at once, and the daemon answers none of them.
fn flood_of_calls() {
    let daemon = Daemon::start(300);
    let mut player = Player::settled(&daemon);
    daemon.inject(json!({ "kind": "hang", "method": "GET", "path": "/v1/wallet/balance", "times": 1000 }));
    let mut wanted = Vec::new();
    at_once(&mut player, |player| {
        wanted.extend(
            (0..200).map(|_| player.send_call("get_balance", json!({ "network": "ethereum-sepolia" }))),
        );
    });
    let ended = thawed(player, "-TERM");
    assert_eq!(ended.code, Some(0));
    assert!(ended.took < Duration::from_secs(3), "{:?}", ended.took);
    assert_eq!(ended.answers().len(), wanted.len());
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
