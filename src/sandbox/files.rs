//! The sandbox's data directory and the token files in it.
//!
//! Two writers in one: the sandbox's own first token (0600, directory 0700), and the foreign ways of the operator's
//! `setup` and of the daemon, which leave the default mode behind.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
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
        private_dirs(!temporary).create(&path)?;
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
fn private_dirs(recursive: bool) -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.recursive(recursive);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

/// Replaces a token file at once, with this mode.
pub(super) fn replace(path: &Path, token: &str, mode: u32) -> io::Result<()> {
    let name = format!(".sandbox-{:016x}", random_bits());
    let temporary = path.with_file_name(name);
    write_new(&temporary, token, mode)?;
    fs::rename(&temporary, path).inspect_err(|_| drop(fs::remove_file(&temporary)))
}

/// What the daemon does for POST /v1/mcp/tokens: `<file>.tmp` with the default mode, then a rename.
pub(super) fn write_as_daemon(data_dir: &Path, wallet_id: &str, token: &str) -> io::Result<()> {
    let directory = data_dir.join("mcp-tokens");
    private_dirs(true).create(&directory)?;
    let temporary = directory.join(format!("{wallet_id}.tmp"));
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    write_new(&temporary, token, 0o644)?;
    fs::rename(&temporary, directory.join(wallet_id))
}

fn write_new(path: &Path, token: &str, mode: u32) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    options.open(path)?.write_all(token.as_bytes())
}
