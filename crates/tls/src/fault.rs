//! What goes wrong with TLS, in words for the people on call.

use std::error::Error;

use rustls::{AlertDescription, CertificateError};

/// What is wrong with TLS.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsFault {
    /// Unknown authority.
    #[error("the server's certificate is signed by an authority that is not trusted here")]
    UnknownAuthority,
    /// Too old.
    #[error("the server's certificate has expired")]
    Expired,
    /// Too young.
    #[error("the server's certificate is not valid yet")]
    NotYet,
    /// For another name.
    #[error("the server's certificate is for another name")]
    WrongName,
    /// It wants a certificate.
    #[error("the server asks for a client certificate")]
    ClientCertificate,
    /// Ours is no good.
    #[error("the server refuses Vigie's client certificate")]
    ClientRefused,
    /// It does not speak TLS.
    #[error("the server does not speak TLS on this port")]
    Plaintext,
    /// Something else; in the library's words.
    #[error("{0}")]
    Other(String),
}

impl TlsFault {
    /// What an error of the library means.
    #[must_use]
    pub fn of(error: &rustls::Error) -> Self {
        match error {
            rustls::Error::InvalidCertificate(certificate) => match certificate {
                // Of an authority of the same name as one that is trusted, but with another key.
                CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                    Self::UnknownAuthority
                }
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                    Self::Expired
                }
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                    Self::NotYet
                }
                CertificateError::NotValidForName
                | CertificateError::NotValidForNameContext { .. } => Self::WrongName,
                other => Self::Other(other.to_string()),
            },
            rustls::Error::InvalidMessage(_) => Self::Plaintext,
            rustls::Error::AlertReceived(alert) => match alert {
                AlertDescription::CertificateRequired => Self::ClientCertificate,
                AlertDescription::BadCertificate
                | AlertDescription::UnknownCA
                | AlertDescription::CertificateUnknown
                | AlertDescription::CertificateExpired
                | AlertDescription::DecryptError
                | AlertDescription::AccessDenied => Self::ClientRefused,
                // OpenSSL answers a missing certificate with this one under TLS 1.2.
                AlertDescription::HandshakeFailure => Self::ClientCertificate,
                other => Self::Other(format!("the server ended the handshake: {other:?}")),
            },
            other => Self::Other(other.to_string()),
        }
    }

    /// What to do; keys are named as in [`crate::RawTls`] below `tls`.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::UnknownAuthority => {
                "set tls.ca_file to the certificate of the authority that signed it"
            }
            Self::Expired => "renew the server's certificate",
            Self::NotYet => "compare the clocks of this machine and the server",
            Self::WrongName => "use the name that is in the certificate as host in the url",
            Self::ClientCertificate => "set tls.cert_file and tls.key_file",
            Self::ClientRefused => "use a tls.cert_file that the server accepts",
            Self::Plaintext => "use a URL without TLS, or the port that speaks it",
            Self::Other(_) => "compare the TLS settings of both sides",
        }
    }

    /// The fault that an error comes from, wherever in its chain it is; none where it is not about TLS.
    #[must_use]
    pub fn within(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(tls) = error.downcast_ref::<rustls::Error>() {
                return Some(Self::of(tls));
            }
            // An error of input and output keeps another in itself, which is not its source.
            let held = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
            if let Some(found) = held.and_then(|held| Self::within(held)) {
                return Some(found);
            }
            next = error.source();
        }
        None
    }
}
