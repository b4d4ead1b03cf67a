//! When: the renewal's due time, and how waits shrink near the end of a life.
//!
//! Used by `renewal`. Pure: every time is an argument. All arithmetic saturates: no `iat`, `exp` or clock can overflow
//! it.

use std::time::Duration;

use super::{Session, policy};
use crate::time::{Timestamp, millis};

/// The whole life of a token in milliseconds, never negative; `None` for an unlimited one.
pub fn life_ms(session: &Session) -> Option<i64> {
    session.expires_at().map(|exp| exp.millis_since(session.issued_at()).max(0))
}

/// When a token is to be renewed, in the daemon's time: when 60 % of its life has passed. `None`: never.
pub fn renew_at(session: &Session) -> Option<Timestamp> {
    let exp = session.expires_at()?;
    Some(exp.plus_millis(part(life_ms(session)?, policy::LIFE_LEFT_AT_RENEWAL_PERCENT).saturating_neg()))
}

/// What is left of a token's life, never negative; `None` for an unlimited one.
pub fn life_left(session: &Session, daemon_now: Timestamp) -> Option<Duration> {
    session.expires_at().map(|exp| exp.after(daemon_now))
}

/// Whether at most a tenth is left: then a token is renewed even if it cannot be written to the file.
pub fn is_last_tenth(session: &Session, daemon_now: Timestamp) -> bool {
    until_last_tenth(session, daemon_now).is_zero()
}

/// How long until so little is left; for ever for an unlimited token.
pub fn until_last_tenth(session: &Session, daemon_now: Timestamp) -> Duration {
    match (session.expires_at(), life_ms(session)) {
        (Some(exp), Some(life)) => {
            let tenth = life.saturating_div(policy::LIFE_LEFT_UNPREPARED_DIVISOR);
            exp.plus_millis(tenth.saturating_neg()).after(daemon_now)
        }
        _ => Duration::MAX,
    }
}

/// A wait that shrinks near the end: a quarter of what is left, at least a second, at most `wait`.
pub fn shrunk(wait: Duration, session: &Session, daemon_now: Timestamp) -> Duration {
    let Some(left) = life_left(session, daemon_now) else { return wait };
    let quarter = millis(left).saturating_div(policy::LIFE_LEFT_WAIT_DIVISOR);
    let quarter = Duration::from_millis(u64::try_from(quarter).unwrap_or(0));
    quarter.max(policy::WAIT_MIN).min(wait.max(policy::WAIT_MIN))
}

/// Whether a renewal bought next to nothing, because the daemon clamps at the absolute lifetime: then
/// renewing stops, or it would go on faster and faster until the end.
pub fn is_clamped(old: &Session, new: &Session) -> bool {
    let (Some(old_exp), Some(new_exp), Some(life)) = (old.expires_at(), new.expires_at(), life_ms(old))
    else {
        return false;
    };
    let long_life = life >= policy::LONG_LIFE_MS;
    let least = part(life, policy::GAIN_MIN_PERCENT).max(if long_life { policy::GAIN_MIN_MS } else { 0 });
    new_exp.millis_since(old_exp) < least
}

/// `percent` of `whole`, rounded towards zero, without overflow.
fn part(whole: i64, percent: i64) -> i64 {
    let exact = i128::from(whole).saturating_mul(i128::from(percent)).saturating_div(100);
    i64::try_from(exact).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "tests may overflow: that is a failure")]
mod tests {
    use super::super::tests::token_with;
    use super::*;

    const T0: i64 = 1_795_330_000;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(T0 + seconds)
    }

    fn session(life_s: i64) -> Session {
        let claims = format!(r#"{{"sub":"s","iat":{T0},"exp":{}}}"#, T0 + life_s);
        Session::parse(&token_with(&claims), at(0)).unwrap()
    }

    #[test]
    fn a_token_is_due_when_sixty_percent_of_its_life_have_passed() {
        for (life_s, due_ms) in [(300, 180_000), (6, 3_600), (86_400, 51_840_000), (1, 600), (0, 0)] {
            assert_eq!(renew_at(&session(life_s)), Some(at(0).plus_millis(due_ms)), "{life_s}");
        }
        let unlimited = Session::parse(&token_with(r#"{"sub":"s","iat":1}"#), at(0)).unwrap();
        assert_eq!(renew_at(&unlimited), None);
    }

    #[test]
    fn a_token_that_ends_before_it_began_is_due_at_its_end() {
        assert_eq!(renew_at(&session(-5)), Some(at(-5)));
    }

    #[test]
    fn waits_shrink_near_the_end_and_never_vanish() {
        let minute = Duration::from_secs(60);
        for (left_s, expected_s) in
            [(86_400, 60), (240, 60), (120, 30), (8, 2), (4, 1), (1, 1), (0, 1), (-9, 1)]
        {
            assert_eq!(
                shrunk(minute, &session(86_400), at(86_400 - left_s)),
                Duration::from_secs(expected_s)
            );
        }
    }

    #[test]
    fn a_renewal_that_buys_nothing_is_the_clamp() {
        for (old_s, gain_s, clamped) in [
            (300, 180, false),
            (300, 30, false),
            (300, 29, true),
            (300, 0, true),
            (86_400, 4_319, true),
            (86_400, 4_320, false),
            (6, 3, false),
            (6, 0, true),
        ] {
            assert_eq!(is_clamped(&session(old_s), &session(old_s + gain_s)), clamped, "{old_s} + {gain_s}");
        }
    }

    #[test]
    fn the_last_tenth_of_a_life() {
        for (left_s, last) in [(300, false), (31, false), (30, true), (29, true), (0, true), (-1, true)] {
            assert_eq!(is_last_tenth(&session(300), at(300 - left_s)), last, "{left_s}");
        }
    }
}
