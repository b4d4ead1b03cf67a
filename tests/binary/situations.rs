//! The situations in which a session could be lost while a usable token exists, each by its letter, as the real
//! processes meet it: outages, refusals, lost answers, wrong clocks, limits, an operator at work.

use std::time::Duration;

use serde_json::{Value, json};
use waiaas_mcp::time::{Clock as _, SystemClock, millis};

use super::Scene;
use super::daemon::{Claims, Daemon, until};
use super::outcome::{Outcome, outcome};
use super::player::{Player, serve};
use super::run;

pub(crate) const SCENES: &[Scene] = &[
    ("B: the daemon is away when the token is due", daemon_is_away),
    ("B: the daemon accepts and does not answer", daemon_hangs),
    ("B: renewals hang from the start, and after a refusal", renewals_hang),
    ("D: four processes on one file", run::several_processes_on_one_file),
    ("C: refused, and a new token is in the file", || refused_with_a_new_token(json!({ "ttl": 300 }))),
    ("C: refused, and an unlimited token is in the file", || refused_with_a_new_token(json!({}))),
    ("C: ten calls at once meet the refusal", ten_calls_are_refused),
    ("E: the answer to a renewal is lost after its commit", answer_is_lost),
    ("E: killed between the commit of a renewal and its answer", killed_after_commit),
    ("G: the daemon's clock is ten minutes ahead", || clocks_differ(600)),
    ("G: the daemon's clock is ten minutes behind", || clocks_differ(-600)),
    ("H: the absolute lifetime ends", absolute_lifetime),
    ("I: the renewal limit is reached", renewal_limit),
    ("J: setup is run again while the session is active", another_session),
    ("K: the daemon is down at the start", daemon_is_down_at_start),
    ("L: no token at the start, a finite one appears", || token_appears(json!({ "ttl": 300 }))),
    ("L: no token at the start, an unlimited one appears", || token_appears(json!({}))),
    ("A: a client that says nothing", silent_client),
    ("a subscriber hears of a renewal", subscriber),
    ("a lost answer to a transfer is not taken for a failure", transfer_is_lost),
];

/// A token that is due in one or two seconds, which is time to prepare something, and has eight more to live.
pub(crate) fn due_soon() -> Daemon {
    Daemon::with_aged_token(20, 10)
}

/// An answer, or the word that the daemon is away.
fn assert_served_or_unavailable(outcome: &Outcome) {
    if !outcome.is_balance() {
        outcome.assert_unavailable("while the daemon is away");
    }
}

/// The events come in this order, whatever else comes between them. The log may come a little after an answer.
fn assert_order(player: &mut Player, expected: &[&str]) {
    for (event, times) in
        expected.iter().map(|event| (*event, expected.iter().filter(|e| *e == event).count()))
    {
        player.wait_for(event, times);
    }
    let told = player.events();
    let mut told_in_order = told.iter();
    let missing = expected.iter().find(|event| !told_in_order.any(|told| told == *event));
    assert_eq!(missing, None, "not told, or too early: {told:#?}");
}

fn daemon_is_away() {
    let daemon = due_soon();
    let mut player = Player::settled(&daemon);
    daemon.go_down_for(Duration::from_secs(3));
    let mut unavailable = 0;
    let look = |outcome: &Outcome| {
        assert_served_or_unavailable(outcome);
        unavailable += u32::from(!outcome.is_balance());
    };
    player.call_until("renewed", look, |player| player.times_told("renewal.succeeded") > 0);
    assert!(unavailable > 0, "the outage was not seen");
    player.balance().assert_balance("after");
    assert_order(
        &mut player,
        &["renewal.scheduled", "renewal.attempt", "renewal.failed", "renewal.attempt", "renewal.succeeded"],
    );
    daemon.ledger().assert_undisturbed();
}

fn daemon_hangs() {
    /// The time a call may take, by configuration, and what the client may add.
    const CALL_TIME_MAX: Duration = Duration::from_millis(1_500);
    /// A list may wait 2 s for the providers' actions, if they did not come before the daemon hung.
    const LIST_TIME_MAX: Duration = Duration::from_millis(2_500);
    let daemon = due_soon();
    let mut player = Player::with(&daemon, &[("WAIAAS_MCP_TIMEOUT", "1")]);
    player.balance().assert_balance("before");
    daemon.inject(json!({ "kind": "hang" }));
    player.wait_for("renewal.attempt", 1);
    let call = player.send_call("get_balance", json!({}));
    let before = player.now();
    player.ping();
    assert!(player.now() - before < Duration::from_millis(500), "a hanging call held a ping up");
    outcome(&player.answer(call)).assert_unavailable("while the daemon hangs");
    assert!(player.now() - before < CALL_TIME_MAX, "{:?}", player.now() - before);
    let before = player.now();
    assert!(player.request("tools/list", json!({}))["result"]["tools"].is_array());
    assert!(player.now() - before < LIST_TIME_MAX, "{:?}", player.now() - before);
    // The daemon is started anew, which cuts what hangs.
    daemon.control(json!({ "heal": true }));
    daemon.go_down_for(Duration::from_millis(100));
    player.call_until("renewed", assert_served_or_unavailable, |player| {
        player.times_told("renewal.succeeded") > 0
    });
    player.balance().assert_balance("after");
    daemon.ledger().assert_undisturbed();
}

/// A token that is good is used at once, although the first thing to be done about it takes long.
fn renewals_hang() {
    const CALL_TIME_MAX: Duration = Duration::from_secs(2);
    let daemon = Daemon::with_aged_token(60, 40);
    daemon.inject_on_renewals(json!({ "kind": "hang" }));
    // The call comes first of all, before the token was read.
    let mut player = Player::start(&mut serve(&daemon));
    let first = player.balance();
    first.assert_balance("the first call");
    assert!(first.took < CALL_TIME_MAX, "the first call took {:?}", first.took);
    player.wait_for("renewal.attempt", 1);
    // The renewal is cut, and by the time of the refusal another one may begin at once.
    daemon.go_down_for(Duration::from_millis(100));
    player.wait_for("renewal.failed", 1);
    let between_renewals = player.now() + Duration::from_millis(1_100);
    until("the daemon is back, and renewals have their second between them", || {
        daemon.listens() && player.now() > between_renewals
    });
    daemon.revoke_all();
    daemon.put_token(&daemon.aged_session(json!({ "ttl": 60 }), 40).token);
    let next = player.balance();
    next.assert_balance("the call that meets the refusal");
    assert!(next.took < CALL_TIME_MAX, "the call that meets the refusal took {:?}", next.took);
    player.wait_for("renewal.attempt", 2);
}

fn refused_with_a_new_token(limits: Value) {
    let daemon = Daemon::start(300);
    let mut player = Player::settled(&daemon);
    daemon.revoke_all();
    daemon.put_token(&daemon.new_session(limits).token);
    player.balance().assert_balance("the call that meets the refusal");
    let ledger = daemon.ledger();
    assert_eq!((ledger.calls_refused(), ledger.renewals_asked()), (1, 0));
    assert_order(&mut player, &["reload.attempt", "reload.adopted"]);
    assert_eq!(player.times_told("session.expired"), 0);
}

fn ten_calls_are_refused() {
    let daemon = Daemon::start(300);
    let mut player = Player::settled(&daemon);
    daemon.revoke_all();
    daemon.put_token(&daemon.new_session(json!({ "ttl": 300 })).token);
    let calls: Vec<u64> =
        (0..10).map(|_| player.send_call("get_balance", json!({ "network": "ethereum-sepolia" }))).collect();
    for call in calls {
        let answer = player.answer(call);
        assert!(outcome(&answer).is_balance(), "{answer}");
    }
    player.wait_for("reload.adopted", 1);
    assert_eq!(player.times_told("reload.attempt"), 1);
    assert!(daemon.ledger().calls_refused() <= 10);
}

fn answer_is_lost() {
    let daemon = Daemon::with_aged_token(8, 4);
    daemon.inject_on_renewals(json!({ "kind": "cut", "afterCommit": true, "times": 1 }));
    let mut player = Player::of(&daemon);
    serves_to_the_end(&daemon, &mut player);
    assert_order(
        &mut player,
        &[
            "renewal.attempt",
            "renewal.failed",
            "renewal.attempt",
            "renewal.failed",
            "session.expired",
            "recovery.started",
            "reload.adopted",
            "renewal.scheduled",
            "recovery.succeeded",
        ],
    );
}

fn killed_after_commit() {
    let daemon = Daemon::with_aged_token(10, 6);
    // The work is done at once; the answer comes after the process is gone.
    daemon.inject_on_renewals(json!({ "kind": "slow", "ms": 2_000, "times": 1 }));
    let mut player = Player::of(&daemon);
    player.balance().assert_balance("before");
    until("the daemon has renewed", || daemon.ledger().renewals_granted() == 1);
    // By SIGKILL.
    drop(player);
    let mut next = Player::of(&daemon);
    next.balance().assert_balance("the next start");
    serves_to_the_end(&daemon, &mut next);
}

/// The token in the file can never be renewed again, because the daemon has renewed it for nobody.
fn serves_to_the_end(daemon: &Daemon, player: &mut Player) {
    let ends_at_ms = Claims::of(&daemon.token()).expires_at * 1000;
    let clock = SystemClock::start();
    let is_good = || clock.now().wall.unix_millis() < ends_at_ms;
    player.call_until(
        "the end of the token",
        |outcome| assert!(outcome.is_balance() || !is_good(), "a token that was still good was not served"),
        |player| player.times_told("session.expired") > 0,
    );
    assert!(!is_good(), "a token that was still good has ended");
    player.balance().assert_session_expired("after the end");
    let ledger = daemon.ledger();
    assert_eq!(*ledger.renewals_refused(), json!({ "SESSION_RENEWAL_MISMATCH": 1 }));
    daemon.put_token(&daemon.new_session(json!({ "ttl": 300 })).token);
    player.balance().assert_balance("the first call with a new token in the file");
}

fn clocks_differ(offset_s: i64) {
    let daemon = Daemon::start(300);
    daemon.control(json!({ "clockOffsetSeconds": offset_s - 3 }));
    let issued = daemon.new_session(json!({ "ttl": 6 }));
    daemon.control(json!({ "clockOffsetSeconds": offset_s }));
    daemon.put_token(&issued.token);
    let mut player = Player::of(&daemon);
    player.call_until(
        "renewed twice",
        |outcome| outcome.assert_balance("all the time"),
        |player| player.times_told("renewal.succeeded") >= 2,
    );
    let ledger = daemon.ledger();
    assert_eq!((ledger.calls_refused(), ledger.renewals_asked()), (0, 2), "{}", ledger.renewals_refused());
}

fn renewal_limit() {
    let daemon = Daemon::start(300);
    let issued = daemon.aged_session(json!({ "ttl": 4, "maxRenewals": 1 }), 2);
    daemon.put_token(&issued.token);
    let mut player = Player::of(&daemon);
    player.call_until(
        "the limit",
        |outcome| outcome.assert_balance("before the limit"),
        |player| player.times_told("renewal.failed") > 0,
    );
    let ends_at_ms = Claims::of(&daemon.token()).expires_at * 1000;
    let mut served_after = 0;
    let mut first_failure = None;
    while first_failure.is_none() {
        let outcome = player.balance();
        if outcome.is_balance() {
            served_after += 1;
        } else {
            first_failure = Some(outcome);
        }
        player.pause(Duration::from_millis(50));
    }
    assert!(player.wall_ms() >= ends_at_ms && served_after > 0, "{served_after} calls after the limit");
    first_failure.expect("it has ended").assert_session_expired("after the end");
    let ledger = daemon.ledger();
    assert_eq!((ledger.renewals_granted(), ledger.renewals_asked()), (1, 2));
    assert_eq!(*ledger.renewals_refused(), json!({ "RENEWAL_LIMIT_REACHED": 1 }));
}

fn absolute_lifetime() {
    let daemon = Daemon::start(300);
    let issued = daemon.aged_session(json!({ "ttl": 6, "absoluteLifetime": 8 }), 3);
    daemon.put_token(&issued.token);
    let mut player = Player::of(&daemon);
    let mut last_served_ms = 0;
    let clock = SystemClock::start();
    player.call_until(
        "the end of the session",
        |outcome| match outcome.is_balance() {
            true => last_served_ms = clock.now().wall.unix_millis() - millis(outcome.took),
            false => outcome.assert_session_expired("at the end"),
        },
        |player| player.times_told("session.expired") > 0,
    );
    let ledger = daemon.ledger();
    let ends_at_ms = ledger.session(&issued.id)["expiresAt"].as_i64().expect("a time") * 1000;
    assert!((ends_at_ms - 1_500..ends_at_ms).contains(&last_served_ms), "{last_served_ms} {ends_at_ms}");
    // One that gains time, and one that finds out that there is no more to gain; on a busy machine the clamped token
    // is so short that its 60 % are too early for a daemon that counts whole seconds.
    assert_eq!(ledger.renewals_granted(), 2);
    assert!(ledger.renewals_asked() <= 3, "{}", ledger.renewals_refused());
    assert_eq!(player.times_told("renewal.not_scheduled"), 1, "{}", player.log());
}

fn silent_client() {
    let daemon = due_soon();
    let mut player = Player::start(&mut serve(&daemon));
    player.wait_for("renewal.succeeded", 1);
    daemon.ledger().assert_undisturbed();
    player.initialize();
    player.balance().assert_balance("when it speaks at last");
}

fn subscriber() {
    let daemon = due_soon();
    let mut player = Player::of(&daemon);
    let uri = json!({ "uri": "waiaas://session/status" });
    player.request("resources/subscribe", uri.clone());
    let ends_at = player.status()["expiresAt"].as_i64();
    player.wait_for("renewal.succeeded", 1);
    player.message("the status has changed", |message| {
        message["method"] == "notifications/resources/updated" && message["params"] == uri
    });
    player.call_until(
        "the new end is published",
        |outcome| outcome.assert_balance("all the time"),
        |player| {
            let status = player.status();
            status["expiresAt"].as_i64() > ends_at && status["renewals"] == 1 && status["state"] == "active"
        },
    );
}

fn another_session() {
    let daemon = Daemon::start(300);
    let first = daemon.aged_session(json!({ "ttl": 6 }), 1);
    daemon.put_token(&first.token);
    let mut player = Player::settled(&daemon);
    let other = daemon.new_session(json!({ "ttl": 6 }));
    daemon.put_token(&other.token);
    player.call_until(
        "renewed",
        |outcome| outcome.assert_balance("all the time"),
        |player| player.times_told("renewal.succeeded") > 0,
    );
    let ledger = daemon.ledger();
    ledger.assert_undisturbed();
    assert_eq!(ledger.renewed_sessions(), [other.id.as_str()], "not {}", first.id);
    assert_eq!(Claims::of(&daemon.token()).expires_at, ledger.session(&other.id)["expiresAt"]);
    assert_order(
        &mut player,
        &["renewal.scheduled", "reload.adopted", "renewal.scheduled", "renewal.succeeded"],
    );
}

fn daemon_is_down_at_start() {
    let daemon = Daemon::start(600);
    daemon.go_down_for(Duration::from_millis(1_500));
    let mut player = Player::of(&daemon);
    player.balance().assert_unavailable("while the daemon is down");
    let known = tool_names(&mut player);
    assert!(known.iter().any(|name| name == "get_balance"), "{known:?}");
    let mut is_back = false;
    player.call_until(
        "the daemon is back",
        |outcome| {
            assert_served_or_unavailable(outcome);
            is_back = outcome.is_balance();
        },
        |player| player.now() > Duration::from_secs(2),
    );
    assert!(is_back, "the daemon is back, and is not asked");
    let all = tool_names(&mut player);
    assert!(known.iter().all(|name| all.contains(name)), "{known:?} {all:?}");
    assert_eq!(daemon.ledger().calls_refused(), 0);
}

fn tool_names(player: &mut Player) -> Vec<String> {
    let answer = player.request("tools/list", json!({}));
    let tools = answer["result"]["tools"].as_array().unwrap_or_else(|| panic!("{answer}"));
    tools.iter().filter_map(|tool| tool["name"].as_str()).map(str::to_owned).collect()
}

fn token_appears(limits: Value) {
    let daemon = Daemon::start(300);
    std::fs::remove_file(daemon.token_file()).expect("it was there");
    let mut player = Player::of(&daemon);
    player.balance().assert_session_expired("without a token");
    assert_eq!(player.status()["state"], "error");
    daemon.put_token(&daemon.new_session(limits).token);
    player.balance().assert_balance("the first call with a token in the file");
    player.message("the list of tools has changed", |message| {
        message["method"] == "notifications/tools/list_changed"
    });
    assert_eq!(player.status()["state"], "active");
    assert_order(&mut player, &["session.missing", "session.loaded", "recovery.succeeded"]);
    daemon.ledger().assert_undisturbed();
}

fn transfer_is_lost() {
    let daemon = Daemon::start(300);
    let mut player = Player::start(&mut serve(&daemon));
    player.initialize();
    daemon.inject(json!({
        "kind": "cut", "method": "POST", "path": "/v1/transactions/send", "afterCommit": true, "times": 1,
    }));
    let transfer = json!({
        "to": "0x000000000000000000000000000000000000dEaD", "amount": "1", "network": "ethereum-sepolia",
    });
    let outcome = player.call("send_token", transfer);
    assert_eq!(
        (outcome.status(), &outcome.body["retryable"], outcome.is_error),
        ("outcome_unknown", &Value::from(false), false),
        "{outcome:?}"
    );
    let sent = |daemon: &Daemon| daemon.ledger().0["requests"]["POST /v1/transactions/send"].clone();
    until("the daemon has counted it", || sent(&daemon) == 1);
    player.ping();
    assert_eq!(sent(&daemon), 1, "a transfer was sent twice");
}
