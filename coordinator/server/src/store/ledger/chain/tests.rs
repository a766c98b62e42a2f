use muster_api::AuditView;
use muster_protocol::hex;

use super::*;
use crate::store::{DataDir, Reader};

fn line(n: i64) -> Audit {
    Audit { token: "ada".into(), action: "request", subject: n.to_string(), ..Audit::default() }
}

/// The lines, the oldest first, as they are shown.
fn shown(reader: &Reader) -> Vec<AuditView> {
    let mut numbers =
        reader.audit_numbers(&crate::store::AuditFilter::default(), None, 100).unwrap();
    numbers.reverse();
    reader.audit(&numbers).unwrap().into_iter().map(AuditView::from).collect()
}

/// Returns the number of the first line that does not follow from the one before it.
fn broken_at(lines: &[AuditView]) -> Option<i64> {
    let mut before = hex::encode(&BEFORE_THE_FIRST);
    for (expected, line) in (1..).zip(lines) {
        if line.id != expected || line.expected(&before).as_ref() != Some(&line.hash) {
            return Some(line.id);
        }
        before.clone_from(&line.hash);
    }
    None
}

fn log(folder: &std::path::Path, lines: i64) -> (DataDir, Connection) {
    let place = DataDir::prepare(folder).unwrap();
    let mut connection = place.connect().unwrap();
    for n in 1..=lines {
        let tx = connection.transaction().unwrap();
        insert_audit(&tx, &line(n), Timestamp(n)).unwrap();
        tx.commit().unwrap();
    }
    (place, connection)
}

#[test]
fn each_line_follows_from_the_one_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let (place, mut connection) = log(folder.path(), 5);
    // What is rolled back leaves nothing.
    let tx = connection.transaction().unwrap();
    insert_audit(&tx, &line(6), Timestamp(6)).unwrap();
    drop(tx);
    insert_audit(&connection, &line(6), Timestamp(6)).unwrap();
    let lines = shown(&place.reader().unwrap());
    assert_eq!((lines.len(), broken_at(&lines)), (6, None));
}

#[test]
fn a_line_that_was_changed_or_cut_off_shows() {
    for (change, expected) in [
        ("UPDATE audit SET subject = 'other' WHERE id = 3", Some(3)),
        ("UPDATE audit SET at = at + 1 WHERE id = 1", Some(1)),
        ("DELETE FROM audit WHERE id = 2", Some(3)),
        ("DELETE FROM audit WHERE id = 5", Some(6)),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (place, connection) = log(folder.path(), 5);
        connection
            .execute_batch(
                "DROP TRIGGER audit_is_append_only_1; DROP TRIGGER audit_is_append_only_2;",
            )
            .unwrap();
        connection.execute_batch(change).unwrap();
        // The next line is written in good faith.
        insert_audit(&connection, &line(6), Timestamp(6)).unwrap();
        assert_eq!(broken_at(&shown(&place.reader().unwrap())), expected, "{change}");
    }
}

#[test]
fn a_log_from_before_the_chain_is_linked() {
    let folder = tempfile::tempdir().unwrap();
    let (place, connection) = log(folder.path(), 3);
    let before = shown(&place.reader().unwrap());
    connection.execute_batch("DROP TRIGGER audit_is_append_only_1; DROP TRIGGER audit_is_append_only_2; ALTER TABLE audit DROP COLUMN hash;").unwrap();
    connection.execute_batch(&[UNLINKED].concat()).unwrap();
    link_all(&connection).unwrap();
    assert_eq!(shown(&place.reader().unwrap()), before);
}
