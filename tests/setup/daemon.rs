//! A daemon that is not there, not itself, locked, or lets no more sessions be made.

use waiaas_mcp::sandbox::{Fault, FaultKind};

use crate::console::Console;

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
