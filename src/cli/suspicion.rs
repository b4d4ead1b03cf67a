//! When a silent client is taken for gone, although its pipes are open.
//!
//! Used by the watch over the parents. Pure. A parent that has ended is a suspicion and no proof: launchers exit,
//! terminals are closed, and their clients live on.

use std::time::Duration;

/// How long a suspected client may be silent. A person who thinks, or has gone for coffee, comes back within that time;
/// a server that nobody will ever talk to again is a few pages of memory that long.
pub(super) const SILENCE_MAX: Duration = Duration::from_secs(10 * 60);

/// What is held against a client, on the monotonic clock.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Suspicion {
    /// Since when it is suspected.
    since: Option<Duration>,
    /// When it was last known to have said something.
    heard: Duration,
}

/// What to think of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// It is there, or was suspected before.
    Here,
    /// It is suspected from now on. Said once.
    Suspected,
    /// It has had its time.
    Gone,
}

impl Suspicion {
    /// `has_spoken`: it has said something since the last look. `are_parents_gone`: as they are now.
    pub(super) fn look(&mut self, now: Duration, has_spoken: bool, are_parents_gone: bool) -> Verdict {
        if has_spoken {
            self.heard = now;
        }
        if !are_parents_gone {
            self.since = None;
            return Verdict::Here;
        }
        match self.since {
            None => {
                self.since = Some(now);
                Verdict::Suspected
            }
            Some(since) if is_over(since, self.heard, now) => Verdict::Gone,
            Some(_) => Verdict::Here,
        }
    }
}

/// Whether a client that is suspected since then, and was heard last then, has been silent for long enough by now.
fn is_over(since: Duration, heard: Duration, now: Duration) -> bool {
    now.saturating_sub(since.max(heard)) >= SILENCE_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_suspected_client_is_gone_after_ten_minutes_without_a_word() {
        // Suspected since, heard last, now.
        let table = [
            (100, 0, 100, false),
            (100, 0, 699, false),
            (100, 0, 700, true),
            (100, 100, 700, true),
            // Silent for long before it was suspected: that was nothing to hold against it.
            (10_000, 5, 10_599, false),
            // It has spoken since.
            (100, 650, 700, false),
            (100, 650, 1_249, false),
            (100, 650, 1_250, true),
            (0, 0, u64::MAX, true),
        ];
        for (since, heard, now, over) in table {
            assert_eq!(is_over(at(since), at(heard), at(now)), over, "{since} {heard} {now}");
        }
    }

    #[test]
    fn what_is_seen_of_a_client_adds_up_to_a_verdict() {
        use Verdict::{Gone, Here, Suspected};
        let mut suspicion = Suspicion::default();
        // When, whether it has spoken, whether its parents have ended.
        let looks = [
            (30, true, false, Here),
            (2_000, false, false, Here),
            (2_030, false, true, Suspected),
            (2_060, false, true, Here),
            (2_600, true, true, Here),
            (3_199, false, true, Here),
            (3_200, false, true, Gone),
        ];
        for (now, has_spoken, are_gone, verdict) in looks {
            assert_eq!(suspicion.look(at(now), has_spoken, are_gone), verdict, "{now}");
        }
    }

    #[test]
    fn a_client_whose_parents_are_there_may_be_silent_for_ever() {
        let mut suspicion = Suspicion::default();
        for hours in 0..10_000 {
            assert_eq!(suspicion.look(at(hours * 3600), false, false), Verdict::Here);
        }
    }
}
