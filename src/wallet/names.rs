//! Which argument each given name means, before any value is looked at.
//!
//! Used by the binding. An argument is taken under the name of its row, under the daemon's, and under either in camel or
//! snake case; all of these follow from the one row. What means nothing is a stray: a call that acts is refused for it,
//! because the daemon would drop it and do the rest, with other money or from another wallet. Values stay the text they
//! came in. Pure.

use std::collections::BTreeMap;

use super::given::Schema;
use super::raw::{shown, shown_name};
use super::spec::{Kind, ToolSpec, Variant};
use super::spelling::{Candidate, is_slip, nearest};
use crate::json::{self, Object, RawValue};
use scope::{Inside, Rest, Scope};
use stray::Hint;
pub(super) use stray::Stray;

mod scope;
mod stray;

/// Strays that are told. More would not help whoever has to mend the call.
pub(super) const STRAYS_MAX: usize = 20;

/// Most arguments without a row that are handed on. No action has as many with one.
const OTHERS_MAX: usize = 100;

/// Deepest nesting at which two values are compared part by part. Below, they are the same if their text is.
const COMPARED_DEPTH_MAX: usize = 8;

/// The member of an instruction that says what it is.
const TYPE: &str = "type";

/// The arguments of a call under the names of its row.
#[derive(Default)]
pub(super) struct Named {
    /// The object, if anything in it had to be renamed or left out.
    pub(super) text: Option<String>,
    /// What has no row and is taken by the endpoint all the same: name and JSON.
    pub(super) others: Vec<(String, Box<RawValue>)>,
    /// Neither in `text` nor in `others`; one more than [`STRAYS_MAX`] at most.
    pub(super) strays: Vec<Stray>,
}

/// Reads the names of a call's arguments. What is no object is left to the check of values.
pub(super) fn read(spec: &ToolSpec, arguments: &RawValue) -> Named {
    let scope = Scope::of_tool(spec);
    let top = scope.names().map(str::to_owned).collect();
    let mut reader = Reader { top, named: Named::default() };
    reader.named.text = reader.object(&scope, arguments, "");
    reader.named
}

/// A member that stays.
struct Kept {
    /// The name under which it came.
    given: String,
    /// The name under which it is handed on.
    name: String,
    text: String,
    /// It counts as given: it is neither `null` nor an empty string that stands for nothing.
    counts: bool,
}

struct Reader {
    /// The names of the arguments themselves.
    top: Vec<String>,
    named: Named,
}

impl Reader {
    /// The object under its canonical names; `None` if it has them already, or is no object.
    fn object(&mut self, scope: &Scope<'_>, raw: &RawValue, at: &str) -> Option<String> {
        let given = self.opened(raw, at)?;
        let mut kept: Vec<Kept> = Vec::with_capacity(given.len());
        // For each member that is known, where it is among those that are kept.
        let mut places = vec![None; scope.entries.len()];
        let mut is_changed = false;
        for (name, value) in given {
            let known = scope.find(&name);
            let Some((entry, place)) = known.and_then(|at| scope.entries.get(at).zip(places.get_mut(at)))
            else {
                let stays = self.without_a_row(scope, name, value, at);
                is_changed |= stays.is_none();
                kept.extend(stays);
                continue;
            };
            let text = self.inside(entry.inside, value, &joined(at, &name));
            is_changed |= text.is_some() || name != entry.canonical;
            let member = Kept {
                given: name,
                name: entry.canonical.to_owned(),
                text: text.unwrap_or_else(|| value.get().to_owned()),
                counts: !json::is_null(value) && (entry.keeps_empty || value.get() != "\"\""),
            };
            match place.and_then(|place: usize| kept.get_mut(place)) {
                None => {
                    *place = Some(kept.len());
                    kept.push(member);
                }
                Some(first) => {
                    is_changed = true;
                    self.again(first, member, joined(at, entry.name));
                }
            }
        }
        is_changed.then(|| {
            let mut object = Object::new();
            for Kept { name, text, .. } in &kept {
                object.raw(name, text);
            }
            object.finish()
        })
    }

    /// The members of an object. One whose names cannot be read may hold anything.
    fn opened<'r>(&mut self, raw: &'r RawValue, at: &str) -> Option<Vec<(String, &'r RawValue)>> {
        let members = json::entries(raw.get());
        if members.is_none() && json::is_object(raw) {
            self.stray(Stray::Unreadable { at: if at.is_empty() { "arguments" } else { at }.to_owned() });
        }
        members.filter(|_| json::is_object(raw))
    }

    /// An argument for the second time. What does not count as given does no harm.
    fn again(&mut self, first: &mut Kept, second: Kept, at: String) {
        match (first.counts, second.counts) {
            (_, false) => {}
            (false, true) => *first = second,
            (true, true) if same(&first.text, &second.text, COMPARED_DEPTH_MAX) => {}
            (true, true) => {
                let names = [&first.given, &second.given].map(|name| shown_name(name));
                self.stray(Stray::Twice { at, names });
            }
        }
    }

    /// A member whose name is none of the rows'.
    fn without_a_row(&mut self, scope: &Scope<'_>, name: String, value: &RawValue, at: &str) -> Option<Kept> {
        if scope.fixed.is_some_and(|(fixed, json)| fixed == name && same(json, value.get(), 1)) {
            return None;
        }
        let here = joined(at, &name);
        let text = match scope.rest {
            Rest::Free => value.get().to_owned(),
            Rest::Each(schema) => self.schema(schema, value, &here).unwrap_or_else(|| value.get().to_owned()),
            // A slip in the name of a row must not become a member that nobody reads.
            Rest::Beside
                if self.named.others.len() < OTHERS_MAX && !scope.names().any(|own| is_slip(&name, own)) =>
            {
                self.named.others.push((name, value.to_owned()));
                return None;
            }
            Rest::Beside | Rest::Nothing => {
                self.unknown(scope, &name, at);
                return None;
            }
        };
        Some(Kept { given: name.clone(), name, text, counts: true })
    }

    fn unknown(&mut self, scope: &Scope<'_>, name: &str, at: &str) {
        if self.named.strays.len() >= STRAYS_MAX {
            return;
        }
        let mut near = Vec::new();
        if !scope.is_elsewhere(name) {
            near = nearest(name, &scope.candidates(at));
            if near.is_empty() {
                // What stands in the wrong place may be an argument of the tool.
                let of_top = self.top.iter().map(|name| Candidate::new(name.clone(), name));
                near = nearest(name, &of_top.collect::<Vec<_>>());
            }
        }
        let hint = match near.is_empty() {
            true => Hint::Known(scope.names().map(str::to_owned).collect()),
            false => Hint::Near(near),
        };
        self.stray(Stray::Unknown { at: joined(at, name), hint });
    }

    /// There may be no more of them, but the first for which nothing can go on is always told.
    fn stray(&mut self, stray: Stray) {
        let strays = &mut self.named.strays;
        let is_first = !stray.can_be_ignored() && strays.iter().all(Stray::can_be_ignored);
        if strays.len() < STRAYS_MAX || is_first {
            strays.push(stray);
        }
    }

    fn inside(&mut self, inside: Inside<'_>, raw: &RawValue, at: &str) -> Option<String> {
        match inside {
            Inside::Nothing => None,
            Inside::Schema(schema) => self.schema(schema, raw, at),
            Inside::Kind(kind, by_field) => self.kind(kind, by_field, raw, at),
        }
    }

    /// `by_field`: the value is handed on as it is, so that its members need the daemon's names.
    fn kind(&mut self, kind: &Kind, by_field: bool, raw: &RawValue, at: &str) -> Option<String> {
        match kind {
            Kind::List(kind) => {
                let scope = Scope::of_kind(kind, by_field);
                self.items(raw, at, None, |reader, item, at| match &scope {
                    Some(scope) => reader.object(scope, item, at),
                    None => reader.kind(kind, by_field, item, at),
                })
            }
            Kind::Variants(bounds, variants) => {
                let scopes: Vec<Scope<'_>> =
                    variants.iter().map(|variant| Scope::of_variant(variant, variants)).collect();
                let most = bounds.map(|(_, most)| most);
                self.items(raw, at, most, |reader, item, at| reader.variant(variants, &scopes, item, at))
            }
            Kind::Given(schema) => self.schema(schema, raw, at),
            kind => self.object(&Scope::of_kind(kind, by_field)?, raw, at),
        }
    }

    fn schema(&mut self, schema: &Schema, raw: &RawValue, at: &str) -> Option<String> {
        let Some(item) = schema.item() else { return self.object(&Scope::of_schema(schema)?, raw, at) };
        let scope = Scope::of_schema(item);
        self.items(raw, at, None, |reader, raw, at| match &scope {
            Some(scope) => reader.object(scope, raw, at),
            None => reader.schema(item, raw, at),
        })
    }

    /// `most`: an array of more is refused for that, and not looked into.
    fn items(
        &mut self,
        raw: &RawValue,
        at: &str,
        most: Option<usize>,
        mut read: impl FnMut(&mut Reader, &RawValue, &str) -> Option<String>,
    ) -> Option<String> {
        let items: Vec<&RawValue> = serde_json::from_str(raw.get()).ok()?;
        if most.is_some_and(|most| items.len() > most) {
            return None;
        }
        let mut is_changed = false;
        let mut texts = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            let text = read(self, item, &format!("{at}[{index}]"));
            is_changed |= text.is_some();
            texts.push(text.unwrap_or_else(|| item.get().to_owned()));
        }
        is_changed.then(|| format!("[{}]", texts.join(",")))
    }

    /// An object of one of several kinds. The daemon tells them apart by the members that are there, and by nothing that
    /// is said of it.
    fn variant(
        &mut self,
        variants: &[Variant],
        scopes: &[Scope<'_>],
        raw: &RawValue,
        at: &str,
    ) -> Option<String> {
        let given = self.opened(raw, at)?;
        let has_mark = |(variant, scope): &(&Variant, &Scope<'_>)| {
            let mut names = given.iter().filter_map(|(name, _)| scope.canonical(name));
            variant.marks.is_empty() || names.any(|name| variant.marks.contains(&name))
        };
        let (variant, scope) = variants.iter().zip(scopes).find(has_mark)?;
        let is_other = |value: &&RawValue| json::string(value).as_deref() != Some(variant.name);
        let said = given.iter().rev().find(|(name, value)| name == TYPE && !json::is_null(value));
        if let Some(value) = said.map(|(_, value)| *value).filter(is_other) {
            self.stray(Stray::Other { at: joined(at, TYPE), is: variant.name, said: shown(value.get()) });
        }
        self.object(scope, raw, at)
    }
}

/// `token.address`, from `token` and `address`.
fn joined(at: &str, name: &str) -> String {
    if at.is_empty() { shown_name(name) } else { format!("{at}.{}", shown_name(name)) }
}

/// Whether two JSON texts are the same value: strings however they are escaped, objects in whatever order. Numbers are
/// the same if they are written alike: an amount has more digits than a computer's number.
fn same(one: &str, other: &str, depth: usize) -> bool {
    let Some(deeper) = depth.checked_sub(1) else { return one == other };
    if let (Some(one), Some(other)) = (json::entries(one), json::entries(other)) {
        // Of a name that occurs twice the last value counts, as everywhere.
        let members = |entries: Vec<(String, &RawValue)>| -> BTreeMap<String, String> {
            entries.into_iter().map(|(name, value)| (name, value.get().to_owned())).collect()
        };
        let (one, other) = (members(one), members(other));
        let mut pairs = one.iter().zip(&other);
        return one.len() == other.len()
            && pairs
                .all(|((name, one), (other_name, other))| name == other_name && same(one, other, deeper));
    }
    let items = |text| serde_json::from_str::<Vec<&RawValue>>(text).ok();
    if let (Some(one), Some(other)) = (items(one), items(other)) {
        let mut pairs = one.iter().zip(&other);
        return one.len() == other.len() && pairs.all(|(one, other)| same(one.get(), other.get(), deeper));
    }
    let string = |text: &str| serde_json::from_str::<String>(text).ok();
    one == other || string(one).is_some_and(|text| string(other) == Some(text))
}
