//! Ids of the daemon that become a part of a path, a file's name or an environment: a wallet's and a session's.
//!
//! Used by everything that holds such an id, from the border where it is read on. Pure. Both are UUIDs, and nothing else
//! has these types: a name such as `../../.bashrc` in an answer of the daemon is refused where it is read, and what
//! joins an id to a path need not look again.

use std::fmt;
use std::ops::Deref;

/// The id of a wallet: a UUID in lower case, as the daemon writes it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct WalletId(String);

/// The id of a session as the daemon tells it: a UUID in lower case. What a token's claims call a session is text of
/// unknown origin, and not of this type.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SessionId(String);

/// RFC 9562: 8-4-4-4-12 hexadecimal digits, any version.
pub fn is_uuid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

macro_rules! id {
    ($kind:ident) => {
        impl $kind {
            /// `None` for whatever is no UUID.
            pub fn parse(text: &str) -> Option<$kind> {
                is_uuid(text).then(|| $kind(text.to_ascii_lowercase()))
            }

            /// Its text: hexadecimal digits and hyphens.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Deref for $kind {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}
id!(WalletId);
id!(SessionId);

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "01a20238-6332-7cad-839a-3b627b30d86b";

    #[test]
    fn only_a_uuid_is_an_id() {
        assert_eq!(WalletId::parse(ID).as_deref(), Some(ID));
        assert_eq!(WalletId::parse(&ID.to_uppercase()), WalletId::parse(ID));
        assert_eq!(SessionId::parse(ID).map(|id| id.to_string()).as_deref(), Some(ID));
        let odd = [
            "",
            ".",
            "..",
            "../../.bashrc",
            "/etc/passwd",
            "default",
            "01a20238-6332-7cad-839a-3b627b30d86",
            "01a20238-6332-7cad-839a-3b627b30d86b0",
            "01a202386-332-7cad-839a-3b627b30d86b",
            "01a20238_6332_7cad_839a_3b627b30d86b",
            "01a2023863327cad839a3b627b30d86b",
            "{01a20238-6332-7cad-839a-3b627b30d86b}",
            "01a20238-6332-7cad-839a-3b627b30d86b\n",
            " 01a20238-6332-7cad-839a-3b627b30d86b",
            "01a20238-6332-7cad-839a-3b627b30d86g",
            "01a20238-6332-7cad-839a-3b627b30d86b/../x",
            "０1a20238-6332-7cad-839a-3b627b30d8",
        ];
        for text in odd {
            assert_eq!((WalletId::parse(text), SessionId::parse(text)), (None, None), "{text:?}");
        }
    }
}
