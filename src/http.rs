//! One blocking HTTP exchange with the daemon: the words for it, and the seam.
//!
//! Used by the session (renewing), the wallet (describing requests) and the server (sending them). Pure: the
//! client that does it is [`client`], the only file that names the HTTP library. Refuses to know which routes
//! exist and what a status means.

use std::time::Duration;

use crate::secret::{Password, Token};
use crate::time::Timestamp;

pub mod base_url;
pub mod cancelled;
pub mod client;
pub mod daemon_error;

use cancelled::Cancelled;

/// Largest answer read, in bytes: four times the daemon's largest real one, a list of every action provider with
/// 130 KB, and more than any client shows to its model. An answer is up to eight times in memory while it becomes a
/// result, and several of these at once must stay below the 32 MB promised for a hostile daemon.
pub const RESPONSE_BYTES_MAX: u64 = 512 * 1024;

/// What every request needs in order to be sent, and nothing of where to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Path and query, starting with `/`, percent-encoded already.
    pub target: String,
    /// JSON text.
    pub body: Option<String>,
    /// It changes nothing at the daemon, so that it may be sent again after a lost connection, and over a
    /// connection kept alive. A request that may move money gets a fresh connection: if that cannot be made,
    /// it is certain that nothing was sent.
    pub repeatable: bool,
}

/// The four methods that the daemon's routes use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names are RFC 9110's")]
pub enum Method {
    Get,
    Post,
    Put,
    Delete,
}

/// Which credential a request carries (the daemon's contract, section 7).
#[derive(Clone, Copy, Debug)]
pub enum Credential<'a> {
    /// None, as for `/health`.
    None,
    /// `Authorization: Bearer`.
    Session(&'a Token),
    /// `X-Master-Password`. The serving path never uses it.
    Master(&'a Password),
}

/// A complete answer, whatever its status.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Response {
    /// The HTTP status, 200 to 599.
    pub status: u16,
    /// The body as it came, at most [`RESPONSE_BYTES_MAX`] bytes.
    pub body: Vec<u8>,
    /// The daemon's own clock, from the `Date` header; whole seconds.
    pub date: Option<Timestamp>,
    /// The `Retry-After` header, if it is a number of seconds.
    pub retry_after: Option<Duration>,
}

/// There was no complete answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HttpFault {
    /// What kind of failure.
    pub kind: HttpFaultKind,
    /// Whether the daemon may have received the request. `false` only where that is certain.
    pub sent: bool,
    /// For people: one clause, without a final full stop.
    pub detail: String,
}

/// The classes of failure that anybody branches on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HttpFaultKind {
    /// No connection: nobody listens, the name is unknown, TLS was refused.
    Unreachable,
    /// The time allowed for the exchange was used up.
    TimedOut,
    /// The connection ended, or what came was not HTTP.
    Broken,
    /// The answer is larger than [`RESPONSE_BYTES_MAX`].
    TooLarge,
}

/// The seam to the network: one request, one answer, no retries, no redirects followed.
pub trait Transport: Send + Sync {
    /// Sends `request` and waits for the whole answer, `time_max` at most.
    ///
    /// # Errors
    /// [`HttpFault`] where there was no complete answer. Any status is an answer.
    fn send(
        &self,
        request: &Request,
        credential: Credential<'_>,
        time_max: Duration,
    ) -> Result<Response, HttpFault>;

    /// The same for a request that may be cancelled. An implementation that connects must look again once the connection
    /// is ready, because connecting may take seconds. `None`: it was cancelled, and nothing was sent.
    ///
    /// # Errors
    /// As [`Transport::send`].
    fn send_unless(
        &self,
        cancelled: &Cancelled,
        request: &Request,
        credential: Credential<'_>,
        time_max: Duration,
    ) -> Result<Option<Response>, HttpFault> {
        if cancelled.is_cancelled() { Ok(None) } else { self.send(request, credential, time_max).map(Some) }
    }
}

impl Request {
    /// A request without a body that changes nothing.
    pub fn get(target: impl Into<String>) -> Request {
        Request { method: Method::Get, target: target.into(), body: None, repeatable: true }
    }
}

impl Method {
    /// The word on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Delete => "DELETE",
        }
    }
}

impl HttpFaultKind {
    /// One word for the log.
    pub fn name(self) -> &'static str {
        match self {
            HttpFaultKind::Unreachable => "unreachable",
            HttpFaultKind::TimedOut => "timed_out",
            HttpFaultKind::Broken => "broken",
            HttpFaultKind::TooLarge => "too_large",
        }
    }
}

/// Percent-encodes everything but unreserved characters (RFC 3986 section 2.3), so that the text stays one
/// path segment or one query value. `.` and `..` come back as they are: they are no segment to encode but
/// one to refuse.
pub fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_one_segment() {
        let table = [
            ("01a20238-65b7-7d3f-808b-d0cdea77429e", "01a20238-65b7-7d3f-808b-d0cdea77429e"),
            ("a/b?c#d%2e e", "a%2Fb%3Fc%23d%252e%20e"),
            ("\u{0}\n\u{e9}", "%00%0A%C3%A9"),
            ("..", ".."),
        ];
        for (text, encoded) in table {
            assert_eq!(percent_encoded(text), encoded);
        }
    }
}
