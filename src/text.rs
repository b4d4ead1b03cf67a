//! Text that strangers wrote, made fit for people: the one filter for names and descriptions, and what counts as
//! invisible.
//!
//! Used wherever text of the daemon, of a token's maker or of a file is kept as a name, printed, logged or handed to a
//! model. Pure. A wallet can be called anything, and so can a token: without this a name could end a line, steer a
//! terminal, turn the direction of what follows, or hold words that only a machine sees.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Longest name of a wallet, in characters. It stands in front of every tool's description and in the server's name.
pub const WALLET_NAME_CHARS_MAX: usize = 64;

/// Characters that show nothing, by range: Unicode's Default_Ignorable_Code_Point (which has the zero-width, the bidi,
/// the variation-selecting and the tag characters), line and paragraph separators, and the interlinear marks. In the
/// order of the code points.
const INVISIBLE: [(char, char); 17] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

/// Whether a character is a control character or shows nothing.
pub fn is_hidden(c: char) -> bool {
    c.is_control() || (c > '\u{a0}' && INVISIBLE.iter().any(|(first, last)| (*first..=*last).contains(&c)))
}

/// On one line, without hidden characters, and of at most `chars_max` characters. What was longer ends in `…`.
pub fn one_line(text: &str, chars_max: usize) -> String {
    // What ends a line, and any other control character, stands between words; the rest has no width.
    let separates = |c: char| c.is_whitespace() || c.is_control();
    let mut line = String::new();
    let mut count = 0_usize;
    let mut is_between = false;
    for c in text.chars() {
        if separates(c) {
            is_between = count > 0;
            continue;
        }
        if is_hidden(c) {
            continue;
        }
        let piece = [is_between.then_some(' '), Some(c)];
        is_between = false;
        for c in piece.into_iter().flatten() {
            if count >= chars_max {
                return cut(line);
            }
            line.push(c);
            count = count.saturating_add(1);
        }
    }
    line
}

/// The last character gives way to the sign that there was more.
fn cut(mut line: String) -> String {
    if line.pop().is_some() {
        line.truncate(line.trim_end().len());
        line.push('…');
    }
    line
}

/// The name of a wallet, as it is kept, shown, and written into clients' files; empty if nothing of it can be seen.
pub fn wallet_name(text: &str) -> String {
    one_line(text, WALLET_NAME_CHARS_MAX)
}

/// Every hidden character as JSON's escape of it, but for line ends and tabs. JSON text means the same afterwards, since
/// such a character stands nowhere but in a string.
pub fn escaped(text: &str) -> Cow<'_, str> {
    let is_kept = |c: char| matches!(c, '\t' | '\n' | '\r') || !is_hidden(c);
    if text.chars().all(is_kept) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len().saturating_add(16));
    for c in text.chars() {
        if is_kept(c) {
            out.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            // Writing to a String cannot fail.
            let _ = write!(out, "\\u{unit:04x}");
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_line_of_what_can_be_seen() {
        let table = [
            ("trading-bot", "trading-bot"),
            ("a\u{202e}b\u{1b}[2Jc\nd", "ab [2Jc d"),
            ("  two \t words\r\n ", "two words"),
            ("a\u{85}b\u{2028}c\u{2029}d\u{a0}e", "a b c d e"),
            ("\u{200b}\u{feff}\u{e0041}\u{e007f}\u{2066}\u{61c}\u{ad}\u{fe0f}", ""),
            ("x\u{9b}31mred\u{7f}", "x 31mred"),
            ("Ada's \"main\" wallet é 日本", "Ada's \"main\" wallet é 日本"),
            ("", ""),
        ];
        for (name, seen) in table {
            assert_eq!(wallet_name(name), seen, "{name:?}");
        }
    }

    #[test]
    fn a_name_is_cut_at_its_length_and_not_before() {
        let seen = |name: &str| wallet_name(name).chars().count();
        assert_eq!(wallet_name(&"é".repeat(64)), "é".repeat(64));
        assert_eq!(wallet_name(&"é".repeat(65)), format!("{}…", "é".repeat(63)));
        assert!((60..=64).contains(&seen(&"ab ".repeat(5_000))));
        // Nothing but what can be seen counts.
        assert_eq!(wallet_name(&format!("{}\u{200b}\n\u{200b}", "x".repeat(64))), "x".repeat(64));
        assert_eq!((one_line("abc", 0), one_line("abc", 1)), (String::new(), "…".to_owned()));
        assert_eq!(one_line("ab cd", 4), "ab…");
    }

    #[test]
    fn json_keeps_its_value_and_hides_nothing() {
        assert!(matches!(escaped("{\"a\":\"é\u{1F600}\"}\r\n\t"), Cow::Borrowed(_)));
        let json = "{\"symbol\":\"US\u{202e}CD\u{e0041}\u{7f}\u{9b}\",\n\"n\":1.10}";
        let shown = escaped(json);
        assert_eq!(shown, "{\"symbol\":\"US\\u202eCD\\udb40\\udc41\\u007f\\u009b\",\n\"n\":1.10}");
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
        assert_eq!(value(&shown), value(json));
    }

    #[test]
    fn what_is_hidden_is_told_apart_from_its_neighbours() {
        for (first, last) in INVISIBLE {
            assert!(is_hidden(first) && is_hidden(last), "{first:?} {last:?}");
        }
        for seen in
            ['a', ' ', '\u{a0}', '\u{ac}', '\u{ae}', '\u{200a}', '\u{202f}', '\u{2070}', '\u{e1000}', '…']
        {
            assert!(!is_hidden(seen), "{seen:?}");
        }
        assert!(INVISIBLE.windows(2).all(|pair| pair[0].1 < pair[1].0), "they stand in order");
    }
}
