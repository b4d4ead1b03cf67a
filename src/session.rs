//! The session pillar: one token, one file, and its renewal for as long as the daemon allows.
//!
//! The life of a token: it is read from the [`token_file`], published to every call by [`shared`], and watched
//! over by the [`worker`], which asks [`renewal`] what to do next. At 60 % of its life ([`schedule`]) it is
//! renewed under the [`lock`]: the new token is written to the file first and swapped in memory second. What
//! the daemon may answer stands in [`answers`], every limit in [`policy`], what is told to people in
//! [`notice`].
//!
//! This file holds the words they share. It is pure, as are `renewal`, `schedule`, `answers`, `policy` and
//! `notice`. The pillar refuses to know MCP, tools and wallets.

#![warn(clippy::arithmetic_side_effects)]

use std::fmt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;

use crate::ids::WalletId;
use crate::secret::Token;
use crate::time::Timestamp;

pub mod answers;
pub mod choose;
pub mod clock_offset;
pub mod events;
pub mod fault;
pub mod notice;
pub mod policy;
mod refusals;
pub mod renewal;
pub mod schedule;
pub mod status;

pub mod keeper;
pub mod leftovers;
pub mod lock;
pub mod observed;
mod private_file;
mod renewal_request;
pub mod shared;
pub mod token_file;
pub mod worker;

/// A token and what its claims say. The claims are decoded, not verified: the daemon holds the key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Session {
    token: Token,
    id: String,
    issued_at: Timestamp,
    expires_at: Option<Timestamp>,
}

/// Why a text is not a token that could be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SessionFault {
    /// Nothing but white space.
    Empty,
    /// Longer than [`policy::TOKEN_FILE_BYTES_MAX`].
    TooLarge,
    /// Not `wai_sess_` and three parts between dots, each of base64url's characters and not empty.
    Form,
    /// The payload is not base64url of a JSON object.
    Payload,
    /// No session id in `sub`, `sid` or `sessionId`.
    SessionId,
    /// `exp` or `iat` is not an integer.
    Expiry,
}

/// What the held token is good for (published; it never blanks a usable token).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// Usable, and renewed when due if the daemon allows it.
    Active,
    /// The daemon refused it, or its time is over: waiting for another token.
    Expired,
    /// No readable token, or renewing has failed for good. A token that is still good is served all the same.
    Error,
}

/// Counts the swaps of the token in memory. A call remembers under which generation it was sent, so that a
/// late 401 of an old token is never held against a newer one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Generation(u64);

/// Where this process finds its token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TokenPlace {
    /// The token file. Its lock and its temporary files live beside it.
    pub write: PathBuf,
    /// Read where the token file is missing, never written: `DATA_DIR/mcp-token` beside per-wallet files.
    pub read_fallback: Option<PathBuf>,
    /// The only session whose token is taken from the file, where the environment's session decides.
    pub only_session: Option<String>,
    /// `WAIAAS_SESSION_TOKEN`: used when no usable token is in the file.
    pub bootstrap: Option<Token>,
}

/// The prefix of every session token.
const PREFIX: &str = "wai_sess_";

/// base64url as JWS has it; padding is not written but forgiven.
const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

impl Session {
    /// Reads a token and its claims. White space around it is ignored. `now` stands in for a missing `iat`. Whether
    /// its end makes sense, or is over, is not judged here: [`choose::fitness`] does, as often as it matters.
    ///
    /// # Errors
    /// [`SessionFault`], which never quotes the text.
    pub fn parse(text: &str, now: Timestamp) -> Result<Session, SessionFault> {
        let text = text.trim();
        if text.is_empty() {
            return Err(SessionFault::Empty);
        }
        if text.len() > policy::TOKEN_FILE_BYTES_MAX {
            return Err(SessionFault::TooLarge);
        }
        let [header, payload, signature] = parts(text).ok_or(SessionFault::Form)?;
        // Whatever else could be printed might be a command for the shell that reads the file by mistake.
        if ![header, payload, signature].into_iter().all(is_base64url) {
            return Err(SessionFault::Form);
        }
        let payload = BASE64URL.decode(payload).map_err(|_| SessionFault::Payload)?;
        let claims: Value = serde_json::from_slice(&payload).map_err(|_| SessionFault::Payload)?;
        let claims = claims.as_object().ok_or(SessionFault::Payload)?;
        let id = ["sub", "sid", "sessionId"]
            .into_iter()
            .filter_map(|claim| claims.get(claim)?.as_str())
            // The id becomes a segment of a path: a dot segment would be another path.
            .find(|id| !matches!(*id, "" | "." | ".."))
            .ok_or(SessionFault::SessionId)?;
        let seconds = |claim| match claims.get(claim) {
            None => Ok(None),
            Some(value) => value.as_i64().map(Some).ok_or(SessionFault::Expiry),
        };
        let expires_at = seconds("exp")?.map(Timestamp::from_unix_seconds);
        let issued_at = seconds("iat")?.map_or(now, Timestamp::from_unix_seconds);
        Ok(Session { token: Token::new(text.to_owned()), id: id.to_owned(), issued_at, expires_at })
    }

    /// The secret.
    pub fn token(&self) -> &Token {
        &self.token
    }

    /// The session's id at the daemon. Not a secret, but text from outside.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The daemon's time when this token was made.
    pub fn issued_at(&self) -> Timestamp {
        self.issued_at
    }

    /// The daemon's time from which on it refuses this token; `None` for an unlimited session.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }

    /// Whether the token's own time is over at the daemon's time `now`. The daemon grants no leeway.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|exp| now >= exp)
    }

    /// Whether this is a later token of the same session: a later end, or the same end and issued later.
    pub fn is_later_than(&self, other: &Session) -> bool {
        self.id == other.id && self.order() > other.order()
    }

    /// By this the tokens of one session are put in order: their end, which an unlimited one does not have, then their
    /// issue.
    pub(crate) fn order(&self) -> (i64, Timestamp) {
        (self.expires_at.map_or(i64::MAX, Timestamp::unix_millis), self.issued_at)
    }

    /// Whether a process that holds `held` must take this token when it finds it: another session always,
    /// because a person chose it; the same session if it is later.
    pub fn supersedes(&self, held: &Session) -> bool {
        self.id != held.id || self.is_later_than(held)
    }
}

/// The three parts of a token behind its prefix.
fn parts(text: &str) -> Option<[&str; 3]> {
    let mut parts = text.strip_prefix(PREFIX)?.split('.');
    let three = [parts.next()?, parts.next()?, parts.next()?];
    parts.next().is_none().then_some(three)
}

/// Whether a part has nothing but characters of base64url, and has some.
fn is_base64url(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-=".contains(&byte))
}

impl TokenPlace {
    /// The file of a wallet's token, or of the token without a wallet.
    pub fn of_wallet(data_dir: &Path, wallet_id: Option<&WalletId>) -> TokenPlace {
        let shared = data_dir.join("mcp-token");
        let (write, read_fallback) = match wallet_id {
            Some(wallet_id) => (data_dir.join("mcp-tokens").join(wallet_id.as_str()), Some(shared)),
            None => (shared, None),
        };
        TokenPlace { write, read_fallback, only_session: None, bootstrap: None }
    }
}

impl Generation {
    /// The one after this.
    pub fn next(self) -> Generation {
        Generation(self.0.wrapping_add(1))
    }
}

impl SessionFault {
    /// For people and the log.
    pub fn reason(self) -> &'static str {
        match self {
            SessionFault::Empty => "it is empty",
            SessionFault::TooLarge => "it is larger than 64 KiB",
            SessionFault::Form => "it does not have the form of a session token",
            SessionFault::Payload => "its claims cannot be read",
            SessionFault::SessionId => "it names no session",
            SessionFault::Expiry => "its times make no sense",
        }
    }
}

impl fmt::Display for SessionFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl State {
    /// The word shown by `status` and in `waiaas://session/status`.
    pub fn name(self) -> &'static str {
        match self {
            State::Active => "active",
            State::Expired => "expired",
            State::Error => "error",
        }
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "tests may overflow: that is a failure")]
pub(crate) mod tests {
    use super::*;

    /// A token with these claims and a signature nobody can check here.
    pub(crate) fn token_with(claims: &str) -> String {
        format!("{PREFIX}eyJhbGciOiJIUzI1NiJ9.{}.c2lnbmF0dXJl", BASE64URL.encode(claims))
    }

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_795_330_449);

    fn parse(claims: &str) -> Result<Session, SessionFault> {
        Session::parse(&token_with(claims), NOW)
    }

    #[test]
    fn claims_are_read() {
        let session = parse(r#"{"sub":"s-1","iat":1795330000,"exp":1795330300}"#).unwrap();
        assert_eq!(session.id(), "s-1");
        assert_eq!(session.issued_at(), Timestamp::from_unix_seconds(1_795_330_000));
        assert_eq!(session.expires_at(), Some(Timestamp::from_unix_seconds(1_795_330_300)));
    }

    #[test]
    fn the_session_id_may_stand_in_three_claims() {
        let table = [
            (r#"{"sub":"a","sid":"b","sessionId":"c","iat":1}"#, Ok("a")),
            (r#"{"sid":"b","sessionId":"c","iat":1}"#, Ok("b")),
            (r#"{"sub":"","sessionId":"c","iat":1}"#, Ok("c")),
            (r#"{"sub":7,"iat":1}"#, Err(SessionFault::SessionId)),
            (r#"{"iat":1}"#, Err(SessionFault::SessionId)),
        ];
        for (claims, expected) in table {
            assert_eq!(parse(claims).as_ref().map(Session::id).map_err(|fault| *fault), expected, "{claims}");
        }
    }

    #[test]
    fn times_that_are_no_integers_are_refused() {
        let exp = |exp: &str| parse(&format!(r#"{{"sub":"s","iat":1795330000,"exp":{exp}}}"#)).err();
        for even in ["1795330300", "0", "-1", "9223372036854775807"] {
            assert_eq!(exp(even), None, "{even}");
        }
        for odd in ["1.5", "null", "\"1795330300\"", "18446744073709551615", "1e99"] {
            assert_eq!(exp(odd), Some(SessionFault::Expiry), "{odd}");
        }
    }

    #[test]
    fn a_wallet_has_a_file_of_its_own_and_reads_the_common_one() {
        let place = |wallet_id| TokenPlace::of_wallet(Path::new("/data"), wallet_id);
        let common = PathBuf::from("/data/mcp-token");
        assert_eq!((place(None).write, place(None).read_fallback), (common.clone(), None));
        let wallet_id = WalletId::parse("01a20238-6332-7cad-839a-3b627b30d86b").unwrap();
        let own = place(Some(&wallet_id));
        let file = Path::new("/data/mcp-tokens").join(wallet_id.as_str());
        assert_eq!((own.write, own.read_fallback), (file, Some(common)));
    }

    #[test]
    fn what_is_not_a_token_is_refused_with_its_reason() {
        let good = token_with(r#"{"sub":"s","iat":1}"#);
        let table = [
            (String::new(), SessionFault::Empty),
            (" \n\t".to_owned(), SessionFault::Empty),
            ("abc".to_owned(), SessionFault::Form),
            (good.replace("wai_sess_", "wai_key_"), SessionFault::Form),
            (format!("{good}.more"), SessionFault::Form),
            (good.replace(".c2ln", ".c2\nln"), SessionFault::Form),
            (good.replace(".c2ln", ".c2\u{e9}ln"), SessionFault::Form),
            ("wai_sess_a.!!!.c".to_owned(), SessionFault::Form),
            ("wai_sess_a.b=c.c".to_owned(), SessionFault::Payload),
            (token_with("[1]"), SessionFault::Payload),
            (token_with("{"), SessionFault::Payload),
            (
                format!("{good}{}", "x".repeat(policy::TOKEN_FILE_BYTES_MAX + 1 - good.len())),
                SessionFault::TooLarge,
            ),
        ];
        for (text, expected) in table {
            assert_eq!(Session::parse(&text, NOW).err(), Some(expected), "{}", text.len());
        }
        assert!(Session::parse(&format!("\n {good}\r\n"), NOW).is_ok());
        assert!(Session::parse(&format!("{good}=_-"), NOW).is_ok());
        let largest = format!("{good}{}", "x".repeat(policy::TOKEN_FILE_BYTES_MAX - good.len()));
        assert!(Session::parse(&largest, NOW).is_ok());
    }

    #[test]
    fn a_token_has_three_parts_of_base64url_and_nothing_else() {
        let good = token_with(r#"{"sub":"s","iat":1}"#);
        let [header, payload, signature] = parts(&good).unwrap();
        let with = |header: &str, payload: &str, signature: &str| {
            Session::parse(&format!("{PREFIX}{header}.{payload}.{signature}"), NOW).err()
        };
        assert_eq!(with(header, payload, signature), None);
        for odd in [
            "$(id)", "`id`", "a;b", "a'b", "a\"b", "a\\b", "a|b", "a&b", "a>b", "a/b", "a+b", "a~b", "a:b",
            "a b", "a#", "é", "",
        ] {
            assert_eq!(with(odd, payload, signature), Some(SessionFault::Form), "{odd}");
            assert_eq!(with(header, odd, signature), Some(SessionFault::Form), "{odd}");
            assert_eq!(with(header, payload, odd), Some(SessionFault::Form), "{odd}");
        }
    }

    #[test]
    fn a_later_token_is_one_with_a_later_end_or_the_same_end_and_a_later_issue() {
        let session = |id: &str, iat: i64, exp: i64| {
            parse(&format!(r#"{{"sub":"{id}","iat":{iat},"exp":{exp}}}"#)).unwrap()
        };
        let base = 1_795_330_000;
        let held = session("s", base, base + 300);
        let renewed = session("s", base + 180, base + 480);
        let reissued = session("s", base + 10, base + 300);
        let stranger = session("t", base - 1000, base + 100);
        let unlimited = parse(&format!(r#"{{"sub":"s","iat":{base}}}"#)).unwrap();
        for (one, other, later, taken) in [
            (&renewed, &held, true, true),
            (&held, &renewed, false, false),
            (&reissued, &held, true, true),
            (&held, &held, false, false),
            (&stranger, &held, false, true),
            (&unlimited, &held, true, true),
        ] {
            assert_eq!(one.is_later_than(other), later);
            assert_eq!(one.supersedes(other), taken);
        }
    }
}
