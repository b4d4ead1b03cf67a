//! What the program wants of the operating system for itself, in every command, before it holds anything.
//!
//! Used by the command line.

use super::signals;

/// A limit of file sizes ends nothing. Where that cannot be had, the program does without.
pub(super) fn prepare() {
    signals::outlive_large_files();
}
