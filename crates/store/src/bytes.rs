//! Numbers as bytes, and reading them back without trusting them.

/// What does not hold in bytes that were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Corrupt(pub &'static str);

const SHORT: Corrupt = Corrupt("the bytes end too early");

/// Seven bits a byte, the lowest first.
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 128 {
        out.push((value & 127) as u8 | 128);
        value >>= 7;
    }
    out.push((value & 127) as u8);
}

/// Small numbers of either sign as small numbers.
#[must_use]
pub const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

/// What [`zigzag`] was given.
#[must_use]
pub const fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}

/// A number of either sign, small ones short.
pub fn put_signed(out: &mut Vec<u8>, value: i64) {
    put_varint(out, zigzag(value));
}

/// A length, then the bytes.
pub fn put_text(out: &mut Vec<u8>, text: &str) {
    put_varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// A place in bytes that others may have damaged.
#[derive(Debug, Clone, Copy)]
pub struct Bytes<'a>(pub &'a [u8]);

impl<'a> Bytes<'a> {
    /// Whether all is read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Corrupt> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(SHORT)?;
        self.0 = rest;
        Ok(taken)
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Corrupt> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(SHORT)?;
        self.0 = rest;
        Ok(*taken)
    }

    /// One byte.
    #[inline]
    pub fn byte(&mut self) -> Result<u8, Corrupt> {
        let (&byte, rest) = self.0.split_first().ok_or(SHORT)?;
        self.0 = rest;
        Ok(byte)
    }

    /// What [`put_varint`] wrote.
    #[inline]
    pub fn varint(&mut self) -> Result<u64, Corrupt> {
        match self.0.split_first() {
            // Most have one byte, or two.
            Some((&byte, rest)) if byte < 128 => {
                self.0 = rest;
                Ok(u64::from(byte))
            }
            Some((&low, [high @ ..128, rest @ ..])) => {
                self.0 = rest;
                Ok(u64::from(low & 127) | u64::from(*high) << 7)
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, Corrupt> {
        let (mut value, mut shift) = (0u64, 0u32);
        loop {
            let byte = self.byte()?;
            if shift == 63 && byte > 1 {
                return Err(Corrupt("a number has more than 64 bits"));
            }
            value |= u64::from(byte & 127) << shift;
            if byte < 128 {
                return Ok(value);
            }
            shift += 7;
        }
    }

    /// A [`Self::varint`] that is a count or a length in memory.
    #[inline]
    pub fn length(&mut self) -> Result<usize, Corrupt> {
        usize::try_from(self.varint()?).map_err(|_| Corrupt("a length is too large"))
    }

    /// A count of things that take at least one byte each: more than there are bytes left is a lie.
    pub fn count(&mut self) -> Result<usize, Corrupt> {
        let count = self.length()?;
        if count > self.0.len() { Err(Corrupt("a count is too large")) } else { Ok(count) }
    }

    /// What [`put_signed`] wrote.
    #[inline]
    pub fn signed(&mut self) -> Result<i64, Corrupt> {
        Ok(unzigzag(self.varint()?))
    }

    /// A [`Self::varint`] of at most 32 bits.
    #[inline]
    pub fn small(&mut self) -> Result<u32, Corrupt> {
        u32::try_from(self.varint()?).map_err(|_| Corrupt("a number has more than 32 bits"))
    }

    /// A float by its bits.
    pub fn float(&mut self) -> Result<f64, Corrupt> {
        Ok(f64::from_le_bytes(self.array()?))
    }

    /// What [`put_text`] wrote.
    pub fn text(&mut self) -> Result<&'a str, Corrupt> {
        let length = self.length()?;
        std::str::from_utf8(self.take(length)?).map_err(|_| Corrupt("a text is not UTF-8"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_come_back(value: u64, signed: i64, text: String) {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            put_signed(&mut out, signed);
            put_text(&mut out, &text);
            let mut bytes = Bytes(&out);
            prop_assert_eq!(bytes.varint(), Ok(value));
            prop_assert_eq!(bytes.signed(), Ok(signed));
            prop_assert_eq!(bytes.text(), Ok(text.as_str()));
            prop_assert!(bytes.is_empty());
        }
    }

    #[test]
    fn lies_are_found() {
        assert!(Bytes(&[255; 10]).varint().is_err());
        assert!(Bytes(&[128]).varint().is_err());
        assert!(Bytes(&[200, 1, 0]).count().is_err());
        assert!(Bytes(&[5, b'a']).text().is_err());
        assert!(Bytes(&[1, 255]).text().is_err());
    }
}
