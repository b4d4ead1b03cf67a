//! What an error of the daemon says: the one reading of an error body, for calls, renewals and the operator's routes.
//!
//! Used by the session, the server and the commands that speak for the operator. Pure. The daemon writes
//! `{"code","message",…}`; others put the same inside `error`, and some do both. With two readings, a token could be
//! refused according to one and good according to the other.

use std::time::Duration;

use super::Response;
use crate::json::{self, RawValue};

/// Longest code that is shown where the daemon's own text must not be, in bytes. The daemon's longest has 34; a token is
/// longer than this.
const CODE_BYTES_MAX: usize = 64;

/// The members, in the order of [`DaemonError`]'s fields.
const MEMBERS: [&str; 6] = ["code", "message", "retryable", "hint", "details", "requestId"];

type Found<'a> = [Option<&'a RawValue>; MEMBERS.len()];

/// An error as the daemon tells it. What is missing, or is not what it should be, is `None`; what is handed on as it came
/// is JSON text.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DaemonError<'a> {
    /// The daemon's code, as it came. For the log there is [`DaemonError::plain_code`].
    pub code: Option<String>,
    /// For people; text from outside.
    pub message: Option<String>,
    /// Whether asking again may help.
    pub retryable: Option<bool>,
    /// What to do.
    pub hint: Option<&'a str>,
    /// What is wrong with which argument, and the like.
    pub details: Option<&'a str>,
    /// The daemon's name for the request.
    pub request_id: Option<&'a str>,
    /// How long to wait: the header.
    pub retry_after: Option<Duration>,
}

impl<'a> DaemonError<'a> {
    /// Reads an answer. From a body that is no JSON object nothing is read; `retry_after` is a header.
    pub fn of(response: &'a Response) -> DaemonError<'a> {
        let text = std::str::from_utf8(&response.body).unwrap_or_default();
        DaemonError { retry_after: response.retry_after, ..DaemonError::read(text).unwrap_or_default() }
    }

    /// The outer members win if the outer code is a string, otherwise the inner ones. What the winner lacks is taken from
    /// the other.
    fn read(text: &'a str) -> Option<DaemonError<'a>> {
        let outer = members(text)?;
        let [inner] = json::members(text, ["error"])?;
        let inner = inner.and_then(|inner| members(inner.get())).unwrap_or_default();
        let has_code =
            |found: &Found<'_>| found[0].and_then(json::string).is_some_and(|code| !code.is_empty());
        let (first, second) =
            if has_code(&inner) && !has_code(&outer) { (inner, outer) } else { (outer, inner) };
        let text = |at: usize| first[at].and_then(json::string).or_else(|| second[at].and_then(json::string));
        let raw = |at: usize| first[at].or(second[at]).map(RawValue::get);
        Some(DaemonError {
            code: text(0),
            message: text(1),
            retryable: raw(2).and_then(|value| value.parse().ok()),
            hint: raw(3),
            details: raw(4),
            request_id: raw(5),
            retry_after: None,
        })
    }

    /// The code, or `odd_code` if it does not look like one: it could be anything, even the token of the request. `None` if
    /// there is no code.
    pub fn plain_code(&self) -> Option<&str> {
        self.code.as_deref().map(|code| if has_form_of_code(code) { code } else { "odd_code" })
    }
}

/// The members that are there and not null; `None` if `text` is no object.
fn members(text: &str) -> Option<Found<'_>> {
    Some(json::members(text, MEMBERS)?.map(|member| member.filter(|value| !json::is_null(value))))
}

fn has_form_of_code(code: &str) -> bool {
    (1..=CODE_BYTES_MAX).contains(&code.len())
        && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(body: &[u8]) -> Response {
        Response { status: 401, body: body.to_vec(), date: None, retry_after: Some(Duration::from_secs(7)) }
    }

    /// Code and message, and everything else as it came.
    fn read(body: &str) -> (Option<String>, Option<String>) {
        let response = response(body.as_bytes());
        let error = DaemonError::of(&response);
        (error.code, error.message)
    }

    #[test]
    fn the_outer_code_counts_where_it_is_a_text_and_else_the_inner_one() {
        let table = [
            (r#"{"code":"A","message":"m"}"#, Some("A"), Some("m")),
            (r#"{"error":{"code":"B","message":"n"}}"#, Some("B"), Some("n")),
            (r#"{"code":"A","message":"m","error":{"name":"Unauthorized"}}"#, Some("A"), Some("m")),
            (r#"{"code":"A","message":"m","error":{"code":"B","message":"n"}}"#, Some("A"), Some("m")),
            (r#"{"error":{"code":"B","message":"n"},"message":"m","code":"A"}"#, Some("A"), Some("m")),
            (r#"{"code":"A","error":{"code":"B","message":"n"}}"#, Some("A"), Some("n")),
            (r#"{"code":"A","message":"m","error":"Unauthorized"}"#, Some("A"), Some("m")),
            (r#"{"code":401,"message":"m","error":{"code":"B","message":"n"}}"#, Some("B"), Some("n")),
            (r#"{"code":null,"message":"m","error":{"code":"B"}}"#, Some("B"), Some("m")),
            (r#"{"code":"","error":{"code":"B"}}"#, Some("B"), None),
            (r#"{"code":"","message":"m"}"#, Some(""), Some("m")),
            (r#"{"code":7,"message":"m","error":{"code":8,"message":"n"}}"#, None, Some("m")),
            (r#"{"error":{"error":{"code":"C"}}}"#, None, None),
            (r#"{"error":[{"code":"B"}]}"#, None, None),
            (r#"{"code":"A","code":"B"}"#, Some("B"), None),
            (r#"{"code":"\ud800"}"#, None, None),
            ("[]", None, None),
            ("", None, None),
            (r#"{"code":"A"} x"#, None, None),
            ("\u{feff}{\"code\":\"A\"}", None, None),
        ];
        for (body, code, message) in table {
            let told = read(body);
            assert_eq!((told.0.as_deref(), told.1.as_deref()), (code, message), "{body}");
        }
    }

    #[test]
    fn every_other_member_is_handed_on_as_it_came() {
        let body = r#"{"code":"A","retryable":true,"hint":"h","details":{"n":1.0e2},"requestId":[1]}"#;
        for body in [body.to_owned(), format!(r#"{{"error":{body}}}"#)] {
            let response = response(body.as_bytes());
            let error = DaemonError::of(&response);
            let told = (error.retryable, error.hint, error.details, error.request_id);
            assert_eq!(told, (Some(true), Some("\"h\""), Some("{\"n\":1.0e2}"), Some("[1]")), "{body}");
            assert_eq!(error.retry_after, Some(Duration::from_secs(7)));
        }
        let odd = response(br#"{"code":"A","retryable":"no","hint":null}"#);
        let error = DaemonError::of(&odd);
        assert_eq!((error.retryable, error.hint), (None, None));
    }

    #[test]
    fn no_body_is_too_odd_to_be_read() {
        let deep = format!(r#"{{"code":"A","details":{}{}}}"#, "[".repeat(200_000), "]".repeat(200_000));
        assert_eq!(read(&deep).0.as_deref(), Some("A"));
        let inside = format!(r#"{{"error":{}{}}}"#, r#"{"error":"#.repeat(50_000), "}".repeat(50_000));
        assert_eq!(read(&inside), (None, None));
        assert_eq!(DaemonError::of(&response(b"{\"code\":\"\xff\"}")).code, None);
    }

    #[test]
    fn a_code_that_is_none_is_not_shown() {
        let long = "X".repeat(CODE_BYTES_MAX + 1);
        for (code, shown) in [
            ("RATE_LIMITED", "RATE_LIMITED"),
            (&long[1..], &long[1..]),
            (&long, "odd_code"),
            ("", "odd_code"),
            ("a b", "odd_code"),
            ("a\\nlevel=error", "odd_code"),
        ] {
            let response = response(format!(r#"{{"code":"{code}"}}"#).as_bytes());
            assert_eq!(DaemonError::of(&response).plain_code(), Some(shown));
        }
        assert_eq!(DaemonError::default().plain_code(), None);
    }
}
