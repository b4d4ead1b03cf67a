//! Readers that share no code with the editors: what a client would see in a file.

use waiaas_mcp::cli::clients::Client;
use waiaas_mcp::cli::clients::table::Format;
use waiaas_mcp::cli::clients::value::Value;

/// What somebody else reads in a file; members sorted by name. `None` if they cannot read it.
pub(crate) fn judged(client: &Client, text: &str) -> Option<Value> {
    let text = text.trim_start_matches('\u{feff}');
    match client.format {
        Format::Json => {
            let document: serde_json::Value = match text.trim().is_empty() {
                true => serde_json::json!({}),
                false => serde_json::from_str(text).ok()?,
            };
            Some(of_json(&document))
        }
        Format::Jsonc => {
            let strict = jsonc_parser::ParseOptions {
                allow_loose_object_property_names: false,
                allow_missing_commas: false,
                allow_single_quoted_strings: false,
                allow_hexadecimal_numbers: false,
                allow_unary_plus_numbers: false,
                allow_bare_decimal_point_numbers: false,
                allow_non_finite_numbers: false,
                allow_extended_string_escapes: false,
                ..jsonc_parser::ParseOptions::default()
            };
            let document = jsonc_parser::parse_to_value(text, &strict).ok()?;
            Some(document.map_or(Value::Map(Vec::new()), of_jsonc))
        }
        Format::Toml => Some(of_toml(text.parse::<toml_edit::DocumentMut>().ok()?.as_item())),
        Format::Yaml => match serde_yaml::from_str(text).ok()? {
            serde_yaml::Value::Null => Some(Value::Map(Vec::new())),
            document => Some(of_yaml(&document)),
        },
    }
}

/// The same without one server, and without the map of servers if that is empty then.
pub(crate) fn without(document: &Value, client: &Client, key: &str) -> Value {
    let Value::Map(members) = document else { return document.clone() };
    let mut members = members.clone();
    for (name, servers) in &mut members {
        if let (true, Value::Map(servers)) = (name == client.top_key, servers) {
            servers.retain(|(candidate, _)| candidate != key);
        }
    }
    members.retain(|(name, value)| {
        name != client.top_key || (!value.members().is_empty() && *value != Value::null())
    });
    Value::Map(members)
}

/// One server.
pub(crate) fn server(document: &Value, client: &Client, key: &str) -> Option<Value> {
    document.get(client.top_key)?.get(key).cloned()
}

fn sorted(members: impl IntoIterator<Item = (String, Value)>) -> Value {
    let mut members: Vec<(String, Value)> = members.into_iter().collect();
    members.sort_by(|one, other| one.0.cmp(&other.0));
    Value::Map(members)
}

/// As it is in the files, for a comparison with what was read there.
pub(crate) fn in_order_of_names(value: &Value) -> Value {
    match value {
        Value::Map(members) => {
            sorted(members.iter().map(|(name, value)| (name.clone(), in_order_of_names(value))))
        }
        Value::List(items) => Value::List(items.iter().map(in_order_of_names).collect()),
        other => other.clone(),
    }
}

fn of_json(value: &serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => Value::null(),
        serde_json::Value::Bool(bool) => Value::Bool(*bool),
        serde_json::Value::Number(number) => Value::Other(number.to_string()),
        serde_json::Value::String(text) => Value::string(text),
        serde_json::Value::Array(items) => Value::List(items.iter().map(of_json).collect()),
        serde_json::Value::Object(members) => {
            sorted(members.iter().map(|(name, value)| (name.clone(), of_json(value))))
        }
    }
}

fn of_jsonc(value: jsonc_parser::JsonValue<'_>) -> Value {
    use jsonc_parser::JsonValue;
    match value {
        JsonValue::Null => Value::null(),
        JsonValue::Boolean(bool) => Value::Bool(bool),
        JsonValue::Number(number) => Value::Other(number.to_owned()),
        JsonValue::String(text) => Value::string(text.into_owned()),
        JsonValue::Array(items) => Value::List(items.into_iter().map(of_jsonc).collect()),
        JsonValue::Object(members) => {
            sorted(members.into_iter().map(|(name, value)| (name.into_owned(), of_jsonc(value))))
        }
    }
}

fn of_toml(item: &toml_edit::Item) -> Value {
    use toml_edit::Item;
    match item {
        Item::None => Value::null(),
        Item::Value(value) => of_toml_value(value),
        Item::Table(table) => sorted(table.iter().map(|(name, item)| (name.to_owned(), of_toml(item)))),
        Item::ArrayOfTables(tables) => Value::List(
            tables
                .iter()
                .map(|table| sorted(table.iter().map(|(name, item)| (name.to_owned(), of_toml(item)))))
                .collect(),
        ),
    }
}

fn of_toml_value(value: &toml_edit::Value) -> Value {
    match value {
        toml_edit::Value::String(text) => Value::string(text.value()),
        toml_edit::Value::Boolean(bool) => Value::Bool(*bool.value()),
        toml_edit::Value::Array(items) => Value::List(items.iter().map(of_toml_value).collect()),
        toml_edit::Value::InlineTable(table) => {
            sorted(table.iter().map(|(name, value)| (name.to_owned(), of_toml_value(value))))
        }
        other => Value::Other(other.to_string().trim().to_owned()),
    }
}

fn of_yaml(value: &serde_yaml::Value) -> Value {
    match value {
        serde_yaml::Value::Null => Value::null(),
        serde_yaml::Value::Bool(bool) => Value::Bool(*bool),
        serde_yaml::Value::Number(number) => Value::Other(number.to_string()),
        serde_yaml::Value::String(text) => Value::string(text),
        serde_yaml::Value::Sequence(items) => Value::List(items.iter().map(of_yaml).collect()),
        serde_yaml::Value::Mapping(members) => sorted(members.iter().map(|(name, value)| {
            (name.as_str().map_or_else(|| format!("{name:?}"), str::to_owned), of_yaml(value))
        })),
        serde_yaml::Value::Tagged(tagged) => Value::Other(format!("{tagged:?}")),
    }
}
