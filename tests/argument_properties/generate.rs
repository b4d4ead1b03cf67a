//! Random arguments for a tool, from its row and, for an action, from the schema that the daemon gave.

use serde_json::{Map, Value, json};
use waiaas_mcp::wallet::schema::input_schema;
use waiaas_mcp::wallet::spec::{Effect, Form, Kind, Param, Place, Required, Shape, ToolSpec};

use crate::prng::Prng;

/// Names that the daemon's document takes for a network, in three ways of writing. Not Solana's: the registry of
/// tokens has none.
const NETWORKS: [&str; 6] =
    ["ethereum-sepolia", "eip155:1", "eip155:8453", "polygon-amoy", "xrpl:1", "xrpl-mainnet"];

/// Strings that try to be something else than a value.
const STRINGS: [&str; 12] = [
    "a",
    "0x1111111111111111111111111111111111111111",
    "a b&c=d+e",
    "../../v1/admin/status",
    "a/b?c#d%2e",
    "\"},{\"x\":\"",
    "\\u0000\u{1}\n\t",
    "é\u{1F600}\u{202E}",
    "null",
    "1e999",
    "...",
    "'; --",
];

/// What may stand where an argument is unknown, and where anything goes.
const ANYTHING: [&str; 7] =
    ["null", "true", "-0.10", "\"text\"", "[1,[2,{}]]", "{\"a\":{\"b\":[]}}", "12345678901234567890"];

/// Instructions of a batch, of every kind.
const INSTRUCTIONS: [&str; 6] = [
    r#"{"to":"a","amount":"1"}"#,
    r#"{"type":"TRANSFER","to":"a","humanAmount":"1.5","memo":"","gasCondition":{"maxGasPrice":"7"}}"#,
    r#"{"to":"a","amount":"1","token":{"address":"0x1","decimals":6,"symbol":"T"},"network":"mars"}"#,
    r#"{"to":"a","calldata":"0x","value":"0","abi":[{"any":"thing"}]}"#,
    r#"{"type":"CONTRACT_CALL","to":"a","programId":"p","accounts":[{"pubkey":"k","isSigner":true,"isWritable":false}]}"#,
    r#"{"spender":"s","amount":"1","token":{"assetId":"x"},"nft":{"tokenId":"1","standard":"ERC-721"}}"#,
];

/// One random call.
pub(crate) struct Call {
    /// Each argument and its JSON, in the order they are written.
    pub(crate) members: Vec<(String, String)>,
    /// What an action's provider must receive.
    pub(crate) sent: Map<String, Value>,
    /// The places that were made wrong, as a message names them.
    pub(crate) wrong: Vec<String>,
}

impl Call {
    /// As a client sends it.
    pub(crate) fn text(&self) -> String {
        let members: Vec<String> =
            self.members.iter().map(|(name, value)| format!("{}:{value}", json!(name))).collect();
        format!("{{{}}}", members.join(","))
    }

    /// The arguments that have a value.
    pub(crate) fn names(&self) -> Vec<String> {
        let given = self.members.iter().filter(|(_, value)| !["null", "\"\""].contains(&value.as_str()));
        given.map(|(name, _)| name.clone()).collect()
    }

    fn get(&self, name: &str) -> Option<String> {
        let (_, value) = self.members.iter().find(|(given, _)| given == name)?;
        serde_json::from_str(value).ok()
    }

    fn has(&self, name: &str) -> bool {
        self.names().iter().any(|given| given == name)
    }

    fn set(&mut self, name: &str, value: String) {
        self.remove(name);
        self.members.push((name.to_owned(), value));
    }

    fn remove(&mut self, name: &str) {
        self.members.retain(|(given, _)| given != name);
    }
}

pub(crate) struct Generator {
    prng: Prng,
}

impl Generator {
    pub(crate) fn new(seed: u64) -> Generator {
        Generator { prng: Prng::new(seed) }
    }

    /// Arguments that are what the schema says, and what the daemon's document wants where the schema is looser.
    pub(crate) fn valid(&mut self, tool: &ToolSpec) -> Call {
        let mut call = Call { members: Vec::new(), sent: Map::new(), wrong: Vec::new() };
        let published: Value = serde_json::from_str(&input_schema(tool)).expect("a schema");
        for param in &tool.params {
            if param.required == Required::Always || self.prng.chance(500) {
                let value = self.value(tool, param, &published["properties"][&*param.name]);
                call.members.push((param.name.to_string(), value));
            } else if self.prng.chance(300) {
                // Neither counts as given.
                let is_text = published["properties"][&*param.name]["type"] == "string" && !param.keeps_empty;
                let nothing = if is_text && self.prng.chance(500) { "\"\"" } else { "null" };
                call.members.push((param.name.to_string(), nothing.to_owned()));
            }
        }
        self.agree(tool, &mut call);
        for param in tool.params.iter().filter(|param| matches!(param.kind, Kind::Given(_))) {
            if let Some((_, value)) = call
                .members
                .iter()
                .find(|(name, value)| *name == param.name && !["null", "\"\""].contains(&value.as_str()))
            {
                call.sent.insert(param.name.to_string(), serde_json::from_str(value).expect("JSON"));
            }
        }
        // Where nothing is done but reading, what is unknown is left out.
        while tool.effect == Effect::Read && self.prng.chance(300) {
            let name = format!("unknown{}", self.prng.between(0, 1_000_000));
            let value = *self.prng.pick(&ANYTHING);
            call.set(&name, value.to_owned());
        }
        call
    }

    /// The same with one to three arguments made wrong; `None` if the tool has none.
    pub(crate) fn wrong(&mut self, tool: &ToolSpec) -> Option<Call> {
        let mut call = self.valid(tool);
        if tool.params.is_empty() {
            return None;
        }
        for _ in 0..self.prng.between(1, 3) {
            let param = self.prng.pick(&tool.params).clone();
            if call.wrong.iter().any(|at| at.split(['.', '[']).next() == Some(&*param.name)) {
                continue;
            }
            if param.required == Required::Always && self.prng.chance(300) {
                call.remove(&param.name);
                if self.prng.chance(500) {
                    call.set(&param.name, "null".to_owned());
                }
                call.wrong.push(param.name.to_string());
                continue;
            }
            let (at, value) = self.wrong_value(&param);
            call.set(&param.name, value);
            call.wrong.push(format!("{}{at}", param.name));
        }
        Some(call)
    }

    fn value(&mut self, tool: &ToolSpec, param: &Param, published: &Value) -> String {
        match (&*tool.name, &*param.name) {
            ("resolve_asset", _) => "\"eip155:11155111/erc20:0xAb\"".to_owned(),
            // The daemon has an enum where the schema says any string.
            ("get_incoming_summary", "period") => {
                json!(self.prng.pick(&["daily", "weekly", "monthly"])).to_string()
            }
            ("list_incoming_transactions" | "get_incoming_summary", "chain") => {
                json!(self.prng.pick(&["ethereum", "solana"])).to_string()
            }
            ("list_incoming_transactions", "status") => {
                json!(self.prng.pick(&["DETECTED", "CONFIRMED"])).to_string()
            }
            ("list_offchain_actions", "status") => json!("PENDING").to_string(),
            (_, "token") if matches!(param.kind, Kind::Object(_)) => match self.prng.chance(500) {
                true => r#"{"assetId":"eip155:1/erc20:0x1"}"#.to_owned(),
                false => r#"{"symbol":"T","address":"0x1","decimals":6}"#.to_owned(),
            },
            ("send_batch" | "simulate_transaction", "instructions") => {
                let count = self.prng.between(2, 20);
                let instructions: Vec<&str> = (0..count).map(|_| *self.prng.pick(&INSTRUCTIONS)).collect();
                format!("[{}]", instructions.join(","))
            }
            _ if param.place == Place::Path && matches!(param.kind, Kind::Text | Kind::Wallet) => {
                json!(self.prng.pick(&STRINGS)).to_string()
            }
            _ => self.of_kind(&param.kind, published),
        }
    }

    fn of_kind(&mut self, kind: &Kind, published: &Value) -> String {
        match kind {
            Kind::Text | Kind::Wallet => json!(self.prng.pick(&STRINGS)).to_string(),
            Kind::TextOrNumber if self.prng.chance(500) => "\"1\"".to_owned(),
            Kind::TextOrNumber | Kind::Count => self.prng.between(0, 1_000_000).to_string(),
            Kind::Formed(Form::Uuid) | Kind::WalletUuid => json!(self.uuid()).to_string(),
            Kind::Formed(Form::Url) => {
                json!(self.prng.pick(&["https://a.example/b?c=d", "http://127.0.0.1:1", "HTTPS://h/%20"]))
                    .to_string()
            }
            Kind::Formed(Form::Digits) => json!(self.prng.between(0, i64::MAX - 1).to_string()).to_string(),
            Kind::Formed(Form::EvmAddress) => json!(format!("0x{}", "aB".repeat(20))).to_string(),
            Kind::Network => json!(self.prng.pick(&NETWORKS)).to_string(),
            Kind::Choice(words) => json!(self.prng.pick(words)).to_string(),
            Kind::Spelled(spellings) => json!(self.prng.pick(spellings).given).to_string(),
            Kind::Integer(min, max) => {
                self.prng.between(min.unwrap_or(-1_000), max.unwrap_or(1_000)).to_string()
            }
            Kind::Number => self.prng.between(1, 1_000).to_string(),
            Kind::Boolean => self.prng.chance(500).to_string(),
            Kind::Object(params) | Kind::Unsaid(params) | Kind::Verbatim(_, params) => {
                let mut members = Vec::new();
                for param in params {
                    if param.required == Required::Always || self.prng.chance(500) {
                        let value = self.of_kind(&param.kind, &published["properties"][&*param.name]);
                        members.push(format!("{}:{value}", json!(param.name)));
                    }
                }
                format!("{{{}}}", members.join(","))
            }
            Kind::TextMap => r#"{"x-a":"b","Signature":"\u00e9"}"#.to_owned(),
            Kind::List(inner) => {
                let count = self.prng.between(0, 3);
                let items: Vec<String> =
                    (0..count).map(|_| self.of_kind(inner, &published["items"])).collect();
                format!("[{}]", items.join(","))
            }
            Kind::Objects(_) => r#"[{"type":"function","name":"f"},{"a":[1e10]}]"#.to_owned(),
            Kind::Variants(..) => format!("[{}]", INSTRUCTIONS.join(",")),
            Kind::Given(_) => self.of_schema(published).to_string(),
            Kind::Raw(Shape::Array, _) => format!("[{}]", ANYTHING.join(",")),
            Kind::Raw(Shape::Object, _) => match published["additionalProperties"].is_object() {
                true => r#"{"Mail":[{"name":"a","type":"string"}]}"#.to_owned(),
                false => r#"{"a":{"b":[1.50]}}"#.to_owned(),
            },
        }
    }

    fn uuid(&mut self) -> String {
        let digits = format!("{:016x}{:016x}", self.prng.next(), self.prng.next());
        let at = |from: usize, to: usize| &digits[from..to];
        format!("{}-{}-{}-{}-{}", at(0, 8), at(8, 12), at(12, 16), at(16, 20), at(20, 32))
    }

    /// What a JSON Schema allows.
    fn of_schema(&mut self, schema: &Value) -> Value {
        if let Some(choices) = schema["enum"].as_array() {
            return self.prng.pick(choices).clone();
        }
        let bound = |word: &str| schema[word].as_i64();
        let least = |word: &str, exclusive: &str| bound(word).max(bound(exclusive).map(|bound| bound + 1));
        match schema["type"].as_str() {
            Some("string") if schema["pattern"].is_string() => json!(format!("0x{}", "aB".repeat(20))),
            Some("string") => {
                let (min, max) = (bound("minLength").unwrap_or(1).max(1), bound("maxLength").unwrap_or(60));
                let text =
                    "x".repeat(usize::try_from(self.prng.between(min, max.min(min + 60))).expect("small"));
                json!(text)
            }
            Some("number" | "integer") => {
                let min = least("minimum", "exclusiveMinimum").unwrap_or(0);
                let max = bound("maximum").unwrap_or(min + 1_000).min(min + 1_000_000);
                json!(self.prng.between(min, max.max(min)))
            }
            Some("boolean") => json!(self.prng.chance(500)),
            Some("array") => {
                let (min, max) = (bound("minItems").unwrap_or(0), bound("maxItems").unwrap_or(4));
                let count = self.prng.between(min, max.max(min));
                Value::Array((0..count).map(|_| self.of_schema(&schema["items"])).collect())
            }
            Some("object") => {
                let mut object = Map::new();
                let required = schema["required"].as_array().cloned().unwrap_or_default();
                for (name, property) in schema["properties"].as_object().into_iter().flatten() {
                    if required.contains(&json!(name)) || self.prng.chance(500) {
                        object.insert(name.clone(), self.of_schema(property));
                    }
                }
                if schema["additionalProperties"].is_object() {
                    object.insert("any-key".to_owned(), self.of_schema(&schema["additionalProperties"]));
                }
                Value::Object(object)
            }
            other => panic!("a value of the type {other:?}"),
        }
    }

    /// Makes the arguments agree with each other: what is needed depends on what is given.
    fn agree(&mut self, tool: &ToolSpec, call: &mut Call) {
        match &*tool.name {
            "send_token" if call.get("type").is_some_and(|kind| kind == "TRANSFER") => call.remove("token"),
            "simulate_transaction" => self.agree_simulated(tool, call),
            "build_userop" => self.agree_built(tool, call),
            _ => {}
        }
        if tool.name == "send_token" && call.get("type").is_some_and(|kind| kind == "TOKEN_TRANSFER") {
            self.ensure(tool, call, &["token"]);
        }
    }

    fn agree_simulated(&mut self, tool: &ToolSpec, call: &mut Call) {
        let kind = call.get("type").filter(|kind| !kind.is_empty());
        let needed: &[&str] = match kind.as_deref() {
            None | Some("TRANSFER") => &["to", "amount"],
            Some("TOKEN_TRANSFER") => &["to", "amount", "token"],
            Some("CONTRACT_CALL") => &["to"],
            Some("APPROVE") => &["spender", "amount", "token"],
            _ => &["instructions"],
        };
        self.ensure(tool, call, needed);
    }

    fn agree_built(&mut self, tool: &ToolSpec, call: &mut Call) {
        call.set("network", "\"eip155:11155111\"".to_owned());
        match call.get("type").as_deref() {
            Some("TRANSFER") => self.ensure(tool, call, &["to", "amount"]),
            Some("CONTRACT_CALL") => self.ensure(tool, call, &["contract"]),
            Some("BATCH") => {}
            _ => self.ensure(tool, call, &["to", "amount"]),
        }
        call.set("token", json!(self.prng.pick(&["0xAB", "eip155:11155111/erc20:0xab"])).to_string());
        let calls = [r#"{"to":"0x1","amount":"1","data":"0x"}"#; 3].join(",");
        call.set("calls", format!("[{calls}]"));
        if ["method", "abi", "args"].iter().any(|name| call.has(name)) {
            self.ensure(tool, call, &["method", "abi"]);
        }
    }

    /// Gives these arguments if they are not there.
    fn ensure(&mut self, tool: &ToolSpec, call: &mut Call, names: &[&str]) {
        for name in names.iter().filter(|name| !call.has(name)).collect::<Vec<_>>() {
            let param = tool.params.iter().find(|param| param.name == **name).expect("an argument");
            let value = self.value(tool, param, &Value::Null);
            call.set(name, value);
        }
    }

    /// A value that no schema of this kind allows, and where in it the fault is.
    fn wrong_value(&mut self, param: &Param) -> (String, String) {
        let (at, value) = self.wrong_of_kind(&param.kind);
        // Nothing is wrong with a path value but that it leads elsewhere.
        match param.place == Place::Path && at.is_empty() && self.prng.chance(400) {
            true if param.required == Required::Always => {
                (at, json!(self.prng.pick(&["", ".", ".."])).to_string())
            }
            true => (at, json!(self.prng.pick(&[".", ".."])).to_string()),
            false => (at, value),
        }
    }

    fn wrong_of_kind(&mut self, kind: &Kind) -> (String, String) {
        let goes_inside = self.prng.chance(500);
        match kind {
            Kind::Object(params) | Kind::Verbatim(_, params) if goes_inside => {
                let inner = self.prng.pick(params).clone();
                let (at, value) = self.wrong_of_kind(&inner.kind);
                (format!(".{}{at}", inner.name), format!("{{{}:{value}}}", json!(inner.name)))
            }
            Kind::TextMap if goes_inside => (".k".to_owned(), r#"{"good":"a","k":7}"#.to_owned()),
            Kind::List(inner) if goes_inside => {
                let (at, value) = self.wrong_of_kind(inner);
                (format!("[0]{at}"), format!("[{value}]"))
            }
            Kind::Objects(_) | Kind::Variants(..) if goes_inside => {
                ("[1]".to_owned(), r#"[{},7,{}]"#.to_owned())
            }
            Kind::Given(schema) => {
                let schema: Value = serde_json::from_str(&schema.to_json()).expect("a schema");
                self.wrong_for_schema(&schema)
            }
            _ => (String::new(), (*self.prng.pick(wrong_as_a_whole(kind))).to_owned()),
        }
    }

    /// What a JSON Schema forbids.
    fn wrong_for_schema(&mut self, schema: &Value) -> (String, String) {
        let here = |value: Value| (String::new(), value.to_string());
        let properties = schema["properties"].as_object().filter(|properties| !properties.is_empty());
        if let Some(properties) = properties.filter(|_| self.prng.chance(600)) {
            let all: Vec<_> = properties.iter().collect();
            let (name, property) = *self.prng.pick(&all);
            let mut object = self.of_schema(schema);
            let (at, value) = self.wrong_for_schema(property);
            object[name] = serde_json::from_str(&value).expect("JSON");
            return (format!(".{name}{at}"), object.to_string());
        }
        let bound = |word: &str| schema[word].as_i64();
        let mut wrong = match schema["type"].as_str() {
            Some("string") => vec![json!(7), json!(true), json!([]), json!({})],
            Some("number") => vec![json!("7"), json!(true), json!([])],
            Some("integer") => vec![json!("7"), json!(true), json!(0.5)],
            Some("boolean") => vec![json!("true"), json!(0)],
            Some("array") => vec![json!(7), json!({}), json!("[]")],
            _ => vec![json!(7), json!([]), json!("{}")],
        };
        if schema["enum"].is_array() {
            wrong.push(json!("no such word"));
        }
        if let Some(min) = bound("minimum") {
            wrong.push(json!(min - 1));
        }
        // Above this, bounds are compared as floating-point numbers are.
        if let Some(max) = bound("maximum").filter(|max| *max < 1 << 50) {
            wrong.push(json!(max + 1));
        }
        if let Some(min) = bound("exclusiveMinimum") {
            wrong.push(json!(min));
        }
        if let Some(max) = bound("maxLength") {
            wrong.push(json!("x".repeat(usize::try_from(max + 1).expect("small"))));
        }
        if let Some(max) = bound("maxItems") {
            let item = self.of_schema(&schema["items"]);
            wrong.push(Value::Array(vec![item; usize::try_from(max + 1).expect("small")]));
        }
        here(self.prng.pick(&wrong).clone())
    }
}

/// Values that are wrong for a kind, whatever they hold.
fn wrong_as_a_whole(kind: &Kind) -> &'static [&'static str] {
    match kind {
        Kind::Text | Kind::Wallet | Kind::Network | Kind::Given(_) => &["7", "true", "[]", "{}", "1e999"],
        Kind::TextOrNumber => &["true", "[]", "{}"],
        Kind::Formed(Form::Uuid) | Kind::WalletUuid => {
            &["\"default\"", "7", "\"01a20238-6332-7cad-839a-3b627b30d86\"", "\"../x\"", "[]"]
        }
        Kind::Formed(Form::Url) => &["\"/a\"", "\"ftp://a\"", "\"https://\"", "7", "\"javascript:1\""],
        Kind::Formed(Form::Digits) => &["\"1/2\"", "\"-1\"", "7", "\"x\"", "\"1.0\""],
        Kind::Formed(Form::EvmAddress) => &["\"0x1\"", "7", "\"..\"", "{}"],
        Kind::Choice(_) | Kind::Spelled(_) => &["\"no such word\"", "7", "[\"GET\"]", "\"get\""],
        Kind::Integer(..) => &["1.5", "\"7\"", "true", "-1e30", "1e999", "[]"],
        Kind::Number => &["\"7\"", "true", "[7]", "{}", "\"NaN\""],
        Kind::Count => &["-1", "1.5", "\"7\"", "true", "1e999"],
        Kind::Boolean => &["\"true\"", "0", "[]"],
        Kind::Raw(Shape::Array, _) | Kind::List(_) | Kind::Objects(_) | Kind::Variants(..) => {
            &["7", "true", "{}", "\"[]\"", "{\"0\":1}"]
        }
        Kind::Raw(Shape::Object, _)
        | Kind::Object(_)
        | Kind::Unsaid(_)
        | Kind::Verbatim(..)
        | Kind::TextMap => &["7", "true", "[]", "[{}]", "\"{}\""],
    }
}
