//! What people are told over whole stories, event by event: nothing twice, nothing left out, nothing untrue.
//!
//! How each event is worded stands in session_events.rs. Decisions are left out: they are told at every wake.
//! `UPDATE_SNAPSHOTS=1 cargo test --test renewal_told` accepts changed stories.

#![allow(clippy::unwrap_used, reason = "tests may fail by panicking")]

use waiaas_mcp::log::Loggable;
use waiaas_mcp::session::Session;
use waiaas_mcp::session::answers::RenewalAnswer;
use waiaas_mcp::session::events::{FileView, LockOutcome, StoreOutcome, Wake};
use waiaas_mcp::session::notice::Notice;

#[path = "support/snapshots.rs"]
mod snapshots;
mod support;
use support::scene::{Scene, disk_full, session, session_of, unavailable};

/// Due at 1 800 s, ends at 3 000 s.
const LIFE_S: i64 = 3_000;

fn of(session: &Session) -> FileView {
    FileView::Held(session.clone())
}

/// A scene with a token that was issued as it begins.
fn undisturbed() -> Scene {
    Scene::at(0, of(&session(0, LIFE_S)))
}

/// What was told since the last look, under this heading.
fn chapter(story: &mut String, heading: &str, scene: &mut Scene) {
    story.push_str(&format!("  {heading}\n"));
    for notice in scene.told.drain(..).filter(|notice| !matches!(notice, Notice::Decision(_))) {
        notice.describe(|level, name, fields| {
            story.push_str(&format!("    {} {name}", level.name()));
            for (key, value) in fields.iter().filter(|(key, _)| *key != "advice") {
                let mut shown = String::new();
                Loggable::write(*value, &mut shown).unwrap();
                story.push_str(&format!(" {key}={shown}"));
            }
        });
        story.push('\n');
    }
}

/// What happens next, and its heading.
type Step = (&'static str, Box<dyn Fn(&mut Scene)>);

/// A story: its name, its scene, and what happens in it.
type Story = (&'static str, Scene, Vec<Step>);

fn step(heading: &'static str, happens: impl Fn(&mut Scene) + 'static) -> Step {
    (heading, Box::new(happens))
}

fn told(stories: Vec<Story>) -> String {
    let mut text = String::new();
    for (name, mut scene, steps) in stories {
        text.push_str(&format!("{name}\n"));
        chapter(&mut text, "it begins", &mut scene);
        for (heading, happens) in steps {
            happens(&mut scene);
            chapter(&mut text, heading, &mut scene);
        }
        text.push('\n');
    }
    text
}

#[test]
fn the_daemons_answers() {
    let answers = |answers: &[RenewalAnswer]| {
        let mut scene = undisturbed();
        scene.answers = answers.to_vec().into();
        scene
    };
    let down = || {
        let mut scene = undisturbed();
        scene.usual = Some(unavailable());
        scene
    };
    let due = || step("it is due", |scene| scene.live_until(1_800));
    let end = || step("the token ends", |scene| scene.live_until(LIFE_S + 120));
    snapshots::check(
        "told/answers.txt",
        &told(vec![
            (
                "nothing happens",
                undisturbed(),
                vec![due(), step("and again", |scene| scene.live_until(3_600))],
            ),
            (
                "the daemon is down for a while",
                down(),
                vec![
                    due(),
                    step("three attempts later", |scene| scene.live_until(1_980)),
                    step("two more", |scene| scene.live_until(2_100)),
                    step("it is back", |scene| {
                        scene.usual = None;
                        scene.live_until(2_160);
                    }),
                ],
            ),
            ("the daemon stays down", down(), vec![step("for long", |scene| scene.live_until(2_000)), end()]),
            (
                "too early twice",
                answers(&[RenewalAnswer::TooEarly, RenewalAnswer::TooEarly]),
                vec![due(), end()],
            ),
            ("the limit is reached", answers(&[RenewalAnswer::Exhausted]), vec![due(), end()]),
            ("the session has no end", answers(&[RenewalAnswer::NotRequired]), vec![due()]),
            (
                "superseded",
                answers(&[RenewalAnswer::Superseded]),
                vec![
                    due(),
                    step("the later token appears", |scene| {
                        scene.file = of(&session(1_790, LIFE_S + 1_790));
                        scene.live_until(1_860);
                    }),
                ],
            ),
            (
                "refused",
                answers(&[RenewalAnswer::Refused]),
                vec![
                    due(),
                    step("another session appears", |scene| {
                        scene.file = of(&session_of("t", 1_800, Some(9_000)));
                        scene.live_until(1_860);
                    }),
                ],
            ),
            (
                "misconfigured",
                answers(&[RenewalAnswer::Misconfigured, RenewalAnswer::Misconfigured]),
                vec![
                    due(),
                    step("a minute later", |scene| scene.live_until(1_860)),
                    step("two", |scene| scene.live_until(1_920)),
                ],
            ),
            (
                "a grant that buys next to nothing",
                answers(&[RenewalAnswer::Granted(session(1_800, LIFE_S + 10))]),
                vec![due(), end()],
            ),
        ]),
    );
}

#[test]
fn the_file() {
    let other = || session_of("t", 10, Some(9_000));
    let from_environment = |file: FileView| {
        let mut scene = Scene::before(0, file, Some(session(0, LIFE_S)));
        scene.begin();
        scene
    };
    snapshots::check(
        "told/file.txt",
        &told(vec![
            (
                "no token, then one without an end",
                Scene::at(0, FileView::Missing),
                vec![
                    step("still none", |scene| scene.live_until(120)),
                    step("it appears", |scene| {
                        scene.file = of(&session_of("s", 0, None));
                        scene.wake(Wake::Wanted);
                    }),
                ],
            ),
            (
                "rubbish, then a token that has ended, then one that has not",
                Scene::at(0, FileView::Unusable("it is empty")),
                vec![
                    step("still rubbish", |scene| scene.live_until(120)),
                    step("a token that has ended", |scene| {
                        scene.file = of(&session(-600, -300));
                        scene.live_until(180);
                    }),
                    step("one that has not", |scene| {
                        scene.file = of(&session(0, LIFE_S));
                        scene.live_until(240);
                    }),
                ],
            ),
            (
                "no file, and a token in the environment",
                from_environment(FileView::Missing),
                vec![step("a token of another session in the file", |scene| {
                    scene.file = of(&session_of("t", 10, Some(9_000)));
                    scene.live_until(60);
                })],
            ),
            (
                "rubbish, and a token in the environment",
                from_environment(FileView::Unusable("it is empty")),
                Vec::new(),
            ),
            (
                "setup is run again",
                undisturbed(),
                vec![step("another session", move |scene| {
                    scene.file = of(&other());
                    scene.live_until(60);
                })],
            ),
            (
                "the file is spoiled while the token is good",
                undisturbed(),
                vec![
                    step("it is empty", |scene| {
                        scene.file = FileView::Unusable("it is empty");
                        scene.live_until(120);
                    }),
                    step("it is gone", |scene| {
                        scene.file = FileView::Missing;
                        scene.live_until(180);
                    }),
                ],
            ),
            (
                "a call is refused",
                undisturbed(),
                vec![
                    step("the file holds the same", |scene| scene.reject()),
                    step("and still does", |scene| scene.live_until(120)),
                    step("the file is gone", |scene| {
                        scene.file = FileView::Missing;
                        scene.live_until(180);
                    }),
                    step("another session", move |scene| {
                        scene.file = of(&session_of("t", 10, Some(9_000)));
                        scene.wake(Wake::Wanted);
                    }),
                    step("a call is refused, and the file is gone", |scene| {
                        scene.file = FileView::Missing;
                        scene.reject();
                    }),
                ],
            ),
            (
                "a call is refused, and the file is rubbish",
                undisturbed(),
                vec![step("at once", |scene| {
                    scene.file = FileView::Unusable("it is a directory");
                    scene.reject();
                })],
            ),
            (
                "the disk is full when it is due",
                undisturbed(),
                vec![
                    step("due", |scene| {
                        scene.prepare = Err(disk_full());
                        scene.live_until(1_900);
                    }),
                    step("a tenth of the life is left", |scene| {
                        scene.stores = (0..3).map(|_| StoreOutcome::Failed(disk_full())).collect();
                        scene.live_until(2_712);
                    }),
                    step("there is room again", |scene| {
                        scene.prepare = Ok(());
                        scene.live_until(2_800);
                    }),
                ],
            ),
            (
                "the file is a mount, and somebody writes meanwhile",
                undisturbed(),
                vec![
                    step("due", |scene| {
                        scene.stores = [StoreOutcome::DoneInPlace].into();
                        scene.live_until(1_800);
                    }),
                    step("due again", |scene| {
                        scene.meanwhile = Some(session_of("t", 3_600, Some(9_000)));
                        scene.live_until(3_600);
                    }),
                ],
            ),
        ]),
    );
}

#[test]
fn locks_and_clocks() {
    let with_lock = |lock: LockOutcome| {
        let mut scene = undisturbed();
        scene.lock = lock;
        scene
    };
    let due = || step("due", |scene| scene.live_until(1_806));
    snapshots::check(
        "told/locks_and_clocks.txt",
        &told(vec![
            ("another process keeps the lock", with_lock(LockOutcome::TimedOut), vec![due()]),
            (
                "there are no locks",
                with_lock(LockOutcome::Unsupported),
                vec![due(), step("due again", |scene| scene.live_until(3_610))],
            ),
            (
                "the machine is suspended, and the clock is set",
                undisturbed(),
                vec![
                    step("fifty seconds of a minute are slept through", |scene| {
                        scene.sleep();
                        scene.suspended_ms += 50_000;
                        scene.sleep();
                    }),
                    step("nothing more", |scene| scene.sleep()),
                    step("set an hour ahead", |scene| {
                        scene.wall_ahead_ms += 3_600_000;
                        scene.sleep();
                    }),
                ],
            ),
        ]),
    );
}
