//! What crashed processes leave beside it: what is taken, kept and swept away.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use waiaas_mcp::session::events::{FileView, StoreOutcome};
use waiaas_mcp::session::lock::{TokenLock, TryLock};
use waiaas_mcp::session::token_file::TokenFile;
use waiaas_mcp::time::Timestamp;

use waiaas_mcp::session::Session;
use waiaas_mcp::session::clock_offset::DaemonTime;

use crate::support::token;
use crate::{NOW, names, place, scratch, session};

/// The daemon's clock is known, and is ours.
fn at(now: Timestamp) -> DaemonTime {
    DaemonTime { earliest: now, latest: now, is_known: true }
}

/// The tokens found, the earliest first.
fn swept(path: &Path, now: Timestamp) -> Vec<Session> {
    let mut found = TokenFile::new(place(path)).sweep(at(now), now).sessions;
    found.sort_by_key(|session| (session.expires_at(), session.issued_at()));
    found
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
    assert_eq!(swept(&path, NOW), [earlier, later]);
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
    assert_eq!(swept(&path, NOW), [new]);
}

#[test]
fn all_that_crashed_processes_left_is_found() {
    let (directory, path) = scratch();
    let (old, middle, new) =
        (session("s", 1_795_330_000), session("s", 1_795_330_100), session("s", 1_795_330_180));
    let stranger = session("t", 1_795_330_170);
    fs::write(&path, old.token().expose()).unwrap();
    for (at, left) in [&new, &middle, &new, &stranger].into_iter().enumerate() {
        let name = format!(".mcp-token.waiaas-mcp-000000000000000{at}");
        fs::write(directory.path().join(name), left.token().expose()).unwrap();
    }
    assert_eq!(swept(&path, NOW), [middle, stranger, new.clone(), new]);
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
    swept(&path, now);
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
    assert_eq!(file.sweep(at(NOW), now).sessions, std::slice::from_ref(&new));
    assert!(leftover.exists(), "the only copy of a token");
    assert_eq!(file.store(&new, Some(old.token()), now, || {}), StoreOutcome::Done);
    file.sweep(at(NOW), now);
    assert!(!leftover.exists(), "it is in the file now");
}

#[test]
fn a_fragment_is_swept_after_five_minutes() {
    let (directory, path) = scratch();
    let fragment = directory.path().join(".mcp-token.waiaas-mcp-0000000000000001");
    fs::write(&fragment, "####").unwrap();
    let made = Timestamp::of_file(&fragment.metadata().unwrap()).unwrap();
    swept(&path, made.plus_millis(300_000));
    assert!(fragment.exists());
    swept(&path, made.plus_millis(300_001));
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
    swept(&path, now);
    assert!(living.exists() && !expired.exists());
}

/// Once everything old was swept that had no token in it, whatever it was and whyever it could not be read.
#[test]
fn what_cannot_be_read_or_understood_was_swept_away() {
    let (directory, path) = scratch();
    let an_hour_ago = SystemTime::now() - Duration::from_secs(3600);
    let leave = |name: &str, content: &[u8]| {
        let left = directory.path().join(format!(".mcp-token.waiaas-mcp-{name}"));
        fs::write(&left, content).unwrap();
        fs::File::open(&left).unwrap().set_modified(an_hour_ago).unwrap();
        left
    };
    let odd = [
        leave("0000000000000001", b"\xff\xfe not UTF-8"),
        leave("0000000000000002", b"somebody's notes"),
        leave("0000000000000003", b"notes\nin two lines"),
        leave("0000000000000004", b"notes####"),
        leave("0000000000000005", &[b'x'; 100_000]),
    ];
    let rubbish = [leave("0000000000000006", b"####"), leave("0000000000000007", b"wai_sess_abc####")];
    let now = Timestamp::of_file(&directory.path().metadata().unwrap()).unwrap();
    swept(&path, now);
    assert!(odd.iter().all(|left| left.exists()), "{:?}", names(directory.path()));
    assert!(rubbish.iter().all(|left| !left.exists()), "{:?}", names(directory.path()));
}

/// The wall clock stood a year ahead, and the only copy of a session's newest token was taken for expired.
#[test]
fn a_leftover_was_swept_because_our_clock_was_wrong() {
    let (directory, path) = scratch();
    let left = directory.path().join(".mcp-token.waiaas-mcp-0000000000000001");
    fs::write(&left, session("s", 1_795_330_180).token().expose()).unwrap();
    let ahead = NOW.plus_millis(365 * 86_400_000);
    let unknown = DaemonTime { is_known: false, ..at(ahead) };
    TokenFile::new(place(&path)).sweep(unknown, ahead);
    assert!(left.exists());
}

/// Root, as whom this runs in a container, acts for the directory's owner and trusts nobody else.
#[test]
fn another_users_files_were_believed() {
    if !is_root() {
        return;
    }
    let (directory, path) = scratch();
    let (ours, theirs) = (session("s", 1_795_330_000), session("s", 1_795_330_180));
    let chown = |path: &Path, user| std::os::unix::fs::chown(path, Some(user), Some(user)).unwrap();
    let leftover = directory.path().join(".mcp-token.waiaas-mcp-0000000000000001");
    fs::write(&path, ours.token().expose()).unwrap();
    fs::write(&leftover, theirs.token().expose()).unwrap();
    chown(&leftover, 4711);
    let found = TokenFile::new(place(&path)).sweep(at(NOW), NOW);
    assert_eq!((found.sessions, found.foreign), (Vec::new(), Some(leftover.clone())));
    assert!(leftover.exists());
    chown(&path, 4711);
    assert_eq!(TokenFile::new(place(&path)).read(NOW), FileView::Unusable("it belongs to another user"));
    // The directory's owner is who root acts for.
    chown(directory.path(), 4711);
    assert!(matches!(TokenFile::new(place(&path)).read(NOW), FileView::Held(_)));
    assert_eq!(TokenFile::new(place(&path)).sweep(at(NOW), NOW).sessions, [theirs]);
}

/// Whoever can make files in the directory made the lock before us, and held it for ever.
#[test]
fn another_users_lock_was_waited_for() {
    if !is_root() {
        return;
    }
    let (directory, path) = scratch();
    let lock_file = directory.path().join("mcp-token.lock");
    fs::write(&lock_file, "").unwrap();
    std::os::unix::fs::chown(&lock_file, Some(4711), Some(4711)).unwrap();
    let outcome = TokenLock::of(&path).try_take();
    let TryLock::Failed(fault) = outcome else { panic!("{outcome:?}") };
    assert_eq!(fault.detail, "it belongs to another user");
    assert!(lock_file.exists(), "it is not removed either");
}

/// A renewal by root left the file to root, and its owner could not read it any more.
#[test]
fn root_took_the_file_from_its_owner() {
    use std::os::unix::fs::MetadataExt as _;
    if !is_root() {
        return;
    }
    let (directory, path) = scratch();
    let new = session("s", 1_795_330_180);
    std::os::unix::fs::chown(directory.path(), Some(4711), Some(4712)).unwrap();
    let owner = |path: &Path| {
        let metadata = fs::symlink_metadata(path).unwrap();
        (metadata.uid(), metadata.gid(), metadata.mode() & 0o777)
    };
    let mut lock = TokenLock::of(&path);
    assert!(matches!(lock.try_take(), TryLock::Held));
    assert_eq!(TokenFile::new(place(&path)).store(&new, None, NOW, || {}), StoreOutcome::Done);
    assert_eq!(owner(&path), (4711, 4712, 0o600));
    assert_eq!(owner(&directory.path().join("mcp-token.lock")), (4711, 4712, 0o600));
    let in_new = directory.path().join("mcp-tokens/wallet");
    assert_eq!(TokenFile::new(place(&in_new)).store(&new, None, NOW, || {}), StoreOutcome::Done);
    assert_eq!(owner(&in_new), (4711, 4712, 0o600));
    assert_eq!(owner(&directory.path().join("mcp-tokens")), (4711, 4712, 0o700));
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
