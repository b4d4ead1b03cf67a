//! Sixteen processes on one token file, each with a client that calls all the time.
//!
//! Used by the campaigns of this program. Refuses to judge: it tells what calls came to, and the daemon's ledger.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use waiaas_mcp::sandbox::{LedgerSnapshot, Options, RateLimits, Sandbox, SessionLimits};

use crate::serve::{Lines, Serve, is_event};

/// Processes on one token file.
pub(crate) const PROCESSES: usize = 16;

/// Between two calls of one client. Each cycle lasts two seconds, so that every process calls at every point of one.
const CALL_PAUSE: Duration = Duration::from_millis(100);

/// Between two looks at what is waited for.
const POLL: Duration = Duration::from_millis(5);

/// The daemon, its processes and their clients.
pub(crate) struct Fleet {
    pub(crate) sandbox: Sandbox,
    pub(crate) members: Vec<Member>,
    calls: Arc<AtomicU64>,
    failures: Arc<Mutex<Vec<String>>>,
    is_over: Arc<AtomicBool>,
}

/// One process, seen from outside.
pub(crate) struct Member {
    pub(crate) pid: u32,
    pub(crate) log: Arc<Lines>,
    client: JoinHandle<Serve>,
}

/// A token's life in seconds, and how much of it has passed at the start.
#[derive(Clone, Copy)]
pub(crate) struct Life {
    pub(crate) ttl_s: u64,
    pub(crate) age_s: i64,
}

/// What is left when a fleet has ended.
pub(crate) struct Ended {
    pub(crate) ledger: LedgerSnapshot,
    pub(crate) calls: u64,
    /// What calls came to instead of an answer.
    pub(crate) failures: Vec<String>,
    /// The log of each process.
    pub(crate) logs: Vec<Vec<String>>,
}

impl Fleet {
    /// All processes are up and have served a call when this returns; their clients go on calling.
    pub(crate) fn launch(program: &Path, life: Life) -> Fleet {
        let sandbox = Sandbox::start(Options::default()).expect("a sandbox can be started");
        sandbox.set_rate_limits(RateLimits { address: None, session: None, transactions: None });
        sandbox.set_clock_offset_s(-life.age_s);
        let session =
            sandbox.new_session(SessionLimits { ttl_s: Some(life.ttl_s), ..SessionLimits::default() });
        sandbox.set_clock_offset_s(0);
        sandbox.replace_token_file(&session.token).expect("a token file can be written");
        let mut fleet = Fleet {
            sandbox,
            members: Vec::new(),
            calls: Arc::default(),
            failures: Arc::default(),
            is_over: Arc::default(),
        };
        fleet.members = (0..PROCESSES).map(|_| fleet.member(program)).collect();
        fleet
    }

    fn member(&self, program: &Path) -> Member {
        let mut command = Command::new(program);
        command.arg("serve").env_clear();
        command.env("WAIAAS_BASE_URL", self.sandbox.base_url());
        command.env("WAIAAS_DATA_DIR", self.sandbox.data_dir());
        let mut serve = Serve::start(&mut command);
        let (pid, log) = (serve.pid(), Arc::clone(&serve.log));
        let (calls, failures) = (Arc::clone(&self.calls), Arc::clone(&self.failures));
        let is_over = Arc::clone(&self.is_over);
        let client = thread::spawn(move || {
            while !is_over.load(Ordering::Relaxed) && serve.is_alive() {
                let outcome = serve.call();
                calls.fetch_add(1, Ordering::Relaxed);
                // What a process answers that is killed meanwhile is nobody's concern.
                if let Err(what) = outcome
                    && serve.is_alive()
                {
                    failures.lock().unwrap().push(what);
                }
                thread::sleep(CALL_PAUSE);
            }
            serve
        });
        Member { pid, log, client }
    }

    /// The process that holds the lock of the token file, as the kernel tells it.
    pub(crate) fn holder(&self) -> Option<&Member> {
        use std::os::unix::fs::MetadataExt as _;
        let mut lock = self.sandbox.token_file().as_os_str().to_owned();
        lock.push(".lock");
        let inode = format!(":{}", std::fs::metadata(lock).ok()?.ino());
        let locks = std::fs::read_to_string("/proc/locks").expect("the kernel tells who holds what");
        // "1: FLOCK  ADVISORY  WRITE 4711 fe:00:1234 0 EOF"; one that waits has "->" behind the number.
        let fields = locks.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let held = fields.filter(|fields| fields.get(1) == Some(&"FLOCK"));
        let mut of_ours = held.filter(|fields| fields.get(5).is_some_and(|file| file.ends_with(&inode)));
        let pid: u32 = of_ours.next()?.get(4)?.parse().ok()?;
        self.members.iter().find(|member| member.pid == pid)
    }

    /// Renewals that were asked for and answered.
    pub(crate) fn renewals_answered(&self) -> u64 {
        self.sandbox.ledger().tally.renewals.len().try_into().unwrap()
    }

    /// Calls so far that came to something else than an answer.
    pub(crate) fn failed(&self) -> usize {
        self.failures.lock().unwrap().len()
    }

    /// What calls came to instead of answers since the last look.
    pub(crate) fn take_failures(&self) -> Vec<String> {
        std::mem::take(&mut self.failures.lock().unwrap())
    }

    /// Ends the clients, then the processes.
    pub(crate) fn end(self) -> Ended {
        self.is_over.store(true, Ordering::Relaxed);
        let serves: Vec<Serve> =
            self.members.into_iter().map(|member| member.client.join().unwrap()).collect();
        let ledger = self.sandbox.ledger();
        let logs = serves.into_iter().map(Serve::kill).collect();
        Ended {
            ledger,
            calls: self.calls.load(Ordering::Relaxed),
            failures: std::mem::take(&mut self.failures.lock().unwrap()),
            logs,
        }
    }
}

impl Member {
    /// Sends the process a signal, by name.
    pub(crate) fn signal(&self, name: &str) {
        let script = format!("kill -{name} {}", self.pid);
        let sent = Command::new("sh").args(["-c", &script]).status().expect("a shell");
        assert!(sent.success(), "{script}");
    }

    /// How often the process has told this.
    pub(crate) fn times_told(&self, event: &str) -> usize {
        self.log.so_far().iter().filter(|line| is_event(line, event)).count()
    }
}

/// Waits until it is so; how long that took. None: it was not so within this time.
pub(crate) fn until(at_most: Duration, mut is_so: impl FnMut() -> bool) -> Option<Duration> {
    let begun = Instant::now();
    while !is_so() {
        if begun.elapsed() > at_most {
            return None;
        }
        thread::sleep(POLL);
    }
    Some(begun.elapsed())
}
