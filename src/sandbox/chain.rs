//! Wallets and what happened to their money: the sandbox's chain.
//!
//! A transaction is written down once, with the course it will take; its status at any time follows from the clock.
//! Pure, like the ledger. Refuses to know requests and answers.

use super::amounts;
use super::clock::Moment;
use super::digests::{hex, keccak256};
use super::ids::Ids;
use super::networks::{Network, named};

/// How long a transaction is PENDING, in milliseconds.
const PENDING_MS: i64 = 1_000;

/// How long it is SUBMITTED before it is CONFIRMED, in milliseconds.
const SUBMITTED_MS: i64 = 2_000;

/// How long it waits for a gas price, in milliseconds.
const GAS_WAIT_MS: i64 = 10_000;

/// What a transfer costs on an EVM chain, in wei (as recorded), and on Solana, in lamports.
pub(super) const EVM_FEE: u128 = 66_528_000_000_000;
pub(super) const SOLANA_FEE: u128 = 5_000;

/// What every wallet owns at the start on each of its networks, in the smallest unit (as recorded).
const EVM_BALANCE: u128 = 2_000_000_000_000_000_000;
const SOLANA_BALANCE: u128 = 1_500_000_000;

/// A wallet.
#[derive(Clone, Debug)]
pub(super) struct Wallet {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) chain: &'static str,
    pub(super) environment: &'static str,
    pub(super) address: String,
    pub(super) owner: Option<&'static str>,
    /// A smart account's signer; none for an ordinary wallet.
    pub(super) signer: Option<&'static str>,
    pub(super) created_at: i64,
    /// When the kill switch suspended it.
    pub(super) suspended_at: Option<i64>,
    /// Tokens owned at the start: address on ethereum-sepolia, amount.
    tokens: &'static [(&'static str, u128)],
}

/// What is moved.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Asset {
    Native,
    Token {
        address: String,
        symbol: String,
        decimals: u32,
    },
    /// A contract call without a value, an NFT: nothing that has an amount.
    None,
}

/// The course a transaction takes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Course {
    /// PENDING, SUBMITTED, CONFIRMED; with its tier.
    Straight(&'static str),
    /// QUEUED for so many seconds, then on.
    Delayed(i64),
    /// GAS_WAITING, then on.
    GasWaiting,
    /// CANCELLED by a policy, which says why.
    Cancelled(String),
    /// FAILED on the chain.
    Failed(String),
    /// Signed only; never sent by the daemon.
    Signed,
}

/// A transaction as it was asked for.
#[derive(Clone, Debug)]
pub(super) struct Transaction {
    pub(super) id: String,
    pub(super) wallet_id: String,
    pub(super) kind: String,
    pub(super) network: &'static Network,
    pub(super) to: Option<String>,
    pub(super) amount: Option<String>,
    pub(super) asset: Asset,
    pub(super) created: Moment,
    pub(super) course: Course,
}

/// An action at a venue: signed and sent there, not a transaction.
#[derive(Clone, Debug)]
pub(super) struct VenueAction {
    pub(super) id: String,
    pub(super) wallet_id: String,
    pub(super) provider: String,
    pub(super) action: String,
    pub(super) created_at: i64,
}

/// A user operation that was built and can be signed once.
#[derive(Clone, Debug)]
pub(super) struct Build {
    pub(super) id: String,
    pub(super) wallet_id: String,
    pub(super) call_data: String,
    pub(super) network: &'static Network,
    pub(super) built_at: Moment,
    pub(super) used: bool,
}

/// A WalletConnect pairing, which the owner's app accepts by itself after a while.
#[derive(Clone, Debug)]
pub(super) struct Pairing {
    pub(super) wallet_id: String,
    pub(super) topic: String,
    pub(super) paired: Moment,
}

/// Something that happened before the start: hours ago, wallet, network, type, amount, course.
type Past = (i64, &'static str, &'static str, &'static str, Option<&'static str>, Course);

/// Everything the wallets did. Newest last.
pub(super) struct Chain {
    /// Balances count from here: what is older is history.
    opened: Moment,
    pub(super) wallets: Vec<Wallet>,
    pub(super) transactions: Vec<Transaction>,
    pub(super) venue_actions: Vec<VenueAction>,
    pub(super) builds: Vec<Build>,
    pub(super) pairings: Vec<Pairing>,
}

/// The wallets that are there from the start.
pub(super) const TRADING_BOT: &str = "01a1f2c4-5b00-7c1e-9d3a-2f6b8e4a7d10";
pub(super) const SOL_BOT: &str = "01a1f2c4-5b00-7c1e-9d3a-2f6b8e4a7d20";
pub(super) const SMART_BOT: &str = "01a1f2c4-5b00-7c1e-9d3a-2f6b8e4a7d30";

impl Chain {
    /// Three testnet wallets and a little history.
    pub(super) fn new(ids: &mut Ids, now: Moment) -> Chain {
        const DAY_MS: i64 = 86_400_000;
        let created_at = Moment(now.0.saturating_sub(30 * DAY_MS)).seconds();
        let wallet = |id: &str, name: &str, chain, address: &str| Wallet {
            id: id.to_owned(),
            name: name.to_owned(),
            chain,
            environment: "testnet",
            address: address.to_owned(),
            owner: None,
            signer: None,
            created_at,
            suspended_at: None,
            tokens: &[],
        };
        let trading =
            wallet(TRADING_BOT, "trading-bot", "ethereum", "0x52908400098527886E0F7030069857D2E4169EE7");
        let sol = wallet(SOL_BOT, "sol-bot", "solana", "7y2VcKsdQAav1NsYAJu994KkcEYV6Dtt82amGybvLdPw");
        let smart = wallet(SMART_BOT, "smart-bot", "ethereum", "0x8617E340B3D01FA5F11F306F4090FD50E238070D");
        let trading = Wallet {
            owner: Some("0xde709f2102306220921060314715629080e2fb77"),
            tokens: &[
                ("0x779877A7B0D9E8603169DdbD7836e478b4624789", 10_000_000_000_000_000_000),
                ("0x1c7D4B196Cb0C7B01d743Fbc6116a902379C7238", 250_000_000),
            ],
            ..trading
        };
        let smart = Wallet { signer: Some("0x27b1fdb04752bbc536007a920d24acb045561c26"), ..smart };
        let mut chain = Chain {
            opened: now,
            wallets: vec![trading, sol, smart],
            transactions: Vec::new(),
            venue_actions: Vec::new(),
            builds: Vec::new(),
            pairings: Vec::new(),
        };
        chain.add_history(ids, now);
        chain
    }

    fn add_history(&mut self, ids: &mut Ids, now: Moment) {
        const HOUR_MS: i64 = 3_600_000;
        let contract = "Contract calls disabled: no CONTRACT_WHITELIST policy configured";
        let past: [Past; 4] = [
            (
                72,
                TRADING_BOT,
                "ethereum-sepolia",
                "TRANSFER",
                Some("50000000000000000"),
                Course::Straight("INSTANT"),
            ),
            (26, TRADING_BOT, "ethereum-sepolia", "CONTRACT_CALL", None, Course::Cancelled(contract.into())),
            (
                5,
                TRADING_BOT,
                "base-sepolia",
                "TRANSFER",
                Some("1000000000000000"),
                Course::Straight("INSTANT"),
            ),
            (4, SOL_BOT, "solana-devnet", "TRANSFER", Some("25000000"), Course::Straight("INSTANT")),
        ];
        for (hours, wallet_id, network, kind, amount, course) in past {
            let created = Moment(now.0.saturating_sub(hours * HOUR_MS));
            let Some(network) = named(network) else { continue };
            self.transactions.push(Transaction {
                id: ids.uuid(created),
                wallet_id: wallet_id.to_owned(),
                kind: kind.to_owned(),
                network,
                to: Some("0x1111111111111111111111111111111111111111".to_owned()),
                amount: amount.map(str::to_owned),
                asset: if amount.is_some() { Asset::Native } else { Asset::None },
                created,
                course,
            });
        }
    }

    /// A wallet by its id.
    pub(super) fn wallet(&self, id: &str) -> Option<&Wallet> {
        self.wallets.iter().find(|wallet| wallet.id == id)
    }

    /// Adds an ordinary wallet.
    pub(super) fn add_wallet(
        &mut self,
        name: &str,
        chain: &'static str,
        environment: &'static str,
        ids: &mut Ids,
        now: Moment,
    ) -> Wallet {
        let id = ids.uuid(now);
        let digest = keccak256(id.as_bytes());
        let address = match chain {
            "ethereum" => format!("0x{}", &hex(&digest)[24..]),
            _ => hex(&digest)[..40].to_owned(),
        };
        let wallet = Wallet {
            id,
            name: name.to_owned(),
            chain,
            environment,
            address,
            owner: None,
            signer: None,
            created_at: now.seconds(),
            suspended_at: None,
            tokens: &[],
        };
        self.wallets.push(wallet.clone());
        wallet
    }

    /// What the wallet owns of an asset: what it had at the start less what left it.
    pub(super) fn balance(
        &self,
        wallet: &Wallet,
        network: &Network,
        token: Option<&str>,
        now: Moment,
    ) -> u128 {
        let same = |address: &str| token.is_some_and(|token| token.eq_ignore_ascii_case(address));
        let start = match token {
            None if network.chain == "solana" => SOLANA_BALANCE,
            None => EVM_BALANCE,
            Some(_) if network.name != "ethereum-sepolia" => 0,
            Some(_) => {
                wallet.tokens.iter().find(|(address, _)| same(address)).map_or(0, |(_, amount)| *amount)
            }
        };
        let spent = self.transactions.iter().filter(|transaction| {
            transaction.wallet_id == wallet.id
                && transaction.network == network
                && transaction.created >= self.opened
                && transaction.status(now) == "CONFIRMED"
        });
        spent.fold(start, |left, transaction| {
            let amount = transaction.amount.as_deref().map_or(0, amounts::value);
            let gone = match (&transaction.asset, token) {
                (Asset::Native, None) => amount.saturating_add(transaction.fee()),
                (Asset::Token { address, .. }, Some(_)) if same(address) => amount,
                (_, None) => transaction.fee(),
                _ => 0,
            };
            left.saturating_sub(gone)
        })
    }
}

impl Wallet {
    /// The tokens it has had, which are worth listing.
    pub(super) fn token_addresses(&self) -> impl Iterator<Item = &'static str> {
        self.tokens.iter().map(|(address, _)| *address)
    }
}

impl Transaction {
    /// PENDING, QUEUED, GAS_WAITING, SUBMITTED, CONFIRMED, FAILED, CANCELLED or SIGNED, by the time gone.
    pub(super) fn status(&self, now: Moment) -> &'static str {
        let age = now.0.saturating_sub(self.created.0);
        let waited = match &self.course {
            Course::Signed => return "SIGNED",
            _ if age < PENDING_MS => return "PENDING",
            Course::Cancelled(_) => return "CANCELLED",
            Course::Failed(_) => return "FAILED",
            Course::Delayed(seconds) if age < seconds.saturating_mul(1000) => return "QUEUED",
            Course::GasWaiting if age < GAS_WAIT_MS => return "GAS_WAITING",
            Course::Delayed(seconds) => seconds.saturating_mul(1000),
            Course::GasWaiting => GAS_WAIT_MS,
            Course::Straight(_) => PENDING_MS,
        };
        if age.saturating_sub(waited) < SUBMITTED_MS { "SUBMITTED" } else { "CONFIRMED" }
    }

    /// INSTANT, NOTIFY, DELAY or none yet.
    pub(super) fn tier(&self, now: Moment) -> Option<&'static str> {
        match &self.course {
            Course::Cancelled(_) | Course::Signed => None,
            _ if self.status(now) == "PENDING" => None,
            Course::Straight(tier) => Some(tier),
            Course::Delayed(_) => Some("DELAY"),
            Course::GasWaiting | Course::Failed(_) => Some("INSTANT"),
        }
    }

    /// The hash, once it was sent.
    pub(super) fn hash(&self, now: Moment) -> Option<String> {
        matches!(self.status(now), "SUBMITTED" | "CONFIRMED")
            .then(|| format!("0x{}", hex(&keccak256(self.id.as_bytes()))))
    }

    /// Why it came to nothing, once that is known.
    pub(super) fn error(&self, now: Moment) -> Option<&str> {
        match &self.course {
            Course::Cancelled(error) | Course::Failed(error) if self.status(now) != "PENDING" => Some(error),
            _ => None,
        }
    }

    fn fee(&self) -> u128 {
        if self.network.chain == "solana" { SOLANA_FEE } else { EVM_FEE }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain() -> (Chain, Moment) {
        let now = Moment(1_795_330_449_000);
        (Chain::new(&mut Ids::seeded(1), now), now)
    }

    fn transfer(course: Course, created: Moment) -> Transaction {
        Transaction {
            id: "t".into(),
            wallet_id: TRADING_BOT.into(),
            kind: "TRANSFER".into(),
            network: named("ethereum-sepolia").expect("known"),
            to: None,
            amount: Some("1".into()),
            asset: Asset::Native,
            created,
            course,
        }
    }

    #[test]
    fn a_transaction_runs_its_course_by_the_clock() {
        let table = [
            (Course::Straight("INSTANT"), [(0, "PENDING"), (1_000, "SUBMITTED"), (3_000, "CONFIRMED")]),
            (Course::Delayed(300), [(999, "PENDING"), (299_999, "QUEUED"), (302_000, "CONFIRMED")]),
            (Course::GasWaiting, [(1_000, "GAS_WAITING"), (10_000, "SUBMITTED"), (12_000, "CONFIRMED")]),
            (Course::Cancelled("no".into()), [(0, "PENDING"), (1_000, "CANCELLED"), (99_000, "CANCELLED")]),
            (Course::Failed("no".into()), [(0, "PENDING"), (1_000, "FAILED"), (99_000, "FAILED")]),
        ];
        for (course, statuses) in table {
            for (age, status) in statuses {
                let transaction = transfer(course.clone(), Moment(0));
                assert_eq!(transaction.status(Moment(age)), status, "{course:?} at {age}");
                assert_eq!(
                    transaction.error(Moment(age)).is_some(),
                    matches!(status, "CANCELLED" | "FAILED")
                );
            }
        }
    }

    #[test]
    fn a_confirmed_transfer_lowers_the_balance_by_amount_and_fee() {
        let (mut chain, now) = chain();
        let wallet = chain.wallets[0].clone();
        let network = named("ethereum-sepolia").expect("known");
        let before = chain.balance(&wallet, network, None, now);
        chain.transactions.push(transfer(Course::Straight("INSTANT"), now));
        assert_eq!(chain.balance(&wallet, network, None, Moment(now.0 + 2_999)), before);
        assert_eq!(chain.balance(&wallet, network, None, Moment(now.0 + 3_000)), before - 1 - EVM_FEE);
    }
}
