//! The protocol's own data types, each written as JSON in the shape of the era it is for.
//!
//! Used by the server. Pure. Names are those of the MCP schema. Refuses to know where a tool or a text comes from.

use std::borrow::Cow;

use super::era::Era;
use super::message::RequestId;
use super::subscriptions::SUBSCRIPTION_ID;
use super::{HandshakeVersion, SUPPORTED_VERSIONS};
use crate::json::{self, Object};

/// The member of `_meta` that says who answers.
const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";

/// Since this revision tools have annotations.
const ANNOTATIONS_SINCE: Era = Era::Handshake(HandshakeVersion::V2025_03_26);
/// Since this revision tools, resources and implementations have titles.
const TITLES_SINCE: Era = Era::Handshake(HandshakeVersion::V2025_06_18);

/// Who the server is.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names are the schema's")]
pub struct Implementation {
    pub name: String,
    pub title: Option<String>,
    pub version: String,
}

/// What is declared, which is exactly what is served.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ServerCapabilities {
    /// The tools may change while the connection lasts.
    pub tools_list_changed: bool,
    /// The resources may change while the connection lasts.
    pub resources_list_changed: bool,
    /// Clients can hear of changes of single resources.
    pub resources_subscribe: bool,
    /// There are prompts; whether they may change.
    pub prompts: Option<bool>,
    /// `completion/complete` is served.
    pub completions: bool,
    /// `logging/setLevel` is served, and messages are sent.
    pub logging: bool,
}

/// A tool as listed.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names are the schema's")]
pub struct Tool<'a> {
    pub name: &'a str,
    /// Left out if empty.
    pub title: &'a str,
    pub description: &'a str,
    /// JSON text of an object schema.
    pub input_schema: &'a str,
    pub annotations: ToolAnnotations,
}

/// Hints for people and models; absent ones mean the schema's defaults.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[allow(missing_docs, reason = "the names are the schema's")]
pub struct ToolAnnotations {
    pub read_only_hint: Option<bool>,
    pub destructive_hint: Option<bool>,
    pub idempotent_hint: Option<bool>,
    pub open_world_hint: Option<bool>,
}

/// The result of a tool call: one text, so that a daemon's bytes stay as they are and a client that shows only the
/// first item shows the answer; and what is to be said besides.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CallToolResult {
    /// The text of the first content item.
    pub text: String,
    /// Those of the others, a line each. They are about the call, not the answer.
    pub notes: Vec<String>,
    /// Whether the call failed in a way that the model can act on.
    pub is_error: bool,
}

/// A resource as listed.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names are the schema's")]
pub struct Resource {
    pub uri: Cow<'static, str>,
    pub name: Cow<'static, str>,
    pub title: Cow<'static, str>,
    pub description: &'static str,
    pub mime_type: &'static str,
}

/// Resources that are read by name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names are the schema's")]
pub struct ResourceTemplate {
    /// RFC 6570.
    pub uri_template: &'static str,
    pub name: &'static str,
    pub title: &'static str,
    pub description: &'static str,
    pub mime_type: &'static str,
}

/// The type of texts that are JSON.
pub const JSON: &str = "application/json";

/// How long a client may keep a result without a handshake (`ttlMs`). The scope is always `private`: everything
/// here is about somebody's wallet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cache {
    /// The result type knows no caching.
    Uncacheable,
    /// At most this many milliseconds.
    Millis(u32),
}

/// A result being written: begin with [`result`], end with [`Object::finish`].
///
/// Without a handshake every result says that it is complete and who answered; with one, nothing is added.
pub fn result(era: Era, server: &Implementation, cache: Cache) -> Object {
    let mut object = Object::new();
    if era == Era::Stateless {
        let server = server.to_json(era);
        let meta = Object::new().raw(SERVER_INFO, &server).finish();
        object.string("resultType", "complete").raw("_meta", &meta);
        if let Cache::Millis(millis) = cache {
            object.integer("ttlMs", millis.into()).string("cacheScope", "private");
        }
    }
    object
}

/// The result of `initialize`.
pub fn initialize_result(
    version: HandshakeVersion,
    capabilities: ServerCapabilities,
    server: &Implementation,
    instructions: &str,
) -> String {
    let era = Era::Handshake(version);
    Object::new()
        .string("protocolVersion", version.name())
        .raw("capabilities", &capabilities.to_json(era))
        .raw("serverInfo", &server.to_json(era))
        .string("instructions", instructions)
        .finish()
}

/// The last result of `subscriptions/listen`, which exists without a handshake only.
pub fn listen_result(id: &RequestId, server: &Implementation) -> String {
    let mut meta = Object::new();
    meta.raw(SUBSCRIPTION_ID, id.as_json()).raw(SERVER_INFO, &server.to_json(Era::Stateless));
    Object::new().string("resultType", "complete").raw("_meta", &meta.finish()).finish()
}

/// The result of `completion/complete` with all values there are; the caller keeps to [`COMPLETIONS_MAX`].
pub fn completion_result(era: Era, server: &Implementation, values: &[&str]) -> String {
    let total = i64::try_from(values.len()).unwrap_or(i64::MAX);
    let mut completion = Object::new();
    completion.raw("values", &json::array_of_strings(values.iter().copied()));
    completion.integer("total", total).bool("hasMore", false);
    result(era, server, Cache::Uncacheable).raw("completion", &completion.finish()).finish()
}

/// Most values of one completion, by the schema.
pub const COMPLETIONS_MAX: usize = 100;

/// The result of `server/discover`, in which the cache time is the only thing that a caller decides.
pub fn discover_result(
    era: Era,
    cache: Cache,
    capabilities: ServerCapabilities,
    server: &Implementation,
    instructions: &str,
) -> String {
    let mut result = result(era, server, cache);
    result
        .raw("supportedVersions", &json::array_of_strings(SUPPORTED_VERSIONS))
        .raw("capabilities", &capabilities.to_json(era))
        .string("instructions", instructions);
    result.finish()
}

impl Implementation {
    /// In the shape of `era`.
    pub fn to_json(&self, era: Era) -> String {
        let mut object = Object::new();
        object.string("name", &self.name);
        if era >= TITLES_SINCE {
            object.optional_string("title", self.title.as_deref());
        }
        object.string("version", &self.version).finish()
    }
}

impl ServerCapabilities {
    /// In the shape of `era`. Without a handshake logging is asked for by each request, and is not declared.
    pub fn to_json(self, era: Era) -> String {
        let flag = |object: &mut Object, name, declared| {
            if declared {
                object.bool(name, true);
            }
        };
        let (mut tools, mut resources) = (Object::new(), Object::new());
        flag(&mut tools, "listChanged", self.tools_list_changed);
        flag(&mut resources, "subscribe", self.resources_subscribe);
        flag(&mut resources, "listChanged", self.resources_list_changed);
        let mut object = Object::new();
        object.raw("tools", &tools.finish()).raw("resources", &resources.finish());
        if let Some(list_changed) = self.prompts {
            let mut prompts = Object::new();
            flag(&mut prompts, "listChanged", list_changed);
            object.raw("prompts", &prompts.finish());
        }
        for (name, declared) in
            [("completions", self.completions), ("logging", self.logging && era != Era::Stateless)]
        {
            if declared {
                object.raw(name, "{}");
            }
        }
        object.finish()
    }
}

impl Tool<'_> {
    /// In the shape of `era`.
    pub fn to_json(&self, era: Era) -> String {
        let mut object = Object::new();
        object.string("name", self.name);
        if era >= TITLES_SINCE {
            object.optional_string("title", Some(self.title).filter(|title| !title.is_empty()));
        }
        object.string("description", self.description).raw("inputSchema", self.input_schema);
        if era >= ANNOTATIONS_SINCE {
            object.raw("annotations", &self.annotations.to_json());
        }
        object.finish()
    }
}

impl ToolAnnotations {
    fn to_json(self) -> String {
        let mut object = Object::new();
        for (name, hint) in [
            ("readOnlyHint", self.read_only_hint),
            ("destructiveHint", self.destructive_hint),
            ("idempotentHint", self.idempotent_hint),
            ("openWorldHint", self.open_world_hint),
        ] {
            if let Some(hint) = hint {
                object.bool(name, hint);
            }
        }
        object.finish()
    }
}

impl CallToolResult {
    /// A result that is no error.
    pub fn text(text: impl Into<String>) -> CallToolResult {
        CallToolResult { text: text.into(), notes: Vec::new(), is_error: false }
    }

    /// A result that the model should act on.
    pub fn error(text: impl Into<String>) -> CallToolResult {
        CallToolResult { text: text.into(), notes: Vec::new(), is_error: true }
    }

    /// As the result of a request.
    pub fn to_json(&self, era: Era, server: &Implementation) -> String {
        let mut result = result(era, server, Cache::Uncacheable);
        let item = |text: &String| Object::new().string("type", "text").string("text", text).finish();
        let items: Vec<String> = [&self.text].into_iter().chain(&self.notes).map(item).collect();
        result.raw("content", &format!("[{}]", items.join(",")));
        if self.is_error {
            result.bool("isError", true);
        }
        result.finish()
    }
}

impl Resource {
    /// In the shape of `era`.
    pub fn to_json(&self, era: Era) -> String {
        let mut object = Object::new();
        object.string("uri", &self.uri).string("name", &self.name);
        if era >= TITLES_SINCE {
            object.string("title", &self.title);
        }
        object.string("description", self.description).string("mimeType", self.mime_type).finish()
    }

    /// The result of `resources/read`: the text, or what is said instead, which is always JSON. Nothing of it may be
    /// kept by the client: it is the state of a wallet.
    pub fn read_result(&self, outcome: &CallToolResult, era: Era, server: &Implementation) -> String {
        let mime_type = if outcome.is_error { JSON } else { self.mime_type };
        let mut contents = Object::new();
        contents.string("uri", &self.uri).string("mimeType", mime_type).string("text", &outcome.text);
        result(era, server, Cache::Millis(0)).raw("contents", &one_item(&mut contents)).finish()
    }
}

impl ResourceTemplate {
    /// In the shape of `era`.
    pub fn to_json(&self, era: Era) -> String {
        let mut object = Object::new();
        object.string("uriTemplate", self.uri_template).string("name", self.name);
        if era >= TITLES_SINCE {
            object.string("title", self.title);
        }
        object.string("description", self.description).string("mimeType", self.mime_type).finish()
    }
}

fn one_item(item: &mut Object) -> String {
    format!("[{}]", item.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use HandshakeVersion::{V2024_11_05, V2025_03_26, V2025_06_18, V2025_11_25};

    const SCHEMA: &str = r#"{"type":"object"}"#;

    fn server() -> Implementation {
        Implementation { name: "s".into(), title: Some("S".into()), version: "1".into() }
    }

    #[test]
    fn a_tool_has_what_its_revision_knows() {
        let tool = Tool {
            name: "t",
            title: "T",
            description: "d",
            input_schema: SCHEMA,
            annotations: ToolAnnotations {
                read_only_hint: Some(false),
                destructive_hint: Some(true),
                ..ToolAnnotations::default()
            },
        };
        let plain = r#"{"name":"t","description":"d","inputSchema":{"type":"object"}}"#;
        let annotated = r#"{"name":"t","description":"d","inputSchema":{"type":"object"},"annotations":{"readOnlyHint":false,"destructiveHint":true}}"#;
        let titled = annotated.replace(r#""t","#, r#""t","title":"T","#);
        for (era, expected) in [
            (Era::Handshake(V2024_11_05), plain),
            (Era::Handshake(V2025_03_26), annotated),
            (Era::Handshake(V2025_06_18), &titled),
            (Era::Handshake(V2025_11_25), &titled),
            (Era::Stateless, &titled),
        ] {
            assert_eq!(tool.to_json(era), expected, "{era:?}");
        }
    }

    #[test]
    fn only_results_without_a_handshake_carry_its_members() {
        let call = CallToolResult::error("no");
        assert_eq!(
            call.to_json(Era::Handshake(V2025_11_25), &server()),
            r#"{"content":[{"type":"text","text":"no"}],"isError":true}"#
        );
        assert_eq!(
            CallToolResult::text("\"").to_json(Era::Stateless, &server()),
            r#"{"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s","title":"S","version":"1"}},"content":[{"type":"text","text":"\""}]}"#
        );
        assert_eq!(
            result(Era::Stateless, &server(), Cache::Millis(5)).finish(),
            r#"{"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s","title":"S","version":"1"}},"ttlMs":5,"cacheScope":"private"}"#
        );
        assert_eq!(result(Era::Handshake(V2025_11_25), &server(), Cache::Millis(5)).finish(), "{}");
    }

    #[test]
    fn initialize_says_who_answers_and_what_is_served() {
        let capabilities = ServerCapabilities {
            tools_list_changed: true,
            resources_subscribe: true,
            completions: true,
            logging: true,
            ..ServerCapabilities::default()
        };
        assert_eq!(
            initialize_result(V2024_11_05, capabilities, &server(), "i"),
            r#"{"protocolVersion":"2024-11-05","capabilities":{"tools":{"listChanged":true},"resources":{"subscribe":true},"completions":{},"logging":{}},"serverInfo":{"name":"s","version":"1"},"instructions":"i"}"#
        );
        assert_eq!(
            ServerCapabilities { prompts: Some(true), ..capabilities }.to_json(Era::Stateless),
            r#"{"tools":{"listChanged":true},"resources":{"subscribe":true},"prompts":{"listChanged":true},"completions":{}}"#
        );
    }

    #[test]
    fn a_resource_is_listed_and_read() {
        let resource = Resource {
            uri: "x://y".into(),
            name: "n".into(),
            title: "t".into(),
            description: "d",
            mime_type: "text/markdown",
        };
        assert_eq!(
            resource.to_json(Era::Handshake(V2024_11_05)),
            r#"{"uri":"x://y","name":"n","description":"d","mimeType":"text/markdown"}"#
        );
        assert_eq!(
            resource.read_result(&CallToolResult::text("#"), Era::Handshake(V2025_06_18), &server()),
            r##"{"contents":[{"uri":"x://y","mimeType":"text/markdown","text":"#"}]}"##
        );
        assert_eq!(
            resource.read_result(&CallToolResult::error("{}"), Era::Handshake(V2025_06_18), &server()),
            r#"{"contents":[{"uri":"x://y","mimeType":"application/json","text":"{}"}]}"#
        );
        let template = ResourceTemplate {
            uri_template: "x://{y}",
            name: "n",
            title: "t",
            description: "d",
            mime_type: "text/markdown",
        };
        assert_eq!(
            template.to_json(Era::Stateless),
            r#"{"uriTemplate":"x://{y}","name":"n","title":"t","description":"d","mimeType":"text/markdown"}"#
        );
    }
}
