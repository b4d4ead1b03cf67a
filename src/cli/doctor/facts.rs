//! What `doctor` looks at besides the survey: the data directory, the token file's mode, what lies beside it, and the
//! daemon's own list of routes.
//!
//! Used by `doctor`. Looks, and judges nothing. Whether the directory can be written is found out as a renewal finds it
//! out: a temporary file is made, its space reserved, and it is removed. Refuses to make a directory.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::cli::keep::service;
use crate::cli::survey::Survey;
use crate::config::Config;
use crate::http::{Credential, Request, Transport};
use crate::ids::WalletId;
use crate::session::fault::FileFault;
use crate::session::policy;
use crate::session::token_file::TokenFile;
use crate::time::{Timestamp, millis};

/// Longest wait for the daemon's document, which has some 200 KB.
const DOCUMENT_TIME_MAX: Duration = Duration::from_secs(10);

/// Names in a directory that are looked at.
const NAMES_MAX: usize = 1000;

/// What was found.
pub(super) struct Facts {
    pub(super) data_dir: PathBuf,
    /// The data directory, and where the token file's own directory is another one, that too.
    pub(super) directories: Vec<(PathBuf, Directory)>,
    /// Whether a new token could be written; `None` if the directory is not there.
    pub(super) writable: Option<Result<(), FileFault>>,
    /// The token file that was read, if it is a file.
    pub(super) file: Option<Rights>,
    /// Why it could not be replaced.
    pub(super) obstacle: Option<&'static str>,
    /// Old temporary files beside the token file.
    pub(super) leftovers: Vec<String>,
    /// Wallets that have a token file of their own.
    pub(super) wallet_files: Vec<WalletId>,
    /// `keep` is a service of this user.
    pub(super) has_service: bool,
    /// Methods and paths that the daemon's document names, each hole written `{}`; `None` if it gives none.
    pub(super) routes: Option<Vec<String>>,
}

impl Facts {
    /// No wallet was named, and there are tokens only where each wallet has its own.
    pub(super) fn wants_a_wallet(&self, survey: &Survey) -> bool {
        let is_of_a_wallet = survey.write.starts_with(self.data_dir.join("mcp-tokens"));
        survey.held.is_none() && !self.wallet_files.is_empty() && !is_of_a_wallet
    }
}

/// A directory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Directory {
    Missing,
    NotOne,
    Is(Rights),
}

/// Whose something is, and what others may do with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Rights {
    /// The permission bits; 0 where there are none.
    pub(super) mode: u32,
    pub(super) is_ours: bool,
}

pub(super) fn gather(config: &Config, survey: &Survey, transport: &dyn Transport) -> Facts {
    let data_dir = config.data_dir.clone();
    let directory = survey.write.parent().map_or_else(|| data_dir.clone(), Path::to_path_buf);
    let mut file = TokenFile::new(config.token_place.clone());
    let mut looked: Vec<PathBuf> = vec![data_dir.clone()];
    if directory != data_dir {
        looked.push(directory.clone());
    }
    let obstacle = file.obstacle();
    let of_wallet = |name: String| WalletId::parse(&name).filter(|id| **id == *name);
    let mut wallet_files: Vec<WalletId> = names(&data_dir.join("mcp-tokens")).filter_map(of_wallet).collect();
    wallet_files.sort();
    let writable = directory.is_dir().then(|| file.prepare());
    file.discard();
    Facts {
        directories: looked.into_iter().map(|path| (path.clone(), look_at(&path))).collect(),
        writable,
        file: fs::symlink_metadata(&survey.file).ok().filter(Metadata::is_file).map(|file| rights(&file)),
        obstacle,
        leftovers: leftovers(&survey.write, survey.now),
        wallet_files,
        has_service: service::is_installed(),
        routes: survey.health.is_ok().then(|| routes(transport)).flatten(),
        data_dir,
    }
}

fn look_at(path: &Path) -> Directory {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Directory::Is(rights(&metadata)),
        Ok(_) => Directory::NotOne,
        Err(_) => Directory::Missing,
    }
}

#[cfg(unix)]
fn rights(metadata: &Metadata) -> Rights {
    use std::os::unix::fs::MetadataExt as _;
    Rights { mode: metadata.mode() & 0o7777, is_ours: metadata.uid() == rustix::process::geteuid().as_raw() }
}

#[cfg(not(unix))]
fn rights(_metadata: &Metadata) -> Rights {
    Rights { mode: 0, is_ours: true }
}

fn names(directory: &Path) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten().take(NAMES_MAX);
    entries.filter_map(|entry| entry.file_name().into_string().ok())
}

/// Temporary files of this token file, ours and other programs', that are too old to be in use.
fn leftovers(file: &Path, now: Timestamp) -> Vec<String> {
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let (ours, theirs) = (format!(".{name}.waiaas-mcp-"), format!("{name}.tmp"));
    let directory = file.parent().unwrap_or(Path::new("."));
    let is_old = |name: &String| {
        let modified = fs::symlink_metadata(directory.join(name)).ok();
        let modified = modified.as_ref().and_then(Timestamp::of_file);
        modified.is_some_and(|modified| now.millis_since(modified) > millis(policy::LEFTOVER_AGE_MAX))
    };
    names(directory).filter(|name| name.starts_with(&ours) || *name == theirs).filter(is_old).collect()
}

/// `GET /doc`.
fn routes(transport: &dyn Transport) -> Option<Vec<String>> {
    let answer = transport.send(&Request::get("/doc"), Credential::None, DOCUMENT_TIME_MAX).ok()?;
    let document: Value = serde_json::from_slice(&answer.body).ok().filter(|_| answer.status == 200)?;
    let paths = document.get("paths")?.as_object()?;
    let methods = |(path, methods): (&String, &Value)| {
        let names: Vec<String> =
            methods.as_object().map(|methods| methods.keys().cloned().collect()).unwrap_or_default();
        let path = holes(path);
        names.into_iter().map(move |name| format!("{} {path}", name.to_ascii_uppercase()))
    };
    Some(paths.iter().flat_map(methods).collect())
}

/// A path with every `{name}` written `{}`, because a hole's name means nothing.
pub(super) fn holes(path: &str) -> String {
    let parts = path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part });
    parts.collect::<Vec<_>>().join("/")
}
