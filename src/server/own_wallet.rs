//! The session's only wallet, for routes that have a wallet in their path and calls that name none.
//!
//! Used by the tasks of calls. The daemon finds the wallet by itself everywhere else. Asked for once per session.
//! Refuses to choose among several.

use parking_lot::Mutex;

use super::call::{Cancelled, Daemon};
use super::composed::{read, unreadable};
use super::render::Failure;
use crate::http::Request;
use crate::ids::WalletId;
use crate::wallet::connected::{self, WalletIdRequired};

/// The daemon's code for a wallet that the session may not use (403).
const FOREIGN_WALLET: &str = "WALLET_ACCESS_DENIED";

/// What was found, and for which session.
#[derive(Default, Debug)]
pub struct OwnWallet(Mutex<Option<Found>>);

#[derive(Debug)]
struct Found {
    session_id: String,
    wallet_id: WalletId,
}

impl OwnWallet {
    fn of(&self, session_id: &str) -> Option<WalletId> {
        let found = self.0.lock();
        found.as_ref().filter(|found| found.session_id == session_id).map(|found| found.wallet_id.clone())
    }

    fn remember(&self, session_id: String, wallet_id: WalletId) {
        *self.0.lock() = Some(Found { session_id, wallet_id });
    }
}

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

/// The id of the session's only wallet. May ask the daemon.
fn find(daemon: &Daemon, cancelled: &Cancelled) -> Result<WalletId, Failure> {
    let session_id = || session_id(daemon);
    if let Some(known) = session_id().and_then(|id| daemon.own_wallet.of(&id)) {
        return Ok(known);
    }
    let before = session_id();
    let overview = read(&Request::get("/v1/connect-info"), daemon, cancelled)?;
    let wallets = connected::wallets(&overview).ok_or_else(unreadable)?;
    let wallet_id = connected::only(wallets)
        .map_err(|error| Failure::own(WalletIdRequired::CODE, &error.to_string(), false, None))?;
    // A token that was replaced meanwhile may belong to another session: nothing is remembered then.
    if let Some(session_id) = session_id().filter(|after| before.as_ref() == Some(after)) {
        daemon.own_wallet.remember(session_id, wallet_id.clone());
    }
    Ok(wallet_id)
}
