//! One request to the daemon, with whatever token is current, and the few cases in which it is sent again.
//!
//! Used by the threads of the call pool and by the command line. Refuses to know tools and MCP.

use std::sync::Arc;
use std::time::Duration;

pub use crate::http::cancelled::Cancelled;
use crate::http::daemon_error::DaemonError;
use crate::http::{Credential, HttpFault, HttpFaultKind, Request, Response, Transport};
use crate::ids::WalletId;
use crate::log::{self, Area, Foreign, Level};
use crate::session::Session;
use crate::session::answers::about_the_token;
use crate::session::shared::SharedSession;

use super::render::CallError;

/// Tokens that one call is tried with: the one that was refused, the token file's, the environment's. Each refusal came before
/// anything happened.
const TOKENS_MAX: u32 = 3;

/// The daemon as calls see it.
pub struct Daemon {
    /// How requests travel.
    pub transport: Arc<dyn Transport>,
    /// Whose token they carry.
    pub session: Arc<SharedSession>,
    /// The wallet of calls that name none.
    pub wallet_id: Option<WalletId>,
    /// How long one request may take.
    pub call_time_max: Duration,
}

impl Daemon {
    /// Sends `request` with the session's token. Without a usable one the token file is looked at first. If the
    /// daemon refuses the token, it is looked at too, and another token gets an attempt: a refused request
    /// was refused before anything happened, so that is safe for every method. If the daemon, asked about the token,
    /// accepts it, the refusal is this call's own answer.
    ///
    /// # Errors
    /// [`CallError`] where there is no answer that the token was accepted for.
    pub fn perform(&self, request: &Request, cancelled: &Cancelled) -> Result<Response, CallError> {
        self.perform_within(self.call_time_max, request, cancelled)
    }

    /// The same with another time limit for each request.
    ///
    /// # Errors
    /// As [`Daemon::perform`].
    pub fn perform_within(
        &self,
        time_max: Duration,
        request: &Request,
        cancelled: &Cancelled,
    ) -> Result<Response, CallError> {
        let mut lease = self.session.current();
        if lease.session.is_none() {
            lease = self.session.renewed_after(lease.generation);
        }
        let mut attempts = 1;
        loop {
            let session = lease.session.ok_or_else(|| self.no_session())?;
            let response = self.send(request, Some(&session), time_max, cancelled)?;
            if !is_about_the_token(&response) {
                return Ok(response);
            }
            // The session has to know in any case.
            let renewed = self.session.renewed_after(lease.generation);
            let has_another = renewed.generation != lease.generation;
            if renewed.session.is_some() && (!has_another || attempts == TOKENS_MAX) {
                return Ok(response);
            }
            lease = renewed;
            attempts += 1;
        }
    }

    /// No token can be used, and why.
    pub fn no_session(&self) -> CallError {
        let (why, path) = self.session.why_none();
        CallError::NoSession { why, path }
    }

    /// The body of a good answer to `request`, sent once with the token that is there, if there is one. For what
    /// nobody has asked for: it must not set anything in motion.
    pub fn ask_quietly(&self, request: &Request, time_max: Duration) -> Option<String> {
        let session = self.session.current().session?;
        let response = self.leave(request, Some(&session), time_max, &Cancelled::default()).ok()??;
        String::from_utf8(response.body).ok().filter(|_| response.status == 200)
    }

    /// The answer to `request`, sent once and without a credential; for what nobody has asked for.
    pub fn ask_openly(
        &self,
        request: &Request,
        time_max: Duration,
        cancelled: &Cancelled,
    ) -> Option<Response> {
        self.leave(request, None, time_max, cancelled).ok()?
    }

    /// Sends `request` without a credential: for the daemon's own health.
    ///
    /// # Errors
    /// [`CallError::Fault`] where there is no complete answer.
    pub fn perform_without_token(
        &self,
        request: &Request,
        cancelled: &Cancelled,
    ) -> Result<Response, CallError> {
        self.send(request, None, self.call_time_max, cancelled)
    }

    fn send(
        &self,
        request: &Request,
        session: Option<&Session>,
        time_max: Duration,
        cancelled: &Cancelled,
    ) -> Result<Response, CallError> {
        let mut result = self.leave(request, session, time_max, cancelled);
        // A connection kept alive may have been closed by the daemon at the moment it was taken up again, and with it
        // all others that wait: the second time is on a new one.
        if matches!(&result, Err(fault) if fault.kind == HttpFaultKind::Broken) && request.repeatable {
            let on_a_new_one = Request { repeatable: false, ..request.clone() };
            result = self.leave(&on_a_new_one, session, time_max, cancelled);
        }
        if let Err(fault) = &result {
            log_fault(request, fault);
        }
        result.map_err(CallError::Fault)?.ok_or(CallError::Cancelled)
    }

    /// The only way out for the requests of calls, whatever was waited for before and however many steps a call has. `None`:
    /// the call was cancelled, and the request was not sent.
    fn leave(
        &self,
        request: &Request,
        session: Option<&Session>,
        time_max: Duration,
        cancelled: &Cancelled,
    ) -> Result<Option<Response>, HttpFault> {
        let credential = session.map_or(Credential::None, |session| Credential::Session(session.token()));
        let response = self.transport.send_unless(cancelled, request, credential, time_max)?;
        if let Some(date) = response.as_ref().and_then(|response| response.date) {
            self.session.heard_date(date);
        }
        Ok(response)
    }
}

fn is_about_the_token(response: &Response) -> bool {
    matches!(response.status, 401 | 404)
        && DaemonError::of(response).code.is_some_and(|code| about_the_token(response.status, &code))
}

fn log_fault(request: &Request, fault: &HttpFault) {
    log::event(
        Area::Api,
        Level::Warn,
        "call.failed",
        &[
            ("method", &request.method.name()),
            ("kind", &fault.kind.name()),
            ("sent", &fault.sent),
            ("detail", &Foreign(&fault.detail)),
        ],
    );
}
