//! What there is to tell of a wallet: the list of tools as something that changes, and the state of the session.
//!
//! Used by the service of a wallet. Refuses to know who is told, and in which form.

use std::time::Duration;

use super::WalletService;
use crate::log::{self, Area, Foreign, Level};
use crate::mcp::subscriptions::Change;
use crate::server::action_watch::{LOOK_WAIT, Looked};
use crate::server::resources::{SESSION_STATUS, SYSTEM_STATUS};
use crate::server::service::News;
use crate::session::shared::Change as SessionChange;
use crate::wallet::actions::OddEntry;

impl WalletService {
    /// How long a list of tools that is asked for now should wait.
    pub(super) fn first_look_wait(&self) -> Option<Duration> {
        let is_first = self.actions.as_ref().is_some_and(|watch| watch.is_first());
        is_first.then_some(LOOK_WAIT)
    }

    /// From now on the daemon's actions are kept up with.
    pub(super) fn begin_to_watch(&mut self, now: Duration) {
        if let Some(watch) = &mut self.actions {
            watch.look(now);
        }
    }

    /// Takes in what has happened, and does what is due.
    pub(super) fn look_around(&mut self, now: Duration, is_heard: bool) {
        while let Ok(change) = self.session_changes.try_recv() {
            self.session_changed(change, is_heard);
        }
        while let Some(looked) = self.actions.as_ref().and_then(|watch| watch.looked().try_recv().ok()) {
            self.take_look(looked);
        }
        // At the end nobody wants to know any more, except calls that wait.
        if let Some(watch) = self.actions.as_mut().filter(|watch| !self.has_ended || watch.is_wanted())
            && watch.time_left(now).is_some_and(|left| left.is_zero())
        {
            watch.look(now);
        }
    }

    fn session_changed(&mut self, change: SessionChange, is_heard: bool) {
        // The session is another one, or is there again: so may be the actions. That is told once they were looked for,
        // whatever was found.
        if change.session_changed
            && let Some(watch) = &mut self.actions
        {
            watch.session_changed();
            self.must_tell |= is_heard && !(change.is_first && watch.is_first());
            if self.must_tell && !watch.is_busy() {
                self.must_tell = false;
                self.news.push_back(News::Changed(Change::Tools));
            }
        }
        for uri in [SESSION_STATUS, SYSTEM_STATUS] {
            self.news.push_back(News::Changed(Change::Resource(uri.into())));
        }
    }

    fn take_look(&mut self, looked: Looked) {
        let Some(watch) = &mut self.actions else { return };
        let found = watch.take(looked);
        let looks_again = watch.is_due();
        let has_changed = found.is_some_and(|found| {
            log_odd_actions(&found.odd);
            self.toolbox.set_actions(found.actions)
        });
        let tells = has_changed && self.is_list_known || self.must_tell && !looks_again;
        self.must_tell &= looks_again;
        // Whoever waits for the list gets the new one, and is not told of it.
        self.news.push_back(News::Settled);
        if tells && !self.has_ended {
            self.news.push_back(News::Changed(Change::Tools));
        }
    }
}

/// Providers and actions that are left out are told once for each list.
fn log_odd_actions(odd: &[OddEntry]) {
    for OddEntry { name, why } in odd {
        log::event(
            Area::Server,
            Level::Warn,
            "action.left_out",
            &[("name", &Foreign(&name.chars().take(80).collect::<String>())), ("why", why)],
        );
    }
}
