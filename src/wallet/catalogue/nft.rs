//! The toolset `nft`.
//!
//! Used by the catalogue. Pure data; refuses to know how a row becomes a schema or a request.

use super::{body_network, body_wallet, query_network, query_wallet};
use crate::wallet::spec::{Effect, Kind, Reach, Spelling, ToolSpec, body, get, path, post, query};
use crate::wallet::toolsets::Toolset;

/// The daemon takes its own spelling only; the Node program's is what people know.
const STANDARDS: &[Spelling] = &[
    Spelling { given: "erc721", sent: "ERC-721", published: true },
    Spelling { given: "erc1155", sent: "ERC-1155", published: true },
    Spelling { given: "metaplex", sent: "METAPLEX", published: true },
    Spelling { given: "xls20", sent: "XLS-20", published: false },
    Spelling { given: "ERC-721", sent: "ERC-721", published: false },
    Spelling { given: "ERC-1155", sent: "ERC-1155", published: false },
    Spelling { given: "METAPLEX", sent: "METAPLEX", published: false },
    Spelling { given: "XLS-20", sent: "XLS-20", published: false },
];

pub(super) fn tools() -> Vec<ToolSpec> {
    vec![
        ToolSpec {
            name: "list_nfts".into(),
            title: "NFTs".into(),
            description: "NFTs of a wallet.".into(),
            toolset: Toolset::Nft,
            effect: Effect::Read,
            reach: Reach::World,
            endpoint: get("/v1/wallet/nfts"),
            params: vec![
                query_network().required(),
                query("cursor", Kind::Text).sent_as("pageKey").about("pageKey of the last page"),
                query("limit", Kind::Number).sent_as("pageSize").about("1-100"),
                query("group_by", Kind::Choice(&["collection"])).sent_as("groupBy"),
                query_wallet(),
            ],
        },
        ToolSpec {
            name: "get_nft_metadata".into(),
            title: "NFT metadata".into(),
            description: "Metadata of an NFT of list_nfts.".into(),
            toolset: Toolset::Nft,
            effect: Effect::Read,
            reach: Reach::World,
            endpoint: get("/v1/wallet/nfts/{tokenIdentifier}"),
            params: vec![
                path("token_identifier", Kind::Text).sent_as("tokenIdentifier"),
                query_network().required(),
                query_wallet(),
            ],
        },
        ToolSpec {
            name: "transfer_nft".into(),
            title: "Send an NFT".into(),
            description: "Send an NFT.".into(),
            toolset: Toolset::Nft,
            effect: Effect::Spend,
            reach: Reach::World,
            endpoint: post("/v1/transactions/send").transaction("NFT_TRANSFER"),
            params: vec![
                body("to", Kind::Text).required(),
                body("token_address", Kind::Text).sent_as("token.address").required(),
                body("token_id", Kind::Text).sent_as("token.tokenId").required(),
                body("standard", Kind::Spelled(STANDARDS)).sent_as("token.standard").required(),
                body_network().required(),
                body("amount", Kind::Text),
                body_wallet(),
            ],
        },
    ]
}
