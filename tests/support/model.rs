//! A small world in which renewals live for years: a daemon that follows the rules of the real one, a disk that
//! forgets what was not synced, two clocks that jump, processes that are killed, and an operator who runs
//! setup. Everything follows from one seed.
//!
//! It is crueller than the world: outages last for hours, the wall clock is not the daemon's, an answer may be
//! lost after the daemon has committed, and power goes between any two steps of a write.

use std::collections::BTreeMap;
use std::time::Duration;

use waiaas_mcp::session::answers::{ClassifiedAnswer, RenewalAnswer};
use waiaas_mcp::session::events::{
    Action, Event, FileView, LockOutcome, LockPurpose, Moment, StoreOutcome, Wake,
};
use waiaas_mcp::session::fault::{FileFault, FileFaultKind};
use waiaas_mcp::session::renewal::Renewal;
use waiaas_mcp::session::schedule::DaemonClock;
use waiaas_mcp::session::status::Status;
use waiaas_mcp::session::{Generation, Session, policy};
use waiaas_mcp::time::{Now, Timestamp};

use super::prng::Prng;

/// True time when a world begins, in milliseconds: a November day of 2026.
pub(crate) const GENESIS_MS: i64 = 1_795_330_000_000;

/// How often each kind of trouble strikes, per thousand chances, and what sort of world it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Troubles {
    /// Renewal requests that get no answer because they never arrive.
    pub(crate) lost_requests: u64,
    /// Renewal answers that are lost after the commit.
    pub(crate) lost_answers: u64,
    /// 429 and 5xx.
    pub(crate) refusals: u64,
    /// Per world event: the daemon goes away for a while.
    pub(crate) outages: u64,
    /// Per world event: the disk is full or read-only for a while.
    pub(crate) bad_disk: u64,
    /// Per world event: the wall clock is set.
    pub(crate) clock_steps: u64,
    /// Per world event: the machine sleeps.
    pub(crate) suspends: u64,
    /// Per world event: a process is killed, and started again.
    pub(crate) kills: u64,
    /// Per world event: power fails.
    pub(crate) power_cuts: u64,
    /// Per world event: an operator runs setup.
    pub(crate) setups: u64,
    /// Per world event: the token file is deleted or overwritten with rubbish.
    pub(crate) vandals: u64,
}

impl Troubles {
    pub(crate) const NONE: Troubles = Troubles {
        lost_requests: 0,
        lost_answers: 0,
        refusals: 0,
        outages: 0,
        bad_disk: 0,
        clock_steps: 0,
        suspends: 0,
        kills: 0,
        power_cuts: 0,
        setups: 0,
        vandals: 0,
    };
}

/// One session at the daemon.
pub(crate) struct Row {
    pub(crate) newest: Session,
    ttl_s: i64,
    absolute_end_s: Option<i64>,
    max_renewals: Option<u32>,
    renewals: u32,
    pub(crate) revoked: bool,
    /// The newest token never reached anybody who could have kept it.
    pub(crate) newest_lost: bool,
}

/// What the daemon saw.
#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) requests: u64,
    pub(crate) granted: u64,
    pub(crate) too_early: u64,
    pub(crate) mismatched: u64,
}

struct Disk {
    file: FileView,
    durable: FileView,
    /// Temporary files: what a reader sees, and what survives a power cut.
    temporaries: BTreeMap<u64, (Option<Session>, bool)>,
    next_temporary: u64,
    writable: bool,
}

/// One process with its renewal, and the action it is at.
pub(crate) struct Process {
    renewal: Renewal,
    pending: Pending,
    ready_ms: i64,
    clock: DaemonClock,
    pub(crate) served: Option<(Session, Generation)>,
    pub(crate) status: Status,
    rejected: Option<Generation>,
    /// A call waits; the renewal woke after it asked.
    asked: bool,
    heard: bool,
    temporary: Option<u64>,
    lock_deadline_ms: i64,
    last_request_ms: Option<i64>,
    /// Requests since the served token was taken, and when that was.
    held_since_ms: i64,
    requests_for_token: u32,
}

enum Pending {
    Do(Action),
    /// The daemon has decided; this is the answer under way.
    Answer(ClassifiedAnswer),
    Killed,
}

/// The world.
pub(crate) struct World {
    pub(crate) rng: Prng,
    pub(crate) troubles: Troubles,
    pub(crate) now_ms: i64,
    wall_offset_ms: i64,
    suspended_ms: i64,
    daemon_up: bool,
    pub(crate) rows: BTreeMap<String, Row>,
    issued: BTreeMap<String, (String, i64, Option<i64>)>,
    tokens_made: u64,
    pub(crate) ledger: Ledger,
    disk: Disk,
    lock: Option<usize>,
    pub(crate) processes: Vec<Process>,
    pub(crate) violations: Vec<String>,
    ttl_s: Option<i64>,
    limits: (Option<i64>, Option<u32>),
    outage_until_ms: i64,
    bad_disk_until_ms: i64,
    /// Locks do nothing: the control experiment.
    pub(crate) without_lock: bool,
    pub(crate) steps: u64,
    /// Prints every step: `WAIAAS_SEED=n WAIAAS_TRACE=1`.
    trace: bool,
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
            daemon_up: true,
            rows: BTreeMap::new(),
            issued: BTreeMap::new(),
            tokens_made: 0,
            ledger: Ledger::default(),
            disk: Disk {
                file: FileView::Missing,
                durable: FileView::Missing,
                temporaries: BTreeMap::new(),
                next_temporary: 0,
                writable: true,
            },
            lock: None,
            processes: Vec::new(),
            violations: Vec::new(),
            ttl_s,
            limits,
            outage_until_ms: 0,
            bad_disk_until_ms: 0,
            without_lock: false,
            steps: 0,
            trace: std::env::var_os("WAIAAS_TRACE").is_some(),
        };
        world.run_setup();
        for _ in 0..processes {
            let process = world.new_process();
            world.processes.push(process);
        }
        world
    }

    // --- clocks ---------------------------------------------------------------------------------------

    fn now(&self) -> Now {
        let mono = self.now_ms - GENESIS_MS - self.suspended_ms;
        Now {
            wall: Timestamp::from_unix_millis(self.now_ms + self.wall_offset_ms),
            mono: Duration::from_millis(u64::try_from(mono).unwrap() + 1_000_000),
        }
    }

    fn moment(&self, clock: &DaemonClock) -> Moment {
        let now = self.now();
        Moment { now, daemon: clock.time(now) }
    }

    fn date(&self) -> Timestamp {
        Timestamp::from_unix_seconds(self.now_ms.div_euclid(1000))
    }

    pub(crate) fn step_wall_clock(&mut self, by_ms: i64) {
        self.wall_offset_ms += by_ms;
    }

    // --- the daemon -----------------------------------------------------------------------------------

    fn issue(&mut self, id: &str, iat_s: i64, exp_s: Option<i64>) -> Session {
        self.tokens_made += 1;
        let text = format!("{}{}", super::token(id, iat_s, exp_s), self.tokens_made);
        let session = Session::parse(&text, Timestamp::from_unix_millis(self.now_ms)).unwrap();
        self.issued.insert(text, (id.to_owned(), iat_s, exp_s));
        session
    }

    fn new_session(&mut self) -> Session {
        let id = format!("session-{}", self.rows.len());
        let now_s = self.now_ms.div_euclid(1000);
        let absolute_end_s = self.limits.0.map(|lifetime| now_s + lifetime);
        let exp_s = self.ttl_s.map(|ttl| absolute_end_s.map_or(now_s + ttl, |end| end.min(now_s + ttl)));
        let newest = self.issue(&id, now_s, exp_s);
        let row = Row {
            newest: newest.clone(),
            ttl_s: exp_s.map_or(0, |exp| exp - now_s),
            absolute_end_s,
            max_renewals: self.limits.1,
            renewals: 0,
            revoked: false,
            newest_lost: false,
        };
        self.rows.insert(id, row);
        newest
    }

    /// Whether an ordinary route accepts this token now.
    pub(crate) fn accepts(&self, session: &Session) -> bool {
        let Some((id, _, exp)) = self.issued.get(session.token().expose()) else { return false };
        exp.is_none_or(|exp| self.now_ms.div_euclid(1000) < exp) && !self.rows[id].revoked
    }

    fn renew(&mut self, session: &Session) -> RenewalAnswer {
        self.ledger.requests += 1;
        if !self.accepts(session) {
            return RenewalAnswer::Refused;
        }
        let now_s = self.now_ms.div_euclid(1000);
        let row = &self.rows[session.id()];
        let Some((_, iat, Some(exp))) = self.issued.get(session.token().expose()).cloned() else {
            return RenewalAnswer::NotRequired;
        };
        if row.newest.token() != session.token() {
            self.ledger.mismatched += 1;
            return RenewalAnswer::Superseded;
        }
        if row.max_renewals.is_some_and(|max| row.renewals >= max) {
            return RenewalAnswer::Exhausted;
        }
        if row.absolute_end_s.is_some_and(|end| now_s >= end) {
            return RenewalAnswer::Exhausted;
        }
        let ttl = exp - iat;
        if (now_s - iat) * 2 < ttl {
            self.ledger.too_early += 1;
            return RenewalAnswer::TooEarly;
        }
        let new_exp = row.absolute_end_s.map_or(now_s + ttl, |end| end.min(now_s + ttl));
        let new = self.issue(session.id(), now_s, Some(new_exp));
        self.ledger.granted += 1;
        let row = self.rows.get_mut(session.id()).unwrap();
        row.newest = new.clone();
        row.ttl_s = ttl;
        row.renewals += 1;
        RenewalAnswer::Granted(new)
    }

    // --- the operator and other hands -----------------------------------------------------------------

    /// Makes a session and puts its token into the file, as a foreign program does: without the lock.
    pub(crate) fn run_setup(&mut self) {
        let session = self.new_session();
        self.disk.file = FileView::Held(session);
        self.disk.durable.clone_from(&self.disk.file);
    }

    pub(crate) fn revoke_all(&mut self) {
        self.rows.values_mut().for_each(|row| row.revoked = true);
    }

    pub(crate) fn file_session(&self) -> Option<Session> {
        match &self.disk.file {
            FileView::Held(session) => Some(session.clone()),
            FileView::Missing | FileView::Unusable(_) => None,
        }
    }

    fn leftover(&self, durable_only: bool) -> Option<Session> {
        let complete = self.disk.temporaries.values().filter(|(_, durable)| *durable || !durable_only);
        complete.filter_map(|(session, _)| session.clone()).max_by_key(|s| (s.expires_at(), s.issued_at()))
    }

    pub(crate) fn set_daemon_up(&mut self, up: bool) {
        self.daemon_up = up;
    }

    pub(crate) fn set_disk_writable(&mut self, writable: bool) {
        self.disk.writable = writable;
    }

    // --- processes ------------------------------------------------------------------------------------

    fn new_process(&mut self) -> Process {
        let clock = DaemonClock::default();
        let mut renewal = Renewal::new(None, self.moment(&clock));
        let action = renewal.step(self.moment(&clock), Event::Started);
        renewal.take_notices();
        Process {
            renewal,
            pending: Pending::Do(action),
            ready_ms: self.now_ms + self.rng.between(0, 5),
            clock,
            served: None,
            status: Status::UNKNOWN,
            rejected: None,
            asked: false,
            heard: false,
            temporary: None,
            lock_deadline_ms: 0,
            last_request_ms: None,
            held_since_ms: self.now_ms,
            requests_for_token: 0,
        }
    }

    /// SIGKILL, at whatever it is doing; another one starts a little later.
    pub(crate) fn kill(&mut self, index: usize) {
        if self.lock == Some(index) {
            self.lock = None;
        }
        let at = &mut self.processes[index];
        if let Pending::Answer(ClassifiedAnswer { answer: RenewalAnswer::Granted(lost), .. }) = &at.pending {
            let id = lost.id().to_owned();
            self.rows.get_mut(&id).unwrap().newest_lost = true;
        }
        // Received and not yet in any file: the window that no client can close.
        if let Pending::Do(Action::Store { session, .. }) = &self.processes[index].pending
            && self.rows[session.id()].newest.token() == session.token()
            && self.file_session().as_ref() != Some(session)
            && self.leftover(false).as_ref() != Some(session)
        {
            let id = session.id().to_owned();
            self.rows.get_mut(&id).unwrap().newest_lost = true;
        }
        if let Some((held, _)) = self.processes[index].served.clone()
            && self.processes[index].status.unsaved
            && self.rows[held.id()].newest.token() == held.token()
        {
            self.rows.get_mut(held.id()).unwrap().newest_lost = true;
        }
        self.processes[index].pending = Pending::Killed;
        self.processes[index].served = None;
        self.processes[index].ready_ms = self.now_ms + self.rng.between(1, 3_000);
    }

    /// Power fails: every process dies and only what was synced is left.
    pub(crate) fn cut_power(&mut self) {
        for index in 0..self.processes.len() {
            self.kill(index);
        }
        self.disk.file.clone_from(&self.disk.durable);
        self.disk.temporaries.retain(|_, (_, durable)| *durable);
        for row in self.rows.values_mut() {
            let kept = self.disk.file == FileView::Held(row.newest.clone())
                || self.disk.temporaries.values().any(|(session, _)| session.as_ref() == Some(&row.newest));
            row.newest_lost |= !kept;
        }
    }

    /// The token a call of this process would use, as `SharedSession::current` has it.
    fn usable(&self, index: usize) -> Option<(Session, Generation)> {
        let process = &self.processes[index];
        let daemon = process.clock.time(self.now()).earliest;
        process.served.clone().filter(|(session, _)| !process.status.refused && !session.is_expired(daemon))
    }

    /// A tool call: refused only if no usable token exists that this process could find.
    pub(crate) fn call(&mut self, index: usize) {
        if matches!(self.processes[index].pending, Pending::Killed) || !self.daemon_up {
            return;
        }
        let in_file_before = self.file_session().filter(|session| self.accepts(session));
        let first = self.usable(index);
        if first.as_ref().is_some_and(|(session, _)| self.accepts(session)) {
            let date = self.date();
            let now = self.now();
            self.processes[index].clock.hear(date, now);
            return;
        }
        let process = &mut self.processes[index];
        process.asked = true;
        process.rejected = process.rejected.max(first.map(|(_, generation)| generation));
        if matches!(process.pending, Pending::Do(Action::Wait { .. })) {
            process.ready_ms = self.now_ms;
        }
        let asked_at = self.now_ms;
        while self.processes[index].asked && !matches!(self.processes[index].pending, Pending::Killed) {
            self.advance();
            if self.now_ms - asked_at > 120_000 {
                self.violations.push("a call waited for two minutes".to_owned());
                return;
            }
        }
        if self.now_ms - asked_at > i64::try_from(policy::RELOAD_WAIT_MAX.as_millis()).unwrap() {
            return; // The call gave up waiting for a daemon that hangs; its answer says so.
        }
        let second = self.usable(index);
        let succeeded = second.as_ref().is_some_and(|(session, _)| self.accepts(session));
        let still_in_file = in_file_before
            .filter(|before| self.accepts(before) && self.file_session().as_ref() == Some(before));
        if !succeeded && still_in_file.is_some() && !matches!(self.processes[index].pending, Pending::Killed)
        {
            self.violations.push("a call was refused although a usable token stood in the file".to_owned());
        }
    }

    /// Lets the process that is ready first go on.
    #[allow(clippy::print_stdout, reason = "the trace that a failing seed is read by")]
    pub(crate) fn advance(&mut self) {
        let index = (0..self.processes.len()).min_by_key(|index| self.processes[*index].ready_ms).unwrap();
        self.now_ms = self.now_ms.max(self.processes[index].ready_ms);
        self.steps += 1;
        if matches!(self.processes[index].pending, Pending::Killed) {
            self.processes[index] = self.new_process();
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
        self.processes.iter().map(|process| process.ready_ms).min().unwrap()
    }

    /// The machine sleeps: true time passes, the monotonic clock stands still, and so does every process.
    pub(crate) fn suspend(&mut self, for_ms: i64) {
        self.now_ms += for_ms;
        self.suspended_ms += for_ms;
        for process in &mut self.processes {
            process.ready_ms += for_ms;
            process.lock_deadline_ms += for_ms;
            process.last_request_ms = None;
        }
    }

    fn begin(&mut self, index: usize, action: Action) {
        let mut delay_ms = self.rng.between(0, 1);
        match &action {
            Action::Wait { at_most, status } => {
                assert!(*at_most >= policy::WAIT_MIN && *at_most <= policy::WAIT_MAX, "{at_most:?}");
                delay_ms = i64::try_from(at_most.as_millis()).unwrap();
                self.rested(index, status.clone());
                if self.processes[index].asked {
                    delay_ms = 0;
                }
            }
            Action::TakeLock(_) => self.processes[index].lock_deadline_ms = self.now_ms + 2_000,
            Action::Renew(_) => {
                self.note_request(index);
                delay_ms = self.rng.between(1, 200);
                if !self.daemon_up {
                    delay_ms = if self.rng.chance(500) { 1 } else { 30_000 };
                }
            }
            _ => {}
        }
        self.processes[index].pending = Pending::Do(action);
        self.processes[index].ready_ms = self.now_ms + delay_ms;
    }

    fn rested(&mut self, index: usize, status: Status) {
        let process = &mut self.processes[index];
        process.status = status;
        process.asked &= !std::mem::take(&mut process.heard);
        if let Some(temporary) = process.temporary.take() {
            self.disk.temporaries.remove(&temporary);
        }
        // File first, memory second: what is served is in the file, or known to be unsaved, unless somebody
        // put something else there.
        let process = &self.processes[index];
        if let Some((held, _)) = &process.served
            && let Some(in_file) = self.file_session()
            && held.is_later_than(&in_file)
            && !process.status.unsaved
            && self.troubles.vandals == 0
        {
            self.violations.push("memory is newer than the file and nobody knows".to_owned());
        }
    }

    fn note_request(&mut self, index: usize) {
        let now_ms = self.now_ms;
        let without_lock = self.without_lock;
        let process = &mut self.processes[index];
        if process.last_request_ms.is_some_and(|last| now_ms - last < 1_000) {
            self.violations.push("two renewal requests within a second".to_owned());
        }
        process.last_request_ms = Some(now_ms);
        process.requests_for_token += 1;
        // One a minute, and the shrinking waits near the end of a life.
        let minutes = (now_ms - process.held_since_ms) / 60_000;
        if i64::from(process.requests_for_token) > 40 + minutes {
            let many = format!("{} requests for one token in {minutes} min", process.requests_for_token);
            self.violations.push(many);
        }
        if self.lock != Some(index) && !without_lock && self.disk.writable {
            self.violations.push("a renewal without the lock".to_owned());
        }
    }

    /// What came of the pending action; `None` if it goes on.
    fn complete(&mut self, index: usize) -> Option<Event> {
        let pending = std::mem::replace(&mut self.processes[index].pending, Pending::Killed);
        let action = match pending {
            Pending::Do(action) => action,
            Pending::Answer(answer) => {
                if !matches!(answer.answer, RenewalAnswer::Unavailable { .. }) {
                    self.hear(index);
                }
                return Some(Event::RenewalAnswered(answer));
            }
            Pending::Killed => return None,
        };
        let event = match action {
            Action::Wait { .. } => {
                let process = &mut self.processes[index];
                process.heard = process.asked;
                Event::Woke(match process.rejected.take() {
                    Some(generation) => Wake::Rejected(generation),
                    None if process.asked => Wake::Wanted,
                    None => Wake::Elapsed,
                })
            }
            Action::ReadFile => Event::FileRead(self.read_file(index)),
            Action::AskTime => {
                if self.daemon_up {
                    self.hear(index);
                }
                Event::TimeAsked
            }
            Action::TakeLock(purpose) => return self.take_lock(index, purpose),
            Action::Sweep => Event::Swept(self.leftover(false)),
            Action::Prepare => Event::Prepared(self.prepare(index)),
            Action::Renew(session) => {
                self.begin_answer(index, &session);
                return None;
            }
            Action::Store { session, instead_of } => {
                let instead_of = instead_of.map(|token| token.expose().to_owned());
                Event::Stored(self.store(index, &session, instead_of.as_deref()))
            }
            Action::SwapToken { session, generation, status } => {
                let process = &mut self.processes[index];
                process.served = Some((session, generation));
                process.status = status;
                process.held_since_ms = self.now_ms;
                process.requests_for_token = 0;
                Event::TokenSwapped
            }
            Action::ReleaseLock => {
                if self.lock == Some(index) {
                    self.lock = None;
                }
                Event::Unlocked
            }
            Action::Stop => return None,
        };
        Some(event)
    }

    fn hear(&mut self, index: usize) {
        let (date, now) = (self.date(), self.now());
        self.processes[index].clock.hear(date, now);
    }

    /// As the real one: a token whose end is absurdly far from what this process takes for now is no token.
    fn read_file(&self, index: usize) -> FileView {
        let now = self.processes[index].clock.time(self.now()).earliest;
        let is_absurd = |exp: Timestamp| {
            exp.millis_since(now) > policy::LIFE_MAX_MS || now.millis_since(exp) > policy::EXPIRED_AGE_MAX_MS
        };
        match &self.disk.file {
            FileView::Held(session) if session.expires_at().is_some_and(is_absurd) => {
                FileView::Unusable("its times make no sense")
            }
            view => view.clone(),
        }
    }

    fn take_lock(&mut self, index: usize, purpose: LockPurpose) -> Option<Event> {
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
        self.processes[index].pending = Pending::Do(Action::TakeLock(purpose));
        self.processes[index].ready_ms = self.now_ms + 20;
        None
    }

    fn prepare(&mut self, index: usize) -> Result<(), FileFault> {
        if !self.disk.writable {
            return Err(fault("reserve space"));
        }
        let name = self.disk.next_temporary;
        self.disk.next_temporary += 1;
        self.disk.temporaries.insert(name, (None, true));
        self.processes[index].temporary = Some(name);
        Ok(())
    }

    fn begin_answer(&mut self, index: usize, session: &Session) {
        let unavailable = |retry_after: Option<u64>| RenewalAnswer::Unavailable {
            retry_after: retry_after.map(Duration::from_secs),
            counts: true,
        };
        let answer = if !self.daemon_up || self.rng.chance(self.troubles.lost_requests) {
            unavailable(None)
        } else if self.rng.chance(self.troubles.refusals) {
            unavailable(Some(53))
        } else {
            let answer = self.renew(session);
            let is_lost =
                matches!(answer, RenewalAnswer::Granted(_)) && self.rng.chance(self.troubles.lost_answers);
            if is_lost {
                self.rows.get_mut(session.id()).unwrap().newest_lost = true;
                unavailable(None)
            } else {
                answer
            }
        };
        let under_way_ms = self.rng.between(0, 50);
        let process = &mut self.processes[index];
        process.pending = Pending::Answer(ClassifiedAnswer { answer, code: "model".to_owned() });
        process.ready_ms = self.now_ms + under_way_ms;
    }

    /// As the real one: write and sync the temporary file, compare, rename, sync the directory. Power may fail
    /// after each; then the process is killed by the caller of this world and sees nothing of it.
    fn store(&mut self, index: usize, session: &Session, instead_of: Option<&str>) -> StoreOutcome {
        if !self.disk.writable {
            return StoreOutcome::Failed(fault("write the temporary file"));
        }
        let name = match self.processes[index].temporary.take() {
            Some(name) => name,
            None => {
                self.disk.next_temporary += 1;
                self.disk.next_temporary
            }
        };
        self.disk.temporaries.insert(name, (Some(session.clone()), true));
        if self.rng.chance(self.troubles.power_cuts / 10) {
            return StoreOutcome::Failed(fault("rename"));
        }
        if let FileView::Held(theirs) = self.read_file(index)
            && Some(theirs.token().expose()) != instead_of
            && theirs.token() != session.token()
        {
            self.disk.temporaries.remove(&name);
            return StoreOutcome::SomebodyElse(theirs);
        }
        self.disk.file = FileView::Held(session.clone());
        self.disk.durable.clone_from(&self.disk.file);
        self.disk.temporaries.remove(&name);
        StoreOutcome::Done
    }

    // --- trouble --------------------------------------------------------------------------------------

    /// Something happens in the world, or nothing.
    pub(crate) fn trouble(&mut self) {
        let t = self.troubles;
        if self.now_ms >= self.outage_until_ms {
            self.daemon_up = true;
        }
        if self.now_ms >= self.bad_disk_until_ms {
            self.disk.writable = true;
        }
        if self.rng.chance(t.outages) {
            self.daemon_up = false;
            self.outage_until_ms = self.now_ms + *self.rng.pick(&[5_000, 14_000, 600_000, 7_200_000]);
        }
        if self.rng.chance(t.bad_disk) {
            self.disk.writable = false;
            self.bad_disk_until_ms = self.now_ms + *self.rng.pick(&[3_000, 70_000, 900_000]);
        }
        if self.rng.chance(t.clock_steps) {
            let by = *self.rng.pick(&[
                -31_536_000_000,
                -3_600_000,
                -90_000,
                2_500,
                90_000,
                3_600_000,
                31_536_000_000,
            ]);
            // The clock is set right as often as wrong.
            self.wall_offset_ms = if self.rng.chance(500) { 0 } else { by };
        }
        if self.rng.chance(t.suspends) {
            let for_ms = *self.rng.pick(&[5_000, 120_000, 28_800_000, 2_592_000_000]);
            self.suspend(for_ms);
        }
        if self.rng.chance(t.kills) {
            let index = usize::try_from(self.rng.next() % self.processes.len() as u64).unwrap();
            self.kill(index);
        }
        if self.rng.chance(t.power_cuts) {
            self.cut_power();
        }
        if self.rng.chance(t.setups) {
            self.run_setup();
        }
        if self.rng.chance(t.vandals) {
            self.disk.file =
                if self.rng.chance(500) { FileView::Missing } else { FileView::Unusable("it is rubbish") };
        }
    }

    /// All troubles end.
    pub(crate) fn heal(&mut self) {
        self.troubles = Troubles::NONE;
        self.daemon_up = true;
        self.disk.writable = true;
        self.outage_until_ms = 0;
        self.bad_disk_until_ms = 0;
    }

    /// Whether the daemon would still renew the session whose newest token stands in the file.
    pub(crate) fn file_is_renewable(&self) -> bool {
        let Some(session) = self.file_session().filter(|session| self.accepts(session)) else { return false };
        let row = &self.rows[session.id()];
        let now_s = self.now_ms.div_euclid(1000);
        row.newest.token() == session.token()
            && row.max_renewals.is_none_or(|max| row.renewals < max)
            && row.absolute_end_s.is_none_or(|end| now_s + row.ttl_s * 2 < end)
    }

    /// Whether this process serves a token that the daemon accepts.
    pub(crate) fn serves(&self, index: usize) -> bool {
        self.usable(index).is_some_and(|(session, _)| self.accepts(&session))
    }
}

fn fault(operation: &'static str) -> FileFault {
    FileFault { operation, kind: FileFaultKind::Full, detail: "no space left on device".to_owned() }
}
