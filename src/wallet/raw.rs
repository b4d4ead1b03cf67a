//! Questions about one piece of JSON text.
//!
//! Used by the binding, which keeps arguments as the text they came in. Pure. Refuses to know which argument it
//! is asked about.

use crate::json::RawValue;

/// Characters of a wrong value that are shown.
const SHOWN_CHARS_MAX: usize = 40;

/// A number of any size and form.
pub(super) fn is_number(text: &str) -> bool {
    text.starts_with(|c: char| c == '-' || c.is_ascii_digit())
}

/// JSON Schema's integer: `20`, `20.0` and `2e1` are, within the bounds.
pub(super) fn is_integer(text: &str, min: Option<i64>, max: Option<i64>) -> bool {
    if let Ok(exact) = text.parse::<i128>() {
        return min.is_none_or(|min| exact >= i128::from(min))
            && max.is_none_or(|max| exact <= i128::from(max));
    }
    // The bounds of the catalogue are small enough to be exact here.
    let above = |value: f64| min.is_none_or(|min| value >= min as f64);
    let below = |value: f64| max.is_none_or(|max| value <= max as f64);
    let number = text.parse().ok().filter(|_| is_number(text));
    number.is_some_and(|value: f64| value.is_finite() && value.fract() == 0.0 && above(value) && below(value))
}

/// RFC 9562: 8-4-4-4-12 hexadecimal digits, any version.
pub fn is_uuid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

/// What came, in a few words.
pub(super) fn shown(raw: &RawValue) -> String {
    let text = raw.get();
    let cut = || match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    };
    match text.as_bytes().first() {
        Some(b'{') => "an object".to_owned(),
        Some(b'[') => "an array".to_owned(),
        Some(b'"') => format!("the string {}", cut()),
        Some(b't' | b'f' | b'n') => text.to_owned(),
        _ => format!("the number {}", cut()),
    }
}
