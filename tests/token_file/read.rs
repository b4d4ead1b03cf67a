//! What is read, and what is refused.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use waiaas_mcp::session::clock_offset::DaemonTime;
use waiaas_mcp::session::events::{FileView, StoreOutcome};
use waiaas_mcp::session::leftovers::Leftovers;
use waiaas_mcp::session::token_file::TokenFile;
use waiaas_mcp::session::{Session, TokenPlace};

use crate::support::token;
use crate::{NOW, place, read, scratch, session};

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

/// Not even root may read a switch of the kernel that can only be written.
#[cfg(target_os = "linux")]
#[test]
fn a_file_that_may_not_be_read_is_told_from_one_that_cannot_be() {
    let switch = Path::new("/proc/sys/vm/drop_caches");
    if !switch.exists() {
        println!("skipped: no {} here", switch.display());
        return;
    }
    assert_eq!(read(switch), FileView::Unusable("this user may not read it"));
}

#[test]
fn a_path_that_nothing_can_stand_at_holds_no_token() {
    let (directory, path) = scratch();
    let too_long = read(&directory.path().join("x".repeat(300)));
    assert_eq!(too_long, FileView::Unusable("it cannot be opened"));
    assert_eq!(read(&path.join("below/what/is/not/there")), FileView::Missing);
    let here = TokenFile::new(place(Path::new("there-is-no-such-token-file")));
    assert_eq!(here.read(NOW), FileView::Missing);
    let time = DaemonTime { earliest: NOW, latest: NOW, is_known: true };
    assert_eq!(here.sweep(time, NOW), Leftovers::default());
}
