//! `keep --once`: what is due now is done, and that is all. For cron and timers.
//!
//! Used by `keep`. The same workers as ever, each ended at its first rest; a few at a time, and none for longer than a
//! bound. Exits with 0 if every token is usable and none is overdue. Says nothing then, because cron sends whatever is
//! said to somebody; a person at a terminal gets a line a file.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::process::ExitCode;
use std::time::Duration;

use crossbeam_channel::{Receiver, select};

use super::board::{Board, Until};
use super::files::{self, Plan, Seen, TOLD_MAX};
use super::look::Candidate;
use super::record::{Record, Verdict};
use super::workers::{self, Kept, Mark, Terms};
use super::{Means, keeping};
use crate::cli::arguments::Input;
use crate::cli::duration::instant;
use crate::cli::{Failure, NOT_DONE, output, signals};
use crate::config::said;
use crate::log::{self, Level};
use crate::session::policy;
use crate::time::Timestamp;

/// Workers at the same time: the daemon is not to be overrun by what is only a timer.
const AT_ONCE_MAX: usize = 16;

/// Longest time until everything due is done, beside [`policy::SHUTDOWN_WAIT_MAX`] for renewals whose answer has not
/// come by then. Another process's lock and a daemon that hangs take less.
const TIME_MAX: Duration = Duration::from_secs(60);

/// Longest wait for a worker to say something.
const CHANGE_WAIT_MAX: Duration = Duration::from_millis(500);

const _: () = assert!(TIME_MAX.as_secs() > policy::SILENCE_MAX.as_secs() + policy::ASK_TIME_MAX.as_secs());

/// What asks for a log.
const LOG: &str = "WAIAAS_MCP_LOG";

/// What is told of a file.
enum Told {
    Fine(String),
    Trouble { what: String, advice: String },
}

/// Does what is due.
///
/// # Errors
/// [`Failure`] if signals cannot be waited for, or there is no thread.
pub(super) fn run(input: &Input, mut means: Means) -> Result<ExitCode, Failure> {
    let is_quiet = input.setting(LOG).is_none() && !said::in_environment(LOG);
    if is_quiet {
        // What is not about a renewal, such as the mode of a file: `doctor` tells that too, and whoever wants to know.
        log::set_threshold(Level::Error);
    }
    let stop = signals::stop_requests().map_err(|error| Failure {
        what: format!("signals cannot be waited for: {error}"),
        advice: "Look at the limits of this user (`ulimit -a`).".to_owned(),
    })?;
    let found = means.choice.find();
    let now = means.clock.now().wall;
    let seen: Vec<Seen> = found.candidates.iter().map(|candidate| candidate.look(false, now)).collect();
    // All of them: a few at a time, and so many as there is time for.
    let plan = files::plan(&seen, now, usize::MAX);
    let (board, changed) = Board::new();
    let Means { transport, clock, .. } = &means;
    let terms = Terms { board: &board, transport, clock, until: Until::NOTHING_DUE, is_quiet };
    let done = do_what_is_due(
        &plan,
        &found.candidates,
        &terms,
        &Awaited { stop: stop.requested(), changed: &changed },
    )?;
    let now = means.clock.now().wall;
    let mut told: BTreeMap<String, Told> = BTreeMap::new();
    told.extend(left(&plan));
    told.extend(done.iter().map(|record| (record.label.clone(), told_of(record, now))));
    if let Some((directory, why)) = &found.fault {
        let what = format!("it cannot be looked into: {why}");
        let advice = "Look at its owner and its mode.".to_owned();
        told.insert(directory.clone(), Told::Trouble { what, advice });
    }
    if told.is_empty() {
        told.insert(means.choice.data_dir().display().to_string(), nothing_there());
    }
    if found.has_more {
        let what = "there are too many names to look at all of them".to_owned();
        let advice = "Remove what is not a token file.".to_owned();
        told.insert(files::DIRECTORY.to_owned(), Told::Trouble { what, advice });
    }
    let mut is_well = say(&told)?;
    if let Some(metrics) = &mut means.metrics
        && !metrics.write(&board.records(), Some(keeping::reaches(&*means.transport)), true)
    {
        output::complain("the metrics could not be written", "Look at the directory's owner and mode.");
        is_well = false;
    }
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::from(NOT_DONE) })
}

/// What is listened for meanwhile.
struct Awaited<'e> {
    stop: &'e Receiver<Infallible>,
    changed: &'e Receiver<()>,
}

/// A worker for each file, a few at a time. Ends all of them, whatever they came to.
fn do_what_is_due(
    plan: &Plan,
    candidates: &[Candidate],
    terms: &Terms<'_>,
    awaited: &Awaited<'_>,
) -> Result<Vec<Record>, Failure> {
    let Terms { board, clock, .. } = terms;
    let mut waiting: Vec<&Candidate> =
        candidates.iter().filter(|candidate| plan.kept.contains(&candidate.label)).rev().collect();
    let not_begun: Vec<&Candidate> = waiting.clone();
    let mut working: Vec<Kept> = Vec::new();
    let mut failure = None;
    let deadline = clock.now().mono.saturating_add(TIME_MAX);
    while (!waiting.is_empty() || !working.is_empty()) && clock.now().mono < deadline {
        while working.len() < AT_ONCE_MAX
            && failure.is_none()
            && let Some(candidate) = waiting.pop()
        {
            // A keeper at work on it is no hindrance: the lock beside the token file is what counts.
            let mark = match workers::mark(candidate, &***clock) {
                Mark::Taken(mark) => Some(mark),
                Mark::None | Mark::Another => None,
            };
            match workers::start(candidate, mark, terms) {
                Ok(kept) => working.push(kept),
                Err(no_thread) => failure = Some(no_thread),
            }
        }
        if failure.is_some() {
            break;
        }
        select! {
            recv(awaited.stop) -> _ => break,
            recv(awaited.changed) -> _ => {}
            default(CHANGE_WAIT_MAX) => {}
        }
        working = end_what_has_ended(working, board);
    }
    workers::end_all(working, board);
    if let Some(failure) = failure {
        return Err(failure);
    }
    // Those that were not reached in time have nothing on the board.
    let mut records = board.records();
    let is_on_board =
        |candidate: &Candidate, records: &[Record]| records.iter().any(|it| it.label == candidate.label);
    let missing: Vec<Record> = not_begun
        .into_iter()
        .filter(|candidate| !is_on_board(candidate, &records))
        .map(|it| Record::new(it.label.clone(), it.wallet.clone(), Duration::ZERO))
        .collect();
    records.extend(missing);
    Ok(records)
}

/// Notes what was done, and keeps those that are still at work.
fn end_what_has_ended(working: Vec<Kept>, board: &Board) -> Vec<Kept> {
    let mut still = Vec::new();
    for mut kept in working {
        match board.record(kept.number) {
            Some(record) if !record.has_ended => still.push(kept),
            record => {
                record.iter().for_each(|record| kept.note(record));
                workers::end_all(vec![kept], board);
            }
        }
    }
    still
}

/// What is told of files that have no worker.
fn left(plan: &Plan) -> Vec<(String, Told)> {
    let told = plan.left.iter().take(TOLD_MAX).map(|(label, why)| (label.clone(), why.words()));
    let more = plan.left.len().checked_sub(TOLD_MAX).filter(|number| *number > 0);
    let more = more.map(|number| (files::DIRECTORY.to_owned(), files::more(number)));
    told.chain(more).map(|(label, (what, advice))| (label, Told::Trouble { what, advice })).collect()
}

fn nothing_there() -> Told {
    Told::Trouble {
        what: "there is no token file".to_owned(),
        advice: "Run `waiaas-mcp setup`, or name the directory with --data-dir.".to_owned(),
    }
}

fn told_of(record: &Record, now: Timestamp) -> Told {
    let wallet = record.wallet.as_ref().map(|id| format!(" --wallet {id}")).unwrap_or_default();
    let setup =
        format!("Run `waiaas-mcp setup{wallet}`; servers that run pick the new token up by themselves.");
    match record.verdict() {
        Verdict::Fine => {
            let end = record.token.as_ref().and_then(|token| token.expires_at);
            let end = end.map_or("never ends".to_owned(), |end| format!("ends {}", instant(end, now)));
            let done = if record.renewals > 0 { "renewed" } else { "not due" };
            Told::Fine(format!("{done}, {end}"))
        }
        Verdict::Overdue(what) => {
            let advice = match (record.not_renewable, &record.hindrance) {
                (Some(_), _) => setup,
                (None, Some(hindrance)) => hindrance.advice.clone(),
                (None, None) => {
                    "Look whether the daemon runs: `waiaas-mcp doctor`. The next run tries again.".to_owned()
                }
            };
            Told::Trouble { what, advice }
        }
        Verdict::Unusable(what) => Told::Trouble { what, advice: setup },
        Verdict::Unsettled => Told::Trouble {
            what: "there was no time to look after it".to_owned(),
            advice: "The daemon may hang: look with `waiaas-mcp doctor`. The next run tries again."
                .to_owned(),
        },
    }
}

/// Says it to whoever is there. Whether all is well.
fn say(told: &BTreeMap<String, Told>) -> Result<bool, Failure> {
    let width = told.keys().map(String::len).max().unwrap_or_default();
    let mut troubles: usize = 0;
    for (label, told) in told {
        let label = output::foreign(label);
        match told {
            Told::Fine(what) if output::is_terminal() => output::print(&format!("{label:width$}  {what}\n"))?,
            Told::Fine(_) => {}
            Told::Trouble { what, advice } => {
                troubles = troubles.saturating_add(1);
                if troubles <= TOLD_MAX || output::is_terminal() {
                    output::complain(&format!("{label}: {}", output::foreign(what)), advice);
                }
            }
        }
    }
    if let Some(number) =
        troubles.checked_sub(TOLD_MAX).filter(|number| *number > 0 && !output::is_terminal())
    {
        output::complain(
            &format!("{number} more are not well"),
            "To see them: waiaas-mcp keep --once, in a terminal.",
        );
    }
    Ok(troubles == 0)
}
