//! What the program wants of the operating system for itself, in every command, before it holds anything.
//!
//! Used by the command line.

use super::signals;

/// Nothing of the memory reaches a disk or another process of this user, and a limit of file sizes ends nothing. Where
/// that cannot be had, the program does without.
pub(super) fn prepare() {
    keep_memory_private();
    signals::outlive_large_files();
}

/// Tokens and passwords lie in memory: no core dump, no debugger but root's, and what stands in `/proc` under the
/// process's number belongs to root, but for what everybody may read.
#[cfg(target_os = "linux")]
fn keep_memory_private() {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

#[cfg(not(target_os = "linux"))]
fn keep_memory_private() {}
