//! Decisions that the crash campaign found wrong, each by the steps that led to it.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests end at the first surprise")]

use std::time::Duration;

use waiaas_mcp::session::Session;
use waiaas_mcp::session::answers::{ClassifiedAnswer, Introspection, RenewalAnswer};
use waiaas_mcp::session::clock_offset::DaemonTime;
use waiaas_mcp::session::events::{
    Action, Event, FileView, LockOutcome, LockPurpose, Moment, StoreOutcome, Wake,
};
use waiaas_mcp::session::renewal::Renewal;
use waiaas_mcp::time::{Now, Timestamp};

mod support;
use support::token;

const T0: i64 = 1_795_330_000;

fn at(seconds: i64) -> Moment {
    let wall = Timestamp::from_unix_seconds(T0 + seconds);
    let mono = Duration::from_secs(u64::try_from(seconds).unwrap());
    Moment { now: Now { wall, mono }, daemon: DaemonTime { earliest: wall, latest: wall, is_known: true } }
}

fn session(issued_s: i64) -> Session {
    let text = token("s", T0 + issued_s, Some(T0 + issued_s + 300));
    Session::parse(&text, at(issued_s).now.wall).unwrap()
}

/// Drives a renewal whose file holds `held`, until it rests. `leftovers`: what each look at the temporary files finds.
/// Returns the sessions that were stored.
fn turn(
    renewal: &mut Renewal,
    now: Moment,
    first: Event,
    held: &Session,
    leftovers: &mut dyn Iterator<Item = Option<Session>>,
) -> Vec<Session> {
    let mut stored = Vec::new();
    let (mut event, mut sent) = (first, None);
    for _ in 0..100 {
        event = match renewal.step(now, event) {
            Action::Wait { .. } => match sent.take() {
                None => return stored,
                Some(attempt) => {
                    let code = "SESSION_RENEWAL_MISMATCH".to_owned();
                    let answer = ClassifiedAnswer { answer: RenewalAnswer::Superseded, code };
                    Event::Woke(Wake::Answered(attempt, Box::new(answer)))
                }
            },
            Action::ReadFile => Event::FileRead(FileView::Held(held.clone())),
            Action::AskTime => Event::TimeAsked,
            Action::Introspect(_) => Event::Introspected(Introspection::Active),
            Action::TakeLock { purpose: LockPurpose::Sweep | LockPurpose::Write, .. } => {
                Event::Locked(LockOutcome::Held)
            }
            Action::Sweep => Event::Swept(leftovers.next().flatten().into_iter().collect()),
            Action::Prepare => Event::Prepared(Ok(())),
            Action::SendRenewal { attempt, .. } => {
                sent = Some(attempt);
                Event::RenewalSent
            }
            Action::Store { session, .. } => {
                stored.push(session);
                Event::Stored(StoreOutcome::Done)
            }
            Action::SwapToken { .. } => Event::TokenSwapped,
            Action::ReleaseLock => Event::Unlocked,
            Action::Stop { .. } => panic!("nobody asked it to stop"),
        };
    }
    panic!("it does not rest");
}

/// A crashed process's token could not be read once (EIO, EMFILE). The old one was renewed in vain and then served to
/// its end, while the later token lay on the disk: it was looked for at the start and before a renewal only.
#[test]
fn a_superseded_process_looks_again_for_what_a_crashed_one_left() {
    let (old, later) = (session(0), session(180));
    for unreadable in [2, 3, 4] {
        // The first look is the one at the start, the second the one before the renewal.
        let mut leftovers = (0..).map(|look| (look >= unreadable).then(|| later.clone()));
        let mut renewal = Renewal::new(None, at(0));
        let mut stored = turn(&mut renewal, at(0), Event::Started, &old, &mut leftovers);
        for wake in [185, 245, 290] {
            stored.extend(turn(&mut renewal, at(wake), Event::Woke(Wake::Elapsed), &old, &mut leftovers));
        }
        assert_eq!(stored.first(), Some(&later), "unreadable for {unreadable} looks");
    }
}
