//! An action is called before the daemon has said which there are, as whoever starts a process for each call does always.

use std::time::Duration;

use crossbeam_channel::after;
use serde_json::{Value, json};

use super::peer::{Asked, Peer, Reply};
use super::{assert_unanswered, cancel};
use crate::Scene;
use crate::daemon::{Daemon, program, until};
use crate::outcome::{Outcome, outcome};
use crate::player::{Player, pointed_at};

/// How long the daemon takes to name its actions where it takes its time.
const SLOW: Duration = Duration::from_millis(700);

/// The longest wait for them, and the answer.
const WAIT_TIME_MAX: Duration = Duration::from_millis(3500);

const PROVIDERS: &str = r#"{"providers":[{"name":"p","mcpExpose":true,"actions":[{"name":"a"}]}]}"#;

pub(crate) const SCENES: &[Scene] = &[
    ("an action called right after the handshake is called", called),
    ("an action called in the very first line is called", first_line),
    ("an action that the daemon does not know is unknown once it has said so", unknown),
    ("an action of a daemon that hangs is not unknown", hangs),
    ("an action of a daemon that is down is not unknown, and is called once it is up", down_then_up),
    ("an action without a token is not unknown, and is called once there is one", without_token),
    ("an action with a token that is refused is not unknown", refused),
    ("an action is called with the token that came into the file meanwhile", replaced),
    ("an action of a locked daemon is not unknown", || {
        told(503, r#"{"code":"SYSTEM_LOCKED","message":"m"}"#, |outcome| {
            assert_eq!((outcome.status(), outcome.is_error), ("kill_switch_active", false), "{outcome:?}");
        })
    }),
    ("an action of a daemon that has been asked too often is not unknown", || {
        told(429, r#"{"code":"RATE_LIMITED","message":"m","retryable":true}"#, |outcome| {
            assert_eq!(outcome.body["code"], "RATE_LIMITED", "{outcome:?}");
            assert!(outcome.is_error);
        })
    }),
    ("an action of a daemon whose list cannot be read is not unknown", || {
        told(200, "[]", |outcome| outcome.assert_unavailable("an unreadable list"))
    }),
    ("an action that is cancelled before the actions are known is not called", cancelled),
    ("an action is called although stdin ends before the actions are known", ended),
    ("an action of a daemon that hangs is answered when stdin ends", ended_in_vain),
    ("an action with a token that is refused is told so although stdin ends", ended_refused),
    ("an action that the configuration hides is not waited for longer than needed", hidden),
    ("an action under a wrong configuration is told what is wrong", misconfigured),
    ("64 actions at once are all called", many),
];

/// A daemon with one action, whose list comes late.
fn slow(asked: &Asked) -> Reply {
    if asked.line.contains("/v1/actions/providers") {
        let _ = after(SLOW).recv();
    }
    good(asked)
}

fn good(asked: &Asked) -> Reply {
    Some((
        200,
        if asked.line.contains("/v1/actions/providers") { PROVIDERS } else { r#"{"id":"t"}"# }.to_owned(),
    ))
}

fn assert_called(outcome: &Outcome, peer: &Peer) {
    assert_eq!(outcome.text, r#"{"id":"t"}"#, "{outcome:?}");
    assert_eq!(peer.times_asked("POST /v1/actions/p/a"), 1);
}

/// The answer is the error of the protocol that says that there is no such tool.
fn assert_unknown(answer: &Value) {
    assert_eq!(answer["error"]["code"], -32602, "{answer}");
    assert!(
        answer["error"]["message"].as_str().is_some_and(|text| text.contains("Unknown tool")),
        "{answer}"
    );
}

fn called() {
    let peer = Peer::start(slow);
    let mut player = peer.player(&[]);
    assert_called(&player.call("action_p_a", json!({})), &peer);
}

fn first_line() {
    let peer = Peer::start(slow);
    let mut player = Player::start(&mut peer.command());
    let meta = json!({ "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {} });
    let answer =
        player.request("tools/call", json!({ "name": "action_p_a", "arguments": {}, "_meta": meta }));
    assert_called(&outcome(&answer), &peer);
}

fn unknown() {
    let peer = Peer::start(slow);
    let mut player = peer.player(&[]);
    for _ in 0..2 {
        assert_unknown(&player.request("tools/call", json!({ "name": "action_p_b", "arguments": {} })));
    }
    assert_unknown(&player.request("tools/call", json!({ "name": "no_action", "arguments": {} })));
    assert_eq!(peer.times_asked("/v1/actions/providers"), 1, "it has said so");
}

fn hangs() {
    let peer = Peer::start(|asked| if asked.line.contains("/providers") { None } else { good(asked) });
    let mut player = peer.player(&[]);
    let outcome = player.call("action_p_a", json!({}));
    outcome.assert_unavailable("a daemon that hangs");
    assert!(outcome.took < WAIT_TIME_MAX, "{:?}", outcome.took);
    player.ping();
}

fn down_then_up() {
    let daemon = Daemon::start(300);
    daemon.go_down_for(Duration::from_secs(2));
    let mut player = Player::of(&daemon);
    for time in ["first", "second"] {
        player.call("action_across_bridge_limits", json!({})).assert_unavailable(time);
    }
    until("the daemon is up", || daemon.listens());
    // It need not be one that comes to something, only one that the daemon has answered.
    let answer =
        player.request("tools/call", json!({ "name": "action_across_bridge_limits", "arguments": {} }));
    let told = outcome(&answer);
    assert!(!["daemon_unavailable", "session_expired"].contains(&told.status()), "{told:?}");
    assert_unknown(&player.request("tools/call", json!({ "name": "action_p_a", "arguments": {} })));
}

fn without_token() {
    let peer = Peer::start(good);
    peer.remove_token();
    let mut player = peer.player(&[]);
    for time in ["first", "second"] {
        player.call("action_p_a", json!({})).assert_session_expired(time);
    }
    peer.put_token("s-2");
    assert_called(&player.call("action_p_a", json!({})), &peer);
}

const REFUSAL: &str = r#"{"code":"INVALID_TOKEN","message":"m","retryable":false}"#;

fn refused() {
    let peer = Peer::start(|_| Some((401, REFUSAL.to_owned())));
    let mut player = peer.player(&[]);
    player.call("action_p_a", json!({})).assert_session_expired("a token that is refused");
}

fn replaced() {
    let peer =
        Peer::start(
            |asked| {
                if asked.session == "s-1" { Some((401, REFUSAL.to_owned())) } else { good(asked) }
            },
        );
    let mut player = peer.player(&[]);
    // The look has met the refusal, and nobody has read the file since.
    peer.wait_for("/v1/actions/providers");
    player.pause(Duration::from_millis(200));
    peer.put_token("s-2");
    assert_called(&player.call("action_p_a", json!({})), &peer);
}

/// The daemon says this instead of its list.
fn told(status: u16, body: &'static str, judge: fn(&Outcome)) {
    let peer = Peer::start(move |_| Some((status, body.to_owned())));
    let mut player = peer.player(&[]);
    judge(&player.call("action_p_a", json!({})));
    judge(&player.call("action_p_a", json!({})));
}

fn cancelled() {
    let peer = Peer::start(slow);
    let mut player = peer.player(&[]);
    let call = player.send_call("action_p_a", json!({}));
    cancel(&mut player, call);
    player.request("tools/list", json!({}));
    player.pause(Duration::from_millis(300));
    assert_eq!(peer.times_asked("POST "), 0);
    assert_unanswered(player);
}

fn ended() {
    let peer = Peer::start(slow);
    let mut player = peer.player(&[]);
    let call = player.send_call("action_p_a", json!({}));
    let ended = player.end();
    let answer = ended.unread.iter().find(|message| message["id"] == call).expect("an answer");
    assert_called(&outcome(answer), &peer);
    assert_eq!((ended.code, ended.answers().len()), (Some(0), 1));
}

fn ended_in_vain() {
    let peer = Peer::start(|_| None);
    let mut player = peer.player(&[]);
    let calls: Vec<u64> = (0..3).map(|_| player.send_call("action_p_a", json!({}))).collect();
    let ended = player.end();
    for call in calls {
        let answer = ended.unread.iter().find(|message| message["id"] == call).expect("an answer");
        outcome(answer).assert_unavailable("at the end");
    }
    assert!(ended.took < Duration::from_secs(3), "{:?}", ended.took);
    assert_eq!((ended.code, ended.answers().len()), (Some(0), 3));
}

fn ended_refused() {
    let peer = Peer::start(|_| Some((401, REFUSAL.to_owned())));
    let mut player = peer.player(&[]);
    let call = player.send_call("action_p_a", json!({}));
    let ended = player.end();
    let answer = ended.unread.iter().find(|message| message["id"] == call).expect("an answer");
    outcome(answer).assert_session_expired("at the end");
    assert_eq!((ended.code, ended.answers().len()), (Some(0), 1));
}

fn hidden() {
    let peer = Peer::start(slow);
    let call = |more: (&str, &str)| {
        let mut player = peer.player(&[more]);
        let before = player.now();
        let answer = player.request("tools/call", json!({ "name": "action_p_a", "arguments": {} }));
        let message = answer["error"]["message"].as_str().expect("an error").to_owned();
        assert!(message.contains("switched off"), "{answer}");
        (message, player.now() - before)
    };
    let (_, took) = call(("WAIAAS_MCP_TOOLSETS", "core"));
    assert!(took < SLOW, "there is nothing to wait for: {took:?}");
    let (message, _) = call(("WAIAAS_MCP_READ_ONLY", "1"));
    assert!(message.contains("WAIAAS_MCP_READ_ONLY"), "{message}");
    let (message, _) = call(("WAIAAS_MCP_TOOLSETS", "actions:q"));
    assert!(message.contains("actions:p"), "{message}");
    assert_eq!(peer.times_asked("POST "), 0);
}

fn misconfigured() {
    let mut command = program();
    pointed_at(&mut command, "ftp://127.0.0.1", "/nonexistent");
    let mut player = Player::start(&mut command);
    player.initialize();
    let told = player.call("action_p_a", json!({}));
    assert_eq!(told.body["code"], "CONFIGURATION_ERROR", "{told:?}");
    assert!(told.is_error && told.took < SLOW, "{told:?}");
}

fn many() {
    let peer = Peer::start(slow);
    let mut player = peer.player(&[]);
    let calls: Vec<u64> = (0..64).map(|_| player.send_call("action_p_a", json!({}))).collect();
    for call in calls {
        assert_eq!(outcome(&player.answer(call)).text, r#"{"id":"t"}"#);
    }
    assert_eq!(peer.times_asked("POST /v1/actions/p/a"), 64);
}
