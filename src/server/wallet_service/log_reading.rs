//! The program's own log, for clients that asked for log messages.
//!
//! Used by the service of a wallet. What stands there was chosen for a log that anybody may read, so it holds no
//! secret. Refuses to know who wants it.

use crossbeam_channel::{Receiver, bounded};

use crate::json::Object;
use crate::log::{self, Event, Level};
use crate::mcp::logging::LoggingLevel;
use crate::mcp::stdio::Waker;
use crate::server::service::News;

/// Events that wait to be sent. More than that come only while the client reads nothing; they are on stderr too.
const EVENTS_MAX: usize = 256;

/// The events that are still to be told.
pub(super) struct LogReading {
    waker: Waker,
    /// `None`: nobody has ever asked.
    events: Option<Receiver<Event>>,
}

impl LogReading {
    /// Reads nothing yet. `waker` is used after each event.
    pub(super) fn new(waker: Waker) -> LogReading {
        LogReading { waker, events: None }
    }

    /// From now on these events are told.
    pub(super) fn want(&mut self, least: Option<LoggingLevel>) {
        if least.is_some() && self.events.is_none() {
            let (sender, events) = bounded(EVENTS_MAX);
            let waker = self.waker.clone();
            log::read_along(move |event| {
                // A full queue loses the event: whoever logs must not wait for a client.
                let _ = sender.try_send(event);
                waker.wake();
            });
            self.events = Some(events);
        }
        if self.events.is_some() {
            log::set_reading(least.and_then(least_urgent));
        }
    }

    /// The next event.
    pub(super) fn next(&self) -> Option<News> {
        let event = self.events.as_ref()?.try_recv().ok()?;
        let mut data = Object::new();
        data.string("event", event.name);
        for (name, value) in &event.fields {
            data.string(name, value);
        }
        let level = level(event.level);
        Some(News::Logged { level, logger: event.area.name(), data: data.finish() })
    }
}

/// The program's levels in the protocol's words.
fn level(level: Level) -> LoggingLevel {
    match level {
        Level::Error => LoggingLevel::Error,
        Level::Warn => LoggingLevel::Warning,
        Level::Info => LoggingLevel::Info,
        Level::Debug => LoggingLevel::Debug,
    }
}

/// The least urgent level that is at least as severe as `least`; nothing here is worse than an error.
fn least_urgent(least: LoggingLevel) -> Option<Level> {
    Level::ALL.into_iter().rev().find(|candidate| level(*candidate) >= least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_gets_what_is_as_severe_as_it_asked_for() {
        let table = [
            (LoggingLevel::Debug, Some(Level::Debug)),
            (LoggingLevel::Info, Some(Level::Info)),
            (LoggingLevel::Notice, Some(Level::Warn)),
            (LoggingLevel::Warning, Some(Level::Warn)),
            (LoggingLevel::Error, Some(Level::Error)),
            (LoggingLevel::Critical, None),
            (LoggingLevel::Emergency, None),
        ];
        for (least, expected) in table {
            assert_eq!(least_urgent(least), expected, "{least:?}");
        }
    }
}
