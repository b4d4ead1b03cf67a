//! How the server ends: what is still heard, what is still answered, and what is said of the rest.
//!
//! Used by the server. The end of stdin comes after everything that the client has said. A request to stop comes in
//! between, and means the same: what the client had written by then is served, as its calls in flight are.

use super::{DRAIN_TIME_MAX, Server, ServerEnd};
use crate::log::{self, Area, Level};
use crate::mcp::message::Outgoing;
use crate::mcp::types::listen_result;
use crate::time::Clock as _;

impl Server {
    /// No more is read; requests that were, and those in flight, get their time.
    pub(super) fn begin_to_end(&mut self, end: ServerEnd) {
        if self.end.is_none() {
            self.drain_until = Some(self.clock.now().mono.saturating_add(DRAIN_TIME_MAX));
        }
        self.end = Some(end);
        match end {
            ServerEnd::Stopped => {
                self.connection.cut_input();
                self.serve_the_rest();
            }
            _ => self.connection.end_input(),
        }
        self.service.end();
        for id in self.subscriptions.end() {
            let result = listen_result(&id, &self.service.about().implementation);
            self.send(Outgoing::result(&id, &result));
        }
    }

    /// Serves what was read and not handled yet, as long as there is time: a client that floods does not keep the server.
    fn serve_the_rest(&mut self) {
        while !self.closed {
            let is_time = self.drain_until.is_none_or(|until| self.clock.now().mono < until);
            if !is_time {
                let count: usize = self.connection.unheard().map(|incoming| incoming.answers()).sum();
                return log::event(Area::Server, Level::Warn, "requests.unanswered", &[("count", &count)]);
            }
            let Some(incoming) = self.connection.unheard().next() else { return };
            self.handle_incoming(incoming);
        }
    }

    /// Logs how many answers were lost because the client did not read them. A client that is gone wants none.
    pub(super) fn tell_what_is_unwritten(&mut self) {
        if !self.connection.gave_up() {
            return;
        }
        let under_way = self.in_flight.len() + self.waiting.len() + self.batches.unsent();
        let unheard: usize = self.connection.unheard().map(|incoming| incoming.answers()).sum();
        let count = self.unwritten + under_way + unheard;
        log::event(
            Area::Server,
            Level::Warn,
            "answers.unwritten",
            &[("count", &count), ("why", &"the client does not read them")],
        );
    }
}
