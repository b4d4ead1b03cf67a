//! Which handler serves which method: one line each. What is not about the conversation itself is the service's.
//!
//! Used by the server. What is not declared is not served here either. Refuses to know what a handler does.

use crate::mcp::era::{DISCOVER, Era};
use crate::mcp::error::ErrorObject;
use crate::mcp::logging::LoggingLevel;
use crate::mcp::message::{Notification, Request};

use super::Server;
use super::service::{Asked, Reply, Turn};

/// Serves a request, or hands back the work that will.
///
/// # Errors
/// What to answer instead of a result.
pub(super) fn request(
    server: &mut Server,
    request: &Request,
    era: Era,
    log_level: Option<LoggingLevel>,
    turn: Turn,
) -> Result<Reply, ErrorObject> {
    let params = &request.params;
    let served = server.service.about().capabilities;
    match request.method.as_str() {
        "initialize" => Ok(server.initialize(params)),
        DISCOVER => Ok(server.discover(era)),
        "ping" => Ok(server.empty_result(era)),
        "logging/setLevel" if served.logging => server.set_log_level(era, params),
        "resources/subscribe" if served.resources_subscribe => server.subscribe(era, params),
        "resources/unsubscribe" if served.resources_subscribe => server.unsubscribe(era, params),
        method => server.service.request(&Asked { method, params, era, log_level, turn }),
    }
}

/// Takes notice of a notification. Unknown ones are none of our business.
pub(super) fn notification(server: &mut Server, notification: &Notification) {
    if notification.method == "notifications/cancelled" {
        server.cancel(&notification.params);
    }
}
