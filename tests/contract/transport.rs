//! HTTP itself: kept, split and pipelined connections, broken requests, many at once, and a prompt end.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use waiaas_mcp::sandbox::{Fault, FaultKind};

use crate::raw_http::{Wire, bearer, request};
use crate::scene::Scene;

/// How soon "prompt" is, with room for a busy machine.
const PROMPT: Duration = Duration::from_secs(2);

#[test]
fn a_connection_is_kept_and_says_so() {
    let scene = Scene::new();
    let mut wire = Wire::open(&scene.sandbox.base_url());
    for _ in 0..50 {
        wire.send(&request("GET", "/health", &[], ""));
        let answer = wire.receive().unwrap();
        assert_eq!((answer.status, answer.header("keep-alive")), (200, Some("timeout=600")));
    }
    wire.send(&request("GET", "/health", &["Connection: close".into()], ""));
    assert_eq!(wire.receive().unwrap().header("connection"), Some("close"));
    assert!(wire.ends());
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let scene = Scene::new();
    let mut wire = Wire::open(&scene.sandbox.base_url());
    let token = [bearer(&scene.token)];
    let bytes = [
        request("GET", "/health", &[], ""),
        request("POST", "/v1/transactions/send", &token, "{\"to\":"),
        request("GET", "/v1/nope", &token, ""),
        request("GET", "/v1/wallet/address", &token, ""),
    ];
    wire.send(&bytes.concat());
    let statuses: Vec<u16> = (0..4).map(|_| wire.receive().unwrap().status).collect();
    assert_eq!(statuses, [200, 500, 404, 200]);
}

#[test]
fn a_request_may_come_byte_by_byte_and_its_body_in_chunks() {
    let scene = Scene::new();
    let mut wire = Wire::open(&scene.sandbox.base_url());
    let body = r#"{"abi":[{"type":"function","name":"f","inputs":[]}],"functionName":"f"}"#;
    let mut bytes = format!(
        "POST /v1/utils/encode-calldata HTTP/1.1\r\nHost: localhost\r\n{}\r\nTransfer-Encoding: chunked\r\n\r\n",
        bearer(&scene.token)
    );
    for part in body.as_bytes().chunks(10) {
        bytes.push_str(&format!("{:x}\r\n{}\r\n", part.len(), String::from_utf8_lossy(part)));
    }
    bytes.push_str("0\r\n\r\n");
    for byte in bytes.as_bytes() {
        wire.send(&[*byte]);
    }
    let answer = wire.receive().unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.body.starts_with(r#"{"calldata":"0x26121ff0""#), "{}", answer.body);
}

#[test]
fn a_client_that_waits_for_a_hundred_gets_one() {
    let scene = Scene::new();
    let mut wire = Wire::open(&scene.sandbox.base_url());
    let head = format!(
        "POST /v1/sessions HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Master-Password: {}\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n",
        scene.sandbox.master_password()
    );
    wire.send(head.as_bytes());
    assert_eq!(wire.receive().unwrap().status, 100);
    wire.send(b"{}");
    assert_eq!(wire.receive().unwrap().code(), "ACTION_VALIDATION_FAILED");
}

#[test]
fn broken_http_is_answered_and_the_connection_ended() {
    let scene = Scene::new();
    let long = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", "h".repeat(100_000));
    let table: [(&[u8], u16); 8] = [
        (b"\r\n\r\nnonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/3\r\nHost: h\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab", 400),
        (b"GET / HTTP/1.1\r\nHost", 400),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 999999999\r\n\r\n", 413),
        (long.as_bytes(), 431),
    ];
    for (bytes, status) in table {
        let mut wire = Wire::open(&scene.sandbox.base_url());
        wire.send(bytes);
        wire.close_sending();
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
        assert_eq!(wire.receive().map(|answer| answer.status), Some(status), "{shown}");
        assert!(wire.ends(), "{shown}");
    }
    assert_eq!(scene.ask("GET", "/health", &[], "").status, 200);
}

#[test]
fn sixty_four_connections_are_served_at_once() {
    let scene = Scene::new();
    let barrier = Barrier::new(64);
    let bytes = request("GET", "/health", &[], "");
    thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| {
                let mut wire = Wire::open(&scene.sandbox.base_url());
                barrier.wait();
                for _ in 0..10 {
                    wire.send(&bytes);
                    assert_eq!(wire.receive().unwrap().status, 200);
                }
            });
        }
    });
    assert_eq!(scene.sandbox.ledger().tally.requests["GET /health"], 640);
}

#[test]
fn it_stops_promptly_whatever_its_clients_do() {
    let scene = Scene::new();
    let base_url = scene.sandbox.base_url();
    scene.sandbox.inject(Fault::new(FaultKind::Hang).on("GET", "/v1/nonce"));
    scene.sandbox.inject(Fault::new(FaultKind::Slow { ms: 60_000 }).on("GET", "/v1/skills"));
    let mut wires = Vec::new();
    for bytes in [
        request("GET", "/v1/nonce", &[], ""),
        request("GET", "/v1/skills/wallet", &[], ""),
        b"GET /half".to_vec(),
        Vec::new(),
    ] {
        for _ in 0..8 {
            let mut wire = Wire::open(&base_url);
            wire.send(&bytes);
            wires.push(wire);
        }
    }
    // The hanging ones are counted after they were read, so this one comes after them on the accepting thread.
    assert_eq!(scene.ask("GET", "/health", &[], "").status, 200);
    let began = Instant::now();
    scene.sandbox.stop();
    assert!(began.elapsed() < PROMPT, "{:?}", began.elapsed());
    assert!(Wire::try_open(&base_url).is_err());
    for wire in &mut wires {
        assert!(wire.receive().is_none());
    }
}
