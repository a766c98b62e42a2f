//! A run that is interrupted and taken up again, on an agent that remembers what it hashed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;

use super::*;
use crate::collectors::file_hash::collect_on;
use crate::collectors::file_hash::cursor::Cursor;
use crate::collectors::file_hash::tests::ioc::sha256_of;
use crate::collectors::file_hash::tests::{seen, stored};
use crate::session::fake_cache::FakeCache;

/// What is known when a run begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    Nothing,
    Half,
    All,
    /// All, and the hunt does not want to know.
    NotAsked,
}

fn known() -> impl Strategy<Value = Known> {
    prop_oneof![Just(Known::Nothing), Just(Known::Half), Just(Known::All), Just(Known::NotAsked)]
}

/// Runs to the end over any number of interruptions, as the journal would have it. The cache outlives them, as its file
/// does: it may know more than the rows that are out. A kill forgets the rows behind the cursor that is taken up.
fn run_interrupted(
    spec: &file_hash::Args,
    stops: &[(u64, prop::sample::Index)],
    cache: &Arc<FakeCache>,
) -> (Vec<Row>, file_hash::Footer) {
    let mut rows = Vec::new();
    let mut cursor: Option<Cursor> = None;
    for (stop, at) in stops {
        let session = FakeSession::new().with_cache(cache).resuming(cursor.as_ref().map(stored));
        let session = session.cancelling_at(*stop);
        let ended = collect_on(spec, &session, 2);
        let seen = seen(&session);
        if ended.is_ok() || seen.cursors.is_empty() {
            continue;
        }
        let (out, durable) = at.get(&seen.cursors);
        rows.extend(seen.rows.into_iter().take(*out));
        cursor = Some(durable.clone());
        RESUMED.fetch_add(1, Ordering::Relaxed);
    }
    let session = FakeSession::new().with_cache(cache).resuming(cursor.as_ref().map(stored));
    let footer = collect_on(spec, &session, 2).unwrap();
    rows.extend(seen(&session).rows);
    (rows, footer)
}

/// How often a run began from a cursor, and the rows that came from a cache.
static RESUMED: AtomicU64 = AtomicU64::new(0);
static CACHED: AtomicU64 = AtomicU64::new(0);

#[test]
fn an_interrupted_run_with_a_cache_is_an_uninterrupted_one_without() {
    cached_is_uncached();
    let (resumed, cached) = (RESUMED.load(Ordering::Relaxed), CACHED.load(Ordering::Relaxed));
    assert!(resumed > 30, "only {resumed} runs began from a cursor: the test proves nothing");
    assert!(cached > 300, "only {cached} rows came from a cache: the test proves nothing");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    fn cached_is_uncached(
        paths in prop::collection::btree_set("([ab-]{1,2}/){0,4}[ab]{1,2}f", 30..120),
        stops in prop::collection::vec((40_u64..400, any::<prop::sample::Index>()), 1..6),
        known in known(),
        checks: bool,
        has_list: bool,
        has_links: bool,
        has_filter: bool,
    ) {
        let folder = TempDir::new().unwrap();
        let root = folder.path();
        for (n, path) in paths.iter().enumerate() {
            // Some of several buffers, some empty.
            let size = if n % 13 == 0 { 200_000 } else { n % 5 * 7 };
            let mut content = path.as_bytes().to_vec();
            content.resize(size, b'.');
            let file = write(root, path, &content);
            if has_links {
                fs::hard_link(&file, file.with_extension("beside")).unwrap();
                fs::hard_link(&file, root.join(format!("far{n}"))).unwrap();
            }
        }
        let mut spec = spec(root);
        spec.fresh = known == Known::NotAsked;
        if has_filter {
            spec.exclude = vec!["b".into()];
        }
        if has_list {
            let listed = paths.iter().filter(|path| path.ends_with("af"));
            let listed: Vec<_> = listed.map(|path| fs::read(root.join(path)).unwrap()).collect();
            let contents: Vec<_> = listed.iter().map(Vec::as_slice).collect();
            if !contents.is_empty() {
                spec.ioc = vec![sha256_of(&contents)];
            }
        }
        let one_in = if checks { 3 } else { u64::MAX };
        let cache = Arc::new(FakeCache::new().rechecking_one_in(one_in));
        if known != Known::Nothing {
            let mut before = crate::collectors::file_hash::tests::spec(root);
            if known == Known::Half {
                before.include = vec!["a*".into()];
            }
            let session = FakeSession::new().with_cache(&cache);
            collect_on(&before, &session, 2).unwrap();
        }
        let (whole, plain_footer) = run(&spec);
        let (rows, footer) = run_interrupted(&spec, &stops, &cache);

        let each: BTreeSet<_> = rows.iter().map(|row| &row.path).collect();
        prop_assert_eq!(each.len(), rows.len(), "no path twice");
        let cached = rows.iter().filter(|row| row.status == FileStatus::Cached).count() as u64;
        CACHED.fetch_add(cached, Ordering::Relaxed);
        if known == Known::All && !checks {
            let is_file = |row: &&Row| row.kind == FileKind::Regular;
            prop_assert_eq!(cached, rows.iter().filter(is_file).count() as u64, "nothing is read");
        }
        if known == Known::NotAsked {
            prop_assert_eq!(cached, 0, "everything is read, also behind an interruption");
        }
        let plain = |rows: &[Row]| {
            let keep = |row: &Row| {
                let is_cached = row.status == FileStatus::Cached;
                let status = if is_cached { FileStatus::Ok } else { row.status };
                Row { atime_ns: 0, status, ..row.clone() }
            };
            rows.iter().map(keep).collect::<Vec<_>>()
        };
        prop_assert_eq!(plain(&rows), plain(&whole), "the same rows in the same order");
        prop_assert_eq!(footer.seen, footer.accounted());
        let lasting = |footer: &file_hash::Footer| file_hash::Footer {
            hashed: footer.hashed + footer.cached,
            cached: 0,
            bytes_read: 0,
            slowest_ms: 0,
            slowest_path: ByteBuf::new(),
            ..footer.clone()
        };
        prop_assert_eq!(lasting(&footer), lasting(&plain_footer));
    }
}
