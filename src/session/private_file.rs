//! Files that belong to one user: opened without following a link or hanging on a FIFO, made private, and trusted only
//! if nobody else can have put them there.
//!
//! Used by `token_file`, `leftovers` and `lock`. In a directory that others may write to, a name proves nothing: whose
//! file it is, the operating system says. What root makes on somebody's behalf is given to that user, or the next
//! process of theirs could not read it.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io;
use std::path::Path;

/// Why a file is not used.
pub(super) const FOREIGN: &str = "it belongs to another user";

/// Opens a file to read it.
pub(super) fn open(path: &Path) -> io::Result<File> {
    unix_flags(OpenOptions::new().read(true), libc_flags::READ).open(path)
}

/// Opens a file that is there to write over it.
pub(super) fn open_to_overwrite(path: &Path) -> io::Result<File> {
    unix_flags(OpenOptions::new().write(true), libc_flags::WRITE).open(path)
}

/// Makes a file that is not there yet, for whoever the token file beside it belongs to.
pub(super) fn create_new(path: &Path, beside: &Path) -> io::Result<File> {
    let file = unix_flags(OpenOptions::new().write(true).create_new(true), libc_flags::WRITE).open(path)?;
    give(&file, beside)?;
    Ok(file)
}

/// Opens a file to lock it, or makes it.
pub(super) fn open_or_create(path: &Path, beside: &Path) -> io::Result<File> {
    // Read and write, because NFS refuses an exclusive lock on a file that is open for reading only.
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    match unix_flags(&mut options, libc_flags::READ).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        outcome => return outcome,
    }
    match unix_flags(options.create_new(true), libc_flags::READ).open(path) {
        // Somebody else has made it meanwhile.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            unix_flags(OpenOptions::new().read(true).write(true), libc_flags::READ).open(path)
        }
        Ok(file) => {
            give(&file, beside)?;
            Ok(file)
        }
        outcome => outcome,
    }
}

/// Whether nobody but this user, or whoever this process acts for, can have put the file there: it is ours; or, for
/// root, its directory's owner's; or root's own, in a directory that only root can write to.
#[cfg(unix)]
pub(super) fn is_trusted(file: &Metadata, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    const ROOT: u32 = 0;
    const WRITABLE_BY_OTHERS: u32 = 0o022;
    let (user, owner) = (rustix::process::geteuid().as_raw(), file.uid());
    if owner == user {
        return true;
    }
    let Ok(directory) = fs::metadata(parent(path)) else { return false };
    if user == ROOT {
        return owner == directory.uid();
    }
    owner == ROOT && directory.uid() == ROOT && directory.mode() & WRITABLE_BY_OTHERS == 0
}

#[cfg(not(unix))]
pub(super) fn is_trusted(_file: &Metadata, _path: &Path) -> bool {
    true
}

/// Whether two handles are the same file.
#[cfg(unix)]
pub(super) fn is_same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(not(unix))]
pub(super) fn is_same(_one: &Metadata, _other: &Metadata) -> bool {
    true
}

/// Makes a directory and those above it that are missing, private. What root makes belongs to the owner of the directory
/// that was there.
pub(super) fn make_directory(directory: &Path) -> io::Result<()> {
    match fs::metadata(directory) {
        Ok(metadata) if metadata.is_dir() => return Ok(()),
        // What cannot be looked at is not missing: then all above it may look like that, and there is no end to it.
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let above = parent(directory);
    if above != directory {
        make_directory(above)?;
    }
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    match builder.create(directory) {
        // Somebody else has made it meanwhile.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && directory.is_dir() => return Ok(()),
        outcome => outcome?,
    }
    give_directory(directory, above)?;
    // A new directory is itself an entry that a power cut may lose.
    sync_directory(above)
}

/// Gives a new file to the owner of `beside`, or, if there is no such file, of its directory. Only root can, and only
/// root has to.
#[cfg(unix)]
fn give(file: &File, beside: &Path) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, fchown};
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let there =
        fs::symlink_metadata(beside).ok().filter(|there| there.is_file() && is_trusted(there, beside));
    let owner = match there {
        Some(there) => there,
        None => fs::metadata(parent(beside))?,
    };
    if (owner.uid(), owner.gid()) == (0, 0) {
        Ok(())
    } else {
        fchown(file, Some(owner.uid()), Some(owner.gid()))
    }
}

#[cfg(not(unix))]
fn give(_file: &File, _beside: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn give_directory(directory: &Path, above: &Path) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, chown};
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let owner = fs::metadata(above)?;
    if (owner.uid(), owner.gid()) == (0, 0) {
        return Ok(());
    }
    chown(directory, Some(owner.uid()), Some(owner.gid()))
}

#[cfg(not(unix))]
fn give_directory(_directory: &Path, _above: &Path) -> io::Result<()> {
    Ok(())
}

/// The directory in which this stands.
pub(super) fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(unix)]
pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Other systems write a rename through, or offer no way to ask for it.
#[cfg(not(unix))]
pub(super) fn sync_directory(_directory: &Path) -> io::Result<()> {
    Ok(())
}

/// Private from creation, and never through a symbolic link.
#[cfg(unix)]
fn unix_flags(options: &mut OpenOptions, flags: i32) -> &mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.mode(0o600).custom_flags(flags)
}

#[cfg(not(unix))]
fn unix_flags(options: &mut OpenOptions, _flags: i32) -> &mut OpenOptions {
    options
}

#[cfg(unix)]
mod libc_flags {
    /// A FIFO or a link at the path must neither hang nor fool us.
    pub(super) const READ: i32 = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    pub(super) const WRITE: i32 = libc::O_NOFOLLOW;
}

#[cfg(not(unix))]
mod libc_flags {
    pub(super) const READ: i32 = 0;
    pub(super) const WRITE: i32 = 0;
}
