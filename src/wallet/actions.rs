//! The actions of the daemon's providers, as rows like those of the catalogue.
//!
//! Used by the server, which asks for the providers and lists their actions. Pure. Each provider and each action is
//! judged by itself: an odd one is left out and told, the others stay. Refuses to believe that an action only reads
//! unless it is known to.

use std::collections::BTreeSet;

use super::catalogue::{body_network, body_wallet, gas_condition_unsaid};
use super::given::{Odd, Property, Schema};
use super::spec::{Effect, Endpoint, Kind, Param, Reach, Required, Shape, ToolSpec, body, post};
use super::toolsets::Toolset;
use crate::http::{Request, percent_encoded};
use crate::json::{self, RawValue};
use crate::text::one_line;

/// How the name of every action begins.
pub const NAME_PREFIX: &str = "action_";

/// Longest name that every client takes.
const NAME_BYTES_MAX: usize = 64;

/// Characters of an action's own description. The longest shipped one has 128.
const DESCRIPTION_CHARS_MAX: usize = 600;

/// Characters of a provider's, a chain's or a risk's name.
const WORD_CHARS_MAX: usize = 40;

/// Most actions that are listed. The shipped providers have 68; no client takes as many as this.
const ACTIONS_MAX: usize = 256;

/// Odd entries that are told one by one.
const ODD_MAX: usize = 20;

/// The actions that move nothing, by provider: those that change nothing, and those that change orders or settings at
/// a venue.
const HARMLESS: [(&str, &[&str], Effect); 7] = [
    ("dcent_swap", &["get_quotes"], Effect::Read),
    ("across_bridge", &["quote", "status", "routes", "limits"], Effect::Read),
    ("xrpl_dex", &["get_orderbook", "get_offers"], Effect::Read),
    ("hyperliquid_perp", &["hl_cancel_order", "hl_set_leverage", "hl_set_margin_mode"], Effect::Write),
    ("hyperliquid_spot", &["hl_spot_cancel"], Effect::Write),
    ("hyperliquid_sub", &["hl_create_sub_account"], Effect::Write),
    ("polymarket_order", &["pm_cancel_order", "pm_cancel_all"], Effect::Write),
];

/// What the daemon offers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Actions {
    /// In the daemon's order.
    pub actions: Vec<Action>,
    /// What was left out.
    pub odd: Vec<OddEntry>,
}

/// An action, as a tool.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Action {
    /// The name of the provider.
    pub provider: String,
    /// The row.
    pub spec: ToolSpec,
}

/// A provider or an action that was left out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OddEntry {
    /// Its name, or its place in the list. Chosen by the daemon.
    pub name: String,
    /// Why: one clause.
    pub why: &'static str,
}

/// Asks for the providers.
pub fn request() -> Request {
    Request::get("/v1/actions/providers")
}

/// Reads the answer; `None` if it is no list of providers.
pub fn read(body: &str) -> Option<Actions> {
    let [providers] = json::members(body, ["providers"])?;
    let providers: Vec<&RawValue> = serde_json::from_str(providers?.get()).ok()?;
    let mut reading =
        Reading { found: Actions { actions: Vec::new(), odd: Vec::new() }, names: BTreeSet::new() };
    for (index, provider) in providers.iter().enumerate() {
        if let Err(Odd(why)) = reading.provider(provider) {
            reading.leave_out(format!("providers[{index}]"), why);
        }
    }
    Some(reading.found)
}

struct Reading {
    found: Actions,
    names: BTreeSet<String>,
}

impl Reading {
    fn provider(&mut self, raw: &RawValue) -> Result<(), Odd> {
        let [name, exposed, actions] =
            json::members(raw.get(), ["name", "mcpExpose", "actions"]).ok_or(Odd("it is no object"))?;
        if exposed.map(RawValue::get) != Some("true") {
            return Ok(());
        }
        let provider = name.and_then(json::string).ok_or(Odd("it has no name"))?;
        let actions = actions.ok_or(Odd("it has no actions"))?;
        let actions: Vec<&RawValue> =
            serde_json::from_str(actions.get()).map_err(|_| Odd("its actions are no array"))?;
        for action in actions {
            let name = json::members(action.get(), ["name"]).and_then(|[name]| json::string(name?));
            let made = match &name {
                Some(name) => self.action(&provider, name, action),
                None => Err(Odd("an action has no name")),
            };
            if let Err(Odd(why)) = made {
                self.leave_out(format!("{provider} {}", name.unwrap_or_default()), why);
            }
        }
        Ok(())
    }

    fn action(&mut self, provider: &str, action: &str, raw: &RawValue) -> Result<(), Odd> {
        let name = format!("{NAME_PREFIX}{provider}_{action}");
        let good = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if provider.is_empty() || action.is_empty() || !name.chars().all(good) {
            return Err(Odd("its name has characters that clients refuse"));
        }
        if name.len() > NAME_BYTES_MAX {
            return Err(Odd("its name is too long for clients"));
        }
        if self.names.contains(&name) {
            return Err(Odd("another action has the same name"));
        }
        if self.found.actions.len() >= ACTIONS_MAX {
            return Err(Odd("there are too many actions"));
        }
        let (params, others) = params(raw)?;
        let spec = ToolSpec {
            // The name says as much, and there are dozens.
            title: "".into(),
            description: description(provider, raw).into(),
            toolset: Toolset::Actions,
            effect: effect(provider, action),
            reach: Reach::World,
            endpoint: {
                let [provider, action] = [provider, action].map(percent_encoded);
                let path = format!("/v1/actions/{provider}/{action}").into();
                Endpoint { path, others, ..post("").with_preset("params", "{}") }
            },
            params,
            name: name.clone().into(),
        };
        self.names.insert(name);
        self.found.actions.push(Action { provider: provider.to_owned(), spec });
        Ok(())
    }

    fn leave_out(&mut self, name: String, why: &'static str) {
        if self.found.odd.len() < ODD_MAX {
            self.found.odd.push(OddEntry { name, why });
        }
    }
}

fn effect(provider: &str, action: &str) -> Effect {
    let known = HARMLESS.iter().find(|(name, actions, _)| *name == provider && actions.contains(&action));
    known.map_or(Effect::Spend, |(.., effect)| *effect)
}

/// `[provider] what it does (chain: ethereum, risk: high)`
fn description(provider: &str, raw: &RawValue) -> String {
    let told = json::members(raw.get(), ["description", "chain", "riskLevel"]).unwrap_or_default();
    let [about, chain, risk] = told.map(|member| member.and_then(json::string).unwrap_or_default());
    let about = one_line(&about, DESCRIPTION_CHARS_MAX);
    let [chain, risk] = [chain, risk].map(|word| match &*one_line(&word, WORD_CHARS_MAX) {
        "" => "unknown".to_owned(),
        word => word.to_owned(),
    });
    format!("[{provider}] {about} (chain: {chain}, risk: {risk})")
}

/// The action's own arguments, then those that every action takes; and what else it takes, if it does.
fn params(raw: &RawValue) -> Result<(Vec<Param>, Option<Box<Schema>>), Odd> {
    let schema = json::members(raw.get(), ["inputSchema"]).and_then(|[schema]| schema);
    let schema = schema.filter(|schema| json::is_object(schema)).map(|schema| Schema::read(schema.get()));
    let (mut params, others): (Vec<Param>, _) = match schema.transpose()?.and_then(Schema::into_members) {
        Some((properties, others)) => (properties.into_iter().map(own).collect(), others),
        None => (vec![body("params", Kind::Raw(Shape::Object, r#"{"type":"object"}"#.into()))], None),
    };
    for common in [body_network(), body_wallet(), gas_condition_unsaid()] {
        if params.iter().all(|param| param.name != common.name) {
            params.push(common);
        }
    }
    Ok((params, others))
}

fn own(property: Property) -> Param {
    let Property { name, schema, required } = property;
    Param {
        field: format!("params.{name}").into(),
        // The daemon reads the network beside the parameters too.
        network_too: (name == "network").then_some("network"),
        required: if required { Required::Always } else { Required::Never },
        name: name.into(),
        ..body("", Kind::Given(Box::new(schema)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wallet::binding::{Defaults, bind};
    use crate::wallet::schema::input_schema;

    fn read_one(action: &str) -> Actions {
        let body = format!(r#"{{"providers":[{{"name":"p","mcpExpose":true,"actions":[{action}]}}]}}"#);
        read(&body).expect("a list of providers")
    }

    fn schema_of(input_schema_text: &str) -> Result<String, &'static str> {
        let found = read_one(&format!(r#"{{"name":"a","inputSchema":{input_schema_text}}}"#));
        match (&found.actions[..], &found.odd[..]) {
            ([action], []) => Ok(input_schema(&action.spec)),
            ([], [odd]) => Err(odd.why),
            other => panic!("{other:?}"),
        }
    }

    const COMMON: &str =
        r#""network":{"type":"string"},"wallet_id":{"type":"string"},"gas_condition":{"type":"object"}"#;

    #[test]
    fn schemas_are_kept_and_made_safe() {
        let same = [
            r#"{"type":"string","enum":["A","B"],"default":"A"}"#,
            r#"{"type":"integer","minimum":1,"maximum":10}"#,
            r#"{"type":"string","pattern":"^0x","minLength":1,"maxLength":9}"#,
            r#"{"type":"array","items":{"type":"object","properties":{"a":{"type":"number","default":1.50}},"required":["a"]}}"#,
            r#"{"type":"object","additionalProperties":{"type":"string"}}"#,
            r#"{"type":"number","const":5,"exclusiveMinimum":0}"#,
        ];
        let changed = [
            (
                r#"{"type":"number","minimum":0,"exclusiveMinimum":true}"#,
                r#"{"type":"number","exclusiveMinimum":0}"#,
            ),
            (r#"{"exclusiveMinimum":false,"minimum":0,"type":"number"}"#, r#"{"type":"number","minimum":0}"#),
            (
                r#"{"anyOf":[{"type":"string","minLength":1},{"type":"string","enum":["max"]}],"description":"d"}"#,
                r#"{"type":"string","description":"d","minLength":1}"#,
            ),
            (
                r#"{"anyOf":[{"type":"string","enum":["a"]},{"type":"string","enum":["b"]}]}"#,
                r#"{"type":"string","enum":["a","b"]}"#,
            ),
            (r#"{"oneOf":[{"type":"integer"},{"type":"null"}]}"#, r#"{"type":"integer"}"#),
            (r#"{"anyOf":[{"type":"integer"},{"type":"object"}]}"#, r#"{"type":"string"}"#),
            (r#"{"type":["boolean","null"]}"#, r#"{"type":"boolean"}"#),
            (r#"{"type":["string","number"]}"#, r#"{"type":"string"}"#),
            (r#"{"type":"string","format":"uri","title":"T","$comment":"c"}"#, r#"{"type":"string"}"#),
            (r#"{"type":"integer","minimum":7e777,"maximum":5}"#, r#"{"type":"integer","maximum":5}"#),
            (r#"{"type":"number","enum":[1,1e999],"default":1e999}"#, r#"{"type":"number","enum":[1]}"#),
            (r#"{"const":"k"}"#, r#"{"type":"string","const":"k"}"#),
            (r#"{"const":5}"#, r#"{"type":"number","const":5}"#),
            (r#"{"type":"array"}"#, r#"{"type":"array","items":{"type":"string"}}"#),
            (
                r#"{"type":"array","items":{"type":"object"}}"#,
                r#"{"type":"array","items":{"type":"object","properties":{}}}"#,
            ),
            (r##"{"$ref":"#/definitions/x~1y"}"##, r#"{"type":"boolean"}"#),
            ("{}", r#"{"type":"string"}"#),
            (r#"{"description":"a\n\u0007 b"}"#, r#"{"type":"string","description":"a b"}"#),
        ];
        let table = same.into_iter().map(|text| (text, text)).chain(changed);
        for (given, published) in table {
            let whole = format!(
                r#"{{"type":"object","properties":{{"x":{given}}},"required":["x"],"definitions":{{"x/y":{{"type":"boolean"}}}},"additionalProperties":false}}"#
            );
            let expected =
                format!(r#"{{"type":"object","properties":{{"x":{published},{COMMON}}},"required":["x"]}}"#);
            assert_eq!(schema_of(&whole), Ok(expected), "{given}");
        }
    }

    #[test]
    fn an_action_without_a_usable_schema_takes_one_object() {
        let free = format!(r#"{{"type":"object","properties":{{"params":{{"type":"object"}},{COMMON}}}}}"#);
        for schema in ["null", "7", r#""object""#, "{}", r#"{"type":"object"}"#, r#"{"type":"string"}"#] {
            assert_eq!(schema_of(schema).as_ref(), Ok(&free), "{schema}");
        }
        let none = format!(r#"{{"type":"object","properties":{{{COMMON}}}}}"#);
        assert_eq!(schema_of(r#"{"type":"object","properties":{},"additionalProperties":false}"#), Ok(none));
    }

    #[test]
    fn what_cannot_be_made_safe_is_left_out_alone() {
        let deep = format!("{}{{}}{}", r#"{"type":"array","items":"#.repeat(20), "}".repeat(20));
        let wide = format!(r#"{{"enum":[{}0]}}"#, "0,".repeat(1_000));
        let long = format!(r#"{{"description":"{}"}}"#, "x".repeat(70_000));
        for (property, why) in [
            (r##"{"$ref":"#"}"##, "that is not there"),
            (r##"{"$ref":"#/properties/x"}"##, "refers to itself"),
            (r#"{"$ref":"https://elsewhere"}"#, "that is not there"),
            (deep.as_str(), "too deeply"),
            (wide.as_str(), "too many parts"),
            (long.as_str(), "too large"),
            ("7", "not an object"),
            (r#"{"type":"object","properties":{"a b":{}}}"#, "clients refuse"),
        ] {
            let problem = schema_of(&format!(r#"{{"type":"object","properties":{{"x":{property}}}}}"#));
            assert!(problem.as_ref().is_err_and(|found| found.contains(why)), "{why}: {problem:?}");
        }
    }

    #[test]
    fn odd_entries_are_dropped_one_by_one() {
        let body = r#"{"more":1,"providers":[
            7, {"name":"hidden","mcpExpose":false,"actions":[{"name":"a"}]}, {"name":"said-nothing","actions":[{"name":"a"}]},
            {"mcpExpose":true,"actions":[]}, {"name":"none","mcpExpose":true}, {"name":"p","mcpExpose":true,"actions":{}},
            {"name":"p","mcpExpose":true,"actions":[{"name":"a"},{"name":"a"},{"name":"../b"},{"name":""},{},8,
                {"name":"long_long_long_long_long_long_long_long_long_long_long_long_long_long"},
                {"name":"huge","inputSchema":{"type":"object","properties":{"n":{"type":"number","minimum":1e999}}}}]},
            {"name":"p_a","mcpExpose":true,"actions":[{"name":"x"}]}, {"name":"p","mcpExpose":true,"actions":[{"name":"a_x"}]}]}"#;
        let found = read(body).expect("a list");
        let names: Vec<&str> = found.actions.iter().map(|action| &*action.spec.name).collect();
        assert_eq!(names, ["action_p_a", "action_p_huge", "action_p_a_x"]);
        assert_eq!(found.odd.len(), 11, "{:#?}", found.odd);
        for body in ["", "[]", "{}", r#"{"providers":{}}"#, r#"{"providers":null}"#] {
            assert_eq!(read(body), None, "{body}");
        }
        let many: Vec<String> = (0..400).map(|n| format!(r#"{{"name":"a{n}"}}"#)).collect();
        let found = read_one(&many.join(","));
        assert_eq!((found.actions.len(), found.odd.len()), (ACTIONS_MAX, ODD_MAX));
    }

    #[test]
    fn descriptions_say_whose_and_how_risky() {
        let text = |action: &str| read_one(action).actions[0].spec.description.to_string();
        assert_eq!(
            text(
                r#"{"name":"a","description":"Swap\r\n[fake] \u0000x","chain":"solana","riskLevel":"high"}"#
            ),
            "[p] Swap [fake] x (chain: solana, risk: high)"
        );
        assert_eq!(text(r#"{"name":"a","chain":7}"#), "[p]  (chain: unknown, risk: unknown)");
        let long = text(&format!(r#"{{"name":"a","description":"{}"}}"#, "y ".repeat(5_000)));
        assert!(long.chars().count() < 700);
    }

    fn sent(schema: &str, arguments: &str) -> Result<String, String> {
        let action = format!(r#"{{"name":"a","inputSchema":{schema}}}"#);
        let spec = &read_one(&action).actions[0].spec;
        let raw = RawValue::from_string(arguments.to_owned()).expect("JSON");
        let draft = bind(spec, Some(&raw), &Defaults::default()).map_err(|error| error.to_string())?;
        let request = draft.complete().map_err(|_| "no wallet in this path".to_owned())?;
        assert_eq!(request.target, "/v1/actions/p/a");
        Ok(request.body.expect("a body"))
    }

    #[test]
    fn arguments_go_where_the_daemon_reads_them() {
        let closed = r#"{"type":"object","properties":{"n":{"type":"number"},"a.b":{"type":"string"}},"additionalProperties":false}"#;
        let own_network =
            r#"{"type":"object","properties":{"network":{"type":"string"},"a":{"type":"string"}}}"#;
        let map = r#"{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":{"type":"string"}}"#;
        let choice =
            r#"{"type":"object","properties":{"network":{"type":"string","enum":["eip155:1","mars"]}}}"#;
        let table = [
            (closed, "{}", r#"{"params":{}}"#),
            (
                closed,
                r#"{"gas_condition":{"timeout":60.0},"a.b":"c","n":1.50,"network":"eip155:1","wallet_id":"w"}"#,
                r#"{"params":{"n":1.50,"a.b":"c"},"network":"ethereum-mainnet","walletId":"w","gasCondition":{"timeout":60.0}}"#,
            ),
            (
                own_network,
                r#"{"network":"eip155:1","a":"b","wallet_id":"w"}"#,
                r#"{"params":{"network":"ethereum-mainnet","a":"b"},"network":"ethereum-mainnet","walletId":"w"}"#,
            ),
            (own_network, r#"{"network":"mars"}"#, r#"{"params":{"network":"mars"}}"#),
            (
                choice,
                r#"{"network":"eip155:1"}"#,
                r#"{"params":{"network":"eip155:1"},"network":"ethereum-mainnet"}"#,
            ),
            ("null", r#"{"params":{"a": 1.0}}"#, r#"{"params":{"a": 1.0}}"#),
            // What the action does not forbid is its own affair, under any name.
            (own_network, r#"{"timeout":1,"net":"x"}"#, r#"{"params":{"timeout":1,"net":"x"}}"#),
            (own_network, r#"{"dry_run":true}"#, r#"{"params":{"dry_run":true}}"#),
            (map, r#"{"dry_run":"yes","a":"b"}"#, r#"{"params":{"dry_run":"yes","a":"b"}}"#),
            (
                own_network,
                r#"{"walletId":"w","gasCondition":{"maxGasPrice":"7"}}"#,
                r#"{"params":{},"walletId":"w","gasCondition":{"maxGasPrice":"7"}}"#,
            ),
        ];
        for (schema, arguments, body) in table {
            assert_eq!(sent(schema, arguments).as_deref(), Ok(body), "{arguments}");
        }
    }

    #[test]
    fn what_an_action_does_not_know_is_refused_where_it_forbids_others() {
        let closed = r#"{"type":"object","properties":{"fromToken":{"type":"string"},"free":{"type":"object"},"map":{"type":"object","additionalProperties":{"type":"string"}},
            "services":{"type":"array","items":{"type":"object","properties":{"name":{"type":"string"},"endPoint":{"type":"string"}},"additionalProperties":false}}},"additionalProperties":false}"#;
        let open = r#"{"type":"object","properties":{"amount":{"type":"string"}}}"#;
        let map = r#"{"type":"object","properties":{"amount":{"type":"string"}},"additionalProperties":{"type":"string"}}"#;
        let refused = [
            (
                closed,
                r#"{"dry_run":true}"#,
                "`dry_run` is unknown (known: fromToken, free, map, services, network, wallet_id, gas_condition)",
            ),
            (closed, r#"{"params":{"fromToken":"a"}}"#, "`params` is unknown (known: fromToken"),
            (closed, r#"{"from_tokn":"a"}"#, "`from_tokn` is unknown (did you mean `fromToken`?)"),
            (
                closed,
                r#"{"fromToken":"a","from_token":"b"}"#,
                "`fromToken` is given as `fromToken` and as `from_token`, with different values",
            ),
            (
                closed,
                r#"{"services":[{},{"nmae":"a"}]}"#,
                "`services[1].nmae` is unknown (did you mean `services[1].name`?)",
            ),
            (closed, r#"{"services":[{"x":1}]}"#, "`services[0].x` is unknown (known: name, endPoint)"),
            (
                closed,
                r#"{"gas_condition":{"maxPrice":"1"}}"#,
                "`gas_condition.maxPrice` is unknown (did you mean `gas_condition.max_gas_price`?)",
            ),
            ("null", r#"{"a":1}"#, "`a` is unknown (known: params, network, wallet_id, gas_condition)"),
            (
                r#"{"type":"object","properties":{},"additionalProperties":false}"#,
                r#"{"a":1}"#,
                "`a` is unknown",
            ),
            // A slip in the name of an argument is one where others may be given too.
            (open, r#"{"amuont":"1"}"#, "`amuont` is unknown (did you mean `amount`?)"),
            (open, r#"{"walletID":"w"}"#, "`walletID` is unknown (did you mean `wallet_id`?)"),
            (map, r#"{"note":7}"#, "`note`: expected a string, got the number 7"),
        ];
        for (schema, arguments, told) in refused {
            let error = sent(schema, arguments).expect_err(arguments);
            assert!(error.contains(told), "{told}: {error}");
        }
        let taken = [
            (r#"{"from_token":"a"}"#, r#"{"params":{"fromToken":"a"}}"#),
            (r#"{"fromToken":"a","from_token":"\u0061"}"#, r#"{"params":{"fromToken":"a"}}"#),
            (r#"{"fromToken":null,"from_token":"a"}"#, r#"{"params":{"fromToken":"a"}}"#),
            (
                r#"{"free":{"any":{"thing":1.50}},"map":{"any":"name"}}"#,
                r#"{"params":{"free":{"any":{"thing":1.50}},"map":{"any":"name"}}}"#,
            ),
            (
                r#"{"services":[{"name": "a"},{"end_point": "b"}]}"#,
                r#"{"params":{"services":[{"name": "a"},{"endPoint":"b"}]}}"#,
            ),
        ];
        for (arguments, body) in taken {
            assert_eq!(sent(closed, arguments).as_deref(), Ok(body), "{arguments}");
        }
    }

    #[test]
    fn arguments_are_checked_by_the_actions_own_schema() {
        let schema = r#"{"type":"object","required":["side"],"properties":{
            "side":{"type":"string","enum":["BUY","SELL"]},"bps":{"type":"integer","minimum":0,"maximum":100},
            "name":{"type":"string","minLength":2},"flag":{"type":"boolean"},"map":{"type":"object","additionalProperties":{"type":"string"}},
            "list":{"type":"array","maxItems":2,"items":{"type":"object","properties":{"k":{"type":"string"}},"required":["k"]}},
            "any":{"anyOf":[{"type":"integer"},{"type":"object"}]}}}"#;
        for arguments in [
            r#"{"side":"BUY"}"#,
            r#"{"side":"S\u0045LL","bps":100,"name":"éé","flag":null,"map":{"a":"b"},"list":[{"k":"v","x":1}],"any":[1]}"#,
        ] {
            assert!(sent(schema, arguments).is_ok(), "{arguments}");
        }
        let wrong =
            r#"{"side":"buy","bps":101,"name":"é","flag":1,"map":{"a":1},"list":[{"k":7},{},3],"any":1}"#;
        let error = sent(schema, wrong).expect_err("wrong");
        for problem in [
            r#"`side`: expected one of "BUY", "SELL", got the string "buy""#,
            "`bps`: expected an integer, minimum 0, maximum 100, got the number 101",
            "`name`: expected a string, minLength 2",
            "`flag`: expected true or false, got the number 1",
            "`map.a`: expected a string, got the number 1",
            "`list`: expected an array, maxItems 2, got an array",
        ] {
            assert!(error.contains(problem), "{problem}: {error}");
        }
        let nested = sent(schema, r#"{"side":"BUY","list":[{"k":7},{}]}"#).expect_err("wrong");
        assert!(nested.contains("`list[0].k`: expected a string, got the number 7; `list[1].k`: expected a string, got nothing"), "{nested}");
    }

    #[test]
    fn only_known_actions_are_harmless() {
        assert_eq!(effect("across_bridge", "quote"), Effect::Read);
        assert_eq!(effect("evil", "quote"), Effect::Spend);
        assert_eq!(effect("hyperliquid_perp", "hl_cancel_order"), Effect::Write);
        assert_eq!(effect("evil", "hl_cancel_order"), Effect::Spend);
        assert_eq!(effect("lido_staking", "stake"), Effect::Spend);
    }
}
