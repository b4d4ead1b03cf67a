//! From a call's arguments to one request, every argument checked once, here.
//!
//! Used by the server for each call. All that is wrong is named at once, with what was expected and what came;
//! what the schema does not know is dropped. Numbers and nested JSON go on as the text they came in. Pure.
//! Refuses to judge values that the schema allows: the daemon knows better and says so.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use super::networks;
use super::raw::{is_integer, is_number, is_uuid, shown};
use super::spec::{Effect, Kind, Param, Place, Required, Shape, ToolSpec};
use crate::http::{Request, percent_encoded};
use crate::json::{self, Object, RawValue, string};

/// Problems named in one answer. More would not help whoever has to mend the call, and a list of a million
/// wrong items must not become an answer of that size.
const PROBLEMS_MAX: usize = 20;

/// What the configuration says about every call.
#[derive(Clone, Copy, Default, Debug)]
pub struct Defaults<'a> {
    /// Taken where a tool has an argument for a wallet and the call does not give it.
    pub wallet_id: Option<&'a str>,
}

/// The checked arguments of one call.
#[derive(Clone, Debug)]
pub struct Arguments<'s> {
    spec: &'s ToolSpec,
    /// One for each parameter of the row; absent ones stay out of the request.
    values: Vec<Option<Value>>,
}

/// What is wrong with a call's arguments. Displayed for the model, which can mend the call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ArgumentError {
    tool: String,
    problems: Vec<Problem>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Problem {
    /// Dotted and indexed, `accounts[0].pubkey`.
    argument: String,
    expected: String,
    came: String,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Value {
    /// A string, decoded.
    Text(String),
    /// Any other JSON, as text.
    Json(String),
}

/// The request that a call of this tool becomes; of a composed tool, the first one.
///
/// # Errors
/// [`ArgumentError`]: nothing must be sent.
pub fn bind(
    spec: &ToolSpec,
    arguments: Option<&RawValue>,
    defaults: &Defaults<'_>,
) -> Result<Request, ArgumentError> {
    Ok(check(spec, arguments, defaults)?.request())
}

/// Checks the arguments of a call. `None` is the same as an empty object.
///
/// # Errors
/// [`ArgumentError`]: nothing must be sent.
pub fn check<'s>(
    spec: &'s ToolSpec,
    arguments: Option<&RawValue>,
    defaults: &Defaults<'_>,
) -> Result<Arguments<'s>, ArgumentError> {
    let mut checker = Checker { defaults: *defaults, problems: Vec::new() };
    let given = match arguments {
        Some(raw) if raw.get() != "null" => checker.open(raw, "arguments"),
        _ => Some(Members::new()),
    };
    let values = given.and_then(|given| checker.members(&spec.params, &given, ""));
    match values {
        Some(values) if checker.problems.is_empty() => Ok(Arguments { spec, values }),
        _ => Err(ArgumentError { tool: spec.name.to_string(), problems: checker.problems }),
    }
}

impl Arguments<'_> {
    /// The text of an argument that is a string, as it will be sent.
    pub fn text(&self, name: &str) -> Option<&str> {
        text_of(&self.spec.params, &self.values, name)
    }

    /// The request.
    pub fn request(&self) -> Request {
        let endpoint = &self.spec.endpoint;
        let mut target = self.path();
        let mut separator = '?';
        for (param, value) in self.given(Place::Query) {
            target.push(separator);
            separator = '&';
            target.push_str(&form_encoded(&param.field));
            target.push('=');
            target.push_str(&form_encoded(value.as_text()));
        }
        let has_body = self.spec.params.iter().any(|param| param.place == Place::Body);
        Request {
            method: endpoint.method,
            target,
            body: has_body.then(|| object_text(self.given(Place::Body))),
            repeatable: self.spec.effect == Effect::Read,
        }
    }

    /// The path with its holes filled.
    fn path(&self) -> String {
        let mut filled = String::new();
        let mut pieces = self.spec.endpoint.path.split(['{', '}']);
        filled.push_str(pieces.next().unwrap_or_default());
        while let (Some(field), Some(plain)) = (pieces.next(), pieces.next()) {
            let value = self.given(Place::Path).find(|(param, _)| param.field == field);
            filled.push_str(&percent_encoded(value.map_or("", |(_, value)| value.as_text())));
            filled.push_str(plain);
        }
        filled
    }

    fn given(&self, place: Place) -> impl Iterator<Item = (&Param, &Value)> {
        let values = self.spec.params.iter().zip(&self.values);
        values
            .filter_map(move |(param, value)| Some((param, value.as_ref()?)).filter(|_| param.place == place))
    }
}

impl Value {
    /// As it stands in a path or a query.
    fn as_text(&self) -> &str {
        match self {
            Value::Text(text) | Value::Json(text) => text,
        }
    }

    /// As it stands in a body.
    fn to_json(&self) -> Cow<'_, str> {
        match self {
            Value::Text(text) => {
                let mut quoted = String::new();
                json::push_string(&mut quoted, text);
                quoted.into()
            }
            Value::Json(json) => json.into(),
        }
    }
}

/// An object of these members, under the daemon's names.
fn object_text<'a>(members: impl Iterator<Item = (&'a Param, &'a Value)>) -> String {
    let mut object = Object::new();
    for (param, value) in members {
        object.raw(&param.field, &value.to_json());
    }
    object.finish()
}

/// As a name or a value in a query. A plus sign stands for a space there; percent-encoded text has none.
fn form_encoded(text: &str) -> String {
    percent_encoded(text).replace("%20", "+")
}

fn text_of<'a>(params: &[Param], values: &'a [Option<Value>], name: &str) -> Option<&'a str> {
    let index = params.iter().position(|param| param.name == name)?;
    match values.get(index)? {
        Some(Value::Text(text)) => Some(text),
        _ => None,
    }
}

type Members<'a> = BTreeMap<String, &'a RawValue>;

struct Checker<'d> {
    defaults: Defaults<'d>,
    problems: Vec<Problem>,
}

impl Checker<'_> {
    /// The values of these parameters, `None` if any of them is wrong or missing.
    fn members(&mut self, params: &[Param], given: &Members<'_>, inside: &str) -> Option<Vec<Option<Value>>> {
        let given = |param: &Param| given.get(&*param.name).copied();
        let counted = |param: &Param| given(param).filter(|raw| counts(param, raw));
        let at = |param: &Param| format!("{inside}{}", param.name);
        let mut all_good = true;
        let mut values = Vec::with_capacity(params.len());
        for param in params {
            let value = counted(param).and_then(|raw| self.argument(param, raw, &at(param)));
            all_good &= value.is_some() || counted(param).is_none();
            values.push(value);
        }
        for (index, param) in params.iter().enumerate().filter(|(_, param)| counted(param).is_none()) {
            values[index] = self.unasked(params, &values, param);
        }
        // What else is missed may depend on an argument that is wrong: that one has to be mended first.
        let all_read = all_good;
        for (param, value) in params.iter().zip(&values) {
            let absent = value.is_none() && counted(param).is_none();
            if !absent || !(all_read || param.required == Required::Always) {
                continue;
            }
            if let Some(because) = missed(params, &values, param) {
                let came = given(param).map_or("nothing".to_owned(), shown);
                self.wrong(&at(param), expected(&param.kind) + &because, came);
                all_good = false;
            }
        }
        all_good.then_some(values)
    }

    /// The value of an argument that was not given.
    fn unasked(&self, params: &[Param], values: &[Option<Value>], param: &Param) -> Option<Value> {
        let configured = || self.defaults.wallet_id.filter(|_| param.kind == Kind::Wallet);
        let text = implied(params, values, param).or_else(configured)?;
        Some(Value::Text(text.to_owned()))
    }

    /// One argument, checked for its place as well.
    fn argument(&mut self, param: &Param, raw: &RawValue, at: &str) -> Option<Value> {
        let value = self.value(&param.kind, raw, at)?;
        if param.place == Place::Path && ["", ".", ".."].contains(&value.as_text()) {
            // These would change which route is asked.
            self.wrong(at, expected(&param.kind) + " other than ``, `.` and `..`", shown(raw));
            return None;
        }
        Some(value)
    }

    fn value(&mut self, kind: &Kind, raw: &RawValue, at: &str) -> Option<Value> {
        let text = raw.get();
        let verbatim = || Value::Json(text.to_owned());
        let good = match kind {
            Kind::Text | Kind::Wallet => string(raw).map(Value::Text),
            Kind::TextOrNumber if is_number(text) => Some(verbatim()),
            Kind::TextOrNumber => string(raw).map(Value::Text),
            Kind::Uuid => string(raw).filter(|text| is_uuid(text)).map(Value::Text),
            Kind::Network => string(raw).map(|name| Value::Text(networks::daemon_name(&name).to_owned())),
            Kind::Choice(words) => string(raw).filter(|text| words.contains(&text.as_str())).map(Value::Text),
            Kind::Integer(min, max) => is_integer(text, *min, *max).then(verbatim),
            Kind::Number => is_number(text).then(verbatim),
            Kind::Boolean => ["true", "false"].contains(&text).then(verbatim),
            Kind::Raw(Shape::Array, _) => text.starts_with('[').then(verbatim),
            Kind::Raw(Shape::Object, _) => text.starts_with('{').then(verbatim),
            // The members name what is wrong with them by themselves.
            Kind::Object(params) => {
                let values = self.nested(params, raw, at)?;
                let members =
                    params.iter().zip(&values).filter_map(|(param, value)| Some((param, value.as_ref()?)));
                Some(Value::Json(object_text(members)))
            }
            Kind::Verbatim(params) => self.nested(params, raw, at).map(|_| verbatim()),
            Kind::List(kind) => return self.list(kind, raw, at),
        };
        if good.is_none() && !matches!(kind, Kind::Object(_) | Kind::Verbatim(_)) {
            self.wrong(at, expected(kind), shown(raw));
        }
        good
    }

    fn nested(&mut self, params: &[Param], raw: &RawValue, at: &str) -> Option<Vec<Option<Value>>> {
        let given = self.open(raw, at)?;
        self.members(params, &given, &format!("{at}."))
    }

    fn list(&mut self, kind: &Kind, raw: &RawValue, at: &str) -> Option<Value> {
        let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(raw.get()) else {
            self.wrong(at, "an array".to_owned(), shown(raw));
            return None;
        };
        let values: Vec<Option<Value>> = items
            .iter()
            .enumerate()
            .map(|(index, item)| self.value(kind, item, &format!("{at}[{index}]")))
            .collect();
        let items: Option<Vec<String>> =
            values.into_iter().map(|value| Some(value?.to_json().into_owned())).collect();
        Some(Value::Json(format!("[{}]", items?.join(","))))
    }

    fn open<'r>(&mut self, raw: &'r RawValue, at: &str) -> Option<Members<'r>> {
        let members = serde_json::from_str(raw.get()).ok();
        if members.is_none() {
            self.wrong(at, "an object".to_owned(), shown(raw));
        }
        members
    }

    fn wrong(&mut self, argument: &str, expected: String, came: String) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(Problem { argument: argument.to_owned(), expected, came });
        }
    }
}

/// Whether a given argument counts as given: `null` never does, an empty string only where it is a value or
/// where something must be there.
fn counts(param: &Param, raw: &RawValue) -> bool {
    match raw.get() {
        "null" => false,
        "\"\"" => param.keeps_empty || param.required == Required::Always,
        _ => true,
    }
}

/// The value that an absent argument gets.
fn implied(params: &[Param], values: &[Option<Value>], param: &Param) -> Option<&'static str> {
    let is_given = |name: &str| {
        let index = params.iter().position(|param| param.name == name);
        index.and_then(|index| values.get(index)).is_some_and(Option::is_some)
    };
    param.implied.iter().find(|rule| rule.given.is_none_or(is_given)).map(|rule| rule.value)
}

/// Whether an absent argument is missed, and the reason where that needs one.
fn missed(params: &[Param], values: &[Option<Value>], param: &Param) -> Option<String> {
    let value = |name: &str| text_of(params, values, name);
    match param.required {
        Required::Never => None,
        Required::Always => Some(String::new()),
        Required::Unless(name, these) => {
            (!value(name).is_some_and(|value| these.contains(&value))).then(String::new)
        }
        Required::UnlessGiven(name) => value(name).is_none().then(|| format!(" (or `{name}`)")),
        Required::When(name, this) => {
            (value(name) == Some(this)).then(|| format!(", because `{name}` is {this}"))
        }
    }
}

fn expected(kind: &Kind) -> String {
    match kind {
        Kind::Text | Kind::Wallet | Kind::Network => "a string".to_owned(),
        Kind::TextOrNumber => "a string or a number".to_owned(),
        Kind::Uuid => "a UUID".to_owned(),
        Kind::Choice(words) => format!("one of {}", words.join(", ")),
        Kind::Integer(Some(min), Some(max)) => format!("an integer from {min} to {max}"),
        Kind::Integer(Some(min), None) => format!("an integer of at least {min}"),
        Kind::Integer(None, Some(max)) => format!("an integer of at most {max}"),
        Kind::Integer(None, None) => "an integer".to_owned(),
        Kind::Number => "a number".to_owned(),
        Kind::Boolean => "true or false".to_owned(),
        Kind::Object(_) | Kind::Verbatim(_) | Kind::Raw(Shape::Object, _) => "an object".to_owned(),
        Kind::List(_) | Kind::Raw(Shape::Array, _) => "an array".to_owned(),
    }
}

/// `wrong arguments for get_tokens, nothing was sent: `network`: expected a string, got nothing.`
impl fmt::Display for ArgumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "wrong arguments for {}, nothing was sent", self.tool)?;
        for (index, Problem { argument, expected, came }) in self.problems.iter().enumerate() {
            let separator = if index == 0 { ":" } else { ";" };
            write!(f, "{separator} `{argument}`: expected {expected}, got {came}")?;
        }
        f.write_str(".")
    }
}

impl std::error::Error for ArgumentError {}
