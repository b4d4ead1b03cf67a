//! The renewal as a specification, first part: when it renews, in which order, and what stands in the file.
//!
//! What the daemon may answer, and what a call's 401 does, stands in renewal_answers.rs.

#![allow(clippy::unwrap_used, reason = "tests may fail by panicking")]

use std::time::Duration;

use waiaas_mcp::session::State;
use waiaas_mcp::session::answers::{Introspection, RenewalAnswer};
use waiaas_mcp::session::events::{FileView, LockOutcome, StoreOutcome, Wake};
use waiaas_mcp::session::notice::Notice;

mod support;
use support::scene::{Scene, disk_full, session, session_of};

const TRANSACTION: [&str; 9] =
    ["read", "lock", "sweep", "read", "prepare", "renew", "store", "swap", "unlock"];

fn held(issued_s: i64, expires_s: i64) -> FileView {
    FileView::Held(session(issued_s, expires_s))
}

// --- when ---------------------------------------------------------------------------------------------------

#[test]
fn a_token_is_renewed_when_sixty_percent_of_its_life_have_passed_and_so_on_for_ever() {
    for life_s in [10, 300, 301, 3_600, 86_400, 364 * 86_400] {
        let mut scene = Scene::at(0, held(0, life_s));
        scene.live_until(life_s * 2);
        assert!(scene.requests.len() >= 3, "{life_s}");
        for (number, at) in (1..).zip(&scene.requests) {
            let due = 0.6 * (life_s * number) as f64;
            // The daemon's times are whole seconds, so each cycle may begin a second earlier or later.
            assert!((at - due).abs() <= 1.5 * number as f64, "{life_s}: request {number} at {at}, due {due}");
        }
    }
}

#[test]
fn an_unlimited_token_is_never_renewed() {
    let mut scene = Scene::at(0, FileView::Held(session_of("s", 0, None)));
    scene.live_until(3 * 86_400);
    assert!(scene.requests.is_empty());
    assert_eq!((scene.status.state, scene.status.renew_at), (State::Active, None));
}

#[test]
fn a_time_already_past_is_now() {
    for age_s in [180, 299] {
        assert_eq!(Scene::at(age_s, held(0, 300)).requests, [age_s as f64]);
    }
    assert!(Scene::at(300, held(0, 300)).requests.is_empty(), "it has expired");
}

#[test]
fn the_daemons_clock_decides() {
    for wall_ahead_s in [-7_200, -100, 100, 7_200] {
        let mut scene = Scene::before(0, held(0, 3_600), None);
        scene.wall_ahead_ms = wall_ahead_s * 1000;
        scene.begin();
        scene.live_until(3_000);
        assert_eq!(scene.requests.len(), 1, "{wall_ahead_s}");
        assert!((scene.requests[0] - 2_160.0).abs() <= 1.5, "{wall_ahead_s}: at {}", scene.requests[0]);
    }
}

#[test]
fn no_sleep_is_longer_than_a_minute_or_shorter_than_a_second() {
    for (age_s, life_s) in [(0, 86_400), (179, 300), (298, 300), (10_000, 300)] {
        let mut scene = Scene::before(age_s, held(0, life_s), None);
        scene.usual = Some(support::scene::unavailable());
        scene.begin();
        for _ in 0..50 {
            assert!(scene.wait >= Duration::from_secs(1) && scene.wait <= Duration::from_secs(60));
            scene.sleep();
        }
    }
}

#[test]
fn a_stepped_clock_and_a_suspended_machine_have_the_daemon_asked_at_once() {
    let jumps: [fn(&mut Scene); 3] = [
        |scene| scene.wall_ahead_ms += 3_600_000,
        |scene| scene.wall_ahead_ms -= 3_600_000,
        |scene| {
            scene.suspended_ms -= 100_000; // The monotonic clock runs, the wall clock was set back as much.
            scene.wall_ahead_ms -= 100_000;
        },
    ];
    for jump in jumps {
        let mut scene = Scene::at(0, held(0, 86_400));
        scene.sleep();
        assert_eq!(scene.turn, ["read"], "all is known");
        jump(&mut scene);
        scene.sleep();
        assert_eq!(scene.turn, ["read", "ask time", "read"]);
        assert_eq!(scene.times_told(|notice| matches!(notice, Notice::ClocksDisagree { .. })), 1);
        assert!(scene.requests.is_empty(), "the daemon's clock has not moved");
    }
}

#[test]
fn a_suspended_machine_forgets_its_back_off() {
    let mut scene = Scene::before(200, held(0, 3_000), None);
    scene.begin();
    scene
        .answers
        .push_back(RenewalAnswer::Unavailable { retry_after: Some(Duration::from_secs(500)), counts: true });
    scene.live_until(1_810);
    assert_eq!(scene.requests.len(), 1);
    scene.suspended_ms += 5_000;
    scene.wall_ahead_ms += 5_000;
    scene.sleep();
    assert_eq!(scene.requests.len(), 2, "after waking up, the back-off of before says nothing");
}

#[test]
fn the_daemon_is_asked_for_its_time_only_where_a_token_has_an_end() {
    let unlimited = FileView::Held(session_of("s", 0, None));
    for (file, asked) in [
        (unlimited, false),
        (FileView::Missing, false),
        (FileView::Unusable("rubbish"), true),
        (held(0, 300), true),
    ] {
        let scene = Scene::at(0, file.clone());
        assert_eq!(scene.turn.contains(&"ask time"), asked, "{file:?}");
    }
}

#[test]
fn a_silent_daemon_is_asked_once_a_minute_and_at_once_when_a_call_wants_a_token() {
    let mut scene = Scene::before(0, held(0, 86_400), None);
    scene.tells_time = false;
    scene.begin();
    let mut asked = 0;
    for _ in 0..10 {
        scene.sleep();
        asked += scene.turn.iter().filter(|action| **action == "ask time").count();
    }
    assert!((9..=10).contains(&asked), "{asked} times in ten minutes");
    scene.wake(Wake::Elapsed);
    assert!(!scene.turn.contains(&"ask time"));
    scene.wake(Wake::Wanted);
    assert!(scene.turn.contains(&"ask time"));
}

// --- the transaction ----------------------------------------------------------------------------------------

#[test]
fn the_file_comes_first_and_the_memory_second() {
    let mut scene = Scene::at(0, held(0, 300));
    scene.live_until(182);
    assert_eq!(scene.turn, TRANSACTION);
    assert_eq!(scene.stored.len(), 1);
    assert!(scene.serves(&scene.stored[0]));
    assert_eq!(scene.status.renewals, 1);
}

#[test]
fn without_the_lock_in_time_there_is_no_renewal_and_another_look_at_the_file() {
    let mut scene = Scene::at(0, held(0, 300));
    scene.lock = LockOutcome::TimedOut;
    scene.live_until(182);
    assert_eq!(scene.turn, ["read", "lock", "read"]);
    assert_eq!(scene.wait, Duration::from_secs(5));
    scene.live_until(269);
    assert!(scene.requests.is_empty());
    let theirs = session(260, 560);
    scene.file = FileView::Held(theirs.clone());
    scene.sleep();
    assert!(scene.serves(&theirs), "the lock's holder has renewed");
}

#[test]
fn a_lock_that_was_never_released_let_the_token_die() {
    let mut scene = Scene::at(0, held(0, 300));
    scene.lock = LockOutcome::TimedOut;
    scene.live_until(276);
    assert_eq!(scene.requests.len(), 1, "in the last tenth it is renewed without the lock");
    assert!((270.0..=275.0).contains(&scene.requests[0]), "{:?}", scene.requests);
    assert_eq!(scene.times_told(|notice| *notice == Notice::LockIgnored), 1);
    assert!(scene.serves(&scene.stored[0]));
}

#[test]
fn a_lock_that_was_not_got_is_not_asked_for_again_within_five_seconds() {
    let mut scene = Scene::at(0, held(0, 300));
    scene.lock = LockOutcome::TimedOut;
    scene.live_until(180);
    assert!(scene.turn.contains(&"lock") && scene.wait <= Duration::from_secs(5), "{:?}", scene.wait);
    scene.wake(Wake::Wanted);
    assert_eq!(scene.turn, ["read"], "a call wants a token, and has one");
    scene.sleep();
    assert!(scene.turn.contains(&"lock"));
}

#[test]
fn where_there_are_no_locks_it_goes_on_without_and_says_so_once() {
    let mut scene = Scene::before(0, held(0, 300), None);
    scene.lock = LockOutcome::Unsupported;
    scene.begin();
    scene.live_until(1_000);
    assert_eq!(scene.requests.len(), 5);
    assert_eq!(scene.times_told(|notice| *notice == Notice::LockUnsupported), 1);
}

#[test]
fn a_directory_that_is_not_there_yet_is_no_trouble() {
    let mut scene = Scene::before(0, FileView::Missing, Some(session(0, 300)));
    scene.lock = LockOutcome::NoDirectory;
    scene.begin();
    assert!(scene.serves(&session(0, 300)));
    assert_eq!(scene.times_told(|notice| matches!(notice, Notice::NotWritable { .. })), 0);
    scene.lock = LockOutcome::Held;
    scene.live_until(182);
    assert_eq!(scene.stored.len(), 1, "the renewal makes it");
}

#[test]
fn another_process_may_have_renewed_while_the_lock_was_waited_for() {
    let mut scene = Scene::at(0, held(0, 300));
    scene.live_until(179);
    let theirs = session(179, 479);
    scene.file = FileView::Held(theirs.clone());
    scene.sleep();
    assert_eq!(scene.turn, ["read", "swap"]);
    assert!(scene.serves(&theirs));
    scene.live_until(300);
    assert!(scene.requests.is_empty());
}

#[test]
fn an_unwritable_file_holds_a_renewal_back_until_a_tenth_of_the_life_is_left() {
    for (name, lock, prepare) in [
        ("no lock file", LockOutcome::Failed(disk_full()), Ok(())),
        ("no temporary file", LockOutcome::Held, Err(disk_full())),
    ] {
        let mut scene = Scene::at(0, held(0, 300));
        (scene.lock, scene.prepare) = (lock, prepare);
        scene.live_until(269);
        assert!(scene.requests.is_empty(), "{name}: asked at {:?}", scene.requests);
        assert!(scene.serves(&session(0, 300)), "{name}");
        assert_eq!(
            scene.times_told(|notice| matches!(notice, Notice::NotWritable { .. })),
            1,
            "{name}: told once"
        );
        scene.stores = std::iter::repeat_n(StoreOutcome::Failed(disk_full()), 1).collect();
        scene.live_until(285);
        assert_eq!(scene.requests.len(), 1, "{name}: better in memory than nowhere");
        assert!(scene.requests[0] > 270.0, "{name}: at {:?}", scene.requests);
        let (served, _) = scene.served.clone().unwrap();
        assert!(served.is_later_than(&session(0, 300)) && scene.status.unsaved, "{name}");
        (scene.lock, scene.prepare) = (LockOutcome::Held, Ok(()));
        scene.sleep();
        assert_eq!(scene.stored, [served], "{name}");
        assert!(!scene.status.unsaved, "{name}");
    }
}

#[test]
fn a_disk_that_is_writable_again_is_noticed_within_a_minute() {
    let mut scene = Scene::at(0, held(0, 3_600));
    scene.prepare = Err(disk_full());
    scene.live_until(2_200);
    scene.prepare = Ok(());
    scene.live_until(2_262);
    assert_eq!(scene.requests.len(), 1);
}

#[test]
fn a_grant_that_cannot_be_written_is_served_and_written_again_every_five_seconds() {
    let mut scene = Scene::at(0, held(0, 300));
    scene.stores = std::iter::repeat_n(StoreOutcome::Failed(disk_full()), 4).collect();
    scene.live_until(181);
    let (served, _) = scene.served.clone().unwrap();
    assert!(scene.serves(&served) && served.is_later_than(&session(0, 300)), "it was not dropped");
    assert!(scene.status.unsaved);
    for left in [3, 2, 1, 0] {
        assert_eq!(scene.stores.len(), left);
        assert_eq!(scene.wait, Duration::from_secs(5));
        scene.sleep();
    }
    assert_eq!(scene.stored, [served]);
    assert_eq!(scene.times_told(|notice| *notice == Notice::Saved), 1);
    assert_eq!(scene.requests.len(), 1, "what is held is not asked for again");
}

#[test]
fn a_token_that_can_never_be_saved_is_renewed_in_memory_for_as_long_as_the_daemon_allows() {
    let fault = || Err(disk_full());
    for (name, lock, prepare) in
        [("no room", LockOutcome::Held, fault()), ("no lock file", LockOutcome::Failed(disk_full()), fault())]
    {
        let mut scene = Scene::at(0, held(0, 300));
        (scene.lock, scene.prepare) = (lock, prepare);
        scene.stores = std::iter::repeat_n(StoreOutcome::Failed(disk_full()), 10_000).collect();
        scene.live_until(3_000);
        // The first in the last tenth, the others when they are due.
        assert!((14..=16).contains(&scene.requests.len()), "{name}: {:?}", scene.requests);
        assert!(
            scene.requests[0] >= 270.0 && scene.gaps_s()[1..].iter().all(|gap| (180..=190).contains(gap))
        );
        assert!(scene.status.unsaved && scene.status.state == State::Active, "{name}");
        let warnings = scene.times_told(|notice| matches!(notice, Notice::NotWritable { .. }));
        assert!(warnings <= scene.requests.len() + 1, "{name}: {warnings} warnings");
        (scene.lock, scene.prepare) = (LockOutcome::Held, Ok(()));
        scene.stores.clear();
        scene.live_until(3_010);
        assert_eq!(scene.stored.len(), 1, "{name}: saved within seconds");
        assert!(!scene.status.unsaved);
    }
}

#[test]
fn a_token_that_somebody_put_there_meanwhile_stays_and_is_adopted() {
    let theirs = session_of("t", 170, Some(470));
    let mut scene = Scene::at(0, held(0, 300));
    scene.meanwhile = Some(theirs.clone());
    scene.live_until(182);
    assert_eq!(scene.file, FileView::Held(theirs.clone()), "it was not overwritten");
    assert!(scene.serves(&theirs) && scene.stored.is_empty());
    assert_eq!(scene.times_told(|notice| *notice == Notice::SomebodyElse), 1);
    assert_eq!(scene.times_told(|notice| matches!(notice, Notice::Succeeded { .. })), 0);
}

#[test]
fn an_earlier_token_that_somebody_put_back_meanwhile_does_not_stay() {
    let mut scene = Scene::at(0, held(0, 300));
    scene.meanwhile = Some(session(-100, 200));
    scene.live_until(182);
    assert_eq!(scene.stored.len(), 1);
    assert!(scene.serves(&scene.stored[0]));
}

#[test]
fn somebody_who_puts_an_earlier_token_back_each_time_does_not_keep_it_from_resting() {
    let mut scene = Scene::at(0, held(0, 300));
    scene.stores = (0..10).map(|_| StoreOutcome::SomebodyElse(session(0, 300))).collect();
    scene.live_until(180);
    assert_eq!(scene.turn.iter().filter(|action| **action == "store").count(), 3, "{:?}", scene.turn);
    assert!(scene.status.unsaved && scene.requests.len() == 1);
}

#[test]
fn setup_run_again_is_adopted_before_the_next_renewal() {
    let mut scene = Scene::at(0, held(0, 300));
    let theirs = session_of("t", -10, Some(290));
    scene.file = FileView::Held(theirs.clone());
    scene.live_until(61);
    assert!(scene.serves(&theirs), "another session, although its end is earlier");
    scene.live_until(180);
    assert_eq!(scene.carried, [theirs]);
}

#[test]
fn an_earlier_token_of_the_same_session_in_the_file_is_not_adopted() {
    let mut scene = Scene::at(0, held(0, 3_000));
    scene.file = held(-10, 2_990);
    scene.live_until(100);
    assert!(scene.serves(&session(0, 3_000)));
}

/// Whoever can write into the directory could have put it there, with a later end and a signature of their own.
#[test]
fn a_leftover_that_the_daemon_does_not_know_took_the_place_of_the_good_token() {
    for (introspection, asked) in [(Introspection::Inactive, 1), (Introspection::Unknown, 3)] {
        let mut scene = Scene::before(10, held(0, 300), None);
        (scene.leftover, scene.introspection) = (Some(session(20, 400)), introspection);
        scene.begin();
        for _ in 0..2 {
            scene.leftover = Some(session(20, 400));
            scene.sleep();
        }
        assert!(scene.serves(&session(0, 300)) && scene.stored.is_empty(), "{introspection:?}");
        assert_eq!(scene.introspected.len(), asked, "{introspection:?}: asked again while nobody knows");
    }
}

#[test]
fn what_a_crashed_process_left_is_adopted_without_a_request() {
    let left = session(200, 500);
    let mut scene = Scene::before(201, held(0, 300), None);
    scene.introspection = Introspection::Active;
    scene.leftover = Some(left.clone());
    scene.begin();
    assert_eq!(scene.stored, std::slice::from_ref(&left));
    assert!(scene.serves(&left) && scene.requests.is_empty());
    assert_eq!(scene.introspected.len(), 1, "the daemon was asked whether it is one");
    for other in [session_of("t", 200, Some(500)), session(-100, 290), session(-400, -100)] {
        let mut scene = Scene::before(10, held(0, 300), None);
        scene.introspection = Introspection::Active;
        scene.leftover = Some(other);
        scene.begin();
        assert!(
            scene.stored.is_empty() && scene.serves(&session(0, 300)),
            "not a later token of the session"
        );
    }
}

#[test]
fn a_file_written_in_place_is_good_and_people_are_told_why_it_should_not_be() {
    let mut scene = Scene::at(0, held(0, 300));
    scene.stores.push_back(StoreOutcome::DoneInPlace);
    scene.live_until(182);
    assert!(scene.serves(&scene.stored[0]) && !scene.status.unsaved);
    assert_eq!(scene.times_told(|notice| *notice == Notice::InPlace), 1);
}

#[test]
fn the_program_ends_when_it_is_told_to() {
    let mut scene = Scene::at(0, held(0, 300));
    scene.wake(Wake::Shutdown);
    assert_eq!(scene.turn, ["stop"]);
}

#[test]
fn a_token_that_could_not_be_saved_is_written_once_more_before_the_program_ends() {
    let mut scene = Scene::at(0, held(0, 300));
    scene.stores.push_back(StoreOutcome::Failed(disk_full()));
    scene.live_until(181);
    let (served, _) = scene.served.clone().unwrap();
    assert!(scene.status.unsaved);
    // Long before it would be tried again.
    scene.wake(Wake::Shutdown);
    assert_eq!(scene.stored, [served]);
    assert_eq!(scene.turn.last(), Some(&"stop"));
}
