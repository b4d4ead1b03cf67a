//! The server: the engine that speaks the protocol, and the service of a wallet that it serves.
//!
//! Used by the command line, through [`run`]. One thread, the caller's, owns all state; everything that can wake it is
//! a variant of `Event`. What may wait for somebody runs on the [`call_pool`] and comes back as an event, so every
//! answer is sent from here. The engine knows a [`Service`] and no wallet: [`serve`] would serve any other. Refuses to
//! know where bytes come from.
//!
//! Reading order: this file, [`service`], `dispatch`, `handlers`; then [`wallet_service`], [`call`], [`render`].

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use crate::mcp::era::{self, Era};
use crate::mcp::error::{ErrorCode, ErrorObject};
use crate::mcp::in_flight::InFlight;
use crate::mcp::lifecycle::Lifecycle;
use crate::mcp::logging::{LogListeners, LoggingLevel, log_message};
use crate::mcp::message::{Incoming, Malformed, Message, Outgoing, Request, RequestId};
use crate::mcp::progress::ProgressReports;
use crate::mcp::stdio::{Connection, Heard};
use crate::mcp::subscriptions::Subscriptions;
use crate::time::{Clock as _, SystemClock};

mod dispatch;
mod ending;
mod pending;
mod waiting;

pub mod batches;
pub mod call_pool;
pub mod handlers;
pub mod service;

mod action_watch;
pub mod call;
pub mod composed;
mod own_wallet;
pub mod render;
pub mod resources;
pub mod toolbox;
pub mod wallet_service;

use batches::{BatchId, Batches};
use call_pool::{CallPool, Report};
use pending::Pending;
use service::{News, Reply, Service, Turn};
use waiting::{Waiter, Waiting};
use wallet_service::WalletService;
pub use wallet_service::{ConfigProblem, Settings};

/// How long calls in flight may go on once stdin has ended or the program was told to stop.
pub const DRAIN_TIME_MAX: Duration = Duration::from_secs(2);

/// How long everything else waits for the first message. A client writes it right after it has started the program;
/// one that takes its time finds the session at work.
const FIRST_MESSAGE_WAIT: Duration = Duration::from_millis(20);

/// Longest wait for an event while there is no deadline. Nothing depends on it: it only has to be some time.
const IDLE_TIME_MAX: Duration = Duration::from_secs(3600);

/// Why [`run`] returned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ServerEnd {
    /// The client closed its side.
    InputEnded,
    /// The program was told to stop.
    Stopped,
    /// The client reads no more.
    OutputClosed,
    /// The client is taken for gone.
    ClientGone,
}

/// Everything that can happen.
enum Event {
    /// The client said something.
    Incoming(Incoming),
    /// The client will say no more.
    InputEnded,
    /// The client has gone another way.
    ClientGone(ServerEnd),
    /// A call said something, or is over.
    Reported(Report),
    /// The service has something to tell.
    News(News),
    /// It is time for something.
    Due,
    /// The program shall end.
    StopRequested,
}

/// All state of a connection.
struct Server {
    connection: Connection,
    service: Box<dyn Service>,
    clock: SystemClock,
    /// Until when calls in flight are waited for, on the monotonic clock; `None` while the client is there.
    drain_until: Option<Duration>,
    end: Option<ServerEnd>,
    /// Nothing more can be said.
    closed: bool,
    /// Answers that could not be written.
    unwritten: usize,

    lifecycle: Lifecycle,
    subscriptions: Subscriptions,
    log_listeners: LogListeners,
    in_flight: InFlight<Pending>,
    progress: ProgressReports,
    waiting: Waiting,
    batches: Batches,
    calls: CallPool,
    /// The next report of a call, when there is news to be told first.
    report: Option<Report>,
}

/// Serves a wallet on `connection` until its input ends or the program is asked to stop. Calls in flight get two more
/// seconds; a renewal in flight is the caller's to wait for.
///
/// `begin` starts whatever else is to run. It is called once, after the first message, which is usually there already
/// and which a client is waiting for.
pub fn run(connection: Connection, settings: Settings, begin: impl FnOnce(&mut Connection)) -> ServerEnd {
    let service = WalletService::new(settings, &connection.waker());
    serve(connection, Box::new(service), begin)
}

/// The same for any service.
pub fn serve(
    connection: Connection,
    service: Box<dyn Service>,
    begin: impl FnOnce(&mut Connection),
) -> ServerEnd {
    let mut server = Server::new(connection, service);
    if let Some(event) = server.hear(FIRST_MESSAGE_WAIT) {
        server.handle_event(event);
    }
    begin(&mut server.connection);
    server.service.begin(server.clock.now().mono);
    while !server.is_done() {
        let event = server.next_event();
        server.handle_event(event);
    }
    server.tell_what_is_unwritten();
    // If nobody reads any more, some are left. The caller may have to wait for a renewal, and they must not use the token
    // that it brings.
    server.cancel_calls();
    server.end.unwrap_or(ServerEnd::OutputClosed)
}

impl Server {
    fn new(connection: Connection, service: Box<dyn Service>) -> Server {
        Server {
            service,
            clock: SystemClock::start(),
            drain_until: None,
            end: None,
            closed: false,
            unwritten: 0,
            lifecycle: Lifecycle::default(),
            subscriptions: Subscriptions::default(),
            log_listeners: LogListeners::default(),
            in_flight: InFlight::new(),
            progress: ProgressReports::default(),
            waiting: Waiting::default(),
            batches: Batches::default(),
            calls: CallPool::new(connection.waker()),
            report: None,
            connection,
        }
    }

    fn is_done(&self) -> bool {
        self.closed || (self.end.is_some() && self.in_flight.is_empty() && self.waiting.is_empty())
    }

    /// Waits for the next thing to happen. Whoever puts something into a queue wakes the connection afterwards.
    fn next_event(&mut self) -> Event {
        loop {
            self.report = self.report.take().or_else(|| self.calls.reports().try_recv().ok());
            let now = self.clock.now().mono;
            let is_heard = self.lifecycle.takes_notifications() || self.subscriptions.has_streams();
            if let Some(news) = self.service.news(now, is_heard) {
                return Event::News(news);
            }
            // After the news, so that what a call has logged is told before its result.
            if let Some(report) = self.report.take() {
                return Event::Reported(report);
            }
            let due_in = self.due_in(now).unwrap_or(IDLE_TIME_MAX);
            if due_in.is_zero() {
                return Event::Due;
            }
            if let Some(event) = self.hear(due_in.min(self.service.time_left(now).unwrap_or(IDLE_TIME_MAX))) {
                return event;
            }
        }
    }

    /// How long until it is time for something.
    fn due_in(&self, now: Duration) -> Option<Duration> {
        let drain = self.drain_until.map(|until| until.saturating_sub(now));
        [drain, self.progress.time_left(now), self.waiting.time_left(now)].into_iter().flatten().min()
    }

    /// Waits for the client or for a waker.
    fn hear(&mut self, time_max: Duration) -> Option<Event> {
        match self.connection.next(time_max) {
            Heard::Incoming(incoming) => Some(Event::Incoming(incoming)),
            Heard::InputEnded => Some(Event::InputEnded),
            Heard::StopRequested => Some(Event::StopRequested),
            Heard::OutputClosed => Some(Event::ClientGone(ServerEnd::OutputClosed)),
            Heard::ClientGone => Some(Event::ClientGone(ServerEnd::ClientGone)),
            Heard::Nothing | Heard::Woken => None,
        }
    }

    fn handle_event(&mut self, event: Event) {
        match event {
            Event::Incoming(incoming) => self.handle_incoming(incoming),
            Event::InputEnded => self.begin_to_end(ServerEnd::InputEnded),
            Event::ClientGone(end) => self.begin_to_end(end),
            Event::StopRequested => self.begin_to_end(ServerEnd::Stopped),
            Event::Reported(report) => self.handle_report(report),
            Event::News(news) => self.handle_news(&news),
            Event::Due => self.do_what_is_due(),
        }
    }

    fn handle_incoming(&mut self, incoming: Incoming) {
        self.service.heard(self.clock.now().mono);
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
            Ok(Message::Response(response)) => {
                self.service.answered(response);
                self.settle(batch, None);
            }
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
        if batch.is_some() && request.method == "initialize" {
            let message = "Invalid request: initialize must not be part of a batch";
            return self.refuse(&request.id, batch, &ErrorObject::new(ErrorCode::InvalidRequest, message));
        }
        match era::of(&request, self.lifecycle.version()) {
            Ok(Era::Stateless) if request.method == "subscriptions/listen" => {
                self.open_stream(&request, batch)
            }
            Ok(era) => self.serve_request(request, era, batch),
            Err(error) => self.refuse(&request.id, batch, &error),
        }
    }

    /// A stream's request is answered when the stream ends; a batch does not wait for that.
    fn open_stream(&mut self, request: &Request, batch: Option<BatchId>) {
        match self.listen(request) {
            Ok(acknowledgement) => {
                self.send(acknowledgement);
                self.settle(batch, None);
            }
            Err(error) => self.refuse(&request.id, batch, &error),
        }
    }

    fn serve_request(&mut self, request: Request, era: Era, batch: Option<BatchId>) {
        let may_wait = self.waiting.has_room() && self.end.is_none();
        let turn = if may_wait { Turn::First } else { Turn::Last };
        let reply = self.dispatch(&request, era, turn);
        self.answer(request, era, batch, reply);
    }

    fn answer(
        &mut self,
        request: Request,
        era: Era,
        batch: Option<BatchId>,
        reply: Result<Reply, ErrorObject>,
    ) {
        match reply {
            Ok(Reply::Now(result)) => self.settle(batch, Some(Outgoing::result(&request.id, &result))),
            Ok(Reply::Later(later)) => self.begin_call(request, era, later, batch),
            Ok(Reply::Wait(time_max)) => {
                let until = self.clock.now().mono.saturating_add(time_max);
                self.waiting.push(Waiter { request, era, batch, until });
            }
            Err(error) => self.refuse(&request.id, batch, &error),
        }
    }

    fn refuse(&mut self, id: &RequestId, batch: Option<BatchId>, error: &ErrorObject) {
        self.settle(batch, Some(Outgoing::error(Some(id), error)));
    }

    /// A panic in a handler is that request's end, and nobody else's.
    fn dispatch(&mut self, request: &Request, era: Era, turn: Turn) -> Result<Reply, ErrorObject> {
        let log_level = self.log_level(request, era)?;
        let dispatch = || dispatch::request(self, request, era, log_level, turn);
        catch_unwind(AssertUnwindSafe(dispatch)).unwrap_or_else(|_| {
            Err(ErrorObject::new(ErrorCode::InternalError, "Internal error of waiaas-mcp, see its log"))
        })
    }

    /// The least severe log message that may be sent because of a request: what it asks for itself without a
    /// handshake, and what the connection asked for with one.
    fn log_level(&self, request: &Request, era: Era) -> Result<Option<LoggingLevel>, ErrorObject> {
        match era {
            Era::Stateless => LoggingLevel::of_request(&request.params),
            Era::Handshake(_) => Ok(self.log_listeners.connection()),
        }
    }

    fn handle_news(&mut self, news: &News) {
        match news {
            News::Settled => self.ask_again(None),
            News::Changed(change) => {
                let to_connection = self.lifecycle.takes_notifications();
                for notification in self.subscriptions.notifications(change, to_connection) {
                    self.send(notification);
                }
            }
            News::Logged { level, logger, data } => {
                if self.log_listeners.want(*level) {
                    self.send(log_message(*level, logger, data));
                }
            }
        }
    }

    fn do_what_is_due(&mut self) {
        let now = self.clock.now().mono;
        while let Some(notification) = self.progress.next(now) {
            self.send(notification);
        }
        self.ask_again(Some(now));
        if self.drain_until.is_some_and(|until| until <= now) {
            self.give_up_calls();
        }
    }

    /// Asks the service again for what had to wait: for everything, which may go on waiting; or for what is due by
    /// `now`, which may not.
    fn ask_again(&mut self, now: Option<Duration>) {
        let turn = if now.is_none() { Turn::Again } else { Turn::Last };
        for waiter in self.waiting.take(now) {
            match self.dispatch(&waiter.request, waiter.era, turn) {
                Ok(Reply::Wait(_)) if turn == Turn::Again => self.waiting.push(waiter),
                reply => self.answer(waiter.request, waiter.era, waiter.batch, reply),
            }
        }
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
        if self.closed {
            self.unwritten += message.answers();
        }
    }
}
