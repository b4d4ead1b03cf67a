//! How far an exchange has come while the library carries it out, told by its connection, which also goes no further
//! with one that was cancelled.
//!
//! Used by the client alone. The library's errors do not say whether a byte of the request was written: a refused
//! connection, a TLS handshake that failed and an answer that broke off are all an `io::Error`, and the kernel reports
//! an unreachable host for a connection that stood already too. So the connection itself tells, and whether something
//! was sent is known instead of guessed from an error's kind.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::sync::Arc;

use ureq::Error;
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

use crate::http::cancelled::Cancelled;

/// How far an exchange has come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Stage {
    /// There is no connection yet.
    Connecting,
    /// There is one; with TLS, its handshake is under way.
    Connected,
    /// The connection is ready for the request, of which nothing was written.
    Ready,
    /// A part of the request was written, or may have been.
    Sent,
}

thread_local! {
    /// Of the exchange that this thread carries out. The library does everything on the caller's thread, and has no
    /// other way to hand something down to a connection that may have been made for an earlier request.
    static STAGE: Cell<Stage> = const { Cell::new(Stage::Connecting) };
    static CANCELLED: RefCell<Option<Cancelled>> = const { RefCell::new(None) };
}

/// The exchange that this thread carries out, until it is dropped.
pub(super) struct Exchange(());

impl Exchange {
    /// One begins, which goes no further once it is cancelled.
    pub(super) fn begin(cancelled: &Cancelled) -> Exchange {
        STAGE.set(Stage::Connecting);
        CANCELLED.set(Some(cancelled.clone()));
        Exchange(())
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        CANCELLED.set(None);
    }
}

/// How far this thread's exchange has come.
pub(super) fn stage() -> Stage {
    STAGE.get()
}

/// It has come as far as this.
pub(super) fn reached(stage: Stage) {
    STAGE.set(STAGE.get().max(stage));
}

/// Nothing is written for who wants nothing any more.
fn look() -> Result<(), Error> {
    let is_cancelled =
        CANCELLED.with_borrow(|cancelled| cancelled.as_ref().is_some_and(Cancelled::is_cancelled));
    if is_cancelled { Err(Error::Io(io::Error::other("cancelled"))) } else { Ok(()) }
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
        let register = Arc::clone(&details.register_shutdown);
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
            // Told of each socket as soon as it stands, before any handshake.
            register_shutdown: Arc::new(move |handle| {
                reached(Stage::Connected);
                register(handle)
            }),
        };
        let connection = self.0.connect(&details, chained)?;
        Ok(connection.map(WatchedConnection))
    }
}

/// A connection that tells when it is written to.
pub(super) struct WatchedConnection<T>(T);

impl<T: Transport> Transport for WatchedConnection<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        // The library fetches them for the request's first byte, whether the connection is new or was kept.
        reached(Stage::Ready);
        self.0.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        // Here, as near to the write as can be: looking, connecting and shaking hands may have taken seconds.
        look()?;
        // Before it is written: of a write that fails, a part may have arrived.
        reached(Stage::Sent);
        self.0.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.0.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.0.is_open()
    }

    fn is_tls(&self) -> bool {
        self.0.is_tls()
    }
}

impl<T: fmt::Debug> fmt::Debug for WatchedConnection<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
