//! What comes between: files that cannot be written, lost answers, other processes, signals. Nothing is half done.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command};
use std::time::Duration;

use waiaas_mcp::sandbox::{Fault, FaultKind};
use waiaas_mcp::session::lock::{TokenLock, TryLock};
use waiaas_mcp::time::{Clock as _, SystemClock};

use crate::console::{Console, start, until};

/// Longest time from a signal to the end.
const END_TIME_MAX: Duration = Duration::from_secs(2);

/// What stands in the way of the token file is told before a session is made.
#[test]
fn a_token_file_that_cannot_be_replaced_costs_no_session() {
    let console = Console::with_one_wallet();
    let file = console.token_file();
    fs::create_dir(console.data_dir()).expect("a directory");
    let refused = |why: &str| {
        console.run(&["setup"]).assert_failed(
            1,
            &format!("the token file {} cannot be replaced: {why}", file.display()),
            "Move it away, or name another directory with --data-dir.",
        );
    };
    fs::create_dir(&file).expect("a directory");
    refused("it is a directory");
    fs::remove_dir(&file).expect("it is empty");
    symlink("elsewhere", &file).expect("a link");
    refused("it is a symbolic link");
    fs::remove_file(&file).expect("a link");
    assert_eq!(console.times_asked("POST /v1/sessions"), 0);
    // Anything else is replaced.
    for garbage in ["", "garbage", "wai_sess_half.a"] {
        fs::write(&file, garbage).expect("a file");
        console.run(&["setup"]).assert_done();
        console.session_in(&file);
    }
}

#[test]
fn an_unwritable_directory_costs_no_session() {
    let console = Console::with_one_wallet();
    let Some(mut command) = console.bound_command(&["setup"]) else { return };
    fs::create_dir(console.data_dir()).expect("a directory");
    fs::set_permissions(console.data_dir(), Permissions::from_mode(0o500)).expect("it is ours");
    let printed = console.finish(command.env("WAIAAS_MASTER_PASSWORD", console.sandbox.master_password()));
    printed.assert_failed(
        1,
        &format!(
            "{} cannot be written (open the lock file): Permission denied (os error 13)",
            console.token_file().display()
        ),
        "Give this user the right to write in the data directory, or name another directory with --data-dir; no session was changed.",
    );
    assert_eq!(console.times_asked("POST /v1/sessions"), 0);
}

/// A limit of zero bytes for every file, and the signal about it ignored: writing fails as on a full disk.
#[test]
fn a_full_disk_costs_no_session() {
    let console = Console::with_one_wallet();
    console.run(&["setup"]).assert_done();
    let before = console.session_in(&console.token_file());
    for command in ["setup", "refresh-token"] {
        let mut shell = Command::new("sh");
        shell.args([
            "-c",
            "trap '' XFSZ; ulimit -f 0; exec \"$0\" \"$1\"",
            env!("CARGO_BIN_EXE_waiaas-mcp"),
            command,
        ]);
        let mut command = console.command_by(shell, &[]);
        let printed =
            console.finish(command.env("WAIAAS_MASTER_PASSWORD", console.sandbox.master_password()));
        assert_eq!(printed.code, 1, "{printed:?}");
        assert!(printed.stderr.contains("(reserve space): File too large"), "{printed:?}");
        assert!(printed.stderr.ends_with("no session was changed.\n"), "{printed:?}");
        assert_eq!(console.session_in(&console.token_file()).id, before.id);
        assert_eq!(console.open_sessions().len(), 1);
        assert_eq!(console.names(), ["mcp-token", "mcp-token.lock"]);
    }
}

/// The pre-flight went well, and then the directory changed its mind.
#[test]
fn if_the_new_token_cannot_be_written_its_session_is_revoked_and_the_old_one_lives() {
    let console = Console::with_one_wallet();
    console.run(&["setup"]).assert_done();
    let before = console.session_in(&console.token_file());
    for name in ["setup", "refresh-token"] {
        let Some(mut command) = console.bound_command(&[name]) else { return };
        let opened = console.times_asked("POST /v1/sessions");
        console.sandbox.inject(Fault::new(FaultKind::Slow { ms: 700 }).on("POST", "/v1/sessions").times(1));
        let child = start(command.env("WAIAAS_MASTER_PASSWORD", console.sandbox.master_password()));
        until("the session is open", || console.times_asked("POST /v1/sessions") > opened);
        fs::set_permissions(console.data_dir(), Permissions::from_mode(0o500)).expect("it is ours");
        let printed = console.end(child);
        fs::set_permissions(console.data_dir(), Permissions::from_mode(0o700)).expect("it is ours");
        assert_eq!(printed.code, 1, "{printed:?}");
        assert!(printed.stderr.contains("cannot be written (rename): Permission denied"), "{printed:?}");
        assert_eq!(console.session_in(&console.token_file()).id, before.id);
        let open: Vec<String> = console.open_sessions().into_iter().map(|session| session.id).collect();
        assert_eq!(open, [before.id.as_str()], "the new one is revoked, the old one is not");
    }
}

#[test]
fn with_all_one_wallet_that_fails_leaves_no_session_of_the_others() {
    let console = Console::new();
    let [one, _, three] = console.sandbox.wallet_ids();
    console.run(&["setup", "--all"]).assert_done();
    let before: Vec<String> = console.open_sessions().into_iter().map(|session| session.id).collect();
    // The second of three sessions is refused.
    console.sandbox.inject(Fault::new(FaultKind::Slow { ms: 1 }).on("POST", "/v1/sessions").times(1));
    let refused = FaultKind::Code { status: 500, code: "INTERNAL_ERROR".to_owned(), retry_after_s: None };
    console.sandbox.inject(Fault::new(refused).on("POST", "/v1/sessions").times(1));
    console.run(&["setup", "--all"]).assert_failed(
        1,
        "the daemon answered INTERNAL_ERROR: Internal server error",
        "Look at the daemon's log.",
    );
    let open: Vec<String> = console.open_sessions().into_iter().map(|session| session.id).collect();
    assert_eq!(open, before);
    for id in [one, three] {
        assert!(before.contains(&console.session_in(&console.token_file_of(id)).id));
    }
}

#[test]
fn a_lost_answer_is_told_as_one_and_the_old_token_stays() {
    let console = Console::with_one_wallet();
    console.run(&["setup"]).assert_done();
    let before = console.session_in(&console.token_file());
    for kind in [FaultKind::Cut, FaultKind::Html, FaultKind::Garbage, FaultKind::Empty] {
        console.sandbox.inject(Fault::new(kind.clone()).on("POST", "/v1/sessions").after_commit().times(1));
        let printed = console.run(&["setup"]);
        assert_eq!(printed.code, 1, "{kind:?}: {printed:?}");
        let mut lines = printed.stderr.lines();
        let first = lines.next().unwrap_or_default();
        assert!(first.ends_with("; a session may have been opened whose token was lost"), "{printed:?}");
        assert!(lines.next().is_some_and(|line| line.contains("admin page")), "{printed:?}");
        assert_eq!(console.session_in(&console.token_file()).id, before.id);
        assert!(!console.sandbox.ledger().session(&before.id).expect("it is known").revoked);
        assert_eq!(console.names(), ["mcp-token", "mcp-token.lock"]);
    }
}

#[test]
fn if_the_old_session_cannot_be_revoked_the_new_one_is_in_place_all_the_same() {
    let console = Console::with_one_wallet();
    console.run(&["setup"]).assert_done();
    let before = console.session_in(&console.token_file());
    console.sandbox.inject(Fault::new(FaultKind::Html).on("DELETE", "/v1/sessions/").times(1));
    let printed = console.run(&["setup"]);
    printed.assert_done();
    assert!(
        printed.stderr.contains("the new session is in place, and the old one is still open"),
        "{printed:?}"
    );
    assert!(printed.stderr.contains(&before.id), "{printed:?}");
    assert!(printed.stdout.contains(&format!("Former   {} still open\n", before.id)), "{printed:?}");
    assert_ne!(console.session_in(&console.token_file()).id, before.id);
}

#[test]
fn the_lock_of_another_process_is_waited_for() {
    let console = Console::with_one_wallet();
    fs::create_dir(console.data_dir()).expect("a directory");
    let mut lock = TokenLock::of(&console.token_file());
    assert!(matches!(lock.try_take(), TryLock::Held));
    let mut command = console.command(&["setup"]);
    let child = start(command.env("WAIAAS_MASTER_PASSWORD", console.sandbox.master_password()));
    until("the wallets were asked for", || console.times_asked("GET /v1/wallets") > 0);
    let _ = crossbeam_channel::after(Duration::from_millis(300)).recv();
    assert_eq!(console.times_asked("POST /v1/sessions"), 0, "a session without the lock");
    lock.release();
    console.end(child).assert_done();
    console.session_in(&console.token_file());
}

#[test]
fn operators_at_work_at_the_same_time_leave_one_session_and_its_token() {
    let console = Console::with_one_wallet();
    let password = console.sandbox.master_password();
    let children: Vec<_> =
        (0..6).map(|_| start(console.command(&["setup"]).env("WAIAAS_MASTER_PASSWORD", password))).collect();
    for child in children {
        console.end(child).assert_done();
    }
    let open = console.open_sessions();
    assert_eq!(open.len(), 1, "{open:?}");
    assert_eq!(console.session_in(&console.token_file()).id, open[0].id);
    assert_eq!(console.names(), ["mcp-token", "mcp-token.lock"]);
}

/// Between the daemon's answer and the file an end would lose the token.
#[test]
fn a_signal_does_not_come_between_a_session_and_its_file() {
    let console = Console::with_one_wallet();
    for (count, signal) in ["TERM", "INT", "HUP"].into_iter().enumerate() {
        console.sandbox.inject(Fault::new(FaultKind::Slow { ms: 400 }).on("POST", "/v1/sessions").times(1));
        let mut command = console.command(&["setup"]);
        let child = start(command.env("WAIAAS_MASTER_PASSWORD", console.sandbox.master_password()));
        until("the session is open", || console.times_asked("POST /v1/sessions") > count as u64);
        // A second one does no more than the first.
        for _ in 0..2 {
            let told = Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status();
            assert!(told.expect("kill").success());
            let _ = crossbeam_channel::after(Duration::from_millis(120)).recv();
        }
        console.end(child).assert_done();
        assert_eq!(console.open_sessions().len(), 1, "{signal}");
        console.session_in(&console.token_file());
    }
}

/// By signal, as a shell wants to see it, and soon; only locks are left.
fn assert_ended_by(console: &Console, mut child: Child, number: i32, opened: u64, names: &[&str]) {
    let clock = SystemClock::start();
    let told = Command::new("kill").args([&format!("-{number}"), &child.id().to_string()]).status();
    assert!(told.expect("kill").success());
    let mut status = None;
    until("it has ended", || {
        status = child.try_wait().expect("it is ours");
        status.is_some()
    });
    assert!(clock.now().mono < END_TIME_MAX, "signal {number}: it took {:?}", clock.now().mono);
    assert_eq!(status.and_then(|status| status.signal()), Some(number), "{status:?}");
    assert_eq!(console.times_asked("POST /v1/sessions"), opened);
    assert_eq!(console.names(), names);
}

#[test]
fn a_signal_ends_the_wait_for_a_lock() {
    let console = Console::with_one_wallet();
    console.run(&["setup"]).assert_done();
    let before = console.session_in(&console.token_file());
    let mut lock = TokenLock::of(&console.token_file());
    assert!(matches!(lock.try_take(), TryLock::Held));
    for command in ["setup", "refresh-token"] {
        for number in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP] {
            let child = start_waiting(&console, console.command(&[command]));
            assert_ended_by(&console, child, number, 1, &["mcp-token", "mcp-token.lock"]);
        }
    }
    assert_eq!(console.session_in(&console.token_file()).id, before.id);
}

/// The last lock of three is the one that is held: nothing may have begun for the first two.
#[test]
fn a_signal_ends_the_wait_for_the_last_of_several_locks() {
    let console = Console::new();
    let mut ids = console.sandbox.wallet_ids();
    ids.sort_unstable();
    fs::create_dir_all(console.data_dir().join("mcp-tokens")).expect("a directory");
    let mut lock = TokenLock::of(&console.token_file_of(ids[2]));
    assert!(matches!(lock.try_take(), TryLock::Held));
    let child = start_waiting(&console, console.command(&["setup", "--all", "--yes"]));
    until("the first locks are taken", || console.names().len() == 3);
    let locks = ids.map(|id| format!("mcp-tokens/{id}.lock"));
    assert_ended_by(&console, child, libc::SIGINT, 0, &locks.each_ref().map(String::as_str));
}

/// What a script starts in the background ignores SIGINT from its first moment on.
#[test]
fn a_wait_for_a_lock_ends_by_a_signal_that_was_ignored_at_the_start() {
    let console = Console::with_one_wallet();
    fs::create_dir(console.data_dir()).expect("a directory");
    let mut lock = TokenLock::of(&console.token_file());
    assert!(matches!(lock.try_take(), TryLock::Held));
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' INT; exec \"$0\" setup", env!("CARGO_BIN_EXE_waiaas-mcp")]);
    let child = start_waiting(&console, console.command_by(shell, &[]));
    assert_ended_by(&console, child, libc::SIGINT, 0, &["mcp-token.lock"]);
}

#[test]
fn a_signal_ends_the_wait_for_a_slow_daemon_before_a_session_is_opened() {
    let console = Console::with_one_wallet();
    for route in ["/health", "/v1/wallets"] {
        let asked = format!("GET {route}");
        let times = console.times_asked(&asked);
        console.sandbox.inject(Fault::new(FaultKind::Slow { ms: 10_000 }).on("GET", route).times(1));
        let mut command = console.command(&["setup"]);
        let child = start(command.env("WAIAAS_MASTER_PASSWORD", console.sandbox.master_password()));
        until("the daemon is asked", || console.times_asked(&asked) > times);
        assert_ended_by(&console, child, libc::SIGINT, 0, &[]);
    }
}

/// Starts a command that gets as far as the lock, which somebody else holds.
fn start_waiting(console: &Console, mut command: Command) -> Child {
    let wallets = console.times_asked("GET /v1/wallets");
    let child = start(command.env("WAIAAS_MASTER_PASSWORD", console.sandbox.master_password()));
    until("the wallets were asked for", || console.times_asked("GET /v1/wallets") > wallets);
    // The lock is tried a moment after the daemon's answer.
    let _ = crossbeam_channel::after(Duration::from_millis(300)).recv();
    child
}
