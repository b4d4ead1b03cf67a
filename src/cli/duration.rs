//! Durations as people type them: seconds, or `90m`, `12h`, `7d`, `1y`.
//!
//! Used by the parser of the command line, which reads them, and by the commands that show them. Pure. Refuses to read
//! fractions and mixtures.

use crate::time::Timestamp;

/// Seconds of each unit. A year has 365 days, as for the daemon, whose longest session lasts one.
const UNITS: [(char, u64); 5] = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400), ('y', 31_536_000)];

/// Longest duration, in seconds: a hundred years. Nobody means more, and no sum of two overflows.
const SECONDS_MAX: u64 = 100 * 31_536_000;

/// The number of seconds; `None` if the text is not a duration.
pub(super) fn seconds(text: &str) -> Option<u64> {
    let with_unit = UNITS.into_iter().find_map(|(letter, factor)| Some((text.strip_suffix(letter)?, factor)));
    let (digits, factor) = with_unit.unwrap_or((text, 1));
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number: u64 = digits.parse().ok().filter(|_| is_number)?;
    number.checked_mul(factor).filter(|seconds| *seconds <= SECONDS_MAX)
}

/// A number of seconds for people, in its two largest units: `6 d 23 h`.
pub(super) fn words(seconds: u64) -> String {
    const SHOWN: [(u64, &str); 5] = [(31_536_000, "y"), (86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let first = SHOWN.iter().position(|(size, _)| seconds >= *size).unwrap_or(SHOWN.len() - 1);
    let (size, unit) = SHOWN[first];
    let mut text = format!("{} {unit}", seconds / size);
    if let Some((next_size, next_unit)) = SHOWN.get(first + 1)
        && seconds % size >= *next_size
    {
        text.push_str(&format!(" {} {next_unit}", seconds % size / next_size));
    }
    text
}

/// An instant, absolute and relative to another: `2026-11-22T06:54:09Z (in 6 d 23 h)`. What is left of a second counts
/// as one, because instants of the daemon are whole seconds that began a moment ago.
pub(super) fn instant(at: Timestamp, now: Timestamp) -> String {
    let millis = at.millis_since(now);
    let seconds = if millis > 0 { millis.saturating_add(999) / 1000 } else { millis / 1000 };
    format!("{at} ({})", from_now(seconds))
}

/// Where an instant lies, `seconds` from now: `in 6 d 23 h`, `now`, or `3 min ago`.
fn from_now(seconds: i64) -> String {
    let span = words(seconds.unsigned_abs());
    match seconds {
        0 => "now".to_owned(),
        ..0 => format!("{span} ago"),
        _ => format!("in {span}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_shown_in_two_units() {
        let table = [
            (0, "now"),
            (59, "in 59 s"),
            (60, "in 1 min"),
            (61, "in 1 min 1 s"),
            (3_600, "in 1 h"),
            (3_659, "in 1 h"),
            (604_799, "in 6 d 23 h"),
            (604_800, "in 7 d"),
            (31_536_000 + 86_400, "in 1 y 1 d"),
            (-1, "1 s ago"),
            (i64::MIN, "292471208677 y 195 d ago"),
        ];
        for (seconds, expected) in table {
            assert_eq!(from_now(seconds), expected);
        }
    }

    #[test]
    fn durations_are_read() {
        let table = [
            ("0", Some(0)),
            ("300", Some(300)),
            ("90s", Some(90)),
            ("90m", Some(5_400)),
            ("12h", Some(43_200)),
            ("7d", Some(604_800)),
            ("1y", Some(31_536_000)),
            ("100y", Some(SECONDS_MAX)),
            ("101y", None),
            ("99999999999999999999", None),
            ("18446744073709551615y", None),
            ("", None),
            ("m", None),
            ("1mm", None),
            ("1.5h", None),
            ("-1", None),
            ("+1", None),
            ("1 h", None),
            ("1h30m", None),
            ("1H", None),
            ("1é", None),
        ];
        for (text, expected) in table {
            assert_eq!(seconds(text), expected, "{text:?}");
        }
    }
}
