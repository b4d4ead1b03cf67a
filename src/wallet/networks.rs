//! The daemon's networks under their three names: its own, CAIP-2, and the former Solana ones.
//!
//! Used by the binding, so that every tool takes all of them, and by the asset resolver. Pure. Refuses to guess:
//! a name it does not know goes through untouched, for the daemon to answer.

/// The daemon's name and the CAIP-2 identifier, in the daemon's order.
const NETWORKS: [(&str, &str); 18] = [
    ("ethereum-mainnet", "eip155:1"),
    ("polygon-mainnet", "eip155:137"),
    ("arbitrum-mainnet", "eip155:42161"),
    ("optimism-mainnet", "eip155:10"),
    ("base-mainnet", "eip155:8453"),
    ("hyperevm-mainnet", "eip155:999"),
    ("ethereum-sepolia", "eip155:11155111"),
    ("polygon-amoy", "eip155:80002"),
    ("arbitrum-sepolia", "eip155:421614"),
    ("optimism-sepolia", "eip155:11155420"),
    ("base-sepolia", "eip155:84532"),
    ("hyperevm-testnet", "eip155:998"),
    ("solana-mainnet", "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"),
    ("solana-devnet", "solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1"),
    ("solana-testnet", "solana:4uhcVJyU9pJkvQyS88uRDiswHXSCkY3z"),
    ("xrpl-mainnet", "xrpl:0"),
    ("xrpl-testnet", "xrpl:1"),
    ("xrpl-devnet", "xrpl:2"),
];

/// Names from the time when Solana was the only chain. The daemon still takes them, in some bodies only.
const FORMER: [(&str, &str); 3] =
    [("mainnet", "solana-mainnet"), ("devnet", "solana-devnet"), ("testnet", "solana-testnet")];

/// The daemon's name of a network given under any of its names; an unknown one stays what it is.
pub fn daemon_name(network: &str) -> &str {
    let former = || FORMER.iter().find(|(name, _)| *name == network).map(|(_, new)| *new);
    from_caip2(network).or_else(former).unwrap_or(network)
}

/// The daemon's name of a network given under any of its names, if it knows the network.
pub fn known(network: &str) -> Option<&str> {
    let name = daemon_name(network);
    to_caip2(name).map(|_| name)
}

/// The daemon's name of a CAIP-2 chain, if it knows the chain.
pub fn from_caip2(chain: &str) -> Option<&'static str> {
    NETWORKS.iter().find(|(_, caip2)| *caip2 == chain).map(|(name, _)| *name)
}

/// The CAIP-2 chain of one of the daemon's networks.
pub fn to_caip2(name: &str) -> Option<&'static str> {
    NETWORKS.iter().find(|(daemon, _)| *daemon == name).map(|(_, caip2)| *caip2)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_network_has_one_name_of_each_kind() {
        let names: BTreeSet<_> = NETWORKS.iter().map(|(name, _)| name).collect();
        let chains: BTreeSet<_> = NETWORKS.iter().map(|(_, chain)| chain).collect();
        assert_eq!((names.len(), chains.len()), (NETWORKS.len(), NETWORKS.len()));
        for (name, chain) in NETWORKS {
            assert_eq!((from_caip2(chain), to_caip2(name)), (Some(name), Some(chain)));
        }
    }

    #[test]
    fn every_name_a_person_may_use_becomes_the_daemons() {
        let table = [
            ("eip155:11155111", "ethereum-sepolia"),
            ("xrpl:2", "xrpl-devnet"),
            ("devnet", "solana-devnet"),
            ("ethereum-sepolia", "ethereum-sepolia"),
            ("all", "all"),
            ("eip155:4", "eip155:4"),
            ("EIP155:1", "EIP155:1"),
            ("", ""),
        ];
        for (given, expected) in table {
            assert_eq!(daemon_name(given), expected, "{given}");
            assert_eq!(known(given), Some(expected).filter(|name| to_caip2(name).is_some()), "{given}");
        }
    }
}
