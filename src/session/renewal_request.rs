//! One renewal request under way: on a thread of its own, because it is never hung up on.
//!
//! Used by the worker's world, which sends it and takes what comes of it from a channel. Refuses to know what an answer
//! means, and whether anybody still waits for it.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Sender;

use super::Session;
use super::events::AttemptId;
use crate::http::{
    Credential, HttpFault, HttpFaultKind, Method, Request, Response, Transport, percent_encoded,
};

/// One renewal request.
#[derive(Clone)]
pub(super) struct RenewalRequest {
    pub(super) transport: Arc<dyn Transport>,
    pub(super) attempt: AttemptId,
    pub(super) session: Session,
    pub(super) report: Sender<Reported>,
}

/// What came of it.
pub(super) struct Reported {
    pub(super) attempt: AttemptId,
    pub(super) session: Session,
    pub(super) result: Result<Response, HttpFault>,
}

impl RenewalRequest {
    /// Sends it, and reports whatever comes of it, exactly once.
    pub(super) fn send(self, time_max: Duration) {
        let request = Request {
            method: Method::Put,
            target: format!("/v1/sessions/{}/renew", percent_encoded(self.session.id())),
            body: None,
            repeatable: false,
        };
        let credential = Credential::Session(self.session.token());
        let send = || self.transport.send(&request, credential, time_max);
        let result = panic::catch_unwind(AssertUnwindSafe(send)).unwrap_or_else(|_| {
            let detail = "an internal error of waiaas-mcp, see its log".to_owned();
            Err(HttpFault { kind: HttpFaultKind::Broken, sent: true, detail })
        });
        // The worker may have ended.
        let _ = self.report.send(Reported { attempt: self.attempt, session: self.session, result });
    }
}
