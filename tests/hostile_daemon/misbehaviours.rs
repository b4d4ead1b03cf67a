//! How a daemon can misbehave, and what may come of it; [`super::rows`] holds the rows.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use crossbeam_channel::after;

/// A good answer to any question, with a number that no parser may touch.
pub(crate) const GOOD: &str = r#"{"balance":"1","odd":1.10e400}"#;

/// What nobody may ever be told.
pub(crate) const EVIL: &str = r#"{"balance":"666"}"#;

/// Where redirects point. Nobody may ask for it.
pub(crate) const ELSEWHERE: &str = "/elsewhere";

/// Stands for the token that the request carried.
pub(crate) const TOKEN: &[u8] = b"THE-TOKEN";

/// Pause between two bytes that drip.
const DRIP: Duration = Duration::from_millis(40);

/// One way to misbehave.
pub(crate) struct Misbehaviour {
    pub(crate) name: String,
    pub(crate) act: Act,
    pub(crate) expected: Expected,
}

/// What is done instead of an answer.
#[derive(Clone)]
pub(crate) enum Act {
    /// These bytes, then the end of the connection.
    Say(Vec<u8>),
    /// These bytes, and the connection stays open for further requests.
    SayAndStay(Vec<u8>),
    /// These bytes, then nothing for ever.
    SayAndHang(Vec<u8>),
    /// These bytes one by one, and again, for ever.
    Drip(Vec<u8>),
    /// The first bytes once, the second again and again, for ever.
    Flood(Vec<u8>, Vec<u8>),
    /// The connection is closed before the request was read.
    Slam,
    /// The request is not even read.
    Ignore,
    /// Nobody listens.
    Absent,
}

/// What a call comes to.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Expected {
    /// This text, byte for byte.
    Answer(String),
    /// `daemon_unavailable`, or `outcome_unknown` for a call that may have changed something.
    Nothing,
    /// `daemon_unavailable` even then: nothing was sent.
    NothingSent,
    /// [`GOOD`] or nothing: how much is forgiven is the HTTP library's affair.
    GoodOrNothing,
    /// [`GOOD`], and `session_expired` once it is known that the token's time is over by the daemon's clock.
    GoodOrExpired,
    /// `session_expired`; a question that carries no token has this error.
    Session(String),
    /// Whatever the daemon said.
    Echo,
    /// `kill_switch_active`.
    KillSwitch,
    /// An error with this code.
    Error(String),
}

impl Act {
    /// Whether an answer to it never comes to its end.
    pub(crate) fn hangs(&self) -> bool {
        matches!(self, Act::SayAndHang(_) | Act::Drip(_) | Act::Flood(..) | Act::Ignore)
    }

    /// Does it. Whether the connection serves further requests.
    pub(crate) fn perform(&self, stream: &mut TcpStream, token: &[u8]) -> bool {
        let with_token = |bytes: &[u8]| replaced(bytes, TOKEN, token);
        match self {
            Act::Say(bytes) => {
                let _ = stream.write_all(&with_token(bytes));
                // What the client still sends is read, so that it sees an end and no reset.
                let _ = stream.shutdown(Shutdown::Write);
                let _ = stream.read(&mut [0; 1024]);
                false
            }
            Act::SayAndStay(bytes) => stream.write_all(bytes).is_ok(),
            Act::SayAndHang(bytes) => {
                let _ = stream.write_all(bytes);
                until_closed(stream)
            }
            Act::Drip(bytes) => {
                for byte in bytes.iter().cycle() {
                    if stream.write_all(&[*byte]).is_err() {
                        break;
                    }
                    let _ = after(DRIP).recv();
                }
                false
            }
            Act::Flood(first, again) => {
                let mut is_open = stream.write_all(first).is_ok();
                while is_open {
                    is_open = stream.write_all(again).is_ok();
                }
                false
            }
            Act::Slam | Act::Absent => false,
            Act::Ignore => until_closed(stream),
        }
    }
}

fn until_closed(stream: &mut TcpStream) -> bool {
    while stream.read(&mut [0; 4096]).is_ok_and(|read| read > 0) {}
    false
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    match bytes.windows(from.len()).position(|window| window == from) {
        Some(at) => [&bytes[..at], to, &replaced(&bytes[at + from.len()..], from, to)].concat(),
        None => bytes.to_vec(),
    }
}
