//! Calls of actions before the daemon has said which actions there are.
//!
//! Used by the service of a wallet. "Unknown tool" would be wrong, and a client that starts a process for each call would
//! never hear anything else. So the call waits for the daemon's list, as the first list of tools does. If the list does
//! not come, the result says why.

use super::{FormKind, WalletService};
use crate::mcp::types::CallToolResult;
use crate::server::action_watch::LOOK_WAIT;
use crate::server::render;
use crate::server::service::{Asked, Reply, Turn};
use crate::wallet::actions::NAME_PREFIX;

impl WalletService {
    /// The reply to a call of a tool that is not known. `None`: there is no such tool.
    pub(super) fn not_known_yet(&mut self, name: &str, asked: &Asked<'_>) -> Option<Reply> {
        if !name.starts_with(NAME_PREFIX) {
            return None;
        }
        let form = self.form(asked.era, FormKind::Call);
        if let Err(problem) = &self.daemon {
            return Some(form.now(&problem.to_result()));
        }
        let watch = self.actions.as_mut().filter(|watch| !watch.has_found())?;
        match (asked.turn, watch.failure()) {
            // The failure of a look on behalf of this call, or of another that was waiting at the same time.
            (Turn::Again | Turn::Last, Some(failure)) => Some(form.now(failure)),
            (Turn::Last, None) => Some(form.now(&self.no_word())),
            (Turn::First | Turn::Again, _) => {
                watch.want_for_a_call();
                Some(Reply::Wait(LOOK_WAIT))
            }
        }
    }

    /// The result when no look has ended in time.
    fn no_word(&self) -> CallToolResult {
        match &self.daemon {
            Ok(daemon) if daemon.session.current().session.is_none() => {
                render::tool_result(Err(daemon.no_session()), true)
            }
            _ => render::lost("it has not said yet which actions it offers", true),
        }
    }
}
