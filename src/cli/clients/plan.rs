//! What `setup` is going to do to a client's file, told before it is done, and then the doing.
//!
//! Used by `setup`. Deciding is the editor's, and writing the file's; this joins them. Refuses to ask anybody
//! anything.

use std::path::PathBuf;

use super::edit::{self, Edit, Refusal};
use super::entry::{Entry, Target};
use super::file::{self, Loaded};
use super::recognise::{self, Server};
use super::table::Client;
use crate::cli::Failure;
use crate::config::UserDirectories;
use crate::ids::WalletId;
use crate::wallet::catalogue;

/// What is going to be done to one client's file.
#[derive(Debug)]
pub struct Plan {
    /// Whose file.
    pub client: &'static Client,
    /// Where it is.
    pub path: PathBuf,
    /// For each entry in turn: its key, and what is going to happen to it.
    pub changes: Vec<(String, Change)>,
    /// Whether the file's directory is missing, which looks as if the client were not installed.
    pub directory_missing: bool,
    /// What is worth a warning, a sentence each.
    pub warnings: Vec<String>,
    /// Other entries that use the same token file, the Node program's above all.
    pub neighbours: Vec<Server>,
    old: Option<Loaded>,
    entries: Vec<Entry>,
}

/// What is going to happen to an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// Nothing: it is there.
    Nothing,
    /// It is added.
    Add,
    /// It takes the place of another under the same key. Needs the user's consent.
    Replace,
}

/// What was done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Written {
    /// Nothing, because nothing was to be done.
    Nothing,
    /// The file was made.
    Created,
    /// The file was changed; its former text is in this one.
    Changed(PathBuf),
}

/// Reads a client's file and says what these entries mean for it. Writes nothing.
///
/// # Errors
/// [`Failure`] if the file cannot be read or edited safely, or the client would misread an entry; the snippet
/// helps then, except in the last case.
pub fn plan(
    client: &'static Client,
    directories: &UserDirectories,
    entries: &[Entry],
) -> Result<Plan, Failure> {
    if let Some(failure) = entries.iter().find_map(|entry| entry.misread(client)) {
        return Err(failure);
    }
    let path = client.path(directories).ok_or_else(|| Failure {
        what: format!("the home directory is not known, and so neither is the file of {}", client.title),
        advice: "Set HOME, or add the entry by hand.".to_owned(),
    })?;
    let old = file::load(&path)?;
    let mut text = old.as_ref().map(|old| old.text.clone()).unwrap_or_default();
    let refused = |refusal: &Refusal| refused(&path, refusal);
    let document = edit::read(client, &text).map_err(|refusal| refused(&refusal))?;
    let mut changes = Vec::new();
    for entry in entries {
        let (change, new) = match edit::edit(client, &text, entry).map_err(|refusal| refused(&refusal))? {
            Edit::Unchanged => (Change::Nothing, None),
            Edit::Edited(new) => (Change::Add, Some(new)),
            Edit::Different { replaced, .. } => (Change::Replace, Some(replaced)),
        };
        text = new.unwrap_or(text);
        changes.push((entry.key().to_owned(), change));
    }
    let is_planned =
        |server: &Server| server.project.is_none() && entries.iter().any(|entry| entry.key() == server.key);
    let shares_token =
        |server: &Server| entries.iter().any(|entry| server.shares_token_with(&entry.target()));
    let off = entries.iter().filter_map(|entry| {
        let off = recognise::would_be_off(client, &document, entry.key())?;
        Some(format!("{} is switched off in this file: {off}.", entry.key()))
    });
    let mut warnings: Vec<String> = off.collect();
    warnings.extend(entries.iter().filter_map(|entry| long_names(client, entry.key())));
    let neighbours = recognise::servers(client, &document)
        .into_iter()
        .filter(|server| !is_planned(server) && shares_token(server))
        .collect();
    let directory_missing = old.is_none() && !file::has_directory(&path);
    Ok(Plan {
        client,
        path,
        changes,
        directory_missing,
        warnings,
        neighbours,
        old,
        entries: entries.to_vec(),
    })
}

impl Plan {
    /// Whether anything is to be done for which the user has to be asked.
    pub fn needs_consent(&self) -> bool {
        self.directory_missing || self.changes.iter().any(|(_, change)| *change == Change::Replace)
    }

    /// Does it. Without consent an entry that would replace another is left out, and no directory is made.
    ///
    /// # Errors
    /// [`Failure`]: then the file is as it was.
    pub fn write(&self, consent: bool) -> Result<Written, Failure> {
        if self.directory_missing && !consent {
            let directory = self.path.parent().unwrap_or(&self.path);
            return Err(Failure {
                what: format!("{} does not exist: is {} installed?", directory.display(), self.client.title),
                advice: "Say --yes to create it all the same, or add the entry by hand.".to_owned(),
            });
        }
        let old = self.old.as_ref().map(|old| old.text.as_str()).unwrap_or_default();
        let mut text = old.to_owned();
        for entry in &self.entries {
            let edit =
                edit::edit(self.client, &text, entry).map_err(|refusal| refused(&self.path, &refusal))?;
            match edit {
                Edit::Edited(new) => text = new,
                Edit::Different { replaced, .. } if consent => text = replaced,
                Edit::Different { .. } | Edit::Unchanged => {}
            }
        }
        match &self.old {
            _ if text == old => Ok(Written::Nothing),
            None => file::create(&self.path, &text).map(|()| Written::Created),
            Some(loaded) => file::replace(&self.path, loaded, &text).map(Written::Changed),
        }
    }
}

/// One line that says where and why, and one that says what to do.
pub(super) fn refused(path: &std::path::Path, refusal: &Refusal) -> Failure {
    let place = refusal.position.map(|(line, column)| format!("line {line}, column {column}: "));
    Failure {
        what: format!("{}: {}{}", path.display(), place.unwrap_or_default(), refusal.reason),
        advice: "The file was left as it is. Correct it and run this again, or add the entry by hand."
            .to_owned(),
    }
}

/// The longest name of a tool for an action, in characters, among the actions that a daemon is shipped with. Which ones
/// a daemon has is known only to those with a token.
pub const ACTION_NAME_CHARS: usize = 44;

/// Whether this client has trouble with the names of our tools under this key.
fn long_names(client: &Client, key: &str) -> Option<String> {
    let limit = client.name_limit?;
    let around = limit.around.saturating_add(key.len());
    let is_long = |chars: usize| chars.saturating_add(around) > limit.chars_max;
    let long = catalogue::tools().iter().filter(|tool| is_long(tool.name.len())).count();
    let which = match (long, is_long(ACTION_NAME_CHARS)) {
        (0, false) => return None,
        (0, true) => "those of some actions".to_owned(),
        (long, false) => format!("{long} of them"),
        (long, true) => format!("{long} of them and those of some actions"),
    };
    Some(format!(
        "{} counts the key {key:?} into every tool's name, and {which} become longer than {}: {}. Choose a shorter key.",
        client.title, limit.chars_max, limit.consequence
    ))
}

impl Entry {
    /// What it starts.
    fn target(&self) -> Target {
        let variable = |name: &str| self.variable(name).map(str::to_owned);
        Target {
            command: self.command().into(),
            data_dir: self.variable("WAIAAS_DATA_DIR").unwrap_or_default().into(),
            base_url: variable("WAIAAS_BASE_URL"),
            wallet_id: self.variable("WAIAAS_WALLET_ID").and_then(WalletId::parse),
            wallet_name: variable("WAIAAS_WALLET_NAME"),
        }
    }
}
