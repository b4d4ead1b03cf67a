//! Whether a token can be used now, and why not: the one judge.
//!
//! Asked by `renewal`, `shared`, and by the commands that look around. Pure. What it says holds for the moment it is
//! asked about: our clock and the daemon's may be set right a second later, so nothing is judged once and for all.

use std::fmt;

use super::clock_offset::DaemonTime;
use super::{Session, policy};

/// Why a token of the right form cannot be used now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unfit {
    /// Its end is over, as far as can be known.
    Expired,
    /// Its end is further away, back or ahead, than any token's can be.
    AbsurdEnd,
}

/// Judges a token by its times. `time` has bounds: whatever one of them allows is allowed.
///
/// # Errors
/// [`Unfit`].
pub fn fitness(session: &Session, time: DaemonTime) -> Result<(), Unfit> {
    let Some(exp) = session.expires_at() else { return Ok(()) };
    let oldest = time.earliest.plus_millis(policy::EXPIRED_AGE_MAX_MS.saturating_neg());
    let latest = time.latest.plus_millis(policy::LIFE_MAX_MS);
    if exp < oldest || exp > latest {
        return Err(Unfit::AbsurdEnd);
    }
    if session.is_expired(time.earliest) { Err(Unfit::Expired) } else { Ok(()) }
}

impl Unfit {
    /// For people and the log: what is wrong with the file that holds such a token.
    pub fn reason(self) -> &'static str {
        match self {
            Unfit::Expired => "its token has expired",
            Unfit::AbsurdEnd => "its times make no sense",
        }
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "tests may overflow: that is a failure")]
mod tests {
    use super::super::tests::token_with;
    use super::*;
    use crate::time::Timestamp;

    const NOW: i64 = 1_795_330_449;
    const YEAR: i64 = 31_536_000;
    const DAY: i64 = 86_400;

    fn session(exp: i64) -> Session {
        let claims = format!(r#"{{"sub":"s","iat":1795330000,"exp":{exp}}}"#);
        Session::parse(&token_with(&claims), Timestamp::from_unix_seconds(NOW)).expect("a token")
    }

    fn between(earliest: i64, latest: i64) -> DaemonTime {
        let at = Timestamp::from_unix_seconds;
        DaemonTime { earliest: at(earliest), latest: at(latest), is_known: true }
    }

    #[test]
    fn a_token_is_good_to_its_end_and_an_absurd_end_is_none() {
        let table = [
            (NOW + 1, Ok(())),
            (NOW, Err(Unfit::Expired)),
            (NOW + YEAR + DAY, Ok(())),
            (NOW + YEAR + DAY + 1, Err(Unfit::AbsurdEnd)),
            (NOW - 10 * YEAR, Err(Unfit::Expired)),
            (NOW - 10 * YEAR - 1, Err(Unfit::AbsurdEnd)),
            (i64::MIN, Err(Unfit::AbsurdEnd)),
            (i64::MAX, Err(Unfit::AbsurdEnd)),
        ];
        for (exp, expected) in table {
            assert_eq!(fitness(&session(exp), between(NOW, NOW)), expected, "{exp}");
        }
    }

    #[test]
    fn what_one_bound_of_the_time_allows_is_allowed() {
        assert_eq!(fitness(&session(NOW), between(NOW - 1, NOW + 7_200)), Ok(()));
        // Our clock stands in 1970, and the daemon's in the present, or the other way round.
        assert_eq!(fitness(&session(NOW + 60), between(0, NOW)), Ok(()));
        assert_eq!(fitness(&session(NOW + 60), between(0, 0)), Err(Unfit::AbsurdEnd));
    }
}
