//! Which requests are told that they are still being worked on, and when (`notifications/progress`).
//!
//! Used by the server for every request that waits for somebody and came with a token. It keeps clients from giving
//! up on a call that only takes its time. Pure. Refuses to know what the work is and how far it has come: what is
//! told is the time.

use std::collections::VecDeque;
use std::time::Duration;

use super::HandshakeVersion;
use super::era::Era;
use super::in_flight::Ticket;
use super::message::{Outgoing, Params, is_id};
use crate::json::{self, Object};

/// Time between two notifications of one request. The clients that give up do so after 30 or 60 seconds, and begin
/// to wait anew with each notification.
pub const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

/// Since this revision a notification says something in words.
const MESSAGES_SINCE: Era = Era::Handshake(HandshakeVersion::V2025_03_26);

/// What a client names the progress of one request: a string or an integer, kept as the text it came in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProgressToken(Box<str>);

impl ProgressToken {
    /// The token in the `_meta` of a request. What is no token counts as none: progress is a courtesy.
    pub fn of_request(params: &Params) -> Option<ProgressToken> {
        let [meta] = params.members(["_meta"]);
        let [token] = json::members(meta?.get(), ["progressToken"])?;
        token.filter(|token| is_id(token)).map(|token| ProgressToken(token.get().into()))
    }
}

/// The requests that are to be told. Times are on the monotonic clock.
#[derive(Debug, Default)]
pub struct ProgressReports {
    /// In the order in which they are due, because the interval is the same for all.
    pending: VecDeque<Report>,
}

#[derive(Debug)]
struct Report {
    ticket: Ticket,
    token: ProgressToken,
    era: Era,
    began: Duration,
    due: Duration,
}

impl ProgressReports {
    /// Work begins.
    pub fn begin(&mut self, ticket: Ticket, token: ProgressToken, era: Era, now: Duration) {
        let due = now.saturating_add(PROGRESS_INTERVAL);
        self.pending.push_back(Report { ticket, token, era, began: now, due });
    }

    /// Work is over, or nobody wants to hear of it: nothing more is told.
    pub fn end(&mut self, ticket: Ticket) {
        if let Some(at) = self.pending.iter().position(|report| report.ticket == ticket) {
            self.pending.remove(at);
        }
    }

    /// How long until something is to be told.
    pub fn time_left(&self, now: Duration) -> Option<Duration> {
        self.pending.front().map(|report| report.due.saturating_sub(now))
    }

    /// The next notification that is due.
    pub fn next(&mut self, now: Duration) -> Option<Outgoing> {
        if self.pending.front()?.due > now {
            return None;
        }
        let mut report = self.pending.pop_front()?;
        let notification = report.notification(now);
        // From now on, so that one who was late does not hurry afterwards.
        report.due = now.saturating_add(PROGRESS_INTERVAL);
        self.pending.push_back(report);
        Some(notification)
    }
}

impl Report {
    /// Progress is the time in seconds. It increases, because at least an interval lies between two notifications.
    fn notification(&self, now: Duration) -> Outgoing {
        let seconds = i64::try_from(now.saturating_sub(self.began).as_secs()).unwrap_or(i64::MAX);
        let mut params = Object::new();
        params.raw("progressToken", &self.token.0).integer("progress", seconds);
        if self.era >= MESSAGES_SINCE {
            params.string("message", &format!("Waiting for {seconds} s"));
        }
        Outgoing::notification("notifications/progress", Some(&params.finish()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mcp::in_flight::InFlight;
    use crate::mcp::message::{Incoming, Message, Request};

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn request(meta: &str) -> Request {
        let line = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":{{"_meta":{meta}}}}}"#);
        match Incoming::parse(line.as_bytes()) {
            Some(Incoming::Single(Ok(Message::Request(request)))) => request,
            other => panic!("not a request: {other:?}"),
        }
    }

    #[test]
    fn a_token_is_a_string_or_an_integer() {
        let of = |meta: &str| ProgressToken::of_request(&request(meta).params).map(|token| token.0);
        assert_eq!(of(r#"{"progressToken":"a\u0062"}"#).as_deref(), Some(r#""a\u0062""#));
        assert_eq!(of(r#"{"progressToken":7}"#).as_deref(), Some("7"));
        for none in [
            "{}",
            "[]",
            "7",
            r#"{"progressToken":null}"#,
            r#"{"progressToken":[1]}"#,
            r#"{"progressToken":1.5}"#,
        ] {
            assert_eq!(of(none), None, "{none}");
        }
    }

    #[test]
    fn each_request_is_told_at_intervals_and_never_after_its_end() {
        let mut in_flight = InFlight::new();
        let request = request(r#"{"progressToken":"p"}"#);
        let token = ProgressToken::of_request(&request.params).expect("a token");
        let [first, second] = [0, 1].map(|_| in_flight.register(request.id.clone(), ()));
        let mut reports = ProgressReports::default();
        assert_eq!(reports.time_left(s(0)), None);
        reports.begin(first, token.clone(), Era::Stateless, s(10));
        reports.begin(second, token, Era::Handshake(HandshakeVersion::V2024_11_05), s(12));
        assert_eq!(reports.time_left(s(11)), Some(s(4)));
        assert!(reports.next(s(14)).is_none(), "nothing is due");
        assert_eq!(
            reports.next(s(15)).expect("due").as_json(),
            r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p","progress":5,"message":"Waiting for 5 s"}}"#
        );
        assert!(reports.next(s(15)).is_none(), "each once");
        // Late: both are due, and the later one does not hurry.
        assert!(reports.next(s(23)).expect("due").as_json().ends_with(r#""progress":11}}"#));
        assert!(reports.next(s(23)).expect("due").as_json().contains(r#""progress":13,"#));
        assert_eq!(reports.time_left(s(23)), Some(PROGRESS_INTERVAL));
        reports.end(first);
        assert!(reports.next(s(28)).expect("due").as_json().ends_with(r#""progress":16}}"#));
        reports.end(second);
        reports.end(second);
        assert_eq!(reports.time_left(s(28)), None);
    }
}
