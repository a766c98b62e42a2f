use muster_protocol::artifact::file_hash;
use muster_protocol::ids::{FleetId, JournalId, KeyId, RequestId};
use muster_protocol::limits::FINISHING_MS_MAX;
use muster_protocol::request::hunt::HuntStart;
use muster_protocol::request::target::Target;
use muster_protocol::request::{Kind, Limits, Sealed};
use muster_protocol::result::{FILE_BLOB, Footer, ProfileFooter, State, Status};
use serde_bytes::ByteBuf;

use super::*;

const NOW: Timestamp = Timestamp(1_800_000_000_000);
fn id() -> RequestId {
    RequestId::from_bytes([9; 16])
}

fn agent() -> AgentId {
    AgentId::new("a-1").unwrap()
}

fn attempt() -> Attempt {
    Attempt { origin: id(), journal: JournalId::from_bytes([1; 16]) }
}

/// A request whose only run has ended with nothing but what its footer names.
fn ended(state: State, footer: Footer) -> RequestSnapshot {
    let status = Status {
        agent: agent(),
        request: id(),
        attempt: attempt(),
        state,
        at: NOW,
        code: String::new(),
        reason: String::new(),
        revision: 0,
        chunks: Some(0),
        footer: Some(footer),
        host: String::new(),
        machine: None,
        instance: None,
    };
    let mut collections = Collections::default();
    collections.apply(&Event::Status { status: Box::new(status), received: NOW });
    let empty = ByteBuf::new;
    RequestSnapshot {
        blockage: None,
        states: None,
        request: StoredRequest {
            id: id(),
            kind: Kind::HuntStart.as_str().to_owned(),
            operator: "operator".to_owned(),
            issued: NOW,
            not_after: NOW,
            target: "all".to_owned(),
            route: muster_api::Route::Broadcast,
            sealed: Sealed {
                kind: String::new(),
                id: String::new(),
                body: empty(),
                sig: empty(),
                cert: empty(),
            },
            is_published: true,
        },
        body: Body {
            kind: Kind::HuntStart,
            id: id(),
            key: KeyId::of(&[2; 32]),
            fleet: FleetId::from_bytes([3; 16]),
            issued: NOW,
            not_after: NOW,
            target: Target::all(),
            limits: Limits::default(),
            args: empty(),
        },
        collections,
        agents: BTreeMap::new(),
        volume: BTreeMap::new(),
        blobs: BTreeMap::new(),
        faults: BTreeMap::new(),
        controls: Controls::default(),
        controls_shown: Vec::new(),
        noted: Noted::default(),
        now: NOW,
    }
}

fn blob(kind: &str, sha256: [u8; 32]) -> StoredBlob {
    let (agent, attempt) = (agent(), attempt());
    StoredBlob { agent, attempt, kind: kind.to_owned(), sha256: sha256.to_vec(), bytes: 1 }
}

fn put(whole: &mut RequestSnapshot, blob: StoredBlob) {
    whole.blobs.entry((blob.agent.clone(), blob.attempt)).or_default().push(blob);
}

fn phase(whole: &RequestSnapshot) -> Phase {
    let (agent, part) = whole.parts().next().unwrap();
    let phase = whole.phase(agent, part);
    let states = whole.states();
    assert_eq!(states.sum(), 1);
    assert_eq!(states.finishing, u64::from(phase == Phase::Finishing), "the count says the same");
    phase
}

#[test]
fn a_hunt_is_finishing_until_its_files_are_put_together() {
    let files = file_hash::Footer { uploaded: 2, ..file_hash::Footer::default() };
    let mut whole = ended(
        State::Finished,
        Footer { artifact: Some(files.sealed().unwrap()), ..Footer::default() },
    );
    assert_eq!(phase(&whole), Phase::Finishing);
    put(&mut whole, blob(FILE_BLOB, [1; 32]));
    put(&mut whole, blob("profile.cpu", [2; 32]));
    assert_eq!(phase(&whole), Phase::Finishing, "a profile is no file");
    let other = Attempt { journal: JournalId::from_bytes([7; 16]), ..attempt() };
    put(&mut whole, StoredBlob { attempt: other, ..blob(FILE_BLOB, [3; 32]) });
    assert_eq!(phase(&whole), Phase::Finishing, "nor is one of another run");
    whole.now = NOW.plus_ms(FINISHING_MS_MAX + 1);
    assert_eq!(phase(&whole), Phase::Incomplete, "the wait ends");
    put(&mut whole, blob(FILE_BLOB, [3; 32]));
    assert_eq!(phase(&whole), Phase::Finished);
}

#[test]
fn a_profile_is_finishing_until_each_of_its_kinds_is_put_together() {
    let kind = |sha256: &[u8]| ProfileFooter {
        blob_sha256: ByteBuf::from(sha256.to_vec()),
        ..ProfileFooter::default()
    };
    // One that sampled nothing has no blob.
    let profiles = vec![kind(&[1; 32]), kind(&[2; 32]), kind(&[])];
    let mut whole = ended(State::Cancelled, Footer { profiles, ..Footer::default() });
    for sha256 in [[2; 32], [1; 32]] {
        assert_eq!(phase(&whole), Phase::Finishing);
        put(&mut whole, blob("profile.cpu", sha256));
    }
    assert_eq!(phase(&whole), Phase::Cancelled, "what was sampled before is delivered");
    assert_eq!(phase(&ended(State::Declined, Footer::default())), Phase::Declined);
}

#[test]
fn a_running_hunt_shows_what_its_agents_have_reported_so_far() {
    let files = file_hash::Footer {
        seen: 70,
        hashed: 60,
        bytes_read: 5_000,
        ..file_hash::Footer::default()
    };
    let footer =
        Footer { artifact: Some(files.sealed().unwrap()), cpu_user_ms: 9, ..Footer::default() };
    let mut whole = ended(State::Progress, footer);
    let start = HuntStart::files(&file_hash::Args::default()).unwrap();
    whole.body.args = ByteBuf::from(muster_protocol::wire::encode(&start).unwrap());
    let progress = whole.hunt().unwrap().progress;
    assert_eq!((progress.seen, progress.files, progress.bytes), (70, 60, 5_000));
    assert_eq!(progress.cpu_ms, 9);
}
