//! What the shape of a line says of a search for a text, whatever else is in the line: an automaton is led along the shape, and
//! where a line has something of its own through all that may be there.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::start;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{
    Capture, Class, ClassBytes, ClassBytesRange, ClassUnicode, ClassUnicodeRange, Hir, HirKind,
    Look, Repetition,
};

use super::shape::{Piece, pieces};

/// Memory of an automaton, at most, and while it is made; an expression that needs more is looked for in the lines.
const MOST_BYTES: usize = 1 << 20;
/// States of an automaton, at most.
const MOST_STATES: usize = 1 << 12;
/// Of so many states what two digits lead to is known at once.
const FEW_STATES: usize = 64;
/// Shapes of which the verdict is remembered.
const REMEMBERED: usize = 1 << 14;
/// Digits that a decimal number has at most.
const MOST_DECIMALS: usize = 20;

/// ASCII characters.
const CHARACTERS: usize = 128;
/// A state of an automaton. In these two it stays: it was found, and it cannot be found any more.
type State = u16;
const FOUND: State = 0;
const LOST: State = 1;
const START: State = 2;

/// What the shape of lines says of a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// All of them have it.
    All,
    /// None of them has it.
    None,
    /// What they have of their own decides, from this piece of the shape on, which all reach in this state.
    Own(usize, State),
    /// They must be looked at.
    Look,
}

/// Judges shapes by a regular expression.
#[derive(Debug, Clone)]
pub struct Judge(Arc<Table>);

/// An automaton for ASCII.
#[derive(Debug)]
struct Table {
    /// By state and character.
    next: Vec<State>,
    /// By state and two digits of hexadecimal; empty where there are many states.
    pairs: Vec<State>,
    /// Which states find it where the line ends.
    ends: Vec<bool>,
    known: Mutex<HashMap<Arc<str>, Verdict>>,
}

impl Judge {
    /// Of an expression as the search has it; `None` where it needs too large an automaton.
    pub fn new(pattern: &str) -> Option<Self> {
        let parsed = ParserBuilder::new().utf8(false).build().parse(pattern).ok()?;
        let limits = thompson::Config::new()
            .utf8(false)
            .nfa_size_limit(Some(MOST_BYTES))
            .which_captures(thompson::WhichCaptures::None);
        let nfa =
            thompson::Compiler::new().configure(limits).build_from_hir(&ascii(&parsed)).ok()?;
        let config = dense::Config::new()
            .start_kind(StartKind::Unanchored)
            .accelerate(false)
            .dfa_size_limit(Some(MOST_BYTES))
            .determinize_size_limit(Some(MOST_BYTES));
        let automaton = dense::Builder::new().configure(config).build_from_nfa(&nfa).ok()?;
        Table::of(&automaton).map(|table| Self(Arc::new(table)))
    }

    /// What holds for all lines of a shape.
    pub fn verdict(&self, shape: &Arc<str>) -> Verdict {
        let known = || self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(verdict) = known().get(shape) {
            return *verdict;
        }
        let verdict = self.0.judge(shape.as_bytes()).unwrap_or(Verdict::Look);
        let mut known = known();
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(shape.clone(), verdict);
        verdict
    }

    /// Leads so many lines on from a state.
    pub fn follow(&self, state: State, lines: usize) -> Followed<'_> {
        Followed { table: &self.0, states: vec![state; lines] }
    }
}

impl Table {
    fn of(automaton: &dense::DFA<Vec<u32>>) -> Option<Self> {
        let start = automaton.start_state(&start::Config::new()).ok()?;
        let mut known = HashMap::from([(start, START)]);
        let mut todo = vec![start];
        let mut next = vec![FOUND; CHARACTERS];
        next.resize(2 * CHARACTERS, LOST);
        let mut ends = vec![true, false];
        let mut at = 0;
        while let Some(state) = todo.get(at).copied() {
            at += 1;
            for byte in 0..CHARACTERS as u8 {
                let to = automaton.next_state(state, byte);
                next.push(match known.get(&to) {
                    _ if automaton.is_match_state(to) => FOUND,
                    _ if automaton.is_dead_state(to) => LOST,
                    Some(known) => *known,
                    None => {
                        todo.push(to);
                        let number = START + todo.len() as State - 1;
                        known.insert(to, number);
                        number
                    }
                });
            }
            ends.push(automaton.is_match_state(automaton.next_eoi_state(state)));
            if todo.len() > MOST_STATES {
                return None;
            }
        }
        let mut table = Self { next, pairs: Vec::new(), ends, known: Mutex::default() };
        if table.ends.len() <= FEW_STATES {
            let states = 0..table.ends.len() as State;
            let pairs = states.flat_map(|state| (0..=255u8).map(move |pair| (state, pair)));
            table.pairs = pairs
                .map(|(state, pair)| table.digit(table.digit(state, pair >> 4), pair & 15))
                .collect();
        }
        Some(table)
    }

    #[inline]
    fn step(&self, state: State, byte: u8) -> State {
        let place = usize::from(state) * CHARACTERS + usize::from(byte);
        self.next.get(place).copied().unwrap_or(LOST)
    }

    fn text(&self, state: State, text: &[u8]) -> State {
        text.iter().fold(state, |state, byte| self.step(state, *byte))
    }

    #[inline]
    fn digit(&self, state: State, digit: u8) -> State {
        self.step(state, if digit < 10 { b'0' + digit } else { b'a' - 10 + digit })
    }

    /// The last so many digits of a number in hexadecimal.
    #[inline]
    fn digits(&self, mut state: State, number: u64, count: usize) -> State {
        let mut left = count;
        while left > 0 && (!left.is_multiple_of(2) || self.pairs.is_empty()) {
            left -= 1;
            state = self.digit(state, (number >> (4 * left)) as u8 & 15);
        }
        while left > 0 {
            left -= 2;
            let place = usize::from(state) * 256 + usize::from((number >> (4 * left)) as u8);
            state = self.pairs.get(place).copied().unwrap_or(LOST);
        }
        state
    }

    /// `None`: nothing can be said.
    fn judge(&self, shape: &[u8]) -> Option<Verdict> {
        if !shape.is_ascii() {
            return None;
        }
        let decimals = b'0'..=b'9';
        let digits: Vec<u8> = decimals.clone().chain(b'a'..=b'f').collect();
        let letters: Vec<u8> = decimals.clone().chain(b'a'..=b'z').chain(b'A'..=b'Z').collect();
        let decimals: Vec<u8> = decimals.collect();
        let mut states = States { table: self, now: vec![START], found: false, lost: false };
        let mut open = Verdict::Own(0, START);
        for (place, piece) in pieces(shape).enumerate() {
            // Whatever was before, it makes no difference from here on.
            if let ([state], false, false) = (&states.now[..], states.found, states.lost) {
                open = Verdict::Own(place, *state);
            }
            match piece? {
                Piece::Text(text) => states.text(text),
                Piece::Decimal => states.repeat(&decimals, MOST_DECIMALS),
                Piece::Digits(count) => (0..count).for_each(|_| states.step(&digits)),
                Piece::Word => states.repeat(&letters, usize::MAX),
                Piece::Any => return None,
            }
        }
        states.end();
        Some(match (states.found, states.lost) {
            (true, false) => Verdict::All,
            (false, _) => Verdict::None,
            (true, true) => open,
        })
    }
}

/// States in which an automaton may be.
struct States<'a> {
    table: &'a Table,
    now: Vec<State>,
    /// Some lines have it.
    found: bool,
    /// Some lines cannot have it any more.
    lost: bool,
}

impl States<'_> {
    fn add(&mut self, state: State) {
        match state {
            FOUND => self.found = true,
            LOST => self.lost = true,
            state => self.now.push(state),
        }
    }

    fn text(&mut self, text: &[u8]) {
        for state in std::mem::take(&mut self.now) {
            self.add(self.table.text(state, text));
        }
        self.now.sort_unstable();
        self.now.dedup();
    }

    /// One byte further, of these.
    fn step(&mut self, bytes: &[u8]) {
        for state in std::mem::take(&mut self.now) {
            bytes.iter().for_each(|byte| self.add(self.table.step(state, *byte)));
        }
        self.now.sort_unstable();
        self.now.dedup();
    }

    /// One of these bytes, or up to so many.
    fn repeat(&mut self, bytes: &[u8], most: usize) {
        let mut all: BTreeSet<State> = BTreeSet::new();
        for _ in 0..most {
            self.step(bytes);
            self.now.retain(|state| all.insert(*state));
            if self.now.is_empty() {
                break;
            }
        }
        self.now = all.into_iter().collect();
    }

    fn end(&mut self) {
        for state in std::mem::take(&mut self.now) {
            match self.table.ends.get(usize::from(state)) {
                Some(true) => self.found = true,
                _ => self.lost = true,
            }
        }
    }
}

/// Lines of one shape, each in a state: piece by piece, so that the processor is busy with several lines at once.
pub struct Followed<'a> {
    table: &'a Table,
    states: Vec<State>,
}

impl Followed<'_> {
    /// Past a text that all have.
    pub fn text(&mut self, text: &[u8]) {
        const UNKNOWN: State = State::MAX;
        let mut after = vec![UNKNOWN; self.table.ends.len()];
        for state in &mut self.states {
            let Some(known) = after.get_mut(usize::from(*state)) else { continue };
            if *known == UNKNOWN {
                *known = self.table.text(*state, text);
            }
            *state = *known;
        }
    }

    /// Past a number in hexadecimal of so many digits.
    pub fn digits(&mut self, numbers: &[u64], count: usize) {
        for (state, number) in self.states.iter_mut().zip(numbers) {
            *state = self.table.digits(*state, *number, count);
        }
    }

    /// Past a decimal number.
    pub fn decimals(&mut self, numbers: &[u64]) {
        for (state, number) in self.states.iter_mut().zip(numbers) {
            // As digits of hexadecimal, which are the same signs.
            let (mut rest, mut digits, mut count) = (*number, 0u128, 0);
            loop {
                digits |= u128::from(rest % 10) << (4 * count);
                (rest, count) = (rest / 10, count + 1);
                if rest == 0 {
                    break;
                }
            }
            if count > 16 {
                *state = self.table.digits(*state, (digits >> 64) as u64, count - 16);
            }
            *state = self.table.digits(*state, digits as u64, count.min(16));
        }
    }

    /// Past what each has.
    pub fn texts<'t>(&mut self, texts: impl Iterator<Item = &'t [u8]>) {
        for (state, text) in self.states.iter_mut().zip(texts) {
            *state = self.table.text(*state, text);
        }
    }

    /// Which lines have it.
    pub fn end(self) -> Vec<bool> {
        let ends = &self.table.ends;
        self.states.iter().map(|state| ends.get(usize::from(*state)) == Some(&true)).collect()
    }
}

/// The same expression for texts that are ASCII: of what is beyond there is nothing, and words are those of ASCII.
fn ascii(pattern: &Hir) -> Hir {
    match pattern.kind() {
        HirKind::Empty => Hir::empty(),
        HirKind::Literal(literal) => Hir::literal(literal.0.clone()),
        HirKind::Class(Class::Unicode(class)) => {
            let mut class = class.clone();
            class.intersect(&ClassUnicode::new([ClassUnicodeRange::new('\0', '\x7f')]));
            Hir::class(Class::Unicode(class))
        }
        HirKind::Class(Class::Bytes(class)) => {
            let mut class = class.clone();
            class.intersect(&ClassBytes::new([ClassBytesRange::new(0, 0x7f)]));
            Hir::class(Class::Bytes(class))
        }
        HirKind::Look(look) => Hir::look(match look {
            Look::WordUnicode => Look::WordAscii,
            Look::WordUnicodeNegate => Look::WordAsciiNegate,
            Look::WordStartUnicode => Look::WordStartAscii,
            Look::WordEndUnicode => Look::WordEndAscii,
            Look::WordStartHalfUnicode => Look::WordStartHalfAscii,
            Look::WordEndHalfUnicode => Look::WordEndHalfAscii,
            look => *look,
        }),
        HirKind::Repetition(repetition) => Hir::repetition(Repetition {
            sub: Box::new(ascii(&repetition.sub)),
            ..repetition.clone()
        }),
        HirKind::Capture(capture) => {
            Hir::capture(Capture { sub: Box::new(ascii(&capture.sub)), ..capture.clone() })
        }
        HirKind::Concat(parts) => Hir::concat(parts.iter().map(ascii).collect()),
        HirKind::Alternation(parts) => Hir::alternation(parts.iter().map(ascii).collect()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::shape::{Own, take_apart};
    use super::*;

    fn shape(line: &str) -> Arc<str> {
        let (mut shape, mut own) = (Vec::new(), Own::default());
        assert!(take_apart(line.as_bytes(), 0..line.len(), &mut shape, &mut own));
        String::from_utf8(shape).unwrap().into()
    }

    const SOME: Verdict = Verdict::Own(0, START);

    #[test]
    fn shapes_are_judged() {
        let line = shape("job 9f1c2a34aa00b1c2 finished in 40ms trace=01234567");
        for (pattern, verdict) in [
            ("job", Verdict::All),
            ("(?i)JOB", Verdict::All),
            ("retry", Verdict::None),
            ("40ms", SOME),
            (r"job [0-9a-f]+ \w+", Verdict::All),
            (r"[g-k]{3}\d", Verdict::None),
            (r"[a-f]{3}\d+", SOME),
            (r"^job .*\d$", SOME),
            (r"^job .*ms\b", Verdict::All),
            (r"\b\d{4}ms", SOME),
            ("^acked", Verdict::None),
            ("", Verdict::All),
            ("é", Verdict::None),
            ("x{0}$", Verdict::All),
        ] {
            let found = Judge::new(pattern).unwrap().verdict(&line);
            let found = if matches!(found, Verdict::Own(..)) { SOME } else { found };
            assert_eq!(found, verdict, "{pattern}");
        }
        assert_eq!(Judge::new("é").unwrap().verdict(&"job é".into()), Verdict::Look);
        // Of what is before the last number nothing matters.
        let open = Judge::new(r"^job .*\d$").unwrap().verdict(&line);
        assert!(matches!(open, Verdict::Own(6, _)), "{open:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn a_verdict_is_what_the_expression_says(
            pattern in prop_oneof![
                "(job|[a-f]{1,3}|[0-9]{1,3}|\\\\d|\\\\w|\\\\b|\\^|\\$|\\.\\*|-|k|(?i:AB1)|é|\\[\\^a\\]|x\\?| ){1,4}",
                "[ab0-9jo]{1,3}",
            ],
            line in "(job|[0-9a-f]{8}|[0-9]{1,5}|[a-z0-9]{7,9}|-| |ab|k|é){0,6}",
        ) {
            let Ok(regex) = regex::bytes::Regex::new(&pattern) else { return Ok(()) };
            let verdict = Judge::new(&pattern).unwrap().verdict(&shape(&line));
            match regex.is_match(line.as_bytes()) {
                true => prop_assert_ne!(verdict, Verdict::None),
                false => prop_assert_ne!(verdict, Verdict::All),
            }
        }
    }
}
