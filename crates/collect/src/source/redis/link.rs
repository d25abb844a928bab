//! How to reach a Redis: one server, what the sentinels call the master, or the nodes of a cluster.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};
use std::time::Duration;

use futures_util::future::try_join_all;
use redis::aio::{MultiplexedConnection, PubSub};
use redis::io::tcp::{TcpSettings, socket2};
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, Cmd, ConnectionAddr, ConnectionInfo,
    IntoConnectionInfo, RedisConnectionInfo, RedisResult, TlsCertificates, Value,
};

use super::acl::Forbidden;
use super::cluster::SlotMap;
use super::config::{Deployment, Endpoint, Login, RedisConfig, SentinelConfig};
use super::session::{Node, Session};
use super::{Fault, info};
use crate::source::{Plan, Replies};

/// The name of Vigie's connections in `CLIENT LIST`.
pub(crate) const CLIENT_NAME: &str = "vigie";

/// Knows how to connect to one configured Redis. Cheap to clone.
#[derive(Clone)]
pub struct Link(Arc<Inner>);

struct Inner {
    config: RedisConfig,
    /// What the last [`Link::connect`] found out, for the readers' own connections.
    known: Mutex<Known>,
}

#[derive(Default, Clone)]
struct Known {
    slots: Option<SlotMap>,
    master: Option<Endpoint>,
}

/// One server to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Tcp(Endpoint),
    Unix(std::path::PathBuf),
}

impl std::fmt::Display for Place {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(endpoint) => endpoint.fmt(out),
            Self::Unix(path) => path.display().fmt(out),
        }
    }
}

impl Link {
    /// A link to what `config` describes; connects to nothing yet.
    #[must_use]
    pub fn new(config: RedisConfig) -> Self {
        static PROVIDER: Once = Once::new();
        // Fails only when the program chose another provider before, and then that one is used.
        PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
        Self(Arc::new(Inner { config, known: Mutex::new(Known::default()) }))
    }

    /// What it was made from.
    #[must_use]
    pub fn config(&self) -> &RedisConfig {
        &self.0.config
    }

    /// Connects to every node that has data, for polls.
    ///
    /// # Errors
    /// Why that cannot be done.
    pub async fn connect(&self) -> Result<Session, Fault> {
        let patience = Some(self.config().response_timeout);
        match &self.config().deployment {
            Deployment::Single(endpoint) => {
                self.connect_first(std::slice::from_ref(endpoint)).await
            }
            Deployment::Cluster(seeds) => self.connect_first(seeds).await,
            Deployment::Unix(path) => {
                let node = self.open(Place::Unix(path.clone()), patience).await?;
                let facts = info::ask_server(&node).await?;
                Ok(Session::new(self.clone(), vec![node], None, facts.redis("standalone")))
            }
            Deployment::Sentinel(sentinel) => {
                let master = self.ask_sentinels(sentinel).await?;
                let node = self.open(Place::Tcp(master.clone()), patience).await?;
                if info::is_replica(&node).await? {
                    return Err(Fault::NotMaster(master.to_string()));
                }
                let facts = info::ask_server(&node).await?;
                self.known().master = Some(master);
                Ok(Session::new(self.clone(), vec![node], None, facts.redis("sentinel")))
            }
        }
    }

    /// A connection of a reader's own for blocking reads of `key`, to the node that holds it. Answers may take as
    /// long as they like: the reader bounds its reads itself.
    ///
    /// # Errors
    /// Why that cannot be done.
    pub async fn blocking(&self, key: &[u8]) -> RedisResult<MultiplexedConnection> {
        let place = self.place_of(Some(key)).await?;
        Ok(self.open(place, None).await?.connection)
    }

    /// A connection of a reader's own for pub/sub, in a cluster to any node.
    ///
    /// # Errors
    /// Why that cannot be done.
    pub async fn pubsub(&self) -> RedisResult<PubSub> {
        let place = self.place_of(None).await?;
        let config = self.config();
        let client = self.client(&place, &config.login, config.database).await?;
        match tokio::time::timeout(config.connect_timeout, client.get_async_pubsub()).await {
            Ok(connected) => connected,
            Err(_) => {
                Err(Fault::Timeout { place: place.to_string(), after: config.connect_timeout }
                    .into())
            }
        }
    }

    /// Whether the data is spread over several nodes. Known after the first [`Link::connect`].
    #[must_use]
    pub fn is_cluster(&self) -> bool {
        matches!(self.config().deployment, Deployment::Cluster(_)) || self.known().slots.is_some()
    }

    /// Which node holds `key`: keys with the same number can be read with one [`Link::blocking`] connection.
    /// Always 0 outside of a cluster.
    #[must_use]
    pub fn node_of(&self, key: &[u8]) -> usize {
        self.known().slots.as_ref().and_then(|slots| slots.master_of(key)).unwrap_or(0)
    }

    /// Sends a plan over a reader's own connection and waits for all answers.
    ///
    /// # Errors
    /// The connection's; those of single commands are in the answers.
    pub async fn ask(
        &self,
        connection: &mut MultiplexedConnection,
        plan: Plan,
    ) -> RedisResult<Replies> {
        let commands = plan.into_commands();
        let mut pipeline = redis::Pipeline::with_capacity(commands.len());
        for (_, command) in commands {
            pipeline.add_command(command);
        }
        if pipeline.is_empty() {
            return Ok(Replies::new(Vec::new()));
        }
        let count = pipeline.len();
        let answers = connection.send_packed_commands(&pipeline, 0, count).await?;
        Ok(Replies::new(answers.into_iter().map(Ok).collect()))
    }

    /// Asks the cluster again who holds what, and connects to its masters.
    pub(super) async fn reconnect_cluster(
        &self,
        nodes: &[Node],
    ) -> Result<(Vec<Node>, SlotMap), Fault> {
        let seed = nodes
            .first()
            .ok_or_else(|| Fault::ClusterDown(self.config().display_url(), "no node".into()))?;
        let Place::Tcp(asked) = &seed.place else {
            return Err(Fault::Unexpected(seed.place.to_string(), "a unix socket is no cluster"));
        };
        let slots = slot_map(seed, asked, self.config()).await?;
        let masters = try_join_all(slots.masters.iter().map(|master| async {
            let place = Place::Tcp(master.clone());
            match nodes.iter().find(|node| node.place == place) {
                Some(node) => Ok(node.clone()),
                None => self.open(place, Some(self.config().response_timeout)).await,
            }
        }))
        .await?;
        self.known().slots = Some(slots.clone());
        Ok((masters, slots))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // Nothing is left half-changed by a panic: every change is one assignment.
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connect_first(&self, seeds: &[Endpoint]) -> Result<Session, Fault> {
        let mut last = None;
        for seed in seeds {
            match self.connect_seed(seed).await {
                Ok(session) => return Ok(session),
                Err(fault) => last = Some(fault),
            }
        }
        match last {
            Some(fault) if seeds.len() == 1 => Err(fault),
            Some(fault) => Err(Fault::NoNode(Box::new(fault))),
            None => Err(Fault::Unexpected(self.config().display_url(), "no address")),
        }
    }

    async fn connect_seed(&self, seed: &Endpoint) -> Result<Session, Fault> {
        let node =
            self.open(Place::Tcp(seed.clone()), Some(self.config().response_timeout)).await?;
        let facts = info::ask_server(&node).await?;
        if facts.cluster || matches!(self.config().deployment, Deployment::Cluster(_)) {
            let (nodes, slots) = self.reconnect_cluster(&[node]).await?;
            return Ok(Session::new(self.clone(), nodes, Some(slots), facts.redis("cluster")));
        }
        self.known().slots = None;
        Ok(Session::new(self.clone(), vec![node], None, facts.redis("standalone")))
    }

    async fn place_of(&self, key: Option<&[u8]>) -> Result<Place, Fault> {
        let known = self.known().clone();
        match &self.config().deployment {
            Deployment::Unix(path) => Ok(Place::Unix(path.clone())),
            Deployment::Sentinel(sentinel) => match known.master {
                Some(master) => Ok(Place::Tcp(master)),
                None => Ok(Place::Tcp(self.ask_sentinels(sentinel).await?)),
            },
            Deployment::Single(_) | Deployment::Cluster(_) => {
                let owner = known.slots.and_then(|mut slots| {
                    let index = key.and_then(|key| slots.master_of(key)).unwrap_or(0);
                    (index < slots.masters.len()).then(|| slots.masters.swap_remove(index))
                });
                match (owner, &self.config().deployment) {
                    (Some(owner), _) => Ok(Place::Tcp(owner)),
                    (None, Deployment::Single(endpoint)) => Ok(Place::Tcp(endpoint.clone())),
                    (None, Deployment::Cluster(seeds)) if !seeds.is_empty() => {
                        Ok(Place::Tcp(seeds[0].clone()))
                    }
                    (None, _) => Err(Fault::Unexpected(self.config().display_url(), "no address")),
                }
            }
        }
    }

    /// The master's address, from the first sentinel that answers.
    async fn ask_sentinels(&self, sentinel: &SentinelConfig) -> Result<Endpoint, Fault> {
        self.known().master = None;
        let mut last = None;
        for node in &sentinel.nodes {
            match self.ask_sentinel(node, sentinel).await {
                Ok(Some(master)) => return Ok(master),
                Ok(None) => last = last.or(Some(Fault::UnknownMaster(sentinel.master.clone()))),
                Err(fault) => last = Some(Fault::NoSentinel(Box::new(fault))),
            }
        }
        Err(last.unwrap_or_else(|| Fault::UnknownMaster(sentinel.master.clone())))
    }

    async fn ask_sentinel(
        &self,
        at: &Endpoint,
        sentinel: &SentinelConfig,
    ) -> Result<Option<Endpoint>, Fault> {
        let place = Place::Tcp(at.clone());
        let node =
            self.open_as(place, Some(self.config().response_timeout), &sentinel.login, 0).await?;
        let mut question = redis::cmd("SENTINEL");
        question.arg("GET-MASTER-ADDR-BY-NAME").arg(&sentinel.master);
        match node.ask_one(&question).await? {
            Value::Nil => Ok(None),
            answer => match redis::from_redis_value::<(String, u16)>(answer) {
                Ok((host, port)) => Ok(Some(Endpoint { host, port })),
                Err(_) => Err(Fault::Unexpected(
                    at.to_string(),
                    "the master's address is no host and port",
                )),
            },
        }
    }

    pub(super) async fn open(
        &self,
        place: Place,
        patience: Option<Duration>,
    ) -> Result<Node, Fault> {
        self.open_as(place, patience, &self.config().login, self.config().database).await
    }

    /// Connects and logs in, all of it within the connect timeout.
    async fn open_as(
        &self,
        place: Place,
        patience: Option<Duration>,
        login: &Login,
        database: i64,
    ) -> Result<Node, Fault> {
        let limit = self.config().connect_timeout;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(patience);
        // The library's own login keeps the server's words to itself, so Vigie logs in by itself.
        let client = self.client(&place, &Login::default(), 0).await?;
        let name = place.to_string();
        let connecting = async {
            let connection = client
                .get_multiplexed_async_connection_with_config(&config)
                .await
                .map_err(|error| Fault::of(&error, &name, limit))?;
            let forbidden = log_in(&connection, &name, login, database, self.config()).await?;
            Ok(Node {
                place: place.clone(),
                patience: patience.unwrap_or(limit),
                connection,
                forbidden,
            })
        };
        match tokio::time::timeout(limit, connecting).await {
            Ok(Err(Fault::Closed(_))) if self.config().tls.is_none() => {
                Err(parting_words(&place).await)
            }
            Ok(node) => node,
            Err(_) if self.config().tls.is_some() && speaks_plainly(&place).await => {
                Err(Fault::Tls(name, vigie_tls::TlsFault::Plaintext))
            }
            Err(_) => Err(Fault::Timeout { place: name, after: limit }),
        }
    }

    async fn client(&self, place: &Place, login: &Login, database: i64) -> Result<Client, Fault> {
        let mut redis = RedisConnectionInfo::default().set_db(database).set_skip_set_lib_name();
        if let Some(user) = &login.username {
            redis = redis.set_username(user);
        }
        if let Some(password) = &login.password {
            redis = redis.set_password(password.reveal());
        }
        let wrong = |error: redis::RedisError| Fault::Network(place.to_string(), error.to_string());
        let info = self.address(place).into_connection_info().map_err(wrong)?;
        let keepalive = socket2::TcpKeepalive::new()
            .with_time(Duration::from_secs(15))
            .with_interval(Duration::from_secs(5))
            .with_retries(3);
        let info: ConnectionInfo = info
            .set_redis_settings(redis)
            .set_tcp_settings(TcpSettings::default().set_nodelay(true).set_keepalive(keepalive));
        match (&self.config().tls, place) {
            (Some(tls), Place::Tcp(_)) if tls.ca_file.is_some() || tls.client.is_some() => {
                let certificates = certificates(tls).await?;
                let unusable = |error: redis::RedisError| Fault::File {
                    path: tls
                        .ca_file
                        .clone()
                        .or_else(|| tls.client.clone().map(|(path, _)| path))
                        .unwrap_or_default(),
                    reason: format!("no usable certificates: {error}"),
                };
                Client::build_with_tls(info, certificates).map_err(unusable)
            }
            _ => Client::open(info).map_err(wrong),
        }
    }

    fn address(&self, place: &Place) -> ConnectionAddr {
        match place {
            Place::Unix(path) => ConnectionAddr::Unix(path.clone()),
            Place::Tcp(Endpoint { host, port }) if self.config().tls.is_some() => {
                ConnectionAddr::TcpTls {
                    host: host.clone(),
                    port: *port,
                    insecure: false,
                    tls_params: None,
                }
            }
            Place::Tcp(Endpoint { host, port }) => ConnectionAddr::Tcp(host.clone(), *port),
        }
    }
}

/// Whether a server answers without TLS. A Redis takes the beginning of TLS for the beginning of a command and waits
/// for its end, so that both wait: only asking it plainly tells.
async fn speaks_plainly(place: &Place) -> bool {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let Place::Tcp(endpoint) = place else { return false };
    let asking = async {
        let mut stream =
            tokio::net::TcpStream::connect((endpoint.host.as_str(), endpoint.port)).await.ok()?;
        stream.write_all(b"PING\r\n").await.ok()?;
        stream.read_u8().await.ok()
    };
    let first = tokio::time::timeout(Duration::from_millis(500), asking).await;
    matches!(first, Ok(Some(b'+' | b'-')))
}

/// Why a server closes connections at once. What it said is lost when Vigie's own first words cross it on the way, so
/// this connects once more and only listens.
async fn parting_words(place: &Place) -> Fault {
    use tokio::io::AsyncReadExt as _;
    let name = place.to_string();
    let Place::Tcp(endpoint) = place else { return Fault::ClosedAtOnce(name) };
    let listening = async {
        let mut stream =
            tokio::net::TcpStream::connect((endpoint.host.as_str(), endpoint.port)).await.ok()?;
        let mut words = [0; 512];
        let length = stream.read(&mut words).await.ok()?;
        Some(String::from_utf8_lossy(&words[..length]).trim_end().to_owned())
    };
    let heard = tokio::time::timeout(Duration::from_millis(300), listening).await.ok().flatten();
    match heard.as_deref().and_then(|words| words.strip_prefix('-')?.split_once(' ')) {
        Some((code, detail)) => Fault::of_reply(code, detail, &name),
        None => Fault::ClosedAtOnce(name),
    }
}

async fn slot_map(seed: &Node, asked: &Endpoint, config: &RedisConfig) -> Result<SlotMap, Fault> {
    let mut question = redis::cmd("CLUSTER");
    question.arg("SLOTS");
    let answer = match seed.ask_one_raw(&question).await? {
        Value::ServerError(error) if error.code() == "NOPERM" => {
            let what = Forbidden::parse(error.details().unwrap_or_default());
            return Err(Fault::forbidden(
                &asked.to_string(),
                config.login.username.as_deref(),
                &what,
                true,
            ));
        }
        Value::ServerError(error) => {
            return Err(Fault::of_reply(
                error.code(),
                error.details().unwrap_or_default(),
                &asked.to_string(),
            ));
        }
        answer => answer,
    };
    SlotMap::parse(&answer, asked)
        .map_err(|wrong| Fault::ClusterDown(asked.to_string(), wrong.to_owned()))
}

/// `AUTH`, `SELECT` and `CLIENT SETNAME` in one round trip. Returns what is forbidden and can be done without.
async fn log_in(
    connection: &MultiplexedConnection,
    place: &str,
    login: &Login,
    database: i64,
    config: &RedisConfig,
) -> Result<Vec<Forbidden>, Fault> {
    let mut steps: Vec<Cmd> = Vec::new();
    if let Some(password) = &login.password {
        let mut auth = redis::cmd("AUTH");
        if let Some(user) = &login.username {
            auth.arg(user);
        }
        auth.arg(password.reveal());
        steps.push(auth);
    }
    let authenticates = !steps.is_empty();
    if database != 0 {
        let mut select = redis::cmd("SELECT");
        select.arg(database);
        steps.push(select);
    }
    let mut name = redis::cmd("CLIENT");
    name.arg("SETNAME").arg(CLIENT_NAME);
    steps.push(name);

    // One by one, though at once: in a pipeline the library would lose the error that says what is wrong.
    let answers = try_join_all(steps.iter().map(|step| {
        let mut connection = connection.clone();
        async move { connection.send_packed_command(step).await }
    }));
    let answers =
        answers.await.map_err(|error| Fault::of(&error, place, config.response_timeout))?;
    let mut forbidden = Vec::new();
    for (index, answer) in answers.iter().enumerate() {
        let Value::ServerError(error) = answer else { continue };
        let words = error.details().unwrap_or_default();
        let is_auth = authenticates && index == 0;
        let is_name = index + 1 == answers.len();
        let user = login.username.as_deref();
        match error.code() {
            "NOPERM" if is_name => forbidden.push(Forbidden::parse(words)),
            "NOPERM" => return Err(Fault::forbidden(place, user, &Forbidden::parse(words), false)),
            "ERR" if !is_auth && !is_name && !words.contains("max number of clients") => {
                return Err(Fault::Database(place.to_owned(), database, words.to_owned()));
            }
            // Before Redis 2.6.9 there was no SETNAME; a sentinel has none either.
            "ERR" if is_name && words.contains("unknown") => {}
            code => return Err(Fault::of_reply(code, words, place)),
        }
    }
    Ok(forbidden)
}

async fn certificates(tls: &vigie_tls::Tls) -> Result<TlsCertificates, Fault> {
    let root_cert = match &tls.ca_file {
        Some(path) => Some(read(path).await?),
        None => None,
    };
    let client_tls = match &tls.client {
        Some((certificate, key)) => Some(ClientTlsConfig {
            client_cert: read(certificate).await?,
            client_key: read(key).await?,
        }),
        None => None,
    };
    Ok(TlsCertificates { client_tls, root_cert })
}

async fn read(path: &Path) -> Result<Vec<u8>, Fault> {
    let content = tokio::fs::read(path).await;
    let content = content.map_err(|error| Fault::File {
        path: path.to_owned(),
        reason: format!("cannot be read: {}", vigie_model::io_words(&error)),
    })?;
    if content.windows(11).any(|text| text == b"-----BEGIN ") {
        Ok(content)
    } else {
        Err(Fault::File {
            path: path.to_owned(),
            reason: "is no PEM file: it has no -----BEGIN line".into(),
        })
    }
}
