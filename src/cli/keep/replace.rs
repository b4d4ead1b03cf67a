//! Replacing a file at once: whoever reads it finds the old text or the new one, never a part.
//!
//! Used by `keep` for its metrics and for the files of its service. Nothing here is worth a wait for the disk: after a
//! power cut the metrics are written anew, and a service is installed again.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use crate::session::policy;
use crate::time::{Timestamp, millis};

/// Stands between the file's name and the random part of the temporary one's. It ends in no ending that a collector
/// looks for.
const TEMPORARY_MARK: &str = ".waiaas-mcp-";

/// Puts `bytes` into the place of the file, with mode 0644: others read it. Whatever the mask of this process is, because
/// a collector belongs to another user.
///
/// # Errors
/// Whatever the operating system says. The file is as it was then.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let random = RandomState::new().hash_one(());
    let mut temporary = temporary_prefix(path).ok_or_else(|| io::Error::other("it is no path of a file"))?;
    temporary.push(format!("{random:016x}"));
    let temporary = path.with_file_name(temporary);
    let file = OpenOptions::new().write(true).create_new(true).open(&temporary)?;
    let written = write(file, bytes).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Removes temporary files of this file that processes left which were killed while they wrote.
pub(super) fn sweep(path: &Path, now: Timestamp) {
    let Some(prefix) = temporary_prefix(path) else { return };
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let entries = fs::read_dir(directory).into_iter().flatten().take(policy::LEFTOVER_ENTRIES_MAX).flatten();
    for entry in entries {
        let is_ours = entry.file_name().as_encoded_bytes().starts_with(prefix.as_encoded_bytes());
        let modified = entry.metadata().ok().filter(|_| is_ours).as_ref().and_then(Timestamp::of_file);
        if modified.is_some_and(|modified| now.millis_since(modified) > millis(policy::LEFTOVER_AGE_MAX)) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// How the names of temporary files of this file begin.
fn temporary_prefix(path: &Path) -> Option<OsString> {
    let mut prefix = OsString::from(".");
    prefix.push(path.file_name()?);
    prefix.push(TEMPORARY_MARK);
    Some(prefix)
}

fn write(mut file: File, bytes: &[u8]) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        file.set_permissions(fs::Permissions::from_mode(0o644))?;
    }
    file.write_all(bytes)
}

/// The beginning of the file; `None` if there is none.
///
/// # Errors
/// Whatever the operating system says, and an error of our own for what is not a regular file: replacing a device or a
/// link by a file is not what anybody means.
pub(super) fn beginning(path: &Path, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
        Ok(metadata) if !metadata.is_file() => return Err(io::Error::other("it is not a regular file")),
        Ok(_) => {}
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(bytes_max).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

#[cfg(all(test, unix))]
#[allow(clippy::disallowed_methods, reason = "a test prepares and examines files")]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn others_can_read_it_and_nothing_else_is_left() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("waiaas.prom");
        for text in ["one", "two, longer", ""] {
            replace(&path, text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o644);
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        // A directory stands in its place.
        let taken = directory.path().join("taken");
        fs::create_dir(&taken).unwrap();
        assert!(replace(&taken, b"x").is_err() && replace(Path::new("/"), b"x").is_err());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2, "no temporary file is left");
    }

    #[test]
    fn what_a_killed_process_left_is_swept_once_it_is_old_and_nothing_else_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("waiaas.prom");
        for name in [".waiaas.prom.waiaas-mcp-00", ".other.prom.waiaas-mcp-00", "waiaas.prom"] {
            fs::write(directory.path().join(name), "x").unwrap();
        }
        let written = Timestamp::of_file(&path.metadata().unwrap()).unwrap();
        let count = || fs::read_dir(directory.path()).unwrap().count();
        sweep(&path, written.plus_millis(1_000));
        assert_eq!(count(), 3);
        sweep(&path, written.plus_millis(301_000));
        assert_eq!(count(), 2);
        assert!(!directory.path().join(".waiaas.prom.waiaas-mcp-00").exists());
    }

    #[test]
    fn only_the_beginning_of_a_regular_file_is_looked_at() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        assert_eq!(beginning(&path, 3).unwrap(), None);
        fs::write(&path, "abcdef").unwrap();
        assert_eq!(beginning(&path, 3).unwrap().as_deref(), Some(b"abc".as_slice()));
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(beginning(&link, 3).is_err() && beginning(directory.path(), 3).is_err());
        assert!(beginning(Path::new("/dev/null"), 3).is_err());
    }
}
