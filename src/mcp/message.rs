//! JSON-RPC 2.0 messages: what came on a line, and what is sent.
//!
//! Used by `stdio`, which parses each line, and by the server, which answers. Pure. Refuses to know which methods
//! exist. The envelope is read without building a tree: `params` stays text until somebody asks for a member,
//! and an id is sent back as the very text it came in.

use std::borrow::Cow;

use super::error::{ErrorCode, ErrorObject};
use crate::json::{self, Object, RawValue};

/// Longest batch array accepted (revision 2025-03-26 only), in messages. Far above what clients send; it bounds
/// the answer, which is longer than the question.
pub const BATCH_LENGTH_MAX: usize = 1024;

/// What came on one line.
#[derive(Debug)]
pub enum Incoming {
    /// A message by itself.
    Single(Result<Message, Malformed>),
    /// An array of messages; never empty, at most [`BATCH_LENGTH_MAX`].
    Batch(Vec<Result<Message, Malformed>>),
}

/// One JSON-RPC message.
#[derive(Debug)]
pub enum Message {
    /// Wants an answer.
    Request(Request),
    /// Wants none, whatever it says.
    Notification(Notification),
    /// An answer to something that the client was asked, or a stray one.
    Response(Response),
}

/// A call of `method` that wants an answer under `id`.
#[derive(Debug)]
#[allow(missing_docs, reason = "the names are JSON-RPC's")]
pub struct Request {
    pub id: RequestId,
    pub method: String,
    pub params: Params,
}

/// A call of `method` that wants no answer.
#[derive(Debug)]
#[allow(missing_docs, reason = "the names are JSON-RPC's")]
pub struct Notification {
    pub method: String,
    pub params: Params,
}

/// An answer of the client.
#[derive(Debug)]
#[allow(missing_docs, reason = "the names are JSON-RPC's")]
pub struct Response {
    pub id: Option<RequestId>,
    /// `None`: it is an error.
    pub result: Option<Box<RawValue>>,
}

/// The id of a request: a string or an integer of any size, kept as the text it came in.
#[derive(Clone, Debug)]
pub struct RequestId(Box<str>);

/// The `params` of a message: an object, or absent.
#[derive(Debug, Default)]
pub struct Params(Option<Box<RawValue>>);

/// A line, or an element of a batch, that is not a JSON-RPC message.
#[derive(Debug)]
pub struct Malformed {
    /// The id, where one could be read.
    pub id: Option<RequestId>,
    /// What to answer.
    pub error: ErrorObject,
}

/// One message to the client, as JSON text.
#[derive(Debug)]
pub struct Outgoing {
    text: String,
    /// Answers to requests in it.
    answers: usize,
}

impl Incoming {
    /// Reads one line without its newline. `None` for a blank one. Accepted around the message: a byte order
    /// mark, spaces, tabs, a carriage return.
    pub fn parse(line: &[u8]) -> Option<Incoming> {
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).trim_ascii();
        if line.is_empty() {
            return None;
        }
        let Ok(text) = std::str::from_utf8(line) else {
            return Some(Malformed::unreadable("Parse error: the line is not UTF-8").into());
        };
        if text.starts_with('[') { Some(parse_batch(text)) } else { Some(Incoming::Single(parse_one(text))) }
    }

    /// How many answers it wants. What is malformed is answered too.
    pub fn answers(&self) -> usize {
        let is_wanted = |message: &Result<Message, Malformed>| {
            !matches!(message, Ok(Message::Notification(_) | Message::Response(_)))
        };
        match self {
            Incoming::Single(message) => usize::from(is_wanted(message)),
            Incoming::Batch(messages) => messages.iter().filter(|message| is_wanted(message)).count(),
        }
    }

    /// A line that was longer than the transport accepts.
    pub fn too_long(bytes_max: usize) -> Incoming {
        Malformed::unreadable(format!("Parse error: the line is longer than {bytes_max} bytes")).into()
    }
}

impl From<Malformed> for Incoming {
    fn from(malformed: Malformed) -> Incoming {
        Incoming::Single(Err(malformed))
    }
}

fn parse_batch(text: &str) -> Incoming {
    let Ok(elements) = serde_json::from_str::<Vec<&RawValue>>(text) else {
        return Malformed::not_json().into();
    };
    if elements.is_empty() || elements.len() > BATCH_LENGTH_MAX {
        let message = format!("Invalid request: a batch holds 1 to {BATCH_LENGTH_MAX} messages");
        return Malformed::invalid(None, message).into();
    }
    Incoming::Batch(elements.into_iter().map(|element| parse_one(element.get())).collect())
}

fn parse_one(text: &str) -> Result<Message, Malformed> {
    let names = ["jsonrpc", "id", "method", "params", "result", "error"];
    let Some([jsonrpc, id, method, params, result, error]) = json::members(text, names) else {
        // An object without members here is no JSON; a value of another kind may be.
        let is_json = !text.starts_with('{') && json::is_one_value(text);
        return Err(if is_json {
            Malformed::invalid(None, "Invalid request: not an object")
        } else {
            Malformed::not_json()
        });
    };
    let known_id = id.and_then(RequestId::parse);
    if jsonrpc.and_then(json::string).as_deref() != Some("2.0") {
        return Err(Malformed::invalid(known_id, "Invalid request: the member jsonrpc must be \"2.0\""));
    }
    let Some(method) = method else {
        if result.is_some() || error.is_some() {
            return Ok(Message::Response(Response { id: known_id, result: result.map(ToOwned::to_owned) }));
        }
        return Err(Malformed::invalid(known_id, "Invalid request: the member method is missing"));
    };
    let Some(method) = json::string(method) else {
        return Err(Malformed::invalid(known_id, "Invalid request: the member method must be a string"));
    };
    match (id, known_id) {
        (None, _) => {
            // Nothing is ever answered to a notification, so odd params of one count as none.
            let params = Params::parse(params).unwrap_or_default();
            Ok(Message::Notification(Notification { method, params }))
        }
        (Some(_), None) => {
            Err(Malformed::invalid(None, "Invalid request: the member id must be a string or an integer"))
        }
        (Some(_), Some(id)) => match Params::parse(params) {
            Ok(params) => Ok(Message::Request(Request { id, method, params })),
            Err(error) => Err(Malformed { id: Some(id), error }),
        },
    }
}

/// Whether the value may name something: a string or an integer.
pub fn is_id(value: &RawValue) -> bool {
    let text = value.get();
    text.starts_with('"') || text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
}

impl RequestId {
    /// The id, if it is one: a string or an integer. `null`, fractions and exponents are not.
    pub fn parse(value: &RawValue) -> Option<RequestId> {
        is_id(value).then(|| RequestId(value.get().into()))
    }

    /// The text it came in.
    pub fn as_json(&self) -> &str {
        &self.0
    }

    /// The string that the id stands for, if it is one and is written with escapes.
    fn unescaped(&self) -> Option<String> {
        self.0.contains('\\').then(|| serde_json::from_str(&self.0).ok()).flatten()
    }
}

/// Two ids are equal if they are the same text, or the same string written with different escapes. The number 1
/// and the string "1" are two ids.
impl PartialEq for RequestId {
    fn eq(&self, other: &RequestId) -> bool {
        let plain = |id: &RequestId| id.0.strip_prefix('"')?.strip_suffix('"').map(str::to_owned);
        self.0 == other.0
            || match (self.unescaped(), other.unescaped()) {
                (None, None) => false,
                (ours, theirs) => {
                    let ours = ours.or_else(|| plain(self));
                    ours.is_some() && ours == theirs.or_else(|| plain(other))
                }
            }
    }
}

impl Params {
    fn parse(value: Option<&RawValue>) -> Result<Params, ErrorObject> {
        match value {
            None => Ok(Params(None)),
            Some(value) if json::is_null(value) => Ok(Params(None)),
            Some(value) if json::is_object(value) => Ok(Params(Some(value.to_owned()))),
            Some(value) if value.get().starts_with('[') => {
                Err(ErrorObject::invalid_params("Invalid params: params must be an object"))
            }
            Some(_) => {
                Err(ErrorObject::new(ErrorCode::InvalidRequest, "Invalid request: params must be an object"))
            }
        }
    }

    /// The members of these names. An explicit `null` counts as absent.
    pub fn members<const N: usize>(&self, names: [&str; N]) -> [Option<&RawValue>; N] {
        let found = self.0.as_ref().and_then(|object| json::members(object.get(), names));
        found.unwrap_or([None; N]).map(|member| member.filter(|value| !json::is_null(value)))
    }
}

impl Malformed {
    fn invalid(id: Option<RequestId>, message: impl Into<Cow<'static, str>>) -> Malformed {
        Malformed { id, error: ErrorObject::new(ErrorCode::InvalidRequest, message) }
    }

    fn unreadable(message: impl Into<Cow<'static, str>>) -> Malformed {
        Malformed { id: None, error: ErrorObject::new(ErrorCode::ParseError, message) }
    }

    fn not_json() -> Malformed {
        Malformed::unreadable("Parse error: the line is not JSON")
    }
}

impl Outgoing {
    /// The answer to a request: `result` is the JSON text of an object.
    pub fn result(id: &RequestId, result: &str) -> Outgoing {
        let id = id.as_json();
        let mut text = String::with_capacity(result.len() + id.len() + 40);
        for part in [r#"{"jsonrpc":"2.0","id":"#, id, r#","result":"#, result, "}"] {
            text.push_str(part);
        }
        Outgoing { text, answers: 1 }
    }

    /// The answer to a request that failed. Where no id could be read the member is left out: the schema since
    /// 2025-11-25 makes it optional and knows no `null`.
    pub fn error(id: Option<&RequestId>, error: &ErrorObject) -> Outgoing {
        let mut object = Object::new();
        object.string("jsonrpc", "2.0");
        if let Some(id) = id {
            object.raw("id", id.as_json());
        }
        Outgoing { text: object.raw("error", &error.to_json()).finish(), answers: 1 }
    }

    /// A request to the client: `id` and `params` are JSON text.
    pub fn request(id: &str, method: &str, params: &str) -> Outgoing {
        let mut object = Object::new();
        object.string("jsonrpc", "2.0").raw("id", id).string("method", method).raw("params", params);
        Outgoing { text: object.finish(), answers: 0 }
    }

    /// A notification: `params` is the JSON text of an object.
    pub fn notification(method: &str, params: Option<&str>) -> Outgoing {
        let mut object = Object::new();
        object.string("jsonrpc", "2.0").string("method", method);
        if let Some(params) = params {
            object.raw("params", params);
        }
        Outgoing { text: object.finish(), answers: 0 }
    }

    /// The answers to a batch, as one array.
    pub fn batch(answers: &[Outgoing]) -> Outgoing {
        let texts: Vec<&str> = answers.iter().map(Outgoing::as_json).collect();
        Outgoing {
            text: format!("[{}]", texts.join(",")),
            answers: answers.iter().map(|answer| answer.answers).sum(),
        }
    }

    /// The JSON text.
    pub fn as_json(&self) -> &str {
        &self.text
    }

    /// How many requests it answers.
    pub fn answers(&self) -> usize {
        self.answers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a line is, in a few words: `request ID METHOD`, `notification METHOD`, `response`, `error ID CODE`.
    fn parsed(line: &[u8]) -> String {
        match Incoming::parse(line) {
            None => "blank".to_owned(),
            Some(Incoming::Single(single)) => told(&single),
            Some(Incoming::Batch(batch)) => {
                format!("[{}]", batch.iter().map(told).collect::<Vec<_>>().join(", "))
            }
        }
    }

    fn told(message: &Result<Message, Malformed>) -> String {
        match message {
            Ok(Message::Request(request)) => format!("request {} {}", request.id.as_json(), request.method),
            Ok(Message::Notification(notification)) => format!("notification {}", notification.method),
            Ok(Message::Response(_)) => "response".to_owned(),
            Err(Malformed { id, error }) => {
                format!("error {} {}", id.as_ref().map_or("-", RequestId::as_json), error.code.number())
            }
        }
    }

    #[test]
    fn lines_are_sorted_into_messages_and_errors() {
        let table: &[(&[u8], &str)] = &[
            // Ids come back as they were.
            (br#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#, "request 1 ping"),
            (br#"{"method":"ping","id":-0,"jsonrpc":"2.0"}"#, "request -0 ping"),
            (
                br#"{"jsonrpc":"2.0","id":123456789012345678901234567890,"method":"ping"}"#,
                "request 123456789012345678901234567890 ping",
            ),
            (
                br#"{"jsonrpc":"2.0","id":"\u0061\/\ud800","method":"ping"}"#,
                r#"request "\u0061\/\ud800" ping"#,
            ),
            (br#"{"jsonrpc":"2.0","id":"","method":"ping"}"#, r#"request "" ping"#),
            // Ids that are none.
            (br#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, "error - -32600"),
            (br#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, "error - -32600"),
            (br#"{"jsonrpc":"2.0","id":1e3,"method":"ping"}"#, "error - -32600"),
            (br#"{"jsonrpc":"2.0","id":true,"method":"ping"}"#, "error - -32600"),
            (br#"{"jsonrpc":"2.0","id":[1],"method":"ping"}"#, "error - -32600"),
            (br#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#, "error - -32600"),
            // What surrounds a message.
            (b" \t{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"} \r", "request 1 ping"),
            (b"\xef\xbb\xbf{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}", "request 1 ping"),
            (b"", "blank"),
            (b" \t\r", "blank"),
            // Not JSON.
            (b"hello", "error - -32700"),
            (b"{", "error - -32700"),
            (b"[1", "error - -32700"),
            (br#"{"jsonrpc":"2.0","id":1,"method":"ping"}}"#, "error - -32700"),
            (br#"{"jsonrpc":"2.0","id":1,"method":"ping"}{"#, "error - -32700"),
            (br#"{"jsonrpc":"2.0","id":01,"method":"ping"}"#, "error - -32700"),
            (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"pi\xffng\"}", "error - -32700"),
            (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"pi\0ng\"}", "error - -32700"),
            (b"\0", "error - -32700"),
            (b"Content-Length: 12", "error - -32700"),
            // JSON, but no request.
            (b"42", "error - -32600"),
            (b"null", "error - -32600"),
            (b"\"x\"", "error - -32600"),
            (b"{}", "error - -32600"),
            (br#"{"id":1,"method":"ping"}"#, "error 1 -32600"),
            (br#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, "error 1 -32600"),
            (br#"{"jsonrpc":2.0,"id":"a","method":"ping"}"#, "error \"a\" -32600"),
            (br#"{"jsonrpc":"2.0","id":1}"#, "error 1 -32600"),
            (br#"{"jsonrpc":"2.0","id":1,"method":7}"#, "error 1 -32600"),
            (br#"{"jsonrpc":"2.0","id":1,"method":"\ud800"}"#, "error 1 -32600"),
            (br#"{"jsonrpc":"2.0","method":7}"#, "error - -32600"),
            // Params.
            (br#"{"jsonrpc":"2.0","id":1,"method":"ping","params":null}"#, "request 1 ping"),
            (br#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{},"more":[1]}"#, "request 1 ping"),
            (br#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#, "error 1 -32602"),
            (br#"{"jsonrpc":"2.0","id":1,"method":"ping","params":"x"}"#, "error 1 -32600"),
            // No answer is wanted.
            (br#"{"jsonrpc":"2.0","method":"notifications/x"}"#, "notification notifications/x"),
            (br#"{"jsonrpc":"2.0","method":"notifications/x","params":3}"#, "notification notifications/x"),
            (br#"{"jsonrpc":"2.0","id":1,"result":{}}"#, "response"),
            (br#"{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":""}}"#, "response"),
            // Batches.
            (b"[]", "error - -32600"),
            (b"[1,[],{}]", "[error - -32600, error - -32600, error - -32600]"),
            (
                br#"[{"jsonrpc":"2.0","id":1,"method":"a"},{"jsonrpc":"2.0","method":"b"}]"#,
                "[request 1 a, notification b]",
            ),
        ];
        for (line, expected) in table {
            assert_eq!(parsed(line), *expected, "{}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn a_batch_is_bounded() {
        let batch = |length: usize| format!("[{}]", vec!["1"; length].join(","));
        assert!(matches!(Incoming::parse(batch(BATCH_LENGTH_MAX).as_bytes()), Some(Incoming::Batch(_))));
        assert_eq!(parsed(batch(BATCH_LENGTH_MAX + 1).as_bytes()), "error - -32600");
    }

    #[test]
    fn depth_is_no_danger() {
        let open = "[".repeat(1_000_000);
        assert_eq!(parsed(open.as_bytes()), "error - -32700");
        let deep = format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\",\"params\":{{\"a\":{open}");
        assert_eq!(parsed(deep.as_bytes()), "error - -32700");
        let closed = format!("{deep}{}}}}}", "]".repeat(1_000_000));
        assert_eq!(parsed(closed.as_bytes()), "request 1 m");
    }

    #[test]
    fn ids_are_compared_as_values() {
        let id = |text: &str| RequestId(text.into());
        let equal =
            [("1", "1"), (r#""a""#, r#""\u0061""#), (r#""\/""#, r#""/""#), (r#""\ud800""#, r#""\ud800""#)];
        let different = [("1", r#""1""#), ("1", "01"), (r#""a""#, r#""b""#), (r#""\u0031""#, "1")];
        for (a, b) in equal {
            assert!(id(a) == id(b) && id(b) == id(a), "{a} {b}");
        }
        for (a, b) in different {
            assert!(id(a) != id(b) && id(b) != id(a), "{a} {b}");
        }
    }

    #[test]
    fn messages_are_written_with_the_members_of_the_schema() {
        let id = RequestId("9007199254740993".into());
        let error = ErrorObject::method_not_found("x\ny");
        let table = [
            (Outgoing::result(&id, "{}"), r#"{"jsonrpc":"2.0","id":9007199254740993,"result":{}}"#),
            (
                Outgoing::error(Some(&id), &error.clone().with_data("[]".to_owned())),
                r#"{"jsonrpc":"2.0","id":9007199254740993,"error":{"code":-32601,"message":"Method not found: x\ny","data":[]}}"#,
            ),
            (
                Outgoing::error(None, &error),
                r#"{"jsonrpc":"2.0","error":{"code":-32601,"message":"Method not found: x\ny"}}"#,
            ),
            (Outgoing::notification("n", None), r#"{"jsonrpc":"2.0","method":"n"}"#),
            (
                Outgoing::batch(&[Outgoing::notification("n", Some("{}")), Outgoing::result(&id, "{}")]),
                r#"[{"jsonrpc":"2.0","method":"n","params":{}},{"jsonrpc":"2.0","id":9007199254740993,"result":{}}]"#,
            ),
        ];
        for (outgoing, expected) in table {
            assert_eq!(outgoing.as_json(), expected);
        }
    }
}
