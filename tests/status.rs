//! `status`: what is told of every kind of session and trouble, in both forms, and by the exit code.

#![cfg(unix)]
#![allow(clippy::disallowed_methods, reason = "tests prepare and examine real files")]
#![allow(clippy::print_stdout, reason = "a skipped test says why")]

#[allow(dead_code, reason = "each test program uses a part of the support")]
#[path = "support/console.rs"]
mod console;

use std::fs;

use console::{Console, Printed};
use serde_json::{Value, json};
use waiaas_mcp::sandbox::{Fault, FaultKind, IssuedSession, SessionLimits};
use waiaas_mcp::session::lock::{TokenLock, TryLock};

/// Puts a new session's token into the file.
fn put(console: &Console, limits: SessionLimits) -> IssuedSession {
    let issued = console.sandbox.new_session(limits);
    fs::create_dir_all(console.data_dir()).expect("a directory");
    fs::write(console.token_file(), &issued.token).expect("a file");
    issued
}

fn of(ttl_s: u64) -> SessionLimits {
    SessionLimits { ttl_s: Some(ttl_s), ..SessionLimits::default() }
}

/// Both forms without a password in the environment: the object, and the text.
fn status(console: &Console, more: &[&str]) -> (Value, Printed) {
    let json = console.finish(&mut console.command(&[&["status", "--json"], more].concat()));
    let text = console.finish(&mut console.command(&[&["status"], more].concat()));
    assert_eq!((json.stderr.as_str(), text.stderr.as_str()), ("", ""));
    assert_eq!(json.code, text.code);
    let object: Value = serde_json::from_str(&json.stdout).expect("one JSON object");
    assert_eq!(object["usable"], json.code == 0, "the exit code is the object's word");
    assert!(!text.stdout.contains('\u{1b}'), "no colours for a pipe");
    (object, text)
}

fn row<'p>(printed: &'p Printed, name: &str) -> &'p str {
    let row = printed.stdout.lines().find_map(|line| line.strip_prefix(&format!("{name:8} ")));
    row.unwrap_or_else(|| panic!("no row {name}: {printed:?}"))
}

#[test]
fn a_session_that_is_well_is_told_with_all_its_times() {
    let console = Console::with_one_wallet();
    let issued = put(&console, SessionLimits { max_renewals: 5, absolute_lifetime_s: 9000, ..of(3600) });
    let session = console.sandbox.ledger().session(&issued.id).expect("it is known").clone();
    let (object, text) = status(&console, &[]);
    let expected = json!({
        "state": "active", "usable": true, "source": "file", "tokenFile": console.token_file(),
        "sessionId": issued.id, "wallets": [{ "id": console.sandbox.wallet_id(), "name": "trading-bot" }],
        "issuedAt": session.issued_at, "expiresAt": session.expires_at, "renewAt": session.issued_at + 2160,
        "renewals": null, "maxRenewals": null, "absoluteExpiresAt": null,
        "daemon": {
            "baseUrl": console.sandbox.base_url(), "reachable": true, "version": "2.15.0",
            "clockOffsetSeconds": 0, "error": null,
        },
        "lock": "free",
        "keeper": { "atWork": false, "pid": null, "since": null, "lastRenewal": null },
        "problem": null, "advice": null,
    });
    assert_eq!(object, expected);
    assert_eq!(row(&text, "State"), "active");
    assert_eq!(row(&text, "Token"), format!("from {}", console.token_file().display()));
    assert!(row(&text, "Expires").contains("Z (in ") && row(&text, "Renews").contains("Z (in "), "{text:?}");
    assert_eq!(console.names(), ["mcp-token"], "nothing was made");
    // With the master password at hand the daemon tells more.
    let printed = console.run(&["status", "--json"]);
    let object: Value = serde_json::from_str(&printed.stdout).expect("one JSON object");
    assert_eq!(
        (&object["renewals"], &object["maxRenewals"], &object["absoluteExpiresAt"]),
        (&json!(0), &json!(5), &json!(session.absolute_end))
    );
    let printed = console.run(&["status"]);
    assert_eq!(row(&printed, "Renewals"), "0 of 5");
    assert!(row(&printed, "Lifetime").starts_with("ends "), "{printed:?}");
}

#[test]
fn every_trouble_is_told_with_what_to_do() {
    let console = Console::with_one_wallet();
    let told = |state: &str, usable: bool, problem: &str, advice: &str| {
        let (object, text) = status(&console, &[]);
        assert_eq!((&object["state"], &object["usable"]), (&json!(state), &json!(usable)), "{object}");
        assert!(object["problem"].as_str().is_some_and(|told| told.contains(problem)), "{problem}: {object}");
        assert!(object["advice"].as_str().is_some_and(|told| told.contains(advice)), "{advice}: {object}");
        assert!(text.stdout.contains(problem) && text.stdout.contains(advice), "{text:?}");
        object
    };
    told("error", false, "there is no token", "`waiaas-mcp setup`");
    fs::create_dir(console.data_dir()).expect("a directory");
    fs::write(console.token_file(), "garbage").expect("a file");
    told("error", false, "the token file holds no token: it does not have the form", "`waiaas-mcp setup`");
    // Unlimited.
    put(&console, SessionLimits::default());
    let (object, text) = status(&console, &[]);
    assert_eq!(
        (&object["expiresAt"], &object["renewAt"], &object["problem"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    assert_eq!((row(&text, "Expires"), row(&text, "Renews")), ("never", "no"));
    // Revoked.
    let issued = put(&console, of(600));
    console.sandbox.revoke(&issued.id);
    told("expired", false, "the daemon refuses the token: SESSION_REVOKED", "`waiaas-mcp setup`");
    // Expired, by the daemon's clock.
    put(&console, of(600));
    console.sandbox.set_clock_offset_s(700);
    let object = told("expired", false, "TOKEN_EXPIRED", "`waiaas-mcp setup`");
    assert_eq!(object["daemon"]["clockOffsetSeconds"], 700);
    console.sandbox.set_clock_offset_s(0);
    // Locked, for which the token can do nothing.
    put(&console, of(600));
    let locked = FaultKind::Code { status: 503, code: "SYSTEM_LOCKED".to_owned(), retry_after_s: None };
    console.sandbox.inject(Fault::new(locked).on("GET", "/v1/connect-info"));
    told("active", true, "the daemon is locked", "admin page");
    console.sandbox.heal();
    // The daemon is away: the token may be good all the same.
    console.sandbox.go_down();
    let object = told("active", true, "cannot be reached", "Start the daemon");
    assert_eq!((&object["daemon"]["reachable"], &object["wallets"]), (&json!(false), &Value::Null));
    console.sandbox.come_back().expect("the port is free");
    assert_eq!(status(&console, &[]).0["problem"], Value::Null);
}

#[test]
fn a_token_that_cannot_be_renewed_is_told_before_it_ends() {
    let console = Console::with_one_wallet();
    console.sandbox.set_clock_offset_s(-400);
    let issued = put(&console, SessionLimits { max_renewals: 1, ..of(600) });
    console.sandbox.set_clock_offset_s(0);
    let printed = console.finish(&mut console.command(&["call", "get_address"]));
    printed.assert_done();
    console::until("it was renewed", || {
        console.sandbox.ledger().session(&issued.id).is_some_and(|s| s.renewal_count == 1) || {
            console.finish(&mut console.command(&["call", "get_address"])).assert_done();
            false
        }
    });
    let renewed = fs::read_to_string(console.token_file()).expect("a token");
    fs::write(console.token_file(), &issued.token).expect("a file");
    let (object, _) = status(&console, &[]);
    assert_eq!((&object["usable"], &object["renewAt"]), (&json!(true), &Value::Null));
    assert!(
        object["problem"].as_str().is_some_and(|told| told.contains("a later token of this session")),
        "{object}"
    );
    fs::write(console.token_file(), renewed).expect("a file");
    let printed = console.run(&["status", "--json"]);
    let object: Value = serde_json::from_str(&printed.stdout).expect("one JSON object");
    assert!(
        object["problem"].as_str().is_some_and(|told| told.contains("as often as it may be")),
        "{object}"
    );
}

#[test]
fn the_file_that_is_read_is_the_one_that_is_named() {
    let console = Console::new();
    let wallet_id = console.sandbox.wallet_id().to_owned();
    put(&console, of(600));
    let (object, text) = status(&console, &["--wallet", &wallet_id]);
    assert_eq!(object["tokenFile"], json!(console.token_file()));
    let own = console.token_file_of(&wallet_id);
    assert_eq!(
        row(&text, "Token"),
        format!("from {}, because {} is not there", console.token_file().display(), own.display())
    );
    console.run(&["setup", "--wallet", &wallet_id]).assert_done();
    let (object, _) = status(&console, &["--wallet", &wallet_id]);
    assert_eq!(object["tokenFile"], json!(own));
    // The environment's token, without a directory.
    let issued = console.sandbox.new_session(of(600));
    let mut command = console.command(&["status", "--json"]);
    let printed =
        console.finish(command.env_remove("WAIAAS_DATA_DIR").env("WAIAAS_SESSION_TOKEN", &issued.token));
    let object: Value = serde_json::from_str(&printed.stdout).expect("one JSON object");
    assert_eq!((&object["source"], &object["sessionId"]), (&json!("environment"), &json!(issued.id)));
}

#[test]
fn who_holds_the_lock_is_seen_and_not_disturbed() {
    let console = Console::with_one_wallet();
    put(&console, of(600));
    let mut lock = TokenLock::of(&console.token_file());
    assert!(matches!(lock.try_take(), TryLock::Held));
    assert_eq!(status(&console, &[]).0["lock"], "held");
    lock.release();
    assert_eq!(status(&console, &[]).0["lock"], "free");
}

#[test]
fn a_daemon_that_hangs_is_not_waited_for_for_long() {
    let console = Console::with_one_wallet();
    put(&console, of(600));
    console.sandbox.inject(Fault::new(FaultKind::Hang));
    let clock = waiaas_mcp::time::SystemClock::start();
    let printed = console.finish(&mut console.command(&["status"]));
    assert!(printed.code == 0 && printed.stdout.contains("does not answer"), "{printed:?}");
    let took = waiaas_mcp::time::Clock::now(&clock).mono;
    assert!(took.as_secs() < 10, "{took:?}");
}

/// The daemon opens such sessions, and looks at the lifetime only when it renews.
#[test]
fn a_session_that_ends_before_its_token_is_told_with_the_earlier_end() {
    let console = Console::with_one_wallet();
    let look = || {
        let printed = console.run(&["status", "--json"]);
        assert_eq!(printed.code, 0, "the daemon accepts the token: {printed:?}");
        let object: Value = serde_json::from_str(&printed.stdout).expect("one JSON object");
        (object, console.run(&["status"]))
    };
    // Life of the token and of the session, and what is to be said.
    let before = "the session's lifetime ends before its token can be renewed";
    let over = "the session's lifetime is over: the daemon still takes its token, and renews it no more";
    for (age_s, ttl_s, absolute_lifetime_s, problem) in [
        (0, 604_800, 1000, Some(before)),
        (60, 604_800, 30, Some(over)),
        (0, 1000, 700, None),
        (0, 1000, 1000, None),
    ] {
        console.sandbox.set_clock_offset_s(-age_s);
        let issued = put(&console, SessionLimits { absolute_lifetime_s, ..of(ttl_s) });
        console.sandbox.set_clock_offset_s(0);
        let session = console.sandbox.ledger().session(&issued.id).expect("it is known").clone();
        let (object, text) = look();
        assert_eq!(object["expiresAt"], session.absolute_end, "{object}");
        assert_eq!(object["problem"], json!(problem), "{object}");
        assert_eq!(object["renewAt"].is_null(), problem.is_some(), "{object}");
        let same_end = row(&text, "Lifetime").strip_prefix("ends ").map(|end| &end[..20]);
        assert_eq!(Some(&row(&text, "Expires")[..20]), same_end, "{text:?}");
    }
}
