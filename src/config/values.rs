//! What single values mean: switches, and paths that were meant for a shell. No shell is asked: clients hand their
//! configuration over as it stands, and the token would be kept in a directory named `$HOME`.
//!
//! Used by the configuration. Pure. A path that only looks odd is somebody's directory and is taken.

/// Characters of a wrong value that are shown.
const SHOWN_CHARS_MAX: usize = 80;

/// The words for on and off, in any case.
pub(super) fn switch(text: &str) -> Option<bool> {
    const ON: [&str; 4] = ["1", "true", "yes", "on"];
    const OFF: [&str; 4] = ["0", "false", "no", "off"];
    let is_one_of = |words: [&str; 4]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    if is_one_of(ON) { Some(true) } else { is_one_of(OFF).then_some(false) }
}

/// A wrong value for people: quoted, cut, and not at all if it might be a token in the wrong place.
pub(super) fn shown(text: &str) -> String {
    if text.contains("wai_sess_") {
        return "a session token".to_owned();
    }
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

/// Why the text is not the path that was meant: a clause about it. `None` if nothing speaks against it.
pub(super) fn why_not_a_path(path: &str) -> Option<String> {
    if path.trim() != path {
        return Some("begins or ends with a blank".to_owned());
    }
    if path.starts_with(['"', '\'']) || path.ends_with(['"', '\'']) || path.contains('"') {
        return Some("holds quotes, which only a shell takes away".to_owned());
    }
    if path.starts_with('~') {
        return Some("starts with ~, which only a shell understands".to_owned());
    }
    variable(path).map(|variable| format!("holds {variable}, which only a shell replaces"))
}

/// The first thing in it that looks like a variable: `$NAME`, `${…}`, `$(…)`, `%NAME%`.
fn variable(path: &str) -> Option<&str> {
    path.char_indices().find_map(|(at, sign)| {
        let rest = &path[at + sign.len_utf8()..];
        let length = match sign {
            '$' if rest.starts_with('{') => rest.find('}').map_or(1, |end| end + 1),
            '$' if rest.starts_with('(') => rest.find(')').map_or(1, |end| end + 1),
            '$' => name_length(rest)?,
            '%' => {
                let length = name_length(rest).filter(|length| rest[*length..].starts_with('%'))?;
                length + 1
            }
            _ => return None,
        };
        Some(&path[at..=at + length])
    })
}

/// How long the name of a variable is that stands here.
fn name_length(text: &str) -> Option<usize> {
    let begins = text.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_');
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    begins.then(|| text.find(|letter| !is_part(letter)).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_has_eight_words_in_any_case() {
        for (words, expected) in
            [("1 true TRUE True yes YES on On", true), ("0 false FALSE no No off OFF", false)]
        {
            for word in words.split(' ') {
                assert_eq!(switch(word), Some(expected), "{word}");
            }
        }
        for other in ["", " ", "2", "01", "-1", "y", "t", "enabled", " on", "on ", "on,off", "tru\u{435}"] {
            assert_eq!(switch(other), None, "{other:?}");
        }
    }

    #[test]
    fn what_a_shell_would_have_changed_is_named() {
        let table = [
            ("~", "~"),
            ("~/w", "~"),
            ("~me/w", "~"),
            ("$HOME/w", "$HOME,"),
            ("/x/$Y", "$Y,"),
            ("/x$Y_1-z", "$Y_1,"),
            ("${X}/w", "${X},"),
            ("${X:-/w}", "${X:-/w},"),
            ("${X/w", "${,"),
            ("/x/$(pwd)", "$(pwd),"),
            ("/x/${env:HOME}/w", "${env:HOME},"),
            ("%APPDATA%\\w", "%APPDATA%,"),
            ("/%x%/", "%x%,"),
            ("/50%/%HOME%", "%HOME%,"),
            ("\"/w\"", "quotes"),
            ("'/w'", "quotes"),
            ("\"/w", "quotes"),
            ("/a/\"b\"/c", "quotes"),
            (" /w", "blank"),
            ("/w\n", "blank"),
            ("/w\u{a0}", "blank"),
            ("\t/w", "blank"),
        ];
        for (path, named) in table {
            let why = why_not_a_path(path).unwrap_or_else(|| panic!("{path} was taken"));
            assert!(why.contains(named), "{path}: {why}");
        }
    }

    #[test]
    fn what_only_looks_odd_is_taken() {
        for path in [
            "/w",
            "/a b/c",
            "/o'brien/w",
            "/x~/~y",
            "/$",
            "/$1",
            "/a$/b",
            "/100%",
            "/a%20b%20c",
            "/%/%",
            "/\u{e4}%",
        ] {
            assert_eq!(why_not_a_path(path), None, "{path}");
        }
    }
}
