//! From the flat arguments of `build_userop` to the daemon's request, which has other names and needs more.
//!
//! Used by the server for that one tool. What has to be looked up first, a token or an encoded call, is described as
//! a request; sending is the server's. Pure. Refuses to build an operation that would lose a part of what was asked.

use std::fmt;

use super::arguments::Arguments;
use super::asset::Asset;
use super::binding::ArgumentError;
use super::networks;
use crate::http::{Method, Request, percent_encoded};
use crate::json::{self, Object, RawValue};

/// Least and largest number of calls of a batch.
const BATCH_SIZE_MIN: usize = 2;
const BATCH_SIZE_MAX: usize = 20;

/// A build that is being prepared.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UserOp {
    /// The name of the daemon.
    network: String,
    operation: Operation,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Operation {
    /// Everything is known: the request's members after `type`.
    Known(String),
    /// A transfer or an approval of a token whose decimals and symbol are to be looked up.
    Token { before: String, address: String },
    /// A contract call to be encoded.
    Call { before: String, after: String, encode: String },
}

/// What has to be asked before the build.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Need {
    /// The registry of tokens.
    Token(Request),
    /// The encoded call.
    Calldata(Request),
}

/// Why an answer leads to no build.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BuildError {
    /// The registry does not know the token.
    NotRegistered {
        /// As looked for.
        address: String,
        /// Where.
        network: String,
    },
    /// The answer is not what it should be.
    Unreadable,
}

impl UserOp {
    /// Reads the checked arguments.
    ///
    /// # Errors
    /// [`ArgumentError`] for what only the combination of arguments shows to be wrong.
    pub fn of(arguments: &Arguments<'_>) -> Result<UserOp, ArgumentError> {
        let text = |name: &str| arguments.text(name).unwrap_or_default();
        let network = text("network").to_owned();
        let kind = text("type");
        let mut request = Object::new();
        request.string("type", kind);
        let operation = match kind {
            "TRANSFER" => {
                request.string("to", text("to")).string("amount", text("amount"));
                Operation::Known(request.finish())
            }
            "TOKEN_TRANSFER" | "APPROVE" => {
                let target = if kind == "APPROVE" { "spender" } else { "to" };
                request.string(target, text("to")).string("amount", text("amount"));
                let address = token_address(text("token"), &network)?;
                Operation::Token { before: request.finish(), address }
            }
            "CONTRACT_CALL" => call(arguments, request)?,
            _ => {
                let calls = arguments.json("calls").unwrap_or_default();
                Operation::Known(request.raw("instructions", &instructions(&calls)?).finish())
            }
        };
        Ok(UserOp { network, operation })
    }

    /// What has to be asked first, if anything.
    pub fn need(&self) -> Option<Need> {
        match &self.operation {
            Operation::Known(_) => None,
            Operation::Token { .. } => {
                let network = percent_encoded(&self.network);
                Some(Need::Token(Request::get(format!("/v1/tokens?network={network}"))))
            }
            Operation::Call { encode, .. } => Some(Need::Calldata(Request {
                method: Method::Post,
                target: "/v1/utils/encode-calldata".to_owned(),
                body: Some(encode.clone()),
                repeatable: true,
            })),
        }
    }

    /// The body of the build, with the answer to what was needed (empty if nothing was).
    ///
    /// # Errors
    /// [`BuildError`] if the answer does not tell what was needed.
    pub fn body(&self, answer: &str) -> Result<String, BuildError> {
        let request = match &self.operation {
            Operation::Known(request) => request.clone(),
            Operation::Token { before, address } => {
                let token = registered(answer, address, &self.network)?;
                json::with_members(before, &Object::new().raw("token", &token).finish())
            }
            Operation::Call { before, after, .. } => {
                let calldata =
                    json::members(answer, ["calldata"]).and_then(|[calldata]| json::string(calldata?));
                let calldata = calldata.ok_or(BuildError::Unreadable)?;
                let encoded = Object::new().string("calldata", &calldata).finish();
                json::with_members(&json::with_members(before, &encoded), after)
            }
        };
        Ok(Object::new().raw("request", &request).string("network", &self.network).finish())
    }
}

/// The address of a token given by its address or by its CAIP-19 id on the same network.
fn token_address(token: &str, network: &str) -> Result<String, ArgumentError> {
    if !token.contains('/') {
        return Ok(token.to_owned());
    }
    let wrong = |expected: &str| {
        ArgumentError::one("build_userop", "token", expected, &format!("the string {token:?}"))
    };
    let asset = Asset::parse(token).map_err(|_| wrong("an address or a CAIP-19 id"))?;
    if asset.network() != Some(network) {
        let chain = networks::to_caip2(network).unwrap_or("a known chain");
        return Err(wrong(&format!("a token of the network {network} ({chain})")));
    }
    asset.address().map(str::to_owned).ok_or_else(|| wrong("a token, not the chain's own coin"))
}

/// A call of a contract: encoded first if it has a method, plain if it has none.
fn call(arguments: &Arguments<'_>, mut request: Object) -> Result<Operation, ArgumentError> {
    let wrong =
        |argument: &str, expected: &str| ArgumentError::one("build_userop", argument, expected, "nothing");
    let contract = arguments.text("contract").or_else(|| arguments.text("to"));
    let contract = contract.ok_or_else(|| wrong("contract", "a string, because `type` is CONTRACT_CALL"))?;
    let before = request.string("to", contract).finish();
    let after = Object::new().optional_string("value", arguments.text("amount")).finish();
    match (arguments.text("method"), arguments.json("abi"), arguments.json("args")) {
        (Some(method), Some(abi), args) => {
            let mut encode = Object::new();
            encode
                .raw("abi", &abi)
                .string("functionName", method)
                .raw("args", args.as_deref().unwrap_or("[]"));
            Ok(Operation::Call { before, after, encode: encode.finish() })
        }
        // Without a method, arguments would be lost.
        (_, _, Some(_)) => Err(wrong("method", "a string, because `args` is given")),
        _ => Ok(Operation::Known(json::with_members(&before, &after))),
    }
}

/// The calls of a batch as instructions. The daemon reads each as a plain transfer and drops its data.
fn instructions(calls: &str) -> Result<String, ArgumentError> {
    let wrong = |argument: &str, expected: &str, came: &str| {
        Err(ArgumentError::one("build_userop", argument, expected, came))
    };
    let calls: Vec<&RawValue> = serde_json::from_str(calls).unwrap_or_default();
    if !(BATCH_SIZE_MIN..=BATCH_SIZE_MAX).contains(&calls.len()) {
        let expected = format!("{BATCH_SIZE_MIN} to {BATCH_SIZE_MAX} calls");
        return wrong("calls", &expected, &calls.len().to_string());
    }
    let mut instructions = Vec::with_capacity(calls.len());
    for (index, call) in calls.iter().enumerate() {
        let [to, amount, data] = json::members(call.get(), ["to", "amount", "data"]).unwrap_or_default();
        let data = data.and_then(json::string).unwrap_or_default();
        if !["", "0x"].contains(&data.as_str()) {
            let expected =
                "no data: a batch here is of plain transfers. Build one call at a time, or use send_batch";
            return wrong(&format!("calls[{index}].data"), expected, "data");
        }
        let mut instruction = Object::new();
        instruction
            .raw("to", to.map_or("\"\"", RawValue::get))
            .raw("amount", amount.map_or("\"0\"", RawValue::get));
        instructions.push(instruction.finish());
    }
    Ok(format!("[{}]", instructions.join(",")))
}

/// The token as the daemon needs it, from the registry.
fn registered(registry: &str, address: &str, network: &str) -> Result<String, BuildError> {
    let unreadable = BuildError::Unreadable;
    let [tokens] = json::members(registry, ["tokens"]).ok_or(unreadable.clone())?;
    let tokens = tokens.ok_or(unreadable.clone())?;
    let tokens: Vec<&RawValue> = serde_json::from_str(tokens.get()).map_err(|_| unreadable.clone())?;
    let ours = address.to_lowercase();
    for token in tokens {
        const NAMES: [&str; 3] = ["address", "decimals", "symbol"];
        let members = json::members(token.get(), NAMES).ok_or(unreadable.clone())?;
        let theirs = members[0].and_then(json::string);
        if theirs.is_some_and(|theirs| theirs.to_lowercase() == ours) {
            let mut object = Object::new();
            for (name, value) in NAMES.into_iter().zip(members) {
                object.raw(name, value.ok_or(unreadable.clone())?.get());
            }
            return Ok(object.finish());
        }
    }
    Err(BuildError::NotRegistered { address: address.to_owned(), network: network.to_owned() })
}

impl BuildError {
    /// The code of the tool's error for a token that is not registered.
    pub const NOT_REGISTERED: &str = "TOKEN_NOT_REGISTERED";
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BuildError::NotRegistered { address, network } => write!(
                f,
                "The token {address:?} is not in the daemon's registry of {network}, so its decimals and symbol are \
                 unknown; nothing was built. get_tokens lists what is registered"
            ),
            BuildError::Unreadable => f.write_str("The daemon's answer cannot be read"),
        }
    }
}

impl std::error::Error for BuildError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wallet::binding::{Defaults, check};
    use crate::wallet::catalogue;

    const WALLET: &str = "01a20238-6332-7cad-839a-3b627b30d86b";
    const REGISTRY: &str = r#"{"tokens":[{"address":"0xAB","symbol":"U","name":"n","decimals":6}]}"#;

    fn user_op(arguments: &str) -> Result<UserOp, String> {
        let whole = format!(r#"{{"wallet_id":"{WALLET}","network":"eip155:11155111",{arguments}}}"#);
        let raw = RawValue::from_string(whole).expect("JSON");
        let spec = catalogue::find("build_userop").expect("a tool");
        let checked = check(spec, Some(&raw), &Defaults::default()).map_err(|error| error.to_string())?;
        UserOp::of(&checked).map_err(|error| error.to_string())
    }

    fn asked(need: Option<Need>) -> String {
        match need {
            None => "nothing".to_owned(),
            Some(Need::Token(request)) => request.target,
            Some(Need::Calldata(request)) => {
                format!("{} {}", request.target, request.body.unwrap_or_default())
            }
        }
    }

    #[test]
    fn every_type_becomes_the_daemons_request() {
        const TOKENS: &str = "/v1/tokens?network=ethereum-sepolia";
        let table = [
            (
                r#""type":"TRANSFER","to":"0x1","amount":"5","token":"ignored""#,
                "nothing",
                "",
                r#"{"type":"TRANSFER","to":"0x1","amount":"5"}"#,
            ),
            (
                r#""type":"TOKEN_TRANSFER","to":"0x1","amount":"5","token":"0xab""#,
                TOKENS,
                REGISTRY,
                r#"{"type":"TOKEN_TRANSFER","to":"0x1","amount":"5","token":{"address":"0xAB","decimals":6,"symbol":"U"}}"#,
            ),
            (
                r#""type":"APPROVE","to":"0x1","amount":"5","token":"eip155:11155111/erc20:0xaB""#,
                TOKENS,
                REGISTRY,
                r#"{"type":"APPROVE","spender":"0x1","amount":"5","token":{"address":"0xAB","decimals":6,"symbol":"U"}}"#,
            ),
            (
                r#""type":"CONTRACT_CALL","contract":"0xc","to":"0x1","method":"f","abi":[{"a": 1}],"args":[1.0,"x"],"amount":"7""#,
                r#"/v1/utils/encode-calldata {"abi":[{"a": 1}],"functionName":"f","args":[1.0,"x"]}"#,
                r#"{"calldata":"0xfeed","selector":"0xfe"}"#,
                r#"{"type":"CONTRACT_CALL","to":"0xc","calldata":"0xfeed","value":"7"}"#,
            ),
            (
                r#""type":"CONTRACT_CALL","to":"0xc","method":"f","abi":[]"#,
                r#"/v1/utils/encode-calldata {"abi":[],"functionName":"f","args":[]}"#,
                r#"{"calldata":"0x"}"#,
                r#"{"type":"CONTRACT_CALL","to":"0xc","calldata":"0x"}"#,
            ),
            (
                r#""type":"CONTRACT_CALL","contract":"0xc","amount":"7""#,
                "nothing",
                "",
                r#"{"type":"CONTRACT_CALL","to":"0xc","value":"7"}"#,
            ),
            (
                r#""type":"BATCH","calls":[{"to":"0x1","amount":"1","data":"0x"},{"to":"0x2","data":""}]"#,
                "nothing",
                "",
                r#"{"type":"BATCH","instructions":[{"to":"0x1","amount":"1"},{"to":"0x2","amount":"0"}]}"#,
            ),
        ];
        for (arguments, need, answer, request) in table {
            let op = user_op(arguments).unwrap_or_else(|error| panic!("{arguments}: {error}"));
            assert_eq!(asked(op.need()), need, "{arguments}");
            let expected = format!(r#"{{"request":{request},"network":"ethereum-sepolia"}}"#);
            assert_eq!(op.body(answer), Ok(expected), "{arguments}");
        }
    }

    #[test]
    fn nothing_is_built_that_would_lose_something() {
        let table = [
            (r#""type":"TRANSFER","to":"0x1""#, "`amount`: expected a string, because `type` is TRANSFER"),
            (
                r#""type":"APPROVE","to":"0x1","amount":"1""#,
                "`token`: expected a string, because `type` is APPROVE",
            ),
            (r#""type":"CONTRACT_CALL""#, "`contract`: expected a string"),
            (
                r#""type":"CONTRACT_CALL","to":"0x1","method":"f""#,
                "`abi`: expected an array, because `method` is given",
            ),
            (
                r#""type":"CONTRACT_CALL","to":"0x1","abi":[]"#,
                "`method`: expected a string, because `abi` is given",
            ),
            (
                r#""type":"CONTRACT_CALL","to":"0x1","args":[]"#,
                "`method`: expected a string, because `args` is given",
            ),
            (r#""type":"BATCH""#, "`calls`: expected an array, because `type` is BATCH"),
            (r#""type":"BATCH","calls":[{"to":"0x1"}]"#, "`calls`: expected 2 to 20 calls, got 1"),
            (
                r#""type":"BATCH","calls":[{"to":"0x1"},{"to":"0x2","data":"0xfeed"}]"#,
                "`calls[1].data`: expected no data",
            ),
            (
                r#""type":"APPROVE","to":"0x1","amount":"1","token":"eip155:1/erc20:0xab""#,
                "`token`: expected a token of the network ethereum-sepolia (eip155:11155111)",
            ),
            (
                r#""type":"APPROVE","to":"0x1","amount":"1","token":"eip155:11155111/slip44:60""#,
                "`token`: expected a token, not the chain's own coin",
            ),
        ];
        for (arguments, problem) in table {
            let error = user_op(arguments).expect_err(arguments);
            assert!(error.contains(problem), "{arguments}: {error}");
        }
    }

    #[test]
    fn an_answer_that_does_not_tell_leads_to_no_build() {
        let op = user_op(r#""type":"TOKEN_TRANSFER","to":"0x1","amount":"5","token":"0xEE""#).expect("good");
        let error = op.body(REGISTRY).expect_err("not registered");
        assert!(error.to_string().contains("\"0xEE\" is not in the daemon's registry of ethereum-sepolia"));
        for body in ["", "{}", r#"{"tokens":[1]}"#, r#"{"tokens":[{"address":"0xee"}]}"#] {
            assert_eq!(op.body(body), Err(BuildError::Unreadable), "{body}");
        }
        let call = user_op(r#""type":"CONTRACT_CALL","to":"0xc","method":"f","abi":[]"#).expect("good");
        assert_eq!(call.body(r#"{"calldata":7}"#), Err(BuildError::Unreadable));
    }
}
