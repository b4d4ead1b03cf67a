//! The configuration files of MCP clients: table-driven, one file of cases for each kind of question.

#![cfg(feature = "setup")]
#![allow(clippy::disallowed_methods, reason = "tests")]

#[path = "client_files/disk.rs"]
mod disk;
#[path = "client_files/judge.rs"]
mod judge;
#[path = "client_files/looked.rs"]
mod looked;
#[path = "support/prng.rs"]
mod prng;
#[path = "client_files/random.rs"]
mod random;
#[path = "client_files/refused.rs"]
mod refused;
#[path = "client_files/shown.rs"]
mod shown;
#[path = "client_files/support.rs"]
mod support;
#[path = "client_files/written.rs"]
mod written;
