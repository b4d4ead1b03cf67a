//! One answer, one header, one look at a clock decides nothing for ever.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::Scene;
use super::daemon::{Claims, Daemon, until};
use super::player::Player;

pub(crate) const SCENES: &[Scene] = &[
    ("one stray 401 ended the session: a code that says nothing about tokens", || stray_401("UNAUTHORIZED")),
    ("one stray 401 ended the session: a code about the token", || stray_401("INVALID_TOKEN")),
    ("one wrong Date ended the session: two hours ahead", wrong_date_ahead),
    ("one wrong Date kept the renewal from being sent: an hour behind", wrong_date_behind),
    ("a Date that is always wrong ended the session", date_is_always_wrong),
    ("a frozen daemon cost the session: 8 s across a renewal", frozen_daemon),
    ("a renewal that was never answered outlived its token", never_answered),
    ("people were not told which file was looked at, and why it was no use", what_people_read),
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

fn inject_date(daemon: &Daemon, path: &str, ahead_s: i64, times: Option<u32>) {
    daemon.inject(json!({ "kind": "wrongDate", "aheadSeconds": ahead_s, "path": path, "times": times }));
}

fn wrong_date_ahead() {
    let daemon = Daemon::start(3600);
    let mut player = Player::settled(&daemon);
    inject_date(&daemon, "/v1/wallet/address", 7_200, Some(1));
    let address = player.call("get_address", json!({}));
    assert!(!address.is_error, "{}", address.text);
    for _ in 0..3 {
        player.balance().assert_balance("after one wrong Date");
    }
    // Again, and this time an operator puts a new token there.
    inject_date(&daemon, "/v1/wallet/address", 7_200, Some(1));
    player.call("get_address", json!({}));
    daemon.revoke_all();
    daemon.put_token(&daemon.new_session(json!({ "ttl": 3600 })).token);
    player.balance().assert_balance("with the new token");
    assert_eq!(player.times_told("session.expired"), 0);
}

fn wrong_date_behind() {
    let daemon = Daemon::with_aged_token(20, 9);
    let mut player = Player::settled(&daemon);
    inject_date(&daemon, "/v1/wallet/address", -3_600, Some(1));
    player.call("get_address", json!({}));
    let heard_at = player.now();
    player.wait_for("renewal.succeeded", 1);
    assert!(player.now() - heard_at < Duration::from_secs(6), "{:?}", player.now() - heard_at);
    daemon.ledger().assert_undisturbed();
}

/// By its `Date` the token is long over, and the daemon takes it all the same.
fn date_is_always_wrong() {
    let daemon = Daemon::with_aged_token(60, 30);
    inject_date(&daemon, "/", 7_200, None);
    let mut player = Player::of(&daemon);
    for _ in 0..5 {
        player.balance().assert_balance("whatever its Date says");
        player.pause(Duration::from_millis(300));
    }
    assert_eq!(player.times_told("session.expired"), 0);
}

/// Stopped as a process is: it accepts connections and bytes, and carries them out when it goes on.
fn frozen_daemon() {
    let daemon = Daemon::with_aged_token(40, 22);
    let mut player = Player::settled(&daemon);
    let old = Claims::of(&daemon.token());
    daemon.signal("-STOP");
    player.wait_for("renewal.attempt", 1);
    // The token has 16 s to live, so after 5 s another request is sent beside the first.
    player.wait_for("renewal.attempt", 2);
    daemon.signal("-CONT");
    player.wait_for("renewal.succeeded", 1);
    player.balance().assert_balance("after the thaw");
    until("the new token is in the file", || Claims::of(&daemon.token()) > old);
    let ledger = daemon.ledger();
    assert_eq!(ledger.renewals_granted(), 1, "{}", ledger.renewals_refused());
    assert_eq!(player.times_told("renewal.not_scheduled"), 0, "{}", player.log());
    // It goes on: the token can be renewed.
    let session = daemon.ledger().sessions().last().expect("a session").clone();
    assert_eq!(Some(Claims::of(&daemon.token()).expires_at), session["expiresAt"].as_i64());
}

fn never_answered() {
    let daemon = Daemon::with_aged_token(30, 21);
    daemon.inject(json!({ "kind": "hang", "method": "PUT", "path": "/v1/sessions/", "times": 1 }));
    let mut player = Player::of(&daemon);
    let begun = player.now();
    player.call_until(
        "renewed",
        |outcome| outcome.assert_balance("all the time"),
        |player| player.times_told("renewal.succeeded") > 0,
    );
    assert!(player.now() - begun < Duration::from_secs(8), "{:?}", player.now() - begun);
    player.balance().assert_balance("after the renewal");
}

/// The message of a call's result, and the line on stderr.
fn what_people_read() {
    let read = |spoil: fn(&Path), expected: &str| {
        let daemon = Daemon::start(300);
        let path = daemon.token_file();
        spoil(&path);
        let mut player = Player::of(&daemon);
        let outcome = player.balance();
        outcome.assert_session_expired("without a token");
        let message = outcome.body["message"].as_str().expect("text");
        let path = path.to_str().expect("Unicode");
        assert!(message.contains(path) && message.contains(expected), "{message}");
        player.wait_for("session.missing", 1);
        let log = player.log();
        let line = log.lines().find(|line| line.contains("event=session.missing")).expect("told");
        assert!(line.contains(path) && line.contains(expected), "{line}");
    };
    let remove = |path: &Path| fs::remove_file(path).expect("a token file");
    read(|path| fs::remove_file(path).expect("a token file"), "no ");
    read(
        |path| {
            fs::rename(path, path.with_file_name("other")).expect("a token file");
            std::os::unix::fs::symlink(path.with_file_name("other"), path).expect("a link");
        },
        "symbolic link",
    );
    read(
        |path| {
            File::create(path).and_then(|file| file.set_len(65_537)).expect("a file");
        },
        "64 KiB",
    );
    // Refused, and the file is gone, then it holds garbage: told whenever a look finds it.
    let daemon = Daemon::start(300);
    let mut player = Player::settled(&daemon);
    daemon.revoke_all();
    remove(&daemon.token_file());
    let refused = player.balance();
    refused.assert_session_expired("refused");
    assert!(refused.text.contains("refuses"), "{}", refused.text);
    player.wait_for("reload.missing", 1);
    File::create(daemon.token_file())
        .and_then(|mut file| file.write_all(b"garbage"))
        .expect("it can be written");
    player.balance().assert_session_expired("still");
    player.wait_for("reload.invalid", 1);
    let log = player.log();
    let line = log.lines().find(|line| line.contains("event=reload.invalid")).expect("told");
    assert!(line.contains(daemon.token_file().to_str().expect("Unicode")), "{line}");
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
