//! What the daemon can do, as data: one row per tool, from which its schema, its annotations and its request
//! are derived.
//!
//! Used by the server, which lists the tools and sends the requests, and by the command line, which prints the
//! catalogue. Pure. Refuses to know of tokens, of sending, and of the protocol that carries the tools.
//!
//! Read [`spec`] for the shape of a row, then [`catalogue`] for the rows, then [`binding`] for what becomes of
//! a call's arguments.

pub mod actions;
pub mod arguments;
pub mod asset;
pub mod binding;
pub mod catalogue;
pub mod connected;
pub mod daemon_names;
pub mod given;
pub mod networks;
pub mod provider;
pub mod schema;
pub mod spec;
pub mod toolsets;
pub mod userop;

mod names;
mod raw;
mod spelling;
