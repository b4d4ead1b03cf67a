//! A small JSON writer that keeps the order of members.
//!
//! The daemon's member order is part of what a client passes on, and serde_json's maps sort theirs. Writes only;
//! requests are read with serde_json.

use std::borrow::Cow;

use serde_json::Value;

/// A JSON value to be written.
#[derive(Clone, Debug)]
pub(super) enum Json {
    Null,
    Bool(bool),
    Int(i64),
    Text(String),
    /// JSON text, written as it is.
    Raw(String),
    Array(Vec<Json>),
    Object(Vec<(Cow<'static, str>, Json)>),
}

/// A JSON object with its members in the order given; values are anything that `Json` can be made from.
macro_rules! object {
    { $($key:literal : $value:expr),* $(,)? } => {{
        #[allow(unused_mut, reason = "an empty object has no members")]
        let mut members = Vec::new();
        $($crate::sandbox::json::push_member(&mut members, $key, $value);)*
        Json::Object(members)
    }};
}
pub(super) use object;

/// One member. Not inlined: there are hundreds of places, and none of them is in a hurry.
#[inline(never)]
pub(super) fn push_member(
    members: &mut Vec<(Cow<'static, str>, Json)>,
    key: &'static str,
    value: impl Into<Json>,
) {
    members.push((Cow::Borrowed(key), value.into()));
}

impl Json {
    /// The object with one more member at its end. Anything but an object stays as it is.
    pub(super) fn with(mut self, key: &'static str, value: impl Into<Json>) -> Json {
        if let Json::Object(members) = &mut self {
            members.push((Cow::Borrowed(key), value.into()));
        }
        self
    }

    /// The object with one more member, if there is a value for it.
    pub(super) fn with_some(self, key: &'static str, value: Option<impl Into<Json>>) -> Json {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// The JSON text, without spaces.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) {
        match self {
            Json::Null => out.push_str("null"),
            Json::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Json::Int(value) => out.push_str(&value.to_string()),
            Json::Text(value) => write_string(value, out),
            Json::Raw(value) => out.push_str(value),
            Json::Array(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    item.write(out);
                }
                out.push(']');
            }
            Json::Object(members) => {
                out.push('{');
                for (at, (key, value)) in members.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    write_string(key, out);
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
        }
    }
}

fn write_string(text: &str, out: &mut String) {
    out.push_str(&Value::from(text).to_string());
}

impl From<bool> for Json {
    fn from(value: bool) -> Json {
        Json::Bool(value)
    }
}

impl From<i64> for Json {
    fn from(value: i64) -> Json {
        Json::Int(value)
    }
}

impl From<u32> for Json {
    fn from(value: u32) -> Json {
        Json::Int(value.into())
    }
}

impl From<u64> for Json {
    fn from(value: u64) -> Json {
        Json::Raw(value.to_string())
    }
}

impl From<usize> for Json {
    fn from(value: usize) -> Json {
        Json::Raw(value.to_string())
    }
}

impl From<&str> for Json {
    fn from(value: &str) -> Json {
        Json::Text(value.to_owned())
    }
}

impl From<String> for Json {
    fn from(value: String) -> Json {
        Json::Text(value)
    }
}

impl From<&String> for Json {
    fn from(value: &String) -> Json {
        Json::Text(value.clone())
    }
}

impl<T: Into<Json>> From<Option<T>> for Json {
    fn from(value: Option<T>) -> Json {
        value.map_or(Json::Null, Into::into)
    }
}

impl<T: Into<Json>> From<Vec<T>> for Json {
    fn from(values: Vec<T>) -> Json {
        Json::Array(values.into_iter().map(Into::into).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_keep_their_order_and_strings_are_escaped() {
        let value = object! {
            "z": "a\"b\n", "a": vec![1_i64, -2], "n": None::<String>, "b": true, "o": object! {}, "r": Json::Raw("1e3".into()),
        };
        let value = value.with("last", 7_usize).with_some("never", None::<bool>);
        assert_eq!(value.text(), r#"{"z":"a\"b\n","a":[1,-2],"n":null,"b":true,"o":{},"r":1e3,"last":7}"#);
    }
}
