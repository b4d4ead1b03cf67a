//! What the sandbox's connections share: the daemon behind a lock, its clock, its faults, its port.
//!
//! The thin part between the listener and the pure daemon. Carries out what the control route asks for.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use parking_lot::Mutex;

use super::chain::{Chain, TRADING_BOT};
use super::clock::Clock;
use super::control::{self, Command};
use super::digests::hex;
use super::directory::DataDir;
use super::faults::{Fault, Faults};
use super::http::{Request, Response};
use super::ids::{Ids, random_bits};
use super::json::{Json, object};
use super::ledger::{Ledger, Terms};
use super::listener::{Listener, Service, StopSignal};
use super::refusals::Refusal;
use super::routes::Daemon;
use super::tally::Tally;
use super::token_file;
use super::{IssuedSession, LedgerSnapshot, SessionLimits, SessionSnapshot};

/// Long enough for the answer that announces an outage to leave first.
const ANSWER_TIME: Duration = Duration::from_millis(50);

/// Everything the connections share.
pub(super) struct Core {
    pub(super) clock: Clock,
    pub(super) daemon: Mutex<Daemon>,
    pub(super) faults: Mutex<Faults>,
    port: Mutex<u16>,
    /// None while it is down.
    listener: Mutex<Option<Listener>>,
    /// An outage that was asked for over HTTP and ends by itself.
    outage: Mutex<Option<JoinHandle<()>>>,
    stop: StopSignal,
    /// Dropped last: a temporary directory goes when nobody writes to it any more.
    data_dir: DataDir,
}

/// What the listener calls. It must not keep the core alive, because the core owns the listener.
struct Weak(std::sync::Weak<Core>);

impl Core {
    /// A daemon with an empty ledger, not listening yet.
    pub(super) fn new(port: u16, data_dir: Option<PathBuf>) -> io::Result<Arc<Core>> {
        let data_dir = DataDir::open(data_dir)?;
        let clock = Clock::default();
        let now = clock.now();
        let mut ids = Ids::seeded(random_bits());
        let daemon = Daemon {
            ledger: Ledger::new(ids.secret()),
            chain: Chain::new(&mut ids, now),
            master_password: format!("sandbox-{:016x}", ids.bits()),
            ids,
            tally: Tally::default(),
            started: now,
            base_url: String::new(),
            data_dir: data_dir.path().display().to_string(),
        };
        Ok(Arc::new(Core {
            clock,
            daemon: Mutex::new(daemon),
            faults: Mutex::default(),
            port: Mutex::new(port),
            listener: Mutex::new(None),
            outage: Mutex::new(None),
            stop: StopSignal::default(),
            data_dir,
        }))
    }

    /// The data directory.
    pub(super) fn data_dir(&self) -> &Path {
        self.data_dir.path()
    }

    /// The token file of the first session.
    pub(super) fn token_file(&self) -> PathBuf {
        self.data_dir.path().join("mcp-token")
    }

    /// Listens, on the port it had if it listened before.
    pub(super) fn listen(self: &Arc<Core>) -> io::Result<()> {
        let mut listener = self.listener.lock();
        if listener.is_some() {
            return Ok(());
        }
        let mut port = self.port.lock();
        let started = Listener::start(*port, Arc::new(Weak(Arc::downgrade(self))))?;
        *port = started.port();
        self.daemon.lock().base_url = format!("http://127.0.0.1:{port}");
        *listener = Some(started);
        Ok(())
    }

    /// Ends everything, an outage that would come back too.
    pub(super) fn stop(&self) {
        self.stop.stop();
        if let Some(outage) = self.outage.lock().take() {
            let _ = outage.join();
        }
        self.go_down();
    }

    /// Closes the port and every connection.
    pub(super) fn go_down(&self) {
        // Taken out first: connections that end now must not find the lock held.
        let listener = self.listener.lock().take();
        drop(listener);
    }

    /// Opens a session.
    pub(super) fn new_session(&self, limits: SessionLimits) -> IssuedSession {
        let wallets =
            if limits.wallet_ids.is_empty() { vec![TRADING_BOT.to_owned()] } else { limits.wallet_ids };
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

    /// The state as tests see it.
    pub(super) fn snapshot(&self) -> LedgerSnapshot {
        let daemon = self.daemon.lock();
        let sessions = daemon.ledger.sessions.iter().map(|session| SessionSnapshot {
            id: session.id.clone(),
            wallet_ids: session.terms.wallets.clone(),
            renewal_count: session.renewal_count,
            max_renewals: session.terms.max_renewals,
            absolute_end: session.absolute_end,
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
                match token_file::write_as_daemon(self.data_dir.path(), &wallet_id, &token) {
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
                Command::ReplaceTokenFile(token) => token_file::replace(&self.token_file(), &token, 0o644),
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
                let _ = core.listen();
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
