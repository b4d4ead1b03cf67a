//! What wallets own: balances, assets, positions, and the registered tokens.
//! Balances come from the chain; prices are unknown here, so nothing is worth anything in money.

use super::super::amounts::formatted;
use super::super::chain::Wallet;
use super::super::clock::Moment;
use super::super::json::{Json, object};
use super::super::networks::{Network, TOKENS, TOKENS_NETWORK, available, named, token_at};
use super::super::refusals::*;
use super::super::routes::{Answer, Call, Daemon};
use super::wallets::{network_named, network_required};

type Outcome = Result<Answer, Refusal>;

fn display_currency<'a>(call: &'a Call<'_>) -> &'a str {
    call.request.query("display_currency").filter(|currency| !currency.is_empty()).unwrap_or("USD")
}

/// GET /v1/wallet/balance
pub(in super::super) fn balance(daemon: &mut Daemon, call: &Call<'_>) -> Outcome {
    let wallet = daemon.wallet_meant(call, None)?;
    let own = |network: &Network| daemon.chain.balance(&wallet, network, None, call.now).to_string();
    if call.request.query("network") == Some("all") {
        let balances: Vec<Json> = available(wallet.chain, wallet.environment)
            .map(|network| {
                let balance = own(network);
                object! {
                    "network": network.name, "balance": &balance, "decimals": network.coin.decimals,
                    "symbol": network.coin.symbol,
                    "balanceFormatted": formatted(&balance, network.coin.decimals),
                }
            })
            .collect();
        return Ok(Answer::ok(&object! {
            "walletId": &wallet.id, "chain": wallet.chain, "environment": wallet.environment, "balances": balances,
        }));
    }
    let network = network_required(&wallet, call.request.query("network"))?;
    let balance = own(network);
    Ok(Answer::ok(&object! {
        "walletId": &wallet.id, "chain": wallet.chain, "network": network.name, "address": &wallet.address,
        "balance": &balance, "decimals": network.coin.decimals, "symbol": network.coin.symbol,
        "balanceFormatted": formatted(&balance, network.coin.decimals), "displayBalance": Json::Null,
        "displayCurrency": display_currency(call), "chainId": network.caip2, "assetId": network.native_asset_id(),
    }))
}

/// GET /v1/wallet/assets
pub(in super::super) fn assets(daemon: &mut Daemon, call: &Call<'_>) -> Outcome {
    let wallet = daemon.wallet_meant(call, None)?;
    if call.request.query("network") == Some("all") {
        let all: Vec<Json> = available(wallet.chain, wallet.environment)
            .map(|network| {
                let assets = holdings(daemon, &wallet, network, call.now);
                let assets: Vec<Json> = assets.into_iter().map(|holding| holding.short()).collect();
                object! { "network": network.name, "assets": assets }
            })
            .collect();
        return Ok(Answer::ok(&object! {
            "walletId": &wallet.id, "chain": wallet.chain, "environment": wallet.environment, "networkAssets": all,
        }));
    }
    let network = network_required(&wallet, call.request.query("network"))?;
    let assets = holdings(daemon, &wallet, network, call.now);
    let assets: Vec<Json> = assets.into_iter().map(|holding| holding.full(network)).collect();
    Ok(Answer::ok(&object! {
        "walletId": &wallet.id, "chain": wallet.chain, "network": network.name, "assets": assets,
        "displayCurrency": display_currency(call), "chainId": network.caip2,
    }))
}

/// One asset of a wallet.
struct Holding {
    /// `native`, or the token's address.
    mint: &'static str,
    symbol: &'static str,
    name: &'static str,
    balance: String,
    decimals: u32,
}

impl Holding {
    fn short(&self) -> Json {
        object! {
            "mint": self.mint, "symbol": self.symbol, "name": self.name, "balance": &self.balance,
            "decimals": self.decimals, "isNative": self.is_native(),
            "balanceFormatted": formatted(&self.balance, self.decimals),
        }
    }

    fn full(&self, network: &Network) -> Json {
        let asset_id =
            if self.is_native() { network.native_asset_id() } else { network.token_asset_id(self.mint) };
        object! {
            "mint": self.mint, "symbol": self.symbol, "name": self.name, "balance": &self.balance,
            "decimals": self.decimals, "isNative": self.is_native(), "displayValue": Json::Null,
            "balanceFormatted": formatted(&self.balance, self.decimals), "network": network.name,
            "chainId": network.caip2, "assetId": asset_id,
        }
    }

    fn is_native(&self) -> bool {
        self.mint == "native"
    }
}

fn holdings(daemon: &Daemon, wallet: &Wallet, network: &'static Network, now: Moment) -> Vec<Holding> {
    let coin = network.coin;
    let balance = |token: Option<&str>| daemon.chain.balance(wallet, network, token, now).to_string();
    let native = Holding {
        mint: "native",
        symbol: coin.symbol,
        name: coin.name,
        balance: balance(None),
        decimals: coin.decimals,
    };
    let tokens = wallet.token_addresses().filter_map(|address| token_at(network, address));
    let tokens = tokens.map(|token| Holding {
        mint: token.address,
        symbol: token.symbol,
        name: token.name,
        balance: balance(Some(token.address)),
        decimals: token.decimals,
    });
    std::iter::once(native).chain(tokens).collect()
}

/// GET /v1/tokens: the daemon's own names of EVM and XRPL networks only.
pub(in super::super) fn tokens(_: &mut Daemon, call: &Call<'_>) -> Outcome {
    let Some(given) = call.request.query("network") else {
        return Err(Refusal::issues(vec![invalid_type("string", "undefined", &["network"])]));
    };
    let network = named(given).filter(|network| network.chain != "solana").ok_or_else(|| {
        let message = format!("Invalid network '{given}'");
        Refusal::issues(vec![issue("custom", &message, &["network"])])
    })?;
    let known = TOKENS.iter().filter(|_| network.name == TOKENS_NETWORK);
    let tokens: Vec<Json> = known
        .map(|token| {
            object! {
                "address": token.address, "symbol": token.symbol, "name": token.name, "decimals": token.decimals,
                "source": "builtin", "assetId": network.token_asset_id(token.address), "chainId": network.caip2,
            }
        })
        .collect();
    Ok(Answer::ok(&object! { "network": network.name, "tokens": tokens }))
}

/// GET /v1/wallet/positions
pub(in super::super) fn positions(daemon: &mut Daemon, call: &Call<'_>) -> Outcome {
    let wallet = daemon.wallet_meant_either(call)?;
    let network = available(wallet.chain, wallet.environment).next();
    let (provider, amount) = match wallet.chain {
        "solana" => ("jito_staking", "400000000"),
        _ => ("lido_staking", "300000000000000000"),
    };
    let position = object! {
        "id": format!("{}-1", wallet.id), "category": "STAKING", "provider": provider, "chain": wallet.chain,
        "network": network.map(|network| network.name), "assetId": network.map(|network| network.native_asset_id()),
        "amount": amount, "amountUsd": Json::Null, "metadata": object! {}, "status": "ACTIVE",
        "openedAt": wallet.created_at, "lastSyncedAt": call.now.seconds(),
        "chainId": network.map(|network| network.caip2),
    };
    Ok(Answer::ok(&object! {
        "walletId": &wallet.id, "positions": vec![position], "totalValueUsd": Json::Null,
    }))
}

/// GET /v1/wallet/staking
pub(in super::super) fn staking(daemon: &mut Daemon, call: &Call<'_>) -> Outcome {
    let wallet = daemon.wallet_meant_either(call)?;
    Ok(Answer::ok(&object! { "walletId": &wallet.id, "positions": Vec::<Json>::new() }))
}

/// GET /v1/wallet/health-factor: nothing is borrowed.
pub(in super::super) fn health_factor(daemon: &mut Daemon, call: &Call<'_>) -> Outcome {
    let wallet = daemon.wallet_meant_either(call)?;
    network_named(&wallet, call.request.query("network"))?;
    Ok(Answer::ok(&object! {
        "walletId": &wallet.id, "factor": Json::Null, "totalCollateralUsd": 0_i64, "totalDebtUsd": 0_i64,
        "currentLtv": 0_i64, "status": "safe",
    }))
}
