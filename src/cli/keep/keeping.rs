//! Keeping until told to stop: looks for token files again and again, and tells whoever wants to know how things are.
//!
//! Used by `keep` without `--once`. One thread looks, reports and waits; each file's worker has its own. A file that
//! appears is taken up at the next look. One that has gone is let go of at the second look that does not find it,
//! because some programs replace a file by removing it first; what its worker alone holds is never let go of.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded, select};

use super::Means;
use super::board::{Board, Until};
use super::files::{self, Content, KEPT_MAX, Seen, TOLD_MAX};
use super::look::{Candidate, DirectoryId, Found};
use super::notify::{Notify, status_line};
use super::record::Record;
use super::workers::{self, Kept, Mark, Terms};
use crate::cli::{Failure, NOT_DONE, signals};
use crate::config::service_manager::ServiceManager;
use crate::http::{Credential, Request, Transport};
use crate::log::{self, Area, Foreign, Level};
use crate::session::policy;

/// Pause between two looks at the directories, which take a fraction of a millisecond. A file that has gone is let go of
/// at the second look; until then a renewal would put it back.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// Where there are thousands of files, the pause is so many times as long as the look, which then takes a fiftieth of a
/// processor; but a file that appears is taken up within a minute.
const LOOK_PAUSE_FACTOR: u32 = 50;
const LOOK_INTERVAL_MAX: Duration = Duration::from_secs(30);

/// Longest time until the service is said to be up, though a worker has not come to rest yet: one that waits for a
/// daemon that hangs is at work too.
const READY_WAIT_MAX: Duration = Duration::from_secs(15);

/// How often the daemon is asked whether it is there, for the metrics.
const REACH_INTERVAL: Duration = Duration::from_secs(30);

/// How often the metrics are written though nothing has changed: the time of the file says that we live.
const METRICS_INTERVAL: Duration = Duration::from_secs(60);

/// Looks in a row that do not find a kept file, until it is let go of.
const MISSED_LOOKS_MAX: u32 = 2;

/// Stack of the thread that asks, in bytes.
const STACK_BYTES: usize = 256 * 1024;

const _: () = assert!(LOOK_INTERVAL.as_secs() < LOOK_INTERVAL_MAX.as_secs());
const _: () = assert!(LOOK_INTERVAL_MAX.as_secs() * 2 <= 60, "taken up within a minute");

struct Keeping {
    means: Means,
    board: Arc<Board>,
    notify: Notify,
    kept: BTreeMap<String, Kept>,
    /// Looks in a row that did not find a kept file.
    missed: BTreeMap<String, u32>,
    /// Workers that are ending.
    leaving: Vec<JoinHandle<()>>,
    /// What was told already and is so still.
    told: BTreeSet<(String, String)>,
    metrics_due: Duration,
    /// The data directory as it was when this process started.
    directory: Option<DirectoryId>,
}

/// Why the keeping ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ended {
    Stopped,
    /// Another data directory stands in the place of the one that the service was started for. A service may write only
    /// into what was there then (systemd's `ReadWritePaths`), and whoever started it starts it again.
    Replaced,
}

/// Keeps until it is told to stop.
///
/// # Errors
/// [`Failure`] if signals cannot be waited for.
pub(super) fn run(means: Means) -> Result<ExitCode, Failure> {
    let stop = signals::stop_requests().map_err(|error| Failure {
        what: format!("signals cannot be waited for: {error}"),
        advice: "Look at the limits of this user (`ulimit -a`).".to_owned(),
    })?;
    let (board, changed) = Board::new();
    let (ending, ended) = bounded(0);
    if means.metrics.is_some() {
        watch_reach(Arc::clone(&means.transport), Arc::clone(&board), ended);
    }
    let mut keeping = Keeping {
        directory: means.choice.directory(),
        notify: Notify::new(&ServiceManager::from_environment()),
        means,
        board,
        kept: BTreeMap::new(),
        missed: BTreeMap::new(),
        leaving: Vec::new(),
        told: BTreeSet::new(),
        metrics_due: Duration::ZERO,
    };
    let why = keeping.keep(stop.requested(), &changed);
    keeping.end();
    drop(ending);
    Ok(if why == Ended::Stopped { ExitCode::SUCCESS } else { ExitCode::from(NOT_DONE) })
}

impl Keeping {
    fn keep(&mut self, stop: &Receiver<Infallible>, changed: &Receiver<()>) -> Ended {
        let started = self.now();
        let mut look_at = started;
        let mut beat_at = started;
        loop {
            if self.now() >= look_at {
                if self.notify.is_there() && self.means.choice.directory() != self.directory {
                    let directory = self.means.choice.data_dir().display().to_string();
                    let fields: [(&str, &dyn log::Loggable); 1] = [("directory", &Foreign(&directory))];
                    log::event(Area::Server, Level::Warn, "keep.directory_replaced", &fields);
                    return Ended::Replaced;
                }
                let before = self.now();
                if !self.look(stop) {
                    return Ended::Stopped;
                }
                let took = self.now().saturating_sub(before).saturating_mul(LOOK_PAUSE_FACTOR);
                look_at = self.now().saturating_add(took.clamp(LOOK_INTERVAL, LOOK_INTERVAL_MAX));
            }
            let records = self.board.records();
            self.report(&records);
            let is_settled = records.iter().all(|record| record.rested.is_some() || record.has_ended);
            if is_settled || self.now() >= started.saturating_add(READY_WAIT_MAX) {
                self.notify.ready();
            }
            if let Some(beat) = self.notify.beat
                && self.now() >= beat_at
            {
                let now = self.means.clock.now();
                if records.iter().all(|record| record.is_alive(now)) {
                    self.notify.alive();
                }
                beat_at = self.now().saturating_add(beat);
            }
            let beat_at = self.notify.beat.map_or(look_at, |_| beat_at);
            let ready_at = started.saturating_add(READY_WAIT_MAX);
            let next = look_at.min(beat_at).min(if is_settled { look_at } else { ready_at.max(self.now()) });
            let wait = next.saturating_sub(self.now()).max(workers::START_PAUSE);
            select! {
                recv(stop) -> _ => return Ended::Stopped,
                recv(changed) -> _ => {}
                default(wait) => {}
            }
        }
    }

    fn now(&self) -> Duration {
        self.means.clock.now().mono
    }

    /// Looks at the directories, and begins and ends workers. `false` if it is time to stop.
    fn look(&mut self, stop: &Receiver<Infallible>) -> bool {
        self.forget_the_dead();
        self.leaving.retain(|thread| !thread.is_finished());
        let Found { candidates, has_more, fault } = self.means.choice.find();
        let now = self.means.clock.now().wall;
        let mut seen: Vec<Seen> = candidates
            .iter()
            .map(|candidate| candidate.look(self.kept.contains_key(&candidate.label), now))
            .collect();
        self.count_the_missing(&mut seen);
        let plan = files::plan(&seen, now, KEPT_MAX);
        let mut told = BTreeSet::new();
        self.let_go_of_what_is_not_in(&plan.kept);
        for (label, left) in plan.left.iter().take(TOLD_MAX) {
            let (what, advice) = left.words();
            self.tell(&mut told, label, Level::Warn, "keep.left", &what, &advice);
        }
        if let Some(number) = plan.left.len().checked_sub(TOLD_MAX).filter(|number| *number > 0) {
            let (what, advice) = files::more(number);
            self.tell(&mut told, files::DIRECTORY, Level::Warn, "keep.left", &what, &advice);
        }
        if let Some((directory, why)) = &fault {
            let advice = "look at its owner and its mode";
            self.tell(&mut told, directory, Level::Error, "keep.cannot_look", why, advice);
        }
        if has_more {
            let advice = "remove what is not a token file";
            self.tell(
                &mut told,
                files::DIRECTORY,
                Level::Warn,
                "keep.too_many_names",
                "the rest is not seen",
                advice,
            );
        }
        if plan.kept.is_empty() {
            let advice = "run `waiaas-mcp setup`; a token file that appears is taken up within a minute";
            let directory = self.means.choice.data_dir().display().to_string();
            self.tell(
                &mut told,
                &directory,
                Level::Warn,
                "keep.nothing",
                "there is no token to keep",
                advice,
            );
        }
        let mut goes_on = true;
        for candidate in candidates.iter().filter(|candidate| plan.kept.contains(&candidate.label)) {
            if goes_on && !self.kept.contains_key(&candidate.label) {
                self.take_up(candidate, &mut told);
                goes_on = workers::pause(stop);
            }
        }
        self.told = told;
        goes_on
    }

    /// A worker that has ended by itself has met an error of ours. It begins again at this look.
    fn forget_the_dead(&mut self) {
        let has_ended = |kept: &Kept| self.board.record(kept.number).is_none_or(|record| record.has_ended);
        let dead: Vec<String> =
            self.kept.iter().filter(|(_, kept)| has_ended(kept)).map(|(label, _)| label.clone()).collect();
        for label in dead {
            let file = Foreign(&label);
            log::event(Area::Session, Level::Error, "keep.worker_ended", &[("file", &file)]);
            self.remove(&label);
        }
    }

    /// A kept file that was not found is one to be kept all the same, for the time being.
    fn count_the_missing(&mut self, seen: &mut Vec<Seen>) {
        let is_found = |label: &String, seen: &[Seen]| {
            seen.iter().any(|file| file.label == *label && file.content != Content::Missing)
        };
        let missing: Vec<String> = self.kept.keys().filter(|label| !is_found(label, seen)).cloned().collect();
        self.missed.retain(|label, _| missing.contains(label));
        seen.retain(|file| !missing.contains(&file.label));
        for label in missing {
            let number = self.kept.get(&label).map(|kept| kept.number);
            let record = number.and_then(|number| self.board.record(number));
            let is_unsaved =
                record.and_then(|record| record.rested).is_some_and(|rested| rested.status.unsaved);
            let missed = self.missed.entry(label.clone()).or_default();
            *missed = missed.saturating_add(1);
            if *missed < MISSED_LOOKS_MAX || is_unsaved {
                seen.push(Seen { label, is_kept: true, is_missed: true, content: Content::Missing });
            }
        }
    }

    fn let_go_of_what_is_not_in(&mut self, to_be_kept: &BTreeSet<String>) {
        let gone: Vec<String> =
            self.kept.keys().filter(|label| !to_be_kept.contains(*label)).cloned().collect();
        for label in gone {
            log::event(Area::Session, Level::Info, "keep.let_go", &[("file", &Foreign(&label))]);
            self.remove(&label);
        }
    }

    fn remove(&mut self, label: &str) {
        self.missed.remove(label);
        if let Some(kept) = self.kept.remove(label) {
            self.board.remove(kept.number);
            self.leaving.extend(kept.let_go());
        }
    }

    fn take_up(&mut self, candidate: &Candidate, told: &mut BTreeSet<(String, String)>) {
        let label = &candidate.label;
        let mark = match workers::mark(candidate, &*self.means.clock) {
            Mark::Taken(mark) => Some(mark),
            Mark::Another => {
                let advice = "this one takes the file up when the other ends";
                self.tell(
                    told,
                    label,
                    Level::Info,
                    "keep.another",
                    "another keeper is at work on it",
                    advice,
                );
                return;
            }
            Mark::None => {
                let advice = "it is kept all the same; `waiaas-mcp status` cannot tell";
                self.tell(told, label, Level::Info, "keep.no_mark", "no lock can be had beside it", advice);
                None
            }
        };
        let Means { transport, clock, .. } = &self.means;
        let terms = Terms { board: &self.board, transport, clock, until: Until::Stopped, is_quiet: false };
        match workers::start(candidate, mark, &terms) {
            Ok(kept) => {
                log::event(Area::Session, Level::Info, "keep.taken_up", &[("file", &Foreign(label))]);
                self.kept.insert(label.clone(), kept);
            }
            Err(failure) => {
                self.tell(told, label, Level::Error, "keep.no_worker", &failure.what, &failure.advice);
            }
        }
    }

    /// Tells something once, as long as it is so.
    fn tell(
        &self,
        told: &mut BTreeSet<(String, String)>,
        file: &str,
        level: Level,
        event: &'static str,
        why: &str,
        advice: &str,
    ) {
        let news = (file.to_owned(), format!("{event} {why}"));
        if !self.told.contains(&news) {
            let fields: [(&str, &dyn log::Loggable); 3] =
                [("file", &Foreign(file)), ("why", &Foreign(why)), ("advice", &Foreign(advice))];
            log::event(Area::Session, level, event, &fields);
        }
        told.insert(news);
    }

    fn report(&mut self, records: &[Record]) {
        for kept in self.kept.values_mut() {
            if let Some(record) = self.board.record(kept.number) {
                kept.note(&record);
            }
        }
        if self.notify.is_there() {
            self.notify.status(&status_line(records));
        }
        let now = self.now();
        if let Some(metrics) = &mut self.means.metrics {
            let is_due = now >= self.metrics_due;
            metrics.write(records, self.board.reachable(), is_due);
            if is_due {
                self.metrics_due = now.saturating_add(METRICS_INTERVAL);
            }
        }
    }

    fn end(&mut self) {
        self.notify.stopping("ending");
        let kept = std::mem::take(&mut self.kept);
        workers::end_all(kept.into_values().collect(), &self.board);
        for thread in self.leaving.drain(..) {
            let _ = thread.join();
        }
        let records = self.board.records();
        self.report(&records);
    }
}

/// Asks the daemon now and then whether it is there, until the receiver's other end is gone.
fn watch_reach(transport: Arc<dyn Transport>, board: Arc<Board>, ended: Receiver<()>) {
    let ask = move || loop {
        board.set_reachable(reaches(&*transport));
        if ended.recv_timeout(REACH_INTERVAL) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    };
    let asker = thread::Builder::new().name("reach".to_owned()).stack_size(STACK_BYTES);
    if let Err(error) = asker.spawn(ask) {
        let detail = error.to_string();
        log::event(Area::Server, Level::Warn, "metrics.no_thread", &[("error", &Foreign(&detail))]);
    }
}

/// Whether the daemon answers at all.
pub(super) fn reaches(transport: &dyn Transport) -> bool {
    transport.send(&Request::get("/health"), Credential::None, policy::ASK_TIME_MAX).is_ok()
}
