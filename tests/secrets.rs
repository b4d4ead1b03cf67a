//! No token and no password is ever shown: not in an answer, not in the most talkative log, not on a command line.
//!
//! The program is led through everything that has a token in its hands: a start from the environment, renewals, lost
//! and odd answers, a refusal, a file that is spoiled, a configuration with a token in the wrong place.

#![cfg(unix)]

#[allow(dead_code, reason = "each test program uses a part of the support")]
#[path = "support/daemon.rs"]
mod daemon;
#[allow(dead_code, reason = "each test program uses a part of the support")]
#[path = "support/outcome.rs"]
mod outcome;
#[allow(dead_code, reason = "each test program uses a part of the support")]
#[path = "support/player.rs"]
mod player;

use serde_json::json;

use daemon::{Daemon, program};
use player::{Player, Printed, pointed_at};

/// So many characters of a secret in a row are a part of it, and no coincidence.
const SLICE_CHARS: usize = 12;

/// Texts in which no secret may stand, each with its source.
#[derive(Default)]
struct Shown(Vec<(String, String)>);

impl Shown {
    fn add(&mut self, source: &str, text: String) {
        self.0.push((source.to_owned(), text));
    }

    fn add_printed(&mut self, source: &str, printed: &Printed) {
        self.add(&format!("stdout of {source}"), printed.stdout.join("\n"));
        self.add(&format!("stderr of {source}"), printed.stderr.join("\n"));
    }

    #[cfg(target_os = "linux")]
    fn add_command_line(&mut self, source: &str, process_id: u32) {
        let bytes = std::fs::read(format!("/proc/{process_id}/cmdline")).expect("a process that runs");
        assert!(!bytes.is_empty());
        self.add(&format!("command line of {source}"), String::from_utf8_lossy(&bytes).into_owned());
    }

    #[cfg(not(target_os = "linux"))]
    fn add_command_line(&mut self, _source: &str, _process_id: u32) {}

    /// Where which part of a secret stands.
    fn leak(&self, secret: &str) -> Option<String> {
        assert!(secret.is_ascii() && secret.len() >= SLICE_CHARS);
        let mut parts = (0..=secret.len() - SLICE_CHARS).map(|start| &secret[start..start + SLICE_CHARS]);
        parts.find_map(|part| {
            let (source, text) = self.0.iter().find(|(_, text)| text.contains(part))?;
            let line = text.lines().find(|line| line.contains(part))?;
            Some(format!("{part} in {source}: {line}"))
        })
    }
}

#[test]
fn a_leak_would_be_found() {
    let mut shown = Shown::default();
    shown.add("a log", "one\nevent=odd what=456789abcdef\n".to_owned());
    assert!(shown.leak("0123456789abcdefghij").is_some());
    assert_eq!(shown.leak("0123456789abcdeFghij"), None);
}

#[test]
fn no_secret_is_shown_by_any_process() {
    let daemon = Daemon::start(300);
    let mut shown = Shown::default();
    let mut secrets = vec![daemon.password().to_owned(), daemon.token()];

    // From the environment, then from a file that is due at once and is renewed; the first answer is lost, the next
    // ones are odd.
    let bootstrap = daemon.new_session(json!({ "ttl": 300 }));
    let aged = daemon.aged_session(json!({ "ttl": 20 }), 11);
    secrets.extend([bootstrap.token.clone(), aged.token.clone()]);
    spoil(&daemon, "garbage");
    let debug = [("WAIAAS_MCP_LOG", "debug"), ("WAIAAS_SESSION_TOKEN", &*bootstrap.token)];
    let mut player = Player::with(&daemon, &debug);
    player.balance().assert_balance("from the environment");
    daemon.revoke_all();
    let last = daemon.aged_session(json!({ "ttl": 20 }), 13);
    secrets.push(last.token.clone());
    daemon.inject_on_renewals(json!({ "kind": "code", "status": 500, "code": "INTERNAL_ERROR", "times": 1 }));
    daemon.put_token(&last.token);
    player.balance().assert_balance("the call that meets the refusal");
    player.wait_for("renewal.succeeded", 1);
    secrets.push(daemon.token());

    // Every tool, as far as it can be called without arguments, and every resource.
    for (list, method) in [("tools", "tools/call"), ("resources", "resources/read")] {
        let listed = player.request(&format!("{list}/list"), json!({}))["result"][list].clone();
        for item in listed.as_array().expect("a list") {
            let params = json!({ "name": item["name"], "uri": item["uri"], "arguments": {} });
            player.request(method, params);
        }
    }
    for kind in ["garbage", "html", "empty", "cutBody"] {
        daemon.inject(json!({ "kind": kind, "times": 1, "path": "/v1/wallet/balance" }));
        player.balance();
    }

    // Refused, and only half a token to be found.
    daemon.revoke_all();
    spoil(&daemon, &last.token[..last.token.len() - 9]);
    player.balance().assert_session_expired("after everything was revoked");
    shown.add_command_line("serve", player.process_id());
    shown.add_command_line("sandbox", daemon.process_id());
    let ended = player.end();
    assert_eq!(ended.code, Some(0));
    assert!(
        ended.printed.events().iter().any(|event| event == "renewal.decision"),
        "the log is not at debug"
    );
    shown.add_printed("serve", &ended.printed);

    wrong_places(&daemon, &last.token, &mut shown);
    shown.add("stderr of sandbox", daemon.stderr());
    for secret in &secrets {
        assert_eq!(shown.leak(secret), None);
    }
}

/// A token where another value belongs: the complaint must not quote it.
fn wrong_places(daemon: &Daemon, token: &str, shown: &mut Shown) {
    let broken = format!("{token}.more");
    let in_url = format!("http://user:{token}@127.0.0.1:3100");
    let table = [
        ("WAIAAS_WALLET_ID", token),
        ("WAIAAS_MCP_TOOLSETS", token),
        ("WAIAAS_MCP_TIMEOUT", token),
        ("WAIAAS_BASE_URL", token),
        ("WAIAAS_BASE_URL", &in_url),
        ("WAIAAS_SESSION_TOKEN", &broken),
    ];
    for (variable, value) in table {
        let mut command = program();
        pointed_at(&mut command, daemon.base_url(), daemon.data_dir());
        let mut player = Player::start(command.env(variable, value).env("WAIAAS_MCP_LOG", "debug"));
        player.initialize();
        player.balance();
        shown.add_printed(&format!("serve with a wrong {variable}"), &player.end().printed);
        let output = program().arg("tools").env(variable, value).output().expect("the program runs");
        for bytes in [output.stdout, output.stderr] {
            shown
                .add(&format!("tools with a wrong {variable}"), String::from_utf8_lossy(&bytes).into_owned());
        }
    }
}

fn spoil(daemon: &Daemon, text: &str) {
    #[expect(clippy::disallowed_methods, reason = "a careless writer is what is played here")]
    std::fs::write(daemon.token_file(), text).expect("it can be written");
}
