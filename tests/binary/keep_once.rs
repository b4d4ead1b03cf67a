//! `keep --once` as cron sees it, and `keep --install` where there is no service manager.

use std::fs;
use std::process::Command;
use std::time::Duration;

use serde_json::json;
use waiaas_mcp::session::lock::{TokenLock, TryLock};
use waiaas_mcp::time::{Clock as _, SystemClock};

use super::Scene;
use super::daemon::{Claims, Daemon, shown_part, until};
use super::keep::{keep, put};

const WALLET: &str = "01a20238-65b7-7d3f-808b-d0cdea77429e";

pub(crate) const SCENES: &[Scene] = &[
    ("keep --once: another process has the lock", locked_out),
    ("keep --once: a daemon that hangs is not waited for without end", hanging),
    ("keep --once: what is due is renewed, and then nothing is", due_and_not_due),
    ("keep --once: one that is revoked does not keep the others from being renewed", one_is_revoked),
    ("keep --once: what is not well is told", not_well),
    ("keep --once: SIGTERM during a renewal", stopped),
    ("keep --once: beside a keeper at work", beside_a_keeper),
    ("keep --once: another process is renewing just now", beside_a_renewal),
    ("keep --once: the token of the environment", of_the_environment),
    ("keep: contradictions are wrong usage", wrong_usage),
    ("keep --install: without a service manager the file is written and the rest is said", installed_by_hand),
];

/// What one run came to.
#[derive(Debug)]
struct Run {
    code: Option<i32>,
    stdout: String,
    stderr: String,
    took: Duration,
}

fn run(command: &mut Command) -> Run {
    let clock = SystemClock::start();
    let output = command.output().expect("the program runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    let run = Run {
        code: output.status.code(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
        took: clock.now().mono,
    };
    assert_eq!(shown_part([&run.stdout, &run.stderr].into_iter()), None, "a part of a token was printed");
    run
}

fn once(daemon: &Daemon) -> Run {
    run(keep(daemon).arg("--once"))
}

impl Run {
    fn assert_silent(&self, code: i32) {
        assert_eq!((self.code, &*self.stdout, &*self.stderr), (Some(code), "", ""));
    }

    fn assert_told(&self, words: &str) {
        assert_eq!((self.code, &*self.stdout), (Some(1), ""), "{self:?}");
        assert!(self.stderr.contains(words), "{words}: {self:?}");
        assert_eq!(self.stderr.lines().count() % 2, 0, "what happened, and what to do: {self:?}");
    }
}

fn due_and_not_due() {
    let daemon = Daemon::with_aged_token(60, 40);
    let before = Claims::of(&daemon.token());
    once(&daemon).assert_silent(0);
    assert!(Claims::of(&daemon.token()) > before);
    assert_eq!(daemon.ledger().renewals_asked(), 1);
    once(&daemon).assert_silent(0);
    assert_eq!(daemon.ledger().renewals_asked(), 1, "nothing was due");
    // It says what it does to those who ask.
    let told = run(keep(&daemon).args(["--once", "--log", "info"]));
    assert!(told.code == Some(0) && told.stderr.contains("event=session.loaded file=mcp-token"), "{told:?}");
}

fn one_is_revoked() {
    let daemon = Daemon::with_aged_token(60, 40);
    let before = Claims::of(&daemon.token());
    let revoked = daemon.aged_session(json!({ "ttl": 60 }), 40);
    let file = put(&daemon, &format!("mcp-tokens/{WALLET}"), &revoked.token);
    daemon.control(json!({ "revoke": revoked.id }));
    let run = once(&daemon);
    run.assert_told(&format!("mcp-tokens/{WALLET}: the daemon refuses its token: SESSION_REVOKED"));
    assert!(run.stderr.contains(&format!("`waiaas-mcp setup --wallet {WALLET}`")), "{run:?}");
    assert!(Claims::of(&daemon.token()) > before, "the good one is renewed all the same");
    assert_eq!(fs::read_to_string(file).expect("a file"), revoked.token, "the other is left as it is");
}

fn not_well() {
    let daemon = Daemon::start(3600);
    fs::remove_file(daemon.token_file()).expect("a token file");
    once(&daemon).assert_told("there is no token file");
    run(keep(&daemon).args(["--once", "--wallet", WALLET])).assert_told("it is not there");
    put(&daemon, "mcp-token", "garbage");
    once(&daemon).assert_told("mcp-token: it holds no token: it does not have the form");
    // Two files with one session: one of them is kept, and the other is told.
    let issued = daemon.aged_session(json!({ "ttl": 600 }), 400);
    put(&daemon, "mcp-token", &issued.token);
    put(&daemon, &format!("mcp-tokens/{WALLET}"), &issued.token);
    once(&daemon).assert_told("the same session as");
    fs::remove_file(daemon.data_dir().join("mcp-tokens").join(WALLET)).expect("a file");
    // Exhausted.
    let issued = daemon.aged_session(json!({ "ttl": 600, "maxRenewals": 1 }), 400);
    put(&daemon, "mcp-token", &issued.token);
    once(&daemon).assert_silent(0);
    daemon.control(json!({ "clockOffsetSeconds": 400 }));
    once(&daemon).assert_told("renewal limit or lifetime is reached");
    daemon.control(json!({ "clockOffsetSeconds": 0 }));
    // The daemon is away, and the token is due; then another, which is not.
    let due = daemon.aged_session(json!({ "ttl": 600 }), 400);
    let young = daemon.new_session(json!({ "ttl": 600 }));
    put(&daemon, "mcp-token", &due.token);
    daemon.go_down_for(Duration::from_secs(5));
    let run = once(&daemon);
    run.assert_told("mcp-token: its token ends at");
    assert!(run.took < Duration::from_secs(3), "{run:?}");
    put(&daemon, "mcp-token", &young.token);
    once(&daemon).assert_silent(0);
}

fn locked_out() {
    let daemon = Daemon::with_aged_token(60, 40);
    let mut lock = TokenLock::of(&daemon.token_file());
    assert!(matches!(lock.try_take(), TryLock::Held));
    let held = once(&daemon);
    held.assert_told("another process has the lock");
    assert!(held.took < Duration::from_secs(30), "{held:?}");
    assert_eq!(daemon.ledger().renewals_asked(), 0);
    lock.release();
    once(&daemon).assert_silent(0);
}

fn hanging() {
    let daemon = Daemon::with_aged_token(600, 400);
    daemon.inject(json!({ "kind": "hang", "method": "GET", "path": "/health" }));
    let run = once(&daemon);
    run.assert_silent(0);
    assert!(run.took < Duration::from_secs(15), "{run:?}");
    assert_eq!(daemon.ledger().renewals_granted(), 1);
}

fn stopped() {
    let daemon = Daemon::with_aged_token(20, 13);
    let old = Claims::of(&daemon.token());
    daemon.inject_on_renewals(json!({ "kind": "slow", "ms": 2000 }));
    let mut process = keep(&daemon).arg("--once").spawn().expect("the program runs");
    until("the daemon has committed", || daemon.ledger().renewals_granted() == 1);
    let signal = Command::new("kill").args(["-TERM", &process.id().to_string()]).status();
    assert!(signal.expect("kill").success());
    assert_eq!(process.wait().expect("it ends").code(), Some(0), "all is well after all");
    assert!(Claims::of(&daemon.token()) > old, "the daemon's newest token is not in the file");
}

fn beside_a_keeper() {
    let daemon = Daemon::start(600);
    let mut keeper = super::player::Player::start(&mut keep(&daemon));
    keeper.wait_for("keep.taken_up", 1);
    put(&daemon, "mcp-token", &daemon.aged_session(json!({ "ttl": 60 }), 40).token);
    once(&daemon).assert_silent(0);
    assert_eq!(daemon.ledger().renewals_asked(), 1);
    daemon.ledger().assert_undisturbed();
    assert_eq!(keeper.end_by("-TERM").code, Some(0));
}

fn beside_a_renewal() {
    let daemon = Daemon::with_aged_token(60, 40);
    // Longer than a lock is waited for.
    daemon.inject_on_renewals(json!({ "kind": "slow", "ms": 3500 }));
    let keeper = super::player::Player::start(&mut keep(&daemon));
    until("the daemon has committed", || daemon.ledger().renewals_granted() == 1);
    once(&daemon).assert_silent(0);
    assert_eq!(daemon.ledger().renewals_asked(), 1, "its token was taken over");
    assert_eq!(keeper.end_by("-TERM").code, Some(0));
}

fn of_the_environment() {
    let daemon = Daemon::start(600);
    let issued = daemon.aged_session(json!({ "ttl": 60 }), 40);
    let home = tempfile::tempdir().expect("a directory");
    let mut command = keep(&daemon);
    command.env("HOME", home.path()).env_remove("WAIAAS_DATA_DIR").env("WAIAAS_SESSION_TOKEN", &issued.token);
    run(command.arg("--once")).assert_silent(0);
    let file = home.path().join(".waiaas/mcp-tokens").join(format!("session-{}", issued.id));
    let renewed = Claims::of(&fs::read_to_string(&file).expect("its own file"));
    assert!(renewed > Claims::of(&issued.token));
    // Later nobody has to say the token again.
    command.env_remove("WAIAAS_SESSION_TOKEN").env("WAIAAS_DATA_DIR", home.path().join(".waiaas"));
    run(&mut command).assert_silent(0);
    assert_eq!(daemon.ledger().renewals_asked(), 1);
}

fn wrong_usage() {
    let daemon = Daemon::start(600);
    for arguments in [
        ["--all", "--wallet", WALLET].as_slice(),
        &["--once", "--install"],
        &["--install", "--uninstall"],
        &["--uninstall", "--metrics", "x"],
        &["--metrics"],
        &["extra"],
    ] {
        let run = run(keep(&daemon).args(arguments));
        assert_eq!((run.code, run.stderr.lines().count()), (Some(2), 2), "{arguments:?}: {run:?}");
    }
    let token = daemon.token();
    let refused = run(keep(&daemon).arg("--install").env("WAIAAS_SESSION_TOKEN", &token));
    assert_eq!(refused.code, Some(2), "{refused:?}");
    let over_a_token = run(keep(&daemon).args(["--once", "--metrics"]).arg(daemon.token_file()));
    assert_eq!(over_a_token.code, Some(1), "{over_a_token:?}");
    assert_eq!(daemon.token(), token, "a token is no place for metrics");
}

fn installed_by_hand() {
    let daemon = Daemon::start(600);
    let home = tempfile::tempdir().expect("a directory");
    let file = home.path().join(".config/systemd/user/waiaas-mcp-keep.service");
    let with_home =
        |argument: &str| run(keep(&daemon).arg(argument).env("HOME", home.path()).env("PATH", home.path()));
    let installed = with_home("--install");
    assert_eq!((installed.code, installed.stdout.lines().count()), (Some(1), 1), "{installed:?}");
    assert!(installed.stdout.contains(&file.display().to_string()), "{installed:?}");
    let by_hand = "systemctl --user daemon-reload && systemctl --user enable waiaas-mcp-keep.service";
    assert!(installed.stderr.contains(by_hand), "{installed:?}");
    let text = fs::read_to_string(&file).expect("a unit");
    for word in ["\"--data-dir\"", &daemon.data_dir().display().to_string(), daemon.base_url(), "\"--all\""] {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert!(!text.contains("wai_sess_"), "{text}");
    let again = with_home("--install");
    assert!(again.stdout.starts_with("Unchanged: "), "{again:?}");
    assert_eq!(fs::read_to_string(&file).expect("a unit"), text);
    let removed = with_home("--uninstall");
    assert!(removed.code == Some(1) && !file.exists(), "it cannot be stopped from here: {removed:?}");
    let nothing = with_home("--uninstall");
    assert_eq!((nothing.code, &*nothing.stderr), (Some(0), ""), "{nothing:?}");
    // Somebody else's unit of that name is not touched.
    fs::create_dir_all(file.parent().expect("a directory")).expect("it can be made");
    #[expect(clippy::disallowed_methods, reason = "a person's own unit")]
    fs::write(&file, "[Service]\nExecStart=/bin/true\n").expect("it can be written");
    assert_eq!(with_home("--install").code, Some(1));
    assert_eq!(with_home("--uninstall").code, Some(0));
    assert!(fs::read_to_string(&file).expect("a unit").contains("/bin/true"));
}
