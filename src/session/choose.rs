//! Whether a token can be used now, why not, and which of several is to be served: the one judge.
//!
//! Asked by `renewal`, `shared`, and by the commands that look around. Pure. What it says holds for the moment it is
//! asked about: our clock and the daemon's may be set right a second later, so nothing is judged once and for all.

use std::fmt;

use super::clock_offset::DaemonTime;
use super::status::Source;
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

/// The tokens that are known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known<'s> {
    /// In the token file.
    pub in_file: Option<&'s Session>,
    /// Served now.
    pub held: Option<&'s Session>,
    /// In the environment.
    pub in_environment: Option<&'s Session>,
}

/// The token to serve instead of the held one, if there is a better one: the file's, if it is of another session (a person
/// chose it) or later, or if the held one cannot be used; else the environment's, if nothing else can be used. `is_good`:
/// it is fit and, where that is known, not refused.
pub fn choose<'s>(known: Known<'s>, is_good: impl Fn(&Session) -> bool) -> Option<(&'s Session, Source)> {
    let usable = known.held.filter(|held| is_good(held));
    let is_another = |session: &&Session| {
        known.held.is_none_or(|held| held.token() != session.token()) && is_good(session)
    };
    let replaces = |session: &&Session| usable.is_none_or(|held| session.supersedes(held));
    let of_file = known.in_file.filter(is_another).filter(replaces).map(|session| (session, Source::File));
    let of_environment = known.in_environment.filter(is_another).filter(|_| usable.is_none());
    of_file.or(of_environment.map(|session| (session, Source::Environment)))
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

    fn of(id: &str, issued: i64, life: i64) -> Session {
        let claims = format!(r#"{{"sub":"{id}","iat":{issued},"exp":{}}}"#, issued + life);
        Session::parse(&token_with(&claims), Timestamp::from_unix_seconds(NOW)).expect("a token")
    }

    #[test]
    fn the_better_token_is_served() {
        let (held, later, earlier) = (of("s", NOW, 300), of("s", NOW + 180, 300), of("s", NOW - 100, 300));
        let (other, over) = (of("t", NOW - 10, 200), of("t", NOW - 300, 200));
        let is_good = |session: &Session| fitness(session, between(NOW, NOW)).is_ok();
        // In the file, held, in the environment; what is served instead of the held one.
        let table = [
            (Some(&held), None, None, Some((&held, Source::File))),
            (Some(&held), Some(&held), None, None),
            (Some(&later), Some(&held), None, Some((&later, Source::File))),
            (Some(&earlier), Some(&held), None, None),
            (Some(&other), Some(&held), None, Some((&other, Source::File))),
            (Some(&over), Some(&held), Some(&other), None),
            (Some(&earlier), Some(&over), None, Some((&earlier, Source::File))),
            (Some(&over), None, Some(&other), Some((&other, Source::Environment))),
            (Some(&held), None, Some(&other), Some((&held, Source::File))),
            (None, Some(&held), Some(&other), None),
            (None, Some(&over), Some(&other), Some((&other, Source::Environment))),
            (None, None, Some(&over), None),
        ];
        for (in_file, held, in_environment, expected) in table {
            let known = Known { in_file, held, in_environment };
            assert_eq!(choose(known, is_good), expected, "{known:?}");
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
