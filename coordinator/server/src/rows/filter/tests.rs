use muster_protocol::artifact::file_hash::{self, FileKind, FileStatus, Row};
use muster_protocol::artifact::processes;
use muster_protocol::artifact::processes::{ExeState, Process, ProcessStatus};
use muster_protocol::artifact::{Digest, Digests, HashKind};
use muster_protocol::ids::{Attempt, JournalId, RequestId};
use std::sync::Arc;

use super::*;

const NOW: Timestamp = Timestamp(1_800_000_000_000);

fn read(schema: &'static Schema, asked: &[(&str, &str)]) -> Result<Filter, FilterError> {
    let asked: Vec<_> =
        asked.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    Filter::read(&asked, schema, &[b"/srv".to_vec()], NOW)
}

fn run() -> Run {
    Run {
        agent: AgentId::new("a-1").unwrap(),
        host: String::new(),
        attempt: Attempt {
            origin: RequestId::from_bytes([1; 16]),
            journal: JournalId::from_bytes([1; 16]),
        },
        is_clone: false,
        uploaded: BTreeSet::new(),
        rows: 1,
    }
}

/// Returns whether the only row is meant, also when nothing but the columns that the filter names is read.
fn is_meant(rows: &Rows, asked: &[(&str, &str)]) -> bool {
    let schema = rows.schema();
    let source = Source {
        hunt: RequestId::from_bytes([1; 16]),
        named: String::new(),
        schema,
        roots: Vec::new(),
        ioc: Arc::default(),
        runs: vec![run()],
    };
    let filter = read(schema, asked).unwrap();
    let places: Vec<_> = filter.places().into_iter().flatten().copied().collect();
    let some = Rows::unpack_columns(schema, &rows.pack().unwrap(), 1, &places).unwrap();
    let hits = filter.hits(&source, &run(), &some, 0);
    assert_eq!(hits, filter.hits(&source, &run(), rows, 0), "{asked:?}");
    !hits.is_empty()
}

fn file() -> Rows {
    let bare = Row::bare(b"/srv/a/b\xff.php".to_vec(), FileKind::Regular, FileStatus::Denied, 13);
    let mut digest = Digest::from_elem(0xab, 32);
    digest[4] = 0xc7;
    Rows::of([Row {
        size: 4_096,
        mode: 0o104_755,
        uid: 1_000,
        gid: 5,
        ino: 7,
        mtime_ns: i128::from(NOW.0 - 3_600_000) * 1_000_000,
        ctime_ns: i128::from(NOW.0) * 1_000_000,
        digests: Digests::from_iter([(HashKind::Sha256, digest)]),
        ..bare
    }])
}

#[test]
fn every_filter_says_yes_and_no() {
    for (name, yes, no) in [
        ("status", "ok,denied", "ok"),
        ("errno", "EACCES", "EIO,2"),
        ("errno", "13", "-13"),
        ("path", "*.php", "*.txt"),
        ("path", "a/*", "b/*"),
        ("path", "/srv/a/**", "/srv/b/**"),
        ("path_b64", "L3Nydi9hL2L/LnBocA==", "L3Nydi9hL2I="),
        ("path_b64", "L3Nydi9hL2L_LnBocA", "L3Nydg"),
        ("hash", "abababab", "ababababc8"),
        ("hash", "ABABABABC", "ababababd"),
        (
            "hash",
            "ababababc7",
            "ababababc70000000000000000000000000000000000000000000000000000000000000000",
        ),
        ("kind", "file", "dir,symlink"),
        ("min_size", "4096", "4097"),
        ("max_size", "4096", "4095"),
        ("newer", "1h", "59m"),
        ("older", "59m", "1h"),
        ("changed_newer", "1s", "2200-01-01"),
        ("uid", "0,1000", "0"),
        ("gid", "5", "1000"),
        ("mode", "4000", "2000"),
        ("mode", "=4755", "=755"),
        ("match", "no", "yes"),
        ("uploaded", "no", "yes"),
        ("ino", "7", "8"),
    ] {
        let rows = file();
        assert!(is_meant(&rows, &[(name, yes)]), "{name}={yes}");
        assert!(!is_meant(&rows, &[(name, no)]), "{name}={no}");
        assert!(!is_meant(&rows, &[(name, yes), ("nlink", "99")]), "all must hold: {name}");
    }
}

#[test]
fn what_is_not_known_of_a_row_fulfils_nothing() {
    let row = Row::bare(b"/srv/x".to_vec(), FileKind::Symlink, FileStatus::Vanished, 2);
    let rows = Rows::of([row]);
    assert!(!is_meant(&rows, &[("older", "1d")]), "it was not looked at: 1970 is no time of it");
    assert!(!is_meant(&rows, &[("link_target", "*")]));
    assert!(is_meant(&rows, &[("max_size", "0")]), "as it is shown");
    let link = Row { mode: 0o120_777, ..rows.records::<Row>().remove(0) };
    assert!(!is_meant(&Rows::of([link]), &[("mode", "777")]), "a link has no mode of its own");
}

#[test]
fn a_pattern_with_a_slash_at_its_end_is_for_folders() {
    let of = |kind| Rows::of([Row::bare(b"/srv/cache".to_vec(), kind, FileStatus::Ok, 0)]);
    assert!(is_meant(&of(FileKind::Directory), &[("path", "cache/")]));
    assert!(!is_meant(&of(FileKind::Regular), &[("path", "cache/")]));
}

#[test]
fn processes_are_asked_for_by_what_they_have() {
    let rows = Rows::of([Process {
        exe: Some(b"/usr/bin/sh".to_vec()),
        exe_state: ExeState::Deleted,
        comm: b"kworker/0:1".to_vec(),
        cmdline: Some(b"sh\0-c\0/tmp/x\0".to_vec()),
        threads: 1,
        uid: 0,
        ..Process::bare(4_711, ProcessStatus::Ok, 0)
    }]);
    for (name, yes, no) in [
        ("pid", "1,4711", "1"),
        ("exe", "/usr/**", "/opt/**"),
        ("exe", "sh", "bash"),
        ("exe_state", "deleted", "present"),
        ("comm", "kworker*", "worker*"),
        ("cmdline", "*/tmp/*", "/tmp/*"),
        ("uid", "0", "1"),
        ("status", "ok", "kernel"),
    ] {
        assert!(is_meant(&rows, &[(name, yes)]), "{name}={yes}");
        assert!(!is_meant(&rows, &[(name, no)]), "{name}={no}");
    }
    let unseen = Rows::of([Process::bare(4_711, ProcessStatus::Denied, 13)]);
    assert!(!is_meant(&unseen, &[("uid", "0")]), "whose it is is not known");
}

#[test]
fn what_makes_no_sense_is_named() {
    let files = |asked: &[(&str, &str)]| read(&file_hash::SCHEMA, asked).unwrap_err();
    for (name, bad) in [
        ("status", "fine"),
        ("status", ""),
        ("status", "ok,"),
        ("errno", "EWHAT"),
        ("errno", "1e3"),
        ("path", ""),
        ("path", "["),
        ("path", "/elsewhere/x"),
        ("path_b64", "%"),
        ("hash", "abababa"),
        ("hash", "abababag"),
        ("hash", "ababababag"),
        ("hash", "éééé"),
        ("kind", "folder"),
        ("min_size", "-1"),
        ("max_size", "10M"),
        ("newer", "yesterday"),
        ("older", "2026"),
        ("uid", "root"),
        ("mode", "888"),
        ("match", "maybe"),
        ("uploaded", "1"),
        ("agent", "A 1"),
    ] {
        assert!(matches!(files(&[(name, bad)]), FilterError::Value { .. }), "{name}={bad}");
    }
    assert!(files(&[("hash", &"a".repeat(129))]).to_string().contains("129 digits"));
    let many = vec!["1"; FILTER_VALUES_MAX + 1].join(",");
    assert!(files(&[("uid", &many)]).to_string().contains("501 values"));
    let agents: Vec<_> = (0..=FILTER_VALUES_MAX).map(|n| format!("a-{n}")).collect();
    let agents: Vec<_> = agents.iter().map(|agent| ("agent", agent.as_str())).collect();
    assert!(files(&agents).to_string().contains("more than 500 agents"));
    assert_eq!(files(&[("uid", "1"), ("uid", "2")]), FilterError::Twice("uid".to_owned()));
    for unknown in ["colour", "", "sha256", "mtime", "size_b64", "limit"] {
        let error = files(&[(unknown, "1")]);
        assert!(matches!(error, FilterError::Unknown { .. }), "{unknown}");
        let known = error.to_string();
        for name in ["agent", "match", "hash", "min_size", "changed_newer", "path", "uid"] {
            assert!(known.contains(name), "{known}");
        }
    }
}

#[test]
fn a_column_that_the_artifact_lacks_is_named_with_those_that_it_has() {
    for lacking in ["min_size", "newer", "path", "kind", "mode", "gid", "path_b64"] {
        let error = read(&processes::SCHEMA, &[(lacking, "1")]).unwrap_err();
        assert!(matches!(error, FilterError::NoColumn { .. }), "{lacking}: {error}");
        assert!(error.to_string().contains("exe_state, cgroup"), "{error}");
    }
    let error = read(&file_hash::SCHEMA, &[("pid", "1")]).unwrap_err();
    assert!(error.to_string().contains("rows of file_hash have no column \"pid\""), "{error}");
}
