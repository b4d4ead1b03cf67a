//! Names of arguments: every way to write one means the same, a slip is told and never sent, and a member too many never
//! either, however deep it stands.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use waiaas_mcp::wallet::binding::{Defaults, check};
use waiaas_mcp::wallet::spec::{Effect, Kind, Others, Param, Required, ToolSpec};

use crate::generate::Generator;
use crate::openapi::final_request;
use crate::prng::Prng;
use crate::{all_tools, raw, seeds};

/// Names that models made up where they knew better, and some that nobody would.
const STRANGERS: [&str; 16] = [
    "dry_run",
    "dryRun",
    "from",
    "reason",
    "confirm",
    "sender",
    "recipient",
    "max_slippage",
    "simulate",
    "walletName",
    "comment",
    "🦀",
    "",
    " ",
    "a.b",
    "__proto__",
];

/// The words of a name, told apart here by themselves.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = vec![String::new()];
    let mut before = '_';
    for c in name.chars() {
        // A row of capitals is one word.
        if c == '_' || (c.is_ascii_uppercase() && !before.is_ascii_uppercase()) {
            words.push(String::new());
        }
        before = c;
        if c != '_' {
            words.last_mut().expect("one").push(c.to_ascii_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Every way to write the name of a parameter.
fn spellings(param: &Param) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let field = if param.field.contains('.') { &param.name } else { &param.field };
    for name in [&param.name, field] {
        let words = words(name);
        let capital = |word: &String| word[..1].to_uppercase() + &word[1..];
        let camel: String = words.iter().take(1).cloned().chain(words.iter().skip(1).map(capital)).collect();
        names.extend([name.to_string(), camel, words.join("_")]);
    }
    names
}

/// One to two slips in a name.
fn slipped(prng: &mut Prng, name: &str) -> String {
    let mut chars: Vec<char> = name.chars().collect();
    for _ in 0..prng.between(1, 2) {
        let at = usize::try_from(prng.between(0, i64::try_from(chars.len()).expect("small"))).expect("small");
        let letter = char::from(b'a' + u8::try_from(prng.between(0, 25)).expect("a letter"));
        match prng.between(0, 5) {
            0 => chars.insert(at, letter),
            1 if at < chars.len() && chars.len() > 1 => drop(chars.remove(at)),
            2 if at + 1 < chars.len() => chars.swap(at, at + 1),
            3 if at < chars.len() => chars[at] = letter,
            4 if at < chars.len() => chars[at] = chars[at].to_ascii_uppercase(),
            _ => chars.insert(at, '_'),
        }
    }
    chars.into_iter().collect()
}

/// The members of a call, as a client sends them.
fn text(members: &[(String, String)]) -> String {
    let members: Vec<String> =
        members.iter().map(|(name, value)| format!("{}:{value}", json!(name))).collect();
    format!("{{{}}}", members.join(","))
}

fn acting() -> impl Iterator<Item = (usize, ToolSpec)> {
    all_tools().into_iter().enumerate().filter(|(_, tool)| tool.effect != Effect::Read)
}

/// What the program says instead of a request.
fn refusal(tool: &ToolSpec, call: &str, at: &str) -> String {
    match check(tool, Some(&raw(call)), &Defaults::default()) {
        Ok(_) => panic!("{at}: it is taken"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_slip_in_a_name_is_told_and_nothing_is_sent() {
    let (mut refused, mut suggested) = (0_u32, 0_u32);
    for (index, tool) in acting() {
        let known: BTreeSet<String> = tool.params.iter().flat_map(spellings).collect();
        for seed in seeds(index) {
            let mut prng = Prng::new(seed ^ 0x51);
            let mut members = Generator::new(seed).valid(&tool).members;
            let Some(at) =
                members.len().checked_sub(1).map(|last| prng.between(0, i64::try_from(last).expect("small")))
            else {
                continue;
            };
            let member = &mut members[usize::try_from(at).expect("small")];
            let (name, slip) = (member.0.clone(), slipped(&mut prng, &member.0));
            if known.contains(&slip) {
                continue;
            }
            member.0 = slip.clone();
            let call = text(&members);
            let at = format!("seed {seed}: {} {call}", tool.name);
            let told = refusal(&tool, &call, &at);
            assert!(told.contains(&format!("`{slip}` is unknown (")), "{at}: {told}");
            refused += 1;
            suggested += u32::from(told.contains(&format!("`{name}`")));
        }
    }
    assert!(refused > 5_000, "only {refused} slips were tried");
    // The rest is one of several that are as near, or too short to be recognised.
    assert!(suggested * 10 > refused * 8, "only {suggested} of {refused} were told what was meant");
}

/// Puts a member into a random object of the value that takes no unknown ones. Its dotted path, if there is any.
fn put_inside(prng: &mut Prng, kind: &Kind, value: &mut Value, name: &str, at: &str) -> Option<String> {
    let here = |prng: &mut Prng| prng.chance(400);
    match kind {
        Kind::Object(params) | Kind::Unsaid(params) => {
            put(prng, params, value.as_object_mut()?, name, at, here)
        }
        Kind::Verbatim(others, params) => {
            let members = value.as_object_mut()?;
            put(prng, params, members, name, at, |prng| *others == Others::Refused && here(prng))
        }
        Kind::List(kind) => {
            let items = value.as_array_mut().filter(|items| !items.is_empty())?;
            let index = usize::try_from(prng.between(0, i64::try_from(items.len() - 1).ok()?)).ok()?;
            put_inside(prng, kind, &mut items[index], name, &format!("{at}[{index}]"))
        }
        Kind::Variants(_, variants) => {
            let items = value.as_array_mut().filter(|items| !items.is_empty())?;
            let index = usize::try_from(prng.between(0, i64::try_from(items.len() - 1).ok()?)).ok()?;
            let members = items[index].as_object_mut()?;
            let variant = variants.iter().find(|variant| {
                variant.marks.is_empty() || variant.marks.iter().any(|mark| members.contains_key(*mark))
            });
            put(prng, &variant?.params, members, name, &format!("{at}[{index}]"), here)
        }
        _ => None,
    }
}

fn put(
    prng: &mut Prng,
    params: &[Param],
    members: &mut Map<String, Value>,
    name: &str,
    at: &str,
    here: impl Fn(&mut Prng) -> bool,
) -> Option<String> {
    let path = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
    let given: Vec<&Param> = params.iter().filter(|param| members.contains_key(&*param.name)).collect();
    if !given.is_empty() && !here(prng) {
        let param = *prng.pick(&given);
        let value = members.get_mut(&*param.name).expect("it is given");
        if let Some(found) = put_inside(prng, &param.kind, value, name, &path(&param.name)) {
            return Some(found);
        }
    }
    if at.is_empty() || here(prng) {
        members.insert(name.to_owned(), json!("x"));
        return Some(path(name));
    }
    None
}

#[test]
fn a_member_too_many_never_reaches_the_daemon_however_deep_it_stands() {
    let (mut refused, mut inside) = (0_u32, 0_u32);
    for (index, tool) in acting() {
        let known: BTreeSet<String> = tool.params.iter().flat_map(spellings).collect();
        for seed in seeds(index) {
            let mut prng = Prng::new(seed ^ 0x52);
            let mut call: Value =
                serde_json::from_str(&Generator::new(seed).valid(&tool).text()).expect("JSON");
            let name = match prng.chance(700) {
                true => (*prng.pick(&STRANGERS)).to_owned(),
                false => format!("x{}", prng.between(0, 1_000_000)),
            };
            if known.contains(&name) {
                continue;
            }
            let members = call.as_object_mut().expect("an object");
            let path =
                put(&mut prng, &tool.params, members, &name, "", |prng| prng.chance(400)).expect("a place");
            let at = format!("seed {seed}: {} {call}", tool.name);
            let told = refusal(&tool, &call.to_string(), &at);
            assert!(told.contains(&format!("`{path}` is unknown (")), "{at}: {path}: {told}");
            refused += 1;
            inside += u32::from(path != name);
        }
    }
    assert!(refused > 5_000 && inside > 200, "{refused} were refused, {inside} of them inside of another");
}

#[test]
fn every_way_to_write_a_name_makes_the_same_request() {
    let mut renamed = 0_u32;
    for (index, tool) in all_tools().iter().enumerate() {
        for seed in seeds(index) {
            let mut prng = Prng::new(seed ^ 0x53);
            let members = Generator::new(seed).valid(tool).members;
            let mut others = members.clone();
            for (name, value) in &mut others {
                let Some(param) = tool.params.iter().find(|param| param.name == *name) else { continue };
                if let Kind::Object(params) | Kind::Unsaid(params) = &param.kind
                    && let Ok(Value::Object(object)) = serde_json::from_str(value)
                {
                    let each = object.into_iter().map(|(name, value)| {
                        let inner = params.iter().find(|param| param.name == *name).expect("a member");
                        (any_spelling(&mut prng, inner), value)
                    });
                    *value = Value::Object(each.collect()).to_string();
                }
                *name = any_spelling(&mut prng, param);
            }
            let (call, other) = (text(&members), text(&others));
            let at = format!("seed {seed}: {} {call} {other}", tool.name);
            let request =
                |call: &str| final_request(tool, &raw(call)).unwrap_or_else(|error| panic!("{at}: {error}"));
            assert_eq!(request(&call), request(&other), "{at}");
            renamed += u32::from(call != other);
        }
    }
    assert!(renamed > 5_000, "only {renamed} calls were written in another way");
}

fn any_spelling(prng: &mut Prng, param: &Param) -> String {
    prng.pick(&spellings(param).into_iter().collect::<Vec<_>>()).clone()
}

#[test]
fn a_read_goes_on_without_what_is_unknown_and_tells_it() {
    for (index, tool) in all_tools().iter().enumerate().filter(|(_, tool)| tool.effect == Effect::Read) {
        for seed in seeds(index).take(20) {
            let mut members = Generator::new(seed).valid(tool).members;
            members.retain(|(name, _)| !name.starts_with("unknown"));
            let request = |call: &str| {
                final_request(tool, &raw(call)).unwrap_or_else(|error| panic!("{call}: {error}"))
            };
            let without = request(&text(&members));
            members.push(("reason".to_owned(), "\"curious\"".to_owned()));
            let call = text(&members);
            assert_eq!(request(&call), without, "{} {call}", tool.name);
            let checked = check(tool, Some(&raw(&call)), &Defaults::default()).expect("it is taken");
            let told = checked.ignored().expect("it is told");
            assert!(told.starts_with("`reason` was ignored: it is unknown ("), "{told}");
        }
    }
}

#[test]
fn a_wallet_is_taken_under_both_names_by_every_tool_that_has_one() {
    const ONE: &str = "01a20238-6332-7cad-839a-3b627b30d86b";
    const TWO: &str = "01a20238-63ed-7046-b399-42367a3cddf8";
    let mut tools = 0;
    for (index, tool) in all_tools().iter().enumerate() {
        if tool.params.iter().all(|param| param.name != "wallet_id") {
            continue;
        }
        tools += 1;
        let mut members = Generator::new(seeds(index).next().expect("one")).valid(tool).members;
        members.retain(|(name, _)| name != "wallet_id" && !name.starts_with("unknown"));
        let request = |wallets: &[(&str, Value)]| {
            let wallets = wallets.iter().map(|(name, value)| ((*name).to_owned(), value.to_string()));
            let call = text(&members.iter().cloned().chain(wallets).collect::<Vec<_>>());
            final_request(tool, &raw(&call))
        };
        let of = |name| (name, json!(TWO));
        let expected = request(&[of("wallet_id")]).unwrap_or_else(|error| panic!("{error}"));
        let required = tool.params.iter().any(|p| p.name == "wallet_id" && p.required == Required::Always);
        for wallets in [
            vec![of("walletId")],
            vec![of("wallet_id"), of("walletId")],
            vec![of("walletId"), of("wallet_id")],
            vec![("wallet_id", Value::Null), of("walletId")],
            vec![of("walletId"), ("wallet_id", Value::Null)],
            vec![("walletId", Value::Null), of("wallet_id")],
            vec![("wallet_id", json!("")), of("walletId")],
        ] {
            if required && wallets.contains(&("wallet_id", json!(""))) {
                continue;
            }
            assert_eq!(request(&wallets).as_ref(), Ok(&expected), "{} {wallets:?}", tool.name);
        }
        for wallets in
            [[("wallet_id", json!(ONE)), of("walletId")], [of("walletId"), ("wallet_id", json!(ONE))]]
        {
            let told = request(&wallets).expect_err("two wallets");
            assert!(told.contains("`wallet_id` is given as `"), "{}: {told}", tool.name);
        }
    }
    assert!(tools > 100, "only {tools} tools have a wallet");
}
