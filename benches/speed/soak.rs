//! A long run: calls without a pause against the sandbox, while the session renews itself every few seconds. Memory,
//! threads and descriptors must be where they were soon after the start.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::client::{Client, call, id_of};

/// Life of a token, in seconds: it is renewed after 60 % of it.
const TOKEN_LIFE_S: &str = "6";

/// Calls in flight.
const IN_FLIGHT: usize = 16;

/// Looks at the process. The first two are the warm-up: threads start, buffers grow.
const LOOKS: usize = 20;

/// How much more memory than at the end of the warm-up is let pass, in MB: pages come and go with the allocator.
const GROWTH_MAX_MB: f64 = 0.5;

/// What a renewal under way holds: a lock, a file, a directory and a connection.
const RENEWAL_DESCRIPTORS: f64 = 4.0;

/// Longest wait for an answer of the sandbox.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(20);

/// The process at one moment.
struct Look {
    calls: usize,
    resident_mb: f64,
    threads: u64,
    descriptors: usize,
}

pub(crate) fn run(count: usize, program: &Path) -> ExitCode {
    let sandbox = Sandbox::start(program);
    let (mut client, _) = Client::start(program, sandbox.directory.path(), &sandbox.base_url);
    client.initialized();
    println!("{:>9} {:>8} {:>8} {:>12}", "calls", "RSS MB", "threads", "descriptors");
    let begun = Instant::now();
    let first: String = (0..IN_FLIGHT).map(call).collect();
    client.say(&first);
    let (mut next, mut answered, mut failed) = (IN_FLIGHT, 0, 0);
    let mut looks: Vec<Look> = Vec::new();
    let mut line = String::new();
    while answered < next {
        line.clear();
        assert!(client.output.read_line(&mut line).unwrap() > 0, "the program ended");
        if id_of(&line).is_none() {
            continue;
        }
        answered += 1;
        if !line.contains("0x") {
            failed += 1;
            println!("a call came to {line}");
        }
        if next < count {
            client.say(&call(next));
            next += 1;
        }
        if answered % (count / LOOKS).max(1) == 0 {
            looks.push(Look::at(&client, answered));
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    let renewals = sandbox.renewals();
    client.end();
    println!(
        "{answered} calls in {seconds:.0} s ({:.0}/s), {failed} failed, {renewals} renewals",
        answered as f64 / seconds
    );
    let is_flat = judge(&looks);
    // A short run may end before the first is due.
    let renews = renewals > 0 || seconds < 5.0;
    if !renews {
        println!("FAILED: no renewal in {seconds:.0} s");
    }
    if failed == 0 && is_flat && renews { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Whether nothing grew after the warm-up.
fn judge(looks: &[Look]) -> bool {
    let (warm_up, rest) = looks.split_at(2);
    let highest = |looks: &[Look], of: fn(&Look) -> f64| looks.iter().map(of).fold(0.0, f64::max);
    let figure = |what: &str, growth_max: f64, of: fn(&Look) -> f64| {
        let growth = highest(rest, of) - highest(warm_up, of);
        if growth > growth_max {
            println!("FAILED: {what} grew by {growth:.2} after the warm-up");
        }
        growth <= growth_max
    };
    let memory = figure("resident memory", GROWTH_MAX_MB, |look| look.resident_mb);
    // Threads of calls come and go with the load.
    let threads = figure("threads", IN_FLIGHT as f64, |look| look.threads as f64);
    let descriptors = figure("descriptors", RENEWAL_DESCRIPTORS, |look| look.descriptors as f64);
    memory && threads && descriptors
}

impl Look {
    fn at(client: &Client, calls: usize) -> Look {
        let process = client.process();
        let look = Look {
            calls,
            resident_mb: process.resident_mb(),
            threads: process.threads(),
            descriptors: process.descriptors(),
        };
        println!("{:>9} {:>8.2} {:>8} {:>12}", look.calls, look.resident_mb, look.threads, look.descriptors);
        look
    }
}

/// The sandbox as a process of its own.
struct Sandbox {
    child: Child,
    directory: tempfile::TempDir,
    base_url: String,
    password: String,
}

impl Sandbox {
    fn start(program: &Path) -> Sandbox {
        let directory = tempfile::tempdir().unwrap();
        let mut child = Command::new(program)
            .env_clear()
            .args(["sandbox", "--ttl", TOKEN_LIFE_S, "--data-dir"])
            .arg(directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let place: Value = serde_json::from_str(&line).unwrap();
        let text = |member: &str| place[member].as_str().unwrap().to_owned();
        let sandbox =
            Sandbox { child, directory, base_url: text("baseUrl"), password: text("masterPassword") };
        // A soak asks more often than an agent does.
        sandbox.ask("POST", "/sandbox/control", r#"{"rateLimits":{}}"#);
        sandbox
    }

    /// Renewals that were granted.
    fn renewals(&self) -> u64 {
        self.ask("GET", "/sandbox/ledger", "")["renewalsGranted"].as_u64().unwrap()
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> Value {
        let host = self.base_url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(host).unwrap();
        stream.set_read_timeout(Some(ANSWER_TIME_MAX)).unwrap();
        let (password, length) = (&self.password, body.len());
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nX-Master-Password: {password}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{method} {path}: {answer}");
        serde_json::from_str(body).unwrap()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
