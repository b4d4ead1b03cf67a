//! The list of tools as something that changes: who waits for it, and who is told.
//!
//! Used by the server. Refuses to know when the daemon is asked, and what a tool is.

use std::time::Duration;

use super::action_watch::{FIRST_LOOK_WAIT, Looked};
use super::batches::BatchId;
use super::{Server, log_odd_actions};
use crate::mcp::era::Era;
use crate::mcp::message::{Outgoing, RequestId};
use crate::time::Clock as _;

/// Lists that may wait at once. Who asks for more is answered with what there is.
const WAITING_MAX: usize = 64;

/// What the client knows of the list.
#[derive(Default)]
pub(super) struct Listing {
    waiting: Vec<Waiting>,
    /// The client has had a list.
    is_known: bool,
    /// The client is to be told after the next look, whatever it finds: the session is another one.
    must_tell: bool,
}

/// A request for the list that came before the first look had ended.
struct Waiting {
    id: RequestId,
    era: Era,
    batch: Option<BatchId>,
    until: Duration,
}

impl Server {
    /// Whether a list that is asked for now should wait a moment.
    pub(super) fn list_may_wait(&self) -> bool {
        let is_first = self.actions.as_ref().is_some_and(|watch| watch.is_first());
        is_first && self.end.is_none() && self.listing.waiting.len() < WAITING_MAX
    }

    pub(super) fn let_list_wait(&mut self, id: RequestId, era: Era, batch: Option<BatchId>) {
        let until = self.clock.now().mono.saturating_add(FIRST_LOOK_WAIT);
        self.listing.waiting.push(Waiting { id, era, batch, until });
    }

    /// Whether nobody waits for a list.
    pub(super) fn no_list_waits(&self) -> bool {
        self.listing.waiting.is_empty()
    }

    /// The list for a client, now.
    pub(super) fn list_now(&mut self, era: Era) -> String {
        self.listing.is_known = true;
        self.tools_result(era)
    }

    pub(super) fn drop_waiting_list(&mut self, id: &RequestId) {
        let (dropped, kept): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.listing.waiting).into_iter().partition(|waiting| waiting.id == *id);
        self.listing.waiting = kept;
        for Waiting { batch, .. } in dropped {
            self.settle(batch, None);
        }
    }

    /// How long until something here is to be done.
    pub(super) fn listing_time_left(&self) -> Option<Duration> {
        let now = self.clock.now().mono;
        let waiting = self.listing.waiting.iter().map(|waiting| waiting.until.saturating_sub(now)).min();
        let watch = self.actions.as_ref().filter(|_| self.end.is_none());
        let look = watch.and_then(|watch| watch.time_left(now));
        waiting.into_iter().chain(look).min()
    }

    /// Does what is to be done by now.
    pub(super) fn keep_list_current(&mut self) {
        let now = self.clock.now().mono;
        if let Some(watch) = self.actions.as_mut().filter(|_| self.end.is_none())
            && watch.time_left(now).is_some_and(|left| left.is_zero())
        {
            watch.look();
        }
        if self.listing.waiting.iter().any(|waiting| waiting.until <= now) {
            self.answer_waiting_lists();
        }
    }

    /// The session is another one, or is there again: so may be the actions.
    pub(super) fn look_again(&mut self) {
        let takes_notifications = self.lifecycle.takes_notifications();
        if let Some(watch) = &mut self.actions
            && watch.session_changed()
        {
            self.listing.must_tell |= takes_notifications;
        }
    }

    pub(super) fn handle_looked(&mut self, looked: Looked) {
        let now = self.clock.now().mono;
        let Some(watch) = &mut self.actions else { return };
        let found = watch.take(looked, now);
        let looks_again = watch.is_due();
        let has_changed = found.is_some_and(|found| {
            log_odd_actions(&found.odd);
            self.toolbox.set_actions(found.actions)
        });
        let tells = has_changed && self.listing.is_known || self.listing.must_tell && !looks_again;
        self.listing.must_tell &= looks_again;
        self.answer_waiting_lists();
        if tells && self.end.is_none() && self.lifecycle.takes_notifications() {
            self.send(Outgoing::notification("notifications/tools/list_changed", None));
        }
    }

    pub(super) fn answer_waiting_lists(&mut self) {
        for Waiting { id, era, batch, .. } in std::mem::take(&mut self.listing.waiting) {
            let result = self.list_now(era);
            self.settle(batch, Some(Outgoing::result(&id, &result)));
        }
    }
}
