//! What is written, in which way, and when it is left alone.

use std::cell::Cell;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::sync::atomic::{AtomicBool, Ordering};

use waiaas_mcp::session::Session;
use waiaas_mcp::session::clock_offset::DaemonTime;
use waiaas_mcp::session::events::{FileView, StoreOutcome};
use waiaas_mcp::session::token_file::TokenFile;

use crate::{NOW, names, place, read, scratch, session, store};

#[test]
fn a_token_is_written_alone_private_and_without_a_trace() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("made/on/the/way/mcp-token");
    let new = session("s", 1_795_330_000);
    assert_eq!(store(&path, &new, None), StoreOutcome::Done);
    assert_eq!(fs::read_to_string(&path).unwrap(), new.token().expose(), "no newline, no padding");
    assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600);
    assert_eq!(path.parent().unwrap().metadata().unwrap().mode() & 0o777, 0o700);
    assert_eq!(names(path.parent().unwrap()), ["mcp-token"]);
}

#[test]
fn a_file_that_others_could_read_becomes_private() {
    let (_directory, path) = scratch();
    let old = session("s", 1_795_330_000);
    fs::write(&path, old.token().expose()).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(TokenFile::new(place(&path)).is_readable_by_others());
    assert_eq!(store(&path, &session("s", 1_795_330_180), Some(&old)), StoreOutcome::Done);
    assert!(!TokenFile::new(place(&path)).is_readable_by_others());
}

#[test]
fn somebody_elses_token_stays() {
    let (directory, path) = scratch();
    let (old, ours, theirs) =
        (session("s", 1_795_330_000), session("s", 1_795_330_180), session("t", 1_795_330_170));
    fs::write(&path, theirs.token().expose()).unwrap();
    assert_eq!(store(&path, &ours, Some(&old)), StoreOutcome::SomebodyElse(theirs.clone()));
    assert_eq!(store(&path, &ours, None), StoreOutcome::SomebodyElse(theirs.clone()));
    assert_eq!(read(&path), FileView::Held(theirs.clone()));
    assert_eq!(names(directory.path()), ["mcp-token"], "the temporary file is gone");
    assert_eq!(store(&path, &ours, Some(&theirs)), StoreOutcome::Done, "after a decision to replace it");
}

#[test]
fn garbage_that_came_meanwhile_is_replaced() {
    let (_directory, path) = scratch();
    let (old, ours) = (session("s", 1_795_330_000), session("s", 1_795_330_180));
    fs::write(&path, "garbage").unwrap();
    assert_eq!(store(&path, &ours, Some(&old)), StoreOutcome::Done);
    assert_eq!(read(&path), FileView::Held(ours));
}

#[test]
fn the_pre_flight_reserves_space_in_a_private_file_that_is_no_token() {
    let (directory, path) = scratch();
    let mut file = TokenFile::new(place(&path));
    file.prepare().unwrap();
    let temporary = directory.path().join(&names(directory.path())[0]);
    let metadata = temporary.metadata().unwrap();
    assert_eq!((metadata.len(), metadata.mode() & 0o777), (4096, 0o600));
    assert!(matches!(read(&temporary), FileView::Unusable(_)));
    assert_ne!(temporary.file_name().unwrap(), "mcp-token.tmp", "other programs use that name");
    file.prepare().unwrap();
    assert_eq!(names(directory.path()).len(), 1, "preparing again leaves nothing behind");
    drop(file);
    assert!(names(directory.path()).is_empty());
}

#[test]
fn the_directory_is_made_for_this_user_alone() {
    let (directory, _) = scratch();
    let path = directory.path().join("new/mcp-tokens/wallet");
    TokenFile::new(place(&path)).make_directory().unwrap();
    for made in [path.parent().unwrap(), &directory.path().join("new")] {
        assert_eq!(fs::metadata(made).unwrap().mode() & 0o777, 0o700, "{}", made.display());
    }
}

/// Once the temporary file was removed when its rename had failed. Then the new token was in memory only,
/// although the disk had taken it.
#[test]
fn a_token_that_cannot_be_renamed_into_place_stays_beside_it() {
    let (directory, path) = scratch();
    let new = session("s", 1_795_330_180);
    // A directory at the path: the temporary file can be written, and no rename can succeed.
    fs::create_dir(&path).unwrap();
    let mut file = TokenFile::new(place(&path));
    for _ in 0..2 {
        assert!(matches!(file.store(&new, None, NOW, || {}), StoreOutcome::Failed(_)));
        assert_eq!(names(directory.path()).len(), 2, "one copy of it, however often it is tried");
    }
    drop(file);
    let mut next = TokenFile::new(place(&path));
    let time = DaemonTime { earliest: NOW, latest: NOW, is_known: true };
    assert_eq!(next.sweep(time, NOW).sessions, std::slice::from_ref(&new), "a later process finds it");
    fs::remove_dir(&path).unwrap();
    assert_eq!(next.store(&new, None, NOW, || {}), StoreOutcome::Done);
}

#[test]
fn a_rename_is_tried_three_times() {
    let (_directory, path) = scratch();
    let new = session("s", 1_795_330_180);
    for (free_after, stored) in [(1, true), (2, true), (3, false)] {
        fs::create_dir(&path).unwrap();
        let pauses = Cell::new(0);
        let pause = || {
            pauses.set(pauses.get() + 1);
            if pauses.get() == free_after {
                fs::remove_dir(&path).unwrap();
            }
        };
        let outcome = TokenFile::new(place(&path)).store(&new, None, NOW, pause);
        assert_eq!(outcome == StoreOutcome::Done, stored, "{outcome:?}");
        assert_eq!(pauses.get(), free_after.min(2));
        let _ = fs::remove_dir(&path);
        let _ = fs::remove_file(&path);
    }
}

/// Another token in the file does not make a failed store a success, and is not written over in place: that is for
/// files which nothing else can replace.
#[test]
fn a_rename_that_fails_leaves_the_file_as_it_was() {
    let (directory, path) = scratch();
    let (old, new) = (session("s", 1_795_330_000), session("s", 1_795_330_180));
    fs::write(&path, old.token().expose()).unwrap();
    let mut file = TokenFile::new(place(&path));
    file.prepare().unwrap();
    // Somebody tidies up.
    let temporary = names(directory.path()).into_iter().find(|name| name != "mcp-token").unwrap();
    fs::remove_file(directory.path().join(temporary)).unwrap();
    assert!(matches!(file.store(&new, Some(old.token()), NOW, || {}), StoreOutcome::Failed(_)));
    assert_eq!(read(&path), FileView::Held(old));
}

#[test]
fn a_reader_never_sees_a_torn_token() {
    let (_directory, path) = scratch();
    let sessions: Vec<Session> = (0..200).map(|n| session("s", 1_795_330_000 + n)).collect();
    assert_eq!(store(&path, &sessions[0], None), StoreOutcome::Done);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut reads = 0_u32;
            while !done.load(Ordering::Relaxed) {
                let view = read(&path);
                assert!(matches!(view, FileView::Held(_)), "{view:?}");
                reads += 1;
            }
            reads
        });
        for pair in sessions.windows(2) {
            assert_eq!(store(&path, &pair[1], Some(&pair[0])), StoreOutcome::Done);
        }
        done.store(true, Ordering::Relaxed);
        assert!(reader.join().unwrap() > 0);
    });
    assert_eq!(read(&path), FileView::Held(sessions[199].clone()));
}

#[test]
fn what_cannot_be_prepared_is_told_by_what_was_being_done() {
    let (directory, path) = scratch();
    fs::write(&path, "a file where a directory would be").unwrap();
    let new = session("s", 1_795_330_000);
    // The temporary file's name is longer than the token file's, and too long here.
    let long = directory.path().join("x".repeat(250));
    for (path, operation) in
        [(path.join("mcp-token"), "make the data directory"), (long, "create a temporary file")]
    {
        let mut file = TokenFile::new(place(&path));
        assert_eq!(file.prepare().unwrap_err().operation, operation);
        let StoreOutcome::Failed(fault) = file.store(&new, None, NOW, || {}) else { panic!("{operation}") };
        assert_eq!(fault.operation, operation);
    }
    assert_eq!(names(directory.path()), ["mcp-token"], "nothing is left behind");
}

/// Somebody swaps the temporary file for a link while the daemon is asked: the rename puts the link there, and it was logged
/// as a token that was saved.
#[test]
fn a_rename_that_was_not_ours_was_taken_for_one() {
    let (directory, path) = scratch();
    let (old, new) = (session("s", 1_795_330_000), session("s", 1_795_330_180));
    fs::write(&path, old.token().expose()).unwrap();
    let target = directory.path().join("target");
    fs::write(&target, "untouched").unwrap();
    let mut file = TokenFile::new(place(&path));
    file.prepare().unwrap();
    let temporary = names(directory.path())
        .into_iter()
        .find(|name| name.starts_with(".mcp-token.waiaas-mcp-"))
        .map(|name| directory.path().join(name))
        .unwrap();
    fs::remove_file(&temporary).unwrap();
    std::os::unix::fs::symlink(&target, &temporary).unwrap();
    assert!(matches!(file.store(&new, Some(old.token()), NOW, || {}), StoreOutcome::Failed(_)));
    assert_eq!(fs::read_to_string(&target).unwrap(), "untouched");
    assert_eq!(file.store(&new, Some(old.token()), NOW, || {}), StoreOutcome::Done, "written again");
    assert!(fs::symlink_metadata(&path).unwrap().is_file());
    assert_eq!(fs::read_to_string(&path).unwrap(), new.token().expose());
    assert_eq!(fs::read_to_string(&target).unwrap(), "untouched");
}
