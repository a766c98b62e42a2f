//! The identity of the API: certificate and key, and the handshake.
//!
//! With `muster_broker::tls` and `muster_api::tls` the only door to rustls.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

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
