//! The requests that are being worked on by the call pool, from their beginning to their answer, or to the moment
//! when nobody wants one.
//!
//! Used by the server. Refuses to know what the work is.

use std::time::Duration;

use super::Server;
use super::batches::BatchId;
use super::call::Cancelled;
use super::call_pool::{Report, Told};
use super::service::{Later, Loss};
use crate::mcp::era::Era;
use crate::mcp::logging::LoggingLevel;
use crate::mcp::message::{Outgoing, Request, RequestId};
use crate::mcp::progress::ProgressToken;
use crate::time::Clock as _;

/// What is known of a request that is being worked on.
pub(super) struct Pending {
    otherwise: Box<dyn Fn(Loss) -> String + Send>,
    cancelled: Cancelled,
    batch: Option<BatchId>,
    /// Of a request that asks for log messages by itself.
    log_level: Option<LoggingLevel>,
}

impl Server {
    pub(super) fn begin_call(&mut self, request: Request, era: Era, later: Later, batch: Option<BatchId>) {
        let Later { work, otherwise } = later;
        let cancelled = Cancelled::default();
        let log_level = self.log_level(&request, era).ok().flatten().filter(|_| era == Era::Stateless);
        let pending = Pending { otherwise, cancelled: cancelled.clone(), batch, log_level };
        let token = ProgressToken::of_request(&request.params);
        let ticket = self.in_flight.register(request.id, pending);
        // Before the work begins: what it logs first would be lost.
        if let Some(level) = log_level {
            self.log_listeners.begin(level);
            self.service.log_wanted(self.log_listeners.least());
        }
        if self.calls.submit(ticket, cancelled, work).is_err() {
            if let Some((id, pending)) = self.in_flight.complete(ticket) {
                self.forget_log_level(&pending);
                let busy = (pending.otherwise)(Loss::Busy);
                self.settle(batch, Some(Outgoing::result(&id, &busy)));
            }
            return;
        }
        if let Some(token) = token {
            self.progress.begin(ticket, token, era, self.clock.now().mono);
        }
    }

    pub(super) fn handle_report(&mut self, Report { ticket, told }: Report) {
        match told {
            Told::Said(message) => {
                if self.in_flight.contains(ticket) {
                    self.send(message);
                }
            }
            Told::Finished(result) => {
                self.calls.forget();
                self.progress.end(ticket);
                let Some((id, pending)) = self.in_flight.complete(ticket) else { return };
                self.forget_log_level(&pending);
                let result = result.unwrap_or_else(|| (pending.otherwise)(Loss::Broken));
                self.settle(pending.batch, Some(Outgoing::result(&id, &result)));
            }
        }
    }

    /// The client does not want to hear of this request any more.
    pub(super) fn drop_cancelled(&mut self, id: &RequestId) {
        for (ticket, pending) in self.in_flight.cancel(id) {
            pending.cancelled.cancel();
            self.calls.give_up(ticket);
            self.progress.end(ticket);
            self.forget_log_level(&pending);
            self.settle(pending.batch, None);
        }
        for batch in self.waiting.cancel(id) {
            self.settle(batch, None);
        }
        self.subscriptions.cancel(id);
    }

    fn forget_log_level(&mut self, pending: &Pending) {
        if let Some(level) = pending.log_level {
            self.log_listeners.end(level);
            self.service.log_wanted(self.log_listeners.least());
        }
    }

    /// Cancels whatever is still in flight, without answering it.
    pub(super) fn cancel_calls(&mut self) {
        for (_, pending) in self.in_flight.take_all() {
            pending.cancelled.cancel();
        }
    }

    /// Whatever is still in flight is answered with what is known of it, which is nothing.
    pub(super) fn give_up_calls(&mut self) {
        for (id, pending) in self.in_flight.take_all() {
            pending.cancelled.cancel();
            let lost = (pending.otherwise)(Loss::Ended);
            self.settle(pending.batch, Some(Outgoing::result(&id, &lost)));
        }
        self.ask_again(Some(Duration::MAX));
    }
}
