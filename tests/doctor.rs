//! `doctor` on set-ups that are broken in every way that is known, and on one that is well.

#![cfg(unix)]
#![allow(clippy::disallowed_methods, reason = "tests prepare and examine real files")]
#![allow(clippy::print_stdout, reason = "a skipped test says why")]

#[allow(dead_code, reason = "each test program uses a part of the support")]
#[path = "support/console.rs"]
mod console;

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use console::Console;
use serde_json::Value;
use waiaas_mcp::http::base_url::BaseUrl;
use waiaas_mcp::http::client::Http;
use waiaas_mcp::http::{Credential, Method, Request, Transport as _};
use waiaas_mcp::sandbox::{Fault, FaultKind, SessionLimits};
use waiaas_mcp::secret::Token;
use waiaas_mcp::session::lock::{TokenLock, TryLock};

/// Names of all checks but those of clients.
const NAMES: [&str; 21] = [
    "daemon_reachable",
    "loopback_host",
    "daemon_version",
    "daemon_unlocked",
    "clock_difference",
    "data_directory",
    "data_directory_private",
    "data_directory_writable",
    "token_file",
    "token_file_private",
    "lock",
    "leftovers",
    "environment_token",
    "token_present",
    "token_valid",
    "token_accepted",
    "token_renewable",
    "token_limited",
    "wallet",
    "tools_known",
    "keeper",
];

/// A set-up without a fault: one wallet, a session, a client.
fn well() -> Console {
    let console = Console::with_one_wallet();
    console.run(&["setup", "--client", "cursor", "--yes"]).assert_done();
    console
}

/// What `doctor` says: its checks.
fn checks_of(console: &Console, command: &mut Command) -> Vec<Value> {
    let printed = console.finish(command);
    let object: Value = serde_json::from_str(&printed.stdout).unwrap_or_else(|_| panic!("{printed:?}"));
    let checks = object["checks"].as_array().expect("an array").clone();
    let failed = checks.iter().any(|check| check["outcome"] == "failed");
    assert_eq!((printed.code, &object["ok"]), (i32::from(failed), &Value::from(!failed)), "{object}");
    for check in &checks {
        for member in ["name", "outcome", "looked", "found"] {
            assert!(check[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {check}");
        }
        let needs_advice = matches!(check["outcome"].as_str(), Some("failed" | "warning"));
        assert_eq!(check["advice"].is_string(), needs_advice, "{check}");
    }
    let names: Vec<&str> = checks.iter().filter_map(|check| check["name"].as_str()).collect();
    assert!(
        names.starts_with(&NAMES) && names[NAMES.len()..].iter().all(|name| *name == "client"),
        "{names:?}"
    );
    checks
}

fn checks(console: &Console, more: &[&str]) -> Vec<Value> {
    checks_of(console, &mut console.command(&[&["doctor", "--json"], more].concat()))
}

/// `name=outcome` of everything that is not good.
fn troubles(checks: &[Value]) -> Vec<String> {
    let bad = checks.iter().filter(|check| matches!(check["outcome"].as_str(), Some("failed" | "warning")));
    bad.map(|check| {
        format!("{}={}", check["name"].as_str().expect("a name"), check["outcome"].as_str().expect("a word"))
    })
    .collect()
}

#[track_caller]
fn expect(checks: &[Value], troubles_expected: &[&str], words: &str) {
    assert_eq!(troubles(checks), troubles_expected, "{checks:#?}");
    let text =
        checks.iter().map(|check| format!("{} -> {}\n", check["found"], check["advice"])).collect::<String>();
    assert!(text.contains(words), "{words:?} is not in {text}");
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("it is ours");
}

/// Puts a new session's token into the file.
fn put(console: &Console, limits: SessionLimits) -> String {
    let issued = console.sandbox.new_session(limits);
    fs::write(console.token_file(), &issued.token).expect("a file");
    set_mode(&console.token_file(), 0o600);
    issued.id
}

fn code(status: u16, code: &str) -> FaultKind {
    FaultKind::Code { status, code: code.to_owned(), retry_after_s: None }
}

#[test]
fn a_set_up_that_is_well_passes_every_check() {
    let console = well();
    let before = console.names();
    let checks = checks(&console, &[]);
    assert_eq!(troubles(&checks), [""; 0], "{checks:#?}");
    assert_eq!(console.names(), before, "nothing was left");
    let text = console.finish(&mut console.command(&["doctor"]));
    text.assert_done();
    assert!(text.stdout.starts_with("ok       daemon_reachable"), "{text:?}");
    assert!(text.stdout.ends_with("\n22 checks, 0 failed, 0 with a warning\n"), "{text:?}");
    assert!(!text.stdout.contains('\u{1b}') && !text.stdout.contains("->"), "{text:?}");
}

#[test]
fn a_daemon_in_trouble() {
    let console = well();
    let with = |kind: FaultKind, path: &str| {
        console.sandbox.inject(Fault::new(kind).on("GET", path));
        let checks = checks(&console, &[]);
        console.sandbox.heal();
        checks
    };
    expect(&with(code(503, "SYSTEM_LOCKED"), "/v1/connect-info"), &["daemon_unlocked=failed"], "kill switch");
    expect(
        &with(code(503, "KEYSTORE_LOCKED"), "/v1/connect-info"),
        &["daemon_unlocked=failed"],
        "keystore is locked",
    );
    expect(
        &with(FaultKind::Garbage, "/health"),
        &["daemon_reachable=failed"],
        "does not speak like a WAIaaS daemon",
    );
    expect(&with(FaultKind::Html, "/health"), &["daemon_reachable=failed"], "HTTP_502");
    let unknown = with(FaultKind::Empty, "/doc");
    assert!(
        unknown.iter().any(|check| check["name"] == "tools_known" && check["outcome"] == "skipped"),
        "{unknown:#?}"
    );
    console.sandbox.set_clock_offset_s(-3600);
    expect(&checks(&console, &[]), &["clock_difference=warning"], "1 h behind");
    console.sandbox.set_clock_offset_s(0);
    console.sandbox.kill_switch();
    expect(&checks(&console, &[]), &["daemon_unlocked=failed"], "its kill switch was thrown");
    console.sandbox.recover();
    expect(&checks(&console, &[]), &["token_accepted=failed"], "SESSION_REVOKED");
    console.sandbox.go_down();
    expect(&checks(&console, &[]), &["daemon_reachable=failed"], "Start the daemon");
}

/// A proxy or a daemon that is reached by a name it does not know: it answers 503 to everything.
#[test]
fn a_host_that_the_daemon_does_not_know() {
    let console = well();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let server = std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        let (mut stream, _) = listener.accept().expect("a connection");
        let _ = stream.read(&mut [0; 4096]);
        let body = r#"{"code":"SYSTEM_LOCKED","message":"Only localhost access allowed","retryable":false}"#;
        let head = format!(
            "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        let _ = stream.write_all(format!("{head}{body}").as_bytes());
    });
    let checks = checks(&console, &["--base-url", &url]);
    server.join().expect("it answered");
    // The client's entry names the daemon that is there.
    expect(
        &checks,
        &["loopback_host=failed", "client=warning"],
        "answers only to 127.0.0.1, localhost and [::1]",
    );
}

#[test]
fn a_data_directory_in_trouble() {
    let console = well();
    let directory = console.data_dir();
    set_mode(&directory, 0o755);
    expect(&checks(&console, &[]), &["data_directory_private=warning"], "Run `chmod 700");
    set_mode(&directory, 0o777);
    expect(
        &checks(&console, &[]),
        &["data_directory_private=failed"],
        "who writes there can replace your token",
    );
    set_mode(&directory, 0o500);
    if let Some(mut command) = console.bound_command(&["doctor", "--json"]) {
        let checks = checks_of(&console, &mut command);
        expect(&checks, &["data_directory_writable=failed"], "Give this user the right to write");
    }
    set_mode(&directory, 0o700);
    // A full disk, by a limit of zero bytes for every file.
    let mut shell = Command::new("sh");
    shell.args([
        "-c",
        "trap '' XFSZ; ulimit -f 0; exec \"$0\" doctor --json",
        env!("CARGO_BIN_EXE_waiaas-mcp"),
    ]);
    let full = checks_of(&console, &mut console.command_by(shell, &[]));
    expect(&full, &["data_directory_writable=failed"], "Free some space");

    let file = console.home().join("a-file");
    fs::write(&file, "").expect("a file");
    let nowhere = console.home().join("nowhere");
    for (path, words) in [(&file, "it is not a directory"), (&nowhere, "it is not there")] {
        let checks = checks(&console, &["--data-dir", path.to_str().expect("UTF-8")]);
        expect(
            &checks,
            &["data_directory=failed", "token_file=failed", "token_present=failed", "client=warning"],
            words,
        );
    }
    assert!(!nowhere.exists(), "doctor makes nothing");
}

#[test]
fn a_token_file_in_trouble() {
    let console = well();
    let file = console.token_file();
    set_mode(&file, 0o644);
    expect(&checks(&console, &[]), &["token_file_private=warning"], "Run `chmod 600");
    set_mode(&file, 0o666);
    expect(&checks(&console, &[]), &["token_file_private=failed"], "decides which session you use");
    let token = fs::read_to_string(&file).expect("a token");
    let broken = ["token_file=failed", "token_present=failed"];
    fs::remove_file(&file).expect("a file");
    expect(&checks(&console, &[]), &broken, "it is not there");
    fs::write(console.data_dir().join("other"), &token).expect("a file");
    symlink("other", &file).expect("a link");
    expect(&checks(&console, &[]), &broken, "it is a symbolic link");
    fs::remove_file(&file).expect("a link");
    fs::create_dir(&file).expect("a directory");
    expect(&checks(&console, &[]), &broken, "it is a directory");
    fs::remove_dir(&file).expect("it is empty");
    assert!(Command::new("mkfifo").arg(&file).status().expect("mkfifo").success());
    expect(&checks(&console, &[]), &broken, "it is not a regular file");
    fs::remove_file(&file).expect("a pipe");
    fs::write(&file, &token[..token.len() / 2]).expect("a file");
    set_mode(&file, 0o600);
    expect(&checks(&console, &[]), &broken, "Run `waiaas-mcp setup`, which replaces it.");
    fs::File::create(&file).and_then(|file| file.set_len(1 << 30)).expect("a sparse file");
    set_mode(&file, 0o600);
    expect(&checks(&console, &[]), &broken, "it is larger than 64 KiB");
}

#[test]
fn a_session_in_trouble() {
    let console = well();
    let of = |ttl_s| SessionLimits { ttl_s: Some(ttl_s), ..SessionLimits::default() };
    put(&console, SessionLimits::default());
    expect(&checks(&console, &[]), &["token_limited=warning"], "safer than one that never dies");
    let id = put(&console, of(600));
    console.sandbox.revoke(&id);
    expect(&checks(&console, &[]), &["token_accepted=failed"], "SESSION_REVOKED");
    console.sandbox.set_clock_offset_s(-100);
    put(&console, of(60));
    console.sandbox.set_clock_offset_s(0);
    expect(&checks(&console, &[]), &["token_valid=failed", "token_accepted=failed"], "TOKEN_EXPIRED");
    let stranger = Console::new();
    fs::write(console.token_file(), &stranger.sandbox.new_session(of(600)).token).expect("a file");
    expect(&checks(&console, &[]), &["token_accepted=failed"], "INVALID_TOKEN");
    // Of another wallet, and of several.
    put(&console, of(600));
    let other = "01a1f2c4-5b00-7c1e-9d3a-2f6b8e4a7d20";
    let wrong = checks(&console, &["--wallet", other]);
    expect(&wrong, &["token_file=warning", "wallet=failed", "client=warning"], "the session may not use it");
    let several = Console::new();
    several.run(&["setup", "--all", "--client", "cursor", "--yes"]).assert_done();
    expect(&checks(&several, &[]), &["token_present=failed"], "3 wallets have one of their own");
    let wallet_ids = several.sandbox.wallet_ids().map(str::to_owned);
    expect(
        &checks(&several, &["--wallet", &wallet_ids[1]]),
        &["client=warning", "client=warning"],
        "and 01a1f2c4",
    );
    fs::remove_file(several.token_file_of(&wallet_ids[1])).expect("it is there");
    expect(
        &checks(&several, &[]),
        &["token_present=failed", "client=warning"],
        "2 wallets have one of their own",
    );
    fs::write(several.token_file(), {
        let wallet_ids = several.sandbox.wallet_ids().map(str::to_owned).to_vec();
        several.sandbox.new_session(SessionLimits { wallet_ids, ..of(600) }).token
    })
    .expect("a file");
    set_mode(&several.token_file(), 0o600);
    expect(
        &checks(&several, &[]),
        &["wallet=warning", "client=warning"],
        "every call has to name its wallet",
    );
}

#[test]
fn a_token_that_was_renewed_by_somebody_else() {
    let console = well();
    console.sandbox.set_clock_offset_s(-400);
    let id = put(&console, SessionLimits { ttl_s: Some(600), ..SessionLimits::default() });
    console.sandbox.set_clock_offset_s(0);
    let old = fs::read_to_string(console.token_file()).expect("a token");
    let renewal = Request {
        method: Method::Put,
        target: format!("/v1/sessions/{id}/renew"),
        body: None,
        repeatable: false,
    };
    let base_url = BaseUrl::parse(&console.sandbox.base_url()).expect("an address");
    let answer =
        Http::new(base_url).send(&renewal, Credential::Session(&Token::new(old)), Duration::from_secs(10));
    assert_eq!(answer.expect("an answer").status, 200);
    expect(&checks(&console, &[]), &["token_renewable=failed"], "only the latest can be renewed");
}

#[test]
fn locks_leftovers_and_the_environment() {
    let console = well();
    let mut lock = TokenLock::of(&console.token_file());
    assert!(matches!(lock.try_take(), TryLock::Held));
    expect(&checks(&console, &[]), &["lock=warning"], "another process holds it");
    lock.release();
    let lock = console.data_dir().join("mcp-token.lock");
    fs::remove_file(&lock).expect("a file");
    fs::create_dir(&lock).expect("a directory");
    expect(&checks(&console, &[]), &["lock=failed"], "it cannot be opened");
    fs::remove_dir(&lock).expect("it is empty");

    let leftover = console.data_dir().join(".mcp-token.waiaas-mcp-0123456789abcdef");
    let file = fs::File::create(&leftover).expect("a file");
    assert_eq!(troubles(&checks(&console, &[])), [""; 0], "a young one is in use");
    file.set_modified(SystemTime::now() - Duration::from_secs(600)).expect("it is ours");
    expect(&checks(&console, &[]), &["leftovers=warning"], "waiaas-mcp-0123456789abcdef");
    assert!(leftover.exists(), "doctor removes nothing");
    fs::remove_file(&leftover).expect("a file");

    let given = |token: &str| {
        let mut command = console.command(&["doctor", "--json"]);
        checks_of(&console, command.env("WAIAAS_SESSION_TOKEN", token))
    };
    let stranger =
        console.sandbox.new_session(SessionLimits { ttl_s: Some(600), ..SessionLimits::default() });
    expect(&given("garbage"), &["environment_token=failed"], "this is not a session token");
    expect(&given(&stranger.token), &["environment_token=warning"], "another session than the token file");
    fs::remove_file(console.token_file()).expect("a file");
    expect(&given(&stranger.token), &["environment_token=warning"], "because the token file offers none");
}

#[cfg(feature = "setup")]
#[test]
fn clients_in_trouble() {
    let console = well();
    let file = console.home().join(".cursor/mcp.json");
    let (data_dir, url) = (console.data_dir().display().to_string(), console.sandbox.base_url());
    let entry = |command: &str, more: &str| {
        format!(
            r#"{{"mcpServers":{{"waiaas":{{"command":"{command}","args":[],"env":{{"WAIAAS_DATA_DIR":"{data_dir}","WAIAAS_BASE_URL":"{url}"{more}}}}}}}}}"#
        )
    };
    let ours = env!("CARGO_BIN_EXE_waiaas-mcp");
    let token = fs::read_to_string(console.token_file()).expect("a token");
    let with_token = format!(r#","WAIAAS_SESSION_TOKEN":"{token}""#);
    let table = [
        (entry("/nowhere/waiaas-mcp", ""), "client=failed", "there is no /nowhere/waiaas-mcp"),
        (entry("waiaas-mcp", ""), "client=failed", "is in no directory of PATH"),
        (entry(ours, &with_token), "client=failed", "a session token stands in it"),
        (
            entry(ours, r#","WAIAAS_WALLET_ID":"01a1f2c4-5b00-7c1e-9d3a-2f6b8e4a7d20""#),
            "client=warning",
            "WAIAAS_WALLET_ID is 01a1f2c4",
        ),
        (
            r#"{"mcpServers":{"waiaas":{"command":"npx","args":["@waiaas/mcp"]}}}"#.to_owned(),
            "client=warning",
            "it starts the Node program",
        ),
        ("{".to_owned(), "client=warning", "mcp.json: line 1"),
        ("{}".to_owned(), "client=warning", "none names this program"),
    ];
    for (content, trouble, words) in table {
        fs::write(&file, &content).expect("a file");
        expect(&checks(&console, &[]), &[trouble], words);
    }
    let copy = console.home().join("waiaas-mcp");
    fs::write(&copy, "").expect("a file");
    set_mode(&copy, 0o600);
    fs::write(&file, entry(&copy.display().to_string(), "")).expect("a file");
    expect(&checks(&console, &[]), &["client=failed"], "cannot be run");
    fs::write(&file, entry(ours, "")).expect("a file");
    assert_eq!(troubles(&checks(&console, &[])), [""; 0]);
}

#[test]
fn a_session_that_ends_before_its_token_is_told_to_its_operator() {
    let console = well();
    let limits =
        SessionLimits { ttl_s: Some(604_800), absolute_lifetime_s: 1000, ..SessionLimits::default() };
    put(&console, limits);
    let mut command = console.command(&["doctor", "--json"]);
    let checks =
        checks_of(&console, command.env("WAIAAS_MASTER_PASSWORD", console.sandbox.master_password()));
    expect(
        &checks,
        &["token_renewable=failed"],
        "the session's lifetime ends before its token can be renewed",
    );
    let valid = checks.iter().find(|check| check["name"] == "token_valid").expect("the check");
    let found = valid["found"].as_str().expect("text");
    assert!(found.ends_with(", by its session's lifetime") && found.contains("(in 16 min "), "{valid}");
}
