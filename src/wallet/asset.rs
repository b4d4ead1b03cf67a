//! What a CAIP-19 identifier names: parsed here, looked up in the daemon's registry of tokens.
//!
//! Used by the server for the one tool whose result is not the daemon's answer but a finding in it. Pure: the
//! request is described and the answer read; sending is the server's. Refuses to take a failed look-up for
//! "not registered".

use std::fmt;

use super::networks;
use crate::http::Request;
use crate::json::{self, Object, RawValue};

/// Characters of a wrong identifier that are shown. Right ones are shorter.
const SHOWN_CHARS_MAX: usize = 200;

/// An identifier, taken apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asset {
    id: String,
    chain: String,
    /// The daemon's name of the chain, if it knows it.
    network: Option<&'static str>,
    /// `None` for the chain's own coin.
    address: Option<String>,
}

/// What is known of an asset without asking, or whom to ask.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Resolution {
    /// The result, as JSON text.
    Known(String),
    /// The registry's answer to this request decides: [`Asset::found_in`].
    Ask(Request),
}

/// The identifier is not CAIP-19. Displayed for the model, with an example.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NotCaip19(String);

impl Asset {
    /// Takes an identifier apart: `chain/namespace:reference`.
    ///
    /// # Errors
    /// [`NotCaip19`] if a part is missing.
    pub fn parse(id: &str) -> Result<Asset, NotCaip19> {
        let parts = id.split_once('/').and_then(|(chain, asset)| {
            let (namespace, reference) = asset.split_once(':')?;
            let all_there = ![chain, namespace, reference].contains(&"");
            all_there.then_some((chain, namespace, reference))
        });
        let (chain, namespace, reference) =
            parts.ok_or_else(|| NotCaip19(id.chars().take(SHOWN_CHARS_MAX).collect()))?;
        Ok(Asset {
            id: id.to_owned(),
            chain: chain.to_owned(),
            network: networks::from_caip2(chain),
            address: (namespace != "slip44").then(|| reference.to_owned()),
        })
    }

    /// The daemon's name of the chain, if it knows it.
    pub fn network(&self) -> Option<&'static str> {
        self.network
    }

    /// The token's address; `None` for the chain's own coin.
    pub fn address(&self) -> Option<&str> {
        self.address.as_deref()
    }

    /// The result, or the request that leads to it. There is nothing to ask about a chain's own coin, about a
    /// chain the daemon does not know, and about Solana, for which it keeps no registry.
    pub fn resolve(&self) -> Resolution {
        match self.network.filter(|name| self.address.is_some() && !name.starts_with("solana-")) {
            None => Resolution::Known(self.unregistered()),
            Some(network) => {
                // The daemon's names need no encoding.
                Resolution::Ask(Request::get(format!("/v1/tokens?network={network}")))
            }
        }
    }

    /// The result, from the body of the registry's successful answer. Values are copied as they stand there.
    /// `None` if the body is not a registry.
    pub fn found_in(&self, body: &str) -> Option<String> {
        let [tokens] = json::members(body, ["tokens"])?;
        let tokens: Vec<&RawValue> = serde_json::from_str(tokens?.get()).ok()?;
        let ours = self.address.as_deref()?.to_lowercase();
        for token in tokens {
            let members = json::members(token.get(), ["address", "decimals", "symbol", "name"])?;
            let theirs = members[0].and_then(json::string);
            if theirs.is_some_and(|theirs| theirs.to_lowercase() == ours) {
                return Some(self.result(members.map(|member| member.map_or("null", RawValue::get)), true));
            }
        }
        Some(self.unregistered())
    }

    fn unregistered(&self) -> String {
        let address = quoted(self.address.as_deref());
        self.result([&address, "null", "null", "null"], false)
    }

    fn result(&self, [address, decimals, symbol, name]: [&str; 4], is_registered: bool) -> String {
        Object::new()
            .string("assetId", &self.id)
            .string("chainId", &self.chain)
            .raw("network", &quoted(self.network))
            .raw("address", address)
            .raw("decimals", decimals)
            .raw("symbol", symbol)
            .raw("name", name)
            .bool("isNative", self.address.is_none())
            .bool("isRegistered", is_registered)
            .finish()
    }
}

/// JSON of a text that may be missing.
fn quoted(text: Option<&str>) -> String {
    let mut quoted = String::new();
    match text {
        Some(text) => json::push_string(&mut quoted, text),
        None => quoted.push_str("null"),
    }
    quoted
}

impl NotCaip19 {
    /// The code of the tool's error.
    pub const CODE: &str = "INVALID_CAIP19";
}

impl fmt::Display for NotCaip19 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is not a CAIP-19 asset id; write chain/namespace:reference, such as \
             eip155:1/erc20:0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48 or eip155:1/slip44:60",
            self.0
        )
    }
}

impl std::error::Error for NotCaip19 {}

#[cfg(test)]
mod tests {
    use super::*;

    const REGISTRY: &str = r#"{"network":"ethereum-sepolia","tokens":[
        {"address":"0xAB","symbol":"A\u00e9","name":"First","decimals":18},
        {"symbol":"no address"},
        {"address":"0xcd","symbol":"C","decimals":6.0}]}"#;

    #[test]
    fn what_needs_no_registry_is_known_at_once() {
        let table = [
            ("eip155:1/slip44:60", r#""network":"ethereum-mainnet","address":null"#, true),
            ("eip155:5/erc20:0xAb", r#""network":null,"address":"0xAb""#, false),
            (
                "solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1/token:Abc",
                r#""network":"solana-devnet","address":"Abc""#,
                false,
            ),
        ];
        for (id, middle, is_native) in table {
            let chain = id.split('/').next().expect("a chain");
            let expected = format!(
                r#"{{"assetId":"{id}","chainId":"{chain}",{middle},"decimals":null,"symbol":null,"name":null,"isNative":{is_native},"isRegistered":false}}"#
            );
            assert_eq!(Asset::parse(id).expect(id).resolve(), Resolution::Known(expected));
        }
    }

    #[test]
    fn a_token_is_found_without_regard_to_case_and_copied_as_it_stands() {
        let asset = Asset::parse("eip155:11155111/erc20:0xaB").expect("good");
        assert_eq!(asset.resolve(), Resolution::Ask(Request::get("/v1/tokens?network=ethereum-sepolia")));
        let expected = r#"{"assetId":"eip155:11155111/erc20:0xaB","chainId":"eip155:11155111","network":"ethereum-sepolia","address":"0xAB","decimals":18,"symbol":"A\u00e9","name":"First","isNative":false,"isRegistered":true}"#;
        assert_eq!(asset.found_in(REGISTRY).as_deref(), Some(expected));
        let missing =
            Asset::parse("eip155:11155111/erc20:0xCD").expect("good").found_in(REGISTRY).expect("found");
        assert!(missing.contains(r#""address":"0xcd","decimals":6.0,"symbol":"C","name":null"#), "{missing}");
    }

    #[test]
    fn an_unregistered_token_keeps_its_address() {
        let found = Asset::parse("eip155:1/erc20:0xEE").expect("good").found_in(REGISTRY).expect("an answer");
        assert!(found.contains(r#""address":"0xEE","decimals":null"#), "{found}");
        assert!(found.ends_with(r#""isNative":false,"isRegistered":false}"#), "{found}");
    }

    #[test]
    fn what_is_not_a_registry_is_not_taken_for_an_empty_one() {
        let asset = Asset::parse("eip155:1/erc20:0xEE").expect("good");
        for body in ["", "[]", "{}", r#"{"tokens":{}}"#, r#"{"tokens":[1]}"#, r#"{"error":true}"#] {
            assert_eq!(asset.found_in(body), None, "{body}");
        }
    }

    #[test]
    fn incomplete_identifiers_are_refused_with_an_example() {
        for id in ["", "eip155:1", "eip155:1/erc20", "/erc20:0x", "eip155:1/:0x", "eip155:1/erc20:", "a:b"] {
            let error = Asset::parse(id).expect_err(id).to_string();
            assert!(error.starts_with(&format!("{id:?} is not")) && error.contains("slip44:60"), "{error}");
        }
    }
}
