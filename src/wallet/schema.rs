//! A row's published form: the JSON Schema of its arguments, and its annotations.
//!
//! Used by the server for the list of tools and by the command line. Pure. Keeps to the subset of JSON Schema
//! that every known client takes: an object at the top, one type per property, `items` on every array, no
//! references, no unions, no `format`. Refuses to know how the list is sent.

use serde_json::Value;

use super::spec::{Effect, Kind, Param, Reach, Required, Shape, ToolSpec};
use crate::http::Method;

/// The JSON Schema of the arguments, as the text of an object; properties in the row's order.
pub fn input_schema(spec: &ToolSpec) -> String {
    if spec.params.is_empty() {
        return r#"{"type":"object","properties":{},"additionalProperties":false}"#.to_owned();
    }
    object(&spec.params, "")
}

/// What a client may tell its user before it calls the tool, as the text of a JSON object. Of a tool that only
/// reads the other hints mean nothing; they are left out.
pub fn annotations(spec: &ToolSpec) -> String {
    let open_world = spec.reach == Reach::World;
    let hints = match spec.effect {
        Effect::Read => r#""readOnlyHint":true"#,
        // A signature can authorise a spend. The same input gives an equally good one.
        Effect::Sign => r#""readOnlyHint":false,"destructiveHint":true,"idempotentHint":true"#,
        Effect::Write if spec.endpoint.method == Method::Delete => {
            r#""readOnlyHint":false,"destructiveHint":true"#
        }
        Effect::Write => r#""readOnlyHint":false,"destructiveHint":false"#,
        Effect::Spend => r#""readOnlyHint":false,"destructiveHint":true,"idempotentHint":false"#,
    };
    format!(r#"{{{hints},"openWorldHint":{open_world}}}"#)
}

/// An object with these members; `about` is its description, empty for none.
fn object(params: &[Param], about: &str) -> String {
    let properties: Vec<String> = params
        .iter()
        .map(|param| format!("{}:{}", quoted(&param.name), property(&param.kind, &param.description)))
        .collect();
    let required: Vec<String> = params
        .iter()
        .filter(|param| match param.required {
            Required::Always | Required::Unless(..) | Required::UnlessGiven(_) => true,
            Required::Never | Required::When(..) => false,
        })
        .map(|param| quoted(&param.name))
        .collect();
    let mut text =
        format!(r#"{{"type":"object"{},"properties":{{{}}}"#, described(about), properties.join(","));
    if !required.is_empty() {
        text.push_str(&format!(r#","required":[{}]"#, required.join(",")));
    }
    text.push('}');
    text
}

fn property(kind: &Kind, about: &str) -> String {
    let simple = |name: &str| format!(r#"{{"type":"{name}"{}}}"#, described(about));
    match kind {
        Kind::Text | Kind::TextOrNumber | Kind::Uuid | Kind::Wallet | Kind::Network => simple("string"),
        Kind::Number => simple("number"),
        Kind::Boolean => simple("boolean"),
        Kind::Integer(min, max) => {
            let bound = |word: &str, bound: &Option<i64>| {
                bound.map(|bound| format!(r#","{word}":{bound}"#)).unwrap_or_default()
            };
            let bounds = bound("minimum", min) + &bound("maximum", max);
            format!(r#"{{"type":"integer"{bounds}{}}}"#, described(about))
        }
        Kind::Choice(words) => {
            let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
            format!(r#"{{"type":"string","enum":[{}]{}}}"#, words.join(","), described(about))
        }
        Kind::Object(params) | Kind::Verbatim(params) => object(params, about),
        Kind::List(items) => {
            format!(r#"{{"type":"array"{},"items":{}}}"#, described(about), property(items, ""))
        }
        Kind::Raw(_, schema) if about.is_empty() => schema.to_string(),
        Kind::Raw(_, schema) => {
            let rest = schema.trim_start().trim_start_matches('{');
            format!("{{{},{rest}", described(about).trim_start_matches(','))
        }
    }
}

/// `,"description":"…"`, or nothing.
fn described(about: &str) -> String {
    if about.is_empty() { String::new() } else { format!(r#","description":{}"#, quoted(about)) }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

impl Shape {
    /// An array of objects nobody looks into, such as an ABI.
    pub fn objects() -> Kind {
        Kind::Raw(Shape::Array, r#"{"type":"array","items":{"type":"object","properties":{}}}"#.into())
    }
}
