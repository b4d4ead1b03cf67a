//! The session's only wallet, for routes that have a wallet in their path and calls that name none.
//!
//! Used by the tasks of calls. The daemon finds the wallet by itself everywhere else. Each call asks anew, which is one
//! short request to a daemon nearby: the operator may add a second wallet to the session at any time, and a remembered
//! answer would then choose between the two. If there are several, the call has to name one.

use super::call::{Cancelled, Daemon};
use super::composed::{read, unreadable};
use super::render::Failure;
use crate::http::Request;
use crate::ids::WalletId;
use crate::wallet::connected::{self, WalletIdRequired};

/// The daemon's code for a wallet that the session may not use (403).
const FOREIGN_WALLET: &str = "WALLET_ACCESS_DENIED";

/// Does `work` with the session's only wallet. If the session was replaced on the way, and the new one may not use that
/// wallet, once more with its own: what was refused for that reason has done nothing.
pub(super) fn with(
    daemon: &Daemon,
    cancelled: &Cancelled,
    work: impl Fn(&WalletId) -> Result<String, Failure>,
) -> Result<String, Failure> {
    let wallet_id = find(daemon, cancelled)?;
    let before = session_id(daemon);
    let result = work(&wallet_id);
    match &result {
        Err(failure) if failure.code == FOREIGN_WALLET && session_id(daemon) != before => {
            work(&find(daemon, cancelled)?)
        }
        _ => result,
    }
}

fn session_id(daemon: &Daemon) -> Option<String> {
    daemon.session.current().session.map(|session| session.id().to_owned())
}

/// The id of the session's only wallet.
fn find(daemon: &Daemon, cancelled: &Cancelled) -> Result<WalletId, Failure> {
    let overview = read(&Request::get("/v1/connect-info"), daemon, cancelled)?;
    let wallets = connected::wallets(&overview).ok_or_else(unreadable)?;
    connected::only(wallets)
        .map_err(|error| Failure::own(WalletIdRequired::CODE, &error.to_string(), false, None))
}
