//! A world in which somebody looks on: what a renewal does, what it tells, and how it stands when it rests.
//!
//! Used by `keep`, which has many workers at once and reports on each of them. Wraps any [`World`], so that the renewal
//! is driven by the same loop and does the same things as in `serve`. It decides nothing about a renewal; the one thing
//! it may do is end it at a rest, which is where nothing is left half done.

use super::events::{Action, Event, Moment, Wake, World};
use super::notice::Notice;
use super::status::Status;

/// Who looks on. Called on the worker's thread: it must neither wait nor fail.
pub trait Observer {
    /// This is about to be done.
    fn acts(&mut self, action: &Action, at: Moment);

    /// This is to be told to people. The world itself does not tell it: a line of the log does not say which of many
    /// files it is about, and the observer does.
    fn tells(&mut self, notice: &Notice, at: Moment);

    /// Everything that could be done now is done, or has to wait; or the worker ends, whatever is answered.
    fn rests(&mut self, status: &Status, at: Moment) -> Rest;
}

/// What is to follow a rest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rest {
    /// Sleep, and go on.
    Wait,
    /// End now.
    End,
}

/// A world and its observer.
pub struct Observed<W, O> {
    world: W,
    observer: O,
}

impl<W: World, O: Observer> Observed<W, O> {
    /// From now on `observer` sees what is done in `world`.
    pub fn new(world: W, observer: O) -> Observed<W, O> {
        Observed { world, observer }
    }
}

impl<W: World, O: Observer> World for Observed<W, O> {
    fn now(&self) -> Moment {
        self.world.now()
    }

    fn perform(&mut self, action: Action) -> Event {
        let now = self.world.now();
        self.observer.acts(&action, now);
        // An answer that is awaited may hold the only token of its session: that is no rest.
        if let Action::Wait { status, is_settled: true, .. } = &action
            && self.observer.rests(status, now) == Rest::End
        {
            return Event::Woke(Wake::Shutdown);
        }
        if let Action::Stop { status } = &action {
            self.observer.rests(status, now);
        }
        self.world.perform(action)
    }

    fn tell(&mut self, notice: Notice) {
        self.observer.tells(&notice, self.world.now());
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "tests may overflow: that is a failure")]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::session::clock_offset::DaemonClock;
    use crate::time::{Now, Timestamp};

    /// Notes what it is asked to do, and sleeps for no time at all.
    #[derive(Default)]
    struct Noting {
        done: Vec<&'static str>,
        told: usize,
    }

    impl World for Noting {
        fn now(&self) -> Moment {
            let now = Now { wall: Timestamp::from_unix_seconds(7), mono: Duration::ZERO };
            Moment { now, daemon: DaemonClock::default().time(now) }
        }

        fn perform(&mut self, action: Action) -> Event {
            let (name, event) = match action {
                Action::Wait { .. } => ("wait", Event::Woke(Wake::Elapsed)),
                _ => ("other", Event::TimeAsked),
            };
            self.done.push(name);
            event
        }

        fn tell(&mut self, _notice: Notice) {
            self.told += 1;
        }
    }

    struct EndsAt {
        rests_left: u32,
        told: usize,
    }

    impl Observer for EndsAt {
        fn acts(&mut self, _action: &Action, _at: Moment) {}

        fn tells(&mut self, _notice: &Notice, _at: Moment) {
            self.told += 1;
        }

        fn rests(&mut self, _status: &Status, _at: Moment) -> Rest {
            self.rests_left -= 1;
            if self.rests_left == 0 { Rest::End } else { Rest::Wait }
        }
    }

    #[test]
    fn the_renewal_sleeps_until_its_observer_ends_it() {
        let mut world = Observed::new(Noting::default(), EndsAt { rests_left: 2, told: 0 });
        let wait_until = |is_settled| Action::Wait {
            at_most: Duration::from_secs(60),
            status: Status::UNKNOWN,
            is_settled,
        };
        let wait = || wait_until(true);
        assert_eq!(world.perform(wait()), Event::Woke(Wake::Elapsed));
        assert_eq!(
            world.perform(wait_until(false)),
            Event::Woke(Wake::Elapsed),
            "not while an answer is awaited"
        );
        assert_eq!(world.perform(Action::AskTime), Event::TimeAsked);
        assert_eq!(world.perform(wait()), Event::Woke(Wake::Shutdown));
        assert_eq!(world.world.done, ["wait", "wait", "other"]);
        world.tell(Notice::Saved);
        assert_eq!((world.world.told, world.observer.told), (0, 1), "it is told once");
    }

    #[test]
    fn how_it_stands_at_the_end_is_seen_too() {
        let mut world = Observed::new(Noting::default(), EndsAt { rests_left: 7, told: 0 });
        world.perform(Action::Stop { status: Status::UNKNOWN });
        assert_eq!((world.observer.rests_left, world.world.done), (6, vec!["other"]));
    }
}
