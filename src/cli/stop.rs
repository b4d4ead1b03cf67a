//! Told to stop: SIGTERM, SIGINT or SIGHUP, once; a second one ends the process as it would any other.
//!
//! Used by `keep`, which has no client whose end could be noticed: whoever starts it may go, and it goes on.

use std::io;

use crossbeam_channel::Receiver;

/// One message at the first of the signals. From the call on, the first does nothing else.
///
/// # Errors
/// If the operating system refuses a socket pair, a signal handler or a thread.
#[cfg(unix)]
pub(super) fn requests() -> io::Result<Receiver<()>> {
    use std::io::Read as _;
    use std::os::unix::net::UnixStream;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    use std::thread;

    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::flag;
    use signal_hook::low_level::pipe;

    /// Stack of the thread, in bytes: it reads one byte.
    const STACK_BYTES: usize = 64 * 1024;

    let (mut signals, writer) = UnixStream::pair()?;
    let is_stopping = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT, SIGHUP] {
        // In this order: the first signal finds the flag down, and raises it for the second.
        flag::register_conditional_default(signal, Arc::clone(&is_stopping))?;
        flag::register(signal, Arc::clone(&is_stopping))?;
        pipe::register(signal, writer.try_clone()?)?;
    }
    let (stop, stopped) = crossbeam_channel::bounded(1);
    thread::Builder::new().name("signals".to_owned()).stack_size(STACK_BYTES).spawn(move || {
        // Interrupted reads are read again by `read_exact`.
        let _ = signals.read_exact(&mut [0]);
        let _ = stop.send(());
    })?;
    Ok(stopped)
}

/// Elsewhere the operating system ends the program by itself.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub(super) fn requests() -> io::Result<Receiver<()>> {
    Ok(crossbeam_channel::never())
}
