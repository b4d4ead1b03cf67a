//! The shape of a row of the catalogue: a tool, its endpoint, its parameters.
//!
//! Used by the catalogue, which fills it in, and by the schema and the binding, which read it. A parameter says
//! where it goes, under which name, and what it is; its property in the published schema and its place in the
//! request come from that one line. Rows may be made at run time too, hence the `Cow`s. Refuses to know what a
//! particular tool is for.

use std::borrow::Cow;

use super::given::Schema;
use super::toolsets::Toolset;
use crate::http::Method;

/// One tool.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ToolSpec {
    /// Unique, `[A-Za-z0-9_-]`.
    pub name: Cow<'static, str>,
    /// A few words for people; empty where the name says as much.
    pub title: Cow<'static, str>,
    /// For the model that chooses the tool and fills it in: what it does, in which units.
    pub description: Cow<'static, str>,
    /// The group it is switched on and off with.
    pub toolset: Toolset,
    /// What a call may change.
    pub effect: Effect,
    /// Who answers in the end.
    pub reach: Reach,
    /// The request.
    pub endpoint: Endpoint,
    /// In the order of the schema, of the query and of the body.
    pub params: Vec<Param>,
}

/// What a call may change, from nothing to money. It decides the annotations, what is shown to a reader only,
/// and whether a request may be repeated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Changes nothing.
    Read,
    /// Yields a signature, which may authorise a spend elsewhere.
    Sign,
    /// Changes the daemon's state or a setting at a venue.
    Write,
    /// Moves funds or authorises somebody to.
    Spend,
}

/// Who answers in the end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reach {
    /// The daemon, from its own database and keys.
    Daemon,
    /// A chain, a venue or another host behind the daemon.
    World,
}

/// A route of the daemon.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Endpoint {
    /// The method.
    pub method: Method,
    /// The path, with a `{field}` for each path parameter.
    pub path: Cow<'static, str>,
    /// A member that the body always begins with, and its JSON: the `type` where the tool stands for one type of
    /// transaction. If it is an object, arguments may add to it.
    pub preset: Option<(&'static str, Cow<'static, str>)>,
    /// What the values are of arguments that have no parameter, and become members of the preset's object. `None`: there
    /// are no such arguments.
    pub others: Option<Box<Schema>>,
    /// Set where the daemon's answer is not the result yet; the route is that of the first request then.
    pub composed: Option<Composition>,
}

/// Results that are put together from more than one answer, or without asking.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Composition {
    /// The address, then the wallet's networks and details.
    WalletInfo,
    /// The asset's identifier, then the registry of its network if it has one: [`super::asset`].
    Asset,
    /// The wallet's details, and in them its provider: [`super::provider`].
    ProviderStatus,
    /// What the build needs to know first, then the build: [`super::userop`].
    UserOp,
    /// The session's overview, and in it the proxy's address: [`super::connected`].
    RpcProxy,
    /// The answer itself; the refusal, which is the rule, is explained.
    OperatorOnly,
}

/// One argument of a tool, or one member of an argument that is an object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Param {
    /// The argument's name.
    pub name: Cow<'static, str>,
    /// Where it goes.
    pub place: Place,
    /// The name it has there. `a.b` is the member `b` of the object `a`, added to what an argument `a` brings.
    pub field: Cow<'static, str>,
    /// The name it has in the body as well, where its value is a network that the daemon knows.
    pub network_too: Option<&'static str>,
    /// What it is.
    pub kind: Kind,
    /// Whether a call can do without it.
    pub required: Required,
    /// What is sent when it is absent: the first rule that applies.
    pub implied: &'static [Implied],
    /// An empty string is a value like any other. Elsewhere an empty optional string counts as absent.
    pub keeps_empty: bool,
    /// For the model; empty where the name says it all.
    pub description: Cow<'static, str>,
}

/// Where an argument goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// Into the hole of the path that has the field's name. A wallet that is absent is found by the server.
    Path,
    /// Into the query.
    Query,
    /// Into the JSON body, or into the object it is a member of.
    Body,
    /// Nowhere: it is for the composition, or the daemon does not read it.
    Unsent,
}

/// Whether a call can do without an argument.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Required {
    /// It can.
    Never,
    /// It cannot.
    Always,
    /// Published as required; not missed where the named argument has one of these values.
    Unless(&'static str, &'static [&'static str]),
    /// Published as required; not missed where the named argument is given.
    UnlessGiven(&'static str),
    /// Published as optional; missed where the named argument has one of these values.
    When(&'static str, &'static [&'static str]),
    /// The same with one value; and refused where it has another, because the daemon would drop it silently.
    OnlyWhen(&'static str, &'static str),
    /// Published as optional; missed where the named argument is given.
    WhenGiven(&'static str),
}

/// A value for an argument that was not given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Implied {
    /// Applies only where this argument is given; `None` applies always.
    pub given: Option<&'static str>,
    /// What is sent: JSON where the argument is an array, else a string.
    pub value: &'static str,
}

/// What an argument is: its published type, and what is accepted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A string.
    Text,
    /// Published as a string, a number is accepted too.
    TextOrNumber,
    /// A string of this form.
    Formed(Form),
    /// A string; the id of a wallet. Absent: the configured one.
    Wallet,
    /// The same where the daemon takes UUIDs only.
    WalletUuid,
    /// A string; the daemon's name of a network. CAIP-2 is translated.
    Network,
    /// One of these strings.
    Choice(&'static [&'static str]),
    /// One of these strings, the first of each pair; sent is the second.
    Spelled(&'static [Spelling]),
    /// A number without a fraction, from the first to the second bound.
    Integer(Option<i64>, Option<i64>),
    /// A number. It is sent with the digits it came with.
    Number,
    /// Published as a number; only one without a fraction is accepted, from 0.
    Count,
    /// `true` or `false`.
    Boolean,
    /// An object, sent with its known members only.
    Object(Vec<Param>),
    /// The same, published without its members.
    Unsaid(Vec<Param>),
    /// An object whose known members are checked, sent exactly as it came, because it will be hashed and signed; only a
    /// member's name in another spelling is put right.
    Verbatim(Others, Vec<Param>),
    /// An object with strings as values, such as HTTP headers.
    TextMap,
    /// An array of one kind.
    List(Box<Kind>),
    /// An array of objects that nobody looks into, such as an ABI; their least and largest number, if bounded.
    Objects(Option<(usize, usize)>),
    /// An array of objects of these kinds, sent as they came. Only their members' names are looked at. Published as the
    /// one before.
    Variants(Option<(usize, usize)>, Vec<Variant>),
    /// What the daemon's own schema says, sent exactly as it came.
    Given(Box<Schema>),
    /// Any JSON of this shape, sent exactly as it came, published with this schema (the text of an object, its
    /// description included).
    Raw(Shape, Cow<'static, str>),
}

/// One of several kinds of object that the daemon tells apart by their members.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Variant {
    /// What it is called.
    pub name: &'static str,
    /// It is this one if it has one of these, under the daemon's names; none: if it is none of the others before.
    pub marks: &'static [&'static str],
    /// Its members.
    pub params: Vec<Param>,
}

/// What becomes of members that have no parameter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Others {
    /// They mean nothing.
    Refused,
    /// They are sent as they came.
    Taken,
}

/// The form of a string.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// RFC 9562, any version.
    Uuid,
    /// Absolute, http or https.
    Url,
    /// Decimal digits.
    Digits,
    /// `0x` and 40 hexadecimal digits.
    EvmAddress,
}

/// A word as people write it, and as the daemon does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Spelling {
    /// What may be given.
    pub given: &'static str,
    /// What is sent.
    pub sent: &'static str,
    /// Whether the schema shows it.
    pub published: bool,
}

/// The outermost type of raw JSON.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// `[…]`
    Array,
    /// `{…}`
    Object,
}

impl Effect {
    /// The word in listings.
    pub fn name(self) -> &'static str {
        match self {
            Effect::Read => "read",
            Effect::Sign => "sign",
            Effect::Write => "write",
            Effect::Spend => "spend",
        }
    }
}

/// `GET path`.
pub fn get(path: &'static str) -> Endpoint {
    endpoint(Method::Get, path)
}

/// `POST path`.
pub fn post(path: &'static str) -> Endpoint {
    endpoint(Method::Post, path)
}

/// `DELETE path`.
pub fn delete(path: &'static str) -> Endpoint {
    endpoint(Method::Delete, path)
}

fn endpoint(method: Method, path: &'static str) -> Endpoint {
    Endpoint { method, path: path.into(), preset: None, others: None, composed: None }
}

impl Endpoint {
    /// Takes transactions of this type only.
    pub fn transaction(self, transaction_type: &'static str) -> Endpoint {
        self.with_preset("type", format!("\"{transaction_type}\""))
    }

    /// The body always begins with this member.
    pub fn with_preset(self, name: &'static str, json: impl Into<Cow<'static, str>>) -> Endpoint {
        Endpoint { preset: Some((name, json.into())), ..self }
    }

    /// Only the first step towards a result.
    pub fn composed(self, composition: Composition) -> Endpoint {
        Endpoint { composed: Some(composition), ..self }
    }
}

/// A required argument that fills a hole of the path.
pub fn path(name: &'static str, kind: Kind) -> Param {
    Param { required: Required::Always, ..param(Place::Path, name, kind) }
}

/// An optional argument in the query.
pub fn query(name: &'static str, kind: Kind) -> Param {
    param(Place::Query, name, kind)
}

/// An optional argument in the body, or a member of an object.
pub fn body(name: &'static str, kind: Kind) -> Param {
    param(Place::Body, name, kind)
}

/// An optional argument that is not sent.
pub fn unsent(name: &'static str, kind: Kind) -> Param {
    param(Place::Unsent, name, kind)
}

fn param(place: Place, name: &'static str, kind: Kind) -> Param {
    Param {
        name: name.into(),
        place,
        field: name.into(),
        network_too: None,
        kind,
        required: Required::Never,
        implied: &[],
        keeps_empty: false,
        description: "".into(),
    }
}

impl Param {
    /// A call cannot do without it.
    pub fn required(self) -> Param {
        self.required_as(Required::Always)
    }

    /// A call may or may not do without it.
    pub fn required_as(self, required: Required) -> Param {
        Param { required, ..self }
    }

    /// The daemon calls it something else.
    pub fn sent_as(self, field: &'static str) -> Param {
        Param { field: field.into(), ..self }
    }

    /// What is sent when it is absent.
    pub fn implied(self, implied: &'static [Implied]) -> Param {
        Param { implied, ..self }
    }

    /// An empty string is sent.
    pub fn keeps_empty(self) -> Param {
        Param { keeps_empty: true, ..self }
    }

    /// Words for the model.
    pub fn about(self, description: &'static str) -> Param {
        Param { description: description.into(), ..self }
    }
}
