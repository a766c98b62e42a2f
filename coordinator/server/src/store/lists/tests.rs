use muster_protocol::clock::Timestamp;
use muster_protocol::ids::{AgentId, Attempt, JournalId};
use muster_protocol::limits::CLOCK_SKEW_MS_MAX;
use muster_protocol::request::{Control, Verb};
use muster_protocol::result::{State, Status};

use super::*;
use crate::store::{Audit, DataDir, Write, Writer};

const END: Timestamp = Timestamp(1_000_000);
const NOW: Timestamp = Timestamp(500_000);

fn id(n: u8) -> RequestId {
    RequestId::from_bytes([n; 16])
}

fn agent(n: u8) -> AgentId {
    AgentId::new(&format!("a-{n}")).unwrap()
}

struct Store {
    _folder: tempfile::TempDir,
    place: DataDir,
    writer: Writer,
}

impl Store {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = DataDir::prepare(folder.path()).unwrap();
        let writer = Writer::start(&place).unwrap();
        Self { _folder: folder, place, writer }
    }

    fn write(&self, write: Write) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(self.writer.write(write)).unwrap();
    }

    fn record(&self, n: u8, kind: &str, more: impl FnOnce(&mut Request)) {
        let empty = serde_bytes::ByteBuf::new;
        let body = serde_bytes::ByteBuf::from(vec![n; 9]);
        let mut request = Request {
            id: id(n),
            kind: kind.to_owned(),
            operator: "ada".into(),
            issued: Timestamp(0),
            not_after: END,
            target: "all".into(),
            route: muster_api::Route::Broadcast,
            sealed: Sealed {
                kind: kind.to_owned(),
                id: String::new(),
                body,
                sig: empty(),
                cert: empty(),
            },
            control: None,
            expected: Vec::new(),
            revokes: Vec::new(),
            names: Vec::new(),
        };
        more(&mut request);
        self.write(Write::Request(Box::new(request), Audit::default()));
    }

    /// A part that the broker has.
    fn part(&self, n: u8) {
        self.record(n, "list.part", |_| {});
        self.write(Write::Published(id(n)));
    }

    /// A hunt of one agent that names parts, and that the broker has.
    fn hunt(&self, n: u8, parts: &[u8]) {
        self.record(n, "hunt.start", |hunt| {
            hunt.names = parts.iter().map(|part| id(*part).as_bytes().to_vec()).collect();
            hunt.expected = vec![agent(n)];
        });
        self.write(Write::Published(id(n)));
    }

    fn cancel(&self, hunt: u8) {
        self.record(hunt + 100, "control", |record| {
            record.control = Some(Control::new(id(hunt), Verb::Cancel, 1));
        });
    }

    fn says(&self, hunt: u8, state: State) {
        self.write(Write::Status(Box::new(Status {
            agent: agent(hunt),
            request: id(hunt),
            attempt: Attempt { origin: id(hunt), journal: JournalId::from_bytes([2; 16]) },
            state,
            at: NOW,
            code: String::new(),
            reason: String::new(),
            revision: 0,
            chunks: state.is_final().then_some(0),
            footer: None,
            host: String::new(),
            machine: None,
            instance: None,
        })));
    }

    fn over_at(&self, now: Timestamp) -> Vec<u8> {
        let over = self.place.reader().unwrap().list_parts_over(now).unwrap();
        over.iter().map(|part| part.as_bytes()[0]).collect()
    }

    fn over(&self) -> Vec<u8> {
        self.over_at(NOW)
    }
}

#[test]
fn a_part_that_two_hunts_share_goes_with_the_second_of_them() {
    let store = Store::new();
    (1..=3).for_each(|part| store.part(part));
    assert!(store.over().is_empty(), "their hunt may be on its way");
    store.hunt(10, &[1, 2]);
    store.hunt(11, &[2, 3]);
    assert!(store.over().is_empty());
    store.says(10, State::Started);
    assert!(store.over().is_empty(), "it runs");
    store.says(10, State::Finished);
    assert_eq!(store.over(), [1], "2 is needed by the other hunt");
    store.cancel(11);
    assert_eq!(store.over(), [1, 2, 3]);
    store.write(Write::PartsOver(vec![id(1), id(2), id(3)]));
    assert!(store.over().is_empty(), "each goes once");
    let reader = store.place.reader().unwrap();
    assert!((1..=3).all(|part| reader.request(&id(part)).unwrap().unwrap().is_let_go()));
    assert!(!reader.request(&id(10)).unwrap().unwrap().is_let_go());
}

#[test]
fn what_the_broker_lacks_stays_until_nobody_would_take_it() {
    let store = Store::new();
    store.record(1, "list.part", |_| {});
    store.part(2);
    store.hunt(10, &[1]);
    store.cancel(10);
    assert!(store.over().is_empty(), "the part is not sent");
    store.record(11, "hunt.start", |hunt| hunt.names = vec![id(2).as_bytes().to_vec()]);
    store.cancel(11);
    assert!(store.over().is_empty(), "the hunt is not sent, and will be");
    let last = END.plus_ms(CLOCK_SKEW_MS_MAX);
    assert!(store.over_at(last).is_empty(), "an agent whose clock is behind may take it");
    assert_eq!(store.over_at(last.plus_ms(1)), [1, 2]);
}

#[test]
fn nobody_waits_for_an_agent_that_was_revoked() {
    let store = Store::new();
    let new = crate::store::NewAgent { id: agent(10), name: "a".into(), labels: "{}".into() };
    store.write(Write::Agents(vec![new], Audit::default()));
    store.part(1);
    store.hunt(10, &[1]);
    assert!(store.over().is_empty());
    store.write(Write::Revoked(agent(10), Audit::default()));
    assert_eq!(store.over(), [1]);
}

#[test]
fn they_go_a_bounded_number_at_a_time() {
    let store = Store::new();
    let parts: Vec<u8> = (0..200).map(|n| n + 1).collect();
    for part in &parts {
        store.record(*part, "list.part", |_| {});
    }
    let late = END.plus_ms(CLOCK_SKEW_MS_MAX + 1);
    let mut rounds = 0;
    loop {
        let over = store.over_at(late);
        if over.is_empty() {
            break;
        }
        assert!(over.len() <= LIST_GC_PARTS_MAX);
        store.write(Write::PartsOver(over.iter().map(|part| id(*part)).collect()));
        rounds += 1;
    }
    assert_eq!(rounds, parts.len().div_ceil(LIST_GC_PARTS_MAX));
}

#[test]
fn the_bytes_of_nothing_but_a_part_are_let_go() {
    let store = Store::new();
    store.hunt(10, &[]);
    store.write(Write::PartsOver(vec![id(10)]));
    assert!(!store.place.reader().unwrap().request(&id(10)).unwrap().unwrap().is_let_go());
}
