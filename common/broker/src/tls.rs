//! Which authorities this process trusts over TLS, and why it did not trust a server.
//!
//! With `muster_server::tls` and `muster_api::tls` the only door to rustls. The authorities are always the system's and those of one
//! file; a machine without the first (a bare container) does with the second.

use std::error::Error;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rustls::CertificateError;
use rustls::pki_types::CertificateDer;

/// What is said of a peer that answers TLS with something else.
pub const NOT_TLS: &str = "what answers there does not speak TLS";

/// Letters in a line of PEM.
const PEM_LINE: usize = 64;

/// Why there is no authority to trust.
#[derive(Debug, thiserror::Error)]
pub enum AuthoritiesError {
    /// The file cannot be read, or holds what is no PEM.
    #[error("cannot read certificates from {path}: {cause}")]
    File {
        /// The file.
        path: PathBuf,
        /// What was wrong.
        cause: String,
    },
    /// The file holds none.
    #[error("{path} holds no certificate (PEM)")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// No file was given, and the system has none.
    #[error(
        "this machine has no certificate authorities (package ca-certificates), and no ca_file names one"
    )]
    None,
}

/// The certificate authorities that a client trusts.
#[derive(Debug, Clone)]
pub struct Authorities(Vec<CertificateDer<'static>>);

impl Authorities {
    /// Reads those of the system, and those of a file where one is given. The file must hold at least one.
    pub fn read(ca_file: Option<&Path>) -> Result<Self, AuthoritiesError> {
        let mut all = match ca_file {
            Some(path) => of_file(path)?,
            None => Vec::new(),
        };
        // What of the system's cannot be read is not trusted; that is all that follows from it.
        all.extend(rustls_native_certs::load_native_certs().certs);
        if all.is_empty() { Err(AuthoritiesError::None) } else { Ok(Self(all)) }
    }

    /// Returns each certificate as DER.
    pub fn der(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// Returns them as one PEM text.
    pub fn pem(&self) -> String {
        let mut text = String::new();
        for der in self.der() {
            text.push_str("-----BEGIN CERTIFICATE-----\n");
            let letters = BASE64.encode(der);
            for line in letters.as_bytes().chunks(PEM_LINE) {
                // Base64 is ASCII, and writing to a String cannot fail.
                writeln!(text, "{}", String::from_utf8_lossy(line)).unwrap_or_default();
            }
            text.push_str("-----END CERTIFICATE-----\n");
        }
        text
    }
}

fn of_file(path: &Path) -> Result<Vec<CertificateDer<'static>>, AuthoritiesError> {
    let found = rustls_native_certs::load_certs_from_paths(Some(path), None);
    if let Some(error) = found.errors.into_iter().next() {
        let cause = match error.kind {
            rustls_native_certs::ErrorKind::Io { inner, .. } => inner.to_string(),
            other => format!("{other:?}"),
        };
        return Err(AuthoritiesError::File { path: path.to_owned(), cause });
    }
    if found.certs.is_empty() {
        return Err(AuthoritiesError::Empty { path: path.to_owned() });
    }
    Ok(found.certs)
}

/// Why a certificate was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Distrust {
    /// Neither the system nor the file has the authority that signed it.
    #[error("its certificate is signed by no authority that is known here")]
    UnknownAuthority,
    /// It is for other names.
    #[error("{0}")]
    WrongName(String),
    /// It is that of an authority: signed by itself, as many recipes for a quick certificate make it.
    #[error("its certificate is an authority's (CA:TRUE), which may not be a server's")]
    IsAuthority,
    /// It has expired, is no server's, …
    #[error("{0}")]
    Other(String),
}

/// What went wrong before anything was said over TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The certificate was not accepted.
    Distrust(Distrust),
    /// The peer does not speak TLS.
    NotTls,
}

/// Finds what TLS has to say in an error or in what caused it.
pub fn trouble(error: &(dyn Error + 'static)) -> Option<Trouble> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(told) = error.downcast_ref::<rustls::Error>() {
            return of_rustls(told);
        }
        // An I/O error does not count what it wraps as its source.
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    None
}

fn of_rustls(error: &rustls::Error) -> Option<Trouble> {
    let rustls::Error::InvalidCertificate(why) = error else {
        return matches!(error, rustls::Error::InvalidMessage(_)).then_some(Trouble::NotTls);
    };
    let distrust = match why {
        // A file with another authority of the same name fails at the signature.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            Distrust::UnknownAuthority
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            Distrust::WrongName(why.to_string())
        }
        // The check of the chain has no name for it in this type.
        _ if why.to_string().contains("CaUsedAsEndEntity") => Distrust::IsAuthority,
        _ => Distrust::Other(why.to_string()),
    };
    Some(Trouble::Distrust(distrust))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_holds_is_trusted_and_written_as_pem() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let of = |bytes: u8| Authorities(vec![CertificateDer::from(vec![bytes; 100])]);
        let two = of(1).pem() + "some words\n" + &of(2).pem();
        std::fs::write(&path, &two).unwrap();
        let read = Authorities::read(Some(&path)).unwrap();
        let first: Vec<_> = read.der().take(2).map(<[u8]>::to_vec).collect();
        assert_eq!(first, [vec![1; 100], vec![2; 100]]);
        assert!(read.pem().starts_with(&of(1).pem()));
        assert!(two.lines().all(|line| line.len() <= 64));
    }

    #[test]
    fn a_file_without_certificates_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        for (content, said) in [(None, "No such file"), (Some("hello\n"), "holds no certificate")] {
            if let Some(content) = content {
                std::fs::write(&path, content).unwrap();
            }
            let error = Authorities::read(Some(&path)).unwrap_err().to_string();
            assert!(error.contains(said) && error.contains("ca.pem"), "{error}");
        }
    }

    #[test]
    fn trouble_is_found_where_it_is_wrapped() {
        let unknown = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let wrapped = io::Error::other(io::Error::other(unknown));
        assert_eq!(trouble(&wrapped), Some(Trouble::Distrust(Distrust::UnknownAuthority)));
        let other = rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType);
        assert_eq!(trouble(&io::Error::other(other)), Some(Trouble::NotTls));
        assert_eq!(trouble(&io::Error::from(io::ErrorKind::ConnectionRefused)), None);
    }
}
