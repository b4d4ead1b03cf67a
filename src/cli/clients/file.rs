//! A client's file on the disk: reading it with bounds, replacing it so that a crash leaves the old or the new one.
//!
//! Used by the plan and by the inspection. A symbolic link is followed once, to its target, and stays a link. A new
//! text is written to a temporary file beside the target and synced, the old text goes to `<file>.bak` in the same
//! way, and only then is the target replaced. Refuses to know what the text means.

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use crate::cli::Failure;

/// Largest file that is read, in bytes. The largest of them, Claude Code's, holds some megabytes of history.
const FILE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Tries for a temporary name that is free: two 64-bit random names do not meet twice.
const NAME_ATTEMPTS_MAX: u32 = 4;

/// A file as it was read.
pub(super) struct Loaded {
    pub(super) text: String,
    /// Where it really is.
    target: PathBuf,
    metadata: Metadata,
}

/// Without the text: other servers' keys stand in it.
impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded").field("target", &self.target).finish_non_exhaustive()
    }
}

/// Reads a file. `None` if there is none.
pub(super) fn load(path: &Path) -> Result<Option<Loaded>, Failure> {
    let link = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata.is_symlink(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(cannot("be examined", path, &error)),
    };
    let target = match link {
        false => path.to_owned(),
        true => fs::canonicalize(path).map_err(|error| Failure {
            what: format!("{}: this symbolic link leads nowhere: {error}", path.display()),
            advice: "Repair the link or remove it, and run this again.".to_owned(),
        })?,
    };
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        // A FIFO must not keep us waiting for somebody to write into it.
        options.custom_flags(libc::O_NONBLOCK);
    }
    let file = options.open(&target).map_err(|error| cannot("be opened", path, &error))?;
    let metadata = file.metadata().map_err(|error| cannot("be examined", path, &error))?;
    let wrong = |what: &str, advice: &str| Failure {
        what: format!("{}: {what}", path.display()),
        advice: advice.to_owned(),
    };
    if !metadata.is_file() {
        return Err(wrong("this is not a regular file", "Move it away, and run this again."));
    }
    let bytes_max = u64::try_from(FILE_BYTES_MAX).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    file.take(bytes_max.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| cannot("be read", path, &error))?;
    if bytes.len() > FILE_BYTES_MAX {
        return Err(wrong("it is larger than 16 MiB", "Add the entry by hand."));
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(Loaded { text, target, metadata })),
        Err(error) => {
            let good = error.utf8_error().valid_up_to();
            let what = format!("it is not UTF-8 from byte {} on", good.saturating_add(1));
            Err(wrong(&what, "Save it as UTF-8, or add the entry by hand."))
        }
    }
}

/// Whether the directory of a file exists.
pub(super) fn has_directory(path: &Path) -> bool {
    path.parent().is_some_and(Path::is_dir)
}

/// Writes a file that did not exist, private, and its directory if that is missing.
pub(super) fn create(path: &Path, text: &str) -> Result<(), Failure> {
    let directory = directory_of(path);
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(directory).map_err(|error| cannot("be created", directory, &error))?;
    let new = Temporary::write(path, text, None)?;
    if !matches!(fs::symlink_metadata(path), Err(error) if error.kind() == ErrorKind::NotFound) {
        return Err(changed(path));
    }
    new.put_in_place(path)?;
    read_back(path, text)
}

/// Replaces a file that was read as `loaded`; its text is kept beside it. Returns where.
pub(super) fn replace(path: &Path, loaded: &Loaded, text: &str) -> Result<PathBuf, Failure> {
    if loaded.metadata.permissions().readonly() {
        return Err(Failure {
            what: format!("{} is write-protected", path.display()),
            advice: "Make it writable, or add the entry by hand.".to_owned(),
        });
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".bak");
    let backup = path.with_file_name(name);
    let new = Temporary::write(&loaded.target, text, Some(&loaded.metadata))?;
    let old = Temporary::write(&backup, &loaded.text, Some(&loaded.metadata))?;
    // The client may have written its file since it was read.
    match load(path)? {
        Some(current) if current.text == loaded.text && current.target == loaded.target => {}
        _ => return Err(changed(path)),
    }
    old.put_in_place(&backup)?;
    new.put_in_place(&loaded.target)?;
    read_back(path, text)?;
    Ok(backup)
}

fn read_back(path: &Path, text: &str) -> Result<(), Failure> {
    match load(path)? {
        Some(written) if written.text == text => Ok(()),
        _ => Err(changed(path)),
    }
}

/// A complete file under a name of its own; removed again unless it is put in place.
struct Temporary {
    path: PathBuf,
    is_placed: bool,
}

impl Temporary {
    /// Writes beside `beside`, with the mode and the owner of the file that it is to replace, or private.
    fn write(beside: &Path, text: &str, like: Option<&Metadata>) -> Result<Temporary, Failure> {
        let failed = |error: &io::Error| cannot("be written", beside, error);
        let (path, mut file) = create_new(beside).map_err(|error| failed(&error))?;
        let temporary = Temporary { path, is_placed: false };
        let written = file
            .write_all(text.as_bytes())
            .and_then(|()| like.map_or(Ok(()), |like| resemble(&file, like)))
            .and_then(|()| file.sync_all());
        written.map_err(|error| failed(&error))?;
        Ok(temporary)
    }

    fn put_in_place(mut self, path: &Path) -> Result<(), Failure> {
        fs::rename(&self.path, path).map_err(|error| cannot("be replaced", path, &error))?;
        self.is_placed = true;
        sync_directory(directory_of(path)).map_err(|error| cannot("be synced", directory_of(path), &error))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.is_placed {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Creates a private file with a name that nobody has.
fn create_new(beside: &Path) -> io::Result<(PathBuf, File)> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut attempt = 1_u32;
    loop {
        // Seeded by the operating system; that the name is new is made sure by O_EXCL.
        let random = RandomState::new().hash_one(attempt);
        let mut name = OsString::from(".");
        name.push(beside.file_name().unwrap_or_default());
        name.push(format!(".waiaas-mcp-{random:016x}"));
        let path = directory_of(beside).join(name);
        match options.open(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists && attempt < NAME_ATTEMPTS_MAX => {
                attempt = attempt.saturating_add(1);
            }
            Err(error) => return Err(error),
        }
    }
}

/// Gives a file the owner and the mode of another: root may well edit somebody's file.
fn resemble(file: &File, like: &Metadata) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt as _, fchown};
        let is = file.metadata()?;
        if (is.uid(), is.gid()) != (like.uid(), like.gid()) {
            fchown(file, Some(like.uid()), Some(like.gid()))?;
        }
    }
    file.set_permissions(like.permissions())
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn sync_directory(directory: &Path) -> io::Result<()> {
    #[cfg(unix)]
    File::open(directory)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = directory;
    Ok(())
}

fn changed(path: &Path) -> Failure {
    Failure {
        what: format!("{}: another program has just changed it", path.display()),
        advice: "Close the client, and run this again.".to_owned(),
    }
}

fn cannot(done: &str, path: &Path, error: &io::Error) -> Failure {
    let advice = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "Free some space, and run this again.",
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "Make the file and its directory accessible to this user, or add the entry by hand."
        }
        ErrorKind::IsADirectory => "Move the directory away, and run this again.",
        ErrorKind::NotADirectory => "One of its directories is a file: move that away, and run this again.",
        _ => "Look at the path, or add the entry by hand.",
    };
    Failure { what: format!("{} cannot {done}: {error}", path.display()), advice: advice.to_owned() }
}
