//! What a service manager has told this process in its environment: where to report, and how often.
//!
//! Used by `keep` (sd_notify(3), sd_watchdog_enabled(3)).

use std::ffi::OsString;
use std::time::Duration;

/// The service manager that started this process.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ServiceManager {
    /// `NOTIFY_SOCKET`.
    pub notify_socket: Option<OsString>,
    /// `WATCHDOG_USEC`: this process is ended if nothing is heard of it for so long.
    pub watchdog: Option<Duration>,
}

impl ServiceManager {
    /// That of this process.
    pub fn from_environment() -> ServiceManager {
        #[expect(clippy::disallowed_methods, reason = "the environment is read here and in config.rs")]
        let read = |variable: &str| std::env::var_os(variable).filter(|value| !value.is_empty());
        ServiceManager::told(
            read("NOTIFY_SOCKET"),
            read("WATCHDOG_USEC"),
            read("WATCHDOG_PID"),
            std::process::id(),
        )
    }

    /// A watchdog that was meant for another process, which started this one, is not ours.
    fn told(
        notify_socket: Option<OsString>,
        watchdog_usec: Option<OsString>,
        watchdog_pid: Option<OsString>,
        own_pid: u32,
    ) -> ServiceManager {
        let number = |text: OsString| text.to_str()?.parse::<u64>().ok();
        let is_ours = watchdog_pid.is_none_or(|pid| number(pid) == Some(u64::from(own_pid)));
        let usec = watchdog_usec.and_then(number).filter(|usec| *usec > 0 && is_ours);
        ServiceManager { notify_socket, watchdog: usec.map(Duration::from_micros) }
    }
}

/// The name of this user, with that of its domain, as Windows wants it.
pub fn user_name() -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "the environment is read here and in config.rs")]
    let read = |variable: &str| std::env::var(variable).ok().filter(|value| !value.is_empty());
    let user = read("USERNAME")?;
    Some(read("USERDOMAIN").map_or_else(|| user.clone(), |domain| format!("{domain}\\{user}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watchdog_counts_if_it_is_a_time_and_meant_for_this_process() {
        let watchdog = |usec: &str, pid: Option<&str>| {
            ServiceManager::told(None, Some(usec.into()), pid.map(Into::into), 42).watchdog
        };
        assert_eq!(watchdog("3000000", None), Some(Duration::from_secs(3)));
        assert_eq!(watchdog("3000000", Some("42")), Some(Duration::from_secs(3)));
        for (usec, pid) in
            [("3000000", Some("41")), ("3000000", Some("x")), ("0", None), ("-1", None), ("x", None)]
        {
            assert_eq!(watchdog(usec, pid), None, "{usec} {pid:?}");
        }
    }
}
