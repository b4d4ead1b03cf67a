//! strace on one thread of a running child: every system call it makes, one of them spoiled if wanted.
//!
//! It is attached to the session's own thread while that sleeps, so that calls are counted from the wake-up on and no
//! other thread is counted in. The thread of a renewal request lives for a millisecond, so for its sake all threads are
//! followed, each is counted by itself, and what meets another one is told apart. Used by the campaigns on system calls.
//! Knows nothing of what a call is good for.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::serve::Serve;

/// Longest wait for strace to attach.
const ATTACH_TIME_MAX: Duration = Duration::from_secs(5);

/// Longest wait for strace to let go.
const DETACH_TIME_MAX: Duration = Duration::from_secs(1);

/// The name of the thread that keeps the session.
const THREAD: &str = "session";

/// How the thread of a renewal request is named by the call with which it begins.
const REQUEST_NAMED: &str = "PR_SET_NAME, \"renewal\"";

/// Whose calls are looked at.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Tracee {
    /// The thread that keeps the session.
    Session,
    /// The one that carries a renewal request, from its first call to its last.
    Request,
}

/// strace at work.
pub(crate) struct Strace {
    child: Child,
    log: PathBuf,
    tracee: Tracee,
    /// Threads that were there when it was attached, where all are followed.
    others: Vec<u32>,
}

/// One system call as strace wrote it down.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Call {
    pub(crate) name: String,
    /// What it is about.
    pub(crate) object: Object,
    /// How many calls of this name came before it, and itself.
    pub(crate) number: usize,
    /// strace spoiled it.
    pub(crate) injected: bool,
}

/// What a call is about, as far as it matters here.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Object {
    Lock,
    TokenFile,
    Temporary,
    Directory,
    Daemon,
    Log,
    Other,
}

impl Object {
    fn of(line: &str) -> Object {
        // What it returned comes last and may name the lock's descriptor's path again.
        let end = line.find(", 0x7").unwrap_or(line.len());
        let text = &line[..end];
        if text.contains(".lock") {
            Object::Lock
        } else if text.contains(".waiaas-mcp-") {
            Object::Temporary
        } else if text.contains("/mcp-token\"") || text.contains("/mcp-token>") {
            Object::TokenFile
        } else if text.contains("/waiaas-sandbox-") {
            // Per wallet, the file's name is a UUID.
            let name = text.rsplit("/mcp-tokens/").next().unwrap_or("");
            if name.len() < text.len() && name.contains('-') { Object::TokenFile } else { Object::Directory }
        } else if text.contains("socket:") || text.contains("TCP:") || text.starts_with("socket(") {
            Object::Daemon
        } else if text.starts_with("write(2<") {
            Object::Log
        } else {
            Object::Other
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Object::Lock => "lock file",
            Object::TokenFile => "token file",
            Object::Temporary => "temporary file",
            Object::Directory => "directory",
            Object::Daemon => "daemon",
            Object::Log => "log",
            Object::Other => "",
        }
    }
}

impl Strace {
    /// Attaches to the session's thread, and to the others if need be. `options` go to strace as they are.
    pub(crate) fn attach(
        serve: &Serve,
        tracee: Tracee,
        log: &Path,
        options: &[&str],
    ) -> Result<Strace, String> {
        let deadline = Instant::now() + ATTACH_TIME_MAX;
        let tid = loop {
            if let Some(tid) = thread_id(serve.pid()) {
                break tid;
            }
            if Instant::now() > deadline {
                return Err(format!("no thread is called {THREAD:?}"));
            }
            thread::sleep(Duration::from_millis(1));
        };
        match tracee {
            Tracee::Session => Strace::attach_to(tid, log, options),
            Tracee::Request => {
                let mut strace = Strace::attach_to(tid, log, &[options, &["-ff"]].concat())?;
                (strace.tracee, strace.others) = (tracee, threads(serve.pid()));
                Ok(strace)
            }
        }
    }

    /// Attaches to this thread.
    pub(crate) fn attach_to(tid: u32, log: &Path, options: &[&str]) -> Result<Strace, String> {
        let mut command = Command::new("strace");
        command.args(["-q", "-y", "-s", "400", "-o"]).arg(log).args(options);
        command.args(["-p", &tid.to_string()]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let child = child.map_err(|error| format!("strace: {error}"))?;
        let mut strace = Strace { child, log: log.to_owned(), tracee: Tracee::Session, others: Vec::new() };
        let deadline = Instant::now() + ATTACH_TIME_MAX;
        // Attached and asleep again, twice in a row: strace has let it go on.
        let mut asleep = 0;
        while asleep < 2 {
            let status = fs::read_to_string(format!("/proc/{tid}/status")).unwrap_or_default();
            let field =
                |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("").trim();
            let is_asleep = field("TracerPid:") != "0" && field("State:").starts_with('S');
            asleep = if is_asleep { asleep + 1 } else { 0 };
            if Instant::now() > deadline || strace.child.try_wait().unwrap().is_some() {
                let _ = strace.child.kill();
                let mut said = String::new();
                let _ = std::io::Read::read_to_string(&mut strace.child.stderr.take().unwrap(), &mut said);
                return Err(format!("strace could not attach (run as root): {said}"));
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(strace)
    }

    /// Lets the thread alone from now on. strace detaches at SIGTERM.
    pub(crate) fn detach(mut self) -> String {
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let deadline = Instant::now() + DETACH_TIME_MAX;
        while self.child.try_wait().unwrap().is_none() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
        // A process whose first thread ends meanwhile keeps strace waiting for ever; without its tracer it goes on.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.text()
    }

    /// Waits until this was written down of any thread.
    pub(crate) fn wait_for(&self, what: &str, at_most: Duration) {
        let deadline = Instant::now() + at_most;
        while !written(&self.log).iter().any(|path| read(path).contains(what)) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// What was written down so far.
    pub(crate) fn calls(&self) -> Vec<Call> {
        calls(&self.text())
    }

    /// The same, as strace wrote it.
    pub(crate) fn text(&self) -> String {
        match self.tracee {
            Tracee::Session => read(&self.log),
            Tracee::Request => {
                let is_old = |path: &PathBuf| {
                    let tid = path.extension().and_then(|tid| tid.to_str()?.parse().ok());
                    tid.is_some_and(|tid| self.others.contains(&tid))
                };
                let new = written(&self.log).into_iter().filter(|path| !is_old(path));
                let texts: Vec<String> = new.map(|path| read(&path)).collect();
                // One that has died before it had a name is the only new one.
                let named = texts.iter().find(|text| text.contains(REQUEST_NAMED));
                named.or(texts.first()).cloned().unwrap_or_default()
            }
        }
    }
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

/// All that strace wrote under this name.
fn written(log: &Path) -> Vec<PathBuf> {
    let (Some(directory), Some(name)) = (log.parent(), log.file_name()) else { return Vec::new() };
    let name = name.to_string_lossy();
    let is_ours = |path: &PathBuf| {
        let rest = path.file_name().and_then(|found| found.to_str()?.strip_prefix(&*name));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    fs::read_dir(directory)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(is_ours)
        .collect()
}

/// Removes it.
pub(crate) fn forget(log: &Path) {
    for path in written(log) {
        let _ = fs::remove_file(path);
    }
}

impl Drop for Strace {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn thread_id(pid: u32) -> Option<u32> {
    let name = |tid: &u32| fs::read_to_string(format!("/proc/{pid}/task/{tid}/comm")).unwrap_or_default();
    threads(pid).into_iter().find(|tid| name(tid).trim() == THREAD)
}

fn threads(pid: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    tasks.filter_map(|task| task.file_name().to_str()?.parse().ok()).collect()
}

/// The calls in what strace wrote.
pub(crate) fn calls(text: &str) -> Vec<Call> {
    let mut calls: Vec<Call> = Vec::new();
    for line in text.lines() {
        let Some((name, _)) = line.split_once('(') else { continue };
        if name.is_empty()
            || !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        {
            continue;
        }
        let number = calls.iter().filter(|call| call.name == name).count() + 1;
        let (object, injected) = (Object::of(line), line.contains("(INJECTED"));
        calls.push(Call { name: name.to_owned(), object, number, injected });
    }
    calls
}

/// The calls from the opening of the lock file to its closing, both included; none if the lock was not taken.
pub(crate) fn transaction(calls: &[Call]) -> Option<&[Call]> {
    let open = calls.iter().position(|call| call.name.starts_with("open") && call.object == Object::Lock)?;
    let close = calls.iter().rposition(|call| call.name == "close" && call.object == Object::Lock)?;
    calls.get(open..=close)
}
