//! What happens to the others when the process that holds the lock is killed or stopped in the middle of a renewal.

use std::path::Path;
use std::time::Duration;

use waiaas_mcp::sandbox::{Fault, FaultKind};

use crate::fleet::{Ended, Fleet, Life, Member, PROCESSES, until};

/// A token that becomes due about a second after the start of the slowest process, with eight more to live.
const DUE_SOON: Life = Life { ttl_s: 20, age_s: 8 };

/// One that becomes due at the same time and ends four seconds later.
const SHORT: Life = Life { ttl_s: 10, age_s: 2 };

/// Until the token is due and somebody has asked for a new one.
const HOLDER_TIME_MAX: Duration = Duration::from_secs(15);

/// How long the others may take to renew after the death of the holder. The figure to reach.
const SUCCESSION_TIME_MAX: Duration = Duration::from_secs(1);

/// The same if they had given up waiting for the lock: they try again after 5 s, or a quarter of what is left.
const LATE_SUCCESSION_TIME_MAX: Duration = Duration::from_secs(6);

/// How long a holder stays stopped: longer than anybody waits for the lock, shorter than the token lives.
const STOPPED_FOR: Duration = Duration::from_secs(4);

/// For how long the answer to a renewal is kept back, so that the holder is stopped while it waits.
const ANSWER_LATE_MS: u64 = 1_500;

/// Until everybody serves again.
const RECOVERY_TIME_MAX: Duration = Duration::from_secs(6);

/// A scene, and what it found wrong.
type Scene = fn(&Path) -> Result<String, String>;

const SCENES: [(&str, Scene); 4] = [
    ("the holder is killed while it waits for the answer", killed),
    ("the holder is stopped, and goes on", stopped),
    ("the holder is stopped, and killed", stopped_and_killed),
    ("the holder is stopped beyond the end of the token", stopped_beyond_the_end),
];

/// Each scene so many times; what was violated.
pub(crate) fn run(program: &Path, rounds: u64) -> Vec<String> {
    let mut violations = Vec::new();
    for (name, scene) in SCENES {
        for round in 1..=rounds {
            match scene(program) {
                Ok(told) => println!("{name}, {round} of {rounds}: {told}"),
                Err(what) => violations.push(format!("{name}, round {round}: {what}")),
            }
        }
    }
    violations
}

/// The process that has just told that it asks for a renewal.
fn holder(fleet: &Fleet) -> Result<&Member, String> {
    let mut found = None;
    until(HOLDER_TIME_MAX, || {
        found = fleet.holder().filter(|member| member.times_told("renewal.attempt") > 0);
        found.is_some()
    });
    found.ok_or_else(|| "nobody was found to hold the lock in a renewal".to_owned())
}

fn expect(is_so: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if is_so { Ok(()) } else { Err(what()) }
}

fn nothing_failed(ended: &Ended) -> Result<(), String> {
    let refused = &ended.ledger.tally.renewals_refused;
    expect(refused.is_empty(), || format!("renewals were refused: {refused:?}"))?;
    let calls_refused = ended.ledger.tally.calls_refused;
    expect(calls_refused == 0, || format!("{calls_refused} calls were refused"))?;
    expect(ended.failures.is_empty(), || format!("calls failed: {:?}", ended.failures))
}

fn granted(fleet: &Fleet) -> u64 {
    fleet.sandbox.ledger().tally.renewals_granted
}

/// Its request has not reached the ledger's commit: another one renews in its place, at once.
fn killed(program: &Path) -> Result<String, String> {
    let fleet = Fleet::launch(program, DUE_SOON);
    fleet.sandbox.inject(Fault::new(FaultKind::Hang).on_renewals().times(1));
    holder(&fleet)?.signal("KILL");
    let took = until(HOLDER_TIME_MAX, || granted(&fleet) == 1);
    let told = took.map_or("nobody renewed".to_owned(), |took| format!("renewed by another after {took:?}"));
    let ended = fleet.end();
    expect(took.is_some_and(|took| took <= SUCCESSION_TIME_MAX), || told.clone())?;
    let answered = ended.ledger.tally.renewals.len();
    expect(answered == 1, || format!("{answered} more requests instead of one"))?;
    nothing_failed(&ended).map(|()| told)
}

/// The daemon has renewed, and who was to read that is stopped. Nobody else may ask; all go on with the old token.
fn stopped(program: &Path) -> Result<String, String> {
    let fleet = Fleet::launch(program, DUE_SOON);
    fleet.sandbox.inject(Fault::new(FaultKind::Slow { ms: ANSWER_LATE_MS }).on_renewals().times(1));
    let holder = holder(&fleet)?;
    until(HOLDER_TIME_MAX, || granted(&fleet) == 1).ok_or("the daemon did not renew")?;
    holder.signal("STOP");
    let asked = until(STOPPED_FOR, || fleet.renewals_answered() > 1).is_some();
    holder.signal("CONT");
    expect(!asked, || "somebody asked for a renewal without the lock".to_owned())?;
    let took = until(RECOVERY_TIME_MAX, || everybody_has_the_new_one(&fleet));
    let told = took.map_or("not adopted by all".to_owned(), |took| format!("adopted by all after {took:?}"));
    let ended = fleet.end();
    expect(took.is_some(), || told.clone())?;
    let answered = ended.ledger.tally.renewals.len();
    expect(answered == 1, || format!("{answered} requests instead of one"))?;
    nothing_failed(&ended).map(|()| told)
}

/// The kernel frees the lock of a stopped process that is killed.
fn stopped_and_killed(program: &Path) -> Result<String, String> {
    let fleet = Fleet::launch(program, DUE_SOON);
    fleet.sandbox.inject(Fault::new(FaultKind::Hang).on_renewals().times(1));
    let holder = holder(&fleet)?;
    holder.signal("STOP");
    let asked = until(STOPPED_FOR, || granted(&fleet) > 0).is_some();
    expect(!asked, || "somebody renewed without the lock".to_owned())?;
    holder.signal("KILL");
    let took = until(LATE_SUCCESSION_TIME_MAX, || granted(&fleet) == 1);
    let told = took.map_or("nobody renewed".to_owned(), |took| format!("renewed by another after {took:?}"));
    let ended = fleet.end();
    expect(took.is_some(), || told.clone())?;
    nothing_failed(&ended).map(|()| told)
}

/// Nobody can have the new token while its reader sleeps; everybody has it as soon as it goes on.
fn stopped_beyond_the_end(program: &Path) -> Result<String, String> {
    let fleet = Fleet::launch(program, SHORT);
    fleet.sandbox.inject(Fault::new(FaultKind::Slow { ms: ANSWER_LATE_MS }).on_renewals().times(1));
    let holder = holder(&fleet)?;
    until(HOLDER_TIME_MAX, || granted(&fleet) == 1).ok_or("the daemon did not renew")?;
    holder.signal("STOP");
    let others = PROCESSES - 1;
    let ended_for_all = until(HOLDER_TIME_MAX, || fleet.failed() >= others);
    holder.signal("CONT");
    ended_for_all.ok_or("the old token did not end")?;
    let failures = fleet.take_failures();
    let other_than_ended = failures.iter().find(|what| !what.contains("session_expired"));
    expect(other_than_ended.is_none(), || format!("a call came to {other_than_ended:?}"))?;
    let took = until(RECOVERY_TIME_MAX, || everybody_has_the_new_one(&fleet));
    let told = took.map_or("not adopted by all".to_owned(), |took| format!("adopted by all after {took:?}"));
    fleet.take_failures();
    let calls_go_on = until(Duration::from_secs(1), || fleet.failed() > 0).is_none();
    fleet.end();
    expect(took.is_some(), || told.clone())?;
    expect(calls_go_on, || "calls failed although the new token was there".to_owned()).map(|()| told)
}

/// Each has renewed or adopted.
fn everybody_has_the_new_one(fleet: &Fleet) -> bool {
    let has_it =
        |member: &Member| member.times_told("renewal.succeeded") + member.times_told("reload.adopted") > 0;
    fleet.members.iter().all(has_it)
}
