//! The token files the sandbox writes, in two manners.
//!
//! Its own first token (0600) and an operator's `setup` replace the file at once; the daemon's route goes through
//! `<file>.tmp` and leaves the default mode behind, as the real one does.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use super::directory::private_dirs;
use super::ids::random_bits;

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
