//! What must never happen in a world, and what must happen once its troubles are over.

use waiaas_mcp::secret::Token;
use waiaas_mcp::session::Session;
use waiaas_mcp::session::{policy, schedule};

use super::World;

/// Requests for one token beyond one a minute: the shrinking waits near the end of a life.
const REQUESTS_EXTRA_MAX: i64 = 40;

/// What a process may not know of the daemon's clock.
const CLOCK_DOUBT_MS: i64 = policy::CLOCK_OFFSET_MIN_MS + 1_000;

impl World {
    /// Whether this token works now and for a little longer: a process may be wrong about the daemon's clock by
    /// less than [`policy::CLOCK_OFFSET_MIN_MS`], and the `Date` counts whole seconds.
    fn is_surely_good(&self, session: &Session) -> bool {
        self.accepts(session) && self.daemon.accepts(self.now_ms + CLOCK_DOUBT_MS, session)
    }

    /// True time without the machine's sleep: what a waiting person feels.
    pub(super) fn awake_ms(&self) -> i64 {
        self.now_ms - self.suspended_ms
    }

    fn violation(&mut self, what: impl Into<String>) {
        self.violations.push(what.into());
    }

    /// A request goes out: not within a second of the last, not too many, not without the lock.
    pub(super) fn judge_request(&mut self, index: usize, session: &Session) {
        let (now_ms, without_lock) = (self.now_ms, self.without_lock);
        let latest = self.moment(&self.processes[index].clock.clone()).daemon.latest;
        let is_beside = self.is_in_transit(index, session);
        // A lock that nobody lets go of must not cost the token.
        let is_last_tenth = schedule::is_last_tenth(session, latest);
        let process = &mut self.processes[index];
        let is_storm = process.last_request_ms.is_some_and(|last| now_ms - last < 1_000);
        process.last_request_ms = Some(now_ms);
        process.requests_for_token += 1;
        let (requests, locked_out) = (process.requests_for_token, process.locked_out);
        let minutes = (now_ms - process.held_since_ms) / 60_000;
        if is_storm {
            self.violation("two renewal requests within a second");
        }
        if i64::from(requests) > REQUESTS_EXTRA_MAX + minutes {
            self.violation(format!("{requests} requests for one token in {minutes} min"));
        }
        if self.lock != Some(index) && !without_lock && !locked_out && !is_last_tenth && !is_beside {
            self.violation("a renewal without the lock");
        }
    }

    /// A store begins: it must not be meant to replace a working token of another session.
    pub(super) fn judge_store(&mut self, session: &Session, instead_of: Option<&Token>) {
        let is_theft = self.disk.file_session().is_some_and(|theirs| {
            Some(theirs.token()) == instead_of && theirs.id() != session.id() && self.accepts(theirs)
        });
        if is_theft {
            self.violation("a working token of another session is about to be overwritten");
        }
    }

    /// A token is served from now on: not before it was tried to be written.
    pub(super) fn judge_swap(&mut self, index: usize, session: &Session) {
        let process = &self.processes[index];
        let was_granted = process.granted.as_ref() == Some(session);
        if was_granted && !process.tried_to_store {
            self.violation("memory first, file second");
        }
    }

    /// A process rests: nothing that it was given may be lost.
    pub(super) fn judge_rest(&mut self, index: usize) {
        let process = &self.processes[index];
        let unsaved = process.status.unsaved;
        // What is served is in the file or known to be unsaved, unless somebody put something else there.
        if let Some((held, _)) = &process.served
            && let Some(in_file) = self.disk.file_session()
            && held.is_later_than(in_file)
            && !unsaved
            && self.troubles.vandals == 0
        {
            self.violation("memory is newer than the file and nobody knows");
        }
        let process = &self.processes[index];
        if let Some(granted) = &process.granted
            && self.daemon.is_newest(granted)
            && self.accepts(granted)
            && !self.disk.has(granted)
            && !(unsaved && process.served.as_ref().is_some_and(|(served, _)| served == granted))
            && self.disk.foreign_ms < process.granted_turn_ms
        {
            self.violation("a granted token is neither in a file nor kept in memory");
        }
    }

    /// A call is over: it may have failed only if there was no token to succeed with.
    pub(super) fn judge_call(&mut self, index: usize, asked_at: i64, before: Option<Session>) {
        if self.awake_ms() - asked_at > i64::try_from(policy::RELOAD_WAIT_MAX.as_millis()).unwrap() {
            return; // The call gave up waiting for a daemon that hangs; its answer says so.
        }
        if !self.daemon_answers() || self.daemon.is_locked(self.now_ms) {
            return; // It went away during the call, which has nobody to ask.
        }
        let succeeded = self.serves(index);
        let still_there = before
            .is_some_and(|before| self.is_surely_good(&before) && self.disk.file_session() == Some(&before));
        if !succeeded && still_there && !self.is_killed(index) {
            self.violation("a call was refused although a usable token stood in the file");
        }
    }

    /// Whether this process serves a token that the daemon accepts.
    pub(crate) fn serves(&self, index: usize) -> bool {
        self.usable(index).is_some_and(|(session, _)| self.accepts(&session))
    }

    /// Whether the token file holds a token that works.
    pub(crate) fn file_is_good(&self) -> bool {
        self.disk.file_session().is_some_and(|session| self.is_surely_good(session))
    }

    /// Whether the session in the file can go on: its token can be renewed, or it is a copy and somebody still
    /// knows the one it was copied from.
    pub(crate) fn file_is_renewable(&self) -> bool {
        let Some(in_file) = self.disk.file_session().filter(|session| self.accepts(session)) else {
            return false;
        };
        if self.daemon.is_renewable(self.now_ms, in_file) {
            return true;
        }
        let Some(row) = self.daemon.rows.get(in_file.id()) else { return false };
        row.newest.expires_at() == in_file.expires_at()
            && self.daemon.is_renewable(self.now_ms, &row.newest)
            && self.processes.iter().any(|process| process.known.contains(&row.newest))
    }

    /// A later token than the file's, in a temporary file, that nobody has picked up.
    pub(crate) fn forgotten_leftover(&self) -> bool {
        let Some(in_file) = self.disk.file_session() else { return false };
        self.daemon.rows.get(in_file.id()).is_some_and(|row| {
            row.newest.is_later_than(in_file) && self.disk.has(&row.newest) && self.accepts(&row.newest)
        })
    }
}
