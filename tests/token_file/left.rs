//! What crashed processes leave beside it: what is taken, kept and swept away.

use std::fs;
use std::time::{Duration, SystemTime};

use waiaas_mcp::session::events::StoreOutcome;
use waiaas_mcp::session::token_file::TokenFile;
use waiaas_mcp::time::Timestamp;

use crate::support::token;
use crate::{NOW, names, place, scratch, session};

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
fn among_several_leftovers_the_latest_that_the_file_lacks_is_taken() {
    let (directory, path) = scratch();
    let (old, middle, new) =
        (session("s", 1_795_330_000), session("s", 1_795_330_100), session("s", 1_795_330_180));
    let stranger = session("t", 1_795_330_170);
    fs::write(&path, old.token().expose()).unwrap();
    for (at, left) in [&new, &middle, &new, &stranger].into_iter().enumerate() {
        let name = format!(".mcp-token.waiaas-mcp-000000000000000{at}");
        fs::write(directory.path().join(name), left.token().expose()).unwrap();
    }
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
