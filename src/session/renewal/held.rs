//! The token that is served: which one is changed to, and what is known of the one before it.
//!
//! Pure, as its parent.

use std::mem;
use std::time::Duration;

use super::{Phase, Renewal};
use crate::session::choose::{self, Known};
use crate::session::events::{Action, FileView};
use crate::session::notice::{NotRenewable, Notice};
use crate::session::status::Source;
use crate::session::{Session, schedule};

/// The token that is served, and what is known of it.
pub(super) struct Held {
    pub(super) session: Session,
    /// What `session` may be a copy of: the token held before it, of the same session with the same end. The
    /// daemon's operator can have copies made that work and cannot be renewed; what they were copied from can.
    pub(super) original: Option<Session>,
    pub(super) source: Source,
    pub(super) not_renewable: Option<NotRenewable>,
    /// It is newer than the file.
    pub(super) unsaved: bool,
}

impl Held {
    /// The token that a renewal request carries, and by which it is scheduled.
    pub(super) fn renewed(&self) -> &Session {
        self.original.as_ref().unwrap_or(&self.session)
    }

    /// What is known of a token that takes the place of this one: what it may be a copy of, and whether the
    /// daemon has stopped lengthening this session's life.
    fn known_of(&self, next: &Session) -> (Option<Session>, Option<NotRenewable>) {
        if !next.is_later_than(&self.session) {
            return (None, None);
        }
        if next.expires_at() != self.session.expires_at() {
            let clamped = schedule::is_clamped(&self.session, next);
            return (None, clamped.then_some(NotRenewable::Clamped));
        }
        match self.not_renewable {
            None => (Some(self.renewed().clone()), None),
            Some(NotRenewable::Superseded) => (None, None),
            why => (None, why),
        }
    }
}

impl Renewal {
    /// The token to change to, if there is one.
    pub(super) fn candidate(&self) -> Option<(Session, Source)> {
        let [in_file, held, in_environment] = self.known();
        let known = Known { in_file, held, in_environment };
        let chosen = choose::choose(known, |session| self.is_good(session));
        chosen.map(|(session, source)| (session.clone(), source))
    }

    pub(super) fn adopt(&mut self, session: Session, source: Source) -> Action {
        let expires_at = session.expires_at();
        if source == Source::Environment && matches!(self.file, FileView::Missing) {
            self.notices.push(Notice::FileUnusable { why: "it is not there" });
        }
        self.notices.push(match &self.held {
            None => Notice::Loaded { from: source.name(), expires_at },
            Some(held) => Notice::Adopted {
                from: source.name(),
                same_session: held.session.id() == session.id(),
                expires_at,
            },
        });
        self.renew_not_before = Duration::ZERO;
        if mem::take(&mut self.turn.rejected)
            && let Some(held) = &self.held
        {
            // Whoever puts it back into the file by mistake must not take the better one away from us.
            self.refusals.add(held.session.token(), self.at.now.mono);
        }
        let former = self.held.as_ref().filter(|held| !self.is_refused(&held.session));
        let (original, not_renewable) = former.map(|held| held.known_of(&session)).unwrap_or_default();
        self.hold(Held { session, original, source, not_renewable, unsaved: false })
    }

    /// Serves this token from now on; all counters begin anew.
    pub(super) fn hold(&mut self, held: Held) -> Action {
        self.generation = self.generation.next();
        self.forget_in_flight();
        self.late.take_if(|late| !late.is_later_than(&held.session));
        self.unanswered = 0;
        self.too_early = 0;
        self.misconfigured = false;
        self.last_error = None;
        self.introspection_wanted = false;
        let session = held.session.clone();
        let unlimited = session.expires_at().is_none().then_some(NotRenewable::Unlimited);
        self.held = Some(Held { not_renewable: held.not_renewable.or(unlimited), ..held });
        let (generation, status) = (self.generation, self.status());
        self.go(Phase::Swapping, Action::SwapToken { session, generation, status })
    }
}
