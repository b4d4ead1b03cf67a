//! The model disk: what readers see, and what a power cut leaves. Nothing is durable before it is synced; a
//! rename is durable when its directory is; until then either the old or the new state comes back.

use std::collections::BTreeMap;

use waiaas_mcp::session::Session;
use waiaas_mcp::session::events::{FileView, StoreOutcome};
use waiaas_mcp::session::fault::{FileFault, FileFaultKind};

use super::super::prng::Prng;

/// What a temporary file holds.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Content {
    Reserved,
    Torn,
    Complete(Session),
}

struct Temporary {
    seen: Content,
    durable: Content,
    made_ms: i64,
}

/// The steps of one store, each of which takes time in which anything may happen.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum StoreStep {
    Write,
    Sync,
    Compare,
    Rename,
    SyncDirectory,
}

impl StoreStep {
    fn next(self) -> Option<StoreStep> {
        match self {
            StoreStep::Write => Some(StoreStep::Sync),
            StoreStep::Sync => Some(StoreStep::Compare),
            StoreStep::Compare => Some(StoreStep::Rename),
            StoreStep::Rename => Some(StoreStep::SyncDirectory),
            StoreStep::SyncDirectory => None,
        }
    }
}

/// A store under way.
#[derive(Clone, Debug)]
pub(crate) struct Storing {
    pub(crate) session: Session,
    pub(crate) instead_of: Option<String>,
    pub(crate) step: StoreStep,
    name: u64,
}

pub(crate) struct Disk {
    pub(crate) file: FileView,
    durable: FileView,
    /// The last rename's temporary name and token, until the directory is synced.
    renamed: Option<(u64, Session)>,
    temporaries: BTreeMap<u64, Temporary>,
    next_name: u64,
    pub(crate) writable: bool,
    /// When somebody else last touched the token file.
    pub(crate) foreign_ms: i64,
}

/// A temporary file this old is rubbish, unless it may be the only place of its token.
const RUBBISH_AGE_MS: i64 = 5 * 60_000;

impl Disk {
    pub(crate) fn new() -> Disk {
        Disk {
            file: FileView::Missing,
            durable: FileView::Missing,
            renamed: None,
            temporaries: BTreeMap::new(),
            next_name: 0,
            writable: true,
            foreign_ms: i64::MIN / 2,
        }
    }

    pub(crate) fn file_session(&self) -> Option<&Session> {
        match &self.file {
            FileView::Held(session) => Some(session),
            FileView::Missing | FileView::Unusable(_) => None,
        }
    }

    /// Another program writes the file: without our lock, durable at once.
    pub(crate) fn foreign_write(&mut self, now_ms: i64, view: FileView) {
        self.durable.clone_from(&view);
        self.file = view;
        self.renamed = None;
        self.foreign_ms = now_ms;
    }

    /// Whether the file or a complete temporary file holds this token.
    pub(crate) fn has(&self, session: &Session) -> bool {
        self.file_session() == Some(session)
            || self.temporaries.values().any(|temporary| temporary.seen == Content::Complete(session.clone()))
    }

    /// Power fails: what was not synced may be there, or not, or half.
    pub(crate) fn cut_power(&mut self, rng: &mut Prng) {
        if let Some((name, session)) = self.renamed.take()
            && rng.chance(500)
        {
            self.file.clone_from(&self.durable);
            let content = Content::Complete(session);
            self.temporaries
                .insert(name, Temporary { seen: content.clone(), durable: content, made_ms: i64::MIN / 2 });
        }
        self.durable.clone_from(&self.file);
        for temporary in self.temporaries.values_mut() {
            if temporary.seen != temporary.durable {
                temporary.seen = match rng.next() % 3 {
                    0 => temporary.durable.clone(),
                    1 => Content::Torn,
                    _ => temporary.seen.clone(),
                };
                temporary.durable = temporary.seen.clone();
            }
        }
    }

    /// The pre-flight: name and reserved space are durable.
    pub(crate) fn prepare(&mut self, now_ms: i64) -> Result<u64, FileFault> {
        if !self.writable {
            return Err(fault("reserve space"));
        }
        self.next_name += 1;
        self.temporaries.insert(
            self.next_name,
            Temporary { seen: Content::Reserved, durable: Content::Reserved, made_ms: now_ms },
        );
        Ok(self.next_name)
    }

    pub(crate) fn remove(&mut self, name: u64) {
        self.temporaries.remove(&name);
    }

    /// As the real sweep: the complete tokens, and old rubbish goes.
    pub(crate) fn sweep(&mut self, now_ms: i64) -> Vec<Session> {
        let in_file = self.file_session().cloned();
        let is_needed = |session: &Session| {
            in_file
                .as_ref()
                .is_none_or(|in_file| in_file.id() != session.id() || session.is_later_than(in_file))
        };
        let mut found = Vec::new();
        self.temporaries.retain(|_, temporary| {
            let is_old = now_ms - temporary.made_ms > RUBBISH_AGE_MS;
            let Content::Complete(session) = &temporary.seen else { return !is_old };
            found.push(session.clone());
            is_needed(session) || !is_old
        });
        found
    }

    pub(crate) fn begin_store(
        &mut self,
        now_ms: i64,
        session: Session,
        instead_of: Option<String>,
        prepared: Option<u64>,
    ) -> Result<Storing, FileFault> {
        let name = match prepared {
            Some(name) => name,
            None => self.prepare(now_ms)?,
        };
        Ok(Storing { session, instead_of, step: StoreStep::Write, name })
    }

    /// Does one step; the outcome once it is over.
    pub(crate) fn store_step(&mut self, storing: &mut Storing) -> Option<StoreOutcome> {
        let outcome = self.do_step(storing);
        if outcome.is_none() {
            storing.step = storing.step.next()?;
        }
        // A complete file that could not be renamed stays; anything else is over.
        let stays = matches!(outcome, Some(StoreOutcome::Failed(_))) && storing.step > StoreStep::Sync;
        if outcome.is_some() && !stays {
            self.temporaries.remove(&storing.name);
        }
        outcome
    }

    fn do_step(&mut self, storing: &Storing) -> Option<StoreOutcome> {
        let name = storing.name;
        let holds = self.file_session() == Some(&storing.session);
        match storing.step {
            StoreStep::Write | StoreStep::Rename if !self.writable => {
                return Some(StoreOutcome::Failed(fault("write")));
            }
            StoreStep::Write => {
                self.temporaries.get_mut(&name)?.seen = Content::Complete(storing.session.clone())
            }
            StoreStep::Sync => {
                let temporary = self.temporaries.get_mut(&name)?;
                temporary.durable = temporary.seen.clone();
            }
            StoreStep::Compare => {
                if let Some(theirs) = self.file_session()
                    && Some(theirs.token().expose()) != storing.instead_of.as_deref()
                    && !holds
                {
                    return Some(StoreOutcome::SomebodyElse(theirs.clone()));
                }
            }
            StoreStep::Rename => {
                self.temporaries.remove(&name);
                self.file = FileView::Held(storing.session.clone());
                self.renamed = Some((name, storing.session.clone()));
            }
            StoreStep::SyncDirectory => {
                // A failed sync of the directory is found out by reading the file.
                if self.renamed.as_ref().is_some_and(|(renamed, _)| *renamed == name) {
                    self.durable.clone_from(&self.file);
                    self.renamed = None;
                }
                return Some(StoreOutcome::Done);
            }
        }
        None
    }
}

pub(crate) fn fault(operation: &'static str) -> FileFault {
    FileFault { operation, kind: FileFaultKind::Full, detail: "no space left on device".to_owned() }
}
