//! The catalogue: every tool that is known without asking the daemon.
//!
//! Used by the server and by the command line. The rows stand in one file per toolset; this one puts them in
//! the order of listings and holds what rows share. Pure. The tests at the foot walk the whole table and name
//! the guilty row.

use std::sync::LazyLock;

use super::spec::{Kind, Param, ToolSpec, body, query};

mod core;

/// The order of listings: that of the Node program, on which people's habits and clients' caps on the number of
/// tools depend.
const ORDER: [&str; 14] = [
    "connect_info",
    "get_policies",
    "get_tokens",
    "send_token",
    "get_balance",
    "get_address",
    "get_assets",
    "list_transactions",
    "get_transaction",
    "get_wallet_info",
    "list_incoming_transactions",
    "simulate_transaction",
    "sign_message",
    "resolve_asset",
];

/// Made at the first use, which is after the answer to `initialize`.
static TOOLS: LazyLock<Vec<ToolSpec>> = LazyLock::new(|| {
    let mut tools = core::tools();
    tools.sort_by_key(|tool| ORDER.iter().position(|name| *name == tool.name));
    tools
});

/// All tools, in the order of listings.
pub fn tools() -> &'static [ToolSpec] {
    &TOOLS
}

/// The tool of this name.
pub fn find(name: &str) -> Option<&'static ToolSpec> {
    tools().iter().find(|tool| tool.name == name)
}

/// `network`, in the query.
fn query_network() -> Param {
    query("network", Kind::Network)
}

/// `network`, in the body.
fn body_network() -> Param {
    body("network", Kind::Network)
}

/// `wallet_id`, in the query. Published without words: `connect_info` tells what it is.
fn query_wallet() -> Param {
    query("wallet_id", Kind::Wallet).sent_as("walletId")
}

/// `wallet_id`, in the body.
fn body_wallet() -> Param {
    body("wallet_id", Kind::Wallet).sent_as("walletId")
}

/// The currency of converted amounts, in the query.
fn query_currency() -> Param {
    query("display_currency", Kind::Text)
}

/// `gas_condition`. Without any price it is sent all the same: that is for the daemon to refuse.
fn gas_condition() -> Param {
    let members = vec![
        body("max_gas_price", Kind::Text).sent_as("maxGasPrice"),
        body("max_priority_fee", Kind::Text).sent_as("maxPriorityFee"),
        body("timeout", Kind::Number),
    ];
    body("gas_condition", Kind::Object(members)).sent_as("gasCondition")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::http::Method;
    use crate::wallet::spec::{Effect, Place};
    use crate::wallet::toolsets::Toolset;

    #[test]
    fn every_row_has_a_place_in_the_order_and_a_name_of_its_own() {
        let names: Vec<&str> = tools().iter().map(|tool| &*tool.name).collect();
        assert_eq!(names, ORDER);
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "a name occurs twice");
    }

    #[test]
    fn names_are_short_enough_for_every_client() {
        for tool in tools() {
            let good = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            assert!(tool.name.chars().all(good) && tool.name.len() <= 40, "{}", tool.name);
            assert!(!tool.title.is_empty() && !tool.description.is_empty(), "{} says nothing", tool.name);
            assert!(find(&tool.name) == Some(tool), "{} is not found by its name", tool.name);
        }
    }

    #[test]
    fn each_hole_of_a_path_has_exactly_one_parameter() {
        for tool in tools() {
            let mut holes: Vec<&str> = tool.endpoint.path.split(['{', '}']).skip(1).step_by(2).collect();
            let mut params: Vec<&str> =
                tool.params.iter().filter(|p| p.place == Place::Path).map(|p| &*p.field).collect();
            holes.sort_unstable();
            params.sort_unstable();
            assert_eq!(holes, params, "{}", tool.name);
        }
    }

    #[test]
    fn parameters_have_names_of_their_own() {
        for tool in tools() {
            let names: BTreeSet<_> = tool.params.iter().map(|param| &param.name).collect();
            assert_eq!(names.len(), tool.params.len(), "{}", tool.name);
            let fields: BTreeSet<_> =
                tool.params.iter().map(|param| (param.place as u8, &param.field)).collect();
            assert_eq!(fields.len(), tool.params.len(), "{}", tool.name);
        }
    }

    #[test]
    fn a_body_belongs_to_a_request_that_may_have_one() {
        for tool in tools() {
            let has_body = tool.params.iter().any(|param| param.place == Place::Body);
            let may_have = matches!(tool.endpoint.method, Method::Post | Method::Put);
            assert!(may_have || !has_body, "{}", tool.name);
        }
    }

    #[test]
    fn exactly_the_requests_that_change_nothing_are_reads() {
        // POST routes that only compute.
        const READING_POSTS: [&str; 1] = ["simulate_transaction"];
        for tool in tools() {
            let reads = tool.endpoint.method == Method::Get || READING_POSTS.contains(&&*tool.name);
            assert_eq!(tool.effect == Effect::Read, reads, "{}", tool.name);
        }
    }

    #[test]
    fn core_is_small() {
        assert_eq!(tools().iter().filter(|tool| tool.toolset == Toolset::Core).count(), 14);
    }
}
