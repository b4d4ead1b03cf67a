//! The least HTTP client there is, so that the sandbox is looked at byte by byte and not through our own client.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Longest wait for an answer: far beyond what any takes, so that a hang is a failure and not a hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The member `code` of the body.
    pub(crate) fn code(&self) -> String {
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap_or_default();
        body["code"].as_str().unwrap_or("").to_owned()
    }
}

/// What comes after the last answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ending {
    Closed,
    Silent,
    Spoke,
}

/// A kept connection.
pub(crate) struct Wire {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Wire {
    pub(crate) fn open(base_url: &str) -> Wire {
        Wire::try_open(base_url).expect("the sandbox listens")
    }

    pub(crate) fn try_open(base_url: &str) -> std::io::Result<Wire> {
        let stream = TcpStream::connect(base_url.strip_prefix("http://").expect("plain HTTP"))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Wire { stream, read: Vec::new() })
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        // A fault may have closed the connection already; the read shows it.
        let _ = self.stream.write_all(bytes);
    }

    /// No more is sent.
    pub(crate) fn close_sending(&mut self) {
        let _ = self.stream.shutdown(std::net::Shutdown::Write);
    }

    pub(crate) fn set_patience(&mut self, patience: Duration) {
        self.stream.set_read_timeout(Some(patience)).expect("a timeout");
    }

    /// The next answer; none if the connection ended before a whole one came.
    pub(crate) fn receive(&mut self) -> Option<Answer> {
        let head_end = loop {
            match self.read.windows(4).position(|window| window == b"\r\n\r\n") {
                Some(at) => break at,
                None => self.more()?,
            }
        };
        let head = String::from_utf8(self.read.drain(..head_end + 4).collect()).expect("a head in UTF-8");
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let mut answer = Answer { status, headers, body: String::new() };
        let length: usize = answer.header("content-length").unwrap_or("0").parse().expect("a length");
        while self.read.len() < length {
            self.more()?;
        }
        answer.body = String::from_utf8_lossy(&self.read.drain(..length).collect::<Vec<u8>>()).into_owned();
        Some(answer)
    }

    /// How the connection stands when nothing more comes.
    pub(crate) fn ending(&mut self) -> Ending {
        let mut byte = [0; 1];
        match self.stream.read(&mut byte) {
            Ok(0) => Ending::Closed,
            Ok(_) => Ending::Spoke,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Ending::Silent
            }
            Err(_) => Ending::Closed,
        }
    }

    /// Whether the other side ends the connection, without another byte.
    pub(crate) fn ends(&mut self) -> bool {
        self.read.is_empty() && self.more().is_none() && self.read.is_empty()
    }

    fn more(&mut self) -> Option<()> {
        let mut bytes = [0; 65536];
        let count = self.stream.read(&mut bytes).ok().filter(|count| *count > 0)?;
        self.read.extend_from_slice(&bytes[..count]);
        Some(())
    }
}

/// The bytes of a request. `headers` are whole lines.
pub(crate) fn request(method: &str, target: &str, headers: &[String], body: &str) -> Vec<u8> {
    let mut text = format!("{method} {target} HTTP/1.1\r\n");
    if !headers.iter().any(|line| line.starts_with("Host:")) {
        text.push_str("Host: 127.0.0.1\r\n");
    }
    for line in headers {
        text.push_str(&format!("{line}\r\n"));
    }
    if !body.is_empty() {
        text.push_str(&format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len()));
    }
    format!("{text}\r\n{body}").into_bytes()
}

/// One request on a connection of its own.
pub(crate) fn ask(base_url: &str, method: &str, target: &str, headers: &[String], body: &str) -> Answer {
    let mut wire = Wire::open(base_url);
    wire.send(&request(method, target, headers, body));
    wire.receive().expect("an answer")
}

/// The header of a session token.
pub(crate) fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}")
}

/// The header of a master password.
pub(crate) fn master(password: &str) -> String {
    format!("X-Master-Password: {password}")
}
