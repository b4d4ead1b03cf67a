//! Results that ask for input (2026-07-28): what a call lacks is asked for in its result, and the client calls again
//! with the answers and with a state that only we can have made.

use std::hash::{BuildHasher as _, RandomState};

use serde_json::{Value, json};
use waiaas_mcp::mcp::error::ErrorObject;
use waiaas_mcp::mcp::message::Params;

use super::{can, member};

/// What a call comes to.
pub(crate) enum Outcome {
    /// The members of a result.
    Complete(Value),
    /// A whole result.
    Required(Value),
}

type Answered = Result<Outcome, ErrorObject>;

/// Proves that a state is ours. The key is made anew in each process.
#[derive(Default)]
pub(crate) struct Seal(RandomState);

impl Seal {
    fn put_on(&self, state: &str) -> String {
        format!("{state}.{:016x}", self.0.hash_one(state))
    }

    /// The state that the client has sent back, without its seal.
    fn state(&self, params: &Params) -> Result<Option<String>, ErrorObject> {
        let Value::String(sealed) = member(params, "requestState") else { return Ok(None) };
        match sealed.split_once('.') {
            Some((state, _)) if self.put_on(state) == sealed => Ok(Some(state.to_owned())),
            _ => Err(ErrorObject::invalid_params("Invalid params: requestState is not ours")),
        }
    }
}

/// The tools of this kind.
pub(crate) const TOOLS: [&str; 9] = [
    "test_streaming_elicitation",
    "test_input_required_result_elicitation",
    "test_input_required_result_sampling",
    "test_input_required_result_list_roots",
    "test_input_required_result_request_state",
    "test_input_required_result_multiple_inputs",
    "test_input_required_result_multi_round",
    "test_input_required_result_tampered_state",
    "test_input_required_result_capabilities",
];

/// A call of one of the tools.
pub(crate) fn call(name: &str, params: &Params, seal: &Seal) -> Answered {
    let state = seal.state(params)?;
    let state = state.as_deref();
    let answer = |key: &str| answer(params, key);
    match name {
        "test_input_required_result_sampling" => match answer("capital_question") {
            None => required(json!({ "capital_question": sampling("What is the capital of France?") }), None),
            Some(answer) => said(&format!("The model says: {}", answer["content"]["text"])),
        },
        "test_input_required_result_list_roots" => match answer("client_roots") {
            None => required(json!({ "client_roots": roots() }), None),
            Some(answer) => said(&format!("The roots are {}", answer["roots"])),
        },
        "test_input_required_result_request_state" | "test_input_required_result_tampered_state" => {
            match (answer("confirm"), state) {
                (Some(_), Some(_)) => said("state-ok"),
                _ => required(
                    json!({ "confirm": question("Please confirm", "ok", "boolean") }),
                    Some(seal.put_on("confirm")),
                ),
            }
        }
        "test_input_required_result_multiple_inputs" => {
            let complete = ["user_name", "greeting", "client_roots"].iter().all(|key| answer(key).is_some());
            if complete && state.is_some() {
                return said("All three have answered.");
            }
            let inputs = json!({
                "user_name": question("What is your name?", "name", "string"),
                "greeting": sampling("Generate a greeting"),
                "client_roots": roots(),
            });
            required(inputs, Some(seal.put_on("three")))
        }
        "test_input_required_result_multi_round" => match state {
            Some("round-2") if answer("step2").is_some() => said("Both rounds are over."),
            Some("round-1" | "round-2") if answer("step1").is_some() || state == Some("round-2") => required(
                json!({ "step2": question("Step 2: What is your favorite color?", "color", "string") }),
                Some(seal.put_on("round-2")),
            ),
            _ => required(
                json!({ "step1": question("Step 1: What is your name?", "name", "string") }),
                Some(seal.put_on("round-1")),
            ),
        },
        "test_input_required_result_capabilities" => {
            let mut inputs = json!({});
            if can(params, "elicitation") {
                inputs["user_name"] = question("What is your name?", "name", "string");
            }
            if can(params, "sampling") {
                inputs["greeting"] = sampling("Generate a greeting");
            }
            required(inputs, None)
        }
        _ => match answer("user_name") {
            None => required(json!({ "user_name": question("What is your name?", "name", "string") }), None),
            Some(answer) => {
                said(&format!("Hello, {}!", answer["content"]["name"].as_str().unwrap_or("stranger")))
            }
        },
    }
}

/// The prompt that asks for a context.
pub(crate) fn prompt(params: &Params) -> Answered {
    let Some(answer) = answer(params, "user_context") else {
        let asked = question("What context should the prompt use?", "context", "string");
        return required(json!({ "user_context": asked }), None);
    };
    let text = format!("The context is {}", answer["content"]["context"]);
    let message = json!({ "role": "user", "content": { "type": "text", "text": text } });
    Ok(Outcome::Complete(json!({ "messages": [message] })))
}

/// The client's answer to one of our questions. What is no object is none.
fn answer(params: &Params, key: &str) -> Option<Value> {
    Some(member(params, "inputResponses")[key].take()).filter(Value::is_object)
}

fn said(text: &str) -> Answered {
    Ok(Outcome::Complete(json!({ "content": [{ "type": "text", "text": text }] })))
}

fn required(inputs: Value, state: Option<String>) -> Answered {
    let mut result = json!({ "resultType": "input_required", "inputRequests": inputs });
    if let Some(state) = state {
        result["requestState"] = state.into();
    }
    Ok(Outcome::Required(result))
}

fn question(message: &str, name: &str, kind: &str) -> Value {
    let schema = json!({ "type": "object", "properties": { name: { "type": kind } }, "required": [name] });
    json!({ "method": "elicitation/create", "params": { "mode": "form", "message": message, "requestedSchema": schema } })
}

fn sampling(text: &str) -> Value {
    let message = json!({ "role": "user", "content": { "type": "text", "text": text } });
    json!({ "method": "sampling/createMessage", "params": { "messages": [message], "maxTokens": 100 } })
}

fn roots() -> Value {
    json!({ "method": "roots/list", "params": {} })
}
