//! HTTP/1.1 as bytes: a request is read within bounds, an answer is written whole.
//!
//! Knows no routes and no sockets: it reads from anything that can be read. Every size is bounded, so that nothing
//! a client sends can fill the memory.

use std::io::{self, Read};
use std::time::Duration;

use serde_json::Value;

use super::refusals::Refusal;

/// Longest request line and headers together, in bytes. The daemon's runtime stops at 16 KiB.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Longest body, in bytes: twice what the client's longest protocol line can carry.
const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;

/// How much is read at once, in bytes.
const READ_BYTES: usize = 16 * 1024;

/// A request, read whole.
#[derive(Debug, Default)]
pub(super) struct Request {
    pub(super) method: String,
    /// The path as it was sent, without the query.
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    /// The client will use the connection again.
    pub(super) keep_alive: bool,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

/// Why no request came.
#[derive(Debug)]
pub(super) enum Unread {
    /// The client has nothing more to say.
    Ended,
    /// Not HTTP/1.1, or too large: answered with this status, then the connection ends.
    Malformed(u16),
    /// The connection broke, or was shut down.
    Broken,
}

/// A client's side of a connection. Requests may come split or pipelined.
pub(super) struct Incoming<R> {
    source: R,
    buffer: Vec<u8>,
}

/// What the head says about the body.
enum Framing {
    Length(usize),
    Chunked,
}

impl Request {
    /// A header's value, its name in any case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The first query value of that name.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The path's parts, percent-decoded; none if a part is not UTF-8.
    pub(super) fn segments(&self) -> Option<Vec<String>> {
        self.path.strip_prefix('/')?.split('/').map(|part| percent_decode(part, false)).collect()
    }

    /// The body as JSON; an empty one is an empty object.
    pub(super) fn json(&self) -> Result<Value, Refusal> {
        if self.body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Value::Object(serde_json::Map::new()));
        }
        serde_json::from_slice(&self.body).map_err(|_| Refusal::malformed_json())
    }
}

impl Response {
    /// An answer whose body is JSON text.
    pub(super) fn json(status: u16, body: String) -> Response {
        let headers = vec![("content-type", "application/json".to_owned())];
        Response { status, headers, body: body.into_bytes() }
    }

    /// An answer of another type.
    pub(super) fn text(status: u16, content_type: &str, body: &str) -> Response {
        let headers = vec![("content-type", content_type.to_owned())];
        Response { status, headers, body: body.as_bytes().to_vec() }
    }

    /// The same with one more header.
    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Response {
        self.headers.push((name, value.into()));
        self
    }

    /// The same with a `Date` that is so many seconds ahead of what it was.
    pub(super) fn with_date_ahead(mut self, ahead_s: i64) -> Response {
        for (_, value) in self.headers.iter_mut().filter(|(name, _)| *name == "Date") {
            if let Ok(date) = httpdate::parse_http_date(value) {
                let by = Duration::from_secs(ahead_s.unsigned_abs());
                let moved = if ahead_s < 0 { date.checked_sub(by) } else { date.checked_add(by) };
                *value = httpdate::fmt_http_date(moved.unwrap_or(date));
            }
        }
        self
    }

    /// Status line and headers for a body of `body_bytes`.
    pub(super) fn head(&self, body_bytes: usize, keep_alive: bool) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("content-length: {body_bytes}\r\n"));
        head.push_str(if keep_alive {
            "Connection: keep-alive\r\nKeep-Alive: timeout=600\r\n\r\n"
        } else {
            "Connection: close\r\n\r\n"
        });
        head.into_bytes()
    }

    /// The whole answer as bytes.
    pub(super) fn bytes(&self, keep_alive: bool) -> Vec<u8> {
        let mut bytes = self.head(self.body.len(), keep_alive);
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

impl<R: Read> Incoming<R> {
    /// Nothing is read yet.
    pub(super) fn new(source: R) -> Incoming<R> {
        Incoming { source, buffer: Vec::new() }
    }

    /// Reads the next request. `go_ahead` is called if the client waits for a 100 before it sends the body.
    pub(super) fn next(&mut self, go_ahead: impl FnOnce() -> io::Result<()>) -> Result<Request, Unread> {
        let head = self.head()?;
        let mut request = parse_head(&head)?;
        let framing = framing(&request)?;
        if request.header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")) {
            go_ahead().map_err(|_| Unread::Broken)?;
        }
        request.body = match framing {
            Framing::Length(length) => self.take(length)?,
            Framing::Chunked => self.chunks()?,
        };
        Ok(request)
    }

    /// Everything up to the empty line. Empty lines before a request are skipped (RFC 9112 section 2.2).
    fn head(&mut self) -> Result<Vec<u8>, Unread> {
        loop {
            while self.buffer.starts_with(b"\r\n") {
                self.buffer.drain(..2);
            }
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                if end > HEAD_BYTES_MAX {
                    return Err(Unread::Malformed(431));
                }
                let head = self.buffer.drain(..end + 4).take(end).collect();
                return Ok(head);
            }
            if self.buffer.len() > HEAD_BYTES_MAX {
                return Err(Unread::Malformed(431));
            }
            if self.fill()? == 0 {
                return Err(if self.buffer.is_empty() { Unread::Ended } else { Unread::Malformed(400) });
            }
        }
    }

    fn chunks(&mut self) -> Result<Vec<u8>, Unread> {
        let mut body = Vec::new();
        loop {
            let line = self.line()?;
            let size = line.split(';').next().unwrap_or("").trim();
            let digits = !size.is_empty() && size.bytes().all(|byte| byte.is_ascii_hexdigit());
            let size = if digits { usize::from_str_radix(size, 16) } else { Ok(usize::MAX) };
            let size = size.unwrap_or(usize::MAX);
            if !digits {
                return Err(Unread::Malformed(400));
            }
            if size > BODY_BYTES_MAX - body.len() {
                return Err(Unread::Malformed(413));
            }
            if size == 0 {
                while !self.line()?.is_empty() {}
                return Ok(body);
            }
            body.extend(self.take(size)?);
            if !self.line()?.is_empty() {
                return Err(Unread::Malformed(400));
            }
        }
    }

    fn line(&mut self) -> Result<String, Unread> {
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..end + 2).take(end).collect();
                return String::from_utf8(line).map_err(|_| Unread::Malformed(400));
            }
            if self.buffer.len() > HEAD_BYTES_MAX {
                return Err(Unread::Malformed(400));
            }
            if self.fill()? == 0 {
                return Err(Unread::Malformed(400));
            }
        }
    }

    fn take(&mut self, length: usize) -> Result<Vec<u8>, Unread> {
        while self.buffer.len() < length {
            if self.fill()? == 0 {
                return Err(Unread::Malformed(400));
            }
        }
        Ok(self.buffer.drain(..length).collect())
    }

    fn fill(&mut self) -> Result<usize, Unread> {
        let mut bytes = [0; READ_BYTES];
        loop {
            match self.source.read(&mut bytes) {
                Ok(count) => {
                    self.buffer.extend_from_slice(&bytes[..count]);
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err(Unread::Broken),
            }
        }
    }
}

fn parse_head(head: &[u8]) -> Result<Request, Unread> {
    let head = std::str::from_utf8(head).map_err(|_| Unread::Malformed(400))?;
    let mut lines = head.split("\r\n");
    let first = lines.next().unwrap_or("");
    let [method, target, version] = first.split(' ').collect::<Vec<_>>()[..] else {
        return Err(Unread::Malformed(400));
    };
    let named = !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_alphabetic());
    if !named || !target.starts_with('/') || !matches!(version, "HTTP/1.1" | "HTTP/1.0") {
        return Err(Unread::Malformed(400));
    }
    let mut headers = Vec::new();
    for line in lines {
        let (name, value) = line.split_once(':').ok_or(Unread::Malformed(400))?;
        if name.is_empty() || name.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
            return Err(Unread::Malformed(400));
        }
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut request = Request {
        method: method.to_owned(),
        path: path.to_owned(),
        query: pairs(query),
        headers,
        ..Request::default()
    };
    if version == "HTTP/1.1" && request.header("host").is_none() {
        return Err(Unread::Malformed(400));
    }
    let connection = request.header("connection").unwrap_or("").to_ascii_lowercase();
    request.keep_alive =
        if version == "HTTP/1.1" { connection != "close" } else { connection == "keep-alive" };
    Ok(request)
}

fn framing(request: &Request) -> Result<Framing, Unread> {
    let lengths: Vec<&str> = request
        .headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map(|(_, value)| value.as_str())
        .collect();
    match (request.header("transfer-encoding"), &lengths[..]) {
        (None, []) => Ok(Framing::Length(0)),
        (Some(coding), []) if coding.eq_ignore_ascii_case("chunked") => Ok(Framing::Chunked),
        (None, [length]) if !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit()) => {
            let length = length.parse::<usize>().unwrap_or(usize::MAX);
            if length > BODY_BYTES_MAX { Err(Unread::Malformed(413)) } else { Ok(Framing::Length(length)) }
        }
        _ => Err(Unread::Malformed(400)),
    }
}

fn pairs(query: &str) -> Vec<(String, String)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .filter_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((percent_decode(key, true)?, percent_decode(value, true)?))
        })
        .collect()
}

/// Decodes percent escapes, and `+` as a space in a query. What is no escape stays as it is.
fn percent_decode(text: &str, plus_is_space: bool) -> Option<String> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let digits = bytes.get(at + 1..at + 3).and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = digits.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        match (byte, escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok())) {
            (b'%', Some(value)) => {
                decoded.push(value);
                at += 2;
            }
            (b'+', _) if plus_is_space => decoded.push(b' '),
            _ => decoded.push(*byte),
        }
        at += 1;
    }
    String::from_utf8(decoded).ok()
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        302 => "Found",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        409 => "Conflict",
        413 => "Payload Too Large",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A source that gives one byte at a time: the cruellest split there is.
    struct Drip<'a>(&'a [u8]);

    impl Read for Drip<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
            into[0] = *first;
            self.0 = rest;
            Ok(1)
        }
    }

    fn read_all(bytes: &[u8]) -> Vec<Result<Request, Unread>> {
        let mut incoming = Incoming::new(Drip(bytes));
        let mut requests = Vec::new();
        loop {
            match incoming.next(|| Ok(())) {
                Err(Unread::Ended) => return requests,
                Err(other) => {
                    requests.push(Err(other));
                    return requests;
                }
                request => requests.push(request),
            }
        }
    }

    #[test]
    fn requests_are_read_split_pipelined_and_chunked() {
        let bytes = b"GET /v1/a%2Fb/c?x=1+2&y=%C3%A9&z HTTP/1.1\r\nHost: h\r\n\r\n\
            \r\nPOST /b HTTP/1.1\r\nhost: h\r\nCONTENT-LENGTH: 3\r\n\r\n{ }\
            PUT /c HTTP/1.1\r\nhost: h\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nab\r\n1\r\nc\r\n0\r\nTrailer: t\r\n\r\n\
            GET /d HTTP/1.0\r\n\r\n";
        let requests: Vec<Request> =
            read_all(bytes).into_iter().map(|request| request.expect("well formed")).collect();
        assert_eq!(requests.len(), 4);
        assert_eq!(requests[0].segments(), Some(vec!["v1".into(), "a/b".into(), "c".into()]));
        assert_eq!(
            ["x", "y", "z", "none"].map(|name| requests[0].query(name)),
            [Some("1 2"), Some("é"), Some(""), None]
        );
        assert_eq!(requests[1].body, b"{ }");
        assert_eq!(requests[1].header("Content-Length"), Some("3"));
        assert_eq!(requests[2].body, b"abc");
        assert_eq!(
            requests.iter().map(|request| request.keep_alive).collect::<Vec<_>>(),
            [true, true, true, false]
        );
    }

    #[test]
    fn what_is_not_http_is_refused() {
        let long = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", "h".repeat(HEAD_BYTES_MAX));
        let table: [(&[u8], u16); 16] = [
            (b"\x16\x03\x01\x02\r\n\r\n", 400),
            (b"GET /\r\n\r\n", 400),
            (b"GET / HTTP/2.0\r\nHost: h\r\n\r\n", 400),
            (b"GET http://h/ HTTP/1.1\r\nHost: h\r\n\r\n", 400),
            (b"G\x01T / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nHost: h\r\nno colon\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nHost: h\r\n folded: x\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400),
            (b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\n", 413),
            (b"GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n", 413),
            (b"GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 400),
            (b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nabc", 400),
            (long.as_bytes(), 431),
        ];
        for (bytes, status) in table {
            let outcome = read_all(bytes);
            let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).into_owned();
            assert!(
                matches!(outcome[..], [Err(Unread::Malformed(got))] if got == status),
                "{shown}: {outcome:?}"
            );
        }
    }
}
