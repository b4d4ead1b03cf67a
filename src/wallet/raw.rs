//! Questions about one piece of JSON text.
//!
//! Used by the binding, which keeps arguments as the text they came in. Pure. Refuses to know which argument it
//! is asked about.

use super::spec::Form;
use crate::ids::is_uuid;
use crate::json;

/// Characters of a name that are shown. The longest argument has 32.
const NAME_CHARS_MAX: usize = 64;

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

/// Whether a string has this form.
pub(super) fn has_form(text: &str, form: Form) -> bool {
    match form {
        Form::Uuid => is_uuid(text),
        Form::Url => is_web_url(text),
        Form::Digits => !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()),
        Form::EvmAddress => text
            .strip_prefix("0x")
            .is_some_and(|digits| digits.len() == 40 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())),
    }
}

/// `http://host…` or `https://host…`, without white space or control characters.
fn is_web_url(text: &str) -> bool {
    let scheme_len = ["http://", "https://"].iter().find_map(|scheme| {
        let start = text.get(..scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(scheme.len())
    });
    let after_scheme = scheme_len.map_or("", |length| &text[length..]);
    let authority = after_scheme.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    !host.is_empty()
        && !host.starts_with(':')
        && !text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\')
}

/// A number from 0 without a fraction, in whatever form: `20`, `20.0` and `2e1`.
pub(super) fn count(text: &str) -> Option<u64> {
    let exact = || text.parse().ok();
    let rounded = || {
        let value: f64 = text.parse().ok().filter(|_| is_number(text))?;
        // Above this, not every integer is a number of this type.
        let is_exact = value.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&value);
        is_exact.then_some(value as u64)
    };
    exact().or_else(rounded)
}

/// A name that somebody else chose, as it stands between quotes.
pub(super) fn shown_name(name: &str) -> String {
    let mut quoted = String::new();
    json::push_string(
        &mut quoted,
        match name.char_indices().nth(NAME_CHARS_MAX) {
            Some((end, _)) => &name[..end],
            None => name,
        },
    );
    quoted[1..quoted.len() - 1].to_owned()
}

/// The beginning of a text that somebody else chose.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// What came, in a few words.
pub(super) fn shown(text: &str) -> String {
    let cut = || shortened(text);
    match text.as_bytes().first() {
        Some(b'{') => "an object".to_owned(),
        Some(b'[') => "an array".to_owned(),
        Some(b'"') => format!("the string {}", cut()),
        Some(b't' | b'f' | b'n') => text.to_owned(),
        _ => format!("the number {}", cut()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_take_what_they_say() {
        let address = "0xaaC219dEc18Fc53fF54927AE7f73a37C481938FE";
        let table: &[(Form, &[&str], &[&str])] = &[
            (
                Form::Digits,
                &["0", "007", "123456789012345678901234567890"],
                &["", "-1", "1.0", "0x1", "1/2", "१"],
            ),
            (Form::EvmAddress, &[address], &["", "0x", &address[..41], &address[2..], "0xg"]),
            (
                Form::Url,
                &["http://a", "HTTPS://a.b:8/c?d#e", "https://u@h/"],
                &[
                    "",
                    "a",
                    "/a",
                    "ftp://a",
                    "http://",
                    "http:///a",
                    "http://:80",
                    "http://a b",
                    "https:a",
                    "hé",
                ],
            ),
            (Form::Uuid, &["01a20238-6332-7cad-839a-3b627b30d86b"], &["default", "", ".."]),
        ];
        for (form, good, bad) in table {
            for text in *good {
                assert!(has_form(text, *form), "{form:?} {text}");
            }
            for text in *bad {
                assert!(!has_form(text, *form), "{form:?} {text}");
            }
        }
    }
}
