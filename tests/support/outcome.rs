//! What a tool call came to, and the forms that the contract gives to outcomes that are not the daemon's answer.

use std::time::Duration;

use serde_json::{Value, json};

/// What a tool call came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The text, if it is JSON.
    pub(crate) body: Value,
    pub(crate) text: String,
    /// What else is said.
    pub(crate) notes: Vec<String>,
    pub(crate) is_error: bool,
    pub(crate) took: Duration,
}

impl Outcome {
    /// The daemon's own answer to `get_balance`.
    pub(crate) fn is_balance(&self) -> bool {
        !self.is_error && self.body["balance"].is_string()
    }

    /// The word of an answer that is not the daemon's.
    pub(crate) fn status(&self) -> &str {
        self.body["status"].as_str().unwrap_or_default()
    }

    pub(crate) fn assert_balance(&self, when: &str) {
        assert!(self.is_balance(), "{when}: {self:?}");
    }

    /// All that a script may rely on when there is no usable token.
    pub(crate) fn assert_session_expired(&self, when: &str) {
        let expected = json!({
            "status": "session_expired", "session_expired": true, "message": self.body["message"],
            "action": self.body["action"], "retryable": true,
        });
        assert!(
            self.body == expected && !self.is_error && self.body["action"].is_string(),
            "{when}: {self:?}"
        );
    }

    /// The same when the daemon cannot be reached and nothing has happened.
    pub(crate) fn assert_unavailable(&self, when: &str) {
        let expected = json!({
            "status": "daemon_unavailable", "network_error": true, "message": self.body["message"],
            "retryable": true,
        });
        assert!(self.body == expected && !self.is_error, "{when}: {self:?}");
    }
}

/// A tool's result.
pub(crate) fn outcome(answer: &Value) -> Outcome {
    let result = &answer["result"];
    let text =
        result["content"][0]["text"].as_str().unwrap_or_else(|| panic!("no result: {answer}")).to_owned();
    let items = result["content"].as_array().expect("an array").iter().skip(1);
    let notes = items.map(|item| item["text"].as_str().expect("text").to_owned()).collect();
    Outcome {
        body: serde_json::from_str(&text).unwrap_or(Value::Null),
        text,
        notes,
        is_error: result["isError"] == true,
        took: Duration::ZERO,
    }
}
