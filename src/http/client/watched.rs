//! Connections that record how far the current exchange has come, and write nothing for one that was cancelled.
//!
//! Used by the client alone. The library's errors do not say whether a byte of the request was written: a refused
//! connection, a TLS handshake that failed and an answer that broke off are all an `io::Error`, and the kernel reports
//! an unreachable host on an established connection too. So the connection itself keeps the record, and whether
//! something was sent is known instead of guessed from the kind of the error.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::sync::{Arc, OnceLock, Weak};

use ureq::Error;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, NextTimeout, ShutdownHandle, Transport,
};

use crate::http::cancelled::{Cancelled, Listening};

/// How far an exchange has come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Stage {
    /// There is no connection yet.
    Connecting,
    /// There is one; with TLS, its handshake is under way.
    Connected,
    /// The connection is ready for the request, of which nothing was written.
    Ready,
    /// Some of the request was written, or may have been.
    Sent,
}

thread_local! {
    /// Both belong to the exchange that this thread carries out. The library does all its work on the caller's thread,
    /// and offers no other way to pass something to a connection that may have been made for an earlier request.
    static STAGE: Cell<Stage> = const { Cell::new(Stage::Connecting) };
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
}

struct Current {
    cancelled: Cancelled,
    is_repeatable: bool,
    /// Closes the connection if the exchange is cancelled.
    hang_up: Option<Listening>,
}

impl Current {
    /// From now on a cancellation shuts this socket down.
    fn wait_on(&mut self, socket: &Weak<dyn ShutdownHandle>) {
        let socket = Weak::clone(socket);
        let hang_up = move || {
            if let Some(socket) = socket.upgrade() {
                socket.shutdown();
            }
        };
        self.hang_up = Some(self.cancelled.listen(hang_up));
    }

    /// Called before bytes of the request are written to this socket.
    ///
    /// # Errors
    /// The exchange was cancelled.
    fn go_on(&mut self, socket: Option<&Weak<dyn ShutdownHandle>>) -> Result<(), Error> {
        match (&self.hang_up, socket) {
            (_, _) if !self.is_repeatable => self.hang_up = None,
            (None, Some(socket)) => self.wait_on(socket),
            _ => {}
        }
        if self.cancelled.is_cancelled() { Err(Error::Io(io::Error::other("cancelled"))) } else { Ok(()) }
    }
}

/// Does something with this thread's exchange, if there is one.
fn with_current<R>(work: impl FnOnce(&mut Current) -> R) -> Option<R> {
    CURRENT.with_borrow_mut(|current| current.as_mut().map(work))
}

/// The exchange that this thread carries out, until it is dropped.
pub(super) struct Exchange(());

impl Exchange {
    /// Begins one that stops when it is cancelled. A request that changes nothing is then hung up on at any time, so that
    /// its thread is free. Any other is hung up on only until it is sent: what the daemon answers to a change is worth
    /// waiting for.
    pub(super) fn begin(cancelled: &Cancelled, is_repeatable: bool) -> Exchange {
        STAGE.set(Stage::Connecting);
        CURRENT.set(Some(Current { cancelled: cancelled.clone(), is_repeatable, hang_up: None }));
        Exchange(())
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        CURRENT.set(None);
    }
}

/// How far this thread's exchange has come.
pub(super) fn stage() -> Stage {
    STAGE.get()
}

/// This thread's exchange has come as far as this.
pub(super) fn reached(stage: Stage) {
    STAGE.set(STAGE.get().max(stage));
}

/// Makes connections by way of `C`, and watches them.
#[derive(Debug)]
pub(super) struct Watched<C>(pub(super) C);

impl<C: Connector> Connector for Watched<C> {
    type Out = WatchedConnection<C::Out>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<()>,
    ) -> Result<Option<Self::Out>, Error> {
        let mut addrs = details.resolver.empty();
        details.addrs.iter().for_each(|address| addrs.push(*address));
        let socket = Arc::new(OnceLock::new());
        let (register, registered) = (Arc::clone(&details.register_shutdown), Arc::clone(&socket));
        let details = ConnectionDetails {
            uri: details.uri,
            addrs,
            config: details.config,
            request_level: details.request_level,
            resolver: details.resolver,
            now: details.now,
            timeout: details.timeout,
            current_time: Arc::clone(&details.current_time),
            run_connector: Arc::clone(&details.run_connector),
            // Called for each socket as soon as it is connected, before any handshake.
            register_shutdown: Arc::new(move |handle| {
                reached(Stage::Connected);
                with_current(|current| current.wait_on(&handle));
                let _ = registered.set(Weak::clone(&handle));
                register(handle)
            }),
        };
        let connection = self.0.connect(&details, chained)?;
        Ok(connection.map(|connection| WatchedConnection { connection, socket }))
    }
}

/// A connection that records when it is written to.
pub(super) struct WatchedConnection<T> {
    connection: T,
    socket: Arc<OnceLock<Weak<dyn ShutdownHandle>>>,
}

impl<T: Transport> Transport for WatchedConnection<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        // The library fetches them for the request's first byte, whether the connection is new or was kept.
        reached(Stage::Ready);
        self.connection.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        // Here, as close to the write as possible: resolving, connecting and the handshake may have taken seconds.
        let socket = self.socket.get();
        with_current(|current| current.go_on(socket)).unwrap_or(Ok(()))?;
        // Before the write: part of one that fails may have arrived.
        reached(Stage::Sent);
        self.connection.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.connection.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        // The library asks this before it keeps the connection for another exchange, which must not be hung up on.
        with_current(|current| current.hang_up = None);
        self.connection.is_open()
    }

    fn is_tls(&self) -> bool {
        self.connection.is_tls()
    }
}

impl<T: fmt::Debug> fmt::Debug for WatchedConnection<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.connection.fmt(f)
    }
}
