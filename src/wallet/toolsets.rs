//! Groups of tools, and a choice among them.
//!
//! Used by the catalogue, whose rows each belong to one group, by the configuration, which reads a choice, and
//! by the server, which applies it. Pure. Refuses to know which tools exist.

/// A group of tools, switched on and off together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "`about` says it, for people")]
pub enum Toolset {
    Core,
    Transactions,
    Nft,
    Defi,
    SmartAccount,
    WalletConnect,
    AgentIdentity,
    Hyperliquid,
    Polymarket,
    Admin,
    Actions,
}

impl Toolset {
    /// All groups, in the order of listings.
    pub const ALL: [Toolset; 11] = [
        Toolset::Core,
        Toolset::Transactions,
        Toolset::Nft,
        Toolset::Defi,
        Toolset::SmartAccount,
        Toolset::WalletConnect,
        Toolset::AgentIdentity,
        Toolset::Hyperliquid,
        Toolset::Polymarket,
        Toolset::Admin,
        Toolset::Actions,
    ];

    /// The word in `WAIAAS_MCP_TOOLSETS`.
    pub fn name(self) -> &'static str {
        match self {
            Toolset::Core => "core",
            Toolset::Transactions => "transactions",
            Toolset::Nft => "nft",
            Toolset::Defi => "defi",
            Toolset::SmartAccount => "smart-account",
            Toolset::WalletConnect => "walletconnect",
            Toolset::AgentIdentity => "agent-identity",
            Toolset::Hyperliquid => "hyperliquid",
            Toolset::Polymarket => "polymarket",
            Toolset::Admin => "admin",
            Toolset::Actions => "actions",
        }
    }

    /// What it is for, in a few words.
    pub fn about(self) -> &'static str {
        match self {
            Toolset::Core => "balances, transfers, transactions, signing a message",
            Toolset::Transactions => {
                "contracts, approvals, batches, foreign transactions, paid HTTP requests"
            }
            Toolset::Nft => "NFTs: list, describe, transfer",
            Toolset::Defi => "DeFi positions and their health",
            Toolset::SmartAccount => "ERC-4337 smart accounts",
            Toolset::WalletConnect => "WalletConnect pairing",
            Toolset::AgentIdentity => "who an agent is (ERC-8004), signed HTTP requests (ERC-8128)",
            Toolset::Hyperliquid => "Hyperliquid: positions, orders, markets",
            Toolset::Polymarket => "Polymarket: positions, orders, markets",
            Toolset::Admin => "what an operator looks at",
            Toolset::Actions => "the actions of the daemon's providers; actions:NAME picks one provider",
        }
    }
}

/// Which tools are wanted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Selection {
    /// `None`: every group.
    picked: Option<Vec<Pick>>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Pick {
    Set(Toolset),
    Provider(String),
}

/// A word that names no group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownToolset(pub String);

impl Selection {
    /// Every tool.
    pub const ALL: Selection = Selection { picked: None };

    /// Reads a comma-separated list of groups, `all`, and `actions:<provider>`.
    ///
    /// # Errors
    /// [`UnknownToolset`] for the first word that is none of these, an empty one included.
    pub fn parse(text: &str) -> Result<Selection, UnknownToolset> {
        let mut picked = Vec::new();
        let mut all = false;
        for word in text.split(',').map(str::trim) {
            let set = Toolset::ALL.into_iter().find(|set| set.name() == word);
            match (set, word.strip_prefix("actions:")) {
                (Some(set), _) => picked.push(Pick::Set(set)),
                (None, Some(provider)) if !provider.is_empty() => {
                    picked.push(Pick::Provider(provider.to_owned()));
                }
                _ if word == "all" => all = true,
                _ => return Err(UnknownToolset(word.to_owned())),
            }
        }
        Ok(Selection { picked: if all { None } else { Some(picked) } })
    }

    /// Whether a tool of this group is wanted. `provider` is set for an action, to the name of its provider.
    pub fn includes(&self, toolset: Toolset, provider: Option<&str>) -> bool {
        self.picked.as_ref().is_none_or(|picked| {
            picked.iter().any(|pick| match pick {
                Pick::Set(set) => *set == toolset,
                Pick::Provider(name) => toolset == Toolset::Actions && provider == Some(name),
            })
        })
    }
}

impl Selection {
    /// Whether anything of this group is wanted.
    pub fn includes_some(&self, toolset: Toolset) -> bool {
        let is_part = |pick: &Pick| matches!(pick, Pick::Provider(_)) && toolset == Toolset::Actions;
        self.includes(toolset, None) || self.picked.iter().flatten().any(is_part)
    }
}

/// What can be written in a choice, for people.
pub fn advice() -> String {
    let names: Vec<&str> = Toolset::ALL.into_iter().map(Toolset::name).collect();
    format!("Write all, or some of {} or actions:PROVIDER, separated by commas.", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_picks_groups_and_single_providers() {
        let names = |text: &str| -> Vec<&'static str> {
            let selection = Selection::parse(text).expect("a good choice");
            let picked = Toolset::ALL.into_iter().filter(|set| selection.includes(*set, Some("jupiter")));
            picked.map(Toolset::name).collect()
        };
        assert_eq!(names("core"), ["core"]);
        assert_eq!(names(" nft , core "), ["core", "nft"]);
        assert_eq!(names("core,actions:jupiter"), ["core", "actions"]);
        assert_eq!(names("core,actions:lido"), ["core"]);
        assert_eq!(names("actions"), ["actions"]);
        assert_eq!(names("core,all").len(), Toolset::ALL.len());
    }

    #[test]
    fn an_unknown_group_is_named() {
        for (text, word) in
            [("core,nfts", "nfts"), ("", ""), ("core,", ""), ("Core", "Core"), ("actions:", "actions:")]
        {
            assert_eq!(Selection::parse(text), Err(UnknownToolset(word.to_owned())));
        }
    }
}
