//! The world asks the program to end.
//!
//! Used by the commands that run until they are told to stop, by those that renew a token, and by those that must not
//! stop halfway. Every signal whose usual effect is the end of a program is a request to end in order: to whoever sends
//! one it makes no difference, and a renewal in flight is not lost. The next one ends the program at once. Nothing here
//! ends the program by itself or touches another process.

use std::convert::Infallible;
#[cfg(not(unix))]
use std::io;
use std::process::ExitCode;

use crossbeam_channel::{Receiver, TryRecvError};

#[cfg(unix)]
pub use unix::{
    end_at_once, let_a_second_signal_end, outlive_large_files, stop_on_other_signals, stop_on_signals,
    stop_requests, undisturbed,
};

/// What is known of requests to stop.
pub struct Stop {
    /// Closed at the first.
    requested: Receiver<Infallible>,
}

impl Stop {
    /// Gets no message, and is closed when the program shall end.
    pub fn requested(&self) -> &Receiver<Infallible> {
        &self.requested
    }

    /// Whether the program shall end.
    pub fn is_requested(&self) -> bool {
        self.requested.try_recv() == Err(TryRecvError::Disconnected)
    }
}

/// Elsewhere the operating system ends the program by itself, and the end of stdin is noticed.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub fn stop_requests() -> io::Result<Stop> {
    Ok(Stop { requested: crossbeam_channel::never() })
}

#[cfg(not(unix))]
impl Stop {
    /// The end of a program that was told to stop before it was done.
    pub fn end(&self) -> ExitCode {
        ExitCode::FAILURE
    }
}

/// Elsewhere the operating system does that.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub fn end_at_once() -> io::Result<()> {
    Ok(())
}

/// Elsewhere nothing holds signals back.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub fn undisturbed<R>(work: impl FnOnce() -> R) -> io::Result<R> {
    Ok(work())
}

/// Elsewhere there is no such signal.
#[cfg(not(unix))]
pub fn outlive_large_files() {}

#[cfg(unix)]
mod unix {
    use std::io::{self, Read as _};
    use std::os::unix::net::UnixStream;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::thread;
    use std::time::Duration;

    use crossbeam_channel::{after, bounded};
    use signal_hook::consts::{
        SIGBUS, SIGCHLD, SIGCONT, SIGFPE, SIGHUP, SIGILL, SIGINT, SIGKILL, SIGPIPE, SIGQUIT, SIGSEGV,
        SIGSTOP, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGWINCH, SIGXFSZ,
    };
    use signal_hook::low_level::{emulate_default_handler, pipe};
    use signal_hook::{SigId, flag};

    use super::{ExitCode, Stop};
    use crate::log::{self, Area, Level};
    use crate::mcp::stdio::Waker;

    /// What ends programs every day, and is heard from the first moment on.
    const USUAL: [i32; 2] = [SIGTERM, SIGINT];

    /// What people type or close, whose shells look whether a program has ended by it.
    const BY_HAND: [i32; 4] = [SIGTERM, SIGINT, SIGHUP, SIGQUIT];

    /// The highest number a signal can have.
    #[cfg(target_os = "linux")]
    const HIGHEST: i32 = 64;
    #[cfg(not(target_os = "linux"))]
    const HIGHEST: i32 = 64;

    /// What is left as it is.
    const LEFT_ALONE: &[i32] = &[
        // Cannot be caught.
        SIGKILL,
        SIGSTOP,
        // The program itself is broken, and going on would repeat it.
        SIGILL,
        SIGFPE,
        SIGSEGV,
        SIGBUS,
        // End nothing, or stop and continue.
        SIGCHLD,
        SIGCONT,
        SIGTSTP,
        SIGTTIN,
        SIGTTOU,
        SIGURG,
        SIGWINCH,
        #[cfg(not(target_os = "linux"))]
        signal_hook::consts::SIGIO,
        #[cfg(not(target_os = "linux"))]
        libc::SIGINFO,
        // Failed writes, which are errors of those writes.
        SIGPIPE,
        SIGXFSZ,
    ];

    /// A signal that follows the first within this time is the same request: `timeout` signals its child and then the
    /// child's group, a wrapper passes on what the terminal sent to both, and of a terminal that is closed the kernel
    /// tells and the shell too. People are slower.
    const ECHO_TIME: Duration = Duration::from_millis(100);

    /// How often it is looked whether the first signal has come, in a program that is ending.
    const POLL: Duration = Duration::from_millis(20);

    /// Stack of the thread, in bytes: it reads one byte.
    const STACK_BYTES: usize = 64 * 1024;

    /// A shell's own exit code of a program that a signal has ended: this and the signal's number.
    const ENDED_BY_SIGNAL: i32 = 128;

    /// The next signal ends the program at once. One for the process, like the handlers.
    static NEXT_ENDS: AtomicBool = AtomicBool::new(false);

    /// Nothing that must be finished has begun yet. Cleared by [`undisturbed`] for good.
    static MAY_END: AtomicBool = AtomicBool::new(true);

    /// The number of the signal that came last, for [`Stop::end`].
    static CAME: AtomicUsize = AtomicUsize::new(0);

    /// What nobody looks at.
    static IGNORED: AtomicBool = AtomicBool::new(false);

    /// SIGTERM and SIGINT request a stop of the connection's server, without a thread of their own.
    ///
    /// # Errors
    /// If the operating system refuses a descriptor or a signal handler.
    pub fn stop_on_signals(waker: &Waker) -> io::Result<()> {
        for signal in USUAL {
            hear(signal, waker.stop_flag())?;
            // In this order: whoever is woken by the byte finds the flag set.
            pipe::register(signal, waker.descriptor()?)?;
        }
        Ok(())
    }

    /// The same for all others that would end the program. To be called before a renewal can be in flight; until then
    /// there is nothing to lose, and the first answer does not wait for three dozen handlers.
    ///
    /// # Errors
    /// If the operating system refuses a descriptor or a signal handler.
    pub fn stop_on_other_signals(waker: &Waker) -> io::Result<()> {
        for signal in ending().filter(|signal| !USUAL.contains(signal) && is_wanted(*signal)) {
            // The rest has no descriptor each: it cuts short what the main thread waits for, and one that falls between
            // two waits is noticed a little later.
            if hear(signal, waker.stop_flag())? && BY_HAND.contains(&signal) {
                pipe::register(signal, waker.descriptor()?)?;
            }
        }
        Ok(())
    }

    /// For a program that is ending: once a signal has come, which `came` tells, the next one ends it at once. That may
    /// be the first, if the program ends for another reason.
    pub fn let_a_second_signal_end(came: Arc<AtomicBool>) {
        let wait = move || {
            while !came.load(Ordering::SeqCst) {
                let _ = after(POLL).recv();
            }
            end_by_the_next();
        };
        // Without a thread the program ends all the same, a little later.
        let _ = thread::Builder::new().name("signals".to_owned()).stack_size(STACK_BYTES).spawn(wait);
    }

    /// The end of the program is requested by the first signal, in every command that has no connection. From the call
    /// on it does nothing else.
    ///
    /// # Errors
    /// If the operating system refuses a socket pair, a signal handler or a thread.
    pub fn stop_requests() -> io::Result<Stop> {
        let (mut signals, writer) = UnixStream::pair()?;
        for signal in ending().filter(|signal| is_wanted(*signal)) {
            if hear(signal, &IGNORED)? {
                flag::register_usize(signal, &CAME, usize::try_from(signal).unwrap_or_default())?;
                pipe::register(signal, writer.try_clone()?)?;
            }
        }
        let (stop, requested) = bounded(0);
        let wait = move || {
            // Whatever it is that ends the wait: there is nothing more to wait for.
            let _ = signals.read_exact(&mut [0]);
            log::event(Area::Server, Level::Debug, "stop.requested", &[]);
            drop(stop);
            end_by_the_next();
        };
        thread::Builder::new().name("signals".to_owned()).stack_size(STACK_BYTES).spawn(wait)?;
        Ok(Stop { requested })
    }

    impl Stop {
        /// The end of a program that was told to stop before it was done: by the signal itself, so that a shell knows
        /// that its loop was interrupted too. Returns what is left to do if that fails.
        pub fn end(&self) -> ExitCode {
            let signal = i32::try_from(CAME.load(Ordering::SeqCst)).unwrap_or_default();
            let _ = emulate_default_handler(signal);
            ExitCode::from(u8::try_from(ENDED_BY_SIGNAL + signal).unwrap_or(u8::MAX))
        }
    }

    /// What people type or close ends the program at once, until [`undisturbed`] begins. That is what happens without
    /// handlers too, except in what a script has started in the background, which ignores some of them.
    ///
    /// # Errors
    /// If the operating system refuses a signal handler.
    pub fn end_at_once() -> io::Result<()> {
        for signal in BY_HAND.into_iter().filter(|signal| is_wanted(*signal)) {
            flag::register_conditional_default(signal, &MAY_END)?;
        }
        Ok(())
    }

    /// Does something that must not be left half done: from the call on, no signal that can be caught ends the program.
    /// What is done must have its own deadline, and must ask nobody anything. It is done on a thread of its own, because
    /// a signal is delivered to the main thread and would cut off whatever that waits for.
    ///
    /// # Errors
    /// If the operating system refuses a signal handler or a thread. Then nothing was done.
    pub fn undisturbed<R: Send>(work: impl FnOnce() -> R + Send) -> io::Result<R> {
        for signal in ending() {
            if_there_is(flag::register(signal, &IGNORED))?;
        }
        MAY_END.store(false, Ordering::SeqCst);
        thread::scope(|scope| {
            let worker = thread::Builder::new().name("undisturbed".to_owned()).spawn_scoped(scope, work)?;
            worker.join().map_err(|_| io::Error::other("it panicked"))
        })
    }

    /// A write that would make a file larger than this user may have it (`ulimit -f`) is an error of that write.
    pub fn outlive_large_files() {
        // Without the handler such a write ends the program, as it always did.
        let _ = flag::register(SIGXFSZ, &IGNORED);
    }

    /// All signals whose usual effect is the end of a program, and that can be caught.
    fn ending() -> impl Iterator<Item = i32> {
        (1..=HIGHEST).filter(|signal| !LEFT_ALONE.contains(signal))
    }

    /// Has a signal set the flag the first time, and end the program once [`NEXT_ENDS`] says so. Returns whether there is
    /// such a signal.
    fn hear<F>(signal: i32, came: F) -> io::Result<bool>
    where
        F: flag::BorrowSignalSafe<AtomicBool> + Send + Sync + 'static,
    {
        if BY_HAND.contains(&signal) {
            flag::register_conditional_default(signal, &NEXT_ENDS)?;
        }
        let ends = flag::register_conditional_shutdown(signal, ENDED_BY_SIGNAL + signal, &NEXT_ENDS);
        if !if_there_is(ends)? {
            return Ok(false);
        }
        flag::register(signal, came).map(|_| true)
    }

    /// A few numbers belong to the C library, which says that there are no such signals.
    fn if_there_is(registered: io::Result<SigId>) -> io::Result<bool> {
        match registered {
            Ok(_) => Ok(true),
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn end_by_the_next() {
        let _ = after(ECHO_TIME).recv();
        NEXT_ENDS.store(true, Ordering::SeqCst);
    }

    /// Whoever starts a program with SIGHUP ignored, as `nohup` does, wants it to outlive its terminal. (The other two are
    /// ignored in everything that a script starts in the background, whether somebody wants that or not.)
    fn is_wanted(signal: i32) -> bool {
        signal != SIGHUP || !is_ignored(signal)
    }

    #[cfg(target_os = "linux")]
    fn is_ignored(signal: i32) -> bool {
        std::fs::read_to_string("/proc/self/status").is_ok_and(|status| is_ignored_in(&status, signal))
    }

    /// There is no safe way to ask.
    #[cfg(not(target_os = "linux"))]
    fn is_ignored(_signal: i32) -> bool {
        false
    }

    /// `SigIgn:` and a mask in hexadecimal, where bit 0 is signal 1 (proc(5)).
    #[cfg(target_os = "linux")]
    fn is_ignored_in(status: &str, signal: i32) -> bool {
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
        mask & 1_u64.checked_shl(signal.unsigned_abs().saturating_sub(1)).unwrap_or_default() != 0
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[cfg(target_os = "linux")]
        #[test]
        fn what_is_ignored_stands_in_a_mask() {
            let status =
                |mask: &str| format!("Name:\tx\nSigBlk:\tffffffffffffffff\nSigIgn:\t{mask}\nSigCgt:\t0\n");
            let table = [
                ("0000000000000001", 1, true),
                ("0000000000001000", 1, false),
                ("8000000000000000", 64, true),
                ("7fffffffffffffff", 64, false),
                ("0000000000004002", 15, true),
                ("rubbish", 1, false),
            ];
            for (mask, signal, ignored) in table {
                assert_eq!(is_ignored_in(&status(mask), signal), ignored, "{mask} {signal}");
            }
            assert!(!is_ignored_in("", 1));
        }
    }
}
