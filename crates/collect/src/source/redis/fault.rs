//! Everything that can go wrong between Vigie and a Redis, in words for the people on call.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use redis::{ErrorKind, RedisError};
use vigie_model::{SourceFault, io_words};
use vigie_tls::TlsFault;

use super::acl::{Forbidden, line_of_all};

/// Why a Redis cannot be read. Its text says what is wrong, [`Fault::hint`] what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Nobody listens there.
    #[error("{0}: connection refused")]
    Refused(String),
    /// The socket does not exist.
    #[error("{0}: there is no such socket")]
    NoSocket(String),
    /// The socket may not be used.
    #[error("{0}: permission denied")]
    SocketDenied(String),
    /// The name has no address.
    #[error("{0}: unknown host")]
    UnknownHost(String),
    /// It did not answer in time.
    #[error("{place}: no answer within {} s: the server hangs or the network drops packets", seconds(*.after))]
    Timeout {
        /// Who.
        place: String,
        /// How long it had.
        after: Duration,
    },
    /// The connection ended.
    #[error("{0}: the server closed the connection")]
    Closed(String),
    /// The connection ended before anything was said.
    #[error("{0}: the server closed the connection before its first answer")]
    ClosedAtOnce(String),
    /// The network failed in another way; the system's words.
    #[error("{0}: {1}")]
    Network(String, String),
    /// The password or the user is wrong.
    #[error("{0}: wrong user or password")]
    WrongPassword(String),
    /// A password is given where none is set.
    #[error("{0}: a password is configured for Vigie, but the server has none")]
    NeedlessPassword(String),
    /// A password is needed.
    #[error("{0}: a password is required")]
    NoPassword(String),
    /// The ACL forbids a command without which nothing can be read.
    #[error("{place}: user {user} may not use {what}")]
    Forbidden {
        /// Who says so.
        place: String,
        /// Who may not.
        user: String,
        /// What.
        what: String,
        /// The ACL line that would do.
        line: String,
    },
    /// The database number is too high.
    #[error("{0}: database {1} cannot be selected: {2}")]
    Database(String, i64, String),
    /// The server is starting.
    #[error("{0}: the server is loading its data from disk")]
    Loading(String),
    /// A replica without its master.
    #[error("{0}: this replica lost its master and does not serve old data")]
    MasterDown(String),
    /// A script blocks the server.
    #[error("{0}: the server is busy with a script")]
    Busy(String),
    /// Too many clients.
    #[error("{0}: the server has reached its maximum number of clients")]
    TooManyClients(String),
    /// Protected mode.
    #[error("{0}: the server is in protected mode and accepts only local connections")]
    Protected(String),
    /// The cluster does not work.
    #[error("{0}: the cluster is down: {1}")]
    ClusterDown(String, String),
    /// It does not speak the protocol.
    #[error("{0}: this is not a Redis: it does not speak its protocol")]
    NotRedis(String),
    /// It answered with something that Redis does not say.
    #[error("{0}: unexpected answer: {1}")]
    Unexpected(String, &'static str),
    /// Another refusal; the server's words.
    #[error("{0}: {1}")]
    Server(String, String),
    /// TLS.
    #[error("{0}: TLS: {1}")]
    Tls(String, TlsFault),
    /// A file of certificates cannot be read.
    #[error("{}: {}", .path.display(), .reason)]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The sentinels do not know the master.
    #[error("the sentinels know no master called {0}")]
    UnknownMaster(String),
    /// No sentinel answers; the fault of one of them.
    #[error("no sentinel answers; one of them: {0}")]
    NoSentinel(Box<Self>),
    /// The sentinels' master is none.
    #[error(
        "{0}: the sentinels call this the master, but it is a replica: a failover is under way"
    )]
    NotMaster(String),
    /// No node of the cluster answers; the last one's fault.
    #[error("no node of the cluster answers; the last one: {0}")]
    NoNode(Box<Self>),
}

impl Fault {
    /// From an error of a connection to `place`, whose answers may take `patience`.
    pub(super) fn of(error: &RedisError, place: &str, patience: Duration) -> Self {
        let place = place.to_owned();
        if let ErrorKind::Server(_) | ErrorKind::Extension = error.kind() {
            return Self::of_reply(
                error.code().unwrap_or_default(),
                error.detail().unwrap_or_default(),
                &place,
            );
        }
        if error.kind() == ErrorKind::Parse {
            return Self::NotRedis(place);
        }
        // The library keeps its source behind an Arc, which is an error of its own.
        let source = error.source().map(|inner| {
            match inner.downcast_ref::<Arc<dyn Error + Send + Sync>>() {
                Some(shared) => &**shared as &(dyn Error + 'static),
                None => inner,
            }
        });
        if let Some(tls) = source.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            return Self::Tls(place, TlsFault::of(tls));
        }
        match source.and_then(|inner| inner.downcast_ref::<io::Error>()) {
            Some(inner) => Self::of_io(inner, place, patience),
            None => Self::Network(place, error.to_string()),
        }
    }

    fn of_io(error: &io::Error, place: String, patience: Duration) -> Self {
        if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            return Self::Tls(place, TlsFault::of(tls));
        }
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused(place),
            io::ErrorKind::NotFound => Self::NoSocket(place),
            io::ErrorKind::PermissionDenied => Self::SocketDenied(place),
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
                Self::Timeout { place, after: patience }
            }
            io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::NotConnected
            | io::ErrorKind::UnexpectedEof => Self::Closed(place),
            _ => {
                if error.to_string().contains("lookup address") {
                    Self::UnknownHost(place)
                } else {
                    Self::Network(place, io_words(error))
                }
            }
        }
    }

    /// From an error reply.
    pub(super) fn of_reply(code: &str, detail: &str, place: &str) -> Self {
        let place = place.to_owned();
        match code {
            "NOAUTH" => Self::NoPassword(place),
            "WRONGPASS" => Self::WrongPassword(place),
            "LOADING" => Self::Loading(place),
            "MASTERDOWN" => Self::MasterDown(place),
            "BUSY" => Self::Busy(place),
            "DENIED" => Self::Protected(place),
            "CLUSTERDOWN" => Self::ClusterDown(place, detail.to_owned()),
            "ERR" if detail.contains("max number of clients") => Self::TooManyClients(place),
            "ERR"
                if detail.contains("without any password configured")
                    || detail.contains("no password is set") =>
            {
                Self::NeedlessPassword(place)
            }
            "ERR" if detail.contains("invalid password") => Self::WrongPassword(place),
            _ => Self::Server(place, format!("{code} {detail}").trim().to_owned()),
        }
    }

    /// Whether this error reply to one command says that no command will be answered.
    pub(super) fn concerns_all(code: &str) -> bool {
        matches!(code, "NOAUTH" | "LOADING" | "MASTERDOWN" | "BUSY" | "DENIED" | "CLUSTERDOWN")
    }

    /// That `user` may not do something without which nothing can be read.
    pub(super) fn forbidden(
        place: &str,
        user: Option<&str>,
        what: &Forbidden,
        cluster: bool,
    ) -> Self {
        let user = user.unwrap_or("default");
        Self::Forbidden {
            place: place.to_owned(),
            user: user.to_owned(),
            what: what.to_string(),
            line: line_of_all(user, cluster),
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Refused(_) => "is Redis running, and are host and port right?",
            Self::NoSocket(_) => "is Redis running, and is its unixsocket at this path?",
            Self::SocketDenied(_) => {
                "give Vigie's user access to the socket: unixsocketperm in redis.conf"
            }
            Self::UnknownHost(_) => "check the host in the url, and the DNS of this machine",
            Self::WrongPassword(_) => {
                "check user and password; the user of a plain requirepass is default"
            }
            Self::NeedlessPassword(_) => "remove the password from Vigie's configuration",
            Self::NoPassword(_) => {
                "put it in the url (redis://:PASSWORD@host or redis://USER:PASSWORD@host), or set password"
            }
            Self::Forbidden { line, .. } => return Some(line.clone()),
            Self::Database(..) => {
                "use a number below databases in redis.conf (16 by default); a cluster has only 0"
            }
            Self::Loading(_) | Self::Busy(_) => "it answers again by itself when it is done",
            Self::MasterDown(_) => "point Vigie at the master, or use sentinel",
            Self::TooManyClients(_) => {
                "raise maxclients in redis.conf, or find who leaks connections with CLIENT LIST"
            }
            Self::ClosedAtOnce(_) => "a Redis with TLS needs rediss://; else see the server's log",
            Self::Protected(_) => {
                "set a password and bind in redis.conf; protected mode ends by itself then"
            }
            Self::ClusterDown(..) => "see CLUSTER INFO: some slots have no master",
            Self::NotRedis(_) => "check host and port; a Redis with TLS needs rediss://",
            Self::Tls(_, fault) => fault.hint(),
            Self::UnknownMaster(_) => "check the name: it is the one in sentinel monitor",
            Self::NoSentinel(inner) | Self::NoNode(inner) => return inner.hint(),
            Self::Timeout { .. }
            | Self::Closed(_)
            | Self::Network(..)
            | Self::Unexpected(..)
            | Self::Server(..)
            | Self::File { .. }
            | Self::NotMaster(_) => return None,
        };
        Some(text.to_owned())
    }
}

impl From<&Fault> for SourceFault {
    fn from(fault: &Fault) -> Self {
        Self { error: fault.to_string(), hint: fault.hint() }
    }
}

impl From<Fault> for RedisError {
    fn from(fault: Fault) -> Self {
        Self::from((ErrorKind::Client, "no connection", fault.to_string()))
    }
}

fn seconds(duration: Duration) -> String {
    let text = format!("{:.2}", duration.as_secs_f64());
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
