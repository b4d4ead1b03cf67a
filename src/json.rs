//! JSON as text: members of an object are found without building a tree, and an object is written member by
//! member.
//!
//! Used by the protocol and the server, which hand most JSON on as they got it: no number is changed and no
//! member moves. Pure. Refuses to know what any member means.

use std::fmt::{self, Write as _};

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
pub use serde_json::value::RawValue;

/// The values of `names` in the JSON object `text`, as text. `None` if `text` is not one JSON object. A member
/// given twice counts as its last value, as in JavaScript.
pub fn members<'a, const N: usize>(text: &'a str, names: [&str; N]) -> Option<[Option<&'a RawValue>; N]> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let found = Members { names }.deserialize(&mut deserializer).ok()?;
    deserializer.end().ok()?;
    Some(found)
}

/// All members of the JSON object `text` with their values, in their order. `None` if it is not one JSON object.
pub fn entries(text: &str) -> Option<Vec<(String, &RawValue)>> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let found = deserializer.deserialize_map(Entries).ok()?;
    deserializer.end().ok()?;
    Some(found)
}

/// The value of a JSON string; `None` if it is something else, or not Unicode (a lone surrogate).
pub fn string(value: &RawValue) -> Option<String> {
    // Anything else than a string is recognised by its first byte, without trying.
    value.get().starts_with('"').then(|| serde_json::from_str(value.get()).ok()).flatten()
}

/// Whether the value is `null`.
pub fn is_null(value: &RawValue) -> bool {
    value.get() == "null"
}

/// Whether the value is an object.
pub fn is_object(value: &RawValue) -> bool {
    value.get().starts_with('{')
}

/// Whether `text` is one JSON value of any kind, however deeply nested.
pub fn is_one_value(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// Appends `value` as a JSON string.
pub fn push_string(out: &mut String, value: &str) {
    out.reserve(value.len() + 2);
    out.push('"');
    let mut copied = 0;
    for (at, byte) in value.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.push_str(&value[copied..at]);
        copied = at + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            control => write!(out, "\\u{control:04x}").expect("writing to a String cannot fail"),
        }
    }
    out.push_str(&value[copied..]);
    out.push('"');
}

/// A JSON array of strings.
pub fn array_of_strings<'a>(values: impl IntoIterator<Item = &'a str>) -> String {
    let mut out = String::from("[");
    for value in values {
        if out.len() > 1 {
            out.push(',');
        }
        push_string(&mut out, value);
    }
    out.push(']');
    out
}

/// The object `first` with the members of the object `second` behind its own. Both are the text of an object.
pub fn with_members(first: &str, second: &str) -> String {
    let inner = |object: &str| {
        let object = object.trim();
        object.strip_prefix('{').and_then(|object| object.strip_suffix('}')).unwrap_or("").to_owned()
    };
    let (first, second) = (inner(first), inner(second));
    let separator = if first.trim().is_empty() || second.trim().is_empty() { "" } else { "," };
    format!("{{{first}{separator}{second}}}")
}

/// A JSON object being written. Members stand in the order in which they are added.
#[derive(Default)]
pub struct Object {
    text: String,
}

impl Object {
    /// An object without members yet.
    pub fn new() -> Object {
        Object::default()
    }

    /// Adds a string.
    pub fn string(&mut self, name: &str, value: &str) -> &mut Object {
        self.name(name);
        push_string(&mut self.text, value);
        self
    }

    /// Adds a string, if there is one.
    pub fn optional_string(&mut self, name: &str, value: Option<&str>) -> &mut Object {
        if let Some(value) = value {
            self.string(name, value);
        }
        self
    }

    /// Adds a boolean.
    pub fn bool(&mut self, name: &str, value: bool) -> &mut Object {
        self.raw(name, if value { "true" } else { "false" })
    }

    /// Adds an integer.
    pub fn integer(&mut self, name: &str, value: i64) -> &mut Object {
        self.name(name);
        write!(self.text, "{value}").expect("writing to a String cannot fail");
        self
    }

    /// Adds a value that is JSON text already.
    pub fn raw(&mut self, name: &str, json: &str) -> &mut Object {
        self.name(name);
        self.text.push_str(json);
        self
    }

    /// The text of the object.
    pub fn finish(&mut self) -> String {
        let mut text = std::mem::take(&mut self.text);
        text.push_str(if text.is_empty() { "{}" } else { "}" });
        text
    }

    fn name(&mut self, name: &str) {
        self.text.push(if self.text.is_empty() { '{' } else { ',' });
        push_string(&mut self.text, name);
        self.text.push(':');
    }
}

/// Takes all members of an object.
struct Entries;

impl<'de> Visitor<'de> for Entries {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = Vec::new();
        while let Some(entry) = map.next_entry()? {
            found.push(entry);
        }
        Ok(found)
    }
}

/// Finds members by name while an object is read once.
struct Members<'n, const N: usize> {
    names: [&'n str; N],
}

impl<'de, const N: usize> DeserializeSeed<'de> for Members<'_, N> {
    type Value = [Option<&'de RawValue>; N];

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, const N: usize> Visitor<'de> for Members<'_, N> {
    type Value = [Option<&'de RawValue>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = [None; N];
        while let Some(index) = map.next_key_seed(IndexOf { names: &self.names })? {
            match index {
                Some(index) => found[index] = Some(map.next_value()?),
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(found)
    }
}

/// A member's name, as its index in `names`.
struct IndexOf<'n> {
    names: &'n [&'n str],
}

impl<'de> DeserializeSeed<'de> for IndexOf<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for IndexOf<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.names.iter().position(|candidate| *candidate == name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_as_the_text_they_came_in() {
        let text = r#" {"a": 1.50 ,"x":{"a":7},"\u0062":"\u00e9","a": 123456789012345678901 } "#;
        let [a, b, c] = members(text, ["a", "b", "c"]).expect("an object");
        assert_eq!(a.map(RawValue::get), Some("123456789012345678901"));
        assert_eq!(b.map(RawValue::get), Some(r#""\u00e9""#));
        assert!(c.is_none());
    }

    #[test]
    fn entries_keep_their_order_and_their_text() {
        let entries = entries(r#"{"b":1.0,"\u0061":[],"b":{}}"#).expect("an object");
        let seen: Vec<_> = entries.iter().map(|(name, value)| (name.as_str(), value.get())).collect();
        assert_eq!(seen, [("b", "1.0"), ("a", "[]"), ("b", "{}")]);
        assert!(super::entries("[]").is_none() && super::entries("{} x").is_none());
    }

    #[test]
    fn what_is_not_one_object_has_no_members() {
        for text in ["", "[]", "1", "null", r#"{"a":1"#, r#"{"a":1} x"#, r#"{"a":1,}"#, "{\"a\":\"\0\"}"] {
            assert!(members(text, ["a"]).is_none(), "{text:?}");
        }
    }

    #[test]
    fn depth_costs_no_stack() {
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(1_000_000), "]".repeat(1_000_000));
        assert!(members(&deep, ["a"]).is_some());
        assert!(is_one_value(&deep));
    }

    #[test]
    fn every_character_survives_being_written() {
        let all: String = ('\0'..='\u{fff}').chain("\u{2028}\u{ffff}😀".chars()).collect();
        let mut written = String::new();
        push_string(&mut written, &all);
        assert_eq!(serde_json::from_str::<String>(&written).expect("a JSON string"), all);
        assert!(!written.contains(|c: char| c < ' '));
    }

    #[test]
    fn objects_are_written_in_order() {
        let mut object = Object::new();
        object
            .string("b", "x\"y")
            .bool("a", true)
            .integer("n", -7)
            .raw("r", "[1]")
            .optional_string("o", None);
        assert_eq!(object.finish(), r#"{"b":"x\"y","a":true,"n":-7,"r":[1]}"#);
        assert_eq!(Object::new().finish(), "{}");
        assert_eq!(array_of_strings(["a", "b"]), r#"["a","b"]"#);
        assert_eq!(array_of_strings([]), "[]");
    }
    #[test]
    fn objects_are_joined_as_text() {
        let table = [
            ("{}", "{}", "{}"),
            (" { } ", r#"{"a":1}"#, r#"{ "a":1}"#),
            (r#"{"a":1}"#, "{}", r#"{"a":1}"#),
            ("{\"a\":1}\n", r#"{"b":2}"#, r#"{"a":1,"b":2}"#),
        ];
        for (first, second, expected) in table {
            assert_eq!(with_members(first, second), expected);
        }
    }
}
