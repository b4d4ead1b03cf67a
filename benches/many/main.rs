//! Sixteen processes of the real binary on one token file. `scripts/many` calls it.
//!
//! - `cycles N [fleets F]`: N renewals, by F fleets side by side, each with a daemon and a token file of its own: one
//!   request a cycle, and no call ever fails.
//! - `control PROGRAM`: the same for a few cycles with a program that takes no lock: it must fail, or `cycles` proves
//!   nothing.
//! - `holders N`: N times each, the process that holds the lock is killed, stopped, stopped and killed, and stopped
//!   beyond the end of the token.
//!
//! What is true is judged by the daemon's ledger (a sandbox in this process) and by what calls came to. Exits 1 on any
//! violation.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test program reads clocks and files, prints, and ends at the first surprise of its own"
)]

mod cycles;
mod fleet;
mod holders;
#[path = "../support/serve.rs"]
#[allow(dead_code, reason = "the other campaigns use more of it")]
mod serve;

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

/// Cycles of the run that must fail.
const CONTROL_CYCLES: u64 = 5;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let Some((program, campaigns)) = arguments.split_first() else {
        println!("usage: many PROGRAM [cycles N [fleets F]] [control PROGRAM] [holders N]");
        return ExitCode::from(2);
    };
    let program = Path::new(program);
    let after = |word: &str| {
        let at = campaigns.iter().position(|argument| argument == word)?;
        campaigns.get(at + 1)
    };
    let number_after = |word: &str| after(word).and_then(|text| text.parse::<u64>().ok());
    let begun = Instant::now();
    let mut violations = Vec::new();

    if let Some(cycles) = number_after("cycles") {
        let found = cycles::run(program, cycles, number_after("fleets").unwrap_or(1));
        println!("{found}");
        violations.extend(found.violations);
    }
    if let Some(control) = after("control") {
        let found = cycles::run(Path::new(control), CONTROL_CYCLES, 1);
        println!("control without the lock: {found}");
        if found.violations.is_empty() {
            violations
                .push("the control without the lock came out well: this campaign sees nothing".to_owned());
        }
    }
    if let Some(rounds) = number_after("holders") {
        violations.extend(holders::run(program, rounds));
    }
    for violation in &violations {
        println!("VIOLATION {violation}");
    }
    println!("{} violations, {:.0} s", violations.len(), begun.elapsed().as_secs_f64());
    if violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
