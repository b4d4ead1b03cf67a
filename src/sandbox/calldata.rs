//! Call data of EVM contracts: the selector and the arguments of one function, after the contract ABI specification.
//!
//! Elementary types, `bytes`, `string` and arrays of them. Tuples are refused: nothing the sandbox shows needs them.

use serde_json::Value;

use super::digests::{hex, keccak256};

/// Bytes of a slot.
const SLOT: usize = 32;

/// How deep arrays may be nested.
const DEPTH_MAX: usize = 8;

/// The call data of `name(args)` and its selector, or why there is none.
pub(super) fn encode(abi: &[Value], name: &str, args: &[Value]) -> Result<(String, String), String> {
    let named = |item: &&Value| {
        item.get("type").and_then(Value::as_str) == Some("function")
            && item.get("name").and_then(Value::as_str) == Some(name)
    };
    let inputs_of = |item: &Value| -> Vec<String> {
        let inputs = item.get("inputs").and_then(Value::as_array).cloned().unwrap_or_default();
        inputs
            .iter()
            .map(|input| input.get("type").and_then(Value::as_str).unwrap_or("").to_owned())
            .collect()
    };
    let functions: Vec<Vec<String>> = abi.iter().filter(named).map(inputs_of).collect();
    let fitting = functions.iter().find(|inputs| inputs.len() == args.len());
    let Some(types) = fitting.or(functions.first()) else {
        return Err(format!("Function \"{name}\" not found on ABI"));
    };
    if types.len() != args.len() {
        return Err(format!("Expected {} arguments for {name}, received {}", types.len(), args.len()));
    }
    let signature =
        format!("{name}({})", types.iter().map(|kind| canonical(kind)).collect::<Vec<_>>().join(","));
    let selector = keccak256(signature.as_bytes())[..4].to_vec();
    let values: Vec<(&str, &Value)> = types.iter().map(String::as_str).zip(args).collect();
    let data = [selector.clone(), sequence(&values, 0)?].concat();
    Ok((format!("0x{}", hex(&data)), format!("0x{}", hex(&selector))))
}

fn canonical(kind: &str) -> String {
    let (base, suffix) = kind.find('[').map_or((kind, ""), |at| kind.split_at(at));
    let base = match base {
        "uint" => "uint256",
        "int" => "int256",
        other => other,
    };
    format!("{base}{suffix}")
}

fn is_dynamic(kind: &str) -> bool {
    kind == "bytes"
        || kind == "string"
        || kind.ends_with("[]")
        || array(kind).is_some_and(|(item, _)| is_dynamic(item))
}

/// `uint8[3]` is (`uint8`, 3 items), `uint8[]` is (`uint8`, any number).
fn array(kind: &str) -> Option<(&str, Option<usize>)> {
    let (item, count) = kind.strip_suffix(']')?.rsplit_once('[')?;
    if count.is_empty() { Some((item, None)) } else { Some((item, Some(count.parse().ok()?))) }
}

/// Heads, then the dynamic values they point at.
fn sequence(values: &[(&str, &Value)], depth: usize) -> Result<Vec<u8>, String> {
    let mut parts = Vec::new();
    for (kind, value) in values {
        parts.push((is_dynamic(kind), one(kind, value, depth)?));
    }
    let heads: usize = parts.iter().map(|(dynamic, bytes)| if *dynamic { SLOT } else { bytes.len() }).sum();
    let (mut head, mut tail) = (Vec::new(), Vec::new());
    for (dynamic, bytes) in parts {
        if dynamic {
            head.extend(number(heads + tail.len()));
            tail.extend(bytes);
        } else {
            head.extend(bytes);
        }
    }
    head.extend(tail);
    Ok(head)
}

fn one(kind: &str, value: &Value, depth: usize) -> Result<Vec<u8>, String> {
    let wrong = || format!("Value {value} is not a valid {kind}");
    if let Some((item, count)) = array(kind) {
        let items = value.as_array().filter(|items| count.is_none_or(|count| count == items.len()));
        let items = items.filter(|_| depth < DEPTH_MAX).ok_or_else(wrong)?;
        let values: Vec<(&str, &Value)> = items.iter().map(|value| (item, value)).collect();
        let length = if count.is_none() { number(items.len()) } else { Vec::new() };
        return Ok([length, sequence(&values, depth + 1)?].concat());
    }
    if kind == "bool" {
        return Ok(number(usize::from(value.as_bool().ok_or_else(wrong)?)));
    }
    if kind == "address" {
        let bytes = value.as_str().and_then(bytes_of).filter(|bytes| bytes.len() == 20).ok_or_else(wrong)?;
        return Ok([vec![0; 12], bytes].concat());
    }
    if kind == "string" {
        return Ok(counted(value.as_str().ok_or_else(wrong)?.as_bytes()));
    }
    if kind == "bytes" {
        return Ok(counted(&value.as_str().and_then(bytes_of).ok_or_else(wrong)?));
    }
    if let Some(size) = kind.strip_prefix("bytes").and_then(|size| size.parse::<usize>().ok()) {
        let bytes = value.as_str().and_then(bytes_of).filter(|bytes| bytes.len() == size && size <= SLOT);
        return Ok(padded(bytes.ok_or_else(wrong)?));
    }
    if kind.starts_with("uint") || kind.starts_with("int") {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        return integer(&text, kind.starts_with('i')).ok_or_else(wrong);
    }
    Err(format!("Type {kind} is not supported by the sandbox"))
}

fn number(value: usize) -> Vec<u8> {
    let mut slot = vec![0; SLOT];
    slot[SLOT - 8..].copy_from_slice(&(value as u64).to_be_bytes());
    slot
}

fn counted(bytes: &[u8]) -> Vec<u8> {
    [number(bytes.len()), padded(bytes.to_vec())].concat()
}

fn padded(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.resize(bytes.len().div_ceil(SLOT) * SLOT, 0);
    bytes
}

/// A whole number of any length up to 256 bits, decimal or `0x` hexadecimal, as 32 bytes.
fn integer(text: &str, signed: bool) -> Option<Vec<u8>> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    if negative && !signed {
        return None;
    }
    let (digits, base) = digits.strip_prefix("0x").map_or((digits, 10), |digits| (digits, 16));
    if digits.is_empty() {
        return None;
    }
    let mut slot = vec![0_u8; SLOT];
    for digit in digits.chars() {
        let mut carry = digit.to_digit(base)?;
        for byte in slot.iter_mut().rev() {
            let value = u32::from(*byte) * base + carry;
            *byte = value.to_le_bytes()[0];
            carry = value >> 8;
        }
        if carry != 0 {
            return None;
        }
    }
    if negative {
        let mut carry = true;
        for byte in slot.iter_mut().rev() {
            let (value, over) = (!*byte).overflowing_add(u8::from(carry));
            *byte = value;
            carry = over;
        }
    }
    Some(slot)
}

/// The bytes of `0x` hexadecimal text.
pub(super) fn bytes_of(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("0x")?;
    if digits.len() % 2 != 0 || !digits.is_ascii() {
        return None;
    }
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn function(name: &str, inputs: &[&str]) -> Value {
        let inputs: Vec<Value> = inputs.iter().map(|kind| json!({"type": kind})).collect();
        json!({"type": "function", "name": name, "inputs": inputs})
    }

    #[test]
    fn arguments_are_encoded_as_the_abi_specification_shows() {
        // The examples of the contract ABI specification.
        let table = [
            (
                function("baz", &["uint32", "bool"]),
                json!([69, true]),
                "cdcd77c0\
                 0000000000000000000000000000000000000000000000000000000000000045\
                 0000000000000000000000000000000000000000000000000000000000000001",
            ),
            (
                function("bar", &["bytes3[2]"]),
                json!([["0x616263", "0x646566"]]),
                "fce353f6\
                 6162630000000000000000000000000000000000000000000000000000000000\
                 6465660000000000000000000000000000000000000000000000000000000000",
            ),
            (
                function("sam", &["bytes", "bool", "uint256[]"]),
                json!(["0x64617665", true, ["1", 2, "0x3"]]),
                "a5643bf2\
                 0000000000000000000000000000000000000000000000000000000000000060\
                 0000000000000000000000000000000000000000000000000000000000000001\
                 00000000000000000000000000000000000000000000000000000000000000a0\
                 0000000000000000000000000000000000000000000000000000000000000004\
                 6461766500000000000000000000000000000000000000000000000000000000\
                 0000000000000000000000000000000000000000000000000000000000000003\
                 0000000000000000000000000000000000000000000000000000000000000001\
                 0000000000000000000000000000000000000000000000000000000000000002\
                 0000000000000000000000000000000000000000000000000000000000000003",
            ),
        ];
        for (abi, args, expected) in table {
            let name = abi["name"].as_str().expect("named").to_owned();
            let (data, selector) = encode(&[abi], &name, args.as_array().expect("array")).expect("encodes");
            assert_eq!(data, format!("0x{expected}"));
            assert_eq!(selector, data[..10]);
        }
    }

    #[test]
    fn negative_numbers_are_twos_complements() {
        assert_eq!(integer("-1", true), Some(vec![0xff; 32]));
        assert_eq!(integer("-1", false), None);
        let too_large = format!("0x1{}", "0".repeat(64));
        for text in [too_large.as_str(), "", "-", "1.5", "0x", "abc"] {
            assert_eq!(integer(text, true), None, "{text}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let table = [
            ("f", vec![function("g", &[])], json!([])),
            ("f", vec![function("f", &["uint8"])], json!([])),
            ("f", vec![function("f", &["address"])], json!(["0x12"])),
            ("f", vec![function("f", &["tuple"])], json!([{}])),
            ("f", vec![function("f", &["uint8[2]"])], json!([[1]])),
            ("f", vec![function("f", &["bytes4"])], json!(["0x é"])),
        ];
        for (name, abi, args) in table {
            assert!(encode(&abi, name, args.as_array().expect("array")).is_err(), "{abi:?}");
        }
    }
}
