//! What a part of a block does *not* say, without reading its text: a bloom filter of whole words, and a bitmap of all runs of
//! three bytes. Both see ASCII letters as small ones, so that they serve searches that ignore case as well.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};

use super::stretch::Stretch;

/// Bits of the bloom filter for each distinct word; with four probes about 1.2 % of absent words seem to be there.
const BITS_A_WORD: usize = 10;
const PROBES: u64 = 4;
/// Bits of the largest bitmap of runs.
const RUN_BITS: usize = 1 << 16;
/// Words that were seen just now.
const RECENT: usize = 4096;
/// Longer words are not in the filter: nobody would find them by it.
const LONGEST_WORD: usize = 128;
const MIX: u64 = 0x9E37_79B9_7F4A_7C15;

/// Which bytes are part of a word: letters, digits, `_`, and everything beyond ASCII.
const fn in_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 128
}

/// Whole words of a text, with where they begin and end.
fn words(text: &[u8]) -> impl Iterator<Item = (usize, usize)> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text.get(at..)?.iter().position(|byte| in_word(*byte))?;
        let rest = text.get(start..)?;
        let end = start + rest.iter().position(|byte| !in_word(*byte)).unwrap_or(rest.len());
        at = end;
        Some((start, end))
    })
}

/// A word's hash. `salt` tells the values of one field from words of the text.
#[must_use]
pub fn hash(salt: u64, word: &[u8]) -> u64 {
    let mut state = salt ^ (word.len() as u64).wrapping_mul(MIX);
    let (eights, rest) = word.as_chunks::<8>();
    let mut mix = |eight: [u8; 8]| {
        state = (state ^ small_letters(u64::from_le_bytes(eight))).wrapping_mul(MIX);
        state ^= state >> 29;
    };
    eights.iter().for_each(|eight| mix(*eight));
    if !rest.is_empty() {
        let mut eight = [0; 8];
        eight.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        mix(eight);
    }
    state
}

/// Eight bytes with ASCII letters made small, all at once: a byte from `A` to `Z` has its sixth bit set.
const fn small_letters(eight: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let low = eight & (EACH * 0x7F);
    let from_a = low + EACH * (0x80 - b'A' as u64);
    let past_z = low + EACH * (0x7F - b'Z' as u64);
    let letters = from_a & !past_z & !eight & (EACH * 0x80);
    eight | letters >> 2
}

/// The place of a run of three bytes, the first of them the lowest.
const fn run(three: u32) -> usize {
    (three.wrapping_mul(0x9E37_79B1) >> 16) as usize
}

/// Gathers what a part says.
pub struct Gather {
    /// Hashes of words, some of them more than once.
    hashes: Vec<u64>,
    /// How many there may be before those that are there twice are taken out.
    most: usize,
    recent: Vec<u64>,
    runs: Vec<u64>,
}

impl Default for Gather {
    fn default() -> Self {
        let (recent, runs) = (vec![0; RECENT], vec![0; RUN_BITS / 64]);
        Self { hashes: Vec::new(), most: 1 << 17, recent, runs }
    }
}

impl Gather {
    fn insert(&mut self, hash: u64) {
        if let Some(seen) = self.recent.get_mut(hash as usize % RECENT)
            && *seen != hash
        {
            *seen = hash;
            self.hashes.push(hash);
            if self.hashes.len() > self.most {
                self.tidy();
                self.most = self.most.max(self.hashes.len() * 2);
            }
        }
    }

    fn tidy(&mut self) {
        self.hashes.sort_unstable();
        self.hashes.dedup();
    }

    /// The value of a field that is searched for as a whole.
    pub fn value(&mut self, salt: u64, value: &[u8]) {
        self.insert(hash(salt, value));
    }

    /// A text.
    pub fn text(&mut self, text: &[u8]) {
        for (start, end) in words(text) {
            if end - start <= LONGEST_WORD {
                self.insert(hash(0, text.get(start..end).unwrap_or_default()));
            }
        }
        let mut three = 0;
        for (at, byte) in text.iter().enumerate() {
            three = three >> 8 | u32::from(byte.to_ascii_lowercase()) << 16;
            let place = run(three);
            if at >= 2
                && let Some(word) = self.runs.get_mut(place / 64)
            {
                *word |= 1 << (place % 64);
            }
        }
    }

    /// The bloom filter's bytes and the bitmap's, the latter folded as small as it stays useful.
    #[must_use]
    pub fn finish(mut self) -> (Vec<u8>, Vec<u8>) {
        self.tidy();
        let bits = (self.hashes.len() * BITS_A_WORD).div_ceil(64).max(1) * 64;
        let mut bloom = vec![0u8; bits / 8];
        for hash in &self.hashes {
            for place in probes(*hash, bits) {
                if let Some(byte) = bloom.get_mut(place / 8) {
                    *byte |= 1 << (place % 8);
                }
            }
        }
        let mut runs = self.runs;
        while runs.len() > 8
            && runs.iter().map(|word| word.count_ones()).sum::<u32>() as usize * 8 < runs.len() * 64
        {
            // Places are taken modulo the size, which is a power of two.
            let upper = runs.split_off(runs.len() / 2);
            runs.iter_mut().zip(upper).for_each(|(lower, upper)| *lower |= upper);
        }
        (bloom, runs.iter().flat_map(|word| word.to_le_bytes()).collect())
    }
}

fn probes(hash: u64, bits: usize) -> impl Iterator<Item = usize> {
    let step = (hash >> 32) | 1;
    (0..PROBES)
        .map(move |probe| (hash.wrapping_add(probe.wrapping_mul(step)) % bits as u64) as usize)
}

fn set(bits: &[u8], place: usize) -> bool {
    bits.get(place / 8).is_some_and(|byte| byte >> (place % 8) & 1 == 1)
}

/// Whether a part with this bloom filter may have a word with this hash.
#[must_use]
pub fn may_have(bloom: &[u8], hash: u64) -> bool {
    bloom.is_empty() || probes(hash, bloom.len() * 8).all(|place| set(bloom, place))
}

/// What a text that holds `needle` must have: whole words, and runs of three bytes.
#[derive(Debug, Clone, Default)]
pub struct Needs {
    words: Vec<u64>,
    runs: Vec<usize>,
}

impl Needs {
    /// Of a piece of text that is somewhere within the text: words at its ends may be parts of longer ones.
    #[must_use]
    pub fn of(needle: &[u8]) -> Self {
        let inner = |&(start, end): &(usize, usize)| {
            start > 0 && end < needle.len() && end - start <= LONGEST_WORD
        };
        let words = words(needle).filter(inner);
        let small: Vec<u8> = needle.to_ascii_lowercase();
        let runs = small.windows(3).filter_map(|three| match three {
            [one, two, three] => Some(run(u32::from_le_bytes([*one, *two, *three, 0]))),
            _ => None,
        });
        Self {
            words: words
                .map(|(start, end)| hash(0, needle.get(start..end).unwrap_or_default()))
                .collect(),
            runs: runs.collect(),
        }
    }

    fn add(&mut self, other: Self) {
        self.words.extend(other.words);
        self.runs.extend(other.runs);
    }

    /// Whether whole words are asked for, so that the bloom filter has to say.
    #[must_use]
    pub fn words(&self) -> bool {
        !self.words.is_empty()
    }

    /// Whether a part with this bitmap may have it.
    #[must_use]
    pub fn runs_may_be_in(&self, runs: &[u8]) -> bool {
        let bits = runs.len() * 8;
        !bits.is_power_of_two() || self.runs.iter().all(|place| set(runs, place % bits))
    }

    /// Whether a part with this bloom filter may have it.
    #[must_use]
    pub fn words_may_be_in(&self, bloom: &[u8]) -> bool {
        self.words.iter().all(|hash| may_have(bloom, *hash))
    }
}

/// What a text that matches a regular expression must have.
#[derive(Debug, Clone, Default)]
pub struct OfPattern {
    /// For the filters.
    pub needs: Needs,
    /// A text of at least three bytes that every match has: the longest.
    pub literal: Option<Vec<u8>>,
    /// Classes, one a byte, that every match has, if they are rare.
    pub stretch: Option<Stretch>,
    /// Whether the expression looks at what is around a match.
    pub looks: bool,
}

/// What a text that matches this regular expression must have; nothing when it does not parse.
#[must_use]
pub fn of_pattern(pattern: &str) -> OfPattern {
    let Ok(parsed) = ParserBuilder::new().utf8(false).build().parse(pattern) else {
        return OfPattern { looks: true, ..OfPattern::default() };
    };
    let (mut pieces, mut needs) = (vec![Piece::default()], Needs::default());
    gather_pieces(&parsed, &mut pieces);
    pieces.iter().for_each(|piece| needs.add(Needs::of(&piece.text)));
    let exact = pieces.into_iter().filter(|piece| !piece.folded && piece.text.len() >= 3);
    OfPattern {
        needs,
        literal: exact.map(|piece| piece.text).max_by_key(Vec::len),
        stretch: Stretch::of(&parsed),
        looks: !parsed.properties().look_set().is_empty(),
    }
}

/// A text that every match has.
#[derive(Debug, Default)]
struct Piece {
    text: Vec<u8>,
    /// Letters may be in either case.
    folded: bool,
}

/// Pieces that every match has; the last one may go on.
fn gather_pieces(pattern: &Hir, pieces: &mut Vec<Piece>) {
    match pattern.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => {
            if let Some(last) = pieces.last_mut() {
                last.text.extend_from_slice(&literal.0);
            }
        }
        HirKind::Capture(capture) => gather_pieces(&capture.sub, pieces),
        HirKind::Concat(parts) => parts.iter().for_each(|part| gather_pieces(part, pieces)),
        HirKind::Repetition(repetition) if repetition.min > 0 => {
            pieces.push(Piece::default());
            gather_pieces(&repetition.sub, pieces);
            pieces.push(Piece::default());
        }
        HirKind::Class(class) => match (letter(class), pieces.last_mut()) {
            (Some(letter), Some(last)) => {
                last.text.push(letter);
                last.folded = true;
            }
            _ => pieces.push(Piece::default()),
        },
        HirKind::Repetition(_) | HirKind::Alternation(_) => pieces.push(Piece::default()),
    }
}

/// The letter that a class is, large or small.
fn letter(class: &Class) -> Option<u8> {
    let pair = |one: u32, two: u32| {
        let (one, two) = (u8::try_from(one).ok()?, u8::try_from(two).ok()?);
        (one.is_ascii_uppercase() && one.to_ascii_lowercase() == two).then_some(two)
    };
    match class {
        Class::Unicode(class) => match class.ranges() {
            [one, two] if one.len() == 1 && two.len() == 1 => {
                pair(one.start().into(), two.start().into())
            }
            _ => None,
        },
        Class::Bytes(class) => match class.ranges() {
            [one, two] if one.len() == 1 && two.len() == 1 => {
                pair(one.start().into(), two.start().into())
            }
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_there_is_never_denied(
            texts in prop::collection::vec("[a-zA-Z0-9 _=é.-]{0,40}", 1..20),
            which: prop::sample::Index,
            from: prop::sample::Index,
            to: prop::sample::Index,
        ) {
            let mut gather = Gather::default();
            texts.iter().for_each(|text| gather.text(text.as_bytes()));
            gather.value(7, b"job-17");
            let (bloom, runs) = gather.finish();
            let text = which.get(&texts).as_bytes();
            let (one, two) = (from.index(text.len() + 1), to.index(text.len() + 1));
            let needle = text[one.min(two)..one.max(two)].to_ascii_uppercase();
            let needs = Needs::of(&needle);
            prop_assert!(needs.runs_may_be_in(&runs) && needs.words_may_be_in(&bloom));
            prop_assert!(may_have(&bloom, hash(7, b"job-17")));
        }
    }

    #[test]
    fn letters_are_made_small_eight_at_a_time() {
        for first in 0..=255u8 {
            let eight = std::array::from_fn(|place| first.wrapping_add(place as u8 * 31));
            let expected = u64::from_le_bytes(eight.map(|byte| byte.to_ascii_lowercase()));
            assert_eq!(small_letters(u64::from_le_bytes(eight)), expected);
        }
        assert_eq!(hash(1, b"Some-Long WORD"), hash(1, b"some-long word"));
    }

    #[test]
    fn a_pattern_needs_its_texts_and_no_more() {
        let needs = |pattern| {
            let OfPattern { needs, literal, looks, .. } = of_pattern(pattern);
            let literal = literal.map(|text| String::from_utf8(text).unwrap()).unwrap_or_default();
            (needs.words.len(), needs.runs.len(), literal, looks)
        };
        assert_eq!(needs(r"took 4\d{3}ms"), (0, 4, "took 4".into(), false));
        assert_eq!(needs(r"(?i)tool \d+ [a-z]\b"), (0, 3, String::new(), true));
        assert_eq!(needs(r"x took (\d+) bytes\b"), (1, 5 + 4, "x took ".into(), true));
        assert_eq!(needs("(one|two)x?(y{0,3}|)"), (0, 0, String::new(), false));
        assert_eq!(needs("(abcd){2}efgh+"), (0, 2 + 1, "abcd".into(), false));
        // The Kelvin sign is a small k in another case.
        assert_eq!(needs("(?i)task"), (0, 0, String::new(), false));
        assert_eq!(needs("(?i-u)task"), (0, 2, String::new(), false));
        let mut gather = Gather::default();
        gather.text("Retry of JOB 17 after 3s: time-out".as_bytes());
        let (bloom, runs) = gather.finish();
        for there in ["(?i)retry OF job", r"after \ds: time.?out", "(x|)out$", "job 18|job 17"] {
            let needs = of_pattern(there).needs;
            assert!(needs.runs_may_be_in(&runs) && needs.words_may_be_in(&bloom), "{there}");
        }
        assert!(!of_pattern("after .* minutes").needs.runs_may_be_in(&runs));
    }

    #[test]
    fn what_is_not_there_is_nearly_always_denied() {
        let mut gather = Gather::default();
        for n in 0..20_000 {
            gather.text(format!("job {n:08x} finished in {}ms", n % 977).as_bytes());
        }
        let (bloom, runs) = gather.finish();
        assert!(bloom.len() < 20_000 * 2 && runs.len() <= RUN_BITS / 8);
        let wrong = (0..10_000).filter(|n| may_have(&bloom, hash(0, format!("x{n}y").as_bytes())));
        assert!(wrong.count() < 300);
        assert!(!Needs::of(b"zq9x7needle").runs_may_be_in(&runs));
        assert!(Needs::of(b"finish").runs_may_be_in(&runs));
        // A word at an end of the needle may be a part of a longer one.
        assert!(Needs::of(b"shed in 5").words() && !Needs::of(b"inished").words());
    }
}
