//! Everything that decodes bytes from outside, under [`tests::fuzz`]: half a second a test with all others, five minutes a test
//! by `tests/run fuzz`.
//!
//! Requests are damaged behind a good signature, too: who holds a key may still be hostile, or newer.

mod filter;
mod stored;

use std::collections::{BTreeMap, BTreeSet};

use ed25519_dalek::Signer;
use muster_api::By;
use muster_profiler::decode::decode;
use muster_profiler::encode::{encode, gzip};
use muster_profiler::protos::Message;
use muster_profiler::{Memory, Owner, RawProfile, Sample, Wait};
use muster_protocol::artifact::HashKind;
use muster_protocol::artifact::file_hash::select::{ModeBits, Select, Window};
use muster_protocol::artifact::file_hash::{self, FileKind, FileStatus, Row, SCHEMA, Upload};
use muster_protocol::artifact::ioc::IocList;
use muster_protocol::artifact::{Digest, Digests};
use muster_protocol::artifact::{Rows, json};
use muster_protocol::clock::Timestamp;
use muster_protocol::ids::{AgentId, FleetId, RequestId};
use muster_protocol::limits::{REQUEST_BYTES_MAX, RESULT_BYTES_MAX, ROW_CHUNK_ROWS_MAX};
use muster_protocol::request::hunt::HuntStart;
use muster_protocol::request::profile::{ProfileKind, ProfileStart};
use muster_protocol::request::sign::{Draft, SigningKey, Trust};
use muster_protocol::request::target::Facts;
use muster_protocol::request::trust::{Grant, Revoke};
use muster_protocol::request::{
    Args, Body, Capability, Control, Kind, Limits, Sealed, Target, Verb,
};
use muster_protocol::result::{RowChunk, Status, Telemetry};
use muster_protocol::wire;
use muster_server::profiles::folding::Plumbing;
use muster_server::profiles::profile::Profile;
use muster_server::profiles::symbols::Symbols;
use serde_bytes::ByteBuf;
use tests::fuzz::{Answer, fuzz};

const NOW: Timestamp = Timestamp(1_800_000_000_000);
const FLEET: [u8; 16] = [7; 16];
const ROOT: [u8; 32] = [1; 32];
const OPERATOR: [u8; 32] = [2; 32];

/// One of each kind, with as much in it as it can hold.
fn every_args() -> Vec<Args> {
    let window = Window { from_ns: Some(1), until_ns: Some(2) };
    let select = Select {
        kinds: vec![FileKind::Regular, FileKind::Fifo],
        mtime: window,
        ctime: window,
        btime: window,
        owners: vec!["33".into()],
        groups: vec!["www-data".into()],
        mode: ModeBits { any: 0o6000, all: 0o001, exactly: Some(0o6755) },
    };
    let file_hash = file_hash::Args {
        roots: vec![ByteBuf::from(b"/srv/\xff".as_slice()), ByteBuf::from("/usr")],
        include: vec!["*.so".into()],
        exclude: vec!["cache/**".into()],
        max_depth: Some(9),
        min_size: Some(1),
        max_size: Some(1 << 40),
        hashes: HashKind::ALL.to_vec(),
        one_file_system: true,
        all_file_systems: true,
        ioc: vec![
            IocList::new(HashKind::Md5, 16, [[1; 16], [2; 16]].iter().map(<[u8; 16]>::as_slice)),
            IocList::new(HashKind::Sha256, 20, [[3; 32]].iter().map(<[u8; 32]>::as_slice)),
        ],
        select: Box::new(select),
        follow: true,
        fresh: true,
        ignore_case: true,
        upload: Some(Box::new(Upload { max_file_bytes: 9, max_bytes: 99 })),
        ..file_hash::Args::default()
    };
    let hunt = |file_hash| {
        Args::HuntStart(HuntStart {
            spread_s: 9,
            progress_s: 2,
            on_stall_s: 7,
            ..HuntStart::files(&file_hash).unwrap()
        })
    };
    let plain = file_hash::Args { roots: vec![ByteBuf::from("/")], ..file_hash::Args::default() };
    let control = Control::new(RequestId::from_bytes([9; 16]), Verb::Cancel, 3);
    vec![
        hunt(file_hash),
        hunt(plain),
        Args::Control(Control { args: Some(ByteBuf::from([0x80])), ..control.clone() }),
        Args::ProfileStart(ProfileStart {
            revision: 0,
            during: None,
            kinds: vec![ProfileKind::Cpu],
            seconds: 30,
            hertz: 99,
        }),
        Args::Control(control),
        Args::ListPart(IocList::new(
            HashKind::Sha1,
            20,
            [[5; 20]].iter().map(<[u8; 20]>::as_slice),
        )),
        Args::TrustRevoke(Revoke { keys: vec![SigningKey::from_seed(&OPERATOR).id()] }),
    ]
}

fn kind(args: &Args) -> Kind {
    match args {
        Args::HuntStart(_) => Kind::HuntStart,
        Args::Control(_) => Kind::Control,
        Args::ProfileStart(_) => Kind::ProfileStart,
        Args::TrustRevoke(_) => Kind::TrustRevoke,
        Args::ListPart(_) => Kind::ListPart,
    }
}

/// What an agent is when it opens a request.
struct Opener {
    trust: Trust,
    certificate: Vec<u8>,
    facts: Facts,
}

impl Opener {
    fn new() -> Self {
        let (root, operator) = (SigningKey::from_seed(&ROOT), SigningKey::from_seed(&OPERATOR));
        let fleet = FleetId::from_bytes(FLEET);
        let grant = Grant {
            fleet,
            key: ByteBuf::from(operator.public()),
            name: "ada".into(),
            capabilities: Capability::ALL.map(|it| it.as_str().to_owned()).to_vec(),
            issued: NOW.plus_ms(-1),
            not_after: NOW.plus_ms(86_400_000),
        };
        let certificate = wire::encode(&root.certify(&grant).unwrap()).unwrap();
        let text = |text: &str| text.to_owned();
        let facts = Facts {
            id: text("web-1-ab12"),
            host: text("web-1"),
            os: text("linux"),
            arch: text("x86_64"),
            version: text("0.1.0"),
            labels: BTreeMap::from([(text("db"), text("x"))]),
        };
        let trust = Trust { fleet, root: root.public(), revoked: BTreeSet::new() };
        Self { trust, certificate, facts }
    }

    /// A revocation is signed by the root itself, everything else by an operator.
    fn is_of_root(kind: &str) -> bool {
        kind == Kind::TrustRevoke.as_str()
    }

    fn body(args: &Args) -> Body {
        let target = Target {
            expr: "(label:db=x or not host:web-*) and os:linux".into(),
            sample_ppm: Some(900_000),
        };
        let fleet = FleetId::from_bytes(FLEET);
        let limits = Limits { max_cpu_percent: Some(50), max_rows: Some(9), ..Limits::default() };
        let draft = Draft { fleet, target, limits, issued: NOW, valid_ms: 86_400_000 };
        let seed = if Self::is_of_root(kind(args).as_str()) { ROOT } else { OPERATOR };
        draft.body(SigningKey::from_seed(&seed).id(), args).unwrap()
    }

    /// Signs bytes, whatever they are.
    fn seal(&self, kind: &str, id: &str, bytes: &[u8]) -> Sealed {
        let signed = [format!("muster request v1\0{kind}\0").as_bytes(), bytes].concat();
        let is_of_root = Self::is_of_root(kind);
        let seed = if is_of_root { ROOT } else { OPERATOR };
        let signer = ed25519_dalek::SigningKey::from_bytes(&seed);
        let certificate = if is_of_root { &[] } else { self.certificate.as_slice() };
        Sealed {
            kind: kind.to_owned(),
            id: id.to_owned(),
            body: ByteBuf::from(bytes),
            sig: ByteBuf::from(signer.sign(&signed).to_bytes()),
            cert: ByteBuf::from(certificate),
        }
    }

    /// Opens it; what is taken must be what it says, and of use to an agent.
    fn open(&self, sealed: &Sealed) -> Answer {
        let opened = self.trust.open(sealed, NOW).map_err(|refusal| refusal.to_string())?;
        let (body, args) = (&opened.body, &opened.args);
        assert_eq!(kind(args), body.kind, "arguments of another kind");
        assert_eq!(
            (body.kind.as_str(), body.id.to_string()),
            (sealed.kind.as_str(), sealed.id.clone())
        );
        body.target.matches(&self.facts, &body.id).expect("a target that was checked");
        let again: Body = wire::decode(&wire::encode(body).unwrap(), REQUEST_BYTES_MAX).unwrap();
        assert_eq!(&again, body, "it says the same when it is said again");
        Ok(())
    }
}

#[test]
fn a_request_as_it_comes_from_the_broker() {
    let opener = Opener::new();
    let valid: Vec<_> = every_args()
        .iter()
        .map(|args| {
            let body = Opener::body(args);
            let bytes = wire::encode(&body).unwrap();
            let sealed = opener.seal(body.kind.as_str(), &body.id.to_string(), &bytes);
            wire::encode(&sealed).unwrap()
        })
        .collect();
    let report = fuzz("request", 1, &valid, |bytes| {
        let sealed: Sealed =
            wire::decode(bytes, 2 * REQUEST_BYTES_MAX).map_err(|e| e.to_string())?;
        opener.open(&sealed)
    });
    assert!(report.answers > 5, "{report:?}");
}

#[test]
fn a_body_behind_a_good_signature() {
    let opener = Opener::new();
    let valid: Vec<_> =
        every_args().iter().map(|args| wire::encode(&Opener::body(args)).unwrap()).collect();
    let report = fuzz("body", 1, &valid, |bytes| {
        // Kind and id as the body has them, so that what is behind their check is reached.
        let read: Result<Body, _> = wire::decode(bytes, REQUEST_BYTES_MAX);
        let (kind, id) = match read {
            Ok(body) => (body.kind.as_str().to_owned(), body.id.to_string()),
            Err(_) => ("hunt.start".to_owned(), RequestId::from_bytes([9; 16]).to_string()),
        };
        opener.open(&opener.seal(&kind, &id, bytes))
    });
    assert!(report.answers > 5 && report.taken >= valid.len() as u64, "{report:?}");
}

#[test]
fn arguments_in_a_good_body() {
    let opener = Opener::new();
    for args in every_args() {
        let body = Opener::body(&args);
        let name = format!("args.{}", body.kind);
        fuzz(&name, 7, &[body.args.to_vec()], |bytes| {
            let body = Body { args: ByteBuf::from(bytes), ..body.clone() };
            let bytes = wire::encode(&body).unwrap();
            opener.open(&opener.seal(body.kind.as_str(), &body.id.to_string(), &bytes))
        });
    }
}

/// A profile as an agent sends it: of this process, with owners and threads.
fn profile(kind: ProfileKind) -> Vec<u8> {
    let owner = Owner {
        agent: AgentId::new("a-1").unwrap(),
        request: Some(RequestId::from_bytes([9; 16])),
    };
    let here = u64::try_from(profile as fn(ProfileKind) -> Vec<u8> as usize).unwrap();
    let sample = |at: u64, owner: Option<Owner>, thread: &str| Sample {
        frames: vec![here + at, here + 2 * at, here],
        owner,
        thread: thread.into(),
        wait: (kind == ProfileKind::Wall)
            .then_some(Wait { syscall: u32::try_from(at).ok(), is_unanswered: at > 9 }),
        count: at,
        memory: Memory::default(),
    };
    let samples =
        vec![sample(3, Some(owner), "hunt"), sample(70, None, "main"), sample(1, None, "\u{202e}")];
    let raw = RawProfile {
        kind,
        samples,
        period: 10_000_000,
        hertz: 100,
        start: NOW,
        end: NOW.plus_ms(1_000),
        duration_ns: 1_000_000_000,
        cost: muster_profiler::Cost::default(),
        lost: 1,
        cpu_ms: 740,
    };
    encode(&raw).unwrap()
}

/// Decodes and, if it is taken, shows it in every way.
fn show(symbols: &Symbols, bytes: &[u8]) -> Answer {
    decode(bytes).map_err(|problem| problem.to_string())?;
    let shown = Profile::resolve(bytes, symbols).expect("what was decoded").of_agent("a-1");
    let total = shown.total();
    for by in [By::Function, By::Line, By::File, By::Module, By::Thread, By::Hunt] {
        let flat: i64 = shown.rows(by, Plumbing::Folded).iter().map(|row| row.flat).sum();
        assert!(flat <= total, "{flat} of {total}");
    }
    assert_eq!(
        shown.diff(&shown, Plumbing::Folded).expect("itself").rows,
        [],
        "it does not differ from itself"
    );
    let parts: i64 = shown.summary().iter().map(|share| share.value).sum();
    assert!(parts <= total, "{parts} of {total}");
    drop((shown.folded(), shown.callgrind("fuzz"), shown.lines()));
    let again = shown.to_pprof_gz().expect("a profile");
    assert!(!again.is_empty());
    serde_json::to_string(&shown.speedscope("fuzz")).expect("JSON");
    Ok(())
}

#[test]
fn a_profile_and_all_its_views() {
    let folder = tempfile::tempdir().unwrap();
    let symbols = Symbols::new(folder.path());
    let packed = [ProfileKind::Cpu, ProfileKind::Wall].map(profile);
    // Of a build that nobody knows: reading our own symbols each time takes longer than everything else.
    let [message, plain] = packed.each_ref().map(|packed| {
        let mut message = decode(packed).unwrap();
        message.mapping.iter_mut().for_each(|mapping| mapping.build_id = 0);
        message
    });
    let plain = [&message, &plain].map(Message::encode_to_vec);
    fuzz("profile.gz", 3, &packed, |bytes| show(&symbols, bytes));
    let report = fuzz("profile", 3, &plain, |bytes| {
        // Packed again, so that what is behind the checksum is reached.
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
        std::io::Write::write_all(&mut gz, bytes).unwrap();
        show(&symbols, &gz.finish().unwrap())
    });
    assert!(report.answers > 5 && report.taken > 0, "{report:?}");
    // The message's own fields, one set to what it must not be.
    let report = fuzz("profile.fields", 3, &[vec![0; 8]], |bytes| {
        let mut changed = message.clone();
        bytes.chunks(3).for_each(|change| spoil(&mut changed, change));
        show(&symbols, &gzip(&changed).unwrap())
    });
    assert!(report.answers > 3, "{report:?}");
}

/// Sets one number of a profile: which, where, and to what.
fn spoil(profile: &mut muster_profiler::protos::Profile, change: &[u8]) {
    let [which, place, value] = change else { return };
    let place = usize::from(*place);
    let number = [0, 1, 2, 3, 9, 1 << 20, i64::MAX, -1, i64::MIN][usize::from(*value) % 9];
    let unsigned = number.cast_unsigned();
    let sample = profile.sample.len().max(1);
    let sample = profile.sample.get_mut(place % sample);
    match (which % 12, sample) {
        (1, Some(sample)) => sample.value = vec![number; 1 + place % 3],
        (2, Some(sample)) => sample.location_id.push(unsigned),
        (3, Some(sample)) => sample.label.iter_mut().for_each(|label| label.str = number),
        (4, Some(sample)) => sample.location_id.clear(),
        (5, _) => profile.period = number,
        (6, _) => profile.duration_nanos = number,
        (7, _) => profile.location.iter_mut().skip(place % 4).for_each(|at| at.address = unsigned),
        (8, _) => {
            profile.location.iter_mut().skip(place % 4).take(1).for_each(|at| at.id = unsigned);
        }
        (9, _) => profile.mapping.iter_mut().take(1).for_each(|map| map.memory_limit = unsigned),
        (10, _) => profile.mapping.iter_mut().skip(place % 2).for_each(|map| map.build_id = number),
        (11, _) => {
            profile.sample_type.iter_mut().skip(place % 2).for_each(|kind| kind.unit = number);
        }
        _ => {}
    }
}

#[test]
fn results_as_they_come_from_an_agent() {
    let golden = |name: &str| {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(name);
        std::fs::read(path).unwrap()
    };
    let said = |problem: wire::WireError| problem.to_string();
    let statuses = ["status-1.bin", "status-3.bin", "status-4.bin", "status-7.bin"].map(golden);
    fuzz("status", 4, &statuses, |bytes| {
        let status: Status = wire::decode(bytes, RESULT_BYTES_MAX).map_err(said)?;
        let artifact = status.footer.and_then(|footer| footer.artifact);
        artifact.map_or(Ok(()), |artifact| {
            let files: file_hash::Footer =
                wire::decode(&artifact.body, RESULT_BYTES_MAX).map_err(said)?;
            let least = files.hashed.max(files.cached).max(files.listed);
            assert!(files.accounted() >= least, "a sum that wraps");
            Ok(())
        })
    });
    let samples =
        ["telemetry-1.bin", "telemetry-2.bin", "telemetry-3.bin", "telemetry-4.bin"].map(golden);
    fuzz("telemetry", 4, &samples, |bytes| {
        wire::decode::<Telemetry>(bytes, RESULT_BYTES_MAX).map(drop).map_err(said)
    });
    let chunks = ["rows-1.bin", "rows-4.bin"].map(golden);
    fuzz("rows", 4, &chunks, |bytes| {
        let chunk: RowChunk = wire::decode(bytes, RESULT_BYTES_MAX).map_err(said)?;
        let rows = chunk.unpack().map_err(|problem| problem.to_string())?;
        assert!(rows.len() <= ROW_CHUNK_ROWS_MAX);
        Ok(())
    });
    // Columns behind the compression.
    let row = |path: &[u8]| Row::bare(path.to_vec(), FileKind::Regular, FileStatus::Ok, 0);
    let hashed = Row {
        digests: Digests::from_iter([(HashKind::Md5, Digest::from_elem(9, 16))]),
        ..row(b"/b")
    };
    let packed = Rows::of([row(b"/a"), hashed]).pack().unwrap();
    let columns = wire::decompress(&packed, RESULT_BYTES_MAX).unwrap();
    fuzz("columns", 4, &[columns], |bytes| {
        let rows = Rows::unpack(&SCHEMA, &wire::compress(bytes).unwrap(), 2).map_err(said)?;
        assert_eq!(rows.len(), 2);
        drop(rows.pack());
        assert_eq!(rows.records::<Row>().len(), 2);
        let mut line = Vec::new();
        rows.iter().try_for_each(|row| json::object(&row, &mut line)).unwrap();
        Ok(())
    });
}
