//! Disks that are full, read-only, or that hand a container the token file alone: each in a mount namespace of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::Scene;
use super::daemon::{Claims, Daemon, program};
use super::outcome::Outcome;
use super::player::{Player, pointed_at};
use super::situations::due_soon;

pub(crate) const SCENES: &[Scene] = &[
    ("M: the disk is full when the token is due", || {
        writable_again("dd if=/dev/zero of=fill bs=4k 2>/dev/null || true", "rm fill")
    }),
    ("M: the disk is mounted read-only when the token is due", || {
        writable_again("mount -o remount,ro .", "mount -o remount,rw .")
    }),
    ("a token that could not be saved ended the session after two lives", never_saved),
    ("M: the token file alone is mounted, as into a container", mounted_file),
];

/// Makes a user, for whom a mount of one's own is permitted, and a mount namespace that ends with the process.
const NAMESPACE: [&str; 3] = ["--user", "--map-root-user", "--mount"];

/// `serve`, after this was done in its mount namespace. The directory to serve from is `$1`, the daemon's token file `$2`.
fn serve_in_namespace(daemon: &Daemon, data_dir: &Path, prepare: &str) -> Option<Command> {
    let may = Command::new("unshare").args(NAMESPACE).args(["mount", "-t", "tmpfs", "none", "/mnt"]).output();
    if !may.is_ok_and(|output| output.status.success()) {
        println!("skipped: a mount of one's own; unshare or mount is not there or may not");
        return None;
    }
    let script = format!("set -e; {prepare}; shift 2; exec \"$@\"");
    let mut command = Command::new("unshare");
    command.args(NAMESPACE).args(["sh", "-c", &script, "sh"]).arg(data_dir).arg(daemon.token_file());
    command.arg(program().get_program()).env("HOME", "/nonexistent");
    pointed_at(&mut command, daemon.base_url(), data_dir);
    Some(command)
}

/// Does something in the player's mount namespace, in its data directory.
fn in_namespace_of(player: &Player, data_dir: &Path, what: &str) {
    let target = player.process_id().to_string();
    let script = format!("cd \"$1\" && {what}");
    let done = Command::new("nsenter")
        .args(["--user", "--preserve-credentials", "--mount", "--target", &target, "sh", "-c", &script, "sh"])
        .arg(data_dir)
        .status();
    assert!(done.is_ok_and(|status| status.success()), "{what}");
}

/// What the player sees under this path.
fn seen_by(player: &Player, path: &Path) -> PathBuf {
    let root = PathBuf::from(format!("/proc/{}/root", player.process_id()));
    root.join(path.strip_prefix("/").expect("an absolute path"))
}

/// A disk of sixteen kilobytes: nothing is asked while nothing can be written, and nobody notices.
fn writable_again(spoil: &str, mend: &str) {
    let daemon = due_soon();
    let before = Claims::of(&daemon.token());
    let data_dir = TempDir::new().expect("a directory");
    let prepare =
        format!("mount -t tmpfs -o size=16k,mode=700 none \"$1\"; cp \"$2\" \"$1\"; cd \"$1\"; {spoil}");
    let Some(mut command) = serve_in_namespace(&daemon, data_dir.path(), &prepare) else { return };
    let mut player = Player::start(&mut command);
    player.initialize();
    player.call_until(
        "it is told",
        |outcome| outcome.assert_balance("while nothing can be written"),
        |player| player.times_told("token_file.not_writable") > 0,
    );
    assert_eq!(daemon.ledger().renewals_asked(), 0, "a renewal whose token could not be kept");
    in_namespace_of(&player, data_dir.path(), mend);
    player.call_until(
        "renewed",
        |outcome| outcome.assert_balance("after it can be written"),
        |player| player.times_told("renewal.succeeded") > 0,
    );
    daemon.ledger().assert_undisturbed();
    let token =
        fs::read_to_string(seen_by(&player, &data_dir.path().join("mcp-token"))).expect("a token file");
    assert!(Claims::of(&token) > before, "the new token is not in the file");
}

/// The file protects nothing once its token is superseded: the session goes on in memory, and into the file as soon as it
/// can be written.
fn never_saved() {
    let daemon = Daemon::with_aged_token(10, 6);
    let before = Claims::of(&daemon.token());
    let data_dir = TempDir::new().expect("a directory");
    let prepare =
        "mount -t tmpfs -o size=64k,mode=700 none \"$1\"; cp \"$2\" \"$1\"; cd \"$1\"; mount -o remount,ro .";
    let Some(mut command) = serve_in_namespace(&daemon, data_dir.path(), prepare) else { return };
    let mut player = Player::start(&mut command);
    player.initialize();
    let asserted = |outcome: &Outcome| outcome.assert_balance("while nothing can be written");
    player.call_until("renewed twice", asserted, |player| player.times_told("renewal.succeeded") >= 2);
    assert_eq!(player.status()["unsaved"], true);
    let warnings = player.times_told("token_file.not_writable");
    assert!((2..=3).contains(&warnings), "{warnings} warnings: {}", player.log());
    in_namespace_of(&player, data_dir.path(), "mount -o remount,rw .");
    player.wait_for("token_file.saved", 1);
    let path = seen_by(&player, &data_dir.path().join("mcp-token"));
    assert!(Claims::of(&fs::read_to_string(path).expect("a token file")) > before);
    daemon.ledger().assert_undisturbed();
}

/// Such a file can be written and not replaced.
fn mounted_file() {
    let daemon = due_soon();
    let before = Claims::of(&daemon.token());
    let data_dir = TempDir::new().expect("a directory");
    let prepare = "touch \"$1/mcp-token\"; mount --bind \"$2\" \"$1/mcp-token\"";
    let Some(mut command) = serve_in_namespace(&daemon, data_dir.path(), prepare) else { return };
    let mut player = Player::start(&mut command);
    player.initialize();
    player.call_until(
        "renewed",
        |outcome| outcome.assert_balance("all the time"),
        |player| player.times_told("renewal.succeeded") > 0,
    );
    assert!(Claims::of(&daemon.token()) > before, "the new token is not in the mounted file");
    player.wait_for("token_file.in_place", 1);
    daemon.ledger().assert_undisturbed();
    assert_eq!(player.end().code, Some(0));
    let mut left: Vec<_> = fs::read_dir(&data_dir)
        .expect("a directory")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["mcp-token", "mcp-token.lock"]);
}
