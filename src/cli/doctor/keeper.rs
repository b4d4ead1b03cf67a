//! The check whether somebody keeps the session alive while no client runs.
//!
//! Used by `doctor`. Pure. No keeper is no fault, and no advice either: who always has a client open needs none.

use super::facts::Facts;
use super::report::Check;
use crate::cli::duration::instant;
use crate::cli::survey::Survey;

const NAME: &str = "keeper";

pub(super) fn check(survey: &Survey, facts: &Facts) -> Check {
    let looked = format!("{}.keeper", survey.file.display());
    let check = |found: String| Check::good(NAME, looked.clone(), found);
    let keeper = survey.keeper;
    let ends = survey.held.as_ref().is_some_and(|(session, _)| session.expires_at().is_some());
    let last = keeper.note.and_then(|note| note.last_renewal);
    match keeper.is_at_work {
        Some(true) => {
            let last = last.map(|last| format!("; it renewed the token last {}", instant(last, survey.now)));
            check(format!("a keeper is at work{}", last.unwrap_or_default()))
        }
        None => check("it cannot be seen whether a keeper is at work".to_owned()),
        Some(false) if facts.has_service => {
            check("the service is installed, and not at work on this file".to_owned())
                .warning("Run `waiaas-mcp keep --install` again, which starts it with the options of now.")
        }
        Some(false) if survey.held.is_none() => Check::skipped(NAME, looked, "there is no token"),
        Some(false) if !ends => check("none is at work, and none is needed".to_owned()),
        Some(false) => check(
            "none is at work: the token is renewed while a client runs (`waiaas-mcp keep` does it without)"
                .to_owned(),
        ),
    }
}
