//! Which series have a label, and which have it with a value.

use std::collections::HashMap;

use roaring::{MultiOps, RoaringBitmap};

use super::symbols::{Symbol, Symbols};
use crate::matcher::{MatchOp, Matcher};

/// One label name.
#[derive(Debug, Default)]
struct Name {
    series: RoaringBitmap,
    /// Its values: what a wide regular expression walks, instead of all pairs there are.
    values: HashMap<Symbol, RoaringBitmap>,
}

/// All label names.
#[derive(Debug, Default)]
pub struct Postings {
    names: HashMap<Symbol, Name>,
}

type Pairs = HashMap<u32, Box<[(Symbol, Symbol)]>>;

impl Postings {
    /// A series has this label.
    pub fn add(&mut self, name: Symbol, value: Symbol, id: u32) {
        let name = self.names.entry(name).or_default();
        name.series.insert(id);
        name.values.entry(value).or_default().insert(id);
    }

    /// The series that match all of `matchers`.
    pub fn select(
        &self,
        symbols: &Symbols,
        series: &Pairs,
        all: &RoaringBitmap,
        matchers: &[Matcher],
    ) -> RoaringBitmap {
        let mut found: Option<RoaringBitmap> = None;
        // Equality narrows most and costs least.
        let (cheap, dear): (Vec<&Matcher>, Vec<&Matcher>) = matchers
            .iter()
            .partition(|matcher| matcher.op() == MatchOp::Equal && !matcher.value().is_empty());
        for matcher in cheap {
            let with = self.with_value(symbols, matcher.name(), matcher.value());
            let next = match (found, with) {
                (_, None) => return RoaringBitmap::new(),
                (None, Some(with)) => with.clone(),
                (Some(found), Some(with)) => found & with,
            };
            found = Some(next);
        }
        let mut found = found.unwrap_or_else(|| all.clone());
        for matcher in dear {
            if found.is_empty() {
                break;
            }
            self.narrow(symbols, series, matcher, &mut found);
        }
        found
    }

    fn with_value(&self, symbols: &Symbols, name: &str, value: &str) -> Option<&RoaringBitmap> {
        self.names.get(&symbols.find(name)?)?.values.get(&symbols.find(value)?)
    }

    fn narrow(
        &self,
        symbols: &Symbols,
        series: &Pairs,
        matcher: &Matcher,
        found: &mut RoaringBitmap,
    ) {
        let absent = matcher.matches("");
        let name =
            symbols.find(matcher.name()).and_then(|name| Some((name, self.names.get(&name)?)));
        let Some((symbol, name)) = name else {
            if !absent {
                found.clear();
            }
            return;
        };
        let mut wanted = if absent { &*found - &name.series } else { RoaringBitmap::new() };
        let with = &*found & &name.series;
        if let Some(values) = alternatives(matcher) {
            let each = values.filter_map(|value| name.values.get(&symbols.find(value)?));
            wanted |= each.union() & with;
        } else if with.len() < name.values.len() as u64 {
            // Few series left: look at what they have.
            let mut known: HashMap<Symbol, bool> = HashMap::new();
            for id in with {
                let pairs = series.get(&id).into_iter().flatten();
                let Some((_, value)) = pairs.into_iter().find(|pair| pair.0 == symbol) else {
                    continue;
                };
                if *known.entry(*value).or_insert_with(|| matcher.matches(symbols.text(*value))) {
                    wanted.insert(id);
                }
            }
        } else {
            let matching =
                name.values.iter().filter(|(value, _)| matcher.matches(symbols.text(**value)));
            wanted |= matching.map(|(_, series)| series).union() & with;
        }
        *found = wanted;
    }

    /// The names of the labels of these series.
    pub fn names<'a>(&'a self, of: &'a RoaringBitmap) -> impl Iterator<Item = Symbol> + 'a {
        self.names.iter().filter(|(_, name)| !name.series.is_disjoint(of)).map(|(name, _)| *name)
    }

    /// The values of a label of these series.
    pub fn values<'a>(
        &'a self,
        name: Symbol,
        of: &'a RoaringBitmap,
    ) -> impl Iterator<Item = Symbol> + 'a {
        let values = self.names.get(&name).into_iter().flat_map(|name| &name.values);
        values.filter(|(_, series)| !series.is_disjoint(of)).map(|(value, _)| *value)
    }
}

/// The values of `a|b|c`, which need no regular expression.
fn alternatives(matcher: &Matcher) -> Option<impl Iterator<Item = &str>> {
    let plain = matcher.op() == MatchOp::Regex
        && !matcher.value().is_empty()
        && matcher
            .value()
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '/' | ':' | '|' | ' '));
    plain.then(|| matcher.value().split('|').filter(|value| !value.is_empty()))
}
