//! Questions to the client, of the revisions that know them, and its answers.

use std::collections::HashMap;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use waiaas_mcp::mcp::message::{Outgoing, Response};
use waiaas_mcp::server::call_pool::Ongoing;

/// How long a person or a model may take.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(20);

/// The questions that are open. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Client(Arc<Mutex<Questions>>);

#[derive(Default)]
struct Questions {
    asked: u64,
    open: HashMap<String, Sender<Value>>,
}

impl Client {
    /// Asks, from the thread of a call, and waits: the result, or null.
    pub(crate) fn ask(&self, call: &Ongoing, method: &str, params: &Value) -> Value {
        let (sender, receiver) = channel();
        let id = {
            let mut questions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            questions.asked += 1;
            let id = json!(format!("question-{}", questions.asked)).to_string();
            questions.open.insert(id.clone(), sender);
            id
        };
        call.say(Outgoing::request(&id, method, &params.to_string()));
        receiver.recv_timeout(ANSWER_TIME_MAX).unwrap_or_default()
    }

    /// The client has answered something. What nobody has asked is ignored.
    pub(crate) fn answered(&self, response: Response) {
        let mut questions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = response.id.and_then(|id| questions.open.remove(id.as_json()));
        if let Some(sender) = sender {
            let result = response.result.and_then(|result| serde_json::from_str(result.get()).ok());
            let _ = sender.send(result.unwrap_or_default());
        }
    }
}
