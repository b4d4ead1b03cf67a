//! The daemon's names for arguments, told as the tool's where the daemon says them.
//!
//! Used by the server for the errors of calls. The daemon asks for `walletId`, and no tool has an argument of that name.
//! Follows from the rows. Pure.

use super::spec::{Kind, Param, ToolSpec};

/// Pairs that are told of one error. A message names one or two.
const TOLD_MAX: usize = 5;

/// What the daemon calls an argument, and what the tool does.
pub type Pair = (String, String);

/// The arguments of a tool that the daemon calls by another name.
pub fn of(spec: &ToolSpec) -> Vec<Pair> {
    let mut pairs = Vec::new();
    collect(&spec.params, "", &mut pairs);
    pairs
}

fn collect(params: &[Param], inside: &str, pairs: &mut Vec<Pair>) {
    for Param { name, field, kind, .. } in params {
        let path = format!("{inside}{name}");
        let field = field.split_once('.').map_or(&**field, |(_, part)| part);
        // A plain word such as `id` may mean anything.
        if field != name && field.contains(|c: char| c.is_ascii_uppercase() || c == '_') {
            pairs.push((field.to_owned(), path.clone()));
        }
        if let Kind::Object(params) | Kind::Unsaid(params) = kind {
            collect(params, &format!("{path}."), pairs);
        }
    }
}

/// One line for whoever reads this text, if it has names of the daemon's.
pub fn told(pairs: &[Pair], text: &str) -> Option<String> {
    let is_said =
        |field: &str| text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == field);
    let said = pairs.iter().filter(|(field, _)| is_said(field)).take(TOLD_MAX);
    let told: Vec<String> = said.map(|(field, path)| format!("`{field}` is `{path}`")).collect();
    (!told.is_empty()).then(|| format!("The daemon's {} here", told.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wallet::catalogue;

    #[test]
    fn a_name_of_the_daemons_is_told_as_the_argument() {
        let told = |tool: &str, text: &str| told(&of(catalogue::find(tool).expect("a tool")), text);
        let table = [
            (
                "send_token",
                r#"{"message":"Session has 2 wallets — specify walletId"}"#,
                Some("The daemon's `walletId` is `wallet_id` here"),
            ),
            (
                "send_token",
                r#"{"path":"gasCondition","message":"At least one of maxGasPrice or maxPriorityFee"}"#,
                Some(
                    "The daemon's `gasCondition` is `gas_condition`, `maxGasPrice` is `gas_condition.max_gas_price`, \
                     `maxPriorityFee` is `gas_condition.max_priority_fee` here",
                ),
            ),
            ("transfer_nft", "token.tokenId: Required", Some("The daemon's `tokenId` is `token_id` here")),
            ("get_transaction", "Invalid id", None),
            ("send_token", "walletIds, xwalletId and walletid are other words; amount is the same", None),
            ("connect_info", "walletId", None),
        ];
        for (tool, text, expected) in table {
            assert_eq!(told(tool, text).as_deref(), expected, "{tool} {text}");
        }
    }
}
