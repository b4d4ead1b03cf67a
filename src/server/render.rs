//! What a call's outcome looks like to the client: the table of results of the program's contract, in one place.
//!
//! Used by the server for every tool call and resource. Pure. A successful body passes byte for byte; an error's
//! members are the daemon's own. What would be invisible in either is escaped at the end. Refuses to decide whether a
//! request is sent again.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use crate::http::daemon_error::DaemonError;
use crate::http::{HttpFault, HttpFaultKind, Response};
use crate::json::{self, Object};
use crate::mcp::types::CallToolResult;
use crate::session::status::WhyNone;
use crate::text;

/// A success without a body.
const DONE: &str = r#"{"status":"ok"}"#;

/// Why a call has no answer of the daemon.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CallError {
    /// No usable token is held, or the daemon refused the one that was, and the token file has no other.
    NoSession {
        /// What is known of it.
        why: WhyNone,
        /// The token file's path.
        path: PathBuf,
    },
    /// There was no complete answer.
    Fault(HttpFault),
    /// The call was cancelled, and the request was not sent.
    Cancelled,
}

/// An outcome that is not the result asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// One word: the daemon's code, or ours.
    pub code: String,
    /// What the client is told.
    pub result: CallToolResult,
}

/// What to do about one code of the daemon's, where more is known than the daemon says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Advice {
    /// The daemon's code.
    pub code: &'static str,
    /// One sentence.
    pub hint: &'static str,
}

impl Failure {
    /// An error that is not the daemon's: `code`, a sentence, and what to do.
    pub fn own(code: &str, message: &str, retryable: bool, hint: Option<&str>) -> Failure {
        Failure { code: code.to_owned(), result: own_error(code, message, retryable, hint) }
    }
}

/// The text of a good answer, or what is said instead. `repeatable`: the request changes nothing.
///
/// # Errors
/// [`Failure`] for everything but a readable success.
pub fn answer(outcome: Result<Response, CallError>, repeatable: bool) -> Result<String, Failure> {
    match outcome {
        Err(CallError::NoSession { why, path }) => Err(session_expired(why, &path)),
        Err(CallError::Fault(fault)) => Err(no_answer(&fault, repeatable)),
        Err(CallError::Cancelled) => Err(cancelled()),
        Ok(response) => match response.status {
            204 | 205 => Ok(DONE.to_owned()),
            200..=299 if response.body.is_empty() => Ok(DONE.to_owned()),
            200..=299 => readable(response.body).ok_or_else(|| unreadable(response.status, repeatable)),
            _ => Err(refusal(&response, repeatable, None)),
        },
    }
}

/// The same, with advice of ours where the daemon refuses with the code it is for.
///
/// # Errors
/// [`Failure`] for everything but a readable success.
pub fn answer_advised(
    outcome: Result<Response, CallError>,
    repeatable: bool,
    advice: Advice,
) -> Result<String, Failure> {
    match outcome {
        Ok(response) if !(200..=299).contains(&response.status) => {
            Err(refusal(&response, repeatable, Some(advice)))
        }
        outcome => answer(outcome, repeatable),
    }
}

/// The same as the result of a tool.
pub fn tool_result(outcome: Result<Response, CallError>, repeatable: bool) -> CallToolResult {
    answer(outcome, repeatable).map_or_else(|failure| failure.result, CallToolResult::text)
}

/// The result with every invisible character escaped as JSON does it, so that a token's name cannot hide words from the
/// person who reads. The value stays what it was. Not for text that is no JSON but shown as it is.
pub fn visible(mut result: CallToolResult) -> CallToolResult {
    for text in [&mut result.text].into_iter().chain(&mut result.notes) {
        if let Cow::Owned(escaped) = text::escaped(text) {
            *text = escaped;
        }
    }
    result
}

/// A body that is one JSON value, as the text it came in. Everything else in a success (HTML, half an answer, bytes that
/// are not UTF-8) is not an answer.
fn readable(body: Vec<u8>) -> Option<String> {
    String::from_utf8(body).ok().filter(|text| json::is_one_value(text))
}

/// An error that is not the daemon's: `code`, a sentence, and what to do.
pub fn own_error(code: &str, message: &str, retryable: bool, hint: Option<&str>) -> CallToolResult {
    let mut object = Object::new();
    object.bool("error", true).string("code", code).string("message", message).bool("retryable", retryable);
    CallToolResult::error(object.optional_string("hint", hint).finish())
}

/// A good status whose body cannot be read.
pub fn unreadable(status: u16, repeatable: bool) -> Failure {
    let detail = format!("it answered {status} with a body that is not JSON");
    no_answer(&HttpFault { kind: HttpFaultKind::Broken, sent: true, detail }, repeatable)
}

/// The program ended, or something in it broke, before there was an answer.
pub fn lost(detail: &str, repeatable: bool) -> CallToolResult {
    let fault = HttpFault { kind: HttpFaultKind::Broken, sent: true, detail: detail.to_owned() };
    no_answer(&fault, repeatable).result
}

/// What is known, and what to do about it.
fn session_expired(why: WhyNone, path: &Path) -> Failure {
    const SETUP: &str = "Ask the user to run `waiaas-mcp setup`, which makes a new session and writes its token file, then try \
        again: the new token is used at once, without a restart. `waiaas-mcp doctor` says what is wrong";
    const WAIT: &str = "Try again in a few seconds; no new session is needed. If it goes on, ask the user to look at \
        the log and at the limit of processes (`ulimit -u`)";
    let path = path.display();
    let (message, action) = match why {
        WhyNone::NoFile => (format!("There is no session token: there is no file {path}"), SETUP),
        WhyNone::UnusableFile(reason) => (format!("The token file {path} cannot be used: {reason}"), SETUP),
        WhyNone::Expired => ("The session token has expired".to_owned(), SETUP),
        WhyNone::Refused => {
            ("The daemon refuses the session token: the session was revoked or has ended".to_owned(), SETUP)
        }
        WhyNone::NotLooked => (format!("The token file {path} has not been read yet"), WAIT),
        WhyNone::NoWorker => (
            "The part of waiaas-mcp that keeps the session could not be started; it is tried again"
                .to_owned(),
            WAIT,
        ),
    };
    let text = Object::new()
        .string("status", "session_expired")
        .bool("session_expired", true)
        .string("message", &message)
        .string("action", action)
        .bool("retryable", true)
        .finish();
    Failure { code: "session_expired".to_owned(), result: CallToolResult::text(text) }
}

/// Only the call's own code sees this; a cancelled call is not answered.
fn cancelled() -> Failure {
    Failure::own("CANCELLED", "The call was cancelled; this request of it was not sent", false, None)
}

fn no_answer(fault: &HttpFault, repeatable: bool) -> Failure {
    let unknown = fault.sent && !repeatable;
    let (status, message) = if unknown {
        let message = format!(
            "No answer from the WAIaaS daemon after the request was sent ({}), so it may have been carried out. \
             Do not repeat it: check list_transactions first",
            fault.detail
        );
        ("outcome_unknown", message)
    } else {
        let message = format!(
            "No usable answer from the WAIaaS daemon ({}). Nothing was changed. If this goes on, ask the user \
             whether the daemon is running and WAIAAS_BASE_URL names it",
            fault.detail
        );
        ("daemon_unavailable", message)
    };
    let text = Object::new()
        .string("status", status)
        .bool("network_error", true)
        .string("message", &message)
        .bool("retryable", !unknown)
        .finish();
    Failure { code: status.to_owned(), result: CallToolResult::text(text) }
}

/// The text of an error with a hint of ours behind the daemon's. Text that is no object stays as it is.
pub fn with_hint(error: &str, ours: &str) -> String {
    let Some(members) = json::entries(error) else { return error.to_owned() };
    let theirs = members.iter().find(|(name, _)| name == "hint").and_then(|(_, hint)| json::string(hint));
    let theirs = theirs.as_deref().map(|hint| hint.trim_end_matches('.'));
    let hint = theirs.into_iter().chain([ours]).collect::<Vec<&str>>().join(". ");
    let mut object = Object::new();
    let mut is_said = false;
    for (name, value) in &members {
        // Where a hint stands: behind `retryable`, before what else the daemon tells.
        if !is_said && (name == "hint" || ["details", "requestId", "retryAfter"].contains(&&**name)) {
            object.string("hint", &hint);
            is_said = true;
        }
        if name != "hint" {
            object.raw(name, value.get());
        }
    }
    object.optional_string("hint", Some(&*hint).filter(|_| !is_said)).finish()
}

fn refusal(response: &Response, repeatable: bool, advice: Option<Advice>) -> Failure {
    let body = DaemonError::of(response);
    // A failing gateway does not say whether the daemon behind it acted, and an interim status says nothing at all.
    if body.code.is_none() && !(300..500).contains(&response.status) {
        let detail = format!("it answered {} without an error code", response.status);
        return no_answer(&HttpFault { kind: HttpFaultKind::Broken, sent: true, detail }, repeatable);
    }
    let status = response.status;
    let code = body.code.unwrap_or_else(|| format!("HTTP_{status}"));
    let message = body.message.unwrap_or_else(|| match status {
        300..=399 => {
            format!("The daemon answered {status}, a redirect, which is not followed; check WAIAAS_BASE_URL")
        }
        _ => format!("The daemon answered {status} without saying why"),
    });
    if code == "KILL_SWITCH_ACTIVE" || (status == 503 && code == "SYSTEM_LOCKED") {
        let text = Object::new()
            .string("status", "kill_switch_active")
            .string("code", &code)
            .string("message", &message)
            .bool("retryable", true)
            .finish();
        return Failure { code, result: CallToolResult::text(text) };
    }
    let mut object = Object::new();
    object.bool("error", true).string("code", &code).string("message", &message);
    object.bool("retryable", body.retryable.unwrap_or(status == 429));
    let advice = advice.filter(|advice| advice.code == code);
    let told = body.hint.and_then(|hint| serde_json::from_str::<String>(hint).ok());
    let hints = [told.as_deref(), advice.map(|advice| advice.hint)];
    let hints: Vec<&str> = hints.into_iter().flatten().collect();
    let hint = body.hint.filter(|_| advice.is_none());
    object.optional_string("hint", advice.map(|_| hints.join(" ")).as_deref());
    for (name, value) in [("hint", hint), ("details", body.details), ("requestId", body.request_id)] {
        if let Some(value) = value {
            object.raw(name, value);
        }
    }
    if let Some(wait) = body.retry_after {
        object.integer("retryAfter", i64::try_from(wait.as_secs()).unwrap_or(i64::MAX));
    }
    Failure { code, result: CallToolResult::error(object.finish()) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn response(status: u16, body: &[u8]) -> Response {
        Response { status, body: body.to_vec(), date: None, retry_after: None }
    }

    fn fault(sent: bool) -> Result<Response, CallError> {
        Err(CallError::Fault(HttpFault { kind: HttpFaultKind::Broken, sent, detail: "cut".to_owned() }))
    }

    /// The `status` or `code` of a result, with `!` if it is an error.
    fn told(result: &CallToolResult) -> String {
        let [status, code] = json::members(&result.text, ["status", "code"]).expect("an object");
        let word = status.or(code).and_then(json::string).expect("status or code");
        format!("{word}{}", if result.is_error { "!" } else { "" })
    }

    fn no_session(why: WhyNone) -> CallError {
        CallError::NoSession { why, path: "/data/mcp-token".into() }
    }

    #[test]
    fn what_is_known_of_a_missing_session_is_told_with_the_file_that_was_looked_at() {
        let message = |why| tool_result(Err(no_session(why)), true).text;
        let (no_file, unusable) =
            (message(WhyNone::NoFile), message(WhyNone::UnusableFile("it is a symbolic link")));
        assert!(no_file.contains("no file /data/mcp-token"), "{no_file}");
        assert!(unusable.contains("/data/mcp-token cannot be used: it is a symbolic link"), "{unusable}");
        assert!(message(WhyNone::Expired).contains("has expired"));
        assert!(message(WhyNone::Refused).contains("refuses"));
        for why in [WhyNone::NoWorker, WhyNone::NotLooked] {
            assert!(!message(why).contains("setup"), "a new session would help nobody");
        }
    }

    #[test]
    fn a_success_passes_byte_for_byte() {
        for body in [
            "{\"b\":1.10,\"a\":123456789012345678901234567890}",
            " {\"a\" : [ 1e400 ] }\n",
            "[]",
            "null",
            "\"\\u00e9\"",
        ] {
            for status in [200, 201, 202] {
                let result = tool_result(Ok(response(status, body.as_bytes())), true);
                assert_eq!(result, CallToolResult::text(body), "{status}");
            }
        }
    }

    #[test]
    fn a_success_without_a_body_is_told_as_one() {
        for repeatable in [true, false] {
            for status in [200, 201, 202, 204, 205, 299] {
                let result = tool_result(Ok(response(status, b"")), repeatable);
                assert_eq!(result, CallToolResult::text(r#"{"status":"ok"}"#), "{status}");
            }
        }
    }

    #[test]
    fn every_outcome_has_its_place_in_the_table() {
        let outcome = |status, body: &str| Ok(response(status, body.as_bytes()));
        let coded = |status, code: &str| outcome(status, &format!(r#"{{"code":"{code}","message":"m"}}"#));
        let unreadable: &[(u16, &[u8])] = &[
            (200, b"\n"),
            (200, b"<html>"),
            (200, b"{\"a\":"),
            (201, b"\"\xff\""),
            (200, b"{} {}"),
            (200, b"\xef\xbb\xbf{}"),
        ];
        // Outcome, then what is told for a request that changes nothing, and for one that may.
        let mut table = vec![
            (Err(no_session(WhyNone::Expired)), "session_expired", "session_expired"),
            (fault(false), "daemon_unavailable", "daemon_unavailable"),
            (fault(true), "daemon_unavailable", "outcome_unknown"),
            (outcome(502, "<html>"), "daemon_unavailable", "outcome_unknown"),
            (outcome(500, "{}"), "daemon_unavailable", "outcome_unknown"),
            (outcome(101, ""), "daemon_unavailable", "outcome_unknown"),
            (coded(503, "SYSTEM_LOCKED"), "kill_switch_active", "kill_switch_active"),
            (coded(409, "KILL_SWITCH_ACTIVE"), "kill_switch_active", "kill_switch_active"),
            (coded(423, "SYSTEM_LOCKED"), "SYSTEM_LOCKED!", "SYSTEM_LOCKED!"),
            (coded(500, "INTERNAL_ERROR"), "INTERNAL_ERROR!", "INTERNAL_ERROR!"),
            (coded(401, "INVALID_MASTER_PASSWORD"), "INVALID_MASTER_PASSWORD!", "INVALID_MASTER_PASSWORD!"),
            (outcome(400, r#"{"error":{"code":"NESTED"}}"#), "NESTED!", "NESTED!"),
            (outcome(302, ""), "HTTP_302!", "HTTP_302!"),
            (outcome(404, "404 Not Found"), "HTTP_404!", "HTTP_404!"),
            (outcome(400, r#"{"code":7}"#), "HTTP_400!", "HTTP_400!"),
            (outcome(400, "[]"), "HTTP_400!", "HTTP_400!"),
        ];
        for (status, body) in unreadable {
            table.push((Ok(response(*status, body)), "daemon_unavailable", "outcome_unknown"));
        }
        for (outcome, read, other) in table {
            assert_eq!(told(&tool_result(outcome.clone(), true)), read, "{outcome:?}");
            assert_eq!(told(&tool_result(outcome.clone(), false)), other, "{outcome:?}");
        }
    }

    #[test]
    fn an_error_is_told_as_the_daemon_told_it() {
        let body = r#"{"code":"X","message":"a\nb","details":{"n":1.0e2},"requestId":"r","retryable":true,"hint":"h","more":1}"#;
        let with_wait =
            Response { retry_after: Some(Duration::from_secs(53)), ..response(429, body.as_bytes()) };
        assert_eq!(
            tool_result(Ok(with_wait), true).text,
            r#"{"error":true,"code":"X","message":"a\nb","retryable":true,"hint":"h","details":{"n":1.0e2},"requestId":"r","retryAfter":53}"#
        );
        assert_eq!(
            tool_result(Ok(response(429, b"{\"code\":\"X\",\"hint\":null}")), true).text,
            r#"{"error":true,"code":"X","message":"The daemon answered 429 without saying why","retryable":true}"#
        );
    }

    #[test]
    fn a_hint_of_ours_stands_behind_the_daemons() {
        let table = [
            (
                r#"{"error":true,"code":"C","retryable":false}"#,
                r#"{"error":true,"code":"C","retryable":false,"hint":"o"}"#,
            ),
            (
                r#"{"error":true,"retryable":false,"hint":"Do it","details":{"n":1.0e2},"requestId":"r"}"#,
                r#"{"error":true,"retryable":false,"hint":"Do it. o","details":{"n":1.0e2},"requestId":"r"}"#,
            ),
            (
                r#"{"error":true,"details":[],"requestId":"r","retryAfter":5}"#,
                r#"{"error":true,"hint":"o","details":[],"requestId":"r","retryAfter":5}"#,
            ),
            ("wrong arguments", "wrong arguments"),
        ];
        for (error, told) in table {
            assert_eq!(with_hint(error, "o"), told);
        }
    }

    #[test]
    fn the_members_that_scripts_rely_on_come_first() {
        let starts = [
            (
                tool_result(Err(no_session(WhyNone::NoFile)), true),
                r#"{"status":"session_expired","session_expired":true,"message":""#,
                r#","retryable":true}"#,
            ),
            (
                tool_result(fault(true), true),
                r#"{"status":"daemon_unavailable","network_error":true,"message":""#,
                r#","retryable":true}"#,
            ),
            (
                tool_result(fault(true), false),
                r#"{"status":"outcome_unknown","network_error":true,"message":""#,
                r#"check list_transactions first","retryable":false}"#,
            ),
            (
                own_error("C", "m", false, Some("h")),
                r#"{"error":true,"code":"C","message":"m""#,
                r#""retryable":false,"hint":"h"}"#,
            ),
        ];
        for (result, start, end) in starts {
            assert!(result.text.starts_with(start) && result.text.ends_with(end), "{}", result.text);
        }
    }
}
