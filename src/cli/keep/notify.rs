//! What the service manager is told: sd_notify(3), datagrams on the socket that it named.
//!
//! Used by `keep`. Without such a socket nothing is told. A message that cannot be delivered is lost: the service manager
//! must never be a reason for a renewal to wait.

use std::ffi::OsStr;
use std::time::Duration;

use super::record::{Record, Verdict};
use crate::config::service_manager::ServiceManager;
use crate::time::Timestamp;

/// The way to the service manager.
pub(super) struct Notify {
    socket: Option<socket::Socket>,
    /// How often it wants to hear of us, at least.
    pub(super) beat: Option<Duration>,
    is_ready: bool,
    status: String,
}

impl Notify {
    pub(super) fn new(manager: &ServiceManager) -> Notify {
        let socket = manager.notify_socket.as_deref().and_then(socket::Socket::open);
        // Twice as often as must be, as sd_watchdog_enabled(3) recommends.
        let beat = manager.watchdog.filter(|_| socket.is_some()).map(|watchdog| watchdog / 2);
        Notify { socket, beat, is_ready: false, status: String::new() }
    }

    /// Somebody listens, or may.
    pub(super) fn is_there(&self) -> bool {
        self.socket.is_some()
    }

    /// Says once that the service is up.
    pub(super) fn ready(&mut self) {
        if !std::mem::replace(&mut self.is_ready, true) {
            self.send("READY=1");
        }
    }

    /// Says how things are, if that has changed.
    pub(super) fn status(&mut self, status: &str) {
        if self.status != status {
            status.clone_into(&mut self.status);
            self.send(&format!("STATUS={status}"));
        }
    }

    /// Says that the service lives.
    pub(super) fn alive(&self) {
        self.send("WATCHDOG=1");
    }

    /// Says that the service ends.
    pub(super) fn stopping(&mut self, status: &str) {
        self.send(&format!("STOPPING=1\nSTATUS={status}"));
    }

    fn send(&self, message: &str) {
        if let Some(socket) = &self.socket {
            socket.send(message.as_bytes());
        }
    }
}

/// How things are, in one line: how many files, the next renewal, and what is not well.
pub(super) fn status_line(records: &[Record]) -> String {
    let kept = match records.len() {
        0 => return "no token file to keep".to_owned(),
        1 => "keeping 1 token file".to_owned(),
        number => format!("keeping {number} token files"),
    };
    let next: Option<(Timestamp, &str)> =
        records.iter().filter_map(|record| Some((record.renew_at()?, record.label.as_str()))).min();
    let next = next.map_or("no renewal is due".to_owned(), |(at, label)| {
        let of = if records.len() > 1 { format!(" of {label}") } else { String::new() };
        format!("next renewal{of} at {at}")
    });
    let bad: Vec<&str> = records
        .iter()
        .filter(|record| matches!(record.verdict(), Verdict::Overdue(_) | Verdict::Unusable(_)))
        .map(|record| record.label.as_str())
        .collect();
    match bad.as_slice() {
        [] => format!("{kept}; {next}"),
        [one] => format!("{kept}; {next}; not well: {one}"),
        [first, rest @ ..] => format!("{kept}; {next}; not well: {first} and {} more", rest.len()),
    }
}

#[cfg(unix)]
mod socket {
    //! A datagram socket, with the standard library alone.

    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::net::{SocketAddr, UnixDatagram};

    use super::OsStr;

    pub(super) struct Socket {
        socket: UnixDatagram,
        address: SocketAddr,
    }

    impl Socket {
        /// `None` for an address that is none of these two, such as a virtual machine's `vsock:`.
        pub(super) fn open(address: &OsStr) -> Option<Socket> {
            let address = match address.as_bytes() {
                [b'/', ..] => SocketAddr::from_pathname(address).ok()?,
                [b'@', name @ ..] => abstract_address(name)?,
                _ => return None,
            };
            let socket = UnixDatagram::unbound().ok()?;
            socket.set_nonblocking(true).ok()?;
            Some(Socket { socket, address })
        }

        pub(super) fn send(&self, message: &[u8]) {
            let _ = self.socket.send_to_addr(message, &self.address);
        }
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn abstract_address(name: &[u8]) -> Option<SocketAddr> {
        #[cfg(target_os = "android")]
        use std::os::android::net::SocketAddrExt as _;
        #[cfg(target_os = "linux")]
        use std::os::linux::net::SocketAddrExt as _;
        SocketAddr::from_abstract_name(name).ok()
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn abstract_address(_name: &[u8]) -> Option<SocketAddr> {
        None
    }
}

#[cfg(not(unix))]
mod socket {
    //! No service manager here listens so.

    use super::OsStr;

    pub(super) enum Socket {}

    impl Socket {
        pub(super) fn open(_address: &OsStr) -> Option<Socket> {
            None
        }

        pub(super) fn send(&self, _message: &[u8]) {}
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use super::*;

    fn manager(socket: &OsStr, watchdog: Option<Duration>) -> ServiceManager {
        ServiceManager { notify_socket: Some(socket.to_owned()), watchdog }
    }

    #[test]
    fn the_service_manager_hears_each_thing_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let listener = UnixDatagram::bind(&path).unwrap();
        listener.set_nonblocking(true).unwrap();
        let heard = || {
            let mut bytes = [0; 200];
            listener
                .recv(&mut bytes)
                .map(|length| String::from_utf8_lossy(&bytes[..length]).into_owned())
                .ok()
        };
        let mut notify = Notify::new(&manager(path.as_os_str(), Some(Duration::from_secs(10))));
        assert_eq!(notify.beat, Some(Duration::from_secs(5)));
        notify.ready();
        notify.ready();
        notify.status("one");
        notify.status("one");
        notify.alive();
        notify.stopping("the end");
        let all: Vec<String> = std::iter::from_fn(heard).collect();
        assert_eq!(all, ["READY=1", "STATUS=one", "WATCHDOG=1", "STOPPING=1\nSTATUS=the end"]);
        // Nobody listens any more, and nothing comes of it.
        drop(listener);
        notify.alive();
    }

    #[test]
    fn without_an_address_that_can_be_used_nothing_is_told_and_nothing_fails() {
        let long = format!("/{}", "x".repeat(200));
        for address in ["relative", "vsock:2:1234", &long, "@"] {
            let mut notify = Notify::new(&manager(OsStr::new(address), Some(Duration::from_secs(10))));
            notify.ready();
            notify.alive();
        }
        let notify = Notify::new(&ServiceManager::default());
        assert!(!notify.is_there() && notify.beat.is_none());
    }

    #[test]
    fn the_status_is_one_line() {
        assert_eq!(status_line(&[]), "no token file to keep");
        let record = |label: &str| Record::new(label.to_owned(), None, Duration::ZERO);
        assert_eq!(status_line(&[record("a")]), "keeping 1 token file; no renewal is due");
        assert!(status_line(&[record("a"), record("b")]).starts_with("keeping 2 token files; "));
    }
}
