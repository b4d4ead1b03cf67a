//! What the operating system tells of a running process. Linux only.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;

/// A process of ours.
#[derive(Clone, Copy)]
pub(crate) struct Process(pub(crate) u32);

impl Process {
    /// Resident memory, in MB of 1024 KB.
    pub(crate) fn resident_mb(self) -> f64 {
        self.status("VmRSS:").unwrap() as f64 / 1024.0
    }

    pub(crate) fn threads(self) -> u64 {
        self.status("Threads:").unwrap()
    }

    pub(crate) fn descriptors(self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.0)).unwrap().count()
    }

    /// How often each of its threads has begun to run.
    pub(crate) fn wake_ups(self) -> BTreeMap<OsString, u64> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.0)).unwrap();
        let switches = tasks.flatten().filter_map(|task| {
            let status = fs::read_to_string(task.path().join("status")).ok()?;
            let own = number(&status, "\nvoluntary_ctxt_switches:")?;
            Some((task.file_name(), own + number(&status, "nonvoluntary_ctxt_switches:")?))
        });
        switches.collect()
    }

    fn status(self, field: &str) -> Option<u64> {
        number(&fs::read_to_string(format!("/proc/{}/status", self.0)).unwrap(), field)
    }
}

/// The number after `field`.
fn number(status: &str, field: &str) -> Option<u64> {
    status.split_once(field)?.1.split_whitespace().next()?.parse().ok()
}
