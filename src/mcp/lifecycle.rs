//! What a connection remembers of `initialize`.
//!
//! Used by the server. Pure. Nothing is held back until `notifications/initialized`: requests before it, and even
//! before `initialize`, are served. Refuses to know anything of requests that bring their own revision.

use super::HandshakeVersion;
use super::era;
use crate::json::RawValue;

/// The handshake of one connection.
#[derive(Debug, Default)]
pub struct Lifecycle {
    agreed: Option<HandshakeVersion>,
    /// Something came after `initialize`, so the client has its answer and is at work.
    operating: bool,
}

impl Lifecycle {
    /// `initialize` came, asking for this revision. A repeated one replaces what was agreed.
    pub fn initialize(&mut self, requested: Option<&RawValue>) -> HandshakeVersion {
        let version = era::negotiated(requested);
        self.agreed = Some(version);
        version
    }

    /// Another message came, of whatever kind.
    pub fn went_on(&mut self) {
        self.operating = self.agreed.is_some();
    }

    /// The revision for requests that do not bring their own.
    pub fn version(&self) -> HandshakeVersion {
        self.agreed.unwrap_or(HandshakeVersion::NEWEST)
    }

    /// Whether the client takes notifications that it did not ask for one by one: only after `initialize`, and once
    /// it has gone on from there. What changes before that, it has not seen yet.
    pub fn takes_notifications(&self) -> bool {
        self.operating
    }

    /// Whether an array of messages is one message: in 2025-03-26 only.
    pub fn takes_batches(&self) -> bool {
        self.agreed == Some(HandshakeVersion::V2025_03_26)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_initialize_replaces_what_was_agreed() {
        let mut lifecycle = Lifecycle::default();
        assert_eq!(lifecycle.version(), HandshakeVersion::NEWEST);
        assert!(!lifecycle.takes_batches());
        for (requested, expected, batches) in [
            (r#""2025-03-26""#, HandshakeVersion::V2025_03_26, true),
            (r#""2024-11-05""#, HandshakeVersion::V2024_11_05, false),
            (r#""2077-07-07""#, HandshakeVersion::V2025_11_25, false),
        ] {
            let requested = serde_json::from_str::<&RawValue>(requested).expect("JSON");
            assert_eq!(lifecycle.initialize(Some(requested)), expected);
            assert_eq!(lifecycle.version(), expected);
            assert_eq!(lifecycle.takes_batches(), batches);
        }
    }

    #[test]
    fn notifications_begin_when_the_client_goes_on_after_initialize() {
        let mut lifecycle = Lifecycle::default();
        lifecycle.went_on();
        assert!(!lifecycle.takes_notifications(), "a client without a handshake takes none");
        lifecycle.initialize(None);
        assert!(!lifecycle.takes_notifications());
        lifecycle.went_on();
        assert!(lifecycle.takes_notifications());
        lifecycle.initialize(None);
        assert!(lifecycle.takes_notifications(), "a repeated initialize takes nothing back");
    }
}
