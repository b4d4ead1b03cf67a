//! The daemon's clock, as far as it can be known from the `Date` headers of its answers.
//!
//! Used by `renewal` (through a [`super::events::Moment`]) and `shared`. Pure. One header proves nothing: a proxy, a
//! cache or a clock that is just being set may be wrong once. So one that contradicts what is believed only widens the
//! bounds between which the daemon's time lies, until a second, independent sample agrees with it. Within wide bounds
//! nothing is lost: a token counts as expired by the earlier one, and as due by the later one.

use super::{Session, choose, policy};
use crate::time::{Now, Timestamp, millis};

/// What is known of the daemon's clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DaemonClock {
    believed: Option<Heard>,
    /// A sample that contradicts it, and has not been confirmed.
    suspected: Option<Heard>,
    /// The daemon accepted a token whose end was over by all that was known. Until its `Date` agrees with our clock
    /// again, no token counts as expired by any clock: the daemon's own refusal will tell.
    contradicted: bool,
}

/// One `Date` header: how far it was ahead of our wall clock, and both our clocks when it came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Heard {
    offset_ms: i64,
    at: Now,
}

/// Where a `Date` header was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sample {
    /// On the answer to any request.
    Passing,
    /// On an answer that was asked for to learn the time. Only such a sample confirms another.
    Asked,
}

/// What the daemon's clock may show now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DaemonTime {
    /// At least this. A token counts as expired by this bound only: one that is sent too late is refused and
    /// nothing is lost, one that is not sent is lost for nothing.
    pub earliest: Timestamp,
    /// At most this. A renewal is due by this bound: the daemon says "too early" and nothing is lost.
    pub latest: Timestamp,
    /// Both bounds come from the daemon's own word, and nothing contradicts it; otherwise it should be asked.
    pub is_known: bool,
}

impl DaemonClock {
    /// Takes the `Date` header of an answer that came at `at`. Returns whether it casts a new doubt, so that the
    /// daemon should be asked for its time.
    pub fn hear(&mut self, date: Timestamp, at: Now, sample: Sample) -> bool {
        let heard = Heard::new(date, at);
        let is_expected = match &self.believed {
            Some(believed) => believed.agrees(date, at),
            None => is_near(date, at.wall),
        };
        let is_suspected = self.suspected.is_some_and(|suspected| suspected.agrees(date, at));
        if is_expected || (is_suspected && sample == Sample::Asked) {
            self.contradicted &= heard.offset_ms != 0;
            (self.believed, self.suspected) = (Some(heard), None);
            return false;
        }
        self.suspected = Some(heard);
        !is_suspected
    }

    /// The daemon has accepted this token at `at`, so its own clock cannot be past the token's end.
    pub fn accepted(&mut self, session: &Session, at: Now) {
        self.contradicted |= choose::fitness(session, self.time(at)).is_err();
    }

    /// The daemon's time. Unknown until something was heard, while something heard is in doubt, and again once our
    /// own clocks have disagreed: was the machine suspended, then the wall clock is right; was the wall clock set,
    /// then the monotonic one.
    pub fn time(&self, now: Now) -> DaemonTime {
        let (mut earliest, mut latest) = match &self.believed {
            Some(heard) => heard.bounds(now),
            None => (now.wall, now.wall),
        };
        let is_steady = self.believed.is_some_and(|heard| !clocks_disagree(heard.at, now));
        let suspected = self.suspected.map(|heard| heard.bounds(now));
        if let Some((least, most)) = suspected {
            (earliest, latest) = (earliest.min(least), latest.max(most));
        }
        if self.contradicted {
            (earliest, latest) = (Timestamp::from_unix_millis(i64::MIN), latest.max(now.wall));
        }
        DaemonTime { earliest, latest, is_known: is_steady && suspected.is_none() && !self.contradicted }
    }
}

impl Heard {
    fn new(date: Timestamp, at: Now) -> Heard {
        let offset_ms = if is_near(date, at.wall) { 0 } else { date.millis_since(at.wall) };
        Heard { offset_ms, at }
    }

    /// The daemon's time by this sample, by each of our clocks, the earlier first. Both are the same while our clocks
    /// run alike.
    fn bounds(&self, now: Now) -> (Timestamp, Timestamp) {
        let by_wall = now.wall.plus_millis(self.offset_ms);
        if !clocks_disagree(self.at, now) {
            return (by_wall, by_wall);
        }
        let passed = now.mono.saturating_sub(self.at.mono);
        let by_mono = self.at.wall.plus_millis(self.offset_ms).plus(passed);
        (by_wall.min(by_mono), by_wall.max(by_mono))
    }

    /// Whether a `Date` that came at `at` is what this sample leads to expect.
    fn agrees(&self, date: Timestamp, at: Now) -> bool {
        let (one, other) = self.bounds(at);
        is_near(date, one) || is_near(date, other)
    }
}

/// The `Date` counts whole seconds and travels.
fn is_near(date: Timestamp, expected: Timestamp) -> bool {
    date.millis_since(expected).saturating_abs() < policy::CLOCK_OFFSET_MIN_MS
}

/// Whether wall and monotonic clock moved by different amounts: a suspended machine or a stepped clock.
pub fn clocks_disagree(before: Now, now: Now) -> bool {
    let by_wall = now.wall.millis_since(before.wall);
    let by_mono = millis(now.mono.saturating_sub(before.mono));
    by_wall.saturating_sub(by_mono).saturating_abs() > policy::CLOCK_JUMP_MIN_MS
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "tests may overflow: that is a failure")]
mod tests {
    use std::time::Duration;

    use super::super::tests::token_with;
    use super::*;

    const T0: i64 = 1_795_330_000;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(T0 + seconds)
    }

    fn now(wall_s: i64, mono_s: u64) -> Now {
        Now { wall: at(wall_s), mono: Duration::from_secs(mono_s) }
    }

    fn bounds(clock: &DaemonClock, now: Now) -> (i64, i64, bool) {
        let time = clock.time(now);
        let seconds = |time: Timestamp| time.unix_seconds().saturating_sub(T0);
        (seconds(time.earliest), seconds(time.latest), time.is_known)
    }

    /// Told by two samples, so that it is believed.
    fn ahead_by(seconds: i64) -> DaemonClock {
        let mut clock = DaemonClock::default();
        clock.hear(at(seconds), now(0, 0), Sample::Asked);
        clock.hear(at(seconds), now(0, 0), Sample::Asked);
        clock
    }

    #[test]
    fn a_date_that_agrees_with_our_clock_is_believed_at_once() {
        let mut clock = DaemonClock::default();
        assert_eq!(bounds(&clock, now(7, 0)), (7, 7, false), "nothing heard: our own clock");
        assert!(!clock.hear(at(21), now(20, 20), Sample::Passing));
        assert_eq!(bounds(&clock, now(30, 30)), (30, 30, true), "a second is noise");
        assert!(clock.hear(at(42), now(40, 40), Sample::Passing), "two are none");
    }

    #[test]
    fn one_date_that_is_off_only_widens_the_bounds_and_a_right_one_narrows_them_again() {
        for off in [-7_200, 7_200] {
            let mut clock = DaemonClock::default();
            clock.hear(at(0), now(0, 0), Sample::Asked);
            assert!(clock.hear(at(off + 1), now(1, 1), Sample::Passing), "a new doubt");
            let (least, most) = (0.min(off), 0.max(off));
            assert_eq!(bounds(&clock, now(1, 1)), (least + 1, most + 1, false));
            assert!(!clock.hear(at(off + 2), now(2, 2), Sample::Passing), "the same doubt again is no news");
            assert!(!clock.time(now(2, 2)).is_known, "and no confirmation, unless it was asked for");
            assert!(!clock.hear(at(3), now(3, 3), Sample::Asked));
            assert_eq!(bounds(&clock, now(4, 4)), (4, 4, true));
        }
    }

    #[test]
    fn an_offset_is_believed_once_a_second_sample_that_was_asked_for_agrees() {
        let mut clock = DaemonClock::default();
        assert!(clock.hear(at(600), now(0, 0), Sample::Asked), "the first sample may be the wrong one");
        assert_eq!(bounds(&clock, now(0, 0)), (0, 600, false));
        assert!(!clock.hear(at(601), now(1, 1), Sample::Asked));
        assert_eq!(bounds(&clock, now(10, 10)), (610, 610, true));
        // It drifts: each sample is near the one before.
        for second in (100..1_000).step_by(100) {
            assert!(!clock.hear(
                at(600 + second + second / 100),
                now(second, second as u64),
                Sample::Passing
            ));
        }
        assert_eq!(bounds(&clock, now(1_000, 1_000)), (1_609, 1_609, true));
    }

    #[test]
    fn two_samples_that_differ_confirm_nothing() {
        let mut clock = DaemonClock::default();
        for date in [600, -600, 1_200] {
            assert!(clock.hear(at(date), now(0, 0), Sample::Asked));
            assert!(!clock.time(now(0, 0)).is_known, "{date}");
        }
    }

    #[test]
    fn the_daemons_time_lies_between_our_clocks_after_they_disagreed() {
        let mut clock = ahead_by(600);
        assert_eq!(bounds(&clock, now(3_610, 10)), (610, 4_210, false), "suspended, or set forward");
        assert_eq!(bounds(&clock, now(-3_590, 10)), (-2_990, 610, false), "set back");
        assert!(!clock.hear(at(612), now(3_612, 12), Sample::Passing), "one of our clocks says the same");
        assert_eq!(bounds(&clock, now(3_614, 14)), (614, 614, true));
        assert!(bounds(&clock, now(3_616, 14)).2, "two seconds are no jump");
        assert!(!bounds(&clock, now(3_617, 14)).2);
    }

    #[test]
    fn a_date_that_the_daemon_itself_contradicts_does_not_decide_alone() {
        let session = |exp| {
            Session::parse(&token_with(&format!(r#"{{"sub":"s","iat":{T0},"exp":{}}}"#, T0 + exp)), at(0))
        };
        let mut clock = ahead_by(7_200);
        clock.accepted(&session(8_000).expect("a token"), now(0, 0));
        assert_eq!(bounds(&clock, now(0, 0)), (7_200, 7_200, true), "that token is not past its end");
        clock.accepted(&session(3_600).expect("a token"), now(0, 0));
        let is_open = |clock: &DaemonClock, now| clock.time(now).earliest < at(-1_000_000);
        assert!(is_open(&clock, now(0, 0)) && clock.time(now(0, 0)).latest == at(7_200));
        clock.hear(at(7_201), now(1, 1), Sample::Passing);
        assert!(is_open(&clock, now(1, 1)), "the same Date again changes nothing");
        clock.hear(at(2), now(2, 2), Sample::Asked);
        clock.hear(at(2), now(2, 2), Sample::Asked);
        assert_eq!(bounds(&clock, now(2, 2)), (2, 2, true), "until it agrees with our clock");
    }
}
