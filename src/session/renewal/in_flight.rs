//! Renewal requests that were sent and are not answered yet.
//!
//! A daemon commits a renewal before it answers, and a frozen one (stopped, paused, stuck on its disk) carries out what it
//! has received once it goes on. So a request is never hung up on: silence only leads to another one beside it, and the
//! first that is granted wins. Pure, as its parent. The lock and the temporary file are kept meanwhile.

use std::mem;
use std::time::Duration;

use super::{Phase, Renewal, Turn};
use crate::session::answers::{ClassifiedAnswer, RenewalAnswer};
use crate::session::events::{Action, AttemptId};
use crate::session::notice::Notice;
use crate::session::{Session, policy, schedule};

/// All of one token, under one lock.
#[derive(Debug)]
pub(super) struct InFlight {
    /// What they carry.
    session: Session,
    unanswered: Vec<AttemptId>,
    /// Those that were sent so far.
    sent: u32,
    /// On the monotonic clock: when silence has lasted long enough for another one.
    next_at: Duration,
    /// On the monotonic clock: when people are told that it is still being waited for.
    tell_at: Duration,
    first_sent_at: Duration,
    /// One of them was told, by this code, that the token is not the newest: so another one was granted, and its answer may
    /// still come.
    superseded: Option<String>,
    /// Another one was due, and we came too late to send it in time.
    was_late: bool,
}

impl Renewal {
    pub(super) fn in_flight(&self) -> Option<&InFlight> {
        self.transaction.as_ref()?.in_flight.as_ref()
    }

    fn in_flight_mut(&mut self) -> Option<&mut InFlight> {
        self.transaction.as_mut()?.in_flight.as_mut()
    }

    /// What is answered from now on is a late answer.
    pub(super) fn forget_in_flight(&mut self) {
        if let Some(transaction) = &mut self.transaction {
            transaction.in_flight = None;
        }
    }

    /// The first request for this token.
    pub(super) fn renew(&mut self) -> Action {
        let Some(held) = &self.held else { return self.unlock() };
        let now = self.at.now.mono;
        let in_flight = InFlight {
            session: held.renewed().clone(),
            unanswered: Vec::new(),
            sent: 0,
            next_at: now,
            tell_at: now,
            first_sent_at: now,
            superseded: None,
            was_late: false,
        };
        self.transaction.get_or_insert_default().in_flight = Some(in_flight);
        self.send()
    }

    fn send(&mut self) -> Action {
        self.floor_until = self.in_mono(policy::WAIT_MIN);
        let silence = self.silence();
        let (again_at, number) = (self.in_mono(silence), self.unanswered.saturating_add(1));
        let earliest = self.at.daemon.earliest;
        let Some(in_flight) = self.in_flight_mut() else { return self.unlock() };
        let to_the_end = schedule::life_left(&in_flight.session, earliest).unwrap_or(policy::LIFE_MAX);
        // Committed just before the end, it may be answered just after.
        let to_the_end = to_the_end.saturating_add(policy::AFTER_END_MAX);
        let is_first = in_flight.sent == 0;
        let time_max = if is_first { policy::LIFE_MAX } else { policy::BESIDE_TIME_MAX };
        let time_max = time_max.min(to_the_end);
        in_flight.next_at = again_at;
        in_flight.was_late = false;
        if is_first {
            in_flight.tell_at = again_at;
        }
        let number = number.saturating_add(in_flight.sent);
        in_flight.sent = in_flight.sent.saturating_add(1);
        let session = in_flight.session.clone();
        self.attempts = self.attempts.next();
        let attempt = self.attempts;
        self.notices.push(Notice::Attempt { number });
        self.go(Phase::Sending { attempt }, Action::SendRenewal { attempt, session, time_max })
    }

    /// How long nothing is heard until another request is sent beside those that were.
    fn silence(&self) -> Duration {
        let held = self.held.as_ref();
        let left = held.and_then(|held| schedule::life_left(held.renewed(), self.at.daemon.latest));
        let part = left.unwrap_or(Duration::MAX).checked_div(policy::LIFE_LEFT_SILENCE_DIVISOR);
        part.unwrap_or_default().clamp(policy::SILENCE_MIN, policy::SILENCE_MAX)
    }

    pub(super) fn sent(&mut self, attempt: AttemptId) -> Action {
        if let Some(in_flight) = self.in_flight_mut() {
            in_flight.unanswered.push(attempt);
        }
        self.rest()
    }

    /// The program ends, and nothing was sent.
    pub(super) fn not_sent(&mut self) -> Action {
        if self.in_flight().is_some_and(|in_flight| !in_flight.unanswered.is_empty()) {
            return self.rest();
        }
        self.forget_in_flight();
        self.unlock()
    }

    /// Woken while requests are unanswered, and the file holds nothing new.
    pub(super) fn wait_for_answers(&mut self) -> Action {
        let (now, floor) = (self.at.now.mono, self.floor_until);
        let may_send = self.may_send_beside();
        let Some(in_flight) = self.in_flight_mut() else { return self.rest() };
        let due = in_flight.next_at.max(floor);
        let is_time = now >= due;
        // We were stopped or suspended ourselves, and whoever reads the answer with us: it may be there already.
        let is_late = now > due.saturating_add(policy::WAIT_MIN);
        if is_late && !mem::replace(&mut in_flight.was_late, true) {
            in_flight.next_at = now.saturating_add(policy::WAIT_MIN);
            return self.rest();
        }
        if now >= in_flight.tell_at {
            in_flight.tell_at = now.saturating_add(policy::WAITING_TOLD_EVERY);
            let waited = now.saturating_sub(in_flight.first_sent_at);
            let waiting = Notice::Waiting { waited, unanswered: in_flight.unanswered.len() };
            self.notices.push(waiting);
        }
        if may_send && is_time { self.send() } else { self.rest() }
    }

    fn may_send_beside(&self) -> bool {
        let has_room = self.in_flight().is_some_and(|in_flight| {
            in_flight.unanswered.len() < policy::IN_FLIGHT_MAX && in_flight.superseded.is_none()
        });
        has_room && self.usable() && !self.stopping
    }

    /// How long until there is something to do about requests that are not answered.
    pub(super) fn until_silence(&self) -> Option<Duration> {
        let in_flight = self.in_flight()?;
        let next_at = Some(in_flight.next_at.max(self.floor_until)).filter(|_| self.may_send_beside());
        let at = next_at.map_or(in_flight.tell_at, |next_at| next_at.min(in_flight.tell_at));
        Some(at.saturating_sub(self.at.now.mono))
    }

    /// Our clocks have jumped: whoever was silent then may be gone.
    pub(super) fn forget_silence(&mut self) {
        if let Some(in_flight) = self.in_flight_mut() {
            in_flight.next_at = Duration::ZERO;
        }
    }

    pub(super) fn answer_came(&mut self, attempt: AttemptId, answer: ClassifiedAnswer) -> Action {
        self.turn = Turn::default();
        let in_flight = self.in_flight_mut().filter(|it| it.unanswered.contains(&attempt));
        let Some(in_flight) = in_flight else { return self.late_answer(answer) };
        in_flight.unanswered.retain(|unanswered| *unanswered != attempt);
        let is_last = in_flight.unanswered.is_empty();
        match answer {
            // No verdict while another is unanswered.
            ClassifiedAnswer { answer: RenewalAnswer::Superseded, code } if !is_last => {
                in_flight.superseded = Some(code);
                self.rest()
            }
            ClassifiedAnswer { answer: RenewalAnswer::Unavailable { retry_after, counts }, code }
                if !is_last =>
            {
                let wait = self.unavailable(retry_after, counts);
                self.forget_silence_for(wait);
                self.tell_failed(code, Some(wait));
                self.rest()
            }
            answer => {
                let superseded = mem::take(&mut in_flight.superseded);
                self.forget_in_flight();
                self.answered(match (answer, superseded) {
                    (ClassifiedAnswer { answer: RenewalAnswer::Unavailable { .. }, .. }, Some(code)) => {
                        ClassifiedAnswer { answer: RenewalAnswer::Superseded, code }
                    }
                    (answer, _) => answer,
                })
            }
        }
    }

    fn forget_silence_for(&mut self, wait: Duration) {
        let next_at = self.in_mono(wait);
        if let Some(in_flight) = self.in_flight_mut() {
            in_flight.next_at = next_at;
        }
    }

    /// An answer that nobody waits for any more, because something was decided meanwhile. A token in it may be the only
    /// one of its session that can be renewed.
    fn late_answer(&mut self, answer: ClassifiedAnswer) -> Action {
        let RenewalAnswer::Granted(session) = &answer.answer else { return self.wake(false) };
        if !self.held.as_ref().is_some_and(|held| session.is_later_than(&held.session)) {
            return self.wake(false);
        }
        if self.in_flight().is_some() {
            self.forget_in_flight();
            // Those that are under way now can only be told that there is a newer one: this.
            return self.answered(answer);
        }
        self.late = Some(session.clone());
        self.wake(false)
    }
}
