//! The stage on which conversations are played: the server over a connection in memory, a daemon that answers from a
//! script, and a token file with the real session worker behind it.

use std::collections::{HashMap, VecDeque};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use crossbeam_channel::{Receiver, Sender, after, bounded, tick, unbounded};
use serde_json::Value;
use waiaas_mcp::http::{Credential, HttpFault, HttpFaultKind, Request, Response, Transport};
use waiaas_mcp::ids::WalletId;
use waiaas_mcp::mcp::stdio::{Connection, Waker};
use waiaas_mcp::server::call::Daemon;
use waiaas_mcp::server::toolbox::ToolChoice;
use waiaas_mcp::server::{self, ConfigProblem, ServerEnd, Settings};
use waiaas_mcp::session::shared::SharedSession;
use waiaas_mcp::session::worker::Worker;
use waiaas_mcp::session::{State, TokenPlace};
use waiaas_mcp::time::SystemClock;
use waiaas_mcp::wallet::toolsets::Selection;

/// Longest wait for anything: far above what a loaded machine needs, and reached only when a test fails.
const WAIT_MAX: Duration = Duration::from_secs(20);

/// One conversation on its way.
#[derive(Default)]
pub(crate) struct Play {
    wallet_name: Option<String>,
    wallet_id: Option<WalletId>,
    read_only: bool,
    broken: bool,
    first_token: Option<&'static str>,
    daemon: Arc<ScriptedDaemon>,
    stage: Option<Stage>,
    /// Some request was compared, so all must be.
    compares_requests: bool,
}

/// What exists once the first line was said.
struct Stage {
    client: Client,
    waker: Waker,
    ended: Receiver<ServerEnd>,
    server: JoinHandle<()>,
    worker: Option<Worker>,
    /// What the worker holds too, until it has ended.
    session: Weak<SharedSession>,
    directory: tempfile::TempDir,
}

/// The client's ends of the connection.
struct Client {
    input: Option<UnixStream>,
    output: BufReader<UnixStream>,
}

impl Client {
    fn connected() -> (Connection, Client) {
        let (server_input, input) = UnixStream::pair().expect("sockets");
        let (server_output, output) = UnixStream::pair().expect("sockets");
        output.set_read_timeout(Some(WAIT_MAX)).expect("a timeout");
        let connection = Connection::over(server_input.into(), server_output.into());
        let client = Client { input: Some(input), output: BufReader::new(output) };
        (connection.expect("a connection"), client)
    }

    /// The next line of the server; none if it ended or says nothing for too long.
    fn hear(&mut self) -> Option<String> {
        let mut line = String::new();
        self.output.read_line(&mut line).ok().filter(|bytes| *bytes > 0)?;
        Some(line.trim_end_matches('\n').to_owned())
    }
}

impl Play {
    /// Plays one line.
    pub(crate) fn line(&mut self, line: &str) -> Result<(), String> {
        match line.split_once(' ') {
            Some((">", said)) => self.say(said),
            Some(("<", expected)) => self.hear(expected),
            Some(("*", direction)) => self.direct(direction),
            _ if line.is_empty() || line.starts_with('#') => Ok(()),
            _ => Err("neither >, <, * nor #".to_owned()),
        }
    }

    fn say(&mut self, line: &str) -> Result<(), String> {
        let input = self.stage().client.input.as_mut().ok_or("the input is closed")?;
        input.write_all(format!("{line}\n").as_bytes()).map_err(|error| error.to_string())
    }

    fn hear(&mut self, expected: &str) -> Result<(), String> {
        let heard = self.stage().client.hear().ok_or("the server says nothing")?;
        serde_json::from_str::<Value>(&heard).map_err(|error| format!("not JSON: {error}"))?;
        if matches(expected, &heard) { Ok(()) } else { Err(format!("heard {heard}")) }
    }

    /// Directions. Before the first line of the client: `wallet NAME`, `wallet_id ID`, `read only`, `broken` (a
    /// wrong configuration), `no token`. At any time:
    ///
    /// - `daemon METHOD TARGET -> [held] STATUS BODY`: what the daemon answers next to this request, and from then on.
    ///   Held: not before a `release`, which lets one go. Instead of a status also `broken`, `timeout`, `unreachable`, `panic`.
    /// - `asked METHOD TARGET [BODY] with SESSION`: the next request that the daemon got.
    /// - `token SESSION`: a token of this session is put into the token file.
    /// - `release`, `end` (of the client's input), `stop`.
    /// - `ended REASON`: the server has returned.
    pub(crate) fn direct(&mut self, direction: &str) -> Result<(), String> {
        let (word, rest) = direction.split_once(' ').unwrap_or((direction, ""));
        match (word, rest) {
            ("wallet", name) => self.wallet_name = Some(name.to_owned()),
            ("wallet_id", id) => self.wallet_id = Some(WalletId::parse(id).ok_or("a wallet's id is a UUID")?),
            ("read", "only") => self.read_only = true,
            ("broken", "") => self.broken = true,
            ("no", "token") => self.first_token = Some(""),
            ("daemon", script) => self.daemon.learn(script)?,
            ("token", session) => write_token(self.stage().directory.path(), session),
            ("asked", expected) => {
                self.compares_requests = true;
                let asked = self.daemon.next_asked().ok_or("the daemon was asked nothing")?;
                if !matches(expected, &asked) {
                    return Err(format!("asked {asked}"));
                }
            }
            ("release", "") => self.daemon.release(1),
            ("stop", "") => self.stage().waker.request_stop(),
            ("end", "") => self.close_input(),
            ("ended", reason) => {
                let end = self.stage().ended.recv_timeout(WAIT_MAX).map_err(|_| "it goes on".to_owned())?;
                if format!("{end:?}") != reason {
                    return Err(format!("ended {end:?}"));
                }
            }
            _ => return Err("an unknown direction".to_owned()),
        }
        Ok(())
    }

    /// The client leaves; nothing may be left unsaid or unheard.
    pub(crate) fn end(mut self) -> Result<(), String> {
        self.close_input();
        self.daemon.release(usize::MAX);
        let Some(mut stage) = self.stage.take() else { return Err("nobody said anything".to_owned()) };
        let left = stage.client.hear();
        drop(stage.client);
        stage.server.join().map_err(|_| "the server panicked".to_owned())?;
        if let Some(worker) = stage.worker {
            worker.shut_down();
        }
        // The log is the process's: what this worker still says must not be heard in the next conversation.
        let polled = tick(Duration::from_millis(1));
        let limit = after(WAIT_MAX);
        while stage.session.strong_count() > 0 && limit.try_recv().is_err() {
            let _ = polled.recv();
        }
        if let Some(left) = left {
            return Err(format!("unexpected: {left}"));
        }
        match self.daemon.asked.lock().expect("no panic holds it").front() {
            Some(asked) if self.compares_requests => Err(format!("the daemon was also asked {asked}")),
            _ => Ok(()),
        }
    }

    fn close_input(&mut self) {
        self.stage().client.input = None;
    }

    fn stage(&mut self) -> &mut Stage {
        if self.stage.is_none() {
            self.stage = Some(self.set());
        }
        self.stage.as_mut().expect("just set")
    }

    fn set(&self) -> Stage {
        let directory = tempfile::tempdir().expect("a temporary directory");
        write_token(directory.path(), self.first_token.unwrap_or("s-1"));
        let mut session = Weak::new();
        let (daemon, worker) = if self.broken {
            let problem = ConfigProblem {
                message: "WAIAAS_BASE_URL is not a URL".to_owned(),
                hint: "Write it like http://127.0.0.1:3100".to_owned(),
            };
            (Err(problem), None)
        } else {
            let (daemon, worker) = self.wired(directory.path());
            session = Arc::downgrade(&daemon.session);
            (Ok(daemon), Some(worker))
        };
        let settings = Settings {
            name: "waiaas-test".to_owned(),
            wallet_name: self.wallet_name.clone(),
            tools: ToolChoice { toolsets: Selection::ALL, read_only: self.read_only },
            daemon,
        };
        let (connection, client) = Client::connected();
        let waker = connection.waker();
        let (ending, ended) = bounded(1);
        let server = thread::spawn(move || {
            let end = server::run(connection, settings, |_| {});
            ending.send(end).expect("the test outlives the server");
        });
        Stage { client, waker, ended, server, worker, session, directory }
    }

    fn wired(&self, directory: &std::path::Path) -> (Daemon, Worker) {
        let transport: Arc<dyn Transport> = self.daemon.clone();
        let (session, nudges) = SharedSession::new(Arc::new(SystemClock::start()));
        let place = TokenPlace {
            write: directory.join("mcp-token"),
            read_fallback: None,
            only_session: None,
            bootstrap: None,
        };
        let changes = session.changes(|| {});
        let worker = Worker::spawn(place, Arc::clone(&transport), Arc::clone(&session), nudges);
        let worker = worker.expect("a thread for the worker");
        // The conversation begins when the worker has looked at the file, not with the race to do so.
        if self.first_token == Some("") {
            session.renewed_after(session.current().generation);
        } else {
            while session.settled_status().state != State::Active {
                changes.recv_timeout(WAIT_MAX).expect("the worker finds the token");
            }
        }
        let wallet_id = self.wallet_id.clone();
        (Daemon { transport, session, wallet_id, call_time_max: WAIT_MAX }, worker)
    }
}

/// A token that never ends; nothing to write for a session without a name.
fn write_token(directory: &std::path::Path, session: &str) {
    if session.is_empty() {
        return;
    }
    let claims = URL_SAFE_NO_PAD.encode(format!(r#"{{"sub":"{session}","iat":1795330000}}"#));
    let token = format!("wai_sess_eyJhbGciOiJIUzI1NiJ9.{claims}.c2lnbmF0dXJl");
    let temporary = directory.join("foreign.tmp");
    #[expect(clippy::disallowed_methods, reason = "the test is the foreign writer here")]
    std::fs::write(&temporary, token).expect("a writable directory");
    std::fs::rename(temporary, directory.join("mcp-token")).expect("a rename within it");
}

/// The session that a token belongs to.
fn session_of(credential: Credential<'_>) -> String {
    let Credential::Session(token) = credential else { return "nothing".to_owned() };
    let claims = token.expose().split('.').nth(1).expect("a payload");
    let claims = URL_SAFE_NO_PAD.decode(claims).expect("base64url");
    let claims: Value = serde_json::from_slice(&claims).expect("JSON");
    claims["sub"].as_str().expect("a session id").to_owned()
}

/// A daemon that says what it was told to say.
struct ScriptedDaemon {
    answers: Mutex<HashMap<String, VecDeque<Answer>>>,
    asked: Mutex<VecDeque<String>>,
    was_asked: (Sender<()>, Receiver<()>),
    /// How many held answers may go; each takes one away.
    permits: Mutex<usize>,
    permitted: Condvar,
}

#[derive(Clone)]
struct Answer {
    held: bool,
    result: Result<(u16, String), HttpFault>,
    panics: bool,
}

impl Default for ScriptedDaemon {
    fn default() -> ScriptedDaemon {
        ScriptedDaemon {
            answers: Mutex::default(),
            asked: Mutex::default(),
            was_asked: unbounded(),
            permits: Mutex::default(),
            permitted: Condvar::new(),
        }
    }
}

impl ScriptedDaemon {
    fn learn(&self, script: &str) -> Result<(), String> {
        let (request, answer) = script.split_once(" -> ").ok_or("no arrow")?;
        let (held, answer) = answer.strip_prefix("held ").map_or((false, answer), |answer| (true, answer));
        let (word, body) = answer.split_once(' ').unwrap_or((answer, ""));
        let fault = |kind, sent| Err(HttpFault { kind, sent, detail: word.to_owned() });
        let result = match word {
            "unreachable" => fault(HttpFaultKind::Unreachable, false),
            "broken" => fault(HttpFaultKind::Broken, true),
            "timeout" => fault(HttpFaultKind::TimedOut, true),
            "panic" => fault(HttpFaultKind::Broken, true),
            status => Ok((status.parse().map_err(|_| "no status")?, body.to_owned())),
        };
        let answer = Answer { held, result, panics: word == "panic" };
        let mut answers = self.answers.lock().expect("no panic holds it");
        answers.entry(request.to_owned()).or_default().push_back(answer);
        Ok(())
    }

    /// The next request that has not been looked at, waited for.
    fn next_asked(&self) -> Option<String> {
        self.was_asked.1.recv_timeout(WAIT_MAX).ok()?;
        self.asked.lock().expect("no panic holds it").pop_front()
    }

    /// Lets this many held answers go, those that will be held included.
    fn release(&self, answers: usize) {
        let mut permits = self.permits.lock().expect("no panic holds it");
        *permits = permits.saturating_add(answers);
        self.permitted.notify_all();
    }

    fn answer(&self, key: &str) -> Option<Answer> {
        let mut answers = self.answers.lock().expect("no panic holds it");
        let queue = answers.get_mut(key)?;
        if queue.len() > 1 { queue.pop_front() } else { queue.front().cloned() }
    }

    fn hold(&self) {
        let permits = self.permits.lock().expect("no panic holds it");
        let waited = self.permitted.wait_timeout_while(permits, WAIT_MAX, |permits| *permits == 0);
        let (mut permits, _) = waited.expect("no panic holds it");
        *permits = permits.saturating_sub(1);
    }
}

impl Transport for ScriptedDaemon {
    fn send(
        &self,
        request: &Request,
        credential: Credential<'_>,
        _: Duration,
    ) -> Result<Response, HttpFault> {
        // The session worker has its own business with the daemon.
        if thread::current().name() == Some("session") {
            // Asked about a token by itself, this daemon refuses it.
            if request.target == "/v1/connect-info" {
                let body = br#"{"code":"INVALID_TOKEN","message":"m"}"#.to_vec();
                return Ok(Response { status: 401, body, date: None, retry_after: None });
            }
            let detail = "not part of the conversation".to_owned();
            return Err(HttpFault { kind: HttpFaultKind::Unreachable, sent: false, detail });
        }
        let key = format!("{} {}", request.method.name(), request.target);
        // Neither is the look for actions, unless the script says what it finds.
        if thread::current().name() == Some("actions") {
            let answer = self.answer(&key).ok_or_else(|| HttpFault {
                kind: HttpFaultKind::Unreachable,
                sent: false,
                detail: "not part of the conversation".to_owned(),
            })?;
            if answer.held {
                self.hold();
            }
            let (status, body) = answer.result?;
            return Ok(Response { status, body: body.into_bytes(), date: None, retry_after: None });
        }
        let body = request.body.as_deref().map(|body| format!(" {body}")).unwrap_or_default();
        let asked = format!("{key}{body} with {}", session_of(credential));
        self.asked.lock().expect("no panic holds it").push_back(asked);
        self.was_asked.0.send(()).expect("both ends are here");
        let Some(answer) = self.answer(&key) else {
            return Ok(Response {
                status: 404,
                body: b"404 Not Found".to_vec(),
                date: None,
                retry_after: None,
            });
        };
        if answer.held {
            self.hold();
        }
        assert!(!answer.panics, "planted, with the MARKER of a secret");
        let (status, body) = answer.result?;
        Ok(Response { status, body: body.into_bytes(), date: None, retry_after: None })
    }
}

/// Whether `text` is `pattern`, in which `[..]` stands for any text.
fn matches(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split("[..]");
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else { return rest.is_empty() };
    for piece in pieces {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}
