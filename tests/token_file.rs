//! The token file on a real disk: what is read, what is refused, what is written and how, and what is left.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests prepare and examine real files")]
#![allow(clippy::print_stdout, reason = "a skipped test says why")]

use std::cell::Cell;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use waiaas_mcp::session::events::{FileView, StoreOutcome};
use waiaas_mcp::session::token_file::TokenFile;
use waiaas_mcp::session::{Session, TokenPlace};
use waiaas_mcp::time::Timestamp;

mod support;
use support::token;

const NOW: Timestamp = Timestamp::from_unix_seconds(1_795_330_000);

fn session(id: &str, issued_s: i64) -> Session {
    Session::parse(&token(id, issued_s, Some(issued_s + 300)), NOW).unwrap()
}

fn place(path: &Path) -> TokenPlace {
    TokenPlace { write: path.to_owned(), read_fallback: None, only_session: None, bootstrap: None }
}

fn scratch() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mcp-token");
    (directory, path)
}

fn read(path: &Path) -> FileView {
    TokenFile::new(place(path)).read(NOW)
}

fn store(path: &Path, session: &Session, instead_of: Option<&Session>) -> StoreOutcome {
    TokenFile::new(place(path)).store(session, instead_of.map(Session::token), NOW, || {})
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_token_is_read_whatever_white_space_surrounds_it() {
    let (_directory, path) = scratch();
    let text = token("s", 1_795_330_000, None);
    for content in [text.clone(), format!("{text}\n"), format!("\r\n  {text} \n\n")] {
        fs::write(&path, content).unwrap();
        assert_eq!(read(&path), FileView::Held(Session::parse(&text, NOW).unwrap()));
    }
}

#[test]
fn the_largest_file_that_is_read_has_64_kib() {
    let (_directory, path) = scratch();
    let text = token("s", 1_795_330_000, None);
    let padded = |bytes: usize| format!("{text}{}", " ".repeat(bytes - text.len()));
    fs::write(&path, padded(65_536)).unwrap();
    assert_eq!(read(&path), FileView::Held(Session::parse(&text, NOW).unwrap()));
    fs::write(&path, padded(65_537)).unwrap();
    assert_eq!(read(&path), FileView::Unusable("it is larger than 64 KiB"));
}

#[test]
fn what_a_rename_would_destroy_is_told() {
    let (directory, path) = scratch();
    let obstacle = || TokenFile::new(place(&path)).obstacle();
    assert_eq!(obstacle(), None, "nothing is there");
    fs::write(&path, "anything").unwrap();
    assert_eq!(obstacle(), None);
    fs::remove_file(&path).unwrap();
    symlink(directory.path().join("elsewhere"), &path).unwrap();
    assert_eq!(obstacle(), Some("it is a symbolic link"));
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert_eq!(obstacle(), Some("it is a directory"));
}

#[test]
fn whatever_else_stands_there_is_refused_at_once() {
    let (directory, path) = scratch();
    let reset = || {
        let _ = fs::remove_file(&path);
        let _ = fs::remove_dir(&path);
    };
    let unusable = |what: &str| {
        let view = read(&path);
        assert!(matches!(view, FileView::Unusable(_)), "{what}: {view:?}");
        reset();
    };
    assert_eq!(read(&path), FileView::Missing);

    fs::create_dir(&path).unwrap();
    unusable("a directory");
    // Opening a FIFO for reading would wait for a writer for ever.
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    unusable("a FIFO");
    let target = directory.path().join("elsewhere");
    fs::write(&target, token("s", 1_795_330_000, None)).unwrap();
    symlink(&target, &path).unwrap();
    assert_eq!(read(&path), FileView::Unusable("it is a symbolic link"));
    unusable("a symbolic link to a good token");
    symlink("/dev/zero", &path).unwrap();
    unusable("a symbolic link to an endless device");
    fs::write(&path, vec![b'x'; 10 * 1024 * 1024]).unwrap();
    unusable("a huge file");
    fs::write(&path, format!("{}{}", token("s", 1_795_330_000, None), " ".repeat(70_000))).unwrap();
    unusable("a token with 70,000 spaces behind it");
    fs::write(&path, [0xff, 0xfe, 0x00, 0x80]).unwrap();
    unusable("not text");
    fs::write(&path, "").unwrap();
    unusable("an empty file");
    fs::write(&path, "{\"token\":\"x\"}").unwrap();
    unusable("another program's file");
}

#[test]
fn the_fallback_is_read_only_where_the_file_is_missing_and_never_written() {
    let directory = tempfile::tempdir().unwrap();
    let (per_wallet, common) = (directory.path().join("mcp-tokens/w"), directory.path().join("mcp-token"));
    let place = TokenPlace { read_fallback: Some(common.clone()), ..place(&per_wallet) };
    let mut file = TokenFile::new(place);
    let (old, new) = (token("s", 1_795_330_000, None), session("s", 1_795_330_010));
    fs::write(&common, &old).unwrap();
    assert_eq!(file.read(NOW), FileView::Held(Session::parse(&old, NOW).unwrap()));

    let old_session = Session::parse(&old, NOW).unwrap();
    assert_eq!(file.store(&new, Some(old_session.token()), NOW, || {}), StoreOutcome::Done);
    assert_eq!(file.read(NOW), FileView::Held(new));
    assert_eq!(fs::read_to_string(&common).unwrap(), old);

    fs::write(&per_wallet, "garbage").unwrap();
    assert!(matches!(file.read(NOW), FileView::Unusable(_)), "garbage is not a missing file");
}

#[test]
fn another_sessions_token_is_not_taken_where_the_environment_decides() {
    let (_directory, path) = scratch();
    let only = |id: &str| TokenPlace { only_session: Some(id.to_owned()), ..place(&path) };
    fs::write(&path, token("mine", 1_795_330_000, None)).unwrap();
    assert!(matches!(TokenFile::new(only("mine")).read(NOW), FileView::Held(_)));
    assert!(matches!(TokenFile::new(only("other")).read(NOW), FileView::Unusable(_)));
}

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
fn a_crashed_processs_complete_token_is_found_and_its_fragments_are_not() {
    let (directory, path) = scratch();
    let (earlier, later) = (session("s", 1_795_330_000), session("s", 1_795_330_180));
    let leave = |name: &str, content: &str| fs::write(directory.path().join(name), content).unwrap();
    leave(".mcp-token.waiaas-mcp-0000000000000001", earlier.token().expose());
    leave(".mcp-token.waiaas-mcp-0000000000000002", later.token().expose());
    let begun = session("s", 1_795_330_200);
    let (begun, _) = begun.token().expose().split_at(begun.token().expose().len() - 1);
    leave(".mcp-token.waiaas-mcp-0000000000000003", &format!("{begun}####"));
    leave(".mcp-token.waiaas-mcp-0000000000000004", "####");
    leave(".other-token.waiaas-mcp-0000000000000005", session("s", 1_795_339_999).token().expose());
    leave("mcp-token.tmp", session("s", 1_795_339_999).token().expose());
    assert_eq!(TokenFile::new(place(&path)).sweep(NOW), Some(later));
    assert_eq!(names(directory.path()).len(), 6, "nothing is old yet");
}

/// A process killed between writing its token and cutting the reserved space off left a file that was adopted as
/// it was: with the reserved space as part of the signature.
#[test]
fn a_token_left_before_the_reserved_space_was_cut_off_is_adopted_without_it() {
    let (directory, path) = scratch();
    let new = session("s", 1_795_330_180);
    let content = format!("{}\n{}", new.token().expose(), "#".repeat(4000));
    fs::write(directory.path().join(".mcp-token.waiaas-mcp-0000000000000001"), content).unwrap();
    assert_eq!(TokenFile::new(place(&path)).sweep(NOW), Some(new));
}

#[test]
fn only_our_own_old_temporary_files_are_swept() {
    let (directory, path) = scratch();
    let six_minutes_ago = SystemTime::now() - Duration::from_secs(6 * 60);
    for name in [
        ".mcp-token.waiaas-mcp-0000000000000001",
        ".other-token.waiaas-mcp-0000000000000002",
        "mcp-token.tmp",
        ".mcp-token.swp",
    ] {
        fs::write(directory.path().join(name), "####").unwrap();
        fs::File::open(directory.path().join(name)).unwrap().set_modified(six_minutes_ago).unwrap();
    }
    let young = directory.path().join(".mcp-token.waiaas-mcp-0000000000000003");
    fs::write(&young, "young").unwrap();
    let four_minutes_ago = SystemTime::now() - Duration::from_secs(4 * 60);
    fs::File::open(young).unwrap().set_modified(four_minutes_ago).unwrap();
    let now = Timestamp::of_file(&directory.path().metadata().unwrap()).unwrap();
    TokenFile::new(place(&path)).sweep(now);
    let left = names(directory.path());
    assert!(!left.contains(&".mcp-token.waiaas-mcp-0000000000000001".to_owned()), "{left:?}");
    assert_eq!(left.len(), 4, "{left:?}");
}

/// Once an old leftover was removed as soon as it was read. Whoever was then killed before the store had lost
/// the token of the process that had crashed before.
#[test]
fn an_old_leftover_is_kept_until_the_file_holds_its_token() {
    let (directory, path) = scratch();
    let (old, new) = (session("s", 1_795_330_000), session("s", 1_795_330_180));
    let leftover = directory.path().join(".mcp-token.waiaas-mcp-0000000000000001");
    fs::write(&path, old.token().expose()).unwrap();
    fs::write(&leftover, new.token().expose()).unwrap();
    let an_hour_ago = SystemTime::now() - Duration::from_secs(3600);
    fs::File::open(&leftover).unwrap().set_modified(an_hour_ago).unwrap();
    let now = Timestamp::of_file(&directory.path().metadata().unwrap()).unwrap();
    let mut file = TokenFile::new(place(&path));
    assert_eq!(file.sweep(now), Some(new.clone()));
    assert!(leftover.exists(), "the only copy of a token");
    assert_eq!(file.store(&new, Some(old.token()), now, || {}), StoreOutcome::Done);
    file.sweep(now);
    assert!(!leftover.exists(), "it is in the file now");
}

#[test]
fn a_fragment_is_swept_after_five_minutes() {
    let (directory, path) = scratch();
    let fragment = directory.path().join(".mcp-token.waiaas-mcp-0000000000000001");
    fs::write(&fragment, "####").unwrap();
    let made = Timestamp::of_file(&fragment.metadata().unwrap()).unwrap();
    TokenFile::new(place(&path)).sweep(made.plus_millis(300_000));
    assert!(fragment.exists());
    TokenFile::new(place(&path)).sweep(made.plus_millis(300_001));
    assert!(!fragment.exists());
}

#[test]
fn where_the_file_is_gone_an_old_leftover_is_kept_while_its_token_lives() {
    let (directory, path) = scratch();
    let now = Timestamp::of_file(&directory.path().metadata().unwrap()).unwrap();
    let leftover = |name: &str, ends_in_s: i64| {
        let leftover = directory.path().join(format!(".mcp-token.waiaas-mcp-{name}"));
        let ends = now.unix_seconds() + ends_in_s;
        fs::write(&leftover, token(name, ends - 300, Some(ends))).unwrap();
        let an_hour_ago = SystemTime::now() - Duration::from_secs(3600);
        fs::File::open(&leftover).unwrap().set_modified(an_hour_ago).unwrap();
        leftover
    };
    let (living, expired) = (leftover("0000000000000001", 60), leftover("0000000000000002", -60));
    TokenFile::new(place(&path)).sweep(now);
    assert!(living.exists() && !expired.exists());
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

/// Not even root may read a switch of the kernel that can only be written.
#[cfg(target_os = "linux")]
#[test]
fn a_file_that_may_not_be_read_is_told_from_one_that_cannot_be() {
    assert_eq!(read(Path::new("/proc/sys/vm/drop_caches")), FileView::Unusable("this user may not read it"));
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
    assert_eq!(next.sweep(NOW), Some(new.clone()), "a later process finds it");
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

#[test]
fn a_path_that_nothing_can_stand_at_holds_no_token() {
    let (directory, path) = scratch();
    let too_long = read(&directory.path().join("x".repeat(300)));
    assert_eq!(too_long, FileView::Unusable("it cannot be opened"));
    assert_eq!(read(&path.join("below/what/is/not/there")), FileView::Missing);
    let mut here = TokenFile::new(place(Path::new("there-is-no-such-token-file")));
    assert_eq!(here.read(NOW), FileView::Missing);
    assert_eq!(here.sweep(NOW), None);
}
