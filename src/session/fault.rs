//! Failures of the token file and its lock, reduced to what anybody branches on and what people are told.
//!
//! Used by `token_file` and `lock` (to report), `renewal` (to decide) and `notice` (to tell). Pure. Refuses to
//! know what is done about them.

use std::io;

/// An operation on the token file, its directory or its lock failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileFault {
    /// What was being done, as the operating system's manual names it.
    pub operation: &'static str,
    /// Why, as far as it matters to what a person has to do.
    pub kind: FileFaultKind,
    /// The operating system's own words. They name no content.
    pub detail: String,
}

/// The causes that need different hands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileFaultKind {
    /// No space, or no quota.
    Full,
    /// The file system is mounted read-only.
    ReadOnly,
    /// This user may not write there.
    Denied,
    /// It belongs to another user, who could have put anything there.
    Foreign,
    /// The file itself is a mount point: it can be written, not replaced.
    MountPoint,
    /// Anything else.
    Other,
}

impl FileFault {
    /// Sorts an operating system's error.
    pub fn new(operation: &'static str, error: &io::Error) -> FileFault {
        use io::ErrorKind;
        let kind = match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                FileFaultKind::Full
            }
            ErrorKind::ReadOnlyFilesystem => FileFaultKind::ReadOnly,
            ErrorKind::PermissionDenied => FileFaultKind::Denied,
            ErrorKind::ResourceBusy | ErrorKind::CrossesDevices => FileFaultKind::MountPoint,
            _ => FileFaultKind::Other,
        };
        FileFault { operation, kind, detail: error.to_string() }
    }

    /// The file is another user's.
    pub fn foreign(operation: &'static str) -> FileFault {
        let detail = "it belongs to another user".to_owned();
        FileFault { operation, kind: FileFaultKind::Foreign, detail }
    }

    /// What a person can do about it, where nothing is tried again by itself: the beginning of a sentence.
    pub fn remedy(&self) -> &'static str {
        match self.kind {
            FileFaultKind::Full => "Free some space",
            FileFaultKind::ReadOnly => "Make the data directory writable",
            FileFaultKind::Denied => "Give this user the right to write in the data directory",
            FileFaultKind::Foreign => "Find out who put it there, then remove it or give it to this user",
            FileFaultKind::MountPoint => "Mount the data directory instead of the single token file",
            FileFaultKind::Other => "Look at the data directory",
        }
    }

    /// What a person can do about it, while writing is tried again by itself.
    pub fn advice(&self) -> &'static str {
        match self.kind {
            FileFaultKind::Full => "free some space; writing is tried again by itself",
            FileFaultKind::ReadOnly => "make the data directory writable; writing is tried again by itself",
            FileFaultKind::Denied => "give this user the right to write in the data directory",
            FileFaultKind::Foreign => "find out who put it there, then remove it or give it to this user",
            FileFaultKind::MountPoint => "mount the data directory instead of the single token file",
            FileFaultKind::Other => "look at the data directory; writing is tried again by itself",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_told_apart() {
        use io::ErrorKind as Io;
        for (io, kind, remedy) in [
            (Io::StorageFull, FileFaultKind::Full, "free some space"),
            (Io::ReadOnlyFilesystem, FileFaultKind::ReadOnly, "make the data directory writable"),
            (Io::PermissionDenied, FileFaultKind::Denied, "give this user the right to write"),
            (Io::ResourceBusy, FileFaultKind::MountPoint, "mount the data directory"),
            (Io::Interrupted, FileFaultKind::Other, "look at the data directory"),
        ] {
            let fault = FileFault::new("rename", &io::Error::from(io));
            assert_eq!(fault.kind, kind);
            assert!(fault.advice().starts_with(remedy), "{}", fault.advice());
            assert!(fault.remedy().to_lowercase().starts_with(remedy), "{}", fault.remedy());
        }
    }
}
