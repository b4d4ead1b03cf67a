//! A JSON Schema that the daemon gave, kept as it is as far as every known client can take it.
//!
//! Used by the actions, whose arguments the daemon describes. Read once into a tree of a bounded depth; published from
//! it, and arguments are checked against it. Numbers keep their digits. Pure. Refuses what cannot be told without a
//! reference to itself or would be too large; loosens what clients refuse: unions, formats, rules between properties.

mod reading;

use super::raw::{is_integer, is_number, shortened, shown};
use crate::json::{self, Object, RawValue};

/// Bytes of one whole schema. The largest shipped one has 1.3 kB.
const BYTES_MAX: usize = 64 * 1024;

/// A schema, or a part of one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Schema {
    kind: Kind,
    description: String,
    /// The daemon takes more than one type can say: anything is accepted.
    free: bool,
    /// JSON texts; empty: no choice to make.
    choices: Vec<String>,
    /// Other words that are handed on, with their JSON.
    words: Vec<(&'static str, String)>,
    items: Option<Box<Schema>>,
    /// The values of members without a name of their own.
    additional: Option<Box<Schema>>,
    /// There are none.
    closed: bool,
    properties: Vec<Property>,
}

/// A member of an object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Property {
    /// Its name.
    pub name: String,
    /// What it is.
    pub schema: Schema,
    /// An object without it is wrong.
    pub required: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    String,
    Number,
    Integer,
    Boolean,
    Array,
    Object,
}

/// Why a schema cannot be used: one clause.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Odd(pub &'static str);

impl Schema {
    /// Reads a schema.
    ///
    /// # Errors
    /// [`Odd`] if it cannot be made safe.
    pub fn read(text: &str) -> Result<Schema, Odd> {
        if text.len() > BYTES_MAX {
            return Err(Odd("it is too large"));
        }
        reading::schema(text)
    }

    /// Of which nothing is known.
    fn of_anything() -> Schema {
        Schema {
            kind: Kind::String,
            description: String::new(),
            free: true,
            choices: Vec::new(),
            words: Vec::new(),
            items: None,
            additional: None,
            closed: false,
            properties: Vec::new(),
        }
    }

    /// The members, and what others may be; if it is an object that has members or says that it has none.
    pub fn into_members(self) -> Option<(Vec<Property>, Option<Box<Schema>>)> {
        let is_open = self.free || (self.properties.is_empty() && !self.closed);
        let others = match (self.closed, self.additional) {
            (true, _) => None,
            (false, additional) => Some(additional.unwrap_or_else(|| Box::new(Schema::of_anything()))),
        };
        (self.kind == Kind::Object && !is_open).then_some((self.properties, others))
    }

    /// The members of an object with their schemas, whether there are no others, and what others are if that is said.
    /// `None` if it is no object, or one of which nothing is known.
    pub(super) fn names(&self) -> Option<(impl Iterator<Item = (&str, &Schema)>, bool, Option<&Schema>)> {
        let is_known = self.closed || self.additional.is_some() || !self.properties.is_empty();
        let members = self.properties.iter().map(|property| (&*property.name, &property.schema));
        let is_object = self.kind == Kind::Object && !self.free;
        (is_object && is_known).then_some((members, self.closed, self.additional.as_deref()))
    }

    /// What each item is, if it is an array of which that is known.
    pub(super) fn item(&self) -> Option<&Schema> {
        self.items.as_deref().filter(|_| self.kind == Kind::Array && !self.free)
    }

    /// Any string.
    pub fn is_any_string(&self) -> bool {
        self.kind == Kind::String && !self.free && self.choices.is_empty()
    }

    /// As published: an object, as text.
    pub fn to_json(&self) -> String {
        self.published(false)
    }

    fn published(&self, in_items: bool) -> String {
        let mut object = Object::new();
        object.string("type", self.kind.name());
        object.optional_string("description", Some(&*self.description).filter(|text| !text.is_empty()));
        if !self.choices.is_empty() {
            object.raw("enum", &format!("[{}]", self.choices.join(",")));
        }
        for (word, value) in &self.words {
            object.raw(word, value);
        }
        if self.kind == Kind::Array {
            let items = self.items.as_ref().map(|items| items.published(true));
            object.raw("items", items.as_deref().unwrap_or(r#"{"type":"string"}"#));
        }
        // Some clients refuse objects within arrays that have no properties.
        if !self.properties.is_empty() || (self.kind == Kind::Object && in_items) {
            let mut properties = Object::new();
            for Property { name, schema, .. } in &self.properties {
                properties.raw(name, &schema.published(false));
            }
            object.raw("properties", &properties.finish());
        }
        let required = self.properties.iter().filter(|property| property.required);
        let required: Vec<&str> = required.map(|property| &*property.name).collect();
        if !required.is_empty() {
            object.raw("required", &json::array_of_strings(required));
        }
        if let Some(additional) = &self.additional {
            object.raw("additionalProperties", &additional.published(false));
        }
        object.finish()
    }

    /// Tells `wrong` what is wrong with a value: where, what was expected, what came.
    pub fn check(&self, raw: &RawValue, at: &str, wrong: &mut dyn FnMut(&str, String, String)) {
        if self.free {
            return;
        }
        if !self.kind.takes(raw) || !self.is_choice(raw) || !self.is_within(raw) {
            return wrong(at, self.expected(), shown(raw.get()));
        }
        match self.kind {
            Kind::Array => {
                let items: Vec<&RawValue> = serde_json::from_str(raw.get()).unwrap_or_default();
                for (schema, (index, item)) in self.items.iter().cycle().zip(items.iter().enumerate()) {
                    schema.check(item, &format!("{at}[{index}]"), wrong);
                }
            }
            Kind::Object => self.check_members(raw, at, wrong),
            _ => {}
        }
    }

    fn check_members(&self, raw: &RawValue, at: &str, wrong: &mut dyn FnMut(&str, String, String)) {
        let members = json::entries(raw.get()).unwrap_or_default();
        for Property { name, schema, required } in &self.properties {
            let at = format!("{at}.{name}");
            match members.iter().rev().find(|(given, _)| given == name) {
                Some((_, value)) if *required || !json::is_null(value) => schema.check(value, &at, wrong),
                None if *required => wrong(&at, schema.expected(), "nothing".to_owned()),
                _ => {}
            }
        }
        let Some(additional) = &self.additional else { return };
        for (name, value) in
            members.iter().filter(|(name, _)| self.properties.iter().all(|own| own.name != *name))
        {
            additional.check(value, &format!("{at}.{}", shortened(name)), wrong);
        }
    }

    fn is_choice(&self, raw: &RawValue) -> bool {
        let same = |choice: &String| match (json::string(raw), serde_json::from_str::<&RawValue>(choice)) {
            (Some(text), Ok(choice)) => json::string(choice).is_some_and(|choice| choice == text),
            (None, _) => {
                *choice == raw.get() || number(choice).is_some_and(|choice| number(raw.get()) == Some(choice))
            }
            _ => false,
        };
        self.choices.is_empty() || self.choices.iter().any(same)
    }

    fn is_within(&self, raw: &RawValue) -> bool {
        let length = || match self.kind {
            Kind::String => json::string(raw).map(|text| text.chars().count()),
            Kind::Array => serde_json::from_str::<Vec<&RawValue>>(raw.get()).ok().map(|items| items.len()),
            _ => None,
        };
        let value = || if self.kind == Kind::String { None } else { number(raw.get()) };
        self.words.iter().all(|(word, bound)| {
            let Some(bound) = number(bound) else { return true };
            let length = || length().map(|length| length as f64);
            match *word {
                "minLength" | "minItems" => length().is_none_or(|length| length >= bound),
                "maxLength" | "maxItems" => length().is_none_or(|length| length <= bound),
                "minimum" => value().is_none_or(|value| value >= bound),
                "maximum" => value().is_none_or(|value| value <= bound),
                "exclusiveMinimum" => value().is_none_or(|value| value > bound),
                "exclusiveMaximum" => value().is_none_or(|value| value < bound),
                _ => true,
            }
        })
    }

    /// What was expected, for people.
    pub fn expected(&self) -> String {
        if !self.choices.is_empty() {
            return format!("one of {}", shortened(&self.choices.join(", ")));
        }
        let mut text = self.kind.expected().to_owned();
        for (word, value) in self.words.iter().filter(|(word, _)| BOUNDS.contains(word)) {
            text.push_str(&format!(", {word} {value}"));
        }
        text
    }
}

/// The words that are checked, and told when a value breaks them. Two words are handed on to the client and left to the
/// daemon, whose refusal comes back as it is: `pattern`, because only the daemon's own kind of regular expression
/// accepts exactly what the daemon accepts, and `multipleOf`, because a remainder of decimal fractions is not exact.
/// Refusing what the daemon would take is worse than asking it.
const BOUNDS: [&str; 8] = [
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
];

impl Kind {
    fn of(name: &str) -> Option<Kind> {
        [Kind::String, Kind::Number, Kind::Integer, Kind::Boolean, Kind::Array, Kind::Object]
            .into_iter()
            .find(|kind| kind.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Kind::String => "string",
            Kind::Number => "number",
            Kind::Integer => "integer",
            Kind::Boolean => "boolean",
            Kind::Array => "array",
            Kind::Object => "object",
        }
    }

    fn expected(self) -> &'static str {
        match self {
            Kind::String => "a string",
            Kind::Number => "a number",
            Kind::Integer => "an integer",
            Kind::Boolean => "true or false",
            Kind::Array => "an array",
            Kind::Object => "an object",
        }
    }

    fn takes(self, raw: &RawValue) -> bool {
        let text = raw.get();
        match self {
            Kind::String => json::string(raw).is_some(),
            Kind::Number => is_number(text),
            Kind::Integer => is_integer(text, None, None),
            Kind::Boolean => ["true", "false"].contains(&text),
            Kind::Array => text.starts_with('['),
            Kind::Object => text.starts_with('{'),
        }
    }
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|_| is_number(text))
}
