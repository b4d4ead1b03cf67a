//! The batch arrays that are being answered: an array is answered by one array, when its last request is.
//!
//! Used by the server for revision 2025-03-26 only. Pure. Refuses to know what the answers say.

use std::collections::HashMap;

use crate::mcp::message::Outgoing;

/// Names one batch.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct BatchId(u64);

/// The batches with unanswered requests.
#[derive(Debug, Default)]
pub struct Batches {
    open: HashMap<BatchId, Batch>,
    opened: u64,
}

#[derive(Debug)]
struct Batch {
    answers: Vec<Outgoing>,
    /// Messages of which it is not known yet whether there will be an answer.
    pending: usize,
}

impl Batches {
    /// A batch of this many messages came; each must be settled once.
    pub fn open(&mut self, messages: usize) -> BatchId {
        self.opened += 1;
        let id = BatchId(self.opened);
        self.open.insert(id, Batch { answers: Vec::new(), pending: messages });
        id
    }

    /// One message of the batch has its answer, or will have none. The answer to the whole batch, once every message
    /// is settled and if there is anything to say.
    pub fn settle(&mut self, id: BatchId, answer: Option<Outgoing>) -> Option<Outgoing> {
        let batch = self.open.get_mut(&id)?;
        batch.answers.extend(answer);
        batch.pending = batch.pending.saturating_sub(1);
        if batch.pending > 0 {
            return None;
        }
        let batch = self.open.remove(&id)?;
        (!batch.answers.is_empty()).then(|| Outgoing::batch(&batch.answers))
    }

    /// Answers that wait for the others of their batch.
    pub fn unsent(&self) -> usize {
        self.open.values().map(|batch| batch.answers.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(name: &str) -> Option<Outgoing> {
        Some(Outgoing::notification(name, None))
    }

    #[test]
    fn a_batch_is_answered_once_its_last_message_is_settled() {
        let mut batches = Batches::default();
        let (first, second) = (batches.open(3), batches.open(1));
        assert!(batches.settle(first, answer("a")).is_none());
        assert!(batches.settle(second, None).is_none(), "nothing to say is not an empty array");
        assert!(batches.settle(first, None).is_none());
        let whole = batches.settle(first, answer("b")).expect("the last one");
        let (a, b) = (answer("a").expect("a"), answer("b").expect("b"));
        assert_eq!(whole.as_json(), format!("[{},{}]", a.as_json(), b.as_json()));
        assert!(batches.settle(first, answer("c")).is_none(), "it is closed");
    }
}
