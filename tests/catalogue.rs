//! The catalogue as the outside sees it: each tool's published form against its snapshot, against the Node
//! program's schemas and against the rules that clients impose; each request against the daemon's own document.
//!
//! `UPDATE_SNAPSHOTS=1 cargo test --test catalogue` accepts changed snapshots.

#[path = "support/openapi.rs"]
mod openapi;
#[path = "support/snapshots.rs"]
mod snapshots;

use std::collections::BTreeSet;

use openapi::{Routes, final_request};
use serde_json::{Value, json};
use waiaas_mcp::json::{Object, RawValue};
use waiaas_mcp::wallet::actions;
use waiaas_mcp::wallet::binding::{Defaults, check};
use waiaas_mcp::wallet::catalogue::{self, tools};
use waiaas_mcp::wallet::schema::{hints, input_schema};
use waiaas_mcp::wallet::spec::{Kind, ToolSpec};
use waiaas_mcp::wallet::toolsets::Toolset;

const UUID: &str = "01a20238-6332-7cad-839a-3b627b30d86b";

fn schema(tool: &ToolSpec) -> Value {
    let text = input_schema(tool);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}: {text}", tool.name))
}

/// The tool as `tools/list` carries it, but one member a line.
fn listed(tool: &ToolSpec) -> String {
    let [name, title, description] = [&tool.name, &tool.title, &tool.description].map(|text| json!(text));
    let (schema, hints) = (input_schema(tool), hints(tool));
    let mut annotations = Object::new();
    for (name, hint) in [
        ("readOnlyHint", Some(hints.read_only)),
        ("destructiveHint", hints.destructive),
        ("idempotentHint", hints.idempotent),
        ("openWorldHint", Some(hints.open_world)),
    ] {
        if let Some(hint) = hint {
            annotations.bool(name, hint);
        }
    }
    let annotations = annotations.finish();
    format!(
        "{{\"name\":{name},\n\"title\":{title},\n\"description\":{description},\n\"inputSchema\":{schema},\n\"annotations\":{annotations}}}\n"
    )
}

#[test]
fn every_tool_is_listed_as_its_snapshot_says() {
    for tool in tools() {
        snapshots::check(&format!("tools/{}.json", tool.name), &listed(tool));
    }
}

/// A tool a line, in the daemon's order.
#[test]
fn every_shipped_action_is_listed_as_the_snapshot_says() {
    let lines: Vec<String> =
        shipped_actions().iter().map(|action| listed(action).replace('\n', "") + "\n").collect();
    snapshots::check("actions.jsonl", &lines.concat());
}

#[test]
fn every_shipped_action_keeps_its_whole_schema() {
    let providers: Value = serde_json::from_str(PROVIDERS).expect("JSON");
    let providers = providers["providers"].as_array().expect("providers").iter();
    let theirs = providers.flat_map(|provider| provider["actions"].as_array().expect("actions"));
    let ours = shipped_actions();
    assert_eq!(theirs.clone().count(), ours.len());
    for (action, ours) in theirs.zip(&ours) {
        let mut expected = rewritten(&action["inputSchema"]);
        let common = schema(ours)["properties"].clone();
        for name in ["network", "wallet_id", "gas_condition"] {
            let properties = expected["properties"].as_object_mut().expect("properties");
            properties.entry(name).or_insert_with(|| common[name].clone());
        }
        assert_eq!(schema(ours), expected, "{}", ours.name);
    }
}

/// What is changed for clients, and nothing else.
fn rewritten(schema: &Value) -> Value {
    let Value::Object(members) = schema else { return schema.clone() };
    if let Some(variants) = members.get("anyOf") {
        let amount = json!([{ "type": "string", "minLength": 1 }, { "type": "string", "enum": ["max"] }]);
        assert_eq!(comparable_list(variants), amount, "another union has come up");
        let about = members.get("description").or_else(|| variants[0].get("description"));
        let mut amount = json!({ "type": "string", "minLength": 1 });
        if let Some(about) = about {
            amount["description"] = about.clone();
        }
        return amount;
    }
    let mut small = serde_json::Map::new();
    for (name, value) in members {
        match name.as_str() {
            "$schema" | "format" => continue,
            "additionalProperties" if *value == json!(false) => continue,
            "exclusiveMinimum" if *value == json!(true) => continue,
            "minimum" if members.get("exclusiveMinimum") == Some(&json!(true)) => {
                small.insert("exclusiveMinimum".to_owned(), value.clone());
            }
            "properties" => {
                let each = value.as_object().expect("an object").iter();
                let each = each.map(|(name, value)| (name.clone(), rewritten(value)));
                small.insert(name.clone(), Value::Object(each.collect()));
            }
            "items" | "additionalProperties" => {
                small.insert(name.clone(), rewritten(value));
            }
            _ => {
                small.insert(name.clone(), value.clone());
            }
        }
    }
    Value::Object(small)
}

fn comparable_list(schemas: &Value) -> Value {
    Value::Array(schemas.as_array().expect("schemas").iter().map(comparable).collect())
}

/// What the daemon 2.15.0 ships, described in our words.
const PROVIDERS: &str = include_str!("../src/sandbox/data/action-providers.json");

fn shipped_actions() -> Vec<ToolSpec> {
    let found = actions::read(PROVIDERS).expect("providers");
    assert!(found.odd.is_empty(), "{:?}", found.odd);
    found.actions.into_iter().map(|action| action.spec).collect()
}

/// The document describes an instruction of a batch as the body of a single transaction, without its type.
#[test]
fn an_instruction_has_the_members_that_the_daemons_document_gives_it() {
    let document: Value = serde_json::from_str(include_str!("data/openapi.json")).expect("JSON");
    let bodies = document["POST /v1/transactions/send"]["body"]["oneOf"].as_array().expect("types").clone();
    for tool in ["send_batch", "simulate_transaction"] {
        let params = &catalogue::find(tool).expect("a tool").params;
        let instructions = params.iter().find(|param| param.name == "instructions").expect("an argument");
        let Kind::Variants(_, variants) = &instructions.kind else { panic!("{tool}") };
        assert_eq!(variants.len(), 4);
        for variant in variants {
            let is_it = |body: &&Value| body["properties"]["type"]["enum"] == json!([variant.name]);
            let body = bodies.iter().find(is_it).unwrap_or_else(|| panic!("{}", variant.name));
            let mut theirs: BTreeSet<String> =
                body["properties"].as_object().expect("members").keys().cloned().collect();
            theirs.remove("type");
            let ours = variant.params.iter().map(|param| param.field.to_string());
            assert_eq!(ours.collect::<BTreeSet<_>>(), theirs, "{}", variant.name);
            for param in &variant.params {
                let inner = match &param.kind {
                    Kind::Object(params) => params,
                    Kind::List(kind) => match &**kind {
                        Kind::Object(params) => params,
                        _ => continue,
                    },
                    _ => continue,
                };
                let schema = &body["properties"][&*param.field];
                let schema = if schema["items"].is_object() { &schema["items"] } else { schema };
                // The extract leaves out what stands deeper.
                let Some(theirs) = schema["properties"].as_object() else { continue };
                let ours: BTreeSet<String> = inner.iter().map(|param| param.field.to_string()).collect();
                assert_eq!(ours, theirs.keys().cloned().collect(), "{}.{}", variant.name, param.field);
            }
            for mark in variant.marks {
                assert!(variant.params.iter().any(|param| param.field == *mark), "{}: {mark}", variant.name);
            }
        }
    }
}

#[test]
fn no_snapshot_is_left_of_a_tool_that_is_gone() {
    let known: BTreeSet<String> = tools().iter().map(|tool| format!("{}.json", tool.name)).collect();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/snapshots/tools");
    for entry in std::fs::read_dir(folder).expect("the folder of snapshots") {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        assert!(known.contains(&name), "tests/snapshots/tools/{name} belongs to no tool");
    }
}

#[test]
fn the_lists_fit_their_budgets() {
    /// Bytes of `tools/list` for the toolset `core`.
    const CORE_BYTES_MAX: usize = 8_000;
    /// For all tools that are known without asking the daemon.
    const STATIC_BYTES_MAX: usize = 26_000;
    let core = |tool: &ToolSpec| tool.toolset == Toolset::Core;
    assert_fits("core", CORE_BYTES_MAX, &core);
    assert_fits("all", STATIC_BYTES_MAX, &|_| true);
}

fn assert_fits(what: &str, bytes_max: usize, shown: &dyn Fn(&ToolSpec) -> bool) {
    let shown = tools().iter().filter(|tool| shown(tool));
    let bytes: usize = shown.map(|tool| listed(tool).replace('\n', "").len() + ",".len()).sum();
    let envelope = r#"{"jsonrpc":"2.0","id":1000,"result":{"resultType":"complete","ttlMs":300000,"cacheScope":"private","tools":[],"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"waiaas-mcp","version":"0.1.0"}}}}"#.len();
    assert!(bytes + envelope <= bytes_max, "{what}: {} bytes", bytes + envelope);
}

#[test]
fn schemas_and_order_are_those_of_the_node_program() {
    let node: Vec<Value> = serde_json::from_str(include_str!("data/static.json")).expect("JSON");
    let names = |value: &Value| value["name"].as_str().expect("a name").to_owned();
    let ours: Vec<String> = tools().iter().map(|tool| tool.name.to_string()).collect();
    let theirs: Vec<String> = node.iter().map(names).filter(|name| ours.contains(name)).collect();
    assert_eq!(ours, theirs, "the order of tools/list");
    for tool in tools() {
        let theirs = node.iter().find(|value| names(value) == tool.name).expect("compared above");
        assert_eq!(comparable(&schema(tool)), comparable(&theirs["inputSchema"]), "{}", tool.name);
    }
}

/// Items of which nothing is said but what clients want to hear.
const FREE_ITEMS: [&str; 3] = ["{}", r#"{"type":"string"}"#, r#"{"type":"object"}"#];

/// What parity means: names, types, required members, enums and bounds. Where clients refuse what the Node
/// program publishes, ours differs on purpose: no union of types, no free form of objects within arrays.
fn comparable(schema: &Value) -> Value {
    let Value::Object(members) = schema else { return schema.clone() };
    let mut small = serde_json::Map::new();
    for (name, value) in members {
        let value = match name.as_str() {
            "description" | "format" | "$schema" => continue,
            "additionalProperties" if [json!(false), json!({})].contains(value) => continue,
            "properties" if *value == json!({}) => continue,
            // Free values: clients want one type of items.
            "items" if FREE_ITEMS.contains(&comparable(value).to_string().as_str()) => {
                continue;
            }
            "type" if value.is_array() => json!("string"),
            "required" => {
                let names: BTreeSet<_> =
                    value.as_array().expect("names").iter().map(Value::to_string).collect();
                json!(names)
            }
            "properties" => {
                let each = value.as_object().expect("an object").iter();
                Value::Object(each.map(|(name, value)| (name.clone(), comparable(value))).collect())
            }
            _ => comparable(value),
        };
        small.insert(name.clone(), value);
    }
    Value::Object(small)
}

#[test]
fn every_known_client_takes_the_schemas() {
    for tool in tools() {
        let schema = schema(tool);
        assert_eq!(schema["type"], "object", "{}", tool.name);
        assert!(schema["properties"].is_object(), "{}", tool.name);
        lint(&schema, false, &tool.name);
    }
}

/// The rules that follow from clients' known rejections.
fn lint(schema: &Value, in_items: bool, at: &str) {
    let members = schema.as_object().unwrap_or_else(|| panic!("{at}: not an object"));
    for word in ["$schema", "$ref", "$defs", "definitions", "format", "anyOf", "oneOf", "allOf"] {
        assert!(!members.contains_key(word), "{at}: {word}");
    }
    let kind = schema["type"].as_str().unwrap_or_else(|| panic!("{at}: needs one type"));
    if kind == "array" {
        lint(&schema["items"], true, &format!("{at}[]"));
    }
    assert!(!(kind == "object" && in_items) || members.contains_key("properties"), "{at}: needs properties");
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let good = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        assert!(name.chars().all(good) && (1..=64).contains(&name.len()), "{at}: {name}");
        lint(property, false, &format!("{at}.{name}"));
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        assert!(
            !schema["properties"][name.as_str().expect("a name")].is_null(),
            "{at}: {name} is not a property"
        );
    }
    if schema["additionalProperties"].is_object() {
        lint(&schema["additionalProperties"], false, &format!("{at}.*"));
    }
}

#[test]
fn the_daemons_document_accepts_every_request() {
    let routes = Routes::read();
    for tool in tools() {
        for arguments in samples(tool) {
            let raw = RawValue::from_string(arguments.to_string()).expect("JSON");
            let request = final_request(tool, &raw).unwrap_or_else(|error| panic!("{arguments}: {error}"));
            routes.check(&request, &format!("{} {arguments}", tool.name));
        }
    }
}

#[test]
fn a_missing_or_wrong_argument_of_any_tool_is_refused_by_name() {
    for tool in tools() {
        let schema = schema(tool);
        let good = samples(tool).pop().expect("a sample with all arguments");
        let refused = |arguments: &Value, name: &str| {
            let raw = RawValue::from_string(arguments.to_string()).expect("JSON");
            let error =
                check(tool, Some(&raw), &Defaults::default()).map(|_| ()).expect_err(name).to_string();
            assert!(error.contains(&format!("`{name}`")), "{} {arguments}: {error}", tool.name);
        };
        for (name, property) in schema["properties"].as_object().expect("properties") {
            let wrong = if property["type"] == "array" { json!({}) } else { json!([true]) };
            for wrong in [wrong, json!(true)]
                .into_iter()
                .filter(|wrong| property["type"] != "boolean" || wrong.is_array())
            {
                // Where the daemon reads no wallet, none is looked at, but it is checked all the same.
                let mut arguments = good.clone();
                arguments[name] = wrong;
                refused(&arguments, name);
            }
        }
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            // A simulation of another type can do without these.
            if tool.name == "simulate_transaction" {
                continue;
            }
            let mut arguments = good.clone();
            arguments.as_object_mut().expect("arguments").remove(name);
            refused(&arguments, name);
        }
    }
}

/// Calls with the required arguments only and with all of them, once for each value of each enum.
fn samples(tool: &ToolSpec) -> Vec<Value> {
    let schema = schema(tool);
    let properties = schema["properties"].as_object().expect("properties");
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let all: serde_json::Map<_, _> =
        properties.iter().map(|(name, property)| (name.clone(), sample(name, property))).collect();
    let least = all.iter().filter(|(name, _)| required.contains(&name.as_str()));
    let mut samples = vec![Value::Object(least.map(|(name, value)| (name.clone(), value.clone())).collect())];
    for (name, property) in properties {
        for word in property["enum"].as_array().into_iter().flatten() {
            let mut sample = all.clone();
            sample.insert(name.clone(), word.clone());
            samples.push(Value::Object(sample));
        }
    }
    samples.push(Value::Object(all));
    for sample in &mut samples {
        match &*tool.name {
            // Money safety: a token that the daemon would ignore is refused.
            "send_token" if sample["type"] == "TRANSFER" => {
                sample.as_object_mut().expect("arguments").remove("token");
            }
            // What is needed depends on the type.
            "build_userop" => {
                sample["to"] = json!("1");
                sample["amount"] = json!("1");
            }
            _ => {}
        }
    }
    samples
}

/// A value that the schema accepts.
fn sample(name: &str, schema: &Value) -> Value {
    match schema["type"].as_str() {
        Some("string") if schema["enum"].is_array() => schema["enum"][0].clone(),
        Some("string") if name == "agent_id" => json!("42"),
        Some("string") if name == "asset_id" => json!("eip155:11155111/erc20:0xab"),
        Some("string") if name.ends_with("_id") => json!(UUID),
        Some("string") if name == "url" => json!("https://example.com/a?b=c"),
        Some("string") if name == "sub_account" => json!(format!("0x{}", "a".repeat(40))),
        Some("string") if name == "period" => json!("weekly"),
        Some("string") if name == "data" => json!("0x"),
        Some("string") if name == "network" => json!("eip155:11155111"),
        Some("string") => json!("1"),
        Some("number") => json!(7),
        Some("integer") => schema.get("minimum").cloned().unwrap_or(json!(7)),
        Some("boolean") => json!(true),
        Some("array") => json!([sample("", &schema["items"]), sample("", &schema["items"])]),
        Some("object") if schema["additionalProperties"].is_object() => {
            json!({ "key": sample("", &schema["additionalProperties"]) })
        }
        Some("object") => {
            let members = schema["properties"].as_object().into_iter().flatten();
            Value::Object(members.map(|(name, each)| (name.clone(), sample(name, each))).collect())
        }
        other => panic!("{name}: a sample of {other:?}"),
    }
}
