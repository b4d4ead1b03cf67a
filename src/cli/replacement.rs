//! One session in the place of another: take the lock, make sure of the disk, open the new session, write its token,
//! and only then revoke the old one.
//!
//! Used by `setup` and `refresh-token`. Several sessions go through each step together, so that what can fail fails
//! before anything was changed. Whatever fails, the old session lives until the new token is safe in the file, and no
//! session is left open whose token nobody has. Waiting for locks can be interrupted, what follows cannot. Refuses to
//! know which wallets and why.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crossbeam_channel::after;

use super::operator::answers::Refusal;
use super::operator::{Limits, Operator};
use super::{Failure, output, signals};
use crate::ids::{SessionId, WalletId};
use crate::session::events::{FileView, StoreOutcome};
use crate::session::fault::FileFault;
use crate::session::lock::{TokenLock, TryLock};
use crate::session::token_file::TokenFile;
use crate::session::{Session, TokenPlace, policy};
use crate::time::{Clock, Timestamp};

/// Longest wait for another process's lock: it holds it for one renewal, which a healthy daemon
/// answers within this time.
const LOCK_WAIT_MAX: Duration = policy::SILENCE_MAX.saturating_add(Duration::from_secs(5));

/// After this time of waiting somebody who watches is told why nothing happens.
const LOCK_WAIT_QUIET: Duration = Duration::from_secs(2);

/// How often a token is written over one that somebody else has just put there. Two operators at work at the same
/// time are possible, three are not.
const STORE_ATTEMPTS_MAX: u32 = 3;

/// What is wanted: a session for these wallets, its token in this file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Wanted {
    /// How people know it: the wallet's name, or the file's.
    pub(super) label: String,
    /// Not empty.
    pub(super) wallet_ids: Vec<WalletId>,
    pub(super) limits: Limits,
    /// The token file.
    pub(super) file: PathBuf,
}

/// A session that is in its file now.
#[derive(Debug)]
pub(super) struct Replaced {
    pub(super) label: String,
    pub(super) file: PathBuf,
    pub(super) session: Session,
    /// Ids of the sessions that the file held before, as their tokens say.
    pub(super) former: Vec<String>,
    /// Those of them that are revoked now.
    pub(super) revoked: Vec<String>,
}

/// What else a command has to work with.
pub(super) struct Tools<'t> {
    pub(super) operator: &'t Operator<'t>,
    pub(super) base_url: &'t str,
    pub(super) clock: &'t dyn Clock,
    /// The former sessions are left alone.
    pub(super) keeps_old: bool,
}

/// A token file under its lock.
struct Locked {
    wanted: Wanted,
    file: TokenFile,
    lock: TokenLock,
}

/// A token file under its lock, with room for a new token.
struct Reserved {
    wanted: Wanted,
    file: TokenFile,
    /// The token that is in the file.
    held: Option<Session>,
    /// Held until this is dropped.
    _lock: TokenLock,
}

/// Does it for all of them. While it waits for locks, a signal ends the program: nothing is there yet that could be
/// lost. Then signals are held back: between the daemon's answer and the token file an end would leave a session open
/// whose token nobody has.
///
/// # Errors
/// [`Failure`]. Then no file was changed and no new session is left, unless it says so.
pub(super) fn replace(wanted: Vec<Wanted>, tools: &Tools<'_>) -> Result<Vec<Replaced>, Failure> {
    let locked = lock_all(wanted, tools.clock)?;
    let done = signals::undisturbed(|| replace_all(locked, tools));
    done.unwrap_or_else(|error| Err(no_signals(&error)))
}

/// From here on a signal ends the program at once, until sessions are opened. To be called before the first wait.
///
/// # Errors
/// [`Failure`] if the operating system refuses.
pub(super) fn let_signals_end() -> Result<(), Failure> {
    signals::end_at_once().map_err(|error| no_signals(&error))
}

fn no_signals(error: &io::Error) -> Failure {
    Failure {
        what: format!("the operating system refuses a thread or a signal handler: {error}"),
        advice: "Look at the limits of this user (`ulimit -a`).".to_owned(),
    }
}

/// All locks, before anything is written: a program that is ended while it waits leaves nothing but lock files.
fn lock_all(mut wanted: Vec<Wanted>, clock: &dyn Clock) -> Result<Vec<Locked>, Failure> {
    // Always in the same order: two operators must not wait for each other's locks in a circle.
    wanted.sort_by(|one, other| one.file.cmp(&other.file));
    wanted.into_iter().map(|wanted| Locked::take(wanted, clock)).collect()
}

fn replace_all(locked: Vec<Locked>, tools: &Tools<'_>) -> Result<Vec<Replaced>, Failure> {
    let reserved: Result<Vec<Reserved>, Failure> =
        locked.into_iter().map(|locked| Reserved::of(locked, tools.clock)).collect();
    let mut opened = Vec::new();
    for reserved in reserved? {
        match open(&reserved.wanted, tools) {
            Ok(session) => opened.push((reserved, session)),
            Err(failure) => {
                let orphans: Vec<&Session> = opened.iter().map(|(_, session)| session).collect();
                return Err(discarded(failure, &orphans, tools));
            }
        }
    }
    store_all(opened, tools)
}

/// Opens the new session; what must be said of one that may be open and cannot be used is part of the failure.
fn open(wanted: &Wanted, tools: &Tools<'_>) -> Result<Session, Failure> {
    let opened = tools.operator.open(&wanted.wallet_ids, wanted.limits, tools.now());
    opened.map_err(|refusal| {
        let mut failure = refusal.failure(tools.base_url);
        match &refusal {
            Refusal::NoToken { session_id, .. } => {
                if let Err(why) = tools.revoke(session_id) {
                    failure.advice = left_open(session_id, &why);
                }
            }
            refusal if refusal.may_be_done() => {
                failure.what.push_str("; a session may have been opened whose token was lost");
                failure.advice =
                    "Look at the sessions on the daemon's admin page, revoke the one nobody uses, and run this again."
                        .to_owned();
            }
            _ => {}
        }
        failure
    })
}

/// Writes every token, and revokes what each took the place of. From the first that cannot be written on, the new
/// sessions are revoked; what was written before stays, and is told.
fn store_all(opened: Vec<(Reserved, Session)>, tools: &Tools<'_>) -> Result<Vec<Replaced>, Failure> {
    let mut replaced: Vec<Replaced> = Vec::new();
    let mut failed: Option<Failure> = None;
    let mut orphans = Vec::new();
    for (mut reserved, session) in opened {
        if failed.is_some() {
            orphans.push(session);
            continue;
        }
        match reserved.store(&session, tools.clock) {
            Ok(former) => {
                let Wanted { label, file, .. } = reserved.wanted.clone();
                replaced.push(Replaced { label, file, session, former, revoked: Vec::new() });
            }
            Err(failure) => {
                failed = Some(failure);
                orphans.push(session);
            }
        }
    }
    // Every lock is free by now: those who wait for it find the new token before the old one is refused.
    if !tools.keeps_old {
        revoke_former(&mut replaced, tools);
    }
    let Some(failure) = failed else { return Ok(replaced) };
    let mut failure = discarded(failure, &orphans.iter().collect::<Vec<_>>(), tools);
    if !replaced.is_empty() {
        let done: Vec<&str> = replaced.iter().map(|replaced| replaced.label.as_str()).collect();
        failure.what.push_str(&format!("; done already: {}", done.join(", ")));
    }
    Err(failure)
}

fn revoke_former(replaced: &mut [Replaced], tools: &Tools<'_>) {
    let in_use: Vec<String> = replaced.iter().map(|replaced| replaced.session.id().to_owned()).collect();
    for replaced in replaced {
        for id in replaced.former.iter().filter(|id| !in_use.contains(id)) {
            match tools.revoke(id) {
                Ok(()) => replaced.revoked.push(id.clone()),
                Err(why) => output::complain(
                    &format!("the new session is in place, and the old one is still open: {why}"),
                    &format!("Revoke the session {} on the daemon's admin page.", output::foreign(id)),
                ),
            }
        }
    }
}

/// The failure, after the sessions that nobody will use were revoked.
fn discarded(mut failure: Failure, orphans: &[&Session], tools: &Tools<'_>) -> Failure {
    for session in orphans {
        if let Err(why) = tools.revoke(session.id()) {
            failure.advice = format!("{} {}", failure.advice, left_open(session.id(), &why));
        }
    }
    failure
}

fn left_open(session_id: &str, why: &str) -> String {
    format!("Revoke the session {} on the daemon's admin page: {why}.", output::foreign(session_id))
}

impl Locked {
    /// A file that cannot be replaced is told before anything is waited for.
    fn take(wanted: Wanted, clock: &dyn Clock) -> Result<Locked, Failure> {
        let place = TokenPlace {
            write: wanted.file.clone(),
            read_fallback: None,
            only_session: None,
            bootstrap: None,
        };
        let file = TokenFile::new(place);
        if let Some(why) = file.obstacle() {
            return Err(Failure {
                what: format!("the token file {} cannot be replaced: {why}", wanted.file.display()),
                advice: "Move it away, or name another directory with --data-dir.".to_owned(),
            });
        }
        file.make_directory().map_err(|fault| unwritable(&wanted.file, &fault))?;
        let lock = locked(&wanted.file, clock)?;
        Ok(Locked { wanted, file, lock })
    }
}

impl Reserved {
    /// The pre-flight: a disk that takes no token is told before a session is made for it.
    fn of(locked: Locked, clock: &dyn Clock) -> Result<Reserved, Failure> {
        let Locked { wanted, mut file, lock } = locked;
        file.prepare().map_err(|fault| unwritable(&wanted.file, &fault))?;
        let held = match file.read(clock.now().wall) {
            FileView::Held(session) => Some(session),
            FileView::Missing | FileView::Unusable(_) => None,
        };
        Ok(Reserved { wanted, file, held, _lock: lock })
    }

    /// Puts the token into the file. Returns the sessions whose tokens it took the place of. Somebody may write there
    /// without the lock: what was asked for last stays.
    fn store(&mut self, session: &Session, clock: &dyn Clock) -> Result<Vec<String>, Failure> {
        let mut former: Vec<String> = self.held.iter().map(|session| session.id().to_owned()).collect();
        for _ in 0..STORE_ATTEMPTS_MAX {
            let instead_of = self.held.as_ref().map(Session::token).cloned();
            let now = clock.now().wall;
            match self.file.store(session, instead_of.as_ref(), now, || pause(policy::RENAME_PAUSE)) {
                StoreOutcome::Done => return Ok(former),
                StoreOutcome::DoneInPlace => {
                    output::remark(
                        "waiaas-mcp: the token file is a mount point and was written in place; mount its directory instead",
                    );
                    return Ok(former);
                }
                StoreOutcome::SomebodyElse(theirs) => {
                    former.push(theirs.id().to_owned());
                    self.held = Some(theirs);
                }
                StoreOutcome::Failed(fault) => return Err(unwritable(&self.wanted.file, &fault)),
            }
        }
        Err(Failure {
            what: format!("somebody else keeps writing to {}", self.wanted.file.display()),
            advice: "Look what writes there, then run this again.".to_owned(),
        })
    }
}

impl Tools<'_> {
    fn now(&self) -> Timestamp {
        self.clock.now().wall
    }

    /// Revokes the session of this id, which a token may have said: only an id that the daemon can have given is sent.
    ///
    /// # Errors
    /// Why it may still be open.
    fn revoke(&self, session_id: &str) -> Result<(), String> {
        let id = SessionId::parse(session_id).ok_or("the id in its token is none of the daemon's")?;
        self.operator.revoke(&id).map_err(|refusal| refusal.failure(self.base_url).what)
    }
}

/// Waits for the lock. Without locks in the file system everything else is done all the same.
fn locked(file: &Path, clock: &dyn Clock) -> Result<TokenLock, Failure> {
    let mut lock = TokenLock::of(file);
    let begin = clock.now().mono;
    let mut is_told = false;
    loop {
        match lock.try_take() {
            TryLock::Held | TryLock::Unsupported => return Ok(lock),
            TryLock::NoDirectory => return Err(no_directory(file)),
            TryLock::Failed(fault) => return Err(unwritable(file, &fault)),
            TryLock::Busy => {
                let waited = clock.now().mono.saturating_sub(begin);
                if waited >= LOCK_WAIT_MAX {
                    return Err(Failure {
                        what: format!("another process holds the lock of {}", file.display()),
                        advice: "A renewal may be under way: try again. `waiaas-mcp status` says whether it is held.".to_owned(),
                    });
                }
                if waited >= LOCK_WAIT_QUIET && !is_told {
                    is_told = true;
                    output::remark("waiaas-mcp: another process is renewing this session; waiting for it");
                }
                pause(policy::LOCK_POLL);
            }
        }
    }
}

fn pause(time: Duration) {
    let _ = after(time).recv();
}

fn no_directory(file: &Path) -> Failure {
    Failure {
        what: format!("the directory of {} is gone", file.display()),
        advice: "Look who removes it, or name another one with --data-dir.".to_owned(),
    }
}

fn unwritable(file: &Path, fault: &FileFault) -> Failure {
    Failure {
        what: format!("{} cannot be written ({}): {}", file.display(), fault.operation, fault.detail),
        advice: format!(
            "{}, or name another directory with --data-dir; no session was changed.",
            fault.remedy()
        ),
    }
}
