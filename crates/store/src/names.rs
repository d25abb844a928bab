//! Series by the bytes with which a sender names them, so that labels of a known series need not be read again.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};
use std::sync::{PoisonError, RwLockReadGuard};

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::sample::SeriesHandle;
use crate::store::Store;

/// All names take at most this many bytes; more are not kept.
const MOST_BYTES: usize = 16 << 20;
/// Before a name: the series' number and the name's length.
const HEAD: usize = 8;

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

/// Names and their series, in one buffer.
pub(crate) struct Names {
    bytes: Vec<u8>,
    /// Where in `bytes` the name with this hash is. Of two with one hash, the first.
    places: HashMap<u64, u32, BuildHasherDefault<AsItIs>>,
    /// Nobody outside can tell which names have one hash.
    seed: u64,
    most: usize,
}

impl Default for Names {
    fn default() -> Self {
        let seed = RandomState::new().hash_one(0);
        Self { bytes: Vec::new(), places: HashMap::default(), seed, most: MOST_BYTES }
    }
}

impl Names {
    fn find(&self, name: &[u8]) -> Option<u32> {
        let place = *self.places.get(&xxh3_64_with_seed(name, self.seed))?;
        let kept = self.bytes.get(place as usize..)?;
        let (id, kept) = kept.split_first_chunk::<4>()?;
        let (length, kept) = kept.split_first_chunk::<4>()?;
        let same = kept.get(..u32::from_le_bytes(*length) as usize)? == name;
        same.then_some(u32::from_le_bytes(*id))
    }

    fn add(&mut self, name: &[u8], id: u32) {
        let (place, length) = (self.bytes.len(), name.len());
        if place + HEAD + length > self.most {
            return;
        }
        let (Ok(place), Ok(length)) = (u32::try_from(place), u32::try_from(length)) else { return };
        if let std::collections::hash_map::Entry::Vacant(entry) =
            self.places.entry(xxh3_64_with_seed(name, self.seed))
        {
            entry.insert(place);
            self.bytes.extend_from_slice(&id.to_le_bytes());
            self.bytes.extend_from_slice(&length.to_le_bytes());
            self.bytes.extend_from_slice(name);
        }
    }

    /// Forgets all names.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Makes room when there is little, for those that are in use.
    pub(crate) fn renew(&mut self) {
        if self.bytes.len() > self.most / 4 * 3 {
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
    fn two_names_with_one_hash_are_told_apart() {
        let mut names = Names::default();
        names.add(b"one", 1);
        let hash = |names: &Names, name: &[u8]| xxh3_64_with_seed(name, names.seed);
        let place = names.places[&hash(&names, b"one")];
        let other = hash(&names, b"another");
        names.places.insert(other, place);
        assert_eq!(names.find(b"another"), None);
        names.add(b"another", 2);
        assert_eq!((names.find(b"one"), names.find(b"another")), (Some(1), None));
    }

    #[test]
    fn they_take_no_more_than_they_may() {
        let mut names = Names { most: 1000, ..Names::default() };
        for id in 0..1000u32 {
            names.add(&[id as u8; 42], id);
        }
        assert!(names.bytes.len() <= 1000 && names.find(&[19; 42]) == Some(19));
        assert_eq!(names.find(&[20; 42]), None);
        names.renew();
        assert_eq!(names.find(&[19; 42]), None);
    }
}
