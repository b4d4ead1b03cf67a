//! Reading a schema that somebody else wrote: references written out, unions loosened, everything bounded.
//!
//! Used by [`super::Schema`] only. Pure. Refuses schemas that refer to themselves, are too large, or name a property as
//! no client takes it.

use serde_json::Value;

use super::{BOUNDS, Kind, Odd, Property, Schema, number};
use crate::json::{self, RawValue};
use crate::text::one_line;

/// Deepest nesting. The shipped providers have 3.
const DEPTH_MAX: usize = 8;

/// Most members and choices of one whole schema: the largest shipped one has 20.
const NODES_MAX: usize = 500;

/// Characters of one description. Shipped ones have 150.
const DESCRIPTION_CHARS_MAX: usize = 300;

/// Bytes of one other value that is handed on: a default, a pattern, a choice.
const VALUE_BYTES_MAX: usize = 500;

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

/// Reads a schema.
pub(super) fn schema(text: &str) -> Result<Schema, Odd> {
    Reader { root: text, nodes_left: NODES_MAX }.schema(text, DEPTH_MAX)
}

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
        let constant = word("const").and_then(kind_of);
        let inferred = || match () {
            () if word("properties").is_some() => Kind::Object,
            () if word("items").is_some() => Kind::Array,
            () => constant.unwrap_or(Kind::String),
        };
        let untold = kinds.is_empty()
            && constant.is_none()
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
            closed: false,
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
            let Some(value) = word(name).map(RawValue::get).filter(|value| can_be_handed_on(value)) else {
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
            Some("false") => {
                schema.closed = true;
                // Published only where it says something: what has no members is else taken for what may have any.
                if schema.properties.is_empty() {
                    schema.words.push(("additionalProperties", "false".to_owned()));
                }
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
        let usable = choices.iter().filter(|choice| kind.takes(choice) && can_be_handed_on(choice.get()));
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
                closed: false,
                properties: Vec::new(),
            },
        };
        if !about.is_empty() {
            united.description = about;
        }
        Ok(united)
    }
}

/// The types named by the word `type`, without `null`.
fn kinds(word: Option<&RawValue>) -> Vec<Kind> {
    let Some(word) = word else { return Vec::new() };
    let names = json::string(word).map(|name| vec![name]).or_else(|| serde_json::from_str(word.get()).ok());
    names.unwrap_or_default().iter().filter_map(|name| Kind::of(name)).collect()
}

/// Whether every client can read this value: one number beyond a double's range, and some refuse the whole list.
fn can_be_handed_on(value: &str) -> bool {
    value.len() <= VALUE_BYTES_MAX && serde_json::from_str::<Value>(value).is_ok()
}

/// The kind of a constant; `None` for null, which no kind has.
fn kind_of(constant: &RawValue) -> Option<Kind> {
    match constant.get().as_bytes().first()? {
        b'"' => Some(Kind::String),
        b'{' => Some(Kind::Object),
        b'[' => Some(Kind::Array),
        b't' | b'f' => Some(Kind::Boolean),
        b'n' => None,
        _ => Some(Kind::Number),
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
