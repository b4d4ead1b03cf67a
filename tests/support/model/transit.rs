//! Renewal requests on their way to the daemon, and their answers on the way back.
//!
//! The network does not know whether anybody still waits: a request that was received is carried out, late if the daemon is
//! frozen, although its sender may be dead by then.

use std::time::Duration;

use waiaas_mcp::session::Session;
use waiaas_mcp::session::answers::{ClassifiedAnswer, RenewalAnswer};
use waiaas_mcp::session::events::{Action, AttemptId};

use super::daemon::unavailable;
use super::{Pending, World};

/// One exchange.
pub(super) struct Transit {
    process: usize,
    /// Which of the processes that had this place, one after the other.
    life: u64,
    attempt: AttemptId,
    session: Session,
    /// When its sender gives it up.
    given_up_ms: i64,
    /// `None` on the way to the daemon.
    answer: Option<ClassifiedAnswer>,
    pub(super) due_ms: i64,
}

impl World {
    pub(super) fn send(&mut self, index: usize, attempt: AttemptId, session: Session, time_max: Duration) {
        let process = &mut self.processes[index];
        process.sent_turn_ms = process.woke_ms;
        let time_max_ms = i64::try_from(time_max.as_millis()).unwrap();
        self.transits.push(Transit {
            process: index,
            life: self.processes[index].life,
            attempt,
            session,
            given_up_ms: self.now_ms + time_max_ms,
            answer: None,
            due_ms: self.now_ms + self.rng.between(1, 200),
        });
    }

    /// Whether a request of this process for this token is not answered yet.
    pub(super) fn is_in_transit(&self, index: usize, session: &Session) -> bool {
        let life = self.processes[index].life;
        self.transits.iter().any(|it| (it.process, it.life, &it.session) == (index, life, session))
    }

    /// The transit that comes before whatever the processes do, if one does.
    pub(super) fn next_transit(&self) -> Option<usize> {
        let ready_ms = self.processes.iter().map(|process| process.ready_ms).min()?;
        let at = (0..self.transits.len()).min_by_key(|at| self.transits[*at].due_ms)?;
        (self.transits[at].due_ms <= ready_ms).then_some(at)
    }

    pub(super) fn carry_on(&mut self, at: usize) {
        let mut transit = self.transits.swap_remove(at);
        self.now_ms = self.now_ms.max(transit.due_ms);
        if transit.answer.is_none() {
            self.arrive(&mut transit);
            return self.transits.push(transit);
        }
        let process = &mut self.processes[transit.process];
        if process.life != transit.life {
            return;
        }
        let answer = transit.answer.unwrap();
        process.answers.push_back((transit.attempt, answer));
        if matches!(process.pending, Pending::Do(Action::Wait { .. })) {
            process.ready_ms = process.ready_ms.min(self.now_ms);
        }
    }

    /// The daemon goes on sooner than it was going to.
    pub(super) fn thaw(&mut self) {
        for transit in self.transits.iter_mut().filter(|transit| transit.answer.is_none()) {
            transit.due_ms = transit.due_ms.min(self.now_ms + 50);
        }
    }

    /// The request arrives, or does not; its answer is under way, or lost.
    fn arrive(&mut self, transit: &mut Transit) {
        if self.daemon.is_up && self.now_ms < self.frozen_until_ms {
            transit.due_ms = self.frozen_until_ms + self.rng.between(1, 50);
            return;
        }
        let under_way_ms = self.rng.between(0, 50);
        let (answer, takes_ms) = if !self.daemon.is_up {
            // Nobody listens, or somebody who never answers: then the connection ends when the outage does.
            let silent_ms = (self.outage_until_ms - self.now_ms).max(1);
            (unavailable(None), if self.rng.chance(500) { 1 } else { silent_ms })
        } else if self.rng.chance(self.troubles.lost_requests) {
            (unavailable(None), under_way_ms)
        } else if self.rng.chance(self.troubles.refusals) {
            (unavailable(Some(53)), under_way_ms)
        } else {
            let answer = self.daemon.renew(self.now_ms, &transit.session);
            let is_granted = matches!(answer, RenewalAnswer::Granted(_));
            match () {
                // The connection breaks after the commit.
                () if is_granted && self.rng.chance(self.troubles.lost_answers) => {
                    (unavailable(None), under_way_ms)
                }
                // Or never says anything again.
                () if self.rng.chance(self.troubles.silences) => (unavailable(None), i64::MAX),
                () => (answer, under_way_ms),
            }
        };
        let given_up = transit.given_up_ms - self.now_ms;
        // An answer that comes after its sender has given up is lost to it.
        let answer = if takes_ms > given_up { unavailable(None) } else { answer };
        transit.due_ms = self.now_ms + takes_ms.min(given_up).max(0);
        transit.answer = Some(ClassifiedAnswer { answer, code: "model".to_owned() });
    }
}
