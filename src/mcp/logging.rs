//! How severe a log message is, and who wants to hear of it: a connection by `logging/setLevel`, or a single request
//! by a member of its `_meta`.
//!
//! Used by the server. Pure. Refuses to know what is logged.

use super::error::{ErrorObject, shown};
use super::message::{Outgoing, Params};
use crate::json::{self, Object, RawValue};

/// The member of `_meta` by which a request without a handshake asks for log messages while it is worked on.
pub const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";

/// How severe, in the words of RFC 5424, as MCP takes them. The lesser first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[allow(missing_docs, reason = "the names are the schema's")]
pub enum LoggingLevel {
    Debug,
    Info,
    Notice,
    Warning,
    Error,
    Critical,
    Alert,
    Emergency,
}

impl LoggingLevel {
    const ALL: [LoggingLevel; 8] = [
        LoggingLevel::Debug,
        LoggingLevel::Info,
        LoggingLevel::Notice,
        LoggingLevel::Warning,
        LoggingLevel::Error,
        LoggingLevel::Critical,
        LoggingLevel::Alert,
        LoggingLevel::Emergency,
    ];

    /// The word on the wire.
    pub fn name(self) -> &'static str {
        match self {
            LoggingLevel::Debug => "debug",
            LoggingLevel::Info => "info",
            LoggingLevel::Notice => "notice",
            LoggingLevel::Warning => "warning",
            LoggingLevel::Error => "error",
            LoggingLevel::Critical => "critical",
            LoggingLevel::Alert => "alert",
            LoggingLevel::Emergency => "emergency",
        }
    }

    /// The level that a client names.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(value: Option<&RawValue>) -> Result<LoggingLevel, ErrorObject> {
        let name = value.and_then(json::string);
        let known = |level: &LoggingLevel| Some(level.name()) == name.as_deref();
        LoggingLevel::ALL.into_iter().find(known).ok_or_else(|| {
            let got = shown(value.map_or("nothing", RawValue::get)).into_owned();
            let names = LoggingLevel::ALL.map(LoggingLevel::name).join(", ");
            ErrorObject::invalid_params(format!("Invalid params: {got} is no log level; there are {names}"))
        })
    }

    /// The level that a request asks for by itself.
    ///
    /// # Errors
    /// It names something else.
    pub fn of_request(params: &Params) -> Result<Option<LoggingLevel>, ErrorObject> {
        let [meta] = params.members(["_meta"]);
        let level = meta.and_then(|meta| json::members(meta.get(), [LOG_LEVEL])).and_then(|[level]| level);
        level.map(|level| LoggingLevel::parse(Some(level))).transpose()
    }
}

/// Who wants to hear of log messages.
#[derive(Debug, Default)]
pub struct LogListeners {
    /// Since `logging/setLevel`. A client that has not asked is not told: the log is on stderr.
    connection: Option<LoggingLevel>,
    /// How many requests are being worked on that asked for each level.
    requests: [usize; LoggingLevel::ALL.len()],
}

impl LogListeners {
    /// `logging/setLevel`.
    pub fn set_connection(&mut self, level: LoggingLevel) {
        self.connection = Some(level);
    }

    /// What the connection has asked for.
    pub fn connection(&self) -> Option<LoggingLevel> {
        self.connection
    }

    /// Work on a request that asks for this level begins.
    pub fn begin(&mut self, level: LoggingLevel) {
        let count = &mut self.requests[level as usize];
        *count = count.saturating_add(1);
    }

    /// That work is over.
    pub fn end(&mut self, level: LoggingLevel) {
        let count = &mut self.requests[level as usize];
        *count = count.saturating_sub(1);
    }

    /// The least severe level that somebody wants to hear of; `None`: nobody wants to hear of anything.
    pub fn least(&self) -> Option<LoggingLevel> {
        let of_requests = LoggingLevel::ALL.into_iter().find(|level| self.requests[*level as usize] > 0);
        self.connection.into_iter().chain(of_requests).min()
    }

    /// Whether a message of this level is to be sent.
    pub fn want(&self, level: LoggingLevel) -> bool {
        self.least().is_some_and(|least| level >= least)
    }
}

/// `notifications/message`: `data` is JSON text.
pub fn log_message(level: LoggingLevel, logger: &str, data: &str) -> Outgoing {
    let params =
        Object::new().string("level", level.name()).string("logger", logger).raw("data", data).finish();
    Outgoing::notification("notifications/message", Some(&params))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_known_by_their_names_and_by_no_others() {
        for level in LoggingLevel::ALL {
            let name = format!("\"{}\"", level.name());
            let value: &RawValue = serde_json::from_str(&name).expect("JSON");
            assert_eq!(LoggingLevel::parse(Some(value)), Ok(level));
        }
        assert!(LoggingLevel::ALL.is_sorted());
        for wrong in ["\"warn\"", "\"INFO\"", "\"\"", "3", "null", "[]"] {
            let value: &RawValue = serde_json::from_str(wrong).expect("JSON");
            let error = LoggingLevel::parse(Some(value)).expect_err(wrong);
            assert_eq!(error.code.number(), -32602);
        }
        assert!(LoggingLevel::parse(None).is_err());
    }

    #[test]
    fn a_message_is_for_whoever_asked_for_its_level() {
        let mut listeners = LogListeners::default();
        assert!(!listeners.want(LoggingLevel::Emergency), "nobody has asked");
        listeners.begin(LoggingLevel::Info);
        listeners.begin(LoggingLevel::Info);
        listeners.set_connection(LoggingLevel::Error);
        listeners.end(LoggingLevel::Info);
        assert!(listeners.want(LoggingLevel::Info) && !listeners.want(LoggingLevel::Debug));
        listeners.end(LoggingLevel::Info);
        assert!(listeners.want(LoggingLevel::Error) && !listeners.want(LoggingLevel::Warning));
        assert_eq!(
            log_message(LoggingLevel::Info, "l", r#"{"a":1}"#).as_json(),
            r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","logger":"l","data":{"a":1}}}"#
        );
    }
}
