//! The HTTP client: this file and its own [`watched`] alone name `ureq`.
//!
//! Every option that matters is stated at the one place where the agents are made: no redirects (they would
//! carry the token elsewhere), no proxy from the environment, no compression, every time and size bounded,
//! no status turned into an error (the code is in the body). Refuses to know what is sent and why, and sends
//! nothing a second time: whether that is safe is the caller's knowledge.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::OnceLock;
use std::time::Duration;

use ureq::config::{AutoHeaderValue, Config};
use ureq::http::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderMap, HeaderValue, RETRY_AFTER, TRANSFER_ENCODING,
};
use ureq::http::{self, Uri};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
#[cfg(feature = "tls")]
use ureq::unversioned::transport::RustlsConnector;
use ureq::unversioned::transport::{Connector as _, NextTimeout, TcpConnector};
use ureq::{Agent, AsSendBody, Body};

use super::base_url::BaseUrl;
use super::cancelled::Cancelled;
use super::{Credential, HttpFault, HttpFaultKind, Method, RESPONSE_BYTES_MAX, Request, Response, Transport};
use crate::time::Timestamp;

mod watched;

use watched::{Exchange, Stage, Watched};

/// Longest wait for a connection. A daemon on this machine accepts at once or not at all; one behind https
/// needs a few round trips.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);

/// How long an unused connection is kept. Far below the daemon's 600 s, so that it is rarely the one to close.
const IDLE_TIME_MAX: Duration = Duration::from_secs(30);

/// Connections kept: as many as calls may run at once.
const IDLE_CONNECTIONS_MAX: usize = 64;

/// What is read of a connection at once, in bytes. The library's own 128 KiB would make 64 connections weigh more than
/// the rest of the program.
const INPUT_BUFFER_BYTES: usize = 8 * 1024;

/// Largest header block of an answer, in bytes. It must fit into the buffer; a daemon's is below 1 KiB, and proxies
/// stop at as much by themselves.
const HEADER_BYTES_MAX: usize = INPUT_BUFFER_BYTES - 1;

/// What is written to a connection at once, in bytes. The request's first line and each of its headers must fit.
const OUTPUT_BUFFER_BYTES: usize = 2 * 1024;

/// What stands in a line beside the URL or the credential, in bytes.
const LINE_FRAME_BYTES: usize = 64;

/// The real transport: HTTP/1.1 to one daemon.
pub struct Http {
    base: BaseUrl,
    /// Keeps connections alive; for requests that change nothing. Made at the first request, because the
    /// answer to `initialize` must not wait for it.
    kept: OnceLock<Agent>,
    /// A new connection each time; for requests that may change something.
    fresh: OnceLock<Agent>,
}

impl Http {
    /// A client of the daemon at `base`. Nothing is sent and nothing allocated yet.
    pub fn new(base: BaseUrl) -> Http {
        Http { base, kept: OnceLock::new(), fresh: OnceLock::new() }
    }

    fn agent(&self, repeatable: bool) -> &Agent {
        if repeatable {
            self.kept.get_or_init(|| agent(&self.base, IDLE_CONNECTIONS_MAX))
        } else {
            self.fresh.get_or_init(|| agent(&self.base, 0))
        }
    }

    fn carry_out(
        &self,
        cancelled: &Cancelled,
        request: &Request,
        credential: Credential<'_>,
        time_max: Duration,
    ) -> Result<Response, HttpFault> {
        let _exchange = Exchange::begin(cancelled, request.repeatable);
        match (&request.body, request.method) {
            (Some(body), _) => self.exchange(request, credential, time_max, body.as_str()),
            // Of length zero, said so: without a body the library announces chunks, and sends none.
            (None, Method::Post | Method::Put) => self.exchange(request, credential, time_max, ""),
            (None, Method::Get | Method::Delete) => self.exchange(request, credential, time_max, ()),
        }
    }

    fn exchange(
        &self,
        request: &Request,
        credential: Credential<'_>,
        time_max: Duration,
        body: impl AsSendBody,
    ) -> Result<Response, HttpFault> {
        let url = format!("{}{}", self.base.as_str(), request.target);
        let longest_line = url.len().max(credential_bytes(credential)).saturating_add(LINE_FRAME_BYTES);
        let mut outgoing = http::Request::builder()
            .method(method(request.method))
            .uri(url)
            .body(body)
            .map_err(|error| fault(&ureq::Error::Http(error)))?;
        let headers = outgoing.headers_mut();
        if request.body.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        add_credential(headers, credential)?;

        let agent = self.agent(request.repeatable);
        let mut outgoing = agent.configure_request(outgoing).timeout_global(Some(time_max));
        if longest_line > OUTPUT_BUFFER_BYTES {
            // Such a request gets a connection of its own.
            outgoing = outgoing.output_buffer_size(longest_line);
        }
        let mut incoming = agent.run(outgoing.build()).map_err(|error| fault(&error))?;
        let mut body = incoming
            .body_mut()
            .with_config()
            .limit(RESPONSE_BYTES_MAX)
            .read_to_vec()
            .map_err(|error| fault(&error))?;
        if body.is_empty() && is_unframed(&incoming) {
            return Err(HttpFault {
                kind: HttpFaultKind::Broken,
                sent: true,
                detail: "the connection was closed after the head of an answer".to_owned(),
            });
        }
        // It may have room for twice as much, and stays until the result is written.
        body.shrink_to_fit();
        let header = |name| incoming.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        Ok(Response {
            status: incoming.status().as_u16(),
            body,
            date: header(DATE).and_then(Timestamp::from_http_date),
            retry_after: header(RETRY_AFTER).and_then(|text| text.parse().ok()).map(Duration::from_secs),
        })
    }
}

impl Transport for Http {
    fn send(
        &self,
        request: &Request,
        credential: Credential<'_>,
        time_max: Duration,
    ) -> Result<Response, HttpFault> {
        self.carry_out(&Cancelled::default(), request, credential, time_max)
    }

    fn send_unless(
        &self,
        cancelled: &Cancelled,
        request: &Request,
        credential: Credential<'_>,
        time_max: Duration,
    ) -> Result<Option<Response>, HttpFault> {
        match self.carry_out(cancelled, request, credential, time_max) {
            Err(fault) if !fault.sent && cancelled.is_cancelled() => Ok(None),
            outcome => outcome.map(Some),
        }
    }
}

fn agent(base: &BaseUrl, idle_connections_max: usize) -> Agent {
    let config = Config::builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .accept("application/json")
        .accept_encoding(AutoHeaderValue::None)
        .user_agent(concat!("waiaas-mcp/", env!("CARGO_PKG_VERSION")))
        .timeout_connect(Some(CONNECT_TIME_MAX))
        .max_idle_age(IDLE_TIME_MAX)
        .max_idle_connections(idle_connections_max)
        .max_idle_connections_per_host(idle_connections_max)
        .input_buffer_size(INPUT_BUFFER_BYTES)
        .output_buffer_size(OUTPUT_BUFFER_BYTES)
        .max_response_header_size(HEADER_BYTES_MAX)
        .build();
    // Only what is needed is in the chain, because a connection is made on the stack of each call's thread: TLS alone
    // takes a third of it, and the library's own chain has proxies too.
    let plain = ().chain(TcpConnector::default());
    #[cfg(feature = "tls")]
    if base.is_secure() {
        let secure = plain.chain(RustlsConnector::default());
        return Agent::with_parts(config, Watched(secure), LoopbackFirst::default());
    }
    debug_assert!(!base.is_secure(), "without TLS no such address is taken");
    Agent::with_parts(config, Watched(plain), LoopbackFirst::default())
}

/// A success whose body ends with its connection. If nothing came of it, that was a crash as likely as an empty body.
fn is_unframed(response: &http::Response<Body>) -> bool {
    let tells_its_end = [CONTENT_LENGTH, TRANSFER_ENCODING];
    let is_framed = tells_its_end.iter().any(|name| response.headers().contains_key(name));
    let has_body = response.status().is_success() && !matches!(response.status().as_u16(), 204 | 205);
    has_body && !is_framed
}

fn credential_bytes(credential: Credential<'_>) -> usize {
    match credential {
        Credential::None => 0,
        Credential::Session(token) => token.expose().len(),
        Credential::Master(password) => password.expose().len(),
    }
}

fn method(method: Method) -> http::Method {
    match method {
        Method::Get => http::Method::GET,
        Method::Post => http::Method::POST,
        Method::Put => http::Method::PUT,
        Method::Delete => http::Method::DELETE,
    }
}

/// Adds the credential. A secret that cannot stand in a header is a fault that says so without showing it.
fn add_credential(headers: &mut HeaderMap, credential: Credential<'_>) -> Result<(), HttpFault> {
    let (name, value) = match credential {
        Credential::None => return Ok(()),
        Credential::Session(token) => (AUTHORIZATION, format!("Bearer {}", token.expose())),
        Credential::Master(password) => {
            (http::HeaderName::from_static("x-master-password"), password.expose().to_owned())
        }
    };
    let mut value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| HttpFault {
        kind: HttpFaultKind::Unreachable,
        sent: false,
        detail: "the credential holds a character that cannot stand in an HTTP header".to_owned(),
    })?;
    value.set_sensitive(true);
    headers.insert(name, value);
    Ok(())
}

/// Sorts the library's errors into the few classes that anybody branches on. How far the exchange had come decides
/// whether something was sent: see [`watched`].
fn fault(error: &ureq::Error) -> HttpFault {
    let stage = watched::stage();
    let kind = match error {
        ureq::Error::Timeout(_) => HttpFaultKind::TimedOut,
        ureq::Error::BodyExceedsLimit(_) => HttpFaultKind::TooLarge,
        _ if stage < Stage::Sent => HttpFaultKind::Unreachable,
        _ => HttpFaultKind::Broken,
    };
    let detail = match stage {
        Stage::Connected => format!("the TLS handshake failed: {}", detail(error)),
        _ => detail(error),
    };
    // What may have been written may have been carried out: assume that it was.
    HttpFault { kind, sent: stage == Stage::Sent, detail }
}

/// One clause for people. Never the library's own text for errors that quote the request.
fn detail(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Io(io) => io.to_string(),
        ureq::Error::Timeout(which) => format!("no answer in time ({which})"),
        ureq::Error::HostNotFound => "the host name is unknown".to_owned(),
        ureq::Error::BodyExceedsLimit(_) => format!("the answer is larger than {RESPONSE_BYTES_MAX} bytes"),
        ureq::Error::Protocol(_) => "the answer is not HTTP".to_owned(),
        ureq::Error::Http(_) | ureq::Error::BadUri(_) => "the request cannot be written as HTTP".to_owned(),
        other => other.to_string(),
    }
}

/// Resolves addresses and `localhost` without asking anybody, in any empty root directory; the rest as usual.
#[derive(Debug, Default)]
struct LoopbackFirst {
    system: DefaultResolver,
}

impl Resolver for LoopbackFirst {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let host = uri.host().unwrap_or_default();
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
        let mut addresses = self.empty();
        if let Some(address) = literal {
            addresses.push(SocketAddr::new(address, port));
        } else if host.eq_ignore_ascii_case("localhost") {
            addresses.push(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port));
            addresses.push(SocketAddr::new(Ipv6Addr::LOCALHOST.into(), port));
        } else {
            return self.system.resolve(uri, config, timeout);
        }
        Ok(addresses)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};

    use super::*;

    #[test]
    fn an_error_of_a_connection_that_stood_already_is_not_taken_for_one_of_connecting() {
        for kind in [
            ErrorKind::ConnectionRefused,
            ErrorKind::HostUnreachable,
            ErrorKind::NetworkUnreachable,
            ErrorKind::AddrNotAvailable,
            ErrorKind::ConnectionReset,
            ErrorKind::UnexpectedEof,
        ] {
            for (stage, told) in [
                (Stage::Connecting, (HttpFaultKind::Unreachable, false)),
                (Stage::Connected, (HttpFaultKind::Unreachable, false)),
                (Stage::Ready, (HttpFaultKind::Unreachable, false)),
                (Stage::Sent, (HttpFaultKind::Broken, true)),
            ] {
                let _exchange = Exchange::begin(&Cancelled::default(), true);
                watched::reached(stage);
                let fault = fault(&ureq::Error::Io(Error::from(kind)));
                assert_eq!((fault.kind, fault.sent), told, "{kind} {stage:?}");
            }
        }
    }
}
