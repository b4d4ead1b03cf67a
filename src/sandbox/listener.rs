//! The sandbox's sockets: a thread that accepts, a thread for each connection, all of them gone after `stop`.
//!
//! Knows bytes and faults; what a request means is decided behind [`Service`].

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::faults::{Delivery, Fault};
use super::http::{Incoming, Request, Response, Unread};

/// Connections served at once. More than the 64 calls a client makes at once for each of a few clients, few enough
/// that their threads weigh nothing.
const CONNECTIONS_MAX: usize = 512;

/// Stack of a connection's thread, in bytes: the deepest thing it does is to parse JSON 128 levels deep.
const STACK_BYTES: usize = 512 * 1024;

/// How long a connection may stay silent: what the daemon's `Keep-Alive: timeout=600` promises.
const IDLE_TIME_MAX: Duration = Duration::from_secs(600);

/// How long a client may take to read an answer.
const WRITE_TIME_MAX: Duration = Duration::from_secs(60);

/// How long to try for a port that was given back a moment ago.
const BIND_ATTEMPTS_MAX: u32 = 100;

/// The wait between two such attempts.
const BIND_RETRY_WAIT: Duration = Duration::from_millis(20);

/// Bytes of a flood written at once.
const FLOOD_BLOCK_BYTES: usize = 64 * 1024;

/// Who answers.
pub(super) trait Service: Send + Sync + 'static {
    /// The fault this request meets, used up by asking.
    fn fault(&self, request: &Request) -> Option<Fault>;
    /// Does the work.
    fn answer(&self, request: &Request) -> Response;
}

/// A port that is being served. Dropping it stops it.
pub(super) struct Listener {
    address: SocketAddr,
    open: Arc<Connections>,
    accepting: Option<JoinHandle<()>>,
}

/// A flag that ends waits early.
#[derive(Default)]
pub(super) struct StopSignal {
    stopped: Mutex<bool>,
    changed: Condvar,
}

/// The connections that are open.
#[derive(Default)]
struct Connections {
    stop: StopSignal,
    next: AtomicU64,
    open: Mutex<HashMap<u64, (TcpStream, JoinHandle<()>)>>,
}

impl StopSignal {
    /// Ends every wait, from now on.
    pub(super) fn stop(&self) {
        *self.stopped.lock() = true;
        self.changed.notify_all();
    }

    /// Whether it was stopped.
    pub(super) fn is_stopped(&self) -> bool {
        *self.stopped.lock()
    }

    /// Waits for that long, or until stopped; says whether it was stopped.
    pub(super) fn wait(&self, at_most: Duration) -> bool {
        let mut stopped = self.stopped.lock();
        self.changed.wait_while_for(&mut stopped, |stopped| !*stopped, at_most);
        *stopped
    }
}

impl Listener {
    /// Listens on a port of 127.0.0.1 (0 = any) and serves it. Fails if the port is taken, also by others.
    pub(super) fn start(port: u16, service: Arc<dyn Service>) -> io::Result<Listener> {
        let listener = bind(port)?;
        let address = listener.local_addr()?;
        let open = Arc::new(Connections::default());
        let connections = Arc::clone(&open);
        let accepting = Builder::new()
            .name("sandbox-accept".into())
            .stack_size(STACK_BYTES)
            .spawn(move || accept_loop(&listener, &connections, &service))?;
        Ok(Listener { address, open, accepting: Some(accepting) })
    }

    /// The port being served.
    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }
}

/// Closes the port and every connection, and waits for their threads.
impl Drop for Listener {
    fn drop(&mut self) {
        self.open.stop.stop();
        // The accepting thread waits in the kernel; a connection wakes it. If none can be made, the backlog is full
        // and it is awake already.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
        if let Some(thread) = self.accepting.take() {
            let _ = thread.join();
        }
        let open: Vec<_> = self.open.open.lock().drain().map(|(_, entry)| entry).collect();
        for (stream, _) in &open {
            let _ = stream.shutdown(Shutdown::Both);
        }
        for (_, thread) in open {
            let _ = thread.join();
        }
    }
}

fn bind(port: u16) -> io::Result<TcpListener> {
    let never = StopSignal::default();
    let mut attempts = 1;
    loop {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Err(error)
                if error.kind() == io::ErrorKind::AddrInUse && attempts < BIND_ATTEMPTS_MAX && port != 0 =>
            {
                attempts += 1;
                never.wait(BIND_RETRY_WAIT);
            }
            outcome => return outcome,
        }
    }
}

fn accept_loop(listener: &TcpListener, connections: &Arc<Connections>, service: &Arc<dyn Service>) {
    for stream in listener.incoming() {
        if connections.stop.is_stopped() {
            return;
        }
        match stream {
            Ok(stream) => admit(stream, connections, service),
            // Out of descriptors, or the client gave up: the next accept may fare better, but not at once.
            Err(_) => drop(connections.stop.wait(BIND_RETRY_WAIT)),
        }
    }
}

fn admit(stream: TcpStream, connections: &Arc<Connections>, service: &Arc<dyn Service>) {
    let Ok(handle) = stream.try_clone() else { return };
    let number = connections.next.fetch_add(1, Ordering::Relaxed);
    let (shared, service) = (Arc::clone(connections), Arc::clone(service));
    // The lock is held until the entry is there, so the thread cannot look for it before.
    let mut open = connections.open.lock();
    if open.len() >= CONNECTIONS_MAX {
        return;
    }
    let thread = Builder::new().name("sandbox-connection".into()).stack_size(STACK_BYTES).spawn(move || {
        serve(&stream, &shared.stop, &*service);
        // The registered clone keeps the socket alive, so it is closed by name.
        let _ = stream.shutdown(Shutdown::Both);
        shared.open.lock().remove(&number);
    });
    if let Ok(thread) = thread {
        open.insert(number, (handle, thread));
    }
}

/// Serves one connection until its end.
fn serve(stream: &TcpStream, stop: &StopSignal, service: &dyn Service) {
    let set = stream.set_nodelay(true).is_ok()
        && stream.set_read_timeout(Some(IDLE_TIME_MAX)).is_ok()
        && stream.set_write_timeout(Some(WRITE_TIME_MAX)).is_ok();
    if !set {
        return;
    }
    let mut incoming = Incoming::new(stream);
    loop {
        let request = match incoming.next(|| write(stream, b"HTTP/1.1 100 Continue\r\n\r\n")) {
            Ok(request) => request,
            Err(Unread::Malformed(status)) => {
                let _ = write(stream, &Response::text(status, "text/plain", "").bytes(false));
                drain(stream);
                return;
            }
            Err(Unread::Ended | Unread::Broken) => return,
        };
        if exchange(stream, stop, service, &request).is_err() || !request.keep_alive || stop.is_stopped() {
            return;
        }
    }
}

/// Answers one request; an error ends the connection.
fn exchange(
    stream: &TcpStream,
    stop: &StopSignal,
    service: &dyn Service,
    request: &Request,
) -> io::Result<()> {
    let answer = || service.answer(request);
    let delivery = match service.fault(request) {
        None => Delivery::Answer(answer(), Duration::ZERO),
        Some(fault) => match fault.kind.deliver(fault.after_commit, answer) {
            Delivery::Late(wait) => {
                if stop.wait(wait) {
                    return Err(ended());
                }
                Delivery::Answer(answer(), Duration::ZERO)
            }
            delivery => delivery,
        },
    };
    match delivery {
        Delivery::Answer(response, wait) => {
            if !wait.is_zero() && stop.wait(wait) {
                return Err(ended());
            }
            write(stream, &response.bytes(request.keep_alive))
        }
        Delivery::Half(response) => {
            let half = response.body.len() / 2;
            write(stream, &response.head(response.body.len(), request.keep_alive))?;
            write(stream, &response.body[..half])?;
            Err(ended())
        }
        Delivery::Flood(bytes) => flood(stream, bytes),
        Delivery::Cut | Delivery::Late(_) => Err(ended()),
        Delivery::Silence => {
            // Until the client closes, or the sandbox shuts the socket down.
            let mut rest = stream;
            stream.set_read_timeout(None)?;
            while rest.read(&mut [0; 1024])? > 0 {}
            Err(ended())
        }
    }
}

fn flood(stream: &TcpStream, bytes: u64) -> io::Result<()> {
    let block = [b'x'; FLOOD_BLOCK_BYTES];
    let head = Response::json(200, String::new()).head(usize::try_from(bytes).unwrap_or(usize::MAX), false);
    write(stream, &head)?;
    write(stream, b"\"")?;
    let mut left = bytes.saturating_sub(2);
    while left > 0 {
        let now = usize::try_from(left).unwrap_or(FLOOD_BLOCK_BYTES).min(FLOOD_BLOCK_BYTES);
        write(stream, &block[..now])?;
        left -= now as u64;
    }
    write(stream, b"\"")?;
    Err(ended())
}

/// Lets the client read the answer before the socket goes: closing with unread bytes would reset the connection.
fn drain(stream: &TcpStream) {
    let _ = stream.shutdown(Shutdown::Write);
    let _ = stream.set_read_timeout(Some(Duration::from_millis(200)));
    let mut rest = stream;
    let mut left = 64;
    while left > 0 && rest.read(&mut [0; 4096]).is_ok_and(|count| count > 0) {
        left -= 1;
    }
}

fn write(mut stream: &TcpStream, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes)
}

fn ended() -> io::Error {
    io::Error::from(io::ErrorKind::ConnectionAborted)
}
