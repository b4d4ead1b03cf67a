//! Who carries a smart account's operations and who pays for them: read from the wallet's details.
//!
//! Used by the server for one tool. Pure. Values are copied as they stand. Refuses to call an account smart that the
//! daemon does not.

use crate::json::{self, Object, RawValue};

/// The status of the provider, from the wallet's details; `None` if the body is not that.
pub fn status(wallet: &str) -> Option<String> {
    let [account_type, provider] = json::members(wallet, ["accountType", "provider"])?;
    let account_type = json::string(account_type?)?;
    let provider = provider.filter(|provider| json::is_object(provider));
    let without = |message: &str| {
        Some(
            Object::new()
                .string("accountType", &account_type)
                .raw("provider", "null")
                .string("message", message)
                .finish(),
        )
    };
    match provider {
        _ if account_type != "smart" => without(
            "This wallet is not a smart account: it has no provider, and user operations are not for it.",
        ),
        None => without(
            "This smart account has no provider: user operations can be built and signed, not sent by the daemon. \
             The operator can set one in the daemon's admin page (or PUT /v1/wallets/{id}/provider).",
        ),
        Some(provider) => {
            let provider = described(provider)?;
            Some(Object::new().string("accountType", &account_type).raw("provider", &provider).finish())
        }
    }
}

fn described(provider: &RawValue) -> Option<String> {
    const NAMES: [&str; 3] = ["name", "supportedChains", "paymasterEnabled"];
    let values = json::members(provider.get(), NAMES)?;
    let mut object = Object::new();
    for (name, value) in NAMES.into_iter().zip(values) {
        object.raw(name, value.map_or("null", RawValue::get));
    }
    let [.., paymaster_enabled] = values;
    let status = match paymaster_enabled.map(RawValue::get) {
        Some("true") => "Gas is sponsored by the provider's paymaster.",
        _ => "Gas is not sponsored: the wallet must hold native tokens for it.",
    };
    Some(object.string("gasSponsorshipStatus", status).finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_who_pays() {
        let smart = |provider: &str| {
            status(&format!(r#"{{"id":"w","accountType":"smart","provider":{provider}}}"#)).expect("a wallet")
        };
        let pimlico =
            smart(r#"{"name":"pimlico","supportedChains":["a"],"paymasterEnabled":true,"apiKey":"hidden"}"#);
        assert_eq!(
            pimlico,
            r#"{"accountType":"smart","provider":{"name":"pimlico","supportedChains":["a"],"paymasterEnabled":true,"gasSponsorshipStatus":"Gas is sponsored by the provider's paymaster."}}"#
        );
        assert!(smart(r#"{"name":"x","paymasterEnabled":false}"#).contains("must hold native tokens"));
        assert!(smart("null").starts_with(r#"{"accountType":"smart","provider":null,"message":"#));
        let plain = status(r#"{"accountType":"eoa","provider":null}"#).expect("a wallet");
        assert!(plain.starts_with(r#"{"accountType":"eoa","provider":null,"message":"#), "{plain}");
    }

    #[test]
    fn what_is_not_a_wallet_has_no_status() {
        for body in ["", "[]", "{}", r#"{"accountType":null}"#] {
            assert_eq!(status(body), None, "{body}");
        }
    }
}
