//! Percent-encoding for paths and form encoding for queries, byte by byte.
//!
//! Used by the binding. Pure. Refuses to leave any byte to interpretation.

use std::fmt::Write as _;

/// Appends one segment of a path: everything but RFC 3986's unreserved characters is encoded.
pub(super) fn push_path(target: &mut String, value: &str) {
    push(target, value, |byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
}

/// Appends a name or a value of a query in form encoding, with `+` for a space.
pub(super) fn push_form(target: &mut String, value: &str) {
    for (index, part) in value.split(' ').enumerate() {
        if index > 0 {
            target.push('+');
        }
        push(target, part, |byte| byte.is_ascii_alphanumeric() || b"-._*".contains(&byte));
    }
}

fn push(target: &mut String, value: &str, plain: impl Fn(u8) -> bool) {
    for byte in value.bytes() {
        if plain(byte) {
            target.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(target, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives_both_encodings() {
        let decode = |text: &str| -> Vec<u8> {
            let mut bytes = text.bytes();
            let mut decoded = Vec::new();
            while let Some(byte) = bytes.next() {
                let mut digit = || char::from(bytes.next().expect("two digits")).to_digit(16).expect("hex");
                decoded.push(if byte == b'%' { (digit() * 16 + digit()) as u8 } else { byte });
            }
            decoded
        };
        let every: String = (0..=0x2ff).filter_map(char::from_u32).chain(['\u{10ffff}']).collect();
        let (mut path, mut form) = (String::new(), String::new());
        push_path(&mut path, &every);
        push_form(&mut form, &every);
        assert_eq!(decode(&path), every.as_bytes());
        assert_eq!(decode(&form.replace('+', "%20")), every.as_bytes());
        for encoded in [path, form] {
            assert!(!encoded.contains(['/', '?', '#', '&', ' ', ':', '\\', '"', '\n']), "{encoded}");
        }
    }

    #[test]
    fn known_values() {
        let mut path = String::new();
        push_path(&mut path, "a b/c:d~é");
        assert_eq!(path, "a%20b%2Fc%3Ad~%C3%A9");
        let mut form = String::new();
        push_form(&mut form, "a b+c:d~*");
        assert_eq!(form, "a+b%2Bc%3Ad%7E*");
    }
}
