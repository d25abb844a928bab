//! Which series there are, and which of them are wanted: in memory, made anew from the registry at each start.

mod postings;
mod symbols;

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use roaring::RoaringBitmap;
use vigie_model::{Label, Labels};

use crate::matcher::Matcher;
use postings::Postings;
use symbols::{Symbol, Symbols};

/// All series by number and by labels.
#[derive(Debug, Default)]
pub struct Index {
    symbols: Symbols,
    series: HashMap<u32, Box<[(Symbol, Symbol)]>>,
    /// By a hash of the labels; where two series share one, the later is under the next free number.
    by_labels: HashMap<u64, u32>,
    hasher: RandomState,
    postings: Postings,
    all: RoaringBitmap,
    next: u32,
}

impl Index {
    /// How many series.
    #[must_use]
    pub fn len(&self) -> usize {
        self.series.len()
    }

    /// The number that the next series gets.
    #[must_use]
    pub fn next(&self) -> u32 {
        self.next
    }

    /// Numbers below this are not given away any more.
    pub fn reserve(&mut self, below: u32) {
        self.next = self.next.max(below);
    }

    /// The numbers of all series.
    #[must_use]
    pub fn all(&self) -> &RoaringBitmap {
        &self.all
    }

    /// The number of a series that is known.
    #[must_use]
    pub fn find(&self, labels: &Labels) -> Option<u32> {
        let mut place = self.hasher.hash_one(labels);
        loop {
            let id = *self.by_labels.get(&place)?;
            if self.is(id, labels) {
                return Some(id);
            }
            place = place.wrapping_add(1);
        }
    }

    fn is(&self, id: u32, labels: &Labels) -> bool {
        self.series.get(&id).is_some_and(|pairs| {
            pairs.len() == labels.len()
                && pairs.iter().zip(labels).all(|((name, value), label)| {
                    **self.symbols.text(*name) == *label.name
                        && **self.symbols.text(*value) == *label.value
                })
        })
    }

    /// Adds a series that [`Self::find`] does not find, with a number of its own.
    pub fn add(&mut self, labels: &Labels) -> u32 {
        let id = self.next;
        self.insert(id, labels);
        id
    }

    /// Adds a series whose number is known. One that is there already, by number or labels, is left as it is.
    pub fn insert(&mut self, id: u32, labels: &Labels) {
        self.reserve(id.saturating_add(1));
        if self.series.contains_key(&id) || self.find(labels).is_some() {
            return;
        }
        let pair = |label: &Label| (self.symbols.add(&label.name), self.symbols.add(&label.value));
        let pairs: Box<[(Symbol, Symbol)]> = labels.iter().map(pair).collect();
        for (name, value) in &pairs {
            self.postings.add(*name, *value, id);
        }
        let mut place = self.hasher.hash_one(labels);
        while self.by_labels.contains_key(&place) {
            place = place.wrapping_add(1);
        }
        self.by_labels.insert(place, id);
        self.series.insert(id, pairs);
        self.all.insert(id);
    }

    /// The labels of a series.
    #[must_use]
    pub fn labels(&self, id: u32) -> Option<Labels> {
        let label = |(name, value): &(Symbol, Symbol)| Label {
            name: self.symbols.text(*name).clone(),
            value: self.symbols.text(*value).clone(),
        };
        Some(Labels::from_sorted(self.series.get(&id)?.iter().map(label)))
    }

    /// The series that match all of `matchers`.
    #[must_use]
    pub fn select(&self, matchers: &[Matcher]) -> RoaringBitmap {
        self.postings.select(&self.symbols, &self.series, &self.all, matchers)
    }

    /// The names of the labels of these series.
    #[must_use]
    pub fn names(&self, of: &RoaringBitmap) -> Vec<String> {
        self.postings.names(of).map(|name| self.symbols.text(name).to_string()).collect()
    }

    /// The values of a label of these series.
    #[must_use]
    pub fn values(&self, name: &str, of: &RoaringBitmap) -> Vec<String> {
        let Some(name) = self.symbols.find(name) else { return Vec::new() };
        self.postings.values(name, of).map(|value| self.symbols.text(value).to_string()).collect()
    }

    /// The same index with only these series: what others left behind is gone from memory.
    #[must_use]
    pub fn retained(&self, keep: &RoaringBitmap) -> Self {
        let mut next = Self { next: self.next, ..Self::default() };
        for id in keep & &self.all {
            if let Some(labels) = self.labels(id) {
                next.insert(id, &labels);
            }
        }
        next
    }
}

#[cfg(test)]
mod tests;
