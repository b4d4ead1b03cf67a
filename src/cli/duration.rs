//! Durations as people type them: seconds, or `90m`, `12h`, `7d`, `1y`.
//!
//! Used by the parser of the command line. Pure. Refuses fractions and mixtures.

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

#[cfg(test)]
mod tests {
    use super::*;

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
