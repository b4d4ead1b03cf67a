//! The scene of one round: a sandbox of its own, a session whose token is due, and what is found afterwards.
//!
//! Used by every campaign. What is true is asked of the daemon's ledger and of the files, never of the program.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use waiaas_mcp::sandbox::{IssuedSession, Options, RateLimits, Sandbox, SessionLimits, SessionSnapshot};

use crate::serve::{Serve, is_event};

/// Longest wait for what a fresh process does at once.
const SETTLE_TIME_MAX: Duration = Duration::from_secs(10);

/// Life of a token that is renewed at once, in seconds, and how much of it has passed: two thirds, with enough left
/// for the slowest round.
const DUE_TTL_S: u64 = 30;
const DUE_AGE_S: i64 = 20;

/// How long after now a token becomes due that is to find its process idle: the least wait of a worker is a second.
const DUE_SOON_MS: i64 = 1_150;

/// Where the token file is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Layout {
    /// `DATA_DIR/mcp-token`.
    Common,
    /// `DATA_DIR/mcp-tokens/<wallet>`, which is not there yet, and nor is its directory.
    Wallet,
    /// As `Common`, and while the process idles another one renews, writes the temporary file and dies.
    Leftover,
}

/// When the token is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Due {
    /// When the process starts.
    Now,
    /// A little more than a second later.
    Soon,
}

pub(crate) struct Scene {
    pub(crate) sandbox: Sandbox,
    pub(crate) session: IssuedSession,
    pub(crate) layout: Layout,
    /// Where the program writes.
    pub(crate) token_file: PathBuf,
    /// Tokens that were the newest when they were seen.
    seen: Mutex<Vec<String>>,
}

/// What stands in a file that should hold a token.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Content {
    /// No file.
    Missing,
    /// The token of the beginning.
    First,
    /// The token that the daemon would renew.
    Newest,
    /// A token that was the newest before: while the daemon has renewed once more.
    Earlier,
    /// Nothing, or what reserves the space.
    Reserved,
    /// The newest token, and behind it what reserved the space.
    Uncut,
    /// None of these.
    Torn,
}

/// What a killed process left.
pub(crate) struct Remains {
    pub(crate) file: Content,
    pub(crate) temporaries: Vec<(String, Content)>,
    /// How often the daemon has renewed the session.
    pub(crate) renewals: u32,
}

/// What the next start found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Found {
    /// The newest token, or it renewed.
    Newest,
    /// The first token, whose successor nobody has.
    Superseded,
}

impl Remains {
    /// The newest token is on the disk, where the next start finds it.
    pub(crate) fn has_newest(&self) -> bool {
        let is_newest = |content: &Content| matches!(content, Content::Newest | Content::Uncut);
        self.file == Content::Newest || self.temporaries.iter().any(|(_, content)| is_newest(content))
    }

    /// The daemon renewed, and the answer is on no disk.
    pub(crate) fn is_lost(&self) -> bool {
        self.renewals > 0 && !self.has_newest()
    }

    /// What a killed process must not leave.
    pub(crate) fn violation(&self, layout: Layout) -> Option<String> {
        let torn = self.temporaries.iter().find(|(_, content)| *content == Content::Torn);
        let torn = torn.map(|(name, _)| format!("{name} holds neither a token nor reserved space"));
        self.file_violation(layout).or(torn)
    }

    /// What must never be seen, not even while a process runs.
    pub(crate) fn file_violation(&self, layout: Layout) -> Option<String> {
        let expected = match (self.file, layout) {
            (Content::First, Layout::Common | Layout::Leftover) | (Content::Missing, Layout::Wallet) => true,
            (Content::Newest, _) => self.renewals > 0,
            (Content::Earlier, _) => self.renewals > 1,
            _ => false,
        };
        (!expected).then(|| format!("the token file is {:?} after {} renewals", self.file, self.renewals))
    }
}

impl Scene {
    /// A sandbox with a session whose token is due as said.
    pub(crate) fn set(layout: Layout, due: Due) -> Scene {
        let sandbox = Sandbox::start(Options::default()).expect("a sandbox can be started");
        sandbox.set_rate_limits(RateLimits { address: None, session: None, transactions: None });
        let (ttl_s, age_s) = match due {
            Due::Now => (DUE_TTL_S, DUE_AGE_S),
            Due::Soon => due_soon(),
        };
        let session = aged(&sandbox, ttl_s, age_s);
        let common = sandbox.token_file().to_owned();
        write_private(&common, &session.token);
        let token_file = match layout {
            Layout::Common | Layout::Leftover => common,
            Layout::Wallet => sandbox.data_dir().join("mcp-tokens").join(sandbox.wallet_id()),
        };
        Scene { sandbox, session, layout, token_file, seen: Mutex::default() }
    }

    /// The command that serves with this scene's token file.
    pub(crate) fn serve(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.arg("serve").env_clear();
        command.env("WAIAAS_BASE_URL", self.sandbox.base_url());
        command.env("WAIAAS_DATA_DIR", self.sandbox.data_dir()).env("WAIAAS_MCP_LOG", "debug");
        if self.layout == Layout::Wallet {
            command.env("WAIAAS_WALLET_ID", self.sandbox.wallet_id());
        }
        command
    }

    /// Renews, and leaves the new token as a process does that is killed before its rename.
    pub(crate) fn leave_leftover(&self) -> io::Result<()> {
        let mut daemon = TcpStream::connect(self.sandbox.base_url().trim_start_matches("http://"))?;
        let (id, token) = (&self.session.id, &self.session.token);
        let head =
            format!("PUT /v1/sessions/{id}/renew HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
        daemon.write_all(
            format!("{head}Authorization: Bearer {token}\r\nContent-Length: 0\r\n\r\n").as_bytes(),
        )?;
        let mut answer = String::new();
        daemon.read_to_string(&mut answer)?;
        let new =
            answer.split('"').find(|text| text.starts_with("wai_sess_")).ok_or(io::ErrorKind::InvalidData)?;
        fs::write(self.sandbox.data_dir().join(".mcp-token.waiaas-mcp-00000000c4a54ed0"), new)
    }

    /// The session's row in the ledger.
    pub(crate) fn row(&self) -> SessionSnapshot {
        self.sandbox.ledger().session(&self.session.id).expect("the session exists").clone()
    }

    /// Looks at the files and the ledger.
    pub(crate) fn remains(&self) -> Remains {
        let mut temporaries = Vec::new();
        let directory = self.token_file.parent().unwrap();
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.contains(".waiaas-mcp-") {
                temporaries.push((name, self.content(&entry.path())));
            }
        }
        Remains { file: self.content(&self.token_file), temporaries, renewals: self.row().renewal_count }
    }

    fn content(&self, path: &Path) -> Content {
        let Ok(bytes) = fs::read(path) else { return Content::Missing };
        let text = String::from_utf8_lossy(&bytes);
        let token = text.trim_end_matches('#').trim_end_matches('\n');
        let is_whole = token.len() == text.len();
        if token.is_empty() {
            Content::Reserved
        } else if self.sandbox.ledger().is_newest(token) && self.row().renewal_count > 0 {
            self.seen.lock().unwrap().push(token.to_owned());
            if is_whole { Content::Newest } else { Content::Uncut }
        } else if is_whole && self.seen.lock().unwrap().iter().any(|seen| seen == token) {
            Content::Earlier
        } else if token == self.session.token && is_whole {
            Content::First
        } else {
            Content::Torn
        }
    }

    /// The next start: it must serve, and find or get the newest token, unless that was lost. `asked`: the killed
    /// process had sent a request that was not committed when it died; the daemon may have done that a moment later.
    pub(crate) fn restart(&self, program: &Path, lost: bool, asked: bool) -> Result<Found, String> {
        let mut serve = Serve::start(&mut self.serve(program));
        let mut outcome = serve.call().map_err(|what| format!("the next start does not serve: {what}"));
        let found = outcome.and_then(|()| {
            if lost {
                self.serves_superseded(&serve).map(|()| Found::Superseded)
            } else {
                self.has_newest_in_time(&serve, asked)
            }
        });
        outcome = serve.call().map_err(|what| format!("after the next start's renewal: {what}"));
        let log = serve.kill();
        outcome.and(found).map_err(|what| format!("{what}; its log:\n    {}", log.join("\n    ")))
    }

    fn has_newest_in_time(&self, serve: &Serve, asked: bool) -> Result<Found, String> {
        let deadline = Instant::now() + SETTLE_TIME_MAX;
        while Instant::now() < deadline {
            let remains = self.remains();
            if let Some(what) = remains.file_violation(self.layout) {
                return Err(format!("while the next start runs, {what}"));
            }
            let refused: u64 = self.sandbox.ledger().tally.renewals_refused.values().sum();
            if remains.file == Content::Newest {
                // What a killed process had sent may be refused after its successor was served.
                if refused > u64::from(asked) || remains.renewals != 1 {
                    return Err(format!("{} renewals and {refused} refused ones", remains.renewals));
                }
                return Ok(Found::Newest);
            }
            if asked && refused > 0 && remains.renewals == 1 && remains.is_lost() {
                return self.serves_superseded(serve).map(|()| Found::Superseded);
            }
            thread::sleep(Duration::from_millis(1));
        }
        Err(format!("the newest token is not in the file {SETTLE_TIME_MAX:?} after the next start"))
    }

    fn serves_superseded(&self, serve: &Serve) -> Result<(), String> {
        let told = serve.log.wait_for(SETTLE_TIME_MAX, |line| is_event(line, "renewal.failed"));
        match told {
            Some(line) if line.contains("SESSION_RENEWAL_MISMATCH") => Ok(()),
            other => Err(format!("a token whose successor was lost was not found out: {other:?}")),
        }
    }

    /// The whole story of a lost answer: served to the token's own end, then `session_expired`, then a new token in
    /// the file is used by the very next call.
    pub(crate) fn outlive_loss(&self, program: &Path) -> Result<(), String> {
        let mut serve = Serve::start(&mut self.serve(program));
        let end = expires_at_s(&self.session.token);
        let outcome = (|| {
            while unix_ms() < end * 1000 - 300 {
                serve.call().map_err(|what| format!("before the end of a superseded token, {what}"))?;
                thread::sleep(Duration::from_millis(200));
            }
            while unix_ms() < end * 1000 + 300 {
                thread::sleep(Duration::from_millis(50));
            }
            match serve.call() {
                Err(what) if what.contains("session_expired") => {}
                other => return Err(format!("after its end, {other:?} instead of session_expired")),
            }
            let fresh =
                self.sandbox.new_session(SessionLimits { ttl_s: Some(300), ..SessionLimits::default() });
            write_private(self.sandbox.token_file(), &fresh.token);
            serve.call().map_err(|what| format!("with a new token in the file, {what}"))
        })();
        serve.kill();
        outcome
    }
}

/// Opens a session whose token is as old as said.
fn aged(sandbox: &Sandbox, ttl_s: u64, age_s: i64) -> IssuedSession {
    sandbox.set_clock_offset_s(-age_s);
    let session = sandbox.new_session(SessionLimits { ttl_s: Some(ttl_s), ..SessionLimits::default() });
    sandbox.set_clock_offset_s(0);
    session
}

/// Life and age of a token that becomes due [`DUE_SOON_MS`] from now or up to 0.2 s later. The daemon counts whole
/// seconds; 60 % of these lives end at each fifth of one.
fn due_soon() -> (u64, i64) {
    let now_ms = unix_ms();
    let second = now_ms.div_euclid(1000);
    (20..25_i64)
        .flat_map(|ttl_s| (9..14_i64).map(move |age_s| (ttl_s, age_s)))
        .min_by_key(|(ttl_s, age_s)| {
            let due_ms = (second - age_s) * 1000 + ttl_s * 600;
            let late = due_ms - now_ms - DUE_SOON_MS;
            if late < 0 { i64::MAX } else { late }
        })
        .map(|(ttl_s, age_s)| (ttl_s.unsigned_abs(), age_s))
        .unwrap()
}

pub(crate) fn unix_ms() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

fn expires_at_s(token: &str) -> i64 {
    use base64::Engine as _;
    let payload = token.split('.').nth(1).unwrap();
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&payload).unwrap();
    claims["exp"].as_i64().unwrap()
}

/// As the program itself leaves it.
fn write_private(path: &Path, token: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    let temporary = path.with_file_name("operators-own.tmp");
    fs::write(&temporary, token).unwrap();
    fs::set_permissions(&temporary, fs::Permissions::from_mode(0o600)).unwrap();
    fs::rename(&temporary, path).unwrap();
}

/// Names of the temporary files that were not there before.
pub(crate) fn new_temporaries(before: &BTreeSet<String>, remains: &Remains) -> Vec<Content> {
    let new = remains.temporaries.iter().filter(|(name, _)| !before.contains(name));
    new.map(|(_, content)| *content).collect()
}
