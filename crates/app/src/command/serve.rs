//! `vigie`: watch and show.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;
use vigie_board::{Board, SourceSettings};
use vigie_collect::source::{Backends, FailedJobs, RunContext, ToldJobs};
use vigie_collect::{Clock as _, ObservationReceiver, SystemClock, observations, samples};
use vigie_model::{Limits, io_words};
use vigie_query::EngineLimits;
use vigie_query::logql::LogLimits;
use vigie_remote::{Outbox, QueryOptions, RemoteQuery};
use vigie_server::{
    AllowedHosts, AppState, LogQueries, LogQueryLimits, MetricSink, Metrics, Now, Outgoing,
    QueryLimits, StoredLogs, follow_events, keep_events, router, serve,
};
use vigie_store::Store;

use crate::asked_sources::AskedSources;
use crate::config::{Config, Shared, SourceConfig};
use crate::control;
use crate::copies::Kept;
use crate::destinations::Destinations;
use crate::exit::Failure;
use crate::feed;
use crate::forwarding;
use crate::interrupt::on_signal;
use crate::keeping;
use crate::last_start;
use crate::memory;
use crate::read_lines::ReadLines;
use crate::recorder::Recorder;
use crate::scraped;
use crate::sending;

/// Everything stops within this, or is dropped.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// Serves until a signal.
pub(crate) async fn run(config: Config) -> Result<(), Failure> {
    log_to_stderr();
    let stop = CancellationToken::new();
    let running = Running::start(&config, &stop).await?;
    if let Some(unused) = &config.unused {
        anstream::println!("{unused}");
    }
    anstream::println!("Vigie watches {} ({})", addresses(&config.sources), config.origin);
    anstream::println!("Dashboard: http://{}", running.address);
    on_signal_or_failure(stop, running).await
}

/// Waits for the end of a running Vigie, by a signal or by its own failure.
async fn on_signal_or_failure(stop: CancellationToken, running: Running) -> Result<(), Failure> {
    tokio::select! {
        () = on_signal(stop.clone()) => Ok(()),
        ended = running.ended(stop) => ended,
    }
}

/// Log lines go to standard error; how many, `VIGIE_LOG` says.
pub(crate) fn log_to_stderr() {
    let filter =
        EnvFilter::try_from_env("VIGIE_LOG").unwrap_or_else(|_| EnvFilter::new("warn,vigie=info"));
    let colours = anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        .init();
}

fn addresses(sources: &[SourceConfig]) -> String {
    let addresses: Vec<String> = sources
        .iter()
        .map(|source| format!("{} at {}", source.name(), source.display_url()))
        .collect();
    addresses.join(", ")
}

/// Takes the address; the port is the system's choice where it is 0.
async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), Failure> {
    let failed = |error: std::io::Error| {
        let words = io_words(&error);
        Failure::failed(format!(
            "cannot listen on {address}: {words}; choose another with --listen"
        ))
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let taken = listener.local_addr().map_err(failed)?;
    Ok((listener, taken))
}

/// A Vigie that runs: sources, feed, hub and server, in the order of their start.
pub(crate) struct Running {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    sources: JoinSet<()>,
    feed: JoinSet<()>,
    server: JoinSet<std::io::Result<()>>,
    stop_sources: CancellationToken,
    stop_feed: CancellationToken,
}

impl Running {
    /// Starts everything. What can fail is done first.
    pub(crate) async fn start(config: &Config, stop: &CancellationToken) -> Result<Self, Failure> {
        let (listener, address) = listen(config.listen).await?;
        let clock = Arc::new(SystemClock::start());
        let now: Now = {
            let clock = Arc::clone(&clock);
            Arc::new(move || clock.now())
        };
        let sending = sending::open(config)?;
        let settings = config.sources.iter().map(settings).collect();
        let mut board = Board::new(settings, limits(&config.sources), now());
        // Where that fails, the stores that are to be in it say so.
        drop(keeping::private_folder(&config.data_dir));
        if let Some((what, fix)) = keeping::open_to_others(&config.data_dir) {
            tracing::warn!("{what}: {fix}");
        }
        let store = match config.metrics.backend {
            None => keeping::open(config, &mut board, now())?,
            Some(_) => None,
        };
        let logs = keeping::open_logs(config, &mut board, now())?;
        last_start::note(config, board.timeline_mut(), now());
        let mut state = AppState::new(board, Arc::clone(&now));
        state.outboxes = sending.iter().map(|sending| sending.outbox.clone()).collect();
        state.metrics = metrics(config, store.as_ref(), &state.outboxes)?;
        if let Some(logs) = &logs {
            let lines = Arc::new(StoredLogs::new(logs.store().clone()));
            let queries = LogQueries::new(lines, LogLimits::default(), LogQueryLimits::default());
            logs.tell(queries.clone());
            state = state.with_logs(logs.clone()).with_loki(queries);
        }
        state.forwarders = forwarding::open(config, logs.as_ref(), &now)?;
        let failed = FailedJobs::default();
        state.failed = Some(Arc::new(AskedSources(failed.clone())));
        let (sender, receiver) = observations(feed::PENDING);

        // What is downstream starts first and stops last.
        let (stop_sources, stop_feed) = (stop.child_token(), CancellationToken::new());
        let mut feed = JoinSet::new();
        feed_board(&mut feed, receiver, &state, &stop_feed);
        let (samples, scraped) = samples(scraped::PENDING);
        let (sink, lost) = (state.metrics.as_ref().map(Metrics::sink), Arc::clone(&state.lost));
        feed.spawn(scraped::run(scraped, sink, lost, stop_feed.clone()));
        for sending in sending {
            let sender = sending
                .start(state.metrics.as_ref())
                .map_err(|error| Failure::failed(error.to_string()))?;
            feed.spawn(sending::run(sender, sending.outbox, stop_feed.clone()));
        }
        keep(&mut feed, config, store, &state, &stop_feed);
        let mut server = JoinSet::new();
        let hub = state.hub.clone();
        server.spawn(serve(
            listener,
            router(state, AllowedHosts::new(&config.hosts)),
            stop.clone(),
        ));
        feed.spawn(hub.run(stop.clone()));
        feed.spawn(memory::give_back(stop.clone()));
        let shared = Shared {
            backends: Backends::default(),
            told: ToldJobs::default(),
            failed,
            samples,
            lines: Arc::new(ReadLines::new(logs)),
        };
        let context = RunContext { clock, out: sender, stop: stop_sources.clone() };
        let running = |source: SourceConfig| source.run(context.clone(), shared.clone());
        let sources = config.sources.iter().cloned().map(running).collect();
        Ok(Self { address, sources, feed, server, stop_sources, stop_feed })
    }

    /// Waits until `stop` is cancelled or a part fails, then stops all parts in reverse order of data's way: no
    /// new observations, then the server, then the feed.
    pub(crate) async fn ended(mut self, stop: CancellationToken) -> Result<(), Failure> {
        let failed = tokio::select! {
            // First: a part that ends because it was asked to has not failed.
            biased;
            () = stop.cancelled() => None,
            Some(ended) = self.sources.join_next() => Some(format!("a source ended: {ended:?}")),
            Some(ended) = self.server.join_next() => Some(format!("the server ended: {ended:?}")),
            Some(ended) = self.feed.join_next() => Some(format!("the feed ended: {ended:?}")),
        };
        stop.cancel();
        self.stop_sources.cancel();
        let stopping = async {
            while self.sources.join_next().await.is_some() {}
            while self.server.join_next().await.is_some() {}
            self.stop_feed.cancel();
            while self.feed.join_next().await.is_some() {}
        };
        if tokio::time::timeout(STOP_WITHIN, stopping).await.is_err() {
            tracing::warn!("not everything stopped within {} s", STOP_WITHIN.as_secs());
        }
        failed.map_or(Ok(()), |what| Err(Failure::failed(what)))
    }
}

/// Starts what feeds the board, and what keeps the events that it sees.
fn feed_board(
    feed: &mut JoinSet<()>,
    receiver: ObservationReceiver,
    state: &AppState,
    stop: &CancellationToken,
) {
    let (board, dropped) = (state.board.clone(), Arc::clone(&state.dropped));
    // The start itself is noted already.
    let noted = Arc::new(Notify::new());
    noted.notify_one();
    let (now, fed) = (Arc::clone(&state.now), CancellationToken::new());
    let fed_on_return = fed.clone().drop_guard();
    let run = feed::run(receiver, board, now, dropped, Arc::clone(&noted), stop.clone());
    feed.spawn(async move {
        let _fed = fed_on_return;
        run.await;
    });
    feed.spawn(keep_events(state.clone(), noted, fed));
    feed.spawn(follow_events(state.clone(), stop.clone()));
}

/// Where metrics are read and written; none where they are neither here nor elsewhere.
fn metrics(
    config: &Config,
    store: Option<&Store>,
    outboxes: &[Outbox],
) -> Result<Option<Metrics>, Failure> {
    let limits = (EngineLimits::default(), QueryLimits::default());
    let here = store.map(|store| Arc::new(store.clone()) as Arc<dyn MetricSink>);
    let sink: Arc<dyn MetricSink> = match here.clone() {
        Some(here) if outboxes.is_empty() => here,
        here => Arc::new(Outgoing::new(here, outboxes.to_vec())),
    };
    if let Some(backend) = &config.metrics.backend {
        let query = RemoteQuery::new(backend, QueryOptions::default());
        let elsewhere = query.map(|query| {
            Metrics::elsewhere(query, backend.native_histograms, sink, limits.1)
                .labelled(&backend.external_labels)
        });
        return Ok(elsewhere);
    }
    // All that is sent elsewhere gets the same.
    let external = config.metrics.remote_write.first();
    let external = external.map(|one| one.external_labels.clone()).unwrap_or_default();
    let here = |store: &Store| {
        Metrics::new(Arc::new(store.clone()), sink, limits.0, limits.1).federated(external)
    };
    Ok(store.map(here))
}

/// Starts what fills the store and the queues, what looks after the stores, and what forwards out of them.
fn keep(
    feed: &mut JoinSet<()>,
    config: &Config,
    store: Option<Store>,
    state: &AppState,
    stop: &CancellationToken,
) {
    let now = Arc::clone(&state.now);
    let logs = state.logs.as_ref().map(|logs| logs.store().clone());
    let kept = Kept { metrics: store.clone(), logs };
    if let Some(logs) = kept.logs.clone() {
        let (board, now) = (state.board.clone(), Arc::clone(&now));
        feed.spawn(keeping::maintain(logs, keeping::LOGS, board, now, stop.clone()));
    }
    for forwarder in &state.forwarders {
        feed.spawn(forwarder.clone().run(stop.clone()));
    }
    feed.spawn(control::serve(config.data_dir.clone(), kept, stop.clone()));
    let intervals = config
        .sources
        .iter()
        .map(|source| (source.name().as_str().to_owned(), source.poll().as_secs_f64()));
    if store.is_none() && state.outboxes.is_empty() {
        return;
    }
    let to = Destinations::new(store.clone(), state.outboxes.clone(), Arc::clone(&state.lost));
    let recorder = Recorder::new(to, intervals, now().millis());
    feed.spawn(recorder.run(state.clone(), stop.clone()));
    let Some(store) = store else { return };
    feed.spawn(keeping::maintain(store, keeping::METRICS, state.board.clone(), now, stop.clone()));
}

/// What the board knows of a source before it runs.
fn settings(source: &SourceConfig) -> SourceSettings {
    SourceSettings {
        name: source.name().clone(),
        kind: source.kind(),
        url: source.display_url(),
        poll_interval_seconds: source.poll().as_secs_f64(),
    }
}

/// The board's bounds are for each source; with several configured differently, the widest holds.
fn limits(sources: &[SourceConfig]) -> Limits {
    sources.iter().map(SourceConfig::limits).fold(Limits::default(), |one, other| Limits {
        queues: one.queues.max(other.queues),
        types: one.types.max(other.types),
        types_of_source: one.types_of_source.max(other.types_of_source),
        workers: one.workers.max(other.workers),
    })
}
