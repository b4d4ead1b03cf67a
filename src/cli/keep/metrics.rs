//! The metrics of `keep --metrics FILE`: the Prometheus text exposition format, version 0.0.4.
//!
//! Used by `keep`. Pure. Every series carries the session's id, the wallet's, and the file's name: two files may hold the
//! same session, and a collector refuses a file in which one series stands twice. Times are Unix seconds; `+Inf` is
//! never. Of the token itself nothing appears.

use std::fmt::Write as _;

use super::record::{Record, Rested};
use crate::session::State;
use crate::time::Timestamp;

/// The states, each a series with 1 where it is so and 0 where it is not.
const STATES: [State; 3] = [State::Active, State::Expired, State::Error];

/// One metric of every file.
struct Metric {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    value: fn(&Record) -> Option<Value>,
}

enum Value {
    Count(u64),
    At(Timestamp),
    Never,
}

const METRICS: [Metric; 5] = [
    Metric {
        name: "waiaas_session_expires_timestamp_seconds",
        kind: "gauge",
        help: "When the held token ends, in the daemon's time; +Inf: never.",
        value: |record| {
            let token = record.token.as_ref()?;
            Some(token.expires_at.map_or(Value::Never, Value::At))
        },
    },
    Metric {
        name: "waiaas_session_renew_timestamp_seconds",
        kind: "gauge",
        help: "When it will be renewed, or tried again, in the daemon's time; +Inf: never.",
        value: |record| {
            let Rested { status, .. } = record.rested.as_ref()?;
            status.source?;
            Some(status.renew_at.map_or(Value::Never, Value::At))
        },
    },
    Metric {
        name: "waiaas_session_last_renewal_timestamp_seconds",
        kind: "gauge",
        help: "When a keeper renewed it last; 0: not that anybody knows.",
        value: |record| Some(record.last_renewal.map_or(Value::Count(0), Value::At)),
    },
    Metric {
        name: "waiaas_session_renewals_total",
        kind: "counter",
        help: "Renewals granted to this process.",
        value: |record| Some(Value::Count(record.renewals)),
    },
    Metric {
        name: "waiaas_session_renewal_failures_total",
        kind: "counter",
        help: "Renewals that failed or were refused, in this process.",
        value: |record| Some(Value::Count(record.failures)),
    },
];

/// The whole file.
pub(super) fn text(records: &[Record], reachable: Option<bool>) -> String {
    let mut out = String::new();
    let name = "waiaas_session_state";
    head(&mut out, name, "gauge", "Whether the session is in this state: 1, or 0.");
    for record in records {
        for state in STATES {
            let is_so = i32::from(record.state() == state);
            line(&mut out, name, &labels(record), Some(state.name()), &is_so.to_string());
        }
    }
    for metric in &METRICS {
        head(&mut out, metric.name, metric.kind, metric.help);
        for record in records {
            if let Some(value) = (metric.value)(record) {
                line(&mut out, metric.name, &labels(record), None, &value.text());
            }
        }
    }
    let name = "waiaas_daemon_reachable";
    head(&mut out, name, "gauge", "Whether the daemon answered when it was asked last: 1, or 0.");
    if let Some(reachable) = reachable {
        let value = i32::from(reachable).to_string();
        records.iter().for_each(|record| line(&mut out, name, &labels(record), None, &value));
        if records.is_empty() {
            // An empty label is the same as none: the series is there, whatever is kept.
            line(&mut out, name, &[("session", ""), ("wallet", ""), ("file", "")], None, &value);
        }
    }
    out
}

/// Whether a text is one that was written here, by its first bytes.
pub(super) fn is_ours(beginning: &[u8]) -> bool {
    beginning.starts_with(b"# HELP waiaas_session_state ")
}

/// Which file it is about.
fn labels(record: &Record) -> [(&'static str, &str); 3] {
    let session = record.token.as_ref().map(|token| token.session_id.as_str());
    [
        ("session", session.unwrap_or_default()),
        ("wallet", record.wallet.as_deref().unwrap_or_default()),
        ("file", &record.label),
    ]
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    // Writing to a String cannot fail.
    let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
}

fn line(out: &mut String, name: &str, labels: &[(&str, &str)], state: Option<&str>, value: &str) {
    out.push_str(name);
    let state = state.map(|state| ("state", state));
    for (number, (label, text)) in labels.iter().copied().chain(state).enumerate() {
        let _ = write!(out, "{}{label}=\"{}\"", if number == 0 { '{' } else { ',' }, escaped(text));
    }
    let _ = writeln!(out, "}} {value}");
}

/// What may stand between the quotes of a label. Control characters are legal there but for the line feed, and of no
/// use to anybody.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' => escaped.push_str("\\\\"),
            '"' => escaped.push_str("\\\""),
            '\n' => escaped.push_str("\\n"),
            character if character.is_control() => escaped.push('\u{fffd}'),
            character => escaped.push(character),
        }
    }
    escaped
}

impl Value {
    fn text(&self) -> String {
        match self {
            Value::Count(count) => count.to_string(),
            Value::Never => "+Inf".to_owned(),
            Value::At(at) => {
                let millis = at.unix_millis();
                let fraction = millis.rem_euclid(1000);
                // A negative time is one before 1970, which nobody reads to the millisecond.
                if fraction == 0 || millis < 0 {
                    at.unix_seconds().to_string()
                } else {
                    format!("{}.{fraction:03}", at.unix_seconds())
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::record::TokenTimes;
    use super::super::service::tests::approved;
    use super::*;
    use crate::session::clock_offset::DaemonClock;
    use crate::session::events::Moment;
    use crate::session::status::{Source, Status};
    use crate::time::Now;

    fn record(label: &str, session_id: &str, expires_at: Option<Timestamp>) -> Record {
        let now = Now { wall: Timestamp::from_unix_seconds(1_795_330_000), mono: Duration::ZERO };
        let status = Status {
            state: State::Active,
            source: Some(Source::File),
            renew_at: expires_at.map(|at| at.plus_millis(-120_000)),
            ..Status::UNKNOWN
        };
        Record {
            token: Some(TokenTimes { session_id: session_id.to_owned(), expires_at, due_at: None }),
            rested: Some(Rested { status, at: Moment { now, daemon: DaemonClock::default().time(now) } }),
            renewals: 2,
            failures: 1,
            last_renewal: Some(Timestamp::from_unix_millis(1_795_330_000_250)),
            ..Record::new(label.to_owned(), Some("w".to_owned()), Duration::ZERO)
        }
    }

    #[test]
    fn the_file_says_what_the_contract_names() {
        let expires_at = Some(Timestamp::from_unix_seconds(1_795_330_300));
        let odd = "a\"b\\c\nd{e=\"f\"} 1 # \u{e9}";
        let records = [
            record("mcp-token", "s", expires_at),
            record("mcp-tokens/w", odd, None),
            Record::new("mcp-tokens/x".to_owned(), None, Duration::ZERO),
        ];
        let text = text(&records, Some(true));
        approved("metrics.prom", &text);
        assert!(is_ours(text.as_bytes()) && !is_ours(b"# HELP other x") && !is_ours(b""));
    }

    /// A reader of its own: the series of a text, each with its labels and its value.
    fn series(text: &str) -> Vec<(String, String)> {
        let mut series = Vec::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (name, value) = line.rsplit_once(' ').expect("a value");
            assert!(value.parse::<f64>().is_ok(), "{line}");
            assert!(name.ends_with('}') && !name.contains(char::is_control), "{line}");
            series.push((name.to_owned(), value.to_owned()));
        }
        series
    }

    #[test]
    fn no_session_id_breaks_a_line_or_makes_a_series_twice() {
        let hostile = "a\"b\\c\nwaiaas_daemon_reachable 7\r\u{1b}[31m\u{85}";
        let records = [record("a", hostile, None), record("b", hostile, None), record("c", "s", None)];
        let text = text(&records, Some(false));
        let series = series(&text);
        let mut names: Vec<&String> = series.iter().map(|(name, _)| name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), series.len(), "a collector refuses a series that stands twice");
        assert_eq!(series.len(), 3 * (3 + 5 + 1));
        assert!(text.contains(r#"session="a\"b\\c\nwaiaas_daemon_reachable 7"#), "{text}");
        assert!(!text.contains('\u{1b}') && !text.contains('\r'), "{text}");
        assert!(text.contains(
            "waiaas_session_expires_timestamp_seconds{session=\"s\",wallet=\"w\",file=\"c\"} +Inf"
        ));
    }

    #[test]
    fn what_is_not_known_has_no_series() {
        let unknown = text(&[Record::new("a".to_owned(), None, Duration::ZERO)], None);
        let names: Vec<String> =
            series(&unknown).iter().map(|(name, _)| name.split('{').next().unwrap().to_owned()).collect();
        assert_eq!(names.iter().filter(|name| *name == "waiaas_session_state").count(), 3);
        assert!(!names.contains(&"waiaas_session_expires_timestamp_seconds".to_owned()));
        assert!(!names.contains(&"waiaas_daemon_reachable".to_owned()));
        // Without any file the daemon's is there all the same.
        assert_eq!(series(&text(&[], Some(true))).len(), 1);
    }

    #[test]
    fn a_time_is_written_as_a_number() {
        let text = |millis| Value::At(Timestamp::from_unix_millis(millis)).text();
        assert_eq!([text(0), text(1_500), text(-1_500), text(1_007)], ["0", "1.500", "-2", "1.007"]);
    }
}
