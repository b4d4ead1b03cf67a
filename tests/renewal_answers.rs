//! The renewal as a specification, second part: what each answer of the daemon does, and what a call's 401 does.

#![allow(clippy::unwrap_used, reason = "tests may fail by panicking")]

use std::time::Duration;

use waiaas_mcp::session::answers::{Introspection, RenewalAnswer};
use waiaas_mcp::session::clock_offset::Sample;
use waiaas_mcp::session::events::{FileView, Wake};
use waiaas_mcp::session::notice::{NotRenewable, Notice};
use waiaas_mcp::session::status::Source;
use waiaas_mcp::session::{Generation, State};

mod support;
use support::scene::{Scene, T0, session, session_of, unavailable};

/// Due at 1 800 s, ends at 3 000 s: far enough from its end for waits that do not shrink.
const LIFE_S: i64 = 3_000;

fn held(issued_s: i64, expires_s: i64) -> FileView {
    FileView::Held(session(issued_s, expires_s))
}

fn answered_with(answers: &[RenewalAnswer]) -> Scene {
    let mut scene = Scene::at(0, held(0, LIFE_S));
    scene.answers = answers.to_vec().into();
    scene
}

fn locked() -> RenewalAnswer {
    RenewalAnswer::Unavailable { retry_after: None, counts: false }
}

fn limited(retry_after_s: u64) -> RenewalAnswer {
    RenewalAnswer::Unavailable { retry_after: Some(Duration::from_secs(retry_after_s)), counts: true }
}

// --- answers ------------------------------------------------------------------------------------------------

#[test]
fn each_answer_has_its_state_and_its_wait() {
    use RenewalAnswer::*;
    let table = [
        (TooEarly, State::Active, Some(30)),
        (unavailable(), State::Active, Some(60)),
        (limited(90), State::Active, Some(90)),
        (limited(5), State::Active, Some(60)),
        (locked(), State::Active, Some(60)),
        (Misconfigured, State::Error, Some(60)),
        (Exhausted, State::Active, None),
        (Superseded, State::Active, None),
        (NotRequired, State::Active, None),
        (Refused, State::Expired, None),
    ];
    for (answer, state, wait_s) in table {
        let mut scene = answered_with(std::slice::from_ref(&answer));
        scene.live_until(1_800);
        assert_eq!(scene.requests.len(), 1);
        assert_eq!(scene.status.state, state, "{answer:?}");
        assert_eq!(scene.serves(&session(0, LIFE_S)), answer != Refused, "{answer:?}");
        scene.live_until(2_900);
        assert_eq!(scene.gaps_s().first().copied(), wait_s, "{answer:?}");
    }
}

#[test]
fn too_early_twice_waits_for_the_time_computed_from_the_daemons_clock() {
    let mut scene = Scene::before(0, held(0, LIFE_S), None);
    scene.answers = [RenewalAnswer::TooEarly, RenewalAnswer::TooEarly].into();
    // The daemon does not tell its time at first, and our clock is 1 000 s ahead of it.
    (scene.tells_time, scene.wall_ahead_ms) = (false, 1_000_000);
    scene.begin();
    scene.live_until(825);
    assert_eq!(scene.requests.len(), 1);
    scene.tells_time = true;
    scene.live_until(2_000);
    assert_eq!(scene.requests.len(), 3);
    assert_eq!(scene.gaps_s()[0], 30);
    assert!((scene.requests[2] - 1_800.0).abs() <= 2.0, "then at 60 %: {:?}", scene.requests);
}

#[test]
fn no_answer_four_times_is_an_error_and_attempts_go_on_to_the_end() {
    let mut scene = Scene::at(0, held(0, LIFE_S));
    scene.usual = Some(unavailable());
    scene.live_until(1_800 + 180);
    assert_eq!((scene.requests.len(), scene.status.state), (4, State::Error));
    assert!(scene.serves(&session(0, LIFE_S)), "the state never blanks a usable token");
    scene.live_until(LIFE_S - 1);
    assert!(scene.serves(&session(0, LIFE_S)));
    let gaps = scene.gaps_s();
    assert_eq!(gaps[..10], [60; 10]);
    assert!(gaps.windows(2).all(|pair| pair[0] >= pair[1]), "waits shrink: {gaps:?}");
    assert!(gaps.iter().all(|gap| (1..=60).contains(gap)) && gaps.last() == Some(&1), "{gaps:?}");
    scene.live_until(LIFE_S + 100);
    assert_eq!(scene.status.state, State::Expired);
    let requests = scene.requests.len();
    scene.live_until(LIFE_S + 1_000);
    assert_eq!(scene.requests.len(), requests, "what has expired is not renewed");
}

#[test]
fn a_daemon_that_comes_back_ends_the_error() {
    let mut scene = Scene::at(0, held(0, LIFE_S));
    scene.usual = Some(unavailable());
    scene.live_until(2_400);
    assert_eq!(scene.status.state, State::Error);
    scene.usual = None;
    scene.live_until(2_461);
    assert_eq!((scene.status.state, scene.status.last_error.clone()), (State::Active, None));
    assert_eq!(scene.times_told(|notice| *notice == Notice::RecoverySucceeded), 1);
}

#[test]
fn retry_after_does_not_outlive_the_token() {
    let mut scene = Scene::at(0, held(0, LIFE_S));
    scene.usual = Some(limited(1_000_000));
    scene.live_until(LIFE_S - 1);
    assert!(scene.requests.len() >= 4, "{:?}", scene.requests);
    assert_eq!(scene.gaps_s()[0], 600, "half of what is left");
}

#[test]
fn a_locked_daemon_does_not_count() {
    let mut scene = Scene::at(0, held(0, LIFE_S));
    scene.usual = Some(locked());
    scene.live_until(2_700);
    assert!(scene.requests.len() > 10);
    assert_eq!(scene.status.state, State::Active);
}

#[test]
fn a_wrong_configuration_is_told_once_and_tried_again() {
    let mut scene = Scene::at(0, held(0, LIFE_S));
    scene.usual = Some(RenewalAnswer::Misconfigured);
    scene.live_until(2_400);
    assert_eq!(scene.requests.len(), 11);
    assert_eq!(scene.status.state, State::Error);
    assert!(scene.serves(&session(0, LIFE_S)));
    assert_eq!(scene.times_told(|notice| matches!(notice, Notice::Misconfigured { .. })), 1);
}

#[test]
fn what_cannot_be_renewed_is_served_to_its_end_while_the_file_is_watched() {
    for answer in [RenewalAnswer::Exhausted, RenewalAnswer::Superseded, RenewalAnswer::NotRequired] {
        let mut scene = answered_with(std::slice::from_ref(&answer));
        scene.live_until(LIFE_S - 1);
        assert_eq!((scene.requests.len(), scene.status.state), (1, State::Active), "{answer:?}");
        assert!(scene.serves(&session(0, LIFE_S)), "{answer:?}");
        let told = scene.times_told(|notice| matches!(notice, Notice::NotScheduled { .. }));
        assert_eq!(told, 1, "{answer:?}");
        scene.live_until(LIFE_S + 61);
        assert_eq!(scene.status.state, State::Expired, "{answer:?}");
        let theirs = session_of("t", LIFE_S, Some(LIFE_S * 2));
        scene.file = FileView::Held(theirs.clone());
        scene.live_until(LIFE_S + 130);
        assert!(scene.serves(&theirs), "{answer:?}");
        assert_eq!(scene.status.state, State::Active, "{answer:?}");
    }
}

#[test]
fn a_refusal_looks_at_the_file_before_it_ends_anything() {
    for answer in [RenewalAnswer::Refused, RenewalAnswer::Superseded] {
        let theirs = session(1_700, 4_700);
        let mut scene = answered_with(std::slice::from_ref(&answer));
        scene.meanwhile = Some(theirs.clone());
        scene.live_until(1_801);
        assert!(scene.serves(&theirs), "{answer:?}");
        assert_eq!(scene.status.state, State::Active);
        scene.live_until(3_501);
        assert_eq!(scene.carried.last(), Some(&theirs), "scheduled anew");
    }
}

#[test]
fn a_grant_that_buys_next_to_nothing_ends_renewing() {
    for (life_s, gain_s, clamped) in [
        (300, 180, false),
        (300, 31, false),
        (300, 29, true),
        (300, 0, true),
        (3_000, 149, true),
        (3_000, 151, false),
    ] {
        let granted = session(life_s * 6 / 10, life_s + gain_s);
        let mut scene = Scene::at(0, held(0, life_s));
        scene.answers = [RenewalAnswer::Granted(granted.clone())].into();
        scene.live_until(life_s + gain_s - 1);
        assert_eq!(scene.requests.len() == 1, clamped, "{life_s} s, {gain_s} s more");
        assert!(!clamped || scene.serves(&granted), "it is taken all the same");
        assert!(!clamped || scene.status.state == State::Active);
    }
}

#[test]
fn two_requests_are_never_within_a_second() {
    for usual in [RenewalAnswer::TooEarly, RenewalAnswer::Refused, unavailable(), limited(0), locked()] {
        let mut scene = Scene::at(298, held(0, 300));
        scene.usual = Some(usual.clone());
        for wake in [Wake::Elapsed, Wake::Wanted, Wake::Rejected(Generation::default()), Wake::Wanted] {
            scene.wake(wake);
        }
        assert!(scene.requests.len() <= 1, "{usual:?}: {:?}", scene.requests);
    }
    // Grants that are due at once, for ever.
    let mut scene = Scene::before(0, held(-10, 1), None);
    scene.answers = (0..20).map(|n| RenewalAnswer::Granted(session(-10, 2 + n))).collect();
    scene.begin();
    for _ in 0..20 {
        scene.wake(Wake::Wanted);
    }
    assert_eq!((scene.requests.len(), scene.wait), (1, Duration::from_secs(1)));
}

// --- copies: a token of the same session with the same end and a later issue ----------------------------------

#[test]
fn a_copy_in_the_file_is_served_and_what_it_was_copied_from_is_renewed() {
    let (original, copy) = (session(0, LIFE_S), session(1_000, LIFE_S));
    let mut scene = Scene::at(0, FileView::Held(original.clone()));
    scene.file = FileView::Held(copy.clone());
    scene.live_until(100);
    assert!(scene.serves(&copy));
    scene.live_until(1_801);
    assert_eq!(scene.carried, [original]);
    assert_eq!(scene.stored.len(), 1, "the copy in the file is replaced by the new token");
    assert!(scene.serves(&scene.stored[0]));
}

#[test]
fn a_copy_of_what_was_just_granted_does_not_hide_it() {
    let (granted, copy) = (session(1_800, 4_800), session(1_801, 4_800));
    let mut scene = answered_with(&[RenewalAnswer::Granted(granted.clone())]);
    scene.meanwhile = Some(copy.clone());
    scene.live_until(1_802);
    assert!(scene.serves(&copy), "theirs stays");
    scene.live_until(3_602);
    assert_eq!(scene.carried.last(), Some(&granted));
}

#[test]
fn a_copy_is_tried_itself_once_its_original_is_refused() {
    for answer in [RenewalAnswer::Superseded, RenewalAnswer::Refused] {
        let copy = session(1_000, LIFE_S);
        let mut scene = Scene::at(0, held(0, LIFE_S));
        scene.file = FileView::Held(copy.clone());
        scene.answers = [answer.clone()].into();
        scene.live_until(1_900);
        assert!(scene.serves(&copy), "{answer:?}: it is not what was refused");
        scene.live_until(2_260);
        assert_eq!(scene.carried, [session(0, LIFE_S), copy], "{answer:?}");
    }
}

#[test]
fn a_copy_without_its_original_is_served_to_its_end() {
    let copy = session(1_000, LIFE_S);
    let mut scene = Scene::at(1_100, FileView::Held(copy.clone()));
    scene.usual = Some(RenewalAnswer::Superseded);
    scene.live_until(LIFE_S - 1);
    assert_eq!(scene.requests.len(), 1);
    assert!(scene.serves(&copy));
    assert_eq!(
        scene.times_told(|notice| matches!(
            notice,
            Notice::NotScheduled { why: NotRenewable::Superseded, .. }
        )),
        1
    );
}

/// Once each of sixteen processes tried for itself what the first had found out.
#[test]
fn the_clamp_that_another_process_met_is_not_tried_again() {
    let clamped = session(1_800, LIFE_S + 100);
    let mut scene = Scene::at(0, held(0, LIFE_S));
    scene.file = FileView::Held(clamped.clone());
    scene.live_until(LIFE_S + 99);
    assert!(scene.requests.is_empty() && scene.serves(&clamped));
}

// --- a call's 401 -------------------------------------------------------------------------------------------

#[test]
fn a_refused_token_is_exchanged_for_what_the_file_holds() {
    let unlimited = session_of("t", 0, None);
    for theirs in [session_of("t", 0, Some(500)), session(5, 305), unlimited] {
        let mut scene = Scene::at(0, held(0, 300));
        scene.file = FileView::Held(theirs.clone());
        scene.reject();
        assert!(scene.serves(&theirs));
        assert_eq!(scene.status.state, State::Active);
    }
}

#[test]
fn a_refused_token_ends_as_expired_or_error_if_the_file_has_nothing_better() {
    for (file, state) in [
        (held(0, 300), State::Expired),
        (FileView::Missing, State::Error),
        (FileView::Unusable("rubbish"), State::Error),
    ] {
        let mut scene = Scene::at(0, held(0, 300));
        scene.file = file;
        scene.reject();
        assert_eq!(scene.status.state, state);
        assert!(scene.status.refused && !scene.serves(&session(0, 300)));
        scene.live_until(299);
        assert!(scene.requests.is_empty(), "what was refused is not renewed");
        scene.file = FileView::Held(session_of("t", 0, Some(900)));
        scene.live_until(361);
        assert_eq!(scene.status.state, State::Active, "the recovery check finds the next one");
    }
}

#[test]
fn a_late_401_of_an_old_token_changes_nothing() {
    let mut scene = Scene::at(0, held(0, 300));
    let old = scene.served.as_ref().unwrap().1;
    scene.live_until(181);
    let new = scene.served.clone().unwrap();
    assert_ne!(new.1, old);
    scene.wake(Wake::Rejected(old));
    assert!(scene.serves(&new.0) && scene.status.state == State::Active);
}

#[test]
fn a_refused_token_is_not_taken_from_the_file_again() {
    let (first, second) = (session(0, 300), session_of("t", 0, Some(300)));
    let mut scene = Scene::at(0, FileView::Held(first.clone()));
    scene.file = FileView::Held(second.clone());
    scene.reject();
    assert!(scene.serves(&second));
    scene.file = FileView::Held(first.clone());
    scene.reject();
    assert!(!scene.serves(&first) && scene.status.refused);
}

#[test]
fn as_many_refused_tokens_are_remembered_as_are_ever_put_back() {
    let tokens: Vec<_> = (0..=4).map(|at| session_of(&format!("s{at}"), at, Some(LIFE_S))).collect();
    let mut scene = Scene::at(5, FileView::Held(tokens[0].clone()));
    for (refused, next) in tokens.iter().zip(&tokens[1..]) {
        assert!(scene.serves(refused));
        scene.file = FileView::Held(next.clone());
        scene.reject();
    }
    assert!(scene.serves(&tokens[4]));
    for refused in &tokens[..4] {
        scene.file = FileView::Held(refused.clone());
        scene.sleep();
        assert!(scene.serves(&tokens[4]), "{refused:?}");
    }
}

#[test]
fn an_earlier_token_serves_where_the_later_one_was_refused() {
    let (earlier, later) = (session(0, LIFE_S), session(10, LIFE_S + 10));
    let mut scene = Scene::at(20, FileView::Held(later.clone()));
    assert!(scene.serves(&later));
    scene.file = FileView::Held(earlier.clone());
    scene.sleep();
    assert!(scene.serves(&later), "an earlier one is no news");
    scene.reject();
    assert!(scene.serves(&earlier), "but better than none");
}

#[test]
fn a_401_does_not_outrun_the_back_off() {
    let mut scene = Scene::at(0, held(0, LIFE_S));
    scene.usual = Some(unavailable());
    scene.live_until(1_801);
    assert_eq!(scene.requests.len(), 1);
    for _ in 0..10 {
        scene.wake(Wake::Rejected(Generation::default()));
        scene.wake(Wake::Wanted);
    }
    assert_eq!(scene.requests.len(), 1);
}

#[test]
fn an_adopted_token_starts_with_a_clean_slate() {
    let mut scene = Scene::at(0, held(0, LIFE_S));
    scene.usual = Some(unavailable());
    scene.live_until(2_100);
    assert_eq!(scene.status.state, State::Error);
    let theirs = session_of("t", 0, Some(LIFE_S));
    scene.file = FileView::Held(theirs.clone());
    scene.usual = None;
    scene.sleep();
    assert_eq!((scene.status.state, scene.status.last_error.clone()), (State::Active, None));
    assert_eq!(scene.carried.last(), Some(&theirs), "due, and no longer backing off");
}

// --- one refusal is a sample --------------------------------------------------------------------------------

#[test]
fn a_token_that_the_daemon_accepts_when_asked_is_served_on_and_renewed_when_due() {
    for introspection in [Introspection::Active, Introspection::Unknown] {
        let mut scene = Scene::at(0, held(0, LIFE_S));
        scene.introspection = introspection;
        scene.reject();
        assert_eq!(scene.turn, ["read", "introspect"]);
        assert_eq!(scene.status.state, State::Active, "{introspection:?}");
        assert!(scene.serves(&session(0, LIFE_S)), "one route's 401 is not the token's end");
        assert_eq!(scene.times_told(|notice| *notice == Notice::ReloadUnchanged), 0);
        scene.live_until(1_801);
        assert_eq!(scene.requests.len(), 1, "the renewal that fell due is sent");
    }
}

#[test]
fn a_refused_token_is_asked_about_with_every_recovery_look_and_served_again_once_it_is_accepted() {
    let mut scene = Scene::at(0, held(0, LIFE_S));
    scene.reject();
    assert_eq!(scene.status.state, State::Expired);
    scene.live_until(600);
    assert!((8..=11).contains(&scene.introspected.len()), "{} in ten minutes", scene.introspected.len());
    scene.introspection = Introspection::Active;
    scene.sleep();
    assert_eq!(scene.status.state, State::Active);
    assert!(scene.serves(&session(0, LIFE_S)));
    assert_eq!(scene.times_told(|notice| *notice == Notice::RecoverySucceeded), 1);
    scene.live_until(1_801);
    assert_eq!(scene.requests.len(), 1);
}

#[test]
fn calls_have_a_refused_token_asked_about_once_in_five_seconds_and_not_one_call_later() {
    let mut scene = Scene::at(0, held(0, LIFE_S));
    scene.reject();
    for _ in 0..100 {
        scene.wait = Duration::from_millis(200).min(scene.wait);
        scene.sleep();
        scene.wake(Wake::Wanted);
    }
    let asked: Vec<f64> = scene.introspected.iter().map(|(at, _)| *at).collect();
    assert!((4..=6).contains(&asked.len()), "{asked:?}");
    assert!(asked.windows(2).all(|pair| pair[1] - pair[0] >= 5.0), "{asked:?}");
    // A call that came too early is not forgotten: the daemon is asked as soon as it may be.
    scene.wake(Wake::Wanted);
    scene.introspection = Introspection::Active;
    assert!(scene.wait <= Duration::from_secs(5), "{:?}", scene.wait);
    scene.sleep();
    assert!(scene.serves(&session(0, LIFE_S)));
}

#[test]
fn a_refused_token_past_its_end_is_asked_about_no_more() {
    let mut scene = Scene::at(0, held(0, 300));
    scene.reject();
    scene.live_until(400);
    let asked = scene.introspected.len();
    scene.live_until(2_000);
    scene.wake(Wake::Wanted);
    assert_eq!(scene.introspected.len(), asked);
}

#[test]
fn a_renewals_401_is_confirmed_too_and_tried_again_if_it_is_not() {
    let mut scene = Scene::at(0, held(0, LIFE_S));
    scene.introspection = Introspection::Active;
    scene.answers.push_back(RenewalAnswer::Refused);
    scene.live_until(1_801);
    assert_eq!(scene.requests.len(), 1);
    assert_eq!((scene.status.state, scene.introspected.len()), (State::Active, 1));
    scene.live_until(1_900);
    assert_eq!(scene.gaps_s(), [60]);
    assert!(scene.serves(&session(1_860, 1_860 + LIFE_S)), "the second attempt is granted");
}

#[test]
fn a_refused_token_that_somebody_puts_back_is_taken_once_the_daemon_accepts_it() {
    let (first, second) = (session_of("s", 0, Some(LIFE_S)), session_of("t", 0, Some(LIFE_S)));
    let mut scene = Scene::at(0, FileView::Held(first.clone()));
    scene.file = FileView::Held(second.clone());
    scene.reject();
    assert!(scene.serves(&second));
    scene.file = FileView::Held(first.clone());
    scene.sleep();
    assert!(scene.serves(&second), "not on the file's word alone");
    scene.introspection = Introspection::Active;
    scene.sleep();
    scene.sleep();
    assert!(scene.serves(&first));
}

// --- one Date is a sample -----------------------------------------------------------------------------------

#[test]
fn one_wrong_date_neither_ends_a_token_nor_holds_its_renewal_back() {
    for ahead_s in [-400 * 86_400, -3_600, 3_600, 400 * 86_400] {
        let mut scene = Scene::at(0, held(0, LIFE_S));
        scene.live_until(600);
        scene.hear_date(ahead_s, Sample::Passing);
        assert!(scene.serves(&session(0, LIFE_S)), "{ahead_s}");
        scene.live_until(1_801);
        assert_eq!(scene.requests.len(), 1, "{ahead_s}: {:?}", scene.requests);
        assert!((1_799.0..=1_801.0).contains(&scene.requests[0]), "{ahead_s}: {:?}", scene.requests);
    }
}

#[test]
fn while_the_daemon_does_not_tell_its_time_a_wrong_date_costs_a_request_at_most() {
    for ahead_s in [-7_200, 7_200] {
        let mut scene = Scene::at(0, held(0, LIFE_S));
        scene.tells_time = false;
        scene.hear_date(ahead_s, Sample::Passing);
        scene.usual = Some(RenewalAnswer::TooEarly);
        scene.live_until(1_700);
        assert!(scene.requests.len() <= 12, "{ahead_s}: {:?}", scene.requests);
        scene.usual = None;
        scene.live_until(1_861);
        assert!(!scene.stored.is_empty(), "{ahead_s}: renewed when it was due");
    }
}

#[test]
fn a_token_that_only_the_date_sets_down_as_expired_is_asked_about_before_a_call_is_refused() {
    let mut scene = Scene::before(0, held(0, LIFE_S), None);
    scene.date_ahead_s = 7_200;
    scene.introspection = Introspection::Active;
    scene.usual = Some(RenewalAnswer::TooEarly);
    scene.begin();
    assert_eq!(scene.introspected.len(), 1);
    assert!(scene.serves(&session(0, LIFE_S)) && scene.status.state == State::Active);
    scene.live_until(600);
    assert!(scene.serves(&session(0, LIFE_S)), "the same Date again does not end it");
}

#[test]
fn a_token_that_the_daemon_sets_down_as_expired_too_is_expired() {
    let mut scene = Scene::before(0, held(0, LIFE_S), None);
    scene.date_ahead_s = 7_200;
    scene.begin();
    assert_eq!((scene.status.state, scene.introspected.len()), (State::Expired, 1));
    scene.live_until(300);
    assert_eq!(scene.introspected.len(), 1, "its own end is over by the daemon's clock");
    // The clock is set right, and the token has not ended after all.
    scene.date_ahead_s = 0;
    scene.introspection = Introspection::Active;
    scene.live_until(500);
    assert!(scene.serves(&session(0, LIFE_S)));
}

#[test]
fn a_token_of_the_environment_survives_a_clock_that_stood_in_1970_at_the_start() {
    let years_ms = T0 * 1000;
    for tells_time in [false, true] {
        let environment = session_of("e", 0, Some(LIFE_S));
        let mut scene = Scene::before(0, FileView::Missing, Some(environment.clone()));
        (scene.wall_ahead_ms, scene.tells_time) = (-years_ms, tells_time);
        scene.introspection = Introspection::Unknown;
        scene.begin();
        assert_eq!(scene.serves(&environment), tells_time, "the daemon's word is enough");
        // A second later the clock is put right.
        scene.wait = Duration::from_secs(1);
        scene.wall_ahead_ms = 0;
        scene.wake(Wake::Wanted);
        assert!(scene.serves(&environment));
        scene.live_until(1_801);
        assert_eq!(scene.requests.len(), 1);
    }
}

// --- the environment's token --------------------------------------------------------------------------------

#[test]
fn the_environments_token_serves_where_the_file_offers_none() {
    let environment = session_of("e", 0, Some(300));
    for (file, source) in [
        (FileView::Missing, Source::Environment),
        (FileView::Unusable("rubbish"), Source::Environment),
        (held(-400, -100), Source::Environment),
        (held(0, 300), Source::File),
    ] {
        let mut scene = Scene::before(0, file.clone(), Some(environment.clone()));
        scene.begin();
        assert_eq!(scene.status.source, Some(source), "{file:?}");
        assert_eq!(scene.serves(&environment), source == Source::Environment);
    }
}

#[test]
fn the_environments_token_is_tried_after_the_files_was_refused_and_once_only() {
    let environment = session_of("e", 0, Some(300));
    let mut scene = Scene::before(0, held(0, 300), Some(environment.clone()));
    scene.begin();
    scene.reject();
    assert!(scene.serves(&environment));
    scene.reject();
    assert!(scene.status.refused, "both were refused");
}

#[test]
fn without_any_token_the_state_is_error_and_the_first_to_appear_is_served() {
    let mut scene = Scene::at(0, FileView::Missing);
    assert_eq!(scene.status.state, State::Error);
    assert_eq!(scene.times_told(|notice| matches!(notice, Notice::NoToken { .. })), 1);
    scene.file = held(0, 300);
    scene.wake(Wake::Wanted);
    assert!(scene.serves(&session(0, 300)), "by the very next call");
    assert_eq!(scene.times_told(|notice| matches!(notice, Notice::NoToken { .. })), 1);
}

#[test]
fn what_is_wrong_with_the_file_is_told_once_until_it_changes() {
    let mut scene = Scene::at(0, FileView::Unusable("it is empty"));
    let told = |scene: &Scene, why| scene.times_told(|notice| *notice == Notice::FileUnusable { why });
    (0..3).for_each(|_| scene.sleep());
    assert_eq!(told(&scene, "it is empty"), 1);
    scene.file = FileView::Unusable("it is a symbolic link");
    (0..3).for_each(|_| scene.sleep());
    assert_eq!((told(&scene, "it is empty"), told(&scene, "it is a symbolic link")), (1, 1));
    scene.file = FileView::Missing;
    scene.sleep();
    scene.file = FileView::Unusable("it is empty");
    scene.sleep();
    assert_eq!(told(&scene, "it is empty"), 2, "it was well, or gone, in between");
}

#[test]
fn the_daemon_is_asked_for_its_time_again_when_a_call_wants_a_token_and_not_with_every_look() {
    let mut scene = Scene::before(400, FileView::Held(session(0, 300)), None);
    scene.tells_time = false;
    scene.begin();
    let asks = |scene: &Scene| scene.turn.contains(&"ask time");
    assert!(asks(&scene), "it may be our clock that is wrong");
    scene.wait = Duration::from_secs(1);
    scene.sleep();
    assert!(!asks(&scene), "not every second");
    scene.wake(Wake::Wanted);
    assert!(asks(&scene), "somebody waits for it");
}
