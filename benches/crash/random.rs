//! Signals at random instants around a renewal.
//!
//! Half of them come a random time after the start; the other half aim at the phase that was hit least, a random time
//! after the event that begins it, and learn from where they landed. Every phase is judged from outside: by the log's
//! events, the daemon's ledger and the files, as they are left by SIGKILL, or as they were when another signal was sent.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use waiaas_mcp::sandbox::{Fault, FaultKind};

use crate::prng::Prng;
use crate::scene::{Content, Due, Found, Layout, Remains, Scene, new_temporaries};
use crate::serve::{Serve, is_event};
use crate::signals::{self, Manner, Signal, Told};
use crate::{Report, WORKERS};

/// Longest wait for an event of a process that has something to do at once. It may not come: who adopts what a crash
/// left does not renew.
const EVENT_TIME_MAX: Duration = Duration::from_millis(100);

/// Signals between two lines of progress.
const PROGRESS_EVERY: usize = 1000;

/// So often, in a thousand, a scene begins with what an earlier crash left: that alone can be adopted.
const LEFT_PER_MILLE: u64 = 100;

/// Where in its life a process was met.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Phase {
    Starting,
    BeforeLock,
    Locked,
    Prepared,
    Asking,
    Committed,
    Writing,
    Renamed,
    Swapped,
    Idle,
    Adopting,
}

impl Phase {
    pub(crate) const ALL: [(Phase, &str); 11] = [
        (Phase::Starting, "starting: no token read yet"),
        (Phase::BeforeLock, "token read, before the lock"),
        (Phase::Locked, "at the lock, or holding it"),
        (Phase::Prepared, "temporary file made, space reserved"),
        (Phase::Asking, "request under way, not committed"),
        (Phase::Committed, "committed by the daemon, not on our disk"),
        (Phase::Writing, "new token in the temporary file"),
        (Phase::Renamed, "renamed, not yet swapped in memory"),
        (Phase::Swapped, "swapped, not yet at rest"),
        (Phase::Idle, "idle"),
        (Phase::Adopting, "adopting what an earlier crash left"),
    ];

    /// Those that a signal can be aimed at, with the event that comes before it.
    const AIMED: [(Phase, &str); 8] = [
        (Phase::BeforeLock, "session.loaded"),
        (Phase::Locked, "session.loaded"),
        (Phase::Prepared, "session.loaded"),
        (Phase::Asking, "renewal.attempt"),
        (Phase::Writing, "renewal.attempt"),
        (Phase::Renamed, "renewal.attempt"),
        (Phase::Swapped, "renewal.succeeded"),
        (Phase::Idle, "renewal.attempt"),
    ];

    /// `before`: what was there when this process started.
    fn judge(log: &[String], before: &Remains, after: &Remains) -> Phase {
        let at = |name: &str| log.iter().rposition(|line| is_event(line, name));
        let scheduled = at("renewal.scheduled");
        let due = log.iter().any(|line| is_event(line, "renewal.decision") && line.contains(" due=true"));
        if before.has_newest() {
            return match (scheduled, after.file) {
                (Some(_), _) => Phase::Idle,
                (None, _) if before.file == Content::Newest => Phase::Starting,
                (None, Content::First | Content::Missing) if !due => Phase::BeforeLock,
                _ => Phase::Adopting,
            };
        }
        let names: BTreeSet<String> = before.temporaries.iter().map(|(name, _)| name.clone()).collect();
        let temporaries = new_temporaries(&names, after);
        let begun = |content: &Content| matches!(content, Content::Newest | Content::Uncut);
        if after.renewals > before.renewals {
            return match (after.file, at("renewal.succeeded")) {
                (Content::Newest, None) => Phase::Renamed,
                (Content::Newest, succeeded) if scheduled > succeeded => Phase::Idle,
                (Content::Newest, _) => Phase::Swapped,
                _ if temporaries.iter().any(begun) => Phase::Writing,
                _ => Phase::Committed,
            };
        }
        if at("renewal.attempt").is_some() {
            Phase::Asking
        } else if !temporaries.is_empty() {
            Phase::Prepared
        } else if due {
            Phase::Locked
        } else if scheduled.is_some() {
            Phase::Idle
        } else if at("session.loaded").is_some() {
            Phase::BeforeLock
        } else {
            Phase::Starting
        }
    }
}

/// What the signals have taught so far.
struct Aim {
    hits: BTreeMap<(Signal, Phase), u64>,
    /// For each aimed phase, how long after its event it probably is, in microseconds.
    delay_us: BTreeMap<Phase, f64>,
    /// From the start of a process to the end of its renewal, in microseconds.
    whole_us: f64,
}

/// Where one signal goes.
struct Shot {
    signal: Signal,
    aimed_at: Option<Phase>,
    /// Waited for first; none: the start.
    event: Option<&'static str>,
    delay: Duration,
}

impl Aim {
    fn new() -> Aim {
        let delay_us = Phase::AIMED.into_iter().map(|(phase, _)| (phase, 500.0)).collect();
        Aim { hits: BTreeMap::new(), delay_us, whole_us: 15_000.0 }
    }

    fn choose(&self, prng: &mut Prng, due: Due, signal: Signal) -> Shot {
        let unit = |prng: &mut Prng| prng.between(0, 1_000_000) as f64 / 1e6;
        let micros = |us: f64| Duration::from_nanos((us * 1e3) as u64);
        if prng.chance(500) {
            let event = (due == Due::Soon).then_some("renewal.attempt");
            return Shot { signal, aimed_at: None, event, delay: micros(unit(prng) * self.whole_us * 1.2) };
        }
        let hits = |phase: &Phase| self.hits.get(&(signal, *phase)).copied().unwrap_or(0);
        let (phase, event) = if prng.chance(700) {
            *Phase::AIMED.iter().min_by_key(|(phase, _)| hits(phase)).unwrap()
        } else {
            *prng.pick(&Phase::AIMED)
        };
        // In a process that idles first, an event of the start says nothing about the renewal.
        let event = if due == Due::Soon && event == "session.loaded" { "renewal.decision" } else { event };
        let delay = micros(self.delay_us[&phase] * (0.4 + 1.2 * unit(prng)));
        Shot { signal, aimed_at: Some(phase), event: Some(event), delay }
    }

    fn learn(&mut self, shot: &Shot, landed: Phase) {
        *self.hits.entry((shot.signal, landed)).or_default() += 1;
        if shot.aimed_at.is_none() && shot.event.is_none() {
            // So that two of three come before the end.
            let factor = if landed == Phase::Idle { 0.98 } else { 1.01 };
            self.whole_us = (self.whole_us * factor).clamp(1_000.0, 200_000.0);
        }
        if let Some(phase) = shot.aimed_at
            && landed != Phase::Adopting
        {
            let delay_us = self.delay_us.get_mut(&phase).unwrap();
            let factor = match landed.cmp(&phase) {
                std::cmp::Ordering::Less => 1.15,
                std::cmp::Ordering::Equal => 1.0,
                std::cmp::Ordering::Greater => 0.9,
            };
            *delay_us = (*delay_us * factor).clamp(5.0, 50_000.0);
        }
    }
}

/// One campaign.
pub(crate) struct Campaign<'a> {
    program: &'a Path,
    signals: &'a [Signal],
    aim: Mutex<Aim>,
    landed: AtomicUsize,
    report: &'a Mutex<Report>,
}

/// Sends these signals at random until `wanted` have landed.
pub(crate) fn run(program: &Path, signals: &[Signal], wanted: usize, seed: u64, report: &Mutex<Report>) {
    let campaign =
        Campaign { program, signals, aim: Mutex::new(Aim::new()), landed: AtomicUsize::new(0), report };
    let outlived = AtomicUsize::new(0);
    // One loss in so many is followed to the token's end, which takes the rest of its life.
    let outlived_max = wanted / 500 + 1;
    thread::scope(|scope| {
        for worker in 0..WORKERS {
            let (campaign, outlived) = (&campaign, &outlived);
            scope.spawn(move || {
                let mut prng = Prng::new(seed ^ (worker as u64) << 32);
                while campaign.landed.load(Ordering::Relaxed) < wanted {
                    let round_seed = prng.next();
                    match campaign.round(&mut prng) {
                        Ok(scene) => {
                            let follow =
                                scene.is_some() && outlived.fetch_add(1, Ordering::Relaxed) < outlived_max;
                            let followed = scene.filter(|_| follow).map(|scene| scene.outlive_loss(program));
                            let mut report = report.lock().unwrap();
                            match followed {
                                Some(Ok(())) => report.outlived += 1,
                                Some(Err(what)) => report.violation(format!("random, a lost answer: {what}")),
                                None => {}
                            }
                        }
                        Err(what) => {
                            report.lock().unwrap().violation(format!("random, round {round_seed:x}: {what}"));
                        }
                    }
                }
            });
        }
    });
}

impl Campaign<'_> {
    /// One scene: its process is ended once or several times, then started for good. Returns the scene if an answer was
    /// lost.
    fn round(&self, prng: &mut Prng) -> Result<Option<Scene>, String> {
        let due = if prng.chance(60) { Due::Soon } else { Due::Now };
        let layout = if prng.chance(200) { Layout::Wallet } else { Layout::Common };
        let scene = Scene::set(layout, due);
        if layout == Layout::Common && prng.chance(LEFT_PER_MILLE) {
            scene.leave_leftover().map_err(|error| format!("another process could not renew: {error}"))?;
        }
        let mut before = scene.remains();
        let mut asked = false;
        loop {
            let signal = *prng.pick(self.signals);
            let manner = if signal.can_be_caught() { Manner::choose(prng) } else { Manner::Once };
            let insisted = matches!(manner, Manner::Insisted);
            if let Some(kind) = fault(prng, signal, insisted) {
                scene.sandbox.inject(Fault::new(kind).on_renewals());
            }
            let mut shot = self.aim.lock().unwrap().choose(prng, due, signal);
            if insisted {
                // Where there is something to wait for.
                shot.event = Some("renewal.attempt");
            }
            let serve = Serve::start(&mut scene.serve(self.program));
            if let Some(event) = shot.event {
                // An event that does not come leaves a signal at a late instant, which is one too.
                let word = if event == "renewal.decision" { " due=true" } else { "" };
                let at_most = if due == Due::Soon { Duration::from_secs(2) } else { EVENT_TIME_MAX };
                serve.log.wait_for(at_most, |line| is_event(line, event) && line.contains(word));
            }
            wait(shot.delay);
            let (phase, log, after) = if signal.can_be_caught() {
                let Told { log_then, then, end } = signals::tell(serve, signal, manner, || scene.remains())?;
                scene.sandbox.heal();
                let (phase, after) = (Phase::judge(&log_then, &before, &then), scene.remains());
                let verdict = if insisted {
                    self.report.lock().unwrap().insisted += u64::from(!end.status.success());
                    signals::insisted_verdict(&end)
                } else {
                    signals::verdict(&end, &before, &after, !asked)
                };
                let log = end.log;
                verdict.map_err(|what| told(signal, manner, phase, &what, &log))?;
                (phase, log, after)
            } else {
                let log = serve.kill();
                scene.sandbox.heal();
                let after = scene.remains();
                (Phase::judge(&log, &before, &after), log, after)
            };
            let count = self.landed.fetch_add(1, Ordering::Relaxed) + 1;
            if count.is_multiple_of(PROGRESS_EVERY) {
                println!("  {count} signals");
            }
            self.aim.lock().unwrap().learn(&shot, phase);
            let lost = after.is_lost() && before.renewals == 0;
            // Another process's request may have been carried out meanwhile.
            let by = if asked { Signal::Kill } else { signal };
            self.report.lock().unwrap().landed((signal, phase), lost.then_some(by));
            verdict(&log, &before, &after, layout)
                .map_err(|what| told(signal, manner, phase, &what, &log))?;
            // A request that had left when the process died may be committed after we looked.
            asked |= log.iter().any(|line| is_event(line, "renewal.attempt"));
            let to_adopt = after.has_newest() && after.file != Content::Newest;
            // What the daemon carries out when it thaws has to do with this process alone.
            if !insisted && !after.is_lost() && prng.chance(if to_adopt { 700 } else { 300 }) {
                before = after;
                continue;
            }
            let found = scene.restart(self.program, after.is_lost(), asked)?;
            if found == Found::Superseded && !after.is_lost() {
                self.report.lock().unwrap().lost_late();
            }
            return Ok((found == Found::Superseded).then_some(scene));
        }
    }
}

/// What the renewals of a process suffer that is ended by this signal.
fn fault(prng: &mut Prng, signal: Signal, insisted: bool) -> Option<FaultKind> {
    if insisted {
        return Some(FaultKind::Freeze { ms: signals::FROZEN_MS });
    }
    match prng.between(0, 7) {
        0 | 1 => Some(FaultKind::Slow { ms: prng.between(1, 10).unsigned_abs() }),
        // Received, and carried out while the process is waiting to end.
        2 if signal.can_be_caught() => Some(FaultKind::Freeze { ms: prng.between(10, 400).unsigned_abs() }),
        2 => Some(FaultKind::Hang),
        _ => None,
    }
}

fn told(signal: Signal, manner: Manner, phase: Phase, what: &str, log: &[String]) -> String {
    format!("{} ({manner:?}) while {phase:?}: {what}\n    {}", signal.name(), log.join("\n    "))
}

/// What must hold after a kill.
pub(crate) fn verdict(
    log: &[String],
    before: &Remains,
    after: &Remains,
    layout: Layout,
) -> Result<(), String> {
    if let Some(what) = after.violation(layout) {
        return Err(what);
    }
    if before.has_newest() && !after.has_newest() {
        return Err("a token that was on the disk before is gone".to_owned());
    }
    if before.file == Content::Newest && after.file != Content::Newest {
        return Err("the newest token was in the file and is no more".to_owned());
    }
    let succeeded = log.iter().any(|line| is_event(line, "renewal.succeeded"));
    if succeeded && after.file != Content::Newest {
        return Err("it said renewal.succeeded, and the token is not in the file".to_owned());
    }
    Ok(())
}

/// Waits to the microsecond: sleeps most of it, spins the rest.
fn wait(delay: Duration) {
    const SPUN: Duration = Duration::from_micros(150);
    let deadline = Instant::now() + delay;
    if let Some(slept) = delay.checked_sub(SPUN) {
        thread::sleep(slept);
    }
    while Instant::now() < deadline {
        std::hint::spin_loop();
    }
}
