use muster_protocol::clock::Timestamp;
use muster_protocol::request::Sealed;

use super::*;
use crate::store::{Audit, DataDir, Request, Write, Writer};

fn id(n: u8) -> RequestId {
    RequestId::from_bytes([n; 16])
}

fn request(n: u8, kind: &str) -> Write {
    let empty = serde_bytes::ByteBuf::new();
    let request = Request {
        id: id(n),
        kind: kind.into(),
        operator: "ada".into(),
        issued: Timestamp(0),
        not_after: Timestamp(0),
        target: "all".into(),
        route: muster_api::Route::Broadcast,
        sealed: Sealed {
            kind: kind.into(),
            id: String::new(),
            body: empty.clone(),
            sig: empty.clone(),
            cert: empty,
        },
        control: None,
        expected: vec![],
        revokes: vec![],
        names: vec![],
    };
    Write::Request(Box::new(request), Audit { action: "request", ..Audit::default() })
}

fn store(folder: &std::path::Path) -> DataDir {
    let place = DataDir::prepare(folder).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let writer = Writer::start(&place).unwrap();
        for n in 1..=9 {
            let kind = if n % 3 == 0 { "profile.start" } else { "hunt.start" };
            writer.write(request(n, kind)).await.unwrap();
        }
    });
    place
}

/// Reads a list page by page.
fn paged(reader: &Reader, list: List, most: usize) -> Vec<RequestId> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = reader.listed(list, after.as_ref(), most).unwrap();
        assert!(page.len() <= most);
        let Some(last) = page.last() else { return all };
        after = Some(*last);
        all.extend(page);
        assert!(all.len() < 100, "a list without an end");
    }
}

#[test]
fn pages_of_any_length_make_the_whole_list() {
    let folder = tempfile::tempdir().unwrap();
    let place = store(folder.path());
    let connection = place.connect().unwrap();
    let blob = "INSERT INTO blob VALUES (?1, 'a-1', x'00', x'00', 0, 'profile.cpu', x'00', 1, 0)";
    connection.execute(blob, [id(4).as_bytes()]).unwrap();
    let reader = place.reader().unwrap();
    let hunts: Vec<_> = [8, 7, 5, 4, 2, 1].map(id).into();
    let profiles: Vec<_> = [9, 6, 4, 3].map(id).into();
    for most in 1..=10 {
        assert_eq!(paged(&reader, List::Hunts, most), hunts);
        assert_eq!(paged(&reader, List::Profiles, most), profiles);
    }
    assert_eq!(reader.count_listed(List::Hunts).unwrap(), 6);
    assert_eq!(reader.count_listed(List::Profiles).unwrap(), 4);
}

#[test]
fn an_id_that_cannot_be_read_ends_no_list() {
    let folder = tempfile::tempdir().unwrap();
    let place = store(folder.path());
    let sql = "UPDATE request SET id = x'08' WHERE id = ?1";
    place.connect().unwrap().execute(sql, [id(8).as_bytes()]).unwrap();
    let reader = place.reader().unwrap();
    assert_eq!(reader.listed(List::Hunts, Some(&id(9)), 1).unwrap(), [id(7)]);
    assert_eq!(paged(&reader, List::Hunts, 2).len(), 5);
}
