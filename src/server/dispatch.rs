//! Which handler serves which method: one line each, in the order of the specification.
//!
//! Used by the server. What does not stand here is not served and not declared. Refuses to know what a handler does.

use crate::mcp::era::{DISCOVER, Era};
use crate::mcp::error::ErrorObject;
use crate::mcp::message::{Notification, Request};

use super::Server;
use super::handlers::Reply;

/// Serves a request, or hands back the work that will.
///
/// # Errors
/// What to answer instead of a result.
pub(super) fn request(server: &mut Server, era: Era, request: &Request) -> Result<Reply, ErrorObject> {
    let params = &request.params;
    match request.method.as_str() {
        "initialize" => Ok(server.initialize(params)),
        DISCOVER => Ok(server.discover(era)),
        "ping" => Ok(server.ping(era)),
        "resources/list" => server.list_resources(era, params),
        "resources/templates/list" => server.list_resource_templates(era, params),
        "resources/read" => server.read_resource(era, params),
        "resources/subscribe" => server.subscribe(era, params),
        "resources/unsubscribe" => server.unsubscribe(era, params),
        "tools/list" => server.list_tools(era, params),
        "tools/call" => server.call_tool(era, params),
        unknown => Err(ErrorObject::method_not_found(unknown)),
    }
}

/// Takes notice of a notification. Unknown ones are none of our business.
pub(super) fn notification(server: &mut Server, notification: &Notification) {
    if notification.method == "notifications/cancelled" {
        server.cancel(&notification.params);
    }
}
