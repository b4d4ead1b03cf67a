//! Time: an instant of a wall clock, and both clocks read together.
//!
//! The only file that reads a clock. Everything else is handed a [`Now`] or a [`Clock`]. Refuses to know what
//! the time is used for.

use std::fmt;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// An instant of a wall clock: milliseconds since 1970-01-01T00:00:00Z, negative before. All arithmetic
/// saturates, so no claim a token may carry can overflow it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// Both clocks, read together. Their disagreement over an interval is how a suspended machine or a stepped
/// clock is noticed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Now {
    /// Our wall clock: may jump in either direction.
    pub wall: Timestamp,
    /// Time since the clock was made: never goes back, stands still while the machine is suspended.
    pub mono: Duration,
}

/// The seam to the machine's clocks.
pub trait Clock: Send + Sync {
    /// Reads both clocks.
    fn now(&self) -> Now;
}

/// The machine's own clocks.
pub struct SystemClock {
    started: Instant,
}

impl Timestamp {
    /// From whole seconds since 1970, the unit of token claims.
    pub const fn from_unix_seconds(seconds: i64) -> Timestamp {
        Timestamp(seconds.saturating_mul(1000))
    }

    /// From milliseconds since 1970.
    pub const fn from_unix_millis(millis: i64) -> Timestamp {
        Timestamp(millis)
    }

    /// Whole seconds since 1970, rounded down.
    pub const fn unix_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Milliseconds since 1970.
    pub const fn unix_millis(self) -> i64 {
        self.0
    }

    /// Moved by a signed number of milliseconds.
    pub const fn plus_millis(self, millis: i64) -> Timestamp {
        Timestamp(self.0.saturating_add(millis))
    }

    /// Moved forward by a duration.
    pub fn plus(self, duration: Duration) -> Timestamp {
        self.plus_millis(millis(duration))
    }

    /// How far this is after `earlier`, in milliseconds; negative if it is before.
    pub const fn millis_since(self, earlier: Timestamp) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// How long until this instant; zero if it has passed.
    pub fn after(self, now: Timestamp) -> Duration {
        Duration::from_millis(u64::try_from(self.millis_since(now)).unwrap_or(0))
    }

    /// Reads an HTTP date (RFC 9110 section 5.6.7, all three forms).
    pub fn from_http_date(text: &str) -> Option<Timestamp> {
        let time = httpdate::parse_http_date(text).ok()?;
        Some(Timestamp::from_system(time))
    }

    /// When a file was last written, by the clock of its file system.
    pub fn of_file(metadata: &std::fs::Metadata) -> Option<Timestamp> {
        metadata.modified().ok().map(Timestamp::from_system)
    }

    fn from_system(time: SystemTime) -> Timestamp {
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => Timestamp(millis(after)),
            Err(before) => Timestamp(millis(before.duration()).saturating_neg()),
        }
    }
}

/// A duration in milliseconds, saturating.
pub fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl SystemClock {
    /// Starts the monotonic clock at zero.
    pub fn start() -> SystemClock {
        #[expect(clippy::disallowed_methods, reason = "the one place where the monotonic clock is read")]
        let started = Instant::now();
        SystemClock { started }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Now {
        #[expect(clippy::disallowed_methods, reason = "the one place where the clocks are read")]
        let (wall, mono) = (SystemTime::now(), self.started.elapsed());
        Now { wall: Timestamp::from_system(wall), mono }
    }
}

/// RFC 3339 in UTC with whole seconds, as people read it in a log.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.unix_seconds();
        let (days, second_of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let (year, month, day) = civil_from_days(days);
        let (hour, minute, second) = (second_of_day / 3600, second_of_day / 60 % 60, second_of_day % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} ({} ms)", self.0)
    }
}

/// Year, month and day of a day counted from 1970-01-01, in the proleptic Gregorian calendar. The year is
/// taken to begin in March, so that the leap day is the last day of it.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    const DAYS_PER_ERA: i64 = 146_097; // 400 years
    const MARCH_0000_TO_1970: i64 = 719_468;
    let shifted = days + MARCH_0000_TO_1970;
    let era = shifted.div_euclid(DAYS_PER_ERA);
    let day_of_era = shifted.rem_euclid(DAYS_PER_ERA);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_shown_in_utc() {
        let table = [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_330_449, "2026-11-22T06:54:09Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ];
        for (seconds, shown) in table {
            assert_eq!(Timestamp::from_unix_seconds(seconds).to_string(), shown);
        }
    }

    #[test]
    fn no_instant_can_be_shown_wrongly_enough_to_panic() {
        for millis in [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX] {
            assert!(Timestamp::from_unix_millis(millis).to_string().ends_with('Z'));
        }
    }

    #[test]
    fn arithmetic_saturates() {
        let (first, last) = (Timestamp::from_unix_seconds(i64::MIN), Timestamp::from_unix_seconds(i64::MAX));
        assert_eq!(last.millis_since(first), i64::MAX);
        assert_eq!(first.millis_since(last), i64::MIN);
        assert_eq!(last.plus(Duration::MAX), last);
        assert_eq!(first.after(last), Duration::ZERO);
    }

    #[test]
    fn http_dates_are_read() {
        let expected = Some(Timestamp::from_unix_seconds(784_111_777));
        assert_eq!(Timestamp::from_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), expected);
        assert_eq!(Timestamp::from_http_date("yesterday"), None);
    }
}
