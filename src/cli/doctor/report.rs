//! The checks as text, for people and for programs.
//!
//! Used by `doctor`. Pure. The names of checks and the members of the JSON form are described in the README; they stay.

use crate::cli::output::Paint;
use crate::json::Object;
use crate::text::escaped;

/// One check and what came of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Check {
    /// Stays the same; scripts look for it.
    pub(super) name: &'static str,
    pub(super) outcome: Outcome,
    /// What was looked at.
    pub(super) looked: String,
    /// What was found there.
    pub(super) found: String,
    /// What to do, where there is something to be done.
    pub(super) advice: Option<String>,
}

/// What came of a check.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    /// As it should be.
    Good,
    /// It works, and should be different.
    Warning,
    /// It does not work.
    Failed,
    /// It could not be looked at, because of something that another check says.
    Skipped,
}

impl Check {
    pub(super) fn good(name: &'static str, looked: impl Into<String>, found: impl Into<String>) -> Check {
        Check { name, outcome: Outcome::Good, looked: looked.into(), found: found.into(), advice: None }
    }

    pub(super) fn skipped(name: &'static str, looked: impl Into<String>, why: impl Into<String>) -> Check {
        Check { outcome: Outcome::Skipped, ..Check::good(name, looked, why) }
    }

    /// The same with a warning and what to do.
    pub(super) fn warning(self, advice: impl Into<String>) -> Check {
        Check { outcome: Outcome::Warning, advice: Some(advice.into()), ..self }
    }

    /// The same as a failure and what to do.
    pub(super) fn failed(self, advice: impl Into<String>) -> Check {
        Check { outcome: Outcome::Failed, advice: Some(advice.into()), ..self }
    }
}

impl Outcome {
    fn word(self) -> &'static str {
        match self {
            Outcome::Good => "ok",
            Outcome::Warning => "warning",
            Outcome::Failed => "failed",
            Outcome::Skipped => "skipped",
        }
    }
}

/// Whether nothing failed.
pub(super) fn is_well(checks: &[Check]) -> bool {
    checks.iter().all(|check| check.outcome != Outcome::Failed)
}

/// One JSON object; each check in the same form.
pub(super) fn json(checks: &[Check]) -> String {
    let rows: Vec<String> = checks
        .iter()
        .map(|check| {
            let advice = serde_json::Value::from(check.advice.as_deref()).to_string();
            Object::new()
                .string("name", check.name)
                .string("outcome", check.outcome.word())
                .string("looked", &check.looked)
                .string("found", &check.found)
                .raw("advice", &advice)
                .finish()
        })
        .collect();
    let rows = escaped(&rows.join(",\n")).into_owned();
    format!("{{\"ok\":{},\"checks\":[\n{rows}\n]}}\n", is_well(checks))
}

/// A check a line, and a line below it for what is to be done.
pub(super) fn text(checks: &[Check], paint: Paint) -> String {
    let width = checks.iter().map(|check| check.name.len()).max().unwrap_or_default();
    let mut text = String::new();
    for Check { name, outcome, looked, found, advice } in checks {
        let word = format!("{:7}", outcome.word());
        let word = match outcome {
            Outcome::Good => paint.good(&word),
            Outcome::Warning => paint.odd(&word),
            Outcome::Failed => paint.bad(&word),
            Outcome::Skipped => word,
        };
        text.push_str(&format!("{word}  {name:width$}  {looked}: {found}\n"));
        if let Some(advice) = advice {
            text.push_str(&format!("{:7}  {:width$}  -> {advice}\n", "", ""));
        }
    }
    let count = |outcome| checks.iter().filter(|check| check.outcome == outcome).count();
    let (failed, warnings) = (count(Outcome::Failed), count(Outcome::Warning));
    text.push_str(&format!("\n{} checks, {failed} failed, {warnings} with a warning\n", checks.len()));
    text
}
