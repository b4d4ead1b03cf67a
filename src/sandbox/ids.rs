//! Identifiers: version 7 UUIDs from a moment and a generator, and randomness to seed the generator with.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

use super::clock::Moment;
use super::digests::{DIGEST_BYTES, sha256};

/// Makes identifiers that differ from each other. The same seed makes the same ones.
pub(super) struct Ids(u64);

impl Ids {
    /// A generator that starts from `seed`.
    pub(super) fn seeded(seed: u64) -> Ids {
        Ids(seed)
    }

    /// The next 64 bits (SplitMix64).
    pub(super) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// 32 bytes for a key.
    pub(super) fn secret(&mut self) -> [u8; DIGEST_BYTES] {
        sha256(&[self.bits(), self.bits(), self.bits(), self.bits()].map(u64::to_be_bytes).concat())
    }

    /// A version 7 UUID of this moment (RFC 9562 section 5.7).
    pub(super) fn uuid(&mut self, now: Moment) -> String {
        const MILLIS_BITS: u64 = (1 << 48) - 1;
        let millis = u64::try_from(now.0).unwrap_or(0) & MILLIS_BITS;
        let high = millis << 16 | 0x7000 | self.bits() & 0x0fff;
        let low = 0x8000_0000_0000_0000 | self.bits() >> 2;
        format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xffff,
            low >> 48,
            low & MILLIS_BITS
        )
    }
}

/// Bits nobody else has: the keys the standard library gives each of its hash maps.
pub(super) fn random_bits() -> u64 {
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u64(u64::from(std::process::id()));
    hasher.finish()
}

/// Whether the text has the form of a UUID.
pub(super) fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_have_version_7_carry_the_moment_and_differ() {
        let mut ids = Ids::seeded(1);
        let (first, second) = (ids.uuid(Moment(0x0123_4567_89ab)), ids.uuid(Moment(0x0123_4567_89ab)));
        assert!(first.starts_with("01234567-89ab-7"), "{first}");
        assert!("89ab".contains(first.as_bytes()[19] as char), "{first}");
        assert!(is_uuid(&first) && is_uuid(&second));
        assert_ne!(first, second);
    }

    #[test]
    fn a_uuid_is_told_from_other_text() {
        for text in
            ["", "default", "0123456789abcdef0123456789abcdef0123", "01a20238-6332-7cad-839a-3b627b30d86g"]
        {
            assert!(!is_uuid(text), "{text}");
        }
        assert!(is_uuid("01A20238-6332-7cad-839a-3b627b30d86b"));
    }
}
