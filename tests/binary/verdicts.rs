//! One answer, one header, one look at a clock decides nothing for ever.

use std::time::Duration;

use serde_json::json;

use super::Scene;
use super::daemon::Daemon;
use super::player::Player;

pub(crate) const SCENES: &[Scene] = &[
    ("one stray 401 ended the session: a code that says nothing about tokens", || stray_401("UNAUTHORIZED")),
    ("one stray 401 ended the session: a code about the token", || stray_401("INVALID_TOKEN")),
    ("a daemon that refused a token for a while was never asked again", refused_for_a_while),
];

/// A route answers 401 once; the token is due a little later.
fn stray_401(code: &str) {
    let daemon = Daemon::with_aged_token(20, 10);
    let mut player = Player::settled(&daemon);
    daemon.inject(json!({ "kind": "code", "status": 401, "code": code, "path": "/v1/policies", "times": 1 }));
    let stray = player.call("get_policies", json!({}));
    assert!(!stray.text.contains("session_expired"), "{}", stray.text);
    assert!(stray.is_error && stray.text.contains(code), "{}", stray.text);
    player.balance().assert_balance("the next call");
    assert_eq!(player.status()["state"], "active");
    player.wait_for("renewal.succeeded", 1);
    let later = player.call("get_policies", json!({}));
    assert!(!later.is_error, "after the renewal: {later:?}");
    assert_eq!(player.times_told("session.expired"), 0);
}

fn refused_for_a_while() {
    const REFUSED_FOR: Duration = Duration::from_secs(6);
    /// The contract's five seconds, and what a busy machine adds.
    const BACK_WITHIN: Duration = Duration::from_millis(5_500);
    let daemon = Daemon::with_aged_token(40, 22);
    let mut player = Player::settled(&daemon);
    daemon.inject(json!({ "kind": "code", "status": 401, "code": "INVALID_TOKEN", "path": "/v1/" }));
    let refused_at = player.now();
    let mut expired = 0;
    while player.now() - refused_at < REFUSED_FOR {
        expired += u32::from(player.balance().text.contains("session_expired"));
        player.pause(Duration::from_millis(100));
    }
    assert!(expired > 10, "{expired} calls said that the session has expired");
    daemon.control(json!({ "heal": true }));
    let healed_at = player.now();
    while !player.balance().is_balance() {
        assert!(player.now() - healed_at < BACK_WITHIN, "not back after {:?}", player.now() - healed_at);
        player.pause(Duration::from_millis(100));
    }
    // It fell due meanwhile.
    player.wait_for("renewal.succeeded", 1);
    player.balance().assert_balance("after the renewal");
}
