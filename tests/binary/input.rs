//! Input that is wrong: each is answered in the form that the contract gives it, and the server goes on.

use std::net::TcpListener;

use serde_json::{Value, json};

use super::Scene;
use super::daemon::Daemon;
use super::player::{Player, serve};

/// Longer than the longest line that is taken, in bytes.
const LINE_TOO_LONG: usize = 5 * 1024 * 1024;

pub(crate) const SCENES: &[Scene] = &[
    ("lines that are no requests", wrong_lines),
    ("requests that cannot be served", wrong_requests),
    ("many requests in one piece, and one request in many", odd_pieces),
    ("a line without an end that is too long", endless_line),
    ("arguments that no tool takes", wrong_arguments),
    ("no token", || without_a_token(None)),
    ("a token file of garbage", || without_a_token(Some("garbage"))),
    ("no daemon", no_daemon),
    ("a wrong configuration", wrong_configuration),
];

fn wrong_lines() {
    let too_long = [br#"{"jsonrpc":"2.0","id":1,"method":""#, &*vec![b'x'; LINE_TOO_LONG], br#""}"#].concat();
    let table: [(&[u8], i64); 9] = [
        (b"hello", -32700),
        (br#"{"jsonrpc":"2.0","id":1,"method":"ping""#, -32700),
        (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"pi\xff\xfeng\"}", -32700),
        (b"\xff\xfe", -32700),
        (b"\0\0\0\0", -32700),
        (&too_long, -32700),
        (b"42", -32600),
        (b"{}", -32600),
        (br#"{"jsonrpc":"2.0","method":7}"#, -32600),
    ];
    let daemon = Daemon::start(300);
    let mut player = Player::of(&daemon);
    for (line, code) in table {
        let shown = String::from_utf8_lossy(&line[..line.len().min(60)]).into_owned();
        player.say(line);
        let answer = player.message(&shown, |message| !message["error"].is_null());
        assert_eq!(answer["error"]["code"], code, "{shown}: {answer}");
        assert!(answer["error"]["message"].as_str().is_some_and(|text| !text.is_empty()), "{answer}");
        assert!(answer["id"].is_null(), "{shown}: {answer}");
        player.ping();
    }
    // Blank lines are no messages.
    player.say(b"");
    player.say(b" \t\r");
    player.balance().assert_balance("after all of them");
    let ended = player.end();
    assert_eq!((ended.code, ended.answers()), (Some(0), Vec::new()));
}

fn odd_pieces() {
    /// More than a pipe holds, in both directions.
    const PINGS: u64 = 5_000;
    let daemon = Daemon::start(300);
    let mut player = Player::of(&daemon);
    let ping = |id: u64| format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"ping\"}}\n");
    let first = 1_000_000;
    let flood: String = (first..first + PINGS).map(ping).collect();
    player.say_unended(flood.as_bytes());
    for id in first..first + PINGS {
        assert_eq!(player.answer(id)["result"], json!({}));
    }
    for byte in ping(7_000_000).bytes() {
        player.say_unended(&[byte]);
    }
    assert_eq!(player.answer(7_000_000)["result"], json!({}));
    // The longest line that is taken, and the first that is not, are far apart from a usual one.
    let padding = "x".repeat(4 * 1024 * 1024 - 100);
    let answer = player.request("ping", json!({ "padding": padding }));
    assert_eq!(answer["result"], json!({}));
    assert_eq!(player.end().code, Some(0));
}

fn endless_line() {
    let daemon = Daemon::start(300);
    let mut player = Player::of(&daemon);
    player.say_unended(&vec![b'x'; LINE_TOO_LONG]);
    let ended = player.end();
    assert_eq!(ended.code, Some(0));
    let answers = ended.answers();
    assert_eq!((answers.len(), &answers[0]["error"]["code"]), (1, &json!(-32700)), "{answers:?}");
}

fn wrong_requests() {
    let table = [
        ("no/such/method", json!({}), -32601),
        ("tools/call", json!({ "name": "no_such_tool", "arguments": {} }), -32602),
        ("tools/call", json!({}), -32602),
        ("tools/call", json!({ "name": 7 }), -32602),
        ("tools/call", json!([]), -32602),
        ("resources/read", json!({ "uri": "waiaas://no/such/resource" }), -32002),
        ("prompts/get", json!({ "name": "no_such_prompt" }), -32601),
    ];
    let daemon = Daemon::start(300);
    let mut player = Player::of(&daemon);
    for (method, params, code) in table {
        let answer = player.request(method, params.clone());
        assert_eq!(answer["error"]["code"], code, "{method} {params}: {answer}");
        assert!(answer["result"].is_null(), "{answer}");
        player.ping();
    }
    player.balance().assert_balance("after all of them");
}

fn wrong_arguments() {
    let daemon = Daemon::start(300);
    let mut player = Player::of(&daemon);
    let table = [
        ("get_tokens", json!({}), "`network`"),
        ("get_balance", json!({ "network": 7 }), "`network`"),
        ("send_token", json!({ "to": "0x00", "amount": 1.5, "network": "ethereum-sepolia" }), "`amount`"),
        ("get_transaction", json!({ "transaction_id": ["x"] }), "`transaction_id`"),
    ];
    let before = daemon.ledger().0["requests"].clone();
    for (tool, arguments, named) in table {
        let outcome = player.call(tool, arguments.clone());
        assert!(outcome.is_error && outcome.text.contains(named), "{tool} {arguments}: {outcome:?}");
        player.ping();
    }
    // The providers' actions are asked for all the while, by nobody's call.
    let asked = |requests: &Value| {
        let members = requests.as_object().expect("an object").iter();
        members
            .filter(|(route, _)| route.contains("/v1/") && !route.ends_with("/v1/actions/providers"))
            .map(|(route, _)| route.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(asked(&daemon.ledger().0["requests"]), asked(&before), "the daemon was bothered");
    player.balance().assert_balance("after all of them");
}

fn without_a_token(in_file: Option<&str>) {
    let daemon = Daemon::start(300);
    std::fs::remove_file(daemon.token_file()).expect("it was there");
    if let Some(text) = in_file {
        #[expect(clippy::disallowed_methods, reason = "a careless writer is what is played here")]
        std::fs::write(daemon.token_file(), text).expect("it can be written");
    }
    let mut player = Player::of(&daemon);
    for _ in 0..2 {
        player.balance().assert_session_expired("without a token");
        player.ping();
    }
    assert!(player.request("tools/list", json!({}))["result"]["tools"].is_array());
    let told = if in_file.is_some() { "token_file.unusable" } else { "session.missing" };
    player.wait_for(told, 1);
    assert_eq!(player.times_told(told), 1, "{}", player.log());
    assert_eq!(player.end().code, Some(0));
}

fn no_daemon() {
    let daemon = Daemon::start(300);
    // A port that was free a moment ago.
    let nobody = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let mut player = Player::start(serve(&daemon).env("WAIAAS_BASE_URL", format!("http://{nobody}")));
    player.initialize();
    player.balance().assert_unavailable("without a daemon");
    player.ping();
    // Nothing was sent, so nothing can have happened: not even a transfer is in doubt.
    let transfer = json!({
        "to": "0x000000000000000000000000000000000000dEaD", "amount": "1", "network": "ethereum-sepolia",
    });
    player.call("send_token", transfer).assert_unavailable("a transfer without a daemon");
    player.ping();
    assert_eq!(player.end().code, Some(0));
}

fn wrong_configuration() {
    let daemon = Daemon::start(300);
    let base_url = [
        ("WAIAAS_BASE_URL", "http://192.0.2.7:3100"),
        ("WAIAAS_BASE_URL", "http://me:secret@127.0.0.1"),
        ("WAIAAS_BASE_URL", "http://127.0.0.1:3100/#x"),
    ];
    let data_dir = ["$HOME/w", "~/w", "w", "\"/w\"", "%APPDATA%\\w", "${X}/w", " /w"];
    let read_only = ["maybe", "2"];
    let table = base_url
        .into_iter()
        .chain(data_dir.map(|value| ("WAIAAS_DATA_DIR", value)))
        .chain(read_only.map(|value| ("WAIAAS_MCP_READ_ONLY", value)));
    for (variable, value) in table {
        let mut player = Player::start(serve(&daemon).env(variable, value));
        player.initialize();
        let transfer = json!({ "to": "0x00", "amount": "1", "network": "ethereum-sepolia" });
        for outcome in
            [player.balance(), player.call("send_token", transfer), player.call("connect_info", json!({}))]
        {
            assert!(outcome.is_error, "{outcome:?}");
            assert_eq!((&outcome.body["error"], &outcome.body["retryable"]), (&json!(true), &json!(false)));
            assert!(
                outcome.body["message"]
                    .as_str()
                    .is_some_and(|text| text.starts_with(&format!("{variable}: "))),
                "{outcome:?}"
            );
            assert!(outcome.body["hint"].is_string() && !outcome.text.contains("secret"), "{outcome:?}");
        }
        let tools = player.request("tools/list", json!({}))["result"]["tools"].to_string();
        assert!(tools.contains("get_balance"), "{tools}");
        assert_eq!(tools.contains("send_token"), variable != "WAIAAS_MCP_READ_ONLY", "{variable}");
        player.ping();
        assert_eq!(player.end().code, Some(0));
    }
}
