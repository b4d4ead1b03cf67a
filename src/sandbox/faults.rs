//! What the next requests are to suffer.
//!
//! Decides which fault meets which request and what the client gets instead of the answer; the listener carries it
//! out. Refuses to know sockets and routes.

use std::time::Duration;

use super::http::{Request, Response};
use super::refusals::Refusal;

/// A fault that waits for requests.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// Only requests of this method; none = any.
    pub method: Option<String>,
    /// Only paths that begin with this; empty = any.
    pub path_prefix: String,
    /// What happens to them.
    pub kind: FaultKind,
    /// The daemon does the work first, so that a renewal is committed although its answer is never seen.
    pub after_commit: bool,
    /// How many requests it meets; none = until healed.
    pub times: Option<u32>,
}

/// What happens to a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FaultKind {
    /// The connection is closed without an answer.
    Cut,
    /// The connection stays open without an answer.
    Hang,
    /// The answer comes late.
    Slow {
        /// By how much, in milliseconds.
        ms: u64,
    },
    /// The request is received and carried out late, whether or not the client is still there: what a stopped
    /// process does when it goes on.
    Freeze {
        /// By how much, in milliseconds.
        ms: u64,
    },
    /// The answer is right, and its `Date` header is off.
    WrongDate {
        /// How far it is ahead, in seconds.
        ahead_s: i64,
    },
    /// The answer breaks off in the middle of its body. The work is always done.
    CutBody,
    /// A 302 to somewhere else.
    Redirect {
        /// The `Location` header.
        location: String,
    },
    /// 200 with a JSON content type and a body that is not JSON.
    Garbage,
    /// 200 with a JSON body of this size.
    Huge {
        /// About how many bytes.
        bytes: u64,
    },
    /// 200 without a body.
    Empty,
    /// 502 with a page for people, as a proxy in between sends it.
    Html,
    /// An error of the daemon.
    Code {
        /// HTTP status.
        status: u16,
        /// The member `code`.
        code: String,
        /// The header, in seconds.
        retry_after_s: Option<u32>,
    },
}

/// The faults in force, in the order they were injected.
#[derive(Default)]
pub(super) struct Faults(Vec<Fault>);

/// How the client is served after all.
pub(super) enum Delivery {
    /// This, after a wait.
    Answer(Response, Duration),
    /// The answer to the work that is done after a wait.
    Late(Duration),
    /// The first half of this, then the end of the connection.
    Half(Response),
    /// A JSON string of so many bytes.
    Flood(u64),
    /// The end of the connection.
    Cut,
    /// Nothing, for as long as the client stays.
    Silence,
}

impl Fault {
    /// A fault that meets every request until healed.
    pub fn new(kind: FaultKind) -> Fault {
        Fault { method: None, path_prefix: String::new(), kind, after_commit: false, times: None }
    }

    /// Only requests of this method whose path begins so.
    pub fn on(mut self, method: &str, path_prefix: &str) -> Fault {
        self.method = Some(method.to_owned());
        self.path_prefix = path_prefix.to_owned();
        self
    }

    /// Only renewals.
    pub fn on_renewals(self) -> Fault {
        self.on("PUT", "/v1/sessions/")
    }

    /// The daemon does the work first.
    pub fn after_commit(mut self) -> Fault {
        self.after_commit = true;
        self
    }

    /// Only so many requests.
    pub fn times(mut self, times: u32) -> Fault {
        self.times = Some(times);
        self
    }

    fn meets(&self, request: &Request) -> bool {
        self.method.as_ref().is_none_or(|method| *method == request.method)
            && request.path.starts_with(&self.path_prefix)
    }
}

impl Faults {
    /// Adds a fault behind the others.
    pub(super) fn inject(&mut self, fault: Fault) {
        if fault.times != Some(0) {
            self.0.push(fault);
        }
    }

    /// Forgets all faults.
    pub(super) fn heal(&mut self) {
        self.0.clear();
    }

    /// The first fault that meets this request, used once.
    pub(super) fn take(&mut self, request: &Request) -> Option<Fault> {
        let at = self.0.iter().position(|fault| fault.meets(request))?;
        let fault = self.0[at].clone();
        if let Some(times) = &mut self.0[at].times {
            *times -= 1;
            if *times == 0 {
                self.0.remove(at);
            }
        }
        Some(fault)
    }
}

impl FaultKind {
    /// What the client gets. `answer` does the daemon's work; it is called once, or not at all.
    pub(super) fn deliver(&self, after_commit: bool, answer: impl FnOnce() -> Response) -> Delivery {
        match self {
            FaultKind::CutBody => return Delivery::Half(answer()),
            FaultKind::Slow { ms } => return Delivery::Answer(answer(), Duration::from_millis(*ms)),
            FaultKind::Freeze { ms } => return Delivery::Late(Duration::from_millis(*ms)),
            FaultKind::WrongDate { ahead_s } => {
                return Delivery::Answer(answer().with_date_ahead(*ahead_s), Duration::ZERO);
            }
            _ if after_commit => drop(answer()),
            _ => {}
        }
        let response = match self {
            FaultKind::Cut
            | FaultKind::CutBody
            | FaultKind::Slow { .. }
            | FaultKind::Freeze { .. }
            | FaultKind::WrongDate { .. } => return Delivery::Cut,
            FaultKind::Hang => return Delivery::Silence,
            FaultKind::Huge { bytes } => return Delivery::Flood(*bytes),
            FaultKind::Redirect { location } => {
                Response::text(302, "text/plain", "").header("Location", location)
            }
            FaultKind::Garbage => Response::json(200, "{\"id\":\"\u{fffd}…".to_owned()),
            FaultKind::Empty => Response::json(200, String::new()),
            FaultKind::Html => {
                Response::text(502, "text/html", "<html><body><h1>502 Bad Gateway</h1></body></html>")
            }
            FaultKind::Code { status, code, retry_after_s } => {
                let refusal = Refusal::new(code).with_status(*status);
                let response = Response::json(*status, refusal.body("injected").text());
                match retry_after_s {
                    Some(seconds) => response.header("Retry-After", seconds.to_string()),
                    None => response,
                }
            }
        };
        Delivery::Answer(response, Duration::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, path: &str) -> Request {
        Request { method: method.into(), path: path.into(), ..Request::default() }
    }

    #[test]
    fn a_fault_meets_what_it_names_as_often_as_it_says() {
        let mut faults = Faults::default();
        faults.inject(Fault::new(FaultKind::Cut).on("PUT", "/v1/sessions/").times(2));
        faults.inject(Fault::new(FaultKind::Hang).times(0));
        assert_eq!(faults.take(&request("GET", "/v1/sessions/")), None);
        assert_eq!(faults.take(&request("PUT", "/v1/wallets")), None);
        assert!(faults.take(&request("PUT", "/v1/sessions/a/renew")).is_some());
        assert!(faults.take(&request("PUT", "/v1/sessions/a/renew")).is_some());
        assert_eq!(faults.take(&request("PUT", "/v1/sessions/a/renew")), None);
        faults.inject(Fault::new(FaultKind::Empty));
        assert!((0..100).all(|_| faults.take(&request("GET", "/health")).is_some()));
        faults.heal();
        assert_eq!(faults.take(&request("GET", "/health")), None);
    }

    #[test]
    fn the_work_is_done_only_where_it_should_be() {
        let table = [
            (FaultKind::Cut, false, 0),
            (FaultKind::Cut, true, 1),
            (FaultKind::Hang, true, 1),
            (FaultKind::Garbage, false, 0),
            (FaultKind::CutBody, false, 1),
            (FaultKind::Slow { ms: 1 }, false, 1),
            (FaultKind::Freeze { ms: 1 }, false, 0),
            (FaultKind::WrongDate { ahead_s: 1 }, false, 1),
        ];
        for (kind, after_commit, expected) in table {
            let mut done = 0;
            kind.deliver(after_commit, || {
                done += 1;
                Response::json(200, String::new())
            });
            assert_eq!(done, expected, "{kind:?}");
        }
    }
}
