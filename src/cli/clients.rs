//! The configuration files of MCP clients: where they are, what an entry of ours looks like there, reading them
//! and writing them.
//!
//! Used by `setup`, which writes entries, and by `doctor`, which looks at them. The table of clients, the entries,
//! the editors and the snippets are pure. Refuses to know what a session is; an entry never holds a token.

pub mod edit;
pub mod entry;
pub mod inspect;
pub mod plan;
pub mod recognise;
pub mod show;
pub mod table;
pub mod value;

mod file;
mod jsonc;
mod jsonc_edit;
mod render;
mod toml;
mod yaml;

pub use edit::{Edit, Refusal, edit};
pub use entry::{Entry, Target, keys};
pub use inspect::{Inspection, inspect};
pub use plan::{Plan, plan};
pub use recognise::{Program, Server};
pub use show::{add_command, snippet};
pub use table::{CLIENTS, Client, find};
