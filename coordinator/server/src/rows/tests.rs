//! Generated rows and generated filters: pages put together, the stream, and the sorted rows are what a filter written in
//! another way leaves of the same rows; none twice, none missing, also while rows come in.

pub(in crate::rows) mod made;
mod oracle;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use muster_protocol::clock::Timestamp;
use muster_protocol::limits::ROWS_SORTED_MAX;
use proptest::prelude::*;

use self::made::{Made, filters, rows};
use super::filter::Filter;
use super::sorted::{Order, Sorting};
use super::walk::Looking;

const NOW: Timestamp = Timestamp(1_800_000_000_000);

/// No time at all: an answer looks at one chunk.
fn at_once() -> Instant {
    Instant::now()
}

fn later() -> Instant {
    Instant::now() + Duration::from_mins(10)
}

/// Walks to the end; returns the rows and how many were looked at.
fn walked(
    looking: &Looking<'_>,
    limit: usize,
    until: fn() -> Instant,
    mut between: impl FnMut(),
) -> (Vec<Vec<u8>>, u64) {
    let (mut all, mut looked_at, mut from) = (Vec::new(), 0, None);
    loop {
        let stretch = looking.walk(from.as_ref(), limit, until()).unwrap();
        assert!(stretch.rows.len() <= limit);
        all.extend(stretch.rows);
        looked_at += stretch.looked_at;
        from = stretch.next;
        if from.is_none() {
            return (all, looked_at);
        }
        between();
    }
}

fn streamed(looking: &Looking<'_>) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for run in looking.source.runs.iter().filter(|run| looking.filter.may_have(looking.source, run))
    {
        let write = |rows: &mut dyn Iterator<Item = muster_protocol::artifact::RowRef<'_>>| {
            for row in rows {
                let mut line = Vec::new();
                looking.source.write(run, &row, &mut line)?;
                all.push(line);
            }
            Ok(true)
        };
        looking.run(run, 0..u64::MAX, write).unwrap();
    }
    all
}

/// Sorts to the end in as many answers as chunks, then takes the parts.
fn sorted(looking: &Looking<'_>, order: Order, limit: usize) -> (Vec<Vec<u8>>, u64) {
    let mut sorting = Sorting::default();
    while !sorting.is_complete() {
        sorting.go_on(looking, order, at_once()).unwrap();
        let so_far = sorting.part(None, limit, 0);
        assert!(so_far.rows.len() <= limit);
        assert_eq!(so_far.found.is_some(), so_far.is_complete);
    }
    assert_eq!(sorting.go_on(looking, order, later()).unwrap(), 0, "it has ended");
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let part = sorting.part(after.as_ref(), limit, 0);
        all.extend(part.rows);
        after = part.after;
        if after.is_none() {
            return (all, part.found.unwrap());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn pages_stream_and_oracle_are_the_same(
        chunks in rows(),
        asked in filters(),
        limit in 1_usize..40,
        sort in 0_usize..6,
    ) {
        let made = Made::new(&chunks);
        let source = made.source();
        let filter = Filter::read(&asked, source.schema, &source.roots, NOW).unwrap();
        let looking = Looking { reader: &made.reader, source: &source, filter: &filter };
        let wanted = oracle::lines(&made, &source, &asked);
        prop_assert_eq!(&streamed(&looking), &wanted);
        let (whole, looked_at) = walked(&looking, usize::MAX, later, || ());
        prop_assert_eq!(&whole, &wanted);
        for until in [at_once, later] {
            let (paged, again) = walked(&looking, limit, until, || ());
            prop_assert_eq!(&paged, &wanted);
            prop_assert_eq!(again, looked_at, "each row is looked at once");
        }
        let name = ["size", "mtime", "ctime"][sort / 2];
        let place = source.schema.place(name).unwrap();
        let order = Order { place, is_descending: sort % 2 == 1 };
        let (first, found) = sorted(&looking, order, limit);
        prop_assert_eq!(first, oracle::sorted(&made, &source, &asked, name, order.is_descending));
        prop_assert_eq!(found, wanted.len() as u64);
    }

    #[test]
    fn rows_that_come_meanwhile_double_and_hide_nothing(
        chunks in rows(),
        more in rows(),
        asked in filters(),
        limit in 1_usize..9,
    ) {
        let made = Made::new(&chunks);
        let source = made.source();
        let filter = Filter::read(&asked, source.schema, &source.roots, NOW).unwrap();
        let looking = Looking { reader: &made.reader, source: &source, filter: &filter };
        let wanted = oracle::lines(&made, &source, &asked);
        let mut more = more.into_iter();
        let (paged, _) = walked(&looking, limit, at_once, || {
            if let Some((agent, files)) = more.next() {
                made.add(agent, &files);
            }
        });
        let met: BTreeSet<_> = paged.iter().collect();
        prop_assert_eq!(met.len(), paged.len(), "none twice");
        prop_assert!(wanted.iter().all(|line| met.contains(line)), "none missing");
        let possible: BTreeSet<_> = oracle::lines(&made, &source, &asked).into_iter().collect();
        prop_assert!(paged.iter().all(|line| possible.contains(line)), "none that is not meant");
    }
}

#[test]
fn the_first_of_many_are_found_wherever_they_lie() {
    // Rising and falling sizes, so that every row is among the first for a while, or none behind the first is.
    let many = |n: usize| made::file(n, if n.is_multiple_of(2) { n } else { 100_000 - n });
    let chunks: Vec<_> =
        (0..5_usize).map(|at| (at % 2, (at * 500..at * 500 + 500).map(many).collect())).collect();
    let made = Made::new(&chunks);
    let source = made.source();
    let filter = Filter::read(&[], source.schema, &source.roots, NOW).unwrap();
    let looking = Looking { reader: &made.reader, source: &source, filter: &filter };
    let place = source.schema.place("size").unwrap();
    for is_descending in [false, true] {
        let (first, found) = sorted(&looking, Order { place, is_descending }, 300);
        let wanted = oracle::sorted(&made, &source, &[], "size", is_descending);
        assert_eq!((found, first.len()), (2_500, ROWS_SORTED_MAX));
        assert_eq!(first, wanted);
    }
}

#[test]
fn rows_as_large_as_they_may_be_are_not_all_kept() {
    let long = |n: usize| {
        let mut file = made::file(n, n);
        file.path.extend(std::iter::repeat_n(b'x', 20_000));
        file
    };
    let chunks: Vec<_> =
        (0..9_usize).map(|at| (0, (at * 100..at * 100 + 100).map(long).collect())).collect();
    let made = Made::new(&chunks);
    let source = made.source();
    let filter = Filter::read(&[], source.schema, &source.roots, NOW).unwrap();
    let looking = Looking { reader: &made.reader, source: &source, filter: &filter };
    let (place, is_descending) = (source.schema.place("size").unwrap(), true);
    let (first, found) = sorted(&looking, Order { place, is_descending }, 500);
    let bytes: usize = first.iter().map(Vec::len).sum();
    assert!((300..450).contains(&first.len()), "{} rows, {bytes} bytes", first.len());
    let wanted = oracle::sorted(&made, &source, &[], "size", true);
    assert_eq!((first.as_slice(), found), (&wanted[..first.len()], 900));
    let stretch = looking.walk(None, 900, later()).unwrap();
    assert!(stretch.rows.len() < 450 && stretch.next.is_some(), "an answer has a size");
}
