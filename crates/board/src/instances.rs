//! What is known of the instances of each source, and what their sources say together.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use vigie_model::{
    Instance, InstanceKey, InstanceStatus, InstancesReading, Name, SourceName, Summary, Time,
};

use crate::window::Window;

/// So many starts of one instance are told apart.
const MOST_BOOTS: usize = 16;

/// The instances of all sources.
#[derive(Debug, Default)]
pub(crate) struct InstancesState {
    sources: BTreeMap<SourceName, BTreeMap<InstanceKey, State>>,
    /// Those that had instances once.
    had_some: BTreeSet<SourceName>,
    /// What balancers and probes say of each address, newest.
    words: BTreeMap<Name, Words>,
    /// What each calls itself, by that and by its process.
    names: BTreeMap<Name, Name>,
}

#[derive(Debug)]
struct State {
    instance: Instance,
    at: Time,
    /// Since when it has this status.
    since: Time,
    /// How often it began anew while it was watched; `None` where its source does not tell one start from another.
    restarts: Option<u64>,
    /// The starts that are known: behind one address may be several processes, which answer by turns.
    boots: VecDeque<Name>,
    latency: Window,
}

/// What is said of one address.
#[derive(Debug, Default, Clone)]
struct Words {
    name: Option<Name>,
    balancer: Option<Word>,
    probe: Option<Word>,
}

#[derive(Debug, Clone)]
struct Word {
    source: SourceName,
    status: InstanceStatus,
    word: Name,
    error: Option<String>,
}

/// What happened to instances by a reading.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub joined: Vec<Instance>,
    pub left: Vec<Instance>,
    pub down: Vec<Instance>,
    pub up: Vec<Instance>,
    /// Those that began anew, each with its version, or with both where it has another one.
    pub restarted: Vec<(Instance, Option<String>)>,
}

/// An instance as it is now.
#[derive(Debug, Clone)]
pub struct InstanceView<'a> {
    /// The source that sees it.
    pub source: &'a SourceName,
    /// What that source said last.
    pub instance: &'a Instance,
    /// When, on Vigie's clock.
    pub seen: Time,
    /// Its source is stale: nobody knows how it is now.
    pub stale: bool,
    /// How it is, everything that is known together.
    pub status: InstanceStatus,
    /// Since when its source sees it so.
    pub since: Time,
    /// What it calls itself, also when it told another source.
    pub name: Option<&'a Name>,
    /// The load balancer's word, also when another source says it.
    pub balancer: Option<&'a Name>,
    /// The probe's word, also when another source says it.
    pub probe: Option<&'a Name>,
    /// The balancer says up and the probe down, or the reverse.
    pub disagree: bool,
    /// What is wrong, in the words of who found it.
    pub error: Option<String>,
    /// Latencies of the last five minutes.
    pub latency: Summary,
    /// How often it began anew while it was watched; `None` where nobody tells.
    pub restarts: Option<u64>,
}

impl InstanceView<'_> {
    /// What people know it by: what its source calls it, or what it calls itself, where its source knows its address alone.
    #[must_use]
    pub fn known_as(&self) -> &Name {
        let key = &self.instance.key.instance;
        if is_address(self.instance) { self.name.unwrap_or(key) } else { key }
    }

    /// Its source knows it by more than its address.
    #[must_use]
    pub fn is_named(&self) -> bool {
        self.instance.name.is_some() || !is_address(self.instance)
    }

    /// It was taken out of its load balancer by hand: that it gets no requests is meant.
    #[must_use]
    pub fn is_taken_out(&self) -> bool {
        self.balancer.is_some_and(is_maintenance)
    }
}

impl InstancesState {
    /// Takes in a reading. The first one of a source that has instances is where it starts from: nobody joins by it, but who is
    /// down then is down.
    pub(crate) fn read(&mut self, reading: InstancesReading) -> Changes {
        let InstancesReading { source, at, instances } = reading;
        let first = !instances.is_empty() && self.had_some.insert(source.clone());
        let known = self.sources.entry(source.clone()).or_default();
        let mut changes = Changes::default();
        let mut kept = BTreeMap::new();
        for instance in instances {
            let state = match known.remove(&instance.key) {
                Some(state) => state.followed_by(instance, at, &mut changes),
                None => {
                    if !first {
                        changes.joined.push(instance.clone());
                    }
                    if instance.status == InstanceStatus::Down {
                        changes.down.push(instance.clone());
                    }
                    State::new(instance, at)
                }
            };
            kept.insert(state.instance.key.clone(), state);
        }
        changes.left =
            std::mem::replace(known, kept).into_values().map(|state| state.instance).collect();
        self.put_words_together();
        changes
    }

    fn put_words_together(&mut self) {
        let mut words: BTreeMap<Name, Words> = BTreeMap::new();
        self.names.clear();
        for (source, instances) in &self.sources {
            for instance in instances.values().map(|state| &state.instance) {
                if let Some(name) = &instance.name {
                    for known_by in [Some(name), instance.process.as_ref()].into_iter().flatten() {
                        self.names.insert(known_by.clone(), name.clone());
                    }
                }
                let Some(address) = &instance.address else { continue };
                let own = words.entry(address.clone()).or_default();
                own.name = own.name.take().or_else(|| instance.name.clone());
                if let Some(word) = &instance.balancer {
                    put(&mut own.balancer, source, instance, word);
                }
                if let Some(word) = &instance.probe {
                    put(&mut own.probe, source, instance, word);
                }
            }
        }
        self.words = words;
    }

    /// Every instance, by source, role and name; `stale` says whether a source is.
    pub(crate) fn views<'a>(
        &'a self,
        now: Time,
        stale: impl Fn(&SourceName) -> bool + Copy + 'a,
    ) -> impl Iterator<Item = InstanceView<'a>> {
        self.sources.iter().flat_map(move |(source, instances)| {
            let is_stale = stale(source);
            instances.values().map(move |state| self.view(source, state, is_stale, now, stale))
        })
    }

    fn view<'a>(
        &'a self,
        source: &'a SourceName,
        state: &'a State,
        stale: bool,
        now: Time,
        is_stale: impl Fn(&SourceName) -> bool,
    ) -> InstanceView<'a> {
        let instance = &state.instance;
        let words = instance.address.as_ref().and_then(|address| self.words.get(address));
        let fresh = |word: &'a Option<Word>| word.as_ref().filter(|word| !is_stale(&word.source));
        let balancer = words.and_then(|words| fresh(&words.balancer));
        let probe = words.and_then(|words| fresh(&words.probe));
        // Its own source's word goes first: one address may be in two backends of a balancer.
        let own = |word: &Option<Name>| {
            word.as_ref().filter(|_| !stale).map(|word| Word::new(source, instance, word))
        };
        let quarrel = own(&instance.balancer)
            .or_else(|| balancer.cloned())
            .zip(own(&instance.probe).or_else(|| probe.cloned()))
            .and_then(|(balancer, probe)| quarrel(&balancer, &probe));
        let (mut status, mut error) = (instance.status, instance.error.clone());
        if stale {
            status = InstanceStatus::Unknown;
            error = Some(format!("source {source} does not answer: nobody knows"));
        } else if let Some(quarrel) = &quarrel {
            status = InstanceStatus::Degraded;
            error = Some(quarrel.clone());
        }
        InstanceView {
            source,
            instance,
            seen: state.at,
            stale,
            status,
            since: state.since,
            name: instance.name.as_ref().or_else(|| words?.name.as_ref()),
            balancer: instance.balancer.as_ref().or(balancer.map(|word| &word.word)),
            probe: instance.probe.as_ref().or(probe.map(|word| &word.word)),
            disagree: quarrel.is_some(),
            error,
            latency: state.latency.summary(now),
            restarts: state.restarts,
        }
    }

    /// See [`InstanceView::known_as`].
    pub(crate) fn known_as<'a>(&'a self, instance: &'a Instance) -> &'a Name {
        let key = &instance.key.instance;
        let told = || self.words.get(instance.address.as_ref()?)?.name.as_ref();
        let name = instance.name.as_ref().or_else(told).filter(|_| is_address(instance));
        name.unwrap_or(key)
    }

    /// What the instance that somebody else knows by this calls itself: by its name, or by its `host:pid`.
    pub(crate) fn named(&self, known_by: &Name) -> Option<&Name> {
        self.names.get(known_by)
    }

    /// How many instances a source has; `None` before it has told.
    pub(crate) fn count(&self, source: &SourceName) -> Option<usize> {
        self.sources.get(source).map(BTreeMap::len)
    }

    /// When a source told of its instances last; `None` where it has none.
    pub(crate) fn told(&self, source: &SourceName) -> Option<Time> {
        self.sources.get(source)?.values().next().map(|state| state.at)
    }

    /// Computes the figures of the windows once, for all who will ask before the next change.
    pub(crate) fn settle(&mut self, now: Time) {
        for state in self.sources.values_mut().flat_map(BTreeMap::values_mut) {
            state.latency.settle(now);
        }
    }
}

/// Whether an instance is called by its address, alone or within a question that is asked of it.
fn is_address(instance: &Instance) -> bool {
    let key = instance.key.instance.as_str();
    instance.address.as_ref().is_some_and(|address| key.contains(address.as_str()))
}

/// Whether a load balancer's word says that somebody took it out.
fn is_maintenance(word: &Name) -> bool {
    word.as_str().starts_with("MAINT")
}

/// Of several who say something of one address, the one that is worse off is heard: it is what people must see.
fn put(place: &mut Option<Word>, source: &SourceName, instance: &Instance, word: &Name) {
    let word = Word::new(source, instance, word);
    if place.as_ref().is_none_or(|other| other.rank() < word.rank()) {
        *place = Some(word);
    }
}

impl Word {
    fn new(source: &SourceName, instance: &Instance, word: &Name) -> Self {
        let (status, error) = (instance.status, instance.error.clone());
        Self { source: source.clone(), status, word: word.clone(), error }
    }

    /// Taken out by hand: that is no opinion of how it is.
    fn is_maintenance(&self) -> bool {
        is_maintenance(&self.word)
    }

    fn rank(&self) -> u8 {
        match self.status {
            _ if self.is_maintenance() => 0,
            InstanceStatus::Unknown => 1,
            InstanceStatus::Up => 2,
            InstanceStatus::Degraded => 3,
            InstanceStatus::Down => 4,
        }
    }
}

/// The version after a start, and the one before where it is another.
fn versions(was: Option<&Name>, is: Option<&Name>) -> Option<String> {
    match (was, is?) {
        (Some(was), is) if was != is => Some(format!("{was} → {is}")),
        (_, is) => Some(is.to_string()),
    }
}

/// What the two say, when one says up and the other down.
fn quarrel(balancer: &Word, probe: &Word) -> Option<String> {
    if balancer.is_maintenance() {
        return None;
    }
    let both = (balancer.status, probe.status);
    let detail =
        |word: &Word| word.error.as_deref().map(|error| format!(" ({error})")).unwrap_or_default();
    match both {
        (InstanceStatus::Up, InstanceStatus::Down) | (InstanceStatus::Down, InstanceStatus::Up) => {
            Some(format!(
                "balancer {} says {}{}, probe {} says {}{}",
                balancer.source,
                balancer.word,
                detail(balancer),
                probe.source,
                probe.word,
                detail(probe)
            ))
        }
        _ => None,
    }
}

impl State {
    fn new(instance: Instance, at: Time) -> Self {
        let mut state = Self {
            since: instance.since.unwrap_or(at),
            restarts: instance.boot.as_ref().map(|_| 0),
            boots: instance.boot.iter().cloned().collect(),
            latency: Window::default(),
            instance,
            at,
        };
        state.measure();
        state
    }

    fn followed_by(mut self, instance: Instance, at: Time, changes: &mut Changes) -> Self {
        let (was, is) = (self.instance.status, instance.status);
        if was != is {
            self.since = instance.since.unwrap_or(at);
            if is == InstanceStatus::Down {
                changes.down.push(instance.clone());
            } else if was == InstanceStatus::Down && is != InstanceStatus::Unknown {
                changes.up.push(instance.clone());
            }
        }
        if let Some(boot) = &instance.boot {
            let restarts = self.restarts.get_or_insert(0);
            if !self.boots.contains(boot) {
                if !self.boots.is_empty() {
                    *restarts += 1;
                    let versions =
                        versions(self.instance.version.as_ref(), instance.version.as_ref());
                    changes.restarted.push((instance.clone(), versions));
                }
                self.boots.push_back(boot.clone());
                while self.boots.len() > MOST_BOOTS {
                    self.boots.pop_front();
                }
            }
        }
        // While it is down it cannot tell which start this is, its version and its name.
        let boot = instance.boot.clone().or(self.instance.boot.take());
        let version = instance.version.clone().or(self.instance.version.take());
        let name = instance.name.clone().or(self.instance.name.take());
        self.instance = Instance { boot, version, name, ..instance };
        self.at = at;
        self.measure();
        self
    }

    fn measure(&mut self) {
        if let Some(seconds) = self.instance.latency {
            self.latency.record(self.at, seconds);
        }
    }
}
