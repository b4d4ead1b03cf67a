//! The processes of a world: what each is at, and the calls that are made of it.

use std::collections::VecDeque;

use waiaas_mcp::session::answers::ClassifiedAnswer;
use waiaas_mcp::session::clock_offset::{DaemonClock, Sample};
use waiaas_mcp::session::events::{Action, AttemptId, Event};
use waiaas_mcp::session::renewal::Renewal;
use waiaas_mcp::session::status::Status;
use waiaas_mcp::session::{Generation, Session, choose, policy};

use super::World;
use super::disk::Storing;

/// One process with its renewal, and the action it is at.
pub(crate) struct Process {
    pub(super) renewal: Renewal,
    pub(super) pending: Pending,
    pub(super) ready_ms: i64,
    pub(super) clock: DaemonClock,
    pub(crate) served: Option<(Session, Generation)>,
    pub(crate) status: Status,
    pub(super) rejected: Option<Generation>,
    /// Answers that it has not taken yet.
    pub(super) answers: VecDeque<(AttemptId, ClassifiedAnswer)>,
    /// Which of the processes that had this place it is.
    pub(super) life: u64,
    /// A call waits; the renewal woke after it asked.
    pub(super) asked: bool,
    pub(super) heard: bool,
    pub(super) temporary: Option<u64>,
    pub(super) lock_deadline_ms: i64,
    pub(super) last_request_ms: Option<i64>,
    /// Requests since the served token was taken, and when that was.
    pub(super) held_since_ms: i64,
    pub(super) requests_for_token: u32,
    /// The last token the daemon granted to this process.
    pub(super) granted: Option<Session>,
    /// When the turn began in which the last request was sent.
    pub(super) sent_turn_ms: i64,
    /// When the turn began in which it was asked for.
    pub(super) granted_turn_ms: i64,
    /// A store of it was tried.
    pub(super) tried_to_store: bool,
    /// When this turn began.
    pub(super) woke_ms: i64,
    /// It was told that the lock cannot be had at all.
    pub(super) locked_out: bool,
    /// Tokens of the daemon's newest kind that this process has held since its start: it can renew with them.
    pub(super) known: Vec<Session>,
}

pub(super) enum Pending {
    Do(Action),
    Store(Storing),
    Killed,
}

/// How long a call waits for the renewal.
const RELOAD_WAIT_MS: i64 = policy::RELOAD_WAIT_MAX.as_millis() as i64;

impl World {
    pub(super) fn new_process(&mut self) -> Process {
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
            answers: VecDeque::new(),
            life: self.steps,
            asked: false,
            heard: false,
            temporary: None,
            lock_deadline_ms: 0,
            last_request_ms: None,
            held_since_ms: self.now_ms,
            requests_for_token: 0,
            granted: None,
            sent_turn_ms: self.now_ms,
            granted_turn_ms: self.now_ms,
            tried_to_store: false,
            woke_ms: self.now_ms,
            locked_out: false,
            known: Vec::new(),
        }
    }

    /// The token a call of this process would use, as `SharedSession::current` has it.
    pub(super) fn usable(&self, index: usize) -> Option<(Session, Generation)> {
        let process = &self.processes[index];
        let daemon = process.clock.time(self.now());
        process
            .served
            .clone()
            .filter(|(session, _)| !process.status.refused && choose::fitness(session, daemon).is_ok())
    }

    pub(super) fn is_killed(&self, index: usize) -> bool {
        matches!(self.processes[index].pending, Pending::Killed)
    }

    /// A tool call, as the server makes it: one retry after a refusal, with the file looked at in between.
    pub(crate) fn call(&mut self, index: usize) {
        if self.is_killed(index) || !self.daemon_answers() || self.daemon.is_locked(self.now_ms) {
            return;
        }
        let before = self.disk.file_session().filter(|session| self.accepts(session)).cloned();
        let first = self.usable(index);
        if first.is_some() {
            self.hear(index, Sample::Passing);
        }
        // A route may answer 401 for reasons of its own.
        let is_stray = self.rng.chance(self.troubles.stray_401s);
        if !is_stray && first.as_ref().is_some_and(|(session, _)| self.accepts(session)) {
            return;
        }
        let process = &mut self.processes[index];
        process.asked = true;
        process.rejected = process.rejected.max(first.map(|(_, generation)| generation));
        let generation = process.served.as_ref().map(|(_, generation)| *generation);
        if matches!(process.pending, Pending::Do(Action::Wait { .. })) {
            process.ready_ms = self.now_ms;
        }
        let asked_at = self.awake_ms();
        // It goes on as soon as another token can be used, or the renewal has looked in vain.
        let has_better = |world: &World| world.usable(index).is_some_and(|(_, now)| Some(now) != generation);
        while self.processes[index].asked && !self.is_killed(index) && !has_better(self) {
            self.advance();
            // It gives up, and its answer says so.
            if self.awake_ms() - asked_at > RELOAD_WAIT_MS {
                break;
            }
        }
        self.judge_call(index, asked_at, before);
    }
}
