//! A stderr that takes no more: lines are lost and counted, and nothing else is.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader, PipeReader, Read as _, Write as _, pipe};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, unbounded};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::{Value, json};

use super::super::daemon::{Claims, Daemon, until};
use super::super::player::{Player, serve};
use super::{AT_ONCE, command};

/// Bytes that a pipe takes in one piece or not at all.
const PIECE: usize = 4096;

/// A pipe that takes no more, and its reader.
fn full_pipe() -> (PipeReader, OwnedFd) {
    let (reader, writer) = pipe().expect("a pipe");
    let writer = OwnedFd::from(writer);
    let filled = fill(&writer);
    assert!(filled >= PIECE);
    (reader, writer)
}

/// Writes blank lines until there is room for no more.
fn fill(writer: &OwnedFd) -> usize {
    let mut file = File::from(writer.try_clone().expect("a descriptor"));
    let mut filled = 0;
    loop {
        let mut waited = [PollFd::new(writer, PollFlags::OUT)];
        let none = Timespec { tv_sec: 0, tv_nsec: 0 };
        if poll(&mut waited, Some(&none)).expect("it can be asked") == 0 {
            return filled;
        }
        file.write_all(&[b'\n'; PIECE]).expect("there is room");
        filled += PIECE;
    }
}

/// The lines of a pipe that somebody reads from now on, without the blank ones.
fn read(pipe: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = unbounded();
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok).filter(|line| !line.is_empty()) {
            let _ = sender.send(line);
        }
    });
    lines
}

/// A client of a server with this stderr, after the handshake.
fn player(daemon: &Daemon, stderr: impl Into<Stdio>) -> Player {
    let mut command = serve(daemon);
    command.env("WAIAAS_MCP_LOG", "debug");
    let mut player = Player::start_unread(&mut command, stderr.into());
    player.initialize();
    player
}

pub(super) fn by_the_hundred() {
    /// Calls that fail: each is a line of more than a hundred bytes, and all of them are more than is kept.
    const FAILED: u32 = 900;
    let daemon = Daemon::with_aged_token(60, 33);
    let old = Claims::of(&daemon.token());
    let (reader, stderr) = full_pipe();
    let mut player = player(&daemon, stderr);
    player.balance().assert_balance("before");
    let mut failed = 0;
    while failed < FAILED {
        daemon.go_down_for(Duration::from_millis(1500));
        let mut outcome = player.balance();
        while !outcome.is_balance() && failed < FAILED {
            outcome.assert_unavailable("while the daemon is down");
            failed += 1;
            outcome = player.balance();
        }
    }
    until("the token is renewed", || Claims::of(&daemon.token()) > old);
    player.ping();
    until("the daemon is up", || daemon.listens());
    player.balance().assert_balance("after");

    let lines = read(reader);
    let mut seen = Vec::new();
    until("it is told how many lines were lost", || {
        seen.extend(lines.try_iter());
        seen.iter().any(|line: &String| line.contains("event=log.lost"))
    });
    let ended = player.end();
    assert_eq!(ended.code, Some(0));
    assert!(ended.took < AT_ONCE, "{:?}", ended.took);
    seen.extend(lines.iter());
    let lost: u32 = seen.iter().filter_map(|line| line.split_once("event=log.lost lines=")).map(number).sum();
    assert!(lost > 0, "{seen:?}");
    let told = seen.iter().filter(|line| line.contains("event=call.failed")).count();
    assert!(told + lost as usize >= FAILED as usize, "{told} told and {lost} lost of {FAILED}");
    let torn: Vec<&String> = seen.iter().filter(|line| !line.starts_with("[waiaas-mcp")).collect();
    assert!(torn.is_empty(), "{torn:?}");
}

fn number((_, text): (&str, &str)) -> u32 {
    text.parse().expect("a number")
}

/// The result is on stdout, complaints are lost, and the code is what it would have been.
pub(super) fn commands() {
    let daemon = Daemon::start(300);
    let table: [(&[&str], i32, &str); 5] = [
        (&["call", "get_address"], 0, "\"address\""),
        (&["call", "no_such_tool"], 2, ""),
        (&["no-such-command"], 2, ""),
        (&["status"], 0, "active"),
        (&["setup", "--wallet", "00000000-0000-4000-8000-000000000000", "--yes"], 1, ""),
    ];
    for (words, code, printed) in table {
        let (_reader, stderr) = full_pipe();
        let mut command = command(&daemon, words);
        command.env("WAIAAS_MCP_LOG", "debug").env("WAIAAS_MASTER_PASSWORD", daemon.password());
        let ended = ended_in_time(command.stdin(Stdio::null()), stderr.into());
        assert_eq!(ended.status.code(), Some(code), "{words:?}: {ended:?}");
        let stdout = String::from_utf8(ended.stdout).expect("UTF-8");
        assert!(stdout.contains(printed), "{words:?}: {stdout}");
    }
}

/// Runs a command to its end, which must not wait for a reader of stderr.
fn ended_in_time(command: &mut Command, stderr: Stdio) -> Output {
    let mut child = command.stdout(Stdio::piped()).stderr(stderr).spawn().expect("the program runs");
    let mut stdout = child.stdout.take().expect("a pipe");
    let mut status = None;
    until("the command ends", || {
        status = child.try_wait().expect("it can be waited for");
        status.is_some()
    });
    let mut printed = Vec::new();
    stdout.read_to_end(&mut printed).expect("it has ended");
    Output { status: status.expect("just seen"), stdout: printed, stderr: Vec::new() }
}

pub(super) fn socket() {
    let daemon = Daemon::with_aged_token(60, 35);
    let old = Claims::of(&daemon.token());
    let (reader, mut stderr) = UnixStream::pair().expect("sockets");
    stderr.set_nonblocking(true).expect("a socket");
    while stderr.write(&[b'\n'; PIECE]).is_ok() {}
    // For everybody who has it: whoever finds out that a write would wait must find it out by himself.
    stderr.set_nonblocking(false).expect("a socket");
    let mut player = player(&daemon, OwnedFd::from(stderr));
    player.balance().assert_balance("before");
    until("the token is renewed", || Claims::of(&daemon.token()) > old);
    player.balance().assert_balance("after");
    // Nothing was lost, because nothing was much.
    let lines = read(reader);
    let mut seen = Vec::new();
    until("it is told", || {
        seen.extend(lines.try_iter());
        seen.iter().any(|line: &String| line.contains("event=renewal.succeeded"))
    });
    assert_eq!(player.end().code, Some(0));
}

pub(super) fn reader_gone() {
    let daemon = Daemon::with_aged_token(60, 35);
    let old = Claims::of(&daemon.token());
    let (reader, stderr) = pipe().expect("a pipe");
    drop(reader);
    let mut gone = player(&daemon, stderr);
    gone.balance().assert_balance("before");
    until("the token is renewed", || Claims::of(&daemon.token()) > old);
    gone.balance().assert_balance("after");
    assert_eq!(gone.end().code, Some(0));

    let (ours, stderr) = UnixStream::pair().expect("sockets");
    ours.shutdown(Shutdown::Both).expect("a socket");
    drop(ours);
    let mut gone = player(&daemon, OwnedFd::from(stderr));
    gone.balance().assert_balance("a socket whose other end has gone");
    assert_eq!(gone.end().code, Some(0));
}

pub(super) fn files() {
    let daemon = Daemon::start(300);
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("log");
    let mut to_file = player(&daemon, File::create(&path).expect("a file"));
    to_file.balance().assert_balance("with a file");
    assert_eq!(to_file.end().code, Some(0));
    let log = fs::read_to_string(&path).expect("a file");
    assert!(log.contains("event=session.loaded"), "{log}");
    assert!(log.lines().all(|line| line.starts_with("[waiaas-mcp")), "{log}");

    let Ok(full) = OpenOptions::new().write(true).open("/dev/full") else { return };
    let mut to_full = player(&daemon, full);
    to_full.balance().assert_balance("with a full disk");
    assert_eq!(to_full.end().code, Some(0));
}

/// A terminal of its own from `script` (util-linux) is stderr, and Ctrl-S is typed there before anything is logged.
pub(super) fn stopped_terminal() {
    if !Command::new("script").arg("--version").output().is_ok_and(|output| output.status.success()) {
        println!("skipped: there is no `script` to have a terminal from");
        return;
    }
    let daemon = Daemon::with_aged_token(60, 33);
    let old = Claims::of(&daemon.token());
    let serve = serve(&daemon);
    let directory = tempfile::tempdir().expect("a directory");
    let shown = directory.path().join("shown");
    // The client's pipes are handed on as 3 and 4, because the terminal takes 0, 1 and 2.
    let script = "exec 3<&0 4>&1; { printf 'x\\023'; sleep 6; } | \
                  script -q -c 'sleep 0.5; exec \"$PROGRAM\" serve <&3 >&4' /dev/null >\"$SHOWN\" 2>&1";
    let mut command = Command::new("sh");
    command.args(["-c", script]).env_clear().env("PATH", "/usr/bin:/bin").env("SHOWN", &shown);
    command.envs(serve.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("PROGRAM", serve.get_program()).env("WAIAAS_MCP_LOG", "debug").env("SHELL", "/bin/sh");
    let mut player = Player::start(&mut command);
    player.initialize();
    player.balance().assert_balance("before");
    until("the token is renewed", || Claims::of(&daemon.token()) > old);
    player.balance().assert_balance("after");
    let shown = fs::read_to_string(&shown).expect("a file");
    assert!(!shown.contains("event="), "the terminal was not stopped: {shown}");
    let status: Value = player.status();
    assert_eq!(status["state"], json!("active"), "{status}");
}
