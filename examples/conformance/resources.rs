//! The resources that the suite reads.

use serde_json::{Value, json};

/// A red pixel.
pub(crate) const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";

pub(crate) fn list() -> Value {
    json!([
        { "uri": "test://static-text", "name": "Static text", "description": "A text", "mimeType": "text/plain" },
        { "uri": "test://static-binary", "name": "Static binary", "description": "A pixel", "mimeType": "image/png" },
        { "uri": "test://watched-resource", "name": "Watched", "description": "For subscribers", "mimeType": "text/plain" },
    ])
}

pub(crate) fn templates() -> Value {
    json!([{
        "uriTemplate": "test://template/{id}/data", "name": "Template", "description": "Data for an id",
        "mimeType": "application/json",
    }])
}

/// What stands in the resource of this URI.
pub(crate) fn read(uri: &str) -> Option<Value> {
    Some(match uri {
        "test://static-text" => {
            json!({ "uri": uri, "mimeType": "text/plain", "text": "This is the content of the static text resource." })
        }
        "test://static-binary" => json!({ "uri": uri, "mimeType": "image/png", "blob": PNG }),
        "test://watched-resource" => json!({ "uri": uri, "mimeType": "text/plain", "text": "Watched." }),
        _ => {
            let id = uri.strip_prefix("test://template/")?.strip_suffix("/data")?;
            let data = json!({ "id": id, "templateTest": true, "data": format!("Data for ID: {id}") });
            json!({ "uri": uri, "mimeType": "application/json", "text": data.to_string() })
        }
    })
}
