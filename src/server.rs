//! The server: joins the protocol, the wallet and the session.
//!
//! Used by the command line, through [`run`]. One thread, the caller's, owns all state; everything that can wake it is
//! a variant of `Event`. What may wait for the daemon runs on the [`call_pool`] and comes back as an event, so every
//! answer is sent from here. Refuses to know where bytes come from, what a token is, and how requests travel.
//!
//! Reading order: this file, [`dispatch`], [`handlers`], [`call`], [`render`].

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, never};

use crate::json::Object;
use crate::log::{self, Area, Foreign, Level};
use crate::mcp::era::{self, Era};
use crate::mcp::error::{ErrorCode, ErrorObject};
use crate::mcp::in_flight::InFlight;
use crate::mcp::lifecycle::Lifecycle;
use crate::mcp::message::{Incoming, Malformed, Message, Outgoing, Request, RequestId};
use crate::mcp::stdio::{Connection, Heard};
use crate::mcp::subscriptions::Subscriptions;
use crate::mcp::types::{CallToolResult, Implementation};
use crate::session::shared::Change;
use crate::time::{Clock as _, SystemClock};
use crate::wallet::actions::OddEntry;

mod action_watch;
mod dispatch;
mod handlers;
mod listing;

pub mod batches;
pub mod call;
pub mod call_pool;
pub mod composed;
pub mod own_wallet;
pub mod render;
pub mod resources;
pub mod toolbox;

use action_watch::{ActionWatch, Looked};
use batches::{BatchId, Batches};
use call::{Cancelled, Daemon};
use call_pool::{CallPool, Finished};
use handlers::{Form, Later, Reply};
use listing::Listing;
use toolbox::{ToolChoice, Toolbox};

/// How long calls in flight may go on once stdin has ended or the program was told to stop.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(2);

/// How long everything else waits for the first message. A client writes it right after it has started the program;
/// one that takes its time finds the session at work.
const FIRST_MESSAGE_WAIT: Duration = Duration::from_millis(20);

/// Longest wait for an event while there is no deadline. Nothing depends on it: it only has to be some time.
const IDLE_TIME_MAX: Duration = Duration::from_secs(3600);

/// What a server is made of.
pub struct Settings {
    /// `serverInfo.name`.
    pub name: String,
    /// Put before each tool's description.
    pub wallet_name: Option<String>,
    /// Which tools are shown.
    pub tools: ToolChoice,
    /// Where calls go. A wrong configuration does not keep the server from starting: each call explains it.
    pub daemon: Result<Daemon, ConfigProblem>,
}

/// Why no call can be served.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigProblem {
    /// What is wrong, naming its source.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

/// Why [`run`] returned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ServerEnd {
    /// The client closed its side.
    InputEnded,
    /// The program was told to stop.
    Stopped,
    /// The client reads no more.
    OutputClosed,
}

/// Everything that can happen.
enum Event {
    /// The client said something.
    Incoming(Incoming),
    /// The client will say no more.
    InputEnded,
    /// A call is over.
    CallFinished(Finished),
    /// The session's state or token changed.
    SessionChanged(Change),
    /// The daemon's actions were looked for.
    Looked(Looked),
    /// It is time for something about the list of tools.
    ListingDue,
    /// The program shall end.
    StopRequested,
    /// Calls had their time.
    DrainTimeOver,
}

/// All state of a connection.
struct Server {
    connection: Connection,
    session_changes: Receiver<Change>,
    clock: SystemClock,
    /// Until when calls in flight are waited for, on the monotonic clock; `None` while the client is there.
    drain_until: Option<Duration>,
    end: Option<ServerEnd>,
    /// Nothing more can be said.
    closed: bool,

    implementation: Arc<Implementation>,
    daemon: Result<Arc<Daemon>, ConfigProblem>,
    toolbox: Toolbox,
    /// `None`: no actions are wanted, or nobody can be asked.
    actions: Option<ActionWatch>,
    listing: Listing,

    lifecycle: Lifecycle,
    subscriptions: Subscriptions,
    in_flight: InFlight<Pending>,
    batches: Batches,
    calls: CallPool,
}

/// What is known of a request that is being worked on.
struct Pending {
    form: Form,
    repeatable: bool,
    cancelled: Cancelled,
    batch: Option<BatchId>,
}

/// Serves `connection` until its input ends or the program is asked to stop. Calls in flight get two more seconds; a
/// renewal in flight is the caller's to wait for.
///
/// `begin` starts whatever else is to run. It is called once, after the first message, which is usually there already
/// and which a client is waiting for.
pub fn run(connection: Connection, settings: Settings, begin: impl FnOnce(&mut Connection)) -> ServerEnd {
    let mut server = Server::new(connection, settings);
    if let Some(event) = server.hear(FIRST_MESSAGE_WAIT) {
        server.handle_event(event);
    }
    begin(&mut server.connection);
    server.begin_to_watch();
    while !server.is_done() {
        let event = server.next_event();
        server.handle_event(event);
    }
    server.end.unwrap_or(ServerEnd::OutputClosed)
}

impl Server {
    fn new(connection: Connection, settings: Settings) -> Server {
        let toolbox = Toolbox::new(settings.tools, settings.wallet_name.as_deref());
        let daemon = settings.daemon.map(Arc::new);
        let watched = daemon.as_ref().ok().filter(|_| toolbox.wants_actions());
        let actions = watched.map(|daemon| ActionWatch::new(Arc::clone(daemon), connection.waker()));
        let implementation = Implementation {
            name: settings.name,
            title: settings.wallet_name.map(|name| format!("WAIaaS wallet {name}")),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        Server {
            session_changes: daemon.as_ref().map_or_else(
                |_| never(),
                |daemon| {
                    let waker = connection.waker();
                    daemon.session.changes(move || waker.wake())
                },
            ),
            clock: SystemClock::start(),
            drain_until: None,
            end: None,
            closed: false,
            implementation: Arc::new(implementation),
            daemon,
            toolbox,
            actions,
            listing: Listing::default(),
            lifecycle: Lifecycle::default(),
            subscriptions: Subscriptions::default(),
            in_flight: InFlight::new(),
            batches: Batches::default(),
            calls: CallPool::new(connection.waker()),
            connection,
        }
    }

    fn is_done(&self) -> bool {
        self.closed || (self.end.is_some() && self.in_flight.is_empty() && self.no_list_waits())
    }

    /// Waits for the next thing to happen. Whoever puts something into a queue wakes the connection afterwards.
    fn next_event(&mut self) -> Event {
        loop {
            if let Ok(finished) = self.calls.finished().try_recv() {
                return Event::CallFinished(finished);
            }
            if let Ok(change) = self.session_changes.try_recv() {
                return Event::SessionChanged(change);
            }
            if let Some(looked) = self.actions.as_ref().and_then(|watch| watch.looked().try_recv().ok()) {
                return Event::Looked(looked);
            }
            let listing_time_left = self.listing_time_left().unwrap_or(IDLE_TIME_MAX);
            if let Some(event) = self.hear(self.time_left(IDLE_TIME_MAX).min(listing_time_left)) {
                return event;
            }
            if self.listing_time_left().is_some_and(|left| left.is_zero()) {
                return Event::ListingDue;
            }
            if self.time_left(IDLE_TIME_MAX).is_zero() {
                return Event::DrainTimeOver;
            }
        }
    }

    /// Waits for the client or for a waker.
    fn hear(&mut self, time_max: Duration) -> Option<Event> {
        match self.connection.next(time_max) {
            Heard::Incoming(incoming) => Some(Event::Incoming(incoming)),
            Heard::InputEnded => Some(Event::InputEnded),
            Heard::StopRequested => Some(Event::StopRequested),
            Heard::Nothing | Heard::Woken => None,
        }
    }

    /// What is left of the time to drain; without a client that has left, `otherwise`.
    fn time_left(&self, otherwise: Duration) -> Duration {
        self.drain_until.map_or(otherwise, |until| until.saturating_sub(self.clock.now().mono))
    }

    fn handle_event(&mut self, event: Event) {
        match event {
            Event::Incoming(incoming) => self.handle_incoming(incoming),
            Event::InputEnded => self.begin_to_end(ServerEnd::InputEnded),
            Event::StopRequested => self.begin_to_end(ServerEnd::Stopped),
            Event::CallFinished(finished) => self.handle_finished(finished),
            Event::SessionChanged(change) => self.handle_session_change(change),
            Event::Looked(looked) => self.handle_looked(looked),
            Event::ListingDue => self.keep_list_current(),
            Event::DrainTimeOver => self.give_up_calls(),
        }
    }

    fn handle_incoming(&mut self, incoming: Incoming) {
        if let Some(watch) = &mut self.actions {
            watch.used(self.clock.now().mono);
        }
        match incoming {
            Incoming::Single(message) => self.handle_message(message, None),
            Incoming::Batch(messages) => self.handle_batch(messages),
        }
    }

    fn handle_message(&mut self, message: Result<Message, Malformed>, batch: Option<BatchId>) {
        match message {
            Ok(Message::Request(request)) => {
                if request.method != "initialize" {
                    self.lifecycle.went_on();
                }
                self.handle_request(request, batch);
            }
            Ok(Message::Notification(notification)) => {
                self.lifecycle.went_on();
                dispatch::notification(self, &notification);
                self.settle(batch, None);
            }
            Ok(Message::Response) => self.settle(batch, None),
            Err(Malformed { id, error }) => self.settle(batch, Some(Outgoing::error(id.as_ref(), &error))),
        }
    }

    fn handle_batch(&mut self, messages: Vec<Result<Message, Malformed>>) {
        if !self.lifecycle.takes_batches() {
            let message = "Invalid request: an array of messages is part of revision 2025-03-26 only";
            let error = ErrorObject::new(ErrorCode::InvalidRequest, message);
            return self.send(Outgoing::error(None, &error));
        }
        let batch = self.batches.open(messages.len());
        for message in messages {
            self.handle_message(message, Some(batch));
        }
    }

    fn handle_request(&mut self, request: Request, batch: Option<BatchId>) {
        let reply = if batch.is_some() && request.method == "initialize" {
            let message = "Invalid request: initialize must not be part of a batch";
            Err(ErrorObject::new(ErrorCode::InvalidRequest, message))
        } else {
            era::of(&request, self.lifecycle.version()).and_then(|era| self.dispatch(era, &request))
        };
        match reply {
            Ok(Reply::Now(result)) => self.settle(batch, Some(Outgoing::result(&request.id, &result))),
            Ok(Reply::Later(later)) => self.begin_call(request.id, later, batch),
            Ok(Reply::List(era)) => self.let_list_wait(request.id, era, batch),
            Err(error) => self.settle(batch, Some(Outgoing::error(Some(&request.id), &error))),
        }
    }

    /// A panic in a handler is that request's end, and nobody else's.
    fn dispatch(&mut self, era: Era, request: &Request) -> Result<Reply, ErrorObject> {
        catch_unwind(AssertUnwindSafe(|| dispatch::request(self, era, request))).unwrap_or_else(|_| {
            Err(ErrorObject::new(ErrorCode::InternalError, "Internal error of waiaas-mcp, see its log"))
        })
    }

    fn begin_call(&mut self, id: RequestId, later: Later, batch: Option<BatchId>) {
        let Later { form, repeatable, work } = later;
        let cancelled = Cancelled::default();
        let pending = Pending { form: form.clone(), repeatable, cancelled: cancelled.clone(), batch };
        let ticket = self.in_flight.register(id, pending);
        let whole = Box::new(move |cancelled: &Cancelled| form.result(&work(cancelled)));
        if self.calls.submit(ticket, cancelled, whole).is_err()
            && let Some((id, pending)) = self.in_flight.complete(ticket)
        {
            let busy = render::own_error(
                "TOO_MANY_CALLS",
                "Too many calls are waiting; this one was not sent to the daemon",
                true,
                Some("Wait for some answers, then try again"),
            );
            self.settle(batch, Some(Outgoing::result(&id, &pending.form.result(&busy))));
        }
    }

    fn handle_finished(&mut self, finished: Finished) {
        self.calls.forget();
        let Some((id, pending)) = self.in_flight.complete(finished.ticket) else { return };
        let result = finished.result.unwrap_or_else(|| {
            let lost = render::lost("an internal error of waiaas-mcp, see its log", pending.repeatable);
            pending.form.result(&lost)
        });
        self.settle(pending.batch, Some(Outgoing::result(&id, &result)));
    }

    /// The client does not want to hear of this request any more.
    fn drop_cancelled(&mut self, id: &RequestId) {
        for pending in self.in_flight.cancel(id) {
            pending.cancelled.cancel();
            self.settle(pending.batch, None);
        }
        self.drop_waiting_list(id);
    }

    /// From now on the daemon's actions are kept up with.
    fn begin_to_watch(&mut self) {
        if let Some(watch) = &mut self.actions {
            watch.look();
        }
    }

    fn handle_session_change(&mut self, change: Change) {
        if change.session_changed {
            self.look_again();
        }
        if !self.lifecycle.takes_notifications() {
            return;
        }
        for uri in [resources::SESSION_STATUS, resources::SYSTEM_STATUS] {
            if self.subscriptions.contains(uri) {
                let params = Object::new().string("uri", uri).finish();
                self.send(Outgoing::notification("notifications/resources/updated", Some(&params)));
            }
        }
    }

    /// No more requests are taken; those in flight get their time.
    fn begin_to_end(&mut self, end: ServerEnd) {
        if self.end.is_none() {
            self.drain_until = Some(self.clock.now().mono.saturating_add(DRAIN_TIME_MAX));
        }
        self.end = Some(end);
        self.connection.end_input();
        self.session_changes = never();
    }

    /// Whatever is still in flight is answered with what is known of it, which is nothing.
    fn give_up_calls(&mut self) {
        for (id, pending) in self.in_flight.take_all() {
            pending.cancelled.cancel();
            let lost = render::lost("waiaas-mcp was told to end before the answer came", pending.repeatable);
            self.settle(pending.batch, Some(Outgoing::result(&id, &pending.form.result(&lost))));
        }
        self.answer_waiting_lists();
    }

    /// A message has its answer, or will have none.
    fn settle(&mut self, batch: Option<BatchId>, answer: Option<Outgoing>) {
        let answer = match batch {
            None => answer,
            Some(batch) => self.batches.settle(batch, answer),
        };
        if let Some(answer) = answer {
            self.send(answer);
        }
    }

    /// Writes a message. Waits while the client does not read, which slows a client that floods.
    fn send(&mut self, message: Outgoing) {
        if !self.closed {
            self.closed = !self.connection.send(&message);
        }
    }
}

impl ConfigProblem {
    /// What every call is answered with.
    fn to_result(&self) -> CallToolResult {
        render::own_error("CONFIGURATION_ERROR", &self.message, false, Some(&self.hint))
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
