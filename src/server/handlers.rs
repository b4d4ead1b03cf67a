//! The methods that are about the conversation itself: one handler for each.
//!
//! Used by `dispatch`. Every handler answers at once, from memory. Refuses to know what else is served.

use crate::json::{self, Object, RawValue};
use crate::mcp::HandshakeVersion;
use crate::mcp::era::Era;
use crate::mcp::error::{ErrorCode, ErrorObject};
use crate::mcp::logging::LoggingLevel;
use crate::mcp::message::{Outgoing, Params, Request, RequestId};
use crate::mcp::subscriptions::{Filter, Full, SUBSCRIPTIONS_MAX};
use crate::mcp::types::{self, Cache, discover_result, initialize_result};

use super::Server;
use super::service::{Reply, Standing};

/// How long a client without a handshake may keep what the server says of itself: it changes with the program's
/// version only.
const DISCOVER_CACHE: Cache = Cache::Millis(3_600_000);

impl Server {
    /// Whatever disk and daemon do.
    pub(super) fn initialize(&mut self, params: &Params) -> Reply {
        let [requested] = params.members(["protocolVersion"]);
        let version: HandshakeVersion = self.lifecycle.initialize(requested);
        let about = self.service.about();
        Reply::Now(initialize_result(version, about.capabilities, &about.implementation, about.instructions))
    }

    pub(super) fn discover(&self, era: Era) -> Reply {
        let about = self.service.about();
        Reply::Now(discover_result(
            era,
            DISCOVER_CACHE,
            about.capabilities,
            &about.implementation,
            about.instructions,
        ))
    }

    /// The result that says nothing but that it was done.
    pub(super) fn empty_result(&self, era: Era) -> Reply {
        Reply::Now(types::result(era, &self.service.about().implementation, Cache::Uncacheable).finish())
    }

    pub(super) fn set_log_level(&mut self, era: Era, params: &Params) -> Result<Reply, ErrorObject> {
        let [level] = params.members(["level"]);
        self.log_listeners.set_connection(LoggingLevel::parse(level)?);
        self.service.log_wanted(self.log_listeners.least());
        Ok(self.empty_result(era))
    }

    /// A client may subscribe to a resource that does not exist yet. What never changes, and what nobody knows, need
    /// not be remembered.
    pub(super) fn subscribe(&mut self, era: Era, params: &Params) -> Result<Reply, ErrorObject> {
        let [uri] = params.members(["uri"]);
        let uri = text(uri, "uri")?;
        if self.service.resource(&uri) == Some(Standing::Changing) {
            self.subscriptions.subscribe(&uri).map_err(too_many)?;
        }
        Ok(self.empty_result(era))
    }

    pub(super) fn unsubscribe(&mut self, era: Era, params: &Params) -> Result<Reply, ErrorObject> {
        let [uri] = params.members(["uri"]);
        self.subscriptions.unsubscribe(&text(uri, "uri")?);
        Ok(self.empty_result(era))
    }

    /// Opens a stream, whose request is answered when the stream ends: what is to be sent first.
    pub(super) fn listen(&mut self, request: &Request) -> Result<Outgoing, ErrorObject> {
        let is_known = |uri: &str| self.service.resource(uri).is_some();
        let filter = Filter::parse(&request.params, self.service.about().capabilities, is_known)?;
        self.subscriptions.listen(request.id.clone(), filter).map_err(too_many)
    }

    /// `notifications/cancelled`. The client expects no answer any more, also none that is ready by now.
    pub(super) fn cancel(&mut self, params: &Params) {
        let [id] = params.members(["requestId"]);
        if let Some(id) = id.and_then(RequestId::parse) {
            self.drop_cancelled(&id);
        }
    }
}

fn too_many(_: Full) -> ErrorObject {
    let message = format!("Too many subscriptions: at most {SUBSCRIPTIONS_MAX} are kept");
    ErrorObject::new(ErrorCode::InternalError, message)
}

/// There is no resource of this URI.
pub fn no_resource(era: Era, uri: &str) -> ErrorObject {
    let data = Object::new().string("uri", uri).finish();
    ErrorObject::new(era.resource_not_found(), "Resource not found").with_data(data)
}

/// A member of the params that must be a string.
///
/// # Errors
/// It is not.
pub fn text(value: Option<&RawValue>, name: &str) -> Result<String, ErrorObject> {
    let wrong = || ErrorObject::invalid_params(format!("Invalid params: {name} must be a string"));
    value.and_then(json::string).ok_or_else(wrong)
}

/// Every list has one page, so no cursor was ever handed out.
///
/// # Errors
/// The request comes with one all the same.
pub fn only_page(params: &Params) -> Result<(), ErrorObject> {
    match params.members(["cursor"]) {
        [None] => Ok(()),
        [Some(_)] => {
            Err(ErrorObject::invalid_params("Invalid params: unknown cursor; the list has one page"))
        }
    }
}
