//! Ends the real binary by signals, and fails its system calls, in the middle of renewals. `scripts/crash` calls it.
//!
//! - `random N`: N signals at random instants; every phase of a renewal must have been hit.
//! - `syscalls`: a signal at every system call of the renewal's transaction, one after the other.
//! - `errnos`: every error at every file operation of it, once and lasting.
//! - `signals LIST`: only these, such as `KILL,TERM`.
//!
//! What is true is judged by the ledger of the daemon (a sandbox in this process) and by the files. SIGKILL does not
//! undo what the kernel was given, so no run of this shows that a sync is missing: the simulation does. Exits 1 on any
//! violation.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test program reads clocks and files, prints, and ends at the first surprise of its own"
)]

mod errnos;
#[path = "../../tests/support/prng.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod prng;
mod random;
mod scene;
#[path = "../support/serve.rs"]
mod serve;
mod signals;
mod strace;
mod syscalls;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use random::Phase;
use signals::Signal;

/// Scenes played at once. Most of each is waiting, for the disk or for a token to become due.
pub(crate) const WORKERS: usize = 16;

/// Traced scenes played at once. Nearly all of each is waiting for a token to become due.
pub(crate) const TRACED_AT_ONCE: usize = 64;

/// Violations printed in full.
const SHOWN_MAX: usize = 10;

/// From so many signals on every phase must have been hit; from so many of each kind on, by each kind. Fewer may miss one
/// of a few microseconds.
const EVERY_PHASE_FROM: usize = 2000;

/// What came of it all.
#[derive(Default)]
pub(crate) struct Report {
    hits: BTreeMap<(Signal, Phase), u64>,
    /// Committed, and the answer not on our disk.
    lost: BTreeMap<Signal, u64>,
    /// Found by the next start only: what a killed process had sent was committed after we looked.
    lost_late: u64,
    outlived: u64,
    /// Ended at once by a second signal while an answer was awaited.
    insisted: u64,
    violations: Vec<String>,
}

impl Report {
    fn landed(&mut self, at: (Signal, Phase), lost_by: Option<Signal>) {
        *self.hits.entry(at).or_default() += 1;
        if let Some(signal) = lost_by {
            *self.lost.entry(signal).or_default() += 1;
        }
    }

    fn lost_late(&mut self) {
        self.lost_late += 1;
    }

    fn violation(&mut self, what: String) {
        if self.violations.len() < SHOWN_MAX {
            println!("VIOLATION {what}");
        }
        self.violations.push(what);
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let Some((program, campaigns)) = arguments.split_first() else {
        println!(
            "usage: crash PROGRAM [random N] [syscalls [TIMES]] [errnos [CELLS]] [signals LIST] [seed N]"
        );
        return ExitCode::from(2);
    };
    let program = Path::new(program);
    let after = |word: &str| {
        let at = campaigns.iter().position(|argument| argument == word)?;
        campaigns.get(at + 1)
    };
    let number_after = |word: &str| after(word)?.parse::<u64>().ok();
    let Some(signals) = after("signals").map_or(Some(Signal::ALL.to_vec()), |words| Signal::list(words))
    else {
        println!("signals are KILL, HUP, INT, TERM and QUIT, with commas between them");
        return ExitCode::from(2);
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let seed = number_after("seed").unwrap_or(now.as_secs());
    let report = Mutex::new(Report::default());
    let begun = Instant::now();

    if let Some(wanted) = number_after("random") {
        let wanted = usize::try_from(wanted).unwrap();
        random::run(program, &signals, wanted, seed, &report);
        print_phases(&mut report.lock().unwrap(), &signals, wanted, seed);
    }
    if campaigns.iter().any(|word| word == "syscalls") {
        let times = number_after("syscalls").and_then(|n| usize::try_from(n).ok());
        syscalls::run(program, &signals, times, seed, &report);
    }
    if campaigns.iter().any(|word| word == "errnos") {
        errnos::run(program, number_after("errnos").and_then(|n| usize::try_from(n).ok()), &report);
    }
    let report = report.into_inner().unwrap();
    println!("{} violations, {:.0} s", report.violations.len(), begun.elapsed().as_secs_f64());
    if report.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn print_phases(report: &mut Report, signals: &[Signal], wanted: usize, seed: u64) {
    println!("signals at random instants, seed {seed}");
    let row = |name: &str, cells: Vec<String>| println!("  {name:<42} {}", cells.join(" "));
    let row_of = |name: &str, numbers: &[u64]| row(name, numbers.iter().map(|n| format!("{n:>7}")).collect());
    row("", signals.iter().map(|signal| format!("{:>7}", signal.name())).collect());
    let mut all = vec![0; signals.len()];
    let (mut unhit, mut unhit_by) = (Vec::new(), Vec::new());
    for (phase, name) in Phase::ALL {
        let of = |signal: &Signal| report.hits.get(&(*signal, phase)).copied().unwrap_or(0);
        let hits: Vec<u64> = signals.iter().map(of).collect();
        row_of(name, &hits);
        for (at, signal) in signals.iter().enumerate() {
            all[at] += hits[at];
            unhit_by.extend((hits[at] == 0).then(|| format!("{name} by {}", signal.name())));
        }
        unhit.extend((hits.iter().sum::<u64>() == 0).then(|| name.to_owned()));
    }
    row_of("all", &all);
    let lost: Vec<u64> = signals.iter().map(|signal| report.lost.get(signal).copied().unwrap_or(0)).collect();
    row_of("lost: committed, answer not on our disk", &lost);
    let Report { lost_late, outlived, insisted, .. } = report;
    println!("  committed after a process had died: {lost_late}; followed to the token's end: {outlived}");
    println!("  told a second time while a renewal was awaited, and ended at once: {insisted}");
    let unhit = if wanted / signals.len() >= EVERY_PHASE_FROM { unhit_by } else { unhit };
    if !unhit.is_empty() && wanted >= EVERY_PHASE_FROM {
        report.violation(format!("phases never hit: {}", unhit.join("; ")));
    }
}
