//! Everything that can go wrong between Vigie and an HTTP server, in words for the people on call.

use std::error::Error;
use std::io;
use std::time::Duration;

use vigie_model::{SourceFault, io_words};
use vigie_tls::{TlsFault, TlsFileError};

use super::body::BodyFault;

/// Why an HTTP server cannot be read. Its text says what is wrong, [`HttpFault::hint`] what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpFault {
    /// Nobody listens there.
    #[error("{0}: connection refused")]
    Refused(String),
    /// The name has no address.
    #[error("{0}: unknown host")]
    UnknownHost(String),
    /// No connection in time.
    #[error("{place}: no connection within {} s", seconds(*.after))]
    NoConnection {
        /// Who.
        place: String,
        /// How long it had.
        after: Duration,
    },
    /// It did not answer in time.
    #[error("{place}: no answer within {} s", seconds(*.after))]
    Timeout {
        /// Who.
        place: String,
        /// How long it had.
        after: Duration,
    },
    /// It began to answer and did not come to an end in time.
    #[error("{place}: the answer did not end within {} s ({got} bytes came)", seconds(*.after))]
    Slow {
        /// Who.
        place: String,
        /// How long it had.
        after: Duration,
        /// How much came.
        got: usize,
    },
    /// The connection ended before the answer did.
    #[error("{0}: the server closed the connection before its answer was whole")]
    Closed(String),
    /// It speaks something else.
    #[error("{0}: the answer is no HTTP")]
    NotHttp(String),
    /// The network failed in another way; the system's words.
    #[error("{0}: {1}")]
    Network(String, String),
    /// TLS.
    #[error("{0}: TLS: {1}")]
    Tls(String, TlsFault),
    /// A file of certificates cannot be read.
    #[error(transparent)]
    File(#[from] TlsFileError),
    /// Another status than was hoped for, with what the server says about it.
    #[error("{place}: HTTP {status}{}", said(.says))]
    Status {
        /// Who.
        place: String,
        /// The status.
        status: u16,
        /// The first line of the body, if it is text.
        says: String,
    },
    /// It leads to another server.
    #[error("{place}: HTTP {status} leads to {to}, another server: Vigie does not follow")]
    Redirect {
        /// Who.
        place: String,
        /// The status.
        status: u16,
        /// Where to, without its query.
        to: String,
    },
    /// It leads on and on.
    #[error("{0}: it redirects in a circle")]
    RedirectLoop(String),
    /// Too many bytes.
    #[error("{place}: the answer is larger than {limit} bytes")]
    TooLarge {
        /// Who.
        place: String,
        /// The bound.
        limit: usize,
    },
    /// An encoding that was not asked for, or one that is broken.
    #[error("{0}: {1}")]
    Encoding(String, String),
    /// Another kind of content.
    #[error("{place}: the answer is {found}, not {wanted}")]
    ContentType {
        /// Who.
        place: String,
        /// The content type.
        found: String,
        /// What it should be, in words.
        wanted: &'static str,
    },
    /// It cannot be read as what it should be.
    #[error("{0}: {1}")]
    Undecodable(String, String),
}

impl HttpFault {
    /// From an error of a request to `place`.
    pub(super) fn of(
        error: &hyper_util::client::legacy::Error,
        place: &str,
        patience: Duration,
    ) -> Self {
        Self::of_chain(error, place, patience)
    }

    /// From an error of reading the body.
    pub(super) fn of_body(fault: BodyFault, place: &str, limit: usize) -> Self {
        let place = place.to_owned();
        match fault {
            BodyFault::TooLarge => Self::TooLarge { place, limit },
            BodyFault::Encoding(name) => Self::Encoding(
                place,
                format!("the answer is encoded as {name}, which was not asked for"),
            ),
            BodyFault::Damaged(name) => {
                Self::Encoding(place, format!("the answer is no valid {name}"))
            }
            BodyFault::Broken => Self::Closed(place),
        }
    }

    /// From an error of a connection that was made to `place`.
    pub(crate) fn of_io(error: &io::Error, place: &str, patience: Duration) -> Self {
        Self::of_chain(error, place, patience)
    }

    fn of_chain(error: &(dyn Error + 'static), place: &str, patience: Duration) -> Self {
        if let Some(tls) = TlsFault::within(error) {
            return Self::Tls(place.to_owned(), tls);
        }
        let mut link = Some(error);
        let mut last = error;
        while let Some(one) = link {
            if let Some(http) = one.downcast_ref::<hyper::Error>() {
                if http.is_parse() {
                    return Self::NotHttp(place.to_owned());
                }
                if http.is_incomplete_message() {
                    return Self::Closed(place.to_owned());
                }
            }
            if let Some(io) = one.downcast_ref::<io::Error>()
                && let Some(fault) = Self::of_kind(io, place, patience)
            {
                return fault;
            }
            last = one;
            link = one.source();
        }
        Self::Network(place.to_owned(), last.to_string())
    }

    fn of_kind(error: &io::Error, place: &str, patience: Duration) -> Option<Self> {
        let place = place.to_owned();
        // Errors of TLS come in an envelope or two.
        let nested = error.get_ref().and_then(|inner| inner.downcast_ref::<io::Error>());
        if let Some(nested) = nested {
            return Self::of_kind(nested, &place, patience);
        }
        Some(match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused(place),
            io::ErrorKind::TimedOut => Self::NoConnection { place, after: patience },
            io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::NotConnected
            | io::ErrorKind::UnexpectedEof => Self::Closed(place),
            _ if error.to_string().contains("lookup address") => Self::UnknownHost(place),
            // An envelope says more of what is in it than of itself.
            _ if error.get_ref().is_some() => return None,
            _ => Self::Network(place, io_words(error)),
        })
    }

    /// In a word or three, for a table: `refused`, `timeout`, `HTTP 503`, …
    #[must_use]
    pub fn word(&self) -> String {
        match self {
            Self::Refused(_) => "refused".to_owned(),
            Self::UnknownHost(_) => "unknown host".to_owned(),
            Self::NoConnection { .. } | Self::Timeout { .. } | Self::Slow { .. } => {
                "timeout".to_owned()
            }
            Self::Closed(_) => "closed".to_owned(),
            Self::NotHttp(_) => "no HTTP".to_owned(),
            Self::Network(..) => "network".to_owned(),
            Self::Tls(..) | Self::File(..) => "TLS".to_owned(),
            Self::Status { status, .. } | Self::Redirect { status, .. } => format!("HTTP {status}"),
            Self::RedirectLoop(_) => "redirects".to_owned(),
            Self::TooLarge { .. } => "too large".to_owned(),
            Self::Encoding(..) | Self::ContentType { .. } | Self::Undecodable(..) => {
                "wrong content".to_owned()
            }
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Refused(_) => "is it running, and are host and port right?",
            Self::UnknownHost(_) => "check the host, and the DNS of this machine",
            Self::NoConnection { .. } => "a firewall may drop the packets, or the machine is away",
            Self::Timeout { .. } | Self::Slow { .. } => {
                "the server hangs or is overloaded; timeout_seconds says how long Vigie waits"
            }
            Self::NotHttp(_) => "check the port; a server with TLS needs https://",
            Self::Closed(_) => "see the server's log, and whether it is http:// or https://",
            Self::Tls(_, fault) => return Some(fault.hint().to_owned()),
            Self::File(..) => "check the path and who may read the file",
            Self::Status { status: 401, .. } => "set username and password, or bearer_token",
            Self::Status { status: 403, .. } => "Vigie's login may not read this: allow it there",
            Self::Status { status: 404, .. } => "check the path in the url",
            Self::Redirect { .. } | Self::RedirectLoop(_) => {
                "put the address it leads to in the url"
            }
            Self::ContentType { .. } | Self::Undecodable(..) => {
                "check the path in the url: something else answers there"
            }
            Self::Status { .. }
            | Self::Network(..)
            | Self::TooLarge { .. }
            | Self::Encoding(..) => {
                return None;
            }
        };
        Some(text.to_owned())
    }
}

impl From<&HttpFault> for SourceFault {
    fn from(fault: &HttpFault) -> Self {
        Self { error: fault.to_string(), hint: fault.hint() }
    }
}

impl From<HttpFault> for SourceFault {
    fn from(fault: HttpFault) -> Self {
        Self::from(&fault)
    }
}

fn said(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

fn seconds(duration: Duration) -> String {
    let text = format!("{:.2}", duration.as_secs_f64());
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
