//! The process among others: a stderr that nobody reads, signals, launchers that exit.

use super::Scene;

pub(crate) const SCENES: &[Scene] = &[];
