//! Properties over all of i64: no `iat`, `exp` or clock overflows, panics, or makes a wait of zero or for ever.
//!
//! The generator prefers edges: the ends of i64, the places where seconds become milliseconds, a real November.

#![allow(clippy::unwrap_used, reason = "tests may fail by panicking")]

use std::time::Duration;

use waiaas_mcp::session::answers::{self, Introspection, RenewalAnswer};
use waiaas_mcp::session::choose::{self, Unfit};
use waiaas_mcp::session::clock_offset::{DaemonClock, DaemonTime, Sample};
use waiaas_mcp::session::events::{
    Action, AttemptId, Event, FileView, LockOutcome, Moment, StoreOutcome, Wake,
};
use waiaas_mcp::session::renewal::Renewal;
use waiaas_mcp::session::schedule;
use waiaas_mcp::session::{Session, policy};
use waiaas_mcp::time::{Now, Timestamp};

mod support;
use support::prng::Prng;
use support::token;

const CASES: u64 = 200_000;

/// A number of milliseconds or seconds from anywhere in i64, edges first.
fn any(rng: &mut Prng) -> i64 {
    const EDGES: [i64; 12] = [
        i64::MIN,
        i64::MIN / 1000,
        i64::MIN / 2,
        -1,
        0,
        1,
        1_795_330_000,
        1_795_330_000_000,
        i64::MAX / 1000,
        i64::MAX / 1000 + 1,
        i64::MAX / 2,
        i64::MAX,
    ];
    match rng.next() % 4 {
        0 => rng.next() as i64,
        1 => *rng.pick(&EDGES),
        2 => rng.pick(&EDGES).saturating_add(rng.between(-100_000, 100_000)),
        _ => 1_795_330_000_i64.saturating_add(rng.between(-40_000_000, 40_000_000)),
    }
}

/// A session with these times, if there is any clock by which it is one.
fn any_session(rng: &mut Prng) -> Session {
    loop {
        let (iat, exp) = (any(rng), any(rng));
        let exp = (!rng.chance(100)).then_some(exp);
        // Read by a clock near its end, so that the end is not absurd.
        let near = Timestamp::from_unix_seconds(exp.unwrap_or(0));
        if let Ok(session) = Session::parse(&token("s", iat, exp), near) {
            return session;
        }
    }
}

fn any_duration(rng: &mut Prng) -> Duration {
    match rng.next() % 4 {
        0 => Duration::ZERO,
        1 => Duration::MAX,
        2 => Duration::from_millis(rng.next()),
        _ => Duration::from_secs(rng.next() % 1_000_000),
    }
}

fn any_now(rng: &mut Prng) -> Now {
    Now { wall: Timestamp::from_unix_millis(any(rng)), mono: any_duration(rng) }
}

#[test]
fn a_renewal_is_due_within_the_life_whatever_the_claims() {
    let mut rng = Prng::new(1);
    for _ in 0..CASES {
        let session = any_session(&mut rng);
        let Some(exp) = session.expires_at() else {
            assert_eq!(schedule::renew_at(&session), None);
            continue;
        };
        let due = schedule::renew_at(&session).unwrap();
        assert!(due <= exp, "{session:?}");
        if session.issued_at() <= exp {
            assert!(due >= session.issued_at(), "{session:?}");
            let (passed, left) = (due.millis_since(session.issued_at()), exp.millis_since(due));
            // 60 to 40, as far as milliseconds and i64 go.
            let life = schedule::life_ms(&session).unwrap();
            if life < i64::MAX / 100 {
                assert!((passed * 2 - left * 3).abs() <= 5, "{session:?}: {passed} and {left}");
            }
        }
    }
}

#[test]
fn a_wait_shrinks_and_never_vanishes_whatever_the_clock() {
    let mut rng = Prng::new(2);
    for _ in 0..CASES {
        let (session, now) = (any_session(&mut rng), Timestamp::from_unix_millis(any(&mut rng)));
        for wait in [policy::WAIT_MIN, policy::TOO_EARLY_WAIT, policy::RETRY_WAIT] {
            let shrunk = schedule::shrunk(wait, &session, now);
            assert!(shrunk >= policy::WAIT_MIN && shrunk <= wait, "{session:?} at {now:?}: {shrunk:?}");
        }
        let is_last = schedule::is_last_tenth(&session, now);
        let is_over = session.is_expired(now) && schedule::life_ms(&session).is_some_and(|life| life >= 10);
        assert!(is_last || !is_over, "{session:?} at {now:?}");
        let _ = schedule::is_clamped(&session, &any_session(&mut rng));
        let _ = session.is_later_than(&any_session(&mut rng));
    }
}

#[test]
fn the_daemons_time_has_its_bounds_in_order_whatever_the_clocks() {
    let mut rng = Prng::new(3);
    for _ in 0..CASES {
        let mut clock = DaemonClock::default();
        for _ in 0..2 {
            clock.hear(
                Timestamp::from_unix_millis(any(&mut rng)),
                any_now(&mut rng),
                *rng.pick(&[Sample::Passing, Sample::Asked]),
            );
            let time = clock.time(any_now(&mut rng));
            assert!(time.earliest <= time.latest);
            assert!(!time.is_known || time.earliest == time.latest);
        }
    }
}

/// Whatever the clocks show and the world answers, each rest is between a second and a minute.
#[test]
fn every_rest_is_between_a_second_and_a_minute_whatever_happens() {
    let mut rng = Prng::new(4);
    for case in 0..2_000 {
        let mut clock = DaemonClock::default();
        let mut now = any_now(&mut rng);
        let bootstrap = rng.chance(300).then(|| any_session(&mut rng));
        let mut renewal = Renewal::new(bootstrap, Moment { now, daemon: clock.time(now) });
        let (mut event, mut sent) = (Event::Started, Vec::new());
        for _ in 0..100 {
            if rng.chance(100) {
                now = any_now(&mut rng);
            }
            if rng.chance(50) {
                clock.hear(
                    Timestamp::from_unix_millis(any(&mut rng)),
                    now,
                    *rng.pick(&[Sample::Passing, Sample::Asked]),
                );
            }
            let action = renewal.step(Moment { now, daemon: clock.time(now) }, event);
            renewal.take_notices();
            if let Action::Wait { at_most, .. } = &action {
                assert!(
                    *at_most >= policy::WAIT_MIN && *at_most <= policy::WAIT_MAX,
                    "case {case}: {at_most:?}"
                );
                now.mono = now.mono.saturating_add(*at_most);
                now.wall = now.wall.plus(*at_most);
            }
            event = answer(action, &mut rng, &mut sent);
        }
    }
}

/// `sent`: the requests that are not answered yet.
fn answer(action: Action, rng: &mut Prng, sent: &mut Vec<AttemptId>) -> Event {
    let held = FileView::Held(any_session(rng));
    match action {
        Action::Wait { .. } => {
            if let Some(attempt) = sent.pop().filter(|_| rng.chance(700)) {
                let answers = [
                    RenewalAnswer::Granted(any_session(rng)),
                    RenewalAnswer::TooEarly,
                    RenewalAnswer::Refused,
                    RenewalAnswer::Superseded,
                    RenewalAnswer::Unavailable { retry_after: Some(any_duration(rng)), counts: true },
                ];
                let answer = rng.pick(&answers).clone();
                let answer = answers::ClassifiedAnswer { answer, code: String::new() };
                return Event::Woke(Wake::Answered(attempt, Box::new(answer)));
            }
            Event::Woke(rng.pick(&[Wake::Elapsed, Wake::Wanted]).clone())
        }
        Action::ReadFile => Event::FileRead(rng.pick(&[held, FileView::Missing]).clone()),
        Action::AskTime => Event::TimeAsked,
        Action::Introspect(_) => {
            let answers = [Introspection::Active, Introspection::Inactive, Introspection::Unknown];
            Event::Introspected(*rng.pick(&answers))
        }
        Action::TakeLock { .. } => {
            Event::Locked(rng.pick(&[LockOutcome::Held, LockOutcome::TimedOut]).clone())
        }
        Action::Sweep => Event::Swept(rng.chance(100).then(|| any_session(rng)).into_iter().collect()),
        Action::Prepare => Event::Prepared(Ok(())),
        Action::SendRenewal { attempt, .. } => {
            sent.push(attempt);
            Event::RenewalSent
        }
        Action::Store { .. } => {
            let theirs = StoreOutcome::SomebodyElse(any_session(rng));
            Event::Stored(rng.pick(&[StoreOutcome::Done, theirs]).clone())
        }
        Action::SwapToken { .. } => Event::TokenSwapped,
        Action::ReleaseLock => Event::Unlocked,
        Action::Stop { .. } => unreachable!("nobody asked it to stop"),
    }
}

#[test]
fn no_text_is_parsed_into_a_panic() {
    let mut rng = Prng::new(5);
    let good = token("s", 1_795_330_000, Some(1_795_330_300));
    for _ in 0..CASES / 4 {
        // A good token with some bytes changed, cut off, or put in.
        let mut bytes = good.clone().into_bytes();
        for _ in 0..rng.between(1, 4) {
            let at = usize::try_from(rng.next() % (bytes.len() as u64 + 1)).unwrap();
            match rng.next() % 3 {
                0 => bytes.truncate(at.max(1)),
                1 => bytes.insert(at, rng.next() as u8),
                _ => {
                    let last = bytes.len() - 1;
                    bytes[at.min(last)] = rng.next() as u8;
                }
            }
        }
        let text = String::from_utf8_lossy(&bytes);
        let _ = Session::parse(&text, Timestamp::from_unix_millis(any(&mut rng)));
    }
    for _ in 0..CASES / 4 {
        let length = rng.between(0, 80);
        let bytes: Vec<u8> = (0..length).map(|_| rng.next() as u8).collect();
        let text = format!("wai_sess_{}", String::from_utf8_lossy(&bytes));
        let _ = Session::parse(&text, Timestamp::from_unix_millis(any(&mut rng)));
    }
}

#[test]
fn an_absurd_end_is_refused_by_every_clock() {
    let mut rng = Prng::new(6);
    for _ in 0..CASES / 4 {
        let (exp, now_ms) = (any(&mut rng), any(&mut rng));
        let now = Timestamp::from_unix_millis(now_ms);
        let session = Session::parse(&token("s", 0, Some(exp)), now).unwrap();
        let time = DaemonTime { earliest: now, latest: now, is_known: true };
        let is_absurd = choose::fitness(&session, time) == Err(Unfit::AbsurdEnd);
        let ahead_ms = i128::from(exp) * 1000 - i128::from(now_ms);
        let (least, most) = (-i128::from(policy::EXPIRED_AGE_MAX_MS), i128::from(policy::LIFE_MAX_MS));
        let is_near_the_edge = exp.checked_mul(1000).is_none()
            || now_ms.checked_sub(policy::EXPIRED_AGE_MAX_MS).is_none()
            || now_ms.checked_add(policy::LIFE_MAX_MS).is_none();
        assert!(is_near_the_edge || is_absurd != (least..=most).contains(&ahead_ms), "{exp} at {now_ms}");
    }
}
