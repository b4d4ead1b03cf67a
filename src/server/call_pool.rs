//! The threads that calls run on, so that a slow one delays nothing else.
//!
//! Used by the server, which owns it and hears of what calls say and of their ends as one more event. Threads are
//! started when they are needed, and all but one end when they are not. The place of a call that was cancelled is free
//! at once, although its thread comes back only when its request has ended. A panic in a call is that call's end and
//! nobody else's. Refuses to know what a call does.

use std::collections::HashSet;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use parking_lot::Mutex;

use crate::log::{self, Area, Foreign, Level};
use crate::mcp::in_flight::Ticket;
use crate::mcp::message::Outgoing;
use crate::mcp::stdio::Waker;

use super::call::Cancelled;

/// Calls that run at once. A daemon on the same machine serves no more at a time; more threads only wait.
const CALLS_MAX: usize = 64;

/// Threads beyond those, whose calls were cancelled and still wait for the daemon. Requests that change nothing are hung
/// up on, and their threads are free at once; the others are waited for until their own time limit. As many again as may
/// run: each costs some 100 KB and a connection, and 128 connections are half of what a process may have open on macOS.
/// Beyond that, a cancelled call keeps its place until its request ends.
const GIVEN_UP_MAX: usize = CALLS_MAX;

/// Calls that wait for a thread. A client that asks for more is told so at once, which is kinder than an answer
/// after minutes.
const CALLS_WAITING_MAX: usize = 2048;

/// Stack of a call's thread, in bytes. A TLS handshake is the deepest thing that happens on it. Only what is used
/// becomes memory.
pub(super) const STACK_BYTES: usize = 256 * 1024;

/// How long a thread waits for another call before it ends and gives its memory back. Starting one costs less than a
/// tenth of a millisecond, so there is no use in keeping many for longer than a burst has pauses.
const IDLE_TIME_MAX: Duration = Duration::from_millis(50);

/// Threads that stay for the next call.
const IDLE_THREADS_KEPT: usize = 1;

/// The work of one call: the result of its request, as JSON text.
pub type Work = Box<dyn FnOnce(&Ongoing) -> String + Send>;

/// The pool. Its owner must call [`CallPool::forget`] for each end that [`CallPool::reports`] tells of.
pub struct CallPool {
    waiting: Sender<Call>,
    calls: Receiver<Call>,
    report: Sender<Report>,
    reports: Receiver<Report>,
    waker: Waker,
    staff: Arc<Mutex<Staff>>,
    idle_time_max: Duration,
    /// Submitted and not yet forgotten.
    outstanding: usize,
}

/// The threads there are. A thread counts itself out only if nothing waits or enough others are there, checked under the
/// same lock, so that no call is left to a thread that has just gone.
#[derive(Default)]
struct Staff {
    threads: usize,
    /// The calls that they run, except those that were given up.
    running: HashSet<Ticket>,
    /// Threads whose call was given up.
    given_up: usize,
}

impl Staff {
    /// Threads for calls that somebody waits for.
    fn serving(&self) -> usize {
        self.threads.saturating_sub(self.given_up.min(GIVEN_UP_MAX))
    }
}

/// What is heard of a call.
pub struct Report {
    /// Which.
    pub ticket: Ticket,
    /// What.
    pub told: Told,
}

/// What a call tells.
pub enum Told {
    /// A message that belongs to it and comes before its result.
    Said(Outgoing),
    /// It is over. Its result; `None` if it panicked, or was cancelled before it began.
    Finished(Option<String>),
}

/// A call as its own work sees it.
pub struct Ongoing {
    ticket: Ticket,
    cancelled: Cancelled,
    report: Sender<Report>,
    waker: Waker,
}

impl Ongoing {
    /// Whether the client still wants the result.
    pub fn cancelled(&self) -> &Cancelled {
        &self.cancelled
    }

    /// Has a message sent before the result, unless the client wants neither by then.
    pub fn say(&self, message: Outgoing) {
        self.tell(Told::Said(message));
    }

    /// Whether anybody hears it.
    fn tell(&self, told: Told) -> bool {
        let is_heard = self.report.send(Report { ticket: self.ticket, told }).is_ok();
        self.waker.wake();
        is_heard
    }
}

/// There is no room for another call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full;

struct Call {
    ticket: Ticket,
    cancelled: Cancelled,
    work: Work,
}

impl CallPool {
    /// A pool without threads yet. `waker` is used after each message of [`CallPool::reports`].
    pub fn new(waker: Waker) -> CallPool {
        // The queues are bounded by `outstanding`.
        let (waiting, calls) = unbounded();
        let (report, reports) = unbounded();
        CallPool {
            waiting,
            calls,
            report,
            reports,
            waker,
            staff: Arc::default(),
            idle_time_max: IDLE_TIME_MAX,
            outstanding: 0,
        }
    }

    /// Has a call run as soon as a thread is free.
    ///
    /// # Errors
    /// [`Full`]: too many are waiting, or no thread can be started at all.
    pub fn submit(&mut self, ticket: Ticket, cancelled: Cancelled, work: Work) -> Result<(), Full> {
        if self.outstanding >= CALLS_MAX + CALLS_WAITING_MAX {
            return Err(Full);
        }
        self.waiting.send(Call { ticket, cancelled, work }).map_err(|_| Full)?;
        // Counted after the call is in the queue: see `Staff`.
        let (threads, serving) = {
            let staff = self.staff.lock();
            (staff.threads, staff.serving())
        };
        if self.outstanding >= threads && serving < CALLS_MAX && !self.start_thread() && threads == 0 {
            // Nobody else can have taken it.
            let _ = self.calls.try_recv();
            return Err(Full);
        }
        self.outstanding += 1;
        Ok(())
    }

    /// Where calls are heard of.
    pub fn reports(&self) -> &Receiver<Report> {
        &self.reports
    }

    /// One finished call was heard of.
    pub fn forget(&mut self) {
        self.outstanding = self.outstanding.saturating_sub(1);
    }

    /// A call was cancelled: another may take its place.
    pub fn give_up(&mut self, ticket: Ticket) {
        let mut staff = self.staff.lock();
        // If it is not there, it is over, or has not begun and never will.
        if !staff.running.remove(&ticket) {
            return;
        }
        staff.given_up += 1;
        let is_needed = !self.calls.is_empty() && staff.serving() < CALLS_MAX;
        drop(staff);
        if is_needed {
            self.start_thread();
        }
    }

    /// One more thread; whether the operating system had one.
    fn start_thread(&mut self) -> bool {
        let staff = Arc::clone(&self.staff);
        let worker = CallThread {
            calls: self.calls.clone(),
            report: self.report.clone(),
            waker: self.waker.clone(),
            staff: Arc::clone(&staff),
            idle_time_max: self.idle_time_max,
        };
        let builder = thread::Builder::new().name("call".to_owned()).stack_size(STACK_BYTES);
        // Counted before it begins, because it may count itself out at once.
        let mut staff = staff.lock();
        match builder.spawn(move || worker.run()) {
            Ok(_) => staff.threads += 1,
            Err(error) => {
                let error = error.to_string();
                log::event(Area::Server, Level::Warn, "thread.refused", &[("error", &Foreign(&error))]);
                return false;
            }
        }
        true
    }
}

/// What a thread holds.
struct CallThread {
    calls: Receiver<Call>,
    report: Sender<Report>,
    waker: Waker,
    staff: Arc<Mutex<Staff>>,
    idle_time_max: Duration,
}

impl CallThread {
    fn run(&self) {
        while let Some(Call { ticket, cancelled, work }) = self.next_call() {
            let call = Ongoing { ticket, cancelled, report: self.report.clone(), waker: self.waker.clone() };
            let begins = self.begin(&call);
            let result = begins.then(|| panic::catch_unwind(AssertUnwindSafe(|| work(&call))).ok()).flatten();
            let stays = !begins || self.end(ticket);
            if !call.tell(Told::Finished(result)) || !stays {
                return;
            }
        }
    }

    /// Whether the call is to be run. If it is cancelled after this, [`CallPool::give_up`] finds it.
    fn begin(&self, call: &Ongoing) -> bool {
        let mut staff = self.staff.lock();
        !call.cancelled.is_cancelled() && staff.running.insert(call.ticket)
    }

    /// The call is over. Whether this thread is still needed: if the call was given up, another may have replaced it.
    fn end(&self, ticket: Ticket) -> bool {
        let mut staff = self.staff.lock();
        if staff.running.remove(&ticket) {
            return true;
        }
        staff.given_up = staff.given_up.saturating_sub(1);
        let stays = staff.serving() <= CALLS_MAX;
        if !stays {
            staff.threads = staff.threads.saturating_sub(1);
        }
        stays
    }

    /// The next call; `None` if there is none and this thread is not needed any more.
    fn next_call(&self) -> Option<Call> {
        loop {
            match self.calls.recv_timeout(self.idle_time_max) {
                Ok(call) => return Some(call),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => {}
            }
            let mut staff = self.staff.lock();
            if staff.serving() <= IDLE_THREADS_KEPT {
                drop(staff);
                return self.calls.recv().ok();
            }
            if self.calls.is_empty() {
                staff.threads = staff.threads.saturating_sub(1);
                return None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::mcp::in_flight::InFlight;
    use crate::mcp::message::RequestId;
    use crate::mcp::stdio::Connection;

    const WAIT_MAX: Duration = Duration::from_secs(10);

    fn waker() -> Waker {
        let (stream, _) = std::os::unix::net::UnixStream::pair().expect("sockets");
        let output = stream.try_clone().expect("a descriptor");
        Connection::over(stream.into(), output.into()).expect("a connection").waker()
    }

    /// The end of the next call.
    fn end(pool: &CallPool) -> (Ticket, Option<String>) {
        match pool.reports().recv_timeout(WAIT_MAX).expect("an end") {
            Report { ticket, told: Told::Finished(result) } => (ticket, result),
            Report { told: Told::Said(message), .. } => panic!("it said {message:?}"),
        }
    }

    fn tickets(count: usize) -> Vec<Ticket> {
        let id = serde_json::from_str("1").ok().and_then(RequestId::parse).expect("an id");
        let mut in_flight = InFlight::new();
        (0..count).map(|_| in_flight.register(id.clone(), ())).collect()
    }

    #[test]
    fn calls_run_at_the_same_time_and_end_in_their_own_order() {
        let mut pool = CallPool::new(waker());
        let tickets = tickets(2);
        let (go, gate) = crossbeam_channel::bounded::<()>(0);
        let slow: Work = Box::new(move |_| {
            let _ = gate.recv_timeout(WAIT_MAX);
            "slow".to_owned()
        });
        pool.submit(tickets[0], Cancelled::default(), slow).expect("room");
        pool.submit(tickets[1], Cancelled::default(), Box::new(|_| "fast".to_owned())).expect("room");
        assert_eq!(end(&pool), (tickets[1], Some("fast".to_owned())));
        drop(go);
        assert_eq!(end(&pool), (tickets[0], Some("slow".to_owned())));
    }

    #[test]
    fn a_panic_ends_one_call_and_no_thread() {
        let mut pool = CallPool::new(waker());
        let tickets = tickets(2);
        pool.submit(tickets[0], Cancelled::default(), Box::new(|_| panic!("planted"))).expect("room");
        assert_eq!(end(&pool), (tickets[0], None));
        pool.forget();
        pool.submit(tickets[1], Cancelled::default(), Box::new(|_| "fine".to_owned())).expect("room");
        assert_eq!(pool.staff.lock().threads, 1, "the first thread is still there and free");
        assert_eq!(end(&pool), (tickets[1], Some("fine".to_owned())));
    }

    #[test]
    fn what_a_call_says_comes_before_its_end() {
        let mut pool = CallPool::new(waker());
        let said: Work = Box::new(|call| {
            call.say(Outgoing::notification("n", None));
            "done".to_owned()
        });
        let ticket = tickets(1)[0];
        pool.submit(ticket, Cancelled::default(), said).expect("room");
        let first = pool.reports().recv_timeout(WAIT_MAX).expect("a report");
        assert!(matches!(first.told, Told::Said(_)) && first.ticket == ticket);
        assert_eq!(end(&pool), (ticket, Some("done".to_owned())));
    }

    #[test]
    fn a_cancelled_call_does_not_begin() {
        let mut pool = CallPool::new(waker());
        let cancelled = Cancelled::default();
        cancelled.cancel();
        pool.submit(tickets(1)[0], cancelled, Box::new(|_| panic!("it began"))).expect("room");
        assert_eq!(end(&pool).1, None);
    }

    #[test]
    fn threads_and_waiting_calls_are_bounded() {
        let mut pool = CallPool::new(waker());
        let (go, gate) = crossbeam_channel::bounded::<()>(0);
        for ticket in tickets(CALLS_MAX + CALLS_WAITING_MAX) {
            let gate = gate.clone();
            let work: Work = Box::new(move |_| {
                let _ = gate.recv_timeout(WAIT_MAX);
                String::new()
            });
            pool.submit(ticket, Cancelled::default(), work).expect("room");
        }
        assert_eq!(pool.staff.lock().threads, CALLS_MAX);
        assert_eq!(pool.submit(tickets(1)[0], Cancelled::default(), Box::new(|_| String::new())), Err(Full));
        drop(go);
        let ends = std::iter::from_fn(|| pool.reports().recv_timeout(WAIT_MAX).ok());
        assert_eq!(ends.take(CALLS_MAX + CALLS_WAITING_MAX).count(), CALLS_MAX + CALLS_WAITING_MAX);
    }

    #[test]
    fn the_place_of_a_cancelled_call_is_free_before_its_request_has_ended() {
        let mut pool = CallPool::new(waker());
        let tickets = tickets(2 * CALLS_MAX + GIVEN_UP_MAX);
        let (go, gate) = crossbeam_channel::bounded::<()>(0);
        let (begin, begun) = unbounded();
        let submit = |pool: &mut CallPool, ticket: Ticket| {
            let (cancelled, gate, begin) = (Cancelled::default(), gate.clone(), begin.clone());
            let work: Work = Box::new(move |_| {
                let _ = begin.send(());
                let _ = gate.recv_timeout(WAIT_MAX);
                String::new()
            });
            pool.submit(ticket, cancelled.clone(), work).expect("room");
            cancelled
        };
        let begins = |count: usize| (0..count).all(|_| begun.recv_timeout(WAIT_MAX).is_ok());
        let (first, others) = tickets.split_at(CALLS_MAX);
        let first: Vec<_> = first.iter().map(|ticket| (*ticket, submit(&mut pool, *ticket))).collect();
        assert!(begins(CALLS_MAX));
        // These wait, until somebody gives up.
        let others: Vec<_> = others.iter().map(|ticket| (*ticket, submit(&mut pool, *ticket))).collect();
        assert!(begun.try_recv().is_err());
        for (ticket, cancelled) in first {
            cancelled.cancel();
            pool.give_up(ticket);
            assert!(begins(1), "its place is taken at once");
        }
        // And so on, as far as it goes.
        for (ticket, cancelled) in &others[..CALLS_MAX] {
            cancelled.cancel();
            pool.give_up(*ticket);
        }
        assert_eq!(pool.staff.lock().threads, CALLS_MAX + GIVEN_UP_MAX);
        assert!(begun.try_recv().is_err(), "there is an end to it");
        drop(go);
        let ends = std::iter::from_fn(|| pool.reports().recv_timeout(WAIT_MAX).ok());
        assert_eq!(ends.take(tickets.len()).count(), tickets.len());
        let polled = crossbeam_channel::tick(Duration::from_millis(5));
        let is_alone =
            (0..2000).any(|_| polled.recv().is_ok() && pool.staff.lock().threads == IDLE_THREADS_KEPT);
        assert!(is_alone && pool.staff.lock().given_up == 0, "{} threads", pool.staff.lock().threads);
    }

    #[test]
    fn threads_that_are_not_needed_end_and_no_call_is_left_to_one_that_goes() {
        const ROUNDS: usize = 300;
        let mut pool = CallPool { idle_time_max: Duration::from_micros(50), ..CallPool::new(waker()) };
        let tickets = tickets(4 * ROUNDS);
        for round in tickets.chunks(4) {
            for ticket in round {
                pool.submit(*ticket, Cancelled::default(), Box::new(|_| String::new())).expect("room");
            }
            for _ in round {
                pool.reports().recv_timeout(WAIT_MAX).expect("a thread takes every call");
                pool.forget();
            }
        }
        let polled = crossbeam_channel::tick(Duration::from_millis(5));
        let is_alone =
            (0..2000).any(|_| polled.recv().is_ok() && pool.staff.lock().threads == IDLE_THREADS_KEPT);
        assert!(is_alone, "{} threads are left", pool.staff.lock().threads);
    }
}
