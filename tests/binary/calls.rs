//! What becomes of a call on its way: cancelled, waiting for a renewal, of a tool that is not known yet.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};

use serde_json::{Value, json};

use super::Scene;

#[path = "calls/peer.rs"]
mod peer;

use peer::Peer;

pub(crate) const SCENES: &[Scene] = &[
    ("a spend whose TLS handshake is answered with an alert was not sent", || {
        handshake(|stream| {
            let _ = stream.write_all(&[21, 3, 3, 0, 2, 2, 40]);
        })
    }),
    ("a spend whose TLS handshake is answered with the end was not sent", || handshake(|_| {})),
    ("a spend whose TLS handshake is answered with garbage was not sent", || {
        handshake(|stream| {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        })
    }),
    ("a spend whose TLS handshake is not answered was not sent", || {
        handshake(|stream| {
            let _ = stream.read_to_end(&mut Vec::new());
        })
    }),
    ("a spend that the daemon has read and not answered is an unknown outcome", unanswered),
];

fn transfer() -> Value {
    json!({ "to": "0x000000000000000000000000000000000000dEaD", "amount": "1", "network": "ethereum-sepolia" })
}

/// The peer has got the client's first words, and does this.
fn handshake(answer: fn(&mut TcpStream)) {
    let peer = Peer::bare("https", move |mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        answer(&mut stream);
        let _ = stream.shutdown(Shutdown::Both);
    });
    let mut player = peer.player(&[("WAIAAS_MCP_TIMEOUT", "1")]);
    for (tool, arguments) in
        [("send_token", transfer()), ("sign_message", json!({ "message": "m" })), ("get_address", json!({}))]
    {
        player.call(tool, arguments).assert_unavailable(tool);
    }
    player.ping();
}

fn unanswered() {
    let peer = Peer::start(|_| None);
    let mut player = peer.player(&[("WAIAAS_MCP_TIMEOUT", "1")]);
    let outcome = player.call("send_token", transfer());
    assert_eq!(outcome.status(), "outcome_unknown", "{outcome:?}");
    assert_eq!(peer.times_asked("POST /v1/transactions/send"), 1);
}
