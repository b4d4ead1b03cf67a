//! Keeps up with the actions that the daemon's providers offer: when to ask, and the thread that asks.
//!
//! Used by the server, which hears of each finished look as one more event. The first list of tools waits for a look, and
//! so do calls of actions as long as no look has succeeded, all of them briefly. An ordinary look does not disturb the
//! session: it asks once, with the token that is there, and leaves a refusal for a call to find out. A look on behalf of
//! a call does what calls do.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::call::{Cancelled, Daemon};
use super::call_pool::STACK_BYTES;
use super::composed;
use super::render;
use crate::log::{self, Area, Foreign, Level};
use crate::mcp::stdio::Waker;
use crate::mcp::types::CallToolResult;
use crate::session::Generation;
use crate::wallet::actions::{self, Actions};

/// How long what was found counts as new while the server is in use. The contract allows 30 s until a change is told,
/// and a look takes far less than the rest of it.
const FRESH_TIME: Duration = Duration::from_secs(20);

/// For how long after its last message a client counts as at work. One that rests hears of a change when it goes on.
const IN_USE_TIME: Duration = Duration::from_secs(300);

/// How long one look may take. Nobody waits for it, and a slow daemon's list is better late than never; a daemon that
/// hangs and comes back has to be noticed within the contract's 30 s.
const LOOK_TIME_MAX: Duration = Duration::from_secs(25);

/// How long the first list of tools waits for the first look, and how long a call of an action that is not known yet waits
/// for one. The contract's number.
pub(super) const LOOK_WAIT: Duration = Duration::from_secs(2);

/// What a look came to.
pub(super) struct Looked {
    /// The token it was done with.
    generation: Generation,
    outcome: Outcome,
}

enum Outcome {
    /// The list, and the fingerprint of its text.
    Found(Actions, u64),
    /// The same text as before.
    Same,
    /// Nobody could be asked, or nothing readable came.
    Nothing,
    /// The same, for a look on behalf of a call: what the call is answered with.
    Failed(CallToolResult),
}

/// On whose behalf a look is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Wanted {
    /// No one's: it is time.
    #[default]
    ByNobody,
    /// A call's. Like every call, it reads the token file again when there is no token or the token is refused.
    ByACall,
}

/// When to look next. Times are on the monotonic clock.
#[derive(Debug, Default)]
struct Plan {
    is_looking: bool,
    /// A look has ended, however.
    has_looked: bool,
    /// Something happened that makes what was found old, or somebody wants to know.
    is_due: bool,
    /// On whose behalf the next look is.
    wanted: Wanted,
    looked_at: Option<Duration>,
    used_at: Option<Duration>,
}

impl Plan {
    fn is_in_use(&self, now: Duration) -> bool {
        self.used_at.is_some_and(|at| now.saturating_sub(at) <= IN_USE_TIME)
    }

    /// How long until it is time to look; `None`: not before something happens.
    fn time_left(&self, now: Duration) -> Option<Duration> {
        if self.is_looking {
            return None;
        }
        if self.is_due {
            return Some(Duration::ZERO);
        }
        let looked_at = self.looked_at?;
        self.is_in_use(now).then(|| FRESH_TIME.saturating_sub(now.saturating_sub(looked_at)))
    }

    fn begin(&mut self, now: Duration) -> Wanted {
        self.is_looking = true;
        self.is_due = false;
        self.looked_at = Some(now);
        std::mem::take(&mut self.wanted)
    }

    fn end(&mut self) {
        self.is_looking = false;
        self.has_looked = true;
    }
}

/// The watch over the actions.
pub(super) struct ActionWatch {
    daemon: Arc<Daemon>,
    report: Sender<Looked>,
    looked: Receiver<Looked>,
    waker: Waker,
    plan: Plan,
    /// The token of the last look that has ended.
    generation: Option<Generation>,
    /// Of the text that was found last.
    fingerprint: Option<u64>,
    /// What the last look came to, if it was for a call and in vain.
    failure: Option<CallToolResult>,
}

impl ActionWatch {
    /// A watch that has not begun. `waker` is used after each message of [`ActionWatch::looked`].
    pub(super) fn new(daemon: Arc<Daemon>, waker: Waker) -> ActionWatch {
        // One look at a time: one message at most.
        let (report, looked) = unbounded();
        ActionWatch {
            daemon,
            report,
            looked,
            waker,
            plan: Plan::default(),
            generation: None,
            fingerprint: None,
            failure: None,
        }
    }

    /// Where the ends of looks are heard of.
    pub(super) fn looked(&self) -> &Receiver<Looked> {
        &self.looked
    }

    /// Whether the first look has yet to end.
    pub(super) fn is_first(&self) -> bool {
        !self.plan.has_looked
    }

    /// Whether a look has ever told which actions there are.
    pub(super) fn has_found(&self) -> bool {
        self.fingerprint.is_some()
    }

    /// What the last look came to, if it was for a call and in vain.
    pub(super) fn failure(&self) -> Option<&CallToolResult> {
        self.failure.as_ref()
    }

    /// A call wants to know which actions there are. A look that is under way, or about to begin, is waited for first.
    pub(super) fn want_for_a_call(&mut self) {
        if !self.plan.is_looking && !self.is_first() {
            self.plan.is_due = true;
            self.plan.wanted = Wanted::ByACall;
        }
    }

    /// Whether a call waits for a look that has not begun.
    pub(super) fn is_wanted(&self) -> bool {
        self.plan.wanted == Wanted::ByACall
    }

    /// The client said something.
    pub(super) fn used(&mut self, now: Duration) {
        self.plan.used_at = Some(now);
    }

    /// The session is another one: what a look has found with another token is old.
    pub(super) fn session_changed(&mut self) {
        self.plan.is_due |= self.is_new_token();
    }

    /// Whether another look has to follow at once.
    pub(super) fn is_due(&self) -> bool {
        self.plan.is_due
    }

    /// Whether a look is under way, or has to follow at once.
    pub(super) fn is_busy(&self) -> bool {
        self.plan.is_due || self.plan.is_looking
    }

    fn is_new_token(&self) -> bool {
        self.generation != Some(self.daemon.session.current().generation)
    }

    /// How long until it is time to look.
    pub(super) fn time_left(&self, now: Duration) -> Option<Duration> {
        self.plan.time_left(now)
    }

    /// Looks, on a thread of its own.
    pub(super) fn look(&mut self, now: Duration) {
        self.look_on(thread::Builder::new().name("actions".to_owned()).stack_size(STACK_BYTES), now);
    }

    fn look_on(&mut self, thread: thread::Builder, now: Duration) {
        let wanted = self.plan.begin(now);
        let (daemon, report, waker) = (Arc::clone(&self.daemon), self.report.clone(), self.waker.clone());
        let known = self.fingerprint;
        let spawned = thread.spawn(move || {
            let looked = panic::catch_unwind(AssertUnwindSafe(|| look(&daemon, known, wanted)));
            if report.send(looked.unwrap_or_else(|_| Looked::in_vain(wanted))).is_ok() {
                waker.wake();
            }
        });
        if let Err(error) = spawned {
            log::event(
                Area::Server,
                Level::Warn,
                "thread.refused",
                &[("error", &Foreign(&error.to_string()))],
            );
            // The queue has no bound and its receiver is this watch. The main thread may have looked at it already.
            let _ = self.report.send(Looked::in_vain(wanted));
            self.waker.wake();
        }
    }

    /// A look has ended: what it found, if that is new.
    pub(super) fn take(&mut self, looked: Looked) -> Option<Actions> {
        self.plan.end();
        self.generation = Some(looked.generation);
        // A change of the session that this look has seen already is none any more.
        self.plan.is_due &= self.is_new_token();
        self.failure = None;
        match looked.outcome {
            Outcome::Found(actions, fingerprint) => {
                self.fingerprint = Some(fingerprint);
                Some(actions)
            }
            Outcome::Same | Outcome::Nothing => None,
            Outcome::Failed(instead) => {
                self.failure = Some(instead);
                None
            }
        }
    }
}

impl Looked {
    /// The look could not be made, for a reason inside the program.
    fn in_vain(wanted: Wanted) -> Looked {
        let outcome = match wanted {
            Wanted::ByNobody => Outcome::Nothing,
            Wanted::ByACall => {
                Outcome::Failed(render::lost("an internal error of waiaas-mcp, see its log", true))
            }
        };
        Looked { generation: Generation::default(), outcome }
    }
}

/// One look. At the very start the session's worker is waited for.
fn look(daemon: &Daemon, known: Option<u64>, wanted: Wanted) -> Looked {
    daemon.session.settled_status();
    let generation = daemon.session.current().generation;
    let outcome = match wanted {
        Wanted::ByNobody => match daemon.ask_quietly(&actions::request(), LOOK_TIME_MAX) {
            None => Outcome::Nothing,
            Some(body) if known == Some(fingerprint(&body)) => Outcome::Same,
            Some(body) => actions::read(&body)
                .map_or(Outcome::Nothing, |found| Outcome::Found(found, fingerprint(&body))),
        },
        Wanted::ByACall => return look_for_a_call(daemon),
    };
    Looked { generation, outcome }
}

/// One look on behalf of a call. The session may have another token afterwards.
fn look_for_a_call(daemon: &Daemon) -> Looked {
    let outcome = match composed::providers(daemon, LOOK_TIME_MAX, &Cancelled::default()) {
        Ok((body, found)) => Outcome::Found(found, fingerprint(&body)),
        Err(instead) => Outcome::Failed(instead),
    };
    Looked { generation: daemon.session.current().generation, outcome }
}

fn fingerprint(body: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::base_url::BaseUrl;
    use crate::http::client::Http;
    use crate::mcp::stdio::{Connection, Heard};
    use crate::session::shared::SharedSession;
    use crate::time::SystemClock;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn it_looks_again_while_in_use_and_rests_with_the_client() {
        let mut plan = Plan::default();
        assert_eq!(plan.time_left(s(0)), None, "not before it was begun");
        plan.is_due = true;
        assert_eq!(plan.time_left(s(0)), Some(s(0)));
        plan.begin(s(1));
        plan.is_due = true;
        assert_eq!(plan.time_left(s(1)), None, "one look at a time");
        plan.end();
        assert_eq!(plan.time_left(s(2)), Some(s(0)), "what happened meanwhile makes it due");
        plan.begin(s(3));
        plan.end();
        assert_eq!(plan.time_left(s(4)), None, "nobody uses it");
        plan.used_at = Some(s(5));
        assert_eq!(plan.time_left(s(5)), Some(s(18)));
        assert_eq!(plan.time_left(s(100)), Some(s(0)));
        assert_eq!(plan.time_left(s(306)), None);
        assert!(FRESH_TIME.max(LOOK_TIME_MAX) < s(30));
    }

    #[cfg(unix)]
    #[test]
    fn a_look_that_cannot_begin_is_heard_of_at_once() {
        let (stream, _client) = std::os::unix::net::UnixStream::pair().expect("sockets");
        let output = stream.try_clone().expect("a descriptor");
        let mut connection = Connection::over(stream.into(), output.into()).expect("a connection");
        let (session, _nudges) = SharedSession::new(Arc::new(SystemClock::start()));
        let base = BaseUrl::parse("http://127.0.0.1:1").expect("a good URL");
        let daemon =
            Daemon { transport: Arc::new(Http::new(base)), session, wallet_id: None, call_time_max: s(1) };
        let mut watch = ActionWatch::new(Arc::new(daemon), connection.waker());
        // More than any machine has.
        watch.look_on(thread::Builder::new().stack_size(usize::MAX / 4), s(0));
        assert!(matches!(connection.next(Duration::ZERO), Heard::Woken));
        let looked = watch.looked().try_recv().expect("it is over");
        assert!(watch.take(looked).is_none() && !watch.is_first());
    }
}
