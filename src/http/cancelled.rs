//! Whether a call was cancelled: set by one thread, seen by those that work on the call.
//!
//! The server makes one for each call. The client looks at it directly before a request leaves, and listens to it in
//! order to close a connection that nobody needs to wait on any more.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

/// Whether a call was cancelled. Clones share the same state.
#[derive(Clone, Default)]
pub struct Cancelled(Arc<State>);

#[derive(Default)]
struct State {
    is_set: AtomicBool,
    listeners: Mutex<Listeners>,
}

/// There are few: one for each request of the call that is under way.
#[derive(Default)]
struct Listeners {
    listening: Vec<(u64, Box<dyn Fn() + Send>)>,
    counted: u64,
}

/// A listener, until this is dropped. After that it is not called any more, and is not being called either.
pub struct Listening {
    to: Cancelled,
    number: u64,
}

impl Cancelled {
    /// Cancels the call: nothing further is sent to the daemon.
    pub fn cancel(&self) {
        self.0.is_set.store(true, Ordering::SeqCst);
        for (_, hear) in &self.0.listeners.lock().listening {
            hear();
        }
    }

    /// Whether that has happened.
    pub fn is_cancelled(&self) -> bool {
        self.0.is_set.load(Ordering::SeqCst)
    }

    /// Calls `hear` when the call is cancelled, on the thread that cancels it; at once if it is cancelled already. `hear`
    /// must not block.
    pub fn listen(&self, hear: impl Fn() + Send + 'static) -> Listening {
        let mut listeners = self.0.listeners.lock();
        // Under the lock: a cancellation is seen either here or by the loop in `cancel`.
        if self.is_cancelled() {
            hear();
        }
        listeners.counted += 1;
        let number = listeners.counted;
        listeners.listening.push((number, Box::new(hear)));
        Listening { to: self.clone(), number }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.to.0.listeners.lock().listening.retain(|(number, _)| *number != self.number);
    }
}

impl fmt::Debug for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cancelled").field(&self.is_cancelled()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[test]
    fn who_listens_hears_it_once_and_who_has_gone_does_not() {
        let (cancelled, heard) = (Cancelled::default(), Arc::new(AtomicUsize::new(0)));
        let listen = || {
            let heard = Arc::clone(&heard);
            cancelled.listen(move || {
                heard.fetch_add(1, Ordering::SeqCst);
            })
        };
        let (first, _second) = (listen(), listen());
        drop(first);
        cancelled.clone().cancel();
        assert_eq!(heard.load(Ordering::SeqCst), 1);
        let _late = listen();
        assert_eq!(heard.load(Ordering::SeqCst), 2, "it was said already");
        assert!(cancelled.is_cancelled() && !Cancelled::default().is_cancelled());
    }
}
