//! What an entry of a client's file says, whether it stands there as JSON, TOML or YAML.
//!
//! Used by the readers, which make it of text, and by the writers, which make text of it. Pure. Refuses to know
//! what any member means.

/// A value. Maps keep the order in which they were written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// A string.
    String(String),
    /// `true` or `false`.
    Bool(bool),
    /// A number, a date, a null: as it was written.
    Other(String),
    /// An array or a sequence.
    List(Vec<Value>),
    /// An object, a table or a mapping.
    Map(Vec<(String, Value)>),
}

impl Value {
    /// A string.
    pub fn string(text: impl Into<String>) -> Value {
        Value::String(text.into())
    }

    /// Nothing.
    pub fn null() -> Value {
        Value::Other("null".to_owned())
    }

    /// The member of a map. `None` if this is no map, or has no such member.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let Value::Map(members) = self else { return None };
        members.iter().find(|(candidate, _)| candidate == name).map(|(_, value)| value)
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// Whether it is this boolean.
    pub fn is(&self, wanted: bool) -> bool {
        *self == Value::Bool(wanted)
    }

    /// The strings of a list; nothing if this is no list.
    pub fn strings(&self) -> impl Iterator<Item = &str> {
        let items: &[Value] = match self {
            Value::List(items) => items,
            _ => &[],
        };
        items.iter().filter_map(Value::as_str)
    }

    /// The members of a map; nothing if this is no map.
    pub fn members(&self) -> &[(String, Value)] {
        match self {
            Value::Map(members) => members,
            _ => &[],
        }
    }

    /// Whether both say the same: the order of a map's members says nothing.
    pub fn same(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Map(mine), Value::Map(theirs)) => {
                mine.len() == theirs.len()
                    && mine.iter().all(|(name, value)| other.get(name).is_some_and(|other| value.same(other)))
            }
            (Value::List(mine), Value::List(theirs)) => {
                mine.len() == theirs.len() && mine.iter().zip(theirs).all(|(mine, theirs)| mine.same(theirs))
            }
            _ => self == other,
        }
    }
}
