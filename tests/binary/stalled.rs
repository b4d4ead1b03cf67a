//! A client that does not read its answers: it is made to wait, costs bounded memory, and keeps nothing from ending.

use std::fs;
use std::io::{Read as _, Write as _};
use std::iter;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crossbeam_channel::after;
use serde_json::{Value, json};
use waiaas_mcp::time::{Clock as _, SystemClock};

use super::Scene;
use super::daemon::{Daemon, until};
use super::player::serve;

pub(crate) const SCENES: &[Scene] = &[
    ("a client closes its side and reads its answers seven seconds later", read_late),
    ("SIGTERM while the answers of a client that has closed its side are unread", unread),
    ("SIGTERM while a client reads nothing", || stalled(Duration::from_secs(4), |id| signal("-TERM", id))),
    ("SIGINT while a client reads nothing", || stalled(Duration::from_secs(4), |id| signal("-INT", id))),
    ("a client closes the pipe of its answers", closed),
];

/// Memory of the whole program while it holds what the client has said and not read, in kilobytes.
const RSS_KB_MAX: u64 = 40 * 1024;

/// Requests whose answers are more than any pipe holds, and few enough to be taken in before the client must wait.
const REQUESTS: usize = 20_000;

/// Lists of the tools that are asked for: each is more than a pipe holds.
const LISTS: usize = 5;

fn started() -> (Daemon, Child) {
    let daemon = Daemon::start(300);
    let mut command = serve(&daemon);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let server = command.spawn().expect("the program runs");
    (daemon, server)
}

/// Asks for the lists, and closes its side.
fn ask(server: &mut Child) {
    let mut input = server.stdin.take().expect("a pipe");
    let hello = json!({
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "c", "version": "0" },
    });
    let hello = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": hello });
    let lists = (1..=LISTS).map(|id| json!({ "jsonrpc": "2.0", "id": id, "method": "tools/list" }));
    let lines: Vec<String> = iter::once(hello).chain(lists).map(|line| format!("{line}\n")).collect();
    input.write_all(lines.concat().as_bytes()).expect("it reads");
}

fn read_late() {
    let (_daemon, mut server) = started();
    ask(&mut server);
    // Nothing to wait for: it is the time that passes here.
    let _ = after(Duration::from_secs(7)).recv();
    let mut output = String::new();
    server.stdout.take().expect("a pipe").read_to_string(&mut output).expect("UTF-8");
    let answers: Vec<Value> =
        output.lines().map(|line| serde_json::from_str(line).expect("a whole line")).collect();
    let ids: Vec<_> = answers.iter().map(|answer| answer["id"].as_u64().expect("an answer")).collect();
    assert_eq!(ids, (0..=LISTS as u64).collect::<Vec<_>>());
    assert_eq!(code_within(&mut server, Duration::from_secs(4)), Some(0));
}

fn unread() {
    let (_daemon, mut server) = started();
    ask(&mut server);
    // It has said what fits, and waits.
    let _ = after(Duration::from_secs(3)).recv();
    signal("-TERM", server.id());
    assert_eq!(code_within(&mut server, Duration::from_secs(4)), Some(0));
    let mut log = String::new();
    server.stderr.take().expect("a pipe").read_to_string(&mut log).expect("UTF-8");
    let told = log.lines().find(|line| line.contains("event=answers.unwritten"));
    let told = told.unwrap_or_else(|| panic!("it is not told:\n{log}"));
    assert!(told.contains("level=warn") && told.contains(&format!("count={LISTS}")), "{told}");
}

/// `end` is done to the server by its process id; then its input is closed.
fn stalled(time_max: Duration, end: impl FnOnce(u32)) {
    let (_daemon, mut server) = started();
    let mut input = server.stdin.take().expect("a pipe");
    let ping = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n";
    input.write_all(ping.repeat(REQUESTS).as_bytes()).expect("a client may write before it reads");
    let rss = resident_kb(server.id());
    assert!(rss < RSS_KB_MAX, "{rss} kB for a client that does not read");
    let clock = SystemClock::start();
    end(server.id());
    drop(input);
    assert_eq!(code_within(&mut server, time_max), Some(0), "after {:?}", clock.now().mono);
}

/// The end of a pipe is quiet: no signal, no message, no error.
fn closed() {
    let (_daemon, mut server) = started();
    drop(server.stdout.take());
    let mut input = server.stdin.take().expect("a pipe");
    let list = b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n";
    input.write_all(list).expect("room");
    assert_eq!(code_within(&mut server, Duration::from_secs(4)), Some(0), "its input is still open");
}

/// The exit code, once it has ended; the test fails if it has not by then.
fn code_within(server: &mut Child, time_max: Duration) -> Option<i32> {
    let clock = SystemClock::start();
    let mut code = None;
    until("the server ends", || {
        code = server.try_wait().expect("it can be waited for").map(|status| status.code());
        code.is_some() || clock.now().mono > time_max
    });
    if code.is_none() {
        let _ = server.kill();
    }
    code.expect("it ends in time")
}

fn resident_kb(id: u32) -> u64 {
    // Wherever there is no /proc nothing is measured.
    let Ok(status) = fs::read_to_string(format!("/proc/{id}/status")) else { return 0 };
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

fn signal(name: &str, id: u32) {
    assert!(Command::new("kill").args([name, &id.to_string()]).status().expect("kill").success());
}
