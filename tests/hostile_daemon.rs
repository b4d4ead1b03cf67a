//! A daemon that does everything wrong that a daemon can: whatever it does, and to whichever question, each call has one
//! answer of the documented form in time, the program's memory stays small, nothing panics and the token stays secret.
//!
//! The program is the one that is shipped; the daemon is a socket. `WAIAAS_TEST_ROWS=word` plays the rows whose name
//! holds the word.

#![cfg(unix)]
#![allow(clippy::print_stdout, reason = "the figures are shown to whoever wants to see them")]

#[allow(dead_code, reason = "each test program uses a part of the support")]
#[path = "support/daemon.rs"]
mod daemon;
#[path = "hostile_daemon/daemon.rs"]
mod hostile;
#[path = "hostile_daemon/misbehaviours.rs"]
mod misbehaviours;
#[allow(dead_code, reason = "each test program uses a part of the support")]
#[path = "support/outcome.rs"]
mod outcome;
#[allow(dead_code, reason = "each test program uses a part of the support")]
#[path = "support/player.rs"]
mod player;
#[path = "hostile_daemon/rows.rs"]
mod rows;

use std::collections::BTreeMap;
use std::iter;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use waiaas_mcp::time::{Clock as _, SystemClock};

use daemon::{program, until};
use hostile::{HostileDaemon, Victims};
use misbehaviours::{Act, ELSEWHERE, EVIL, Expected, GOOD, Misbehaviour};
use player::{Player, pointed_at};

/// Rows played at the same time. Each of them mostly waits for a timeout of a second.
const ROWS_AT_ONCE: usize = 24;

/// Longest time of a round of calls: a request may take a second and is sent twice at most, and a list waits two for
/// the providers; the rest is for a loaded machine.
const ROUND_TIME_MAX: Duration = Duration::from_secs(10);

/// The longest that the program takes to end when no renewal is in flight.
const END_TIME_MAX: Duration = Duration::from_secs(10);

/// Most memory that the program may ever have had, in KiB.
const MEMORY_KIB_MAX: u64 = 32 * 1024;

/// So many characters of the token in a row are a part of it.
const SLICE_CHARS: usize = 12;

/// Members of a JSON object, as text: some numbers and some depths here are too much for a tree.
type Members = BTreeMap<String, Box<RawValue>>;

/// The most memory that any program of the test has had, in KiB.
static MOST_MEMORY_KIB: AtomicU64 = AtomicU64::new(0);

#[test]
fn every_misbehaviour_comes_to_an_answer_of_the_documented_form() {
    play_all(rows::all(), calls);
}

#[test]
fn no_answer_to_a_renewal_disturbs_the_calls() {
    let rows =
        rows::all().into_iter().filter(|row| !matches!(row.act, Act::Absent | Act::Slam | Act::Ignore));
    play_all(rows.collect(), renewal);
}

fn play_all(rows: Vec<Misbehaviour>, play: fn(&Misbehaviour)) {
    #[expect(clippy::disallowed_methods, reason = "a switch of the tests, not of the program")]
    let word = std::env::var("WAIAAS_TEST_ROWS").unwrap_or_default();
    let rows: Vec<Misbehaviour> = rows.into_iter().filter(|row| row.name.contains(&word)).collect();
    assert!(!word.is_empty() || rows.len() >= 100, "rows are missing");
    let next = AtomicUsize::new(0);
    let next_row = || rows.get(next.fetch_add(1, Ordering::Relaxed));
    let fails = |row: &Misbehaviour| {
        thread::scope(|scope| {
            // A thread for each: its name stands in the message of a failure.
            let scene = thread::Builder::new().name(row.name.clone()).spawn_scoped(scope, || play(row));
            scene.expect("a thread").join().err().map(|_| row.name.clone())
        })
    };
    let failed: Vec<String> = thread::scope(|scope| {
        let stage = || iter::from_fn(next_row).filter_map(fails).collect::<Vec<_>>();
        let stages: Vec<_> = (0..ROWS_AT_ONCE).map(|_| scope.spawn(stage)).collect();
        stages
            .into_iter()
            .flat_map(|stage| stage.join().expect("rows fail in threads of their own"))
            .collect()
    });
    println!("{} rows, at most {} KiB", rows.len(), MOST_MEMORY_KIB.load(Ordering::Relaxed));
    assert!(failed.is_empty(), "{} of {} rows failed: {failed:#?}", failed.len(), rows.len());
}

/// Everything misbehaves.
fn calls(row: &Misbehaviour) {
    let daemon = HostileDaemon::start(row.act.clone(), Victims::All);
    // Who waits for an answer that comes waits long enough for a loaded machine.
    let is_waited_for =
        !matches!(row.expected, Expected::Nothing | Expected::NothingSent | Expected::GoodOrNothing);
    let mut scene = Scene::start(&daemon, 0, if is_waited_for { "10" } else { "1" });
    scene.round(&row.expected);
    let mut rounds = 1;
    if matches!(row.expected, Expected::Answer(_) | Expected::GoodOrNothing) {
        // What a connection kept alive still held must not be taken for the next answer.
        scene.round(&row.expected);
        rounds += 1;
    }
    assert_eq!(daemon.times_asked(ELSEWHERE), 0, "a redirect was followed");
    assert!(daemon.times_asked("POST /v1/transactions/send") <= rounds, "a spend was sent twice");
    let is_told_by_the_daemon = row.name.contains("says the token back");
    scene.end(is_told_by_the_daemon);
}

/// Renewals misbehave, everything else goes well.
fn renewal(row: &Misbehaviour) {
    let daemon = HostileDaemon::start(row.act.clone(), Victims::Renewals);
    // Of a life of an hour fifty minutes are over: it is due.
    let mut scene = Scene::start(&daemon, 3000, "10");
    until("the renewal is asked for", || daemon.times_asked("PUT /v1/sessions/") > 0);
    if !row.act.hangs() {
        let player = &mut scene.player;
        until("the renewal's answer is taken", || {
            let told = player.events();
            told.iter().any(|event| ["renewal.failed", "renewal.succeeded"].contains(&event.as_str()))
        });
    }
    let outcome = scene.player.balance();
    let is_refused = matches!(row.expected, Expected::Session(_) | Expected::GoodOrExpired)
        && outcome.status() == "session_expired";
    assert!(is_refused || outcome.text == GOOD, "{outcome:?}");
    scene.player.ping();
    assert!(
        ["active", "expired", "error"].contains(&scene.player.status()["state"].as_str().unwrap_or_default())
    );
    // A renewal in flight would be waited for.
    daemon.hang_up();
    scene.end(false);
}

struct Scene {
    player: Player,
    token: String,
    directory: tempfile::TempDir,
}

impl Scene {
    /// The program after the handshake, with a token of this age in seconds and an hour's life.
    fn start(daemon: &HostileDaemon, age_s: i64, timeout_s: &str) -> Scene {
        let directory = tempfile::tempdir().expect("a directory");
        let issued = SystemClock::start().now().wall.unix_seconds() - age_s;
        let expires = issued + 3600;
        let claims = format!(
            r#"{{"sub":"hostile-session","jti":"marker-of-the-claims","iat":{issued},"exp":{expires}}}"#
        );
        let token =
            format!("wai_sess_eyJh.{}.bWFya2VyLW9mLXRoZS1zaWduYXR1cmU", URL_SAFE_NO_PAD.encode(claims));
        #[expect(clippy::disallowed_methods, reason = "the test is the operator here")]
        std::fs::write(directory.path().join("mcp-token"), &token).expect("it can be written");
        let mut command = program();
        pointed_at(&mut command, daemon.base_url(), directory.path());
        command.env("WAIAAS_MCP_TIMEOUT", timeout_s).env("WAIAAS_MCP_LOG", "debug");
        let mut player = Player::start(&mut command);
        player.initialize();
        Scene { player, token, directory }
    }

    /// One question of each kind, all at once.
    fn round(&mut self, expected: &Expected) {
        let player = &mut self.player;
        let since = player.now();
        let transfer = json!({
            "to": "0x000000000000000000000000000000000000dEaD", "amount": "1", "network": "ethereum-sepolia",
        });
        let reading = player.send_call("get_balance", json!({ "network": "ethereum-sepolia" }));
        let spending = player.send_call("send_token", transfer);
        let overview = player.send_call("connect_info", json!({}));
        let list = player.send("tools/list", json!({}));
        let resource = player.send("resources/read", json!({ "uri": "waiaas://wallet/balance" }));
        let health = player.send("resources/read", json!({ "uri": "waiaas://system/status" }));
        player.ping();

        assert_call("a read", &player.answer(reading), expected, true);
        assert_call("a spend", &player.answer(spending), expected, false);
        assert_call("the overview", &player.answer(overview), expected, true);
        let answer = player.answer(list);
        let tools = answer["result"]["tools"].as_array().unwrap_or_else(|| panic!("the list: {answer}"));
        assert!(tools.len() >= 60, "{} tools", tools.len());
        let answer = player.answer(resource);
        assert_form("a resource", contents(&answer), expected, true);
        let answer = player.answer(health);
        assert!(members(contents(&answer)).contains_key("session"), "the health: {answer}");
        let took = player.now() - since;
        assert!(took < ROUND_TIME_MAX, "{took:?}");
    }

    /// Ends the program, and looks back at all that it has said.
    fn end(mut self, is_token_told: bool) {
        self.player.ping();
        let memory_kib = most_memory_kib(self.player.process_id());
        MOST_MEMORY_KIB.fetch_max(memory_kib, Ordering::Relaxed);
        let ended = self.player.end();
        assert!(memory_kib <= MEMORY_KIB_MAX, "it had {memory_kib} KiB");
        assert_eq!(ended.code, Some(0));
        assert!(ended.took < END_TIME_MAX, "{:?}", ended.took);
        assert!(ended.answers().is_empty(), "more answers than questions: {:?}", ended.answers());
        // Every line of the log is an event, or this fails.
        let events = ended.printed.events();
        assert!(!events.iter().any(|event| event == "panic"), "{:#?}", ended.printed.stderr);
        let secret = self.token.split_once('.').expect("parts").1;
        let parts: Vec<&str> =
            (0..=secret.len() - SLICE_CHARS).map(|at| &secret[at..at + SLICE_CHARS]).collect();
        let told = |line: &&String| parts.iter().any(|part| line.contains(part));
        assert_eq!(ended.printed.stderr.iter().find(told), None, "the token is logged");
        // What the daemon itself says to the client goes through as it is.
        assert!(is_token_told || !ended.printed.stdout.iter().any(|line| told(&line)), "the token is told");
        drop(self.directory);
    }
}

/// The result of a call.
fn assert_call(what: &str, answer: &Value, expected: &Expected, repeatable: bool) {
    let outcome = outcome::outcome(answer);
    let is_error = assert_form(what, &outcome.text, expected, repeatable);
    assert_eq!(outcome.is_error, is_error, "{what}: {}", shown(&outcome.text));
}

/// The text of a result. Whether it is one of an error.
fn assert_form(what: &str, text: &str, expected: &Expected, repeatable: bool) -> bool {
    let is = |status: &str, retryable: &str, more: &str| {
        let told = members(text);
        let has = |name: &str, value: &str| told.get(name).is_some_and(|found| found.get() == value);
        has("status", &format!("\"{status}\""))
            && has("retryable", retryable)
            && has(more, "true")
            && told.contains_key("message")
    };
    let nothing = || {
        if repeatable {
            is("daemon_unavailable", "true", "network_error")
        } else {
            is("outcome_unknown", "false", "network_error")
        }
    };
    let is_as_expected = match expected {
        Expected::Answer(body) => text == body,
        Expected::Nothing => nothing(),
        Expected::NothingSent => is("daemon_unavailable", "true", "network_error"),
        Expected::GoodOrNothing => text == GOOD || nothing(),
        Expected::Session(_) => is("session_expired", "true", "session_expired"),
        Expected::GoodOrExpired => text == GOOD || is("session_expired", "true", "session_expired"),
        Expected::Echo => text.starts_with('{'),
        Expected::KillSwitch => is("kill_switch_active", "true", "retryable"),
        Expected::Error(code) => {
            let told = members(text);
            let code_told = told.get("code").and_then(|code| serde_json::from_str::<String>(code.get()).ok());
            let has_code = code_told.as_deref() == Some(code) || (code == "THE-TOKEN" && code_told.is_some());
            has_code
                && told["error"].get() == "true"
                && told.contains_key("message")
                && told.contains_key("retryable")
        }
    };
    assert!(is_as_expected, "{what}: expected {expected:?}, got {}", shown(text));
    assert_ne!(text, EVIL, "another question's answer");
    matches!(expected, Expected::Error(_))
}

fn contents(answer: &Value) -> &str {
    answer["result"]["contents"][0]["text"].as_str().unwrap_or_else(|| panic!("no contents: {answer}"))
}

fn members(text: &str) -> Members {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {}", shown(text)))
}

fn shown(text: &str) -> String {
    text.chars().take(300).collect()
}

/// The most memory that a process has had so far; nothing where no one tells.
fn most_memory_kib(process_id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process_id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
