//! What of a regular expression without a text of its own is looked for in a whole column at once: a stretch of classes, one a byte,
//! that each match has. Ranges of bytes are compared sixteen at a time, where an automaton goes byte by byte.

use regex_syntax::hir::{Class, Hir, HirKind};

use super::columns::Texts;

/// The longest stretch. A longer one of an expression is looked for by its rarest part.
const LONGEST: usize = 4;
/// Ranges of a class that are compared one after the other; a class of more is none.
const MOST_RANGES: usize = 6;
/// How rare a stretch must be, in bits: of one that is everywhere an automaton finds the first at once.
const RARE: f32 = 8.0;
/// Bytes that are compared at once: what is computed of them stays in the processor's nearest cache.
const BLOCK: usize = 4096;

/// So many rows are looked at for the one that a place is in before it is looked for.
const NEAR: usize = 8;

/// ASCII characters, a bit each.
type Set = u128;

/// Classes that follow each other in each match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// Each class once.
    classes: Vec<Vec<Span>>,
    /// Which class is at each place.
    places: Vec<usize>,
    means: Means,
}

/// Bytes that follow each other: those of which `byte | or` is at most `length` behind the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    or: u8,
    first: u8,
    length: u8,
}

/// By which a small letter is another one than the large one.
const SMALL: u8 = b'a' - b'A';

/// What follows from a stretch that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Means {
    /// The row may match.
    Maybe,
    /// The row matches.
    Match,
    /// It matches if the stretch is that of this ASCII text, in any case, which begins so many bytes before.
    Text(Vec<u8>, usize),
}

impl Stretch {
    /// Of an expression; none where nothing is rare enough.
    pub fn of(pattern: &Hir) -> Option<Self> {
        let mut runs = vec![Vec::new()];
        gather(pattern, &mut runs);
        let rarest = runs
            .iter()
            .flat_map(|run| run.windows(LONGEST.min(run.len()).max(1)))
            .max_by(|one, two| rarity(one).total_cmp(&rarity(two)))?;
        let whole = core(pattern).is_some_and(|core| core == rarest);
        let means = if whole { Means::Match } else { Means::Maybe };
        (rarity(rarest) >= RARE).then(|| Self::new(rarest, means))?
    }

    /// Of an ASCII text in any case.
    pub fn of_text(text: &str) -> Option<Self> {
        let both = |byte: u8| 1 << byte.to_ascii_lowercase() | 1 << byte.to_ascii_uppercase();
        let sets: Vec<Set> = text.bytes().map(both).collect();
        let (before, rarest) = sets
            .windows(LONGEST.min(sets.len()).max(1))
            .enumerate()
            .max_by(|one, two| rarity(one.1).total_cmp(&rarity(two.1)))?;
        let means = match sets.len() {
            ..=LONGEST => Means::Match,
            _ => Means::Text(text.as_bytes().to_vec(), before),
        };
        Self::new(rarest, means)
    }

    fn new(sets: &[Set], means: Means) -> Option<Self> {
        let mut known: Vec<Set> = Vec::new();
        let mut places = Vec::new();
        for set in sets {
            places.push(known.iter().position(|one| one == set).unwrap_or(known.len()));
            if !known.contains(set) {
                known.push(*set);
            }
        }
        let classes: Vec<_> = known.into_iter().map(spans).collect();
        let few = classes.iter().all(|class| class.len() <= MOST_RANGES);
        few.then_some(Self { classes, places, means })
    }

    /// Marks the rows of a column that match, from `first` on; `is_match` looks at one row. A row with bytes beyond ASCII is looked at
    /// by itself.
    pub fn mark(
        &self,
        column: &Texts,
        first: usize,
        is_match: impl Fn(&[u8]) -> bool,
        hits: &mut [bool],
    ) {
        let mut masks = vec![[0u8; BLOCK + LONGEST]; self.classes.len()];
        let mut found = [0u8; BLOCK];
        let mut walk = Walk::new(column, first);
        let mut start = walk.decided;
        while let Some(block) = column.bytes.get(start..).filter(|rest| !rest.is_empty()) {
            let seen = block.get(..block.len().min(BLOCK + LONGEST)).unwrap_or(block);
            self.find(seen, &mut masks, &mut found);
            let ascii = matches!(self.means, Means::Text(..)) || seen.is_ascii();
            if !ascii {
                found.iter_mut().zip(seen).for_each(|(there, byte)| *there |= byte >> 7);
            }
            let mut at = walk.decided.saturating_sub(start);
            while let Some(next) = found.get(at..).and_then(|rest| memchr::memchr(1, rest)) {
                let place = at + next;
                let odd = !ascii && seen.get(place).is_some_and(|byte| *byte > 127);
                let (before, length) = match &self.means {
                    Means::Text(text, before) => (*before, text.len()),
                    _ => (0, if odd { 1 } else { self.places.len() }),
                };
                let there = |row: usize| match &self.means {
                    Means::Match if !odd => true,
                    Means::Text(text, _) => column
                        .bytes
                        .get(start + place - before..)
                        .and_then(|bytes| bytes.get(..length))
                        .is_some_and(|bytes| bytes.eq_ignore_ascii_case(text)),
                    _ => is_match(column.get(row)),
                };
                at = place + 1;
                let begins = (start + place).checked_sub(before);
                if let Some(row) = begins.and_then(|begins| walk.row_of(begins, length)) {
                    let there = there(row);
                    if let Some(hit) = hits.get_mut(row) {
                        *hit |= there;
                    }
                    if there || !matches!(self.means, Means::Text(..)) {
                        at = at.max(walk.decide(row).saturating_sub(start));
                    }
                }
            }
            start += BLOCK;
        }
    }

    /// Where in the block the stretch begins, 1 or 0 for each of its bytes.
    fn find(&self, seen: &[u8], masks: &mut [[u8; BLOCK + LONGEST]], found: &mut [u8; BLOCK]) {
        for (class, mask) in self.classes.iter().zip(masks.iter_mut()) {
            // Behind the end there is nothing.
            mask.get_mut(seen.len()..).unwrap_or_default().fill(0);
            let Some((mask, (first, more))) = mask.get_mut(..seen.len()).zip(class.split_first())
            else {
                mask.fill(0);
                continue;
            };
            let is_in = |byte: u8, span: Span| {
                u8::from((byte | span.or).wrapping_sub(span.first) <= span.length)
            };
            mask.iter_mut().zip(seen).for_each(|(is, byte)| *is = is_in(*byte, *first));
            for range in more {
                mask.iter_mut().zip(seen).for_each(|(is, byte)| *is |= is_in(*byte, *range));
            }
        }
        // All at once; what a shorter stretch lacks is its first class again.
        let at = |place: usize| {
            let (class, place) = self.places.get(place).map_or((0, 0), |class| (*class, place));
            masks.get(class).and_then(|mask| mask.get(place..place + BLOCK)).unwrap_or_default()
        };
        let classes = at(0).iter().zip(at(1)).zip(at(2).iter().zip(at(3)));
        let all = classes.map(|((one, two), (three, four))| one & two & three & four);
        found.iter_mut().zip(all).for_each(|(found, all)| *found = all);
    }
}

/// A way along the rows of a column.
pub struct Walk<'a> {
    column: &'a Texts,
    row: usize,
    /// Up to where the rows are decided.
    decided: usize,
}

impl<'a> Walk<'a> {
    /// From a row on.
    pub fn new(column: &'a Texts, row: usize) -> Self {
        Self { column, row, decided: column.place(row).start }
    }

    /// The row of so many bytes at `place`, if they are in one that is not decided. Places ascend.
    pub fn row_of(&mut self, place: usize, length: usize) -> Option<usize> {
        if place < self.decided {
            return None;
        }
        let ends = self.column.ends.get(self.row..)?;
        let over = |end: &u32| *end as usize <= place;
        // Mostly it is one of the next; to look at all of them is faster than to stop at one.
        let near = ends.first_chunk::<NEAR>();
        let near = near.map_or(NEAR, |near| near.iter().filter(|end| over(end)).count());
        self.row += if near < NEAR { near } else { ends.partition_point(over) };
        let end = *self.column.ends.get(self.row)? as usize;
        (place + length <= end).then_some(self.row)
    }

    /// That this row is decided; where the next one begins.
    pub fn decide(&mut self, row: usize) -> usize {
        self.decided = self.column.ends.get(row).map_or(self.decided, |end| *end as usize);
        self.decided
    }
}

/// How rare a stretch is, in bits: a line of a log has some 64 characters.
fn rarity(run: &[Set]) -> f32 {
    run.iter().map(|set| (64.0 / (set.count_ones() as f32).max(0.01)).log2().max(0.0)).sum()
}

fn spans(set: Set) -> Vec<Span> {
    let has = |byte: u8| set >> byte & 1 == 1;
    let mut spans: Vec<Span> = Vec::new();
    for byte in 0..128u8 {
        match spans.last_mut() {
            Some(Span { first, length, .. }) if has(byte) && *first + *length + 1 == byte => {
                *length += 1;
            }
            _ if has(byte) => spans.push(Span { or: 0, first: byte, length: 0 }),
            _ => {}
        }
    }
    // Letters that are there large and small are one.
    let small = |large: Span| Span { first: large.first + SMALL, ..large };
    let letters = |span: &Span| span.first >= b'A' && span.first + span.length <= b'Z';
    let both: Vec<Span> = spans
        .iter()
        .filter(|span| letters(span))
        .map(|span| small(*span))
        .filter(|span| spans.contains(span))
        .collect();
    let is_one = |span: Span| both.contains(&span) || letters(&span) && both.contains(&small(span));
    spans.retain(|span| !is_one(*span));
    spans.extend(both.into_iter().map(|span| Span { or: SMALL, ..span }));
    spans
}

/// What a piece of one byte may be, as far as it is ASCII; `None`: it is something else.
fn one(pattern: &Hir) -> Option<Set> {
    let span = |first: u32, last: u32| (first..=last.min(127)).fold(0, |set, at| set | 1 << at);
    match pattern.kind() {
        HirKind::Capture(capture) => one(&capture.sub),
        HirKind::Literal(literal) => match literal.0[..] {
            [byte] => Some(span(u32::from(byte), u32::from(byte))),
            _ => None,
        },
        HirKind::Class(Class::Unicode(class)) => Some(
            class.iter().fold(0, |set, range| set | span(range.start().into(), range.end().into())),
        ),
        HirKind::Class(Class::Bytes(class)) => Some(
            class.iter().fold(0, |set, range| set | span(range.start().into(), range.end().into())),
        ),
        _ => None,
    }
}

/// Runs of classes that each match has; the last one may go on.
fn gather(pattern: &Hir, runs: &mut Vec<Vec<Set>>) {
    let mut push = |set: Set, count: u32| {
        let count = (count as usize).min(LONGEST);
        if let Some(last) = runs.last_mut() {
            last.extend(std::iter::repeat_n(set, count));
        }
    };
    match pattern.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => {
            for byte in &literal.0 {
                // In a row that is all ASCII there is no other.
                push(if *byte < 128 { 1 << byte } else { 0 }, 1);
            }
        }
        HirKind::Class(_) => push(one(pattern).unwrap_or(0), 1),
        HirKind::Capture(capture) => gather(&capture.sub, runs),
        HirKind::Concat(parts) => parts.iter().for_each(|part| gather(part, runs)),
        HirKind::Repetition(repetition) => {
            let exact =
                repetition.max == Some(repetition.min) && repetition.min as usize <= LONGEST;
            match one(&repetition.sub) {
                Some(set) => {
                    push(set, repetition.min);
                    if !exact {
                        // The last of them are before what follows.
                        runs.push(Vec::new());
                        gather_again(set, repetition.min, runs);
                    }
                }
                None => {
                    runs.push(Vec::new());
                    if repetition.min > 0 {
                        gather(&repetition.sub, runs);
                        runs.push(Vec::new());
                    }
                }
            }
        }
        HirKind::Alternation(_) => runs.push(Vec::new()),
    }
}

fn gather_again(set: Set, count: u32, runs: &mut [Vec<Set>]) {
    if let Some(last) = runs.last_mut() {
        last.extend(std::iter::repeat_n(set, (count as usize).min(LONGEST)));
    }
}

/// The classes of which a match must consist at least, if there is nothing else to it: what is repeated at either end need not
/// be there more often than it must.
fn core(pattern: &Hir) -> Option<Vec<Set>> {
    let whole = std::slice::from_ref(pattern);
    let parts = match pattern.kind() {
        HirKind::Concat(parts) => parts.as_slice(),
        _ => whole,
    };
    let mut core = Vec::new();
    for (place, part) in parts.iter().enumerate() {
        let at_an_end = place == 0 || place + 1 == parts.len();
        match part.kind() {
            HirKind::Literal(literal) => {
                core.extend(literal.0.iter().map(|byte| if *byte < 128 { 1 << byte } else { 0 }));
            }
            HirKind::Repetition(repetition)
                if at_an_end || repetition.max == Some(repetition.min) =>
            {
                let count = (repetition.min as usize).min(LONGEST + 1);
                core.extend(std::iter::repeat_n(one(&repetition.sub)?, count));
            }
            _ => core.push(one(part)?),
        }
    }
    Some(core)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::bytes::Regex;

    use super::*;

    fn parsed(pattern: &str) -> Hir {
        regex_syntax::ParserBuilder::new().utf8(false).build().parse(pattern).unwrap()
    }

    /// The rows that a column of these texts is said to have.
    fn marked(pattern: &str, rows: &[String]) -> Option<Vec<bool>> {
        let stretch = Stretch::of(&parsed(pattern))?;
        let mut column = Texts { bytes: b"\x03abc".to_vec(), start: 4, ends: Vec::new() };
        rows.iter().for_each(|row| column.push(row.as_bytes()));
        let regex = Regex::new(pattern).unwrap();
        let mut hits = vec![false; rows.len()];
        stretch.mark(&column, 0, |row| regex.is_match(row), &mut hits);
        Some(hits)
    }

    fn expected(pattern: &str, rows: &[String]) -> Vec<bool> {
        let regex = Regex::new(pattern).unwrap();
        rows.iter().map(|row| regex.is_match(row.as_bytes())).collect()
    }

    #[test]
    fn an_expression_is_its_stretch_or_has_one() {
        let known = |pattern: &str| {
            Stretch::of(&parsed(pattern))
                .map(|stretch| (stretch.places.len(), stretch.means == Means::Match))
        };
        assert_eq!(known(r"[a-f]{3}\d+"), Some((4, true)));
        assert_eq!(known(r"x*[a-f]{3}\d*"), Some((3, true)), "the ends need not be there");
        assert_eq!(known(r"[g-k]{3}\d{9}"), Some((4, false)), "it is longer");
        assert_eq!(known(r"\b[a-f]{3}\d+"), Some((4, false)), "what is before it matters");
        assert_eq!(known(r"(a|bc)[0-9]x+[;,]"), Some((2, false)));
        assert_eq!(known(r"\d{3}"), Some((3, true)));
        assert_eq!(known(r"\d"), None, "nearly every line has it");
        assert_eq!(known(r"\w+ \w+"), None);
        assert_eq!(known(r"(one|two)+"), None);
        assert_eq!(known(".*"), None);
        assert_eq!(known(""), None);
    }

    #[test]
    fn rows_are_found_over_the_edges_of_blocks_and_not_over_those_of_rows() {
        let mut rows: Vec<String> = Vec::new();
        for n in 0..3_000 {
            rows.push("x".repeat(n % 7));
            rows.push(if n % 3 == 0 { "ab".into() } else { "9ab".into() });
            rows.push(if n % 5 == 0 { "c17".into() } else { "ac1 é".into() });
        }
        rows.push("abc17".to_owned());
        rows.push("é abc1".to_owned());
        rows.push("abc".to_owned());
        for pattern in [r"[a-f]{3}\d+", r"[a-f]{2}c[0-9]", r"\d[a-f]{2}$", r"9[^x]b", "(?i)AB[C]1"]
        {
            assert_eq!(marked(pattern, &rows).unwrap(), expected(pattern, &rows), "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn it_finds_what_the_expression_finds(
            pieces in prop::collection::vec(prop::sample::select(vec![
                "[a-c]", "b", r"\d", "[^ab]", ".", "é", "[é-ü]", "(?i:k)", r"\w", "(a|b)", "(ab|c)", "[ab]{2}", r"\d{2,}", "c+", "a*", "(ab)+",
                r"\b", "^", "$", " ",
            ]), 1..6),
            rows in prop::collection::vec("[abcK1 é]{0,9}", 0..40),
        ) {
            let pattern = pieces.concat();
            if let Some(found) = marked(&pattern, &rows) {
                prop_assert_eq!(found, expected(&pattern, &rows), "{}", pattern);
            }
        }
    }
}
