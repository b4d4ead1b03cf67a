//! The process among others: a stderr that nobody reads, signals, launchers that exit.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use waiaas_mcp::time::{Clock as _, SystemClock};

use super::Scene;
use super::daemon::{Claims, Daemon, program, until};
use super::player::{Player, pointed_at, serve};
use super::situations::due_soon;

#[path = "process/unread.rs"]
mod unread;

pub(crate) const SCENES: &[Scene] = &[
    ("stdin ends while a renewal takes more than five seconds", slow_renewal_at_the_end),
    ("a client is silent after the shell that started its server has exited", launcher_exits),
    ("nobody reads stderr, calls fail by the hundred and a renewal falls due", unread::by_the_hundred),
    ("a terminal that is stopped with Ctrl-S is stderr", unread::stopped_terminal),
    ("nobody reads stderr of a command", unread::commands),
    ("a socket that nobody reads is stderr", unread::socket),
    ("stderr is a pipe whose reader has gone", unread::reader_gone),
    ("stderr is a file, and a full disk", unread::files),
    ("SIGHUP while a renewal is in flight", || signal_during_renewal("-HUP")),
    ("SIGQUIT while a renewal is in flight", || signal_during_renewal("-QUIT")),
    ("SIGUSR1 while a renewal is in flight", || signal_during_renewal("-USR1")),
    ("SIGALRM while a renewal is in flight", || signal_during_renewal("-ALRM")),
    ("every other signal that ends a program, while a renewal is in flight", other_signals),
    ("a signal that comes twice at once while a renewal is in flight", signal_twice),
    ("a second signal while a renewal hangs", || second_signal(|player| player.signal("-TERM"))),
    ("a second signal after stdin has ended while a renewal hangs", || second_signal(Player::close)),
    ("SIGHUP under nohup", nohup),
    ("SIGINT to call after its result, while a renewal is in flight", || {
        call_interrupted("-INT", &json!({ "kind": "slow", "ms": 2000 }))
    }),
    ("SIGTERM to call while it hangs and a renewal is in flight", || call_hangs("-TERM", 15)),
    ("SIGINT to call while it hangs and a renewal is in flight", || call_hangs("-INT", 2)),
    ("SIGINT to the demo", demo_interrupted),
    ("sandboxes are killed", sandboxes_killed),
    ("a client closes the pipe of its answers and says nothing", closed_and_silent),
    ("no file may grow when the token is due", no_file_may_grow),
    ("the memory of a process that holds a token", memory_is_roots),
];

/// The end of a program that has nothing to wait for any more, on a busy machine.
const AT_ONCE: Duration = Duration::from_secs(2);

/// A daemon whose token is due, and that carries a renewal out at once and answers it so.
fn daemon_with_renewal(fault: &Value) -> (Daemon, Claims) {
    let daemon = Daemon::with_aged_token(60, 40);
    let old = Claims::of(&daemon.token());
    daemon.inject_on_renewals(fault.clone());
    (daemon, old)
}

/// The instant at which a token can be lost.
fn until_committed(daemon: &Daemon) {
    until("the daemon has committed", || daemon.ledger().renewals_granted() == 1);
}

/// What the daemon has given out is in the file, and works.
#[track_caller]
fn assert_kept(daemon: &Daemon, old: Claims) {
    let session = daemon.ledger().sessions().last().expect("a session").clone();
    let kept = Claims::of(&daemon.token());
    assert!(kept > old, "the new token is not in the file");
    assert_eq!(
        Some(kept.expires_at),
        session["expiresAt"].as_i64(),
        "the file does not hold the newest token"
    );
    daemon.ledger().assert_undisturbed();
}

/// Whoever runs the tests under `nohup` passes on what that does.
pub(crate) fn is_ignored_here(signal: &str) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:\t")).unwrap_or("0");
    let is_ignored = signal == "-HUP" && u64::from_str_radix(mask, 16).is_ok_and(|mask| mask & 1 != 0);
    if is_ignored {
        println!("skipped: SIGHUP is ignored by these tests themselves");
    }
    is_ignored
}

fn signal_during_renewal(signal: &str) {
    if is_ignored_here(signal) {
        return;
    }
    let (daemon, old) = daemon_with_renewal(&json!({ "kind": "slow", "ms": 1500 }));
    let player = Player::of(&daemon);
    until_committed(&daemon);
    let ended = player.end_by(signal);
    assert_eq!(ended.code, Some(0), "{signal}: {:?}", ended.printed.stderr);
    assert!(ended.printed.events().contains(&"shutdown.waiting".to_owned()), "{:?}", ended.printed.stderr);
    assert_kept(&daemon, old);
}

/// All that a program can be asked to end with, but for what says that the program itself is broken.
fn other_signals() {
    let mut signals = vec!["-USR2", "-XCPU", "-VTALRM", "-PROF", "-ABRT", "-TRAP", "-SYS"];
    if cfg!(target_os = "linux") {
        signals.extend(["-IO", "-PWR", "-STKFLT", "-34", "-64"]);
    }
    thread::scope(|scope| {
        for signal in signals {
            scope.spawn(move || signal_during_renewal(signal));
        }
    });
}

/// `timeout` signals its child and then the child's group, a closing terminal is told of by the kernel and by the shell.
fn signal_twice() {
    for signal in ["-TERM", "-HUP"].into_iter().filter(|signal| !is_ignored_here(signal)) {
        let (daemon, old) = daemon_with_renewal(&json!({ "kind": "slow", "ms": 1500 }));
        let player = Player::of(&daemon);
        until_committed(&daemon);
        let id = player.process_id();
        // By one program, so that nothing comes between them but the server's own taking notice, of which the last leaves it
        // the time.
        let twice = format!("kill {signal} {id}; kill {signal} {id}; sleep 0.01; kill {signal} {id}");
        let sent = Command::new("sh").args(["-c", &twice]).status().expect("a shell");
        assert!(sent.success());
        let ended = player.wait_for_end();
        assert_eq!(ended.code, Some(0), "{signal}: {:?}", ended.printed.stderr);
        assert_kept(&daemon, old);
    }
}

fn second_signal(begin: impl FnOnce(&mut Player)) {
    /// In which it must not have ended by itself.
    const WAITING: Duration = Duration::from_millis(1500);
    let (daemon, _) = daemon_with_renewal(&json!({ "kind": "hang" }));
    let mut player = Player::of(&daemon);
    player.wait_for("renewal.attempt", 1);
    begin(&mut player);
    player.wait_for("shutdown.waiting", 1);
    player.signal("-INT");
    player.pause(WAITING);
    assert!(player.is_running(), "it did not wait for the renewal\n{}", player.log());
    let ended = player.end_by("-INT");
    assert!(ended.took < AT_ONCE, "{:?}", ended.took);
    assert_ne!(ended.code, Some(0), "{:?}", ended.printed.stderr);
}

fn slow_renewal_at_the_end() {
    let (daemon, old) = daemon_with_renewal(&json!({ "kind": "slow", "ms": 6500 }));
    let player = Player::of(&daemon);
    until_committed(&daemon);
    let ended = player.end();
    assert_eq!(ended.code, Some(0), "{:?}", ended.printed.stderr);
    let line = ended.printed.stderr.iter().find(|line| line.contains("event=shutdown.waiting"));
    let line = line.unwrap_or_else(|| panic!("not told: {:?}", ended.printed.stderr));
    assert!(line.contains("level=warn") && line.contains("renewal") && line.contains("30s"), "{line}");
    assert_kept(&daemon, old);
}

/// Who starts it so wants it to outlive the terminal.
fn nohup() {
    let (daemon, old) = daemon_with_renewal(&json!({ "kind": "slow", "ms": 500 }));
    let mut player = Player::start(&mut before_serve(&daemon, &["nohup"]));
    player.initialize();
    until_committed(&daemon);
    player.signal("-HUP");
    player.wait_for("renewal.succeeded", 1);
    player.balance().assert_balance("after SIGHUP");
    assert_eq!(player.end().code, Some(0));
    assert_kept(&daemon, old);
}

/// A command, for this daemon.
fn command(daemon: &Daemon, words: &[&str]) -> Command {
    let mut command = program();
    command.args(words);
    command.env("WAIAAS_BASE_URL", daemon.base_url()).env("WAIAAS_DATA_DIR", daemon.data_dir());
    command
}

/// A program that turns into `serve`, for this daemon.
fn before_serve(daemon: &Daemon, words: &[&str]) -> Command {
    let serve = serve(daemon);
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).arg(serve.get_program()).args(serve.get_args()).env_clear();
    command.envs(serve.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
}

fn call_interrupted(signal: &str, renewal: &Value) {
    let (daemon, old) = daemon_with_renewal(renewal);
    let mut command = command(&daemon, &["call", "get_address"]);
    let mut running =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program runs");
    until_committed(&daemon);
    // The call itself is over long before: its result is not kept back for the renewal.
    let mut line = String::new();
    let mut stdout = BufReader::new(running.stdout.take().expect("a pipe"));
    stdout.read_line(&mut line).expect("a result");
    assert!(Claims::of(&daemon.token()) == old, "the result was kept back");
    kill(signal, running.id());
    let ended = running.wait_with_output().expect("it ends");
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert_kept(&daemon, old);
}

/// Ends by the signal itself, as a shell expects of a program that was interrupted; nothing further is sent.
fn call_hangs(signal: &str, number: i32) {
    let (daemon, old) = daemon_with_renewal(&json!({ "kind": "slow", "ms": 3000 }));
    daemon.inject(json!({ "kind": "slow", "ms": 60_000, "method": "POST", "path": "/v1/transactions/send" }));
    let transfer =
        r#"{"to":"0x000000000000000000000000000000000000dEaD","amount":"1","network":"ethereum-sepolia"}"#;
    let mut command = command(&daemon, &["call", "send_token", transfer]);
    let running = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program runs");
    until_committed(&daemon);
    until("the transfer was sent", || sends(&daemon) == 1);
    kill(signal, running.id());
    let clock = SystemClock::start();
    let ended = running.wait_with_output().expect("it ends");
    assert!(clock.now().mono < Duration::from_secs(5), "{:?}", clock.now().mono);
    assert_eq!(signal_of(ended.status), Some(number), "{ended:?}");
    let stdout = String::from_utf8(ended.stdout).expect("UTF-8");
    let result: Value = serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("stdout holds {stdout:?}"));
    assert_eq!(result["status"], "outcome_unknown", "{result}");
    assert_eq!(sends(&daemon), 1, "it was sent again");
    assert_kept(&daemon, old);
}

fn signal_of(status: ExitStatus) -> Option<i32> {
    status.signal()
}

/// How many transfers were asked for.
fn sends(daemon: &Daemon) -> u64 {
    daemon.ledger().0["requests"]["POST /v1/transactions/send"].as_u64().unwrap_or(0)
}

fn kill(signal: &str, id: u32) {
    assert!(Command::new("kill").args([signal, &id.to_string()]).status().expect("kill").success());
}

/// It leaves nothing behind, however it ends.
fn demo_interrupted() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut command = program();
    command.arg("demo").env("TMPDIR", directory.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let running = command.spawn().expect("the program runs");
    let left = || fs::read_dir(directory.path()).expect("a directory").count();
    until("the sandbox is there", || left() > 0);
    kill("-INT", running.id());
    let ended = running.wait_with_output().expect("it ends");
    assert_eq!(signal_of(ended.status), Some(2), "{ended:?}");
    assert_eq!(left(), 0, "a directory was left behind");
}

/// What a killed one has left is taken away by the next, and what a living one uses is not.
fn sandboxes_killed() {
    let directory = tempfile::tempdir().expect("a directory");
    let left = || fs::read_dir(directory.path()).expect("a directory").count();
    let start = |arguments: &[&str]| {
        let mut command = program();
        command.args(arguments).env("TMPDIR", directory.path()).stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let before = left();
        let child = command.spawn().expect("the program runs");
        (child, before)
    };
    let (living, before) = start(&["sandbox"]);
    let path_of = |stdout: Option<std::process::ChildStdout>| {
        let mut line = String::new();
        BufReader::new(stdout.expect("a pipe")).read_line(&mut line).expect("a line");
        let place: Value = serde_json::from_str(&line).expect("JSON");
        std::path::PathBuf::from(place["dataDir"].as_str().expect("text"))
    };
    let mut living = living;
    let path = path_of(living.stdout.take());
    assert_eq!((before, left()), (0, 1));
    for arguments in [&["sandbox"][..], &["serve", "--sandbox"]] {
        let (mut killed, _) = start(arguments);
        until("its directory is there", || left() == 2);
        until("it is complete", || {
            let mut entries = fs::read_dir(directory.path()).expect("a directory").flatten();
            entries.all(|entry| entry.path().join("mcp-token").exists())
        });
        kill("-KILL", killed.id());
        killed.wait().expect("it ends");
        assert_eq!(left(), 2);
        let (mut next, _) = start(&["sandbox"]);
        path_of(next.stdout.take());
        assert_eq!(left(), 2, "the dead one's is gone, the next one's is there");
        kill("-TERM", next.id());
        next.wait().expect("it ends");
        assert_eq!(left(), 1);
    }
    assert!(path.join("mcp-token").exists(), "the living one's was taken away");
    kill("-TERM", living.id());
    living.wait().expect("it ends");
    assert_eq!(left(), 0);
}

/// Launchers do this: they start what was asked for, hand it their own pipes, and exit.
fn launcher_exits() {
    /// Longer than anything that looks now and then takes to notice.
    const SILENCE: Duration = Duration::from_secs(8);
    let daemon = Daemon::start(300);
    let mut command = before_serve(&daemon, &["sh", "-c", "exec 3<&0; \"$@\" <&3 & sleep 0.5", "sh"]);
    command.env("PATH", "/usr/bin:/bin").env("WAIAAS_MCP_LOG", "debug");
    let mut player = Player::start(&mut command);
    player.initialize();
    player.pause(SILENCE);
    player.ping();
    player.balance().assert_balance("after its launcher has exited");
    player.wait_for("client.suspected", 1);
    // The server is not this test's own child; its output ends with it.
    let ended = player.end();
    assert!(ended.took < AT_ONCE, "{:?}", ended.took);
}

fn closed_and_silent() {
    let daemon = Daemon::start(300);
    let mut server = serve(&daemon)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program runs");
    let mut input = server.stdin.take().expect("a pipe");
    input.write_all(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n").expect("room");
    let mut line = String::new();
    let mut stdout = BufReader::new(server.stdout.take().expect("a pipe"));
    stdout.read_line(&mut line).expect("an answer");
    drop(stdout);
    let clock = SystemClock::start();
    let mut code = None;
    until("it ends, although its input is open", || {
        code = server.try_wait().expect("it can be waited for").map(|status| status.code());
        code.is_some()
    });
    assert_eq!(code, Some(Some(0)));
    assert!(clock.now().mono < AT_ONCE, "{:?}", clock.now().mono);
    drop(input);
}

/// `ulimit -f 0`: writing is an error, and no end of the program.
fn no_file_may_grow() {
    let daemon = due_soon();
    let limited = ["sh", "-c", "ulimit -f 0 && exec \"$@\"", "sh"];
    let mut player = Player::start(&mut before_serve(&daemon, &limited));
    player.initialize();
    player.call_until(
        "it is told",
        |outcome| outcome.assert_balance("while no file may grow"),
        |player| player.times_told("token_file.not_writable") > 0,
    );
    player.balance().assert_balance("after the token was due");
    assert_eq!(player.end().code, Some(0));
    // And as a command that ends at once, whose only file is stderr.
    let directory = tempfile::tempdir().expect("a directory");
    let log = directory.path().join("log");
    let ended = Command::new("sh")
        .args(["-c", "ulimit -f 0 && exec \"$@\" 2>>\"$0\""])
        .arg(&log)
        .arg(program().get_program())
        .arg("no-such-command")
        .status()
        .expect("a shell");
    assert_eq!(ended.code(), Some(2));
}

/// What belongs to root cannot be read by other processes of the same user, and is not written into a core file.
fn memory_is_roots() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let daemon = Daemon::start(300);
    let plain = program();
    let is_root = fs::metadata(daemon.token_file()).expect("a token file").uid() == 0;
    let mut command = Command::new("setpriv");
    let other = ["--reuid", "65534", "--regid", "65534", "--clear-groups"];
    let works = Command::new("setpriv").args(other).args(["test", "-x"]).arg(plain.get_program()).status();
    if !is_root {
        command = program();
    } else if works.is_ok_and(|status| status.success()) {
        command.args(other).arg(plain.get_program()).env_clear().env("HOME", "/nonexistent");
    } else {
        println!("skipped: this is root, and nobody else can run the program");
        return;
    }
    pointed_at(&mut command, daemon.base_url(), daemon.data_dir());
    let mut player = Player::start(&mut command);
    player.initialize();
    let of_process = |name: &str| format!("/proc/{}/{name}", player.process_id());
    let memory = fs::metadata(of_process("mem")).expect("a process");
    assert_eq!(memory.uid(), 0, "its memory belongs to its user");
    // What everybody may know is there as before.
    assert!(fs::read_to_string(of_process("status")).expect("a process").contains("VmRSS:"));
    assert!(Path::new(&of_process("stat")).exists());
}
