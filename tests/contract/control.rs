//! The two routes for tests in another process.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::raw_http::{PATIENCE, Wire, bearer};
use crate::scene::Scene;

fn control(scene: &Scene, command: &Value) -> Value {
    let answer = scene.ask_as_operator("POST", "/sandbox/control", &command.to_string());
    assert_eq!(answer.status, 200, "{command}: {}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}

fn ledger(scene: &Scene) -> Value {
    serde_json::from_str(&scene.ask_as_operator("GET", "/sandbox/ledger", "").body).unwrap()
}

#[test]
fn faults_are_injected_and_healed() {
    let scene = Scene::new();
    let table = [
        (json!({"kind": "html"}), 502),
        (json!({"kind": "redirect", "location": "/"}), 302),
        (json!({"kind": "code", "status": 429, "code": "RATE_LIMITED", "retryAfter": 3}), 429),
        (json!({"kind": "empty", "afterCommit": true}), 200),
        (json!({"kind": "huge", "bytes": 5000}), 200),
        (json!({"kind": "garbage", "method": "GET", "path": "/health", "times": 1}), 200),
        (json!({"kind": "slow", "ms": 1}), 200),
        (json!({"kind": "html", "method": "PUT"}), 200),
    ];
    for (fault, status) in table {
        control(&scene, &json!({"inject": fault}));
        assert_eq!(scene.ask("GET", "/health", &[], "").status, status, "{fault}");
        control(&scene, &json!({"heal": true}));
    }
    assert_eq!(scene.ask("GET", "/health", &[], "").status, 200);
}

#[test]
fn sessions_clock_limits_and_files_are_at_hand() {
    let scene = Scene::new();
    let issued = control(&scene, &json!({"newSession": {"ttl": 10, "maxRenewals": 1}}))["newSession"].clone();
    let (id, token) = (issued["id"].as_str().unwrap(), issued["token"].as_str().unwrap());
    let address = || scene.ask("GET", "/v1/wallet/address", &[bearer(token)], "").code();
    assert_eq!(address(), "");
    control(&scene, &json!({"replaceTokenFile": token}));
    assert_eq!(std::fs::read_to_string(scene.sandbox.token_file()).unwrap(), token);
    control(&scene, &json!({"rateLimits": {"session": 1}}));
    assert_eq!(address(), "RATE_LIMITED");
    control(&scene, &json!({"rateLimits": {}}));
    control(&scene, &json!({"clockOffsetSeconds": 11}));
    assert_eq!(address(), "TOKEN_EXPIRED");
    control(&scene, &json!({"clockOffsetSeconds": 0}));
    control(&scene, &json!({"revoke": id}));
    assert_eq!(address(), "SESSION_REVOKED");
    control(&scene, &json!({"killSwitch": true}));
    assert_eq!(address(), "SYSTEM_LOCKED");
    control(&scene, &json!({"recover": true}));

    let seen = ledger(&scene);
    assert_eq!(seen["callsRefused"], 2, "the expired and the revoked one");
    assert_eq!(seen["sessions"].as_array().unwrap().len(), 2);
    assert_eq!(seen["sessions"][1]["id"], id);
    assert_eq!(seen["sessions"][1]["revoked"], true);
    assert_eq!(seen["requests"]["GET /v1/wallet/address"], 5);
}

#[test]
fn an_outage_ends_by_itself() {
    let scene = Scene::new();
    let mut kept = Wire::open(&scene.sandbox.base_url());
    let began = Instant::now();
    control(&scene, &json!({"goDownForMs": 200}));
    assert!(kept.ends(), "open connections are closed");
    while Wire::try_open(&scene.sandbox.base_url()).is_err() {
        assert!(began.elapsed() < PATIENCE, "it came back");
        std::thread::park_timeout(Duration::from_millis(5));
    }
    assert!(began.elapsed() >= Duration::from_millis(200));
    assert_eq!(scene.ask("GET", "/v1/wallet/address", &[bearer(&scene.token)], "").status, 200);
}

#[test]
fn control_is_the_operators_and_says_what_it_does_not_understand() {
    let scene = Scene::new();
    assert_eq!(scene.ask("GET", "/sandbox/ledger", &[bearer(&scene.token)], "").status, 401);
    for body in [
        "nonsense",
        "[]",
        r#"{"explode":true}"#,
        r#"{"inject":{"kind":"rain"}}"#,
        r#"{"inject":{"kind":"slow"}}"#,
    ] {
        assert_eq!(scene.ask_as_operator("POST", "/sandbox/control", body).status, 400, "{body}");
    }
    assert_eq!(scene.ask_as_operator("POST", "/sandbox/control", r#"{"revoke":"nobody"}"#).status, 409);
}
