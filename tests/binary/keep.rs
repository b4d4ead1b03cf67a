//! `keep`: sessions without a client, beside servers and beside other keepers, told to the service manager and to a
//! collector of metrics.

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::Scene;
use super::daemon::{Claims, Daemon, program, until};
use super::player::Player;

/// A wallet's name for its file; the sandbox asks nobody for it.
const WALLET: &str = "01a20238-65b7-7d3f-808b-d0cdea77429e";

pub(crate) const SCENES: &[Scene] = &[
    ("keep: a file that appears later, and one that goes", files_come_and_go),
    ("keep: a second keeper takes over from one that was killed", second_keeper),
    ("keep: beside two servers there is one request a cycle", beside_two_servers),
    ("keep: without a client", without_a_client),
    ("keep: the metrics are whole whenever they are read", metrics_are_whole),
    ("keep: the service manager hears of it", || service_manager(false)),
    #[cfg(target_os = "linux")]
    ("keep: a service manager with an abstract socket", || service_manager(true)),
    ("keep: the daemon is away when the token is due", daemon_is_away),
    ("keep: what is no token file hinders nobody", odd_files),
    ("keep: two files with one session", two_files_with_one_session),
    ("keep: SIGTERM during a renewal", || stopped_during_a_renewal("-TERM")),
    ("keep: SIGINT during a renewal", || stopped_during_a_renewal("-INT")),
    ("keep: SIGHUP during a renewal", || stopped_during_a_renewal("-HUP")),
    ("keep: a second signal ends it at once", second_signal),
];

/// `keep` for this daemon.
pub(crate) fn keep(daemon: &Daemon) -> Command {
    let mut command = program();
    command.arg("keep").env("WAIAAS_BASE_URL", daemon.base_url()).env("WAIAAS_DATA_DIR", daemon.data_dir());
    command
}

/// Puts a token into a file of the data directory, and says where.
pub(crate) fn put(daemon: &Daemon, name: &str, token: &str) -> PathBuf {
    let path = daemon.data_dir().join(name);
    fs::create_dir_all(path.parent().expect("a directory")).expect("it can be made");
    #[expect(clippy::disallowed_methods, reason = "a careless writer is what is played here")]
    fs::write(&path, token).expect("it can be written");
    path
}

/// What a file of tokens holds.
fn claims_in(path: &Path) -> Claims {
    Claims::of(&fs::read_to_string(path).expect("a token file"))
}

/// What `status --json` says of the keeper.
fn keeper_status(daemon: &Daemon) -> Value {
    let mut command = program();
    command.args(["status", "--json"]);
    command.env("WAIAAS_BASE_URL", daemon.base_url()).env("WAIAAS_DATA_DIR", daemon.data_dir());
    let printed = command.output().expect("it runs").stdout;
    let status: Value = serde_json::from_slice(&printed).expect("one JSON object");
    status["keeper"].clone()
}

fn without_a_client() {
    let daemon = Daemon::start(4);
    let other = put(&daemon, &format!("mcp-tokens/{WALLET}"), &daemon.new_session(json!({ "ttl": 4 })).token);
    let first = (claims_in(&daemon.token_file()), claims_in(&other));
    let mut keeper = Player::start(&mut keep(&daemon));
    until("both are renewed twice", || daemon.ledger().renewals_granted() >= 4);
    assert!(claims_in(&daemon.token_file()) > first.0 && claims_in(&other) > first.1);
    let mode = fs::metadata(&other).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let status = keeper_status(&daemon);
    assert_eq!((&status["atWork"], &status["pid"]), (&json!(true), &json!(keeper.process_id())), "{status}");
    let renewed = status["lastRenewal"].as_i64().expect("a time");
    assert!((keeper.wall_ms() / 1000 - renewed).abs() < 10, "{status}");
    daemon.ledger().assert_undisturbed();
    keeper.pause(Duration::from_millis(100));
    for file in ["file=mcp-token ", &format!("file=mcp-tokens/{WALLET} ")] {
        let renewals = keeper
            .log()
            .lines()
            .filter(|line| line.contains("renewal.succeeded") && line.contains(file))
            .count();
        assert!(renewals > 0, "{file}: {}", keeper.log());
    }
    let ended = keeper.end_by("-TERM");
    assert_eq!((ended.code, ended.printed.stdout.len()), (Some(0), 0));
    let status = keeper_status(&daemon);
    assert_eq!(
        (&status["atWork"], &status["pid"], &status["since"]),
        (&json!(false), &Value::Null, &Value::Null)
    );
    assert!(status["lastRenewal"].as_i64() >= Some(renewed), "{status}");
}

/// Cycles that are watched, unless `WAIAAS_TEST_CYCLES` says otherwise.
const CYCLES: u64 = 3;

fn beside_two_servers() {
    /// Life of a token, in seconds, and the longest time of a cycle: 60 % of it, and what whole seconds add.
    const TTL_S: u64 = 4;
    #[expect(clippy::disallowed_methods, reason = "a switch of the tests, not of the program")]
    let said = std::env::var("WAIAAS_TEST_CYCLES");
    let cycles = said.map_or(CYCLES, |text| text.parse().expect("WAIAAS_TEST_CYCLES: a whole number"));
    let run_max = Duration::from_secs((cycles + 2) * TTL_S);
    let daemon = Daemon::start(TTL_S);
    let keeper = Player::start(&mut keep(&daemon));
    let mut players = [Player::of(&daemon), Player::of(&daemon)];
    let mut calls = 0_u64;
    while daemon.ledger().renewals_granted() < cycles {
        assert!(keeper.now() < run_max, "{} cycles in {run_max:?}", daemon.ledger().renewals_granted());
        for (number, player) in players.iter_mut().enumerate() {
            player.balance().assert_balance(&format!("server {number}"));
            player.pause(Duration::from_millis(20));
            calls += 1;
        }
    }
    let ledger = daemon.ledger();
    println!(
        "{} cycles, {} renewal requests, {calls} calls, 0 failed, in {:.0} s",
        ledger.renewals_granted(),
        ledger.renewals_asked(),
        keeper.now().as_secs_f64(),
    );
    ledger.assert_undisturbed();
    assert!(ledger.renewals_asked() <= cycles + 1, "more than one request a cycle");
    // Each of the three has every token: whoever was granted it, the others have adopted it.
    for player in &mut players {
        let news = player.times_told("renewal.succeeded") + player.times_told("reload.adopted");
        assert!(news as u64 + 1 >= cycles, "{news} of {cycles} new tokens");
    }
    assert_eq!(keeper.end_by("-TERM").code, Some(0));
}

fn stopped_during_a_renewal(signal: &str) {
    if super::process::is_ignored_here(signal) {
        return;
    }
    let daemon = Daemon::with_aged_token(20, 13);
    let old = Claims::of(&daemon.token());
    daemon.inject_on_renewals(json!({ "kind": "slow", "ms": 2000 }));
    let keeper = Player::start(&mut keep(&daemon));
    until("the daemon has committed", || daemon.ledger().renewals_granted() == 1);
    assert_eq!(Claims::of(&daemon.token()), old, "the answer is not there yet");
    let ended = keeper.end_by(signal);
    assert_eq!(ended.code, Some(0), "{:?}", ended.printed.stderr);
    assert!(ended.printed.events().contains(&"renewal.awaited".to_owned()), "{:?}", ended.printed.stderr);
    assert!(Claims::of(&daemon.token()) > old, "the daemon's newest token is not in the file");
    Player::of(&daemon).balance().assert_balance("the next process");
}

fn second_signal() {
    let daemon = Daemon::with_aged_token(60, 40);
    daemon.inject_on_renewals(json!({ "kind": "hang" }));
    let mut keeper = Player::start(&mut keep(&daemon));
    keeper.wait_for("renewal.attempt", 1);
    let id = keeper.process_id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().expect("kill").success());
    keeper.wait_for("renewal.awaited", 1);
    // What follows at once is taken for the same request.
    keeper.pause(Duration::from_millis(300));
    let ended = keeper.end_by("-TERM");
    assert_eq!(ended.code, None, "by the signal, as any other program");
    assert!(ended.took < Duration::from_secs(2), "{:?}", ended.took);
}

fn files_come_and_go() {
    let daemon = Daemon::start(300);
    fs::remove_file(daemon.token_file()).expect("a token file");
    let mut keeper = Player::start(&mut keep(&daemon));
    keeper.wait_for("keep.nothing", 1);
    let path =
        put(&daemon, &format!("mcp-tokens/{WALLET}"), &daemon.aged_session(json!({ "ttl": 60 }), 40).token);
    keeper.wait_for("keep.taken_up", 1);
    keeper.wait_for("renewal.succeeded", 1);
    fs::remove_file(&path).expect("a token file");
    // Looked for twice.
    keeper.wait_for("keep.let_go", 1);
    assert!(!path.exists(), "nobody puts it back");
    assert_eq!(keeper.end_by("-TERM").code, Some(0));
}

fn second_keeper() {
    // Due after the first keeper has gone.
    let daemon = Daemon::with_aged_token(60, 29);
    let mut first = Player::start(&mut keep(&daemon));
    first.wait_for("keep.taken_up", 1);
    let mut second = Player::start(&mut keep(&daemon));
    second.wait_for("keep.another", 1);
    assert_eq!(keeper_status(&daemon)["pid"], json!(first.process_id()));
    drop(first);
    assert_eq!(keeper_status(&daemon)["atWork"], json!(false), "the kernel knows at once");
    second.wait_for("keep.taken_up", 1);
    assert_eq!(keeper_status(&daemon)["pid"], json!(second.process_id()));
    second.wait_for("renewal.succeeded", 1);
    daemon.ledger().assert_undisturbed();
    assert_eq!(second.end_by("-TERM").code, Some(0));
}

fn daemon_is_away() {
    let daemon = Daemon::with_aged_token(20, 10);
    daemon.go_down_for(Duration::from_secs(4));
    let mut keeper = Player::start(&mut keep(&daemon));
    keeper.wait_for("renewal.failed", 1);
    keeper.wait_for("renewal.succeeded", 1);
    assert_eq!(keeper.end_by("-TERM").code, Some(0));
    Player::of(&daemon).balance().assert_balance("afterwards");
}

fn odd_files() {
    let daemon = Daemon::with_aged_token(60, 40);
    let token = daemon.token();
    let directory = daemon.data_dir().join("mcp-tokens");
    for name in
        [".x.waiaas-mcp-0123456789abcdef", "x.lock", "x.tmp", "README.md", "a b", "\u{1b}[31mred\n", "notes"]
    {
        put(&daemon, &format!("mcp-tokens/{name}"), if name == "notes" { "garbage" } else { &token });
    }
    let wallet = |last: u32| directory.join(format!("01a20238-65b7-7d3f-808b-d0cdea7742{last:02}"));
    std::os::unix::fs::symlink(daemon.token_file(), wallet(1)).expect("a link");
    fs::create_dir(wallet(2)).expect("a directory");
    assert!(Command::new("mkfifo").arg(wallet(3)).status().expect("mkfifo").success());
    std::os::unix::fs::symlink(wallet(4), wallet(4)).expect("a loop");
    let long = directory.join("x".repeat(255));
    fs::create_dir(&long).expect("a directory");
    let mut keeper = Player::start(&mut keep(&daemon));
    keeper.wait_for("renewal.succeeded", 1);
    keeper.pause(Duration::from_millis(300));
    // One worker, for the one token file; what should be one and is none is told.
    assert_eq!(
        (keeper.times_told("keep.taken_up"), keeper.times_told("keep.left")),
        (1, 4),
        "{}",
        keeper.log()
    );
    assert_eq!(daemon.ledger().renewals_asked(), 1);
    assert!(!keeper.log().contains('\u{1b}'), "{}", keeper.log());
    assert_eq!(keeper.end_by("-TERM").code, Some(0));
}

fn two_files_with_one_session() {
    let daemon = Daemon::with_aged_token(10, 5);
    put(&daemon, &format!("mcp-tokens/{WALLET}"), &daemon.token());
    let mut keeper = Player::start(&mut keep(&daemon));
    keeper.wait_for("keep.left", 1);
    keeper.wait_for("renewal.succeeded", 2);
    let ledger = daemon.ledger();
    ledger.assert_undisturbed();
    assert!(keeper.log().contains("same session"), "{}", keeper.log());
    assert_eq!(keeper.end_by("-TERM").code, Some(0));
}

#[cfg(target_os = "linux")]
fn abstract_address(name: &str) -> SocketAddr {
    use std::os::linux::net::SocketAddrExt as _;
    SocketAddr::from_abstract_name(name).expect("a name")
}

#[cfg(not(target_os = "linux"))]
fn abstract_address(_name: &str) -> SocketAddr {
    unreachable!("Linux alone has such addresses")
}

/// The service manager hears that it is up, how it is, that it lives, and that it ends.
fn service_manager(is_abstract: bool) {
    let daemon = Daemon::with_aged_token(60, 40);
    let path = daemon.data_dir().join("notify");
    let (address, name) = if is_abstract {
        let name = format!("waiaas-mcp-test-{}-{}", std::process::id(), daemon.process_id());
        (abstract_address(&name), OsString::from(format!("@{name}")))
    } else {
        (SocketAddr::from_pathname(&path).expect("a path"), path.into_os_string())
    };
    let socket = UnixDatagram::bind_addr(&address).expect("a socket");
    socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a socket");
    let hear = || {
        let mut bytes = [0; 500];
        let length = socket.recv(&mut bytes).expect("a message in time");
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    };
    let mut keeper = Player::start(keep(&daemon).env("NOTIFY_SOCKET", name).env("WATCHDOG_USEC", "1000000"));
    let mut heard = Vec::new();
    while heard.iter().filter(|message| *message == "WATCHDOG=1").count() < 3 || heard.len() < 6 {
        heard.push(hear());
    }
    assert_eq!(heard.iter().filter(|message| *message == "READY=1").count(), 1, "{heard:?}");
    let status = heard.iter().rfind(|message| message.starts_with("STATUS=")).expect("a status");
    assert!(status.starts_with("STATUS=keeping 1 token file; next renewal at 20"), "{status}");
    keeper.pause(Duration::ZERO);
    assert_eq!(keeper.end_by("-TERM").code, Some(0));
    let stopping = (0..20).map(|_| hear()).find(|message| message.starts_with("STOPPING=1"));
    assert!(stopping.is_some(), "it ends without a word");
}

/// A reader that reads all the time finds every series in one file, and no file that others may not read.
fn metrics_are_whole() {
    let daemon = Daemon::start(4);
    let other = daemon.new_session(json!({ "ttl": 4 }));
    put(&daemon, &format!("mcp-tokens/{WALLET}"), &other.token);
    let directory = tempfile::tempdir().expect("a directory");
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).expect("it is ours");
    let path = directory.path().join("waiaas.prom");
    let mut command = Command::new("sh");
    command.args(["-c", "umask 077; exec \"$0\" keep --metrics \"$1\""]);
    let plain = keep(&daemon);
    command.arg(plain.get_program()).arg(&path).env_clear();
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let keeper = Player::start(&mut command);
    until("it is there", || path.exists());
    let mut opened = fs::File::open(&path).expect("a file");
    let mut first = String::new();
    opened.read_to_string(&mut first).expect("a text");
    let is_over = AtomicBool::new(false);
    let (texts, last) = thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let (mut texts, mut last) = (0_u64, String::new());
            while !is_over.load(Ordering::Relaxed) {
                last = fs::read_to_string(&path).expect("it is always there");
                assert_whole(&last);
                texts += 1;
            }
            (texts, last)
        });
        until("both are renewed", || daemon.ledger().renewals_granted() >= 4);
        thread::park_timeout(Duration::from_millis(200));
        is_over.store(true, Ordering::Relaxed);
        reader.join().expect("every text was whole")
    });
    assert!(texts > 100, "{texts} texts were read");
    // Who has opened it reads on in what was opened: it is replaced, and never written over.
    let mut again = String::new();
    opened.seek(SeekFrom::Start(0)).and_then(|_| opened.read_to_string(&mut again)).expect("a text");
    assert!(again == first && again != last, "it was written over");
    assert_eq!(fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o644);
    for series in [
        format!(
            "waiaas_session_state{{session=\"{}\",wallet=\"{WALLET}\",file=\"mcp-tokens/{WALLET}\",state=\"active\"}} 1",
            other.id
        ),
        format!(
            "waiaas_daemon_reachable{{session=\"{}\",wallet=\"{WALLET}\",file=\"mcp-tokens/{WALLET}\"}} 1",
            other.id
        ),
    ] {
        assert!(last.contains(&series), "{series}\n{last}");
    }
    assert_eq!(keeper.end_by("-TERM").code, Some(0));
    let names: Vec<_> = fs::read_dir(directory.path()).expect("a directory").collect();
    assert_eq!(names.len(), 1, "a temporary file is left: {names:?}");
}

/// Begins with the first family, ends with the last one, and every line is whole.
fn assert_whole(text: &str) {
    assert!(text.starts_with("# HELP waiaas_session_state ") && text.ends_with('\n'), "{text:?}");
    assert!(text.contains("# TYPE waiaas_daemon_reachable gauge\n"), "{text:?}");
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let value = line.rsplit_once("} ").map(|(_, value)| value.parse::<f64>());
        assert!(matches!(value, Some(Ok(_))), "{line:?}");
    }
}
