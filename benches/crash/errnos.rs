//! Every error at every file operation of a renewal, once and lasting: nothing is lost, calls go on, a person is told
//! what to do, and once the error is gone the newest token gets into the file.
//!
//! `close` is left out: an injected error keeps the descriptor open, which no kernel does. A lasting EINTR is left out:
//! no kernel interrupts for ever, and the standard library rightly tries again.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::prng::Prng;
use crate::scene::{Content, Layout};
use crate::strace::{Call, Object, Tracee, forget};
use crate::syscalls::{Traced, record};
use crate::{Report, TRACED_AT_ONCE};

const ERRNOS: [&str; 8] = ["ENOSPC", "EIO", "EROFS", "EBUSY", "EXDEV", "EACCES", "EINTR", "EMFILE"];

/// The file operations; what the C library calls the same under another name is meant too.
const OPERATIONS: [&str; 20] = [
    "open",
    "openat",
    "creat",
    "read",
    "pread64",
    "write",
    "pwrite64",
    "fsync",
    "fdatasync",
    "ftruncate",
    "fallocate",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "flock",
    "lseek",
    "mkdir",
    "getdents64",
];

/// They examine a file, which is done by one of several calls.
const EXAMINATIONS: [&str; 5] = ["stat", "lstat", "fstat", "statx", "newfstatat"];

/// From the error to the moment by which the token is in the file, or a person was told what to do.
const TOLD_WITHIN: Duration = Duration::from_millis(700);

/// How long a lasting error lasts.
const LASTING: Duration = Duration::from_secs(3);

/// How long a lasting error of the rename lasts: beyond the end of the old token, so that calls are served from memory.
const BEYOND_OLD_TOKEN: Duration = Duration::from_secs(11);

/// From the end of the error to the newest token in the file: the longest wait between two attempts is 5 s.
const RECOVERED_WITHIN: Duration = Duration::from_secs(10);

/// From the start of a cell to its error: the token becomes due within little more than a second.
const MET_WITHIN: Duration = Duration::from_secs(6);

/// Runs of one cell until its call is met.
const RUNS_MAX: usize = 3;

struct Cell<'a> {
    layout: Layout,
    call: &'a Call,
    /// While its error lasts, the pre-flight cannot succeed: nothing may be asked of the daemon.
    bars_renewal: bool,
    errno: &'static str,
    lasting: bool,
}

/// How a cell came out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// The token was in the file at once.
    Absorbed,
    /// It was later, and a person was told.
    Told,
}

/// Plays all cells, or so many of them, drawn by chance.
pub(crate) fn run(program: &Path, cells_max: Option<usize>, report: &Mutex<Report>) {
    let mut recorded = Vec::new();
    for layout in [Layout::Common, Layout::Wallet, Layout::Leftover] {
        match record(program, layout, Tracee::Session) {
            Ok(calls) => recorded.push((layout, calls)),
            Err(what) => return report.lock().unwrap().violation(format!("errnos, clean run: {what}")),
        }
    }
    let mut cells = Vec::new();
    for (layout, calls) in &recorded {
        let request = calls.iter().position(|call| call.object == Object::Daemon).unwrap_or(0);
        for (at, call) in calls.iter().enumerate().filter(|(_, call)| is_file_operation(call)) {
            // Past the making of the directory the wallet's transaction is the common one.
            if *layout == Layout::Wallet && call.object == Object::Temporary {
                continue;
            }
            for (errno, lasting) in ERRNOS.into_iter().flat_map(|errno| [(errno, false), (errno, true)]) {
                if errno != "EINTR" || !lasting {
                    let bars_renewal =
                        lasting && *layout != Layout::Leftover && at < request && bars_writing(call);
                    cells.push(Cell { layout: *layout, call, bars_renewal, errno, lasting });
                }
            }
        }
    }
    let all = cells.len();
    let mut prng = Prng::new(all as u64);
    for place in 0..cells.len() {
        cells.swap(place, place + usize::try_from(prng.next()).unwrap() % (all - place));
    }
    cells.truncate(cells_max.unwrap_or(all));
    println!(
        "errors at file operations: {} of {all} cells (operation x errno, once and lasting)",
        cells.len()
    );
    let next = AtomicUsize::new(0);
    let outcomes = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        for _ in 0..TRACED_AT_ONCE {
            scope.spawn(|| {
                while let Some(cell) = cells.get(next.fetch_add(1, Ordering::Relaxed)) {
                    match play(program, cell) {
                        Ok(outcome) => {
                            let key = (cell.layout as usize, label(cell), cell.errno, cell.lasting);
                            outcomes.lock().unwrap().insert(key, outcome);
                        }
                        Err(what) => {
                            let Cell { errno, lasting, layout, .. } = cell;
                            let how = if *lasting { "lasting" } else { "once" };
                            let label = label(cell);
                            report
                                .lock()
                                .unwrap()
                                .violation(format!("{errno} at {label}, {how}, {layout:?} layout: {what}"));
                        }
                    }
                }
            });
        }
    });
    let outcomes = outcomes.into_inner().unwrap();
    for (layout, calls) in &recorded {
        print(*layout, calls, &outcomes);
    }
}

fn is_file_operation(call: &Call) -> bool {
    let name = call.name.as_str();
    let on_file = !matches!(call.object, Object::Daemon | Object::Log | Object::Other);
    on_file && (OPERATIONS.contains(&name) || EXAMINATIONS.contains(&name))
}

fn bars_writing(call: &Call) -> bool {
    ["open", "openat", "write", "fsync", "fdatasync", "mkdir", "flock"].contains(&call.name.as_str())
}

fn label(cell: &Cell<'_>) -> String {
    format!("{} no {} {}", cell.call.name, cell.call.number, cell.call.object.name())
}

fn play(program: &Path, cell: &Cell<'_>) -> Result<Outcome, String> {
    let Call { name, number, object, .. } = cell.call;
    let when = format!("{number}{}", if cell.lasting { "+" } else { "" });
    let inject = format!("inject={name}:error={}:when={when}", cell.errno);
    for _ in 0..RUNS_MAX {
        let traced =
            Traced::start(program, cell.layout, Tracee::Session, &["-e", "trace=all", "-e", &inject])?;
        let trace = traced.trace.clone();
        let outcome = observe(traced, cell, *object);
        forget(&trace);
        if let Some(outcome) = outcome.transpose() {
            return outcome;
        }
    }
    Err(format!("the call was not met in {RUNS_MAX} runs"))
}

/// Watches one process through its error; none if the error met another call.
fn observe(traced: Traced, cell: &Cell<'_>, object: Object) -> Result<Option<Outcome>, String> {
    let Traced { scene, mut serve, strace, .. } = traced;
    let mut strace = Some(strace);
    let outcome = (|| {
        let begun = Instant::now();
        let (mut met_at, mut healed_at, mut outcome) = (None, None, None);
        // What another process left is older, and would be renewed once more within that time.
        let beyond = cell.call.name.starts_with("rename") && cell.layout == Layout::Common;
        let lasts = match (cell.lasting, beyond) {
            (false, _) => Duration::ZERO,
            (true, false) => LASTING,
            (true, true) => BEYOND_OLD_TOKEN,
        };
        loop {
            if !serve.is_alive() {
                return Err("the process ended".to_owned());
            }
            serve.call()?;
            let remains = scene.remains();
            if let Some(what) = remains.file_violation(cell.layout) {
                return Err(what);
            }
            if cell.bars_renewal && healed_at.is_none() && remains.renewals > 0 {
                return Err("it renewed although it could not write".to_owned());
            }
            let now = Instant::now();
            if met_at.is_none() {
                let calls = strace.as_ref().map(|strace| strace.calls()).unwrap_or_default();
                if let Some(met) = calls.iter().find(|call| call.injected) {
                    if met.object != object {
                        return Ok(None);
                    }
                    met_at = Some(now);
                } else if now.duration_since(begun) > MET_WITHIN {
                    return Ok(None);
                }
            }
            let is_in_file = remains.file == Content::Newest;
            let since = |at: Option<Instant>| at.map(|at| now.duration_since(at));
            if outcome.is_none() && since(met_at).is_some_and(|past| is_in_file || past > TOLD_WITHIN) {
                outcome = Some(if is_in_file { Outcome::Absorbed } else { Outcome::Told });
                // An error that meets every write meets the log's too.
                let can_tell = !(cell.lasting && cell.call.name == "write");
                let told = serve.log.so_far().iter().any(|line| line.contains(" advice="));
                if !is_in_file && can_tell && !told {
                    return Err("nobody was told what to do".to_owned());
                }
            }
            if healed_at.is_none() && since(met_at).is_some_and(|past| past >= lasts) {
                drop(strace.take().map(crate::strace::Strace::detach));
                healed_at = Some(Instant::now());
            }
            if let (Some(outcome), Some(_), true) = (outcome, healed_at, is_in_file) {
                // Who cannot read what a crashed process left asks once in vain.
                let refused_max = u64::from(cell.layout == Layout::Leftover);
                let refused = scene.sandbox.ledger().tally.renewals_refused;
                let too_many = refused.values().sum::<u64>() > refused_max;
                return if too_many { Err(format!("refused: {refused:?}")) } else { Ok(Some(outcome)) };
            }
            if since(healed_at).is_some_and(|past| past > RECOVERED_WITHIN) {
                return Err(format!(
                    "the newest token is not in the file {RECOVERED_WITHIN:?} after the error"
                ));
            }
            thread::sleep(Duration::from_millis(30));
        }
    })();
    drop(strace);
    let log = serve.kill();
    outcome.map_err(|what| format!("{what}; its log:\n    {}", log.join("\n    ")))
}

type Outcomes = BTreeMap<(usize, String, &'static str, bool), Outcome>;

fn print(layout: Layout, calls: &[Call], outcomes: &Outcomes) {
    println!(
        "  {layout:?} layout; a: in the file at once, t: told what to do and in the file later; once/lasting"
    );
    println!("  {:<36} {}", "", ERRNOS.map(|errno| format!("{errno:<7}")).join(" "));
    for call in calls.iter().filter(|call| is_file_operation(call)) {
        let label = format!("{} no {} {}", call.name, call.number, call.object.name());
        let letter = |errno: &'static str, lasting: bool| match outcomes.get(&(
            layout as usize,
            label.clone(),
            errno,
            lasting,
        )) {
            Some(Outcome::Absorbed) => 'a',
            Some(Outcome::Told) => 't',
            None => '-',
        };
        let row =
            ERRNOS.map(|errno| format!("{:<7}", format!("{}/{}", letter(errno, false), letter(errno, true))));
        if row.iter().any(|field| !field.starts_with("-/-")) {
            println!("  {label:<36} {}", row.join(" "));
        }
    }
}
