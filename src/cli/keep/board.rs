//! The board: what is known of every kept file, written by the workers and read by whoever reports.
//!
//! Used by `keep`. Each worker has a [`Recorder`], an observer of what it does ([`crate::session::observed`]) that notes it
//! here and puts the file's name into every line of the log. Entries go by the number of the worker and not by the file: a
//! worker that was let go of may still be finishing while another begins on the same file.

use std::collections::BTreeMap;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded};
use parking_lot::Mutex;

use super::record::{Hindrance, Record, Rested, TokenTimes};
use crate::log::{self, Area, Foreign, Loggable};
use crate::session::events::{Action, Moment};
use crate::session::notice::Notice;
use crate::session::observed::{Observer, Rest};
use crate::session::status::Status;

/// Rests that a worker is given beyond the first one where it is to do only what is due, because another process had
/// the lock: that one is renewing, and some seconds later its token can be taken over.
const RESTS_FOR_LOCK_MAX: u32 = 1;

/// All entries, and a channel that gets a message after each change.
pub(super) struct Board {
    entries: Mutex<Entries>,
    changed: Sender<()>,
}

#[derive(Default)]
struct Entries {
    next: u64,
    records: BTreeMap<u64, Record>,
    reachable: Option<bool>,
}

/// Records what a worker does. A worker that breaks down begins anew with a clone.
#[derive(Clone)]
pub(super) struct Recorder {
    board: Arc<Board>,
    number: u64,
    /// Marks the end of the last clone, which is that of the worker's thread.
    _ending: Arc<Ending>,
    label: String,
    until: Until,
    /// Nothing is logged: whoever waits for this worker tells what it came to.
    is_quiet: bool,
    /// Another process had the lock since the last rest.
    was_locked_out: bool,
}

/// How long a worker works.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Until {
    /// It is told to stop.
    Stopped,
    /// What is due now was done.
    NothingDue { rests_left: u32 },
}

impl Until {
    /// Until what is due now was done.
    pub(super) const NOTHING_DUE: Until = Until::NothingDue { rests_left: RESTS_FOR_LOCK_MAX };
}

impl Board {
    /// An empty board, and where its changes are heard of.
    pub(super) fn new() -> (Arc<Board>, Receiver<()>) {
        // One message that nobody has read yet says it all.
        let (changed, changes) = bounded(1);
        (Arc::new(Board { entries: Mutex::default(), changed }), changes)
    }

    /// A new entry, and the recorder of its worker.
    pub(super) fn enter(self: &Arc<Board>, record: Record, until: Until, is_quiet: bool) -> (u64, Recorder) {
        let label = record.label.clone();
        let mut entries = self.entries.lock();
        entries.next = entries.next.wrapping_add(1);
        let number = entries.next;
        entries.records.insert(number, record);
        drop(entries);
        let board = Arc::clone(self);
        let _ending = Arc::new(Ending { board: Arc::clone(self), number });
        (number, Recorder { board, number, _ending, label, until, is_quiet, was_locked_out: false })
    }

    /// Takes an entry away.
    pub(super) fn remove(&self, number: u64) {
        self.entries.lock().records.remove(&number);
        self.announce();
    }

    /// What is known of a worker.
    pub(super) fn record(&self, number: u64) -> Option<Record> {
        self.entries.lock().records.get(&number).cloned()
    }

    /// All entries, in the order of their files.
    pub(super) fn records(&self) -> Vec<Record> {
        let mut records: Vec<Record> = self.entries.lock().records.values().cloned().collect();
        records.sort_by(|one, other| one.label.cmp(&other.label));
        records
    }

    /// Whether the daemon answered when it was asked last.
    pub(super) fn reachable(&self) -> Option<bool> {
        self.entries.lock().reachable
    }

    pub(super) fn set_reachable(&self, is_reachable: bool) {
        let before = self.entries.lock().reachable.replace(is_reachable);
        if before != Some(is_reachable) {
            self.announce();
        }
    }

    fn note(&self, number: u64, note: impl FnOnce(&mut Record)) {
        if let Some(record) = self.entries.lock().records.get_mut(&number) {
            note(record);
        }
    }

    fn announce(&self) {
        // Full: whoever reads it will see this change too.
        let _ = self.changed.try_send(());
    }
}

impl Observer for Recorder {
    fn acts(&mut self, action: &Action, at: Moment) {
        self.board.note(self.number, |record| {
            record.last_act = at.now.mono;
            match action {
                Action::SendRenewal { .. } => record.is_renewing = true,
                // An answer may be awaited over many rests.
                Action::Wait { is_settled, .. } => record.is_renewing = !is_settled,
                _ => {}
            }
            if let Action::SwapToken { session, .. } = action {
                record.token = Some(TokenTimes::of(session));
                record.not_renewable = None;
            }
        });
    }

    fn tells(&mut self, notice: &Notice, at: Moment) {
        self.was_locked_out |= *notice == Notice::LockTimedOut;
        self.board.note(self.number, |record| match notice {
            Notice::Succeeded { .. } => {
                record.renewals = record.renewals.saturating_add(1);
                record.last_renewal = Some(at.now.wall);
            }
            Notice::Failed { .. } => record.failures = record.failures.saturating_add(1),
            Notice::NotScheduled { why, .. } => record.not_renewable = Some(*why),
            Notice::NotWritable { fault, .. } => {
                record.hindrance = Some(Hindrance {
                    what: format!("{}: {}", fault.operation, fault.detail),
                    advice: format!("{}. The next run tries again.", fault.remedy()),
                });
            }
            Notice::LockTimedOut => {
                record.hindrance = Some(Hindrance {
                    what: "another process has the lock".to_owned(),
                    advice: "It renews the token, or hangs: look with `fuser` or `lsof`. The next run tries again."
                        .to_owned(),
                });
            }
            Notice::Attempt { .. } | Notice::Saved => record.hindrance = None,
            _ => {}
        });
        if self.is_quiet {
            return;
        }
        notice.describe(|level, name, fields| {
            let file = Foreign(&self.label);
            let file: (&'static str, &dyn Loggable) = ("file", &file);
            let fields: Vec<_> = [file].into_iter().chain(fields.iter().copied()).collect();
            log::event(Area::Session, level, name, &fields);
        });
    }

    fn rests(&mut self, status: &Status, at: Moment) -> Rest {
        self.board.note(self.number, |record| {
            record.rested = Some(Rested { status: status.clone(), at });
        });
        self.board.announce();
        let was_locked_out = std::mem::take(&mut self.was_locked_out);
        match &mut self.until {
            Until::Stopped => Rest::Wait,
            Until::NothingDue { rests_left } if was_locked_out && *rests_left > 0 => {
                *rests_left -= 1;
                Rest::Wait
            }
            Until::NothingDue { .. } => Rest::End,
        }
    }
}

/// Notes that a worker has ended.
struct Ending {
    board: Arc<Board>,
    number: u64,
}

impl Drop for Ending {
    /// With its worker's thread, however that ends.
    fn drop(&mut self) {
        self.board.note(self.number, |record| {
            record.has_ended = true;
            record.is_renewing = false;
        });
        self.board.announce();
    }
}
