use serde_json::json;

use super::*;
use crate::artifact::file_hash;
use crate::ids::{JournalId, RequestId};
use crate::result::{CollectionSample, Counters, State};
use crate::wire;

fn journal() -> JournalId {
    JournalId::from_bytes([1; 16])
}

fn sample() -> Telemetry {
    serde_json::from_value(json!({"agent": "a-1", "at": 0, "journal": journal()})).unwrap()
}

fn status(footer: Footer) -> Status {
    let request = RequestId::from_bytes([2; 16]);
    let attempt = json!({"origin": request, "journal": journal()});
    let status = json!({"agent": "a-1", "request": request, "attempt": attempt, "state": State::Failed, "at": 0});
    Status { footer: Some(footer), ..serde_json::from_value(status).unwrap() }
}

fn counts(entries: usize, name: usize) -> BTreeMap<String, u64> {
    (0..entries).map(|n| (format!("{n:0>name$}"), 2)).collect()
}

fn words(entries: usize, bytes: usize) -> BTreeMap<String, String> {
    counts(entries, bytes).into_keys().map(|name| (name.clone(), name)).collect()
}

/// The most that a policy may hold.
fn full_policy() -> ReportedPolicy {
    let words = || vec!["x".repeat(limits::RESULT_NAME_BYTES_MAX); limits::RESULT_ENTRIES_MAX];
    let folder = ByteBuf::from(vec![b'x'; limits::RESULT_PATH_BYTES_MAX]);
    let folders = || vec![folder.clone(); limits::POLICY_FOLDERS_MAX];
    ReportedPolicy {
        capabilities: Some(words()),
        artifacts: Some(words()),
        shows_cmdline: true,
        bounds: counts(limits::RESULT_ENTRIES_MAX, limits::RESULT_NAME_BYTES_MAX),
        allow_rules: Some(u64::MAX),
        deny_rules: u64::MAX,
        folders: Some(ReportedFolders { allow: folders(), deny: folders() }),
    }
}

/// The policy of a sample that has one.
fn policy(said: &mut Telemetry) -> &mut ReportedPolicy {
    said.policy.as_mut().unwrap()
}

/// The most that a sample may hold.
fn full_sample() -> Telemetry {
    let text = || "x".repeat(limits::TEXT_BYTES_MAX);
    let name = || "x".repeat(limits::RESULT_NAME_BYTES_MAX);
    let request = RequestId::from_bytes([3; 16]);
    let collection = CollectionSample {
        request,
        state: name(),
        age_ms: u64::MAX,
        seen: u64::MAX,
        hashed: u64::MAX,
        bytes: u64::MAX,
        cpu_ms: u64::MAX,
        throttled_ms: u64::MAX,
        path: ByteBuf::from(vec![b'x'; limits::RESULT_PATH_BYTES_MAX]),
    };
    Telemetry {
        version: text(),
        host: text(),
        os: text(),
        arch: text(),
        labels: words(limits::RESULT_ENTRIES_MAX, limits::RESULT_NAME_BYTES_MAX),
        capabilities: vec![name(); limits::RESULT_ENTRIES_MAX],
        directed: vec![request; limits::TELEMETRY_DIRECTED_IDS_MAX],
        collections: vec![collection; limits::TELEMETRY_COLLECTIONS_MAX],
        policy: Some(Box::new(full_policy())),
        ..sample()
    }
}

/// The most that a status may hold.
fn full_status() -> Status {
    let counts = || counts(limits::RESULT_ENTRIES_MAX, limits::RESULT_NAME_BYTES_MAX);
    let files = file_hash::Footer {
        filtered: counts(),
        skipped: counts(),
        failed: counts(),
        unjudged: counts(),
        not_uploaded: counts(),
        mounts_skipped: counts(),
        roots_failed: words(limits::RESULT_ENTRIES_MAX, limits::RESULT_NAME_BYTES_MAX),
        slowest_path: ByteBuf::from(vec![b'x'; limits::RESULT_PATH_BYTES_MAX]),
        ..file_hash::Footer::default()
    };
    let profile = ProfileFooter {
        kind: "x".repeat(limits::RESULT_NAME_BYTES_MAX),
        blob_sha256: ByteBuf::from(vec![1; 32]),
        ..ProfileFooter::default()
    };
    let text = || "x".repeat(limits::TEXT_BYTES_MAX);
    let footer = Footer {
        artifact: Some(files.sealed().unwrap()),
        profiles: vec![profile; limits::RESULT_ENTRIES_MAX],
        spent: Spent { waits_ms: counts(), ..Spent::default() },
        ..Footer::default()
    };
    Status { code: text(), reason: text(), ..status(footer) }
}

#[test]
fn what_is_at_its_bounds_is_left_alone_and_fits_a_message() {
    let (sample, status) = (full_sample(), full_status());
    let (mut cut_sample, mut cut_status) = (sample.clone(), status.clone());
    assert!(!cut_sample.cut() && !cut_status.cut());
    assert_eq!((&cut_sample, &cut_status), (&sample, &status));
    // A policy travels with few samples, and is stored apart from them.
    assert!(wire::encode(&sample).unwrap().len() <= limits::RESULT_BYTES_MAX);
    let sample = Telemetry { policy: None, ..sample };
    for bytes in [wire::encode(&sample).unwrap().len(), wire::encode(&status).unwrap().len()] {
        assert!(bytes <= limits::RESULT_BYTES_MAX * 6 / 10, "{bytes}");
    }
}

#[test]
fn every_part_of_a_sample_is_cut_to_its_bound() {
    let grow: [fn(&mut Telemetry); 15] = [
        |said| said.version.push('x'),
        |said| said.host.push('x'),
        |said| said.os.push('x'),
        |said| said.arch.push('x'),
        |said| drop(said.labels.insert("y".into(), "y".into())),
        |said| said.capabilities.push("y".into()),
        |said| said.directed.push(RequestId::from_bytes([4; 16])),
        |said| said.collections.push(said.collections[0].clone()),
        |said| said.collections[0].path.push(b'y'),
        |said| policy(said).capabilities.as_mut().unwrap().push("y".into()),
        |said| policy(said).artifacts.as_mut().unwrap()[0].push('y'),
        |said| {
            policy(said).bounds.insert("y".into(), 1);
        },
        |said| policy(said).folders.as_mut().unwrap().allow.push(ByteBuf::new()),
        |said| policy(said).folders.as_mut().unwrap().deny.push(ByteBuf::new()),
        |said| policy(said).folders.as_mut().unwrap().deny[0].push(b'y'),
    ];
    for (n, grow) in grow.into_iter().enumerate() {
        let mut said = full_sample();
        grow(&mut said);
        assert!(said.cut(), "{n}");
        assert!(!said.cut(), "{n}: once is enough");
    }
}

#[test]
fn every_part_of_a_status_is_cut_to_its_bound() {
    fn footer(said: &mut Status) -> &mut Footer {
        said.footer.as_mut().unwrap()
    }
    fn artifact(said: &mut Status) -> &mut ArtifactFooter {
        footer(said).artifact.as_mut().unwrap()
    }
    fn files(said: &mut Status, change: fn(&mut file_hash::Footer)) {
        let mut files: file_hash::Footer = wire::decode(&artifact(said).body, usize::MAX).unwrap();
        change(&mut files);
        *artifact(said) = files.sealed().unwrap();
    }
    fn add(counts: &mut BTreeMap<String, u64>) {
        counts.insert("y".into(), 1);
    }
    let grow: [fn(&mut Status); 16] = [
        |said| said.code.push('x'),
        |said| said.reason.push('x'),
        |said| add(&mut footer(said).spent.waits_ms),
        |said| files(said, |files| add(&mut files.filtered)),
        |said| files(said, |files| add(&mut files.skipped)),
        |said| files(said, |files| add(&mut files.failed)),
        |said| files(said, |files| add(&mut files.unjudged)),
        |said| files(said, |files| add(&mut files.not_uploaded)),
        |said| files(said, |files| add(&mut files.mounts_skipped)),
        |said| files(said, |files| drop(files.roots_failed.insert("y".into(), String::new()))),
        |said| files(said, |files| files.slowest_path.push(b'y')),
        |said| artifact(said).body = ByteBuf::from("no footer"),
        |said| {
            artifact(said).artifact = "registry".into();
            artifact(said).body = vec![0; limits::FOOTER_BYTES_MAX + 1].into();
        },
        |said| artifact(said).artifact = "x".repeat(limits::RESULT_NAME_BYTES_MAX + 1),
        |said| footer(said).profiles.push(ProfileFooter::default()),
        |said| footer(said).profiles[0].blob_sha256.push(1),
    ];
    for (n, grow) in grow.into_iter().enumerate() {
        let mut said = full_status();
        grow(&mut said);
        assert!(said.cut(), "{n}");
        assert!(!said.cut(), "{n}: once is enough");
    }
}

#[test]
fn the_footer_of_an_artifact_that_is_not_known_passes() {
    let body = ByteBuf::from("anything");
    let counters = Counters { entries: 7, hashed: 2, errors: 1, bytes: 9 };
    let newer = ArtifactFooter { artifact: "registry".into(), schema: 1, counters, body };
    let mut said = status(Footer { artifact: Some(newer.clone()), ..Footer::default() });
    assert!(!said.cut());
    assert_eq!(said.footer.unwrap().artifact, Some(newer.clone()));
    assert_eq!((newer.figures().seen, newer.figures().bytes_read), (7, 9));
}

#[test]
fn the_footer_of_an_agent_from_before_artifacts_were_types_is_read() {
    #[derive(serde::Serialize)]
    struct Before {
        files: file_hash::Footer,
        profile: ProfileFooter,
        rows: u64,
    }
    let files = file_hash::Footer {
        seen: 3,
        hashed: 2,
        failed: counts(1, 1),
        bytes_read: 5,
        ..file_hash::Footer::default()
    };
    let profile = ProfileFooter { kind: "cpu".into(), ..ProfileFooter::default() };
    let before =
        wire::encode(&Before { files: files.clone(), profile: profile.clone(), rows: 4 }).unwrap();
    let footer: Footer = wire::decode(&before, usize::MAX).unwrap();
    assert_eq!(footer.artifact, Some(files.sealed().unwrap()));
    assert_eq!((footer.profiles.as_slice(), footer.rows), ([profile].as_slice(), 4));
    let artifact = footer.artifact.unwrap();
    assert_eq!(artifact.counters, Counters { entries: 3, hashed: 2, errors: 2, bytes: 5 });
    assert_eq!(artifact.figures(), files.into());
}

#[test]
fn no_count_is_lost_where_names_are() {
    let mut files = file_hash::Footer {
        filtered: counts(limits::RESULT_ENTRIES_MAX + 9, 3),
        failed: counts(2, limits::RESULT_NAME_BYTES_MAX + 9),
        ..file_hash::Footer::default()
    };
    let before = files.accounted();
    assert!(files.cut());
    assert_eq!(files.accounted(), before);
    assert_eq!(files.filtered[MORE], 18);
}

#[test]
fn a_text_is_cut_at_a_character() {
    let mut text = "é".repeat(3);
    assert!(cut_text(&mut text, 3));
    assert_eq!(text, "é");
}
