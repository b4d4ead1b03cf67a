//! stderr, which nobody waits for: whoever reads it may stop reading at any time, and must not stop the program.
//!
//! The only file that writes to stderr; used by [`super`]. A line is written at once where the kernel promises not to
//! wait (`RWF_NOWAIT`: pipes and sockets, Linux 6.4). Everything else is written by a thread that may wait, which is
//! there only while there is something for it to do: a full pipe, a terminal that Ctrl-S has stopped, a file on a disk
//! that hangs, an older kernel.
//!
//! Not taken: `O_NONBLOCK`, which would be set for everybody who shares the stream; and asking poll(2) before a write
//! that may wait, because another process may fill the pipe between the two.

use std::io;
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::backlog::Backlog;

/// Stack of the thread, in bytes: it copies a line.
const STACK_BYTES: usize = 64 * 1024;

/// How long the thread waits for more before it ends and gives its memory back.
const IDLE_TIME_MAX: Duration = Duration::from_millis(100);

struct Sink {
    backlog: Backlog,
    /// The thread is there, and all that is written is its to write.
    has_thread: bool,
    /// Somebody has waited in vain: nothing is taken at present.
    is_stuck: bool,
    /// This stream, or this kernel, knows no writing without waiting.
    may_always_wait: bool,
}

static SINK: Mutex<Sink> =
    Mutex::new(Sink { backlog: Backlog::new(), has_thread: false, is_stuck: false, may_always_wait: false });

/// Something was added, or something was written.
static CHANGED: Condvar = Condvar::new();

/// What came of a write that must not wait.
enum Attempt {
    Written(usize),
    /// Nobody will ever read it.
    Refused,
    /// Only by waiting.
    WouldWait,
    /// Not to be had without waiting, whatever room there is.
    Unsupported,
}

/// Writes whole lines, each as far as it is possible in one piece. Never waits.
pub(super) fn write(text: &str) {
    let mut sink = SINK.lock();
    sink.backlog.push(text);
    if sink.has_thread {
        CHANGED.notify_all();
    } else {
        sink.write_without_waiting();
    }
}

/// Waits until everything is written, for a bounded time; not at all if that was in vain before and nothing has been
/// written since.
pub(super) fn settle(time_max: Duration) {
    let mut sink = SINK.lock();
    if sink.is_stuck {
        return;
    }
    let is_pending = |sink: &mut Sink| sink.has_thread && !sink.backlog.is_empty();
    CHANGED.wait_while_for(&mut sink, is_pending, time_max);
    sink.is_stuck = is_pending(&mut sink);
}

impl Sink {
    fn write_without_waiting(&mut self) {
        while let Some(bytes) = self.backlog.next() {
            let attempt = if self.may_always_wait { Attempt::Unsupported } else { attempt(bytes) };
            match attempt {
                Attempt::Written(count) => self.backlog.advance(count),
                Attempt::Refused => return self.backlog.lose_all(),
                Attempt::Unsupported => {
                    self.may_always_wait = true;
                    return self.start_thread();
                }
                Attempt::WouldWait => return self.start_thread(),
            }
        }
    }

    /// Without a thread everything stays where it is until the next line, which tries again.
    fn start_thread(&mut self) {
        let builder = thread::Builder::new().name("stderr".to_owned()).stack_size(STACK_BYTES);
        self.has_thread = builder.spawn(write_and_wait).is_ok();
    }
}

/// The thread: writes until there is nothing left to write for a while, or until writing fails.
fn write_and_wait() {
    let mut sink = SINK.lock();
    loop {
        let Some(bytes) = sink.backlog.next().map(<[u8]>::to_vec) else {
            let is_idle = |sink: &mut Sink| sink.backlog.is_empty();
            CHANGED.wait_while_for(&mut sink, is_idle, IDLE_TIME_MAX);
            if sink.backlog.is_empty() {
                sink.has_thread = false;
                return;
            }
            continue;
        };
        drop(sink);
        let written = written_by_waiting(&bytes);
        sink = SINK.lock();
        sink.is_stuck = false;
        match written {
            Some(count) => sink.backlog.advance(count),
            None => {
                sink.backlog.lose_all();
                sink.has_thread = false;
            }
        }
        CHANGED.notify_all();
        if !sink.has_thread {
            return;
        }
    }
}

/// How much was written, however long it took; `None` if it cannot be written.
fn written_by_waiting(bytes: &[u8]) -> Option<usize> {
    loop {
        match rustix::io::write(io::stderr(), bytes) {
            Ok(count) => return Some(count).filter(|count| *count > 0),
            Err(Errno::INTR) => {}
            // Somebody who shares the stream has it not wait. An error of poll(2) is one of the next write too.
            Err(Errno::AGAIN) => {
                let stderr = io::stderr();
                let _ = poll(&mut [PollFd::new(&stderr, PollFlags::OUT)], None);
            }
            Err(_) => return None,
        }
    }
}

#[cfg(target_os = "linux")]
fn attempt(bytes: &[u8]) -> Attempt {
    use rustix::io::{ReadWriteFlags, pwritev2};

    /// At the place where the stream is: pipes and sockets have no other.
    const HERE: u64 = u64::MAX;
    loop {
        match pwritev2(io::stderr(), &[io::IoSlice::new(bytes)], HERE, ReadWriteFlags::NOWAIT) {
            Ok(count) if count > 0 => return Attempt::Written(count),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return Attempt::WouldWait,
            Err(Errno::PIPE) => return Attempt::Refused,
            // Also where a filter of system calls refuses it: an ordinary write will tell.
            _ => return Attempt::Unsupported,
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn attempt(_bytes: &[u8]) -> Attempt {
    Attempt::Unsupported
}
