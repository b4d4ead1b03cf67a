//! Cycle after cycle: sixteen processes wake together, one renews, the others adopt.

use std::fmt;
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::fleet::{Ended, Fleet, Life, PROCESSES, until};
use crate::serve::is_event;

/// The shortest life with which 60 % end in the second half, by the whole seconds of the daemon: a cycle of two.
const LIFE: Life = Life { ttl_s: 4, age_s: 0 };

/// How long a cycle may take at most, on the loaded machine of a stranger. A token that is not renewed ends sooner.
const CYCLE_TIME_MAX: Duration = Duration::from_secs(10);

/// For how long the last token is given to be adopted by everybody.
const ADOPTION_TIME_MAX: Duration = Duration::from_secs(3);

/// Violations told of one fleet.
const TOLD_MAX: usize = 5;

/// What all fleets came to.
#[derive(Default)]
pub(crate) struct Found {
    fleets: u64,
    /// Tokens that were granted.
    cycles: u64,
    /// Renewals that were asked for.
    requests: u64,
    calls: u64,
    failed: usize,
    /// By the daemon, because of the token.
    refused: u64,
    pub(crate) violations: Vec<String>,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let per_cycle = self.requests as f64 / self.cycles.max(1) as f64;
        write!(
            f,
            "{} x {PROCESSES} processes, {} cycles, {} renewal requests ({per_cycle:.3} a cycle), {} calls, {} failed, \
             {} refused by the daemon",
            self.fleets, self.cycles, self.requests, self.calls, self.failed, self.refused
        )
    }
}

/// So many cycles in all, by so many fleets side by side.
pub(crate) fn run(program: &Path, cycles: u64, fleets: u64) -> Found {
    let share = cycles.div_ceil(fleets.max(1));
    let ended: Vec<Ended> = thread::scope(|scope| {
        let running: Vec<_> = (0..fleets.max(1)).map(|_| scope.spawn(move || one(program, share))).collect();
        running.into_iter().map(|fleet| fleet.join().unwrap()).collect()
    });
    let mut found = Found::default();
    for fleet in &ended {
        found.add(fleet, share);
    }
    found
}

fn one(program: &Path, cycles: u64) -> Ended {
    let fleet = Fleet::launch(program, LIFE);
    let limit = CYCLE_TIME_MAX.saturating_mul(cycles.try_into().unwrap_or(u32::MAX));
    let granted = || fleet.sandbox.ledger().tally.renewals_granted;
    // A fleet that lost its session goes no further, and is judged by what it has done.
    let is_lost = || fleet.failed() > PROCESSES * TOLD_MAX;
    until(limit, || granted() >= cycles || is_lost());
    let newest = granted();
    until(ADOPTION_TIME_MAX, || granted() > newest || is_lost());
    fleet.end()
}

impl Found {
    fn add(&mut self, fleet: &Ended, cycles: u64) {
        let tally = &fleet.ledger.tally;
        let refused: u64 = tally.renewals_refused.values().sum();
        self.fleets += 1;
        self.cycles += tally.renewals_granted;
        self.requests += tally.renewals_granted + refused;
        self.calls += fleet.calls;
        self.failed += fleet.failures.len();
        self.refused += tally.calls_refused;
        self.violations.extend(violations(fleet, cycles));
    }
}

fn violations(fleet: &Ended, cycles: u64) -> Vec<String> {
    let tally = &fleet.ledger.tally;
    let mut found = Vec::new();
    if tally.renewals_granted < cycles {
        found.push(format!("{} cycles instead of {cycles}", tally.renewals_granted));
    }
    if !tally.renewals_refused.is_empty() {
        found.push(format!("more than one request in a cycle: refused {:?}", tally.renewals_refused));
    }
    if tally.calls_refused > 0 {
        found.push(format!("{} calls were refused", tally.calls_refused));
    }
    found.extend(fleet.failures.iter().take(TOLD_MAX).map(|what| format!("a call came to {what}")));
    // The last cycle may be under way in some of them.
    let least = usize::try_from(tally.renewals_granted).unwrap().saturating_sub(2);
    for (number, log) in fleet.logs.iter().enumerate() {
        let is_news =
            |line: &&String| is_event(line, "renewal.succeeded") || is_event(line, "reload.adopted");
        let news = log.iter().filter(is_news).count();
        if news < least {
            found.push(format!("process {number} took {news} of {} new tokens", tally.renewals_granted));
        }
    }
    found
}
