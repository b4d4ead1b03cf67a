//! Ways to write a name, and the name that was probably meant.
//!
//! Used by the names of arguments. Pure. `wallet_id` and `walletId` are the same words; `amout` is near `amount`; `data`
//! is a part of `calldata`.

/// Longest name that is compared with others, in characters. Nothing longer is a slip of the pen.
const COMPARED_CHARS_MAX: usize = 64;

/// Names that are suggested where several are equally near.
const SUGGESTED_MAX: usize = 3;

/// Largest number of slips between two names that are near.
const SLIPS_MAX: usize = 3;

/// The same where the name could be right as it is.
const SURE_SLIPS_MAX: usize = 2;

/// Shortest name that is looked for within a longer one, in characters: `to` is within too many.
const PART_CHARS_MIN: usize = 3;

/// A name that could have been meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Candidate {
    /// As it is told: dotted, from the top.
    path: String,
    /// The names by which it is compared: its own, the daemon's, or with what it is inside of.
    compared: Vec<String>,
}

impl Candidate {
    /// One that is compared by this name.
    pub(super) fn new(path: String, name: &str) -> Candidate {
        Candidate { path, compared: vec![name.to_owned()] }
    }

    /// The same, by this name too.
    pub(super) fn or(mut self, name: &str) -> Candidate {
        self.compared.push(name.to_owned());
        self
    }
}

/// The words of a name in camel case and in snake case.
pub(super) fn spellings(name: &str) -> [String; 2] {
    let words = words(name);
    let capital = |word: &String| {
        let mut chars = word.chars();
        chars.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(chars).collect::<String>()
    };
    let camel = words.iter().take(1).cloned().chain(words.iter().skip(1).map(capital)).collect();
    [camel, words.join("_")]
}

/// Whether two names have the same words.
pub(super) fn same_words(one: &str, other: &str) -> bool {
    words(one) == words(other)
}

/// The words of a name, in lower case: those between underscores, hyphens and dots, and those that begin with a capital.
fn words(name: &str) -> Vec<String> {
    let chars: Vec<char> = name.chars().take(COMPARED_CHARS_MAX).collect();
    let mut words = vec![String::new()];
    for (at, c) in chars.iter().enumerate() {
        if matches!(c, '_' | '-' | '.') {
            words.push(String::new());
            continue;
        }
        let before = at.checked_sub(1).and_then(|before| chars.get(before));
        let ends_capitals = before.is_some_and(char::is_ascii_uppercase)
            && chars.get(at.saturating_add(1)).is_some_and(char::is_ascii_lowercase);
        let follows_small = before.is_some_and(|c| !c.is_ascii_uppercase());
        if c.is_ascii_uppercase() && (follows_small || ends_capitals) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.push(c.to_ascii_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// The paths of the candidates that are nearest to a name; none if nothing is near.
pub(super) fn nearest(given: &str, candidates: &[Candidate]) -> Vec<String> {
    if given.chars().count() > COMPARED_CHARS_MAX {
        return Vec::new();
    }
    let given_words = words(given);
    let far = |candidate: &Candidate| {
        candidate.compared.iter().filter_map(|name| distance(given, &given_words, name)).min()
    };
    let rated: Vec<(usize, &Candidate)> =
        candidates.iter().filter_map(|candidate| Some((far(candidate)?, candidate))).collect();
    let Some(least) = rated.iter().map(|(far, _)| *far).min() else { return Vec::new() };
    let mut found: Vec<String> = Vec::new();
    for (_, candidate) in rated.into_iter().filter(|(far, _)| *far == least) {
        if found.len() < SUGGESTED_MAX && !found.contains(&candidate.path) {
            found.push(candidate.path.clone());
        }
    }
    found
}

/// How far apart two names are, if they are near: 0 for the same words, the number of slips, and more than any of these
/// where one is a part of the other.
fn distance(given: &str, given_words: &[String], name: &str) -> Option<usize> {
    let name_words = words(name);
    let (one, other) = (given_words.concat(), name_words.concat());
    if let Some(slips) = few_slips(&one, &other, SLIPS_MAX) {
        return Some(slips);
    }
    let holds =
        |all: &[String], some: &[String]| !some.is_empty() && some.iter().all(|word| all.contains(word));
    let is_part = |part: &str, whole: &str| part.chars().count() >= PART_CHARS_MIN && whole.contains(part);
    let is_within = holds(&name_words, given_words)
        || holds(given_words, &name_words)
        || is_part(&given.to_ascii_lowercase(), &other)
        || is_part(&other, &one);
    is_within.then_some(SLIPS_MAX.saturating_add(1))
}

/// Whether a name that could stand for itself was probably meant to be another one.
pub(super) fn is_slip(given: &str, name: &str) -> bool {
    let is_short = given.chars().count() <= COMPARED_CHARS_MAX;
    is_short && few_slips(&words(given).concat(), &words(name).concat(), SURE_SLIPS_MAX).is_some()
}

/// The number of slips, if there are few for names so long.
fn few_slips(one: &str, other: &str, slips_max: usize) -> Option<usize> {
    let length = one.chars().count().max(other.chars().count());
    let slips = slips(one, other);
    (slips <= (length / 3).clamp(1, slips_max) && slips < length).then_some(slips)
}

/// Characters that were left out, put in, mistaken or swapped with their neighbour (optimal string alignment).
fn slips(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    // Rows of the table: the one before the last, the last, and the one being made.
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in other.iter().enumerate() {
            let mut least = (last[j] + usize::from(a != b)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == other[j - 1] && one[i - 1] == *b {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_written_in_two_ways() {
        for (name, camel, snake) in [
            ("wallet_id", "walletId", "wallet_id"),
            ("walletId", "walletId", "wallet_id"),
            ("max_priority_fee_per_gas", "maxPriorityFeePerGas", "max_priority_fee_per_gas"),
            ("to", "to", "to"),
            ("feedbackURI", "feedbackUri", "feedback_uri"),
            ("URIPath2", "uriPath2", "uri_path2"),
            ("signature-input", "signatureInput", "signature_input"),
            ("", "", ""),
        ] {
            assert_eq!(spellings(name), [camel, snake], "{name}");
        }
        assert!(same_words("signature-input", "signature_input") && !same_words("address", "token_address"));
    }

    fn near(given: &str, names: &[&str]) -> Vec<String> {
        let candidate =
            |name: &&str| Candidate { path: (*name).to_owned(), compared: vec![(*name).to_owned()] };
        nearest(given, &names.iter().map(candidate).collect::<Vec<_>>())
    }

    #[test]
    fn the_nearest_name_is_found_and_a_distant_one_is_not() {
        let transfer = ["to", "amount", "memo", "type", "token", "network", "wallet_id", "gas_condition"];
        let call =
            ["to", "calldata", "abi", "value", "programId", "instructionData", "accounts", "wallet_id"];
        let none: [&str; 0] = [];
        assert_eq!(near("amout", &transfer), ["amount"]);
        assert_eq!(near("amuont", &transfer), ["amount"]);
        assert_eq!(near("AMOUNT ", &transfer), ["amount"]);
        assert_eq!(near("netwrok", &transfer), ["network"]);
        assert_eq!(near("walletID", &transfer), ["wallet_id"]);
        assert_eq!(near("wallet", &transfer), ["wallet_id"]);
        assert_eq!(near("human_amount", &transfer), ["amount"]);
        assert_eq!(near("too", &transfer), ["to"]);
        assert_eq!(near("data", &call), ["calldata", "instructionData"]);
        for distant in ["dry_run", "from", "recipient", "", "x", "xy", "🦀"] {
            assert_eq!(near(distant, &transfer), none, "{distant}");
        }
        assert_eq!(near(&"amount".repeat(1_000), &transfer), none);
        assert_eq!(near("aa", &["ab", "ac", "ad", "ae", "ab"]), ["ab", "ac", "ad"]);
    }

    #[test]
    fn a_slip_is_no_longer_name() {
        for (given, name, is_it) in [
            ("amuont", "amount", true),
            ("walletID", "wallet_id", true),
            ("amountOut", "amount", false),
            ("n", "x", false),
        ] {
            assert_eq!(is_slip(given, name), is_it, "{given} {name}");
        }
    }

    #[test]
    fn slips_are_counted() {
        for (one, other, count) in [
            ("", "", 0),
            ("a", "", 1),
            ("amount", "amount", 0),
            ("ab", "ba", 1),
            ("kitten", "sitting", 3),
            ("abcd", "badc", 2),
        ] {
            assert_eq!((slips(one, other), slips(other, one)), (count, count), "{one} {other}");
        }
    }
}
