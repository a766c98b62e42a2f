//! TLS of the coordinator and its CLI: which authorities their clients trust, and the identity of the API.
//!
//! With `muster_broker::tls` the only door to rustls.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use muster_broker::tls;
use muster_broker::tls::{Authorities, AuthoritiesError, Trouble};
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// Why certificate and key cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or does not hold what it should.
    #[error("{path} holds no {what} (PEM): {cause}")]
    File {
        /// The file.
        path: PathBuf,
        /// `certificate`, `private key`.
        what: &'static str,
        /// What was wrong.
        cause: String,
    },
    /// They do not fit each other.
    #[error("certificate {cert} and key {key} cannot be used: {cause}")]
    Pair {
        /// The certificate.
        cert: PathBuf,
        /// The key.
        key: PathBuf,
        /// What was wrong.
        cause: String,
    },
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// Tells whether an address is to be spoken to over TLS.
pub fn is_https(url: &str) -> bool {
    url.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"))
}

/// Makes what an HTTP client of `url` trusts: the system's authorities and those of `ca_file`. Without TLS no file
/// is read, and nobody is trusted.
pub fn client(url: &str, ca_file: Option<&Path>) -> Result<TlsConfig, AuthoritiesError> {
    if !is_https(url) {
        return Ok(nobody());
    }
    let authorities = Authorities::read(ca_file)?;
    Ok(trusting(authorities.der().map(|der| Certificate::from_der(der).to_owned()).collect()))
}

/// Trusts nobody: for plain HTTP.
pub fn nobody() -> TlsConfig {
    trusting(Vec::new())
}

fn trusting(roots: Vec<Certificate<'static>>) -> TlsConfig {
    TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::new(roots)))
        .unversioned_rustls_crypto_provider(provider())
        .build()
}

/// Finds what TLS has to say in an error of the HTTP client, which does not tell its sources.
pub fn trouble(error: &ureq::Error) -> Option<Trouble> {
    match error {
        ureq::Error::Io(error) => tls::trouble(error),
        ureq::Error::Rustls(error) => tls::trouble(error),
        _ => None,
    }
}

/// Certificate and key of the API.
#[derive(Clone)]
pub struct Identity(Arc<ServerConfig>);

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(…)")
    }
}

impl Identity {
    /// Reads a chain of certificates, the server's own first, and its key.
    pub fn read(cert: &Path, key: &Path) -> Result<Self, TlsError> {
        let unread = |path: &Path, what, cause: String| TlsError::File {
            path: path.to_owned(),
            what,
            cause,
        };
        let chain = CertificateDer::pem_file_iter(cert)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| unread(cert, "certificate", error.to_string()))?;
        if chain.is_empty() {
            return Err(unread(cert, "certificate", "there is none in it".to_owned()));
        }
        let secret = PrivateKeyDer::from_pem_file(key)
            .map_err(|error| unread(key, "private key", error.to_string()))?;
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, secret));
        let mut config = config.map_err(|error| TlsError::Pair {
            cert: cert.to_owned(),
            key: key.to_owned(),
            cause: error.to_string(),
        })?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(Arc::new(config)))
    }

    /// Shakes hands with a client.
    pub async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        TlsAcceptor::from(Arc::clone(&self.0)).accept(stream).await
    }
}
