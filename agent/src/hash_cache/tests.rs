use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

const SECOND: i64 = 1_000_000_000;

fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).unwrap();
    folder
}

fn id(ino: u64) -> FileId {
    FileId { dev: u64::MAX - 1, ino, size: 7, mtime_ns: -5, ctime_ns: i128::from(100 * SECOND) }
}

fn hashed(id: FileId, kinds: &[HashKind], byte: u8) -> Hashed {
    let digests = kinds.iter().map(|kind| (*kind, Digest::from_elem(byte, kind.bytes()))).collect();
    Hashed {
        id,
        began_ns: i64::try_from(id.ctime_ns).unwrap_or(i64::MAX - 2 * SECOND) + 2 * SECOND,
        digests,
    }
}

fn one(cache: &HashCache, kinds: &[HashKind], id: FileId) -> Option<Digests> {
    cache.find(kinds, &[id]).pop().unwrap()
}

fn opened(folder: &Path, machine_id: &str) -> HashCache {
    HashCache::new(folder.to_owned(), machine_id.to_owned())
}

const SHA256: &[HashKind] = &[HashKind::Sha256];

#[test]
fn what_is_kept_is_found_by_the_same_state_of_the_same_file_only() {
    let folder = folder();
    let cache = opened(folder.path(), "machine");
    assert!(cache.is_empty());
    let file = hashed(id(u64::MAX), SHA256, 1);
    cache.store(std::slice::from_ref(&file));
    assert!(!cache.is_empty());
    let same = file.id;
    assert_eq!(one(&cache, SHA256, same), Some(file.digests.clone()));
    for other in [
        FileId { dev: 1, ..same },
        FileId { ino: 1, ..same },
        FileId { size: 8, ..same },
        FileId { mtime_ns: -4, ..same },
        FileId { ctime_ns: 1, ..same },
    ] {
        assert_eq!(one(&cache, SHA256, other), None, "{other:?}");
    }
    // Times beyond 64 bits: nothing is kept, and nothing that was clamped is found.
    let far = |mtime_ns| FileId { mtime_ns, ..id(3) };
    let beyond = i128::from(i64::MAX) + 1;
    cache.store(&[hashed(far(beyond), SHA256, 1)]);
    cache.store(&[hashed(far(i64::MAX.into()), SHA256, 2)]);
    assert_eq!(one(&cache, SHA256, far(beyond)), None);
    assert_eq!(one(&cache, SHA256, far(beyond + 1)), None);
    // In the order in which they were asked, and after a restart.
    drop(cache);
    let cache = opened(folder.path(), "machine");
    let found = cache.find(SHA256, &[id(1), same, id(2)]);
    assert_eq!(found, [None, Some(file.digests), None]);
    let mode = |name: &str| fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
    assert_eq!(mode("hashes.sqlite") & 0o777, 0o600);
}

#[test]
fn digests_of_several_kinds_come_together_until_the_file_changes() {
    let folder = folder();
    let cache = opened(folder.path(), "");
    cache.store(&[hashed(id(1), SHA256, 1)]);
    cache.store(&[hashed(id(1), &[HashKind::Blake3, HashKind::Md5], 2)]);
    cache.store(&[hashed(id(1), &[HashKind::Md5], 3)]);
    let of = |kind: HashKind, byte| (kind, Digest::from_elem(byte, kind.bytes()));
    let kinds = [HashKind::Sha256, HashKind::Md5, HashKind::Blake3];
    assert_eq!(
        one(&cache, &kinds, id(1)),
        Some(
            [of(HashKind::Sha256, 1), of(HashKind::Md5, 3), of(HashKind::Blake3, 2)]
                .into_iter()
                .collect()
        )
    );
    assert_eq!(one(&cache, &HashKind::ALL, id(1)), None, "not all of them are known");
    let changed = FileId { mtime_ns: 0, ..id(1) };
    cache.store(&[hashed(changed, &[HashKind::Md5], 4)]);
    assert_eq!(one(&cache, SHA256, changed), None);
    assert_eq!(one(&cache, SHA256, id(1)), None);
    assert_eq!(one(&cache, &[HashKind::Md5], changed), Some([of(HashKind::Md5, 4)].into()));
}

#[test]
fn what_changed_just_before_it_was_read_is_not_kept() {
    let folder = folder();
    let cache = opened(folder.path(), "");
    let file = hashed(id(1), SHA256, 1);
    let changed = i64::try_from(file.id.ctime_ns).unwrap();
    for (began_ns, is_kept) in [
        (changed - SECOND, false),
        (changed, false),
        (changed + 2 * SECOND - 1, false),
        (changed + 2 * SECOND, true),
    ] {
        cache.store(&[Hashed { began_ns, ..file.clone() }]);
        assert_eq!(one(&cache, SHA256, file.id).is_some(), is_kept, "{began_ns}");
    }
}

#[test]
fn it_stays_within_its_bound_and_knows_half_of_what_is_too_much_for_it() {
    const TOTAL: u64 = 20_000;
    let folder = folder();
    let cache = HashCache { bytes_max: 1 << 20, ..opened(folder.path(), "") };
    let scattered = |n: u64| FileId { dev: n % 2, ..id(n * 7_919 % TOTAL) };
    for pass in 0..5 {
        let mut known = 0;
        for first in (0..TOTAL).step_by(500) {
            let files: Vec<_> = (first..first + 500).map(scattered).collect();
            let found = cache.find(SHA256, &files);
            known += found.iter().flatten().count();
            let asked = files.into_iter().zip(found);
            let new =
                asked.filter_map(|(id, found)| found.is_none().then(|| hashed(id, SHA256, 1)));
            cache.store(&new.collect::<Vec<_>>());
        }
        // It holds some 16,000. Were the oldest forgotten first, it would be what is asked for next, and none were known.
        let least = if pass == 0 { 0 } else { 7_000 };
        assert!((least..16_500).contains(&known), "{known} in pass {pass}");
    }
    drop(cache);
    let bytes = fs::metadata(folder.path().join("hashes.sqlite")).unwrap().len();
    assert!((500_000..1_300_000).contains(&bytes), "{bytes}");
}

#[test]
fn another_machine_begins_anew() {
    let folder = folder();
    let file = hashed(id(1), SHA256, 1);
    opened(folder.path(), "one").store(std::slice::from_ref(&file));
    let cache = opened(folder.path(), "one");
    assert!(!cache.is_empty());
    cache.rest();
    assert!(!cache.is_empty(), "it opens again");
    drop(cache);
    assert!(opened(folder.path(), "two").is_empty());
}

#[test]
fn a_file_that_is_broken_is_set_aside() {
    let folder = folder();
    let path = folder.path().join("hashes.sqlite");
    let file = hashed(id(1), SHA256, 1);
    let versioned = || {
        assert_eq!(one(&opened(folder.path(), ""), SHA256, id(9)), None);
        let db = Connection::open(&path).unwrap();
        db.pragma_update(None, "user_version", 99).unwrap();
    };
    let garbage = || fs::write(&path, vec![b'x'; 10_000]).unwrap();
    for spoil in [&garbage as &dyn Fn(), &versioned] {
        spoil();
        let cache = opened(folder.path(), "");
        assert!(cache.is_empty());
        cache.store(std::slice::from_ref(&file));
        assert!(one(&cache, SHA256, file.id).is_some(), "the new one works");
        assert!(folder.path().join("hashes.sqlite.broken").try_exists().unwrap());
        fs::remove_file(folder.path().join("hashes.sqlite.broken")).unwrap();
    }
}

#[test]
fn what_breaks_while_it_is_used_is_as_if_it_were_not_there() {
    let folder = folder();
    let cache = opened(folder.path(), "");
    let files: Vec<_> = (0..5_000).map(|n| hashed(id(n), SHA256, 1)).collect();
    cache.store(&files);
    drop(cache);
    // The first page stays: the file opens.
    let path = folder.path().join("hashes.sqlite");
    let mut bytes = fs::read(&path).unwrap();
    bytes[4_096 * 4..].fill(0xff);
    fs::write(&path, bytes).unwrap();
    let cache = opened(folder.path(), "");
    for file in &files {
        assert!(one(&cache, SHA256, file.id).is_none_or(|digests| digests == file.digests));
    }
    assert!(matches!(*cache.lock(), Db::Unusable), "it was given up");
    cache.store(&files);
    assert!(cache.is_empty());
    // The next collection begins a new one.
    cache.rest();
    cache.store(&files);
    assert!(one(&cache, SHA256, id(1)).is_some());
    assert!(folder.path().join("hashes.sqlite.broken").try_exists().unwrap());
}

#[test]
fn a_full_disk_costs_only_what_is_new() {
    let folder = folder();
    let cache = opened(folder.path(), "");
    cache.store(&[hashed(id(1), SHA256, 1)]);
    let cap = |pages: i64| {
        let Db::Open(db) = &mut *cache.lock() else { panic!("closed") };
        db.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).unwrap();
    };
    cap(1);
    let more: Vec<_> = (2..2_000).map(|n| hashed(id(n), SHA256, 2)).collect();
    cache.store(&more);
    assert!(one(&cache, SHA256, id(1)).is_some() && one(&cache, SHA256, id(2)).is_none());
    assert!(cache.has_complained.load(Ordering::Relaxed));
    cap(1 << 20);
    cache.store(&more);
    assert!(one(&cache, SHA256, id(2)).is_some(), "and when there is room again, it goes on");
}

#[test]
fn a_folder_that_others_may_write_to_is_not_used() {
    let folder = folder();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o770)).unwrap();
    let cache = opened(folder.path(), "");
    cache.store(&[hashed(id(1), SHA256, 1)]);
    assert_eq!(one(&cache, SHA256, id(1)), None);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    // Nor is one that cannot be made.
    assert!(opened(Path::new("/proc/nothing"), "").is_empty());
}

#[test]
fn only_one_has_it() {
    let folder = folder();
    let first = opened(folder.path(), "");
    first.store(&[hashed(id(1), SHA256, 1)]);
    let second = opened(folder.path(), "");
    second.store(&[hashed(id(2), SHA256, 2)]);
    assert!(second.is_empty() && one(&first, SHA256, id(2)).is_none());
    assert!(one(&first, SHA256, id(1)).is_some());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    /// The last state of each inode, with the digests that were kept of that state.
    #[test]
    fn it_answers_as_a_map_does(
        steps in prop::collection::vec((0_u64..6, 0_i128..3, 0_usize..5, any::<u8>(), any::<bool>()), 1..30),
    ) {
        let folder = folder();
        let mut cache = opened(folder.path(), "");
        let mut model: BTreeMap<u64, (FileId, BTreeMap<HashKind, Digest>)> = BTreeMap::new();
        for (ino, mtime_ns, kind, byte, is_restarted) in steps {
            let kind = HashKind::ALL[kind];
            let id = FileId { mtime_ns, ..id(ino) };
            cache.store(&[hashed(id, &[kind], byte)]);
            let known = model.entry(ino).or_insert_with(|| (id, BTreeMap::new()));
            if known.0 != id {
                *known = (id, BTreeMap::new());
            }
            known.1.insert(kind, Digest::from_elem(byte, kind.bytes()));
            if is_restarted {
                drop(cache);
                cache = opened(folder.path(), "");
            }
            for (id, digests) in model.values() {
                for kind in HashKind::ALL {
                    let wanted = digests.get(&kind).map(|digest| [(kind, digest.clone())].into());
                    prop_assert_eq!(one(&cache, &[kind], *id), wanted);
                }
            }
        }
    }
}
