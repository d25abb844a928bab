//! Files of certificates, and TLS as a client that is made of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;

/// Files with certificates, in PEM, as a configuration file names them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawTls {
    /// Certificates of the authority that signed the server's; without it, the public ones are trusted.
    pub ca_file: Option<PathBuf>,
    /// Vigie's own certificate, when the server asks for one.
    pub cert_file: Option<PathBuf>,
    /// The key of `cert_file`.
    pub key_file: Option<PathBuf>,
}

/// Certificate files. That they exist and hold what they should is found out by [`Self::client`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tls {
    /// The authority; `None`: the public ones.
    pub ca_file: Option<PathBuf>,
    /// Vigie's certificate and its key.
    pub client: Option<(PathBuf, PathBuf)>,
}

/// What is wrong with them. No secret is in any of the texts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsFileError {
    /// One of the two without the other.
    #[error("tls: cert_file and key_file belong together")]
    Half,
    /// A file cannot be read, or holds something else.
    #[error("tls: {}: {why}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// They do not fit each other, or cannot be used; in the library's words.
    #[error("tls: {0}")]
    Unusable(String),
}

impl TryFrom<RawTls> for Tls {
    type Error = TlsFileError;

    fn try_from(raw: RawTls) -> Result<Self, TlsFileError> {
        let client = match (raw.cert_file, raw.key_file) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => return Err(TlsFileError::Half),
        };
        Ok(Self { ca_file: raw.ca_file, client })
    }
}

impl Tls {
    /// What a client speaks TLS with; reads the files.
    ///
    /// # Errors
    /// See [`TlsFileError`].
    pub fn client(&self) -> Result<ClientConfig, TlsFileError> {
        let unusable = |error: rustls::Error| TlsFileError::Unusable(error.to_string());
        let mut roots = RootCertStore::empty();
        match &self.ca_file {
            Some(path) => {
                for certificate in certificates(path)? {
                    roots.add(certificate).map_err(|error| file(path, error.to_string()))?;
                }
            }
            None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .with_root_certificates(roots);
        match &self.client {
            None => Ok(config.with_no_client_auth()),
            Some((certificate, key)) => {
                let own =
                    PrivateKeyDer::from_pem_file(key).map_err(|error| file(key, words(error)))?;
                config.with_client_auth_cert(certificates(certificate)?, own).map_err(unusable)
            }
        }
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFileError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let found: Vec<_> = read.map_err(|error| file(path, words(error)))?;
    if found.is_empty() {
        let why = "there is no certificate in it (-----BEGIN CERTIFICATE-----)";
        return Err(file(path, why.to_owned()));
    }
    Ok(found)
}

fn file(path: &Path, why: String) -> TlsFileError {
    TlsFileError::File { path: path.to_owned(), why }
}

fn words(error: pem::Error) -> String {
    match error {
        pem::Error::Io(error) => error.to_string(),
        pem::Error::NoItemsFound => {
            "there is no key in it (-----BEGIN PRIVATE KEY-----)".to_owned()
        }
        other => format!("{other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use vigie_testkit::Certificates;

    use super::*;

    #[test]
    fn what_is_wrong_is_named() {
        let made = Certificates::new();
        let (certificate, key) = made.client();
        let good =
            Tls { ca_file: Some(made.ca()), client: Some((certificate.clone(), key.clone())) };
        assert!(good.client().is_ok() && Tls::default().client().is_ok());
        let empty = tempfile::NamedTempFile::new().unwrap();
        let none = PathBuf::from("/none/ca.pem");
        for (tls, says) in [
            (Tls { ca_file: Some(none), client: None }, "/none/ca.pem: No such file"),
            (Tls { ca_file: Some(empty.path().into()), client: None }, "no certificate in it"),
            (Tls { ca_file: Some(key.clone()), client: None }, "no certificate in it"),
            (
                Tls { ca_file: None, client: Some((certificate.clone(), certificate.clone())) },
                "no key",
            ),
            (Tls { ca_file: None, client: Some((certificate, made.server().1)) }, "tls: "),
        ] {
            let error = tls.client().unwrap_err().to_string();
            assert!(error.contains(says) && !error.contains("BEGIN PRIVATE KEY\n"), "{error}");
        }
        let half: RawTls = serde_json::from_str(r#"{"cert_file": "/c"}"#).unwrap();
        assert_eq!(Tls::try_from(half), Err(TlsFileError::Half));
        assert!(serde_json::from_str::<RawTls>(r#"{"cafile": "/c"}"#).is_err());
    }
}
