//! The checked arguments of one call, and the request they become.
//!
//! Made by the binding, used by the server. Values stand as the text they came in or were given as. Pure. Refuses to
//! check anything again, and to find the wallet that a path may lack.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::names::Stray;
use super::networks;
use super::spec::{Effect, Kind, Param, Place, ToolSpec};
use crate::http::{Request, percent_encoded};
use crate::ids::WalletId;
use crate::json::{self, Object, RawValue};

/// The checked arguments of one call.
#[derive(Clone, Debug)]
pub struct Arguments<'s> {
    pub(super) spec: &'s ToolSpec,
    /// One for each parameter of the row; absent ones stay out of the request.
    pub(super) values: Vec<Option<Value>>,
    /// Those that have no parameter and are sent all the same.
    pub(super) others: Vec<(String, Box<RawValue>)>,
    /// Those that are unknown, of a call that only reads.
    pub(super) ignored: Vec<Stray>,
}

/// One value, as it will be sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Value {
    /// A string, decoded.
    Text(String),
    /// Any other JSON, as text.
    Json(String),
}

/// A request whose path may still lack the wallet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Draft {
    request: Request,
    /// Where in the target the wallet's id belongs, if it is missing there.
    wallet_at: Option<usize>,
}

impl From<Request> for Draft {
    fn from(request: Request) -> Draft {
        Draft { request, wallet_at: None }
    }
}

impl Draft {
    /// The request.
    ///
    /// # Errors
    /// The draft itself, if its path lacks the wallet.
    pub fn complete(self) -> Result<Request, Draft> {
        if self.wallet_at.is_none() { Ok(self.request) } else { Err(self) }
    }

    /// The request, with this wallet where the path lacks one.
    pub fn with_wallet(&self, wallet_id: &WalletId) -> Request {
        let mut request = self.request.clone();
        if let Some(at) = self.wallet_at {
            request.target.insert_str(at, wallet_id);
        }
        request
    }
}

impl Arguments<'_> {
    /// The text of an argument that is a string, as it will be sent.
    pub fn text(&self, name: &str) -> Option<&str> {
        text_of(&self.spec.params, &self.values, name)
    }

    /// The JSON text of an argument.
    pub fn json(&self, name: &str) -> Option<Cow<'_, str>> {
        let index = self.spec.params.iter().position(|param| param.name == name)?;
        Some(self.values.get(index)?.as_ref()?.to_json())
    }

    /// What the caller should know about arguments that were left out, if there were any: one line.
    pub fn ignored(&self) -> Option<String> {
        let told: Vec<String> = self.ignored.iter().map(Stray::ignored).collect();
        (!told.is_empty()).then(|| told.join("; "))
    }

    /// The request.
    pub fn draft(&self) -> Draft {
        let endpoint = &self.spec.endpoint;
        let (mut target, wallet_at) = self.path();
        let mut separator = '?';
        for (param, value) in self.given(Place::Query) {
            target.push(separator);
            separator = '&';
            target.push_str(&form_encoded(&param.field));
            target.push('=');
            target.push_str(&form_encoded(value.as_text()));
        }
        let has_body = self.spec.params.iter().any(|param| param.place == Place::Body);
        let others = self.others.iter().map(|(name, value)| (&**name, value.get().into())).collect();
        let preset = endpoint.preset.as_ref().map(|(name, json)| Member::of(name, json, others));
        let body = || object_text(preset, self.given(Place::Body));
        let request = Request {
            method: endpoint.method,
            target,
            body: has_body.then(body),
            repeatable: self.spec.effect == Effect::Read,
        };
        Draft { request, wallet_at }
    }

    /// The path with its holes filled, and the hole that is left.
    fn path(&self) -> (String, Option<usize>) {
        let mut filled = String::new();
        let mut left = None;
        let mut pieces = self.spec.endpoint.path.split(['{', '}']);
        filled.push_str(pieces.next().unwrap_or_default());
        while let (Some(field), Some(plain)) = (pieces.next(), pieces.next()) {
            match self.given(Place::Path).find(|(param, _)| param.field == field) {
                Some((_, value)) => filled.push_str(&percent_encoded(value.as_text())),
                None => left = Some(filled.len()),
            }
            filled.push_str(plain);
        }
        (filled, left)
    }

    fn given(&self, place: Place) -> impl Iterator<Item = (&Param, &Value)> {
        let values = self.spec.params.iter().zip(&self.values);
        values
            .filter_map(move |(param, value)| Some((param, value.as_ref()?)).filter(|_| param.place == place))
    }
}

impl Value {
    /// As it stands in a path or a query.
    pub(super) fn as_text(&self) -> &str {
        match self {
            Value::Text(text) | Value::Json(text) => text,
        }
    }

    /// The daemon's name of the network that it names, if it does.
    fn as_network(&self) -> Option<String> {
        let text = match self {
            Value::Text(text) => text.clone(),
            Value::Json(json) => serde_json::from_str(json).ok()?,
        };
        networks::known(&text).map(str::to_owned)
    }

    /// As it stands in a body.
    pub(super) fn to_json(&self) -> Cow<'_, str> {
        match self {
            Value::Text(text) => quoted(text).into(),
            Value::Json(json) => json.into(),
        }
    }
}

/// The text of the argument `name`, if it is a string.
pub(super) fn text_of<'a>(params: &[Param], values: &'a [Option<Value>], name: &str) -> Option<&'a str> {
    let index = params.iter().position(|param| param.name == name)?;
    match values.get(index)? {
        Some(Value::Text(text)) => Some(text),
        _ => None,
    }
}

/// The value of an argument that was not given: JSON where it is an array, else a string.
pub(super) fn unasked(kind: &Kind, text: &str) -> Value {
    match kind {
        Kind::List(_) | Kind::Objects(_) | Kind::Variants(..) | Kind::Given(_) | Kind::Raw(..) => {
            Value::Json(text.to_owned())
        }
        _ => Value::Text(text.to_owned()),
    }
}

/// One member of a body: its own value, and what other arguments add to it.
pub(super) struct Member<'a> {
    name: &'a str,
    own: Option<Cow<'a, str>>,
    added: Vec<(&'a str, Cow<'a, str>)>,
}

impl<'a> Member<'a> {
    /// One with this value, to which these are added already.
    fn of(name: &'a str, json: &'a str, added: Vec<(&'a str, Cow<'a, str>)>) -> Member<'a> {
        Member { name, own: Some(json.into()), added }
    }
}

/// An object of these members, under the daemon's names.
pub(super) fn object_text<'a>(
    preset: Option<Member<'a>>,
    members: impl Iterator<Item = (&'a Param, &'a Value)>,
) -> String {
    let mut found: Vec<Member<'a>> = Vec::from_iter(preset);
    for (param, value) in members {
        let (name, inner) =
            param.field.split_once('.').map_or((&*param.field, None), |(name, inner)| (name, Some(inner)));
        let index = found.iter().position(|member| member.name == name).unwrap_or_else(|| {
            found.push(Member { name, own: None, added: Vec::new() });
            found.len() - 1
        });
        match inner {
            Some(inner) => found[index].added.push((inner, value.to_json())),
            None => found[index].own = Some(value.to_json()),
        }
        if let Some((name, network)) = param.network_too.zip(value.as_network()) {
            found.push(Member { name, own: Some(quoted(&network).into()), added: Vec::new() });
        }
    }
    let mut object = Object::new();
    for Member { name, own, added } in found {
        match own {
            Some(own) if added.is_empty() => object.raw(name, &own),
            own => object.raw(name, &extended(own.as_deref().unwrap_or("{}"), &added)),
        };
    }
    object.finish()
}

/// The object `own` with these members. One of the same name is replaced, in any case: the objects that are extended
/// are headers of HTTP.
fn extended(own: &str, added: &[(&str, Cow<'_, str>)]) -> String {
    let kept: BTreeMap<String, &RawValue> = serde_json::from_str(own).unwrap_or_default();
    let mut object = Object::new();
    for (name, value) in &kept {
        if !added.iter().any(|(added, _)| added.eq_ignore_ascii_case(name)) {
            object.raw(name, value.get());
        }
    }
    for (name, value) in added {
        object.raw(name, value);
    }
    object.finish()
}

/// As a name or a value in a query. A plus sign stands for a space there; percent-encoded text has none.
fn form_encoded(text: &str) -> String {
    percent_encoded(text).replace("%20", "+")
}

fn quoted(text: &str) -> String {
    let mut quoted = String::new();
    json::push_string(&mut quoted, text);
    quoted
}
