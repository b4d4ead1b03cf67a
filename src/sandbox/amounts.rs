//! Amounts as decimal strings in the smallest unit, and as people write them. Never a floating-point number: an amount
//! may have any number of digits.

/// Whether the text is an amount in the smallest unit.
pub(super) fn is_amount(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The amount as a number; what is beyond 2^128 counts as the largest one, which nobody owns either.
pub(super) fn value(amount: &str) -> u128 {
    amount.parse().unwrap_or(u128::MAX)
}

/// `2000000000000000000` with 18 decimals is `2`.
pub(super) fn formatted(amount: &str, decimals: u32) -> String {
    let decimals = usize::try_from(decimals).unwrap_or(0);
    let padded = format!("{amount:0>width$}", width = decimals + 1);
    let (whole, fraction) = padded.split_at(padded.len() - decimals);
    let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
    let whole = if whole.is_empty() { "0" } else { whole };
    if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") }
}

/// `1.5` with 18 decimals is `1500000000000000000`; none if it is no such number or finer than the unit.
pub(super) fn from_human(text: &str, decimals: u32) -> Option<String> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let decimals = usize::try_from(decimals).ok()?;
    if !is_amount(whole) || !is_amount(fraction) || fraction.trim_end_matches('0').len() > decimals {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let amount = format!("{whole}{fraction:0<decimals$}");
    let amount = amount.trim_start_matches('0');
    Some(if amount.is_empty() { "0".to_owned() } else { amount.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_shown_and_read_without_loss() {
        let table = [
            ("2000000000000000000", 18, "2"),
            ("2500000", 18, "0.0000000000025"),
            ("1", 18, "0.000000000000000001"),
            ("0", 18, "0"),
            ("1500000000", 9, "1.5"),
            ("7", 0, "7"),
            (
                "123456789012345678901234567890123456789012345",
                6,
                "123456789012345678901234567890123456789.012345",
            ),
        ];
        for (amount, decimals, human) in table {
            assert_eq!(formatted(amount, decimals), human);
            assert_eq!(from_human(human, decimals).as_deref(), Some(amount));
        }
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in ["", ".", "1.", ".5", "-1", "1e3", "1.23", "1,5", "0x1"] {
            assert_eq!(from_human(text, 1), None, "{text}");
        }
        assert!(!is_amount("1.5") && !is_amount("") && !is_amount("-1"));
        assert_eq!(value("99999999999999999999999999999999999999999999"), u128::MAX);
    }
}
