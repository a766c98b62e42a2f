//! What is selected, against a model that is too simple to be wrong: random trees, random conditions.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File, FileTimes, Metadata, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

use muster_protocol::artifact::file_hash;
use muster_protocol::artifact::file_hash::select::{ModeBits, Select, Window};
use muster_protocol::artifact::file_hash::{FileKind, FileStatus};
use proptest::prelude::*;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use tempfile::TempDir;

use crate::collectors::file_hash::tests::names;
use crate::collectors::file_hash::tests::run;
use crate::collectors::file_hash::tests::spec;
use crate::collectors::file_hash::tests::write;
use crate::collectors::{CollectError, file_hash as collector};
use crate::session::fake::FakeSession;

/// Something to make: names on the way, kind, size, mode, age in seconds.
type Made = (Vec<Vec<u8>>, u8, usize, u32, u64);

fn tree() -> impl Strategy<Value = Vec<Made>> {
    let byte = prop_oneof![4 => Just(b'a'), 4 => Just(b'b'), 1 => Just(b'-'), 1 => Just(0xff_u8)];
    let name = prop::collection::vec(byte, 1..3);
    let mode =
        prop::sample::select(vec![0o644, 0o600, 0o755, 0o4755, 0o2755, 0o666, 0o777, 0o6711]);
    let made = (prop::collection::vec(name, 1..4), 0_u8..6, 0_usize..6, mode, 0_u64..6);
    prop::collection::vec(made, 10..30)
}

fn pattern() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec![
        "a", "b", "aa", "*", "?", "??", "**", "[ab]", "[!a]", "a*", "*b", "{a,bb}", "a[!b]", "-*",
    ]);
    (prop::collection::vec(part, 1..4), any::<(bool, bool)>()).prop_map(|(parts, (first, last))| {
        let text = parts.join("/");
        format!("{}{text}{}", if first { "./" } else { "" }, if last { "/" } else { "" })
    })
}

/// A window around the time of one of the files: which, and which ends it has.
type Around = (prop::sample::Index, bool, bool);

fn around() -> impl Strategy<Value = Option<Around>> {
    prop::option::weighted(0.3, any::<Around>())
}

fn window(around: Option<&Around>, times: &[i128]) -> Window {
    let Some((index, has_from, has_until)) = around else { return Window::default() };
    let at = times[index.index(times.len())];
    Window { from_ns: has_from.then_some(at - 1), until_ns: has_until.then_some(at + 1) }
}

fn make(root: &Path, tree: &[Made]) {
    for (names, kind, size, mode, age) in tree {
        let path =
            names.iter().fold(root.to_owned(), |path, name| path.join(OsStr::from_bytes(name)));
        let is_free = fs::create_dir_all(path.parent().unwrap()).is_ok()
            && fs::symlink_metadata(&path).is_err();
        if !is_free {
            continue;
        }
        match kind {
            0 => fs::create_dir(&path).unwrap(),
            1 => symlink("a", &path).unwrap(),
            2 => mknodat(CWD, &path, FileType::Fifo, Mode::from_raw_mode(*mode), 0).unwrap(),
            _ => {
                fs::write(&path, vec![b'x'; *size]).unwrap();
                let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 - age);
                let file = File::options().write(true).open(&path).unwrap();
                file.set_times(FileTimes::new().set_modified(then)).unwrap();
                fs::set_permissions(&path, Permissions::from_mode(*mode)).unwrap();
            }
        }
    }
}

/// Returns whether a name fits one component of a pattern, by trying everything.
fn is_part(pattern: &[u8], name: &[u8]) -> bool {
    match pattern {
        [] => name.is_empty(),
        [b'*', rest @ ..] => (0..=name.len()).any(|cut| is_part(rest, &name[cut..])),
        [b'?', rest @ ..] => !name.is_empty() && is_part(rest, &name[1..]),
        [b'[', b'!', not, b']', rest @ ..] => {
            name.first().is_some_and(|first| first != not) && is_part(rest, &name[1..])
        }
        [b'[', one, two, b']', rest @ ..] => {
            name.first().is_some_and(|first| first == one || first == two)
                && is_part(rest, &name[1..])
        }
        [same, rest @ ..] => name.first() == Some(same) && is_part(rest, &name[1..]),
    }
}

/// Returns whether a path fits a pattern, component by component.
fn is_path(pattern: &[&[u8]], path: &[&[u8]]) -> bool {
    match pattern {
        [] => path.is_empty(),
        [b"**"] => !path.is_empty(),
        [b"**", rest @ ..] => (0..=path.len()).any(|cut| is_path(rest, &path[cut..])),
        [part, rest @ ..] => {
            path.first().is_some_and(|first| is_part(part, first)) && is_path(rest, &path[1..])
        }
    }
}

fn is_match(pattern: &str, relative: &[u8], is_folder: bool) -> bool {
    // Each pair of braces chooses for itself.
    if pattern.contains("{a,bb}") {
        let choices = ["a", "bb"].map(|choice| pattern.replacen("{a,bb}", choice, 1));
        return choices.iter().any(|pattern| is_match(pattern, relative, is_folder));
    }
    let (pattern, folders_only) = match pattern.strip_suffix('/') {
        Some(pattern) => (pattern, true),
        None => (pattern, false),
    };
    let path: Vec<&[u8]> = relative.split(|byte| *byte == b'/').collect();
    let fits = if pattern.contains('/') {
        let parts = pattern.strip_prefix("./").unwrap_or(pattern).split('/');
        is_path(&parts.map(str::as_bytes).collect::<Vec<_>>(), &path)
    } else {
        is_path(&[pattern.as_bytes()], &path[path.len() - 1..])
    };
    fits && (is_folder || !folders_only)
}

fn kind(meta: &Metadata) -> FileKind {
    match meta.file_type() {
        kind if kind.is_dir() => FileKind::Directory,
        kind if kind.is_symlink() => FileKind::Symlink,
        kind if kind.is_fifo() => FileKind::Fifo,
        _ => FileKind::Regular,
    }
}

fn ns(seconds: i64, nanoseconds: i64) -> i128 {
    i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds)
}

fn birth(meta: &Metadata) -> Option<i128> {
    let since = meta.created().ok()?.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Some(i128::try_from(since.as_nanos()).unwrap())
}

/// Returns why the conditions leave an entry out.
fn refused(spec: &file_hash::Args, meta: &Metadata) -> Option<&'static str> {
    let select = &spec.select;
    let kind = kind(meta);
    let in_window = |window: Window, at: i128| {
        window.from_ns.is_none_or(|from| from <= at)
            && window.until_ns.is_none_or(|until| at < until)
    };
    let mode = meta.mode() & 0o7777;
    let is_small = spec.min_size.is_some_and(|min| meta.len() < min);
    let is_large = spec.max_size.is_some_and(|max| meta.len() > max);
    if !select.kinds.is_empty() && !select.kinds.contains(&kind) {
        Some("kind")
    } else if kind == FileKind::Regular && (is_small || is_large) {
        Some("size")
    } else if !in_window(select.mtime, ns(meta.mtime(), meta.mtime_nsec())) {
        Some("mtime")
    } else if !in_window(select.ctime, ns(meta.ctime(), meta.ctime_nsec())) {
        Some("ctime")
    } else if birth(meta).is_some_and(|at| !in_window(select.btime, at)) {
        Some("btime")
    } else if select.mode != ModeBits::default()
        && (kind == FileKind::Symlink
            || select.mode.any != 0 && mode & select.mode.any == 0
            || mode & select.mode.all != select.mode.all
            || select.mode.exactly.is_some_and(|exactly| mode != exactly))
    {
        Some("mode")
    } else {
        None
    }
}

/// What the model says: the paths that are rows, and the counts.
#[derive(Debug, Default, PartialEq, Eq)]
struct Expected {
    rows: Vec<Vec<u8>>,
    filtered: BTreeMap<String, u64>,
    seen: u64,
}

fn model(spec: &file_hash::Args, root: &Path, at: &Path, expected: &mut Expected) {
    let is_listing = spec.hashes.is_empty();
    let meta = fs::symlink_metadata(at).unwrap();
    let is_folder = meta.is_dir();
    let relative = at.strip_prefix(root).unwrap().as_os_str().as_bytes();
    expected.seen += 1;
    let mut leave_out = |reason: &str| {
        *expected.filtered.entry(reason.to_owned()).or_default() += 1;
    };
    let fits = |patterns: &[String]| patterns.iter().any(|one| is_match(one, relative, is_folder));
    if !relative.is_empty() && fits(&spec.exclude) {
        return leave_out("exclude");
    }
    let is_row = is_listing || !is_folder;
    if is_row {
        if !relative.is_empty() && !spec.include.is_empty() && !fits(&spec.include) {
            leave_out("include");
        } else if let Some(reason) = refused(spec, &meta) {
            leave_out(reason);
        } else {
            expected.rows.push(at.as_os_str().as_bytes().to_vec());
        }
    }
    if is_folder {
        let mut names: Vec<_> =
            fs::read_dir(at).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        for name in &names {
            model(spec, root, &at.join(name), expected);
        }
    }
}

prop_compose! {
    fn mode_bits()(any in 0_usize..3, all in 0_usize..3, exactly in prop::option::weighted(0.2, Just(0o644))) -> ModeBits {
        ModeBits { any: [0, 0o6000, 0o002][any], all: [0, 0o4000, 0o100][all], exactly }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_selected_is_what_the_model_selects(
        tree in tree(),
        include in prop::collection::vec(pattern(), 0..2),
        exclude in prop::collection::vec(pattern(), 0..2),
        windows in (around(), around(), around()),
        sizes in (prop::option::weighted(0.3, 0_u64..6), prop::option::weighted(0.3, 0_u64..6)),
        kinds in prop::collection::vec(prop::sample::select(&FileKind::ALL[..4]), 0..3),
        mode in prop::option::weighted(0.3, mode_bits()),
        is_listing: bool,
    ) {
        let folder = TempDir::new().unwrap();
        make(folder.path(), &tree);
        let metas: Vec<_> = walkdir::WalkDir::new(folder.path())
            .into_iter()
            .map(|entry| entry.unwrap().metadata().unwrap())
            .collect();
        let times = |of: fn(&Metadata) -> i128| metas.iter().map(of).collect::<Vec<_>>();
        let select = Select {
            kinds,
            mtime: window(windows.0.as_ref(), &times(|meta| ns(meta.mtime(), meta.mtime_nsec()))),
            ctime: window(windows.1.as_ref(), &times(|meta| ns(meta.ctime(), meta.ctime_nsec()))),
            btime: window(windows.2.as_ref(), &times(|meta| birth(meta).unwrap_or(0))),
            mode: mode.unwrap_or_default(),
            ..Select::default()
        };
        let mut spec = file_hash::Args { include, exclude, select: Box::new(select), ..spec(folder.path()) };
        (spec.min_size, spec.max_size) = sizes;
        if is_listing {
            spec.hashes.clear();
        }
        let mut expected = Expected::default();
        model(&spec, folder.path(), folder.path(), &mut expected);
        let (rows, footer) = run(&spec);
        let got = Expected {
            rows: rows.into_iter().map(|row| row.path).collect(),
            filtered: footer.filtered.clone(),
            seen: footer.seen,
        };
        prop_assert_eq!(got, expected);
        prop_assert_eq!(footer.accounted(), footer.seen);
    }
}

#[test]
fn owners_are_selected_by_number_and_by_the_machines_own_name() {
    let folder = TempDir::new().unwrap();
    let path = write(folder.path(), "file", b"");
    let (uid, gid) = {
        let meta = fs::metadata(path).unwrap();
        (meta.uid(), meta.gid())
    };
    let selected = |owners: &[String], groups: &[String]| {
        let select =
            Select { owners: owners.to_vec(), groups: groups.to_vec(), ..Select::default() };
        let (rows, footer) =
            run(&file_hash::Args { select: Box::new(select), ..spec(folder.path()) });
        (rows.len(), footer.filtered.into_keys().collect::<Vec<_>>())
    };
    let none = || (0, vec!["owner".to_owned()]);
    assert_eq!(selected(&[uid.to_string()], &[gid.to_string()]), (1, vec![]));
    assert_eq!(selected(&["root".into(), uid.to_string()], &[]), (1, vec![]));
    assert_eq!(selected(&[(uid + 1).to_string()], &[]), none());
    assert_eq!(selected(&[], &[(gid + 1).to_string()]), (0, vec!["group".to_owned()]));
    if uid == 0 {
        assert_eq!(selected(&["root".into()], &["root".into()]), (1, vec![]));
    }
    let select = Select { owners: vec!["nobody-has-this-name".into()], ..Select::default() };
    let unknown = collector::collect(
        &file_hash::Args { select: Box::new(select), ..spec(folder.path()) },
        &collector::Folders::default(),
        &FakeSession::new(),
    );
    assert!(
        matches!(unknown, Err(CollectError::Failed { code: CollectError::NO_ACCOUNT, .. })),
        "{unknown:?}"
    );
}

#[test]
fn what_has_no_birth_is_selected_and_counted() {
    // The one file system of every machine that knows no birth.
    let births = Window { from_ns: Some(i128::MAX), until_ns: None };
    let select = Select { btime: births, ..Select::default() };
    let proc = file_hash::Args {
        select: Box::new(select),
        all_file_systems: true,
        ..spec(Path::new("/proc/version"))
    };
    let (rows, footer) = run(&proc);
    assert_eq!(names(Path::new("/proc/version"), &rows), [(String::new(), FileStatus::Ok)]);
    assert_eq!((rows[0].btime_ns, footer.unjudged.get("btime")), (None, Some(&1)));
    let folder = TempDir::new().unwrap();
    let file = write(folder.path(), "file", b"");
    let has_birth = fs::metadata(file).unwrap().created().is_ok();
    let (rows, footer) = run(&file_hash::Args {
        all_file_systems: false,
        ..file_hash::Args { roots: spec(folder.path()).roots, ..proc }
    });
    let counts = (footer.filtered.get("btime"), footer.unjudged.get("btime"));
    assert_eq!(
        (rows.len(), counts),
        if has_birth { (0, (Some(&1), None)) } else { (1, (None, Some(&1))) }
    );
}
