//! SIGKILL at every system call of the transaction, and the proof that the file comes before the memory.
//!
//! One clean run is written down; then one fresh process for each call of it dies on entering that call.

use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::random::verdict;
use crate::scene::{Content, Due, Layout, Scene};
use crate::serve::{Serve, is_event};
use crate::strace::{Call, Object, Strace, transaction};
use crate::{Report, TRACED_AT_ONCE};

/// Longest wait for a renewal that is due in little more than a second.
const RENEWAL_TIME_MAX: Duration = Duration::from_secs(15);

/// Runs of one call until it is met: other calls may take one more or one less.
const RUNS_MAX: usize = 3;

/// How long the rename is held while calls show which token they use.
const HELD_MS: u64 = 400;

/// What is known of a run before the process wakes for its renewal.
pub(crate) struct Traced {
    pub(crate) scene: Scene,
    pub(crate) serve: Serve,
    pub(crate) strace: Strace,
    pub(crate) trace: std::path::PathBuf,
}

impl Traced {
    /// Starts a process whose token is due soon, and attaches to it while it sleeps.
    pub(crate) fn start(program: &Path, layout: Layout, options: &[&str]) -> Result<Traced, String> {
        let scene = Scene::set(layout, Due::Soon);
        let serve = Serve::start(&mut scene.serve(program));
        if serve.log.wait_for(RENEWAL_TIME_MAX, |line| is_event(line, "renewal.scheduled")).is_none() {
            return Err("the process did not load its token".to_owned());
        }
        // Beside the data directory, not in it.
        let trace = scene.sandbox.data_dir().with_extension("strace");
        let strace = Strace::attach(&serve, &trace, options)?;
        if layout == Layout::Leftover {
            scene.leave_leftover().map_err(|error| format!("another process could not renew: {error}"))?;
        }
        Ok(Traced { scene, serve, strace, trace })
    }

    /// Waits for the renewal's end, and returns all calls up to there.
    fn finish(self) -> Result<Vec<Call>, String> {
        let done = |line: &str| is_event(line, "renewal.scheduled");
        let deadline = Instant::now() + RENEWAL_TIME_MAX;
        while self.serve.log.so_far().iter().filter(|line| done(line)).count() < 2 {
            if Instant::now() > deadline {
                return Err("the clean run did not renew".to_owned());
            }
            thread::sleep(Duration::from_millis(2));
        }
        let Traced { strace, serve, trace, .. } = self;
        let calls = strace.detach();
        serve.kill();
        let _ = fs::remove_file(trace);
        Ok(calls)
    }
}

/// The calls of one undisturbed renewal, from the wake-up to the release of the lock.
pub(crate) fn record(program: &Path, layout: Layout) -> Result<Vec<Call>, String> {
    let calls = Traced::start(program, layout, &["-e", "trace=all"])?.finish()?;
    let close = calls.iter().rposition(|call| call.name == "close" && call.object == Object::Lock);
    let close = close.ok_or("the lock was never closed")?;
    Ok(calls[..=close].to_vec())
}

/// Kills at each call of the transaction, `times` times.
pub(crate) fn run(program: &Path, times: usize, report: &Mutex<Report>) {
    for layout in [Layout::Common, Layout::Wallet, Layout::Leftover] {
        let calls = match record(program, layout) {
            Ok(calls) => calls,
            Err(what) => return report.lock().unwrap().violation(format!("syscalls, clean run: {what}")),
        };
        let Some(calls) = transaction(&calls) else {
            return report.lock().unwrap().violation("syscalls: no transaction in the clean run".to_owned());
        };
        println!(
            "SIGKILL at each of {} system calls of the transaction, {layout:?} layout, {times} x",
            calls.len()
        );
        let outcomes = Mutex::new(vec![[0_usize; 4]; calls.len()]);
        let next = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..TRACED_AT_ONCE {
                scope.spawn(|| {
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        if at >= calls.len() * times {
                            return;
                        }
                        let call = &calls[at % calls.len()];
                        match kill_at(program, layout, call) {
                            Ok(outcome) => outcomes.lock().unwrap()[at % calls.len()][outcome as usize] += 1,
                            Err(what) => report.lock().unwrap().violation(format!(
                                "SIGKILL at {} no {} ({}): {what}",
                                call.name,
                                call.number,
                                call.object.name()
                            )),
                        }
                    }
                });
            }
        });
        print(calls, &outcomes.lock().unwrap());
    }
    for _ in 0..times {
        if let Err(what) = file_before_memory(program) {
            report.lock().unwrap().violation(format!("file before memory: {what}"));
        }
    }
    println!(
        "file before memory: with the rename held for {HELD_MS} ms, no request used the new token before it, {times} x"
    );
}

/// What a kill at one call came to.
#[derive(Clone, Copy)]
enum Outcome {
    NotCommitted,
    Lost,
    InTemporary,
    InFile,
}

fn kill_at(program: &Path, layout: Layout, call: &Call) -> Result<Outcome, String> {
    for _ in 0..RUNS_MAX {
        let inject = format!("inject={}:signal=SIGKILL:when={}", call.name, call.number);
        let Traced { scene, serve, strace, trace } =
            Traced::start(program, layout, &["-e", "trace=all", "-e", &inject])?;
        let before = scene.remains();
        let died = serve.wait_for_death(Duration::from_secs(4));
        let calls = strace.detach();
        let _ = fs::remove_file(trace);
        let log = match died {
            Ok(log) => log,
            Err(serve) => {
                serve.kill();
                continue;
            }
        };
        let after = scene.remains();
        verdict(&log, &before, &after, layout)?;
        // On entering the token's own write it may be lost, not after. The first write reserves the space.
        let mut writes = calls.iter().filter(|call| call.name == "write" && call.object == Object::Temporary);
        if after.is_lost() && writes.nth(1).is_some_and(|write| Some(write) != calls.last()) {
            return Err("the token is lost although it was written to the temporary file".to_owned());
        }
        let asked = log.iter().any(|line| is_event(line, "renewal.attempt"));
        scene.restart(program, after.is_lost(), asked)?;
        return Ok(match (after.file, after.renewals) {
            (Content::Newest, _) => Outcome::InFile,
            (_, 0) => Outcome::NotCommitted,
            _ if after.is_lost() => Outcome::Lost,
            _ => Outcome::InTemporary,
        });
    }
    Err(format!("the call was not met in {RUNS_MAX} runs"))
}

fn print(calls: &[Call], outcomes: &[[usize; 4]]) {
    println!("  {:<44} not committed   lost   in temporary   in file", "killed on entering");
    for (call, [not_committed, lost, in_temporary, in_file]) in calls.iter().zip(outcomes) {
        let label = format!("{} no {} {}", call.name, call.number, call.object.name());
        println!("  {label:<44} {not_committed:>13} {lost:>6} {in_temporary:>14} {in_file:>9}");
    }
}

/// Holds the rename and calls meanwhile: no request may carry the new token before the file does.
fn file_before_memory(program: &Path) -> Result<(), String> {
    let scene = Scene::set(Layout::Common, Due::Soon);
    let mut serve = Serve::start(&mut scene.serve(program));
    if serve.log.wait_for(RENEWAL_TIME_MAX, |line| is_event(line, "renewal.scheduled")).is_none() {
        return Err("the process did not load its token".to_owned());
    }
    let trace = scene.sandbox.data_dir().with_extension("strace");
    let hold = format!("inject=rename,renameat,renameat2:delay_enter={}:when=1", HELD_MS * 1000);
    let trace_only = "trace=rename,renameat,renameat2,write,writev,sendto,sendmsg";
    let strace =
        Strace::attach_to(serve.pid(), &trace, &["-f", "-s", "2000", "-e", trace_only, "-e", &hold])?;
    let deadline = Instant::now() + RENEWAL_TIME_MAX;
    while scene.remains().file != Content::Newest {
        serve.call()?;
        if Instant::now() > deadline {
            return Err("it did not renew".to_owned());
        }
        thread::sleep(Duration::from_millis(5));
    }
    let bearer = |token: &str| format!("Bearer {token}");
    let old = bearer(&scene.session.token);
    let new = bearer(&fs::read_to_string(&scene.token_file).unwrap());
    // The memory follows the file after a sync of the directory.
    while !strace.text().contains(&new) && Instant::now() < deadline {
        serve.call()?;
        thread::sleep(Duration::from_millis(5));
    }
    let text = strace.text();
    serve.kill();
    drop(strace);
    let _ = fs::remove_file(trace);
    let begun = text.find(" rename").ok_or("the rename was not seen")?;
    let done = begun + text[begun..].find("rename resumed").ok_or("the rename was not held")?;
    match (text[..done].contains(&new), text[begun..done].contains(&old), text[done..].contains(&new)) {
        (true, ..) => Err("a request used the new token before it was in the file".to_owned()),
        (_, false, _) => Err("no call was made while the rename was held".to_owned()),
        (_, _, false) => Err("no call used the new token afterwards".to_owned()),
        (false, true, true) => Ok(()),
    }
}
