//! The catalogue as the outside sees it: each tool's published form against its snapshot, against the Node
//! program's schemas and against the rules that clients impose; each request against the daemon's own document.
//!
//! `UPDATE_SNAPSHOTS=1 cargo test --test catalogue` accepts changed snapshots.

#[path = "support/snapshots.rs"]
mod snapshots;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use waiaas_mcp::http::Request;
use waiaas_mcp::json::{Object, RawValue};
use waiaas_mcp::wallet::asset::{Asset, Resolution};
use waiaas_mcp::wallet::binding::{ArgumentError, Defaults, check};
use waiaas_mcp::wallet::catalogue::tools;
use waiaas_mcp::wallet::schema::{hints, input_schema};
use waiaas_mcp::wallet::spec::{Composition, ToolSpec};
use waiaas_mcp::wallet::toolsets::Toolset;
use waiaas_mcp::wallet::userop::{Need, UserOp};

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
            let request = request(tool, &arguments);
            let at = format!("{} {arguments} -> {} {}", tool.name, request.method.name(), request.target);
            let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
            let route =
                routes.find(request.method.name(), path).unwrap_or_else(|| panic!("{at}: no such route"));
            check_query(&route["query"], query, &at);
            match &request.body {
                Some(body) => check_body(&route["body"], &serde_json::from_str(body).expect("JSON"), &at),
                None => assert!(route["body"].is_null(), "{at}: needs a body"),
            }
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

/// The request that a call ends with; of a tool that puts answers together, the first one.
fn request(tool: &ToolSpec, arguments: &Value) -> Request {
    let raw = RawValue::from_string(arguments.to_string()).expect("JSON");
    let at = |error: ArgumentError| format!("{} {arguments}: {error}", tool.name);
    let checked = check(tool, Some(&raw), &Defaults::default()).map_err(at).expect("good arguments");
    let request = checked.draft().complete(|| Ok::<_, ()>(UUID.to_owned())).expect("a wallet is found");
    match tool.endpoint.composed {
        Some(Composition::Asset) => asset_request(),
        Some(Composition::UserOp) => {
            let operation = UserOp::of(&checked).map_err(at).expect("a good operation");
            let answer = match operation.need() {
                None => "",
                Some(Need::Token(_)) => r#"{"tokens":[{"address":"1","decimals":6,"symbol":"U"}]}"#,
                Some(Need::Calldata(_)) => r#"{"calldata":"0x"}"#,
            };
            Request { body: Some(operation.body(answer).expect("the answer tells all")), ..request }
        }
        _ => request,
    }
}

/// Which request this tool makes depends on what its argument names.
fn asset_request() -> Request {
    match Asset::parse("eip155:11155111/erc20:0xab").expect("a good id").resolve() {
        Resolution::Ask(request) => request,
        Resolution::Known(result) => panic!("nothing is known of it: {result}"),
    }
}

/// The daemon's routes: its own document, and what that leaves out.
struct Routes(Vec<(String, Value)>);

impl Routes {
    fn read() -> Routes {
        let read = |text: &str| serde_json::from_str::<serde_json::Map<_, _>>(text).expect("JSON");
        let mut documented = read(include_str!("data/openapi.json"));
        // The document of this route leaves out two of the seven types, which stand in full with the other one.
        let all_types =
            documented["POST /v1/wallets/{id}/userop/build"]["body"]["properties"]["request"]["oneOf"]
                .clone();
        let sent = documented["POST /v1/transactions/send"]["body"]["oneOf"].as_array_mut().expect("types");
        sent.extend(all_types.as_array().expect("types").iter().cloned());
        Routes(documented.into_iter().chain(read(include_str!("data/undocumented.json"))).collect())
    }

    /// The route of a path, in which each parameter is exactly one segment.
    fn find(&self, method: &str, path: &str) -> Option<&Value> {
        let fits = |template: &str| {
            let (ours, theirs) = (path.split('/'), template.split('/'));
            ours.clone().count() == theirs.clone().count()
                && ours.zip(theirs).all(|(ours, theirs)| {
                    ours == theirs || (theirs.starts_with('{') && !["", ".", ".."].contains(&ours))
                })
        };
        let template = |key: &str| key.strip_prefix(method)?.strip_prefix(' ').map(str::to_owned);
        let mut found: Vec<_> =
            self.0.iter().filter(|(key, _)| template(key).is_some_and(|path| fits(&path))).collect();
        found.sort_by_key(|(key, _)| key.matches('{').count());
        found.first().map(|(_, route)| route)
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

/// The document leaves the wallet's id out of most routes; the daemon reads it on all that concern a wallet.
const READ_EVERYWHERE: &str = "walletId";

fn check_query(route: &Value, query: &str, at: &str) {
    let pairs: Vec<(&str, &str)> =
        query.split_terminator('&').filter_map(|pair| pair.split_once('=')).collect();
    let known = route.as_object().expect("a query");
    for (name, value) in &pairs {
        let Some(param) = known.get(*name) else {
            assert_eq!(*name, READ_EVERYWHERE, "{at}: the daemon does not read {name}");
            continue;
        };
        if ["integer", "number"].map(|kind| json!(kind)).contains(&param["type"]) {
            assert!(value.parse::<f64>().is_ok(), "{at}: {name}");
        }
        if let Some(words) = param["enum"].as_array() {
            assert!(words.contains(&json!(value)), "{at}: {name}={value}");
        }
    }
    for (name, _) in known.iter().filter(|(_, param)| param["required"] == true) {
        assert!(pairs.iter().any(|(given, _)| given == name), "{at}: {name} is missing");
    }
}

fn check_body(schema: &Value, body: &Value, at: &str) {
    let variants = match schema["oneOf"].as_array() {
        Some(variants) => variants.clone(),
        None => vec![schema.clone()],
    };
    let members = body.as_object().unwrap_or_else(|| panic!("{at}: the body is not an object"));
    // Members that only another type of transaction has do no harm; members that none has would be lost.
    for name in members.keys().filter(|name| *name != READ_EVERYWHERE) {
        assert!(variants.iter().any(|one| !one["properties"][name].is_null()), "{at}: {name} is not read");
    }
    let faults: Vec<String> = variants.iter().filter_map(|variant| fault(variant, body)).collect();
    assert!(faults.len() < variants.len(), "{at}: {faults:#?}");
}

/// Why a value does not fit a schema.
fn fault(schema: &Value, value: &Value) -> Option<String> {
    if let Some(variants) = schema["oneOf"].as_array() {
        let faults: Vec<String> = variants.iter().filter_map(|variant| fault(variant, value)).collect();
        return (faults.len() == variants.len()).then(|| faults.join(" and "));
    }
    let fits = match schema["type"].as_str() {
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        _ => true,
    };
    if !fits || schema["enum"].as_array().is_some_and(|words| !words.contains(value)) {
        return Some(format!("{value} is not {schema}"));
    }
    let missing = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    if let Some(name) = missing.into_iter().find(|name| value[*name].is_null()) {
        return Some(format!("{name} is missing"));
    }
    let known = schema["properties"].as_object().into_iter().flatten();
    let members = known.filter_map(|(name, each)| Some((name, each, value.get(name)?)));
    let inside =
        |name: &str, schema: &Value, value: &Value| fault(schema, value).map(|why| format!("{name}: {why}"));
    members
        .into_iter()
        .find_map(|(name, schema, value)| inside(name, schema, value))
        .or_else(|| value.as_array()?.iter().find_map(|item| inside("item", &schema["items"], item)))
}
