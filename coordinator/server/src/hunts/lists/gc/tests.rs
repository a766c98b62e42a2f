use std::fs::File;
use std::time::{Duration, SystemTime};

use muster_protocol::artifact::HashKind;
use muster_protocol::artifact::file_hash;
use muster_protocol::artifact::ioc::{IocList, IocPartRef, SplitIocList};
use muster_protocol::ids::{FleetId, RequestId};
use muster_protocol::request::hunt::HuntStart;
use muster_protocol::request::sign::{Draft, SigningKey};
use muster_protocol::request::{Args, Body, Limits, Sealed, Target};
use serde_bytes::ByteBuf;

use super::*;
use crate::hunts::lists::{check, keep, whole};
use crate::store::lists::named;
use crate::store::{Audit, Request, Writer};

const DAY: Duration = Duration::from_hours(24);

struct Store {
    _folder: tempfile::TempDir,
    place: DataDir,
}

impl Store {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = DataDir::prepare(folder.path()).unwrap();
        Self { _folder: folder, place }
    }

    /// Keeps a piece; returns its digest.
    fn piece(&self, n: u8) -> Vec<u8> {
        let list = IocList::new(HashKind::Md5, 16, [[n; 16].as_slice()]);
        let kept = keep(&self.place, &muster_protocol::wire::encode(&list).unwrap()).unwrap();
        muster_protocol::hex::decode(&kept.sha256).unwrap()
    }

    fn age(&self, digest: &[u8], by: Duration) {
        let file = File::open(self.place.list(digest)).unwrap();
        file.set_modified(SystemTime::now() - by).unwrap();
    }

    fn is_here(&self, digest: &[u8]) -> bool {
        self.place.list(digest).try_exists().unwrap()
    }

    fn tidy(&self) -> usize {
        delete_unreferenced(&self.place.reader().unwrap(), &self.place, SystemTime::now().into())
            .unwrap()
    }

    fn record(&self, hunt: &HuntStart, sealed: Sealed) {
        let request = Request {
            id: RequestId::new(),
            kind: "hunt.start".into(),
            operator: "ada".into(),
            issued: Timestamp(0),
            not_after: Timestamp(0),
            target: "all".into(),
            route: muster_api::Route::Broadcast,
            sealed,
            control: None,
            expected: Vec::new(),
            revokes: Vec::new(),
            names: named(&hunt.asked().unwrap().list),
        };
        let writer = Writer::start(&self.place).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let write = Write::Request(Box::new(request), Audit::default());
        runtime.block_on(writer.write(write)).unwrap();
    }
}

/// A hunt whose list has these pieces, as it is signed.
fn hunt(pieces: &[&Vec<u8>]) -> (HuntStart, Body, Sealed) {
    let whole = pieces.iter().map(|digest| ByteBuf::from(digest.as_slice())).collect();
    let part = IocPartRef { id: RequestId::from_bytes([8; 16]), sha256: ByteBuf::from([8; 32]) };
    let list = SplitIocList { count: 1, parts: vec![part], whole };
    let file_hash = file_hash::Args { list: Box::new(list), ..file_hash::Args::default() };
    let start = HuntStart::files(&file_hash).unwrap();
    let draft = Draft {
        fleet: FleetId::from_bytes([3; 16]),
        target: Target::all(),
        limits: Limits::default(),
        issued: Timestamp(0),
        valid_ms: 1,
    };
    let key = SigningKey::from_seed(&[1; 32]);
    let body = draft.body(key.id(), &Args::HuntStart(start.clone())).unwrap();
    let sealed = key.seal(&body, None).unwrap();
    (start, body, sealed)
}

#[test]
fn a_piece_that_no_hunt_names_goes_after_a_day_and_one_that_is_named_never() {
    let store = Store::new();
    let [mine, shared, nobodys] = [1, 2, 3].map(|n| store.piece(n));
    let (first, _, sealed) = hunt(&[&mine, &shared]);
    store.record(&first, sealed);
    let (second, _, sealed) = hunt(&[&shared]);
    store.record(&second, sealed);
    assert_eq!(store.tidy(), 0, "all are young");
    for piece in [&mine, &shared, &nobodys] {
        store.age(piece, DAY * 40);
    }
    assert_eq!(store.tidy(), 1);
    assert_eq!([&mine, &shared, &nobodys].map(|piece| store.is_here(piece)), [true, true, false]);
    assert_eq!(whole(&store.place, &first.asked().unwrap().list).unwrap()[0].count(), 2);
}

#[test]
fn a_piece_that_is_given_again_or_asked_for_by_a_launch_stays_another_day() {
    let store = Store::new();
    let [again, asked] = [1, 2].map(|n| store.piece(n));
    for piece in [&again, &asked] {
        store.age(piece, DAY * 2);
    }
    assert_eq!(store.piece(1), again);
    let (start, body, _) = hunt(&[&asked]);
    let list = SplitIocList { parts: Vec::new(), ..start.asked().unwrap().list };
    check(&store.place.reader().unwrap(), &store.place, &body, &list).unwrap();
    assert_eq!(store.tidy(), 0, "its hunt is about to be recorded");
    assert!(store.is_here(&again) && store.is_here(&asked));
}

#[test]
fn a_draft_that_a_death_left_behind_goes_too() {
    let store = Store::new();
    let draft = store.place.lists().join(format!("{}.part", "ab".repeat(32)));
    std::fs::write(&draft, "half").unwrap();
    assert_eq!(store.tidy(), 0, "it may be about to get its name");
    File::open(&draft).unwrap().set_modified(SystemTime::now() - DAY * 2).unwrap();
    assert_eq!(store.tidy(), 1);
}

#[test]
fn a_store_of_version_3_knows_what_its_hunts_name() {
    let store = Store::new();
    let piece = store.piece(1);
    let (start, _, sealed) = hunt(&[&piece]);
    store.record(&start, sealed);
    let db =
        rusqlite::Connection::open(store.place.lists().parent().unwrap().join("muster.sqlite"));
    let older = "
        DROP TABLE list_part; DROP TABLE list_named; DROP TABLE instances;
        DROP TABLE attempt; DROP TABLE usage;
        DROP TABLE dead_of; DROP TABLE facts; DROP TABLE piece; DROP TABLE blob_sum;
        DROP TABLE quarantine; DROP TABLE held; ALTER TABLE request DROP COLUMN verb;
        DROP TABLE piece_sweep; ALTER TABLE blob DROP COLUMN piece_bytes;
        DROP TABLE collection; DROP TABLE summary; DROP TABLE fleet_curve; DROP INDEX blob_by_agent; DROP INDEX chunk_by_time;
        DROP INDEX status_by_agent; ALTER TABLE status DROP COLUMN received;
        CREATE INDEX status_by_agent ON status (agent, at);
        ALTER TABLE audit DROP COLUMN hash;
        PRAGMA user_version = 3;";
    db.unwrap().execute_batch(older).unwrap();
    let folder = store.place.lists().parent().unwrap().to_owned();
    let place = DataDir::prepare(&folder).unwrap();
    store.age(&piece, DAY * 2);
    assert_eq!(
        delete_unreferenced(&place.reader().unwrap(), &place, SystemTime::now().into()).unwrap(),
        0
    );
}
