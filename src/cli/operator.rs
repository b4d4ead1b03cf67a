//! The operator: who holds the daemon's master password, and the four routes that take it.
//!
//! Used by the commands that make sessions. A request that makes something is sent once, on a connection of its own;
//! whether it was carried out is said by the fault. Refuses to know token files, and to print anything.

use std::time::Duration;

use crate::http::{Credential, Method, Request, Response, Transport};
use crate::ids::{SessionId, WalletId};
use crate::json::{self, Object};
use crate::secret::Password;
use crate::session::Session;
use crate::time::Timestamp;
use answers::{Health, ListedSession, Refusal, Wallet};

pub(super) mod answers;

/// Longest wait for the daemon to say that it is there.
const HEALTH_TIME_MAX: Duration = Duration::from_secs(5);

/// Sessions asked for at once: the most that the daemon gives.
const SESSIONS_PER_PAGE: usize = 200;

/// Pages of sessions that are looked at. A wallet has 50 at most.
const SESSION_PAGES_MAX: usize = 50;

/// A way to the daemon, with its master password.
pub(super) struct Operator<'t> {
    transport: &'t dyn Transport,
    password: Password,
    call_time_max: Duration,
}

/// What a session may do and how long it lives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Limits {
    /// Life of each token, in seconds; `None` for one that never ends.
    pub(super) ttl_s: Option<u64>,
    /// How often it can be renewed; 0 = no limit.
    pub(super) max_renewals: u64,
    /// When the session ends for good, in seconds from now; 0 = never.
    pub(super) lifetime_s: u64,
}

/// Asks whether the daemon is there. Needs no password.
///
/// # Errors
/// [`Refusal`] if it is not, or something else is there.
pub(super) fn health(transport: &dyn Transport) -> Result<Health, Refusal> {
    let response = transport.send(&Request::get("/health"), Credential::None, HEALTH_TIME_MAX);
    answers::health(&response.map_err(Refusal::Unanswered)?)
}

impl<'t> Operator<'t> {
    /// Nothing is sent yet. `call_time_max` is for each request.
    pub(super) fn new(
        transport: &'t dyn Transport,
        password: Password,
        call_time_max: Duration,
    ) -> Operator<'t> {
        Operator { transport, password, call_time_max }
    }

    /// All wallets of the daemon.
    ///
    /// # Errors
    /// [`Refusal`], the wrong password among them.
    pub(super) fn wallets(&self) -> Result<Vec<Wallet>, Refusal> {
        answers::wallets(&self.send(Request::get("/v1/wallets"))?)
    }

    /// The active sessions.
    ///
    /// # Errors
    /// [`Refusal`].
    pub(super) fn sessions(&self) -> Result<Vec<ListedSession>, Refusal> {
        let mut sessions = Vec::new();
        for page in 0..SESSION_PAGES_MAX {
            let offset = page * SESSIONS_PER_PAGE;
            let target = format!("/v1/sessions?limit={SESSIONS_PER_PAGE}&offset={offset}");
            let listed = answers::sessions(&self.send(Request::get(target))?)?;
            let is_last = listed.len() < SESSIONS_PER_PAGE;
            sessions.extend(listed);
            if is_last {
                break;
            }
        }
        Ok(sessions)
    }

    /// Opens a session for these wallets. `now` serves to read its token.
    ///
    /// # Errors
    /// [`Refusal`]. If the answer was lost or cannot be read, the session may be open all the same.
    pub(super) fn open(
        &self,
        wallet_ids: &[WalletId],
        limits: Limits,
        now: Timestamp,
    ) -> Result<Session, Refusal> {
        let mut body = Object::new();
        match wallet_ids {
            [only] => body.string("walletId", only),
            several => body.raw("walletIds", &json::array_of_strings(several.iter().map(WalletId::as_str))),
        };
        if let Some(ttl_s) = limits.ttl_s {
            body.raw("ttl", &ttl_s.to_string());
        }
        if limits.max_renewals > 0 {
            body.raw("maxRenewals", &limits.max_renewals.to_string());
        }
        if limits.lifetime_s > 0 {
            body.raw("absoluteLifetime", &limits.lifetime_s.to_string());
        }
        let response = self.send(Request {
            method: Method::Post,
            target: "/v1/sessions".to_owned(),
            body: Some(body.finish()),
            repeatable: false,
        })?;
        answers::opened(&response, now)
    }

    /// Revokes a session. One that is gone or revoked already is as good as revoked.
    ///
    /// # Errors
    /// [`Refusal`].
    pub(super) fn revoke(&self, session_id: &SessionId) -> Result<(), Refusal> {
        let request = Request {
            method: Method::Delete,
            target: format!("/v1/sessions/{session_id}"),
            body: None,
            // Revoking twice is revoking once.
            repeatable: true,
        };
        match self.send(request) {
            Err(Refusal::Refused { code, .. }) if code == "SESSION_NOT_FOUND" => Ok(()),
            outcome => outcome.map(drop),
        }
    }

    /// The answer to a request, if it is a good one.
    fn send(&self, request: Request) -> Result<Response, Refusal> {
        let credential = Credential::Master(&self.password);
        let response = self.transport.send(&request, credential, self.call_time_max);
        answers::accepted(response.map_err(Refusal::Unanswered)?)
    }
}
