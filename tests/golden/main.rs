//! Every stored or sent format, as bytes on disk: what was written by version 1 stays readable.
//!
//! A golden file is never changed. When a format gains a field, a new file with the next number joins and both must
//! read. `MUSTER_GOLDEN=write` writes files that are missing, never one that is there.

use std::collections::BTreeMap;
use std::path::PathBuf;

use muster_protocol::artifact::HashKind;
use muster_protocol::artifact::Rows;
use muster_protocol::artifact::file_hash::select::{ModeBits, Select, Window};
use muster_protocol::artifact::file_hash::{self, FileKind, FileStatus, Row, Upload};
use muster_protocol::artifact::ioc::{IocList, IocPartRef, PART_WIDTH, SplitIocList};
use muster_protocol::artifact::{Digest, Digests};
use muster_protocol::clock::Timestamp;
use muster_protocol::hex;
use muster_protocol::ids::{
    AgentId, Attempt, FleetId, InstanceId, JournalId, MachineId, RequestId,
};
use muster_protocol::limits;
use muster_protocol::request::hunt::HuntStart;
use muster_protocol::request::note::Note;
use muster_protocol::request::sign::{SigningKey, Trust};
use muster_protocol::request::trust::{Certificate, Grant};
use muster_protocol::request::{
    Args, Body, Bundle, Control, Kind, Limits, Sealed, Target, Verb, sign,
};
use muster_protocol::result::{
    BlobChunk, CollectionSample, Footer, Instance, ProfileFooter, ReportedFolders, ReportedPolicy,
    RowChunk, Spent, State, Status, Telemetry, rows,
};
use muster_protocol::wire;
use muster_runtime::escape;
use serde_bytes::ByteBuf;

const NOW: Timestamp = Timestamp(1_800_000_000_000);

fn golden(name: &str, bytes: &[u8]) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden").join(name);
    if std::env::var_os("MUSTER_GOLDEN").is_some() && !path.try_exists().unwrap() {
        std::fs::write(&path, bytes).unwrap();
    }
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns the bytes of an older version.
fn stored(name: &str) -> Vec<u8> {
    golden(name, &[])
}

fn agent() -> AgentId {
    AgentId::new("web-1-ab12").unwrap()
}

fn request() -> RequestId {
    RequestId::from_bytes([1; 16])
}

fn attempt() -> Attempt {
    Attempt { origin: request(), journal: JournalId::from_bytes([2; 16]) }
}

fn keys() -> (SigningKey, SigningKey, Trust) {
    let (root, operator) = (SigningKey::from_seed(&[1; 32]), SigningKey::from_seed(&[2; 32]));
    let fleet = FleetId::from_bytes([7; 16]);
    let trust = Trust { fleet, root: root.public(), revoked: std::collections::BTreeSet::new() };
    (root, operator, trust)
}

fn file_hash() -> file_hash::Args {
    file_hash::Args {
        roots: vec![ByteBuf::from(b"/srv/\xff".as_slice())],
        include: vec!["*.so".into()],
        exclude: vec!["cache/**".into()],
        max_depth: Some(9),
        min_size: Some(1),
        hashes: vec![HashKind::Md5, HashKind::Sha256],
        one_file_system: true,
        ..file_hash::Args::default()
    }
}

/// With the conditions and the links that joined later.
fn file_hash_2() -> file_hash::Args {
    let window = Window { from_ns: Some(1), until_ns: Some(2) };
    let select = Select {
        kinds: vec![FileKind::Regular, FileKind::Fifo],
        mtime: window,
        ctime: Window { from_ns: None, ..window },
        btime: Window { until_ns: None, ..window },
        owners: vec!["33".into()],
        groups: vec!["www-data".into()],
        mode: ModeBits { any: 0o6000, all: 0o001, exactly: Some(0o6755) },
    };
    file_hash::Args { select: Box::new(select), follow: true, ..file_hash() }
}

/// Moments that do not fit 64 bits of nanoseconds, since they can be asked for.
fn far_windows() -> Box<Select> {
    let far = 32_503_680_000_000_000_007;
    let mtime = Window { from_ns: Some(-far), until_ns: Some(far) };
    Box::new(Select { mtime, ..Select::default() })
}

/// What a certificate grants, with a word that is not known here.
const GRANTED: [&str; 5] = ["hunt", "profile", "stop", "label", "of_tomorrow"];

fn bounds() -> Limits {
    Limits { max_cpu_percent: Some(50), ..Limits::default() }
}

fn sealed(file_hash: &file_hash::Args) -> Sealed {
    sealed_within(file_hash, bounds())
}

fn sealed_within(file_hash: &file_hash::Args, limits: Limits) -> Sealed {
    let (root, operator, trust) = keys();
    let grant = Grant {
        fleet: trust.fleet,
        key: ByteBuf::from(operator.public()),
        name: "ada".into(),
        capabilities: GRANTED.map(str::to_owned).to_vec(),
        issued: NOW,
        not_after: NOW.plus_ms(1_000_000),
    };
    let args = HuntStart { progress_s: 2, ..HuntStart::files(file_hash).unwrap() };
    let body = Body {
        kind: Kind::HuntStart,
        id: request(),
        key: operator.id(),
        fleet: trust.fleet,
        issued: NOW,
        not_after: NOW.plus_ms(86_400_000),
        target: Target { expr: "label:db".into(), sample_ppm: Some(50_000) },
        limits,
        args: ByteBuf::from(wire::encode(&args).unwrap()),
    };
    operator.seal(&body, Some(&root.certify(&grant).unwrap())).unwrap()
}

/// Lists of hashes, since a hunt can carry them.
fn lists() -> Vec<IocList> {
    let (md5, sha256) = ([[9; 16], [1; 16]], [[3; 32], [4; 32]]);
    vec![
        IocList::new(HashKind::Md5, 16, md5.iter().map(<[u8; 16]>::as_slice)),
        IocList::new(HashKind::Sha256, 16, sha256.iter().map(<[u8; 32]>::as_slice)),
    ]
}

/// Since files that match can come back.
fn upload() -> Upload {
    Upload { max_file_bytes: 10_000_000, max_bytes: 100_000_000 }
}

/// A list in parts, since it may be too long to be carried.
fn parted() -> SplitIocList {
    let part = IocPartRef { id: request(), sha256: ByteBuf::from([5; 32]) };
    SplitIocList { count: 70_000, parts: vec![part], whole: vec![ByteBuf::from([6; 32])] }
}

/// Seals one part of a list.
fn sealed_part() -> Sealed {
    let (_, operator, trust) = keys();
    let part = IocList::new(HashKind::Sha256, PART_WIDTH, [[3; 32].as_slice(), &[4; 32]]);
    let whole = sealed(&file_hash());
    let body = Body {
        kind: Kind::ListPart,
        id: request(),
        key: operator.id(),
        fleet: trust.fleet,
        issued: NOW,
        not_after: NOW.plus_ms(86_400_000),
        target: Target::all(),
        limits: Limits::default(),
        args: ByteBuf::from(wire::encode(&part).unwrap()),
    };
    let certificate: Certificate = wire::decode(&whole.cert, 4_096).unwrap();
    operator.seal(&body, Some(&certificate)).unwrap()
}

fn file_rows() -> Vec<Row> {
    let file = Row {
        size: 3,
        mtime_ns: 1,
        ctime_ns: 2,
        btime_ns: Some(-3),
        atime_ns: 4,
        mode: 0o100_644,
        uid: 5,
        gid: 6,
        nlink: 1,
        dev: 7,
        ino: 8,
        digests: Digests::from_iter([
            (HashKind::Md5, Digest::from_elem(9, 16)),
            (HashKind::Sha256, Digest::from_elem(10, 32)),
        ]),
        ..Row::bare(b"/srv/\xff\n".to_vec(), FileKind::Regular, FileStatus::Ok, 0)
    };
    let link = Row {
        link_target: Some(b"../\xfe".to_vec()),
        ..Row::bare(b"/srv/link".to_vec(), FileKind::Symlink, FileStatus::SkippedKind, 0)
    };
    let denied = Row::bare(b"/srv/secret".to_vec(), FileKind::Directory, FileStatus::Denied, 13);
    vec![file, link, denied]
}

/// A row with every digest that there is since sha512 and blake3 joined.
fn rows_of_all_digests() -> Vec<Row> {
    let digest =
        |kind: &HashKind| (*kind, Digest::from_elem(kind.as_str().as_bytes()[0], kind.bytes()));
    let digests = HashKind::ALL.iter().map(digest).collect();
    let bare = Row::bare(b"/srv/all".to_vec(), FileKind::Regular, FileStatus::Ok, 0);
    vec![Row { digests, ..bare }]
}

/// Rows with times beyond 64 bits of nanoseconds, and one of what the policy does not let be looked at.
fn far_rows() -> Vec<Row> {
    let [file, link, _] = <[Row; 3]>::try_from(file_rows()).unwrap();
    let far = 10_413_792_000_000_000_005;
    let file = Row { mtime_ns: far, btime_ns: Some(-far), ..file };
    let denied = FileStatus::DeniedByPolicy;
    let denied = Row::bare(b"/srv/secret".to_vec(), FileKind::Directory, denied, 0);
    vec![file, link, denied]
}

fn row_chunk(found: &[Row]) -> RowChunk {
    let body = Rows::of(found.to_vec()).pack().unwrap();
    RowChunk {
        agent: agent(),
        request: request(),
        attempt: attempt(),
        seq: 4,
        artifact: "file_hash".into(),
        schema: 1,
        rows: u32::try_from(found.len()).unwrap(),
        sha256: rows::sha256(&body),
        body: ByteBuf::from(body),
    }
}

/// A status of several kinds of profile.
fn status_3() -> Status {
    let mut status = status();
    let profiles = &mut status.footer.as_mut().unwrap().profiles;
    profiles.push(ProfileFooter { kind: "wall".into(), ..profiles[0].clone() });
    status
}

/// A status with the figures that joined later.
fn status_2() -> Status {
    let mut status = status();
    let files = file_hash::Footer {
        cached: 4,
        filtered: BTreeMap::from([("btime".into(), 2)]),
        unjudged: BTreeMap::from([("btime".into(), 1)]),
        mounts_skipped: BTreeMap::from([("/mnt nfs4".into(), 1)]),
        ..files()
    };
    status.footer.as_mut().unwrap().artifact = Some(files.sealed().unwrap());
    status
}

/// A status with what threads waited for.
fn status_4() -> Status {
    let mut status = status_2();
    status.footer.as_mut().unwrap().spent = Spent {
        threads_ms: 90,
        waits_ms: BTreeMap::from([("open".into(), 80)]),
        faults_minor: 1,
        faults_major: 2,
        disk_read_bytes: 3,
        disk_written_bytes: 4,
    };
    status
}

/// A status with what the samples of a profile cost.
fn status_5() -> Status {
    let mut status = status_4();
    let one = &mut status.footer.as_mut().unwrap().profiles[0];
    (one.handler_runs, one.handler_us, one.sweeper_us) = (12, 340, 56);
    status
}

/// A status that names the machine of its attempt.
fn status_6() -> Status {
    Status {
        host: "web-1".into(),
        machine: Some(MachineId::from_bytes([3; 16])),
        instance: Some(InstanceId::from_bytes([4; 16])),
        ..status_5()
    }
}

fn files() -> file_hash::Footer {
    file_hash::Footer {
        seen: 3,
        hashed: 1,
        skipped: BTreeMap::from([("skipped_kind".into(), 1)]),
        failed: BTreeMap::from([("denied".into(), 1)]),
        bytes_hashed: 3,
        bytes_read: 3,
        slowest_path: ByteBuf::from(b"/srv/\xff\n".as_slice()),
        ..file_hash::Footer::default()
    }
}

fn status() -> Status {
    let profile =
        ProfileFooter { kind: "cpu".into(), hertz: 99, samples: 12, ..ProfileFooter::default() };
    Status {
        agent: agent(),
        request: request(),
        attempt: attempt(),
        state: State::Finished,
        at: NOW,
        code: String::new(),
        reason: String::new(),
        revision: 0,
        chunks: Some(5),
        footer: Some(Footer {
            artifact: Some(files().sealed().unwrap()),
            profiles: vec![profile],
            started: NOW.plus_ms(-10),
            ended: NOW,
            cpu_user_ms: 7,
            cpu_system_ms: 2,
            throttled_ms: 1,
            rows: 3,
            resumed: 1,
            spent: Spent::default(),
        }),
        host: String::new(),
        machine: None,
        instance: None,
    }
}

fn blob_chunk() -> BlobChunk {
    BlobChunk {
        agent: agent(),
        request: request(),
        attempt: attempt(),
        seq: 0,
        blob: 0,
        kind: "profile.cpu".into(),
        offset: 0,
        total: 3,
        blob_sha256: rows::sha256(b"abc"),
        sha256: rows::sha256(b"abc"),
        data: ByteBuf::from(b"abc".as_slice()),
    }
}

fn telemetry() -> Telemetry {
    Telemetry {
        agent: agent(),
        at: NOW,
        journal: attempt().journal,
        instance: None,
        version: "0.1.0".into(),
        host: "web-1".into(),
        os: "linux".into(),
        arch: "x86_64".into(),
        labels: BTreeMap::from([("db".into(), String::new())]),
        capabilities: vec!["file_hash".into(), "profile.cpu".into()],
        stream_epoch: Some(request()),
        stream_offset: Some(41),
        stream_gap: Some((3, 9)),
        requests_unreadable: 0,
        directed: vec![request()],
        cpu_percent: 12.5,
        rss_bytes: 10_000_000,
        threads: 3,
        fds: 17,
        read_bytes: 1,
        written_bytes: 2,
        read_bytes_per_s: 0,
        written_bytes_per_s: 0,
        outbox_messages: 3,
        outbox_bytes: 4,
        journal_full: false,
        collections: vec![CollectionSample {
            request: request(),
            state: "running".into(),
            age_ms: 1,
            seen: 2,
            hashed: 3,
            bytes: 4,
            cpu_ms: 5,
            throttled_ms: 6,
            path: ByteBuf::from(b"/srv/\xff".as_slice()),
        }],
        policy: None,
    }
}

/// Opens a request of the golden fleet.
fn opened(bytes: &[u8]) -> (Limits, HuntStart) {
    let sealed: Sealed = wire::decode(bytes, limits::REQUEST_BYTES_MAX).unwrap();
    let (_, _, trust) = keys();
    let opened = trust.open(&sealed, NOW).unwrap();
    assert_eq!(opened.operator, "ada");
    let Args::HuntStart(start) = opened.args else { panic!("another kind") };
    (opened.body.limits, start)
}

#[test]
fn a_sealed_request_from_before_artifacts_were_types_opens() {
    let memory = Limits { max_memory_mb: Some(200), ..bounds() };
    for (name, spec, limits) in [
        ("request-1.bin", file_hash(), bounds()),
        ("request-2.bin", file_hash::Args { ioc: lists(), ..file_hash() }, bounds()),
        ("request-3.bin", file_hash_2(), bounds()),
        ("request-4.bin", file_hash::Args { fresh: true, ..file_hash_2() }, bounds()),
        (
            "request-6.bin",
            file_hash::Args { ioc: lists(), upload: Some(Box::new(upload())), ..file_hash() },
            bounds(),
        ),
        ("request-7.bin", file_hash(), memory),
        (
            "request-8.bin",
            file_hash::Args { ignore_case: true, select: far_windows(), ..file_hash() },
            bounds(),
        ),
        ("request-5.bin", file_hash::Args { list: Box::new(parted()), ..file_hash() }, bounds()),
    ] {
        let (within, start) = opened(&stored(name));
        assert_eq!((start.file_hash().unwrap(), within), (spec, limits), "{name}");
        assert_eq!((start.artifact.as_str(), start.schema, start.progress_s), ("file_hash", 1, 2));
    }
}

#[test]
fn a_sealed_request_opens() {
    let spec = file_hash::Args {
        ioc: lists(),
        upload: Some(Box::new(upload())),
        ignore_case: true,
        ..file_hash_2()
    };
    let sealed = sealed(&spec);
    let bytes = golden("request-9.bin", &wire::encode(&sealed).unwrap());
    let read: Sealed = wire::decode(&bytes, limits::REQUEST_BYTES_MAX).unwrap();
    assert_eq!(read, sealed, "the same request is sealed to the same bytes");
    assert_eq!(opened(&bytes).1.file_hash().unwrap(), spec);
}

#[test]
fn a_control_opens() {
    let (_, operator, trust) = keys();
    let control =
        Control { args: Some(ByteBuf::from([0x80])), ..Control::new(request(), Verb::Cancel, 7) };
    let whole = sealed(&file_hash());
    let body = Body {
        kind: Kind::Control,
        args: ByteBuf::from(wire::encode(&control).unwrap()),
        ..sign::body_of(&whole).unwrap()
    };
    let certificate: Certificate = wire::decode(&whole.cert, 4_096).unwrap();
    let sealed = operator.seal(&body, Some(&certificate)).unwrap();
    let bytes = golden("control-1.bin", &wire::encode(&sealed).unwrap());
    let read: Sealed = wire::decode(&bytes, limits::REQUEST_BYTES_MAX).unwrap();
    assert_eq!(read, sealed, "the same control is sealed to the same bytes");
    assert_eq!(trust.open(&read, NOW).unwrap().args, Args::Control(control));
}

#[test]
fn a_part_of_a_list_and_a_hunt_with_its_list_open() {
    let before: Sealed = wire::decode(&stored("part-1.bin"), limits::SEALED_BYTES_MAX).unwrap();
    assert_eq!(before.body, sealed_part().body, "only its certificate is another one");
    let bytes = golden("part-2.bin", &wire::encode(&sealed_part()).unwrap());
    let read: Sealed = wire::decode(&bytes, limits::SEALED_BYTES_MAX).unwrap();
    assert_eq!(read, sealed_part());
    let (_, _, trust) = keys();
    // Whoever may begin a hunt may send it: the certificate knows nothing of parts.
    let Args::ListPart(part) = trust.open(&read, NOW).unwrap().args else { panic!("another kind") };
    assert_eq!((part.kind, part.count()), (HashKind::Sha256, 2));
    let start = sealed(&file_hash::Args { list: Box::new(parted()), ..file_hash() });
    let bundle = Bundle { start, parts: vec![read], whole: vec![ByteBuf::from([1, 2, 3])] };
    let before = Bundle::read(&stored("bundle-1.bin")).unwrap();
    assert_eq!(
        (before.parts[0].body.clone(), before.whole),
        (bundle.parts[0].body.clone(), bundle.whole.clone())
    );
    let bytes = golden("bundle-2.bin", &bundle.bytes().unwrap());
    assert_eq!(Bundle::read(&bytes).unwrap(), bundle);
    let Bundle { start, parts, .. } = bundle;
    assert_eq!(Bundle::records(bytes.as_slice()).unwrap(), [parts, vec![start.clone()]].concat());
    assert_eq!(Bundle::records(wire::encode(&start).unwrap().as_slice()).unwrap(), [start]);
}

#[test]
fn results_of_version_1_decode() {
    let cap = limits::RESULT_BYTES_MAX;
    let statuses = [status(), status_2(), status_3(), status_4(), status_5(), status_6()];
    for (n, status) in (1..).zip(statuses) {
        let bytes = stored(&format!("status-{n}.bin"));
        assert_eq!(wire::decode::<Status>(&bytes, cap).unwrap(), status, "status-{n}.bin");
    }
    let bytes = golden("status-7.bin", &wire::encode(&status_6()).unwrap());
    assert_eq!(wire::decode::<Status>(&bytes, cap).unwrap(), status_6());
    assert_eq!(wire::encode(&status_6()).unwrap(), bytes);
    let bytes = golden("blob-1.bin", &wire::encode(&blob_chunk()).unwrap());
    assert_eq!(wire::decode::<BlobChunk>(&bytes, cap).unwrap(), blob_chunk());
    let bytes = golden("telemetry-1.bin", &wire::encode(&telemetry()).unwrap());
    assert_eq!(wire::decode::<Telemetry>(&bytes, cap).unwrap(), telemetry());
    let rates = Telemetry { read_bytes_per_s: 7, written_bytes_per_s: 8, ..telemetry() };
    let bytes = golden("telemetry-2.bin", &wire::encode(&rates).unwrap());
    assert_eq!(wire::decode::<Telemetry>(&bytes, cap).unwrap(), rates);
    let instance = Instance {
        id: InstanceId::from_bytes([4; 16]),
        started: NOW.plus_ms(-60_000),
        sample: 6,
        machine: Some(MachineId::from_bytes([3; 16])),
        generation: 12,
    };
    let named = Telemetry { instance: Some(instance), ..rates };
    let bytes = golden("telemetry-3.bin", &wire::encode(&named).unwrap());
    assert_eq!(wire::decode::<Telemetry>(&bytes, cap).unwrap(), named);
    let unreadable = Telemetry { requests_unreadable: 9, ..named };
    let bytes = golden("telemetry-4.bin", &wire::encode(&unreadable).unwrap());
    assert_eq!(wire::decode::<Telemetry>(&bytes, cap).unwrap(), unreadable);
    let policy = ReportedPolicy {
        capabilities: Some(vec!["hunt".into()]),
        artifacts: Some(vec!["file_hash".into()]),
        shows_cmdline: true,
        bounds: [("max_cpu_percent".to_owned(), 50)].into(),
        allow_rules: Some(1),
        deny_rules: 2,
        folders: Some(ReportedFolders {
            allow: vec![ByteBuf::from("/srv")],
            deny: vec![ByteBuf::from("/srv/a"), ByteBuf::from([b'/', 0xff])],
        }),
    };
    let with_policy = Telemetry { policy: Some(Box::new(policy)), ..unreadable };
    let bytes = golden("telemetry-5.bin", &wire::encode(&with_policy).unwrap());
    assert_eq!(wire::decode::<Telemetry>(&bytes, cap).unwrap(), with_policy);
    for (name, found) in [
        ("rows-1.bin", file_rows()),
        ("rows-2.bin", rows_of_all_digests()),
        ("rows-3.bin", far_rows()),
    ] {
        let chunk: RowChunk = wire::decode(&stored(name), cap).unwrap();
        assert_eq!(chunk, row_chunk(&found), "columns are written as they always were: {name}");
        assert_eq!(chunk.unpack().unwrap().records::<Row>(), found);
    }
    let chunk = row_chunk(&far_rows());
    let bytes = golden("rows-4.bin", &wire::encode(&chunk).unwrap());
    assert_eq!(wire::encode(&wire::decode::<RowChunk>(&bytes, cap).unwrap()).unwrap(), bytes);
}

#[test]
fn a_result_with_a_field_of_tomorrow_still_decodes() {
    let mut bytes = wire::encode(&status()).unwrap();
    bytes[0] += 1;
    bytes.extend([0xa3, b'n', b'e', b'w', 1]);
    assert_eq!(wire::decode::<Status>(&bytes, 10_000).unwrap(), status());
}

#[test]
fn routing_keys_have_one_spelling() {
    let good = format!("rows.web-1-ab12.{}", request());
    assert_eq!(good.parse::<muster_protocol::topology::RoutingKey>().unwrap().to_string(), good);
    let upper =
        format!("rows.web-1-ab12.{}", RequestId::from_bytes([0xab; 16]).to_string().to_uppercase());
    for bad in ["rows.web-1-ab12", "rows.WEB.-", "x.web.-", "rows.a.b.c", "rows..-", upper.as_str()]
    {
        assert!(bad.parse::<muster_protocol::topology::RoutingKey>().is_err(), "{bad}");
    }
}

/// One vector of `escape.json`, which the tests of the console's pages read, too.
#[derive(serde::Deserialize)]
struct EscapeVector {
    /// Which function: `text`, `laid_out` or `bytes`.
    kind: String,
    /// The text.
    #[serde(default, rename = "in")]
    text: String,
    /// The bytes, in hexadecimal.
    #[serde(default)]
    hex: String,
    /// What is shown.
    out: String,
}

#[test]
fn hostile_text_is_shown_as_the_console_shows_it() {
    let vectors: Vec<EscapeVector> = serde_json::from_slice(&stored("escape.json")).unwrap();
    assert!(vectors.len() > 20);
    for EscapeVector { kind, text, hex: bytes, out } in vectors {
        let shown = match kind.as_str() {
            "bytes" => escape::bytes(&hex::decode(&bytes).unwrap()),
            "laid_out" => escape::laid_out(&text).into_owned(),
            _ => escape::text(&text).into_owned(),
        };
        assert_eq!(shown, out, "{kind} {text:?} {bytes}");
    }
}

#[test]
fn a_note_of_version_1_opens() {
    let (root, operator, trust) = keys();
    let grant = Grant {
        fleet: trust.fleet,
        key: ByteBuf::from(operator.public()),
        name: "ada".into(),
        capabilities: GRANTED.map(str::to_owned).to_vec(),
        issued: NOW,
        not_after: NOW.plus_ms(1_000_000),
    };
    let note = Note {
        id: RequestId::from_bytes([3; 16]),
        key: operator.id(),
        fleet: trust.fleet,
        issued: NOW,
        about: request(),
        name: Some("web shells".into()),
        note: Some("two hits · imaged".into()),
        case: None,
    };
    let sealed = operator.seal_note(&note, &root.certify(&grant).unwrap()).unwrap();
    let bytes = golden("note-1.bin", &wire::encode(&sealed).unwrap());
    let read: Sealed = wire::decode(&bytes, limits::SEALED_BYTES_MAX).unwrap();
    assert_eq!(trust.open_note(&read, NOW).unwrap(), (note, "ada".to_owned()));
}
