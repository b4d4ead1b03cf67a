//! The error of a JSON-RPC response: its code, its sentence, its data.
//!
//! Used by everything that refuses a request. Pure. Refuses to know which request it was.

use std::borrow::Cow;

use crate::json::Object;

/// Longest piece of a client's text repeated in an error message, in characters.
const SHOWN_CHARS_MAX: usize = 80;

/// The error of a response.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ErrorObject {
    /// What kind of error.
    pub code: ErrorCode,
    /// One sentence for people, without a final full stop.
    pub message: Cow<'static, str>,
    /// JSON text.
    pub data: Option<String>,
}

/// The error codes in use. JSON-RPC's own, and three of MCP's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorCode {
    /// Not JSON.
    ParseError,
    /// JSON, but not a request.
    InvalidRequest,
    /// Unknown here, not declared, or gone in the request's revision.
    MethodNotFound,
    /// The method is known and its params are not right.
    InvalidParams,
    /// Ours to mend.
    InternalError,
    /// No such resource. Handshake revisions only.
    ResourceNotFound,
    /// The request needs something that its client has not declared. Without a handshake only.
    MissingRequiredClientCapability,
    /// The request is of a revision that is not spoken here.
    UnsupportedProtocolVersion,
}

impl ErrorObject {
    /// An error without data.
    pub fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> ErrorObject {
        ErrorObject { code, message: message.into(), data: None }
    }

    /// The params of a known method are not right.
    pub fn invalid_params(message: impl Into<Cow<'static, str>>) -> ErrorObject {
        ErrorObject::new(ErrorCode::InvalidParams, message)
    }

    /// Nobody serves this method to this request.
    pub fn method_not_found(method: &str) -> ErrorObject {
        ErrorObject::new(ErrorCode::MethodNotFound, format!("Method not found: {}", shown(method)))
    }

    /// The same with data, which is JSON text.
    pub fn with_data(self, data: String) -> ErrorObject {
        ErrorObject { data: Some(data), ..self }
    }

    /// The value of the member `error`.
    pub fn to_json(&self) -> String {
        let mut object = Object::new();
        object.integer("code", self.code.number()).string("message", &self.message);
        if let Some(data) = &self.data {
            object.raw("data", data);
        }
        object.finish()
    }
}

/// A client's text, cut to a length that can stand in an error message.
pub fn shown(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
    }
}

impl ErrorCode {
    /// The number on the wire.
    pub fn number(self) -> i64 {
        match self {
            ErrorCode::ParseError => -32700,
            ErrorCode::InvalidRequest => -32600,
            ErrorCode::MethodNotFound => -32601,
            ErrorCode::InvalidParams => -32602,
            ErrorCode::InternalError => -32603,
            ErrorCode::ResourceNotFound => -32002,
            ErrorCode::MissingRequiredClientCapability => -32021,
            ErrorCode::UnsupportedProtocolVersion => -32022,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clients_text_is_repeated_only_in_part() {
        assert_eq!(shown("short"), "short");
        assert_eq!(shown(&"é".repeat(1000)).chars().count(), SHOWN_CHARS_MAX + 1);
    }
}
