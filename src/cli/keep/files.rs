//! Which names are those of token files, and which of the files found are kept.
//!
//! Used by `keep`. Pure: what stands in the directories is found out by `look`. Every name that a server could be told
//! to use is a token file's: the common one, a wallet's, a session's of the environment. What lies beside them (locks,
//! temporary files, backups of editors and of people) has a name with a dot, or one that no server uses. A backup must
//! not be taken for a token file: it holds the same token, and only one of the two could be renewed.

use std::collections::{BTreeMap, BTreeSet};

use crate::http::percent_encoded;
use crate::ids::is_uuid;
use crate::session::{Session, schedule};
use crate::time::Timestamp;

/// The directory of wallets' and sessions' token files, in the data directory.
pub(super) const DIRECTORY: &str = "mcp-tokens";

/// The token file of no wallet, in the data directory.
pub(super) const COMMON: &str = "mcp-token";

/// Token files that are kept at the same time. Each has a thread of its own; a person has a handful of wallets.
pub(super) const KEPT_MAX: usize = 256;

/// In front of the id of a session in the name of its file.
const SESSION: &str = "session-";

/// Files of which it is told what is the matter, one by one. There may be thousands.
pub(super) const TOLD_MAX: usize = 20;

/// Longest name that a file system gives out, in bytes.
const NAME_BYTES_MAX: usize = 255;

/// Endings of what lies beside the token file of a session, whose id may hold dots itself.
const BESIDE: [&str; 11] =
    [".lock", ".keeper", ".spends", ".tmp", ".temp", ".bak", ".old", ".new", ".orig", ".swp", "~"];

/// What a name in [`DIRECTORY`] says about the file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Named {
    /// It is a wallet's.
    Wallet(String),
    /// It is that of this session alone.
    Session(String),
    /// A name that a server could use if a wallet were called so. Not missed if it holds no token.
    Other(String),
}

/// What this name says; `None` if it is no token file's.
pub(super) fn named(name: &str) -> Option<Named> {
    if name.len() > NAME_BYTES_MAX || BESIDE.iter().any(|ending| name.ends_with(ending)) {
        return None;
    }
    if let Some(encoded) = name.strip_prefix(SESSION) {
        return session_id(encoded).map(Named::Session);
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if name.is_empty() || !name.bytes().all(is_plain) {
        return None;
    }
    // Servers look for ids in lower case only.
    let is_wallet = is_uuid(name) && !name.bytes().any(|byte| byte.is_ascii_uppercase());
    Some(if is_wallet { Named::Wallet(name.to_owned()) } else { Named::Other(name.to_owned()) })
}

/// The id that is written so in a file's name, if a server would write it so.
fn session_id(encoded: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = encoded.bytes();
    while let Some(byte) = rest.next() {
        let digit =
            |byte: Option<u8>| char::from(byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        bytes.push(match byte {
            b'%' => digit(rest.next())? * 16 + digit(rest.next())?,
            byte => byte,
        });
    }
    let id = String::from_utf8(bytes).ok()?;
    (!id.is_empty() && percent_encoded(&id) == encoded).then_some(id)
}

/// A token file that was looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Seen {
    /// How people and metrics call it: its path in the data directory.
    pub(super) label: String,
    /// A worker is at work on it.
    pub(super) is_kept: bool,
    /// Somebody counts on a token in it.
    pub(super) is_missed: bool,
    pub(super) content: Content,
}

/// What is in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Content {
    /// A token of the right form.
    Token(Session),
    /// Nothing of use, and why.
    Nothing(&'static str),
    /// It is not there.
    Missing,
}

/// Why a file is not kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Left {
    /// It holds no token.
    Nothing(&'static str),
    /// It is not there.
    Missing,
    /// Another file holds a token of the same session, at least as late. One of the two can be renewed, not both.
    SameSession {
        /// The other file.
        as_in: String,
    },
    /// There are more than [`KEPT_MAX`].
    TooMany,
}

/// What is kept from now on, and why the rest is not.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Plan {
    pub(super) kept: BTreeSet<String>,
    pub(super) left: Vec<(String, Left)>,
}

/// Decides. Of files with the same session, the one with the latest token is kept, because only that can be renewed;
/// of equal ones, the one that is kept already.
pub(super) fn plan(seen: &[Seen], now: Timestamp, kept_max: usize) -> Plan {
    let mut plan = Plan::default();
    let mut best: BTreeMap<&str, (&Seen, &Session)> = BTreeMap::new();
    let mut holding = Vec::new();
    for file in seen {
        match &file.content {
            Content::Token(session) => {
                holding.push((file, session));
                let is_better = |(other, of_other): &(&Seen, &Session)| {
                    let is_as_late = !of_other.is_later_than(session);
                    session.is_later_than(of_other) || (is_as_late && file.is_kept && !other.is_kept)
                };
                if best.get(session.id()).is_none_or(is_better) {
                    best.insert(session.id(), (file, session));
                }
            }
            // What its worker holds in memory may be all there is of the token.
            Content::Nothing(_) | Content::Missing if file.is_kept => {
                plan.kept.insert(file.label.clone());
            }
            Content::Nothing(_) if !file.is_missed => {}
            Content::Nothing(why) => plan.left.push((file.label.clone(), Left::Nothing(why))),
            Content::Missing => plan.left.push((file.label.clone(), Left::Missing)),
        }
    }
    let mut chosen = Vec::new();
    for (file, session) in holding {
        match best.get(session.id()) {
            Some((other, _)) if other.label != file.label => {
                plan.left.push((file.label.clone(), Left::SameSession { as_in: other.label.clone() }));
            }
            _ => chosen.push((file, session)),
        }
    }
    // If there are too many: those with a worker go on, a token that is dead already needs none, and one that never
    // ends neither; of the rest, those that are due first.
    chosen.sort_by_key(|(file, session)| {
        let due_at = schedule::renew_at(session).map_or(i64::MAX, Timestamp::unix_millis);
        (!file.is_kept, session.is_expired(now), due_at)
    });
    let room = kept_max.saturating_sub(plan.kept.len());
    let (kept, too_many) = chosen.split_at(chosen.len().min(room));
    plan.kept.extend(kept.iter().map(|(file, _)| file.label.clone()));
    plan.left.extend(too_many.iter().map(|(file, _)| (file.label.clone(), Left::TooMany)));
    plan
}

/// What is told of files beyond [`TOLD_MAX`].
pub(super) fn more(number: usize) -> (String, String) {
    (
        format!("{number} more files are not kept"),
        "Remove what is not a token file that somebody uses.".to_owned(),
    )
}

impl Left {
    /// What is the matter, and what to do about it.
    pub(super) fn words(&self) -> (String, String) {
        match self {
            Left::Nothing(why) => {
                (format!("it holds no token: {why}"), "Run `waiaas-mcp setup`, which replaces it.".to_owned())
            }
            Left::Missing => (
                "it is not there".to_owned(),
                "Run `waiaas-mcp setup`, or look at --data-dir and --wallet.".to_owned(),
            ),
            Left::SameSession { as_in } => (
                format!("it holds the same session as {as_in}, and only one of them can be renewed"),
                "Remove the one that no client uses, or run `waiaas-mcp setup` for a session of its own."
                    .to_owned(),
            ),
            Left::TooMany => (
                format!("more than {KEPT_MAX} token files are here"),
                "Remove those that nobody uses.".to_owned(),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::tests::token_with;

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_795_330_000);
    const WALLET: &str = "01a20238-65b7-7d3f-808b-d0cdea77429e";

    #[test]
    fn what_a_server_could_use_is_a_token_file_and_what_lies_beside_it_is_none() {
        let wallet = |name: &str| Some(Named::Wallet(name.to_owned()));
        let session = |id: &str| Some(Named::Session(id.to_owned()));
        let other = |name: &str| Some(Named::Other(name.to_owned()));
        let upper = WALLET.to_uppercase();
        let long = "x".repeat(256);
        let of_wallet = |ending: &str| format!("{WALLET}{ending}");
        let table: Vec<(String, Option<Named>)> = vec![
            (of_wallet(""), wallet(WALLET)),
            (upper.clone(), other(&upper)),
            ("treasury".to_owned(), other("treasury")),
            ("session-abc".to_owned(), session("abc")),
            ("session-a.b".to_owned(), session("a.b")),
            ("session-a%2Fb%0A".to_owned(), session("a/b\n")),
            // Not as a server writes it.
            ("session-a%2fb".to_owned(), None),
            ("session-%61".to_owned(), None),
            ("session-%".to_owned(), None),
            ("session-%4".to_owned(), None),
            ("session-%FF".to_owned(), None),
            ("session-".to_owned(), None),
            ("session-\u{1b}[2J".to_owned(), None),
            (of_wallet(".lock"), None),
            (of_wallet(".keeper"), None),
            (of_wallet(".spends"), None),
            (of_wallet(".tmp"), None),
            (of_wallet(".tmp.4711"), None),
            (of_wallet(".bak"), None),
            (of_wallet("~"), None),
            (of_wallet(" (copy)"), None),
            (of_wallet("\n"), None),
            (format!(".{WALLET}.waiaas-mcp-0123456789abcdef"), None),
            (format!(".{WALLET}.swp"), None),
            ("session-abc.lock".to_owned(), None),
            ("session-abc.keeper".to_owned(), None),
            ("session-abc~".to_owned(), None),
            (".".to_owned(), None),
            (String::new(), None),
            (long, None),
            ("\u{e9}".to_owned(), None),
        ];
        for (name, expected) in table {
            assert_eq!(named(&name), expected, "{name:?}");
        }
    }

    fn session(id: &str, issued_s: i64, expires_s: i64) -> Session {
        let (iat, exp) = (NOW.unix_seconds() + issued_s, NOW.unix_seconds() + expires_s);
        Session::parse(&token_with(&format!(r#"{{"sub":"{id}","iat":{iat},"exp":{exp}}}"#)), NOW).unwrap()
    }

    fn seen(label: &str, is_kept: bool, content: Content) -> Seen {
        Seen { label: label.to_owned(), is_kept, is_missed: true, content }
    }

    fn kept<const N: usize>(labels: [&str; N]) -> BTreeSet<String> {
        labels.map(str::to_owned).into()
    }

    #[test]
    fn of_files_with_one_session_the_latest_token_is_kept_and_of_equal_ones_the_kept_one() {
        let (old, new) = (session("s", 0, 300), session("s", 180, 480));
        let of = |kept: [bool; 2], tokens: [&Session; 2]| {
            let files = [
                seen("a", kept[0], Content::Token(tokens[0].clone())),
                seen("b", kept[1], Content::Token(tokens[1].clone())),
            ];
            let plan = plan(&files, NOW, KEPT_MAX);
            assert_eq!(plan.left.len(), 1);
            let kept = plan.kept.into_iter().next().unwrap();
            assert_eq!(plan.left[0].1, Left::SameSession { as_in: kept.clone() });
            kept
        };
        assert_eq!(of([false, false], [&old, &old]), "a");
        assert_eq!(of([false, true], [&old, &old]), "b");
        assert_eq!(of([true, false], [&old, &new]), "b", "only the later one can be renewed");
        assert_eq!(of([false, true], [&new, &old]), "a");
        assert_eq!(of([false, true], [&old, &new]), "b");
    }

    #[test]
    fn what_holds_no_token_is_left_unless_its_worker_may_hold_one() {
        let files = [
            seen("a", false, Content::Nothing("it is empty")),
            seen("b", true, Content::Nothing("it is empty")),
            seen("c", false, Content::Missing),
            seen("d", false, Content::Token(session("s", 0, 300))),
            Seen { is_missed: false, ..seen("e", false, Content::Nothing("it is empty")) },
        ];
        let plan = plan(&files, NOW, KEPT_MAX);
        assert_eq!(plan.kept, kept(["b", "d"]));
        let left = [("a".to_owned(), Left::Nothing("it is empty")), ("c".to_owned(), Left::Missing)];
        assert_eq!(plan.left, left);
    }

    #[test]
    fn if_there_are_too_many_those_that_are_kept_stay_and_the_dead_wait() {
        let files: Vec<Seen> =
            [("a", false, -5), ("b", false, 300), ("c", true, -5), ("d", false, 300), ("e", false, 900)]
                .map(|(label, is_kept, end)| seen(label, is_kept, Content::Token(session(label, -300, end))))
                .to_vec();
        let plan = plan(&files, NOW, 3);
        assert_eq!(plan.kept, kept(["b", "c", "d"]));
        assert_eq!(plan.left, ["e", "a"].map(|label| (label.to_owned(), Left::TooMany)));
    }
}
