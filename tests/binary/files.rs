//! What may stand at the token's path instead of a token, and a directory that cannot be written: nothing hangs,
//! nothing is lost.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use super::Scene;
use super::daemon::{Claims, Daemon, program};
use super::outcome::Outcome;
use super::player::{Player, pointed_at, serve};
use super::situations::due_soon;

/// What a call may take that finds no token, whatever stands in its place.
const CALL_TIME_MAX: Duration = Duration::from_secs(1);

pub(crate) const SCENES: &[Scene] = &[
    ("M: a symbolic link to a good token", || {
        odd_file(|path, token| {
            let other = path.with_file_name("other");
            fs::rename(path, &other).expect("a token file");
            assert_eq!(fs::read_to_string(&other).expect("a token"), token);
            symlink(other, path).expect("a link");
        })
    }),
    ("M: a FIFO", || {
        odd_file(|path, _| {
            fs::remove_file(path).expect("a token file");
            assert!(Command::new("mkfifo").arg(path).status().expect("mkfifo").success());
        })
    }),
    ("M: a directory", || {
        odd_file(|path, _| {
            fs::remove_file(path).expect("a token file");
            fs::create_dir(path).expect("a directory");
        })
    }),
    ("M: a huge file", || {
        odd_file(|path, _| {
            File::create(path).and_then(|file| file.set_len(1 << 40)).expect("a sparse file");
        })
    }),
    ("M: garbage", || odd_file(|path, token| replace(path, &token.replace('.', "!")))),
    ("M: half a token", || odd_file(|path, token| replace(path, &token[..token.len() / 2]))),
    ("M: nothing in it", || odd_file(|path, _| replace(path, ""))),
    ("M: the file is deleted while its token is held", || {
        spoiled_file(|path| {
            fs::remove_file(path).expect("a token file");
        })
    }),
    ("M: garbage is put into the file while its token is held", || {
        spoiled_file(|path| {
            replace(path, "garbage");
        })
    }),
    ("F: the directory cannot be written when the token is due", unwritable_directory),
];

fn replace(path: &Path, text: &str) {
    let temporary = path.with_extension("new");
    #[expect(clippy::disallowed_methods, reason = "a careless writer is what is played here")]
    fs::write(&temporary, text).and_then(|()| fs::rename(&temporary, path)).expect("it can be written");
}

/// Something that is no token stands there at the start; a token comes later.
fn odd_file(spoil: impl FnOnce(&Path, &str)) {
    let daemon = Daemon::start(300);
    let path = daemon.token_file();
    spoil(&path, &daemon.token());
    let mut player = Player::of(&daemon);
    for time in ["first", "second"] {
        let outcome = player.balance();
        outcome.assert_session_expired(&format!("the {time} call"));
        assert!(outcome.took < CALL_TIME_MAX, "the {time} call took {:?}", outcome.took);
    }
    player.ping();
    player.wait_for("token_file.unusable", 1);
    if path.is_dir() {
        fs::remove_dir(&path).expect("it is empty");
    }
    daemon.put_token(&daemon.new_session(json!({ "ttl": 300 })).token);
    player.balance().assert_balance("the first call with a token in the file");
    daemon.ledger().assert_undisturbed();
    assert_eq!(player.end().code, Some(0));
}

/// The token was read already; what stands in the file then is no reason to stop.
fn spoiled_file(spoil: impl FnOnce(&Path)) {
    let daemon = due_soon();
    let before = Claims::of(&daemon.token());
    let mut player = Player::settled(&daemon);
    spoil(&daemon.token_file());
    player.call_until(
        "renewed",
        |outcome| outcome.assert_balance("all the time"),
        |player| player.times_told("renewal.succeeded") > 0,
    );
    assert!(Claims::of(&daemon.token()) > before, "the new token is not in the file");
    daemon.ledger().assert_undisturbed();
}

fn unwritable_directory() {
    let daemon = due_soon();
    let Some(mut command) = without_special_rights(&daemon) else { return };
    let directory = daemon.data_dir().to_owned();
    let mode = |mode| fs::set_permissions(&directory, Permissions::from_mode(mode)).expect("it is ours");
    let mut player = Player::start(&mut command);
    player.initialize();
    player.balance().assert_balance("before");
    mode(0o500);
    player.call_until(
        "it is told",
        |outcome| outcome.assert_balance("while the directory cannot be written"),
        |player| player.times_told("token_file.not_writable") > 0,
    );
    assert_eq!(daemon.ledger().renewals_asked(), 0, "a renewal whose token could not be kept");
    mode(0o700);
    player.call_until(
        "renewed",
        |outcome: &Outcome| outcome.assert_balance("after the directory can be written"),
        |player| player.times_told("renewal.succeeded") > 0,
    );
    daemon.ledger().assert_undisturbed();
    let in_file = fs::metadata(daemon.token_file()).expect("a token file");
    assert_eq!(in_file.mode() & 0o777, 0o600);
}

/// `serve` as somebody whom the mode of a directory binds: root without the rights that make it root.
fn without_special_rights(daemon: &Daemon) -> Option<Command> {
    let is_root = fs::metadata(daemon.token_file()).expect("a token file").uid() == 0;
    if !is_root {
        return Some(serve(daemon));
    }
    let mut setpriv = Command::new("setpriv");
    let no_rights =
        ["--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search"];
    setpriv.args(no_rights).env_clear();
    let works =
        Command::new("setpriv").args(no_rights).arg("true").status().is_ok_and(|status| status.success());
    if !works {
        println!("skipped: an unwritable directory; this is root, and setpriv is not there or may not");
        return None;
    }
    let plain = program();
    setpriv.env("HOME", "/nonexistent").arg::<&OsStr>(plain.get_program());
    pointed_at(&mut setpriv, daemon.base_url(), daemon.data_dir());
    Some(setpriv)
}
