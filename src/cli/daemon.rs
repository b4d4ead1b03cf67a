//! The way to the daemon: a transport, and a session that a worker keeps alive.
//!
//! Used by the commands that make tool calls. Refuses to wait: the worker reads the token file by itself, and a
//! call that comes sooner waits for it.

use std::io;
use std::sync::Arc;

use crossbeam_channel::Receiver;

use super::Failure;
use crate::config::Config;
use crate::http::Transport;
use crate::http::client::Http;
use crate::server::call::Daemon;
use crate::session::TokenPlace;
use crate::session::shared::{Nudge, SharedSession};
use crate::session::worker::Worker;
use crate::time::SystemClock;

/// The session's worker, not yet at work.
pub(super) struct Keeper {
    place: TokenPlace,
    transport: Arc<dyn Transport>,
    session: Arc<SharedSession>,
    nudges: Receiver<Nudge>,
}

/// The way to the daemon, and who keeps its session. Calls wait until the keeper was started.
pub(super) fn connect(config: &Config) -> (Daemon, Keeper) {
    let (session, nudges) = SharedSession::new(Arc::new(SystemClock::start()));
    let transport: Arc<dyn Transport> = Arc::new(Http::new(config.base_url.clone()));
    let keeper = Keeper {
        place: config.token_place.clone(),
        transport: Arc::clone(&transport),
        session: Arc::clone(&session),
        nudges,
    };
    let wallet_id = config.wallet_id.clone();
    (Daemon { transport, session, wallet_id, call_time_max: config.call_time_max }, keeper)
}

impl Keeper {
    /// Starts the worker. Whoever calls this shuts it down in the end.
    ///
    /// # Errors
    /// [`Failure`] if the operating system has no thread for it.
    pub(super) fn start(self) -> Result<Worker, Failure> {
        let Keeper { place, transport, session, nudges } = self;
        Worker::spawn(place, transport, session, nudges).map_err(|error| no_thread(&error))
    }
}

/// There is no thread to be had.
pub(super) fn no_thread(error: &io::Error) -> Failure {
    Failure {
        what: format!("the operating system gives no thread: {error}"),
        advice: "Look at the limit of processes of this user (`ulimit -u`).".to_owned(),
    }
}
