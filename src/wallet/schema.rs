//! A row's published form: the JSON Schema of its arguments, and the hints about a call.
//!
//! Used by the server for the list of tools and by the command line. Pure. Keeps to the subset of JSON Schema
//! that every known client takes: an object at the top, one type per property, `items` on every array, no
//! references, no unions, no `format`. Refuses to know how the list is sent.

use super::spec::{Effect, Kind, Param, Reach, Required, ToolSpec};
use crate::http::Method;
use crate::json::{Object, array_of_strings};

/// What a client may tell its user before it calls the tool. Of a tool that only reads, the second and third
/// mean nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hints {
    /// Nothing changes.
    pub read_only: bool,
    /// Something may be spent, authorised or taken away.
    pub destructive: Option<bool>,
    /// Calling again with the same arguments changes nothing more.
    pub idempotent: Option<bool>,
    /// Others than the daemon are asked.
    pub open_world: bool,
}

/// The JSON Schema of the arguments, as the text of an object; properties in the row's order.
pub fn input_schema(spec: &ToolSpec) -> String {
    if spec.params.is_empty() {
        return r#"{"type":"object","properties":{},"additionalProperties":false}"#.to_owned();
    }
    object(&spec.params, "")
}

/// What follows from a tool's effect and reach.
pub fn hints(spec: &ToolSpec) -> Hints {
    let (destructive, idempotent) = match spec.effect {
        Effect::Read => (None, None),
        // A signature can authorise a spend. The same input gives an equally good one.
        Effect::Sign => (Some(true), Some(true)),
        Effect::Write => (Some(spec.endpoint.method == Method::Delete), None),
        Effect::Spend => (Some(true), Some(false)),
    };
    Hints {
        read_only: spec.effect == Effect::Read,
        destructive,
        idempotent,
        open_world: spec.reach == Reach::World,
    }
}

/// An object with these members; `about` is its description, empty for none.
fn object(params: &[Param], about: &str) -> String {
    let mut properties = Object::new();
    for param in params {
        properties.raw(&param.name, &property(&param.kind, &param.description));
    }
    let is_required = |param: &&Param| match param.required {
        Required::Always | Required::Unless(..) | Required::UnlessGiven(_) => true,
        Required::Never | Required::When(..) | Required::OnlyWhen(..) | Required::WhenGiven(_) => false,
    };
    let required: Vec<&str> = params.iter().filter(is_required).map(|param| &*param.name).collect();
    let mut schema = typed("object", about);
    schema.raw("properties", &properties.finish());
    if !required.is_empty() {
        schema.raw("required", &array_of_strings(required));
    }
    schema.finish()
}

fn property(kind: &Kind, about: &str) -> String {
    match kind {
        Kind::Text
        | Kind::TextOrNumber
        | Kind::Formed(_)
        | Kind::Wallet
        | Kind::WalletUuid
        | Kind::Network => typed("string", about).finish(),
        Kind::Number | Kind::Count => typed("number", about).finish(),
        Kind::Boolean => typed("boolean", about).finish(),
        Kind::Integer(min, max) => {
            let mut schema = typed("integer", about);
            for (word, bound) in [("minimum", min), ("maximum", max)] {
                if let Some(bound) = bound {
                    schema.integer(word, *bound);
                }
            }
            schema.finish()
        }
        Kind::Choice(words) => {
            typed("string", about).raw("enum", &array_of_strings(words.iter().copied())).finish()
        }
        Kind::Spelled(spellings) => {
            let published = spellings.iter().filter(|spelling| spelling.published);
            let words = array_of_strings(published.map(|spelling| spelling.given));
            typed("string", about).raw("enum", &words).finish()
        }
        Kind::Object(params) | Kind::Verbatim(_, params) => object(params, about),
        Kind::Unsaid(_) => typed("object", about).finish(),
        Kind::TextMap => typed("object", about).raw("additionalProperties", r#"{"type":"string"}"#).finish(),
        Kind::Objects(bounds) | Kind::Variants(bounds, _) => {
            let mut schema = typed("array", about);
            // Some clients refuse objects within arrays that have no properties.
            schema.raw("items", r#"{"type":"object","properties":{}}"#);
            if let Some((least, most)) = bounds {
                schema.raw("minItems", &least.to_string()).raw("maxItems", &most.to_string());
            }
            schema.finish()
        }
        Kind::List(items) => typed("array", about).raw("items", &property(items, "")).finish(),
        Kind::Given(schema) => schema.to_json(),
        Kind::Raw(_, schema) => schema.to_string(),
    }
}

/// The beginning of a schema.
fn typed(kind: &str, about: &str) -> Object {
    let mut schema = Object::new();
    schema.string("type", kind).optional_string("description", Some(about).filter(|about| !about.is_empty()));
    schema
}
