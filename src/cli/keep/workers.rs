//! Starting and ending workers: one for each kept file, with an entry on the board and the keeper's mark beside the file.
//!
//! Used by `keeping` and `once`. It is the worker that `serve` has, in a world that is observed; nothing is decided here
//! about a session.

use std::convert::Infallible;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, after};
use parking_lot::Mutex;

use super::board::{Board, Until};
use super::look::Candidate;
use super::record::Record;
use crate::cli::Failure;
use crate::cli::daemon;
use crate::http::Transport;
use crate::log::{self, Area, Foreign, Level};
use crate::session::keeper::KeeperMark;
use crate::session::lock::TryLock;
use crate::session::observed::Observed;
use crate::session::worker::Worker;
use crate::time::Clock;

/// Pause between two workers that begin, so that the daemon is not asked for its time by all of them at once.
pub(super) const START_PAUSE: Duration = Duration::from_millis(20);

/// Tries for the mark, and the pause between them: somebody who looks whether a keeper is at work has it for a moment.
const MARK_ATTEMPTS: u32 = 4;
const MARK_PAUSE: Duration = Duration::from_millis(25);

/// Stack of a thread that waits for the end of a worker, in bytes.
const STACK_BYTES: usize = 64 * 1024;

/// A kept file.
pub(super) struct Kept {
    /// Of its entry on the board.
    pub(super) number: u64,
    worker: Worker,
    mark: Option<KeeperMark>,
}

/// The mark of a file, as far as it can be had.
pub(super) enum Mark {
    Taken(KeeperMark),
    /// There can be none here: a file system without locks, a directory that cannot be written.
    None,
    /// Another keeper is at work.
    Another,
}

/// Takes the mark of a file.
pub(super) fn mark(candidate: &Candidate, clock: &dyn Clock) -> Mark {
    for attempt in 1.. {
        match KeeperMark::take(&candidate.place.write, clock.now().wall) {
            Ok(mark) => return Mark::Taken(mark),
            Err(TryLock::Busy) if attempt < MARK_ATTEMPTS => {
                let _ = after(MARK_PAUSE).recv();
            }
            Err(TryLock::Busy) => return Mark::Another,
            Err(_) => return Mark::None,
        }
    }
    Mark::None
}

/// What every worker is given.
pub(super) struct Terms<'t> {
    pub(super) board: &'t Arc<Board>,
    pub(super) transport: &'t Arc<dyn Transport>,
    pub(super) clock: &'t Arc<dyn Clock>,
    pub(super) until: Until,
    pub(super) is_quiet: bool,
}

/// Starts the worker of a file.
///
/// # Errors
/// [`Failure`] if the operating system has no thread for it.
pub(super) fn start(
    candidate: &Candidate,
    mark: Option<KeeperMark>,
    terms: &Terms<'_>,
) -> Result<Kept, Failure> {
    let Terms { board, transport, clock, until, is_quiet } = terms;
    let mut record = Record::new(candidate.label.clone(), candidate.wallet.clone(), clock.now().mono);
    record.last_renewal = mark.as_ref().and_then(KeeperMark::last_renewal);
    let (number, recorder) = board.enter(record, *until, *is_quiet);
    let (_, worker) = daemon::session(candidate.place.clone(), Arc::clone(*transport), Arc::clone(*clock));
    let started = worker.start_in(move |world| Observed::new(world, recorder.clone()));
    match started {
        Ok(worker) => Ok(Kept { number, worker, mark }),
        Err(failure) => {
            board.remove(number);
            Err(failure)
        }
    }
}

impl Kept {
    /// Notes in the mark when its token was renewed last.
    pub(super) fn note(&mut self, record: &Record) {
        if let (Some(mark), Some(at)) = (&mut self.mark, record.last_renewal)
            && mark.last_renewal() != Some(at)
        {
            // It is a remark, and the token itself is safe.
            let _ = mark.renewed(at);
        }
    }

    /// Ends the worker, in its own time: what a renewal in flight brings may exist nowhere else. The mark goes last.
    fn end(self) {
        self.worker.shut_down();
        drop(self.mark);
    }

    /// The same on a thread of its own, so that nobody waits; unless there is no thread to be had.
    pub(super) fn let_go(self) -> Option<JoinHandle<()>> {
        let handed_over = Arc::new(Mutex::new(Some(self)));
        let here = Arc::clone(&handed_over);
        let end = move || {
            let kept = handed_over.lock().take();
            kept.into_iter().for_each(Kept::end);
        };
        let leave = thread::Builder::new().name("leave".to_owned()).stack_size(STACK_BYTES);
        match leave.spawn(end) {
            Ok(thread) => Some(thread),
            Err(_) => {
                let kept = here.lock().take();
                kept.into_iter().for_each(Kept::end);
                None
            }
        }
    }
}

/// Ends all workers at the same time, and waits for them.
pub(super) fn end_all(kept: Vec<Kept>, board: &Board) {
    let renewing = board.records().into_iter().filter(|record| record.is_renewing);
    for record in renewing {
        let file = Foreign(&record.label);
        log::event(Area::Session, Level::Warn, "renewal.awaited", &[("file", &file)]);
    }
    let leaving: Vec<_> = kept.into_iter().map(Kept::let_go).collect();
    for thread in leaving.into_iter().flatten() {
        let _ = thread.join();
    }
}

/// Waits a moment between two workers. `false` if it is time to stop.
pub(super) fn pause(stop: &Receiver<Infallible>) -> bool {
    stop.recv_timeout(START_PAUSE) == Err(RecvTimeoutError::Timeout)
}
