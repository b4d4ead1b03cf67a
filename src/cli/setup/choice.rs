//! Which wallets are meant: by what was said, or by the answer to a question.
//!
//! Used by `setup`. Pure. Refuses to choose for somebody: among several wallets, somebody must.

use std::fmt::Write as _;

use crate::cli::Failure;
use crate::cli::operator::answers::Wallet;
use crate::cli::output::foreign;

/// What was said about wallets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Said<'s> {
    /// This one.
    One(&'s str),
    /// All that can be used.
    All,
    /// Nothing.
    Nothing,
}

/// What follows from it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Choice {
    /// These.
    Chosen(Vec<Wallet>),
    /// The only one there is.
    Only(Wallet),
    /// One of these; somebody has to say which.
    Open(Vec<Wallet>),
}

/// # Errors
/// [`Failure`] if there is no such wallet.
pub(super) fn choose(wallets: Vec<Wallet>, said: Said<'_>) -> Result<Choice, Failure> {
    if wallets.is_empty() {
        return Err(Failure {
            what: "the daemon has no wallet yet".to_owned(),
            advice: "Create one on its admin page, then run this again.".to_owned(),
        });
    }
    match said {
        Said::One(id) => match wallets.iter().find(|wallet| wallet.id.eq_ignore_ascii_case(id)) {
            Some(wallet) => Ok(Choice::Chosen(vec![wallet.clone()])),
            None => Err(Failure {
                what: format!("the daemon has no wallet {}", foreign(id)),
                advice: format!("Give --wallet the id of one that it has:\n{}", listed(&wallets)),
            }),
        },
        Said::All => Ok(Choice::Chosen(usable(wallets))),
        Said::Nothing => {
            let mut usable = usable(wallets);
            match usable.len() {
                1 => Ok(Choice::Only(usable.remove(0))),
                _ => Ok(Choice::Open(usable)),
            }
        }
    }
}

/// Those that are active; all of them if none is, because then that is what somebody must be told about.
fn usable(wallets: Vec<Wallet>) -> Vec<Wallet> {
    if wallets.iter().any(|wallet| wallet.is_active) {
        return wallets.into_iter().filter(|wallet| wallet.is_active).collect();
    }
    wallets
}

/// Nobody can be asked.
pub(super) fn unasked(wallets: &[Wallet]) -> Failure {
    Failure {
        what: format!("the daemon has {} wallets, and none was chosen", wallets.len()),
        advice: format!("Give --wallet ID for one of them, or --all:\n{}", listed(wallets)),
    }
}

/// The question.
pub(super) fn question(wallets: &[Wallet]) -> String {
    format!(
        "The daemon has {} wallets:\n{}Which one? [1-{}, or all] ",
        wallets.len(),
        numbered(wallets),
        wallets.len()
    )
}

/// What was answered; `None` if it means nothing.
pub(super) fn answered(wallets: &[Wallet], answer: &str) -> Option<Vec<Wallet>> {
    if matches!(answer, "all" | "a") {
        return Some(wallets.to_vec());
    }
    let by_number = answer.parse::<usize>().ok().and_then(|number| wallets.get(number.checked_sub(1)?));
    let by_id = || wallets.iter().find(|wallet| wallet.id.eq_ignore_ascii_case(answer));
    // A name that two of them have names neither.
    let by_name = || {
        let mut named = wallets.iter().filter(|wallet| wallet.name == answer);
        named.next().filter(|_| named.next().is_none())
    };
    by_number.or_else(by_id).or_else(by_name).map(|wallet| vec![wallet.clone()])
}

/// A wallet a line, with its number.
fn numbered(wallets: &[Wallet]) -> String {
    let mut text = String::new();
    for (index, line) in listed(wallets).lines().enumerate() {
        let _ = writeln!(text, "{:>3}{line}", index + 1);
    }
    text
}

/// A wallet a line.
fn listed(wallets: &[Wallet]) -> String {
    let width = wallets.iter().map(|wallet| foreign(&wallet.name).chars().count()).max().unwrap_or_default();
    let lines = wallets.iter().map(|wallet| {
        let kind = format!("{} {}", foreign(&wallet.chain), foreign(&wallet.environment));
        let state = if wallet.is_active { "" } else { " (not active)" };
        format!("  {}  {:width$}  {}{state}", foreign(&wallet.id), foreign(&wallet.name), kind.trim())
    });
    lines.collect::<Vec<String>>().join("\n")
}
