//! The connection to the client: two channels, and the two threads that join them to stdin and stdout.
//!
//! Used by the server, and by tests through [`Connection::memory`]. The only file that writes protocol to stdout.
//! Refuses to know what is said.

use std::io::{self, BufRead, ErrorKind, Write};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::framing::{LINE_BYTES_MAX, Line, push_line, read_line};
use super::message::{Incoming, Outgoing};
use crate::log::{self, Area, Foreign, Level};

/// Messages waiting to be handled. Reading stops while it is full, which is how a client that floods is slowed.
const INCOMING_MAX: usize = 256;

/// Messages waiting to be written. It fills only when the client does not read.
const OUTGOING_MAX: usize = 256;

/// Messages are gathered up to this many bytes before they are written, if more are waiting at that moment. As
/// large as a pipe's own buffer: a larger write would be cut in pieces anyway.
const WRITE_BYTES: usize = 64 * 1024;

/// Stack of the reader and of the writer, in bytes. Neither recurses.
const STACK_BYTES: usize = 128 * 1024;

/// Both directions. The client has ended its side when the receiver is disconnected.
pub struct Connection {
    /// What is sent here reaches the client, in this order. Disconnected when the client reads no more.
    pub sender: Sender<Outgoing>,
    /// What the client says, in its order.
    pub receiver: Receiver<Incoming>,
    /// Disconnected when everything sent has been written, or cannot be.
    written: Receiver<()>,
}

/// The client's side of a [`Connection::memory`].
pub struct MemoryClient {
    /// What the client says; parse lines with [`Incoming::parse`]. Dropping it is the end of input.
    pub sender: Sender<Incoming>,
    /// What reaches the client.
    pub receiver: Receiver<Outgoing>,
}

impl Connection {
    /// Starts reading stdin and writing stdout.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn stdio() -> io::Result<Connection> {
        let (incoming, receiver) = bounded(INCOMING_MAX);
        let (sender, outgoing) = bounded(OUTGOING_MAX);
        let (writing, written) = bounded(0);
        let named = |name: &str| thread::Builder::new().name(name.to_owned()).stack_size(STACK_BYTES);
        // Detached: a thread that waits in read(2) cannot be woken, and ends with the process.
        named("mcp-reader").spawn(move || read_loop(io::stdin().lock(), &incoming))?;
        named("mcp-writer").spawn(move || {
            write_loop(io::stdout().lock(), &outgoing);
            drop(writing);
        })?;
        Ok(Connection { sender, receiver, written })
    }

    /// A connection without streams, and the client's side of it.
    pub fn memory() -> (Connection, MemoryClient) {
        let (to_server, receiver) = bounded(INCOMING_MAX);
        let (sender, to_client) = bounded(OUTGOING_MAX);
        // Handed over is written: there is nothing to wait for.
        let (_, written) = bounded(0);
        let client = MemoryClient { sender: to_server, receiver: to_client };
        (Connection { sender, receiver, written }, client)
    }

    /// Ends the connection: waits until what was sent has been written, `time_max` at most, because the client
    /// may have stopped reading.
    pub fn close(self, time_max: Duration) {
        drop(self.sender);
        // Nothing is ever sent on this channel: both ends of the wait mean that there is nothing left to do.
        let _ = self.written.recv_timeout(time_max);
    }
}

fn read_loop(mut stdin: impl BufRead, incoming: &Sender<Incoming>) {
    let mut line = Vec::new();
    loop {
        let message = match read_line(&mut stdin, &mut line, LINE_BYTES_MAX) {
            Ok(Line::Complete) => Incoming::parse(&line),
            Ok(Line::TooLong) => Some(Incoming::too_long(LINE_BYTES_MAX)),
            Ok(Line::End) => return,
            Err(error) => {
                log::event(
                    Area::Server,
                    Level::Warn,
                    "stdin.failed",
                    &[("error", &Foreign(&error.to_string()))],
                );
                return;
            }
        };
        if let Some(message) = message
            && incoming.send(message).is_err()
        {
            return;
        }
    }
}

fn write_loop(mut stdout: impl Write, outgoing: &Receiver<Outgoing>) {
    let mut lines = String::new();
    while let Ok(message) = outgoing.recv() {
        lines.clear();
        lines.shrink_to(2 * WRITE_BYTES);
        push_line(&mut lines, &message);
        while lines.len() < WRITE_BYTES
            && let Ok(message) = outgoing.try_recv()
        {
            push_line(&mut lines, &message);
        }
        if let Err(error) = stdout.write_all(lines.as_bytes()).and_then(|()| stdout.flush()) {
            // A client that is gone is no news.
            if error.kind() != ErrorKind::BrokenPipe {
                log::event(
                    Area::Server,
                    Level::Warn,
                    "stdout.failed",
                    &[("error", &Foreign(&error.to_string()))],
                );
            }
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_that_is_not_blank_becomes_one_message() {
        let (sender, receiver) = bounded(8);
        let input = b"\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\r\n \nx\n{\"jsonrpc\":\"2.0\",\"method\":\"n\"}";
        read_loop(&input[..], &sender);
        drop(sender);
        assert_eq!(receiver.iter().count(), 3);
    }

    #[test]
    fn a_line_above_the_bound_is_answered_and_the_next_one_is_read() {
        let (sender, receiver) = bounded(8);
        let mut input = vec![b'x'; LINE_BYTES_MAX + 1];
        input.extend_from_slice(b"\n42\n");
        read_loop(&input[..], &sender);
        let codes: Vec<i64> = receiver
            .try_iter()
            .map(|incoming| match incoming {
                Incoming::Single(Err(malformed)) => malformed.error.code.number(),
                other => panic!("unexpected: {other:?}"),
            })
            .collect();
        assert_eq!(codes, [-32700, -32600]);
    }

    #[test]
    fn messages_are_written_one_a_line_in_order_and_a_closed_pipe_ends_it() {
        struct Closing(Vec<u8>);
        impl Write for Closing {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                if !self.0.is_empty() {
                    return Err(ErrorKind::BrokenPipe.into());
                }
                self.0.extend_from_slice(bytes);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (sender, receiver) = bounded(8);
        for method in ["a", "b"] {
            sender.send(Outgoing::notification(method, None)).expect("the receiver is here");
        }
        drop(sender);
        let mut written = Vec::new();
        write_loop(&mut written, &receiver);
        assert_eq!(
            written,
            b"{\"jsonrpc\":\"2.0\",\"method\":\"a\"}\n{\"jsonrpc\":\"2.0\",\"method\":\"b\"}\n"
        );

        let (sender, receiver) = bounded(8);
        let mut closing = Closing(b"full".to_vec());
        sender.send(Outgoing::notification("a", None)).expect("the receiver is here");
        write_loop(&mut closing, &receiver);
        assert_eq!(closing.0, b"full");
    }
}
