//! The connection to the client: lines in, lines out, on the caller's own thread.
//!
//! Used by the server. One poll(2) waits for the client, for a [`Waker`] and for the time to be over, so that no
//! message passes through a second thread. The only file that writes protocol to stdout. Refuses to know what
//! is said.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::framing::{LINE_BYTES_MAX, Line, LineBuffer, push_line};
use super::message::{Incoming, Outgoing};
use crate::log::{self, Area, Foreign, Level};

/// Bytes taken from the client at once: what a pipe holds.
const READ_BYTES: usize = 64 * 1024;

/// Bytes written at once. Of a pipe that can be written at all, this much is written without waiting (PIPE_BUF of
/// Linux), so a client that does not read never blocks this thread beyond its patience.
const WRITE_BYTES: usize = 4096;

/// Bytes taken from a client that does not read its answers, so that one that writes all its requests before it
/// reads is served too. Beyond that it is made to wait.
const AHEAD_BYTES_MAX: usize = 2 * LINE_BYTES_MAX;

/// How long a client may leave its answers unread when the pipe is full, before it is given up.
const STALL_TIME_MAX: Duration = Duration::from_secs(60);

/// The same after the end of stdin. As long as somebody holds the other end of the pipe open, it may only be busy; a client
/// that still wants its answers is reading again by then.
const STALL_TIME_AT_END_MAX: Duration = Duration::from_secs(30);

/// The same after the program was told to stop: whoever did that is waiting for its end.
const STALL_TIME_AT_STOP_MAX: Duration = Duration::from_secs(2);

/// How often it is asked whether the client is still there, while it says nothing. What is found out that way leads to
/// something after many minutes, so there is no hurry.
const CLIENT_WATCH_INTERVAL: Duration = Duration::from_secs(30);

/// What the server hears next.
#[derive(Debug)]
pub enum Heard {
    /// A line of the client.
    Incoming(Incoming),
    /// The client will say no more. Told once.
    InputEnded,
    /// The program shall end. Told once.
    StopRequested,
    /// Nobody can read an answer any more. Told once.
    OutputClosed,
    /// The client is taken for gone, although its pipes are open. Told once.
    ClientGone,
    /// A [`Waker`] was used.
    Woken,
    /// The time is over.
    Nothing,
}

/// Both directions.
pub struct Connection {
    input: OwnedFd,
    output: OwnedFd,
    lines: LineBuffer,
    read_buffer: Vec<u8>,
    write_buffer: String,
    wake: UnixStream,
    waker: Waker,
    is_client_gone: Box<dyn FnMut(bool) -> bool + Send>,
    /// The client has said something since it was last asked whether it is there.
    has_spoken: bool,
    /// All readers of the output have gone.
    output_closed: bool,
    /// The end of the client was told, whichever way it was found out.
    gone_told: bool,
    /// Called once no more is read.
    on_end: Option<Box<dyn FnOnce() + Send>>,
    /// Nothing more is read.
    input_ended: bool,
    end_told: bool,
    stop_told: bool,
    woken: bool,
    /// The client has left its answers unread for too long.
    gave_up: bool,
}

/// Makes [`Connection::next`] return, from any thread.
#[derive(Clone)]
pub struct Waker(Arc<WakeState>);

struct WakeState {
    /// A byte is on its way already.
    pending: AtomicBool,
    stop: Arc<AtomicBool>,
    sender: UnixStream,
}

impl Connection {
    /// The connection on stdin and stdout.
    ///
    /// # Errors
    /// The operating system has no descriptors left.
    pub fn stdio() -> io::Result<Connection> {
        let input = io::stdin().as_fd().try_clone_to_owned()?;
        let output = io::stdout().as_fd().try_clone_to_owned()?;
        Connection::over(input, output)
    }

    /// The connection on any two streams.
    ///
    /// # Errors
    /// The operating system has no descriptors left.
    pub fn over(input: OwnedFd, output: OwnedFd) -> io::Result<Connection> {
        let (wake, sender) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        sender.set_nonblocking(true)?;
        let state = WakeState { pending: AtomicBool::new(false), stop: Arc::default(), sender };
        Ok(Connection {
            input,
            output,
            lines: LineBuffer::default(),
            read_buffer: Vec::new(),
            write_buffer: String::new(),
            wake,
            waker: Waker(Arc::new(state)),
            is_client_gone: Box::new(|_| false),
            has_spoken: false,
            output_closed: false,
            gone_told: false,
            on_end: None,
            input_ended: false,
            end_told: false,
            stop_told: false,
            woken: false,
            gave_up: false,
        })
    }

    /// Has `is_gone` asked now and then while the client is silent, with whether it has said anything since the last
    /// time: a client that died may have left its end of the pipe to somebody else, so that its end of input never comes.
    pub fn watch_client(&mut self, is_gone: impl FnMut(bool) -> bool + Send + 'static) {
        self.is_client_gone = Box::new(is_gone);
    }

    /// Calls this when the server begins to end, or now if it has begun.
    pub fn when_ending(&mut self, on_end: impl FnOnce() + Send + 'static) {
        if self.end_told {
            return on_end();
        }
        self.on_end = Some(Box::new(on_end));
    }

    /// For threads that have something for the server.
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Waits for something to hear, `time_max` at most.
    pub fn next(&mut self, time_max: Duration) -> Heard {
        loop {
            if !self.stop_told && self.waker.0.stop.load(Ordering::SeqCst) {
                self.stop_told = true;
                return Heard::StopRequested;
            }
            if let Some(incoming) = self.next_incoming() {
                return Heard::Incoming(incoming);
            }
            if self.input_ended && !self.end_told {
                self.end_told = true;
                return Heard::InputEnded;
            }
            // After all that it has said: what it has asked for before it closed its side is done.
            if self.output_closed && !self.gone_told {
                self.gone_told = true;
                return Heard::OutputClosed;
            }
            if std::mem::take(&mut self.woken) {
                return Heard::Woken;
            }
            let ready = self.wait(time_max.min(CLIENT_WATCH_INTERVAL), false);
            if ready.nothing {
                return self.looked_for_client();
            }
        }
    }

    /// Reads no more, and forgets what was read: nobody wants an answer.
    pub fn end_input(&mut self) {
        self.input_ended = true;
        self.end_told = true;
        self.lines = LineBuffer::default();
        self.begin_to_end();
    }

    fn begin_to_end(&mut self) {
        if let Some(on_end) = self.on_end.take() {
            on_end();
        }
    }

    /// Takes in what the client has written up to now, without waiting, and reads no more: the program was told to end.
    /// What stands there is [`Connection::unheard`]; half a line is dropped, unless the client has closed its side
    /// behind it.
    pub fn cut_input(&mut self) {
        while !self.input_ended && self.lines.len() < AHEAD_BYTES_MAX && self.can_read() {
            self.read();
        }
        if !self.input_ended {
            self.lines.drop_unfinished();
        }
        self.input_ended = true;
        self.end_told = true;
        self.begin_to_end();
    }

    /// Whether something can be read at once, be it the end.
    fn can_read(&self) -> bool {
        let mut input = [PollFd::new(&self.input, PollFlags::IN)];
        poll(&mut input, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
    }

    /// Whether a message could not be written because the client did not read. A client that has closed the pipe does not
    /// count.
    pub fn gave_up(&self) -> bool {
        self.gave_up
    }

    /// The messages that were read and not yet returned by [`Connection::next`]. Does not wait.
    pub fn unheard(&mut self) -> impl Iterator<Item = Incoming> {
        std::iter::from_fn(|| self.next_incoming())
    }

    /// Writes one message and waits until it is written; `false` if the client reads no more.
    pub fn send(&mut self, message: &Outgoing) -> bool {
        let mut text = std::mem::take(&mut self.write_buffer);
        text.clear();
        text.shrink_to(READ_BYTES);
        push_line(&mut text, message);
        let written = self.write_all(text.as_bytes());
        self.write_buffer = text;
        written
    }

    fn write_all(&mut self, mut bytes: &[u8]) -> bool {
        let mut waited = Duration::ZERO;
        while !bytes.is_empty() {
            let time_left = self.patience().saturating_sub(waited);
            if time_left.is_zero() {
                self.gave_up = true;
                return false;
            }
            let ready = self.wait(time_left, true);
            // The server hears of it only when this is written, and a client that does not read takes its time.
            if self.waker.0.stop.load(Ordering::SeqCst) {
                self.begin_to_end();
            }
            if ready.nothing {
                waited = waited.saturating_add(time_left);
            }
            if !ready.output {
                continue;
            }
            match rustix::io::write(&self.output, &bytes[..bytes.len().min(WRITE_BYTES)]) {
                Ok(written) => {
                    bytes = &bytes[written..];
                    waited = Duration::ZERO;
                }
                Err(error) => {
                    let error = io::Error::from(error);
                    match error.kind() {
                        ErrorKind::Interrupted | ErrorKind::WouldBlock => {}
                        // A client that is gone is no news.
                        ErrorKind::BrokenPipe => return false,
                        _ => {
                            log_failure("stdout.failed", &error);
                            return false;
                        }
                    }
                }
            }
        }
        true
    }

    /// How long the client may leave its answers unread in the current state. The only place that decides this.
    fn patience(&self) -> Duration {
        if self.waker.0.stop.load(Ordering::SeqCst) {
            STALL_TIME_AT_STOP_MAX
        } else if self.input_ended {
            STALL_TIME_AT_END_MAX
        } else {
            STALL_TIME_MAX
        }
    }

    /// Nothing has come for a while.
    fn looked_for_client(&mut self) -> Heard {
        let is_watched = !self.gone_told && !self.end_told;
        if is_watched && (self.is_client_gone)(std::mem::take(&mut self.has_spoken)) {
            self.gone_told = true;
            return Heard::ClientGone;
        }
        Heard::Nothing
    }

    /// The next message that is complete.
    fn next_incoming(&mut self) -> Option<Incoming> {
        loop {
            let line = match self.lines.next_line() {
                Some(line) => line,
                None if self.input_ended => self.lines.last_line()?,
                None => return None,
            };
            let incoming = match line {
                Line::Complete(line) => Incoming::parse(line),
                Line::TooLong => Some(Incoming::too_long(LINE_BYTES_MAX)),
            };
            if incoming.is_some() {
                return incoming;
            }
        }
    }

    /// Waits for the client, a waker, or (`to_write`) room for an answer, and takes in what has come. That nobody can
    /// read an answer any more ends the wait too, once.
    fn wait(&mut self, time_max: Duration, to_write: bool) -> Ready {
        // What is not waited for is not polled either: an end of input would be reported again and again.
        let reads = !self.input_ended && self.lines.len() < AHEAD_BYTES_MAX;
        let watches = to_write || !self.output_closed;
        let (woken, readable, output) = {
            let wanted = if to_write { PollFlags::OUT } else { PollFlags::empty() };
            let wake = PollFd::new(&self.wake, PollFlags::IN);
            let input = PollFd::new(&self.input, PollFlags::IN);
            let output = PollFd::new(&self.output, wanted);
            let mut all = [wake, output, input];
            if !watches {
                all.swap(1, 2);
            }
            let waited = &mut all[..1 + usize::from(watches) + usize::from(reads)];
            match poll(waited, Timespec::try_from(time_max).ok().as_ref()) {
                Ok(0) => return Ready { output: false, nothing: true },
                Ok(_) => {}
                // A signal: whoever asked looks whether it means the end.
                Err(_) => return Ready { output: false, nothing: false },
            }
            let found = |at: usize| waited.get(at).map_or(PollFlags::empty(), PollFd::revents);
            let of_output = if watches { found(1) } else { PollFlags::empty() };
            (!found(0).is_empty(), reads && !found(1 + usize::from(watches)).is_empty(), of_output)
        };
        if woken {
            self.take_wake();
        }
        if readable {
            self.read();
        }
        // Of a pipe the one, of a socket or a terminal the other.
        self.output_closed |= output.intersects(PollFlags::ERR | PollFlags::HUP);
        Ready { output: to_write && !output.is_empty(), nothing: false }
    }

    fn read(&mut self) {
        self.read_buffer.resize(READ_BYTES, 0);
        match rustix::io::read(&self.input, &mut self.read_buffer[..]) {
            Ok(0) => self.input_ended = true,
            Ok(bytes) => {
                self.has_spoken = true;
                self.lines.push(&self.read_buffer[..bytes]);
            }
            Err(error) => {
                let error = io::Error::from(error);
                if !matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) {
                    log_failure("stdin.failed", &error);
                    self.input_ended = true;
                }
            }
        }
    }

    fn take_wake(&mut self) {
        // More bytes than one come from signals only. The byte is taken before the mark, so that whoever finds
        // the mark set knows that this thread has yet to look.
        let _ = self.wake.read(&mut [0; 64]);
        self.waker.0.pending.store(false, Ordering::SeqCst);
        self.woken = true;
    }
}

/// What a wait came to.
struct Ready {
    /// An answer can be written.
    output: bool,
    /// The time is over.
    nothing: bool,
}

impl Waker {
    /// Something waits for the server.
    pub fn wake(&self) {
        if !self.0.pending.swap(true, Ordering::SeqCst) {
            // A full socket holds enough bytes to wake anybody.
            let _ = (&self.0.sender).write(&[0]);
        }
    }

    /// The program shall end.
    pub fn request_stop(&self) {
        self.0.stop.store(true, Ordering::SeqCst);
        self.wake();
    }

    /// For a signal handler, which can do no more than set this flag and write a byte to the descriptor.
    pub fn stop_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0.stop)
    }

    /// See [`Waker::stop_flag`].
    ///
    /// # Errors
    /// The operating system has no descriptors left.
    pub fn descriptor(&self) -> io::Result<UnixStream> {
        self.0.sender.try_clone()
    }
}

fn log_failure(event: &'static str, error: &io::Error) {
    log::event(Area::Server, Level::Warn, event, &[("error", &Foreign(&error.to_string()))]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead as _, BufReader};
    use std::thread;

    const LONG: Duration = Duration::from_secs(20);

    /// A connection, and the client's ends.
    fn pair() -> (Connection, UnixStream, UnixStream) {
        let (input, to_server) = UnixStream::pair().expect("sockets");
        let (output, from_server) = UnixStream::pair().expect("sockets");
        from_server.set_read_timeout(Some(LONG)).expect("a timeout");
        (Connection::over(input.into(), output.into()).expect("a connection"), to_server, from_server)
    }

    fn notification() -> Outgoing {
        Outgoing::notification("n", Some(&format!("{{\"text\":\"{}\"}}", "x".repeat(100_000))))
    }

    #[test]
    fn lines_of_the_client_are_heard_in_order_and_its_end_once() {
        let (mut connection, mut client, _output) = pair();
        client
            .write_all(b"\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\r\n \nx\n{\"jsonrpc\":")
            .expect("room");
        assert!(matches!(connection.next(LONG), Heard::Incoming(_)));
        assert!(matches!(connection.next(LONG), Heard::Incoming(_)));
        assert!(matches!(connection.next(Duration::ZERO), Heard::Nothing), "half a line");
        client.write_all(b"\"2.0\",\"method\":\"n\"}").expect("room");
        drop(client);
        assert!(matches!(connection.next(LONG), Heard::Incoming(_)), "the last line has no newline");
        assert!(matches!(connection.next(LONG), Heard::InputEnded));
        assert!(matches!(connection.next(Duration::ZERO), Heard::Nothing));
    }

    #[test]
    fn a_waker_is_heard_also_while_half_a_line_is_there() {
        let (mut connection, mut client, _output) = pair();
        client.write_all(b"{").expect("room");
        let waker = connection.waker();
        let thread = thread::spawn(move || waker.wake());
        assert!(matches!(connection.next(LONG), Heard::Woken));
        thread.join().expect("it wakes");
        assert!(matches!(connection.next(Duration::ZERO), Heard::Nothing), "once");
    }

    #[test]
    fn a_request_to_stop_is_heard_before_anything_else() {
        let (mut connection, mut client, _output) = pair();
        client.write_all(b"1\n").expect("room");
        connection.waker().request_stop();
        assert!(matches!(connection.next(LONG), Heard::StopRequested));
        assert!(matches!(connection.next(LONG), Heard::Incoming(_)));
    }

    #[test]
    fn a_client_that_writes_everything_before_it_reads_is_served() {
        let (mut connection, mut client, output) = pair();
        let request = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n".repeat(20_000);
        let writer = thread::spawn(move || {
            client.write_all(request.as_bytes()).expect("the server reads on");
            // Only now does it read.
            let mut line = String::new();
            BufReader::new(output).read_line(&mut line).expect("an answer");
            line.len()
        });
        // Far more than the socket takes.
        for _ in 0..20 {
            assert!(matches!(connection.next(LONG), Heard::Incoming(_)));
            if !connection.send(&notification()) {
                break;
            }
        }
        assert!(writer.join().expect("it is served") > 100_000);
    }

    #[test]
    fn a_client_that_reads_nothing_is_given_up_and_one_that_is_gone_is_not_waited_for() {
        let (mut connection, _client, output) = pair();
        connection.waker().request_stop();
        while connection.send(&notification()) {}
        assert!(connection.gave_up());
        let (mut other, _client, other_output) = pair();
        drop((output, other_output));
        assert!(!other.send(&notification()));
        assert!(!other.gave_up(), "a client that is gone is no news");
    }

    #[test]
    fn the_end_begins_while_a_client_leaves_its_answers_unread() {
        let (mut connection, _client, output) = pair();
        let (done, of_done) = std::sync::mpsc::channel();
        connection.when_ending(move || done.send(()).expect("the test is there"));
        let waker = connection.waker();
        let thread = thread::spawn(move || while connection.send(&notification()) {});
        waker.request_stop();
        // Long before the client is given up, which would end the loop.
        of_done.recv_timeout(STALL_TIME_AT_STOP_MAX / 2).expect("it begins to end");
        drop(output);
        thread.join().expect("the client is gone");
    }

    #[test]
    fn what_nobody_has_heard_yet_can_be_taken() {
        let (mut connection, mut client, _output) = pair();
        client.write_all(b"1\n2\n\n3\n4").expect("room");
        assert!(matches!(connection.next(LONG), Heard::Incoming(_)));
        assert_eq!(connection.unheard().count(), 2, "half a line is none");
        assert_eq!(connection.unheard().count(), 0);
    }

    #[test]
    fn what_was_written_before_the_input_is_cut_is_there_and_half_a_line_is_not() {
        let (mut connection, mut client, _output) = pair();
        // More than is read at once.
        let line = format!("{{\"jsonrpc\":\"2.0\",\"method\":\"{}\"}}\n", "x".repeat(50_000));
        client.write_all((line.repeat(3) + "{\"half\":").as_bytes()).expect("room");
        connection.cut_input();
        client.write_all(b"1}\n1\n").expect("room");
        assert_eq!(connection.unheard().count(), 3);
        assert!(matches!(connection.next(Duration::ZERO), Heard::Nothing), "its end is no news");
        let (mut closed, mut client, _output) = pair();
        client.write_all(b"1\n2").expect("room");
        drop(client);
        closed.cut_input();
        assert_eq!(closed.unheard().count(), 2, "a last line");
    }

    #[test]
    fn a_client_that_can_read_no_answer_any_more_is_heard_of_once_after_all_that_it_has_said() {
        let (mut connection, mut client, output) = pair();
        assert!(matches!(connection.next(Duration::ZERO), Heard::Nothing));
        client.write_all(b"1\n2\n").expect("room");
        drop(output);
        assert!(matches!(connection.next(LONG), Heard::Incoming(_)));
        assert!(matches!(connection.next(LONG), Heard::Incoming(_)));
        assert!(matches!(connection.next(LONG), Heard::OutputClosed));
        assert!(matches!(connection.next(Duration::ZERO), Heard::Nothing));
    }

    #[test]
    fn whoever_watches_a_silent_client_hears_whether_it_has_spoken_since() {
        let (mut connection, mut client, _output) = pair();
        let (seen, of_seen) = std::sync::mpsc::channel();
        connection.watch_client(move |has_spoken| {
            seen.send(has_spoken).expect("the test is there");
            !has_spoken
        });
        client.write_all(b"{").expect("room");
        while of_seen.try_recv().is_err() {
            assert!(matches!(connection.next(Duration::from_millis(1)), Heard::Nothing));
        }
        assert!(matches!(connection.next(Duration::ZERO), Heard::ClientGone));
        assert!(matches!(connection.next(Duration::ZERO), Heard::Nothing), "once");
        assert_eq!(of_seen.try_iter().collect::<Vec<_>>(), [false]);
    }

    #[test]
    fn what_is_to_be_done_at_the_end_is_done_once_and_also_if_it_has_come_already() {
        let (mut connection, _client, _output) = pair();
        let (done, of_done) = std::sync::mpsc::channel();
        let also_done = done.clone();
        connection.when_ending(move || done.send(1).expect("the test is there"));
        assert!(of_done.try_recv().is_err());
        connection.end_input();
        connection.end_input();
        connection.when_ending(move || also_done.send(2).expect("the test is there"));
        assert_eq!(of_done.try_iter().collect::<Vec<_>>(), [1, 2]);
    }
}
