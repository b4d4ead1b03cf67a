//! An MCP client of one process: writes lines, reads lines.
//!
//! Refuses to know what is measured.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use crate::process::Process;

/// What is asked first.
pub(crate) const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"speed","version":"1"}}}
"#;

/// What is said after the answer.
const INITIALIZED: &str = "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n";

/// A ping with this id.
pub(crate) fn ping(id: usize) -> String {
    format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"ping\"}}\n")
}

/// A tool call with this id that asks the daemon once.
pub(crate) fn call(id: usize) -> String {
    format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"tools/call\",\
         \"params\":{{\"name\":\"get_address\",\"arguments\":{{}}}}}}\n"
    )
}

/// The id of an answer; none for a notification.
pub(crate) fn id_of(line: &str) -> Option<usize> {
    let digits = line.split_once("\"id\":")?.1;
    digits.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// The process, and both pipes.
pub(crate) struct Client {
    child: Child,
    pub(crate) input: ChildStdin,
    pub(crate) output: BufReader<ChildStdout>,
    line: String,
}

impl Client {
    /// Starts `program` against the daemon at `base_url` and returns once `initialize` is answered, with the time
    /// that took.
    pub(crate) fn start(program: &Path, data_dir: &Path, base_url: &str) -> (Client, Duration) {
        let mut command = Command::new(program);
        command.env_clear().env("WAIAAS_DATA_DIR", data_dir).env("WAIAAS_BASE_URL", base_url);
        Client::spawn(&mut command)
    }

    /// The same with a command that is ready.
    pub(crate) fn spawn(command: &mut Command) -> (Client, Duration) {
        let before = Instant::now();
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(INITIALIZE.as_bytes()).unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut client = Client { child, input, output, line: String::new() };
        client.read_line();
        let time = before.elapsed();
        assert!(client.line.contains("protocolVersion"), "{command:?} answered {:?}", client.line);
        (client, time)
    }

    /// Ends the handshake.
    pub(crate) fn initialized(&mut self) {
        self.say(INITIALIZED);
    }

    pub(crate) fn process(&self) -> Process {
        Process(self.child.id())
    }

    pub(crate) fn say(&mut self, lines: &str) {
        self.input.write_all(lines.as_bytes()).unwrap();
    }

    /// Says one line and waits for the next answer, which is handed out.
    pub(crate) fn ask(&mut self, line: &str) -> &str {
        self.say(line);
        loop {
            self.read_line();
            // A notification is no answer.
            if self.line.contains("\"id\":") {
                return &self.line;
            }
        }
    }

    /// Asks for the address of the wallet, once.
    pub(crate) fn call(&mut self, id: usize) {
        let answer = self.ask(&call(id));
        assert!(answer.contains("0x") && id_of(answer) == Some(id), "call {id} was answered {answer:?}");
    }

    /// Pings once.
    pub(crate) fn ping(&mut self, id: usize) {
        self.ask(&ping(id));
    }

    fn read_line(&mut self) {
        self.line.clear();
        assert!(self.output.read_line(&mut self.line).unwrap() > 0, "the program ended");
    }

    /// Closes stdin; how long the process took to end from then on.
    pub(crate) fn end(self) -> Duration {
        let Client { mut child, input, .. } = self;
        let before = Instant::now();
        drop(input);
        assert!(child.wait().unwrap().success(), "it did not end well");
        before.elapsed()
    }
}
