//! Which certificate authorities an HTTP client of ours trusts.

use std::path::Path;
use std::sync::Arc;

use muster_broker::tls::{self, Authorities, AuthoritiesError, Trouble};
use rustls::crypto::ring;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// Returns whether an address is to be spoken to over TLS.
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
        .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
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
