//! The demo's MCP client: this program's `serve` as a child, JSON-RPC over its pipes, its log as the story's
//! evidence.
//!
//! Used by the demo. Refuses to know what the story is.

use std::convert::Infallible;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, after, select, unbounded};
use serde_json::{Value, json};

use crate::cli::signals::Stop;
use crate::config;
use crate::sandbox::Sandbox;

/// A client and its server.
pub(super) struct Client {
    child: Child,
    input: Option<ChildStdin>,
    answers: Receiver<String>,
    log: Receiver<String>,
    /// Closed when the demo shall end, which ends every wait.
    stopped: Receiver<Infallible>,
    told: Vec<String>,
    next_id: u64,
}

/// What a call came to.
pub(super) enum Outcome {
    /// The daemon's own answer.
    Result(Value),
    /// The daemon could not be reached.
    Unavailable,
    /// Anything else.
    Other(String),
}

impl Client {
    /// Starts the server as a client would, with nothing but the sandbox's address and directory.
    pub(super) fn start(sandbox: &Sandbox, stop: &Stop) -> io::Result<Client> {
        let mut child = Command::new(config::own_path()?)
            .args(["serve", "--data-dir"])
            .arg(sandbox.data_dir())
            .env_clear()
            .env("WAIAAS_BASE_URL", sandbox.base_url())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let input = child.stdin.take();
        let answers = child.stdout.take().map(lines).ok_or(io::ErrorKind::BrokenPipe)?;
        let log = child.stderr.take().map(lines).ok_or(io::ErrorKind::BrokenPipe)?;
        let stopped = stop.requested().clone();
        Ok(Client { child, input, answers, log, stopped, told: Vec::new(), next_id: 1 })
    }

    /// The handshake. Returns who answered, and in which revision.
    pub(super) fn initialize(&mut self, time_max: Duration) -> Result<String, String> {
        let params = json!({
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": { "name": "demo", "version": env!("CARGO_PKG_VERSION") },
        });
        let result = self.request("initialize", params, time_max)?;
        self.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }))?;
        let text = |pointer| result.pointer(pointer).and_then(Value::as_str).unwrap_or("?");
        let (name, version) = (text("/serverInfo/name"), text("/serverInfo/version"));
        Ok(format!("{name} {version}, MCP {}", text("/protocolVersion")))
    }

    pub(super) fn count_tools(&mut self, time_max: Duration) -> Result<usize, String> {
        let result = self.request("tools/list", json!({}), time_max)?;
        let tools = result.get("tools").and_then(Value::as_array).ok_or("tools/list lists no tools")?;
        Ok(tools.len())
    }

    pub(super) fn get_balance(&mut self, time_max: Duration) -> Result<Outcome, String> {
        let params = json!({ "name": "get_balance", "arguments": { "network": "ethereum-sepolia" } });
        let result = self.request("tools/call", params, time_max)?;
        let text = result.pointer("/content/0/text").and_then(Value::as_str).unwrap_or_default();
        let body: Value = serde_json::from_str(text).unwrap_or(Value::Null);
        let is_error = result.get("isError").and_then(Value::as_bool) == Some(true);
        Ok(match body.get("status").and_then(Value::as_str) {
            Some("daemon_unavailable") => Outcome::Unavailable,
            None if !is_error && body.get("balance").is_some() => Outcome::Result(body),
            _ => Outcome::Other(text.to_owned()),
        })
    }

    /// Waits, and lets the log come in.
    pub(super) fn pause(&mut self, duration: Duration) {
        let over = after(duration);
        loop {
            select! {
                recv(self.log) -> line => match line {
                    Ok(line) => self.told.push(line),
                    Err(_) => return,
                },
                recv(over) -> _ => return,
                recv(self.stopped) -> _ => return,
            }
        }
    }

    /// Whether the server has logged this event since [`Client::forget_events`].
    pub(super) fn has_told(&mut self, event: &str) -> bool {
        self.told.extend(self.log.try_iter());
        let word = format!("event={event}");
        self.told.iter().any(|line| line.split(' ').any(|field| field == word))
    }

    pub(super) fn forget_events(&mut self) {
        self.log.try_iter().for_each(drop);
        self.told.clear();
    }

    /// Resident memory of the server in megabytes, where the system tells.
    pub(super) fn memory_mb(&self) -> Option<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kb: f64 = line.trim().trim_end_matches(" kB").parse().ok()?;
        Some(kb / 1024.0)
    }

    /// Closes the server's input and waits for its end, which must be a good one.
    pub(super) fn end(mut self, time_max: Duration) -> Result<(), String> {
        self.input = None;
        // Its output ends with it.
        loop {
            match self.answer(time_max)? {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => return Err("the server did not end".to_owned()),
            }
        }
        let status = self.child.wait().map_err(|error| error.to_string())?;
        if status.success() { Ok(()) } else { Err(format!("the server ended with {status}")) }
    }

    fn request(&mut self, method: &str, params: Value, time_max: Duration) -> Result<Value, String> {
        let id = self.next_id;
        self.next_id += 1;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))?;
        loop {
            let line = self.answer(time_max)?.map_err(|_| format!("{method} was not answered in time"))?;
            let message: Value = serde_json::from_str(&line)
                .map_err(|_| "the server wrote a line that is not JSON".to_owned())?;
            if message.get("id").and_then(Value::as_u64) == Some(id) {
                return message.get("result").cloned().ok_or_else(|| format!("{method} was answered {line}"));
            }
        }
    }

    /// The next line of the server, unless the demo shall end.
    fn answer(&self, time_max: Duration) -> Result<Result<String, RecvTimeoutError>, String> {
        select! {
            recv(self.answers) -> line => Ok(line.map_err(|_| RecvTimeoutError::Disconnected)),
            recv(self.stopped) -> _ => Err("it was interrupted".to_owned()),
            default(time_max) => Ok(Err(RecvTimeoutError::Timeout)),
        }
    }

    fn send(&mut self, message: &Value) -> Result<(), String> {
        let input = self.input.as_mut().ok_or("the server's input is closed")?;
        let line = format!("{message}\n");
        input.write_all(line.as_bytes()).map_err(|error| format!("the server does not listen: {error}"))
    }
}

impl Drop for Client {
    /// However the demo ends, its server does not outlive it.
    fn drop(&mut self) {
        self.input = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Outcome {
    /// In a few words.
    pub(super) fn shown(&self) -> String {
        match self {
            Outcome::Result(body) => {
                let text = |member| body.get(member).and_then(Value::as_str).unwrap_or("?");
                format!("{} {} on {}", text("balanceFormatted"), text("symbol"), text("network"))
            }
            Outcome::Unavailable => "daemon_unavailable".to_owned(),
            Outcome::Other(text) => text.clone(),
        }
    }
}

/// The lines of a pipe, read by a thread of their own until it ends.
fn lines(pipe: impl io::Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = unbounded();
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
