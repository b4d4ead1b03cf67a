//! The temporary files that crashed processes left beside a token file: which hold a token, and which can go.
//!
//! Used by `token_file`, under the lock. A complete one may be the only place where a session's newest token is, so nothing
//! is removed that could not be read or understood, and nothing on the word of a clock that may be wrong.

use std::ffi::OsString;
use std::fs::{self, DirEntry};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::choose;
use super::clock_offset::DaemonTime;
use super::{Session, policy, private_file};
use crate::time::Timestamp;

/// Stands between the token file's name and the random part of a temporary file's.
const TEMPORARY_MARK: &str = ".waiaas-mcp-";

/// Fills the reserved space. No token holds it.
pub(super) const RESERVED_BYTE: u8 = b'#';

/// Stands behind a token until the file is cut to its length. In a file that was never cut it tells a token that
/// was written to its end from the beginning of one.
pub(super) const TERMINATOR: u8 = b'\n';

/// What a look at them came to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Leftovers {
    /// The complete tokens among them, each of the right form.
    pub sessions: Vec<Session>,
    /// One that belongs to another user, if there is one: neither used nor removed.
    pub foreign: Option<PathBuf>,
}

/// What one of them holds.
enum Content {
    /// A token that was written to its end.
    Complete(String),
    /// Reserved space, or the beginning of a token before it: of no use to anybody.
    Unfinished,
    /// It cannot be read, or is nothing that we write.
    Unknown,
    /// It belongs to another user.
    Foreign,
}

/// How the names of this token file's temporary files begin.
pub(super) fn prefix(token_file: &Path) -> String {
    let name = token_file.file_name().unwrap_or_default().to_string_lossy();
    format!(".{name}{TEMPORARY_MARK}")
}

/// The path of a new one, with this random part.
pub(super) fn path(token_file: &Path, random: u64) -> PathBuf {
    let name = format!("{}{random:016x}", prefix(token_file));
    private_file::parent(token_file).join(OsString::from(name))
}

/// Looks at all of them, and removes those that are old and of no use. `in_file`: the token in the token file. `parse`:
/// what this token file takes for a token. `now`: our wall clock, which the files' times go by.
pub(super) fn sweep(
    token_file: &Path,
    in_file: Option<&Session>,
    time: DaemonTime,
    now: Timestamp,
    parse: impl Fn(&str) -> Option<Session>,
) -> Leftovers {
    let mut found = Leftovers::default();
    let Ok(entries) = fs::read_dir(private_file::parent(token_file)) else { return found };
    let prefix = prefix(token_file);
    for entry in entries.take(policy::LEFTOVER_ENTRIES_MAX).flatten() {
        if !entry.file_name().to_string_lossy().starts_with(&prefix) {
            continue;
        }
        let is_rubbish = match content(&entry.path()) {
            Content::Unknown => false,
            Content::Foreign => {
                found.foreign.get_or_insert_with(|| entry.path());
                false
            }
            Content::Unfinished => true,
            Content::Complete(text) => match parse(&text) {
                None => false,
                Some(session) => {
                    let is_over = !is_needed(&session, in_file, time);
                    found.sessions.push(session);
                    is_over
                }
            },
        };
        if is_rubbish && is_old(&entry, now) {
            let _ = fs::remove_file(entry.path());
        }
    }
    found
}

/// Whether it may be the only place of a token that somebody will want: not if the file holds a later one of its session,
/// nor if its end is over by a clock that is known to be right.
fn is_needed(session: &Session, in_file: Option<&Session>, time: DaemonTime) -> bool {
    let is_superseded =
        in_file.is_some_and(|in_file| in_file.id() == session.id() && !session.is_later_than(in_file));
    let is_over = time.is_known && choose::fitness(session, time).is_err();
    !is_superseded && !is_over
}

fn is_old(entry: &DirEntry, now: Timestamp) -> bool {
    let modified = entry.metadata().ok().and_then(|metadata| Timestamp::of_file(&metadata));
    let age_ms = modified.map_or(0, |modified| now.millis_since(modified));
    age_ms > crate::time::millis(policy::LEFTOVER_AGE_MAX)
}

fn content(path: &Path) -> Content {
    let Ok(file) = private_file::open(path) else { return of_closed(path) };
    let Ok(metadata) = file.metadata() else { return Content::Unknown };
    if !private_file::is_trusted(&metadata, path) {
        return Content::Foreign;
    }
    if !metadata.is_file() {
        return Content::Unknown;
    }
    let bytes_max = u64::try_from(policy::TOKEN_FILE_BYTES_MAX).unwrap_or(u64::MAX);
    let mut text = String::new();
    if file.take(bytes_max).read_to_string(&mut text).is_err() {
        return Content::Unknown;
    }
    understood(&text)
}

/// One that cannot be opened is at least somebody's.
fn of_closed(path: &Path) -> Content {
    match fs::symlink_metadata(path) {
        Ok(metadata) if !private_file::is_trusted(&metadata, path) => Content::Foreign,
        _ => Content::Unknown,
    }
}

/// A token was written to its end if the file was cut to its length, or if its terminator stands before what is left of the
/// reserved space. The beginning of a token has the form of a token too, with a signature that is too short.
fn understood(text: &str) -> Content {
    let reserved = char::from(RESERVED_BYTE);
    let is_reserved = |text: &str| text.chars().all(|c| c == reserved);
    match text.split_once(char::from(TERMINATOR)) {
        Some((token, rest)) if is_reserved(rest) => Content::Complete(token.to_owned()),
        Some(_) => Content::Unknown,
        None if text.contains(reserved) => {
            let begun = text.trim_end_matches(reserved);
            if begun.is_empty() || begun.starts_with(super::PREFIX) || super::PREFIX.starts_with(begun) {
                Content::Unfinished
            } else {
                Content::Unknown
            }
        }
        None if text.is_empty() => Content::Unfinished,
        None => Content::Complete(text.to_owned()),
    }
}
