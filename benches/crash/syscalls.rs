//! A signal at every system call of the transaction, and the proof that the file comes before the memory.
//!
//! One clean run is written down; then one fresh process for each call of it gets the signal on entering that call, in the
//! thread that makes it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::random::verdict;
use crate::scene::{Content, Due, Layout, Scene};
use crate::serve::{Serve, is_event};
use crate::signals::{self, Signal};
use crate::strace::{self, Call, Object, Strace, Tracee, forget, transaction};
use crate::{Report, TRACED_AT_ONCE};

/// Longest wait for a renewal that is due in little more than a second.
const RENEWAL_TIME_MAX: Duration = Duration::from_secs(15);

/// Runs of one call until it is met: other calls may take one more or one less, and other threads may make the same ones.
const RUNS_MAX: usize = 3;

/// From the start of a run to its end: the token becomes due within little more than a second.
const ENDED_WITHIN: Duration = Duration::from_secs(4);

/// Calls that a run makes or does not, as threads happen to meet; and the last of a thread, which no handler follows.
const BY_CHANCE: [&str; 3] = ["futex", "madvise", "exit"];

/// What is traced, of which thread. The request of the one layout is that of the other, and what a crashed process left
/// needs none.
const TRACED: [(Layout, Tracee); 4] = [
    (Layout::Common, Tracee::Session),
    (Layout::Wallet, Tracee::Session),
    (Layout::Leftover, Tracee::Session),
    (Layout::Common, Tracee::Request),
];

/// How long the rename is held while calls show which token they use.
const HELD_MS: u64 = 400;

/// What is known of a run before the process wakes for its renewal.
pub(crate) struct Traced {
    pub(crate) scene: Scene,
    pub(crate) serve: Serve,
    pub(crate) strace: Strace,
    pub(crate) trace: std::path::PathBuf,
}

impl Traced {
    /// Starts a process whose token is due soon, and attaches to it while it sleeps.
    pub(crate) fn start(
        program: &Path,
        layout: Layout,
        tracee: Tracee,
        options: &[&str],
    ) -> Result<Traced, String> {
        let scene = Scene::set(layout, Due::Soon);
        let serve = Serve::start(&mut scene.serve(program));
        if serve.log.wait_for(RENEWAL_TIME_MAX, |line| is_event(line, "renewal.scheduled")).is_none() {
            return Err("the process did not load its token".to_owned());
        }
        // Beside the data directory, not in it.
        let trace = scene.sandbox.data_dir().with_extension("strace");
        let strace = Strace::attach(&serve, tracee, &trace, options)?;
        if layout == Layout::Leftover {
            scene.leave_leftover().map_err(|error| format!("another process could not renew: {error}"))?;
        }
        Ok(Traced { scene, serve, strace, trace })
    }

    /// Waits for the renewal's end, and returns all calls up to there.
    fn finish(self) -> Result<Vec<Call>, String> {
        let done = |line: &str| is_event(line, "renewal.scheduled");
        let deadline = Instant::now() + RENEWAL_TIME_MAX;
        while self.serve.log.so_far().iter().filter(|line| done(line)).count() < 2 {
            if Instant::now() > deadline {
                return Err("the clean run did not renew".to_owned());
            }
            thread::sleep(Duration::from_millis(2));
        }
        let Traced { strace, serve, trace, .. } = self;
        let calls = strace::calls(&strace.detach());
        serve.kill();
        forget(&trace);
        Ok(calls)
    }
}

/// The calls of one undisturbed renewal: from the wake-up to the release of the lock, or those of its request.
pub(crate) fn record(program: &Path, layout: Layout, tracee: Tracee) -> Result<Vec<Call>, String> {
    let calls = Traced::start(program, layout, tracee, &["-e", "trace=all"])?.finish()?;
    if tracee == Tracee::Request {
        return if calls.is_empty() { Err("there was no request".to_owned()) } else { Ok(calls) };
    }
    let close = calls.iter().rposition(|call| call.name == "close" && call.object == Object::Lock);
    let close = close.ok_or("the lock was never closed")?;
    Ok(calls[..=close].to_vec())
}

/// The transaction of one layout, as one thread sees it, and what came of the signals at its calls.
struct Part<'a> {
    layout: Layout,
    tracee: Tracee,
    calls: Vec<Call>,
    signals: &'a [Signal],
    shots: Vec<(Signal, usize)>,
    outcomes: Mutex<Outcomes>,
}

/// Sends each signal at each call of the transaction, so many times; if that is not said, the first signal once at each,
/// and where the token file is the common one, of the others one at each, by turns.
pub(crate) fn run(
    program: &Path,
    signals: &[Signal],
    times: Option<usize>,
    seed: u64,
    report: &Mutex<Report>,
) {
    let part = |(layout, tracee)| -> Result<Part<'_>, String> {
        let recorded = record(program, layout, tracee)?;
        let calls = match tracee {
            Tracee::Session => transaction(&recorded).ok_or("no transaction in the clean run")?.to_vec(),
            Tracee::Request => recorded,
        };
        let signals = if times.is_none() && layout != Layout::Common { &signals[..1] } else { signals };
        let shots = shots(calls.len(), signals, times, seed);
        Ok(Part { layout, tracee, calls, signals, shots, outcomes: Mutex::default() })
    };
    let parts: Result<Vec<Part<'_>>, String> = thread::scope(|scope| {
        let recorded: Vec<_> = TRACED.into_iter().map(|traced| scope.spawn(move || part(traced))).collect();
        recorded.into_iter().map(|part| part.join().unwrap()).collect()
    });
    let parts = match parts {
        Ok(parts) => parts,
        Err(what) => return report.lock().unwrap().violation(format!("syscalls, clean run: {what}")),
    };
    // The last first: calls of a request may be made by another thread, and are tried again.
    let all: Vec<(&Part<'_>, Signal, usize)> = parts
        .iter()
        .rev()
        .flat_map(|part| part.shots.iter().map(move |(signal, at)| (part, *signal, *at)))
        .collect();
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..TRACED_AT_ONCE {
            scope.spawn(|| {
                while let Some((part, signal, at)) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    part.shoot(program, *signal, *at, report);
                }
            });
        }
    });
    parts.iter().for_each(Part::print);
    let times = times.unwrap_or(1);
    for _ in 0..times {
        if let Err(what) = file_before_memory(program) {
            report.lock().unwrap().violation(format!("file before memory: {what}"));
        }
    }
    println!(
        "file before memory: with the rename held for {HELD_MS} ms, no request used the new token before it, {times} x"
    );
}

impl Part<'_> {
    fn shoot(&self, program: &Path, signal: Signal, at: usize, report: &Mutex<Report>) {
        let call = &self.calls[at];
        match signal_at(program, self.layout, self.tracee, call, signal) {
            Ok(outcome) => {
                self.outcomes.lock().unwrap().entry((signal, at)).or_default()[outcome as usize] += 1;
            }
            Err(what) => report.lock().unwrap().violation(format!(
                "{} at {} no {} ({}): {what}",
                signal.name(),
                call.name,
                call.number,
                call.object.name()
            )),
        }
    }
}

/// Which signal at which call.
fn shots(calls: usize, signals: &[Signal], times: Option<usize>, seed: u64) -> Vec<(Signal, usize)> {
    let at_each = |signal: Signal| (0..calls).map(move |at| (signal, at));
    match (times, signals) {
        (Some(times), _) => (0..times).flat_map(|_| signals.iter().copied().flat_map(at_each)).collect(),
        (None, [first, others @ ..]) => {
            let turn = usize::try_from(seed % 1000).unwrap_or_default();
            let other = |at: usize| others.get((at + turn) % others.len().max(1)).map(|other| (*other, at));
            at_each(*first).chain((0..calls).filter_map(other)).collect()
        }
        (None, []) => Vec::new(),
    }
}

/// What a signal at one call came to.
#[derive(Clone, Copy)]
enum Outcome {
    NotCommitted,
    Lost,
    InTemporary,
    InFile,
    /// Another thread made the same call first, each time, or none of the runs made it.
    NotMet,
}

/// How often each signal at each call came to each [`Outcome`].
type Outcomes = BTreeMap<(Signal, usize), [usize; 5]>;

fn signal_at(
    program: &Path,
    layout: Layout,
    tracee: Tracee,
    call: &Call,
    signal: Signal,
) -> Result<Outcome, String> {
    let mut why = "the call was not met".to_owned();
    let mut may_be_missed = BY_CHANCE.contains(&call.name.as_str());
    for _ in 0..RUNS_MAX {
        let inject = format!("inject={}:signal={}:when={}", call.name, signal.name(), call.number);
        let traced = match Traced::start(program, layout, tracee, &["-e", "trace=all", "-e", &inject]) {
            Ok(traced) => traced,
            // The machine is busy, and the thread no longer asleep.
            Err(what) => {
                why = what;
                continue;
            }
        };
        let Traced { scene, serve, strace, trace } = traced;
        let before = scene.remains();
        let mark = format!("--- {} ", signal.name());
        let (ended, text) = if tracee == Tracee::Request && signal.can_be_caught() {
            // Each thread is counted by itself: a later one must not get a second signal, as if somebody insisted.
            strace.wait_for(&mark, ENDED_WITHIN);
            let text = strace.detach();
            (serve.wait_for_end(ENDED_WITHIN), text)
        } else {
            (serve.wait_for_end(ENDED_WITHIN), strace.detach())
        };
        let calls = strace::calls(&text);
        forget(&trace);
        let end = match ended {
            Ok(end) => end,
            Err(serve) => {
                serve.kill();
                continue;
            }
        };
        let after = scene.remains();
        verdict(&end.log, &before, &after, layout)?;
        if signal.can_be_caught() {
            signals::verdict(&end, &before, &after, true)
                .map_err(|what| format!("{what}; its log:\n    {}", end.log.join("\n    ")))?;
        }
        // On entering the token's own write it may be lost, not after. The first write reserves the space.
        let mut writes = calls.iter().filter(|call| call.name == "write" && call.object == Object::Temporary);
        if after.is_lost() && writes.nth(1).is_some_and(|write| Some(write) != calls.last()) {
            return Err("the token is lost although it was written to the temporary file".to_owned());
        }
        let asked = end.log.iter().any(|line| is_event(line, "renewal.attempt"));
        scene.restart(program, after.is_lost(), asked)?;
        let is_met = match (tracee, signal) {
            (Tracee::Session, _) => true,
            (Tracee::Request, Signal::Kill) => {
                calls.last().is_some_and(|last| last.name == call.name && last.number == call.number)
            }
            (Tracee::Request, _) => text.contains(&mark),
        };
        if !is_met {
            may_be_missed = true;
            continue;
        }
        return Ok(match (after.file, after.renewals) {
            (Content::Newest, _) => Outcome::InFile,
            (_, 0) => Outcome::NotCommitted,
            _ if after.is_lost() => Outcome::Lost,
            _ => Outcome::InTemporary,
        });
    }
    if may_be_missed { Ok(Outcome::NotMet) } else { Err(format!("{why} in {RUNS_MAX} runs")) }
}

impl Part<'_> {
    /// Call by call for SIGKILL, which cuts everything short; all together for those that lead to the same end wherever
    /// they come.
    fn print(&self) {
        let Part { layout, tracee, calls, signals, shots, outcomes } = self;
        let row = |label: &str, [not_committed, lost, in_temporary, in_file, not_met]: [usize; 5]| {
            println!(
                "  {label:<44} {not_committed:>13} {lost:>6} {in_temporary:>14} {in_file:>9} {not_met:>9}"
            );
        };
        println!(
            "signals at each of {} system calls of the {tracee:?}'s thread, {layout:?} layout: {} in all",
            calls.len(),
            shots.len()
        );
        println!("  {:<44} not committed   lost   in temporary   in file   not met", "met on entering");
        let outcomes = outcomes.lock().unwrap();
        for signal in *signals {
            let mut sum = [0; 5];
            for (at, call) in calls.iter().enumerate() {
                let numbers = outcomes.get(&(*signal, at)).copied().unwrap_or_default();
                sum.iter_mut().zip(numbers).for_each(|(sum, number)| *sum += number);
                if !signal.can_be_caught() {
                    row(&format!("{} no {} {}", call.name, call.number, call.object.name()), numbers);
                }
            }
            row(&format!("{} at all of them", signal.name()), sum);
        }
    }
}

/// Holds the rename and calls meanwhile: no request may carry the new token before the file does.
fn file_before_memory(program: &Path) -> Result<(), String> {
    let scene = Scene::set(Layout::Common, Due::Soon);
    let mut serve = Serve::start(&mut scene.serve(program));
    if serve.log.wait_for(RENEWAL_TIME_MAX, |line| is_event(line, "renewal.scheduled")).is_none() {
        return Err("the process did not load its token".to_owned());
    }
    let trace = scene.sandbox.data_dir().with_extension("strace");
    let hold = format!("inject=rename,renameat,renameat2:delay_enter={}:when=1", HELD_MS * 1000);
    let trace_only = "trace=rename,renameat,renameat2,write,writev,sendto,sendmsg";
    let strace =
        Strace::attach_to(serve.pid(), &trace, &["-f", "-s", "2000", "-e", trace_only, "-e", &hold])?;
    let deadline = Instant::now() + RENEWAL_TIME_MAX;
    while scene.remains().file != Content::Newest {
        serve.call()?;
        if Instant::now() > deadline {
            return Err("it did not renew".to_owned());
        }
        thread::sleep(Duration::from_millis(5));
    }
    let bearer = |token: &str| format!("Bearer {token}");
    let old = bearer(&scene.session.token);
    let new = bearer(&fs::read_to_string(&scene.token_file).unwrap());
    // The memory follows the file after a sync of the directory.
    while !strace.text().contains(&new) && Instant::now() < deadline {
        serve.call()?;
        thread::sleep(Duration::from_millis(5));
    }
    let text = strace.text();
    serve.kill();
    drop(strace);
    forget(&trace);
    let begun = text.find(" rename").ok_or("the rename was not seen")?;
    let done = begun + text[begun..].find("rename resumed").ok_or("the rename was not held")?;
    match (text[..done].contains(&new), text[begun..done].contains(&old), text[done..].contains(&new)) {
        (true, ..) => Err("a request used the new token before it was in the file".to_owned()),
        (_, false, _) => Err("no call was made while the rename was held".to_owned()),
        (_, _, false) => Err("no call used the new token afterwards".to_owned()),
        (false, true, true) => Ok(()),
    }
}
