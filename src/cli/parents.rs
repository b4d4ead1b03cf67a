//! Whoever started the server, and whether its end means that the client has ended too.
//!
//! Used by `serve`. A client may die and leave its end of the pipes to somebody else, so that no end of input ever comes;
//! what is left to see of it then is that the parents change. They change for other reasons too, so that alone is a
//! [`Suspicion`].

use std::os::unix::process::parent_id;

use super::suspicion::{SILENCE_MAX, Suspicion, Verdict};
use crate::log::{self, Area, Level};
use crate::time::{Clock as _, SystemClock};

/// Looks at the parents now and then.
pub(super) struct Watch {
    at_start: Parents,
    clock: SystemClock,
    suspicion: Suspicion,
}

impl Watch {
    /// Begins, with the parents as they were at the start.
    pub(super) fn new(at_start: Parents) -> Watch {
        Watch { at_start, clock: SystemClock::start(), suspicion: Suspicion::default() }
    }

    /// Whether the client is taken for gone. `has_spoken`: it has said something since the last time.
    pub(super) fn is_client_gone(&mut self, has_spoken: bool) -> bool {
        let are_gone = self.at_start.are_gone(Parents::now());
        match self.suspicion.look(self.clock.now().mono, has_spoken, are_gone) {
            Verdict::Here => false,
            Verdict::Suspected => {
                log::event(
                    Area::Server,
                    Level::Debug,
                    "client.suspected",
                    &[("why", &"its parent has ended")],
                );
                false
            }
            Verdict::Gone => {
                let why = "who started this program has ended, and nothing has come on stdin since";
                log::event(
                    Area::Server,
                    Level::Warn,
                    "client.gone",
                    &[("why", &why), ("silent_for", &SILENCE_MAX)],
                );
                true
            }
        }
    }
}

/// Who started us, and who started them: often a wrapper between the client and us that does not end with
/// the client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Parents {
    parent: u32,
    /// `None` where that cannot be known.
    grandparent: Option<u32>,
}

/// The process that inherits orphans, if nobody nearer does.
const INIT: u32 = 1;

impl Parents {
    /// Who they are now.
    pub(super) fn now() -> Parents {
        Parents::parent_now().with_grandparent()
    }

    /// The parent alone, which costs next to nothing to ask for.
    pub(super) fn parent_now() -> Parents {
        Parents { parent: parent_id(), grandparent: None }
    }

    /// The same parent, and its parent as it is now.
    pub(super) fn with_grandparent(self) -> Parents {
        Parents { grandparent: parent_of(self.parent), ..self }
    }

    /// Whether one of them has ended between `self` and `now`. A parent that was `init` from the start, as in a
    /// container, says nothing.
    pub(super) fn are_gone(self, now: Parents) -> bool {
        let parent_changed = now.parent != self.parent;
        let wrapper_orphaned =
            now.grandparent == Some(INIT) && self.grandparent.is_some_and(|grandparent| grandparent != INIT);
        parent_changed || wrapper_orphaned
    }
}

/// The parent of another process.
#[cfg(target_os = "linux")]
fn parent_of(process: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    parent_in_stat(&stat)
}

#[cfg(not(target_os = "linux"))]
fn parent_of(_process: u32) -> Option<u32> {
    None
}

/// `pid (name) state ppid …`, where the name may hold anything, brackets and spaces too (proc(5)).
#[cfg(target_os = "linux")]
fn parent_in_stat(stat: &str) -> Option<u32> {
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ended_client_is_noticed_and_a_container_is_no_ended_client() {
        let parents = |parent, grandparent| Parents { parent, grandparent };
        let table = [
            (parents(10, Some(5)), parents(10, Some(5)), false),
            (parents(10, Some(5)), parents(1, Some(0)), true),
            // A session's own reaper inherits instead of init.
            (parents(10, Some(5)), parents(7, Some(1)), true),
            (parents(10, Some(5)), parents(10, Some(1)), true),
            (parents(10, Some(5)), parents(10, None), false),
            (parents(10, Some(1)), parents(10, Some(1)), false),
            (parents(1, Some(0)), parents(1, Some(0)), false),
            (parents(0, None), parents(0, None), false),
            (parents(10, None), parents(10, Some(1)), false),
        ];
        for (at_start, now, gone) in table {
            assert_eq!(at_start.are_gone(now), gone, "{at_start:?} {now:?}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_parent_stands_after_a_name_that_may_hold_anything() {
        assert_eq!(parent_in_stat("7 (a) S 9) S 42 7 7 0"), Some(42));
        assert_eq!(parent_in_stat("7 (sh) S"), None);
        assert_eq!(parent_in_stat(""), None);
        assert_eq!(parent_of(std::process::id()), Some(parent_id()));
    }
}
