//! What is made: the session, its limits, from whose password, for which wallets, and what becomes of the one before.

use std::fs;
use std::process::Command;

use crate::console::Console;
use crate::{DAY_S, Limits, USUAL_S, mode};

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
    let table: [(&[&str], Limits); 9] = [
        (&["--ttl", "5m"], (Some(300), 0, None)),
        (&["--ttl", "1y", "--max-renewals", "3"], (Some(365 * DAY_S), 3, None)),
        (&["--ttl", &day, "--lifetime", "30d"], (Some(DAY_S), 0, Some(30 * DAY_S))),
        // No token outlives its session, which the daemon would let it do.
        (&["--lifetime", "1d"], (Some(DAY_S), 0, Some(DAY_S))),
        (&["--lifetime", "5m"], (Some(300), 0, Some(300))),
        (&["--lifetime", "8d"], (Some(USUAL_S), 0, Some(8 * DAY_S))),
        (&["--lifetime", "0"], (Some(USUAL_S), 0, None)),
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
    let printed = console.run(&["setup", "--ttl", "2y"]);
    printed.assert_failed(
        1,
        "the daemon refuses such a session: ttl: Number must be less than or equal to 31536000",
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
    let outlives = "--ttl and --lifetime contradict each other: a token would outlive its session";
    let no_longer = "Give a --ttl that is no longer than --lifetime, or leave it out.";
    let too_short =
        |option: &str| format!("--{option} is too short: the daemon's tokens live for 5 minutes at least");
    let table: [(&[&str], &str, &str); 9] = [
        (&["--ttl", "30d", "--lifetime", "7d"], outlives, no_longer),
        (&["--lifetime", "300", "--ttl", "301"], outlives, no_longer),
        (&["--lifetime", "5"], &too_short("lifetime"), "Give a --lifetime of 5m or more."),
        (&["--lifetime", "299", "--ttl", "1d"], &too_short("lifetime"), "Give a --lifetime of 5m or more."),
        (&["--ttl", "299"], &too_short("ttl"), "Give a --ttl of 5m or more."),
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
