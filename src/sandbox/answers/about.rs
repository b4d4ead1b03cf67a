//! What the daemon says of itself: health, nonce, skills, connect-info, policies.
//! The texts are the sandbox's own.

use super::super::chain::{TRADING_BOT, Wallet};
use super::super::digests::{hex, sha256};
use super::super::json::{Json, object};
use super::super::networks::{NETWORKS, available};
use super::super::refusals::*;
use super::super::routes::{Answer, Call, Daemon};
use super::wallets::{account_type, owner_state};

type Outcome = Result<Answer, Refusal>;

/// The version imitated.
pub(in super::super) const VERSION: &str = "2.15.0";

/// How long a nonce is good, in seconds.
const NONCE_LIFE_S: i64 = 300;

const CAPABILITIES: [&str; 10] = [
    "transfer",
    "token_transfer",
    "balance",
    "assets",
    "x402",
    "dcent_swap",
    "hyperliquid",
    "polymarket",
    "across_bridge",
    "external_actions",
];

/// The skills the daemon ships; `admin` is an allowed name without a file.
const SKILLS: [(&str, &str); 6] = [
    ("quickstart", include_str!("../data/skills/quickstart.md")),
    ("wallet", include_str!("../data/skills/wallet.md")),
    ("transactions", include_str!("../data/skills/transactions.md")),
    ("policies", include_str!("../data/skills/policies.md")),
    ("actions", include_str!("../data/skills/actions.md")),
    ("x402", include_str!("../data/skills/x402.md")),
];

/// A policy: wallet, type, rules as JSON, priority.
type Policy = (&'static str, &'static str, &'static str, i64);

/// The rules of the trading bot. `sending` follows them.
pub(in super::super) const POLICIES: [Policy; 2] = [
    (
        TRADING_BOT,
        "SPENDING_LIMIT",
        r#"{"instant_max":"100000000000000000","notify_max":"500000000000000000","delay_max":"1000000000000000000","delay_seconds":300}"#,
        10,
    ),
    (
        TRADING_BOT,
        "ALLOWED_TOKENS",
        r#"{"tokens":[{"address":"0x779877A7B0D9E8603169DdbD7836e478b4624789"},{"address":"0x1c7D4B196Cb0C7B01d743Fbc6116a902379C7238"}]}"#,
        5,
    ),
];

/// Ids of the policies, in their order.
const POLICY_IDS: [&str; 2] =
    ["01a1f2c5-0000-7aaa-8000-000000000001", "01a1f2c5-0000-7aaa-8000-000000000002"];

/// GET /health
pub(in super::super) fn health(daemon: &mut Daemon, call: &Call<'_>) -> Outcome {
    let now = call.now.seconds();
    Ok(Answer::ok(&object! {
        "status": "ok", "version": VERSION, "latestVersion": Json::Null, "updateAvailable": false,
        "schemaVersion": 62_i64, "uptime": now.saturating_sub(daemon.started.seconds()).max(0), "timestamp": now,
    }))
}

/// What the daemon's own document names, a path a line with its methods. Hyperliquid's and Polymarket's are left out
/// there.
const DOCUMENTED: &str = include_str!("../data/documented-routes.txt");

/// GET /doc: the paths and methods of the daemon's OpenAPI document, without what they take and give.
pub(in super::super) fn document(_: &mut Daemon, _: &Call<'_>) -> Outcome {
    let paths = DOCUMENTED.lines().filter_map(|line| {
        let (path, methods) = line.split_once(' ')?;
        let methods = methods.split(' ').map(|method| (method.to_ascii_lowercase().into(), object! {}));
        Some((path.to_owned().into(), Json::Object(methods.collect())))
    });
    let info = object! { "title": "WAIaaS API", "version": VERSION };
    Ok(Answer::ok(&object! { "openapi": "3.0.0", "info": info, "paths": Json::Object(paths.collect()) }))
}

/// GET /v1/nonce
pub(in super::super) fn nonce(daemon: &mut Daemon, call: &Call<'_>) -> Outcome {
    let nonce = hex(&sha256(&daemon.ids.bits().to_be_bytes()));
    Ok(Answer::ok(&object! { "nonce": nonce, "expiresAt": call.now.seconds().saturating_add(NONCE_LIFE_S) }))
}

/// GET /v1/skills/{name}
pub(in super::super) fn skill(_: &mut Daemon, call: &Call<'_>) -> Outcome {
    let name = call.path[2];
    match SKILLS.iter().find(|(known, _)| *known == name) {
        Some((name, content)) => Ok(Answer::ok(&object! { "name": *name, "content": *content })),
        None => Err(Refusal::new("SKILL_NOT_FOUND").saying(format!("Skill '{name}' not found"))),
    }
}

/// GET /v1/policies
pub(in super::super) fn policies(daemon: &mut Daemon, call: &Call<'_>) -> Outcome {
    let wallet = match (&call.caller, call.request.query("walletId")) {
        (Some(_), Some(_)) => Some(daemon.wallet_meant(call, None)?.id),
        (None, Some(id)) => Some(id.to_owned()),
        (_, None) => None,
    };
    let number = |name: &str, usual: usize| {
        call.request.query(name).and_then(|value| value.parse().ok()).unwrap_or(usual)
    };
    let (limit, offset) = (number("limit", 50), number("offset", 0));
    if !(1..=200).contains(&limit) {
        let one = if limit == 0 { too_small(1, "limit") } else { too_big(200, "limit") };
        return Err(Refusal::issues(vec![one]));
    }
    let held = call.caller.as_ref().map(|caller| &daemon.ledger.sessions[caller.session].terms.wallets);
    let created_at = daemon.chain.wallet(TRADING_BOT).map_or(0, |wallet| wallet.created_at);
    let shown: Vec<Json> = POLICIES
        .iter()
        .zip(POLICY_IDS)
        .filter(|((of, ..), _)| held.is_none_or(|held| held.iter().any(|id| id == of)))
        .filter(|((of, ..), _)| wallet.as_ref().is_none_or(|wallet| wallet == of))
        .map(|((of, kind, rules, priority), id)| {
            object! {
                "id": id, "walletId": *of, "type": *kind, "rules": Json::Raw((*rules).to_owned()),
                "priority": *priority, "enabled": true, "network": Json::Null,
                "createdAt": created_at, "updatedAt": created_at,
            }
        })
        .collect();
    let total = shown.len();
    let page: Vec<Json> = shown.into_iter().skip(offset).take(limit).collect();
    Ok(Answer::ok(&object! { "data": page, "total": total, "limit": limit, "offset": offset }))
}

/// GET /v1/connect-info
pub(in super::super) fn connect_info(daemon: &mut Daemon, call: &Call<'_>) -> Outcome {
    let session = &daemon.ledger.sessions[call.session()?];
    let wallets: Vec<&Wallet> =
        session.terms.wallets.iter().filter_map(|id| daemon.chain.wallet(id)).collect();
    let policies: Vec<(std::borrow::Cow<'static, str>, Json)> =
        wallets.iter().map(|wallet| (wallet.id.clone().into(), policies_of(wallet))).collect();
    let chain_ids: Vec<&str> = NETWORKS.iter().map(|network| network.caip2).collect();
    Ok(Answer::ok(&object! {
        "session": object! {
            "id": &session.id, "expiresAt": session.expires_at, "source": session.terms.source,
        },
        "wallets": wallets.iter().map(|wallet| described(wallet)).collect::<Vec<_>>(),
        "policies": Json::Object(policies),
        "capabilities": CAPABILITIES.to_vec(),
        "defaultDeny": object! {
            "tokenTransfers": true, "contractCalls": true, "tokenApprovals": true, "x402Domains": true,
        },
        "daemon": object! { "version": VERSION, "baseUrl": &daemon.base_url },
        "supportedChainIds": chain_ids,
        "rpcProxy": object! { "enabled": true, "baseUrl": format!("{}/v1/rpc-evm", daemon.base_url) },
        "prompt": prompt(daemon, &wallets),
    }))
}

fn described(wallet: &Wallet) -> Json {
    let networks: Vec<&str> = networks_of(wallet).collect();
    object! {
        "id": &wallet.id, "name": &wallet.name, "chain": wallet.chain, "environment": wallet.environment,
        "address": &wallet.address, "accountType": account_type(wallet), "ownerState": owner_state(wallet),
        "availableNetworks": networks, "provider": Json::Null,
    }
}

fn policies_of(wallet: &Wallet) -> Json {
    let own = POLICIES.iter().filter(|(of, ..)| *of == wallet.id);
    let own: Vec<Json> = own
        .map(|(_, kind, rules, priority)| {
            object! {
                "type": *kind, "rules": Json::Raw((*rules).to_owned()), "priority": *priority, "network": Json::Null,
            }
        })
        .collect();
    own.into()
}

fn networks_of(wallet: &Wallet) -> impl Iterator<Item = &'static str> {
    available(wallet.chain, wallet.environment).map(|network| network.name)
}

/// A text for an agent, as the daemon gives one.
fn prompt(daemon: &Daemon, wallets: &[&Wallet]) -> String {
    let mut text = format!(
        "This is the sandbox: it answers like a WAIaaS daemon {VERSION}, and no real funds are behind it.\n\
         Base URL: {}\n\nWallets of this session:\n",
        daemon.base_url
    );
    for wallet in wallets {
        let networks: Vec<&str> = networks_of(wallet).collect();
        text.push_str(&format!(
            "- {} ({}/{})\n  id: {}\n  address: {}\n  networks: {}\n",
            wallet.name,
            wallet.chain,
            wallet.environment,
            wallet.id,
            wallet.address,
            networks.join(", ")
        ));
    }
    text.push_str(include_str!("../data/connect-prompt.txt"));
    text
}
