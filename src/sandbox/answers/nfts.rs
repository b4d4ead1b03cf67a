//! NFTs: three of them on the first network of an EVM wallet.
//! Enough for a second page, a collection and a token that is not there.

use super::super::chain::Wallet;
use super::super::json::{Json, object};
use super::super::networks::Network;
use super::super::refusals::*;
use super::super::routes::{Answer, Call, Daemon};
use super::wallets::network_required;

type Outcome = Result<Answer, Refusal>;

/// An NFT: token id, contract, standard, name, colour.
const OWNED: [(&str, &str, &str, &str, &str); 3] = [
    ("1", "0x3333333333333333333333333333333333333333", "ERC-721", "Sandcastle #1", "Ochre"),
    ("7", "0x3333333333333333333333333333333333333333", "ERC-721", "Sandcastle #7", "Umber"),
    ("42", "0x4444444444444444444444444444444444444444", "ERC-1155", "Seashell", "White"),
];

/// Items of a page when none are asked for.
const PAGE_USUAL: usize = 20;

fn collection(contract: &str) -> &'static str {
    if contract.starts_with("0x3") { "Sandcastles" } else { "Seashells" }
}

fn asset_id(network: &Network, token_id: &str, contract: &str, standard: &str) -> String {
    let namespace = standard.to_ascii_lowercase().replace('-', "");
    format!("{}/{namespace}:{contract}/{token_id}", network.caip2)
}

fn item(network: &Network, nft: &(&str, &str, &str, &str, &str)) -> Json {
    let (token_id, contract, standard, name, _) = *nft;
    object! {
        "tokenId": token_id, "contractAddress": contract, "standard": standard, "name": name,
        "image": format!("https://nft.example/{token_id}.png"), "description": "Made of sand.",
        "amount": if standard == "ERC-1155" { "3" } else { "1" },
        "collection": object! { "name": collection(contract) },
        "assetId": asset_id(network, token_id, contract, standard), "chainId": network.caip2,
    }
}

fn network_asked(call: &Call<'_>, wallet: &Wallet) -> Result<&'static Network, Refusal> {
    match call.request.query("network") {
        None | Some("") => Err(Refusal::issues(vec![invalid_type("string", "undefined", &["network"])])),
        given => network_required(wallet, given),
    }
}

/// GET /v1/wallet/nfts
pub(in super::super) fn list(daemon: &mut Daemon, call: &Call<'_>) -> Outcome {
    let wallet = daemon.wallet_meant(call, None)?;
    let network = network_asked(call, &wallet)?;
    let number = |name: &str| call.request.query(name).map(str::parse::<usize>);
    let size = match number("pageSize") {
        None => PAGE_USUAL,
        Some(Ok(size)) if (1..=100).contains(&size) => size,
        Some(_) => {
            return Err(Refusal::issues(vec![issue(
                "custom",
                "Number must be between 1 and 100",
                &["pageSize"],
            )]));
        }
    };
    let start = number("pageKey").and_then(Result::ok).unwrap_or(0);
    let owned = if network.name == "ethereum-sepolia" { &OWNED[..] } else { &[] };
    let page: Vec<_> = owned.iter().skip(start).take(size).collect();
    let end = start.saturating_add(page.len());
    let next = (end < owned.len() && !page.is_empty()).then(|| end.to_string());
    if call.request.query("groupBy") == Some("collection") {
        let mut groups: Vec<(&str, Vec<Json>)> = Vec::new();
        for nft in page {
            match groups.iter_mut().find(|(contract, _)| *contract == nft.1) {
                Some((_, items)) => items.push(item(network, nft)),
                None => groups.push((nft.1, vec![item(network, nft)])),
            }
        }
        let groups: Vec<Json> = groups
            .into_iter()
            .map(|(contract, nfts)| {
                let about = object! {
                    "name": collection(contract), "contractAddress": contract, "totalCount": nfts.len(),
                };
                object! { "collection": about, "nfts": nfts }
            })
            .collect();
        return Ok(Answer::ok(&object! { "collections": groups }.with_some("pageKey", next)));
    }
    let items: Vec<Json> = page.into_iter().map(|nft| item(network, nft)).collect();
    Ok(Answer::ok(&object! { "items": items }.with_some("pageKey", next).with("totalCount", owned.len())))
}

/// GET /v1/wallet/nfts/{tokenIdentifier}: a CAIP-19 id, or `contract:tokenId` in short.
pub(in super::super) fn detail(daemon: &mut Daemon, call: &Call<'_>) -> Outcome {
    let wallet = daemon.wallet_meant(call, None)?;
    let network = network_asked(call, &wallet)?;
    let wanted = call.path[3].to_ascii_lowercase();
    let found = OWNED.iter().find(|(token_id, contract, standard, ..)| {
        let full = asset_id(network, token_id, contract, standard).to_ascii_lowercase();
        wanted == full
            || wanted == format!("{contract}:{token_id}")
            || wanted == format!("{contract}/{token_id}")
    });
    let nft = found.ok_or_else(|| Refusal::new("NFT_NOT_FOUND"))?;
    let colour = object! { "trait_type": "Colour", "value": nft.4 };
    let json = item(network, nft).with("attributes", vec![colour]);
    Ok(Answer::ok(&json.with("tokenUri", format!("https://nft.example/{}.json", nft.0))))
}
