//! The undisturbed run: tokens that live for seconds, calls all the time, and nothing ever fails.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use super::daemon::{Claims, Daemon};
use super::player::Player;

/// How long the run takes, in seconds, unless `WAIAAS_TEST_SECONDS` says otherwise.
const RUN_S: u64 = 8;

/// Life of a token, in seconds, unless `WAIAAS_TEST_TTL` says otherwise. Even, because the daemon counts whole seconds:
/// 60 % of 3 s end in its second second, which is before its half.
const TTL_S: u64 = 4;

/// Processes that share a token file.
const PROCESSES: usize = 4;

fn setting(variable: &str, usual: u64) -> u64 {
    #[expect(clippy::disallowed_methods, reason = "a switch of the tests, not of the program")]
    let said = std::env::var(variable);
    said.map_or(usual, |text| text.parse().unwrap_or_else(|_| panic!("{variable}={text}: whole seconds")))
}

/// The least number of renewals in a run: one every 60 % of a life, each a second late by whole seconds.
fn renewals_min(run_s: u64, ttl_s: u64) -> u64 {
    (run_s - ttl_s).div_ceil(ttl_s * 6 / 10 + 1)
}

#[test]
fn a_session_renews_itself_and_no_call_fails() {
    let (run_s, ttl_s) = (setting("WAIAAS_TEST_SECONDS", RUN_S), setting("WAIAAS_TEST_TTL", TTL_S));
    let daemon = Daemon::start(ttl_s);
    let mut player = Player::of(&daemon);
    let (mut calls, mut failures, mut slowest) = (0_u64, Vec::new(), Duration::ZERO);
    while player.now() < Duration::from_secs(run_s) {
        let outcome = player.balance();
        calls += 1;
        slowest = slowest.max(outcome.took);
        if !outcome.is_balance() {
            failures.push(outcome);
        }
        // Memory first, the file second: the file must never be behind.
        let held = player.status()["expiresAt"].as_i64().expect("a token with an end");
        assert!(held <= Claims::of(&daemon.token()).expires_at, "the token file is behind the memory");
        player.pause(Duration::from_millis(20));
    }
    let ledger = daemon.ledger();
    println!(
        "{run_s} s, tokens of {ttl_s} s: {calls} calls, {} failed, {} renewals, slowest call {:.1} ms",
        failures.len(),
        ledger.renewals_granted(),
        slowest.as_secs_f64() * 1000.0,
    );
    assert!(failures.is_empty(), "calls failed: {failures:#?}");
    let least = renewals_min(run_s, ttl_s).max(3);
    assert!(ledger.renewals_granted() >= least, "{} renewals, not {least}", ledger.renewals_granted());
    ledger.assert_undisturbed();

    let mode = fs::metadata(daemon.token_file()).expect("a token file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let ended = player.end();
    assert_eq!(ended.code, Some(0));
    let mut names: Vec<_> = fs::read_dir(daemon.data_dir())
        .expect("a directory")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["mcp-token", "mcp-token.lock"]);

    let cycle = ["renewal.attempt", "renewal.succeeded", "renewal.scheduled"];
    let granted = usize::try_from(ledger.renewals_granted()).expect("few");
    let told: Vec<String> = ended.printed.events();
    let expected: Vec<&str> =
        ["session.loaded", "renewal.scheduled"].into_iter().chain(cycle.repeat(granted)).collect();
    assert_eq!(told[..expected.len()], expected, "{}", ended.printed.stderr.join("\n"));
}

pub(crate) fn several_processes_on_one_file() {
    let daemon = Daemon::start(TTL_S);
    let mut players: Vec<Player> = (0..PROCESSES).map(|_| Player::of(&daemon)).collect();
    while players[0].now() < Duration::from_secs(RUN_S) {
        for (number, player) in players.iter_mut().enumerate() {
            player.balance().assert_balance(&format!("process {number}"));
            player.pause(Duration::from_millis(10));
        }
    }
    let ledger = daemon.ledger();
    ledger.assert_undisturbed();
    let cycles = ledger.renewals_granted();
    assert!((3..=RUN_S).contains(&cycles), "{cycles} renewals by {PROCESSES} processes in {RUN_S} s");
    // Each token that one of them was granted was adopted by the others.
    let news = players
        .iter_mut()
        .map(|player| player.times_told("renewal.succeeded") + player.times_told("reload.adopted"));
    let least = usize::try_from(cycles).expect("few") - 1;
    for (number, news) in news.enumerate() {
        assert!(news >= least, "process {number} took {news} of {cycles} new tokens");
    }
}
