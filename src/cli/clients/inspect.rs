//! What a client's file says about us, and whether that can work: for `doctor`.
//!
//! Used by `doctor`, which turns it into checks. Reads the file, and looks whether the commands in it can be run.
//! Refuses to change anything, and to run anything.

use std::fs;
use std::path::{Path, PathBuf};

use super::entry::Target;
use super::recognise::{self, Difference, Server};
use super::table::Client;
use super::{edit, file, plan};
use crate::cli::Failure;
use crate::config::UserDirectories;

/// What was found of one client.
#[derive(Debug)]
pub struct Inspection {
    /// Whose file.
    pub client: &'static Client,
    /// Where it is, if that is known.
    pub path: Option<PathBuf>,
    /// How it is.
    pub state: FileState,
    /// The servers in it that serve a WAIaaS wallet: this program's and the Node program's.
    pub servers: Vec<Inspected>,
}

/// How a client's file is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FileState {
    /// There is none, and its directory is missing too: the client is not installed, or was never started.
    NoDirectory,
    /// There is none.
    Missing,
    /// It cannot be read or understood: one line why, one line what to do.
    Unreadable(Failure),
    /// It was read.
    Read,
}

/// A server of a client's file, compared with what this process would use.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Inspected {
    /// What the file says.
    pub server: Server,
    /// Whether its command can be run.
    pub command: CommandState,
    /// In what it differs from this process.
    pub differences: Vec<Difference>,
}

/// Whether a command can be run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CommandState {
    /// It is this program.
    ThisProgram,
    /// It is an absolute path of another file that can be run.
    AnotherProgram,
    /// Nothing is there.
    Missing,
    /// It is there and cannot be run by this user.
    NotExecutable,
    /// It is a bare name: it works only if the client's own PATH has it, and a client's PATH is short.
    BareName {
        /// Whether it is found in the PATH of this process.
        is_found: bool,
    },
}

/// Looks into a client's file. `ours` is what an entry for this process would start.
pub fn inspect(client: &'static Client, directories: &UserDirectories, ours: &Target) -> Inspection {
    let found = |path, state, servers| Inspection { client, path, state, servers };
    let Some(path) = client.path(directories) else {
        return found(None, FileState::NoDirectory, Vec::new());
    };
    let text = match file::load(&path) {
        Ok(Some(loaded)) => loaded.text,
        Ok(None) if file::has_directory(&path) => return found(Some(path), FileState::Missing, Vec::new()),
        Ok(None) => return found(Some(path), FileState::NoDirectory, Vec::new()),
        Err(failure) => return found(Some(path), FileState::Unreadable(failure), Vec::new()),
    };
    let document = match edit::read(client, &text) {
        Ok(document) => document,
        Err(refusal) => {
            let failure = plan::refused(&path, &refusal);
            return found(Some(path), FileState::Unreadable(failure), Vec::new());
        }
    };
    let inspected = |server: Server| Inspected {
        command: command_state(&server.command, &ours.command, &directories.search_path),
        differences: server.differences(ours),
        server,
    };
    let servers = recognise::servers(client, &document).into_iter().map(inspected).collect();
    found(Some(path), FileState::Read, servers)
}

/// Whether a command of this name is found in the PATH, such as a client's own.
pub fn is_in_path(command: &str, search_path: &[PathBuf]) -> bool {
    search_path.iter().any(|directory| is_executable(&directory.join(command)) == Some(true))
}

fn command_state(command: &str, this_program: &Path, search_path: &[PathBuf]) -> CommandState {
    let path = Path::new(command);
    if !path.is_absolute() && path.components().count() < 2 {
        return CommandState::BareName { is_found: is_in_path(command, search_path) };
    }
    match is_executable(path) {
        None => CommandState::Missing,
        Some(false) => CommandState::NotExecutable,
        Some(true) if is_same_file(path, this_program) => CommandState::ThisProgram,
        Some(true) => CommandState::AnotherProgram,
    }
}

/// `None` if nothing is there.
fn is_executable(path: &Path) -> Option<bool> {
    let metadata = fs::metadata(path).ok()?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        Some(metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
    }
    #[cfg(not(unix))]
    Some(metadata.is_file())
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    match (fs::canonicalize(one), fs::canonicalize(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}
