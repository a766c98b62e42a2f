//! Requests that are wrong in one way each, and right in all others.

use std::path::{Path, PathBuf};

use ed25519_dalek::Signer;
use muster_protocol::artifact::HashKind;
use muster_protocol::artifact::file_hash;
use muster_protocol::clock::{Clock, Timestamp};
use muster_protocol::ids::{FleetId, RequestId};
use muster_protocol::limits::REQUEST_BYTES_MAX;
use muster_protocol::request::hunt::HuntStart;
use muster_protocol::request::sign::{Draft, SigningKey, signed_bytes};
use muster_protocol::request::trust::{Certificate, Grant};
use muster_protocol::request::{Args, Body, Control, Kind, Limits, Sealed, Target, Verb};
use serde_bytes::ByteBuf;
use tests::fleet::Fleet;

use crate::keys::{Keys, keys};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// Everything that a key may be granted.
const ALL: &[&str] = &["hunt", "profile", "stop", "label", "revoke"];

/// The fleet's own keys, as its operator has them, and those of a stranger.
pub(super) struct Forge {
    fleet: FleetId,
    root: SigningKey,
    operator: SigningKey,
    certificate: Certificate,
    stranger: SigningKey,
    /// An operator's key that was certified and is to be taken back.
    pub(super) revoked: SigningKey,
    tree: PathBuf,
}

impl Forge {
    /// Reads the keys; every hunt is of `tree` unless that is what is wrong with it.
    pub(super) fn new(fleet: &Fleet, tree: &Path) -> Self {
        let Keys { fleet, root, operator, certificate } = keys(fleet);
        let stranger = SigningKey::from_seed(&[9; 32]);
        let revoked = SigningKey::from_seed(&[10; 32]);
        Self { fleet, root, operator, certificate, stranger, revoked, tree: tree.to_owned() }
    }

    fn now() -> Timestamp {
        Clock::system().now()
    }

    fn body(&self, args: &Args, change: impl FnOnce(&mut Body)) -> Body {
        let draft = Draft {
            fleet: self.fleet,
            target: Target::all(),
            limits: Limits::default(),
            issued: Self::now(),
            valid_ms: HOUR,
        };
        let mut body = draft.body(self.operator.id(), args).expect("a body");
        change(&mut body);
        body
    }

    fn hunt(&self, change: impl FnOnce(&mut Body)) -> Body {
        self.body(&hunt(&self.tree), change)
    }

    /// Seals as the operator does.
    fn seal(&self, body: &Body) -> Sealed {
        self.operator.seal(body, Some(&self.certificate)).expect("sealed")
    }

    fn good(&self) -> Sealed {
        self.seal(&self.hunt(|_| {}))
    }

    /// Signs any bytes with the operator's key: what only a newer or a broken operator's tool would do.
    fn signed(&self, bytes: Vec<u8>) -> Sealed {
        let kind = Kind::HuntStart.as_str();
        let key = ed25519_dalek::SigningKey::from_bytes(&self.operator.seed());
        let sig = key.sign(&signed_bytes(kind, &bytes));
        Sealed {
            sig: ByteBuf::from(sig.to_bytes()),
            body: ByteBuf::from(bytes),
            id: RequestId::new().to_string(),
            ..self.good()
        }
    }

    /// Lets `by` certify a key.
    fn certify(&self, by: &SigningKey, key: &SigningKey, words: &[&str]) -> Certificate {
        let (issued, not_after) = (Self::now(), Self::now().plus_ms(DAY));
        let (key, name) = (ByteBuf::from(key.public()), "mallory".to_owned());
        let capabilities = words.iter().map(|word| (*word).to_owned()).collect();
        let grant = Grant { fleet: self.fleet, key, name, capabilities, issued, not_after };
        by.certify(&grant).expect("a certificate")
    }

    /// Seals a good hunt with another key.
    fn by(&self, key: &SigningKey, certificate: Option<&Certificate>) -> Sealed {
        key.seal(&self.hunt(|body| body.key = key.id()), certificate).expect("sealed")
    }

    pub(super) fn unsigned(&self) -> Sealed {
        Sealed { sig: ByteBuf::new(), ..self.good() }
    }

    pub(super) fn wrong_key(&self) -> Sealed {
        self.by(&self.stranger, Some(&self.certificate))
    }

    pub(super) fn without_certificate(&self) -> Sealed {
        Sealed { cert: ByteBuf::new(), ..self.by(&self.stranger, Some(&self.certificate)) }
    }

    pub(super) fn certified_by_itself(&self) -> Sealed {
        let own = self.certify(&self.stranger, &self.stranger, ALL);
        self.by(&self.stranger, Some(&own))
    }

    pub(super) fn kind_not_granted(&self) -> Sealed {
        let profiles = self.certify(&self.root, &self.stranger, &["profile", "explode"]);
        self.by(&self.stranger, Some(&profiles))
    }

    pub(super) fn by_the_root(&self) -> Sealed {
        self.by(&self.root, None)
    }

    pub(super) fn revoked_key(&self) -> Sealed {
        let certificate = self.certify(&self.root, &self.revoked, ALL);
        self.by(&self.revoked, Some(&certificate))
    }

    pub(super) fn altered_byte(&self) -> Sealed {
        let mut sealed = self.good();
        sealed.body[40] ^= 1;
        sealed
    }

    pub(super) fn altered_kind(&self) -> Sealed {
        Sealed { kind: Kind::ProfileStart.as_str().to_owned(), ..self.good() }
    }

    pub(super) fn altered_id(&self) -> Sealed {
        Sealed { id: RequestId::new().to_string(), ..self.good() }
    }

    pub(super) fn wrong_fleet(&self) -> Sealed {
        self.seal(&self.hunt(|body| body.fleet = FleetId::new()))
    }

    pub(super) fn expired(&self) -> Sealed {
        self.seal(&self.hunt(|body| {
            body.issued = body.issued.plus_ms(-2 * DAY);
            body.not_after = body.not_after.plus_ms(-DAY);
        }))
    }

    pub(super) fn not_yet_valid(&self) -> Sealed {
        self.seal(&self.hunt(|body| {
            body.issued = body.issued.plus_ms(DAY);
            body.not_after = body.not_after.plus_ms(DAY);
        }))
    }

    /// Cancels a hunt with a revision.
    pub(super) fn cancel(&self, hunt: &str, revision: u64) -> Sealed {
        let request = hunt.parse().expect("an id");
        self.seal(&self.body(&Args::Control(Control::new(request, Verb::Cancel, revision)), |_| {}))
    }

    pub(super) fn unknown_field(&self) -> Sealed {
        // One more pair at the end of the map.
        let mut bytes = self.good().body.into_vec();
        bytes[0] += 1;
        bytes.extend(b"\xa9max_moons\x01");
        self.signed(bytes)
    }

    pub(super) fn unknown_argument(&self) -> Sealed {
        self.seal(&self.hunt(|body| {
            body.args[0] += 1;
            body.args.extend(b"\xa9max_moons\x01");
        }))
    }

    pub(super) fn over_the_cap(&self) -> Sealed {
        let mut sealed = self.good();
        sealed.body.resize(REQUEST_BYTES_MAX + 1, 0);
        sealed
    }

    pub(super) fn truncated(&self) -> Sealed {
        let mut sealed = self.good();
        sealed.body.truncate(60);
        sealed
    }

    pub(super) fn truncated_and_signed(&self) -> Sealed {
        self.signed(self.truncated().body.into_vec())
    }

    pub(super) fn unknown_kind(&self) -> Sealed {
        Sealed { kind: "hunt.explode".to_owned(), ..self.good() }
    }

    pub(super) fn deeply_nested(&self) -> Sealed {
        // {"args": [[[[…
        self.signed([b"\x81\xa4args".as_slice(), &vec![0x91; 100_000]].concat())
    }

    pub(super) fn deeply_nested_arguments(&self) -> Sealed {
        let deep = [b"\x81\xa9file_hash".as_slice(), &vec![0x91; 100_000]].concat();
        self.seal(&self.hunt(|body| body.args = ByteBuf::from(deep)))
    }

    pub(super) fn hunt_of(&self, root: &Path) -> Sealed {
        self.seal(&self.body(&hunt(root), |_| {}))
    }
}

fn hunt(root: &Path) -> Args {
    Args::HuntStart(
        HuntStart::files(&file_hash::Args {
            roots: vec![ByteBuf::from(root.as_os_str().as_encoded_bytes())],
            hashes: vec![HashKind::Sha256],
            ..file_hash::Args::default()
        })
        .unwrap(),
    )
}
