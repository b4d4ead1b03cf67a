//! The prompts that the suite gets.

use serde_json::{Value, json};

use super::resources::PNG;

/// The one that is not complete without the user's input.
pub(crate) const ASKS_FOR_INPUT: &str = "test_input_required_result_prompt";

pub(crate) fn list() -> Value {
    let argument =
        |name: &str| json!({ "name": name, "description": "An argument of the test", "required": true });
    json!([
        { "name": "test_simple_prompt", "description": "Without arguments" },
        {
            "name": "test_prompt_with_arguments", "description": "With two arguments",
            "arguments": [argument("arg1"), argument("arg2")],
        },
        {
            "name": "test_prompt_with_embedded_resource", "description": "With a resource",
            "arguments": [argument("resourceUri")],
        },
        { "name": "test_prompt_with_image", "description": "With an image" },
        { "name": ASKS_FOR_INPUT, "description": "Asks the user for a context" },
    ])
}

/// The messages of a prompt; `None` if there is no such prompt.
pub(crate) fn messages(name: &str, arguments: &Value) -> Option<Value> {
    let words = |text: &str| user(&json!({ "type": "text", "text": text }));
    let argument = |name: &str| arguments[name].as_str().unwrap_or_default();
    Some(match name {
        "test_simple_prompt" => json!([words("This is a simple prompt for testing.")]),
        "test_prompt_with_arguments" => {
            let (first, second) = (argument("arg1"), argument("arg2"));
            json!([words(&format!("Prompt with arguments: arg1='{first}', arg2='{second}'"))])
        }
        "test_prompt_with_embedded_resource" => {
            let text = "Embedded resource content for testing.";
            let resource = json!({ "uri": argument("resourceUri"), "mimeType": "text/plain", "text": text });
            let resource = user(&json!({ "type": "resource", "resource": resource }));
            json!([resource, words("Please process the embedded resource above.")])
        }
        "test_prompt_with_image" => {
            let image = user(&json!({ "type": "image", "data": PNG, "mimeType": "image/png" }));
            json!([image, words("Please analyze the image above.")])
        }
        _ => return None,
    })
}

fn user(content: &Value) -> Value {
    json!({ "role": "user", "content": content })
}
