use super::super::trust::Revoke;
use super::super::{Capability, Control, Verb, profile};
use super::*;
use crate::artifact::HashKind;
use crate::artifact::file_hash;

const NOW: Timestamp = Timestamp(1_800_000_000_000);
const DAY: i64 = 86_400_000;

struct Fleet {
    root: SigningKey,
    operator: SigningKey,
    certificate: Certificate,
    trust: Trust,
}

fn key(n: u8) -> SigningKey {
    SigningKey::from_seed(&[n; 32])
}

fn fleet_id() -> FleetId {
    FleetId::from_bytes([7; 16])
}

fn grant(key: &SigningKey) -> Grant {
    Grant {
        fleet: fleet_id(),
        key: ByteBuf::from(key.public()),
        name: "ada".into(),
        capabilities: Capability::ALL.map(|it| it.as_str().to_owned()).to_vec(),
        issued: NOW.plus_ms(-DAY),
        not_after: NOW.plus_ms(DAY),
    }
}

fn fleet() -> Fleet {
    let (root, operator) = (key(1), key(2));
    let certificate = root.certify(&grant(&operator)).unwrap();
    let trust = Trust { fleet: fleet_id(), root: root.public(), revoked: BTreeSet::new() };
    Fleet { root, operator, certificate, trust }
}

fn spec() -> file_hash::Args {
    file_hash::Args {
        roots: vec![ByteBuf::from("/usr")],
        hashes: vec![HashKind::Sha256],
        ..file_hash::Args::default()
    }
}

fn start() -> HuntStart {
    HuntStart { progress_s: 2, ..HuntStart::files(&spec()).unwrap() }
}

fn hunt() -> Args {
    Args::HuntStart(start())
}

fn draft() -> Draft {
    Draft {
        fleet: fleet_id(),
        target: Target::all(),
        limits: Limits::default(),
        issued: NOW,
        valid_ms: DAY,
    }
}

fn sealed(fleet: &Fleet, args: &Args) -> Sealed {
    let body = draft().body(fleet.operator.id(), args).unwrap();
    fleet.operator.seal(&body, Some(&fleet.certificate)).unwrap()
}

fn reseal(fleet: &Fleet, change: impl FnOnce(&mut Body)) -> Sealed {
    let mut body = draft().body(fleet.operator.id(), &hunt()).unwrap();
    change(&mut body);
    fleet.operator.seal(&body, Some(&fleet.certificate)).unwrap()
}

#[track_caller]
fn refused(fleet: &Fleet, sealed: &Sealed, code: &str) {
    match fleet.trust.open(sealed, NOW) {
        Ok(opened) => panic!("opened: {opened:?}"),
        Err(refusal) => assert_eq!(refusal.code(), code, "{refusal}"),
    }
}

#[test]
fn a_sealed_request_opens_with_all_that_was_said() {
    let fleet = fleet();
    let opened = fleet.trust.open(&sealed(&fleet, &hunt()), NOW).unwrap();
    assert_eq!(opened.args, hunt());
    assert_eq!(opened.operator, "ada");
    assert_eq!(opened.body.not_after, NOW.plus_ms(DAY));
}

#[test]
fn every_altered_byte_is_refused() {
    let fleet = fleet();
    let good = sealed(&fleet, &hunt());
    for at in 0..good.body.len() {
        let mut bad = good.clone();
        bad.body[at] ^= 1;
        refused(&fleet, &bad, "bad_signature");
    }
    for at in 0..good.sig.len() {
        let mut bad = good.clone();
        bad.sig[at] ^= 1;
        refused(&fleet, &bad, "bad_signature");
    }
    for at in 0..good.cert.len() {
        let mut bad = good.clone();
        bad.cert[at] ^= 1;
        assert!(fleet.trust.open(&bad, NOW).is_err(), "certificate byte {at}");
    }
}

#[test]
fn unsigned_and_truncated() {
    let fleet = fleet();
    let good = sealed(&fleet, &hunt());
    refused(&fleet, &Sealed { sig: ByteBuf::new(), ..good.clone() }, "unsigned");
    refused(&fleet, &Sealed { cert: ByteBuf::new(), ..good.clone() }, "bad_certificate");
    let mut short = good;
    short.body.pop();
    refused(&fleet, &short, "bad_signature");
}

#[test]
fn a_key_that_the_root_did_not_certify() {
    let mut fleet = fleet();
    let stranger = key(9);
    fleet.certificate = stranger.certify(&grant(&fleet.operator)).unwrap();
    refused(&fleet, &sealed(&fleet, &hunt()), "bad_certificate");
    // A good certificate does not lend itself to another key.
    fleet.certificate = fleet.root.certify(&grant(&fleet.operator)).unwrap();
    fleet.operator = stranger;
    refused(&fleet, &sealed(&fleet, &hunt()), "bad_signature");
}

#[test]
fn kind_and_id_are_part_of_what_is_signed() {
    let fleet = fleet();
    let good = sealed(&fleet, &hunt());
    refused(&fleet, &Sealed { kind: "profile.start".into(), ..good.clone() }, "bad_signature");
    refused(&fleet, &Sealed { kind: "hunt.explode".into(), ..good.clone() }, "unknown_kind");
    refused(&fleet, &Sealed { id: RequestId::new().to_string(), ..good }, "altered");
    refused(&fleet, &reseal(&fleet, |body| body.key = key(9).id()), "altered");
}

#[test]
fn another_fleet() {
    let mut fleet = fleet();
    refused(&fleet, &reseal(&fleet, |body| body.fleet = FleetId::new()), "wrong_fleet");
    let other = Grant { fleet: FleetId::new(), ..grant(&fleet.operator) };
    fleet.certificate = fleet.root.certify(&other).unwrap();
    refused(&fleet, &sealed(&fleet, &hunt()), "wrong_fleet");
}

#[test]
fn validity_with_five_minutes_of_skew() {
    let fleet = fleet();
    let good = sealed(&fleet, &hunt());
    let minutes = |n: i64| NOW.plus_ms(n * 60_000);
    assert!(fleet.trust.open(&good, minutes(-4)).is_ok());
    assert_eq!(fleet.trust.open(&good, minutes(-6)).unwrap_err().code(), "not_yet_valid");
    let short = reseal(&fleet, |body| body.not_after = minutes(60));
    assert!(fleet.trust.open(&short, minutes(64)).is_ok());
    assert_eq!(fleet.trust.open(&short, minutes(66)).unwrap_err().code(), "expired");
    assert_eq!(
        fleet.trust.open(&good, minutes(2 * 24 * 60)).unwrap_err().code(),
        "certificate_expired"
    );
    refused(
        &fleet,
        &reseal(&fleet, |body| body.not_after = NOW.plus_ms(31 * DAY)),
        "out_of_bounds",
    );
}

#[test]
fn revoked_keys_and_who_may_revoke() {
    let mut fleet = fleet();
    let revoke = Args::TrustRevoke(Revoke { keys: vec![fleet.operator.id()] });
    refused(&fleet, &sealed(&fleet, &revoke), "kind_not_allowed");
    let body = draft().body(fleet.root.id(), &revoke).unwrap();
    let by_root = fleet.root.seal(&body, None).unwrap();
    assert_eq!(fleet.trust.open(&by_root, NOW).unwrap().operator, "root");
    let body = draft().body(fleet.root.id(), &hunt()).unwrap();
    refused(&fleet, &fleet.root.seal(&body, None).unwrap(), "bad_certificate");
    fleet.trust.revoked.insert(fleet.operator.id());
    refused(&fleet, &sealed(&fleet, &hunt()), "revoked_key");
}

#[test]
fn a_certificate_grants_only_its_kinds() {
    let mut fleet = fleet();
    let only = Grant { capabilities: vec!["profile".into()], ..grant(&fleet.operator) };
    fleet.certificate = fleet.root.certify(&only).unwrap();
    refused(&fleet, &sealed(&fleet, &hunt()), "kind_not_allowed");
    let profile = profile::ProfileStart {
        revision: 0,
        kinds: vec![profile::ProfileKind::Cpu],
        seconds: 10,
        during: None,
        hertz: 99,
    };
    assert!(fleet.trust.open(&sealed(&fleet, &Args::ProfileStart(profile)), NOW).is_ok());
}

/// Signs bytes that are not what a body of this version looks like.
fn seal_bytes(fleet: &Fleet, id: &RequestId, bytes: Vec<u8>) -> Sealed {
    let sig = fleet.operator.0.sign(&signed_bytes("hunt.start", &bytes));
    Sealed {
        kind: "hunt.start".into(),
        id: id.to_string(),
        body: ByteBuf::from(bytes),
        sig: ByteBuf::from(sig.to_bytes()),
        cert: ByteBuf::from(wire::encode(&fleet.certificate).unwrap()),
    }
}

#[test]
fn what_does_not_decode_strictly() {
    #[derive(serde::Serialize)]
    struct Newer {
        #[serde(flatten)]
        args: serde_json::Value,
        max_planets: u32,
    }
    let fleet = fleet();
    let body = draft().body(fleet.operator.id(), &hunt()).unwrap();
    let bytes = wire::encode(&body).unwrap();
    let id = body.id;
    assert!(fleet.trust.open(&seal_bytes(&fleet, &id, bytes.clone()), NOW).is_ok());

    let trailing = [bytes.as_slice(), &[0]].concat();
    refused(&fleet, &seal_bytes(&fleet, &id, trailing), "malformed");
    // One more field: the map's count and a pair at the end.
    let mut unknown = bytes.clone();
    unknown[0] += 1;
    unknown.extend([0xa3, b'n', b'e', b'w', 1]);
    refused(&fleet, &seal_bytes(&fleet, &id, unknown), "malformed");
    let mut duplicate = bytes;
    duplicate[0] += 1;
    duplicate.extend([0xa4, b'k', b'i', b'n', b'd', 1]);
    refused(&fleet, &seal_bytes(&fleet, &id, duplicate), "malformed");
    let deep = [vec![0x81, 0xa4, b'a', b'r', b'g', b's'], vec![0x91; 100_000]].concat();
    refused(&fleet, &seal_bytes(&fleet, &id, deep), "malformed");
    let huge = vec![0; limits::REQUEST_BYTES_MAX + 1];
    refused(&fleet, &seal_bytes(&fleet, &id, huge), "too_big");

    let newer = |args| ByteBuf::from(wire::encode(&Newer { args, max_planets: 1 }).unwrap());
    let newer_start = newer(serde_json::to_value(start()).unwrap());
    refused(&fleet, &reseal(&fleet, |body| body.args = newer_start), "malformed");
    let newer_spec = newer(serde_json::to_value(spec()).unwrap());
    let start = HuntStart { args: newer_spec, ..start() };
    refused(&fleet, &sealed(&fleet, &Args::HuntStart(start)), "malformed");
}

#[test]
fn bounds_that_hold_for_every_agent() {
    let fleet = fleet();
    let other = HuntStart { artifact: "registry".into(), ..start() };
    refused(&fleet, &sealed(&fleet, &Args::HuntStart(other)), "out_of_bounds");
    for schema in [0, 2] {
        let newer = HuntStart { schema, ..start() };
        refused(&fleet, &sealed(&fleet, &Args::HuntStart(newer)), "out_of_bounds");
    }
    let with = |change: &dyn Fn(&mut file_hash::Args)| {
        let mut spec = spec();
        change(&mut spec);
        sealed(&fleet, &Args::HuntStart(HuntStart::files(&spec).unwrap()))
    };
    refused(&fleet, &with(&|spec| spec.roots.clear()), "out_of_bounds");
    refused(&fleet, &with(&|spec| spec.roots[0] = ByteBuf::from("usr")), "out_of_bounds");
    refused(&fleet, &with(&|spec| spec.include = vec!["*".into(); 300]), "out_of_bounds");
    refused(&fleet, &reseal(&fleet, |body| body.target.expr = "all and".into()), "out_of_bounds");
    let profile = |seconds, hertz| {
        let kinds = vec![profile::ProfileKind::Cpu];
        sealed(
            &fleet,
            &Args::ProfileStart(profile::ProfileStart {
                revision: 0,
                during: None,
                kinds,
                seconds,
                hertz,
            }),
        )
    };
    refused(&fleet, &profile(0, 99), "out_of_bounds");
    refused(&fleet, &profile(100_000, 99), "out_of_bounds");
    refused(&fleet, &profile(10, 5000), "out_of_bounds");
    let cancel = Args::Control(Control::new(RequestId::new(), Verb::Cancel, 1));
    assert!(fleet.trust.open(&sealed(&fleet, &cancel), NOW).is_ok());
}
