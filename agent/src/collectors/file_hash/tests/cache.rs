//! Hunts of an agent that remembers what it hashed.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::collectors::file_hash::collect_on;
use crate::collectors::file_hash::tests::ioc::sha256_of;
use crate::collectors::file_hash::tests::seen;
use crate::session::fake_cache::FakeCache;

/// Runs with a cache; returns the rows and the figures.
fn run_with(
    spec: &file_hash::Args,
    cache: &Arc<FakeCache>,
    workers: usize,
) -> (Vec<Row>, file_hash::Footer) {
    let session = FakeSession::new().with_cache(cache);
    let footer = collect_on(spec, &session, workers).unwrap();
    let rows = seen(&session).rows;
    assert_eq!(footer.seen, footer.accounted());
    (rows, footer)
}

fn statuses(rows: &[Row]) -> Vec<FileStatus> {
    rows.iter().map(|row| row.status).collect()
}

#[test]
fn a_file_that_is_known_is_not_even_opened() {
    let folder = TempDir::new().unwrap();
    for (name, size) in [("a", 10), ("b", 0), ("d/c", 100_000), ("z", 9 << 20)] {
        write(folder.path(), name, &vec![7; size]);
    }
    let (spec, cache) = (spec(folder.path()), Arc::new(FakeCache::new()));
    let (first, footer) = run_with(&spec, &cache, 2);
    assert_eq!((footer.hashed, footer.cached, cache.known(), cache.asked()), (4, 0, 4, 0));
    let session = FakeSession::new().with_cache(&cache);
    let footer = collect_on(&spec, &session, 2).unwrap();
    let seen = seen(&session);
    assert_eq!(statuses(&seen.rows), [FileStatus::Cached; 4]);
    assert_eq!((footer.hashed, footer.cached, footer.bytes_read), (0, 4, 0));
    assert_eq!((seen.files, seen.bytes), (0, 0), "no limit of files or bytes is touched");
    let total: u64 = first.iter().map(|row| row.size).sum();
    assert_eq!(footer.bytes_hashed, total, "there are digests of as much");
    for (row, known) in first.iter().zip(&seen.rows) {
        assert_eq!((&row.path, &row.digests, row.size), (&known.path, &known.digests, known.size));
    }
    // What has changed is read, and so is everything of which another digest is asked.
    write(folder.path(), "a", b"another content");
    let (rows, footer) = run_with(&spec, &cache, 2);
    let ok = FileStatus::Ok;
    let cached = FileStatus::Cached;
    assert_eq!(statuses(&rows), [ok, cached, cached, cached]);
    assert_eq!(footer.bytes_read, 15);
    let both = file_hash::Args { hashes: vec![HashKind::Sha256, HashKind::Md5], ..spec.clone() };
    assert_eq!(statuses(&run_with(&both, &cache, 2).0), [ok; 4]);
    assert_eq!(statuses(&run_with(&both, &cache, 2).0), [cached; 4]);
    // A listing asks for nothing.
    let asked = cache.asked();
    run_with(&file_hash::Args { hashes: Vec::new(), ..spec }, &cache, 2);
    assert_eq!(cache.asked(), asked);
}

#[test]
fn a_fresh_hunt_reads_everything_and_what_it_reads_is_kept() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), "a", b"content");
    let (spec, cache) = (spec(folder.path()), Arc::new(FakeCache::new()));
    let (first, _) = run_with(&spec, &cache, 1);
    cache.corrupt();
    let (wrong, _) = run_with(&spec, &cache, 1);
    assert_ne!(wrong[0].digests, first[0].digests, "a cache is believed");
    let asked = cache.asked();
    let (rows, _) = run_with(&file_hash::Args { fresh: true, ..spec.clone() }, &cache, 1);
    assert_eq!((statuses(&rows), cache.asked()), (vec![FileStatus::Ok], asked));
    let (rows, _) = run_with(&spec, &cache, 1);
    assert_eq!((rows[0].status, &rows[0].digests), (FileStatus::Cached, &first[0].digests));
}

#[test]
fn a_wrong_digest_is_found_by_reading_again() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), "a", b"a");
    write(folder.path(), "b", &vec![b'b'; 100_000]);
    let cache = Arc::new(FakeCache::new().rechecking_one_in(1));
    let spec = spec(folder.path());
    let (first, _) = run_with(&spec, &cache, 1);
    assert_eq!(statuses(&run_with(&spec, &cache, 1).0), [FileStatus::Ok; 2], "they agree");
    assert_eq!(cache.kept(), 2, "what is known already is not written again");
    cache.corrupt();
    // A list that the file is not in does not clear it.
    let listed = file_hash::Args { ioc: vec![sha256_of(&[b"x"])], ..spec.clone() };
    let (rows, footer) = run_with(&listed, &cache, 1);
    assert_eq!(statuses(&rows), [FileStatus::CacheMismatch; 2]);
    assert_eq!((footer.hashed, footer.cached, footer.unmatched), (2, 0, 0));
    for (row, right) in rows.iter().zip(&first) {
        assert_eq!(row.digests, right.digests, "what was read counts");
    }
    assert_eq!(cache.kept(), 4);
    assert_eq!(statuses(&run_with(&spec, &cache, 1).0), [FileStatus::Ok; 2], "and is kept");
}

#[test]
fn about_one_in_so_many_is_read_again() {
    let folder = TempDir::new().unwrap();
    for n in 0..2_000 {
        write(folder.path(), &format!("{n}"), b"");
    }
    let cache = Arc::new(FakeCache::new().rechecking_one_in(10));
    let spec = spec(folder.path());
    run_with(&spec, &cache, 2);
    let (_, footer) = run_with(&spec, &cache, 2);
    assert_eq!(footer.hashed + footer.cached, 2_000);
    // 200 expected; 8 standard deviations.
    assert!((93..307).contains(&footer.hashed), "{}", footer.hashed);
}

#[test]
fn a_list_judges_what_comes_from_the_cache() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), "bad", b"bad");
    write(folder.path(), "good", b"good");
    let cache = Arc::new(FakeCache::new());
    run_with(&spec(folder.path()), &cache, 1);
    let listed = file_hash::Args { ioc: vec![sha256_of(&[b"bad"])], ..spec(folder.path()) };
    let (rows, footer) = run_with(&listed, &cache, 1);
    assert_eq!(names(folder.path(), &rows), [("bad".to_owned(), FileStatus::Cached)]);
    assert_eq!((footer.cached, footer.matched, footer.unmatched), (2, 1, 1));
}

#[test]
fn what_a_cancelled_hunt_has_read_is_not_read_again() {
    let folder = TempDir::new().unwrap();
    for n in 0..300 {
        write(folder.path(), &format!("{n:03}"), b"");
    }
    let cache = Arc::new(FakeCache::new());
    let session = FakeSession::new().with_cache(&cache).cancelling_at(500);
    collect_on(&spec(folder.path()), &session, 2).unwrap_err();
    let known = cache.known() as u64;
    assert!(known > 10, "{known}");
    assert_eq!(run_with(&spec(folder.path()), &cache, 2).1.cached, known);
}

#[test]
fn what_is_not_as_long_as_it_claims_is_not_kept() {
    let cache = Arc::new(FakeCache::new());
    // It claims to be empty.
    let pseudo = file_hash::Args { all_file_systems: true, ..spec(Path::new("/proc/self/limits")) };
    let (rows, _) = run_with(&pseudo, &cache, 1);
    assert_eq!(statuses(&rows), [FileStatus::Ok]);
    assert_eq!(cache.known(), 0);
}

/// What may happen to a file between two hunts.
#[derive(Debug, Clone, Copy)]
enum Change {
    Nothing,
    Longer,
    Replaced,
    Linked,
    Removed,
    Mode,
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => Just(Change::Nothing),
        1 => Just(Change::Longer),
        1 => Just(Change::Replaced),
        1 => Just(Change::Linked),
        1 => Just(Change::Removed),
        1 => Just(Change::Mode),
    ]
}

fn apply(root: &Path, round: usize, file: usize, change: Change) {
    let path = root.join(format!("{file}"));
    if !path.try_exists().unwrap() {
        return;
    }
    match change {
        Change::Nothing => {}
        Change::Longer => {
            let longer = [fs::read(&path).unwrap(), vec![b'+']].concat();
            fs::write(&path, longer).unwrap();
        }
        Change::Replaced => {
            let beside = root.join("beside");
            // Of a size of its own: inode numbers are used again, and the clock of file systems is coarse.
            fs::write(&beside, vec![b'r'; 20_000 + 50 * round + file]).unwrap();
            fs::rename(beside, &path).unwrap();
        }
        Change::Linked => fs::hard_link(&path, root.join(format!("{file}-{round}"))).unwrap(),
        Change::Removed => fs::remove_file(&path).unwrap(),
        Change::Mode => fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_cache_never_changes_the_rows_but_for_that_word(
        rounds in prop::collection::vec(
            (prop::collection::vec(change(), 12), 1_usize..4, any::<bool>(), any::<bool>(), any::<bool>()),
            2..5,
        ),
    ) {
        let folder = TempDir::new().unwrap();
        for n in 0..12 {
            write(folder.path(), &format!("{n}"), &vec![1; n * n * 100]);
        }
        let cache = Arc::new(FakeCache::new().rechecking_one_in(3));
        for (round, (changes, workers, has_md5, has_sha256, has_list)) in rounds.iter().enumerate() {
            for (file, change) in changes.iter().enumerate() {
                apply(folder.path(), round, file, *change);
            }
            let kinds = [(HashKind::Md5, *has_md5), (HashKind::Sha256, *has_sha256)];
            let mut asked = spec(folder.path());
            asked.hashes = kinds.into_iter().filter_map(|(kind, is_asked)| is_asked.then_some(kind)).collect();
            if *has_list && *has_sha256 {
                asked.ioc = vec![sha256_of(&[&[1; 100], &[1; 400]])];
            }
            let plain = |rows: Vec<Row>| {
                let keep = |row: Row| {
                    let is_cached = row.status == FileStatus::Cached;
                    let status = if is_cached { FileStatus::Ok } else { row.status };
                    Row { atime_ns: 0, status, ..row }
                };
                rows.into_iter().map(keep).collect::<Vec<_>>()
            };
            let (with, footer) = run_with(&asked, &cache, *workers);
            let (without, plain_footer) = run(&asked);
            prop_assert_eq!(plain(with), plain(without));
            prop_assert_eq!(footer.hashed + footer.cached, plain_footer.hashed);
            prop_assert_eq!((footer.matched, footer.unmatched), (plain_footer.matched, plain_footer.unmatched));
            prop_assert_eq!(footer.bytes_hashed, plain_footer.bytes_hashed);
        }
    }
}
