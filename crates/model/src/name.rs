//! Names that come from outside: any bytes, any length.

use std::fmt;
use std::sync::Arc;

/// A name as Vigie shows and stores it: valid UTF-8 of at most [`Name::MAX_BYTES`] bytes, cheap to clone.
///
/// The bytes that Redis knows are kept by the source that read them; a `Name` is for people and labels.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

impl Name {
    /// The longest name that is kept whole. Longer ones end in `…` and a hash of the whole, so that two long
    /// names with the same beginning stay two names.
    pub const MAX_BYTES: usize = 256;

    /// From any bytes: invalid UTF-8 becomes U+FFFD, what is too long is shortened.
    #[must_use]
    pub fn from_bytes(raw: &[u8]) -> Self {
        if raw.len() <= Self::MAX_BYTES {
            let text = String::from_utf8_lossy(raw);
            if text.len() <= Self::MAX_BYTES {
                return Self(text.into());
            }
        }
        let head = &raw[..raw.len().min(Self::MAX_BYTES)];
        let mut text = String::new();
        for part in String::from_utf8_lossy(head).chars() {
            if text.len() + part.len_utf8() > Self::MAX_BYTES - 20 {
                break;
            }
            text.push(part);
        }
        Self(format!("{text}…{:016x}", fnv1a(raw)).into())
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        Self::from_bytes(text.as_bytes())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?}", &*self.0)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// FNV-1a, 64 bits: the same on every machine and in every version, which the standard hasher does not promise.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn short_names_are_kept_as_they_are() {
        for name in ["emails", "", "a \"quoted\"\nname", "<script>", "\u{202e}rtl", ".."] {
            assert_eq!(Name::from(name).as_str(), name);
        }
    }

    #[test]
    fn long_names_with_one_beginning_stay_apart() {
        let long = "x".repeat(64 * 1024);
        let one = Name::from(format!("{long}1").as_str());
        let two = Name::from(format!("{long}2").as_str());
        assert!(one.as_str().len() <= Name::MAX_BYTES);
        assert_ne!(one, two);
    }

    proptest! {
        #[test]
        fn any_bytes_make_a_bounded_name(raw in proptest::collection::vec(any::<u8>(), 0..2_000)) {
            prop_assert!(Name::from_bytes(&raw).as_str().len() <= Name::MAX_BYTES);
        }
    }
}
