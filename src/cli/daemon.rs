//! The way to the daemon: a transport, and a session that a worker keeps alive.
//!
//! Used by the commands that make tool calls, and by `keep`, which makes none and has many workers. Refuses to wait: the
//! worker reads the token file by itself, and a call that comes sooner waits for it.

use std::io;
use std::sync::Arc;

use crossbeam_channel::Receiver;
use parking_lot::Mutex;

use super::Failure;
use crate::config::Config;
use crate::http::Transport;
use crate::http::client::Http;
use crate::server::call::Daemon;
use crate::session::TokenPlace;
use crate::session::events::World;
use crate::session::shared::{Nudge, SharedSession};
use crate::session::worker::{DaemonWorld, Worker};
use crate::time::{Clock, SystemClock};

/// A session's worker, not yet at work.
pub(super) struct Unstarted {
    place: TokenPlace,
    transport: Arc<dyn Transport>,
    session: Arc<SharedSession>,
    nudges: Receiver<Nudge>,
}

/// The worker, as soon as the operating system has a thread for it.
pub(super) struct Kept(Arc<Mutex<Option<Worker>>>);

/// The way to the daemon, and who keeps its session. Calls wait until the worker was started.
pub(super) fn connect(config: &Config) -> (Daemon, Unstarted) {
    let transport: Arc<dyn Transport> = Arc::new(Http::new(config.base_url.clone()));
    let clock = Arc::new(SystemClock::start());
    let (session, worker) = session(config.token_place.clone(), Arc::clone(&transport), clock);
    let wallet_id = config.wallet_id.clone();
    (Daemon { transport, session, wallet_id, call_time_max: config.call_time_max }, worker)
}

/// A session, and who keeps it.
pub(super) fn session(
    place: TokenPlace,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
) -> (Arc<SharedSession>, Unstarted) {
    let (session, nudges) = SharedSession::new(clock);
    let worker = Unstarted { place, transport, session: Arc::clone(&session), nudges };
    (session, worker)
}

impl Unstarted {
    /// Starts the worker, or has it started as soon as the operating system has a thread for it: with every call that
    /// wants a token, and with every [`SharedSession::tend`]. Whoever calls this shuts it down in the end.
    pub(super) fn start(self) -> Kept {
        let Unstarted { place, transport, session, nudges } = self;
        let kept = Kept(Arc::default());
        let (slot, shared) = (Arc::clone(&kept.0), Arc::clone(&session));
        session.start_with(move || {
            let place = place.clone();
            let worker = Worker::spawn(place, Arc::clone(&transport), Arc::clone(&shared), nudges.clone())?;
            *slot.lock() = Some(worker);
            Ok(())
        });
        kept
    }

    /// Starts the worker now, in a world that somebody has wrapped.
    ///
    /// # Errors
    /// [`Failure`] if the operating system has no thread for it.
    pub(super) fn start_in<W: World>(
        self,
        wrap: impl Fn(DaemonWorld) -> W + Send + 'static,
    ) -> Result<Worker, Failure> {
        let Unstarted { place, transport, session, nudges } = self;
        Worker::spawn_in(place, transport, session, nudges, wrap).map_err(|error| no_thread(&error))
    }
}

impl Kept {
    /// From now on no renewal begins.
    pub(super) fn begin_no_more(&self) {
        if let Some(worker) = &*self.0.lock() {
            worker.begin_no_more();
        }
    }

    /// The same as a thing to be done later.
    pub(super) fn handle(&self) -> Kept {
        Kept(Arc::clone(&self.0))
    }

    /// Ends the worker, if there is one. A renewal in flight is waited for.
    pub(super) fn shut_down(self) {
        let worker = self.0.lock().take();
        if let Some(worker) = worker {
            worker.shut_down();
        }
    }
}

/// There is no thread to be had.
pub(super) fn no_thread(error: &io::Error) -> Failure {
    Failure {
        what: format!("the operating system gives no thread: {error}"),
        advice: "Look at the limit of processes of this user (`ulimit -u`).".to_owned(),
    }
}
