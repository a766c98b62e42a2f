use serde_json::json;

use super::*;
use crate::ids::{JournalId, RequestId};
use crate::result::{CollectionSample, State};
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
        ..sample()
    }
}

/// The most that a status may hold.
fn full_status() -> Status {
    let counts = || counts(limits::RESULT_ENTRIES_MAX, limits::RESULT_NAME_BYTES_MAX);
    let files = FilesFooter {
        filtered: counts(),
        skipped: counts(),
        failed: counts(),
        unjudged: counts(),
        not_uploaded: counts(),
        mounts_skipped: counts(),
        roots_failed: words(limits::RESULT_ENTRIES_MAX, limits::RESULT_NAME_BYTES_MAX),
        slowest_path: ByteBuf::from(vec![b'x'; limits::RESULT_PATH_BYTES_MAX]),
        ..FilesFooter::default()
    };
    let profile = ProfileFooter {
        kind: "x".repeat(limits::RESULT_NAME_BYTES_MAX),
        blob_sha256: ByteBuf::from(vec![1; 32]),
        ..ProfileFooter::default()
    };
    let text = || "x".repeat(limits::TEXT_BYTES_MAX);
    let footer = Footer {
        files: Some(files),
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
    for bytes in [wire::encode(&sample).unwrap().len(), wire::encode(&status).unwrap().len()] {
        assert!(bytes <= limits::RESULT_BYTES_MAX * 6 / 10, "{bytes}");
    }
}

#[test]
fn every_part_of_a_sample_is_cut_to_its_bound() {
    let grow: [fn(&mut Telemetry); 9] = [
        |said| said.version.push('x'),
        |said| said.host.push('x'),
        |said| said.os.push('x'),
        |said| said.arch.push('x'),
        |said| drop(said.labels.insert("y".into(), "y".into())),
        |said| said.capabilities.push("y".into()),
        |said| said.directed.push(RequestId::from_bytes([4; 16])),
        |said| said.collections.push(said.collections[0].clone()),
        |said| said.collections[0].path.push(b'y'),
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
    fn files(said: &mut Status) -> &mut FilesFooter {
        footer(said).files.as_mut().unwrap()
    }
    fn add(counts: &mut BTreeMap<String, u64>) {
        counts.insert("y".into(), 1);
    }
    let grow: [fn(&mut Status); 13] = [
        |said| said.code.push('x'),
        |said| said.reason.push('x'),
        |said| add(&mut footer(said).spent.waits_ms),
        |said| add(&mut files(said).filtered),
        |said| add(&mut files(said).skipped),
        |said| add(&mut files(said).failed),
        |said| add(&mut files(said).unjudged),
        |said| add(&mut files(said).not_uploaded),
        |said| add(&mut files(said).mounts_skipped),
        |said| drop(files(said).roots_failed.insert("y".into(), String::new())),
        |said| files(said).slowest_path.push(b'y'),
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
fn no_count_is_lost_where_names_are() {
    let mut files = FilesFooter {
        filtered: counts(limits::RESULT_ENTRIES_MAX + 9, 3),
        failed: counts(2, limits::RESULT_NAME_BYTES_MAX + 9),
        ..FilesFooter::default()
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
