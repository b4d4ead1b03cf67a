//! The networks of the sandbox and the tokens registered on them.
//!
//! Names, CAIP-2 ids and addresses are facts of WAIaaS 2.15.0 and of the public test networks.

/// A network a wallet can be on.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Network {
    pub(super) name: &'static str,
    pub(super) chain: &'static str,
    pub(super) environment: &'static str,
    pub(super) caip2: &'static str,
    /// The native coin.
    pub(super) coin: Coin,
}

/// A network's native coin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Coin {
    pub(super) symbol: &'static str,
    pub(super) name: &'static str,
    pub(super) decimals: u32,
    /// Registered coin type of SLIP-44.
    pub(super) slip44: u32,
}

/// A token known on [`TOKENS_NETWORK`].
pub(super) struct Token {
    pub(super) address: &'static str,
    pub(super) symbol: &'static str,
    pub(super) name: &'static str,
    pub(super) decimals: u32,
}

const ETHER: Coin = Coin { symbol: "ETH", name: "Ether", decimals: 18, slip44: 60 };
const POL: Coin = Coin { symbol: "POL", name: "POL", decimals: 18, slip44: 966 };
const HYPE: Coin = Coin { symbol: "HYPE", name: "HYPE", decimals: 18, slip44: 2457 };
const SOL: Coin = Coin { symbol: "SOL", name: "Solana", decimals: 9, slip44: 501 };
const XRP: Coin = Coin { symbol: "XRP", name: "XRP", decimals: 6, slip44: 144 };

const fn network(
    name: &'static str,
    chain: &'static str,
    environment: &'static str,
    caip2: &'static str,
    coin: Coin,
) -> Network {
    Network { name, chain, environment, caip2, coin }
}

/// All networks. Those of one chain and environment stand in the order the daemon lists them.
pub(super) const NETWORKS: [Network; 18] = [
    network("ethereum-mainnet", "ethereum", "mainnet", "eip155:1", ETHER),
    network("ethereum-sepolia", "ethereum", "testnet", "eip155:11155111", ETHER),
    network("polygon-mainnet", "ethereum", "mainnet", "eip155:137", POL),
    network("polygon-amoy", "ethereum", "testnet", "eip155:80002", POL),
    network("arbitrum-mainnet", "ethereum", "mainnet", "eip155:42161", ETHER),
    network("arbitrum-sepolia", "ethereum", "testnet", "eip155:421614", ETHER),
    network("optimism-mainnet", "ethereum", "mainnet", "eip155:10", ETHER),
    network("optimism-sepolia", "ethereum", "testnet", "eip155:11155420", ETHER),
    network("base-mainnet", "ethereum", "mainnet", "eip155:8453", ETHER),
    network("base-sepolia", "ethereum", "testnet", "eip155:84532", ETHER),
    network("hyperevm-mainnet", "ethereum", "mainnet", "eip155:999", HYPE),
    network("hyperevm-testnet", "ethereum", "testnet", "eip155:998", HYPE),
    network("solana-mainnet", "solana", "mainnet", "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp", SOL),
    network("solana-devnet", "solana", "testnet", "solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1", SOL),
    network("solana-testnet", "solana", "testnet", "solana:4uhcVJyU9pJkvQyS88uRDiswHXSCkY3z", SOL),
    network("xrpl-mainnet", "ripple", "mainnet", "xrpl:0", XRP),
    network("xrpl-testnet", "ripple", "testnet", "xrpl:1", XRP),
    network("xrpl-devnet", "ripple", "testnet", "xrpl:2", XRP),
];

/// The one network with registered tokens.
pub(super) const TOKENS_NETWORK: &str = "ethereum-sepolia";

const fn token(symbol: &'static str, name: &'static str, decimals: u32, address: &'static str) -> Token {
    Token { address, symbol, name, decimals }
}

/// The tokens the daemon ships for [`TOKENS_NETWORK`].
pub(super) const TOKENS: [Token; 11] = [
    token("AAVE", "Aave Token", 18, "0x88541670E55cC00bEEFD87eB59EDd1b7C511AC9a"),
    token("DAI", "Dai Stablecoin", 18, "0xFF34B3d4Aee8ddCd6F9AFFFB6Fe49bD371b8a357"),
    token("EURS", "EURS Stablecoin", 2, "0x6d906e526a4e2Ca02097BA9d0caA3c382F52278E"),
    token("GHO", "Gho Token", 18, "0xc4bF5CbDaBE595361438F8c6a187bDc330539c60"),
    token("LINK", "Chainlink", 18, "0x779877A7B0D9E8603169DdbD7836e478b4624789"),
    token("PIM", "Pimlico Test Token", 6, "0xFC3e86566895Fb007c6A0d3809eb2827DF94F751"),
    token("UNI", "Uniswap", 18, "0x1f9840a85d5aF5bf1D1762F925BDADdC4201F984"),
    token("USDC", "USD Coin", 6, "0x1c7D4B196Cb0C7B01d743Fbc6116a902379C7238"),
    token("USDT", "Tether USD", 6, "0xaA8E23Fb1079EA71e0a56F48a2aA51851D8433D0"),
    token("WBTC", "Wrapped Bitcoin", 8, "0x29f2D40B0605204364af54EC677bD022dA425d03"),
    token("WETH", "Wrapped Ether", 18, "0x7b79995e5f793A07Bc00c21412e50Ecae098E7f9"),
];

impl Network {
    /// The CAIP-19 id of the native coin.
    pub(super) fn native_asset_id(&self) -> String {
        format!("{}/slip44:{}", self.caip2, self.coin.slip44)
    }

    /// The CAIP-19 id of a token; of EVM tokens the address is in lower case.
    pub(super) fn token_asset_id(&self, address: &str) -> String {
        if self.chain == "solana" {
            format!("{}/token:{address}", self.caip2)
        } else {
            format!("{}/erc20:{}", self.caip2, address.to_ascii_lowercase())
        }
    }
}

/// A network by the daemon's own name.
pub(super) fn named(name: &str) -> Option<&'static Network> {
    NETWORKS.iter().find(|network| network.name == name)
}

/// The networks a wallet of this chain and environment may use.
pub(super) fn available(chain: &str, environment: &str) -> impl Iterator<Item = &'static Network> {
    NETWORKS.iter().filter(move |network| network.chain == chain && network.environment == environment)
}

/// A registered token by its address, in any case.
pub(super) fn token_at(network: &Network, address: &str) -> Option<&'static Token> {
    TOKENS.iter().find(|token| network.name == TOKENS_NETWORK && token.address.eq_ignore_ascii_case(address))
}
