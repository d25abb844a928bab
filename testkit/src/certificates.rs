//! A certificate authority with a server's and a client's certificate, made anew for each test.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use tempfile::TempDir;

/// Files in PEM: `ca`, `server`, `client`.
pub struct Certificates {
    dir: TempDir,
}

impl Certificates {
    /// A server certificate for `localhost` and 127.0.0.1, and a client's.
    #[must_use]
    pub fn new() -> Self {
        Self::make("localhost", false)
    }

    /// As [`Self::new`], but the server's expired long ago.
    #[must_use]
    pub fn expired() -> Self {
        Self::make("localhost", true)
    }

    /// As [`Self::new`], but the server's is for another name.
    #[must_use]
    pub fn for_host(name: &str) -> Self {
        Self::make(name, false)
    }

    fn make(host: &str, expired: bool) -> Self {
        let dir = TempDir::new().expect("a temporary directory");
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.distinguished_name.push(DnType::CommonName, "Vigie test authority");
        let key = KeyPair::generate().expect("a key");
        let authority = CertifiedIssuer::self_signed(authority, key).expect("an authority");
        write(dir.path(), "ca.crt", &authority.pem());

        let mut names = vec![host.to_owned()];
        if host == "localhost" {
            names.push("127.0.0.1".to_owned());
        }
        for (file, names) in [("server", names), ("client", vec!["vigie".to_owned()])] {
            let mut params = CertificateParams::new(names).expect("names that fit a certificate");
            params.distinguished_name.push(DnType::CommonName, file);
            if expired && file == "server" {
                params.not_before = date_time_ymd(2020, 1, 1);
                params.not_after = date_time_ymd(2021, 1, 1);
            }
            let key = KeyPair::generate().expect("a key");
            let certificate = params.signed_by(&key, &authority).expect("a signed certificate");
            write(dir.path(), &format!("{file}.crt"), &certificate.pem());
            write(dir.path(), &format!("{file}.key"), &key.serialize_pem());
        }
        Self { dir }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The authority's certificate.
    #[must_use]
    pub fn ca(&self) -> PathBuf {
        self.file("ca.crt")
    }

    /// The server's certificate and its key.
    #[must_use]
    pub fn server(&self) -> (PathBuf, PathBuf) {
        (self.file("server.crt"), self.file("server.key"))
    }

    /// The client's certificate and its key.
    #[must_use]
    pub fn client(&self) -> (PathBuf, PathBuf) {
        (self.file("client.crt"), self.file("client.key"))
    }
}

impl Default for Certificates {
    fn default() -> Self {
        Self::new()
    }
}

fn write(dir: &Path, name: &str, text: &str) {
    std::fs::write(dir.join(name), text).expect("a file in a temporary directory");
}
