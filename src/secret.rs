//! Secrets as types: a session token and a master password that cannot be printed by accident.
//!
//! Used by everything that carries a credential. Refuses to know where a secret comes from or goes to.
//! Neither type implements `Display` or serialisation and their `Debug` is redacted, so a secret can reach a
//! log line, an error or a panic message only through `expose`, which is easy to search for.

use std::fmt;

/// A session token, `wai_sess_` followed by a compact JWS (the daemon's contract, section 3).
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

/// The daemon's master password. Commands ask for it; the serving path never holds one.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Token {
    /// Wraps the text of a token. Says nothing about its form: [`crate::session::Session::parse`] does.
    pub fn new(text: String) -> Token {
        Token(text)
    }

    /// The secret itself, for the Authorization header and the token file and nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl Password {
    /// Wraps the text of a password.
    pub fn new(text: String) -> Password {
        Password(text)
    }

    /// The secret itself, for the `X-Master-Password` header and nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(** redacted **)")
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(** redacted **)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing_of_a_secret() {
        let secrets = [
            format!("{:?} {:#?}", Token::new("MARKER".into()), Token::new("MARKER".into())),
            format!("{:?} {:#?}", Password::new("MARKER".into()), Password::new("MARKER".into())),
        ];
        for shown in secrets {
            assert!(!shown.contains("MARKER"), "{shown}");
            assert!(shown.contains("redacted"), "{shown}");
        }
    }
}
