//! What the sandbox has seen: counters that tests look at. They are kept apart from the ledger because nothing may be
//! decided by them.

use std::collections::{BTreeMap, VecDeque};

use super::clock::Moment;
use super::http::Request;
use super::ids::is_uuid;
use super::refusals::*;

/// Renewals remembered one by one. A thousand cycles of sixteen processes fit.
const RENEWALS_KEPT: usize = 20_000;

/// Routes counted apart. There are some seventy; what a hostile client makes up goes under `other`.
const ROUTES_KEPT: usize = 500;

/// One renewal request and what came of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RenewalRecord {
    /// The session named in the path.
    pub session_id: String,
    /// When, in milliseconds of the sandbox's clock.
    pub at_ms: i64,
    /// The code of the refusal; none = granted.
    pub refused: Option<String>,
}

/// Counters since the start.
#[derive(Clone, Default, Debug)]
pub struct Tally {
    /// Requests by method and path, ids replaced by `{id}`.
    pub requests: BTreeMap<String, u64>,
    /// Renewals that were granted.
    pub renewals_granted: u64,
    /// Renewals that were refused, by code.
    pub renewals_refused: BTreeMap<String, u64>,
    /// Calls, renewals not counted, whose token was refused: what a client must avoid.
    pub calls_refused: u64,
    /// The latest renewals, oldest first.
    pub renewals: VecDeque<RenewalRecord>,
}

impl Tally {
    /// Counts a request and its outcome: the code of the refusal, empty for success.
    pub(super) fn count(&mut self, request: &Request, now: Moment, code: &str) {
        let route = route(request);
        if route == "PUT /v1/sessions/{id}/renew" {
            self.count_renewal(request, now, code);
        } else if matches!(code, INVALID_TOKEN | TOKEN_EXPIRED | SESSION_REVOKED | SESSION_NOT_FOUND) {
            self.calls_refused += 1;
        }
        let known = self.requests.contains_key(&route) || self.requests.len() < ROUTES_KEPT;
        *self.requests.entry(if known { route } else { "other".to_owned() }).or_default() += 1;
    }

    fn count_renewal(&mut self, request: &Request, now: Moment, code: &str) {
        if code.is_empty() {
            self.renewals_granted += 1;
        } else {
            *self.renewals_refused.entry(code.to_owned()).or_default() += 1;
        }
        if self.renewals.len() == RENEWALS_KEPT {
            self.renewals.pop_front();
        }
        self.renewals.push_back(RenewalRecord {
            session_id: request.path.split('/').nth(3).unwrap_or("").to_owned(),
            at_ms: now.0,
            refused: (!code.is_empty()).then(|| code.to_owned()),
        });
    }
}

fn route(request: &Request) -> String {
    let parts: Vec<&str> =
        request.path.split('/').map(|part| if is_uuid(part) { "{id}" } else { part }).collect();
    format!("{} {}", request.method, parts.join("/"))
}
