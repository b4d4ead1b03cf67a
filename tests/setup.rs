//! `setup` as it is typed: the password from everywhere, the wallets, the token file, and everything that can go wrong
//! on the way, after which nothing is half done.

#![cfg(all(unix, feature = "setup"))]
#![allow(clippy::disallowed_methods, reason = "tests prepare and examine real files")]
#![allow(clippy::print_stdout, reason = "a skipped test says why")]

#[allow(dead_code, reason = "each test program uses a part of the support")]
#[path = "support/console.rs"]
mod console;

#[allow(dead_code, reason = "each test program uses a part of the support")]
#[path = "support/liar.rs"]
mod liar;

#[path = "setup/clients.rs"]
mod clients;
#[path = "setup/daemon.rs"]
mod daemon;
#[path = "setup/interrupted.rs"]
mod interrupted;
#[path = "setup/lies.rs"]
mod lies;
#[path = "setup/made.rs"]
mod made;

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

const DAY_S: i64 = 86_400;

/// Life of a token that setup asks for.
const USUAL_S: i64 = 7 * DAY_S;

/// Life of a token in seconds, renewals, life of the session in seconds.
type Limits = (Option<i64>, u32, Option<i64>);

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).expect("it is there").mode() & 0o7777
}
