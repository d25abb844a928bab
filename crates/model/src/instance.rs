//! Instances: running processes behind a service, as a load balancer or a probe sees them, or as they tell it themselves.

use crate::{Name, SourceName, Time};

/// How an instance is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InstanceStatus {
    /// It answers as it should.
    Up,
    /// It answers, but not as it should: it drains, its certificate ends soon, or two who look at it disagree.
    Degraded,
    /// It does not answer, or gets no requests.
    Down,
    /// Nobody knows.
    Unknown,
}

impl InstanceStatus {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Degraded => "degraded",
            Self::Down => "down",
            Self::Unknown => "unknown",
        }
    }
}

/// What tells one instance of a source from every other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceKey {
    /// What it is there for: a load balancer's backend, `api`, `probe`, …
    pub role: Name,
    /// Its name: what the balancer calls it, or its address.
    pub instance: Name,
}

/// An instance as one source sees it at one moment. `None` wherever that source does not tell.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    /// Which.
    pub key: InstanceKey,
    /// Where it listens, `host:port` in lower case: by this, what several sources see is put together.
    pub address: Option<Name>,
    /// What it calls itself, as its log entries do.
    pub name: Option<Name>,
    /// Its `host:pid`, as a broker calls its worker.
    pub process: Option<Name>,
    /// How it is, in this source's eyes.
    pub status: InstanceStatus,
    /// How long it took to answer now, in seconds.
    pub latency: Option<f64>,
    /// Requests in flight or sessions.
    pub load: Option<f64>,
    /// The version that it runs.
    pub version: Option<Name>,
    /// Whether it leads its peers; `None` where there is nothing to lead, or nobody tells.
    pub leader: Option<bool>,
    /// What changes with each start of the process: a boot id, or the time of its start.
    pub boot: Option<Name>,
    /// The load balancer's own word, such as `UP` or `DOWN`; only from a source that is one.
    pub balancer: Option<Name>,
    /// The probe's word, `ok` or what went wrong in short; only from a source that asks the instance itself.
    pub probe: Option<Name>,
    /// Since when it is so, where the source tells; on Vigie's clock.
    pub since: Option<Time>,
    /// What is wrong, in the words of who found it.
    pub error: Option<String>,
}

impl Instance {
    /// An instance of which nothing is known yet.
    #[must_use]
    pub fn unknown(role: Name, instance: Name) -> Self {
        Self {
            key: InstanceKey { role, instance },
            address: None,
            name: None,
            process: None,
            status: InstanceStatus::Unknown,
            latency: None,
            load: None,
            version: None,
            leader: None,
            boot: None,
            balancer: None,
            probe: None,
            since: None,
            error: None,
        }
    }
}

/// All instances of one source, as of now: who is not listed is gone.
#[derive(Debug, Clone, PartialEq)]
pub struct InstancesReading {
    /// The source.
    pub source: SourceName,
    /// When they were read, on Vigie's clock.
    pub at: Time,
    /// The instances.
    pub instances: Vec<Instance>,
}
