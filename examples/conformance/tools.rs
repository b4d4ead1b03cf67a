//! The tools that the suite calls.

use std::time::Duration;

use crossbeam_channel::after;
use serde_json::{Value, json};
use waiaas_mcp::mcp::era::Era;
use waiaas_mcp::mcp::error::ErrorObject;
use waiaas_mcp::mcp::logging::{LoggingLevel, log_message};
use waiaas_mcp::mcp::message::Outgoing;
use waiaas_mcp::mcp::subscriptions::Change;
use waiaas_mcp::mcp::types::Cache;
use waiaas_mcp::server::call_pool::Ongoing;
use waiaas_mcp::server::handlers::text;
use waiaas_mcp::server::service::{Asked, Later, News, Reply};

use super::resources::PNG;
use super::{Fixture, arguments, can, complete, input, member, missing_capability};

/// Silence of no length.
const WAV: &str = "UklGRiQAAABXQVZFZm10IBAAAAABAAEARKwAAIhYAQACABAAZGF0YQAAAAA=";

/// Time between two messages of one call.
const PAUSE: Duration = Duration::from_millis(50);

/// Those without arguments and without anything special about them.
const PLAIN: [&str; 11] = [
    "test_simple_text",
    "test_image_content",
    "test_audio_content",
    "test_embedded_resource",
    "test_multiple_content_types",
    "test_error_handling",
    "test_tool_with_logging",
    "test_tool_with_progress",
    "test_elicitation_sep1034_defaults",
    "test_elicitation_sep1330_enums",
    "test_logging_tool",
];

/// Those that are about the connection.
const OTHERS: [&str; 3] =
    ["test_missing_capability", "test_trigger_tool_change", "test_trigger_prompt_change"];

pub(crate) fn list() -> Value {
    let tool = |name: &str, schema: Value| json!({ "name": name, "description": format!("Does what the suite expects of {name}"), "inputSchema": schema });
    let plain = || json!({ "type": "object", "additionalProperties": false });
    let with = |name: &str| json!({ "type": "object", "properties": { name: { "type": "string" } }, "required": [name] });
    let names = PLAIN.into_iter().chain(OTHERS).chain(input::TOOLS);
    let mut tools: Vec<Value> = names.map(|name| tool(name, plain())).collect();
    tools.push(tool("test_sampling", with("prompt")));
    tools.push(tool("test_elicitation", with("message")));
    tools.push(tool("json_schema_2020_12_tool", rich_schema()));
    tools.into()
}

fn rich_schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": { "address": {
            "$anchor": "addressDef", "type": "object",
            "properties": { "street": { "type": "string" }, "city": { "type": "string" } },
        } },
        "properties": {
            "name": { "type": "string" }, "address": { "$ref": "#/$defs/address" },
            "contactMethod": { "type": "string", "enum": ["phone", "email"] },
            "phone": { "type": "string" }, "email": { "type": "string" },
        },
        "allOf": [{ "anyOf": [{ "required": ["phone"] }, { "required": ["email"] }] }],
        "if": { "properties": { "contactMethod": { "const": "phone" } }, "required": ["contactMethod"] },
        "then": { "required": ["phone"] },
        "else": { "required": ["email"] },
        "additionalProperties": false,
    })
}

impl Fixture {
    pub(crate) fn call(&mut self, asked: &Asked<'_>) -> Result<Reply, ErrorObject> {
        let name = text(asked.params.members(["name"])[0], "name")?;
        if input::TOOLS.contains(&name.as_str()) {
            return self.result_with_input(asked, input::call(&name, asked.params, &self.seal));
        }
        let now = |members: &Value| Ok(self.result(asked.era, Cache::Uncacheable, members));
        match name.as_str() {
            "test_image_content" => now(&content(&[image()])),
            "test_audio_content" => {
                now(&content(&[json!({ "type": "audio", "data": WAV, "mimeType": "audio/wav" })]))
            }
            "test_embedded_resource" => {
                let text = "This is an embedded resource content.";
                now(&content(&[embedded("test://embedded-resource", "text/plain", text)]))
            }
            "test_multiple_content_types" => {
                let data = r#"{"test":"data","value":123}"#;
                let resource = embedded("test://mixed-content-resource", "application/json", data);
                now(&content(&[words("Multiple content types test:"), image(), resource]))
            }
            "test_error_handling" => {
                let mut result = content(&[words("This tool intentionally returns an error for testing")]);
                result["isError"] = true.into();
                now(&result)
            }
            "test_missing_capability" if !can(asked.params, "sampling") => {
                Err(missing_capability("sampling"))
            }
            "test_trigger_tool_change" | "test_trigger_prompt_change" => {
                let is_tools = name == "test_trigger_tool_change";
                self.news.push_back(News::Changed(if is_tools { Change::Tools } else { Change::Prompts }));
                Ok(self.result(asked.era, Cache::Uncacheable, &content(&[words("It has changed.")])))
            }
            "test_tool_with_logging" | "test_logging_tool" => Ok(self.logging(asked)),
            "test_tool_with_progress" => Ok(self.progress(asked)),
            "test_sampling"
            | "test_elicitation"
            | "test_elicitation_sep1034_defaults"
            | "test_elicitation_sep1330_enums" => self.question(asked, &name),
            "test_simple_text" | "test_missing_capability" | "json_schema_2020_12_tool" => {
                now(&content(&[words("This is a simple text response for testing.")]))
            }
            _ => Err(ErrorObject::invalid_params(format!("Unknown tool: {name}"))),
        }
    }

    /// Work on a thread of its own, which ends with a text.
    fn later(&self, era: Era, work: impl FnOnce(&Ongoing) -> String + Send + 'static) -> Reply {
        let server = self.about.implementation.clone();
        let lost = complete(era, &server, Cache::Uncacheable, &content(&[words("It came to nothing.")]));
        let work = move |call: &Ongoing| {
            let text = work(call);
            complete(era, &server, Cache::Uncacheable, &content(&[words(&text)]))
        };
        Reply::Later(Later { work: Box::new(work), otherwise: Box::new(move |_| lost.clone()) })
    }

    fn logging(&self, asked: &Asked<'_>) -> Reply {
        let is_wanted = asked.log_level.is_some_and(|least| LoggingLevel::Info >= least);
        self.later(asked.era, move |call| {
            for text in ["Tool execution started", "Tool processing data", "Tool execution completed"] {
                if is_wanted {
                    call.say(log_message(LoggingLevel::Info, "fixture", &json!(text).to_string()));
                }
                let _ = after(PAUSE).recv();
            }
            "It is logged.".to_owned()
        })
    }

    fn progress(&self, asked: &Asked<'_>) -> Reply {
        let token = member(asked.params, "_meta")["progressToken"].take();
        self.later(asked.era, move |call| {
            for progress in [0, 50, 100] {
                if !token.is_null() {
                    let params = json!({ "progressToken": token, "progress": progress, "total": 100 });
                    call.say(Outgoing::notification("notifications/progress", Some(&params.to_string())));
                }
                let _ = after(PAUSE).recv();
            }
            "It is done.".to_owned()
        })
    }

    fn question(&self, asked: &Asked<'_>, name: &str) -> Result<Reply, ErrorObject> {
        if asked.era == Era::Stateless {
            return Err(ErrorObject::invalid_params("This revision knows no questions to the client"));
        }
        let arguments = arguments(asked.params);
        let (method, params) = match name {
            "test_sampling" => {
                let content = json!({ "type": "text", "text": arguments["prompt"] });
                let params =
                    json!({ "messages": [{ "role": "user", "content": content }], "maxTokens": 100 });
                ("sampling/createMessage", params)
            }
            "test_elicitation" => {
                let line = |description: &str| json!({ "type": "string", "description": description });
                let schema = json!({
                    "type": "object", "required": ["username", "email"],
                    "properties": { "username": line("User's response"), "email": line("User's email address") },
                });
                ("elicitation/create", json!({ "message": arguments["message"], "requestedSchema": schema }))
            }
            "test_elicitation_sep1034_defaults" => ("elicitation/create", form(&defaults())),
            _ => ("elicitation/create", form(&choices())),
        };
        let client = self.client.clone();
        Ok(self.later(asked.era, move |call| {
            let answer = client.ask(call, method, &params);
            match method {
                "sampling/createMessage" => format!("LLM response: {}", answer["content"]["text"]),
                _ => format!("User response: action={}, content={}", answer["action"], answer["content"]),
            }
        }))
    }
}

fn form(properties: &Value) -> Value {
    let schema = json!({ "type": "object", "properties": properties });
    json!({ "message": "Please fill in the form", "requestedSchema": schema })
}

fn defaults() -> Value {
    json!({
        "name": { "type": "string", "default": "John Doe" },
        "age": { "type": "integer", "default": 30 },
        "score": { "type": "number", "default": 95.5 },
        "status": { "type": "string", "enum": ["active", "inactive", "pending"], "default": "active" },
        "verified": { "type": "boolean", "default": true },
    })
}

fn choices() -> Value {
    let titled = |titles: [&str; 3]| {
        let values = ["value1", "value2", "value3"];
        let titled =
            values.iter().zip(titles).map(|(value, title)| json!({ "const": value, "title": title }));
        titled.collect::<Vec<Value>>()
    };
    let options = ["option1", "option2", "option3"];
    json!({
        "untitledSingle": { "type": "string", "enum": options },
        "titledSingle": { "type": "string", "oneOf": titled(["First Option", "Second Option", "Third Option"]) },
        "legacyEnum": {
            "type": "string", "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        "untitledMulti": { "type": "array", "items": { "type": "string", "enum": options } },
        "titledMulti": {
            "type": "array", "items": { "anyOf": titled(["First Choice", "Second Choice", "Third Choice"]) },
        },
    })
}

fn content(items: &[Value]) -> Value {
    json!({ "content": items })
}

fn words(text: &str) -> Value {
    json!({ "type": "text", "text": text })
}

fn image() -> Value {
    json!({ "type": "image", "data": PNG, "mimeType": "image/png" })
}

fn embedded(uri: &str, mime_type: &str, text: &str) -> Value {
    json!({ "type": "resource", "resource": { "uri": uri, "mimeType": mime_type, "text": text } })
}
