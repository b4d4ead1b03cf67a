//! What is published of the session: its state and times, never the token.
//!
//! Made by `renewal`, kept by `shared`, shown by `waiaas://session/status` and the `status` command. Pure.
//! Refuses to decide anything.

use super::State;
use crate::json::Object;
use crate::time::Timestamp;

/// The session as people and clients may see it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Status {
    /// What the token is good for.
    pub state: State,
    /// The token's end in the daemon's time; `None` for an unlimited one, or without a token.
    pub expires_at: Option<Timestamp>,
    /// When it will be renewed, in the daemon's time; `None` if it will not be.
    pub renew_at: Option<Timestamp>,
    /// Renewals that this process was granted.
    pub renewals: u64,
    /// Where the held token came from; `None` without a token.
    pub source: Option<Source>,
    /// The code of the last renewal that failed, until one succeeds or another token is taken.
    pub last_error: Option<String>,
    /// The held token is newer than the token file, which could not be written.
    pub unsaved: bool,
    /// The daemon refused the held token: it is not to be used.
    pub refused: bool,
    /// Why no token can be used; `None` while one can.
    pub why_none: Option<WhyNone>,
}

/// Why no token can be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WhyNone {
    /// There is no token file, and none in the environment.
    NoFile,
    /// The token file is there and holds nothing of use, for this reason.
    UnusableFile(&'static str),
    /// The token's end is over.
    Expired,
    /// The daemon refuses the token.
    Refused,
    /// Nobody has looked yet.
    NotLooked,
    /// The thread that keeps the session is not there: it could not be started, or broke down. It is started again.
    NoWorker,
}

/// Where a token came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// The token file.
    File,
    /// `WAIAAS_SESSION_TOKEN`.
    Environment,
    /// A renewal by this process.
    Renewal,
}

impl Source {
    /// The word shown to people.
    pub fn name(self) -> &'static str {
        match self {
            Source::File => "file",
            Source::Environment => "environment",
            Source::Renewal => "renewal",
        }
    }
}

impl Status {
    /// Before anything was read.
    pub const UNKNOWN: Status = Status {
        state: State::Error,
        expires_at: None,
        renew_at: None,
        renewals: 0,
        source: None,
        last_error: None,
        unsaved: false,
        refused: false,
        why_none: Some(WhyNone::NotLooked),
    };

    /// While there is no worker to look.
    pub fn without_worker(why: &str) -> Status {
        Status { last_error: Some(why.to_owned()), why_none: Some(WhyNone::NoWorker), ..Status::UNKNOWN }
    }

    /// The resource `waiaas://session/status`. Times are Unix seconds, as everywhere in the daemon's API.
    pub fn to_json(&self) -> String {
        let seconds = |time: Option<Timestamp>| {
            time.map_or_else(|| "null".to_owned(), |time| time.unix_seconds().to_string())
        };
        let text = |text: Option<&str>| serde_json::Value::from(text).to_string();
        let mut json = Object::new();
        json.string("state", self.state.name())
            .raw("expiresAt", &seconds(self.expires_at))
            .raw("renewAt", &seconds(self.renew_at))
            .raw("renewals", &self.renewals.to_string())
            .raw("source", &text(self.source.map(Source::name)))
            .raw("lastError", &text(self.last_error.as_deref()))
            .bool("unsaved", self.unsaved);
        json.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resource_holds_what_the_contract_names() {
        let status = Status {
            state: State::Active,
            expires_at: Some(Timestamp::from_unix_seconds(1_795_330_300)),
            renew_at: Some(Timestamp::from_unix_millis(1_795_330_180_400)),
            renewals: 3,
            source: Some(Source::Renewal),
            ..Status::UNKNOWN
        };
        assert_eq!(
            status.to_json(),
            "{\"state\":\"active\",\"expiresAt\":1795330300,\"renewAt\":1795330180,\"renewals\":3,\
             \"source\":\"renewal\",\"lastError\":null,\"unsaved\":false}"
        );
    }
}
