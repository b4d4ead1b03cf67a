//! A stage for one renewal: what the world will answer is set beforehand, what was asked of it is written down.
//!
//! All is well unless a test says otherwise: the lock is free, the disk is writable, the daemon answers, tells
//! its time, and grants.

use std::collections::VecDeque;
use std::time::Duration;

use waiaas_mcp::session::answers::{ClassifiedAnswer, Introspection, RenewalAnswer};
use waiaas_mcp::session::clock_offset::{DaemonClock, Sample};
use waiaas_mcp::session::events::{
    Action, AttemptId, Event, FileView, LockOutcome, Moment, StoreOutcome, Wake,
};
use waiaas_mcp::session::fault::{FileFault, FileFaultKind};
use waiaas_mcp::session::notice::Notice;
use waiaas_mcp::session::renewal::Renewal;
use waiaas_mcp::session::status::Status;
use waiaas_mcp::session::{Generation, Session};
use waiaas_mcp::time::{Now, Timestamp};

/// The daemon's time when a scene begins, in Unix seconds.
pub(crate) const T0: i64 = 1_795_330_000;

/// A token of session `s`, issued and ending so many seconds after T0.
pub(crate) fn session(issued_s: i64, expires_s: i64) -> Session {
    session_of("s", issued_s, Some(expires_s))
}

pub(crate) fn session_of(id: &str, issued_s: i64, expires_s: Option<i64>) -> Session {
    let text = super::token(id, T0 + issued_s, expires_s.map(|exp| T0 + exp));
    Session::parse(&text, Timestamp::from_unix_seconds(T0 + issued_s)).unwrap()
}

pub(crate) fn unavailable() -> RenewalAnswer {
    RenewalAnswer::Unavailable { retry_after: None, counts: true }
}

pub(crate) fn disk_full() -> FileFault {
    FileFault { operation: "reserve space", kind: FileFaultKind::Full, detail: "no space left".to_owned() }
}

pub(crate) struct Scene {
    renewal: Renewal,
    now_ms: i64,
    /// How far our wall clock is from the daemon's, and time for which our monotonic clock stood still.
    pub(crate) wall_ahead_ms: i64,
    pub(crate) suspended_ms: i64,
    /// `false`: the daemon does not tell its time.
    pub(crate) tells_time: bool,
    /// How far every `Date` of the daemon is ahead of the clock it goes by.
    pub(crate) date_ahead_s: i64,
    clock: DaemonClock,
    pub(crate) file: FileView,
    pub(crate) lock: LockOutcome,
    pub(crate) leftover: Option<Session>,
    pub(crate) prepare: Result<(), FileFault>,
    /// Given one after the other; then `usual` for ever; `None` there: a new token of the same life.
    pub(crate) answers: VecDeque<RenewalAnswer>,
    pub(crate) usual: Option<RenewalAnswer>,
    /// The daemon is frozen: what it receives is answered once this is over.
    pub(crate) frozen: bool,
    /// Renewal requests that it has received and not answered.
    pub(crate) received: VecDeque<(AttemptId, Session)>,
    /// Answers under way.
    coming: VecDeque<(AttemptId, RenewalAnswer)>,
    /// Given one after the other; then `Done`.
    pub(crate) stores: VecDeque<StoreOutcome>,
    /// What the daemon says of a token that it is asked about.
    pub(crate) introspection: Introspection,
    /// Comes into the file while a renewal is answered.
    pub(crate) meanwhile: Option<Session>,
    // What happened.
    pub(crate) served: Option<(Session, Generation)>,
    pub(crate) status: Status,
    /// The wait that was asked for last.
    pub(crate) wait: Duration,
    /// Every action but waits, of the last turn.
    pub(crate) turn: Vec<&'static str>,
    /// Seconds after T0 of each request, and the token it carried.
    pub(crate) requests: Vec<f64>,
    pub(crate) carried: Vec<Session>,
    /// How long each of them may go unanswered until it is given up.
    pub(crate) given: Vec<Duration>,
    /// Seconds after T0 of each introspection, and the token it was about.
    pub(crate) introspected: Vec<(f64, Session)>,
    pub(crate) stored: Vec<Session>,
    pub(crate) told: Vec<Notice>,
}

fn answered(attempt: AttemptId, answer: RenewalAnswer) -> Event {
    let answer = ClassifiedAnswer { answer, code: "CODE".to_owned() };
    Event::Woke(Wake::Answered(attempt, Box::new(answer)))
}

impl Scene {
    /// Begins so many seconds after T0 with this in the file, and goes on to the first rest.
    pub(crate) fn at(start_s: i64, file: FileView) -> Scene {
        let mut scene = Scene::before(start_s, file, None);
        scene.begin();
        scene
    }

    /// The same, before anything has happened.
    pub(crate) fn before(start_s: i64, file: FileView, bootstrap: Option<Session>) -> Scene {
        let now = Now { wall: Timestamp::from_unix_seconds(T0 + start_s), mono: Duration::from_secs(1) };
        let clock = DaemonClock::default();
        Scene {
            renewal: Renewal::new(bootstrap, Moment { now, daemon: clock.time(now) }),
            now_ms: start_s * 1000,
            wall_ahead_ms: 0,
            suspended_ms: start_s * 1000 - 1000,
            tells_time: true,
            date_ahead_s: 0,
            clock,
            file,
            lock: LockOutcome::Held,
            leftover: None,
            prepare: Ok(()),
            answers: VecDeque::new(),
            usual: None,
            frozen: false,
            received: VecDeque::new(),
            coming: VecDeque::new(),
            stores: VecDeque::new(),
            introspection: Introspection::Inactive,
            meanwhile: None,
            served: None,
            status: Status::UNKNOWN,
            wait: Duration::ZERO,
            turn: Vec::new(),
            requests: Vec::new(),
            carried: Vec::new(),
            given: Vec::new(),
            introspected: Vec::new(),
            stored: Vec::new(),
            told: Vec::new(),
        }
    }

    pub(crate) fn begin(&mut self) {
        self.go_on(Event::Started);
    }

    /// Sleeps as long as was asked for.
    pub(crate) fn sleep(&mut self) {
        self.now_ms += i64::try_from(self.wait.as_millis()).unwrap();
        self.wake(Wake::Elapsed);
    }

    pub(crate) fn wake(&mut self, wake: Wake) {
        self.go_on(Event::Woke(wake));
    }

    /// A call's token is refused, and the renewal hears of it a second later.
    pub(crate) fn reject(&mut self) {
        self.now_ms += 1_000;
        let generation = self.served.as_ref().unwrap().1;
        self.wake(Wake::Rejected(generation));
    }

    /// Lives on until so many seconds after T0.
    pub(crate) fn live_until(&mut self, until_s: i64) {
        while self.now_ms + i64::try_from(self.wait.as_millis()).unwrap() <= until_s * 1000 {
            self.sleep();
        }
    }

    pub(crate) fn now_s(&self) -> f64 {
        self.now_ms as f64 / 1000.0
    }

    pub(crate) fn serves(&self, session: &Session) -> bool {
        let daemon = self.clock.time(self.now()).earliest;
        !self.status.refused
            && !session.is_expired(daemon)
            && self.served.as_ref().is_some_and(|(served, _)| served == session)
    }

    pub(crate) fn times_told(&self, is_it: impl Fn(&Notice) -> bool) -> usize {
        self.told.iter().filter(|notice| is_it(notice)).count()
    }

    /// The time between each request and the next, in whole seconds.
    pub(crate) fn gaps_s(&self) -> Vec<i64> {
        self.requests.windows(2).map(|pair| (pair[1] - pair[0]).round() as i64).collect()
    }

    fn now(&self) -> Now {
        let mono = self.now_ms - self.suspended_ms;
        Now {
            wall: Timestamp::from_unix_millis(T0 * 1000 + self.now_ms + self.wall_ahead_ms),
            mono: Duration::from_millis(u64::try_from(mono).unwrap()),
        }
    }

    fn go_on(&mut self, mut event: Event) {
        self.turn.clear();
        loop {
            let now = self.now();
            let action = self.renewal.step(Moment { now, daemon: self.clock.time(now) }, event);
            self.told.extend(self.renewal.take_notices());
            match action {
                Action::Wait { at_most, status, .. } => {
                    (self.wait, self.status) = (at_most, status);
                    match self.coming.pop_front() {
                        Some((attempt, answer)) => event = answered(attempt, answer),
                        None => return,
                    }
                }
                Action::Stop => {
                    self.turn.push("stop");
                    return;
                }
                action => event = self.perform(action),
            }
        }
    }

    fn perform(&mut self, action: Action) -> Event {
        match action {
            Action::ReadFile => {
                self.turn.push("read");
                Event::FileRead(self.file.clone())
            }
            Action::AskTime => {
                self.turn.push("ask time");
                // Twice, as the worker does while it is not settled.
                self.hear(Sample::Asked);
                self.hear(Sample::Asked);
                Event::TimeAsked
            }
            Action::Introspect(session) => {
                self.turn.push("introspect");
                if self.introspection == Introspection::Active {
                    let now = self.now();
                    self.clock.accepted(&session, now);
                }
                self.introspected.push((self.now_s(), session));
                Event::Introspected(self.introspection)
            }
            Action::TakeLock(_) => {
                self.turn.push("lock");
                Event::Locked(self.lock.clone())
            }
            Action::Sweep => {
                self.turn.push("sweep");
                Event::Swept(self.leftover.take().into_iter().collect())
            }
            Action::Prepare => {
                self.turn.push("prepare");
                Event::Prepared(self.prepare.clone())
            }
            Action::SendRenewal { attempt, session, time_max } => {
                self.turn.push("renew");
                self.given.push(time_max);
                self.requests.push(self.now_s());
                self.carried.push(session.clone());
                self.received.push_back((attempt, session));
                self.work();
                Event::RenewalSent
            }
            Action::Store { session, instead_of } => {
                self.turn.push("store");
                let in_file = match &self.file {
                    FileView::Held(in_file) => Some(in_file.clone()),
                    FileView::Missing | FileView::Unusable(_) => None,
                };
                let theirs = in_file.filter(|theirs| Some(theirs.token()) != instead_of.as_ref());
                let outcome = match (self.stores.pop_front(), theirs) {
                    (Some(outcome), _) => outcome,
                    (None, Some(theirs)) => StoreOutcome::SomebodyElse(theirs),
                    (None, None) => StoreOutcome::Done,
                };
                if matches!(outcome, StoreOutcome::Done | StoreOutcome::DoneInPlace) {
                    self.file = FileView::Held(session.clone());
                    self.stored.push(session);
                }
                Event::Stored(outcome)
            }
            Action::SwapToken { session, generation, status } => {
                self.turn.push("swap");
                self.served = Some((session, generation));
                self.status = status;
                Event::TokenSwapped
            }
            Action::ReleaseLock => {
                self.turn.push("unlock");
                Event::Unlocked
            }
            Action::Wait { .. } | Action::Stop => unreachable!("ends the turn"),
        }
    }

    fn hear(&mut self, sample: Sample) {
        if self.tells_time {
            self.hear_date(self.date_ahead_s, sample);
        }
    }

    /// An answer with this `Date` comes by, as many seconds ahead of the daemon's clock.
    pub(crate) fn hear_date(&mut self, ahead_s: i64, sample: Sample) {
        let now = self.now();
        let date = Timestamp::from_unix_seconds(T0 + self.now_ms.div_euclid(1000) + ahead_s);
        self.clock.hear(date, now, sample);
    }

    /// The daemon answers what it has received, in that order, unless it is frozen.
    fn work(&mut self) {
        while !self.frozen
            && let Some((attempt, session)) = self.received.pop_front()
        {
            let answer = self.answer(&session);
            self.coming.push_back((attempt, answer));
        }
    }

    /// The daemon goes on, and its answers arrive one after the other.
    pub(crate) fn thaw(&mut self) {
        self.frozen = false;
        self.work();
        while let Some((attempt, answer)) = self.coming.pop_front() {
            self.go_on(answered(attempt, answer));
        }
    }

    /// The request that was sent first of those unanswered is answered so.
    pub(crate) fn answer_oldest(&mut self, answer: RenewalAnswer) {
        let (attempt, _) = self.received.pop_front().expect("an unanswered request");
        self.go_on(answered(attempt, answer));
    }

    fn answer(&mut self, session: &Session) -> RenewalAnswer {
        if let Some(theirs) = self.meanwhile.take() {
            self.file = FileView::Held(theirs);
        }
        let answer = self.answers.pop_front().or_else(|| self.usual.clone()).unwrap_or_else(|| {
            let life = session.expires_at().unwrap().millis_since(session.issued_at()) / 1000;
            let now_s = self.now_ms.div_euclid(1000);
            RenewalAnswer::Granted(session_of(session.id(), now_s, Some(now_s + life)))
        });
        if !matches!(answer, RenewalAnswer::Unavailable { .. }) {
            self.hear(Sample::Passing);
        }
        answer
    }
}
