//! One `serve` under test: the real binary as a child, its stdin kept open, its answers and its log collected.
//!
//! Used by every campaign of `scripts/crash` and `scripts/many`. Refuses to know why it is started or how it ends.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use serde_json::{Value, json};

/// For so long nothing more comes from a stopped child: what it had written has arrived.
const QUIET: Duration = Duration::from_millis(2);

/// Longest wait for an answer to a call. Far above what a loaded machine needs, below the 20 s a call waits at most.
pub(crate) const ANSWER_TIME_MAX: Duration = Duration::from_secs(10);

/// Lines that come in on a pipe, to be waited for.
#[derive(Default)]
pub(crate) struct Lines {
    all: Mutex<(Vec<String>, bool)>,
    grown: Condvar,
}

impl Lines {
    fn collect(pipe: impl Read + Send + 'static) -> (Arc<Lines>, JoinHandle<()>) {
        let lines = Arc::new(Lines::default());
        let sink = Arc::clone(&lines);
        let thread = thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                sink.all.lock().unwrap().0.push(line);
                sink.grown.notify_all();
            }
            sink.all.lock().unwrap().1 = true;
            sink.grown.notify_all();
        });
        (lines, thread)
    }

    /// The first line that fits, as soon as there is one; none if the pipe closes or the time is over first.
    pub(crate) fn wait_for(&self, at_most: Duration, fits: impl Fn(&str) -> bool) -> Option<String> {
        let deadline = Instant::now() + at_most;
        let mut all = self.all.lock().unwrap();
        let mut seen = 0;
        loop {
            if let Some(line) = all.0[seen..].iter().find(|line| fits(line)) {
                return Some(line.clone());
            }
            seen = all.0.len();
            let left = deadline.saturating_duration_since(Instant::now());
            if all.1 || left.is_zero() {
                return None;
            }
            all = self.grown.wait_timeout(all, left).unwrap().0;
        }
    }

    /// Like [`Lines::wait_for`], and forgets that line and all before it.
    fn take(&self, at_most: Duration, fits: impl Fn(&str) -> bool) -> Option<String> {
        let found = self.wait_for(at_most, fits)?;
        let mut all = self.all.lock().unwrap();
        let at = all.0.iter().position(|line| *line == found)?;
        all.0.drain(..=at);
        Some(found)
    }

    fn have_ended(&self) -> bool {
        self.all.lock().unwrap().1
    }

    /// All lines so far.
    pub(crate) fn so_far(&self) -> Vec<String> {
        self.all.lock().unwrap().0.clone()
    }
}

/// How a child ended.
pub(crate) struct End {
    pub(crate) status: ExitStatus,
    pub(crate) log: Vec<String>,
}

/// A running child.
pub(crate) struct Serve {
    child: Child,
    input: ChildStdin,
    answers: Arc<Lines>,
    pub(crate) log: Arc<Lines>,
    readers: Vec<JoinHandle<()>>,
    next_id: u64,
}

impl Serve {
    /// Starts it and says `initialize`, without waiting for the answer.
    pub(crate) fn start(command: &mut Command) -> Serve {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program can be started");
        let input = child.stdin.take().unwrap();
        let (answers, of_answers) = Lines::collect(child.stdout.take().unwrap());
        let (log, of_log) = Lines::collect(child.stderr.take().unwrap());
        let mut serve = Serve { child, input, answers, log, readers: vec![of_answers, of_log], next_id: 1 };
        let client = json!({ "name": "campaign", "version": "1" });
        let params = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client });
        serve.say(&json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params }));
        serve.say(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
        serve
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// One tool call that needs the session. The error says what came instead of the daemon's answer.
    pub(crate) fn call(&mut self) -> Result<(), String> {
        let id = self.next_id;
        self.next_id += 1;
        let params = json!({ "name": "get_address", "arguments": {} });
        self.say(&json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params }));
        let start = format!("\"id\":{id},");
        let line = self.answers.take(ANSWER_TIME_MAX, |line| line.contains(&start));
        let Some(line) = line else {
            return Err(format!("a call was not answered within {ANSWER_TIME_MAX:?}"));
        };
        let answer: Value = serde_json::from_str(&line).map_err(|error| format!("{error}: {line}"))?;
        let text = answer.pointer("/result/content/0/text").and_then(Value::as_str).unwrap_or(&line);
        let body: Value = serde_json::from_str(text).unwrap_or_default();
        if body.get("address").is_some() { Ok(()) } else { Err(format!("a call came to {text}")) }
    }

    /// SIGKILL. Whatever it had written to its pipes is there when this returns.
    pub(crate) fn kill(mut self) -> Vec<String> {
        self.child.kill().expect("our own child can be killed");
        self.reap()
    }

    /// Waits for its end, which somebody else has seen to; the child if that does not come.
    pub(crate) fn wait_for_end(mut self, at_most: Duration) -> Result<End, Serve> {
        let deadline = Instant::now() + at_most;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Ok(End { status, log: self.reap() });
            }
            thread::sleep(Duration::from_millis(1));
        }
        Err(self)
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.id(), signal)
            .expect("our own child, which nobody has waited for, can be sent signals");
    }

    /// Has it stand still at whatever instant this is, all of its threads, and the log of everything before arrive. Or it
    /// ends in this very moment.
    pub(crate) fn stop(&self) {
        self.signal(Signal::STOP);
        let options = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        waitid(WaitId::Pid(self.id()), options).expect("our own child can be waited for");
        let mut seen = None;
        loop {
            let lines = self.log.so_far().len();
            if seen.replace(lines) == Some(lines) {
                return;
            }
            thread::sleep(QUIET);
        }
    }

    fn id(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Whether it still runs. One that is being killed has closed its pipes a moment before it can be waited for.
    pub(crate) fn is_alive(&mut self) -> bool {
        !self.answers.have_ended() && self.child.try_wait().unwrap().is_none()
    }

    fn reap(&mut self) -> Vec<String> {
        self.child.wait().unwrap();
        self.readers.drain(..).for_each(|reader| reader.join().unwrap());
        self.log.so_far()
    }

    /// A child that dies in the middle of it is no fault.
    fn say(&mut self, message: &Value) {
        let _ = self.input.write_all(format!("{message}\n").as_bytes());
    }
}

/// Whether a line of the log is this event.
pub(crate) fn is_event(line: &str, name: &str) -> bool {
    line.split(' ').any(|field| field.strip_prefix("event=") == Some(name))
}
