//! `waiaas-mcp`: a stdio MCP server for a self-hosted WAIaaS wallet daemon, whose session renews itself.
//!
//! Three pillars stand side by side and know nothing of each other:
//!
//! - [`session`]: one token, one file, its renewal;
//! - [`wallet`]: what the daemon can do, as data;
//! - [`mcp`]: the protocol.
//!
//! The [`server`] joins them, the [`cli`] starts things, `main` exits. [`sandbox`] is a daemon of its own for
//! demonstrations and tests; it shares no code with the rest, because a daemon that shares code with its
//! client agrees with its mistakes. ARCHITECTURE.md tells the story; `tests/floors.rs` holds the walls up.
//!
//! Where to start reading: [`session::renewal`], then [`server`], then one file of [`wallet::catalogue`].

#![forbid(unsafe_code)]
#![allow(rustdoc::private_intra_doc_links, reason = "this documentation is read by the program's developers")]

pub mod ids;
pub mod json;
pub mod log;
pub mod secret;
pub mod text;
pub mod time;

pub mod http;

pub mod mcp;
pub mod session;
pub mod wallet;

pub mod server;

pub mod sandbox;

pub mod cli;
pub mod config;
