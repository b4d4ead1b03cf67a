//! Each fault does what it says, as often as it says, to the requests it names.

use std::time::{Duration, Instant};

use waiaas_mcp::sandbox::{Fault, FaultKind, Options, Sandbox};

use crate::raw_http::{Answer, Ending, PATIENCE, Wire, bearer, request};
use crate::scene::Scene;

fn due_for_renewal() -> Scene {
    let mut scene = Scene::new();
    scene.prepare("session 300");
    scene.prepare("180 s later");
    scene
}

/// A renewal that may get no answer.
fn try_renewing(scene: &Scene) -> (Wire, Option<Answer>) {
    let mut wire = Wire::open(&scene.sandbox.base_url());
    let target = format!("/v1/sessions/{}/renew", scene.session.id);
    wire.send(&request("PUT", &target, &[bearer(&scene.token)], ""));
    wire.set_patience(Duration::from_millis(300));
    let answer = wire.receive();
    (wire, answer)
}

#[test]
fn faults_before_the_commit_leave_the_token_renewable_and_those_after_it_do_not() {
    let code = FaultKind::Code { status: 503, code: "SHUTTING_DOWN".into(), retry_after_s: Some(7) };
    let redirect = FaultKind::Redirect { location: "http://127.0.0.1:1/".into() };
    // Kind, status of the answer if there is one, and what must be in it.
    let table = [
        (FaultKind::Cut, None, ""),
        (FaultKind::Hang, None, ""),
        (redirect, Some(302), ""),
        (FaultKind::Garbage, Some(200), ""),
        (FaultKind::Huge { bytes: 100_000 }, Some(200), "xxxxxxxx"),
        (FaultKind::Empty, Some(200), ""),
        (FaultKind::Html, Some(502), "<html>"),
        (code, Some(503), "\"SHUTTING_DOWN\""),
    ];
    for (kind, status, part) in table {
        for after_commit in [false, true] {
            let scene = due_for_renewal();
            let fault = Fault::new(kind.clone()).on_renewals().times(1);
            scene.sandbox.inject(if after_commit { fault.after_commit() } else { fault });
            let (_wire, answer) = try_renewing(&scene);
            assert_eq!(answer.as_ref().map(|answer| answer.status), status, "{kind:?}");
            let body = answer.as_ref().map_or("", |answer| answer.body.as_str());
            assert!(body.contains(part), "{kind:?}: {body}");
            if status == Some(503) {
                assert_eq!(answer.as_ref().unwrap().header("retry-after"), Some("7"));
            }
            assert!(!scene.sandbox.ledger().is_newest(body), "{kind:?}");
            let expected = if after_commit { "SESSION_RENEWAL_MISMATCH" } else { "" };
            assert_eq!(scene.renew(&scene.token).code(), expected, "{kind:?}, after commit: {after_commit}");
        }
    }
}

#[test]
fn garbage_is_no_json_and_empty_is_nothing() {
    for kind in [FaultKind::Garbage, FaultKind::Empty] {
        let scene = Scene::new();
        scene.sandbox.inject(Fault::new(kind.clone()));
        let answer = scene.ask("GET", "/health", &[], "");
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert!(serde_json::from_str::<serde_json::Value>(&answer.body).is_err());
        assert_eq!(answer.body.is_empty(), kind == FaultKind::Empty);
    }
}

#[test]
fn a_cut_closes_the_connection_and_a_hang_keeps_it() {
    let scene = Scene::new();
    for (kind, patience, expected) in [
        (FaultKind::Cut, PATIENCE, Ending::Closed),
        (FaultKind::Hang, Duration::from_millis(300), Ending::Silent),
    ] {
        scene.sandbox.inject(Fault::new(kind).times(1));
        let mut wire = Wire::open(&scene.sandbox.base_url());
        wire.set_patience(patience);
        wire.send(&request("GET", "/health", &[], ""));
        assert_eq!(wire.ending(), expected);
    }
    scene.sandbox.heal();
    assert_eq!(scene.ask("GET", "/health", &[], "").status, 200);
}

#[test]
fn a_body_can_break_off_in_the_middle() {
    let scene = due_for_renewal();
    scene.sandbox.inject(Fault::new(FaultKind::CutBody).on_renewals().times(1));
    let (mut wire, answer) = try_renewing(&scene);
    assert!(answer.is_none(), "the body never becomes whole");
    assert!(!wire.ends(), "but some of it came");
    assert_eq!(scene.renew(&scene.token).code(), "SESSION_RENEWAL_MISMATCH", "it was committed");
}

#[test]
fn a_slow_answer_is_late_and_whole_and_delays_nobody_else() {
    let scene = Scene::new();
    scene.sandbox.inject(Fault::new(FaultKind::Slow { ms: 1_000 }).on("GET", "/v1/nonce"));
    let began = Instant::now();
    let mut slow = Wire::open(&scene.sandbox.base_url());
    slow.send(&request("GET", "/v1/nonce", &[], ""));
    assert_eq!(scene.ask("GET", "/health", &[], "").status, 200);
    assert!(began.elapsed() < Duration::from_millis(900), "the other did not wait");
    assert_eq!(slow.receive().unwrap().status, 200);
    assert!(began.elapsed() >= Duration::from_millis(1_000));
}

#[test]
fn the_clock_of_the_date_header_and_of_the_tokens_can_be_wrong() {
    let scene = Scene::new();
    scene.sandbox.set_clock_offset_s(-7200);
    let early = scene.sandbox.new_session(waiaas_mcp::sandbox::SessionLimits::default());
    let answer = scene.ask("GET", "/health", &[], "");
    let health: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    let now = health["timestamp"].as_i64().unwrap();
    let date = httpdate::parse_http_date(answer.header("date").unwrap()).unwrap();
    let date = date.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs().cast_signed();
    assert_eq!(date, now);
    let ledger = scene.sandbox.ledger();
    assert!((now - ledger.session(&early.id).unwrap().issued_at).abs() <= 1);
    assert!(
        ledger.session(&scene.session.id).unwrap().issued_at - now >= 7199,
        "the first was issued in its future"
    );
    let answer = scene.ask("GET", "/v1/wallet/address", &[bearer(&scene.token)], "");
    assert_eq!(answer.status, 200, "an iat in the future is accepted");
}

#[test]
fn it_goes_down_and_comes_back_on_the_same_port_with_the_same_state() {
    let mut scene = due_for_renewal();
    let base_url = scene.sandbox.base_url();
    let mut kept = Wire::open(&base_url);
    kept.send(&request("GET", "/health", &[], ""));
    assert_eq!(kept.receive().unwrap().status, 200);
    scene.sandbox.go_down();
    assert!(kept.ends(), "open connections are closed");
    assert!(Wire::try_open(&base_url).is_err(), "new ones are refused");
    scene.sandbox.go_down();
    scene.sandbox.come_back().unwrap();
    scene.sandbox.come_back().unwrap();
    assert_eq!(scene.sandbox.base_url(), base_url);
    scene.prepare("renewed");
}

#[test]
fn a_taken_port_is_an_error() {
    let sandbox = Sandbox::start(Options::default()).unwrap();
    let port = sandbox.base_url().rsplit(':').next().unwrap().parse().unwrap();
    let began = Instant::now();
    assert!(Sandbox::start(Options { port, ..Options::default() }).is_err());
    assert!(began.elapsed() < Duration::from_secs(10));
}
