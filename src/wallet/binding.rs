//! From a call's arguments to one request, every argument checked once, here.
//!
//! Used by the server for each call. All that is wrong is named at once, with what was expected and what came. What no row
//! knows is wrong too where a call acts; a call that only reads goes on without it, and tells it. Numbers and nested JSON go
//! on as the text they came in. Values that the schema allows are not judged: the daemon knows better and says so. Pure.

use std::collections::BTreeMap;
use std::fmt;

use super::arguments::{Arguments, Draft, Value, object_text, text_of, unasked};
use super::given::Schema;
use super::names::{self, Named, Stray};
use super::networks;
use super::raw::{count, has_form, is_integer, is_number, shortened, shown, shown_name};
use super::spec::{Effect, Form, Kind, Param, Place, Required, Shape, Spelling, ToolSpec};
use crate::json::{RawValue, string};

/// Problems named in one answer. More would not help whoever has to mend the call, and a list of a million
/// wrong items must not become an answer of that size.
const PROBLEMS_MAX: usize = 20;

/// What the configuration says about every call.
#[derive(Clone, Copy, Default, Debug)]
pub struct Defaults<'a> {
    /// Taken where a tool has an argument for a wallet and the call does not give it.
    pub wallet_id: Option<&'a str>,
}

/// What is wrong with a call's arguments. Displayed for the model, which can mend the call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ArgumentError {
    tool: String,
    strays: Vec<Stray>,
    problems: Vec<Problem>,
}

impl ArgumentError {
    /// One problem that only the meaning of the arguments shows.
    pub(super) fn one(tool: &str, argument: &str, expected: &str, came: &str) -> ArgumentError {
        let [argument, expected, came] = [argument, expected, came].map(str::to_owned);
        let problems = vec![Problem { argument, expected, came }];
        ArgumentError { tool: tool.to_owned(), strays: Vec::new(), problems }
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Problem {
    /// Dotted and indexed, `accounts[0].pubkey`.
    argument: String,
    expected: String,
    came: String,
}

/// The request that a call of this tool becomes; of a composed tool, the first one.
///
/// # Errors
/// [`ArgumentError`]: nothing must be sent.
pub fn bind(
    spec: &ToolSpec,
    arguments: Option<&RawValue>,
    defaults: &Defaults<'_>,
) -> Result<Draft, ArgumentError> {
    Ok(check(spec, arguments, defaults)?.draft())
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
    let Named { text, others, strays } = arguments.map(|raw| names::read(spec, raw)).unwrap_or_default();
    let mut checker = Checker { defaults: *defaults, problems: Vec::new() };
    let given = match (&text, arguments) {
        (Some(text), _) => checker.open(text, "arguments"),
        (None, Some(raw)) if raw.get() != "null" => checker.open(raw.get(), "arguments"),
        _ => Some(Members::new()),
    };
    let values = given.and_then(|given| checker.members(&spec.params, &given, ""));
    for (name, value) in &others {
        spec.endpoint.others.iter().for_each(|schema| drop(checker.given(schema, value, &shown_name(name))));
    }
    let can_go_on = |stray: &Stray| spec.effect == Effect::Read && stray.can_be_ignored();
    match values {
        Some(values) if checker.problems.is_empty() && strays.iter().all(can_go_on) => {
            Ok(Arguments { spec, values, others, ignored: strays })
        }
        _ => Err(ArgumentError { tool: spec.name.to_string(), strays, problems: checker.problems }),
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
        for param in params {
            if let Some((raw, instead)) = given(param).zip(unwanted(params, &values, param)) {
                self.wrong(&at(param), instead, shown(raw.get()));
                all_good = false;
            }
        }
        // What else is missed may depend on an argument that is wrong: that one has to be mended first.
        let all_read = all_good;
        for (param, value) in params.iter().zip(&values) {
            let absent = value.is_none() && counted(param).is_none();
            if !absent || !(all_read || param.required == Required::Always) {
                continue;
            }
            if let Some(because) = missed(params, &values, param) {
                let came = given(param).map_or("nothing".to_owned(), |raw| shown(raw.get()));
                self.wrong(&at(param), expected(&param.kind) + &because, came);
                all_good = false;
            }
        }
        all_good.then_some(values)
    }

    /// The value of an argument that was not given.
    fn unasked(&self, params: &[Param], values: &[Option<Value>], param: &Param) -> Option<Value> {
        let is_wallet = matches!(param.kind, Kind::Wallet | Kind::WalletUuid);
        let configured = || self.defaults.wallet_id.filter(|_| is_wallet);
        Some(unasked(&param.kind, implied(params, values, param).or_else(configured)?))
    }

    /// One argument, checked for its place as well.
    fn argument(&mut self, param: &Param, raw: &RawValue, at: &str) -> Option<Value> {
        let mut value = self.value(&param.kind, raw, at)?;
        // A network of the action's own, if any string will do there: CAIP-2 is taken as everywhere.
        if let (Kind::Given(schema), Some(_)) = (&param.kind, param.network_too)
            && schema.is_any_string()
            && let Some(name) = string(raw).and_then(|name| networks::from_caip2(&name))
        {
            value = Value::Text(name.to_owned());
        }
        if param.place == Place::Path && ["", ".", ".."].contains(&value.as_text()) {
            // These would change which route is asked.
            self.wrong(at, expected(&param.kind) + " other than ``, `.` and `..`", shown(raw.get()));
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
            Kind::Formed(form) => string(raw).filter(|text| has_form(text, *form)).map(Value::Text),
            Kind::WalletUuid => string(raw).filter(|text| has_form(text, Form::Uuid)).map(Value::Text),
            Kind::Network => string(raw).map(|name| Value::Text(networks::daemon_name(&name).to_owned())),
            Kind::Choice(words) => string(raw).filter(|text| words.contains(&text.as_str())).map(Value::Text),
            Kind::Spelled(spellings) => string(raw).and_then(|text| sent_for(spellings, &text)),
            Kind::Integer(min, max) => is_integer(text, *min, *max).then(verbatim),
            Kind::Number => is_number(text).then(verbatim),
            Kind::Count => count(text).map(|count| Value::Json(count.to_string())),
            Kind::Boolean => ["true", "false"].contains(&text).then(verbatim),
            Kind::Given(schema) => return self.given(schema, raw, at),
            Kind::TextMap => return self.text_map(raw, at),
            Kind::Objects(bounds) | Kind::Variants(bounds, _) => return self.objects(*bounds, raw, at),
            Kind::Raw(Shape::Array, _) => text.starts_with('[').then(verbatim),
            Kind::Raw(Shape::Object, _) => text.starts_with('{').then(verbatim),
            // The members name what is wrong with them by themselves.
            Kind::Object(params) | Kind::Unsaid(params) => {
                let values = self.nested(params, raw, at)?;
                let members =
                    params.iter().zip(&values).filter_map(|(param, value)| Some((param, value.as_ref()?)));
                Some(Value::Json(object_text(None, members)))
            }
            Kind::Verbatim(_, params) => self.nested(params, raw, at).map(|_| verbatim()),
            Kind::List(kind) => return self.list(kind, raw, at),
        };
        if good.is_none() && !matches!(kind, Kind::Object(_) | Kind::Unsaid(_) | Kind::Verbatim(..)) {
            self.wrong(at, expected(kind), shown(raw.get()));
        }
        good
    }

    fn nested(&mut self, params: &[Param], raw: &RawValue, at: &str) -> Option<Vec<Option<Value>>> {
        let given = self.open(raw.get(), at)?;
        self.members(params, &given, &format!("{at}."))
    }

    fn list(&mut self, kind: &Kind, raw: &RawValue, at: &str) -> Option<Value> {
        let items = self.items(raw, at)?;
        let values: Vec<Option<Value>> = items
            .iter()
            .enumerate()
            .map(|(index, item)| self.value(kind, item, &format!("{at}[{index}]")))
            .collect();
        let items: Option<Vec<String>> =
            values.into_iter().map(|value| Some(value?.to_json().into_owned())).collect();
        Some(Value::Json(format!("[{}]", items?.join(","))))
    }

    fn objects(&mut self, bounds: Option<(usize, usize)>, raw: &RawValue, at: &str) -> Option<Value> {
        let items = self.items(raw, at)?;
        let before = self.problems.len();
        if let Some((least, most)) = bounds.filter(|(least, most)| !(*least..=*most).contains(&items.len())) {
            self.wrong(at, format!("{least} to {most} objects"), format!("{}", items.len()));
        }
        for (index, item) in items.iter().enumerate().filter(|(_, item)| !item.get().starts_with('{')) {
            self.wrong(&format!("{at}[{index}]"), "an object".to_owned(), shown(item.get()));
        }
        (self.problems.len() == before).then(|| Value::Json(raw.get().to_owned()))
    }

    fn text_map(&mut self, raw: &RawValue, at: &str) -> Option<Value> {
        let before = self.problems.len();
        for (name, value) in self.open(raw.get(), at)?.iter().filter(|(_, value)| string(value).is_none()) {
            self.wrong(&format!("{at}.{}", shortened(name)), "a string".to_owned(), shown(value.get()));
        }
        (self.problems.len() == before).then(|| Value::Json(raw.get().to_owned()))
    }

    fn given(&mut self, schema: &Schema, raw: &RawValue, at: &str) -> Option<Value> {
        let before = self.problems.len();
        schema.check(raw, at, &mut |at, expected, came| self.wrong(at, expected, came));
        (self.problems.len() == before).then(|| Value::Json(raw.get().to_owned()))
    }

    fn items<'r>(&mut self, raw: &'r RawValue, at: &str) -> Option<Vec<&'r RawValue>> {
        let items = serde_json::from_str(raw.get()).ok();
        if items.is_none() {
            self.wrong(at, "an array".to_owned(), shown(raw.get()));
        }
        items
    }

    fn open<'r>(&mut self, text: &'r str, at: &str) -> Option<Members<'r>> {
        let members = serde_json::from_str(text).ok();
        if members.is_none() {
            self.wrong(at, "an object".to_owned(), shown(text));
        }
        members
    }

    fn wrong(&mut self, argument: &str, expected: String, came: String) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(Problem { argument: argument.to_owned(), expected, came });
        }
    }
}

/// What the daemon calls this word.
fn sent_for(spellings: &[Spelling], given: &str) -> Option<Value> {
    let spelling = spellings.iter().find(|spelling| spelling.given == given)?;
    Some(Value::Text(spelling.sent.to_owned()))
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
    let applies = |given: &str| is_given(params, values, given);
    param.implied.iter().find(|rule| rule.given.is_none_or(applies)).map(|rule| rule.value)
}

/// Whether an absent argument is missed, and the reason where that needs one.
fn missed(params: &[Param], values: &[Option<Value>], param: &Param) -> Option<String> {
    let value = |name: &str| text_of(params, values, name);
    let because = |name: &str, value: &str| format!(", because `{name}` is {value}");
    match param.required {
        Required::Never => None,
        Required::Always => Some(String::new()),
        Required::Unless(name, these) => {
            (!value(name).is_some_and(|value| these.contains(&value))).then(String::new)
        }
        Required::UnlessGiven(name) => value(name).is_none().then(|| format!(" (or `{name}`)")),
        Required::When(name, these) => {
            value(name).filter(|value| these.contains(value)).map(|value| because(name, value))
        }
        Required::OnlyWhen(name, this) => (value(name) == Some(this)).then(|| because(name, this)),
        Required::WhenGiven(name) => {
            is_given(params, values, name).then(|| format!(", because `{name}` is given"))
        }
    }
}

/// Why a given argument must not be there. The daemon would drop it and do what is left.
fn unwanted(params: &[Param], values: &[Option<Value>], param: &Param) -> Option<String> {
    let Required::OnlyWhen(name, this) = param.required else { return None };
    let value = text_of(params, values, name).filter(|value| *value != this)?;
    Some(format!("nothing, because `{name}` is {value} and would ignore it"))
}

fn is_given(params: &[Param], values: &[Option<Value>], name: &str) -> bool {
    let index = params.iter().position(|param| param.name == name);
    index.and_then(|index| values.get(index)).is_some_and(Option::is_some)
}

fn expected(kind: &Kind) -> String {
    match kind {
        Kind::Text | Kind::Wallet | Kind::Network => "a string".to_owned(),
        Kind::WalletUuid => "a wallet's id, a UUID".to_owned(),
        Kind::TextOrNumber => "a string or a number".to_owned(),
        Kind::Formed(Form::Uuid) => "a UUID".to_owned(),
        Kind::Formed(Form::Url) => "an absolute http or https URL".to_owned(),
        Kind::Formed(Form::Digits) => "decimal digits".to_owned(),
        Kind::Formed(Form::EvmAddress) => "an address, 0x and 40 hexadecimal digits".to_owned(),
        Kind::Choice(words) => format!("one of {}", words.join(", ")),
        Kind::Spelled(spellings) => {
            let words: Vec<&str> = spellings.iter().map(|spelling| spelling.given).collect();
            format!("one of {}", words.join(", "))
        }
        Kind::Given(schema) => schema.expected(),
        Kind::Count => "an integer of at least 0".to_owned(),
        Kind::Integer(Some(min), Some(max)) => format!("an integer from {min} to {max}"),
        Kind::Integer(Some(min), None) => format!("an integer of at least {min}"),
        Kind::Integer(None, Some(max)) => format!("an integer of at most {max}"),
        Kind::Integer(None, None) => "an integer".to_owned(),
        Kind::Number => "a number".to_owned(),
        Kind::Boolean => "true or false".to_owned(),
        Kind::Object(_)
        | Kind::Unsaid(_)
        | Kind::Verbatim(..)
        | Kind::TextMap
        | Kind::Raw(Shape::Object, _) => "an object".to_owned(),
        Kind::List(_) | Kind::Objects(_) | Kind::Variants(..) | Kind::Raw(Shape::Array, _) => {
            "an array".to_owned()
        }
    }
}

/// `wrong arguments for get_tokens, nothing was sent: `netwrok` is unknown (did you mean `network`?); `network`: expected a
/// string, got nothing.`
impl fmt::Display for ArgumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "wrong arguments for {}, nothing was sent", self.tool)?;
        let mut separator = ":";
        for stray in &self.strays {
            write!(f, "{separator} {stray}")?;
            separator = ";";
        }
        for Problem { argument, expected, came } in &self.problems {
            write!(f, "{separator} `{argument}`: expected {expected}, got {came}")?;
            separator = ";";
        }
        f.write_str(".")
    }
}

impl std::error::Error for ArgumentError {}
