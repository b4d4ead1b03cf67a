//! Kills the real binary, and fails its system calls, in the middle of renewals. `scripts/crash` calls it.
//!
//! - `random N`: N times SIGKILL at a random instant; every phase of a renewal must have been hit.
//! - `syscalls`: SIGKILL at every system call of the renewal's transaction, one after the other.
//! - `errnos`: every error at every file operation of it, once and lasting.
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
mod strace;
mod syscalls;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use random::Phase;

/// Scenes played at once. Most of each is waiting, for the disk or for a token to become due.
pub(crate) const WORKERS: usize = 16;

/// Traced scenes played at once. Nearly all of each is waiting for a token to become due.
pub(crate) const TRACED_AT_ONCE: usize = 32;

/// Violations printed in full.
const SHOWN_MAX: usize = 10;

/// From so many kills on every phase must have been hit. Fewer may miss one of a few microseconds.
const EVERY_PHASE_FROM: usize = 1000;

/// What came of it all.
#[derive(Default)]
pub(crate) struct Report {
    phases: BTreeMap<Phase, (u64, u64)>,
    outlived: u64,
    violations: Vec<String>,
}

impl Report {
    fn killed(&mut self, phase: Phase, lost: bool) {
        let (hits, losses) = self.phases.entry(phase).or_default();
        *hits += 1;
        *losses += u64::from(lost);
    }

    fn lost_late(&mut self, phase: Phase) {
        self.phases.entry(phase).or_default().1 += 1;
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
        println!("usage: crash PROGRAM [random N] [syscalls [TIMES]] [errnos [CELLS]] [seed N]");
        return ExitCode::from(2);
    };
    let program = Path::new(program);
    let number_after = |word: &str| {
        let at = campaigns.iter().position(|argument| argument == word)?;
        campaigns.get(at + 1)?.parse::<u64>().ok()
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let seed = number_after("seed").unwrap_or(now.as_secs());
    let report = Mutex::new(Report::default());
    let begun = Instant::now();

    if let Some(kills) = number_after("random") {
        let kills = usize::try_from(kills).unwrap();
        random::run(program, kills, seed, &report);
        print_phases(&mut report.lock().unwrap(), kills, seed);
    }
    if campaigns.iter().any(|word| word == "syscalls") {
        syscalls::run(program, usize::try_from(number_after("syscalls").unwrap_or(1)).unwrap(), &report);
    }
    if campaigns.iter().any(|word| word == "errnos") {
        errnos::run(program, number_after("errnos").and_then(|n| usize::try_from(n).ok()), &report);
    }
    let report = report.into_inner().unwrap();
    println!("{} violations, {:.0} s", report.violations.len(), begun.elapsed().as_secs_f64());
    if report.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn print_phases(report: &mut Report, kills: usize, seed: u64) {
    println!("SIGKILL at random instants, seed {seed}");
    let mut unhit = Vec::new();
    let (mut all, mut lost) = (0, 0);
    for (phase, name) in Phase::ALL {
        let (hits, losses) = report.phases.get(&phase).copied().unwrap_or_default();
        println!("  {name:<42} {hits:>6}");
        (all, lost) = (all + hits, lost + losses);
        unhit.extend((hits == 0).then_some(name));
    }
    println!("  {:<42} {all:>6}", "all");
    println!(
        "  permitted losses (committed, answer not on our disk): {lost}; followed to the token's end: {}",
        report.outlived
    );
    if !unhit.is_empty() && kills >= EVERY_PHASE_FROM {
        report.violation(format!("phases never hit: {}", unhit.join("; ")));
    }
}
