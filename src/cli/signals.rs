//! The world asks the program to end: SIGTERM, SIGINT, or a parent that is gone without closing our stdin.
//!
//! Used by the commands that run until they are told to stop, and by those that must not stop halfway. One thread waits for all of it and says so once.
//! Refuses to end anything by itself, and never touches another process.

use std::io;

use crossbeam_channel::Receiver;

#[cfg(unix)]
pub use unix::{Parents, stop_on_signals, stop_requests, undisturbed};

/// Elsewhere the operating system ends the program by itself, and the end of stdin is noticed.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub fn stop_requests() -> io::Result<Receiver<()>> {
    Ok(crossbeam_channel::never())
}

/// Elsewhere nothing holds signals back.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub fn undisturbed<R>(work: impl FnOnce() -> R) -> io::Result<R> {
    Ok(work())
}

#[cfg(unix)]
mod unix {
    use std::io::{ErrorKind, Read as _};
    use std::os::unix::net::UnixStream;
    use std::os::unix::process::parent_id;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    use std::thread;
    use std::time::Duration;

    use crossbeam_channel::{Sender, bounded};
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::flag;
    use signal_hook::low_level::pipe;

    use super::{Receiver, io};
    use crate::log::{self, Area, Level};
    use crate::mcp::stdio::Waker;

    /// How often the parents are looked at. A client that is killed leaves us behind for no longer than this;
    /// the contract allows twice as much.
    const PARENT_WATCH_INTERVAL: Duration = Duration::from_secs(5);

    /// Stack of the thread, in bytes: it reads one byte, or a line of `/proc`.
    const STACK_BYTES: usize = 64 * 1024;

    /// SIGTERM and SIGINT request a stop of the connection's server, without a thread of their own.
    ///
    /// # Errors
    /// If the operating system refuses a descriptor or a signal handler.
    pub fn stop_on_signals(waker: &Waker) -> io::Result<()> {
        for signal in [SIGTERM, SIGINT] {
            // In this order: whoever is woken by the byte finds the flag set.
            flag::register(signal, waker.stop_flag())?;
            pipe::register(signal, waker.descriptor()?)?;
        }
        Ok(())
    }

    /// Does something that must not be left half done: from the call on, SIGTERM, SIGINT and SIGHUP do nothing. What
    /// is done must have its own deadline, and must ask nobody anything. It is done on a thread of its own, because a
    /// signal is delivered to the main thread and would cut off whatever that waits for.
    ///
    /// # Errors
    /// If the operating system refuses a signal handler or a thread. Then nothing was done.
    pub fn undisturbed<R: Send>(work: impl FnOnce() -> R + Send) -> io::Result<R> {
        let ignored = Arc::new(AtomicBool::new(false));
        for signal in [SIGTERM, SIGINT, SIGHUP] {
            flag::register(signal, Arc::clone(&ignored))?;
        }
        thread::scope(|scope| {
            let worker = thread::Builder::new().name("undisturbed".to_owned()).spawn_scoped(scope, work)?;
            worker.join().map_err(|_| io::Error::other("it panicked"))
        })
    }

    /// One message at the first request to stop. From the call on, SIGTERM and SIGINT do nothing else.
    ///
    /// # Errors
    /// If the operating system refuses a socket pair, a signal handler or a thread.
    pub fn stop_requests() -> io::Result<Receiver<()>> {
        let (signals, writer) = UnixStream::pair()?;
        pipe::register(SIGTERM, writer.try_clone()?)?;
        pipe::register(SIGINT, writer)?;
        signals.set_read_timeout(Some(PARENT_WATCH_INTERVAL))?;
        let (stop, stopped) = bounded(1);
        let parents = Parents::now();
        thread::Builder::new()
            .name("signals".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || wait(signals, parents, &stop))?;
        Ok(stopped)
    }

    fn wait(mut signals: UnixStream, at_start: Parents, stop: &Sender<()>) {
        let reason = loop {
            match signals.read(&mut [0]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    if at_start.are_gone(Parents::now()) {
                        break "the parent is gone";
                    }
                }
                _ => break "signal",
            }
        };
        log::event(Area::Server, Level::Debug, "stop.requested", &[("why", &reason)]);
        // The receiver may have ended for another reason.
        let _ = stop.send(());
    }

    /// Who started us, and who started them: often a wrapper between the client and us that does not end with
    /// the client.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Parents {
        parent: u32,
        /// `None` where that cannot be known.
        grandparent: Option<u32>,
    }

    /// The process that inherits orphans, if nobody nearer does.
    const INIT: u32 = 1;

    impl Parents {
        /// Who they are now.
        pub fn now() -> Parents {
            Parents::parent_now().with_grandparent()
        }

        /// The parent alone, which costs next to nothing to ask for.
        pub fn parent_now() -> Parents {
            Parents { parent: parent_id(), grandparent: None }
        }

        /// The same parent, and its parent as it is now.
        pub fn with_grandparent(self) -> Parents {
            Parents { grandparent: parent_of(self.parent), ..self }
        }

        /// Whether the client must have ended between `self` and `now`. A parent that was `init` from the start,
        /// as in a container, says nothing.
        pub fn are_gone(self, now: Parents) -> bool {
            let parent_changed = now.parent != self.parent;
            let wrapper_orphaned = now.grandparent == Some(INIT)
                && self.grandparent.is_some_and(|grandparent| grandparent != INIT);
            parent_changed || wrapper_orphaned
        }
    }

    /// The parent of another process.
    #[cfg(target_os = "linux")]
    fn parent_of(process: u32) -> Option<u32> {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        parent_in_stat(&stat)
    }

    #[cfg(not(target_os = "linux"))]
    fn parent_of(_process: u32) -> Option<u32> {
        None
    }

    /// `pid (name) state ppid …`, where the name may hold anything, brackets and spaces too (proc(5)).
    #[cfg(target_os = "linux")]
    fn parent_in_stat(stat: &str) -> Option<u32> {
        let (_, after_name) = stat.rsplit_once(')')?;
        after_name.split_whitespace().nth(1)?.parse().ok()
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn an_ended_client_is_noticed_and_a_container_is_no_ended_client() {
            let parents = |parent, grandparent| Parents { parent, grandparent };
            let table = [
                (parents(10, Some(5)), parents(10, Some(5)), false),
                (parents(10, Some(5)), parents(1, Some(0)), true),
                // A session's own reaper inherits instead of init.
                (parents(10, Some(5)), parents(7, Some(1)), true),
                (parents(10, Some(5)), parents(10, Some(1)), true),
                (parents(10, Some(5)), parents(10, None), false),
                (parents(10, Some(1)), parents(10, Some(1)), false),
                (parents(1, Some(0)), parents(1, Some(0)), false),
                (parents(0, None), parents(0, None), false),
                (parents(10, None), parents(10, Some(1)), false),
            ];
            for (at_start, now, gone) in table {
                assert_eq!(at_start.are_gone(now), gone, "{at_start:?} {now:?}");
            }
        }

        #[cfg(target_os = "linux")]
        #[test]
        fn the_parent_stands_after_a_name_that_may_hold_anything() {
            assert_eq!(parent_in_stat("7 (a) S 9) S 42 7 7 0"), Some(42));
            assert_eq!(parent_in_stat("7 (sh) S"), None);
            assert_eq!(parent_in_stat(""), None);
            assert_eq!(parent_of(std::process::id()), Some(parent_id()));
        }
    }
}
