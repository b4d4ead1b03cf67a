//! One server of ours as a client's file names it: its key, its command, its environment.
//!
//! Used by `setup`, which makes entries, and by everything that writes, shows or recognises them. Pure but for
//! making a relative path absolute. An entry holds no token, and cannot: there is no member for one.

use std::path::{Path, PathBuf};

use super::table::{Client, Expansion, Shape};
use super::value::Value;
use crate::cli::Failure;
use crate::ids::WalletId;

/// Variables that say which daemon and which token: ours to set, and ours to take away.
pub const OWN_VARIABLES: [&str; 5] =
    ["WAIAAS_DATA_DIR", "WAIAAS_BASE_URL", "WAIAAS_WALLET_ID", WALLET_NAME, "WAIAAS_SESSION_TOKEN"];

/// The variable whose value the daemon chose freely.
pub(super) const WALLET_NAME: &str = "WAIAAS_WALLET_NAME";

/// Longest part of a key that comes from a wallet's name, in characters: clients count the key into the length
/// of every tool's name, and the tightest of them (Cursor) leaves 60 for both.
const SLUG_CHARS_MAX: usize = 20;

/// Characters of a wallet's id that stand for a name where there is none.
const ID_CHARS: usize = 8;

/// What an entry starts.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Target {
    /// This program.
    pub command: PathBuf,
    /// Where its token files are.
    pub data_dir: PathBuf,
    /// The daemon, if it is not the default one.
    pub base_url: Option<String>,
    /// The wallet, if not the only one is meant.
    pub wallet_id: Option<WalletId>,
    /// Its name, if it is to be shown.
    pub wallet_name: Option<String>,
}

/// One server in a client's file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    key: String,
    command: String,
    variables: Vec<(&'static str, String)>,
}

impl Entry {
    /// An entry under `key`, see [`keys`].
    ///
    /// # Errors
    /// [`Failure`] if a path is not Unicode, which no client's file can hold.
    pub fn new(key: &str, target: &Target) -> Result<Entry, Failure> {
        let mut variables = vec![("WAIAAS_DATA_DIR", absolute(&target.data_dir)?)];
        let rest = [
            ("WAIAAS_BASE_URL", target.base_url.as_deref()),
            ("WAIAAS_WALLET_ID", target.wallet_id.as_deref()),
            (WALLET_NAME, target.wallet_name.as_deref()),
        ];
        variables.extend(rest.into_iter().filter_map(|(name, value)| Some((name, value?.to_owned()))));
        Ok(Entry { key: key.to_owned(), command: absolute(&target.command)?, variables })
    }

    /// The same server under another key.
    pub fn under(&self, key: &str) -> Entry {
        Entry { key: key.to_owned(), ..self.clone() }
    }

    /// The name of the server in the client's file.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The absolute path of this program.
    pub fn command(&self) -> &str {
        &self.command
    }

    /// The environment it is started with, in the order in which it is written.
    pub fn variables(&self) -> &[(&'static str, String)] {
        &self.variables
    }

    /// The value of one variable.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.iter().find(|(candidate, _)| *candidate == name).map(|(_, value)| value.as_str())
    }

    /// The entry in the shape of this client.
    pub fn value(&self, client: &Client) -> Value {
        let text = |text: &str| Value::string(text);
        let variables =
            self.variables.iter().map(|(name, value)| ((*name).to_owned(), text(value))).collect();
        let nothing = || Value::List(Vec::new());
        let names = client.shape.names();
        let start = [(names.command, text(&self.command)), (names.args, nothing())];
        let members: Vec<(&str, Value)> = match client.shape {
            Shape::Plain => start.into_iter().chain([(names.variables, Value::Map(variables))]).collect(),
            Shape::Typed => {
                let kind = [("type", text("stdio"))];
                kind.into_iter().chain(start).chain([(names.variables, Value::Map(variables))]).collect()
            }
            Shape::Goose => [
                ("enabled", Value::Bool(true)),
                ("type", text("stdio")),
                ("name", text(&self.key)),
                ("description", text("WAIaaS wallet")),
            ]
            .into_iter()
            .chain(start)
            .chain([
                ("env_keys", nothing()),
                (names.variables, Value::Map(variables)),
                ("timeout", Value::Other("300".to_owned())),
            ])
            .collect(),
        };
        Value::Map(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// What this client would read differently from how it is written: then it must not be written, nor shown to
    /// be pasted.
    pub fn misread(&self, client: &Client) -> Option<Failure> {
        let sign = match client.expansion {
            Expansion::None => return None,
            Expansion::Braces => "${",
            Expansion::Dollar => "$",
        };
        let values = self.variables.iter().map(|(name, value)| (*name, value.as_str()));
        let (what, _) = [("the command", self.command.as_str())]
            .into_iter()
            .chain(values)
            .find(|(_, value)| value.contains(sign))?;
        Some(Failure {
            what: format!("{what} contains {sign}, which {} would take for a variable", client.title),
            advice: format!("Use a path and a name without {sign} for this client."),
        })
    }
}

/// Keys for entries of these wallets, by id and name: `waiaas` for one, `waiaas-<name>` for several, each
/// different from the others.
pub fn keys(wallets: &[(&str, Option<&str>)]) -> Vec<String> {
    if wallets.len() < 2 {
        return wallets.iter().map(|_| "waiaas".to_owned()).collect();
    }
    let mut keys: Vec<String> = Vec::new();
    for (id, name) in wallets {
        let name = name.map(slug).filter(|slug| !slug.is_empty());
        let by_name = name.as_ref().map(|name| format!("waiaas-{name}"));
        let start = by_name.clone().unwrap_or_else(|| "waiaas".to_owned());
        // Ids begin with the time at which the wallet was made; what tells them apart stands at their end.
        let id: Vec<char> = id.chars().filter(char::is_ascii_alphanumeric).collect();
        let by_id = (ID_CHARS..=id.len().max(ID_CHARS)).map(|count| {
            let end: String = id[id.len().saturating_sub(count)..].iter().collect();
            format!("{start}-{}", end.to_ascii_lowercase())
        });
        let free = by_name.into_iter().chain(by_id).find(|key| !keys.contains(key));
        // Two wallets of one id are one wallet.
        keys.push(free.unwrap_or(start));
    }
    keys
}

/// A name as a part of a key: only characters that no client changes, and no `_`, which Gemini puts between
/// the key and a tool's name.
fn slug(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    let words: Vec<&str> =
        lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let slug: String = words.join("-").chars().take(SLUG_CHARS_MAX).collect();
    slug.trim_end_matches('-').to_owned()
}

fn absolute(path: &Path) -> Result<String, Failure> {
    let absolute = std::path::absolute(path).map_err(|error| Failure {
        what: format!("{}: this path cannot be made absolute: {error}", path.display()),
        advice: "Write the whole path.".to_owned(),
    })?;
    let text = absolute.to_str().map(str::to_owned);
    text.ok_or_else(|| Failure {
        what: format!("{} is not Unicode, and a client's file can hold nothing else", path.display()),
        advice: "Use a directory with a name in UTF-8.".to_owned(),
    })
}
