//! The sandbox's own clock: wall time plus an offset that tests may set.
//!
//! The one place of the sandbox that reads a clock; everything below is handed a [`Moment`]. The `Date` header and
//! the claims of tokens come from the same moment, so an offset looks like a daemon whose clock is wrong.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// An instant of the sandbox's clock: milliseconds since 1970.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Moment(pub(super) i64);

/// Wall time plus an offset.
#[derive(Default)]
pub(super) struct Clock {
    offset_s: AtomicI64,
}

impl Moment {
    /// Whole seconds since 1970, rounded down, as token claims count them.
    pub(super) const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The moment as an HTTP date. Times before 1970 or after the year 9999 have none and are shown as 1970.
    pub(super) fn http_date(self) -> String {
        const YEAR_10000: u64 = 253_402_300_800;
        let seconds = u64::try_from(self.seconds()).ok().filter(|seconds| *seconds < YEAR_10000).unwrap_or(0);
        httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds))
    }

    /// The day of the moment in UTC, as `2026-11-22`.
    pub(super) fn iso_date(self) -> String {
        // An HTTP date is `Sun, 22 Nov 2026 …`: the day is in it, only written otherwise.
        const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
        let date = self.http_date();
        let month = MONTHS.find(&date[8..11]).unwrap_or(0) / 3 + 1;
        format!("{}-{month:02}-{}", &date[12..16], &date[5..7])
    }
}

impl Clock {
    /// Sets how far this clock is ahead of the machine's, in seconds.
    pub(super) fn set_offset_s(&self, offset_s: i64) {
        self.offset_s.store(offset_s, Ordering::SeqCst);
    }

    /// What time it is for the sandbox.
    pub(super) fn now(&self) -> Moment {
        #[expect(
            clippy::disallowed_methods,
            reason = "the sandbox shares no code with the crate, its clock included"
        )]
        let wall = SystemTime::now();
        let wall_ms = wall
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
        Moment(wall_ms.saturating_add(self.offset_s.load(Ordering::SeqCst).saturating_mul(1000)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_shown_as_iso_8601_wants_them() {
        assert_eq!(Moment(784_111_777_999).iso_date(), "1994-11-06");
        assert_eq!(Moment(951_782_400_000).iso_date(), "2000-02-29");
    }

    #[test]
    fn dates_are_shown_as_http_wants_them() {
        let table = [
            (784_111_777_999, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (-1, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (i64::MAX, "Thu, 01 Jan 1970 00:00:00 GMT"),
        ];
        for (millis, shown) in table {
            assert_eq!(Moment(millis).http_date(), shown);
        }
    }
}
