//! A JSON Schema that the daemon gave, kept as it is as far as every known client can take it.
//!
//! Used by the actions, whose arguments the daemon describes. Read once into a tree of a bounded depth; published from
//! it, and arguments are checked against it. Numbers keep their digits. Pure. Refuses what cannot be told without a
//! reference to itself or would be too large; loosens what clients refuse: unions, formats, rules between properties.

use super::raw::{is_integer, is_number, shortened, shown};
use crate::json::{self, Object, RawValue};

/// Deepest nesting. The shipped providers have 3.
const DEPTH_MAX: usize = 8;

/// Most members and choices of one whole schema: the largest shipped one has 20.
const NODES_MAX: usize = 500;

/// Bytes of one whole schema. The largest shipped one has 1.3 kB.
const BYTES_MAX: usize = 64 * 1024;

/// Characters of one description. Shipped ones have 150.
const DESCRIPTION_CHARS_MAX: usize = 300;

/// Bytes of one other value that is handed on: a default, a pattern, a choice.
const VALUE_BYTES_MAX: usize = 500;

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

/// Words whose value is handed on as it is.
const HANDED_ON: [&str; 12] = [
    "const",
    "default",
    "pattern",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
];

/// One reading of one schema.
struct Reader<'a> {
    root: &'a str,
    nodes_left: usize,
}

impl Schema {
    /// Reads a schema.
    ///
    /// # Errors
    /// [`Odd`] if it cannot be made safe.
    pub fn read(text: &str) -> Result<Schema, Odd> {
        if text.len() > BYTES_MAX {
            return Err(Odd("it is too large"));
        }
        Reader { root: text, nodes_left: NODES_MAX }.schema(text, DEPTH_MAX)
    }

    /// The members, if it is an object that has them or says that it has none.
    pub fn into_properties(self) -> Option<Vec<Property>> {
        let is_open = self.free || (self.properties.is_empty() && !self.is_closed());
        (self.kind == Kind::Object && !is_open).then_some(self.properties)
    }

    /// Any string.
    pub fn is_any_string(&self) -> bool {
        self.kind == Kind::String && !self.free && self.choices.is_empty()
    }

    fn is_closed(&self) -> bool {
        self.words.iter().any(|(word, value)| *word == "additionalProperties" && value == "false")
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
            return wrong(at, self.expected(), shown(raw));
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

/// The words that are checked, and told when a value breaks them.
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

impl<'a> Reader<'a> {
    fn schema(&mut self, text: &'a str, depth: usize) -> Result<Schema, Odd> {
        let depth = depth.checked_sub(1).ok_or(Odd("it is nested too deeply, or refers to itself"))?;
        self.nodes_left = self.nodes_left.checked_sub(1).ok_or(Odd("it has too many parts"))?;
        let words = json::entries(text).ok_or(Odd("a schema is not an object"))?;
        let word = |name: &str| words.iter().rev().find(|(word, _)| word == name).map(|(_, value)| *value);
        if let Some(reference) = word("$ref").and_then(json::string) {
            let target =
                resolved(self.root, &reference).ok_or(Odd("it refers to something that is not there"))?;
            return self.schema(target, depth);
        }
        if let Some(variants) = word("anyOf").or(word("oneOf")) {
            return self.union(variants, word("description"), depth);
        }
        let kinds = kinds(word("type"));
        let inferred = || match () {
            () if word("properties").is_some() => Kind::Object,
            () if word("items").is_some() => Kind::Array,
            () => Kind::String,
        };
        let untold = kinds.is_empty()
            && word("enum").is_none()
            && word("properties").is_none()
            && word("items").is_none();
        let kind = match kinds[..] {
            [] => inferred(),
            [kind] => kind,
            _ => Kind::String,
        };
        let mut schema = Schema {
            kind,
            description: description(word("description")),
            free: untold || kinds.len() > 1,
            choices: self.choices(word("enum"), kind)?,
            words: Vec::new(),
            items: None,
            additional: None,
            properties: Vec::new(),
        };
        if schema.free {
            schema.choices.clear();
            return Ok(schema);
        }
        self.hand_on(&mut schema, &word);
        match kind {
            // A list of schemas, one for each place, is more than clients take.
            Kind::Array => {
                if let Some(items) = word("items").filter(|items| json::is_object(items)) {
                    schema.items = Some(Box::new(self.schema(items.get(), depth)?));
                }
            }
            Kind::Object => self.members(&mut schema, &word, depth)?,
            _ => {}
        }
        Ok(schema)
    }

    fn hand_on(&self, schema: &mut Schema, word: &dyn Fn(&str) -> Option<&'a RawValue>) {
        for name in HANDED_ON {
            let Some(value) = word(name).map(RawValue::get).filter(|value| value.len() <= VALUE_BYTES_MAX)
            else {
                continue;
            };
            // Draft 4: the bound stands beside it.
            match (name, value) {
                ("exclusiveMinimum" | "exclusiveMaximum", "true") => {
                    let plain = if name == "exclusiveMinimum" { "minimum" } else { "maximum" };
                    if let Some((word, _)) = schema.words.iter_mut().find(|(word, _)| *word == plain) {
                        *word = name;
                    }
                }
                ("exclusiveMinimum" | "exclusiveMaximum", "false") => {}
                _ if BOUNDS.contains(&name) && number(value).is_none() => {}
                _ => schema.words.push((name, value.to_owned())),
            }
        }
    }

    fn members(
        &mut self,
        schema: &mut Schema,
        word: &dyn Fn(&str) -> Option<&'a RawValue>,
        depth: usize,
    ) -> Result<(), Odd> {
        let required = word("required").and_then(|raw| serde_json::from_str::<Vec<String>>(raw.get()).ok());
        let required = required.unwrap_or_default();
        let properties =
            word("properties").map(|raw| json::entries(raw.get()).ok_or(Odd("its properties are no object")));
        for (name, value) in properties.transpose()?.unwrap_or_default() {
            let good = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
            if !(1..=64).contains(&name.len()) || !name.chars().all(good) {
                return Err(Odd("a property has a name that clients refuse"));
            }
            if schema.properties.iter().any(|property| property.name == name) {
                return Err(Odd("a property occurs twice"));
            }
            let required = required.contains(&name);
            schema.properties.push(Property { schema: self.schema(value.get(), depth)?, name, required });
        }
        match word("additionalProperties").map(RawValue::get) {
            Some(text)
                if text.starts_with('{') && json::members(text, []).is_some() && text.trim() != "{}" =>
            {
                schema.additional = Some(Box::new(self.schema(text, depth)?));
            }
            // Members without a name are dropped or passed on as they always are; only whether there are any counts.
            Some("false") if schema.properties.is_empty() => {
                schema.words.push(("additionalProperties", "false".to_owned()));
            }
            _ => {}
        }
        Ok(())
    }

    fn choices(&mut self, choices: Option<&RawValue>, kind: Kind) -> Result<Vec<String>, Odd> {
        let Some(choices) = choices else { return Ok(Vec::new()) };
        let choices: Vec<&RawValue> =
            serde_json::from_str(choices.get()).map_err(|_| Odd("its enum is no array"))?;
        self.nodes_left = self.nodes_left.checked_sub(choices.len()).ok_or(Odd("it has too many parts"))?;
        let usable =
            choices.iter().filter(|choice| kind.takes(choice) && choice.get().len() <= VALUE_BYTES_MAX);
        Ok(usable.map(|choice| choice.get().to_owned()).collect())
    }

    /// One type for several: the words of several choices of words, else a string that may be anything.
    fn union(
        &mut self,
        variants: &'a RawValue,
        about: Option<&RawValue>,
        depth: usize,
    ) -> Result<Schema, Odd> {
        let variants: Vec<&RawValue> =
            serde_json::from_str(variants.get()).map_err(|_| Odd("its variants are no array"))?;
        let mut read = Vec::with_capacity(variants.len().min(NODES_MAX));
        for variant in variants {
            let is_null = json::members(variant.get(), ["type"])
                .is_some_and(|[kind]| kind.is_some_and(|kind| kind.get() == "\"null\""));
            if !is_null {
                read.push(self.schema(variant.get(), depth)?);
            }
        }
        let about = description(about);
        let all_strings = read.iter().all(|schema| schema.kind == Kind::String && !schema.free);
        let mut united = match read.len() {
            0 => return Err(Odd("it has no variants")),
            1 => read.remove(0),
            _ if all_strings && read.iter().all(|schema| !schema.choices.is_empty()) => {
                let choices = read.iter().flat_map(|schema| schema.choices.clone()).collect();
                Schema { choices, ..read.remove(0) }
            }
            _ => Schema {
                kind: Kind::String,
                description: String::new(),
                free: !all_strings,
                choices: Vec::new(),
                words: if all_strings { vec![("minLength", "1".to_owned())] } else { Vec::new() },
                items: None,
                additional: None,
                properties: Vec::new(),
            },
        };
        if !about.is_empty() {
            united.description = about;
        }
        Ok(united)
    }
}

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

/// The types named by the word `type`, without `null`.
fn kinds(word: Option<&RawValue>) -> Vec<Kind> {
    let Some(word) = word else { return Vec::new() };
    let names = json::string(word).map(|name| vec![name]).or_else(|| serde_json::from_str(word.get()).ok());
    names.unwrap_or_default().iter().filter_map(|name| Kind::of(name)).collect()
}

/// On one line, without characters that move a cursor, and of a bounded length.
pub(super) fn one_line(text: &str, chars_max: usize) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words: Vec<&str> = plain.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

fn description(word: Option<&RawValue>) -> String {
    one_line(&word.and_then(json::string).unwrap_or_default(), DESCRIPTION_CHARS_MAX)
}

/// What `#/a/b` refers to.
fn resolved<'a>(root: &'a str, reference: &str) -> Option<&'a str> {
    let mut text = root;
    for step in reference.strip_prefix("#/")?.split('/') {
        let name = step.replace("~1", "/").replace("~0", "~");
        let entries = json::entries(text)?;
        text = entries.into_iter().find(|(entry, _)| *entry == name)?.1.get();
    }
    Some(text)
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|_| is_number(text))
}
