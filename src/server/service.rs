//! What is served: the seam between the engine, which speaks the protocol, and whoever has tools to offer.
//!
//! Implemented by `wallet_service` for the product, and by a test's own service, so that the engine can be examined
//! without a wallet. The engine serves by itself what is about the conversation (handshake, discovery, ping,
//! subscriptions, log level, cancellation, progress); every other method is the service's. Refuses to know lines,
//! threads, batches and the order of answers.

use std::time::Duration;

use super::call_pool::Ongoing;
use crate::mcp::era::Era;
use crate::mcp::error::ErrorObject;
use crate::mcp::logging::LoggingLevel;
use crate::mcp::message::{Params, Response};
use crate::mcp::subscriptions::Change;
use crate::mcp::types::{Implementation, ServerCapabilities};

/// What a service says of itself, from memory: a client gets it before anything else was done.
#[derive(Clone, Debug)]
pub struct About {
    /// Who answers.
    pub implementation: Implementation,
    /// What is served. Whether logging is declared depends on the era too.
    pub capabilities: ServerCapabilities,
    /// For the model, once per connection.
    pub instructions: &'static str,
}

/// A request as the service sees it.
#[derive(Debug)]
pub struct Asked<'r> {
    /// What for.
    pub method: &'r str,
    /// With what.
    pub params: &'r Params,
    /// In which shape it is answered.
    pub era: Era,
    /// The least severe log message that may be sent because of it.
    pub log_level: Option<LoggingLevel>,
    /// Whether it has waited before, and whether it may wait.
    pub turn: Turn,
}

/// How often a service has been asked about the same request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    /// For the first time; it may be told to wait.
    First,
    /// Again after it was told to wait, because there is news. It may go on waiting.
    Again,
    /// For the last time: [`Reply::Wait`] is not possible.
    Last,
}

/// What becomes of a request.
pub enum Reply {
    /// The result, as JSON text.
    Now(String),
    /// The result will come from the call pool.
    Later(Later),
    /// Ask again as soon as the service has news, and after this time at the latest.
    Wait(Duration),
}

/// A request that has to wait for somebody.
pub struct Later {
    /// Does it: the result, as JSON text. Blocks.
    pub work: Box<dyn FnOnce(&Ongoing) -> String + Send>,
    /// The result where the work came to none.
    pub otherwise: Box<dyn Fn(Loss) -> String + Send>,
}

/// Why the work of a request came to no result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Loss {
    /// Too many others wait; it did not begin.
    Busy,
    /// It panicked.
    Broken,
    /// The program ends.
    Ended,
}

/// Something that clients may be told of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum News {
    /// Who was told to wait may be asked again.
    Settled,
    /// A list or a resource is another one.
    Changed(Change),
    /// A line for the log of whoever wants one; `data` is JSON text.
    Logged {
        /// How severe.
        level: LoggingLevel,
        /// Who says so.
        logger: &'static str,
        /// What.
        data: String,
    },
}

/// Whether a resource may say something else later.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// It may.
    Changing,
    /// It never will.
    Fixed,
}

/// Whoever has something to offer. Everything is called by the engine's one thread and must not block.
pub trait Service {
    /// What the service says of itself. The same at all times.
    fn about(&self) -> &About;

    /// Serves a request.
    ///
    /// # Errors
    /// What to answer instead of a result.
    fn request(&mut self, asked: &Asked<'_>) -> Result<Reply, ErrorObject>;

    /// The standing of the resource of this URI; `None` if there is none.
    fn resource(&self, uri: &str) -> Option<Standing>;

    /// The first answer is sent: from now on there is time for other things. `now` is on the monotonic clock.
    fn begin(&mut self, now: Duration) {
        let _ = now;
    }

    /// The client has said something. `now` is on the monotonic clock.
    fn heard(&mut self, now: Duration) {
        let _ = now;
    }

    /// Does what is due and tells the next piece of news. Whoever makes news from another thread wakes the connection.
    /// `is_heard`: somebody takes notifications by now.
    fn news(&mut self, now: Duration, is_heard: bool) -> Option<News> {
        let _ = (now, is_heard);
        None
    }

    /// How long until [`Service::news`] is to be called although nobody woke the connection. Not zero right after
    /// such a call.
    fn time_left(&self, now: Duration) -> Option<Duration> {
        let _ = now;
        None
    }

    /// From now on log messages of this level and more severe ones are wanted; or none.
    fn log_wanted(&mut self, least: Option<LoggingLevel>) {
        let _ = least;
    }

    /// The client has answered something that a call had asked it.
    fn answered(&mut self, response: Response) {
        let _ = response;
    }

    /// The client is gone, or the program ends: no more requests come, and nobody takes news.
    fn end(&mut self) {}
}
