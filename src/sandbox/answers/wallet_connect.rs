//! WalletConnect: the owner's app pairs by itself a few seconds after it was asked.
//! No relay is spoken to.

use super::super::chain::{Pairing, Wallet};
use super::super::digests::{hex, keccak256};
use super::super::json::{Json, object};
use super::super::networks::available;
use super::super::refusals::*;
use super::super::routes::{Answer, Call, Daemon};

type Outcome = Result<Answer, Refusal>;

/// How long the owner's app takes to accept, in milliseconds.
const ACCEPTED_AFTER_MS: i64 = 2_000;

/// How long a pairing waits to be accepted, in seconds.
const PAIRING_LIFE_S: i64 = 300;

/// How long a session lasts, in seconds.
const SESSION_LIFE_S: i64 = 7 * 86_400;

fn connected<'a>(daemon: &'a Daemon, call: &Call<'_>, wallet: &Wallet) -> Option<&'a Pairing> {
    daemon.chain.pairings.iter().find(|pairing| {
        pairing.wallet_id == wallet.id && call.now.0.saturating_sub(pairing.paired.0) >= ACCEPTED_AFTER_MS
    })
}

/// POST /v1/wallet/wc/pair. The wallet is read from the query only.
pub(in super::super) fn pair(daemon: &mut Daemon, call: &Call<'_>) -> Outcome {
    let wallet = daemon.wallet_meant(call, None)?;
    if wallet.owner.is_none() {
        return Err(Refusal::new("OWNER_NOT_SET"));
    }
    if connected(daemon, call, &wallet).is_some() {
        return Err(Refusal::new("WC_SESSION_EXISTS"));
    }
    let topic = hex(&keccak256(&daemon.ids.bits().to_be_bytes()));
    let key = hex(&keccak256(&daemon.ids.bits().to_be_bytes()));
    daemon.chain.pairings.retain(|pairing| pairing.wallet_id != wallet.id);
    let expires_at = call.now.seconds().saturating_add(PAIRING_LIFE_S);
    let uri = format!("wc:{topic}@2?expiryTimestamp={expires_at}&relay-protocol=irn&symKey={key}");
    daemon.chain.pairings.push(Pairing { wallet_id: wallet.id, topic, paired: call.now });
    // One transparent pixel: what there is to scan is in the link.
    let picture = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";
    Ok(Answer::ok(&object! { "uri": uri, "qrCode": picture, "expiresAt": expires_at }))
}

/// GET /v1/wallet/wc/session
pub(in super::super) fn session(daemon: &mut Daemon, call: &Call<'_>) -> Outcome {
    let wallet = daemon.wallet_meant(call, None)?;
    let Some(pairing) = connected(daemon, call, &wallet) else {
        return Err(Refusal::new("WC_SESSION_NOT_FOUND"));
    };
    let since = pairing.paired.seconds();
    let chain_id = available(wallet.chain, wallet.environment).next().map_or("", |network| network.caip2);
    Ok(Answer::ok(&object! {
        "walletId": &wallet.id, "topic": &pairing.topic, "peerName": "Sandbox Owner App",
        "peerUrl": "https://owner.example", "chainId": chain_id, "ownerAddress": wallet.owner.unwrap_or(""),
        "expiry": since.saturating_add(SESSION_LIFE_S), "createdAt": since,
    }))
}

/// DELETE /v1/wallet/wc/session
pub(in super::super) fn disconnect(daemon: &mut Daemon, call: &Call<'_>) -> Outcome {
    let wallet = daemon.wallet_meant(call, None)?;
    let before = daemon.chain.pairings.len();
    daemon.chain.pairings.retain(|pairing| pairing.wallet_id != wallet.id);
    if daemon.chain.pairings.len() == before {
        return Err(Refusal::new("WC_SESSION_NOT_FOUND"));
    }
    Ok(Answer::ok(&object! { "disconnected": true }))
}
