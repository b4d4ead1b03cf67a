//! A small world in which renewals live for years: a daemon that follows the rules of the real one, a disk that
//! forgets what was not synced, two clocks that jump, processes that are killed, and an operator who runs
//! setup. Everything follows from one seed.
//!
//! It is crueller than the world: outages last for hours, the wall clock is not the daemon's, an answer may be
//! lost after the daemon has committed, power goes between any two steps of a write, and troubles lie in
//! ambush for the middle of a transaction ([`troubles`]). What must never happen stands in [`oracles`].

use std::collections::BTreeMap;
use std::time::Duration;

use waiaas_mcp::session::answers::{ClassifiedAnswer, Introspection, RenewalAnswer};
use waiaas_mcp::session::clock_offset::{DaemonClock, Sample};
use waiaas_mcp::session::events::{Action, Event, LockOutcome, Moment, StoreOutcome, Wake};
use waiaas_mcp::session::status::Status;
use waiaas_mcp::session::{Generation, Session, policy};
use waiaas_mcp::time::{Now, Timestamp};

use super::prng::Prng;

pub(crate) mod daemon;
pub(crate) mod disk;
pub(crate) mod oracles;
pub(crate) mod processes;
mod transit;
pub(crate) mod troubles;

use daemon::Daemon;
use disk::{Disk, Storing, fault};
use processes::{Pending, Process};
use transit::Transit;
use troubles::Ambush;
pub(crate) use troubles::Troubles;

/// True time when a world begins, in milliseconds: a November day of 2026.
pub(crate) const GENESIS_MS: i64 = 1_795_330_000_000;

/// How far a stray `Date` may be off, either way.
const STRAY_DATE_MS: i64 = 2 * 24 * 60 * 60 * 1000;

/// How often a waiting process tries the lock.
const LOCK_POLL_MS: i64 = 20;

/// The world.
pub(crate) struct World {
    pub(crate) rng: Prng,
    pub(crate) troubles: Troubles,
    pub(crate) now_ms: i64,
    wall_offset_ms: i64,
    suspended_ms: i64,
    pub(crate) daemon: Daemon,
    pub(crate) disk: Disk,
    lock: Option<usize>,
    pub(crate) processes: Vec<Process>,
    /// Renewal requests on their way to the daemon, and answers on their way back.
    transits: Vec<Transit>,
    /// The daemon is stopped until then: it receives, and carries out later.
    frozen_until_ms: i64,
    pub(crate) violations: Vec<String>,
    outage_until_ms: i64,
    bad_disk_until_ms: i64,
    ambush: Option<Ambush>,
    /// Troubles that struck inside a transaction, by the place where they did.
    pub(crate) struck: BTreeMap<String, u64>,
    /// Locks do nothing: the control experiment.
    pub(crate) without_lock: bool,
    pub(crate) steps: u64,
    /// Prints every step: `WAIAAS_SEED=n WAIAAS_TRACE=1`.
    pub(crate) trace: bool,
}

impl World {
    /// `ttl_s`: `None` for unlimited sessions. `limits`: absolute lifetime in seconds, renewals.
    pub(crate) fn new(
        seed: u64,
        troubles: Troubles,
        processes: usize,
        ttl_s: Option<i64>,
        limits: (Option<i64>, Option<u32>),
    ) -> World {
        let mut world = World {
            rng: Prng::new(seed),
            troubles,
            now_ms: GENESIS_MS,
            wall_offset_ms: 0,
            suspended_ms: 0,
            daemon: Daemon::new(ttl_s, limits),
            disk: Disk::new(),
            lock: None,
            processes: Vec::new(),
            transits: Vec::new(),
            frozen_until_ms: 0,
            violations: Vec::new(),
            outage_until_ms: 0,
            bad_disk_until_ms: 0,
            ambush: None,
            struck: BTreeMap::new(),
            without_lock: false,
            steps: 0,
            trace: false,
        };
        world.run_setup();
        for _ in 0..processes {
            let process = world.new_process();
            world.processes.push(process);
        }
        world
    }

    fn now(&self) -> Now {
        let mono = self.now_ms - GENESIS_MS - self.suspended_ms;
        Now {
            wall: Timestamp::from_unix_millis(self.now_ms + self.wall_offset_ms),
            mono: Duration::from_millis(u64::try_from(mono).unwrap() + 1_000_000),
        }
    }

    fn daemon_answers(&self) -> bool {
        self.daemon.is_up && self.now_ms >= self.frozen_until_ms
    }

    fn moment(&self, clock: &DaemonClock) -> Moment {
        let now = self.now();
        Moment { now, daemon: clock.time(now) }
    }

    pub(crate) fn accepts(&self, session: &Session) -> bool {
        self.daemon.accepts(self.now_ms, session)
    }

    /// Lets the process that is ready first go on.
    #[allow(clippy::print_stdout, reason = "the trace that a failing seed is read by")]
    pub(crate) fn advance(&mut self) {
        if let Some(transit) = self.next_transit() {
            return self.carry_on(transit);
        }
        let index = (0..self.processes.len()).min_by_key(|index| self.processes[*index].ready_ms).unwrap();
        self.now_ms = self.now_ms.max(self.processes[index].ready_ms);
        self.steps += 1;
        if self.is_killed(index) {
            self.processes[index] = self.new_process();
            return;
        }
        if self.ambush.is_some() && self.strikes(index) {
            return;
        }
        let Some(event) = self.complete(index) else { return };
        let moment = self.moment(&self.processes[index].clock.clone());
        let process = &mut self.processes[index];
        let told = self.trace.then(|| format!("{event:?}"));
        let action = process.renewal.step(moment, event);
        let notices = process.renewal.take_notices();
        if let Some(told) = told {
            let after_s = (self.now_ms - GENESIS_MS) as f64 / 1000.0;
            println!("{after_s:>12.3} s  process {index}: {told}\n{notices:>30?}\n{:>30} {action:?}", "->");
        }
        self.begin(index, action);
    }

    /// Time when something happens next.
    pub(crate) fn next_ms(&self) -> i64 {
        let transits = self.transits.iter().map(|transit| transit.due_ms);
        self.processes.iter().map(|process| process.ready_ms).chain(transits).min().unwrap()
    }

    fn begin(&mut self, index: usize, action: Action) {
        let mut delay_ms = self.rng.between(0, 1);
        match &action {
            Action::Wait { at_most, status, is_settled } => {
                assert!(*at_most >= policy::WAIT_MIN && *at_most <= policy::WAIT_MAX, "{at_most:?}");
                delay_ms = i64::try_from(at_most.as_millis()).unwrap();
                self.rested(index, status.clone(), *is_settled);
                let process = &self.processes[index];
                if (process.asked && !process.heard) || !process.answers.is_empty() {
                    delay_ms = 0;
                }
            }
            Action::TakeLock { at_most, .. } => {
                self.processes[index].lock_deadline_ms =
                    self.now_ms + i64::try_from(at_most.as_millis()).unwrap();
            }
            Action::SendRenewal { session, .. } => {
                self.judge_request(index, session);
                delay_ms = 0;
            }
            Action::Store { session, instead_of } => {
                self.judge_store(session, instead_of.as_ref());
            }
            _ => {}
        }
        self.processes[index].pending = Pending::Do(action);
        self.processes[index].ready_ms = self.now_ms + delay_ms;
    }

    fn rested(&mut self, index: usize, status: Status, is_settled: bool) {
        let process = &mut self.processes[index];
        process.status = status;
        if is_settled {
            process.asked &= !std::mem::take(&mut process.heard);
        }
        self.judge_rest(index);
    }

    /// What came of the pending action; `None` if it goes on.
    fn complete(&mut self, index: usize) -> Option<Event> {
        let pending = std::mem::replace(&mut self.processes[index].pending, Pending::Killed);
        let action = match pending {
            Pending::Do(action) => action,
            Pending::Store(storing) => return self.go_on_storing(index, storing),
            Pending::Killed => return None,
        };
        let event = match action {
            Action::Wait { .. } => Event::Woke(self.wake(index)),
            Action::ReadFile => Event::FileRead(self.disk.file.clone()),
            Action::AskTime => {
                for _ in 0..policy::ASK_TIME_SAMPLES_MAX {
                    let is_known = self.moment(&self.processes[index].clock.clone()).daemon.is_known;
                    if self.daemon_answers() && !is_known {
                        self.hear(index, Sample::Asked);
                    }
                }
                Event::TimeAsked
            }
            Action::Introspect(session) => Event::Introspected(self.introspect(index, &session)),
            Action::TakeLock { .. } => return self.take_lock(index, action),
            Action::Sweep => Event::Swept(self.disk.sweep(self.now_ms)),
            Action::Prepare => {
                let prepared = self.disk.prepare(self.now_ms);
                self.processes[index].temporary = prepared.as_ref().ok().copied();
                Event::Prepared(prepared.map(|_| ()))
            }
            Action::SendRenewal { attempt, session, time_max } => {
                self.send(index, attempt, session, time_max);
                Event::RenewalSent
            }
            Action::Store { session, instead_of } => {
                let instead_of = instead_of.map(|token| token.expose().to_owned());
                let prepared = self.processes[index].temporary.take();
                match self.disk.begin_store(self.now_ms, session, instead_of, prepared) {
                    Ok(storing) => return self.go_on_storing(index, storing),
                    Err(fault) => {
                        self.processes[index].tried_to_store = true;
                        Event::Stored(StoreOutcome::Failed(fault))
                    }
                }
            }
            Action::SwapToken { session, generation, status } => {
                self.swap(index, session, generation, status);
                Event::TokenSwapped
            }
            Action::ReleaseLock => {
                if let Some(temporary) = self.processes[index].temporary.take() {
                    self.disk.remove(temporary);
                }
                if self.lock == Some(index) {
                    self.lock = None;
                }
                Event::Unlocked
            }
            Action::Stop { .. } => return None,
        };
        Some(event)
    }

    fn wake(&mut self, index: usize) -> Wake {
        if let Some((attempt, answer)) = self.processes[index].answers.pop_front() {
            self.receive(index, &answer);
            return Wake::Answered(attempt, Box::new(answer));
        }
        let process = &mut self.processes[index];
        process.heard = process.asked;
        process.woke_ms = self.now_ms;
        match process.rejected.take() {
            Some(generation) => Wake::Rejected(generation),
            None if process.asked => Wake::Wanted,
            None => Wake::Elapsed,
        }
    }

    fn swap(&mut self, index: usize, session: Session, generation: Generation, status: Status) {
        self.judge_swap(index, &session);
        let is_newest = self.daemon.is_newest(&session);
        let process = &mut self.processes[index];
        process.known.retain(|known| known.id() == session.id());
        if is_newest {
            process.known.push(session.clone());
        }
        process.served = Some((session, generation));
        process.status = status;
        process.held_since_ms = self.now_ms;
        process.requests_for_token = 0;
    }

    fn go_on_storing(&mut self, index: usize, mut storing: Storing) -> Option<Event> {
        if let Some(outcome) = self.disk.store_step(&mut storing) {
            self.processes[index].tried_to_store = true;
            return Some(Event::Stored(outcome));
        }
        self.processes[index].pending = Pending::Store(storing);
        self.processes[index].ready_ms = self.now_ms + self.rng.between(0, 1);
        None
    }

    /// The `Date` of an answer, which may be wrong now and then.
    fn hear(&mut self, index: usize, sample: Sample) {
        let now = self.now();
        let Some(date) = self.daemon.date(self.now_ms) else { return };
        let is_stray = self.rng.chance(self.troubles.stray_dates);
        let off_ms = if is_stray { self.rng.between(-STRAY_DATE_MS, STRAY_DATE_MS) } else { 0 };
        let is_doubt = self.processes[index].clock.hear(date.plus_millis(off_ms), now, sample);
        // As the real one: the worker is nudged.
        let process = &mut self.processes[index];
        if is_doubt
            && sample == Sample::Passing
            && matches!(process.pending, Pending::Do(Action::Wait { .. }))
        {
            process.ready_ms = process.ready_ms.min(self.now_ms);
        }
    }

    fn introspect(&mut self, index: usize, session: &Session) -> Introspection {
        if !self.daemon_answers()
            || self.daemon.is_locked(self.now_ms)
            || self.rng.chance(self.troubles.refusals)
        {
            return Introspection::Unknown;
        }
        self.hear(index, Sample::Passing);
        if !self.accepts(session) {
            return Introspection::Inactive;
        }
        let now = self.now();
        self.processes[index].clock.accepted(session, now);
        Introspection::Active
    }

    fn take_lock(&mut self, index: usize, action: Action) -> Option<Event> {
        self.processes[index].locked_out = !self.disk.writable;
        if !self.disk.writable {
            return Some(Event::Locked(LockOutcome::Failed(fault("open the lock file"))));
        }
        if self.lock.is_none() || self.without_lock {
            self.lock = Some(index);
            return Some(Event::Locked(LockOutcome::Held));
        }
        if self.now_ms >= self.processes[index].lock_deadline_ms {
            return Some(Event::Locked(LockOutcome::TimedOut));
        }
        self.processes[index].pending = Pending::Do(action);
        self.processes[index].ready_ms = self.now_ms + LOCK_POLL_MS;
        None
    }

    /// What a process does with an answer when it takes it.
    fn receive(&mut self, index: usize, answer: &ClassifiedAnswer) {
        if !matches!(answer.answer, RenewalAnswer::Unavailable { .. }) {
            self.hear(index, Sample::Passing);
        }
        if let RenewalAnswer::Granted(session) = &answer.answer {
            let process = &mut self.processes[index];
            process.granted = Some(session.clone());
            process.granted_turn_ms = process.sent_turn_ms;
            process.tried_to_store = false;
            process.known.push(session.clone());
        }
    }
}
