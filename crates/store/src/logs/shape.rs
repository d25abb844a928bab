//! The shape of a line: what it has in common with many others, with a mark where each has something of its own.

use super::lines::{DECIMAL_HERE, HEX_HERE, WORD_HERE};

/// Marks, which stand in a shape where a line has something of its own. No line that has one of these bytes itself is taken apart.
const DECIMAL: u8 = 1;
const DIGITS: u8 = 2;
const WORD: u8 = 3;
const ANY: u8 = 4;

/// The shape of a line that is not taken apart.
pub const WHOLE: &[u8] = &[ANY];

/// Digits of a number in hexadecimal, at most; what is longer is several.
pub const MOST_DIGITS: usize = 16;
/// Digits of a decimal number, at most.
const MOST_DECIMALS: usize = 18;
/// Mixed letters and digits of at most so many characters are numbers between letters; longer ones are a word.
const SHORT: usize = 6;

/// A piece of a shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// What all have.
    Text(&'a [u8]),
    /// A decimal number that begins with no zero, unless it is one.
    Decimal,
    /// So many digits of a number in hexadecimal with small letters; a decimal one with zeros before it is one, too.
    Digits(usize),
    /// Letters and digits.
    Word,
    /// Anything.
    Any,
}

impl Piece<'_> {
    fn put(self, out: &mut Vec<u8>) {
        match self {
            Self::Text(text) => out.extend_from_slice(text),
            Self::Decimal => out.push(DECIMAL),
            Self::Digits(count) => out.extend([DIGITS, b'0' + (count % 32) as u8]),
            Self::Word => out.push(WORD),
            Self::Any => out.push(ANY),
        }
    }

    /// What stands in its place in a [`specimen`]; `None` for what it has none.
    pub fn stands_for(self) -> Option<char> {
        match self {
            Self::Decimal => Some(DECIMAL_HERE),
            Self::Digits(_) => Some(HEX_HERE),
            Self::Word => Some(WORD_HERE),
            Self::Text(_) | Self::Any => None,
        }
    }
}

/// The pieces of a shape; `None` where it says what cannot be.
pub fn pieces(shape: &[u8]) -> impl Iterator<Item = Option<Piece<'_>>> {
    let mut rest = shape;
    std::iter::from_fn(move || {
        let (first, more) = rest.split_first()?;
        let piece = match *first {
            DECIMAL => Piece::Decimal,
            DIGITS => {
                let (digits, more) = more.split_first()?;
                rest = more;
                let count = usize::from(digits.wrapping_sub(b'0'));
                return Some((1..=MOST_DIGITS).contains(&count).then_some(Piece::Digits(count)));
            }
            WORD => Piece::Word,
            ANY => Piece::Any,
            _ => {
                let length = rest.iter().position(|byte| is_mark(*byte)).unwrap_or(rest.len());
                let (text, more) = rest.split_at(length);
                rest = more;
                return Some(Some(Piece::Text(text)));
            }
        };
        rest = more;
        Some(Some(piece))
    })
}

/// What a line of a shape looks like, as [`super::Parts`] is told it; `None` where it may be anything.
pub fn specimen(shape: &str) -> Option<String> {
    let mut line = String::with_capacity(shape.len());
    for piece in pieces(shape.as_bytes()) {
        match piece? {
            Piece::Text(text) => line.push_str(std::str::from_utf8(text).ok()?),
            mark => line.push(mark.stands_for()?),
        }
    }
    Some(line)
}

const fn is_mark(byte: u8) -> bool {
    matches!(byte, DECIMAL..=ANY)
}

/// What lines have of their own, one after the other.
#[derive(Debug, Default)]
pub struct Own {
    pub numbers: Vec<u64>,
    /// Where words are: from, until.
    pub words: Vec<(u32, u32)>,
}

/// Takes the line at `place` of `bytes` apart: its shape, and what it has of its own. False: it has marks; then nothing of it counts.
pub fn take_apart(
    bytes: &[u8],
    place: std::ops::Range<usize>,
    shape: &mut Vec<u8>,
    own: &mut Own,
) -> bool {
    let (mut at, mut copied) = (place.start, place.start);
    while let Some(byte) = bytes.get(at).filter(|_| at < place.end) {
        if !byte.is_ascii_alphanumeric() {
            if is_mark(*byte) {
                return false;
            }
            at += 1;
            continue;
        }
        let start = at;
        let rest = bytes.get(at..place.end).unwrap_or_default();
        let mut kinds = 0;
        let length = rest.iter().position(|byte| {
            let kind = KINDS.get(usize::from(*byte)).copied().unwrap_or(0);
            kinds |= kind;
            kind == 0
        });
        at = start + length.unwrap_or(rest.len());
        let dash = |place: Option<usize>| place.and_then(|at| bytes.get(at)) == Some(&b'-');
        let dashes = [dash(start.checked_sub(1)), dash(Some(at).filter(|at| *at < place.end))];
        if let Some(run) = Run::of(at - start, kinds, dashes) {
            shape.extend_from_slice(bytes.get(copied..start).unwrap_or_default());
            run.take(bytes, start..at, shape, own);
            copied = at;
        }
    }
    shape.extend_from_slice(bytes.get(copied..place.end).unwrap_or_default());
    true
}

/// Which letters and digits a run has, a bit each: a digit, a letter that may be a digit of hexadecimal, another letter.
const DIGIT: u8 = 1;
const HEX: u8 = 2;
const LETTER: u8 = 4;

const KINDS: [u8; 256] = {
    let mut kinds = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        kinds[byte] = match byte as u8 {
            b'0'..=b'9' => DIGIT,
            b'a'..=b'f' => HEX,
            b'A'..=b'Z' | b'g'..=b'z' => LETTER,
            _ => 0,
        };
        byte += 1;
    }
    kinds
};

/// How a run of letters and digits is taken apart.
enum Run {
    Hex,
    Decimal,
    Mixed,
}

impl Run {
    fn of(length: usize, kinds: u8, dashes: [bool; 2]) -> Option<Self> {
        let hex = kinds & LETTER == 0;
        // A group of an id such as 9f1c2a34-abcd-....
        let group = hex && length == 4 && dashes == [true; 2];
        if kinds & DIGIT == 0 {
            return group.then_some(Self::Hex);
        }
        let grouped = matches!(length, 4 | 12) && dashes.contains(&true);
        let whole = matches!(length, 8 | 16 | 32) || grouped || length > MOST_DECIMALS;
        Some(match kinds {
            DIGIT if !whole => Self::Decimal,
            _ if hex && (whole || length >= 4) => Self::Hex,
            _ => Self::Mixed,
        })
    }

    fn take(self, bytes: &[u8], place: std::ops::Range<usize>, shape: &mut Vec<u8>, own: &mut Own) {
        let run = bytes.get(place.clone()).unwrap_or_default();
        match self {
            Self::Hex => hex(run, shape, own),
            Self::Decimal => decimal(run, shape, own),
            Self::Mixed => {
                let is_digit = |byte: &u8| byte.is_ascii_digit();
                let groups = || run.chunk_by(|one, two| is_digit(one) == is_digit(two));
                if run.len() > SHORT && groups().nth(2).is_some() {
                    Piece::Word.put(shape);
                    return own.words.push((place.start as u32, place.end as u32));
                }
                for group in groups() {
                    if group.first().is_some_and(is_digit) {
                        decimal(group, shape, own);
                    } else {
                        shape.extend_from_slice(group);
                    }
                }
            }
        }
    }
}

fn decimal(run: &[u8], shape: &mut Vec<u8>, own: &mut Own) {
    if run.len() > MOST_DECIMALS || run.len() > 1 && run.first() == Some(&b'0') {
        return hex(run, shape, own);
    }
    Piece::Decimal.put(shape);
    own.numbers.push(run.iter().fold(0, |number, byte| number * 10 + u64::from(byte & 15)));
}

fn hex(run: &[u8], shape: &mut Vec<u8>, own: &mut Own) {
    for digits in run.chunks(MOST_DIGITS) {
        Piece::Digits(digits.len()).put(shape);
        let digit = |byte: u8| u64::from(byte & 15) + if byte > b'9' { 9 } else { 0 };
        own.numbers.push(digits.iter().fold(0, |number, byte| number << 4 | digit(*byte)));
    }
}

/// The last digits of a number in hexadecimal; so many of the last are meant.
pub fn digits(number: u64) -> [u8; MOST_DIGITS] {
    let mut out = [0; MOST_DIGITS];
    let halves = [(number >> 32) as u32, number as u32];
    for (to, half) in out.chunks_exact_mut(8).zip(halves) {
        to.copy_from_slice(&eight_digits(half));
    }
    out
}

/// Eight digits at once: each four bits to a byte of their own, then to what stands for them.
const fn eight_digits(number: u32) -> [u8; 8] {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let mut bits = number as u64;
    bits = (bits | bits << 16) & 0x0000_FFFF_0000_FFFF;
    bits = (bits | bits << 8) & 0x00FF_00FF_00FF_00FF;
    bits = (bits | bits << 4) & 0x0F0F_0F0F_0F0F_0F0F;
    let letters = (bits + EACH * 6) >> 4 & EACH;
    (bits + EACH * b'0' as u64 + letters * (b'a' - b'0' - 10) as u64).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(line: &str) -> String {
        let (mut shape, mut own) = (Vec::new(), Own::default());
        assert!(take_apart(line.as_bytes(), 0..line.len(), &mut shape, &mut own));
        let piece = |piece| match piece {
            Some(Piece::Text(text)) => String::from_utf8(text.to_vec()).unwrap(),
            Some(Piece::Decimal) => "<n>".into(),
            Some(Piece::Digits(count)) => format!("<{count}>"),
            Some(Piece::Word) => "<word>".into(),
            other => format!("{other:?}"),
        };
        pieces(&shape).map(piece).collect()
    }

    #[test]
    fn lines_have_shapes() {
        for (line, expected) in [
            ("job 9f1c2a34aa00b1c2 finished in 40ms", "job <16> finished in <n>ms"),
            ("0 of 05, v2, c13, 10.0.0.7:80", "<n> of <2>, v<n>, c<n>, <n>.<n>.<n>.<n>:<n>"),
            ("550e8400-e29b-abcd-a716-446655440000 é", "<8>-<4>-<4>-<4>-<12> é"),
            ("2026-11-26T17:40:01Z dead-letter cafe", "<4>-<n>-<n>T<n>:<n>:<2>Z dead-letter cafe"),
            ("xY3kLm9Qw7 a1b2 99999999999999999999", "<word> <4> <16><4>"),
            ("", ""),
        ] {
            assert_eq!(shape(line), expected, "{line}");
        }
    }

    #[test]
    fn digits_are_those_of_the_standard_library() {
        for number in [0, 9, 10, 0xdead_beef_0123_4567, u64::MAX] {
            assert_eq!(digits(number).to_vec(), format!("{number:016x}").into_bytes());
        }
    }
}
