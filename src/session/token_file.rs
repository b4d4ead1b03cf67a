//! The token file: reading that cannot hang or be fooled, writing that is durable and never torn.
//!
//! Used by the worker, and by the commands that make sessions. Reading accepts only a regular file of bounded
//! size that is not a symlink. Writing goes through a temporary file of our own in the same directory, created
//! private, its space reserved before anything is asked of the daemon, synced, compared with what was read,
//! renamed, and the directory synced. Never through `<file>.tmp`, which other programs use. Refuses to know
//! when to write and what to do about a fault.

use std::fs::{self, File};
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use super::clock_offset::DaemonTime;
use super::events::{FileView, StoreOutcome};
use super::fault::{FileFault, FileFaultKind};
use super::leftovers::{self, Leftovers, RESERVED_BYTE, TERMINATOR};
use super::{Session, TokenPlace, policy, private_file};
use crate::secret::Token;
use crate::time::Timestamp;

/// The token file of one process, and its temporary file while there is one.
pub struct TokenFile {
    place: TokenPlace,
    prepared: Option<Prepared>,
    /// A complete temporary file that could not be renamed: until a later store succeeds, it is the only place
    /// on the disk where its token is, and whoever starts after a crash finds it there.
    unplaced: Option<PathBuf>,
}

struct Prepared {
    path: PathBuf,
    file: File,
}

impl TokenFile {
    /// The file at this place. Nothing is touched yet.
    pub fn new(place: TokenPlace) -> TokenFile {
        TokenFile { place, prepared: None, unplaced: None }
    }

    /// Reads the token file; where it is missing, its read-only fallback.
    pub fn read(&self, now: Timestamp) -> FileView {
        match (self.read_one(&self.place.write, now), &self.place.read_fallback) {
            (FileView::Missing, Some(fallback)) => self.read_one(fallback, now),
            (view, _) => view,
        }
    }

    /// Why the token file cannot be replaced by a rename, or should not be: a link would be cut, a directory is in the
    /// way.
    pub fn obstacle(&self) -> Option<&'static str> {
        let kind = fs::symlink_metadata(&self.place.write).ok()?.file_type();
        match (kind.is_symlink(), kind.is_dir()) {
            (true, _) => Some("it is a symbolic link"),
            (_, true) => Some("it is a directory"),
            _ => None,
        }
    }

    /// Whether others may read the token file: other writers leave it at 0644.
    pub fn is_readable_by_others(&self) -> bool {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;
            fs::symlink_metadata(&self.place.write)
                .is_ok_and(|file| file.is_file() && file.mode() & 0o077 != 0)
        }
        #[cfg(not(unix))]
        false
    }

    fn read_one(&self, path: &Path, now: Timestamp) -> FileView {
        let text = match read_bounded(path) {
            Ok(text) => text,
            Err(unread) => return unread,
        };
        self.view(&text, now)
    }

    fn view(&self, text: &str, now: Timestamp) -> FileView {
        match Session::parse(text, now) {
            Err(fault) => FileView::Unusable(fault.reason()),
            Ok(session) if self.place.only_session.as_deref().is_some_and(|only| only != session.id()) => {
                FileView::Unusable("its token belongs to another session than the environment's")
            }
            Ok(session) => FileView::Held(session),
        }
    }

    /// The pre-flight: makes the directory and the temporary file, and reserves its space on the disk.
    ///
    /// # Errors
    /// [`FileFault`] if any of it fails: then a new token could not be written either.
    pub fn prepare(&mut self) -> Result<(), FileFault> {
        self.discard();
        self.refuse_foreign()?;
        let directory = self.directory();
        private_file::make_directory(directory)
            .map_err(|error| FileFault::new("make the data directory", &error))?;
        let prepared = self.create_temporary()?;
        let reserve = |mut file: &File| {
            file.write_all(&[RESERVED_BYTE; policy::NEW_TOKEN_BYTES_MAX])?;
            file.sync_all()?;
            // The name too: a power cut after the token was synced must not take the file away with it.
            private_file::sync_directory(directory)
        };
        let reserved = reserve(&prepared.file).map_err(|error| FileFault::new("reserve space", &error));
        self.prepared = Some(prepared);
        if reserved.is_err() {
            self.discard();
        }
        reserved
    }

    /// Another user's file is not ours to replace.
    fn refuse_foreign(&self) -> Result<(), FileFault> {
        let path = &self.place.write;
        match fs::symlink_metadata(path) {
            Ok(there) if there.is_file() && !private_file::is_trusted(&there, path) => {
                Err(FileFault::foreign("replace the token file"))
            }
            _ => Ok(()),
        }
    }

    /// Makes the token file's directory, private.
    ///
    /// # Errors
    /// Whatever the operating system says.
    pub fn make_directory(&self) -> Result<(), FileFault> {
        private_file::make_directory(self.directory())
            .map_err(|error| FileFault::new("make the data directory", &error))
    }

    /// Writes `session` to the file, unless the file holds another token by now than `instead_of`. Prepares
    /// first, if that was not done. `pause` is called between attempts to rename.
    pub fn store(
        &mut self,
        session: &Session,
        instead_of: Option<&Token>,
        now: Timestamp,
        pause: impl Fn(),
    ) -> StoreOutcome {
        if self.prepared.is_none()
            && let Err(fault) = self.prepare()
        {
            return StoreOutcome::Failed(fault);
        }
        let Some(mut prepared) = self.prepared.take() else {
            return StoreOutcome::Failed(FileFault::new("prepare", &io::Error::from(ErrorKind::NotFound)));
        };
        if let Err(error) = write_token(&mut prepared.file, session.token()) {
            let _ = fs::remove_file(&prepared.path);
            return StoreOutcome::Failed(FileFault::new("write the temporary file", &error));
        }
        let outcome = match self.put_in_place(&prepared, session, instead_of, now, pause) {
            // After an error only the file itself knows the truth: a failed sync of the directory is reported
            // when the rename has taken effect already.
            StoreOutcome::Failed(_) if self.holds(session) => StoreOutcome::Done,
            outcome => outcome,
        };
        let is_unplaced = matches!(outcome, StoreOutcome::Failed(_));
        // After a successful rename the name is free already; somebody else's token makes ours rubbish.
        let done_with = if is_unplaced { self.unplaced.replace(prepared.path) } else { Some(prepared.path) };
        let former = if is_unplaced { None } else { self.unplaced.take() };
        for path in done_with.into_iter().chain(former) {
            let _ = fs::remove_file(path);
        }
        outcome
    }

    fn put_in_place(
        &self,
        prepared: &Prepared,
        session: &Session,
        instead_of: Option<&Token>,
        now: Timestamp,
        pause: impl Fn(),
    ) -> StoreOutcome {
        if let FileView::Held(theirs) = self.read(now)
            && Some(theirs.token()) != instead_of
            && theirs.token() != session.token()
        {
            return StoreOutcome::SomebodyElse(theirs);
        }
        if let Err(fault) = self.refuse_foreign() {
            return StoreOutcome::Failed(fault);
        }
        let mut attempt = 1_u32;
        let error = loop {
            match fs::rename(&prepared.path, &self.place.write) {
                Ok(()) if !self.is_in_place(prepared) => {
                    let error = io::Error::other("something else was put in place of the temporary file");
                    return StoreOutcome::Failed(FileFault::new("rename", &error));
                }
                Ok(()) => match private_file::sync_directory(self.directory()) {
                    Ok(()) => return StoreOutcome::Done,
                    Err(error) => return StoreOutcome::Failed(FileFault::new("sync the directory", &error)),
                },
                Err(error) if attempt >= policy::RENAME_ATTEMPTS_MAX => break error,
                Err(_) => {
                    attempt = attempt.saturating_add(1);
                    pause();
                }
            }
        };
        let fault = FileFault::new("rename", &error);
        if fault.kind == FileFaultKind::MountPoint {
            return match overwrite(&self.place.write, session.token()) {
                Ok(()) => StoreOutcome::DoneInPlace,
                Err(error) => StoreOutcome::Failed(FileFault::new("write in place", &error)),
            };
        }
        StoreOutcome::Failed(fault)
    }

    /// Whether the file that was renamed is the one that we wrote.
    fn is_in_place(&self, prepared: &Prepared) -> bool {
        let (written, there) = (prepared.file.metadata(), fs::symlink_metadata(&self.place.write));
        matches!((written, there), (Ok(written), Ok(there)) if private_file::is_same(&written, &there))
    }

    /// Looks at the temporary files of this token file that other processes left, and removes those that are old and of no
    /// use. `now`: our wall clock.
    pub fn sweep(&self, time: DaemonTime, now: Timestamp) -> Leftovers {
        let in_file = match self.read(now) {
            FileView::Held(session) => Some(session),
            FileView::Missing | FileView::Unusable(_) => None,
        };
        let parse = |text: &str| match self.view(text, now) {
            FileView::Held(session) => Some(session),
            FileView::Missing | FileView::Unusable(_) => None,
        };
        leftovers::sweep(&self.place.write, in_file.as_ref(), time, now, parse)
    }

    /// Removes the prepared temporary file, if there is one.
    pub fn discard(&mut self) {
        if let Some(prepared) = self.prepared.take() {
            let _ = fs::remove_file(&prepared.path);
        }
    }

    fn holds(&self, session: &Session) -> bool {
        read_bounded(&self.place.write).is_ok_and(|text| text.trim() == session.token().expose())
    }

    fn directory(&self) -> &Path {
        private_file::parent(&self.place.write)
    }

    fn create_temporary(&self) -> Result<Prepared, FileFault> {
        // RandomState is seeded by the operating system: unique names without another dependency. That the name is
        // new is made sure by O_EXCL, not by luck; one that is not would be met by the next attempt to renew.
        let path = leftovers::path(&self.place.write, RandomState::new().hash_one(()));
        let file = private_file::create_new(&path, &self.place.write);
        let file = file.map_err(|error| FileFault::new("create a temporary file", &error))?;
        Ok(Prepared { path, file })
    }
}

impl Drop for TokenFile {
    fn drop(&mut self) {
        self.discard();
    }
}

/// Reads a regular file of bounded size. The checks are made on the open file, so nothing can be exchanged
/// between looking and reading; opening cannot hang on a FIFO.
fn read_bounded(path: &Path) -> Result<String, FileView> {
    let file = private_file::open(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => FileView::Missing,
        ErrorKind::PermissionDenied => FileView::Unusable("this user may not read it"),
        _ if path.is_symlink() => FileView::Unusable("it is a symbolic link"),
        _ => FileView::Unusable("it cannot be opened"),
    })?;
    let metadata = file.metadata().map_err(|_| FileView::Unusable("it cannot be examined"))?;
    if !metadata.is_file() {
        return Err(FileView::Unusable("it is not a regular file"));
    }
    if !private_file::is_trusted(&metadata, path) {
        return Err(FileView::Unusable(private_file::FOREIGN));
    }
    let bytes_max = u64::try_from(policy::TOKEN_FILE_BYTES_MAX).unwrap_or(u64::MAX);
    let mut text = String::new();
    file.take(bytes_max.saturating_add(1))
        .read_to_string(&mut text)
        .map_err(|_| FileView::Unusable("it cannot be read as text"))?;
    if text.len() > policy::TOKEN_FILE_BYTES_MAX {
        return Err(FileView::Unusable("it is larger than 64 KiB"));
    }
    Ok(text)
}

fn write_token(file: &mut File, token: &Token) -> io::Result<()> {
    let token = token.expose().as_bytes();
    file.seek(SeekFrom::Start(0))?;
    // One write, so that nothing can come between a token and its terminator but a full disk.
    file.write_all(&[token, &[TERMINATOR]].concat())?;
    file.set_len(u64::try_from(token.len()).unwrap_or(u64::MAX))?;
    file.sync_all()
}

/// The last resort for a file that is itself a mount point and cannot be replaced. A crash within it could
/// leave a mixture of two tokens, which is why it is the last.
fn overwrite(path: &Path, token: &Token) -> io::Result<()> {
    let mut file = private_file::open_to_overwrite(path)?;
    write_token(&mut file, token)
}

#[cfg(all(test, unix))]
#[allow(clippy::disallowed_methods, reason = "a test prepares and examines real files")]
mod tests {
    use super::*;

    #[test]
    fn the_last_resort_writes_over_a_file_and_makes_none() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("mcp-token");
        let token = Token::new("wai_sess_new".to_owned());
        assert!(overwrite(&path, &token).is_err());
        fs::write(&path, "wai_sess_a-longer-one").unwrap();
        overwrite(&path, &token).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "wai_sess_new");
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(overwrite(&link, &token).is_err());
    }
}
