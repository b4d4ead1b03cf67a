//! The daemon's own document as a judge of requests, and the request that a call of a tool ends with.

use serde_json::{Value, json};
use waiaas_mcp::http::Request;
use waiaas_mcp::ids::WalletId;
use waiaas_mcp::json::RawValue;
use waiaas_mcp::wallet::asset::{Asset, Resolution};
use waiaas_mcp::wallet::binding::{Defaults, check};
use waiaas_mcp::wallet::spec::{Composition, ToolSpec};
use waiaas_mcp::wallet::userop::{Need, UserOp};

/// The session's only wallet, where a path lacks one.
const FOUND_WALLET: &str = "01a20238-6332-7cad-839a-3b627b30d86b";

/// The request that a call ends with, the daemon's answers in between made up. Of a tool that puts several answers
/// together, the first one.
///
/// # Errors
/// What the caller is told instead.
pub(crate) fn final_request(tool: &ToolSpec, arguments: &RawValue) -> Result<Request, String> {
    let checked = check(tool, Some(arguments), &Defaults::default()).map_err(|error| error.to_string())?;
    let request = checked.draft().with_wallet(&WalletId::parse(FOUND_WALLET).expect("a UUID"));
    match tool.endpoint.composed {
        Some(Composition::Asset) => {
            let asset = Asset::parse(checked.text("asset_id").unwrap_or_default());
            match asset.map_err(|error| error.to_string())?.resolve() {
                Resolution::Ask(request) => Ok(request),
                Resolution::Known(_) => Ok(Request::get("/v1/tokens?network=ethereum-sepolia")),
            }
        }
        Some(Composition::UserOp) => {
            let operation = UserOp::of(&checked).map_err(|error| error.to_string())?;
            let answer = match operation.need() {
                None => String::new(),
                Some(Need::Token(_)) => registry_with(checked.text("token").unwrap_or_default()),
                Some(Need::Calldata(_)) => r#"{"calldata":"0x"}"#.to_owned(),
            };
            let body = operation.body(&answer).expect("the answer tells all");
            Ok(Request { body: Some(body), ..request })
        }
        _ => Ok(request),
    }
}

/// A registry that knows this token.
fn registry_with(token: &str) -> String {
    let address = token.rsplit_once(':').map_or(token, |(_, address)| address);
    json!({ "tokens": [{ "address": address, "decimals": 6, "symbol": "U" }] }).to_string()
}

/// The daemon's routes: its own document, and what that leaves out.
pub(crate) struct Routes(Vec<(String, Value)>);

impl Routes {
    pub(crate) fn read() -> Routes {
        let read = |text: &str| serde_json::from_str::<serde_json::Map<_, _>>(text).expect("JSON");
        let mut documented = read(include_str!("../data/openapi.json"));
        // The document of this route leaves out two of the seven types, which stand in full with the other one.
        let all_types =
            documented["POST /v1/wallets/{id}/userop/build"]["body"]["properties"]["request"]["oneOf"]
                .clone();
        let sent = documented["POST /v1/transactions/send"]["body"]["oneOf"].as_array_mut().expect("types");
        sent.extend(all_types.as_array().expect("types").iter().cloned());
        Routes(documented.into_iter().chain(read(include_str!("../data/undocumented.json"))).collect())
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

    /// Panics, beginning with `at`, unless the daemon's document knows the path and accepts the query and the body.
    pub(crate) fn check(&self, request: &Request, at: &str) {
        let at = format!("{at} -> {} {} {:?}", request.method.name(), request.target, request.body);
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        let route = self.find(request.method.name(), path).unwrap_or_else(|| panic!("{at}: no such route"));
        check_query(&route["query"], query, &at);
        match &request.body {
            Some(body) => check_body(&route["body"], &serde_json::from_str(body).expect("JSON"), &at),
            None => assert!(route["body"].is_null(), "{at}: needs a body"),
        }
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
pub(crate) fn fault(schema: &Value, value: &Value) -> Option<String> {
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
