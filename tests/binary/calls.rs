//! What becomes of a call on its way: cancelled, waiting for a renewal, of a tool that is not known yet.

use super::Scene;

pub(crate) const SCENES: &[Scene] = &[];
