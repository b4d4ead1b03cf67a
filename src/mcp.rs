//! The Model Context Protocol over stdio, in both of its eras: the handshake revisions and the stateless one.
//!
//! Used by the server. Reading order: bytes become lines ([`framing`], [`stdio`]), lines become messages
//! ([`message`]), each request is of an era ([`era`], [`lifecycle`]), and answers are shaped for it ([`types`]).
//! [`in_flight`], [`progress`], [`subscriptions`] and
//! [`logging`] are bookkeeping. Refuses to know of wallets, HTTP and tokens: the engine
//! would serve any other set of tools as well.

pub mod error;
pub mod message;

pub mod framing;
pub mod stdio;

pub mod era;
pub mod lifecycle;

pub mod types;

pub mod in_flight;
pub mod logging;
pub mod progress;
pub mod subscriptions;

/// A revision with the `initialize` handshake, oldest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[allow(missing_docs, reason = "the names are the revisions' dates")]
pub enum HandshakeVersion {
    V2024_11_05,
    V2025_03_26,
    V2025_06_18,
    V2025_11_25,
}

/// The one revision without a handshake: every request says by itself what its client speaks.
pub const STATELESS_VERSION: &str = "2026-07-28";

/// Every revision spoken, newest first, as advertised.
pub const SUPPORTED_VERSIONS: [&str; 5] =
    [STATELESS_VERSION, "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];

impl HandshakeVersion {
    /// What is offered to a client that asks for a revision not spoken here.
    pub const NEWEST: HandshakeVersion = HandshakeVersion::V2025_11_25;

    const ALL: [HandshakeVersion; 4] = [
        HandshakeVersion::V2025_11_25,
        HandshakeVersion::V2025_06_18,
        HandshakeVersion::V2025_03_26,
        HandshakeVersion::V2024_11_05,
    ];

    /// The revision's name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            HandshakeVersion::V2024_11_05 => "2024-11-05",
            HandshakeVersion::V2025_03_26 => "2025-03-26",
            HandshakeVersion::V2025_06_18 => "2025-06-18",
            HandshakeVersion::V2025_11_25 => "2025-11-25",
        }
    }

    /// The revision of this name.
    pub fn from_name(name: &str) -> Option<HandshakeVersion> {
        HandshakeVersion::ALL.into_iter().find(|version| version.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_revisions_are_advertised_newest_first() {
        let names: Vec<&str> = HandshakeVersion::ALL.into_iter().map(HandshakeVersion::name).collect();
        assert_eq!(names, SUPPORTED_VERSIONS[1..]);
        assert!(SUPPORTED_VERSIONS.is_sorted_by(|newer, older| newer > older));
    }
}
