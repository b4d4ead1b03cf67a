//! What the session's overview tells: its wallets, and the RPC proxy.
//!
//! Used by the server, which asks for the overview where a path lacks the wallet and for the proxy's address. Pure.
//! Refuses to choose among several wallets.

use std::fmt;

use crate::ids::WalletId;
use crate::json::{self, Object, RawValue};
use crate::text;

/// Wallets that a message lists. More would not help a model to choose.
const LISTED_MAX: usize = 20;

/// A wallet of the session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wallet {
    /// Its id.
    pub id: WalletId,
    /// The name people gave it, without what cannot be seen.
    pub name: String,
}

/// The session has not exactly one wallet, so the call must name one. Displayed for the model, with their names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WalletIdRequired(Vec<Wallet>);

/// Why there is no address of the proxy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NoProxy {
    /// The daemon has none, or it is switched off.
    Disabled,
    /// The wallet is not one of the session's.
    ForeignWallet,
}

/// The wallets in the body of the overview; `None` if it is not that, or has a wallet whose id is no UUID.
pub fn wallets(body: &str) -> Option<Vec<Wallet>> {
    let [wallets] = json::members(body, ["wallets"])?;
    let wallets: Vec<&RawValue> = serde_json::from_str(wallets?.get()).ok()?;
    let wallet = |raw: &RawValue| {
        let [id, name] = json::members(raw.get(), ["id", "name"])?;
        let name = name.and_then(json::string).unwrap_or_default();
        Some(Wallet { id: WalletId::parse(&json::string(id?)?)?, name: text::wallet_name(&name) })
    };
    wallets.into_iter().map(wallet).collect()
}

/// The id of the only wallet.
///
/// # Errors
/// [`WalletIdRequired`] if there are several, or none.
pub fn only(wallets: Vec<Wallet>) -> Result<WalletId, WalletIdRequired> {
    match <[Wallet; 1]>::try_from(wallets) {
        Ok([wallet]) => Ok(wallet.id),
        Err(wallets) => Err(WalletIdRequired(wallets)),
    }
}

/// The proxy's address for a wallet and a chain, as the text of the result; `None` if the body is not an overview.
pub fn rpc_proxy(body: &str, wallet_id: &str, chain_id: &str) -> Option<Result<String, NoProxy>> {
    let [proxy] = json::members(body, ["rpcProxy"])?;
    let proxy = proxy.and_then(|proxy| json::members(proxy.get(), ["enabled", "baseUrl"]));
    if !wallets(body)?.iter().any(|wallet| wallet.id.eq_ignore_ascii_case(wallet_id)) {
        return Some(Err(NoProxy::ForeignWallet));
    }
    let Some([Some(enabled), Some(base_url)]) = proxy else { return Some(Err(NoProxy::Disabled)) };
    if enabled.get() != "true" {
        return Some(Err(NoProxy::Disabled));
    }
    let base_url = json::string(base_url)?;
    let url = format!("{}/{wallet_id}/{chain_id}", base_url.trim_end_matches('/'));
    let text = Object::new()
        .string("url", &url)
        .string("walletId", wallet_id)
        .raw("chainId", chain_id)
        .string(
            "usage",
            "Give this URL to a developer tool as its RPC URL, with the session token as `Authorization: Bearer`. \
             What it sends is signed by the wallet and obeys its policies.",
        )
        .finish();
    Some(Ok(text))
}

impl WalletIdRequired {
    /// The code of the tool's error; the daemon's own for the same thing.
    pub const CODE: &str = "WALLET_ID_REQUIRED";
}

impl fmt::Display for WalletIdRequired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let WalletIdRequired(wallets) = self;
        if wallets.is_empty() {
            return f.write_str("This session has no wallet");
        }
        write!(f, "This session has {} wallets; name one with wallet_id:", wallets.len())?;
        for (index, Wallet { id, name }) in wallets.iter().take(LISTED_MAX).enumerate() {
            write!(f, "{} {name} = {id}", if index == 0 { "" } else { "," })?;
        }
        if wallets.len() > LISTED_MAX { f.write_str(", and more (connect_info)") } else { Ok(()) }
    }
}

impl std::error::Error for WalletIdRequired {}

impl NoProxy {
    /// The code of the tool's error, what happened, what to do.
    pub fn words(&self) -> [&'static str; 3] {
        match self {
            NoProxy::Disabled => [
                "RPC_PROXY_DISABLED",
                "The daemon's RPC proxy is not switched on",
                "Ask the user to switch on rpc_proxy in the daemon's settings",
            ],
            NoProxy::ForeignWallet => [
                "WALLET_ACCESS_DENIED",
                "The wallet is not one of this session's",
                "connect_info lists the session's wallets",
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const W1: &str = "01a20238-6332-7cad-839a-3b627b30d86b";
    const W2: &str = "01a20238-63ed-7046-b399-42367a3cddf8";

    fn one() -> String {
        format!(
            r#"{{"wallets":[{{"id":"{W1}","name":"a"}}],"rpcProxy":{{"enabled":true,"baseUrl":"http://h/rpc"}}}}"#
        )
    }

    fn two() -> String {
        format!(r#"{{"wallets":[{{"id":"{W1}","name":"a"}},{{"id":"{W2}"}}],"rpcProxy":null}}"#)
    }

    #[test]
    fn the_only_wallet_is_found_and_several_are_listed() {
        assert_eq!(only(wallets(&one()).expect("an overview")).ok(), WalletId::parse(W1));
        let error = only(wallets(&two()).expect("an overview")).expect_err("two").to_string();
        assert_eq!(error, format!("This session has 2 wallets; name one with wallet_id: a = {W1},  = {W2}"));
        let none = only(Vec::new()).expect_err("none").to_string();
        assert_eq!(none, "This session has no wallet");
        for body in ["", "{}", r#"{"wallets":{}}"#, r#"{"wallets":[{"id":7}]}"#, r#"{"wallets":["w-1"]}"#] {
            assert_eq!(wallets(body), None, "{body}");
        }
    }

    #[test]
    fn an_id_that_would_lead_elsewhere_makes_the_overview_unreadable() {
        for id in ["..", ".", "", "../../v1/admin", "w-1", &format!("{W1}/..")] {
            assert_eq!(wallets(&one().replace(W1, id)), None, "{id}");
        }
        let named = one().replace("\"a\"", &format!("\"x\\u202ey\\n{}\"", "z".repeat(5_000)));
        let name = &wallets(&named).expect("an overview")[0].name;
        assert!(name.starts_with("xy zz") && name.chars().count() == 64, "{name:?}");
    }

    #[test]
    fn the_proxys_address_is_put_together_for_wallets_of_the_session() {
        let text = rpc_proxy(&one(), W1, "11155111").expect("an overview").expect("a proxy");
        let start =
            format!(r#"{{"url":"http://h/rpc/{W1}/11155111","walletId":"{W1}","chainId":11155111,"usage":"#);
        assert!(text.starts_with(&start), "{text}");
        assert_eq!(rpc_proxy(&one(), W2, "1"), Some(Err(NoProxy::ForeignWallet)));
        assert_eq!(rpc_proxy(&two(), W2, "1"), Some(Err(NoProxy::Disabled)));
        let off = one().replace("true", "false");
        assert_eq!(rpc_proxy(&off, W1, "1"), Some(Err(NoProxy::Disabled)));
        assert_eq!(rpc_proxy("{}", W1, "1"), None);
    }
}
