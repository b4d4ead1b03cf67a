//! The members that one object may have, and every way to write their names.
//!
//! Used by the reading of names. Made of a row, of one kind of an instruction, or of a schema that the daemon gave. Pure.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use super::TYPE;
use super::joined;
use crate::wallet::given::Schema;
use crate::wallet::spec::{Kind, Others, Param, Required, ToolSpec, Variant};
use crate::wallet::spelling::{Candidate, same_words, spellings};

/// A member that an object may have.
pub(super) struct Entry<'s> {
    /// As people are told it.
    pub(super) name: &'s str,
    /// As it is handed on.
    pub(super) canonical: &'s str,
    /// What the daemon calls it; `a.b` where it is a part of another object there.
    field: &'s str,
    /// An empty string is a value.
    pub(super) keeps_empty: bool,
    pub(super) inside: Inside<'s>,
}

/// Where further names are.
#[derive(Clone, Copy)]
pub(super) enum Inside<'s> {
    /// Nowhere.
    Nothing,
    /// In a value of this kind; and whether it is handed on under the daemon's names.
    Kind(&'s Kind, bool),
    /// In what this schema describes.
    Schema(&'s Schema),
}

/// What becomes of a member that is none of the entries.
#[derive(Clone, Copy)]
pub(super) enum Rest<'s> {
    /// It means nothing.
    Nothing,
    /// It stays.
    Free,
    /// It stays, and is looked into.
    Each(&'s Schema),
    /// It is handed on beside the others.
    Beside,
}

/// The members of one object.
pub(super) struct Scope<'s> {
    pub(super) entries: Vec<Entry<'s>>,
    pub(super) rest: Rest<'s>,
    /// What is sent in any case, and its JSON: to say the same is no mistake.
    pub(super) fixed: Option<(&'s str, &'s str)>,
    /// What objects of another kind have that could stand in this one's place.
    elsewhere: Vec<Entry<'s>>,
    /// Other ways to write the names, made when the first is looked for. One that fits two of them is none.
    spelled: OnceCell<BTreeMap<String, Option<usize>>>,
}

impl<'s> Entry<'s> {
    fn of(param: &'s Param, by_field: bool) -> Entry<'s> {
        Entry {
            name: &param.name,
            canonical: if by_field { &param.field } else { &param.name },
            field: &param.field,
            keeps_empty: param.keeps_empty || param.required == Required::Always,
            inside: Inside::Kind(&param.kind, by_field),
        }
    }
}

impl<'s> Scope<'s> {
    fn new(entries: Vec<Entry<'s>>, rest: Rest<'s>) -> Scope<'s> {
        Scope { entries, rest, fixed: None, elsewhere: Vec::new(), spelled: OnceCell::new() }
    }

    /// The arguments of a tool.
    pub(super) fn of_tool(spec: &'s ToolSpec) -> Scope<'s> {
        let rest = if spec.endpoint.others.is_some() { Rest::Beside } else { Rest::Nothing };
        let fixed = spec.endpoint.preset.as_ref().map(|(name, json)| (*name, &**json));
        Scope { rest, fixed, ..Scope::of_params(&spec.params, false) }
    }

    fn of_params(params: &'s [Param], by_field: bool) -> Scope<'s> {
        Scope::new(params.iter().map(|param| Entry::of(param, by_field)).collect(), Rest::Nothing)
    }

    /// The members of one value of this kind, if it has any of its own. `by_field`: it is handed on as it is.
    pub(super) fn of_kind(kind: &'s Kind, by_field: bool) -> Option<Scope<'s>> {
        match kind {
            Kind::Object(params) | Kind::Unsaid(params) => Some(Scope::of_params(params, by_field)),
            Kind::Verbatim(others, params) => {
                let rest = match others {
                    Others::Refused => Rest::Nothing,
                    Others::Taken => Rest::Free,
                };
                Some(Scope { rest, ..Scope::of_params(params, true) })
            }
            _ => None,
        }
    }

    /// One of these kinds of an object, which may say which one it is.
    pub(super) fn of_variant(variant: &'s Variant, all: &'s [Variant]) -> Scope<'s> {
        let mut scope = Scope::of_params(&variant.params, true);
        let others = all.iter().flat_map(|other| &other.params);
        let others = others.filter(|param| scope.find(&param.field).is_none());
        scope.elsewhere = others.map(|param| Entry::of(param, true)).collect();
        let inside = Inside::Nothing;
        scope.entries.push(Entry { name: TYPE, canonical: TYPE, field: TYPE, keeps_empty: true, inside });
        scope
    }

    /// `None` if it does not describe an object, or one about which it says nothing.
    pub(super) fn of_schema(schema: &'s Schema) -> Option<Scope<'s>> {
        let (members, is_closed, additional) = schema.names()?;
        let entry = |(name, schema): (&'s str, &'s Schema)| Entry {
            name,
            canonical: name,
            field: name,
            keeps_empty: true,
            inside: Inside::Schema(schema),
        };
        let rest = match (is_closed, additional) {
            (true, _) => Rest::Nothing,
            (false, None) => Rest::Free,
            (false, Some(schema)) => Rest::Each(schema),
        };
        Some(Scope::new(members.map(entry).collect(), rest))
    }

    /// The names as people are told them.
    pub(super) fn names(&self) -> impl Iterator<Item = &'s str> {
        self.entries.iter().map(|entry| entry.name)
    }

    /// Which entry a name means.
    pub(super) fn find(&self, given: &str) -> Option<usize> {
        let exact = self.entries.iter().position(|entry| entry.canonical == given);
        exact.or_else(|| self.spelled.get_or_init(|| self.spellings()).get(given).copied().flatten())
    }

    /// The name under which a given name is handed on.
    pub(super) fn canonical(&self, given: &str) -> Option<&'s str> {
        Some(self.entries.get(self.find(given)?)?.canonical)
    }

    /// Whether it is the name of another kind of object that could stand here.
    pub(super) fn is_elsewhere(&self, given: &str) -> bool {
        let is_it = |name: &str| name == given || spellings(name).iter().any(|name| name == given);
        self.elsewhere.iter().any(|entry| is_it(entry.name) || is_it(entry.field))
    }

    fn spellings(&self) -> BTreeMap<String, Option<usize>> {
        let mut found: BTreeMap<String, Option<usize>> = BTreeMap::new();
        for (index, entry) in self.entries.iter().enumerate() {
            // `token.address` is not what a call has as `address`; `headers.signature-input` has the argument's own words.
            let field = match entry.field.split_once('.') {
                None => entry.field,
                Some((_, part)) if same_words(part, entry.name) => part,
                Some(_) => entry.name,
            };
            let as_is = [entry.name, field];
            for name in as_is.map(str::to_owned).into_iter().chain(as_is.into_iter().flat_map(spellings)) {
                let at = found.entry(name).or_insert(Some(index));
                if *at != Some(index) {
                    *at = None;
                }
            }
        }
        found
    }

    /// What could have been meant by a name here, told as it would be at `at`.
    pub(super) fn candidates(&self, at: &str) -> Vec<Candidate> {
        let mut found: Vec<Candidate> = Vec::new();
        let entries = || self.entries.iter().chain(&self.elsewhere);
        for entry in entries() {
            let field = entry.field.split_once('.').map_or(entry.field, |(_, part)| part);
            found.push(Candidate::new(joined(at, entry.name), entry.name).or(field));
        }
        // What belongs one step further in.
        for entry in entries() {
            for inner in entry.inside.names() {
                let path = joined(&joined(at, entry.name), inner);
                found.push(Candidate::new(path, inner).or(&format!("{}.{inner}", entry.name)));
            }
        }
        found
    }
}

impl<'s> Inside<'s> {
    fn names(self) -> Vec<&'s str> {
        let schema_names = |schema: &'s Schema| -> Vec<&'s str> {
            schema.names().map(|(members, ..)| members.map(|(name, _)| name).collect()).unwrap_or_default()
        };
        match self {
            Inside::Kind(Kind::Object(params) | Kind::Unsaid(params) | Kind::Verbatim(_, params), _) => {
                params.iter().map(|param| &*param.name).collect()
            }
            Inside::Kind(Kind::Given(schema), _) => schema_names(schema),
            Inside::Schema(schema) => schema_names(schema),
            Inside::Kind(..) | Inside::Nothing => Vec::new(),
        }
    }
}
