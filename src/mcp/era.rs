//! Which era a request is of. Both are spoken in one process and decided per request, never pinned: clients exist
//! that send `server/discover`, get a good answer, and then `initialize`.
//!
//! Used by the server before anything else. Pure. The whole algorithm of negotiation stands in [`of`]; what
//! `initialize` answers is in [`super::lifecycle`]. Refuses to know what the methods do.

use super::error::{ErrorCode, ErrorObject};
use super::message::Request;
use super::{HandshakeVersion, STATELESS_VERSION, SUPPORTED_VERSIONS};
use crate::json::{self, Object, RawValue};

/// The member of `_meta` that says which revision a request is of.
pub const PROTOCOL_VERSION: &str = "io.modelcontextprotocol/protocolVersion";

/// The member of `_meta` that says what the client can do.
pub const CLIENT_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";

/// The method that only exists without a handshake, so that asking for it is a claim by itself.
pub const DISCOVER: &str = "server/discover";

/// The methods of the handshake era that are gone in 2026-07-28.
const REMOVED: [&str; 5] =
    ["initialize", "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe"];

/// How a request is to be served. Ordered by age, so that "since this revision" is a comparison.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Era {
    /// By the rules of a revision with `initialize`.
    Handshake(HandshakeVersion),
    /// By the rules of 2026-07-28, by what the request itself says and nothing else.
    Stateless,
}

/// The era of `request`; `agreed` is what `initialize` agreed on, or what stands for it.
///
/// # Errors
/// What to answer to a request that claims an era it does not keep to.
pub fn of(request: &Request, agreed: HandshakeVersion) -> Result<Era, ErrorObject> {
    let [meta] = request.params.members(["_meta"]);
    // Only an object can claim anything.
    let meta = meta.and_then(|meta| json::members(meta.get(), [PROTOCOL_VERSION, CLIENT_CAPABILITIES]));
    let [version, capabilities] = meta.unwrap_or([None; 2]);

    let claims_stateless = if request.method == "initialize" {
        version.is_some()
    } else {
        version.is_some() || capabilities.is_some() || request.method == DISCOVER
    };
    if !claims_stateless {
        return Ok(Era::Handshake(agreed));
    }
    let version = version.and_then(json::string).ok_or_else(|| wrong_meta(PROTOCOL_VERSION, "a string"))?;
    capabilities
        .filter(|value| json::is_object(value))
        .ok_or_else(|| wrong_meta(CLIENT_CAPABILITIES, "an object"))?;

    if version == STATELESS_VERSION {
        let removed = REMOVED.contains(&request.method.as_str());
        return if removed {
            Err(ErrorObject::method_not_found(&request.method))
        } else {
            Ok(Era::Stateless)
        };
    }
    HandshakeVersion::from_name(&version).map(Era::Handshake).ok_or_else(|| unsupported(&version))
}

fn wrong_meta(member: &str, expected: &str) -> ErrorObject {
    ErrorObject::invalid_params(format!("Invalid params: _meta must hold {member}, {expected}"))
}

fn unsupported(requested: &str) -> ErrorObject {
    let mut data = Object::new();
    data.raw("supported", &json::array_of_strings(SUPPORTED_VERSIONS)).string("requested", requested);
    ErrorObject::new(ErrorCode::UnsupportedProtocolVersion, "Unsupported protocol version")
        .with_data(data.finish())
}

impl Era {
    /// What a resource that does not exist is answered with.
    pub fn resource_not_found(self) -> ErrorCode {
        match self {
            Era::Handshake(_) => ErrorCode::ResourceNotFound,
            Era::Stateless => ErrorCode::InvalidParams,
        }
    }
}

/// Which revision `initialize` agrees on: the one asked for where it is spoken, otherwise the newest with a
/// handshake. Never an error, and never 2026-07-28, which has no `initialize`.
pub fn negotiated(requested: Option<&RawValue>) -> HandshakeVersion {
    match requested.and_then(json::string).as_deref() {
        // The preview before the first revision differs from it in nothing that is served here.
        Some("2024-10-07") => HandshakeVersion::V2024_11_05,
        Some(name) => HandshakeVersion::from_name(name).unwrap_or(HandshakeVersion::NEWEST),
        None => HandshakeVersion::NEWEST,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mcp::message::{Incoming, Message};
    use HandshakeVersion::{V2024_11_05, V2025_03_26, V2025_06_18, V2025_11_25};

    fn request(method: &str, params: &str) -> Request {
        let line = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
        match Incoming::parse(line.as_bytes()) {
            Some(Incoming::Single(Ok(Message::Request(request)))) => request,
            other => panic!("not a request: {line} {other:?}"),
        }
    }

    /// `_meta` with these texts as version and capabilities.
    fn meta(version: Option<&str>, capabilities: Option<&str>) -> String {
        let mut meta = Object::new();
        if let Some(version) = version {
            meta.raw(PROTOCOL_VERSION, version);
        }
        if let Some(capabilities) = capabilities {
            meta.raw(CLIENT_CAPABILITIES, capabilities);
        }
        format!(r#"{{"_meta":{}}}"#, meta.finish())
    }

    #[test]
    fn every_request_is_of_one_era_or_is_told_why_not() {
        let modern = meta(Some(r#""2026-07-28""#), Some("{}"));
        let table: Vec<(&str, String, Result<Era, i64>)> = vec![
            // No claim: what initialize agreed on.
            ("tools/list", "{}".into(), Ok(Era::Handshake(V2025_03_26))),
            ("tools/list", r#"{"_meta":{"progressToken":1}}"#.into(), Ok(Era::Handshake(V2025_03_26))),
            ("tools/list", r#"{"_meta":7}"#.into(), Ok(Era::Handshake(V2025_03_26))),
            ("tools/list", r#"{"_meta":null}"#.into(), Ok(Era::Handshake(V2025_03_26))),
            ("ping", "{}".into(), Ok(Era::Handshake(V2025_03_26))),
            ("initialize", "{}".into(), Ok(Era::Handshake(V2025_03_26))),
            ("initialize", meta(None, Some("{}")), Ok(Era::Handshake(V2025_03_26))),
            // A claim that is kept.
            ("tools/list", modern.clone(), Ok(Era::Stateless)),
            ("tools/call", meta(Some(r#""2026-07-28""#), Some(r#"{"sampling":{}}"#)), Ok(Era::Stateless)),
            ("server/discover", modern.clone(), Ok(Era::Stateless)),
            ("no/such", modern.clone(), Ok(Era::Stateless)),
            // A claim of an older revision.
            ("tools/list", meta(Some(r#""2024-11-05""#), Some("{}")), Ok(Era::Handshake(V2024_11_05))),
            ("tools/list", meta(Some(r#""2025-06-18""#), Some("{}")), Ok(Era::Handshake(V2025_06_18))),
            ("ping", meta(Some(r#""2025-11-25""#), Some("{}")), Ok(Era::Handshake(V2025_11_25))),
            ("server/discover", meta(Some(r#""2025-11-25""#), Some("{}")), Ok(Era::Handshake(V2025_11_25))),
            // A claim that is not kept.
            ("server/discover", "{}".into(), Err(-32602)),
            ("server/discover", r#"{"_meta":[]}"#.into(), Err(-32602)),
            ("tools/list", meta(Some(r#""2026-07-28""#), None), Err(-32602)),
            ("tools/list", meta(None, Some("{}")), Err(-32602)),
            ("tools/list", meta(Some("20260728"), Some("{}")), Err(-32602)),
            ("tools/list", meta(Some("null"), Some("{}")), Err(-32602)),
            ("tools/list", meta(Some(r#""2026-07-28""#), Some("[]")), Err(-32602)),
            ("tools/list", meta(Some(r#""2026-07-28""#), Some("null")), Err(-32602)),
            // A revision that is not spoken.
            ("tools/list", meta(Some(r#""2099-01-01""#), Some("{}")), Err(-32022)),
            ("server/discover", meta(Some(r#""""#), Some("{}")), Err(-32022)),
            ("initialize", meta(Some(r#""DRAFT""#), Some("{}")), Err(-32022)),
            // Methods that are gone.
            ("initialize", modern.clone(), Err(-32601)),
            ("ping", modern.clone(), Err(-32601)),
            ("logging/setLevel", modern.clone(), Err(-32601)),
            ("resources/subscribe", modern.clone(), Err(-32601)),
            ("resources/unsubscribe", modern, Err(-32601)),
        ];
        for (method, params, expected) in table {
            let era = of(&request(method, &params), V2025_03_26).map_err(|error| error.code.number());
            assert_eq!(era, expected, "{method} {params}");
        }
    }

    #[test]
    fn an_unsupported_revision_is_told_what_is_spoken() {
        let error = of(&request("tools/list", &meta(Some(r#""1999""#), Some("{}"))), V2025_11_25);
        assert_eq!(
            error.expect_err("not spoken").data.as_deref(),
            Some(
                r#"{"supported":["2026-07-28","2025-11-25","2025-06-18","2025-03-26","2024-11-05"],"requested":"1999"}"#
            )
        );
    }

    #[test]
    fn initialize_agrees_on_a_revision_with_a_handshake() {
        let table = [
            (r#""2025-11-25""#, V2025_11_25),
            (r#""2025-06-18""#, V2025_06_18),
            (r#""2025-03-26""#, V2025_03_26),
            (r#""2024-11-05""#, V2024_11_05),
            (r#""2024-10-07""#, V2024_11_05),
            (r#""2026-07-28""#, V2025_11_25),
            (r#""1.0""#, V2025_11_25),
            ("20251125", V2025_11_25),
            ("{}", V2025_11_25),
        ];
        for (requested, expected) in table {
            let requested = serde_json::from_str::<&RawValue>(requested).expect("JSON");
            assert_eq!(negotiated(Some(requested)), expected, "{requested}");
        }
        assert_eq!(negotiated(None), V2025_11_25);
    }

    #[test]
    fn eras_are_ordered_by_age() {
        assert!(Era::Handshake(V2024_11_05) < Era::Handshake(V2025_03_26));
        assert!(Era::Handshake(V2025_11_25) < Era::Stateless);
    }
}
