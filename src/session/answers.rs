//! What the daemon's answers mean for the session: the table of codes, in one place.
//!
//! Used by the worker (the answer to a renewal) and the server (is this 401 about the token?). Pure. It
//! branches on the `code` of the body, never on the status alone or on text, because the daemon says 403, 503
//! and 401 for things that have nothing to do with each other. Refuses to know what is done about it.

use std::time::Duration;

use serde_json::Value;

use super::choose::{self, Unfit};
use super::clock_offset::DaemonTime;
use super::{Session, policy};
use crate::http::daemon_error::DaemonError;
use crate::http::{HttpFault, Response};

/// What a renewal was answered, reduced to what is done about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RenewalAnswer {
    /// A new token, checked: its form, the same session, an end that is not earlier, its size.
    Granted(Session),
    /// Less than half of the life has passed on the daemon's clock.
    TooEarly,
    /// The renewal limit or the absolute lifetime is reached.
    Exhausted,
    /// The token is not the session's newest: it works, and can never be renewed.
    Superseded,
    /// The daemon does not accept the token at all.
    Refused,
    /// The session is unlimited.
    NotRequired,
    /// No answer, an unreadable one, or "not now". `counts`: towards the state `error`.
    Unavailable {
        /// How long the daemon asks to wait.
        retry_after: Option<Duration>,
        /// `false` for a locked daemon: it will be unlocked, and says nothing about this session.
        counts: bool,
    },
    /// The daemon will not take this request until a person changes something.
    Misconfigured,
}

/// An answer with the code it was recognised by, for the log and the status.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClassifiedAnswer {
    /// What is done about it.
    pub answer: RenewalAnswer,
    /// The daemon's code, or a word of ours where there was none (`timed_out`, `unreadable`).
    pub code: String,
}

/// What the daemon says of a token when it is asked about nothing else (the word of RFC 7662).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Introspection {
    /// It accepts the token.
    Active,
    /// It refuses the token itself.
    Inactive,
    /// It did not say: no answer, or one about something else.
    Unknown,
}

/// Codes that say something about the token a request carried, whatever the status beside them.
///
/// `UNAUTHORIZED` is not among them: it is what frameworks and proxies say by themselves, so that alone it says nothing
/// about the token.
const ABOUT_THE_TOKEN: [&str; 8] = [
    "INVALID_TOKEN",
    "TOKEN_EXPIRED",
    "SESSION_REVOKED",
    "SESSION_EXPIRED",
    "SESSION_NOT_FOUND",
    "AUTH_TOKEN_EXPIRED",
    "AUTH_TOKEN_INVALID",
    "AUTH_TOKEN_REVOKED",
];

/// Whether an answer refuses the token itself. Other 401 codes (a missing master password, a bad signature)
/// concern one tool and say nothing about the session.
pub fn about_the_token(status: u16, code: &str) -> bool {
    matches!(status, 401 | 404) && ABOUT_THE_TOKEN.contains(&code)
}

/// Reads the answer to a question that needs nothing but a good token.
pub fn introspection(result: Result<&Response, &HttpFault>) -> Introspection {
    let is_about_the_token = |response: &Response| {
        DaemonError::of(response).code.is_some_and(|code| about_the_token(response.status, &code))
    };
    match result {
        Ok(response) if (200..=299).contains(&response.status) => Introspection::Active,
        Ok(response) if is_about_the_token(response) => Introspection::Inactive,
        _ => Introspection::Unknown,
    }
}

/// Reads the answer to a renewal of `old` that came at the daemon's time `now`.
pub fn classify(result: Result<&Response, &HttpFault>, old: &Session, now: DaemonTime) -> ClassifiedAnswer {
    match result {
        Ok(response) if response.status == 200 => granted(&response.body, old, now),
        Ok(response) => refused(response),
        Err(fault) => ClassifiedAnswer {
            answer: RenewalAnswer::Unavailable { retry_after: None, counts: true },
            code: fault.kind.name().to_owned(),
        },
    }
}

/// A 200 must hold a token we can use; if it does not, the daemon may have committed a renewal whose token we
/// shall never see. The next attempt will say so.
fn granted(body: &[u8], old: &Session, now: DaemonTime) -> ClassifiedAnswer {
    let unreadable = |word: &str| ClassifiedAnswer {
        answer: RenewalAnswer::Unavailable { retry_after: None, counts: true },
        code: word.to_owned(),
    };
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return unreadable("unreadable") };
    let Some(token) = body.get("token").and_then(Value::as_str) else { return unreadable("unreadable") };
    if token.len() > policy::NEW_TOKEN_BYTES_MAX {
        return unreadable("token_too_large");
    }
    let Ok(new) = Session::parse(token, now.earliest) else { return unreadable("token_malformed") };
    if new.id() != old.id() {
        return unreadable("token_of_another_session");
    }
    if choose::fitness(&new, now) == Err(Unfit::AbsurdEnd) {
        return unreadable("token_malformed");
    }
    let ends_earlier = match (new.expires_at(), old.expires_at()) {
        (Some(new), Some(old)) => new < old,
        (Some(_), None) => true,
        (None, _) => false,
    };
    if ends_earlier {
        return unreadable("token_ends_earlier");
    }
    ClassifiedAnswer { answer: RenewalAnswer::Granted(new), code: "granted".to_owned() }
}

fn refused(response: &Response) -> ClassifiedAnswer {
    let error = DaemonError::of(response);
    let unavailable = |counts| RenewalAnswer::Unavailable { retry_after: response.retry_after, counts };
    let answer = match (error.code.as_deref(), response.status) {
        (Some("RENEWAL_TOO_EARLY"), _) => RenewalAnswer::TooEarly,
        (
            Some(
                "RENEWAL_LIMIT_REACHED"
                | "SESSION_ABSOLUTE_LIFETIME_EXCEEDED"
                | "SESSION_LIFETIME_EXCEEDED"
                | "SESSION_LIFETIME_EXPIRED",
            ),
            _,
        ) => RenewalAnswer::Exhausted,
        (Some("SESSION_RENEWAL_MISMATCH" | "RENEWAL_CONFLICT"), _) => RenewalAnswer::Superseded,
        (Some("RENEWAL_NOT_REQUIRED"), _) => RenewalAnswer::NotRequired,
        (Some(code), status) if about_the_token(status, code) => RenewalAnswer::Refused,
        // The same code for a locked daemon, which will be unlocked, and for a wrong Host header, which will
        // not mend itself. Only the message tells them apart, so only this one message is looked at.
        (Some("SYSTEM_LOCKED"), _) if says_localhost_only(&error) => RenewalAnswer::Misconfigured,
        (Some("SYSTEM_LOCKED" | "KILL_SWITCH_ACTIVE"), _) => unavailable(false),
        (_, 429 | 500..=599) => unavailable(true),
        (_, 200..=299) => unavailable(true),
        _ => RenewalAnswer::Misconfigured,
    };
    // A daemon's code may be any text; it is logged only if it looks like a code.
    let code = error.plain_code().map_or_else(|| format!("http_{}", response.status), str::to_owned);
    ClassifiedAnswer { answer, code }
}

fn says_localhost_only(error: &DaemonError<'_>) -> bool {
    error.message.as_deref().is_some_and(|message| message.contains("localhost"))
}

#[cfg(test)]
mod tests {
    use super::super::tests::token_with;
    use super::*;
    use crate::http::HttpFaultKind;
    use crate::session::State;
    use crate::time::Timestamp;

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_795_330_180);
    const TIME: DaemonTime = DaemonTime { earliest: NOW, latest: NOW, is_known: true };

    #[test]
    fn a_code_that_is_none_is_not_shown() {
        let token = token_with(r#"{"sub":"s","iat":1}"#);
        for (code, shown) in
            [("RATE_LIMITED", "RATE_LIMITED"), ("", "odd_code"), ("a b", "odd_code"), (&token, "odd_code")]
        {
            let body = format!(r#"{{"code":"{code}"}}"#).into_bytes();
            let response = Response { status: 400, body, date: None, retry_after: None };
            assert_eq!(classify(Ok(&response), &old(), TIME).code, shown);
        }
    }

    #[test]
    fn a_new_token_of_4_kib_is_taken_and_a_larger_one_is_not() {
        let (token, _) = session("s", 1_795_330_180, Some(1_795_330_480));
        for (bytes, code) in [(4096, ""), (4097, "token_too_large")] {
            let padded = format!("{token}{}", "x".repeat(bytes - token.len()));
            let body = format!(r#"{{"token":"{padded}"}}"#).into_bytes();
            let response = Response { status: 200, body, date: None, retry_after: None };
            let told = classify(Ok(&response), &old(), TIME);
            assert_eq!(matches!(told.answer, RenewalAnswer::Granted(_)), code.is_empty(), "{bytes}");
            assert!(code.is_empty() || told.code == code, "{}", told.code);
        }
    }

    fn session(id: &str, iat: i64, exp: Option<i64>) -> (String, Session) {
        let exp = exp.map(|exp| format!(r#","exp":{exp}"#)).unwrap_or_default();
        let token = token_with(&format!(r#"{{"sub":"{id}","iat":{iat}{exp}}}"#));
        let session = Session::parse(&token, NOW).unwrap();
        (token, session)
    }

    fn old() -> Session {
        session("s", 1_795_330_000, Some(1_795_330_300)).1
    }

    fn answer(status: u16, body: &str) -> RenewalAnswer {
        let response = Response {
            status,
            body: body.as_bytes().to_vec(),
            date: None,
            retry_after: Some(Duration::from_secs(53)),
        };
        classify(Ok(&response), &old(), TIME).answer
    }

    fn unavailable(counts: bool) -> RenewalAnswer {
        RenewalAnswer::Unavailable { retry_after: Some(Duration::from_secs(53)), counts }
    }

    #[test]
    fn each_code_has_its_reaction_whatever_the_status() {
        use RenewalAnswer::*;
        let table = [
            (403, "RENEWAL_TOO_EARLY", TooEarly),
            (409, "RENEWAL_TOO_EARLY", TooEarly),
            (403, "RENEWAL_LIMIT_REACHED", Exhausted),
            (403, "SESSION_ABSOLUTE_LIFETIME_EXCEEDED", Exhausted),
            (401, "SESSION_LIFETIME_EXCEEDED", Exhausted),
            (401, "SESSION_LIFETIME_EXPIRED", Exhausted),
            (403, "SESSION_RENEWAL_MISMATCH", Superseded),
            (409, "RENEWAL_CONFLICT", Superseded),
            (400, "RENEWAL_NOT_REQUIRED", NotRequired),
            (401, "TOKEN_EXPIRED", Refused),
            (401, "SESSION_REVOKED", Refused),
            (401, "INVALID_TOKEN", Refused),
            (404, "SESSION_NOT_FOUND", Refused),
            (503, "SYSTEM_LOCKED", unavailable(false)),
            (503, "KILL_SWITCH_ACTIVE", unavailable(false)),
            (429, "RATE_LIMITED", unavailable(true)),
            (500, "INTERNAL_ERROR", unavailable(true)),
            (503, "SHUTTING_DOWN", unavailable(true)),
            (401, "INVALID_MASTER_PASSWORD", Misconfigured),
            (401, "UNAUTHORIZED", Misconfigured),
            (400, "ACTION_VALIDATION_FAILED", Misconfigured),
            (418, "TEAPOT", Misconfigured),
        ];
        for (status, code, expected) in table {
            let flat = format!(r#"{{"code":"{code}","message":"m","retryable":false}}"#);
            let nested = format!(r#"{{"error":{{"code":"{code}","message":"m"}}}}"#);
            assert_eq!(answer(status, &flat), expected, "{status} {code}");
            assert_eq!(answer(status, &nested), expected, "{status} {code}, nested");
        }
    }

    #[test]
    fn answers_without_a_code_are_judged_by_status() {
        let table = [
            (502, "<html>Bad gateway</html>", unavailable(true)),
            (429, "", unavailable(true)),
            (204, "", unavailable(true)),
            (302, "", RenewalAnswer::Misconfigured),
            (404, "404 Not Found", RenewalAnswer::Misconfigured),
            (401, "", RenewalAnswer::Misconfigured),
        ];
        for (status, body, expected) in table {
            assert_eq!(answer(status, body), expected, "{status}");
        }
    }

    #[test]
    fn a_locked_daemon_and_a_wrong_host_share_a_code_and_differ() {
        let body = r#"{"code":"SYSTEM_LOCKED","message":"Only localhost access allowed","retryable":false}"#;
        assert_eq!(answer(503, body), RenewalAnswer::Misconfigured);
    }

    #[test]
    fn a_fault_counts_as_no_answer() {
        let fault = HttpFault { kind: HttpFaultKind::TimedOut, sent: true, detail: String::new() };
        let classified = classify(Err(&fault), &old(), TIME);
        assert_eq!(classified.answer, RenewalAnswer::Unavailable { retry_after: None, counts: true });
        assert_eq!(classified.code, "timed_out");
    }

    #[test]
    fn a_good_token_is_granted_also_when_it_was_clamped_or_became_unlimited() {
        for exp in [Some(1_795_330_480), Some(1_795_330_300), None] {
            let (token, expected) = session("s", 1_795_330_180, exp);
            let body = format!(r#"{{"id":"s","token":"{token}","expiresAt":"2026-11-22T06:58:00Z"}}"#);
            assert_eq!(answer(200, &body), RenewalAnswer::Granted(expected));
        }
    }

    #[test]
    fn a_grant_that_is_not_a_later_token_of_the_same_session_is_not_taken() {
        let counted = RenewalAnswer::Unavailable { retry_after: None, counts: true };
        let with = |token: &str| format!(r#"{{"id":"s","token":"{token}"}}"#);
        let bodies = [
            with(&session("t", 1_795_330_180, Some(1_795_330_480)).0),
            with(&session("s", 1_795_330_180, Some(1_795_330_299)).0),
            with("wai_sess_garbage"),
            with(&format!("{}{}", session("s", 1, Some(1_795_330_480)).0, "A".repeat(5000))),
            r#"{"id":"s"}"#.to_owned(),
            "[]".to_owned(),
            String::new(),
        ];
        for body in bodies {
            assert_eq!(answer(200, &body), counted, "{} bytes", body.len());
        }
    }

    #[test]
    fn only_some_refusals_are_about_the_token() {
        let table = [
            (401, "TOKEN_EXPIRED", true),
            (404, "SESSION_NOT_FOUND", true),
            (401, "INVALID_MASTER_PASSWORD", false),
            (401, "INVALID_SIGNATURE", false),
            (401, "UNAUTHORIZED", false),
            (404, "TX_NOT_FOUND", false),
            (403, "TOKEN_EXPIRED", false),
            (401, "", false),
        ];
        for (status, code, expected) in table {
            assert_eq!(about_the_token(status, code), expected, "{status} {code}");
        }
    }

    #[test]
    fn states_have_the_words_of_the_contract() {
        assert_eq!(
            [State::Active, State::Expired, State::Error].map(State::name),
            ["active", "expired", "error"]
        );
    }
}
