//! What a part of a block does *not* say, without reading its text: a bloom filter of whole words, and a bitmap of all runs of
//! three bytes. Both see ASCII letters as small ones, so that they serve searches that ignore case as well.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

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
    for chunk in word.chunks(8) {
        let mut eight = [0u8; 8];
        for (to, from) in eight.iter_mut().zip(chunk) {
            *to = from.to_ascii_lowercase();
        }
        state = (state ^ u64::from_le_bytes(eight)).wrapping_mul(MIX);
        state ^= state >> 29;
    }
    state
}

const fn run(one: u8, two: u8, three: u8) -> usize {
    let number = (one as u32) | (two as u32) << 8 | (three as u32) << 16;
    (number.wrapping_mul(0x9E37_79B1) >> 16) as usize
}

/// The hashes are random already.
#[derive(Default)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }
    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

/// Gathers what a part says.
pub struct Gather {
    distinct: HashSet<u64, BuildHasherDefault<AsIs>>,
    recent: Vec<u64>,
    runs: Vec<u64>,
}

impl Default for Gather {
    fn default() -> Self {
        Self { distinct: HashSet::default(), recent: vec![0; RECENT], runs: vec![0; RUN_BITS / 64] }
    }
}

impl Gather {
    fn insert(&mut self, hash: u64) {
        if let Some(seen) = self.recent.get_mut(hash as usize % RECENT)
            && *seen != hash
        {
            *seen = hash;
            self.distinct.insert(hash);
        }
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
        for three in text.windows(3) {
            if let [one, two, three] = three {
                let place = run(
                    one.to_ascii_lowercase(),
                    two.to_ascii_lowercase(),
                    three.to_ascii_lowercase(),
                );
                if let Some(word) = self.runs.get_mut(place / 64) {
                    *word |= 1 << (place % 64);
                }
            }
        }
    }

    /// The bloom filter's bytes and the bitmap's, the latter folded as small as it stays useful.
    #[must_use]
    pub fn finish(self) -> (Vec<u8>, Vec<u8>) {
        let bits = (self.distinct.len() * BITS_A_WORD).div_ceil(64).max(1) * 64;
        let mut bloom = vec![0u8; bits / 8];
        for hash in &self.distinct {
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
            [one, two, three] => Some(run(*one, *two, *three)),
            _ => None,
        });
        Self {
            words: words
                .map(|(start, end)| hash(0, needle.get(start..end).unwrap_or_default()))
                .collect(),
            runs: runs.collect(),
        }
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
