//! The signals by which processes are ended, how they are sent, and what each of them permits.
//!
//! Used by the campaigns at random instants and at system calls. SIGKILL may lose the answer that is on its way. The
//! others ask for an orderly end: a renewal in flight is waited for, so that they lose nothing, unless a second one comes
//! when the first was long understood.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal as Raw;

use crate::prng::Prng;
use crate::scene::{Content, Remains, new_temporaries};
use crate::serve::{End, Serve, is_event};

/// Longest orderly end: the slowest answer here, and the time of a loaded machine.
pub(crate) const END_TIME_MAX: Duration = Duration::from_secs(10);

/// Between a signal and its echo, at most. Well below the 100 ms within which the program takes a second one for the same
/// request, because a process among many may be slow to hear of the first.
const ECHO_TIME_MAX_MS: i64 = 10;

/// From the first signal to the first that means it: well above those 100 ms. Then again and again.
const INSIST_AFTER: Duration = Duration::from_millis(250);
const INSIST_EVERY: Duration = Duration::from_millis(100);

/// By then a process that was told twice has ended, whatever it waits for.
const INSISTED_END_TIME_MAX: Duration = Duration::from_secs(2);

/// For so long the daemon is frozen while somebody insists, in milliseconds: longer than anybody waits.
pub(crate) const FROZEN_MS: u64 = 4_000;

/// What ends a process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Signal {
    Kill,
    Hup,
    Int,
    Term,
    Quit,
}

impl Signal {
    pub(crate) const ALL: [Signal; 5] = [Signal::Kill, Signal::Hup, Signal::Int, Signal::Term, Signal::Quit];

    const CATCHABLE: [Signal; 4] = [Signal::Hup, Signal::Int, Signal::Term, Signal::Quit];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Signal::Kill => "SIGKILL",
            Signal::Hup => "SIGHUP",
            Signal::Int => "SIGINT",
            Signal::Term => "SIGTERM",
            Signal::Quit => "SIGQUIT",
        }
    }

    /// Those named in a list such as `KILL,TERM`; none if another word is in it.
    pub(crate) fn list(words: &str) -> Option<Vec<Signal>> {
        let of = |word: &str| {
            Signal::ALL.into_iter().find(|signal| signal.name().strip_prefix("SIG") == Some(word))
        };
        words.split(',').map(of).collect()
    }

    pub(crate) fn can_be_caught(self) -> bool {
        self != Signal::Kill
    }

    fn raw(self) -> Raw {
        match self {
            Signal::Kill => Raw::KILL,
            Signal::Hup => Raw::HUP,
            Signal::Int => Raw::INT,
            Signal::Term => Raw::TERM,
            Signal::Quit => Raw::QUIT,
        }
    }
}

/// How often a process is told to end by a signal that can be caught.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Manner {
    Once,
    /// And by another one so soon that it is the same request.
    Echoed(Signal, Duration),
    /// Until it ends.
    Insisted,
}

impl Manner {
    /// Now and then twice.
    pub(crate) fn choose(prng: &mut Prng) -> Manner {
        match prng.between(0, 15) {
            0 => Manner::Insisted,
            1..=4 => {
                let after = Duration::from_millis(prng.between(0, ECHO_TIME_MAX_MS).unsigned_abs());
                Manner::Echoed(*prng.pick(&Signal::CATCHABLE), after)
            }
            _ => Manner::Once,
        }
    }
}

/// What was there at the instant of the signal, and how the process ended.
pub(crate) struct Told {
    pub(crate) log_then: Vec<String>,
    pub(crate) then: Remains,
    pub(crate) end: End,
}

/// Has a process stand still, looks, and tells it to end. `look`: at the files and the ledger.
pub(crate) fn tell(
    serve: Serve,
    signal: Signal,
    manner: Manner,
    look: impl Fn() -> Remains,
) -> Result<Told, String> {
    serve.stop();
    let (log_then, then) = (serve.log.so_far(), look());
    let told_at = Instant::now();
    serve.signal(signal.raw());
    serve.signal(Raw::CONT);
    let ended = match manner {
        Manner::Once => serve.wait_for_end(END_TIME_MAX),
        Manner::Echoed(other, after) => {
            thread::sleep(after);
            serve.signal(other.raw());
            serve.wait_for_end(END_TIME_MAX)
        }
        Manner::Insisted => insist(serve, signal, told_at),
    };
    let end = ended.map_err(|serve| {
        let log = serve.kill();
        format!(
            "{signal:?}, {manner:?}: it did not end within {:?}; its log:\n    {}",
            told_at.elapsed(),
            log.join("\n    ")
        )
    })?;
    Ok(Told { log_then, then, end })
}

fn insist(mut serve: Serve, signal: Signal, told_at: Instant) -> Result<End, Serve> {
    let mut wait = INSIST_AFTER;
    loop {
        match serve.wait_for_end(wait) {
            Ok(end) => return Ok(end),
            Err(alive) if told_at.elapsed() > INSISTED_END_TIME_MAX => return Err(alive),
            Err(alive) => serve = alive,
        }
        serve.signal(signal.raw());
        wait = INSIST_EVERY;
    }
}

/// What must hold after an orderly end, beside what must hold after a kill. `is_alone`: no request of an earlier process
/// is under way, so that whatever the daemon grants is this process's.
pub(crate) fn verdict(end: &End, before: &Remains, after: &Remains, is_alone: bool) -> Result<(), String> {
    let is_told = |name: &str| end.log.iter().any(|line| is_event(line, name));
    let has_begun = is_told("session.loaded") || is_told("renewal.attempt");
    let is_in_order = is_in_order(end.status);
    if has_begun && !is_in_order {
        return Err(format!("it keeps a session, and a signal ended it at once: {}", end.status));
    }
    if !is_in_order && end.status.signal().is_none() {
        return Err(format!("it ended by itself: {}", end.status));
    }
    if is_alone && after.renewals > before.renewals && after.file != Content::Newest {
        return Err(format!("the token that it was granted is not in the file, which is {:?}", after.file));
    }
    let names: BTreeSet<String> = before.temporaries.iter().map(|(name, _)| name.clone()).collect();
    // One that it was just making when it was told to end may stay: nothing was asked for yet.
    let is_left = !new_temporaries(&names, after).is_empty();
    if is_alone && after.renewals > before.renewals && is_in_order && is_left {
        return Err("it waited for its renewal and left a temporary file behind".to_owned());
    }
    Ok(())
}

/// What must hold after an end that somebody insisted on: it came by the signal, or in order if that was quicker.
pub(crate) fn insisted_verdict(end: &End) -> Result<(), String> {
    let ended_well = is_in_order(end.status) || end.status.signal().is_some();
    if ended_well { Ok(()) } else { Err(format!("it ended by itself: {}", end.status)) }
}

fn is_in_order(status: ExitStatus) -> bool {
    status.code() == Some(0)
}
