//! The sandbox's data directory: one that was given, or a temporary one that goes with the sandbox.

use std::fs::{self, DirBuilder};
use std::io;
use std::path::{Path, PathBuf};

use super::ids::random_bits;

/// A data directory. One of the sandbox's own making is removed with it.
pub(super) struct DataDir {
    path: PathBuf,
    temporary: bool,
}

impl DataDir {
    /// Uses the directory given, made if need be, or makes a temporary one.
    pub(super) fn open(given: Option<PathBuf>) -> io::Result<DataDir> {
        let temporary = given.is_none();
        let path = given.unwrap_or_else(|| {
            std::env::temp_dir().join(format!("waiaas-sandbox-{}-{:016x}", std::process::id(), random_bits()))
        });
        // A temporary directory must be new: one that somebody else made there is not ours to trust.
        let made = private_dirs(!temporary).create(&path);
        match (made, path.parent()) {
            // An empty root directory has none for temporary files either.
            (Err(error), Some(parent)) if temporary && error.kind() == io::ErrorKind::NotFound => {
                private_dirs(true).create(parent)?;
                private_dirs(false).create(&path)?;
            }
            (made, _) => made?,
        }
        Ok(DataDir { path, temporary })
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

/// Makes directories of mode 0700.
pub(super) fn private_dirs(recursive: bool) -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.recursive(recursive);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}
