//! Series by the bytes with which a sender names them, so that labels of a known series need not be read again.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};
use std::sync::{PoisonError, RwLockReadGuard};

use xxhash_rust::xxh3::xxh3_128_with_seed;

use crate::sample::SeriesHandle;
use crate::store::Store;

/// As many names are kept, in some 16 MB.
const MOST: usize = 400_000;

/// What stands for a name: 128 bits of which nobody outside knows the seed. By chance no two names ever share them, and
/// who found two that do could as well write to both series under their own names.
#[derive(PartialEq, Eq)]
struct Fingerprint([u64; 2]);

impl Hash for Fingerprint {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0[0]);
    }
}

/// A hash that is one already.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// Names and their series.
pub(crate) struct Names {
    series: HashMap<Fingerprint, u32, BuildHasherDefault<AsItIs>>,
    seed: u64,
    most: usize,
}

impl Default for Names {
    fn default() -> Self {
        let seed = RandomState::new().hash_one(0);
        Self { series: HashMap::default(), seed, most: MOST }
    }
}

impl Names {
    fn fingerprint(&self, name: &[u8]) -> Fingerprint {
        let bits = xxh3_128_with_seed(name, self.seed);
        Fingerprint([bits as u64, (bits >> 64) as u64])
    }

    fn find(&self, name: &[u8]) -> Option<u32> {
        self.series.get(&self.fingerprint(name)).copied()
    }

    /// Of two series with one name, the first has it.
    fn add(&mut self, name: &[u8], id: u32) {
        if self.series.len() < self.most {
            self.series.entry(self.fingerprint(name)).or_insert(id);
        }
    }

    /// Forgets all names.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Makes room when there is little, for those that are in use.
    pub(crate) fn renew(&mut self) {
        if self.series.len() > self.most / 4 * 3 {
            self.clear();
        }
    }
}

/// The names that are known; while it is there, none is added.
pub struct KnownNames<'a>(RwLockReadGuard<'a, Names>);

impl KnownNames<'_> {
    /// The series to which exactly these bytes were given by [`Store::name`].
    #[must_use]
    pub fn find(&self, name: &[u8]) -> Option<SeriesHandle> {
        self.0.find(name).map(SeriesHandle)
    }
}

impl Store {
    /// The names that are known.
    #[must_use]
    pub fn names(&self) -> KnownNames<'_> {
        KnownNames(self.0.names.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on these bytes are a name of the series: whatever a sender calls it, as long as nothing else is called
    /// so. Kept as long as the series is known and there is room; a name that is lost is given again.
    pub fn name<'a>(&self, names: impl IntoIterator<Item = (&'a [u8], SeriesHandle)>) {
        let mut names = names.into_iter().peekable();
        if names.peek().is_none() {
            return;
        }
        let mut all = self.0.names.write().unwrap_or_else(PoisonError::into_inner);
        // A series that is forgotten meanwhile must not come back by its name.
        let index = self.0.known.index();
        for (name, series) in names {
            if index.all().contains(series.0) {
                all.add(name, series.0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_by_all_of_its_bytes() {
        let mut names = Names::default();
        for id in 0..1000u32 {
            names.add(format!("series {id}").as_bytes(), id);
        }
        names.add(b"", 1000);
        for id in 0..1000u32 {
            assert_eq!(names.find(format!("series {id}").as_bytes()), Some(id));
        }
        assert_eq!(
            (names.find(b""), names.find(b"series"), names.find(b"series 1000")),
            (Some(1000), None, None)
        );
        names.add(b"series 7", 9);
        assert_eq!(names.find(b"series 7"), Some(7));
        names.clear();
        assert_eq!(names.find(b"series 7"), None);
    }

    #[test]
    fn they_are_no_more_than_they_may_be() {
        let mut names = Names { most: 20, ..Names::default() };
        for id in 0..1000u32 {
            names.add(&[id as u8; 42], id);
        }
        assert_eq!((names.series.len(), names.find(&[19; 42])), (20, Some(19)));
        assert_eq!(names.find(&[20; 42]), None);
        names.renew();
        assert_eq!(names.find(&[19; 42]), None);
    }
}
