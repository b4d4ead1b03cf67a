//! What must never be sent: a spend that is not exactly what was asked.

use super::Scene;

pub(crate) const SCENES: &[Scene] = &[];
