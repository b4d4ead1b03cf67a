//! What the sandbox refuses with: one table of codes, one shape of body.
//!
//! Status, message, `retryable` and `hint` go by code, never by status (the daemon's contract, section 2;
//! recorded against WAIaaS 2.15.0). Refuses to know when a code is due.

use super::json::{Json, object};

/// One row of the table: code, status, message, retryable, hint.
type Row = (&'static str, u16, &'static str, bool, Option<&'static str>);

const NEW_SESSION: Option<&str> =
    Some("Create a new session via POST /v1/sessions with masterAuth credentials.");

/// Every code the sandbox sends.
const TABLE: &[Row] = &[
    (INVALID_TOKEN, 401, "Invalid authentication token", false, NEW_SESSION),
    (
        TOKEN_EXPIRED,
        401,
        "Authentication token has expired",
        false,
        Some("Renew the session via PUT /v1/sessions/{id}/renew, or create a new session."),
    ),
    (SESSION_REVOKED, 401, "Session has been revoked", false, NEW_SESSION),
    (
        SESSION_NOT_FOUND,
        404,
        "Session not found",
        false,
        Some("The session may have been revoked. Create a new session via POST /v1/sessions."),
    ),
    (
        RENEWAL_TOO_EARLY,
        403,
        "Session renewal attempted too early",
        true,
        Some("Wait until 50% of session TTL has elapsed before renewing."),
    ),
    (
        RENEWAL_LIMIT_REACHED,
        403,
        "Session renewal limit reached",
        false,
        Some("Maximum renewals reached. Create a new session via POST /v1/sessions."),
    ),
    (
        SESSION_ABSOLUTE_LIFETIME_EXCEEDED,
        403,
        "Session absolute lifetime exceeded",
        false,
        Some("Absolute session lifetime exceeded. Create a new session via POST /v1/sessions."),
    ),
    (SESSION_RENEWAL_MISMATCH, 403, "Session renewal count mismatch", false, None),
    (RENEWAL_NOT_REQUIRED, 400, "Unlimited session does not require renewal", false, None),
    (
        INVALID_MASTER_PASSWORD,
        401,
        "Invalid master password",
        false,
        Some("Check the X-Master-Password header value."),
    ),
    (
        SESSION_LIMIT_EXCEEDED,
        403,
        "Maximum session limit exceeded",
        false,
        Some("Revoke unused sessions via DELETE /v1/sessions/{id} and retry."),
    ),
    (
        WALLET_NOT_FOUND,
        404,
        "Wallet not found",
        false,
        Some("Verify the wallet ID. List wallets via GET /v1/wallets."),
    ),
    (SYSTEM_LOCKED, 503, "System is locked", false, None),
    (RATE_LIMITED, 429, "Session rate limit exceeded", true, None),
    ("KILL_SWITCH_ACTIVE", 409, "Kill switch is active, all operations suspended", false, None),
    ("KILL_SWITCH_NOT_ACTIVE", 409, "Kill switch is not active", false, None),
    ("ROTATION_TOO_RECENT", 429, "Key rotation attempted too recently", true, None),
    (ACTION_VALIDATION_FAILED, 400, "Validation error", false, None),
    ("VALIDATION_FAILED", 400, "Request validation failed", false, None),
    ("INTERNAL_ERROR", 500, "Internal server error", false, None),
    ("WALLET_ACCESS_DENIED", 403, "Wallet not accessible from this session", false, None),
    ("WALLET_ID_REQUIRED", 400, "Wallet id is required", false, None),
    ("WALLET_SUSPENDED", 409, "Wallet is suspended", false, None),
    ("NETWORK_REQUIRED", 400, "Network query parameter is required for ethereum wallets", false, None),
    ("ENVIRONMENT_NETWORK_MISMATCH", 400, "Network does not belong to the wallet", false, None),
    ("SKILL_NOT_FOUND", 404, "Skill not found", false, None),
    ("OWNER_NOT_SET", 400, "Owner address must be set before connecting WalletConnect", false, None),
    ("WC_SESSION_EXISTS", 409, "Wallet already has an active WC session", false, None),
    ("WC_SESSION_NOT_FOUND", 404, "No active WC session for this wallet", false, None),
    ("TX_NOT_FOUND", 404, "Transaction not found", false, None),
    ("ABI_ENCODING_FAILED", 400, "ABI encoding failed", false, None),
    ("INVALID_TRANSACTION", 400, "Invalid raw transaction format", false, None),
    ("NFT_NOT_FOUND", 404, "NFT not found", false, None),
    ("ACTION_NOT_FOUND", 404, "Action not found", false, None),
    ("API_KEY_REQUIRED", 403, "API key required for this action provider", false, None),
    ("X402_DOMAIN_NOT_ALLOWED", 403, "Domain not allowed for x402 payments", false, None),
    ("UNSUPPORTED_CHAIN", 400, "Operation not supported for this chain type", false, None),
    ("BUILD_NOT_FOUND", 404, "Build data not found", false, None),
    ("BUILD_ALREADY_USED", 409, "Build data has already been used for signing", false, None),
    ("EXPIRED_BUILD", 400, "Build data has expired", false, None),
    ("CALLDATA_MISMATCH", 400, "UserOperation callData does not match build data", false, None),
    ("SENDER_MISMATCH", 400, "UserOperation sender does not match wallet address", false, None),
];

// The codes the ledger decides by, and those named more than once.
pub(super) const INVALID_TOKEN: &str = "INVALID_TOKEN";
pub(super) const TOKEN_EXPIRED: &str = "TOKEN_EXPIRED";
pub(super) const SESSION_REVOKED: &str = "SESSION_REVOKED";
pub(super) const SESSION_NOT_FOUND: &str = "SESSION_NOT_FOUND";
pub(super) const RENEWAL_TOO_EARLY: &str = "RENEWAL_TOO_EARLY";
pub(super) const RENEWAL_LIMIT_REACHED: &str = "RENEWAL_LIMIT_REACHED";
pub(super) const SESSION_ABSOLUTE_LIFETIME_EXCEEDED: &str = "SESSION_ABSOLUTE_LIFETIME_EXCEEDED";
pub(super) const SESSION_RENEWAL_MISMATCH: &str = "SESSION_RENEWAL_MISMATCH";
pub(super) const RENEWAL_NOT_REQUIRED: &str = "RENEWAL_NOT_REQUIRED";
pub(super) const INVALID_MASTER_PASSWORD: &str = "INVALID_MASTER_PASSWORD";
pub(super) const SESSION_LIMIT_EXCEEDED: &str = "SESSION_LIMIT_EXCEEDED";
pub(super) const WALLET_NOT_FOUND: &str = "WALLET_NOT_FOUND";
pub(super) const SYSTEM_LOCKED: &str = "SYSTEM_LOCKED";
pub(super) const RATE_LIMITED: &str = "RATE_LIMITED";
pub(super) const ACTION_VALIDATION_FAILED: &str = "ACTION_VALIDATION_FAILED";

/// A request refused.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    /// One of the table's codes, or any other for an injected answer.
    pub(super) code: String,
    /// In place of the table's message.
    message: Option<String>,
    details: Option<Json>,
    /// In place of the table's status.
    status: Option<u16>,
    /// Seconds, for the header of the same name.
    pub(super) retry_after_s: Option<i64>,
}

impl Refusal {
    /// A refusal as the table has it.
    pub(super) fn new(code: &str) -> Refusal {
        Refusal { code: code.to_owned(), message: None, details: None, status: None, retry_after_s: None }
    }

    /// The same code with another message.
    pub(super) fn saying(mut self, message: impl Into<String>) -> Refusal {
        self.message = Some(message.into());
        self
    }

    /// With a `details` member.
    pub(super) fn detailed(mut self, details: Json) -> Refusal {
        self.details = Some(details);
        self
    }

    /// With another status than the table's.
    pub(super) fn with_status(mut self, status: u16) -> Refusal {
        self.status = Some(status);
        self
    }

    /// With a `Retry-After` header.
    pub(super) fn retry_after(mut self, seconds: i64) -> Refusal {
        self.retry_after_s = Some(seconds);
        self
    }

    /// Bad input: `details.issues` in the order given.
    pub(super) fn issues(issues: Vec<Json>) -> Refusal {
        Refusal::new(ACTION_VALIDATION_FAILED).detailed(object! { "issues": issues })
    }

    /// A body that is not JSON, which the daemon blames on itself.
    pub(super) fn malformed_json() -> Refusal {
        Refusal::new("INTERNAL_ERROR").saying("Malformed JSON in request body")
    }

    /// The status line's number.
    pub(super) fn status(&self) -> u16 {
        self.status.or(self.row().map(|row| row.1)).unwrap_or(500)
    }

    /// The error body. A rate limit's has no request id.
    pub(super) fn body(&self, request_id: &str) -> Json {
        let (_, _, message, retryable, hint) =
            self.row().unwrap_or(("", 500, "", self.status() >= 500, None));
        let body = object! { "code": &self.code, "message": self.message.as_deref().unwrap_or(message) };
        let body = body.with_some("details", self.details.clone());
        let body = if self.code == RATE_LIMITED { body } else { body.with("requestId", request_id) };
        body.with("retryable", retryable).with_some("hint", hint)
    }

    fn row(&self) -> Option<Row> {
        TABLE.iter().find(|row| row.0 == self.code).copied()
    }
}

/// An issue about one argument, its path an array, as most routes give it.
pub(super) fn issue(code: &str, message: &str, path: &[&str]) -> Json {
    object! { "code": code, "message": message, "path": path.to_vec() }
}

/// The issue about a path or body member that should be a UUID.
pub(super) fn not_a_uuid(path: &str) -> Refusal {
    Refusal::issues(vec![object! {
        "validation": "uuid", "code": "invalid_string", "message": "Invalid uuid", "path": vec![path],
    }])
}

/// The issue about a number below its minimum.
pub(super) fn too_small(minimum: i64, path: &str) -> Json {
    object! {
        "code": "too_small", "minimum": minimum, "type": "number", "inclusive": true, "exact": false,
        "message": format!("Number must be greater than or equal to {minimum}"), "path": vec![path],
    }
}

/// The issue about a number above its maximum.
pub(super) fn too_big(maximum: i64, path: &str) -> Json {
    object! {
        "code": "too_big", "maximum": maximum, "type": "number", "inclusive": true, "exact": false,
        "message": format!("Number must be less than or equal to {maximum}"), "path": vec![path],
    }
}

/// The issue about a member of the wrong type, or missing.
pub(super) fn invalid_type(expected: &str, received: &str, path: &[&str]) -> Json {
    let message = if received == "undefined" {
        "Required".to_owned()
    } else {
        format!("Expected {expected}, received {received}")
    };
    object! {
        "code": "invalid_type", "expected": expected, "received": received, "path": path.to_vec(),
        "message": message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique() {
        for (at, row) in TABLE.iter().enumerate() {
            assert!(TABLE[..at].iter().all(|earlier| earlier.0 != row.0), "{}", row.0);
        }
    }

    #[test]
    fn bodies_have_the_daemons_members_in_the_daemons_order() {
        let table = [
            (
                Refusal::new(RENEWAL_TOO_EARLY),
                403,
                r#"{"code":"RENEWAL_TOO_EARLY","message":"Session renewal attempted too early","requestId":"r","retryable":true,"hint":"Wait until 50% of session TTL has elapsed before renewing."}"#,
            ),
            (
                Refusal::new(RATE_LIMITED).saying("IP rate limit exceeded").retry_after(53),
                429,
                r#"{"code":"RATE_LIMITED","message":"IP rate limit exceeded","retryable":true}"#,
            ),
            (
                Refusal::issues(vec![too_small(300, "ttl")]),
                400,
                r#"{"code":"ACTION_VALIDATION_FAILED","message":"Validation error","details":{"issues":[{"code":"too_small","minimum":300,"type":"number","inclusive":true,"exact":false,"message":"Number must be greater than or equal to 300","path":["ttl"]}]},"requestId":"r","retryable":false}"#,
            ),
            (
                Refusal::new("SOMETHING_ELSE").with_status(418),
                418,
                r#"{"code":"SOMETHING_ELSE","message":"","requestId":"r","retryable":false}"#,
            ),
        ];
        for (refusal, status, body) in table {
            assert_eq!(refusal.status(), status);
            assert_eq!(refusal.body("r").text(), body);
        }
    }
}
