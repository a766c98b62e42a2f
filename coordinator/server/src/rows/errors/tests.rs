use std::time::Duration;

use muster_protocol::artifact::file_hash::{FileKind, FileStatus, Row};
use muster_protocol::clock::Timestamp;

use super::*;
use crate::rows::filter::Filter;
use crate::rows::tests::made::Made;

fn file(folder: &str, status: FileStatus, errno: i32) -> Row {
    Row::bare(format!("{folder}/x").into_bytes(), FileKind::Regular, status, errno)
}

fn looked(made: &Made, errors: &mut Errors, until: Instant) {
    let source = made.source();
    let filter = Filter::read(&[], source.schema, &[], Timestamp(0)).unwrap();
    let looking = Looking { reader: &made.reader, source: &source, filter: &filter };
    errors.go_on(&looking, until).unwrap();
}

fn later() -> Instant {
    Instant::now() + Duration::from_mins(10)
}

#[test]
fn causes_and_folders_are_counted_over_as_many_looks_as_it_takes() {
    use FileStatus::{Denied, DeniedByPolicy, IoError, Ok, SkippedKind};
    let one = vec![
        file("a", Ok, 0),
        file("a", Denied, 13),
        file("b", Denied, 13),
        file("b", IoError, 5),
        file("b", SkippedKind, 0),
    ];
    let made = Made::new(&[
        (0, one.clone()),
        (0, vec![file("a", Denied, 13); 4]),
        (2, vec![file("b", DeniedByPolicy, 0), file("b", IoError, 4_711)]),
    ]);
    let mut errors = Errors::default();
    let mut looks = 0;
    while !errors.is_complete() {
        looked(&made, &mut errors, Instant::now());
        looks += 1;
    }
    assert_eq!((looks, errors.looked_at()), (4, 11), "a chunk each, and then none");
    let (causes, folders) = errors.shown();
    let of = |cause: &ErrorCause| (cause.name.clone(), cause.count, cause.agents);
    assert_eq!(of(&causes[0]), ("EACCES".to_owned(), 6, 1));
    assert_eq!((causes[0].meaning.as_str(), causes[0].examples.len()), ("permission denied", 3));
    let named: Vec<_> = causes.iter().map(|c| (c.status.as_str(), c.errno)).collect();
    assert!(
        named.contains(&("io_error", Some(4_711))) && named.contains(&("denied_by_policy", None))
    );
    let unknown = causes.iter().find(|cause| cause.errno == Some(4_711)).unwrap();
    assert_eq!((unknown.name.as_str(), unknown.meaning.as_str()), ("", ""));
    assert!(causes.iter().any(|c| c.status == "denied_by_policy" && c.meaning.contains("policy")));
    let folders: Vec<_> = folders.iter().map(|f| (f.path.as_str(), f.count, f.agents)).collect();
    assert_eq!(folders, [("/r/a", 5, 1), ("/r/b", 4, 2)]);

    // Nothing new: nothing is looked at. Then it begins again.
    looked(&made, &mut errors, later());
    assert_eq!(errors.looked_at(), 11);
    made.add(1, &one);
    looked(&made, &mut errors, later());
    assert_eq!((errors.looked_at(), errors.is_complete()), (16, true));
    assert_eq!(of(&errors.shown().0[0]), ("EACCES".to_owned(), 8, 2));
}

#[test]
fn the_folders_that_hold_most_stay_where_there_are_too_many() {
    let mut errors = Errors::default();
    let agent = AgentId::new("a-1").unwrap();
    let columns = Columns { status: 2, errno: 3, path: 0 };
    let rare = |n: usize| file(&format!("/rare/{n}"), FileStatus::Denied, 13);
    for part in 0..30 {
        let rows = (0..10_000).map(|n| {
            if n % 100 == 0 {
                file("/often", FileStatus::Denied, 13)
            } else {
                rare(part * 10_000 + n)
            }
        });
        for row in muster_protocol::artifact::Rows::of(rows).iter() {
            errors.add(&row, &agent, columns);
        }
    }
    assert!(errors.folders.len() <= ERROR_FOLDERS_COUNTED_MAX);
    let (causes, folders) = errors.shown();
    assert_eq!((causes[0].count, folders.len()), (300_000, ERROR_FOLDERS_MAX));
    assert_eq!((folders[0].path.as_str(), folders[0].count), ("/often", 3_000));
}
