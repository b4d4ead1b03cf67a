//! Actions: the providers as the daemon ships them, carried out on paper.
//! Parameters are checked against the schema of the action, so that a client learns what it got wrong.

use std::sync::OnceLock;

use serde_json::Value;

use super::super::chain::{Course, VenueAction, Wallet};
use super::super::digests::{hex, keccak256};
use super::super::json::{Json, object};
use super::super::refusals::*;
use super::super::routes::{Answer, Call, Daemon};
use super::operator::type_name;
use super::sending::{contract_call, network_or_first, simulation, write_down};

type Outcome = Result<Answer, Refusal>;

/// The answer of GET /v1/actions/providers, recorded against WAIaaS 2.15.0.
const PROVIDERS: &str = include_str!("../data/action-providers.json");

/// Actions that only read: they answer with data and leave no transaction.
const READ_ONLY: [(&str, &str); 7] = [
    ("dcent_swap", "get_quotes"),
    ("across_bridge", "quote"),
    ("across_bridge", "status"),
    ("across_bridge", "routes"),
    ("across_bridge", "limits"),
    ("xrpl_dex", "get_orderbook"),
    ("xrpl_dex", "get_offers"),
];

/// Providers whose actions are orders at a venue, not transactions.
const VENUES: [(&str, &str); 4] = [
    ("hyperliquid_perp", "hyperliquid"),
    ("hyperliquid_spot", "hyperliquid"),
    ("hyperliquid_sub", "hyperliquid"),
    ("polymarket_order", "polymarket"),
];

fn venue(provider: &str) -> Option<&'static str> {
    VENUES.iter().find(|(name, _)| *name == provider).map(|(_, venue)| *venue)
}

/// GET /v1/actions/providers
pub(in super::super) fn providers(_: &mut Daemon, _: &Call<'_>) -> Outcome {
    Ok(Answer::text(PROVIDERS))
}

/// One action of the list, and whether its provider lacks a key.
fn find(provider: &str, action: &str) -> Option<(&'static Value, bool)> {
    static PARSED: OnceLock<Value> = OnceLock::new();
    let list = PARSED.get_or_init(|| serde_json::from_str(PROVIDERS).unwrap_or_default());
    let named = |value: &&Value, name: &str| value.get("name").and_then(Value::as_str) == Some(name);
    let provider = list.get("providers")?.as_array()?.iter().find(|value| named(value, provider))?;
    let action = provider.get("actions")?.as_array()?.iter().find(|value| named(value, action))?;
    let is = |name: &str| provider.get(name).and_then(Value::as_bool) == Some(true);
    Some((action, is("requiresApiKey") && !is("hasApiKey")))
}

/// POST /v1/actions/{provider}/{action}
pub(in super::super) fn execute(daemon: &mut Daemon, call: &Call<'_>) -> Outcome {
    let (provider, name) = (call.path[2], call.path[3]);
    let Some((action, lacks_key)) = find(provider, name) else {
        return Err(Refusal::new("ACTION_NOT_FOUND").saying(format!("Action '{provider}/{name}' not found")));
    };
    let body = call.request.json()?;
    let wallet = daemon.wallet_meant(call, Some(&body))?;
    let none = Value::Object(serde_json::Map::new());
    let params = body.get("params").unwrap_or(&none);
    let mut problems = Vec::new();
    check(action.get("inputSchema").unwrap_or(&none), params, &mut Vec::new(), &mut problems);
    if !problems.is_empty() {
        let details = object! { "validationErrors": problems };
        return Err(Refusal::new(ACTION_VALIDATION_FAILED)
            .saying("Action input validation failed")
            .detailed(details));
    }
    if lacks_key {
        return Err(Refusal::new("API_KEY_REQUIRED"));
    }
    let network = network_or_first(&wallet, &body)?;
    let to = format!("0x{}", &hex(&keccak256(provider.as_bytes()))[24..]);
    if call.request.query("dryRun") == Some("true") {
        return Ok(Answer::ok(&simulation(daemon, call, &wallet, network, &contract_call(to))));
    }
    if READ_ONLY.contains(&(provider, name)) {
        let data =
            object! { "provider": provider, "action": name, "sandbox": true, "results": Vec::<Json>::new() };
        let id = daemon.ids.uuid(call.now);
        return Ok(Answer::created(&object! { "id": id, "status": "CONFIRMED", "data": data }));
    }
    if wallet.suspended_at.is_some() {
        return Err(Refusal::new("WALLET_SUSPENDED"));
    }
    if venue(provider).is_some() {
        return Ok(order(daemon, call, &wallet, provider, name));
    }
    // An action brings its own permission: default-deny for contract calls does not stop it.
    Ok(write_down(daemon, call, &wallet, network, contract_call(to), Course::Straight("INSTANT")))
}

fn order(daemon: &mut Daemon, call: &Call<'_>, wallet: &Wallet, provider: &str, name: &str) -> Answer {
    let id = daemon.ids.uuid(call.now);
    daemon.chain.venue_actions.push(VenueAction {
        id: id.clone(),
        wallet_id: wallet.id.clone(),
        provider: provider.to_owned(),
        action: name.to_owned(),
        created_at: call.now.seconds(),
    });
    Answer::created(&object! { "id": id, "status": "CONFIRMED" })
}

/// Checks a value against the part of JSON Schema the list uses: types, required, enums, bounds, items, anyOf.
fn check(schema: &Value, value: &Value, path: &mut Vec<String>, problems: &mut Vec<Json>) {
    let problem = |path: &[String], message: String| object! { "path": path.to_vec(), "message": message };
    if let Some(choices) = schema.get("anyOf").and_then(Value::as_array) {
        let fits = |choice: &Value| {
            let mut found = Vec::new();
            check(choice, value, &mut path.clone(), &mut found);
            found.is_empty()
        };
        if !choices.iter().any(fits) {
            problems.push(problem(path, "Invalid input".to_owned()));
        }
        return;
    }
    let kind = schema.get("type").and_then(Value::as_str).unwrap_or("");
    let fits = match (kind, value) {
        ("integer", Value::Number(number)) => number.as_i64().is_some() || number.as_u64().is_some(),
        ("", _) => true,
        (kind, value) => kind == type_name(value),
    };
    if !fits {
        problems.push(problem(path, format!("Expected {kind}, received {}", type_name(value))));
        return;
    }
    if let Some(choices) =
        schema.get("enum").and_then(Value::as_array).filter(|choices| !choices.contains(value))
    {
        let choices: Vec<String> = choices.iter().map(Value::to_string).collect();
        problems.push(problem(path, format!("Invalid enum value. Expected {}", choices.join(" | "))));
    }
    let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
    if let Some(number) = value.as_f64() {
        let exclusive = schema.get("exclusiveMinimum").and_then(Value::as_bool) == Some(true);
        let low = bound("minimum").is_some_and(|min| number < min || exclusive && number <= min);
        if low || bound("maximum").is_some_and(|max| number > max) {
            problems.push(problem(path, "Number out of range".to_owned()));
        }
    }
    if let (Some(text), Some(min)) = (value.as_str(), schema.get("minLength").and_then(Value::as_u64))
        && (text.chars().count() as u64) < min
    {
        problems.push(problem(path, format!("String must contain at least {min} character(s)")));
    }
    check_parts(schema, value, path, problems);
}

fn check_parts(schema: &Value, value: &Value, path: &mut Vec<String>, problems: &mut Vec<Json>) {
    if let (Value::Object(members), Some(properties)) =
        (value, schema.get("properties").and_then(Value::as_object))
    {
        let required = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
        for name in required.iter().filter_map(Value::as_str).filter(|name| !members.contains_key(*name)) {
            path.push(name.to_owned());
            problems.push(object! { "path": path.clone(), "message": "Required" });
            path.pop();
        }
        for (name, member) in members {
            if let Some(schema) = properties.get(name) {
                path.push(name.clone());
                check(schema, member, path, problems);
                path.pop();
            }
        }
    }
    if let (Value::Array(items), Some(schema)) = (value, schema.get("items")) {
        for (at, item) in items.iter().enumerate() {
            path.push(at.to_string());
            check(schema, item, path, problems);
            path.pop();
        }
    }
}

/// GET /v1/wallets/{walletId}/actions: orders at venues, newest first.
pub(in super::super) fn list(daemon: &mut Daemon, call: &Call<'_>) -> Outcome {
    let wallet = daemon.wallet_in_path(call, Some("walletId"))?;
    let number = |name: &str, usual: usize| {
        call.request.query(name).and_then(|value| value.parse().ok()).unwrap_or(usual)
    };
    let (limit, offset) = (number("limit", 20), number("offset", 0));
    if !(1..=100).contains(&limit) {
        let one = if limit == 0 { too_small(1, "limit") } else { too_big(100, "limit") };
        return Err(Refusal::issues(vec![one]));
    }
    let asked = |name: &str, is: Option<&str>| {
        call.request.query(name).is_none_or(|asked| is.is_some_and(|is| is.eq_ignore_ascii_case(asked)))
    };
    let own: Vec<&VenueAction> = daemon
        .chain
        .venue_actions
        .iter()
        .rev()
        .filter(|action| action.wallet_id == wallet.id && asked("venue", venue(&action.provider)))
        .filter(|_| asked("status", Some("CONFIRMED")))
        .collect();
    let page: Vec<Json> = own
        .iter()
        .skip(offset)
        .take(limit)
        .map(|action| {
            object! {
                "id": &action.id, "actionKind": "signedData", "venue": venue(&action.provider),
                "operation": &action.action, "status": "CONFIRMED", "bridgeStatus": Json::Null,
                "createdAt": action.created_at, "provider": &action.provider, "actionName": &action.action,
            }
        })
        .collect();
    Ok(Answer::ok(&object! { "actions": page, "total": own.len(), "limit": limit, "offset": offset }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parameters_are_checked_against_the_schema_of_the_action() {
        let schema = json!({
            "type": "object", "required": ["a"],
            "properties": {
                "a": {"type": "string", "minLength": 1}, "n": {"type": "integer", "minimum": 0, "exclusiveMinimum": true},
                "e": {"type": "string", "enum": ["x", "y"]}, "l": {"type": "array", "items": {"type": "number"}},
                "m": {"anyOf": [{"type": "string", "minLength": 2}, {"type": "string", "enum": ["1"]}]},
            },
        });
        let table = [
            (json!({"a": "1", "n": 1, "e": "x", "l": [1, 2.5], "m": "1", "other": null}), 0),
            (json!({}), 1),
            (json!([]), 1),
            (json!({"a": "", "n": 0, "e": "z", "l": ["1"], "m": "2"}), 5),
            (json!({"a": 1, "n": 1.5}), 2),
        ];
        for (params, expected) in table {
            let mut problems = Vec::new();
            check(&schema, &params, &mut Vec::new(), &mut problems);
            assert_eq!(problems.len(), expected, "{params}: {problems:?}");
        }
    }

    #[test]
    fn the_carried_list_is_whole() {
        let list: Value = serde_json::from_str(PROVIDERS).expect("JSON");
        let providers = list["providers"].as_array().expect("array");
        let actions: usize =
            providers.iter().map(|provider| provider["actions"].as_array().map_or(0, Vec::len)).sum();
        assert_eq!((providers.len(), actions), (18, 68));
        for (provider, action) in READ_ONLY {
            assert!(find(provider, action).is_some(), "{provider} {action}");
        }
    }
}
