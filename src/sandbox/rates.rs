//! Rate limits: how many requests a sliding minute holds. Knows neither sessions nor routes; the ledger keeps one window
//! for each bucket.

use std::collections::VecDeque;

use super::clock::Moment;

/// The length of the window, in milliseconds.
const WINDOW_MS: i64 = 60_000;

/// Requests a minute; none = no limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RateLimits {
    /// Over everything: clients of one machine share one bucket.
    pub address: Option<u32>,
    /// A session, on the routes of wallets, transactions, actions and the like.
    pub session: Option<u32>,
    /// A session, on sending transactions and actions.
    pub transactions: Option<u32>,
}

/// The daemon's defaults.
impl Default for RateLimits {
    fn default() -> RateLimits {
        RateLimits { address: Some(1000), session: Some(300), transactions: Some(10) }
    }
}

/// What was admitted within the last minute.
#[derive(Default)]
pub(super) struct Window(VecDeque<i64>);

impl Window {
    /// Counts a request, or says in how many seconds the next one will be admitted. What is refused does not
    /// count.
    pub(super) fn admit(&mut self, limit: Option<u32>, now: Moment) -> Result<(), i64> {
        // A clock that was set back leaves entries of the future behind; they are forgotten too.
        self.0.retain(|at| *at <= now.0 && now.0.saturating_sub(*at) < WINDOW_MS);
        let Some(limit) = limit else { return Ok(()) };
        if u32::try_from(self.0.len()).unwrap_or(u32::MAX) < limit {
            self.0.push_back(now.0);
            return Ok(());
        }
        let oldest = self.0.front().copied().unwrap_or(now.0);
        let wait_ms = oldest.saturating_add(WINDOW_MS).saturating_sub(now.0);
        Err(wait_ms.saturating_add(999).div_euclid(1000).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_slides_and_says_how_long_to_wait() {
        let mut window = Window::default();
        let table = [
            (0, Ok(())),
            (10_000, Ok(())),
            (10_001, Err(50)),
            (59_999, Err(1)),
            (60_000, Ok(())),
            (60_001, Err(10)),
            (-5_000, Ok(())),
        ];
        for (at, expected) in table {
            assert_eq!(window.admit(Some(2), Moment(at)), expected, "{at}");
        }
    }

    #[test]
    fn without_a_limit_everything_is_admitted() {
        let mut window = Window::default();
        assert!((0..10_000).all(|_| window.admit(None, Moment(0)).is_ok()));
    }
}
