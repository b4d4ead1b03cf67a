//! The result of `get_wallet_info`: three answers put together.
//!
//! Used by the task of that tool. Members are copied as the text they came in. Refuses to make up a part that could
//! not be had: it is left out and named.

use std::thread;

use super::{Cancelled, Daemon, Failure, read, unreadable};
use crate::http::Request;
use crate::ids::WalletId;
use crate::json::{self, Object, RawValue, with_members};
use crate::server::call_pool::STACK_BYTES;

/// The code of a part whose answer cannot be read.
const UNREADABLE: &str = "UNREADABLE_ANSWER";

/// The members of the address answer, then `networks`, `accountType`, `signerKey` and `deployed`. A part that could
/// not be had is left out and named in `partial`, never replaced by a default.
pub(super) fn wallet_info(
    request: &Request,
    daemon: &Daemon,
    cancelled: &Cancelled,
) -> Result<String, Failure> {
    let address = read(request, daemon, cancelled)?;
    let [id] = json::members(&address, ["walletId"]).ok_or_else(unreadable)?;
    let id = id.and_then(json::string).and_then(|id| WalletId::parse(&id));
    let (networks, wallet) = match id {
        None => (Err(UNREADABLE.to_owned()), Err(UNREADABLE.to_owned())),
        Some(id) => {
            let networks = Request::get(format!("/v1/wallets/{id}/networks"));
            let wallet = Request::get(format!("/v1/wallets/{id}"));
            together(&networks, &wallet, daemon, cancelled)
        }
    };
    Ok(merged(&address, networks, wallet))
}

/// Both answers, or the codes of what went wrong. Asked at the same time, so that the call takes two round trips.
fn together(
    first: &Request,
    second: &Request,
    daemon: &Daemon,
    cancelled: &Cancelled,
) -> (Result<String, String>, Result<String, String>) {
    let ask = |request: &Request| read(request, daemon, cancelled).map_err(|failure| failure.code);
    thread::scope(|scope| {
        let builder = thread::Builder::new().name("call-part".to_owned()).stack_size(STACK_BYTES);
        let spawned = builder.spawn_scoped(scope, || ask(first));
        let second = ask(second);
        let first = match spawned {
            // A panic there is a panic of this call.
            Ok(thread) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            Err(_) => ask(first),
        };
        (first, second)
    })
}

/// Pure: one object from three answers.
fn merged(address: &str, networks: Result<String, String>, wallet: Result<String, String>) -> String {
    let mut added = Object::new();
    let mut partial = Vec::new();
    match networks.and_then(|body| network_names(&body).ok_or_else(|| UNREADABLE.to_owned())) {
        Ok(names) => {
            added.raw("networks", &json::array_of_strings(names.iter().map(String::as_str)));
        }
        Err(code) => partial.push(code),
    }
    const NAMES: [&str; 3] = ["accountType", "signerKey", "deployed"];
    match wallet.as_deref().map(|body| json::members(body, NAMES)) {
        Ok(Some(values)) => {
            for (name, value) in NAMES.into_iter().zip(values) {
                if let Some(value) = value {
                    added.raw(name, value.get());
                }
            }
        }
        Ok(None) => partial.push(UNREADABLE.to_owned()),
        Err(code) => partial.push(code.clone()),
    }
    if !partial.is_empty() {
        added.raw("partial", &json::array_of_strings(partial.iter().map(String::as_str)));
    }
    with_members(address, &added.finish())
}

/// The names in `availableNetworks`, whose elements are `{"network": name}`; a plain name is taken too.
fn network_names(body: &str) -> Option<Vec<String>> {
    let [networks] = json::members(body, ["availableNetworks"])?;
    let networks: Vec<&RawValue> = serde_json::from_str(networks?.get()).ok()?;
    let name = |element: &RawValue| match json::members(element.get(), ["network"]) {
        Some([name]) => json::string(name?),
        None => json::string(element),
    };
    networks.into_iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: &str = r#"{"walletId":"w","balance":1.10}"#;
    const NETWORKS: &str = r#"{"id":"w","availableNetworks":[{"network":"a"},{"network":"b"}]}"#;
    const WALLET: &str = r#"{"id":"w","signerKey":null,"accountType":"eoa","deployed":true,"more":1}"#;

    #[test]
    fn wallet_info_is_put_together_and_never_made_up() {
        let ok = |text: &str| Ok(text.to_owned());
        let failed = |code: &str| Err(code.to_owned());
        let table = [
            (
                ok(NETWORKS),
                ok(WALLET),
                r#"{"walletId":"w","balance":1.10,"networks":["a","b"],"accountType":"eoa","signerKey":null,"deployed":true}"#,
            ),
            (
                failed("CHAIN_ERROR"),
                ok(WALLET),
                r#"{"walletId":"w","balance":1.10,"accountType":"eoa","signerKey":null,"deployed":true,"partial":["CHAIN_ERROR"]}"#,
            ),
            (
                ok(r#"{"availableNetworks":[{"network":7}]}"#),
                failed("daemon_unavailable"),
                r#"{"walletId":"w","balance":1.10,"partial":["UNREADABLE_ANSWER","daemon_unavailable"]}"#,
            ),
            (
                ok(r#"{"availableNetworks":["a"]}"#),
                ok("[]"),
                r#"{"walletId":"w","balance":1.10,"networks":["a"],"partial":["UNREADABLE_ANSWER"]}"#,
            ),
            (ok(r#"{"availableNetworks":[]}"#), ok("{}"), r#"{"walletId":"w","balance":1.10,"networks":[]}"#),
        ];
        for (networks, wallet, expected) in table {
            assert_eq!(merged(ADDRESS, networks, wallet), expected);
        }
    }
}
