//! The names of situations and events, by which coverage is counted.

use waiaas_mcp::session::answers::{Introspection, RenewalAnswer};
use waiaas_mcp::session::events::{Action, Event, FileView, LockOutcome, StoreOutcome, Wake};

use super::Forks;

impl Forks<'_> {
    /// What the renewal is at, once it has asked for this.
    pub(super) fn phase_of(&self, action: &Action) -> &'static str {
        match action {
            Action::Wait { is_settled: false, .. } => "waiting for an answer",
            Action::Wait { .. } => "idle",
            Action::ReadFile if self.phase == "sweeping" => "looking under the lock",
            Action::ReadFile if self.was_refused => "looking after a refusal",
            Action::ReadFile => "looking",
            Action::AskTime => "asking the time",
            Action::Introspect(_) if self.phase == "looking under the lock" => "introspecting a leftover",
            Action::Introspect(_) => "introspecting",
            Action::TakeLock { .. } => "locking",
            Action::Sweep => "sweeping",
            Action::Prepare => "preparing",
            Action::SendRenewal { .. } => "sending",
            Action::Store { .. } => "storing",
            Action::SwapToken { .. } => "swapping",
            Action::ReleaseLock => "unlocking",
            Action::Stop { .. } => "stopped",
        }
    }

    /// What happens, in the words of the table.
    pub(super) fn kind_of(&self, event: &Event) -> &'static str {
        match event {
            Event::Started => "started",
            Event::Woke(Wake::Elapsed) => "elapsed",
            Event::Woke(Wake::Wanted) => "wanted",
            Event::Woke(Wake::Shutdown) => "shutdown",
            Event::Woke(Wake::Rejected(generation)) => {
                let is_current = self.served.as_ref().is_some_and(|(_, current)| current == generation);
                if is_current { "rejected" } else { "rejected late" }
            }
            Event::FileRead(FileView::Missing) => "no file",
            Event::FileRead(FileView::Unusable(_)) => "rubbish",
            Event::FileRead(FileView::Held(found)) => match &self.served {
                None => "first token",
                Some((served, _)) if served == found => "the same token",
                Some((served, _)) if served.id() != found.id() => "another session",
                Some((served, _)) if found.is_later_than(served) => {
                    if found.expires_at() == served.expires_at() { "a copy" } else { "a later token" }
                }
                Some(_) => "an earlier token",
            },
            Event::TimeAsked => "time asked",
            Event::Introspected(Introspection::Active) => "active",
            Event::Introspected(Introspection::Inactive) => "inactive",
            Event::Introspected(Introspection::Unknown) => "unknown",
            Event::Locked(LockOutcome::Held) => "lock held",
            Event::Locked(LockOutcome::TimedOut) => "lock timed out",
            Event::Locked(LockOutcome::Unsupported) => "lock unsupported",
            Event::Locked(LockOutcome::NoDirectory) => "no directory",
            Event::Locked(LockOutcome::Failed(_)) => "lock failed",
            Event::Swept(left) if left.is_empty() => "nothing swept",
            Event::Swept(_) => "leftover swept",
            Event::Prepared(Ok(())) => "prepared",
            Event::Prepared(Err(_)) => "not prepared",
            Event::RenewalSent => "sent",
            Event::RenewalNotSent => "not sent",
            Event::Woke(Wake::Answered(..)) if self.phase == "idle" => "a late answer",
            Event::Woke(Wake::Answered(_, classified)) => match &classified.answer {
                RenewalAnswer::Granted(_) => "granted",
                RenewalAnswer::TooEarly => "too early",
                RenewalAnswer::Exhausted => "exhausted",
                RenewalAnswer::Superseded => "superseded",
                RenewalAnswer::Refused => "refused",
                RenewalAnswer::NotRequired => "not required",
                RenewalAnswer::Unavailable { counts: true, .. } => "unavailable",
                RenewalAnswer::Unavailable { counts: false, .. } => "locked daemon",
                RenewalAnswer::Misconfigured => "misconfigured",
            },
            Event::Stored(StoreOutcome::Done) => "stored",
            Event::Stored(StoreOutcome::DoneInPlace) => "stored in place",
            Event::Stored(StoreOutcome::SomebodyElse(_)) => "somebody else",
            Event::Stored(StoreOutcome::Failed(_)) => "not stored",
            Event::TokenSwapped => "token swapped",
            Event::Unlocked => "unlocked",
        }
    }
}
