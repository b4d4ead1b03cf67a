//! `refresh-token`: the same limits, and create, write, revoke in that order, judged by the daemon's ledger; and what a
//! server that runs meanwhile makes of it.

#![cfg(all(unix, feature = "setup"))]
#![allow(clippy::disallowed_methods, reason = "tests prepare and examine real files")]
#![allow(clippy::print_stdout, reason = "a skipped test says why")]

#[allow(dead_code, reason = "each test program uses a part of the support")]
#[path = "support/console.rs"]
mod console;
#[allow(dead_code, reason = "each test program uses a part of the support")]
#[path = "support/daemon.rs"]
mod daemon;
#[allow(dead_code, reason = "each test program uses a part of the support")]
#[path = "support/outcome.rs"]
mod outcome;
#[allow(dead_code, reason = "each test program uses a part of the support")]
#[path = "support/player.rs"]
mod player;

use std::fs;
use std::path::Path;

use console::{Console, start, until};
use player::Player;
use waiaas_mcp::sandbox::{Fault, FaultKind, SessionLimits, SessionSnapshot};

const CONSTRAINTS: &str = "waiaas-mcp: constraints of the old sessions, if they had any, are not carried over: the daemon does not tell them\n";

/// Puts a new session into a token file, as somebody else's `setup` would.
fn put(console: &Console, file: &Path, limits: SessionLimits) -> String {
    let issued = console.sandbox.new_session(limits);
    fs::create_dir_all(file.parent().expect("a directory")).expect("a directory");
    fs::write(file, issued.token).expect("a file");
    issued.id
}

fn is_revoked(console: &Console, id: &str) -> bool {
    console.sandbox.ledger().session(id).expect("it is known").revoked
}

fn spans(session: &SessionSnapshot) -> (Option<i64>, u32, Option<i64>) {
    let span = |end: i64| (end != 0).then(|| end - session.issued_at);
    (span(session.expires_at), session.max_renewals, span(session.absolute_end))
}

#[test]
fn the_new_session_has_the_limits_and_the_wallets_of_the_old_one() {
    let console = Console::new();
    let [one, two, _] = console.sandbox.wallet_ids().map(str::to_owned);
    let table = [
        SessionLimits { ttl_s: Some(600), ..SessionLimits::default() },
        SessionLimits { ttl_s: None, ..SessionLimits::default() },
        SessionLimits {
            ttl_s: Some(86_400),
            max_renewals: 7,
            absolute_lifetime_s: 864_000,
            ..SessionLimits::default()
        },
        SessionLimits {
            ttl_s: Some(300),
            wallet_ids: vec![two.clone(), one.clone()],
            ..SessionLimits::default()
        },
    ];
    for limits in table {
        let old = put(&console, &console.token_file(), limits.clone());
        let before = console.sandbox.ledger().session(&old).expect("it is known").clone();
        let printed = console.run(&["refresh-token"]);
        printed.assert_done();
        assert_eq!(printed.stderr, CONSTRAINTS);
        let session = console.session_in(&console.token_file());
        assert_ne!(session.id, old);
        assert_eq!(spans(&session), spans(&before), "{limits:?}");
        assert_eq!(session.wallet_ids, before.wallet_ids);
        assert!(is_revoked(&console, &old));
    }
}

/// The daemon lets a token outlive its session; a new one shall not.
#[test]
fn the_new_token_does_not_outlive_the_lifetime_that_the_old_one_outlived() {
    let console = Console::new();
    let note = "waiaas-mcp: trading-bot: not carried over: that its tokens lived longer than the session may; the lifetime is used\n";
    for ttl_s in [Some(604_800), None] {
        let limits = SessionLimits { ttl_s, absolute_lifetime_s: 1000, ..SessionLimits::default() };
        put(&console, &console.token_file(), limits);
        let printed = console.run(&["refresh-token"]);
        printed.assert_done();
        assert_eq!(printed.stderr, format!("{note}{CONSTRAINTS}"));
        assert_eq!(spans(&console.session_in(&console.token_file())), (Some(1000), 0, Some(1000)));
    }
}

#[test]
fn nothing_is_written_before_the_session_is_open_and_nothing_revoked_before_it_is_written() {
    let console = Console::new();
    let file = console.token_file();
    let old = put(&console, &file, SessionLimits { ttl_s: Some(600), ..SessionLimits::default() });
    let command = || {
        let mut command = console.command(&["refresh-token"]);
        command
            .env("WAIAAS_MASTER_PASSWORD", console.sandbox.master_password())
            .env("WAIAAS_MCP_TIMEOUT", "1");
        command
    };
    // It never gets its session.
    console.sandbox.inject(Fault::new(FaultKind::Hang).on("POST", "/v1/sessions").times(1));
    let printed = console.end(start(&mut command()));
    assert_eq!(printed.code, 1);
    assert_eq!(console.session_in(&file).id, old);
    assert!(!is_revoked(&console, &old));
    assert_eq!(console.times_asked("DELETE /v1/sessions/{id}"), 0);
    // It has its session, and the revocation hangs: the token must be in the file already.
    console.sandbox.inject(Fault::new(FaultKind::Hang).on("DELETE", "/v1/sessions/").times(1));
    let child = start(&mut command());
    until("the new token is in the file", || console.session_in(&file).id != old);
    assert!(!is_revoked(&console, &old), "revoked before the file was seen to change");
    let printed = console.end(child);
    printed.assert_done();
    assert!(printed.stderr.contains("the old one is still open"), "{printed:?}");
    assert!(!is_revoked(&console, &old));
}

#[test]
fn a_session_that_the_daemon_no_longer_accepts_is_replaced_too() {
    let console = Console::new();
    let wallet_id = console.sandbox.wallet_id().to_owned();
    let file = console.token_file_of(&wallet_id);
    let old = put(
        &console,
        &file,
        SessionLimits { ttl_s: Some(7200), max_renewals: 3, ..SessionLimits::default() },
    );
    console.sandbox.kill_switch();
    console.sandbox.recover();
    let printed = console.run(&["refresh-token", "--wallet", &wallet_id]);
    printed.assert_done();
    let told = "waiaas-mcp: trading-bot: not carried over: the daemon no longer knows the old session: its renewal limit and its lifetime, if it had any\n";
    assert!(printed.stderr.contains(told), "{printed:?}");
    let session = console.session_in(&file);
    assert_ne!(session.id, old);
    assert_eq!(spans(&session), (Some(7200), 0, None));
    // Whose session it was is told by nothing but the file's name.
    let shared = put(&console, &console.token_file(), SessionLimits::default());
    console.sandbox.revoke(&shared);
    console.run(&["refresh-token"]).assert_failed(
        1,
        &format!(
            "the daemon no longer knows the session in {}, and so not its wallet",
            console.token_file().display()
        ),
        "Run `waiaas-mcp setup`, which lets you choose the wallet.",
    );
    console.sandbox.keep_wallets(&[&wallet_id]);
    console.run(&["refresh-token"]).assert_done();
    assert_eq!(console.session_in(&console.token_file()).wallet_ids, [wallet_id]);
}

#[test]
fn without_a_token_file_there_is_nothing_to_refresh() {
    let console = Console::new();
    let (file, wallet_id) = (console.token_file(), console.sandbox.wallet_id().to_owned());
    let directory = console.data_dir();
    let setup = "Run `waiaas-mcp setup`, or name another directory with --data-dir.";
    let refresh = |arguments: &[&str]| console.run(&[&["refresh-token"], arguments].concat());
    let missing = |file: &Path| format!("there is no token file {}", file.display());
    refresh(&[]).assert_failed(1, &missing(&file), setup);
    refresh(&["--wallet", &wallet_id]).assert_failed(1, &missing(&console.token_file_of(&wallet_id)), setup);
    refresh(&["--all"]).assert_failed(
        1,
        &format!("there is no token file in {}", directory.display()),
        setup,
    );
    // The file that wallets without their own fall back to is read, and never written.
    put(&console, &file, SessionLimits::default());
    refresh(&["--wallet", &wallet_id]).assert_failed(
        1,
        &missing(&console.token_file_of(&wallet_id)),
        &format!(
            "Run `waiaas-mcp setup --wallet ID` for a session of its own; {} is refreshed without --wallet.",
            file.display()
        ),
    );
    fs::write(&file, "garbage").expect("a file");
    refresh(&[]).assert_failed(
        1,
        &format!("{} holds no token: it does not have the form of a session token", file.display()),
        "Run `waiaas-mcp setup`, which replaces it.",
    );
    let mut command = console.command(&["refresh-token"]);
    let token = &console.sandbox.first_session().token;
    console.finish(command.env_remove("WAIAAS_DATA_DIR").env("WAIAAS_SESSION_TOKEN", token)).assert_failed(
        1,
        "WAIAAS_SESSION_TOKEN says which session is used, and a new one would be another",
        "Unset it and run `waiaas-mcp setup`, or set WAIAAS_DATA_DIR to the directory of a token file.",
    );
    assert_eq!(console.sandbox.ledger().tally.requests.len(), 0, "nobody was asked anything");
}

#[test]
fn all_means_every_token_file() {
    let console = Console::new();
    let [one, two, _] = console.sandbox.wallet_ids().map(str::to_owned);
    let files = [console.token_file(), console.token_file_of(&one), console.token_file_of(&two)];
    let of = |id: &str| SessionLimits {
        ttl_s: Some(600),
        wallet_ids: vec![id.to_owned()],
        ..SessionLimits::default()
    };
    let old = [
        put(&console, &files[0], of(&one)),
        put(&console, &files[1], of(&one)),
        put(&console, &files[2], of(&two)),
    ];
    // Not files of wallets.
    fs::write(console.data_dir().join("mcp-tokens/session-x"), "another's").expect("a file");
    fs::write(console.data_dir().join("mcp-tokens/notes.txt"), "mine").expect("a file");
    console.run(&["refresh-token", "--all"]).assert_done();
    for (file, old) in files.iter().zip(&old) {
        let session = console.session_in(file);
        assert_ne!(session.id, *old);
        assert!(is_revoked(&console, old));
    }
    assert_eq!(console.session_in(&files[2]).wallet_ids, [two]);
    assert_eq!(
        fs::read_to_string(console.data_dir().join("mcp-tokens/session-x")).expect("a file"),
        "another's"
    );
    console.run(&["refresh-token", "--all", "--wallet", &one]).assert_failed(
        2,
        "--all and --wallet contradict each other",
        "Type `waiaas-mcp refresh-token --help` to see what can be typed.",
    );
}

/// A server that runs meanwhile goes on with the new token, and not one of its calls fails.
#[test]
fn a_running_server_picks_the_new_token_up_by_itself() {
    let console = Console::with_one_wallet();
    console.run(&["setup", "--ttl", "1h"]).assert_done();
    let mut player = Player::start(&mut console.command(&["serve"]));
    player.initialize();
    player.balance().assert_balance("with the first session");
    for arguments in [&["setup"][..], &["refresh-token"], &["setup", "--ttl", "none"], &["refresh-token"]] {
        let before = console.session_in(&console.token_file()).id;
        console.run(arguments).assert_done();
        let now = console.session_in(&console.token_file()).id;
        assert!(is_revoked(&console, &before) && now != before);
        player.balance().assert_balance(&format!("after {arguments:?}"));
    }
    assert_eq!(player.times_told("reload.adopted"), 4);
    assert_eq!(player.end().code, Some(0));
    assert_eq!(console.open_sessions().len(), 1);
}

/// The same while the server is in the middle of a renewal: it holds the lock, and whoever refreshes waits for it.
#[test]
fn a_renewal_under_way_is_waited_for() {
    let console = Console::with_one_wallet();
    let wallet_id = console.sandbox.wallet_id();
    console.sandbox.set_clock_offset_s(-400);
    put(&console, &console.token_file(), SessionLimits { ttl_s: Some(600), ..SessionLimits::default() });
    console.sandbox.set_clock_offset_s(0);
    let renewals = || console.times_asked("PUT /v1/sessions/{id}/renew");
    console.sandbox.inject(Fault::new(FaultKind::Slow { ms: 600 }).on_renewals().times(1));
    let mut player = Player::start(&mut console.command(&["serve"]));
    player.initialize();
    until("the renewal is under way", || renewals() > 0);
    let renewed = console.sandbox.ledger().sessions.last().expect("a session").id.clone();
    console.run(&["refresh-token"]).assert_done();
    let session = console.session_in(&console.token_file());
    assert!(session.id != renewed && is_revoked(&console, &renewed));
    assert_eq!(session.wallet_ids, [wallet_id]);
    assert_eq!(spans(&session).0, Some(600));
    player.balance().assert_balance("after it was refreshed");
    assert_eq!(renewals(), 1);
}
