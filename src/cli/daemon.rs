//! The way to the daemon: a transport, and a session that a worker keeps alive.
//!
//! Used by the commands that make tool calls. Refuses to wait: the worker reads the token file by itself, and a
//! call that comes sooner waits for it.

use std::io;
use std::sync::Arc;

use super::Failure;
use crate::config::Config;
use crate::http::Transport;
use crate::http::client::Http;
use crate::server::call::Daemon;
use crate::session::shared::SharedSession;
use crate::session::worker::Worker;
use crate::time::SystemClock;

/// Starts the session's worker. Whoever calls this shuts it down in the end.
///
/// # Errors
/// [`Failure`] if the operating system has no thread for it.
pub(super) fn connect(config: &Config) -> Result<(Daemon, Worker), Failure> {
    let (session, nudges) = SharedSession::new(Arc::new(SystemClock::start()));
    let transport: Arc<dyn Transport> = Arc::new(Http::new(config.base_url.clone()));
    let place = config.token_place.clone();
    let worker = Worker::spawn(place, Arc::clone(&transport), Arc::clone(&session), nudges);
    let worker = worker.map_err(|error| no_thread(&error))?;
    let wallet_id = config.wallet_id.clone();
    Ok((Daemon { transport, session, wallet_id, call_time_max: config.call_time_max }, worker))
}

/// There is no thread to be had.
pub(super) fn no_thread(error: &io::Error) -> Failure {
    Failure {
        what: format!("the operating system gives no thread: {error}"),
        advice: "Look at the limit of processes of this user (`ulimit -u`).".to_owned(),
    }
}
