//! `setup` as it is typed: the password from everywhere, the wallets, the token file, and everything that can go wrong
//! on the way, after which nothing is half done.

#![cfg(all(unix, feature = "setup"))]
#![allow(clippy::disallowed_methods, reason = "tests prepare and examine real files")]
#![allow(clippy::print_stdout, reason = "a skipped test says why")]

#[allow(dead_code, reason = "each test program uses a part of the support")]
#[path = "support/console.rs"]
mod console;

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use console::{Console, start, until};
use waiaas_mcp::sandbox::{Fault, FaultKind};
use waiaas_mcp::session::lock::{TokenLock, TryLock};

const DAY_S: i64 = 86_400;

/// Life of a token that setup asks for.
const USUAL_S: i64 = 7 * DAY_S;

/// Life of a token in seconds, renewals, life of the session in seconds.
type Limits = (Option<i64>, u32, Option<i64>);

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).expect("it is there").mode() & 0o7777
}

#[test]
fn the_only_wallet_gets_a_session_of_a_week_in_the_file_that_a_server_reads() {
    let console = Console::with_one_wallet();
    let printed = console.run(&["setup"]);
    printed.assert_done();
    assert_eq!(
        printed.stderr,
        "waiaas-mcp: no client was configured: name one with --client, or see what to paste with --print\n"
    );
    let session = console.session_in(&console.token_file());
    assert_eq!(session.expires_at - session.issued_at, USUAL_S);
    assert_eq!((session.max_renewals, session.absolute_end), (0, 0));
    assert_eq!(session.wallet_ids, [console.sandbox.wallet_id()]);
    for (name, value) in [
        ("Wallet", "trading-bot"),
        ("Session", &session.id),
        ("Token", &console.token_file().display().to_string()),
    ] {
        assert!(printed.stdout.contains(&format!("{name:8} {value}\n")), "{printed:?}");
    }
    assert!(printed.stdout.contains("Z (in 7 d)\n"), "{printed:?}");
    assert_eq!(console.names(), ["mcp-token", "mcp-token.lock"]);
    assert_eq!((mode(&console.token_file()), mode(&console.data_dir())), (0o600, 0o700));
    assert!(!fs::read_to_string(console.token_file()).expect("a token").ends_with('\n'));
}

#[test]
fn the_session_has_the_limits_that_were_asked_for() {
    let day = DAY_S.to_string();
    // Arguments, then life, renewals, lifetime.
    let table: [(&[&str], Limits); 5] = [
        (&["--ttl", "5m"], (Some(300), 0, None)),
        (&["--ttl", "1y", "--max-renewals", "3"], (Some(365 * DAY_S), 3, None)),
        (&["--ttl", &day, "--lifetime", "30d"], (Some(DAY_S), 0, Some(30 * DAY_S))),
        (&["--ttl", "none"], (None, 0, None)),
        (&["--ttl", "none", "--ttl", "12h"], (Some(DAY_S / 2), 0, None)),
    ];
    let console = Console::with_one_wallet();
    for (arguments, limits) in table {
        let printed = console.run(&[&["setup"], arguments].concat());
        printed.assert_done();
        let session = console.session_in(&console.token_file());
        let span = |end: i64| (end != 0).then(|| end - session.issued_at);
        assert_eq!(
            (span(session.expires_at), session.max_renewals, span(session.absolute_end)),
            limits,
            "{arguments:?}"
        );
        assert_eq!(
            printed.stdout.contains("safer than one that never dies"),
            limits.0.is_none(),
            "{printed:?}"
        );
    }
    let printed = console.run(&["setup", "--ttl", "299"]);
    printed.assert_failed(
        1,
        "the daemon refuses such a session: ttl: Number must be greater than or equal to 300",
        "Look at --ttl (5 minutes to 1 year, or none), --max-renewals and --lifetime.",
    );
}

#[test]
fn options_that_contradict_each_other_are_wrong_usage() {
    let console = Console::new();
    let wallet_id = console.sandbox.wallet_id();
    let help = "Type `waiaas-mcp setup --help` to see what can be typed.";
    let only_renewals =
        "A token that never ends is never renewed, and only renewals are limited: give a --ttl.";
    let table: [(&[&str], &str, &str); 4] = [
        (&["--wallet", wallet_id, "--all"], "--all and --wallet contradict each other", help),
        (&["--all", "--wallet", wallet_id], "--all and --wallet contradict each other", help),
        (
            &["--ttl", "none", "--lifetime", "1d"],
            "--ttl none and --lifetime contradict each other",
            only_renewals,
        ),
        (
            &["--ttl", "none", "--max-renewals", "1"],
            "--ttl none and --max-renewals contradict each other",
            only_renewals,
        ),
    ];
    for (arguments, what, advice) in table {
        console.run(&[&["setup"], arguments].concat()).assert_failed(2, what, advice);
    }
    assert_eq!(console.sandbox.ledger().tally.requests.len(), 0, "nobody was asked anything");
}

#[test]
fn the_password_is_taken_from_a_file_from_stdin_or_from_the_environment() {
    let console = Console::with_one_wallet();
    let password = console.sandbox.master_password().to_owned();
    let file = console.home().join("password");
    let path = file.to_str().expect("UTF-8");
    for ending in ["", "\n", "\r\n", "\n\n"] {
        fs::write(&file, format!("{password}{ending}")).expect("a file");
        console.finish(&mut console.command(&["setup", "--password-file", path])).assert_done();
        let mut command = console.command(&["setup", "--password-file", "-"]);
        console.finish_with(&mut command, &format!("{password}{ending}")).assert_done();
    }
    // The option beats the environment.
    let mut command = console.command(&["setup", "--password-file", path]);
    console.finish(command.env("WAIAAS_MASTER_PASSWORD", "wrong")).assert_done();
    // A pipe with a name, as a shell's `<(…)` is one.
    let mut shell = Command::new("sh");
    shell.args(["-c", "mkfifo \"$HOME/pipe\"; cat \"$HOME/password\" > \"$HOME/pipe\" & exec \"$0\" setup --password-file \"$HOME/pipe\""]);
    console.finish(&mut console.command_by(shell, &[env!("CARGO_BIN_EXE_waiaas-mcp")])).assert_done();
}

#[test]
fn without_a_usable_password_nothing_is_made() {
    let console = Console::with_one_wallet();
    let file = console.home().join("password");
    let path = file.to_str().expect("UTF-8");
    let setup = || console.command(&["setup", "--password-file", path]);
    const ONLY: &str = "Write the daemon's master password and nothing else.";
    const SET_UP_WITH: &str = "it must be the password that the daemon was set up with.";

    console.finish(&mut console.command(&["setup"])).assert_failed(
        1,
        "there is no master password, and no terminal to ask at",
        "Give --password-file FILE (- is stdin), or set WAIAAS_MASTER_PASSWORD.",
    );
    console.finish(&mut setup()).assert_failed(
        1,
        &format!("the password cannot be read from {path}: No such file or directory (os error 2)"),
        "Give a file that this user may read, with the password and nothing else.",
    );
    for (content, why) in [
        (&b"\n"[..], "it is empty"),
        (b"one\ntwo\n", "it has more than one line, or a control character"),
        (b"p\xffq", "it is not text in UTF-8"),
        (&[b'x'; 5000], "it is too long"),
    ] {
        fs::write(&file, content).expect("a file");
        console.finish(&mut setup()).assert_failed(1, &format!("this is no password ({path}): {why}"), ONLY);
    }
    fs::write(&file, "MARKER-OF-A-WRONG-PASSWORD").expect("a file");
    let refused = "the daemon refuses the master password";
    let wrong = console.finish(&mut setup());
    wrong.assert_failed(1, refused, &format!("Look at the file that --password-file names: {SET_UP_WITH}"));
    let mut command = console.command(&["setup"]);
    let by_environment = console.finish(command.env("WAIAAS_MASTER_PASSWORD", "MARKER-OF-A-WRONG-PASSWORD"));
    by_environment.assert_failed(1, refused, &format!("Look at WAIAAS_MASTER_PASSWORD: {SET_UP_WITH}"));
    for printed in [wrong, by_environment] {
        assert!(!printed.stderr.contains("MARKER"), "{printed:?}");
    }
    assert_eq!(console.times_asked("POST /v1/sessions"), 0);
    assert!(!console.data_dir().exists(), "{:?}", console.names());
}

#[test]
fn among_several_wallets_somebody_has_to_choose() {
    let console = Console::new();
    let [one, two, three] = console.sandbox.wallet_ids();
    let list = format!(
        "  {one}  trading-bot  ethereum testnet\n  {two}  sol-bot      solana testnet\n  {three}  smart-bot    ethereum testnet"
    );
    console.run(&["setup"]).assert_failed(
        1,
        "the daemon has 3 wallets, and none was chosen",
        &format!("Give --wallet ID for one of them, or --all:\n{list}"),
    );
    let unknown = "01a1f2c4-5b00-7c1e-9d3a-000000000000";
    console.run(&["setup", "--wallet", unknown]).assert_failed(
        1,
        &format!("the daemon has no wallet {unknown}"),
        &format!("Give --wallet the id of one that it has:\n{list}"),
    );
    assert_eq!(console.open_sessions().len(), 0);
    assert!(!console.data_dir().exists());

    console.run(&["setup", "--wallet", &two.to_uppercase()]).assert_done();
    assert_eq!(console.session_in(&console.token_file_of(two)).wallet_ids, [two]);
    let mut command = console.command(&["setup"]);
    command.env("WAIAAS_WALLET_ID", three).env("WAIAAS_MASTER_PASSWORD", console.sandbox.master_password());
    console.finish(&mut command).assert_done();
    assert_eq!(console.session_in(&console.token_file_of(three)).wallet_ids, [three]);
    assert_eq!(console.open_sessions().len(), 2);

    console.run(&["setup", "--all"]).assert_done();
    let held: Vec<String> = [one, two, three]
        .iter()
        .map(|id| {
            let session = console.session_in(&console.token_file_of(id));
            assert_eq!(session.wallet_ids, [*id]);
            session.id
        })
        .collect();
    let open: Vec<String> = console.open_sessions().into_iter().map(|session| session.id).collect();
    assert_eq!(open.len(), 3, "the former ones are revoked");
    assert!(held.iter().all(|id| open.contains(id)));
}

#[test]
fn a_session_that_was_replaced_is_revoked_unless_it_is_to_be_kept() {
    let console = Console::with_one_wallet();
    console.run(&["setup"]).assert_done();
    let first = console.session_in(&console.token_file());
    let printed = console.run(&["setup"]);
    printed.assert_done();
    assert!(printed.stdout.contains(&format!("Former   {} revoked\n", first.id)), "{printed:?}");
    let second = console.session_in(&console.token_file());
    let open = || console.open_sessions().into_iter().map(|session| session.id).collect::<Vec<_>>();
    assert_eq!(open(), [second.id.as_str()]);
    let printed = console.run(&["setup", "--keep-old"]);
    assert!(printed.stdout.contains(&format!("Former   {} still open\n", second.id)), "{printed:?}");
    let third = console.session_in(&console.token_file());
    assert_eq!(open(), [second.id.as_str(), third.id.as_str()]);
    assert_eq!(console.names(), ["mcp-token", "mcp-token.lock"]);
}

#[test]
fn a_token_in_the_wallets_own_file_is_replaced_there_if_it_is_the_only_one() {
    let console = Console::new();
    let wallet_id = console.sandbox.wallet_id().to_owned();
    console.run(&["setup", "--wallet", &wallet_id]).assert_done();
    console.sandbox.keep_wallets(&[&wallet_id]);
    console.run(&["setup"]).assert_done();
    assert!(!console.token_file().exists());
    assert_eq!(console.open_sessions().len(), 1);
    // With a token where servers without a wallet look, that one is replaced.
    fs::copy(console.token_file_of(&wallet_id), console.token_file()).expect("a copy");
    let before = console.session_in(&console.token_file()).id;
    console.run(&["setup", "--keep-old"]).assert_done();
    assert_eq!(console.session_in(&console.token_file_of(&wallet_id)).id, before);
    assert_ne!(console.session_in(&console.token_file()).id, before);
}

#[test]
fn a_daemon_that_is_not_there_or_not_itself_is_told_before_anybody_types_a_password() {
    let console = Console::new();
    let url = console.sandbox.base_url();
    let another = "Look at --base-url and WAIAAS_BASE_URL: another program may listen there.";
    let setup = || console.finish(&mut console.command(&["setup"]));
    let unlike =
        |status: u16| format!("what answers at {url} ({status}) does not speak like a WAIaaS daemon");
    let code = |status, code: &str| FaultKind::Code { status, code: code.to_owned(), retry_after_s: Some(7) };
    let table = [
        (FaultKind::Garbage, unlike(200), another),
        (FaultKind::Empty, unlike(200), another),
        (FaultKind::Cut, format!("the daemon at {url} gave no answer: Peer disconnected"), another),
        (
            FaultKind::Hang,
            format!("the daemon at {url} gave no answer: no answer in time (global)"),
            "Look whether the daemon hangs, or start it anew.",
        ),
        (FaultKind::Html, "the daemon answered HTTP_502".to_owned(), "Look at the daemon's log."),
        (
            code(503, "SHUTTING_DOWN"),
            "the daemon is shutting down".to_owned(),
            "Start it anew, then try again.",
        ),
        (
            code(429, "RATE_LIMITED"),
            "the daemon has been asked too often in the last minute".to_owned(),
            "Wait 7 s, then try again.",
        ),
    ];
    for (kind, what, advice) in table {
        console.sandbox.inject(Fault::new(kind).on("GET", "/health").times(1));
        setup().assert_failed(1, &what, advice);
    }
    console.sandbox.go_down();
    let printed = setup();
    assert!(
        printed.stderr.starts_with(&format!("waiaas-mcp: the daemon at {url} cannot be reached: ")),
        "{printed:?}"
    );
    assert!(
        printed.stderr.ends_with("\nStart the daemon, or name it with --base-url or WAIAAS_BASE_URL.\n"),
        "{printed:?}"
    );
    assert_eq!(console.times_asked("GET /v1/wallets"), 0);
    assert!(!console.data_dir().exists());
}

#[test]
fn a_locked_daemon_makes_no_session_and_says_who_can_unlock_it() {
    let console = Console::with_one_wallet();
    let code = |code: &str| FaultKind::Code { status: 503, code: code.to_owned(), retry_after_s: Some(60) };
    for (kind, what, advice) in [
        (
            code("KEYSTORE_LOCKED"),
            "the daemon's keystore is locked",
            "Unlock it, which is done by starting the daemon with its master password; then try again.",
        ),
        (
            code("MASTER_PASSWORD_LOCKED"),
            "after too many wrong passwords the daemon accepts none for a while",
            "Wait 60 s, then try again.",
        ),
        (FaultKind::Garbage, "does not speak like a WAIaaS daemon", "another program may listen there."),
    ] {
        console.sandbox.inject(Fault::new(kind).on("GET", "/v1/wallets").times(1));
        let printed = console.run(&["setup"]);
        assert_eq!(printed.code, 1);
        let mut lines = printed.stderr.lines();
        assert!(lines.next().is_some_and(|line| line.ends_with(what)), "{printed:?}");
        assert!(lines.next().is_some_and(|line| line.ends_with(advice)), "{printed:?}");
    }
    console.sandbox.kill_switch();
    console.run(&["setup"]).assert_failed(
        1,
        "the daemon is locked: its kill switch was thrown",
        "Recover it on its admin page, which leaves all sessions revoked; then run `waiaas-mcp setup`.",
    );
    console.sandbox.recover();
    console.run(&["setup"]).assert_done();
}

#[test]
fn a_wallet_with_too_many_sessions_is_told_and_nothing_is_left() {
    let console = Console::with_one_wallet();
    for _ in 0..49 {
        console.sandbox.new_session(waiaas_mcp::sandbox::SessionLimits::default());
    }
    let printed = console.run(&["setup"]);
    assert_eq!(printed.code, 1);
    assert!(printed.stderr.contains("as many sessions as the daemon allows"), "{printed:?}");
    assert!(printed.stderr.contains("max_sessions_per_wallet"), "{printed:?}");
    assert_eq!(console.names(), ["mcp-token.lock"]);
}

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
        let told = Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status();
        assert!(told.expect("kill").success());
        console.end(child).assert_done();
        assert_eq!(console.open_sessions().len(), 1, "{signal}");
        console.session_in(&console.token_file());
    }
}

#[test]
fn what_is_printed_can_be_pasted_and_holds_no_token() {
    let console = Console::with_one_wallet();
    let (data_dir, url) = (console.data_dir().display().to_string(), console.sandbox.base_url());
    let printed = console.run(&["setup", "--print"]);
    printed.assert_done();
    let pasted: serde_json::Value = serde_json::from_str(&printed.stdout).expect("JSON and nothing else");
    let entry = &pasted["mcpServers"]["waiaas"];
    assert_eq!(entry["command"], env!("CARGO_BIN_EXE_waiaas-mcp"));
    assert_eq!(entry["env"], serde_json::json!({ "WAIAAS_DATA_DIR": data_dir, "WAIAAS_BASE_URL": url }));
    assert!(printed.stderr.contains("Wallet   trading-bot\n"), "{printed:?}");

    let several = Console::new();
    let printed = several.run(&["setup", "--all", "--print", "--client", "vscode", "--client", "codex"]);
    printed.assert_done();
    let (json, toml) = printed.stdout.split_at(printed.stdout.find("\n[").expect("two forms") + 1);
    let pasted: serde_json::Value = serde_json::from_str(json).expect("JSON");
    for (name, id) in ["trading-bot", "sol-bot", "smart-bot"].into_iter().zip(several.sandbox.wallet_ids()) {
        let env = &pasted["servers"][format!("waiaas-{name}")]["env"];
        assert_eq!(
            (&env["WAIAAS_WALLET_ID"], &env["WAIAAS_WALLET_NAME"]),
            (&id.into(), &name.into()),
            "{json}"
        );
        assert!(toml.contains(&format!("[mcp_servers.waiaas-{name}]\n")), "{toml}");
    }
    assert!(
        printed.stderr.contains("\nCodex has a command for it as well: codex mcp add waiaas-sol-bot "),
        "{printed:?}"
    );
    several.run(&["setup", "--client", "emacs"]).assert_failed(
        2,
        "--client: \"emacs\" is not a known name",
        "Write one of claude-desktop, claude-code, cursor, vscode, windsurf, zed, codex, gemini, goose.",
    );
}

#[test]
fn a_clients_file_is_written_once_and_everything_else_in_it_stays() {
    let console = Console::with_one_wallet();
    let file = console.home().join(".cursor/mcp.json");
    fs::create_dir(console.home().join(".cursor")).expect("a directory");
    fs::write(&file, "{\n  // mine\n  \"mcpServers\": { \"other\": { \"command\": \"x\" } }\n}\n")
        .expect("a file");
    let printed = console.run(&["setup", "--client", "cursor"]);
    printed.assert_done();
    assert!(
        printed.stdout.contains(&format!("Client   Cursor: {} is changed", file.display())),
        "{printed:?}"
    );
    let written = fs::read_to_string(&file).expect("a file");
    assert!(
        written.contains("// mine") && written.contains("\"other\": { \"command\": \"x\" }"),
        "{written}"
    );
    assert!(
        written.contains(env!("CARGO_BIN_EXE_waiaas-mcp")) && !written.contains("wai_sess_"),
        "{written}"
    );
    let printed = console.run(&["setup", "--client", "cursor"]);
    printed.assert_done();
    assert!(printed.stdout.contains("Client   Cursor: unchanged"), "{printed:?}");
    assert_eq!(fs::read_to_string(&file).expect("a file"), written);
}

#[test]
fn several_wallets_have_an_entry_each() {
    let console = Console::new();
    console.run(&["setup", "--all", "--client", "claude-code", "--client", "codex", "--yes"]).assert_done();
    let json = fs::read_to_string(console.home().join(".claude.json")).expect("a file");
    let toml = fs::read_to_string(console.home().join(".codex/config.toml")).expect("a file");
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    for (name, id) in ["trading-bot", "sol-bot", "smart-bot"].into_iter().zip(console.sandbox.wallet_ids()) {
        assert_eq!(json["mcpServers"][format!("waiaas-{name}")]["env"]["WAIAAS_WALLET_ID"], id, "{json}");
        assert!(toml.contains(&format!("[mcp_servers.waiaas-{name}]")) && toml.contains(id), "{toml}");
    }
    // The entry works as it stands.
    let entry = &json["mcpServers"]["waiaas-sol-bot"];
    let mut command = Command::new(entry["command"].as_str().expect("a path"));
    command.arg("call").arg("get_address").env_clear();
    for (name, value) in entry["env"].as_object().expect("variables") {
        command.env(name, value.as_str().expect("text"));
    }
    let printed = console.finish(&mut command);
    assert!(printed.code == 0 && printed.stdout.contains("\"chain\":\"solana\""), "{printed:?}");
}

/// The session is made all the same, and what could not be written is printed.
#[test]
fn a_clients_file_that_cannot_be_edited_is_left_alone_and_the_entry_is_printed() {
    let console = Console::with_one_wallet();
    fs::create_dir(console.home().join(".cursor")).expect("a directory");
    let file = console.home().join(".cursor/mcp.json");
    let other = "{\"mcpServers\":{\"waiaas\":{\"command\":\"elsewhere\"}}}";
    for (content, why) in
        [("{\"mcpServers\": [", "mcp.json: line 1, column"), (other, "has another entry of this name")]
    {
        fs::write(&file, content).expect("a file");
        let printed = console.run(&["setup", "--client", "cursor"]);
        assert_eq!(printed.code, 1, "{printed:?}");
        assert!(printed.stderr.contains(why), "{printed:?}");
        assert!(
            printed.stdout.contains("\"mcpServers\": {") && printed.stdout.contains("Wallet   trading-bot"),
            "{printed:?}"
        );
        assert_eq!(fs::read_to_string(&file).expect("a file"), content);
        console.session_in(&console.token_file());
    }
    console.run(&["setup", "--client", "cursor", "--yes"]).assert_done();
    assert!(fs::read_to_string(&file).expect("a file").contains(env!("CARGO_BIN_EXE_waiaas-mcp")));
    // A client that is not installed.
    let printed = console.run(&["setup", "--client", "windsurf"]);
    assert_eq!(printed.code, 1, "{printed:?}");
    assert!(printed.stderr.contains("is Windsurf installed?"), "{printed:?}");
    assert!(!console.home().join(".codeium").exists());
}
