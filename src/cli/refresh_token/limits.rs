//! The limits of a session: those that were asked for, and those that another one had.
//!
//! Used by `setup` and `refresh-token`. Pure. The daemon looks at the lifetime only when it renews, so that a token may
//! outlive its session by days: no token is asked for that is to live longer than its session. What the daemon does not tell is said, and never made up silently.

use crate::cli::Failure;
use crate::cli::operator::Limits;
use crate::cli::operator::answers::ListedSession;
use crate::session::{Session, schedule};

/// Life of a token where it cannot be told from the old one, in seconds: what `setup` uses.
pub(in crate::cli) const TTL_USUAL_S: u64 = 7 * 24 * 60 * 60;

/// Shortest life of a token that the daemon hands out, in seconds; and so of a session that is to end with its token.
pub(in crate::cli) const LIFE_MIN_S: u64 = 300;

/// A daemon that reads its clock twice may put a second between two times that mean the same.
const ROUNDING_S: u64 = 2;

/// Limits, and what could not be carried over: a clause each.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Carried {
    pub(super) limits: Limits,
    pub(super) notes: Vec<&'static str>,
}

/// The limits that were asked for: the life of a token, which is [`TTL_USUAL_S`] where nothing was said and `Some(None)`
/// where it is to have none, the number of renewals and the life of the session in seconds (0 = no limit). What cannot
/// be kept is refused, because who asks for it relies on it.
///
/// # Errors
/// [`Failure`].
#[cfg_attr(
    not(any(feature = "setup", test)),
    expect(dead_code, reason = "`setup` is left out of this build")
)]
pub(in crate::cli) fn asked_for(
    ttl_s: Option<Option<u64>>,
    max_renewals: u64,
    lifetime_s: u64,
) -> Result<Limits, Failure> {
    let wrong = |what: String, advice: &str| Err(Failure { what, advice: advice.to_owned() });
    let has_lifetime = lifetime_s > 0;
    let too_short = [("ttl", ttl_s.flatten()), ("lifetime", has_lifetime.then_some(lifetime_s))]
        .into_iter()
        .find(|(_, span)| span.is_some_and(|span| span < LIFE_MIN_S));
    if let Some((option, _)) = too_short {
        return wrong(
            format!("--{option} is too short: the daemon's tokens live for 5 minutes at least"),
            &format!("Give a --{option} of 5m or more."),
        );
    }
    match ttl_s {
        Some(None) if has_lifetime || max_renewals > 0 => wrong(
            format!(
                "--ttl none and --{} contradict each other",
                if has_lifetime { "lifetime" } else { "max-renewals" }
            ),
            "A token that never ends is never renewed, and only renewals are limited: give a --ttl.",
        ),
        Some(Some(ttl_s)) if has_lifetime && ttl_s > lifetime_s => wrong(
            "--ttl and --lifetime contradict each other: a token would outlive its session".to_owned(),
            "Give a --ttl that is no longer than --lifetime, or leave it out.",
        ),
        said => {
            let usual_s = if has_lifetime { TTL_USUAL_S.min(lifetime_s) } else { TTL_USUAL_S };
            Ok(Limits { ttl_s: said.unwrap_or(Some(usual_s)), max_renewals, lifetime_s })
        }
    }
}

/// The limits of `held`, of which the daemon tells `listed` as long as the session is active.
pub(super) fn carried(held: &Session, listed: Option<&ListedSession>) -> Carried {
    let of_token = schedule::life_ms(held).map(|life_ms| life_ms.unsigned_abs() / 1000);
    let Some(listed) = listed else {
        let mut notes = vec![
            "the daemon no longer knows the old session: its renewal limit and its lifetime, if it had any",
        ];
        let ttl_s = of_token.map(|ttl_s| at_least(ttl_s, &mut notes));
        return Carried { limits: Limits { ttl_s, max_renewals: 0, lifetime_s: 0 }, notes };
    };
    let mut notes = Vec::new();
    let lifetime_s = lifetime(listed, &mut notes);
    let ttl_s = match (listed.expires_at, of_token) {
        (0, of_token) => of_token,
        (end, of_token) => {
            let of_row = span(listed.last_renewed_at.unwrap_or(listed.created_at), end);
            // A copy of a token was issued later than the token itself, so it seems to live for a shorter time.
            let ttl_s = of_token.filter(|ttl_s| of_row <= ttl_s + ROUNDING_S).unwrap_or(of_row);
            let is_cut_short = listed.last_renewed_at.is_some()
                && listed.absolute_expires_at != 0
                && end >= listed.absolute_expires_at;
            if is_cut_short {
                notes.push("the life of its tokens, of which the end of the session had cut off a part; 7 days or the lifetime are used");
                Some(TTL_USUAL_S.min(lifetime_s))
            } else {
                Some(at_least(ttl_s, &mut notes))
            }
        }
    };
    let ttl_s = if lifetime_s == 0 { ttl_s } else { Some(within(ttl_s, lifetime_s, &mut notes)) };
    Carried { limits: Limits { ttl_s, max_renewals: listed.max_renewals, lifetime_s }, notes }
}

fn span(from: i64, to: i64) -> u64 {
    u64::try_from(to.saturating_sub(from)).unwrap_or(0)
}

/// The life of the whole session; 0 = no limit.
fn lifetime(listed: &ListedSession, notes: &mut Vec<&'static str>) -> u64 {
    let lifetime_s = match listed.absolute_expires_at {
        0 => return 0,
        end => span(listed.created_at, end),
    };
    if lifetime_s < LIFE_MIN_S {
        notes.push("its lifetime, which was shorter than the daemon allows for a token; 5 minutes are used");
    }
    lifetime_s.max(LIFE_MIN_S)
}

/// The life of a token that ends with its session at the latest.
fn within(ttl_s: Option<u64>, lifetime_s: u64, notes: &mut Vec<&'static str>) -> u64 {
    if ttl_s.is_none_or(|ttl_s| ttl_s > lifetime_s + ROUNDING_S) {
        notes.push("that its tokens lived longer than the session may; the lifetime is used");
    }
    ttl_s.map_or(lifetime_s, |ttl_s| ttl_s.min(lifetime_s))
}

/// The daemon opens no session whose tokens live for a shorter time.
fn at_least(ttl_s: u64, notes: &mut Vec<&'static str>) -> u64 {
    if ttl_s < LIFE_MIN_S {
        notes.push("the life of its tokens, which was shorter than the daemon allows for a new session; 5 minutes are used");
    }
    ttl_s.max(LIFE_MIN_S)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::SessionId;
    use crate::session::tests::token_with;
    use crate::time::Timestamp;

    const T0: i64 = 1_795_330_000;

    fn held(iat: i64, exp: Option<i64>) -> Session {
        let exp = exp.map(|exp| format!(r#","exp":{}"#, T0 + exp)).unwrap_or_default();
        let token = token_with(&format!(r#"{{"sub":"s","iat":{}{exp}}}"#, T0 + iat));
        Session::parse(&token, Timestamp::from_unix_seconds(T0)).expect("a token")
    }

    fn listed(expires: i64, absolute: i64, renewed: Option<i64>) -> ListedSession {
        let at = |time: i64| if time == 0 { 0 } else { T0 + time };
        ListedSession {
            id: SessionId::parse("01a20238-65b7-7d3f-808b-d0cdea77429e").expect("a UUID"),
            wallet_ids: Vec::new(),
            renewals: 1,
            max_renewals: 9,
            expires_at: at(expires),
            absolute_expires_at: at(absolute),
            created_at: T0,
            last_renewed_at: renewed.map(|renewed| T0 + renewed),
        }
    }

    #[test]
    fn limits_are_those_of_the_old_session() {
        // The token, what the daemon lists, then life, lifetime, and how much is said.
        let table = [
            (held(0, Some(600)), listed(600, 0, None), Some(600), 0, 0),
            (held(0, Some(600)), listed(601, 0, None), Some(600), 0, 0),
            (held(0, None), listed(0, 0, None), None, 0, 0),
            // A token that would outlive its session, or never end.
            (held(0, None), listed(0, 9000, None), Some(9000), 9000, 1),
            (held(0, Some(9600)), listed(9600, 9000, None), Some(9000), 9000, 1),
            (held(0, Some(9000)), listed(9000, 9000, None), Some(9000), 9000, 0),
            (held(0, Some(9001)), listed(9001, 9000, None), Some(9000), 9000, 0),
            (held(0, Some(604_800)), listed(604_800, 5, None), Some(300), 300, 2),
            (held(360, Some(960)), listed(960, 9000, Some(360)), Some(600), 9000, 0),
            // A copy, issued 100 s after the token.
            (held(100, Some(600)), listed(600, 0, None), Some(600), 0, 0),
            // An older token of the session: the life is the same.
            (held(0, Some(600)), listed(960, 0, Some(360)), Some(600), 0, 0),
            // Cut short by the end of the session.
            (held(860, Some(900)), listed(900, 900, Some(860)), Some(900), 900, 1),
            (
                held(9_999_960, Some(10_000_000)),
                listed(10_000_000, 10_000_000, Some(9_999_960)),
                Some(604_800),
                10_000_000,
                1,
            ),
            // Shorter than a new session may be.
            (held(0, Some(6)), listed(6, 0, None), Some(300), 0, 1),
        ];
        for (held, listed, ttl_s, lifetime_s, notes) in table {
            let carried = carried(&held, Some(&listed));
            assert_eq!(carried.limits, Limits { ttl_s, max_renewals: 9, lifetime_s }, "{listed:?}");
            assert_eq!(carried.notes.len(), notes, "{carried:?}");
        }
    }

    #[test]
    fn what_is_asked_for_is_kept_or_refused() {
        let limits = |ttl_s, max_renewals, lifetime_s| Ok(Limits { ttl_s, max_renewals, lifetime_s });
        let refused = |what: &'static str| Err(what);
        let day_s = 86_400;
        let table = [
            ((None, 0, 0), limits(Some(7 * day_s), 0, 0)),
            ((None, 3, 10 * day_s), limits(Some(7 * day_s), 3, 10 * day_s)),
            ((None, 0, day_s), limits(Some(day_s), 0, day_s)),
            ((None, 0, 300), limits(Some(300), 0, 300)),
            ((Some(Some(300)), 0, 300), limits(Some(300), 0, 300)),
            ((Some(None), 0, 0), limits(None, 0, 0)),
            ((None, 0, 299), refused("--lifetime is too short")),
            ((Some(Some(3600)), 0, 1), refused("--lifetime is too short")),
            ((Some(None), 0, 5), refused("--lifetime is too short")),
            ((Some(Some(299)), 0, 0), refused("--ttl is too short")),
            ((Some(Some(30 * day_s)), 0, 7 * day_s), refused("--ttl and --lifetime contradict")),
            ((Some(Some(301)), 0, 300), refused("--ttl and --lifetime contradict")),
            ((Some(None), 0, day_s), refused("--ttl none and --lifetime contradict")),
            ((Some(None), 1, 0), refused("--ttl none and --max-renewals contradict")),
        ];
        for ((ttl_s, max_renewals, lifetime_s), expected) in table {
            match (asked_for(ttl_s, max_renewals, lifetime_s), expected) {
                (Err(failure), Err(what)) => assert!(failure.what.starts_with(what), "{failure:?}"),
                (asked, expected) => assert_eq!(asked.map_err(|_| ""), expected),
            }
        }
    }

    #[test]
    fn what_a_dead_session_was_limited_to_is_not_made_up() {
        let carried = carried(&held(0, Some(600)), None);
        assert_eq!(carried.limits, Limits { ttl_s: Some(600), max_renewals: 0, lifetime_s: 0 });
        assert_eq!(carried.notes.len(), 1);
    }
}
