//! The token file on a real disk: what is read, what is refused, what is written and how, and what is left.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests prepare and examine real files")]
#![allow(clippy::print_stdout, reason = "a skipped test says why")]

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use waiaas_mcp::session::events::{FileView, StoreOutcome};
use waiaas_mcp::session::token_file::TokenFile;
use waiaas_mcp::session::{Session, TokenPlace};
use waiaas_mcp::time::Timestamp;

mod support;

#[path = "token_file/left.rs"]
mod left;
#[path = "token_file/read.rs"]
mod read;
#[path = "token_file/stored.rs"]
mod stored;

use support::token;

const NOW: Timestamp = Timestamp::from_unix_seconds(1_795_330_000);

fn session(id: &str, issued_s: i64) -> Session {
    Session::parse(&token(id, issued_s, Some(issued_s + 300)), NOW).unwrap()
}

fn place(path: &Path) -> TokenPlace {
    TokenPlace { write: path.to_owned(), read_fallback: None, only_session: None, bootstrap: None }
}

fn scratch() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mcp-token");
    (directory, path)
}

fn read(path: &Path) -> FileView {
    TokenFile::new(place(path)).read(NOW)
}

fn store(path: &Path, session: &Session, instead_of: Option<&Session>) -> StoreOutcome {
    TokenFile::new(place(path)).store(session, instead_of.map(Session::token), NOW, || {})
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
