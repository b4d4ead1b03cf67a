//! The resources, as data, and where the text of each comes from.
//!
//! Used by the server. Refuses to know how a text is sent.

use crate::http::{Request, percent_encoded};
use crate::json::with_members;
use crate::mcp::types::{CallToolResult, Resource};

use super::call::{Cancelled, Daemon};
use super::composed::health;
use super::render;

/// The state of the session, which changes by itself.
pub const SESSION_STATUS: &str = "waiaas://session/status";
/// The daemon's health, with the same state.
pub const SYSTEM_STATUS: &str = "waiaas://system/status";
const WALLET_BALANCE: &str = "waiaas://wallet/balance";
const WALLET_ADDRESS: &str = "waiaas://wallet/address";

const JSON: &str = "application/json";

/// All of them, in the order of the list.
pub const RESOURCES: [Resource; 4] = [
    Resource {
        uri: WALLET_BALANCE,
        name: "Wallet Balance",
        title: "Wallet balance",
        description: "Native balance on every network of the wallet",
        mime_type: JSON,
    },
    Resource {
        uri: WALLET_ADDRESS,
        name: "Wallet Address",
        title: "Wallet address",
        description: "Public address of the wallet",
        mime_type: JSON,
    },
    Resource {
        uri: SYSTEM_STATUS,
        name: "System Status",
        title: "System status",
        description: "Health of the WAIaaS daemon, and the state of the session",
        mime_type: JSON,
    },
    Resource {
        uri: SESSION_STATUS,
        name: "Session Status",
        title: "Session status",
        description: "State of the session token, until when it holds, when it is renewed",
        mime_type: JSON,
    },
];

/// The resource of this URI.
pub fn find(uri: &str) -> Option<&'static Resource> {
    RESOURCES.iter().find(|resource| resource.uri == uri)
}

/// The text of a resource. Blocks.
pub fn read(resource: &Resource, daemon: &Daemon, cancelled: &Cancelled) -> CallToolResult {
    match resource.uri {
        SYSTEM_STATUS => system_status(daemon, cancelled),
        SESSION_STATUS => CallToolResult::text(daemon.session.settled_status().to_json()),
        uri => {
            let outcome = daemon.perform(&request(uri, daemon.wallet_id.as_deref()), cancelled);
            render::tool_result(outcome, true)
        }
    }
}

/// The daemon's health, or what is said instead, with the state of the session as its last member.
fn system_status(daemon: &Daemon, cancelled: &Cancelled) -> CallToolResult {
    let health = health(daemon, cancelled);
    let session = format!(r#"{{"session":{}}}"#, daemon.session.settled_status().to_json());
    let is_object = health.text.trim_start().starts_with('{');
    let text = if is_object { with_members(&health.text, &session) } else { session };
    CallToolResult { text, is_error: health.is_error }
}

fn request(uri: &str, wallet_id: Option<&str>) -> Request {
    let mut target = match uri {
        // EVM wallets must name a network; a resource cannot, so it shows all.
        WALLET_BALANCE => "/v1/wallet/balance?network=all".to_owned(),
        _ => "/v1/wallet/address".to_owned(),
    };
    if let Some(id) = wallet_id {
        target.push(if target.contains('?') { '&' } else { '?' });
        target.push_str("walletId=");
        target.push_str(&percent_encoded(id));
    }
    Request::get(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_resource_is_found_by_its_own_uri() {
        for resource in &RESOURCES {
            assert_eq!(find(resource.uri), Some(resource));
        }
        assert_eq!(find("waiaas://wallet"), None);
    }

    #[test]
    fn requests_name_the_configured_wallet_and_every_network() {
        let table = [
            (WALLET_BALANCE, None, "/v1/wallet/balance?network=all"),
            (WALLET_BALANCE, Some("w"), "/v1/wallet/balance?network=all&walletId=w"),
            (WALLET_ADDRESS, None, "/v1/wallet/address"),
            (WALLET_ADDRESS, Some("w"), "/v1/wallet/address?walletId=w"),
        ];
        for (uri, wallet_id, target) in table {
            assert_eq!(request(uri, wallet_id), Request::get(target));
        }
    }
}
