//! The program as it is shipped, in processes of its own: `serve` against `sandbox`, and a client over pipes.
//!
//! What is told of renewals, bad input, situations and ends is shown here with real clocks, files, signals and
//! sockets. Tokens live for seconds instead of days. `scripts/minute` plays the undisturbed run for longer.

#![cfg(unix)]
#![allow(clippy::print_stdout, reason = "the undisturbed run shows its figures, a skipped test its reason")]

#[allow(dead_code, reason = "each test program uses a part of the support")]
#[path = "support/daemon.rs"]
mod daemon;
#[allow(dead_code, reason = "each test program uses a part of the support")]
#[path = "support/outcome.rs"]
mod outcome;
#[allow(dead_code, reason = "each test program uses a part of the support")]
#[path = "support/player.rs"]
mod player;

#[path = "binary/calls.rs"]
mod calls;
#[path = "binary/ends.rs"]
mod ends;
#[path = "binary/files.rs"]
mod files;
#[path = "binary/input.rs"]
mod input;
#[path = "binary/keep.rs"]
mod keep;
#[path = "binary/keep_once.rs"]
mod keep_once;
#[path = "binary/mounts.rs"]
mod mounts;
#[path = "binary/process.rs"]
mod process;
#[path = "binary/run.rs"]
mod run;
#[path = "binary/situations.rs"]
mod situations;
#[path = "binary/spends.rs"]
mod spends;
#[path = "binary/stalled.rs"]
mod stalled;
#[path = "binary/verdicts.rs"]
mod verdicts;

use std::iter;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// What is shown, and how.
type Scene = (&'static str, fn());

/// Scenes played at the same time: each of them mostly waits, but all their programs start at once, and their bounds
/// are of a second.
const SCENES_AT_ONCE: usize = 12;

/// All of them, the longest first.
const SCENES: &[&[Scene]] = &[
    keep::SCENES,
    keep_once::SCENES,
    verdicts::SCENES,
    process::SCENES,
    situations::SCENES,
    stalled::SCENES,
    calls::SCENES,
    calls::cancelled::SCENES,
    calls::actions::SCENES,
    spends::SCENES,
    files::SCENES,
    mounts::SCENES,
    ends::SCENES,
    input::SCENES,
];

/// In one test, because a test program plays no more tests at once than the machine has cores. `WAIAAS_TEST_SCENES=word` plays those whose name holds the word.
#[test]
fn every_scene_comes_out_well() {
    #[expect(clippy::disallowed_methods, reason = "a switch of the tests, not of the program")]
    let word = std::env::var("WAIAAS_TEST_SCENES").unwrap_or_default();
    let scenes: Vec<Scene> = SCENES.concat().into_iter().filter(|(name, _)| name.contains(&word)).collect();
    assert!(!scenes.is_empty(), "no scene is named {word:?}");
    let failed = play(&scenes);
    assert!(failed.is_empty(), "{} of {} scenes failed: {failed:#?}", failed.len(), scenes.len());
}

/// Plays all of them, and names those that failed.
fn play(scenes: &[Scene]) -> Vec<&'static str> {
    let next = AtomicUsize::new(0);
    let next_scene = || scenes.get(next.fetch_add(1, Ordering::Relaxed));
    // A thread for each scene too: its name stands in the message of a failure.
    let fails = |(name, play): &Scene| {
        let scene = thread::Builder::new().name((*name).to_owned()).spawn(*play).expect("a thread");
        scene.join().err().map(|_| *name)
    };
    let stage = || iter::from_fn(next_scene).filter_map(fails).collect::<Vec<_>>();
    thread::scope(|scope| {
        let stages: Vec<_> = (0..SCENES_AT_ONCE).map(|_| scope.spawn(stage)).collect();
        stages
            .into_iter()
            .flat_map(|stage| stage.join().expect("scenes fail in threads of their own"))
            .collect()
    })
}
