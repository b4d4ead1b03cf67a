//! The sandbox's data directory: one that was given, or a temporary one that goes with the sandbox.
//!
//! A sandbox that was killed cannot take its directory away, so the next one does. That it is dead is told by a kernel
//! lock on a file inside, which ends with its process: a process id may be another's by then, and an age says nothing.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::ids::random_bits;

/// What the names of temporary directories begin with.
const PREFIX: &str = "waiaas-sandbox-";

/// The file that is locked as long as its directory is in use.
const ALIVE: &str = ".alive";

/// How often another directory is tried whose lock somebody else has taken, who took it for a dead one's.
const ATTEMPTS_MAX: u32 = 10;

/// Names in the directory for temporary files that are looked at: a start must not take long for tidiness.
const NAMES_MAX: usize = 10_000;

/// A data directory. One of the sandbox's own making is removed with it.
pub(super) struct DataDir {
    path: PathBuf,
    temporary: bool,
    /// Held until the directory is gone.
    _alive: Option<File>,
}

impl DataDir {
    /// Uses the directory given, made if need be, or makes a temporary one.
    pub(super) fn open(given: Option<PathBuf>) -> io::Result<DataDir> {
        match given {
            Some(path) => {
                private_dirs(true).create(&path)?;
                Ok(DataDir { path, temporary: false, _alive: None })
            }
            None => DataDir::temporary(&std::path::absolute(std::env::temp_dir())?),
        }
    }

    fn temporary(parent: &Path) -> io::Result<DataDir> {
        for _ in 0..ATTEMPTS_MAX {
            let path = parent.join(format!("{PREFIX}{}-{:016x}", std::process::id(), random_bits()));
            // It must be new: one that somebody else made there is not ours to trust.
            match private_dirs(false).create(&path) {
                // An empty root directory has none for temporary files either.
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    private_dirs(true).create(parent)?;
                    private_dirs(false).create(&path)?;
                }
                made => made?,
            }
            if let Some(alive) = locked(&path)? {
                sweep(parent, &path);
                return Ok(DataDir { path, temporary: true, _alive: Some(alive) });
            }
        }
        Err(io::Error::other("temporary directories vanish as soon as they are made"))
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        if self.temporary {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// The lock of a directory just made; `None` if another sandbox found the file before it was locked and takes the
/// directory away.
fn locked(directory: &Path) -> io::Result<Option<File>> {
    let path = directory.join(ALIVE);
    let file = match OpenOptions::new().write(true).create_new(true).open(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Ok(None),
        // Without locks in the file system nobody sweeps either.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(path.exists().then_some(file)),
    }
}

/// Removes the directories of sandboxes that are dead. Those of other users are theirs, and what fails is left.
fn sweep(parent: &Path, ours: &Path) {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten().take(NAMES_MAX);
    let is_named =
        |entry: &fs::DirEntry| entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
    for directory in entries.filter(is_named).map(|entry| entry.path()) {
        if directory == ours || !is_same_owner(&directory, ours) {
            continue;
        }
        // One without the file is being made at this moment, or is another program's.
        let Ok(file) = OpenOptions::new().write(true).open(directory.join(ALIVE)) else { continue };
        if file.try_lock().is_ok() {
            let _ = fs::remove_dir_all(&directory);
        }
    }
}

/// Whether it is a directory and no link to one, of the same user as ours.
fn is_same_owner(directory: &Path, ours: &Path) -> bool {
    let (Ok(there), Ok(here)) = (fs::symlink_metadata(directory), fs::symlink_metadata(ours)) else {
        return false;
    };
    #[cfg(unix)]
    let is_same = {
        use std::os::unix::fs::MetadataExt as _;
        there.uid() == here.uid()
    };
    // Elsewhere each user has a directory for temporary files.
    #[cfg(not(unix))]
    let is_same = here.is_dir();
    there.is_dir() && is_same
}

/// Makes directories of mode 0700.
pub(super) fn private_dirs(recursive: bool) -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.recursive(recursive);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(parent: &Path) -> usize {
        fs::read_dir(parent).expect("a directory").count()
    }

    #[test]
    fn what_a_dead_one_has_left_is_swept_and_what_a_living_one_uses_is_not() {
        let parent = tempfile::tempdir().expect("a directory");
        let living = DataDir::temporary(parent.path()).expect("a directory");
        let dead = parent.path().join(format!("{PREFIX}1-0123456789abcdef"));
        fs::create_dir_all(dead.join("mcp-tokens")).expect("a directory");
        File::create(dead.join("mcp-tokens/x")).expect("a file");
        // Of an unknown kind: being made, another program's, a link to somewhere.
        let unknown = parent.path().join(format!("{PREFIX}2"));
        fs::create_dir(&unknown).expect("a directory");
        let elsewhere = tempfile::tempdir().expect("a directory");
        File::create(elsewhere.path().join(ALIVE)).expect("a file");
        #[cfg(unix)]
        std::os::unix::fs::symlink(elsewhere.path(), parent.path().join(format!("{PREFIX}3")))
            .expect("a link");
        drop(DataDir::temporary(parent.path()).expect("a directory"));
        assert!(dead.exists(), "without the file nobody knows whose it is");
        File::create(dead.join(ALIVE)).expect("a file");
        drop(DataDir::temporary(parent.path()).expect("a directory"));
        assert!(!dead.exists());
        assert!(
            living.path().join(ALIVE).exists() && unknown.exists() && elsewhere.path().join(ALIVE).exists()
        );
    }

    #[test]
    fn many_that_start_and_end_at_once_leave_each_other_alone() {
        let parent = tempfile::tempdir().expect("a directory");
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let directory = DataDir::temporary(parent.path()).expect("a directory");
                        let file = directory.path().join("mcp-token");
                        File::create(&file).expect("it is there");
                        sweep(parent.path(), parent.path());
                        assert!(file.exists());
                    }
                });
            }
        });
        assert_eq!(names(parent.path()), 0);
    }
}
