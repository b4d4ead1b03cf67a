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
mod core;
mod digests;
mod directory;
mod faults;
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
mod token_file;
mod tokens;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::core::Core;
use digests::{hex, sha256};

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
    /// How often it can be renewed; 0 = no limit.
    pub max_renewals: u32,
    /// When it ends for good; 0 = never.
    pub absolute_end: i64,
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
}

impl Sandbox {
    /// Starts to listen on 127.0.0.1, opens the first session and writes its token to `DATA_DIR/mcp-token`.
    ///
    /// # Errors
    /// If the port is taken or the data directory cannot be written.
    pub fn start(options: Options) -> io::Result<Sandbox> {
        let core = Core::new(options.port, options.data_dir)?;
        let first = core.new_session(SessionLimits {
            ttl_s: options.ttl_s,
            max_renewals: options.max_renewals,
            absolute_lifetime_s: options.absolute_lifetime_s,
            wallet_ids: Vec::new(),
        });
        let token_file = core.token_file();
        token_file::replace(&token_file, &first.token, 0o600)?;
        // Listening comes last: whoever can reach the sandbox finds everything in its place.
        core.listen()?;
        let daemon = core.daemon.lock();
        let (base_url, master_password) = (daemon.base_url.clone(), daemon.master_password.clone());
        drop(daemon);
        Ok(Sandbox { core, base_url, master_password, token_file, first })
    }

    /// Where it listens, without a slash at the end.
    pub fn base_url(&self) -> String {
        self.base_url.clone()
    }

    /// The data directory.
    pub fn data_dir(&self) -> &Path {
        self.core.data_dir()
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
        self.core.listen()
    }

    /// Opens a session as the operator would.
    pub fn new_session(&self, limits: SessionLimits) -> IssuedSession {
        self.core.new_session(limits)
    }

    /// Revokes a session; one that is not there stays so.
    pub fn revoke(&self, session_id: &str) {
        let _ = self.core.daemon.lock().ledger.revoke(session_id);
    }

    /// Forgets every wallet but these, as if there had never been others.
    pub fn keep_wallets(&self, wallet_ids: &[&str]) {
        self.core.daemon.lock().chain.wallets.retain(|wallet| wallet_ids.contains(&wallet.id.as_str()));
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
        token_file::replace(&self.token_file, token, 0o644)
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
        self.core.stop();
    }
}
