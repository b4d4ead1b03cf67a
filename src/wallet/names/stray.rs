//! What is told of a name that cannot be taken.
//!
//! Made by the reading of names, displayed by the binding as a part of one sentence. Pure.

use std::fmt;

/// Names that are listed where none is near.
const LISTED_MAX: usize = 20;

/// Something given that cannot be taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::wallet) enum Stray {
    /// A name that means nothing.
    Unknown {
        /// Dotted and indexed, as it was given: `token.network`.
        at: String,
        hint: Hint,
    },
    /// One argument for the second time, with another value: which one is meant cannot be told.
    Twice {
        /// Dotted and indexed, under its own name.
        at: String,
        /// Those under which it was given.
        names: [String; 2],
    },
    /// An object with a name that is not Unicode.
    Unreadable { at: String },
    /// It says that it is something else than the daemon would make of it.
    Other { at: String, is: &'static str, said: String },
}

/// What could have been meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::wallet) enum Hint {
    /// One of these.
    Near(Vec<String>),
    /// Nothing is near; these names there are.
    Known(Vec<String>),
}

impl Stray {
    /// Whether nothing is lost by leaving it out, where nothing is done but reading.
    pub(in crate::wallet) fn can_be_ignored(&self) -> bool {
        matches!(self, Stray::Unknown { .. })
    }

    /// Told where it was left out.
    pub(in crate::wallet) fn ignored(&self) -> String {
        match self {
            Stray::Unknown { at, hint } => format!("`{at}` was ignored: it is unknown ({hint})"),
            other => other.to_string(),
        }
    }
}

impl fmt::Display for Stray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stray::Unknown { at, hint } => write!(f, "`{at}` is unknown ({hint})"),
            Stray::Twice { at, names: [one, other] } if one == other => {
                write!(f, "`{at}` is given twice, with different values")
            }
            Stray::Twice { at, names: [one, other] } => {
                write!(f, "`{at}` is given as `{one}` and as `{other}`, with different values")
            }
            Stray::Unreadable { at } => write!(f, "`{at}` has a name that is not Unicode"),
            Stray::Other { at, is, said } => {
                write!(f, "`{at}`: expected {is}, which its other members make it, got {said}")
            }
        }
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Hint::Near(names) => {
                let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
                write!(f, "did you mean {}?", names.join(" or "))
            }
            Hint::Known(names) if names.is_empty() => f.write_str("there are no arguments"),
            Hint::Known(names) => {
                let listed: Vec<&str> = names.iter().take(LISTED_MAX).map(String::as_str).collect();
                write!(f, "known: {}", listed.join(", "))?;
                match names.len().checked_sub(LISTED_MAX) {
                    Some(more @ 1..) => write!(f, ", and {more} more"),
                    _ => Ok(()),
                }
            }
        }
    }
}
