//! The lock between processes that share a token file: `<token file>.lock`, a kernel advisory lock.
//!
//! Used by the worker. The kernel frees it the moment its holder dies, whatever killed it, which no marker
//! file or process id can do. The lock is not the token file itself, because a rename would leave each
//! process with the lock of another inode; it is never renamed and never deleted. Refuses to wait: how long
//! to try is the worker's.

use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::fault::FileFault;
use super::private_file;

/// The lock file, and the lock while it is held.
pub struct TokenLock {
    path: PathBuf,
    token_file: PathBuf,
    held: Option<File>,
}

/// What one try came to.
#[derive(Debug)]
pub enum TryLock {
    /// It is ours.
    Held,
    /// Another process has it.
    Busy,
    /// The file system has no locks.
    Unsupported,
    /// The directory does not exist.
    NoDirectory,
    /// The lock file cannot be opened or locked.
    Failed(FileFault),
}

/// Whether somebody has the lock, as far as that can be seen without taking it away from anybody.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LockState {
    /// Nobody has it, or there is no lock file yet.
    Free,
    /// Another process has it.
    HeldByAnother,
    /// The file system has no locks.
    Unsupported,
    /// The lock file cannot be opened or locked.
    Unknown,
}

impl TryLock {
    /// What a try came to that the kernel refused.
    fn refused(error: TryLockError) -> TryLock {
        match error {
            TryLockError::WouldBlock => TryLock::Busy,
            TryLockError::Error(error) if is_unsupported(&error) => TryLock::Unsupported,
            TryLockError::Error(error) => TryLock::Failed(FileFault::new("lock", &error)),
        }
    }
}

/// ENOSYS and EOPNOTSUPP; and ENOLCK, which is what a network file system without a lock service says.
fn is_unsupported(error: &io::Error) -> bool {
    #[cfg(unix)]
    let is_no_lock = error.raw_os_error() == Some(libc::ENOLCK);
    #[cfg(not(unix))]
    let is_no_lock = false;
    is_no_lock || error.kind() == ErrorKind::Unsupported
}

impl LockState {
    /// What a try that was refused tells of it.
    fn seen(refused: &TryLock) -> LockState {
        match refused {
            TryLock::Busy => LockState::HeldByAnother,
            TryLock::Unsupported => LockState::Unsupported,
            _ => LockState::Unknown,
        }
    }
}

impl TokenLock {
    /// The lock of this token file. Nothing is opened yet.
    pub fn of(token_file: &Path) -> TokenLock {
        TokenLock::beside(token_file, ".lock")
    }

    /// Another lock beside this token file, for another purpose ([`super::keeper`]).
    pub(super) fn beside(token_file: &Path, ending: &str) -> TokenLock {
        let mut path = token_file.as_os_str().to_owned();
        path.push(ending);
        TokenLock { path: path.into(), token_file: token_file.to_owned(), held: None }
    }

    /// The lock file, while the lock is held.
    pub(super) fn held(&self) -> Option<&File> {
        self.held.as_ref()
    }

    /// Tries once, without waiting.
    pub fn try_take(&mut self) -> TryLock {
        let failed = |error: &io::Error| TryLock::Failed(FileFault::new("open the lock file", error));
        let file = match private_file::open_or_create(&self.path, &self.token_file) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return TryLock::NoDirectory,
            Err(error) => return failed(&error),
        };
        // Whoever owns it could hold it for ever.
        if !file.metadata().is_ok_and(|metadata| private_file::is_trusted(&metadata, &self.path)) {
            return TryLock::Failed(FileFault::foreign("open the lock file"));
        }
        match file.try_lock() {
            Ok(()) => {
                self.held = Some(file);
                TryLock::Held
            }
            Err(error) => TryLock::refused(error),
        }
    }

    /// Looks whether somebody has it. Makes no lock file, and shares the lock for no longer than the look takes, so
    /// that two who look do not see each other.
    pub fn state(&self) -> LockState {
        let file = match self.open_to_look() {
            Ok(file) => file,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return LockState::Free;
            }
            Err(_) => return LockState::Unknown,
        };
        if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
            return LockState::Unknown;
        }
        match file.try_lock_shared() {
            Ok(()) => LockState::Free,
            Err(error) => LockState::seen(&TryLock::refused(error)),
        }
    }

    /// Opens the lock file for reading, if there is one: no symbolic link, and without hanging on a FIFO.
    pub(super) fn open_to_look(&self) -> io::Result<File> {
        private_file::open(&self.path)
    }

    /// Releases the lock, if it is held. Closing the file is enough, also for the kernel when we die.
    pub fn release(&mut self) {
        self.held = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_and_free_again_when_its_holder_goes() {
        let directory = tempfile::tempdir().unwrap();
        let token_file = directory.path().join("mcp-token");
        let (mut one, mut other) = (TokenLock::of(&token_file), TokenLock::of(&token_file));
        assert_eq!(one.state(), LockState::Free);
        assert!(!directory.path().join("mcp-token.lock").exists(), "a look makes no file");
        assert!(matches!(one.try_take(), TryLock::Held));
        assert!(matches!(other.try_take(), TryLock::Busy));
        assert_eq!(other.state(), LockState::HeldByAnother);
        one.release();
        assert_eq!(other.state(), LockState::Free);
        assert!(matches!(other.try_take(), TryLock::Held));
        drop(other);
        assert!(matches!(one.try_take(), TryLock::Held));
    }

    #[test]
    fn a_file_system_without_locks_is_told_from_one_that_fails() {
        let refused = |kind: ErrorKind| TryLock::refused(TryLockError::Error(kind.into()));
        #[cfg(unix)]
        {
            let no_lock_service = io::Error::from_raw_os_error(libc::ENOLCK);
            assert!(matches!(TryLock::refused(TryLockError::Error(no_lock_service)), TryLock::Unsupported));
        }
        let (busy, unsupported) =
            (TryLock::refused(TryLockError::WouldBlock), refused(ErrorKind::Unsupported));
        let failed = refused(ErrorKind::PermissionDenied);
        assert!(matches!(
            (&busy, &unsupported, &failed),
            (TryLock::Busy, TryLock::Unsupported, TryLock::Failed(_))
        ));
        let seen = [&busy, &unsupported, &failed].map(LockState::seen);
        assert_eq!(seen, [LockState::HeldByAnother, LockState::Unsupported, LockState::Unknown]);
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_lock_file_is_neither_locked_nor_followed() {
        let directory = tempfile::tempdir().unwrap();
        let token_file = directory.path().join("mcp-token");
        let lock_file = directory.path().join("mcp-token.lock");
        let mut lock = TokenLock::of(&token_file);
        std::os::unix::fs::symlink(&token_file, &lock_file).unwrap();
        assert_eq!(lock.state(), LockState::Unknown);
        assert!(matches!(lock.try_take(), TryLock::Failed(_)) && !token_file.exists());
        std::fs::remove_file(&lock_file).unwrap();
        std::fs::create_dir(&lock_file).unwrap();
        assert_eq!(lock.state(), LockState::Unknown);
        assert!(matches!(lock.try_take(), TryLock::Failed(_)));
    }

    #[cfg(unix)]
    #[test]
    fn the_lock_file_is_private_and_stays() {
        use std::os::unix::fs::MetadataExt as _;
        let directory = tempfile::tempdir().unwrap();
        let mut lock = TokenLock::of(&directory.path().join("mcp-token"));
        assert!(matches!(lock.try_take(), TryLock::Held));
        lock.release();
        let metadata = directory.path().join("mcp-token.lock").metadata().unwrap();
        assert_eq!((metadata.mode() & 0o777, metadata.len()), (0o600, 0));
    }

    #[test]
    fn a_missing_directory_and_an_unfit_lock_file_are_told_apart() {
        let directory = tempfile::tempdir().unwrap();
        assert!(matches!(TokenLock::of(&directory.path().join("no/token")).try_take(), TryLock::NoDirectory));
        std::fs::create_dir(directory.path().join("mcp-token.lock")).unwrap();
        let mut lock = TokenLock::of(&directory.path().join("mcp-token"));
        assert!(matches!(lock.try_take(), TryLock::Failed(_)));
        assert_eq!(lock.state(), LockState::Unknown);
    }
}
