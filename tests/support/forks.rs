//! A world of one process that asks an odometer what happens next, wherever something can.
//!
//! The daemon is the model's. Faults change the world for good (a file that is deleted stays so), and the
//! world keeps a coverage of what was stepped.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use waiaas_mcp::session::answers::{ClassifiedAnswer, Introspection, RenewalAnswer};
use waiaas_mcp::session::clock_offset::{DaemonClock, Sample};
use waiaas_mcp::session::events::{
    Action, AttemptId, Event, FileView, LockOutcome, Moment, StoreOutcome, Wake,
};
use waiaas_mcp::session::renewal::Renewal;
use waiaas_mcp::session::status::Status;
use waiaas_mcp::session::{Generation, Session, policy, schedule};
use waiaas_mcp::time::{Now, Timestamp};

use super::model::GENESIS_MS;
use super::model::daemon::Daemon;
use super::model::disk::fault;
use super::odometer::Odometer;

mod words;

/// Life of the tokens, in seconds.
pub(crate) const LIFE_S: i64 = 300;

/// Which pairs were stepped, and how often: what the renewal was at, and what happened then.
pub(crate) type Coverage = BTreeMap<(&'static str, &'static str), u64>;

pub(crate) struct Forks<'a> {
    odometer: &'a mut Odometer,
    coverage: &'a mut Coverage,
    renewal: Renewal,
    now_ms: i64,
    wall_offset_ms: i64,
    suspended_ms: i64,
    clock: DaemonClock,
    pub(crate) daemon: Daemon,
    file: FileView,
    served: Option<(Session, Generation)>,
    status: Status,
    granted: Option<Session>,
    /// The last token it has held that was its session's newest.
    known: Option<Session>,
    /// The file was touched by somebody else since the last grant.
    foreign: bool,
    /// Requests that the daemon has received and not answered.
    received: VecDeque<(AttemptId, Session)>,
    /// In a crashed process's temporary file.
    leftover: Option<Session>,
    /// Tokens that were refused to a call.
    rejected: BTreeSet<String>,
    last_request_ms: Option<i64>,
    may_renew: bool,
    /// What the renewal is at.
    phase: &'static str,
    /// The daemon said that it never renews this session.
    gave_up: bool,
    /// What happens now is that a renewal is refused.
    was_refused: bool,
    /// The program was told to end.
    is_ending: bool,
    /// The program has ended.
    pub(crate) ended: bool,
    pub(crate) steps: u64,
}

impl<'a> Forks<'a> {
    /// A token of this age stands in the file; `None`: there is no file.
    pub(crate) fn new(
        odometer: &'a mut Odometer,
        coverage: &'a mut Coverage,
        age_s: Option<i64>,
    ) -> Forks<'a> {
        let mut daemon = Daemon::new(Some(LIFE_S), (None, None));
        let mut now_ms = GENESIS_MS;
        let file = age_s.map_or(FileView::Missing, |age_s| {
            now_ms += age_s * 1000;
            FileView::Held(daemon.new_session(GENESIS_MS))
        });
        let clock = DaemonClock::default();
        let now = Now { wall: Timestamp::from_unix_millis(now_ms), mono: Duration::from_secs(1) };
        Forks {
            odometer,
            coverage,
            renewal: Renewal::new(None, Moment { now, daemon: clock.time(now) }),
            now_ms,
            wall_offset_ms: 0,
            suspended_ms: now_ms - GENESIS_MS - 1_000,
            clock,
            daemon,
            file,
            served: None,
            status: Status::UNKNOWN,
            granted: None,
            known: None,
            foreign: false,
            received: VecDeque::new(),
            leftover: None,
            rejected: BTreeSet::new(),
            last_request_ms: None,
            may_renew: false,
            phase: "begin",
            gave_up: false,
            was_refused: false,
            is_ending: false,
            ended: false,
            steps: 0,
        }
    }

    fn now(&self) -> Now {
        let mono = self.now_ms - GENESIS_MS - self.suspended_ms;
        Now {
            wall: Timestamp::from_unix_millis(self.now_ms + self.wall_offset_ms),
            mono: Duration::from_millis(u64::try_from(mono).unwrap()),
        }
    }

    fn accepts(&self, session: &Session) -> bool {
        self.daemon.accepts(self.now_ms, session)
    }

    pub(crate) fn serves(&self) -> bool {
        let earliest = self.clock.time(self.now()).earliest;
        self.served.as_ref().is_some_and(|(session, _)| {
            !self.status.refused && !session.is_expired(earliest) && self.accepts(session)
        })
    }

    pub(crate) fn file_session(&self) -> Option<&Session> {
        match &self.file {
            FileView::Held(session) => Some(session),
            FileView::Missing | FileView::Unusable(_) => None,
        }
    }

    pub(crate) fn file_is_good(&self) -> bool {
        self.file_session().is_some_and(|session| self.accepts(session))
    }

    pub(crate) fn can_go_on(&self) -> bool {
        !self.gave_up
            && self.file_session().is_some_and(|session| {
                // A copy can be renewed by who knows what it was copied from.
                let known = self.known.as_ref().filter(|known| known.expires_at() == session.expires_at());
                self.daemon.is_renewable(self.now_ms, session)
                    || known.is_some_and(|known| self.daemon.is_renewable(self.now_ms, known))
            })
    }

    /// Goes on until the odometer has nothing unusual left, and then for so long.
    pub(crate) fn run(&mut self, quiet_ms: i64) {
        self.go_on(Event::Started, quiet_ms);
    }

    /// Goes on after a rest.
    pub(crate) fn resume(&mut self, quiet_ms: i64) {
        self.now_ms += 60_000;
        self.go_on(Event::Woke(Wake::Elapsed), quiet_ms);
    }

    fn go_on(&mut self, mut event: Event, quiet_ms: i64) {
        let mut until_ms = None;
        loop {
            let now = self.now();
            self.steps += 1;
            let kind = self.kind_of(&event);
            *self.coverage.entry((self.phase, kind)).or_insert(0) += 1;
            let state = self.status.state.name();
            *self.coverage.entry((state, kind)).or_insert(0) += 1;
            self.was_refused = kind == "refused";
            let action = self.renewal.step(Moment { now, daemon: self.clock.time(now) }, event);
            self.renewal.take_notices();
            self.phase = self.phase_of(&action);
            if matches!(action, Action::Stop { .. }) {
                self.ended = true;
                return;
            }
            if let Action::Wait { at_most, status, .. } = &action {
                assert!(*at_most >= policy::WAIT_MIN && *at_most <= policy::WAIT_MAX, "{at_most:?}");
                self.status = status.clone();
                self.judge_rest();
                if self.odometer.is_quiet() && until_ms.is_none() && self.received.is_empty() {
                    until_ms = Some(self.now_ms + quiet_ms);
                }
                if until_ms.is_some_and(|until_ms| self.now_ms >= until_ms) {
                    return;
                }
            }
            event = self.perform(action);
        }
    }

    fn judge_rest(&self) {
        // The state never blanks a usable token: only a call's 401 does.
        if let Some((served, _)) = &self.served {
            let was_rejected = self.rejected.contains(served.token().expose());
            assert!(
                !self.status.refused || was_rejected || !self.accepts(served),
                "a good token was blanked"
            );
        }
        if let Some(granted) = self.granted.as_ref().filter(|granted| self.daemon.is_newest(granted))
            && self.accepts(granted)
            && !self.foreign
        {
            let is_held = self.served.as_ref().is_some_and(|(served, _)| served == granted);
            let is_kept = self.file_session() == Some(granted) || (is_held && self.status.unsaved);
            assert!(is_kept, "a granted token is neither in the file nor kept in memory");
        }
    }

    fn perform(&mut self, action: Action) -> Event {
        self.now_ms += 1;
        match action {
            Action::Wait { at_most, .. } => Event::Woke(if self.received.is_empty() {
                self.wait(at_most)
            } else {
                self.wait_for_answer(at_most)
            }),
            Action::ReadFile => Event::FileRead(self.read_file()),
            Action::AskTime => {
                if self.odometer.choose(2) == 0 {
                    self.hear(Sample::Asked);
                    self.hear(Sample::Asked);
                }
                Event::TimeAsked
            }
            Action::Introspect(session) => Event::Introspected(self.introspect(&session)),
            Action::TakeLock { .. } => Event::Locked(self.lock()),
            Action::Sweep => {
                let leftover = self.file_session().cloned();
                let crashed = self.odometer.choose(2) == 1;
                let left = leftover.filter(|_| crashed).and_then(|session| self.renew_elsewhere(&session));
                // Until it is in the file, it lies on the disk.
                self.leftover = left.or(self.leftover.take());
                Event::Swept(self.leftover.iter().cloned().collect())
            }
            Action::Prepare => {
                let is_full = self.odometer.choose(2) == 1;
                Event::Prepared(if is_full { Err(fault("reserve space")) } else { Ok(()) })
            }
            Action::SendRenewal { attempt, session, .. } => {
                self.judge_request(&session);
                if self.odometer.choose(2) == 1 {
                    // The program ends, and says so at the next rest.
                    return Event::RenewalNotSent;
                }
                self.received.push_back((attempt, session));
                Event::RenewalSent
            }
            Action::Store { session, instead_of } => Event::Stored(self.store(session, instead_of)),
            Action::SwapToken { session, generation, status } => {
                if self.daemon.is_newest(&session) {
                    self.known = Some(session.clone());
                }
                self.known.take_if(|known| known.id() != session.id());
                self.served = Some((session, generation));
                self.status = status;
                Event::TokenSwapped
            }
            Action::ReleaseLock => {
                self.may_renew = false;
                Event::Unlocked
            }
            Action::Stop { .. } => Event::Woke(Wake::Shutdown),
        }
    }

    fn introspect(&mut self, session: &Session) -> Introspection {
        match (self.odometer.choose(3), self.accepts(session)) {
            (1, _) => Introspection::Unknown,
            // It confirms what was a mistake, and knows better later.
            (2, _) => {
                self.rejected.insert(session.token().expose().to_owned());
                Introspection::Inactive
            }
            (_, true) => {
                let now = self.now();
                self.clock.accepted(session, now);
                Introspection::Active
            }
            (_, false) => Introspection::Inactive,
        }
    }

    fn hear(&mut self, sample: Sample) {
        let (now, date) = (self.now(), self.daemon.date(self.now_ms));
        self.clock.hear(date.unwrap(), now, sample);
    }

    /// The daemon answers, or lets wait; it may be told to end meanwhile, or a call be refused.
    fn wait_for_answer(&mut self, at_most: Duration) -> Wake {
        let current = self.served.as_ref().map(|(_, generation)| *generation).unwrap_or_default();
        match self.odometer.choose(5) {
            1 => {
                self.now_ms += i64::try_from(at_most.as_millis()).unwrap();
                Wake::Elapsed
            }
            2 => Wake::Rejected(current),
            3 => Wake::Wanted,
            4 if !self.is_ending => {
                self.is_ending = true;
                Wake::Shutdown
            }
            _ => {
                let (attempt, session) = self.received.pop_front().unwrap();
                let answer = self.answer(&session);
                let answer = ClassifiedAnswer { answer, code: "MODEL".to_owned() };
                Wake::Answered(attempt, Box::new(answer))
            }
        }
    }

    fn wait(&mut self, at_most: Duration) -> Wake {
        let wait_ms = i64::try_from(at_most.as_millis()).unwrap();
        self.now_ms += wait_ms;
        let current = self.served.as_ref().map(|(_, generation)| *generation);
        match self.odometer.choose(9) {
            1 => {
                self.now_ms -= wait_ms - 1;
                if let Some((served, _)) = &self.served {
                    self.rejected.insert(served.token().expose().to_owned());
                    self.daemon.rows.get_mut(served.id()).unwrap().revoked = true;
                }
                Wake::Rejected(current.unwrap_or_default())
            }
            2 => Wake::Rejected(Generation::default()),
            3 => Wake::Wanted,
            4 => {
                self.wall_offset_ms += 3_600_000;
                Wake::Elapsed
            }
            5 => {
                self.wall_offset_ms -= 3_600_000;
                Wake::Elapsed
            }
            6 => {
                self.now_ms += 200_000;
                self.suspended_ms += 200_000;
                Wake::Elapsed
            }
            7 => Wake::Shutdown,
            // A route answers 401, and nothing is wrong with the token.
            8 => Wake::Rejected(current.unwrap_or_default()),
            _ => Wake::Elapsed,
        }
    }

    fn foreign(&mut self, view: FileView) {
        self.file = view;
        self.foreign = true;
    }

    fn run_setup(&mut self) {
        let session = self.daemon.new_session(self.now_ms);
        self.foreign(FileView::Held(session));
    }

    fn renew_elsewhere(&mut self, session: &Session) -> Option<Session> {
        match self.daemon.renew(self.now_ms, session) {
            RenewalAnswer::Granted(new) => Some(new),
            _ => None,
        }
    }

    fn reissue(&mut self) {
        let id = self.served.as_ref().map(|(served, _)| served.id().to_owned());
        if let Some(copy) = id.and_then(|id| self.daemon.reissue(self.now_ms, &id)) {
            self.foreign(FileView::Held(copy));
        }
    }

    fn read_file(&mut self) -> FileView {
        let in_file = self.file_session().cloned();
        match self.odometer.choose(7) {
            1 => self.foreign(FileView::Missing),
            2 => self.foreign(FileView::Unusable("it is rubbish")),
            3 => self.run_setup(),
            4 => {
                if let Some(new) = in_file.and_then(|session| self.renew_elsewhere(&session)) {
                    self.foreign(FileView::Held(new));
                }
            }
            5 => self.reissue(),
            6 => {
                // Somebody restores a backup: an earlier token of the same session.
                if let Some(session) = in_file {
                    let earlier =
                        super::token(session.id(), GENESIS_MS / 1000 - 400, Some(GENESIS_MS / 1000 + 700));
                    let now = Timestamp::from_unix_millis(self.now_ms);
                    let earlier = Session::parse(&earlier, now).unwrap();
                    if session.is_later_than(&earlier) {
                        self.foreign(FileView::Held(earlier));
                    }
                }
            }
            _ => {}
        }
        self.file.clone()
    }

    fn lock(&mut self) -> LockOutcome {
        let choice = self.odometer.choose(5);
        self.may_renew = matches!(choice, 0 | 2 | 4);
        match choice {
            1 => LockOutcome::TimedOut,
            2 => LockOutcome::Unsupported,
            3 => LockOutcome::NoDirectory,
            4 => LockOutcome::Failed(fault("open the lock file")),
            _ => LockOutcome::Held,
        }
    }

    fn judge_request(&mut self, session: &Session) {
        let is_last_tenth = schedule::is_last_tenth(session, self.clock.time(self.now()).latest);
        let is_beside = !self.received.is_empty();
        assert!(self.may_renew || is_last_tenth || is_beside, "a renewal without the lock");
        let now_ms = self.now_ms - self.suspended_ms;
        let is_storm = self.last_request_ms.is_some_and(|last| now_ms - last < 1_000);
        assert!(!is_storm, "two requests within a second");
        self.last_request_ms = Some(now_ms);
    }

    fn answer(&mut self, session: &Session) -> RenewalAnswer {
        let unavailable = |retry_after_s: Option<u64>, counts| RenewalAnswer::Unavailable {
            retry_after: retry_after_s.map(Duration::from_secs),
            counts,
        };
        let choice = self.odometer.choose(12);
        self.now_ms += if choice == 1 { 30_000 } else { 5 };
        match choice {
            1 => return unavailable(None, true),
            2 => {
                // The daemon commits, and the answer is lost.
                let _ = self.renew_elsewhere(session);
                return unavailable(None, true);
            }
            3 => return unavailable(Some(100_000), true),
            4 => return unavailable(None, false),
            5 => return RenewalAnswer::Misconfigured,
            6 => return RenewalAnswer::TooEarly,
            7 => {
                self.gave_up = true;
                return RenewalAnswer::NotRequired;
            }
            8 => {
                let _ = self.renew_elsewhere(session);
            }
            9 => self.daemon.rows.get_mut(session.id()).unwrap().revoked = true,
            10 => {
                // Both secrets it may be signed with are gone.
                self.daemon.rotate_secret(self.now_ms);
                self.daemon.rotate_secret(self.now_ms);
            }
            11 => self.daemon.rows.get_mut(session.id()).unwrap().max_renewals = Some(0),
            _ => {}
        }
        self.hear(Sample::Passing);
        let answer = self.daemon.renew(self.now_ms, session);
        if let RenewalAnswer::Granted(new) = &answer {
            self.granted = Some(new.clone());
            self.known = Some(new.clone());
            // Late, for a session that somebody has replaced meanwhile: theirs stays.
            self.foreign = self.file_session().is_some_and(|theirs| theirs.id() != new.id());
        }
        answer
    }

    fn store(&mut self, session: Session, instead_of: Option<waiaas_mcp::secret::Token>) -> StoreOutcome {
        let choice = self.odometer.choose(5);
        match choice {
            1 => return StoreOutcome::Failed(fault("rename")),
            2 => self.run_setup(),
            3 => self.reissue_of(&session),
            _ => {}
        }
        if let Some(theirs) = self.file_session()
            && Some(theirs.token()) != instead_of.as_ref()
            && *theirs != session
        {
            return StoreOutcome::SomebodyElse(theirs.clone());
        }
        let theft = self.file_session().is_some_and(|old| old.id() != session.id() && self.accepts(old));
        assert!(!theft, "a working token of another session was overwritten");
        self.file = FileView::Held(session);
        if choice == 4 { StoreOutcome::DoneInPlace } else { StoreOutcome::Done }
    }

    fn reissue_of(&mut self, session: &Session) {
        if let Some(copy) = self.daemon.reissue(self.now_ms, session.id()) {
            self.foreign(FileView::Held(copy));
        }
    }
}
