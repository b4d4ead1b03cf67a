//! Wallets: which one a request is about, and what they are.
//! The rule of the wallet id (body, query, the only one) and that of the network live here and nowhere else.

use serde_json::Value;

use super::super::chain::Wallet;
use super::super::ids::is_uuid;
use super::super::json::{Json, object};
use super::super::networks::{Network, available};
use super::super::refusals::*;
use super::super::routes::{Answer, Call, Daemon};

type Outcome = Result<Answer, Refusal>;

/// Networks on which the sandbox's smart-account factory is deployed.
const FACTORY_NETWORKS: [&str; 10] = [
    "ethereum-mainnet",
    "ethereum-sepolia",
    "base-mainnet",
    "base-sepolia",
    "polygon-mainnet",
    "polygon-amoy",
    "arbitrum-mainnet",
    "arbitrum-sepolia",
    "optimism-mainnet",
    "optimism-sepolia",
];

/// The factory of smart accounts.
pub(in super::super) const FACTORY: &str = "0x91E60e0613810449d098b0b5Ec8b51A0FE8c8985";

impl Daemon {
    /// The wallet a request means: `walletId` in the body, else in the query, else the session's only one.
    pub(in super::super) fn wallet_meant(
        &self,
        call: &Call<'_>,
        body: Option<&Value>,
    ) -> Result<Wallet, Refusal> {
        let in_body = body.and_then(|body| body.get("walletId")).and_then(Value::as_str);
        self.wallet_of_session(call, in_body.or_else(|| call.request.query("walletId")))
    }

    /// The same on the few routes that take `wallet_id` in the query as well.
    pub(in super::super) fn wallet_meant_either(&self, call: &Call<'_>) -> Result<Wallet, Refusal> {
        let given = call.request.query("wallet_id").or_else(|| call.request.query("walletId"));
        self.wallet_of_session(call, given)
    }

    fn wallet_of_session(&self, call: &Call<'_>, given: Option<&str>) -> Result<Wallet, Refusal> {
        let held = &self.ledger.sessions[call.session()?].terms.wallets;
        let id = match (given, &held[..]) {
            (Some(given), held) => {
                let found = held.iter().find(|id| id.eq_ignore_ascii_case(given));
                found.ok_or_else(|| Refusal::new("WALLET_ACCESS_DENIED"))?
            }
            (None, [only]) => only,
            (None, several) => {
                let message = format!("Session has {} wallets \u{2014} specify walletId", several.len());
                return Err(Refusal::new("WALLET_ID_REQUIRED").saying(message));
            }
        };
        self.chain.wallet(id).cloned().ok_or_else(|| Refusal::new(WALLET_NOT_FOUND))
    }

    /// The wallet in the path, which must be one of the session's. `member` is the path parameter's name, and
    /// none on the routes that do not look at its form.
    pub(in super::super) fn wallet_in_path(
        &self,
        call: &Call<'_>,
        member: Option<&str>,
    ) -> Result<Wallet, Refusal> {
        let id = call.path.get(2).copied().unwrap_or("");
        match member {
            Some(member) if !is_uuid(id) => return Err(not_a_uuid(member)),
            _ => {}
        }
        let wallet =
            self.chain.wallet(&id.to_ascii_lowercase()).ok_or_else(|| Refusal::new(WALLET_NOT_FOUND))?;
        if call.caller.is_some() {
            let held = &self.ledger.sessions[call.session()?].terms.wallets;
            if !held.contains(&wallet.id) {
                return Err(Refusal::new("WALLET_ACCESS_DENIED"));
            }
        }
        Ok(wallet.clone())
    }
}

/// The network a query names: the daemon's own names only. None = none named and the chain has no default.
pub(in super::super) fn network_named(
    wallet: &Wallet,
    given: Option<&str>,
) -> Result<Option<&'static Network>, Refusal> {
    let mut choices = available(wallet.chain, wallet.environment);
    let Some(given) = given.filter(|given| !given.is_empty()) else {
        return Ok(choices.next().filter(|network| network.chain == "solana"));
    };
    match choices.find(|network| network.name == given) {
        Some(network) => Ok(Some(network)),
        None => Err(network_mismatch(wallet, given)),
    }
}

/// The same where a network is needed.
pub(in super::super) fn network_required(
    wallet: &Wallet,
    given: Option<&str>,
) -> Result<&'static Network, Refusal> {
    network_named(wallet, given)?.ok_or_else(|| {
        let message = format!("Network query parameter is required for {} wallets", wallet.chain);
        Refusal::new("NETWORK_REQUIRED").saying(message)
    })
}

/// The refusal of a network that is not one of the wallet's.
pub(in super::super) fn network_mismatch(wallet: &Wallet, given: &str) -> Refusal {
    let Wallet { chain, environment, .. } = wallet;
    let valid: Vec<&str> = available(chain, environment).map(|network| network.name).collect();
    Refusal::new("ENVIRONMENT_NETWORK_MISMATCH").saying(format!(
        "Invalid network '{given}' for chain '{chain}' in environment '{environment}'. Valid: {}",
        valid.join(", ")
    ))
}

/// What the daemon calls the wallet's network when none is named.
pub(in super::super) fn usual_network(wallet: &Wallet) -> &'static str {
    match wallet.chain {
        "solana" => {
            available("solana", wallet.environment).next().map_or("solana-mainnet", |network| network.name)
        }
        "ripple" => "ripple",
        _ => "ethereum",
    }
}

/// The wallet's owner state.
pub(in super::super) fn owner_state(wallet: &Wallet) -> &'static str {
    if wallet.owner.is_some() { "GRACE" } else { "NONE" }
}

/// `eoa` or `smart`.
pub(in super::super) fn account_type(wallet: &Wallet) -> &'static str {
    if wallet.signer.is_some() { "smart" } else { "eoa" }
}

fn status(wallet: &Wallet) -> &'static str {
    if wallet.suspended_at.is_some() { "SUSPENDED" } else { "ACTIVE" }
}

/// GET /v1/wallets: the session's wallets, or all of them with the master password.
pub(in super::super) fn list(daemon: &mut Daemon, call: &Call<'_>) -> Outcome {
    let held = match &call.caller {
        Some(caller) => Some(&daemon.ledger.sessions[caller.session].terms.wallets),
        None => None,
    };
    let shown =
        daemon.chain.wallets.iter().filter(|wallet| held.is_none_or(|held| held.contains(&wallet.id)));
    let items: Vec<Json> = shown.map(item).collect();
    Ok(Answer::ok(&object! { "items": items }))
}

fn item(wallet: &Wallet) -> Json {
    object! {
        "id": &wallet.id, "name": &wallet.name, "chain": wallet.chain, "network": usual_network(wallet),
        "environment": wallet.environment, "publicKey": &wallet.address, "status": status(wallet),
        "ownerAddress": wallet.owner, "ownerState": owner_state(wallet), "monitorIncoming": false,
        "accountType": account_type(wallet), "signerKey": wallet.signer, "deployed": wallet.signer.is_none(),
        "factoryAddress": wallet.signer.map(|_| FACTORY), "provider": Json::Null, "createdAt": wallet.created_at,
    }
}

/// GET /v1/wallets/{id}
pub(in super::super) fn detail(daemon: &mut Daemon, call: &Call<'_>) -> Outcome {
    let wallet = daemon.wallet_in_path(call, Some("id"))?;
    let smart = wallet.signer.is_some();
    Ok(Answer::ok(&object! {
        "id": &wallet.id, "name": &wallet.name, "chain": wallet.chain, "network": usual_network(&wallet),
        "environment": wallet.environment, "publicKey": &wallet.address, "status": status(&wallet),
        "ownerAddress": wallet.owner, "ownerVerified": false, "ownerState": owner_state(&wallet),
        "approvalMethod": Json::Null, "walletType": Json::Null, "accountType": account_type(&wallet),
        "signerKey": wallet.signer, "deployed": !smart, "factoryAddress": smart.then_some(FACTORY),
        "factorySupportedNetworks": smart.then(|| FACTORY_NETWORKS.to_vec()),
        "factoryVerifiedOnNetwork": Json::Null, "provider": Json::Null,
        "suspendedAt": wallet.suspended_at, "suspensionReason": wallet.suspended_at.map(|_| "kill switch"),
        "createdAt": wallet.created_at, "updatedAt": wallet.created_at,
    }))
}

/// GET /v1/wallets/{id}/networks
pub(in super::super) fn networks(daemon: &mut Daemon, call: &Call<'_>) -> Outcome {
    let wallet = daemon.wallet_in_path(call, Some("id"))?;
    let names: Vec<Json> = available(wallet.chain, wallet.environment)
        .map(|network| object! { "network": network.name })
        .collect();
    Ok(Answer::ok(&object! {
        "id": &wallet.id, "chain": wallet.chain, "environment": wallet.environment, "availableNetworks": names,
    }))
}

/// GET /v1/wallet/address
pub(in super::super) fn address(daemon: &mut Daemon, call: &Call<'_>) -> Outcome {
    let wallet = daemon.wallet_meant(call, None)?;
    Ok(Answer::ok(&object! {
        "walletId": &wallet.id, "chain": wallet.chain, "network": usual_network(&wallet),
        "environment": wallet.environment, "address": &wallet.address,
    }))
}

/// POST /v1/wallets: a new wallet comes with an unlimited session.
pub(in super::super) fn create(daemon: &mut Daemon, call: &Call<'_>) -> Outcome {
    let body = call.request.json()?;
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let Some(name) = text("name").filter(|name| !name.is_empty()) else {
        return Err(Refusal::issues(vec![invalid_type("string", "undefined", &["name"])]));
    };
    let chain = match text("chain").unwrap_or("ethereum") {
        "ethereum" => "ethereum",
        "solana" => "solana",
        _ => {
            return Err(Refusal::issues(vec![issue("invalid_enum_value", "Invalid enum value", &["chain"])]));
        }
    };
    let environment = if text("environment") == Some("mainnet") { "mainnet" } else { "testnet" };
    let wallet = daemon.chain.add_wallet(name, chain, environment, &mut daemon.ids, call.now);
    let network = available(chain, environment).next().map(|network| network.name);
    let terms = super::operator::unlimited(vec![wallet.id.clone()]);
    let issued = daemon.ledger.create(terms, &mut daemon.ids, call.now);
    let session = object! {
        "id": &daemon.ledger.sessions[issued.session].id, "token": issued.token, "expiresAt": 0_i64,
    };
    Ok(Answer::created(&object! {
        "id": &wallet.id, "name": &wallet.name, "chain": wallet.chain, "network": network,
        "environment": wallet.environment, "publicKey": &wallet.address, "status": "ACTIVE",
        "ownerAddress": wallet.owner, "ownerState": owner_state(&wallet), "monitorIncoming": false,
        "accountType": account_type(&wallet), "signerKey": wallet.signer, "deployed": true,
        "provider": Json::Null, "createdAt": wallet.created_at, "session": session,
    }))
}
