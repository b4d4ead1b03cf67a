//! Whether a setting was said at all, for those whose habit differs where nothing was.
//!
//! Used by `keep --once`, which is silent where `keep` tells what happens, unless a log was asked for.

/// Whether the environment says something about this variable. Empty is the same as not.
pub fn in_environment(variable: &str) -> bool {
    #[expect(clippy::disallowed_methods, reason = "the environment is read here and in config.rs")]
    std::env::var_os(variable).is_some_and(|value| !value.is_empty())
}
