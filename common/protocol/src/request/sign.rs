//! Sealing and opening of requests: the chain of trust from the fleet root to one record.
//!
//! The order of the checks is the point: size, then the chain of trust, then the signature over the exact
//! bytes, and only then is anything decoded. Verification is the strict one (no malleable signatures).

mod unsigned;

use std::collections::BTreeSet;
use std::fmt;

use ed25519_dalek::{Signature, Signer, VerifyingKey};
use serde::de::DeserializeOwned;
use serde_bytes::ByteBuf;

use super::hunt::HuntStart;
use super::trust::{Certificate, Grant};
use super::{Args, Body, Kind, Limits, Sealed, Target, Verb};
use crate::clock::Timestamp;
use crate::ids::{FleetId, KeyId, RequestId};
use crate::limits;
use crate::wire;

pub use unsigned::Unsigned;

/// Why a request is not carried out. The word ([`Refusal::code`]) travels; the text is for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Over a cap.
    #[error("too big: {0}")]
    TooBig(String),
    /// A kind that this version does not know.
    #[error("newer than this agent: unknown kind {0:?}")]
    UnknownKind(String),
    /// No signature, or not one of 64 bytes.
    #[error("unsigned")]
    Unsigned,
    /// The certificate is missing, broken, or not signed by the fleet root.
    #[error("the key has no certificate of this fleet's root: {0}")]
    BadCertificate(String),
    /// The signature does not fit the key and the bytes.
    #[error("the signature does not fit")]
    BadSignature,
    /// The body or the arguments do not decode strictly.
    #[error("newer than this agent, or malformed: {0}")]
    Malformed(String),
    /// `type`, `message_id` or the certificate's key differ from the signed body.
    #[error("{0} differs from what was signed")]
    Altered(&'static str),
    /// For another fleet.
    #[error("for fleet {0}, not for this one")]
    WrongFleet(FleetId),
    /// The key was taken back.
    #[error("key {0} was revoked")]
    RevokedKey(KeyId),
    /// The key may not ask for this.
    #[error("key {key} may not ask for {kind}: its certificate does not grant `{}`", .kind.needs())]
    KindNotAllowed {
        /// The key.
        key: KeyId,
        /// What it asked for.
        kind: Kind,
    },
    /// The certificate is over.
    #[error("the certificate of the key ended at {0}")]
    CertificateExpired(Timestamp),
    /// Past its validity.
    #[error("expired at {0}")]
    Expired(Timestamp),
    /// Before its validity.
    #[error("not valid before {0}")]
    NotYetValid(Timestamp),
    /// Arguments outside what any agent accepts.
    #[error("out of bounds: {0}")]
    OutOfBounds(String),
}

impl Refusal {
    /// Returns the word of the closed list in `docs/reference/codes.md`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooBig(_) => "too_big",
            Self::UnknownKind(_) => "unknown_kind",
            Self::Unsigned => "unsigned",
            Self::BadCertificate(_) => "bad_certificate",
            Self::BadSignature => "bad_signature",
            Self::Malformed(_) => "malformed",
            Self::Altered(_) => "altered",
            Self::WrongFleet(_) => "wrong_fleet",
            Self::RevokedKey(_) => "revoked_key",
            Self::KindNotAllowed { .. } => "kind_not_allowed",
            Self::CertificateExpired(_) => "certificate_expired",
            Self::Expired(_) => "expired",
            Self::NotYetValid(_) => "not_yet_valid",
            Self::OutOfBounds(_) => "out_of_bounds",
        }
    }
}

/// A private Ed25519 key; wiped from memory when dropped, never printed.
pub struct SigningKey(ed25519_dalek::SigningKey);

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.id())
    }
}

impl SigningKey {
    /// Makes a new key from the system's randomness.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)?;
        Ok(Self::from_seed(&seed))
    }

    /// Takes the 32 bytes of a stored key.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// Returns the 32 bytes to store (mode 0600).
    pub fn seed(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// Returns the public half.
    pub fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    /// Returns the id of the key.
    pub fn id(&self) -> KeyId {
        KeyId::of(&self.public())
    }

    /// Signs bytes.
    pub(super) fn sign_bytes(&self, bytes: &[u8]) -> [u8; 64] {
        self.0.sign(bytes).to_bytes()
    }

    /// Signs a grant with this key, which should be the fleet root.
    pub fn certify(&self, grant: &Grant) -> Result<Certificate, wire::WireError> {
        let grant = wire::encode(grant)?;
        let sig = self.0.sign(&certificate_bytes(&grant));
        Ok(Certificate { grant: ByteBuf::from(grant), sig: ByteBuf::from(sig.to_bytes()) })
    }

    /// Seals a body with this key. `certificate` is `None` only when this is the root itself.
    pub fn seal(
        &self,
        body: &Body,
        certificate: Option<&Certificate>,
    ) -> Result<Sealed, wire::WireError> {
        self.sign(&Unsigned::new(body)?, certificate)
    }

    /// Signs exactly the bytes of a body that was encoded before.
    pub fn sign(
        &self,
        unsigned: &Unsigned,
        certificate: Option<&Certificate>,
    ) -> Result<Sealed, wire::WireError> {
        let kind = unsigned.kind().as_str();
        let sig = self.0.sign(&signed_bytes(kind, unsigned.bytes()));
        let cert = certificate.map(wire::encode).transpose()?.unwrap_or_default();
        Ok(Sealed {
            kind: kind.to_owned(),
            id: unsigned.id().to_string(),
            body: ByteBuf::from(unsigned.bytes()),
            sig: ByteBuf::from(sig.to_bytes()),
            cert: ByteBuf::from(cert),
        })
    }
}

/// Returns what a request's signature covers.
pub fn signed_bytes(kind: &str, body: &[u8]) -> Vec<u8> {
    [b"muster request v1\0", kind.as_bytes(), b"\0", body].concat()
}

fn certificate_bytes(grant: &[u8]) -> Vec<u8> {
    [b"muster certificate v1\0".as_slice(), grant].concat()
}

/// A request whose chain of trust, signature, fleet and validity held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The signed part.
    pub body: Body,
    /// Its arguments.
    pub args: Args,
    /// The operator's name by the certificate; `root` for the root itself.
    pub operator: String,
}

/// What an agent or the coordinator trusts: the root of one fleet, less what was revoked.
#[derive(Debug, Clone)]
pub struct Trust {
    /// The fleet.
    pub fleet: FleetId,
    /// The root's public key.
    pub root: [u8; 32],
    /// Keys that are never trusted again.
    pub revoked: BTreeSet<KeyId>,
}

impl Trust {
    /// Opens a request that arrived at `now`.
    pub fn open(&self, sealed: &Sealed, now: Timestamp) -> Result<Opened, Refusal> {
        check_sizes(sealed)?;
        let kind = Kind::parse(&sealed.kind)
            .ok_or_else(|| Refusal::UnknownKind(sealed.kind.chars().take(40).collect()))?;
        let (key_id, operator, allowed) = self.verified(sealed, kind, now)?;
        let body: Body = strict(&sealed.body, limits::REQUEST_BYTES_MAX)?;
        if body.kind != kind {
            return Err(Refusal::Altered("kind"));
        }
        if body.id.to_string() != sealed.id {
            return Err(Refusal::Altered("id"));
        }
        if body.key != key_id {
            return Err(Refusal::Altered("key"));
        }
        if body.fleet != self.fleet {
            return Err(Refusal::WrongFleet(body.fleet));
        }
        if !allowed {
            return Err(Refusal::KindNotAllowed { key: key_id, kind });
        }
        check_length(&body)?;
        let args = decode_args(kind, &body.args)?;
        check_validity(&body, &args, now)?;
        super::check::bounds(&body, &args).map_err(Refusal::OutOfBounds)?;
        Ok(Opened { body, args, operator })
    }

    /// Checks sizes, certificate and signature; returns the key, the operator's name and whether the kind is granted.
    pub(super) fn verified(
        &self,
        sealed: &Sealed,
        kind: Kind,
        now: Timestamp,
    ) -> Result<(KeyId, String, bool), Refusal> {
        check_sizes(sealed)?;
        let signature: &[u8; 64] =
            sealed.sig.as_slice().try_into().map_err(|_| Refusal::Unsigned)?;
        let signature = Signature::from_bytes(signature);
        let (public, operator, allowed) = self.signer(sealed, kind, now)?;
        let key_id = KeyId::of(&public);
        if self.revoked.contains(&key_id) {
            return Err(Refusal::RevokedKey(key_id));
        }
        VerifyingKey::from_bytes(&public)
            .and_then(|key| {
                key.verify_strict(&signed_bytes(&sealed.kind, &sealed.body), &signature)
            })
            .map_err(|_| Refusal::BadSignature)?;
        Ok((key_id, operator, allowed))
    }

    /// Finds who signed: the public key, the name, and whether the kind is granted.
    fn signer(
        &self,
        sealed: &Sealed,
        kind: Kind,
        now: Timestamp,
    ) -> Result<([u8; 32], String, bool), Refusal> {
        if sealed.cert.is_empty() {
            // The root signs nothing but revocations.
            if kind == Kind::TrustRevoke {
                return Ok((self.root, "root".to_owned(), true));
            }
            return Err(Refusal::BadCertificate("there is none".to_owned()));
        }
        let bad = |why: &str| Refusal::BadCertificate(why.to_owned());
        let cap = limits::CERTIFICATE_BYTES_MAX;
        let certificate: Certificate =
            wire::decode(&sealed.cert, cap).map_err(|error| bad(&error.to_string()))?;
        let signature: &[u8; 64] =
            certificate.sig.as_slice().try_into().map_err(|_| bad("its signature is too short"))?;
        let signature = Signature::from_bytes(signature);
        VerifyingKey::from_bytes(&self.root)
            .and_then(|root| root.verify_strict(&certificate_bytes(&certificate.grant), &signature))
            .map_err(|_| bad("the root did not sign it"))?;
        let grant: Grant =
            wire::decode(&certificate.grant, cap).map_err(|error| bad(&error.to_string()))?;
        if grant.fleet != self.fleet {
            return Err(Refusal::WrongFleet(grant.fleet));
        }
        if now > grant.not_after.plus_ms(limits::CLOCK_SKEW_MS_MAX) {
            return Err(Refusal::CertificateExpired(grant.not_after));
        }
        let public = grant.key.as_slice().try_into().map_err(|_| bad("its key is not 32 bytes"))?;
        // Revocation is the root's alone, whatever a grant says.
        let allowed = kind != Kind::TrustRevoke && kind.needs().is_in(&grant.capabilities);
        Ok((public, grant.name, allowed))
    }
}

/// Decodes the body of a request that was opened before: nothing of its trust is checked again.
pub fn body_of(sealed: &Sealed) -> Result<Body, Refusal> {
    strict(&sealed.body, limits::REQUEST_BYTES_MAX)
}

fn check_sizes(sealed: &Sealed) -> Result<(), Refusal> {
    let parts = [
        ("body", sealed.body.len(), limits::REQUEST_BYTES_MAX),
        ("certificate", sealed.cert.len(), limits::CERTIFICATE_BYTES_MAX),
    ];
    for (part, bytes, cap) in parts {
        if bytes > cap {
            return Err(Refusal::TooBig(format!("{part} of {bytes} bytes, {cap} are allowed")));
        }
    }
    Ok(())
}

fn check_length(body: &Body) -> Result<(), Refusal> {
    if body.not_after.since_ms(body.issued) > limits::VALIDITY_MS_MAX {
        return Err(Refusal::OutOfBounds("valid for more than 30 days".to_owned()));
    }
    Ok(())
}

fn check_validity(body: &Body, args: &Args, now: Timestamp) -> Result<(), Refusal> {
    let skew = limits::CLOCK_SKEW_MS_MAX;
    // An agent that was away for a month must not run what was stopped meanwhile.
    let holds_for_ever =
        matches!(args, Args::Control(control) if control.known().is_some_and(Verb::only_stops));
    if now > body.not_after.plus_ms(skew) && !holds_for_ever {
        return Err(Refusal::Expired(body.not_after));
    }
    if now < body.issued.plus_ms(-skew) {
        return Err(Refusal::NotYetValid(body.issued));
    }
    Ok(())
}

pub(super) fn strict<T: DeserializeOwned>(bytes: &[u8], cap: usize) -> Result<T, Refusal> {
    wire::decode(bytes, cap).map_err(|error| Refusal::Malformed(error.to_string()))
}

fn decode_args(kind: Kind, bytes: &[u8]) -> Result<Args, Refusal> {
    let cap = limits::REQUEST_BYTES_MAX;
    Ok(match kind {
        Kind::HuntStart => {
            let start: HuntStart = strict(bytes, cap)?;
            if let Ok(artifact) = start.known() {
                let decoded = artifact.asked(&start.args);
                decoded.map_err(|error| Refusal::Malformed(error.to_string()))?;
            }
            Args::HuntStart(start)
        }
        Kind::ListPart => Args::ListPart(strict(bytes, cap)?),
        Kind::ProfileStart => Args::ProfileStart(strict(bytes, cap)?),
        Kind::Control => Args::Control(strict(bytes, cap)?),
        Kind::TrustRevoke => Args::TrustRevoke(strict(bytes, cap)?),
    })
}

/// What a new request says beside its arguments.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The fleet that it is for.
    pub fleet: FleetId,
    /// Which agents.
    pub target: Target,
    /// Bounds on each collection.
    pub limits: Limits,
    /// When it is signed.
    pub issued: Timestamp,
    /// How long work on it may begin.
    pub valid_ms: i64,
}

impl Draft {
    /// Makes the body of a request with a new id.
    pub fn body(self, key: KeyId, args: &Args) -> Result<Body, wire::WireError> {
        let (kind, bytes) = match args {
            Args::HuntStart(args) => (Kind::HuntStart, wire::encode(args)?),
            Args::ListPart(args) => (Kind::ListPart, wire::encode(args)?),
            Args::ProfileStart(args) => (Kind::ProfileStart, wire::encode(args)?),
            Args::Control(args) => (Kind::Control, wire::encode(args)?),
            Args::TrustRevoke(args) => (Kind::TrustRevoke, wire::encode(args)?),
        };
        Ok(Body {
            kind,
            id: RequestId::new(),
            key,
            fleet: self.fleet,
            issued: self.issued,
            not_after: self.issued.plus_ms(self.valid_ms),
            target: self.target,
            limits: self.limits,
            args: ByteBuf::from(bytes),
        })
    }
}

#[cfg(test)]
mod tests;
