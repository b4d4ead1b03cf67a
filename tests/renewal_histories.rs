//! Every short history of faults: whatever goes wrong, in whatever order, nothing is lost, and once nothing goes
//! wrong any more, all is well again. Prints which pairs of situation and event were stepped.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests print what they covered"
)]

use std::panic::{AssertUnwindSafe, catch_unwind};

mod support;
use support::forks::{Coverage, Forks, LIFE_S};
use support::odometer::Odometer;

/// Long enough after the last fault to notice everything: two lives and a few waits.
const QUIET_MS: i64 = (2 * LIFE_S + 180) * 1000;

/// How a history begins, how many choices are free, and how many of them may be faults.
const BEGINNINGS: [(Option<i64>, usize, usize); 6] = [
    (Some(200), 13, 3),
    (Some(140), 12, 3),
    (Some(0), 13, 2),
    (Some(285), 13, 2),
    (Some(300), 13, 2),
    (None, 9, 2),
];

/// What the renewal can be at, and everything that can happen then. Each answers one action, so no other event can
/// meet it. After a refusal there is no "first token", because one was just refused, and no "later token", because
/// nobody can have renewed what the daemon refuses; a person may have had a copy made.
const LEGAL: [(&str, &[&str]); 17] = [
    ("begin", &["started"]),
    ("idle", &["elapsed", "wanted", "rejected", "rejected late", "shutdown", "a late answer"]),
    (
        "looking",
        &[
            "first token",
            "the same token",
            "a later token",
            "a copy",
            "an earlier token",
            "another session",
            "no file",
            "rubbish",
        ],
    ),
    ("asking the time", &["time asked"]),
    ("introspecting", &["active", "inactive", "unknown"]),
    ("introspecting a leftover", &["active", "inactive", "unknown"]),
    ("locking", &["lock held", "lock timed out", "lock unsupported", "no directory", "lock failed"]),
    ("sweeping", &["nothing swept", "leftover swept"]),
    (
        "looking under the lock",
        &[
            "first token",
            "the same token",
            "a later token",
            "a copy",
            "an earlier token",
            "another session",
            "no file",
            "rubbish",
        ],
    ),
    ("preparing", &["prepared", "not prepared"]),
    (
        "waiting for an answer",
        &[
            "elapsed",
            "wanted",
            "rejected",
            "shutdown",
            "granted",
            "too early",
            "exhausted",
            "superseded",
            "refused",
            "not required",
            "unavailable",
            "locked daemon",
            "misconfigured",
        ],
    ),
    ("sending", &["sent", "not sent"]),
    (
        "looking after a refusal",
        &["the same token", "a copy", "an earlier token", "another session", "no file", "rubbish"],
    ),
    ("storing", &["stored", "stored in place", "somebody else", "not stored"]),
    ("swapping", &["token swapped"]),
    ("unlocking", &["unlocked"]),
    ("stopped", &[]),
];

/// In every published state every wake and every file may be met, but for these.
const STATES: [&str; 3] = ["active", "expired", "error"];
const IMPOSSIBLE: [(&str, &str, &str); 2] = [
    ("active", "first token", "an active state has a token already"),
    ("expired", "first token", "what has expired was a token"),
];

fn assert_covered(coverage: &Coverage) {
    for (situation, events) in LEGAL {
        for event in events {
            assert!(coverage.contains_key(&(situation, *event)), "never stepped: {situation}: {event}");
        }
    }
    let met_while = |situation: &str| LEGAL.iter().find(|(name, _)| *name == situation).unwrap().1.iter();
    for state in STATES {
        for event in met_while("idle").chain(met_while("looking")) {
            let reason = IMPOSSIBLE.iter().find(|(s, e, _)| (*s, *e) == (state, *event)).map(|(.., why)| why);
            let is_met = coverage.contains_key(&(state, *event));
            assert!(is_met != reason.is_some(), "{state}: {event} was met: {is_met}, although {reason:?}");
        }
    }
    for (situation, event) in coverage.keys().filter(|(situation, _)| !STATES.contains(situation)) {
        let listed = LEGAL.iter().any(|(name, events)| name == situation && events.contains(event));
        assert!(listed, "stepped and not in the table: {situation}: {event}");
    }
}

fn one_history(odometer: &mut Odometer, coverage: &mut Coverage, age_s: Option<i64>) -> u64 {
    let mut forks = Forks::new(odometer, coverage, age_s);
    forks.run(QUIET_MS);
    if forks.ended {
        return forks.steps;
    }
    if forks.file_is_good() {
        assert!(forks.serves(), "a good token stands in the file and is not served");
    }
    if forks.can_go_on() {
        let before = forks.daemon.ledger.granted;
        forks.resume(QUIET_MS);
        assert!(forks.serves(), "a session that could be renewed has ended");
        assert!(forks.daemon.ledger.granted > before, "nothing is renewed although all is well");
    }
    forks.steps
}

#[test]
fn after_every_short_history_of_faults_all_is_well_again() {
    let mut coverage = Coverage::new();
    let (mut histories, mut steps) = (0_u64, 0_u64);
    for (age_s, choices_max, faults_max) in BEGINNINGS {
        let mut odometer = Odometer::new(choices_max, faults_max);
        loop {
            let run = catch_unwind(AssertUnwindSafe(|| one_history(&mut odometer, &mut coverage, age_s)));
            match run {
                Ok(taken) => steps += taken,
                Err(panic) => {
                    println!("history {:?} of a token {age_s:?} s old", odometer.history());
                    std::panic::resume_unwind(panic);
                }
            }
            histories += 1;
            if !odometer.turn() {
                break;
            }
        }
    }
    assert_covered(&coverage);
    println!("{histories} histories, {steps} steps, {} pairs of situation and event", coverage.len());
    for ((situation, event), times) in &coverage {
        println!("{times:>10}  {situation}: {event}");
    }
}
