//! What becomes of a call on its way: cancelled, waiting for a renewal, of a tool that is not known yet.

#[cfg(feature = "tls")]
use std::io::{Read as _, Write as _};
#[cfg(feature = "tls")]
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, bounded};
use serde_json::{Value, json};

use super::Scene;
use super::player::Player;

#[path = "calls/actions.rs"]
pub(crate) mod actions;
#[path = "calls/cancelled.rs"]
pub(crate) mod cancelled;
#[path = "calls/peer.rs"]
mod peer;

use peer::{Asked, Peer, Reply};

/// Longest wait for what a scene does by itself.
const GATE_TIME_MAX: Duration = Duration::from_secs(20);

pub(crate) const SCENES: &[Scene] = &[
    #[cfg(feature = "tls")]
    ("a spend whose TLS handshake is answered with an alert was not sent", || {
        handshake(|stream| {
            let _ = stream.write_all(&[21, 3, 3, 0, 2, 2, 40]);
        })
    }),
    #[cfg(feature = "tls")]
    ("a spend whose TLS handshake is answered with the end was not sent", || handshake(|_| {})),
    #[cfg(feature = "tls")]
    ("a spend whose TLS handshake is answered with garbage was not sent", || {
        handshake(|stream| {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        })
    }),
    #[cfg(feature = "tls")]
    ("a spend whose TLS handshake is not answered was not sent", || {
        handshake(|stream| {
            let _ = stream.read_to_end(&mut Vec::new());
        })
    }),
    ("a spend that the daemon has read and not answered is an unknown outcome", unanswered),
    ("a call asks which wallet once the session has a second one", second_wallet),
    ("a token is refused by an error with an object beside its code", || {
        refused_by(r#"{"code":"TOKEN_EXPIRED","message":"m","error":{"name":"Unauthorized"}}"#)
    }),
    ("a token is refused by an error with another code inside it", || {
        refused_by(r#"{"code":"INVALID_TOKEN","message":"m","error":{"code":"UNKNOWN","message":"n"}}"#)
    }),
    ("a token is refused by an error whose outer code is a number", || {
        refused_by(r#"{"code":401,"message":"m","error":{"code":"SESSION_REVOKED","message":"n"}}"#)
    }),
    ("a token is refused by an error inside another", || {
        refused_by(r#"{"status":401,"error":{"code":"AUTH_TOKEN_EXPIRED","message":"n"}}"#)
    }),
];

const WALLET: &str = "01a20238-6332-7cad-839a-3b627b30d86b";

fn transfer() -> Value {
    json!({ "to": "0x000000000000000000000000000000000000dEaD", "amount": "1", "network": "ethereum-sepolia" })
}

/// The peer has got the client's first words, and does this.
#[cfg(feature = "tls")]
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

/// A reply that comes when the scene opens the gate, to requests with this in their first line; the others are
/// answered at once, and well.
fn gated(
    part: &'static str,
    reply: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
) -> (Peer, impl FnOnce()) {
    let (open, gate): (_, Receiver<()>) = bounded(0);
    let peer = Peer::start(move |asked| {
        if asked.line.contains(part) {
            let _ = gate.recv_timeout(GATE_TIME_MAX);
            return reply(asked);
        }
        let is_of_providers = asked.line.contains("/v1/actions/providers");
        Some((200, if is_of_providers { r#"{"providers":[]}"# } else { r#"{"good":true}"# }.to_owned()))
    });
    (peer, move || drop(open))
}

fn cancel(player: &mut Player, id: u64) {
    let params = json!({ "requestId": id });
    let message = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": params });
    player.say(message.to_string().as_bytes());
    // It is heard once what came behind it is answered.
    player.ping();
}

/// Nobody hears of the call any more.
fn assert_unanswered(player: Player) {
    let ended = player.end();
    assert_eq!(ended.code, Some(0), "{:?}", ended.printed.stderr);
    assert!(ended.answers().is_empty(), "{:?}", ended.unread);
}

/// The daemon refuses the first session's token so; the second's is in the file by then.
fn refused_by(body: &'static str) {
    let peer = Peer::start(move |asked| {
        Some(if asked.session == "s-1" {
            (401, body.to_owned())
        } else {
            (200, r#"{"good":true}"#.to_owned())
        })
    });
    let mut player = peer.player(&[]);
    player.status();
    peer.put_token("s-2");
    let outcome = player.call("send_token", transfer());
    assert_eq!(outcome.text, r#"{"good":true}"#, "{outcome:?}");
    assert_eq!(peer.times_asked("POST /v1/transactions/send"), 2);
    player.wait_for("reload.adopted", 1);
}

/// The operator adds it while the program runs, with the same session and the same token.
fn second_wallet() {
    const OTHER: &str = "01a20238-63ed-7046-b399-42367a3cddf8";
    let has_two = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&has_two);
    let peer = Peer::start(move |asked| {
        let wallet = |id: &str| json!({ "id": id, "name": "w" });
        let wallets = if told.load(Ordering::SeqCst) {
            vec![wallet(WALLET), wallet(OTHER)]
        } else {
            vec![wallet(WALLET)]
        };
        let is_overview = asked.line.contains("/v1/connect-info");
        Some((
            200,
            if is_overview { json!({ "wallets": wallets }) } else { json!({ "good": true }) }.to_string(),
        ))
    });
    let mut player = peer.player(&[]);
    for tool in ["waiaas_hl_get_positions", "waiaas_pm_get_pnl"] {
        assert_eq!(player.call(tool, json!({})).text, r#"{"good":true}"#);
    }
    has_two.store(true, Ordering::SeqCst);
    for tool in ["waiaas_hl_get_positions", "waiaas_pm_get_pnl", "list_offchain_actions"] {
        let outcome = player.call(tool, json!({}));
        assert!(outcome.is_error && outcome.body["code"] == "WALLET_ID_REQUIRED", "{outcome:?}");
    }
    assert_eq!(peer.times_asked(WALLET), 2, "nothing is sent to the first");
    assert_eq!(player.call("waiaas_pm_get_pnl", json!({ "wallet_id": OTHER })).text, r#"{"good":true}"#);
}
