//! A daemon of one's own: it follows the HTTP contract of WAIaaS 2.15.0 rule for rule, moves no money and keeps
//! everything in memory.
//!
//! `serve --sandbox`, `sandbox`, `demo` and the tests use it; nobody else knows it exists. It shares no code with the
//! rest of the crate, its clock and its token code included: a daemon that shares code with its client agrees with its
//! mistakes.
//!
//! Imitated: sessions with really signed tokens, renewals with their checks in order, limits, rate limits, the kill
//! switch, the Host guard, and every route the tools use, with made-up data. Not imitated: chains, prices, policies
//! that can be changed, the owner's approval, the slow password check. A clock offset, an outage or any fault of
//! [`FaultKind`] can be had on demand, from code or over `POST /sandbox/control`.
//!
//! `ledger` and `chain` hold the state, `routes` and `answers` decide; all of that is pure. `listener` speaks.

mod amounts;
mod answers;
mod calldata;
mod chain;
mod clock;
mod control;
mod digests;
mod faults;
mod files;
mod http;
mod ids;
mod json;
mod ledger;
mod listener;
mod networks;
mod rates;
mod refusals;
mod routes;
mod tally;
mod tokens;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use parking_lot::Mutex;

use chain::Chain;
use clock::Clock;
use control::Command;
use digests::{hex, sha256};
use files::DataDir;
use http::{Request, Response};
use ids::{Ids, random_bits};
use ledger::{Ledger, Terms};
use listener::{Listener, Service, StopSignal};
use refusals::Refusal;
use routes::Daemon;

pub use faults::{Fault, FaultKind};
pub use rates::RateLimits;
pub use tally::{RenewalRecord, Tally};

/// Life of the first session's tokens unless said otherwise, in seconds.
const TTL_USUAL_S: u64 = 3600;

/// What the sandbox is to be.
#[derive(Clone, Debug)]
pub struct Options {
    /// Port on 127.0.0.1; 0 = any.
    pub port: u16,
    /// Life of the first session's tokens in seconds; none = unlimited.
    pub ttl_s: Option<u64>,
    /// How often the first session can be renewed; 0 = no limit.
    pub max_renewals: u32,
    /// After how many seconds the first session ends for good; 0 = never.
    pub absolute_lifetime_s: u64,
    /// Where the token file goes; none = a temporary directory, removed at the end.
    pub data_dir: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Options {
        Options { port: 0, ttl_s: Some(TTL_USUAL_S), max_renewals: 0, absolute_lifetime_s: 0, data_dir: None }
    }
}

/// What a new session is to be, as an operator would ask for it, only with fewer bounds.
#[derive(Clone, Default, Debug)]
pub struct SessionLimits {
    /// Life of each token in seconds, from 1; none = unlimited.
    pub ttl_s: Option<u64>,
    /// 0 = no limit.
    pub max_renewals: u32,
    /// Seconds; 0 = none.
    pub absolute_lifetime_s: u64,
    /// Ids of its wallets; empty = the trading bot alone.
    pub wallet_ids: Vec<String>,
}

/// A session just opened.
#[derive(Clone, Debug)]
pub struct IssuedSession {
    /// Its id.
    pub id: String,
    /// Its first token.
    pub token: String,
}

/// A session as the ledger has it. Times are Unix seconds.
#[derive(Clone, Debug)]
pub struct SessionSnapshot {
    /// Its id.
    pub id: String,
    /// Its wallets.
    pub wallet_ids: Vec<String>,
    /// Renewals so far.
    pub renewal_count: u32,
    /// `iat` of the newest token.
    pub issued_at: i64,
    /// `exp` of the newest token; 0 = unlimited.
    pub expires_at: i64,
    /// Revoked by the operator or the kill switch.
    pub revoked: bool,
    /// Past its end, and swept away.
    pub deleted: bool,
    /// SHA-256 of the one token that can be renewed, in hexadecimal.
    pub newest_token_hash: String,
}

/// What the sandbox knows at one moment.
#[derive(Clone, Debug)]
pub struct LedgerSnapshot {
    /// All sessions, oldest first.
    pub sessions: Vec<SessionSnapshot>,
    /// What was asked of it.
    pub tally: Tally,
}

impl LedgerSnapshot {
    /// Whether this is the token of its session that can be renewed.
    pub fn is_newest(&self, token: &str) -> bool {
        let hash = hex(&sha256(token.as_bytes()));
        self.sessions.iter().any(|session| session.newest_token_hash == hash)
    }

    /// The session with this id.
    pub fn session(&self, id: &str) -> Option<&SessionSnapshot> {
        self.sessions.iter().find(|session| session.id == id)
    }
}

/// A sandbox daemon that is running. Dropping it stops it.
pub struct Sandbox {
    core: Arc<Core>,
    base_url: String,
    master_password: String,
    token_file: PathBuf,
    first: IssuedSession,
    /// Dropped last: the temporary directory goes when nobody can write to it any more.
    _data_dir: Arc<DataDir>,
}

/// Everything the connections share.
struct Core {
    clock: Clock,
    daemon: Mutex<Daemon>,
    faults: Mutex<faults::Faults>,
    data_dir: Arc<DataDir>,
    port: Mutex<u16>,
    /// None while it is down.
    listener: Mutex<Option<Listener>>,
    /// An outage that was asked for over HTTP and ends by itself.
    outage: Mutex<Option<JoinHandle<()>>>,
    stop: StopSignal,
}

/// What the listener calls. It must not keep the core alive, because the core owns the listener.
struct Weak(std::sync::Weak<Core>);

impl Sandbox {
    /// Starts to listen on 127.0.0.1, opens the first session and writes its token to `DATA_DIR/mcp-token`.
    ///
    /// # Errors
    /// If the port is taken or the data directory cannot be written.
    pub fn start(options: Options) -> io::Result<Sandbox> {
        let data_dir = Arc::new(DataDir::open(options.data_dir)?);
        let clock = Clock::default();
        let now = clock.now();
        let mut ids = Ids::seeded(random_bits());
        let master_password = format!("sandbox-{:016x}", ids.bits());
        let daemon = Daemon {
            ledger: Ledger::new(ids.secret()),
            chain: Chain::new(&mut ids, now),
            master_password: master_password.clone(),
            ids,
            tally: Tally::default(),
            started: now,
            base_url: String::new(),
            data_dir: data_dir.path().display().to_string(),
        };
        let core = Arc::new(Core {
            clock,
            daemon: Mutex::new(daemon),
            faults: Mutex::default(),
            data_dir: Arc::clone(&data_dir),
            port: Mutex::new(options.port),
            listener: Mutex::new(None),
            outage: Mutex::new(None),
            stop: StopSignal::default(),
        });
        let limits = SessionLimits {
            ttl_s: options.ttl_s,
            max_renewals: options.max_renewals,
            absolute_lifetime_s: options.absolute_lifetime_s,
            wallet_ids: Vec::new(),
        };
        let first = core.new_session(limits);
        let token_file = data_dir.path().join("mcp-token");
        files::replace(&token_file, &first.token, 0o600)?;
        // Listening comes last: whoever can reach the sandbox finds everything in its place.
        listen(&core)?;
        let base_url = format!("http://127.0.0.1:{}", *core.port.lock());
        core.daemon.lock().base_url.clone_from(&base_url);
        Ok(Sandbox { core, base_url, master_password, token_file, first, _data_dir: data_dir })
    }

    /// Where it listens, without a slash at the end.
    pub fn base_url(&self) -> String {
        self.base_url.clone()
    }

    /// The data directory.
    pub fn data_dir(&self) -> &Path {
        self.core.data_dir.path()
    }

    /// The token file of the first session.
    pub fn token_file(&self) -> &Path {
        &self.token_file
    }

    /// The wallet of the first session.
    pub fn wallet_id(&self) -> &str {
        chain::TRADING_BOT
    }

    /// Every wallet that is there from the start: the trading bot, a Solana wallet, a smart account.
    pub fn wallet_ids(&self) -> [&str; 3] {
        [chain::TRADING_BOT, chain::SOL_BOT, chain::SMART_BOT]
    }

    /// The master password.
    pub fn master_password(&self) -> &str {
        &self.master_password
    }

    /// The session whose token is in the file at the start.
    pub fn first_session(&self) -> &IssuedSession {
        &self.first
    }

    /// Adds a fault. Of several that meet a request the oldest counts.
    pub fn inject(&self, fault: Fault) {
        self.core.faults.lock().inject(fault);
    }

    /// Forgets all faults. What hangs already goes on hanging.
    pub fn heal(&self) {
        self.core.faults.lock().heal();
    }

    /// Sets how far the sandbox's clock is ahead of the machine's, in seconds.
    pub fn set_clock_offset_s(&self, offset_s: i64) {
        self.core.clock.set_offset_s(offset_s);
    }

    /// Sets the rate limits.
    pub fn set_rate_limits(&self, limits: RateLimits) {
        self.core.daemon.lock().ledger.limits = limits;
    }

    /// Closes the port and every connection. The state stays.
    pub fn go_down(&self) {
        self.core.go_down();
    }

    /// Listens again on the same port with the same state.
    ///
    /// # Errors
    /// If somebody else has taken the port meanwhile.
    pub fn come_back(&self) -> io::Result<()> {
        listen(&self.core)
    }

    /// Opens a session as the operator would.
    pub fn new_session(&self, limits: SessionLimits) -> IssuedSession {
        self.core.new_session(limits)
    }

    /// Revokes a session; one that is not there stays so.
    pub fn revoke(&self, session_id: &str) {
        let _ = self.core.daemon.lock().ledger.revoke(session_id);
    }

    /// Throws the kill switch; thrown twice is thrown once.
    pub fn kill_switch(&self) {
        let now = self.core.clock.now();
        let _ = self.core.daemon.lock().lock(now);
    }

    /// Ends the kill switch. The sessions stay revoked.
    pub fn recover(&self) {
        let _ = self.core.daemon.lock().recover();
    }

    /// Replaces the token file as an operator's `setup` does: at once, mode 0644.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn replace_token_file(&self, token: &str) -> io::Result<()> {
        files::replace(&self.token_file, token, 0o644)
    }

    /// What the sandbox knows now.
    pub fn ledger(&self) -> LedgerSnapshot {
        self.core.snapshot()
    }

    /// Stops it: port and connections are closed and their threads have ended when this returns.
    pub fn stop(self) {}
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.core.stop.stop();
        if let Some(outage) = self.core.outage.lock().take() {
            let _ = outage.join();
        }
        self.core.go_down();
    }
}

fn listen(core: &Arc<Core>) -> io::Result<()> {
    let mut listener = core.listener.lock();
    if listener.is_some() {
        return Ok(());
    }
    let mut port = core.port.lock();
    let started = Listener::start(*port, Arc::new(Weak(Arc::downgrade(core))))?;
    *port = started.port();
    *listener = Some(started);
    Ok(())
}

impl Core {
    fn go_down(&self) {
        // Taken out first: connections that end now must not find the lock held.
        let listener = self.listener.lock().take();
        drop(listener);
    }

    fn new_session(&self, limits: SessionLimits) -> IssuedSession {
        let wallets = if limits.wallet_ids.is_empty() {
            vec![chain::TRADING_BOT.to_owned()]
        } else {
            limits.wallet_ids
        };
        let terms = Terms {
            wallets,
            ttl_s: limits.ttl_s,
            max_renewals: limits.max_renewals,
            absolute_lifetime_s: limits.absolute_lifetime_s,
            source: "api",
        };
        let now = self.clock.now();
        let mut daemon = self.daemon.lock();
        let Daemon { ledger, ids, .. } = &mut *daemon;
        let issued = ledger.create(terms, ids, now);
        IssuedSession { id: ledger.sessions[issued.session].id.clone(), token: issued.token }
    }

    fn snapshot(&self) -> LedgerSnapshot {
        let daemon = self.daemon.lock();
        let sessions = daemon.ledger.sessions.iter().map(|session| SessionSnapshot {
            id: session.id.clone(),
            wallet_ids: session.terms.wallets.clone(),
            renewal_count: session.renewal_count,
            issued_at: session.issued_at,
            expires_at: session.expires_at,
            revoked: session.revoked,
            deleted: session.deleted,
            newest_token_hash: hex(&session.token_hash),
        });
        LedgerSnapshot { sessions: sessions.collect(), tally: daemon.tally.clone() }
    }

    fn respond(self: &Arc<Core>, request: &Request) -> Response {
        if request.path.starts_with("/sandbox/") {
            return self.control(request);
        }
        let now = self.clock.now();
        let reply = self.daemon.lock().answer(request, now);
        match reply.token_file {
            Some((wallet_id, token)) => {
                match files::write_as_daemon(self.data_dir.path(), &wallet_id, &token) {
                    Ok(()) => reply.response,
                    Err(error) => {
                        let refusal = Refusal::new("INTERNAL_ERROR").saying(format!("token file: {error}"));
                        Response::json(refusal.status(), refusal.body("").text())
                    }
                }
            }
            None => reply.response,
        }
    }

    /// The two routes of the sandbox's own. No limit, no fault and no kill switch touches them.
    fn control(self: &Arc<Core>, request: &Request) -> Response {
        let wrong = |status, message: &str| Response::text(status, "text/plain", message);
        if request.header("x-master-password") != Some(&self.daemon.lock().master_password) {
            return wrong(401, "the header X-Master-Password is missing or wrong");
        }
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/sandbox/ledger") => Response::json(200, control::shown(&self.snapshot()).text()),
            ("POST", "/sandbox/control") => {
                let body = request.json().map_err(|_| "the body is not JSON".to_owned());
                match body.and_then(|body| control::commands(&body)) {
                    Ok(commands) => self.carry_out(commands),
                    Err(message) => wrong(400, &message),
                }
            }
            _ => wrong(404, "there are GET /sandbox/ledger and POST /sandbox/control"),
        }
    }

    fn carry_out(self: &Arc<Core>, commands: Vec<Command>) -> Response {
        use json::{Json, object};
        let mut answer = object! { "ok": true };
        for command in commands {
            let now = self.clock.now();
            let done = match command {
                Command::Inject(fault) => {
                    self.faults.lock().inject(fault);
                    Ok(())
                }
                Command::Heal => {
                    self.faults.lock().heal();
                    Ok(())
                }
                Command::SetClockOffset(offset_s) => {
                    self.clock.set_offset_s(offset_s);
                    Ok(())
                }
                Command::GoDown(for_ms) => self.go_down_for(Duration::from_millis(for_ms)),
                Command::NewSession(limits) => {
                    let issued = self.new_session(limits);
                    answer = answer.with("newSession", object! { "id": issued.id, "token": issued.token });
                    Ok(())
                }
                Command::Revoke(id) => self.daemon.lock().ledger.revoke(&id).map(drop).map_err(refused),
                Command::ReplaceTokenFile(token) => {
                    files::replace(&self.data_dir.path().join("mcp-token"), &token, 0o644)
                }
                Command::SetRateLimits(limits) => {
                    self.daemon.lock().ledger.limits = limits;
                    Ok(())
                }
                Command::KillSwitch => self.daemon.lock().lock(now).map_err(refused),
                Command::Recover => self.daemon.lock().recover().map_err(refused),
            };
            if let Err(error) = done {
                return Response::text(409, "text/plain", &error.to_string());
            }
        }
        Response::json(200, answer.text())
    }

    /// Goes down after this answer and comes back by itself.
    fn go_down_for(self: &Arc<Core>, duration: Duration) -> io::Result<()> {
        /// Long enough for the answer to leave first.
        const ANSWER_TIME: Duration = Duration::from_millis(50);
        let mut outage = self.outage.lock();
        if outage.as_ref().is_some_and(|thread| !thread.is_finished()) {
            return Err(io::Error::other("it is going down already"));
        }
        let core = Arc::clone(self);
        let thread = Builder::new().name("sandbox-outage".into()).spawn(move || {
            if core.stop.wait(ANSWER_TIME) {
                return;
            }
            core.go_down();
            if !core.stop.wait(duration) {
                // If the port is gone, the outage is for good, and whoever asked for it finds out.
                let _ = listen(&core);
            }
        })?;
        *outage = Some(thread);
        Ok(())
    }
}

fn refused(refusal: Refusal) -> io::Error {
    io::Error::other(refusal.code)
}

impl Service for Weak {
    fn fault(&self, request: &Request) -> Option<Fault> {
        if request.path.starts_with("/sandbox/") {
            return None;
        }
        self.0.upgrade()?.faults.lock().take(request)
    }

    fn answer(&self, request: &Request) -> Response {
        match self.0.upgrade() {
            Some(core) => core.respond(request),
            None => Response::text(503, "text/plain", ""),
        }
    }
}
