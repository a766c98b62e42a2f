//! The keys of a fleet, as its operator has them.

use muster_protocol::hex;
use muster_protocol::ids::FleetId;
use muster_protocol::request::sign::SigningKey;
use muster_protocol::request::trust::Certificate;
use muster_protocol::wire;
use tests::fleet::Fleet;

pub(super) struct Keys {
    pub(super) fleet: FleetId,
    pub(super) root: SigningKey,
    pub(super) operator: SigningKey,
    pub(super) certificate: Certificate,
}

fn seed(table: &toml::Table) -> SigningKey {
    let bytes = hex::decode(table["seed"].as_str().expect("a seed")).expect("hexadecimal");
    SigningKey::from_seed(&bytes.try_into().expect("32 bytes"))
}

pub(super) fn keys(fleet: &Fleet) -> Keys {
    use base64::Engine;
    let read = |name: &str| -> toml::Table {
        let text = std::fs::read_to_string(fleet.path("home").join(name)).expect("a key file");
        text.parse().expect("TOML")
    };
    let (root, operator) = (read("root.key"), read("operator.key"));
    let text = operator["certificate"].as_str().expect("a certificate");
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).expect("base64");
    Keys {
        fleet: operator["fleet"].as_str().expect("a fleet").parse().expect("an id"),
        root: seed(&root),
        operator: seed(&operator),
        certificate: wire::decode(&bytes, 10_000).expect("a certificate"),
    }
}
