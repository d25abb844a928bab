//! Workers, from the names of their connections.

use std::collections::{HashMap, HashSet};

use vigie_model::{
    ActiveJob, Broker, Name, Observation, QueueId, Worker, WorkerId, WorkersReading,
};

use super::base::Base;
use super::client_name::{ClientName, ClientRole, decode_client_name};
use crate::source::{ClientLine, PollContext};

/// The connections of workers, by queue.
pub(crate) type Consumers = HashMap<Base, Vec<Consumer>>;

/// One connection on which a worker waits for jobs of one queue.
#[derive(Debug, Clone)]
pub(crate) struct Consumer {
    pub address: String,
    pub name: Option<String>,
    /// It waits with a command that only BullMQ uses.
    pub bullmq_only: bool,
}

/// Finds the consumers among the named clients.
pub(crate) fn consumers(clients: &[ClientLine]) -> Consumers {
    let mut found = Consumers::new();
    for client in clients {
        let Some(ClientName { base, role: ClientRole::Worker { name } }) =
            decode_client_name(&client.name)
        else {
            continue;
        };
        let bullmq_only = name.is_some() || client.command == "bzpopmin";
        found.entry(base).or_default().push(Consumer {
            address: client.address.clone(),
            name,
            bullmq_only,
        });
    }
    found
}

/// What a queue says of the jobs that run in it.
pub(crate) struct Running<'a> {
    pub queue: &'a QueueId,
    /// How many; `None` when that could not be read.
    pub active: Option<u64>,
    /// The longest running, all of them when there are no more than are listed.
    pub jobs: &'a [ActiveJob],
    /// The name of the worker that runs each of `jobs`, where the broker tells.
    pub run_by: &'a [Option<Name>],
}

/// Makes the reading of all workers of one broker out of the consumers of its queues.
pub(crate) fn reading<'a>(
    broker: Broker,
    context: &PollContext,
    consumers: &Consumers,
    mut running: impl FnMut(&Base) -> Option<Running<'a>>,
    out: &mut Vec<Observation>,
) {
    let mut workers = Vec::new();
    let mut seen = HashSet::new();
    let mut bases: Vec<&Base> = consumers.keys().collect();
    bases.sort_unstable();
    let mut folded = 0;
    for base in bases {
        let Some(running) = running(base) else { continue };
        let own = &consumers[base];
        for consumer in own {
            let id = WorkerId::new(&context.source, broker, &consumer.address);
            if !seen.insert(id.clone()) {
                continue;
            }
            if workers.len() < context.limits.workers {
                workers.push(worker(id, broker, context, consumer, own, &running));
            } else {
                folded += 1;
            }
        }
    }
    if folded > 0 {
        let source = context.source.clone();
        out.push(Observation::Folded { source, what: "workers", count: folded });
    }
    out.push(Observation::Workers(WorkersReading {
        source: context.source.clone(),
        broker,
        at: context.now,
        workers: Some(workers),
    }));
}

fn worker(
    id: WorkerId,
    broker: Broker,
    context: &PollContext,
    consumer: &Consumer,
    all: &[Consumer],
    running: &Running<'_>,
) -> Worker {
    let name = consumer.name.as_deref().map(Name::from);
    let alone = all.len() == 1;
    // A name tells who runs what only if no other worker of the queue has the same one.
    let unique =
        name.is_some() && all.iter().filter(|other| other.name == consumer.name).count() == 1;
    let listed = running.active == Some(running.jobs.len() as u64);
    let own: Vec<(Name, ActiveJob)> = running
        .jobs
        .iter()
        .zip(running.run_by)
        .filter(|(_, by)| alone || (unique && by.is_some() && **by == name))
        .map(|(job, _)| {
            (running.queue.name.clone(), ActiveJob { worker: Some(id.clone()), ..job.clone() })
        })
        .collect();
    let busy = if alone {
        running.active.and_then(|active| u32::try_from(active).ok())
    } else {
        (unique && listed).then(|| u32::try_from(own.len()).ok()).flatten()
    };
    let address = Name::from(consumer.address.as_str());
    let host = consumer.address.rsplit_once(':').map(|(host, _)| Name::from(host));
    Worker {
        name: name.unwrap_or_else(|| address.clone()),
        id,
        broker,
        host: host.filter(|host| !host.as_str().is_empty()),
        pid: None,
        address: Some(address),
        queues: vec![running.queue.name.clone()],
        capacity: None,
        busy,
        status: None,
        started: None,
        heartbeat: Some(context.now),
        jobs: (alone || unique).then_some(own),
    }
}
