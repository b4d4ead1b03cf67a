//! The requests that are being worked on.
//!
//! Used by the server: [`InFlight::register`] when work begins, [`InFlight::complete`] when it is done, and
//! [`InFlight::cancel`] when the client wants it no more. That `complete` finds nothing *is* "cancelled, drop it".
//! Pure. Refuses to know what the work is.

use std::collections::HashMap;

use super::message::RequestId;

/// Names one registration. A client may, against the rules, use one id twice at a time: each use is answered.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Ticket(u64);

/// The table. `T` is what its owner wants back with the id.
#[derive(Debug)]
pub struct InFlight<T> {
    entries: HashMap<Ticket, (RequestId, T)>,
    issued: u64,
}

impl<T> InFlight<T> {
    /// An empty table.
    pub fn new() -> InFlight<T> {
        InFlight { entries: HashMap::new(), issued: 0 }
    }

    /// Work on a request begins.
    pub fn register(&mut self, id: RequestId, work: T) -> Ticket {
        self.issued += 1;
        let ticket = Ticket(self.issued);
        self.entries.insert(ticket, (id, work));
        ticket
    }

    /// Work is done: the id to answer, unless it was cancelled.
    pub fn complete(&mut self, ticket: Ticket) -> Option<(RequestId, T)> {
        self.entries.remove(&ticket)
    }

    /// The client wants no answer any more. What was registered under this id, for the owner to stop.
    pub fn cancel(&mut self, id: &RequestId) -> Vec<(Ticket, T)> {
        let cancelled = self.entries.extract_if(|_, (registered, _)| registered == id);
        cancelled.map(|(ticket, (_, work))| (ticket, work)).collect()
    }

    /// Whether it is still being worked on, and wanted.
    pub fn contains(&self, ticket: Ticket) -> bool {
        self.entries.contains_key(&ticket)
    }

    /// Everything still in the table, oldest first; the table is empty afterwards.
    pub fn take_all(&mut self) -> Vec<(RequestId, T)> {
        let mut entries: Vec<_> = self.entries.drain().collect();
        entries.sort_unstable_by_key(|(ticket, _)| ticket.0);
        entries.into_iter().map(|(_, entry)| entry).collect()
    }

    /// How many are being worked on.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is being worked on.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl<T> Default for InFlight<T> {
    fn default() -> InFlight<T> {
        InFlight::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::value::RawValue;

    fn id(text: &str) -> RequestId {
        RequestId::parse(serde_json::from_str::<&RawValue>(text).expect("JSON")).expect("an id")
    }

    #[test]
    fn a_request_completes_once() {
        let mut in_flight = InFlight::new();
        let ticket = in_flight.register(id("1"), 'a');
        assert_eq!(in_flight.complete(ticket), Some((id("1"), 'a')));
        assert_eq!(in_flight.complete(ticket), None);
        assert!(in_flight.is_empty());
    }

    #[test]
    fn a_cancelled_request_is_dropped_when_it_completes() {
        let mut in_flight = InFlight::new();
        let first = in_flight.register(id("1"), 'a');
        let second = in_flight.register(id("\"1\""), 'b');
        assert!(in_flight.contains(first));
        assert_eq!(in_flight.cancel(&id("1")), [(first, 'a')]);
        assert!(!in_flight.contains(first) && in_flight.contains(second));
        assert_eq!(in_flight.cancel(&id("1")), []);
        assert_eq!(in_flight.cancel(&id("2")), []);
        assert_eq!(in_flight.complete(first), None);
        assert_eq!(in_flight.complete(second), Some((id("\"1\""), 'b')));
    }

    #[test]
    fn an_id_used_twice_is_answered_twice() {
        let mut in_flight = InFlight::new();
        let first = in_flight.register(id("1"), 'a');
        let second = in_flight.register(id("1"), 'b');
        assert_eq!(in_flight.complete(second), Some((id("1"), 'b')));
        assert_eq!(in_flight.complete(first), Some((id("1"), 'a')));
        in_flight.register(id("1"), 'c');
        in_flight.register(id("1"), 'd');
        assert_eq!(in_flight.take_all(), [(id("1"), 'c'), (id("1"), 'd')]);
    }
}
