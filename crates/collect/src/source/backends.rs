//! The way from a load balancer's source to the probes that follow it: who is behind which balancer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use vigie_model::{Name, SourceName};

/// A server behind a load balancer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Backend {
    /// Where it listens, `host:port`.
    pub address: Name,
    /// What it is there for: the balancer's name of the group.
    pub role: Name,
}

/// What every balancer said last; cheap to clone, and shared by all sources of one Vigie.
#[derive(Debug, Clone, Default)]
pub struct Backends(Arc<Mutex<BTreeMap<SourceName, Vec<Backend>>>>);

impl Backends {
    /// What a balancer says now.
    pub(crate) fn tell(&self, source: &SourceName, mut backends: Vec<Backend>) {
        backends.sort();
        backends.dedup_by(|one, other| one.address == other.address);
        self.known().insert(source.clone(), backends);
    }

    /// Who is behind a balancer; `None` when it has not said so yet.
    pub(crate) fn of(&self, source: &SourceName) -> Option<Vec<Backend>> {
        self.known().get(source).cloned()
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<SourceName, Vec<Backend>>> {
        // A panic elsewhere cannot leave a map half-changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
