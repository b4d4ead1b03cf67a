//! A sandbox daemon as a process of its own, and the operator who holds its master password.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use crossbeam_channel::after;
use serde_json::{Value, json};
use tempfile::TempDir;
use waiaas_mcp::time::{Clock as _, SystemClock};

/// Longest wait for anything that has no bound of its own.
pub(crate) const TIME_MAX: Duration = Duration::from_secs(20);

/// Pause between two looks at something that is waited for.
const POLL: Duration = Duration::from_millis(10);

/// The program, with an environment that holds nothing.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_waiaas-mcp"));
    command.env_clear().env("HOME", "/nonexistent");
    command
}

/// Looks until it is so, for [`TIME_MAX`] at most.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let clock = SystemClock::start();
    while !is_so() {
        assert!(clock.now().mono < TIME_MAX, "not so within {TIME_MAX:?}: {what}");
        let _ = after(POLL).recv();
    }
}

/// The sandbox, its data directory, and what its first line said.
pub(crate) struct Daemon {
    process: Child,
    stderr: File,
    directory: TempDir,
    base_url: String,
    password: String,
}

/// Every token that a test of this program has seen. Together with [`shown_part`] it makes each of them a marker: whatever
/// a server prints in any test is searched for them.
static TOKENS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// So many characters of a token in a row are a part of it, and no coincidence.
const PART_CHARS: usize = 12;

/// Remembers a token as one that must never be shown.
fn marked(token: String) -> String {
    let mut tokens = TOKENS.lock().unwrap_or_else(PoisonError::into_inner);
    if token.len() >= PART_CHARS && !tokens.contains(&token) {
        tokens.push(token.clone());
    }
    token
}

/// The first line that shows a part of a token.
pub(crate) fn shown_part<'a>(mut lines: impl Iterator<Item = &'a String>) -> Option<&'a String> {
    let tokens = TOKENS.lock().unwrap_or_else(PoisonError::into_inner);
    let parts: HashSet<&[u8]> =
        tokens.iter().flat_map(|token| token.as_bytes().windows(PART_CHARS)).collect();
    lines.find(|line| line.as_bytes().windows(PART_CHARS).any(|part| parts.contains(part)))
}

/// A session that the operator opened.
pub(crate) struct Issued {
    pub(crate) id: String,
    pub(crate) token: String,
}

/// What a token says of itself, in Unix seconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Claims {
    /// `i64::MAX` for an unlimited one.
    pub(crate) expires_at: i64,
    pub(crate) issued_at: i64,
}

/// What the daemon has seen.
pub(crate) struct Ledger(pub(crate) Value);

impl Daemon {
    /// A daemon whose first token, in the token file, lives for `ttl_s`. It limits no rates: a test asks more often
    /// than an agent does.
    pub(crate) fn start(ttl_s: u64) -> Daemon {
        let directory = tempfile::tempdir().expect("a directory");
        let stderr = tempfile::tempfile().expect("a file");
        let mut process = program()
            .env("WAIAAS_MCP_LOG", "debug")
            .args(["sandbox", "--ttl", &ttl_s.to_string(), "--data-dir"])
            .arg(directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr.try_clone().expect("the same file"))
            .spawn()
            .expect("the program runs");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
        let place: Value = serde_json::from_str(&line).expect("one JSON object");
        let text = |member: &str| place[member].as_str().expect("text").to_owned();
        let daemon = Daemon {
            process,
            stderr,
            directory,
            base_url: text("baseUrl"),
            password: text("masterPassword"),
        };
        daemon.control(json!({ "rateLimits": {} }));
        // Marks it.
        daemon.token();
        daemon
    }

    /// A daemon whose token file holds a token of this age: it is due when 60 % of its life are over.
    pub(crate) fn with_aged_token(ttl_s: u64, age_s: i64) -> Daemon {
        let daemon = Daemon::start(3600);
        let issued = daemon.aged_session(json!({ "ttl": ttl_s }), age_s);
        daemon.put_token(&issued.token);
        daemon
    }

    pub(crate) fn base_url(&self) -> &str {
        &self.base_url
    }

    pub(crate) fn data_dir(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn token_file(&self) -> PathBuf {
        self.data_dir().join("mcp-token")
    }

    pub(crate) fn password(&self) -> &str {
        &self.password
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Sends it a signal, such as `-STOP`.
    pub(crate) fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.process_id().to_string()]).status();
        assert!(status.expect("kill runs").success());
    }

    /// Everything it has written to stderr.
    pub(crate) fn stderr(&self) -> String {
        let mut file = &self.stderr;
        file.seek(SeekFrom::Start(0)).expect("a file");
        let mut text = String::new();
        file.read_to_string(&mut text).expect("UTF-8");
        text
    }

    /// The token in the file.
    pub(crate) fn token(&self) -> String {
        marked(std::fs::read_to_string(self.token_file()).expect("a token file"))
    }

    /// Does something to the daemon; its members are those of `POST /sandbox/control`.
    pub(crate) fn control(&self, commands: Value) -> Value {
        self.ask("POST", "/sandbox/control", &commands.to_string())
    }

    /// Something that the next requests are to suffer.
    pub(crate) fn inject(&self, fault: Value) {
        self.control(json!({ "inject": fault }));
    }

    /// The same for renewals alone.
    pub(crate) fn inject_on_renewals(&self, mut fault: Value) {
        fault["method"] = "PUT".into();
        fault["path"] = "/v1/sessions/".into();
        self.inject(fault);
    }

    /// Goes down, and comes back by itself. Returns when it is down.
    pub(crate) fn go_down_for(&self, time: Duration) {
        self.control(json!({ "goDownForMs": u64::try_from(time.as_millis()).expect("a short time") }));
        until("the daemon is down", || !self.listens());
    }

    pub(crate) fn listens(&self) -> bool {
        self.connect().is_ok()
    }

    /// Opens a session with these limits.
    pub(crate) fn new_session(&self, limits: Value) -> Issued {
        let answer = self.control(json!({ "newSession": limits }));
        let text = |member: &str| answer["newSession"][member].as_str().expect("text").to_owned();
        Issued { id: text("id"), token: marked(text("token")) }
    }

    /// Opens a session whose first token is so old already.
    pub(crate) fn aged_session(&self, limits: Value, age_s: i64) -> Issued {
        self.control(json!({ "clockOffsetSeconds": -age_s }));
        let issued = self.new_session(limits);
        self.control(json!({ "clockOffsetSeconds": 0 }));
        issued
    }

    /// Replaces the token file, as an operator's `setup` does.
    pub(crate) fn put_token(&self, token: &str) {
        self.control(json!({ "replaceTokenFile": token }));
    }

    /// Revokes every session there is.
    pub(crate) fn revoke_all(&self) {
        for session in self.ledger().sessions() {
            self.control(json!({ "revoke": session["id"] }));
        }
    }

    /// The ids of all wallets, those on Ethereum first.
    pub(crate) fn wallet_ids(&self) -> Vec<String> {
        let answer = self.ask("GET", "/v1/wallets", "");
        let mut wallets = answer["items"].as_array().expect("an array").clone();
        wallets.sort_by_key(|wallet| wallet["chain"] != "ethereum");
        wallets.iter().map(|wallet| wallet["id"].as_str().expect("text").to_owned()).collect()
    }

    pub(crate) fn ledger(&self) -> Ledger {
        Ledger(self.ask("GET", "/sandbox/ledger", ""))
    }

    fn connect(&self) -> std::io::Result<TcpStream> {
        TcpStream::connect(self.base_url.strip_prefix("http://").expect("plain HTTP"))
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> Value {
        let mut stream = self.connect().expect("the sandbox listens");
        stream.set_read_timeout(Some(TIME_MAX)).expect("a timeout");
        let host = self.base_url.trim_start_matches("http://");
        let (password, length) = (&self.password, body.len());
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nX-Master-Password: {password}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer in UTF-8");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        assert!(head.starts_with("HTTP/1.1 200"), "{method} {path}: {answer}");
        serde_json::from_str(body).expect("JSON")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Claims {
    /// Decoded here by itself: a test that shares the program's reading shares its mistakes.
    pub(crate) fn of(token: &str) -> Claims {
        let payload = token.trim().split('.').nth(1).expect("three parts");
        let payload = URL_SAFE_NO_PAD.decode(payload).expect("base64url");
        let claims: Value = serde_json::from_slice(&payload).expect("JSON");
        Claims {
            expires_at: claims["exp"].as_i64().unwrap_or(i64::MAX),
            issued_at: claims["iat"].as_i64().expect("iat"),
        }
    }
}

impl Ledger {
    pub(crate) fn sessions(&self) -> &[Value] {
        self.0["sessions"].as_array().expect("an array")
    }

    pub(crate) fn session(&self, id: &str) -> &Value {
        self.sessions().iter().find(|session| session["id"] == id).expect("the session")
    }

    /// Renewal requests that reached the daemon.
    pub(crate) fn renewals_asked(&self) -> u64 {
        self.0["requests"]["PUT /v1/sessions/{id}/renew"].as_u64().unwrap_or(0)
    }

    pub(crate) fn renewals_granted(&self) -> u64 {
        self.0["renewalsGranted"].as_u64().expect("a number")
    }

    /// Refused renewals by code.
    pub(crate) fn renewals_refused(&self) -> &Value {
        &self.0["renewalsRefused"]
    }

    /// Calls whose token was refused.
    pub(crate) fn calls_refused(&self) -> u64 {
        self.0["callsRefused"].as_u64().expect("a number")
    }

    /// The sessions that renewals were asked for, in order.
    pub(crate) fn renewed_sessions(&self) -> Vec<&str> {
        let renewals = self.0["renewals"].as_array().expect("an array");
        renewals.iter().filter_map(|renewal| renewal["sessionId"].as_str()).collect()
    }

    /// Nothing that was asked was refused.
    pub(crate) fn assert_undisturbed(&self) {
        assert_eq!(self.renewals_granted(), self.renewals_asked(), "refused: {}", self.renewals_refused());
        assert_eq!(self.calls_refused(), 0, "calls were refused");
    }
}
