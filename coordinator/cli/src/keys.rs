//! The key files: the fleet root (to be taken offline) and an operator's key with its certificate.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use muster_protocol::clock::Timestamp;
use muster_protocol::hex;
use muster_protocol::ids::{FleetId, KeyId};
use muster_protocol::limits;
use muster_protocol::request::Capability;
use muster_protocol::request::sign::SigningKey;
use muster_protocol::request::trust::{Certificate, Grant};
use muster_protocol::wire;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use zeroize::Zeroizing;

use super::failure::{Exit, Failure};
use super::private;

/// How long an operator's certificate counts.
const CERTIFICATE_MS: i64 = 365 * 86_400_000;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RootFile {
    fleet: String,
    seed: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OperatorFile {
    fleet: String,
    root: String,
    name: String,
    seed: String,
    certificate: String,
}

/// The fleet root.
#[derive(Debug)]
pub(super) struct Root {
    /// Whose root it is.
    pub(super) fleet: FleetId,
    /// The key.
    pub(super) key: SigningKey,
}

/// An operator: a key, and what the root says of it.
#[derive(Debug)]
pub(super) struct Operator {
    /// The fleet.
    pub(super) fleet: FleetId,
    /// The root's public key.
    pub(super) root: [u8; 32],
    /// The name in the audit log.
    pub(super) name: String,
    /// The key.
    pub(super) key: SigningKey,
    /// The root's word for it.
    pub(super) certificate: Certificate,
}

impl Root {
    /// Makes the root of a new fleet.
    pub(super) fn generate() -> Result<Self, Failure> {
        let key = SigningKey::generate().map_err(|e| Failure::bug("cannot make a key", e))?;
        Ok(Self { fleet: FleetId::new(), key })
    }

    /// Writes the key file.
    pub(super) fn write(&self, path: &Path) -> Result<(), Failure> {
        let file = RootFile { fleet: self.fleet.to_string(), seed: hex::encode(&self.key.seed()) };
        private::write(path, toml_text(&file)?.as_bytes())
    }

    /// Reads the key file.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let RootFile { fleet, seed } = parse(path, &private::key(path)?)?;
        let seed = Zeroizing::new(seed);
        let fleet = fleet.parse().map_err(|e| broken(path, e))?;
        Ok(Self { fleet, key: SigningKey::from_seed(&*key_bytes(path, &seed)?) })
    }

    /// Makes an operator with a new key that may ask for everything but revocations, for a year.
    pub(super) fn operator(&self, name: &str, now: Timestamp) -> Result<Operator, Failure> {
        let key = SigningKey::generate().map_err(|e| Failure::bug("cannot make a key", e))?;
        let granted = Capability::ALL.into_iter().filter(|it| *it != Capability::Revoke);
        let capabilities = granted.map(|capability| capability.as_str().to_owned()).collect();
        let grant = Grant {
            fleet: self.fleet,
            key: ByteBuf::from(key.public()),
            name: name.to_owned(),
            capabilities,
            issued: now,
            not_after: now.plus_ms(CERTIFICATE_MS),
        };
        let certificate =
            self.key.certify(&grant).map_err(|e| Failure::bug("cannot sign a certificate", e))?;
        let root = self.key.public();
        Ok(Operator { fleet: self.fleet, root, name: name.to_owned(), key, certificate })
    }
}

impl Operator {
    /// Writes the key file.
    pub(super) fn write(&self, path: &Path) -> Result<(), Failure> {
        let certificate = wire::encode(&self.certificate)
            .map_err(|e| Failure::bug("cannot encode the certificate", e))?;
        let file = OperatorFile {
            fleet: self.fleet.to_string(),
            root: hex::encode(&self.root),
            name: self.name.clone(),
            seed: hex::encode(&self.key.seed()),
            certificate: STANDARD.encode(certificate),
        };
        private::write(path, toml_text(&file)?.as_bytes())
    }

    /// Reads the key file, of which nothing is left in memory but the key.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let OperatorFile { fleet, root, name, seed, certificate } =
            parse(path, &private::key(path)?)?;
        let seed = Zeroizing::new(seed);
        let certificate = STANDARD.decode(&certificate).map_err(|e| broken(path, e))?;
        let certificate = wire::decode(&certificate, limits::CERTIFICATE_BYTES_MAX)
            .map_err(|e| broken(path, e))?;
        Ok(Self {
            fleet: fleet.parse().map_err(|e| broken(path, e))?,
            root: *key_bytes(path, &root)?,
            name,
            key: SigningKey::from_seed(&*key_bytes(path, &seed)?),
            certificate,
        })
    }

    /// Returns what may be known of an operator by everybody.
    pub(super) fn signer(&self) -> Result<Signer, Failure> {
        let grant = wire::decode(&self.certificate.grant, limits::CERTIFICATE_BYTES_MAX);
        let grant = grant.map_err(|error| {
            let next = "give the file that `muster init` wrote: --operator-key FILE";
            Failure::new(Exit::Refused, "the key's certificate cannot be read", error, next)
        })?;
        Ok(Signer { fleet: self.fleet, key: self.key.id(), grant })
    }
}

/// Who will sign: an operator without the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signer {
    /// The fleet.
    pub(super) fleet: FleetId,
    /// The id of the key.
    pub(super) key: KeyId,
    /// What the root says of it.
    pub(super) grant: Grant,
}

fn toml_text<T: Serialize>(file: &T) -> Result<String, Failure> {
    toml::to_string(file).map_err(|e| Failure::bug("cannot write a key as TOML", e))
}

fn parse<T: serde::de::DeserializeOwned>(path: &Path, text: &str) -> Result<T, Failure> {
    // The parser's own message would quote the line, and the line may hold the seed.
    toml::from_str(text).map_err(|e: toml::de::Error| broken(path, e.message()))
}

fn key_bytes(path: &Path, text: &str) -> Result<Zeroizing<[u8; 32]>, Failure> {
    let bytes = hex::decode(text).map(Zeroizing::new);
    let bytes = bytes.and_then(|bytes| bytes.as_slice().try_into().ok()).map(Zeroizing::new);
    bytes.ok_or_else(|| broken(path, "a key is not 64 hexadecimal digits"))
}

fn broken(path: &Path, cause: impl std::fmt::Display) -> Failure {
    let what = format!("{} is not a key file", path.display());
    Failure::new(Exit::Refused, what, cause, "give the file that `muster init` wrote")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_survive_their_files() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::generate().unwrap();
        let operator = root.operator("ann", Timestamp(1)).unwrap();
        let (root_path, path) = (folder.path().join("root.key"), folder.path().join("op.key"));
        root.write(&root_path).unwrap();
        operator.write(&path).unwrap();
        assert_eq!(Root::read(&root_path).unwrap().key.public(), root.key.public());
        let read = Operator::read(&path).unwrap();
        assert_eq!(read.key.public(), operator.key.public());
        assert_eq!(read.certificate, operator.certificate);
        assert_eq!(read.root, root.key.public());
    }

    #[test]
    fn a_broken_key_file_does_not_leak_its_seed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root.key");
        private::write(&path, b"fleet = \"x\"\nseed = \"5ec2e7\" nonsense\n").unwrap();
        let failure = Root::read(&path).unwrap_err();
        assert_eq!(failure.exit, Exit::Refused);
        assert!(!format!("{failure:?}").contains("5ec2e7"));
        assert!(failure.error.contains("not a key file"), "{failure:?}");
    }

    #[test]
    fn a_key_file_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("op.key");
        Root::generate().unwrap().operator("ann", Timestamp(1)).unwrap().write(&path).unwrap();
        for mode in [0o644, 0o640, 0o620, 0o601] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let failure = Operator::read(&path).unwrap_err();
            assert_eq!(failure.exit, Exit::Refused);
            assert!(failure.cause.contains(&format!("{mode:04o}")), "{failure:?}");
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
        Operator::read(&path).unwrap();
    }
}
