//! The renewal's whole vocabulary: what can happen to it, what it can ask for, and the loop between them.
//!
//! One event in, one action out: there is nothing to drain and nothing to forget. The same [`run`] serves the
//! real world and the simulated one. Pure. Refuses to know what is decided ([`super::renewal`]) and how an
//! action is done ([`super::worker`]).

use std::time::Duration;

use super::answers::{ClassifiedAnswer, Introspection};
use super::clock_offset::DaemonTime;
use super::fault::FileFault;
use super::notice::Notice;
use super::renewal::Renewal;
use super::status::Status;
use super::{Generation, Session};
use crate::secret::Token;
use crate::time::Now;

/// The time of an event: our clocks, and what the daemon's clock may show.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Moment {
    /// Our clocks.
    pub now: Now,
    /// The daemon's.
    pub daemon: DaemonTime,
}

/// All that can happen to a renewal. Each but the first is the answer to one [`Action`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// Once, first.
    Started,
    /// To [`Action::Wait`].
    Woke(Wake),
    /// To [`Action::ReadFile`].
    FileRead(FileView),
    /// To [`Action::AskTime`]: if the daemon answered, the [`Moment`] shows it.
    TimeAsked,
    /// To [`Action::Introspect`].
    Introspected(Introspection),
    /// To [`Action::TakeLock`].
    Locked(LockOutcome),
    /// To [`Action::Sweep`]: the complete tokens found in temporary files of crashed processes.
    Swept(Vec<Session>),
    /// To [`Action::Prepare`].
    Prepared(Result<(), FileFault>),
    /// To [`Action::SendRenewal`]: the request is under way; its answer comes as a [`Wake`].
    RenewalSent,
    /// To the same: the program ends, and nothing was sent.
    RenewalNotSent,
    /// To [`Action::Store`].
    Stored(StoreOutcome),
    /// To [`Action::SwapToken`].
    TokenSwapped,
    /// To [`Action::ReleaseLock`].
    Unlocked,
}

/// Why a wait ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Wake {
    /// Its time is over.
    Elapsed,
    /// A renewal request was answered, or has come to its end without.
    Answered(AttemptId, Box<ClassifiedAnswer>),
    /// The daemon refused the token of this generation to a call, which waits for a better one.
    Rejected(Generation),
    /// A call found no usable token, and waits for one.
    Wanted,
    /// The program ends.
    Shutdown,
}

/// Counts the renewal requests of this process, so that an answer finds the one it belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct AttemptId(u64);

impl AttemptId {
    /// The one after this.
    pub fn next(self) -> AttemptId {
        AttemptId(self.0.wrapping_add(1))
    }
}

/// What stands in the token file, or in its read-only fallback.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FileView {
    /// A token of the right form. Whether it is any good is decided elsewhere.
    Held(Session),
    /// No file.
    Missing,
    /// Something that is no token for us, and why.
    Unusable(&'static str),
}

/// What became of taking the lock.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LockOutcome {
    /// It is ours.
    Held,
    /// Another process kept it for [`super::policy::LOCK_WAIT_MAX`].
    TimedOut,
    /// The file system has no locks: go on without.
    Unsupported,
    /// There is no data directory yet, and this purpose does not make one.
    NoDirectory,
    /// The lock file cannot be opened.
    Failed(FileFault),
}

/// Why the lock is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LockPurpose {
    /// To look for what a crashed process left. A missing directory stays missing.
    Sweep,
    /// To write the token file. A missing directory is made.
    Write,
}

/// What became of writing a token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StoreOutcome {
    /// It is in the file, synced.
    Done,
    /// It is in the file, but written in place, because the file itself is a mount point.
    DoneInPlace,
    /// The file no longer holds what it held when this transaction read it. Nothing was written.
    SomebodyElse(Session),
    /// It is not in the file.
    Failed(FileFault),
}

/// All that a renewal does to the world, one at a time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Publish the status, and sleep until the time is over, somebody nudges, or a request is answered.
    Wait {
        /// At least [`super::policy::WAIT_MIN`], at most [`super::policy::WAIT_MAX`].
        at_most: Duration,
        /// What is to be published.
        status: Status,
        /// Nothing is under way that waiting calls should wait for: let them go on.
        is_settled: bool,
    },
    /// Read the token file.
    ReadFile,
    /// Ask the daemon anything, for its `Date` header.
    AskTime,
    /// Ask the daemon whether it accepts this token, by a request that needs nothing else.
    Introspect(Session),
    /// Take the lock beside the token file.
    TakeLock {
        /// What for.
        purpose: LockPurpose,
        /// How long to wait for whoever has it.
        at_most: Duration,
    },
    /// Look for temporary files that crashed processes left, and remove old ones. Under the lock.
    Sweep,
    /// Make the temporary file and reserve its space. Under the lock.
    Prepare,
    /// Begin to ask the daemon for a new token, and do not wait for the answer. Under the lock, where there are locks.
    SendRenewal {
        /// To be named with the answer.
        attempt: AttemptId,
        /// Whose token is carried.
        session: Session,
        /// When the request may be given up: not before the token's end, unless it is one of several.
        time_max: Duration,
    },
    /// Write a token to the file, if the file still holds `instead_of`. Under the lock.
    Store {
        /// What is to be written.
        session: Session,
        /// The token seen in the file by this transaction; `None` if there was none of use.
        instead_of: Option<Token>,
    },
    /// Let every call from now on use this token.
    SwapToken {
        /// What to serve.
        session: Session,
        /// The generation it begins.
        generation: Generation,
        /// What is published with it: nobody may see a token served and read that there is none.
        status: Status,
    },
    /// The end of what was begun under the lock: remove the temporary file, and release the lock if it is held.
    ReleaseLock,
    /// End. Only ever the answer to [`Wake::Shutdown`].
    Stop {
        /// How the session stands at the end.
        status: Status,
    },
}

/// All that a renewal needs of the world.
pub trait World {
    /// Reads the clocks.
    fn now(&self) -> Moment;

    /// Does one thing, and says what came of it.
    fn perform(&mut self, action: Action) -> Event;

    /// Tells people.
    fn tell(&mut self, notice: Notice);
}

/// Drives a renewal until it stops.
pub fn run(renewal: &mut Renewal, world: &mut impl World) {
    let mut event = Event::Started;
    loop {
        let action = renewal.step(world.now(), event);
        renewal.take_notices().into_iter().for_each(|notice| world.tell(notice));
        let is_last = matches!(action, Action::Stop { .. });
        event = world.perform(action);
        if is_last {
            return;
        }
    }
}
