//! Whether a keeper is at work on a token file: `<token file>.keeper`, a lock that `keep` holds for as long as it works.
//!
//! Taken by `keep`, looked at by `status` and `doctor`. That a keeper lives is told by the kernel's lock alone, which is
//! gone the moment its holder is: what is written in the file may outlive its writer, and a number of a process may be
//! somebody else's by now. The file is never removed, because a second keeper would then lock another one than the first.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use serde_json::Value;

use super::lock::{LockState, TokenLock, TryLock};
use crate::json::Object;
use crate::time::Timestamp;

/// What the file's name ends in.
const ENDING: &str = ".keeper";

/// Longest piece of the file that is read, in bytes. What is written has about eighty.
const NOTE_BYTES_MAX: u64 = 1024;

/// The mark of this process on one token file.
pub struct KeeperMark {
    lock: TokenLock,
    note: KeeperNote,
}

/// What a keeper writes of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeeperNote {
    /// The number of its process, as it sees itself: in a container it is not what others see.
    pub pid: u32,
    /// When it took the file up.
    pub since: Timestamp,
    /// When a keeper renewed the file's token last, this one or one before it.
    pub last_renewal: Option<Timestamp>,
}

/// What can be seen of a file's keeper.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeeperView {
    /// Whether one is at work; `None` if that cannot be seen.
    pub is_at_work: Option<bool>,
    /// What the last one wrote, if that can be read.
    pub note: Option<KeeperNote>,
}

impl KeeperMark {
    /// Takes the mark, if nobody has it.
    ///
    /// # Errors
    /// What the try came to instead; [`TryLock::Busy`] if another keeper is at work.
    pub fn take(token_file: &Path, now: Timestamp) -> Result<KeeperMark, TryLock> {
        let mut lock = TokenLock::beside(token_file, ENDING);
        let last_renewal = read_note(&lock).and_then(|note| note.last_renewal);
        match lock.try_take() {
            TryLock::Held => {
                let note = KeeperNote { pid: std::process::id(), since: now, last_renewal };
                let mark = KeeperMark { lock, note };
                // A disk that takes no note takes no token either, and that is told elsewhere.
                let _ = mark.write();
                Ok(mark)
            }
            other => Err(other),
        }
    }

    /// When a keeper renewed the token last.
    pub fn last_renewal(&self) -> Option<Timestamp> {
        self.note.last_renewal
    }

    /// Notes a renewal.
    ///
    /// # Errors
    /// Whatever the operating system says.
    pub fn renewed(&mut self, at: Timestamp) -> io::Result<()> {
        self.note.last_renewal = Some(at);
        self.write()
    }

    /// In one piece, and cut to length afterwards: who reads meanwhile finds one whole line first.
    fn write(&self) -> io::Result<()> {
        let Some(mut file) = self.lock.held() else { return Ok(()) };
        let line = self.note.to_json() + "\n";
        file.seek(SeekFrom::Start(0))?;
        file.write_all(line.as_bytes())?;
        file.set_len(u64::try_from(line.len()).unwrap_or(NOTE_BYTES_MAX))
    }
}

impl KeeperView {
    /// Looks at the keeper of this token file, and disturbs nobody.
    pub fn of(token_file: &Path) -> KeeperView {
        let lock = TokenLock::beside(token_file, ENDING);
        let is_at_work = match lock.state() {
            LockState::Free => Some(false),
            LockState::HeldByAnother => Some(true),
            LockState::Unsupported | LockState::Unknown => None,
        };
        KeeperView { is_at_work, note: read_note(&lock) }
    }
}

impl KeeperNote {
    /// Times in Unix seconds, as everywhere.
    fn to_json(self) -> String {
        let last_renewal = self.last_renewal.map_or("null".to_owned(), |at| at.unix_seconds().to_string());
        Object::new()
            .raw("pid", &self.pid.to_string())
            .raw("since", &self.since.unix_seconds().to_string())
            .raw("lastRenewal", &last_renewal)
            .finish()
    }

    fn parse(text: &str) -> Option<KeeperNote> {
        let note: Value = serde_json::from_str(text.lines().next()?).ok()?;
        Some(KeeperNote {
            pid: u32::try_from(note.get("pid")?.as_u64()?).ok()?,
            since: Timestamp::from_unix_seconds(note.get("since")?.as_i64()?),
            last_renewal: note.get("lastRenewal")?.as_i64().map(Timestamp::from_unix_seconds),
        })
    }
}

fn read_note(lock: &TokenLock) -> Option<KeeperNote> {
    let file: File = lock.open_to_look().ok()?;
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut text = String::new();
    file.take(NOTE_BYTES_MAX).read_to_string(&mut text).ok()?;
    KeeperNote::parse(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds)
    }

    #[test]
    fn a_keeper_is_at_work_as_long_as_it_lives_and_what_it_did_is_remembered() {
        let directory = tempfile::tempdir().unwrap();
        let token_file = directory.path().join("mcp-token");
        assert_eq!(KeeperView::of(&token_file), KeeperView { is_at_work: Some(false), note: None });
        let mut mark = KeeperMark::take(&token_file, at(1_795_330_000)).unwrap();
        assert!(matches!(KeeperMark::take(&token_file, at(7)), Err(TryLock::Busy)));
        let note =
            |last_renewal| KeeperNote { pid: std::process::id(), since: at(1_795_330_000), last_renewal };
        let seen = |is_at_work, last_renewal| KeeperView {
            is_at_work: Some(is_at_work),
            note: Some(note(last_renewal)),
        };
        assert_eq!(KeeperView::of(&token_file), seen(true, None));
        mark.renewed(at(1_795_330_180)).unwrap();
        assert_eq!(KeeperView::of(&token_file), seen(true, Some(at(1_795_330_180))));
        drop(mark);
        assert_eq!(KeeperView::of(&token_file), seen(false, Some(at(1_795_330_180))), "it has gone");
        let next = KeeperMark::take(&token_file, at(8)).unwrap();
        assert_eq!(next.last_renewal(), Some(at(1_795_330_180)));
    }

    #[test]
    fn a_note_that_makes_no_sense_says_nothing_and_does_not_hide_the_keeper() {
        let directory = tempfile::tempdir().unwrap();
        let token_file = directory.path().join("mcp-token");
        let path = directory.path().join("mcp-token.keeper");
        for text in ["", "garbage", "{}", "{\"pid\":-1,\"since\":0,\"lastRenewal\":null}", "[1]\n", "\u{0}"] {
            #[expect(clippy::disallowed_methods, reason = "a test prepares a file")]
            std::fs::write(&path, text).unwrap();
            assert_eq!(KeeperView::of(&token_file).note, None, "{text:?}");
            let mark = KeeperMark::take(&token_file, at(5)).unwrap();
            assert_eq!(KeeperView::of(&token_file).is_at_work, Some(true));
            assert_eq!(KeeperView::of(&token_file).note.map(|note| note.since), Some(at(5)));
            drop(mark);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_or_a_directory_in_its_place_is_neither_followed_nor_believed() {
        let directory = tempfile::tempdir().unwrap();
        let token_file = directory.path().join("mcp-token");
        let path = directory.path().join("mcp-token.keeper");
        std::os::unix::fs::symlink(directory.path().join("elsewhere"), &path).unwrap();
        assert_eq!(KeeperView::of(&token_file), KeeperView { is_at_work: None, note: None });
        assert!(matches!(KeeperMark::take(&token_file, at(5)), Err(TryLock::Failed(_))));
        assert!(!directory.path().join("elsewhere").exists());
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert_eq!(KeeperView::of(&token_file), KeeperView { is_at_work: None, note: None });
    }
}
