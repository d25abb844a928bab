//! Protobuf, field by field and without a copy: a request of 32 MiB may be made of millions of empty messages, and
//! each of those would be a hundred bytes once it is a value.

use prost::encoding::{WireType, decode_key, decode_varint};

use super::batch::WriteError;

/// The wire type of what has a length.
const BYTES: u8 = 2;

/// A field's value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Field<'a> {
    /// An integer, a boolean or an enum.
    Varint(u64),
    /// A double, or an integer of fixed width.
    Fixed64(u64),
    /// A text, a message or a packed list.
    Bytes(&'a [u8]),
    /// A float, or an integer of fixed width: none of the messages here has one.
    Fixed32,
}

/// The fields of a message, in the order in which they are written; those of a wrong shape are errors.
pub(crate) struct Fields<'a> {
    what: &'static str,
    rest: &'a [u8],
}

/// A number of seven bits a byte, and what follows it; `None` when it is cut off or has more than 64 bits.
#[inline]
pub(super) fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (place, byte) in bytes.iter().enumerate().take(10) {
        if place == 9 && *byte > 1 {
            return None;
        }
        value |= u64::from(byte & 127) << (7 * place);
        if *byte < 128 {
            return Some((value, &bytes[place + 1..]));
        }
    }
    None
}

/// How many bytes the fields of this tag at the beginning of a message take, whose values are bytes, and how many they
/// are. What is broken is left to [`Fields`] to tell.
#[inline]
pub(super) fn leading(message: &[u8], tag: u8) -> (usize, usize) {
    let (mut rest, mut count) = (message, 0);
    while let [first, after @ ..] = rest
        && *first == tag
        && let Some((length, after)) = varint(after)
        && let Some(next) = usize::try_from(length).ok().and_then(|length| after.get(length..))
    {
        (rest, count) = (next, count + 1);
    }
    (message.len() - rest.len(), count)
}

impl<'a> Fields<'a> {
    /// The fields of `message`, which errors call `what`.
    pub(crate) fn of(what: &'static str, message: &'a [u8]) -> Self {
        Self { what, rest: message }
    }

    #[inline]
    fn read(&mut self) -> Result<(u32, Field<'a>), WriteError> {
        // Most fields have a key and a length of a byte each.
        if let [key @ 8..128, length @ 0..128, rest @ ..] = self.rest
            && key & 7 == BYTES
            && let Some((bytes, rest)) = rest.split_at_checked(usize::from(*length))
        {
            self.rest = rest;
            return Ok((u32::from(key >> 3), Field::Bytes(bytes)));
        }
        self.read_any()
    }

    fn read_any(&mut self) -> Result<(u32, Field<'a>), WriteError> {
        let what = self.what;
        let broken = |error| WriteError::malformed(what, error);
        let (number, kind) = decode_key(&mut self.rest).map_err(broken)?;
        let field = match kind {
            WireType::Varint => Field::Varint(decode_varint(&mut self.rest).map_err(broken)?),
            WireType::SixtyFourBit => {
                let bytes = self.take(8)?.try_into().expect("eight bytes were taken");
                Field::Fixed64(u64::from_le_bytes(bytes))
            }
            WireType::ThirtyTwoBit => {
                self.take(4)?;
                Field::Fixed32
            }
            WireType::LengthDelimited => {
                let length = decode_varint(&mut self.rest).map_err(broken)?;
                Field::Bytes(self.take(length)?)
            }
            WireType::StartGroup | WireType::EndGroup => {
                return Err(WriteError::malformed(what, "groups are not used here"));
            }
        };
        Ok((number, field))
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], WriteError> {
        let split =
            usize::try_from(length).ok().and_then(|length| self.rest.split_at_checked(length));
        let (taken, rest) = split.ok_or_else(|| {
            let why = format!("it says that {length} bytes follow, and {} do", self.rest.len());
            WriteError::malformed(self.what, why)
        })?;
        self.rest = rest;
        Ok(taken)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Field<'a>), WriteError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let read = self.read();
        if read.is_err() {
            self.rest = &[];
        }
        Some(read)
    }
}

impl<'a> Field<'a> {
    fn wrong(what: &'static str) -> WriteError {
        WriteError::malformed(what, "a field is not of its type")
    }

    /// A message or a text, as bytes.
    pub(crate) fn bytes(self, what: &'static str) -> Result<&'a [u8], WriteError> {
        if let Self::Bytes(bytes) = self { Ok(bytes) } else { Err(Self::wrong(what)) }
    }

    /// A text.
    pub(crate) fn text(self, what: &'static str) -> Result<&'a str, WriteError> {
        std::str::from_utf8(self.bytes(what)?).map_err(|error| WriteError::malformed(what, error))
    }

    /// An integer without a sign, or an enum.
    pub(crate) fn unsigned(self, what: &'static str) -> Result<u64, WriteError> {
        if let Self::Varint(value) = self { Ok(value) } else { Err(Self::wrong(what)) }
    }

    /// An integer as `int64`.
    pub(crate) fn signed(self, what: &'static str) -> Result<i64, WriteError> {
        Ok(self.unsigned(what)?.cast_signed())
    }

    /// An integer as `sint32`.
    pub(crate) fn zigzag32(self, what: &'static str) -> Result<i32, WriteError> {
        // Written in more than 32 bits: the lower ones count, as in every decoder.
        Ok(zigzag(self.unsigned(what)? & u64::from(u32::MAX)) as i32)
    }

    /// A float.
    pub(crate) fn double(self, what: &'static str) -> Result<f64, WriteError> {
        Ok(f64::from_bits(self.fixed(what)?))
    }

    /// An integer of fixed width.
    pub(crate) fn fixed(self, what: &'static str) -> Result<u64, WriteError> {
        if let Self::Fixed64(bits) = self { Ok(bits) } else { Err(Self::wrong(what)) }
    }

    /// Integers, packed or one by one.
    pub(crate) fn each_varint(
        self,
        what: &'static str,
        mut tell: impl FnMut(u64) -> Result<(), WriteError>,
    ) -> Result<(), WriteError> {
        match self {
            Self::Varint(value) => tell(value),
            Self::Bytes(mut packed) => {
                while !packed.is_empty() {
                    let value = decode_varint(&mut packed);
                    tell(value.map_err(|error| WriteError::malformed(what, error))?)?;
                }
                Ok(())
            }
            Self::Fixed64(_) | Self::Fixed32 => Err(Self::wrong(what)),
        }
    }

    /// Numbers of eight bytes, packed or one by one.
    pub(crate) fn each_fixed(
        self,
        what: &'static str,
        mut tell: impl FnMut(u64) -> Result<(), WriteError>,
    ) -> Result<(), WriteError> {
        match self {
            Self::Fixed64(bits) => tell(bits),
            Self::Bytes(packed) => {
                let (whole, []) = packed.as_chunks::<8>() else { return Err(Self::wrong(what)) };
                whole.iter().try_for_each(|bytes| tell(u64::from_le_bytes(*bytes)))
            }
            Self::Varint(_) | Self::Fixed32 => Err(Self::wrong(what)),
        }
    }
}

/// A signed integer from its zigzag form.
pub(crate) fn zigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}
