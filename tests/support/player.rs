//! An MCP client that plays against `waiaas-mcp serve` over real pipes: it sends lines, waits for answers and for
//! events of the log with bounds, and remembers everything that was printed.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, after, select, unbounded};
use serde_json::{Value, json};
use waiaas_mcp::time::{Clock as _, SystemClock};

use super::daemon::{Daemon, TIME_MAX, program, shown_part, until};
use super::outcome::{Outcome, outcome};

/// Pause between two calls of a client that calls all the time.
const CALL_PAUSE: Duration = Duration::from_millis(50);

/// The client and its server. Dropping it ends the server by force.
pub(crate) struct Player {
    process: Child,
    stdin: Option<ChildStdin>,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
    /// Messages that nobody has asked for yet.
    unread: Vec<Value>,
    /// Everything the server has printed so far.
    printed: Printed,
    clock: SystemClock,
    next_id: u64,
}

/// Lines of the two streams.
#[derive(Default)]
pub(crate) struct Printed {
    pub(crate) stdout: Vec<String>,
    pub(crate) stderr: Vec<String>,
}

/// How the server ended.
pub(crate) struct Ended {
    /// `None`: by a signal.
    pub(crate) code: Option<i32>,
    /// From the wish to its end.
    pub(crate) took: Duration,
    /// Messages that nobody had asked for.
    pub(crate) unread: Vec<Value>,
    pub(crate) printed: Printed,
}

impl Ended {
    /// The messages that are not notifications, which come by themselves.
    pub(crate) fn answers(&self) -> Vec<&Value> {
        self.unread.iter().filter(|message| message["method"].is_null()).collect()
    }
}

impl Player {
    /// A client of this daemon, after the handshake.
    pub(crate) fn of(daemon: &Daemon) -> Player {
        Player::with(daemon, &[])
    }

    /// The same once the server holds its token and has planned its renewal: what is put into the token file from then
    /// on is news.
    pub(crate) fn settled(daemon: &Daemon) -> Player {
        let mut player = Player::of(daemon);
        player.balance().assert_balance("at the start");
        player.wait_for("renewal.scheduled", 1);
        // The look at the providers' actions asks the daemon too: one still under way would meet what a scene does next.
        until("the providers' actions are listed", || {
            player.request("tools/list", json!({})).to_string().contains("\"action_")
        });
        player
    }

    /// The same with more in the environment.
    pub(crate) fn with(daemon: &Daemon, more: &[(&str, &str)]) -> Player {
        let mut player = Player::start(serve(daemon).envs(more.iter().copied()));
        player.initialize();
        player
    }

    /// Runs a command that is the server, and says nothing yet.
    pub(crate) fn start(command: &mut Command) -> Player {
        Player::start_unread(command, Stdio::piped())
    }

    /// The same with this stderr, which nobody reads.
    pub(crate) fn start_unread(command: &mut Command, stderr: Stdio) -> Player {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .expect("the program runs");
        // The command holds on to what it was given, and a pipe ends with its last writer.
        command.stderr(Stdio::null());
        Player {
            stdin: process.stdin.take(),
            stdout: lines(process.stdout.take().expect("a pipe")),
            stderr: process.stderr.take().map_or_else(|| unbounded().1, lines),
            process,
            unread: Vec::new(),
            printed: Printed::default(),
            clock: SystemClock::start(),
            next_id: 1,
        }
    }

    pub(crate) fn initialize(&mut self) -> Value {
        let params = json!({
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "player", "version": "0" },
        });
        let answer = self.request("initialize", params);
        assert_eq!(answer["result"]["protocolVersion"], "2025-11-25", "{answer}");
        self.say(br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
        answer
    }

    /// Sends a line as it is.
    pub(crate) fn say(&mut self, line: &[u8]) {
        self.say_unended(line);
        self.say_unended(b"\n");
    }

    /// Sends bytes as they are.
    pub(crate) fn say_unended(&mut self, bytes: &[u8]) {
        let stdin = self.stdin.as_mut().expect("it is open");
        stdin.write_all(bytes).and_then(|()| stdin.flush()).expect("the server reads");
    }

    /// Sends a request, and does not wait.
    pub(crate) fn send(&mut self, method: &str, params: Value) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        let message = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        self.say(message.to_string().as_bytes());
        id
    }

    pub(crate) fn send_call(&mut self, tool: &str, arguments: Value) -> u64 {
        self.send("tools/call", json!({ "name": tool, "arguments": arguments }))
    }

    /// The answer to the request with this id.
    pub(crate) fn answer(&mut self, id: u64) -> Value {
        self.message(&format!("the answer {id}"), |message| {
            message["id"] == id && message["method"].is_null()
        })
    }

    /// The first message that is so. What came before it is kept.
    pub(crate) fn message(&mut self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        let deadline = self.now() + TIME_MAX;
        loop {
            if let Some(at) = self.unread.iter().position(&is_it) {
                return self.unread.remove(at);
            }
            let left = deadline.saturating_sub(self.now());
            match self.stdout.recv_timeout(left) {
                Ok(line) => self.take_line(line),
                Err(error) => {
                    self.pause(Duration::ZERO);
                    panic!("{what} did not come: {error}; the log:\n{}", self.printed.stderr.join("\n"))
                }
            }
        }
    }

    pub(crate) fn request(&mut self, method: &str, params: Value) -> Value {
        let id = self.send(method, params);
        self.answer(id)
    }

    pub(crate) fn call(&mut self, tool: &str, arguments: Value) -> Outcome {
        let before = self.now();
        let id = self.send_call(tool, arguments);
        let answer = self.answer(id);
        Outcome { took: self.now() - before, ..outcome(&answer) }
    }

    pub(crate) fn balance(&mut self) -> Outcome {
        self.call("get_balance", json!({ "network": "ethereum-sepolia" }))
    }

    pub(crate) fn ping(&mut self) {
        let answer = self.request("ping", json!({}));
        assert_eq!(answer["result"], json!({}), "{answer}");
    }

    /// The resource `waiaas://session/status`.
    pub(crate) fn status(&mut self) -> Value {
        let answer = self.request("resources/read", json!({ "uri": "waiaas://session/status" }));
        let text = answer["result"]["contents"][0]["text"].as_str().unwrap_or_else(|| panic!("{answer}"));
        serde_json::from_str(text).expect("JSON")
    }

    /// Waits, and lets the log come in.
    pub(crate) fn pause(&mut self, time: Duration) {
        let over = after(time);
        loop {
            select! {
                recv(self.stderr) -> line => match line {
                    Ok(line) => self.printed.stderr.push(line),
                    Err(_) => {
                        let _ = over.recv();
                        return;
                    }
                },
                recv(over) -> _ => {
                    self.printed.stderr.extend(self.stderr.try_iter());
                    return;
                }
            }
        }
    }

    /// Calls on and on until it is so. Each call is looked at.
    pub(crate) fn call_until(
        &mut self,
        what: &str,
        mut look: impl FnMut(&Outcome),
        mut is_so: impl FnMut(&mut Player) -> bool,
    ) {
        let deadline = self.now() + TIME_MAX;
        while !is_so(self) {
            assert!(self.now() < deadline, "not so within {TIME_MAX:?}: {what}\n{}", self.log());
            look(&self.balance());
            self.pause(CALL_PAUSE);
        }
    }

    /// Waits until an event was logged so many times.
    pub(crate) fn wait_for(&mut self, event: &str, times: usize) {
        let deadline = self.now() + TIME_MAX;
        while self.times_told(event) < times {
            let left = deadline.saturating_sub(self.now());
            match self.stderr.recv_timeout(left) {
                Ok(line) => self.printed.stderr.push(line),
                Err(error) => panic!("{event} was not told {times} times: {error}; the log:\n{}", self.log()),
            }
        }
    }

    /// How often an event was logged so far.
    pub(crate) fn times_told(&mut self, event: &str) -> usize {
        self.events().iter().filter(|told| *told == event).count()
    }

    /// The names of all events logged so far.
    pub(crate) fn events(&mut self) -> Vec<String> {
        self.pause(Duration::ZERO);
        self.printed.events()
    }

    pub(crate) fn log(&self) -> String {
        self.printed.stderr.join("\n")
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Milliseconds since 1970.
    pub(crate) fn wall_ms(&self) -> i64 {
        self.clock.now().wall.unix_millis()
    }

    /// Time since the client was made.
    pub(crate) fn now(&self) -> Duration {
        self.clock.now().mono
    }

    /// Closes the server's input.
    pub(crate) fn close(&mut self) {
        self.stdin = None;
    }

    /// Closes the server's input and waits for its end.
    pub(crate) fn end(mut self) -> Ended {
        let since = self.now();
        self.close();
        self.wait(since)
    }

    /// Sends a signal.
    pub(crate) fn signal(&mut self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.process.id().to_string()]).status();
        assert!(sent.expect("kill").success());
    }

    /// Sends a signal and waits for the server's end. Its input stays open.
    pub(crate) fn end_by(mut self, signal: &str) -> Ended {
        let since = self.now();
        self.signal(signal);
        self.wait(since)
    }

    /// Waits for the server's end, which was asked for already.
    pub(crate) fn wait_for_end(self) -> Ended {
        let since = self.now();
        self.wait(since)
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.process.try_wait().expect("it can be waited for").is_none()
    }

    fn wait(mut self, since: Duration) -> Ended {
        let deadline = since + TIME_MAX;
        loop {
            match self.stdout.recv_timeout(deadline.saturating_sub(self.now())) {
                Ok(line) => self.take_line(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("the server did not end; its log:\n{}", self.log()),
            }
        }
        // Its output has ended, so it has, or is about to.
        let code = self.process.wait().expect("it ends").code();
        let took = self.now() - since;
        self.printed.stderr.extend(self.stderr.iter());
        self.assert_discreet();
        Ended {
            code,
            took,
            unread: std::mem::take(&mut self.unread),
            printed: std::mem::take(&mut self.printed),
        }
    }

    fn assert_discreet(&self) {
        let shown = shown_part(self.printed.stdout.iter().chain(&self.printed.stderr));
        assert_eq!(shown, None, "a part of a token was printed");
    }

    fn take_line(&mut self, line: String) {
        let message: Value =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("stdout holds {line:?}: {error}"));
        assert_eq!(message["jsonrpc"], "2.0", "{line}");
        self.printed.stdout.push(line);
        self.unread.push(message);
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if !thread::panicking() {
            self.assert_discreet();
        }
    }
}

impl Printed {
    /// The names of the events in the log, in order. A line that is no event is a failure.
    pub(crate) fn events(&self) -> Vec<String> {
        let event = |line: &String| {
            let areas = ["[waiaas-mcp] ", "[waiaas-mcp:session] ", "[waiaas-mcp:api] "];
            let rest = areas.iter().find_map(|area| line.strip_prefix(area));
            let mut fields = rest.unwrap_or_else(|| panic!("stderr holds {line:?}")).split(' ');
            assert!(fields.next().is_some_and(|level| level.starts_with("level=")), "{line}");
            let event = fields.next().and_then(|event| event.strip_prefix("event="));
            event.unwrap_or_else(|| panic!("stderr holds {line:?}")).to_owned()
        };
        self.stderr.iter().map(event).collect()
    }
}

/// `serve`, for this daemon.
pub(crate) fn serve(daemon: &Daemon) -> Command {
    let mut command = program();
    pointed_at(&mut command, daemon.base_url(), daemon.data_dir());
    command
}

/// Tells the server where its daemon and its token are.
pub(crate) fn pointed_at(command: &mut Command, base_url: &str, data_dir: impl AsRef<OsStr>) {
    command.arg("serve").env("WAIAAS_BASE_URL", base_url).env("WAIAAS_DATA_DIR", data_dir);
}

/// The lines of a stream, read by a thread of its own, so that the server never waits for the client.
fn lines(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = unbounded();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines() {
            let Ok(line) = line else { return };
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
