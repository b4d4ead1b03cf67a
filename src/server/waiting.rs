//! The requests that the service could not answer yet and wants to be asked for again.
//!
//! Used by the server. Pure. Refuses to know what they wait for.

use std::time::Duration;

use super::batches::BatchId;
use crate::mcp::era::Era;
use crate::mcp::message::{Request, RequestId};

/// Requests that may wait at once. More than that are answered with what there is.
const WAITING_MAX: usize = 64;

/// One of them.
pub(super) struct Waiter {
    pub(super) request: Request,
    pub(super) era: Era,
    pub(super) batch: Option<BatchId>,
    /// On the monotonic clock. By then it is answered.
    pub(super) until: Duration,
}

/// All of them, in the order in which they came.
#[derive(Default)]
pub(super) struct Waiting(Vec<Waiter>);

impl Waiting {
    pub(super) fn has_room(&self) -> bool {
        self.0.len() < WAITING_MAX
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn push(&mut self, waiter: Waiter) {
        self.0.push(waiter);
    }

    /// Those that are due by `now`; without it, all.
    pub(super) fn take(&mut self, now: Option<Duration>) -> Vec<Waiter> {
        self.0.extract_if(.., |waiter| now.is_none_or(|now| waiter.until <= now)).collect()
    }

    /// The client does not want to hear of this request any more: the batches that its uses belong to.
    pub(super) fn cancel(&mut self, id: &RequestId) -> Vec<Option<BatchId>> {
        self.0.extract_if(.., |waiter| waiter.request.id == *id).map(|waiter| waiter.batch).collect()
    }

    /// How long until the next one is due.
    pub(super) fn time_left(&self, now: Duration) -> Option<Duration> {
        self.0.iter().map(|waiter| waiter.until.saturating_sub(now)).min()
    }
}
