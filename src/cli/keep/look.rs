//! The look around: which token files there are, and what is in them.
//!
//! Used by `keep`. Looks and changes nothing: names are judged by `files`, and a file is read by the same reader as a
//! server's, which follows no link, waits at no FIFO and reads no more than a token has.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::files::{COMMON, Content, DIRECTORY, Named, Seen, named};
use crate::config::Config;
use crate::session::events::FileView;
use crate::session::token_file::TokenFile;
use crate::session::{Session, TokenPlace};
use crate::time::Timestamp;

/// Names that are looked at in the directory. What stands behind them is not found, which is said.
const NAMES_MAX: usize = 10_000;

/// Which files are meant.
pub(super) struct Choice {
    data_dir: PathBuf,
    /// The file of the configuration, if only that is meant.
    only: bool,
    /// The file that a server with this configuration would use.
    own: TokenPlace,
}

/// A directory, whatever its name: the numbers of its device and its inode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct DirectoryId(u64, u64);

/// A token file that may be kept.
pub(super) struct Candidate {
    /// Its path in the data directory.
    pub(super) label: String,
    /// The wallet whose file it is.
    pub(super) wallet: Option<String>,
    pub(super) place: TokenPlace,
    /// Somebody counts on a token in it.
    pub(super) is_missed: bool,
}

/// What was found.
pub(super) struct Found {
    pub(super) candidates: Vec<Candidate>,
    /// There are more names than were looked at.
    pub(super) has_more: bool,
    /// A directory that is there and could not be looked into, and why.
    pub(super) fault: Option<(String, String)>,
}

impl Choice {
    /// All files of the data directory; or, where a wallet is named and `--all` is not, only that wallet's.
    pub(super) fn new(config: &Config, all: bool) -> Choice {
        // A server reads the common file for a wallet that has none. What is kept is each file by itself.
        let own = TokenPlace { read_fallback: None, ..config.token_place.clone() };
        Choice { data_dir: config.data_dir.clone(), only: config.wallet_id.is_some() && !all, own }
    }

    pub(super) fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// Which directory the data directory is: another one may stand in its place later.
    pub(super) fn directory(&self) -> Option<DirectoryId> {
        let metadata = fs::metadata(&self.data_dir).ok()?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;
            Some(DirectoryId(metadata.dev(), metadata.ino()))
        }
        #[cfg(not(unix))]
        Some(DirectoryId(0, u64::from(metadata.is_dir())))
    }

    /// Finds them.
    pub(super) fn find(&self) -> Found {
        if self.only {
            return Found { candidates: vec![self.own_candidate()], has_more: false, fault: None };
        }
        let mut candidates = Vec::new();
        let common = self.data_dir.join(COMMON);
        // Whatever it is: a link that leads nowhere is something that stands in the way.
        let common_fault = match common.symlink_metadata() {
            Ok(_) => {
                candidates.push(candidate(COMMON.to_owned(), None, common, true));
                None
            }
            Err(error) => fault(&self.data_dir, &error),
        };
        let directory = self.data_dir.join(DIRECTORY);
        let (entries, fault) = match fs::read_dir(&directory) {
            Ok(entries) => (Some(entries), common_fault),
            Err(error) => (None, common_fault.or_else(|| fault(&directory, &error))),
        };
        let mut entries = entries.into_iter().flatten();
        let names = entries.by_ref().take(NAMES_MAX).flatten();
        let mut found: Vec<(String, Named)> = names
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter_map(|name| named(&name).map(|named| (name, named)))
            .collect();
        found.sort_by(|one, other| one.0.cmp(&other.0));
        candidates.extend(found.into_iter().map(|(name, named)| {
            let path = directory.join(&name);
            let label = format!("{DIRECTORY}/{name}");
            match named {
                Named::Wallet(id) => candidate(label, Some(id), path, true),
                Named::Other(id) => candidate(label, Some(id), path, false),
                Named::Session(id) => {
                    let mut candidate = candidate(label, None, path, true);
                    candidate.place.only_session = Some(id);
                    candidate
                }
            }
        }));
        if self.own.bootstrap.is_some() {
            candidates.retain(|candidate| candidate.place.write != self.own.write);
            candidates.push(self.own_candidate());
        }
        Found { candidates, has_more: entries.next().is_some(), fault }
    }

    fn own_candidate(&self) -> Candidate {
        let label = match self.own.write.strip_prefix(&self.data_dir) {
            Ok(path) => path.to_string_lossy().replace('\\', "/"),
            Err(_) => self.own.write.to_string_lossy().into_owned(),
        };
        let name = label.strip_prefix(DIRECTORY).map(|name| name.trim_start_matches('/'));
        let wallet = match name.and_then(named) {
            Some(Named::Wallet(id) | Named::Other(id)) => Some(id),
            _ => None,
        };
        Candidate { label, wallet, place: self.own.clone(), is_missed: true }
    }
}

fn candidate(label: String, wallet: Option<String>, path: PathBuf, is_missed: bool) -> Candidate {
    let place = TokenPlace { write: path, read_fallback: None, only_session: None, bootstrap: None };
    Candidate { label, wallet, place, is_missed }
}

/// Why a directory could not be looked into. One that is not there is no fault: it may come.
fn fault(directory: &Path, error: &io::Error) -> Option<(String, String)> {
    let is_missing = matches!(error.kind(), ErrorKind::NotFound);
    (!is_missing).then(|| (directory.display().to_string(), error.to_string()))
}

impl Candidate {
    /// Reads it.
    pub(super) fn look(&self, is_kept: bool, now: Timestamp) -> Seen {
        let content = match TokenFile::new(self.place.clone()).read(now) {
            FileView::Held(session) => Content::Token(session),
            view => match (self.given(now), view) {
                (Some(given), _) => Content::Token(given),
                (None, FileView::Unusable(why)) => Content::Nothing(why),
                (None, _) => Content::Missing,
            },
        };
        Seen { label: self.label.clone(), is_kept, is_missed: self.is_missed, content }
    }

    /// The environment's token, which counts where the file has none.
    fn given(&self, now: Timestamp) -> Option<Session> {
        let token = self.place.bootstrap.as_ref()?;
        Session::parse(token.expose(), now).ok()
    }
}

#[cfg(all(test, unix))]
#[allow(clippy::disallowed_methods, reason = "a test prepares files")]
mod tests {
    use super::*;
    use crate::config::RawConfig;
    use crate::session::tests::token_with;

    const WALLET: &str = "01a20238-65b7-7d3f-808b-d0cdea77429e";
    const NOW: Timestamp = Timestamp::from_unix_seconds(1_795_330_000);

    fn config(data_dir: &Path, more: &[(&str, &str)]) -> Config {
        let mut raw = RawConfig::new(None);
        raw.say_variable("WAIAAS_DATA_DIR", data_dir);
        more.iter().for_each(|(variable, value)| raw.say_variable(variable, *value));
        let config = raw.resolve(NOW);
        assert!(config.problems.is_empty(), "{:?}", config.problems);
        config
    }

    fn token(id: &str) -> String {
        let iat = NOW.unix_seconds();
        token_with(&format!(r#"{{"sub":"{id}","iat":{iat},"exp":{}}}"#, iat + 300))
    }

    fn labels(found: &Found) -> Vec<&str> {
        found.candidates.iter().map(|candidate| candidate.label.as_str()).collect()
    }

    #[test]
    fn all_token_files_are_found_and_nothing_that_lies_beside_them() {
        let directory = tempfile::tempdir().unwrap();
        let config = config(directory.path(), &[]);
        let find = || Choice::new(&config, false).find();
        assert!(labels(&find()).is_empty(), "there is nothing yet");
        let of_wallets = directory.path().join(DIRECTORY);
        fs::create_dir(&of_wallets).unwrap();
        for name in [WALLET, "session-s", "treasury", "README.md", ".x.waiaas-mcp-0011", "x.lock", "x.keeper"]
        {
            fs::write(of_wallets.join(name), token("s")).unwrap();
        }
        for name in [COMMON, "mcp-token.lock", "mcp-token.keeper", "mcp-token.bak", "config.toml"] {
            fs::write(directory.path().join(name), token("t")).unwrap();
        }
        let found = find();
        let expected =
            ["mcp-token", &format!("mcp-tokens/{WALLET}"), "mcp-tokens/session-s", "mcp-tokens/treasury"];
        assert_eq!(labels(&found), expected);
        let wallets: Vec<_> = found.candidates.iter().map(|candidate| candidate.wallet.as_deref()).collect();
        assert_eq!(wallets, [None, Some(WALLET), None, Some("treasury")]);
        assert_eq!(found.candidates[2].place.only_session.as_deref(), Some("s"));
        assert!(!found.has_more);
    }

    #[test]
    fn a_directory_that_cannot_be_looked_into_is_told_and_one_that_is_not_there_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let config = config(&directory.path().join("data"), &[]);
        let fault = || Choice::new(&config, false).find().fault;
        assert_eq!(fault(), None);
        fs::create_dir(&config.data_dir).unwrap();
        assert_eq!(fault(), None);
        fs::write(config.data_dir.join(DIRECTORY), "").unwrap();
        assert!(fault().is_some_and(|(directory, _)| directory.ends_with(DIRECTORY)), "it is a file");
        fs::remove_file(config.data_dir.join(DIRECTORY)).unwrap();
        fs::remove_dir(&config.data_dir).unwrap();
        fs::write(&config.data_dir, "").unwrap();
        assert!(fault().is_some_and(|(directory, _)| directory.ends_with("data")), "it is a file");
    }

    #[test]
    fn one_wallet_alone_or_all_whatever_the_environment_says() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(COMMON), token("t")).unwrap();
        let config = config(directory.path(), &[("WAIAAS_WALLET_ID", WALLET)]);
        let one = Choice::new(&config, false).find();
        assert_eq!(labels(&one), [format!("mcp-tokens/{WALLET}")]);
        assert_eq!(one.candidates[0].wallet.as_deref(), Some(WALLET));
        assert_eq!(
            one.candidates[0].look(false, NOW).content,
            Content::Missing,
            "the common one is not its own"
        );
        assert_eq!(labels(&Choice::new(&config, true).find()), [COMMON]);
    }

    #[test]
    fn the_environments_token_is_kept_in_the_file_that_a_server_would_use() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(COMMON), "garbage").unwrap();
        let config = config(directory.path(), &[("WAIAAS_SESSION_TOKEN", &token("e"))]);
        let found = Choice::new(&config, false).find();
        assert_eq!(labels(&found), [COMMON], "once");
        let Content::Token(session) = found.candidates[0].look(false, NOW).content else {
            panic!("no token")
        };
        assert_eq!(session.id(), "e");
        fs::write(directory.path().join(COMMON), token("f")).unwrap();
        let Content::Token(session) = found.candidates[0].look(false, NOW).content else {
            panic!("no token")
        };
        assert_eq!(session.id(), "f", "the file wins");
    }

    #[test]
    fn what_is_no_file_holds_no_token_and_keeps_nobody_waiting() {
        let directory = tempfile::tempdir().unwrap();
        let common = directory.path().join(COMMON);
        let config = config(directory.path(), &[]);
        let content = || {
            let found = Choice::new(&config, false).find();
            assert_eq!(labels(&found), [COMMON]);
            found.candidates[0].look(false, NOW).content
        };
        std::os::unix::fs::symlink("/nonexistent", &common).unwrap();
        assert!(matches!(content(), Content::Nothing(_) | Content::Missing));
        fs::remove_file(&common).unwrap();
        fs::create_dir(&common).unwrap();
        assert!(matches!(content(), Content::Nothing(_)));
    }
}
