//! Whether anybody still wants an answer: said by one thread, heard by those that work on it.
//!
//! Made by the server, one for each call; the client looks at it directly before a request leaves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether a call was cancelled. Clones are the same flag.
#[derive(Clone, Default, Debug)]
pub struct Cancelled(Arc<AtomicBool>);

impl Cancelled {
    /// Nobody wants the answer any more: nothing further is sent to the daemon.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether that was said.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
