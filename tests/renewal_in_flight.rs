//! Renewal requests that are not answered: what is sent beside them, what ends the wait, and whose token is kept.

#![allow(clippy::unwrap_used, reason = "tests may fail by panicking")]

use std::time::Duration;

use waiaas_mcp::session::State;
use waiaas_mcp::session::answers::RenewalAnswer;
use waiaas_mcp::session::events::{FileView, Wake};
use waiaas_mcp::session::notice::Notice;
use waiaas_mcp::session::policy;

mod support;
use support::scene::{Scene, session, session_of, unavailable};

const LIFE_S: i64 = 3_000;
/// When a token of that life, issued at 0, is due.
const DUE_S: i64 = 1_800;

fn held(issued_s: i64, expires_s: i64) -> FileView {
    FileView::Held(session(issued_s, expires_s))
}

/// The token is due, and the daemon is frozen.
fn frozen() -> Scene {
    let mut scene = Scene::at(0, held(0, LIFE_S));
    scene.frozen = true;
    scene.live_until(DUE_S + 1);
    assert_eq!(scene.requests.len(), 1);
    scene
}

#[test]
fn a_frozen_daemon_that_goes_on_has_renewed_the_session_and_its_answer_is_still_waited_for() {
    for frozen_for_s in [1, 29, 53, 100, 900] {
        let mut scene = frozen();
        scene.live_until(DUE_S + frozen_for_s);
        assert!(scene.serves(&session(0, LIFE_S)), "calls go on with the old token");
        // The daemon carries out what it received, in that order: the first is granted, the others come too late.
        let thawed_s = scene.now_s() as i64;
        scene.answers.push_back(RenewalAnswer::Granted(session(thawed_s, thawed_s + LIFE_S)));
        scene.usual = Some(RenewalAnswer::Superseded);
        scene.thaw();
        assert!(scene.serves(&session(thawed_s, thawed_s + LIFE_S)), "frozen for {frozen_for_s} s");
        assert_eq!((scene.stored.len(), scene.status.state), (1, State::Active));
        assert_eq!(scene.times_told(|notice| matches!(notice, Notice::NotScheduled { .. })), 0);
    }
}

#[test]
fn after_half_a_minute_of_silence_another_request_is_sent_beside_and_never_more_than_four() {
    let mut scene = frozen();
    scene.live_until(DUE_S + 600);
    let gaps = scene.gaps_s();
    assert_eq!(gaps, [30, 30, 30]);
    assert_eq!(scene.requests.len(), policy::IN_FLIGHT_MAX);
    assert!(scene.carried.iter().all(|carried| *carried == session(0, LIFE_S)), "all with the same token");
}

/// A daemon that was frozen for longer had renewed the session all the same, and nobody was there to hear it.
#[test]
fn a_renewal_was_hung_up_on_before_its_tokens_end() {
    let mut scene = frozen();
    scene.live_until(DUE_S + 100);
    let left = Duration::from_secs((LIFE_S - DUE_S).unsigned_abs());
    let (first, beside) = scene.given.split_first().unwrap();
    assert!(*first >= left, "{first:?}");
    assert!(beside.iter().all(|given| *given == policy::BESIDE_TIME_MAX), "{beside:?}");
}

#[test]
fn the_lock_and_the_temporary_file_are_kept_while_an_answer_is_awaited() {
    let mut scene = frozen();
    assert_eq!(scene.turn, ["read", "lock", "sweep", "read", "prepare", "renew"]);
    scene.live_until(DUE_S + 300);
    assert!(!scene.turn.contains(&"unlock"), "{:?}", scene.turn);
    scene.answer_oldest(RenewalAnswer::Granted(session(DUE_S, DUE_S + LIFE_S)));
    assert_eq!(scene.turn.last(), Some(&"unlock"));
}

#[test]
fn the_last_third_of_a_short_life_is_not_waited_away() {
    // 9 s are left of 30.
    let mut scene = Scene::before(21, held(0, 30), None);
    scene.frozen = true;
    scene.begin();
    scene.live_until(29);
    assert_eq!(scene.gaps_s().first(), Some(&3));
    assert!(scene.requests.len() >= 3, "{:?}", scene.requests);
    assert!(scene.gaps_s().iter().all(|gap| *gap >= 2), "{:?}", scene.requests);
}

#[test]
fn a_mismatch_is_no_verdict_while_another_is_unanswered() {
    let mut scene = frozen();
    scene.live_until(DUE_S + 31);
    assert_eq!(scene.requests.len(), 2);
    // The second is answered first: the first was granted, and nobody has its answer yet.
    let first = scene.received.pop_front().unwrap();
    scene.answer_oldest(RenewalAnswer::Superseded);
    assert_eq!(scene.times_told(|notice| matches!(notice, Notice::NotScheduled { .. })), 0);
    scene.live_until(DUE_S + 600);
    assert_eq!(scene.requests.len(), 2, "another could be told nothing else");
    scene.received.push_front(first);
    scene.answer_oldest(RenewalAnswer::Granted(session(DUE_S, DUE_S + LIFE_S)));
    assert!(scene.serves(&session(DUE_S, DUE_S + LIFE_S)));
}

#[test]
fn a_mismatch_is_the_verdict_once_the_answer_that_was_granted_is_lost() {
    let mut scene = frozen();
    scene.live_until(DUE_S + 31);
    let first = scene.received.pop_front().unwrap();
    scene.answer_oldest(RenewalAnswer::Superseded);
    scene.received.push_front(first);
    scene.answer_oldest(unavailable());
    assert_eq!(scene.times_told(|notice| matches!(notice, Notice::NotScheduled { .. })), 1);
    scene.live_until(LIFE_S - 1);
    assert!(scene.serves(&session(0, LIFE_S)), "to its end");
    assert_eq!(scene.requests.len(), 2);
}

#[test]
fn a_failure_is_tried_again_beside_one_that_is_unanswered() {
    let mut scene = frozen();
    scene.live_until(DUE_S + 31);
    let first = scene.received.pop_front().unwrap();
    scene.answer_oldest(unavailable());
    scene.received.push_front(first);
    scene.live_until(DUE_S + 92);
    assert_eq!(scene.requests.len(), 3, "after the back-off");
    assert!(!scene.turn.contains(&"unlock"));
}

#[test]
fn what_an_operator_puts_into_the_file_is_adopted_by_the_call_that_needs_it_while_a_renewal_hangs() {
    let mut scene = frozen();
    let theirs = session_of("t", DUE_S, Some(DUE_S + LIFE_S));
    scene.file = FileView::Held(theirs.clone());
    scene.reject();
    assert!(scene.serves(&theirs));
    assert_eq!(scene.turn, ["read", "swap", "unlock"]);
    // The hanging request is answered after all: theirs stays.
    scene.answer_oldest(RenewalAnswer::Granted(session(DUE_S, DUE_S + LIFE_S)));
    assert!(scene.serves(&theirs) && scene.stored.is_empty());
}

#[test]
fn a_token_that_was_granted_to_a_request_nobody_waited_for_any_more_is_not_lost() {
    let mut scene = frozen();
    scene.live_until(DUE_S + 31);
    // The younger one is refused for a reason that is a verdict, and the older one was granted.
    let first = scene.received.pop_front().unwrap();
    scene.answer_oldest(RenewalAnswer::Exhausted);
    assert_eq!(scene.times_told(|notice| matches!(notice, Notice::NotScheduled { .. })), 1);
    scene.received.push_front(first);
    let late = session(DUE_S, DUE_S + LIFE_S);
    scene.answer_oldest(RenewalAnswer::Granted(late.clone()));
    assert!(scene.serves(&late));
    assert_eq!(scene.stored, [late]);
}

#[test]
fn people_are_told_once_a_minute_that_an_answer_is_awaited() {
    let mut scene = frozen();
    scene.live_until(DUE_S + 300);
    let told = scene.times_told(|notice| matches!(notice, Notice::Waiting { .. }));
    assert!((4..=6).contains(&told), "{told} times in five minutes");
}

#[test]
fn a_machine_that_was_suspended_does_not_wait_for_those_who_were_silent_then() {
    let mut scene = frozen();
    // The wall clock has moved on, and the monotonic one has stood still.
    scene.wall_ahead_ms += 20_000;
    scene.wait = Duration::from_secs(2);
    scene.sleep();
    assert_eq!(scene.requests.len(), 2);
}

#[test]
fn the_programs_end_waits_for_what_is_in_flight_and_begins_nothing() {
    let mut scene = frozen();
    scene.wake(Wake::Shutdown);
    assert!(scene.turn.is_empty(), "{:?}", scene.turn);
    scene.live_until(DUE_S + 200);
    assert_eq!(scene.requests.len(), 1, "nothing is sent beside it any more");
    scene.answer_oldest(RenewalAnswer::Granted(session(DUE_S, DUE_S + LIFE_S)));
    assert_eq!(scene.turn, ["store", "swap", "unlock", "stop"]);
    assert_eq!(scene.stored, [session(DUE_S, DUE_S + LIFE_S)]);
}

/// A process that was stopped across the silence sent another request, while the answer to the first lay in its socket.
#[test]
fn a_process_that_was_stopped_itself_asked_again_for_what_was_answered() {
    let mut scene = frozen();
    scene.wait += Duration::from_secs(40);
    scene.sleep();
    assert_eq!(scene.requests.len(), 1, "the silence was its own");
    assert_eq!(scene.wait, policy::WAIT_MIN);
    scene.thaw();
    assert_eq!((scene.requests.len(), scene.stored.len()), (1, 1));
    // Late once more, it does not wait for ever.
    let mut scene = frozen();
    scene.wait += Duration::from_secs(40);
    scene.sleep();
    scene.wait += Duration::from_secs(40);
    scene.sleep();
    assert_eq!(scene.requests.len(), 2);
}
