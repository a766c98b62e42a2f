use muster_protocol::ids::{JournalId, RequestId};
use muster_protocol::limits;
use muster_protocol::result::{Footer, State as AgentState};
use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp(1_800_000_000_000);
const CENTURY: i64 = 3_155_760_000_000;

fn agent(n: u8) -> AgentId {
    AgentId::new(&format!("a-{n}")).unwrap()
}

fn attempt(journal: u8) -> Attempt {
    Attempt {
        origin: RequestId::from_bytes([9; 16]),
        journal: JournalId::from_bytes([journal; 16]),
    }
}

fn status(n: u8, journal: u8, state: AgentState, at: i64, chunks: Option<u64>) -> Event {
    let status = Box::new(Status {
        agent: agent(n),
        request: RequestId::from_bytes([9; 16]),
        attempt: attempt(journal),
        state,
        at: NOW.plus_ms(at),
        code: String::new(),
        reason: String::new(),
        revision: 0,
        chunks,
        footer: None,
        host: String::new(),
        machine: None,
        instance: None,
    });
    Event::Status { status, received: NOW.plus_ms(at) }
}

fn chunk(n: u8, journal: u8, seq: u64) -> Event {
    Event::Chunk { agent: agent(n), attempt: attempt(journal), seq }
}

fn fault(n: u8, journal: u8, reason: u8) -> Event {
    let fault = Fault { code: "quota".into(), reason: reason.to_string() };
    Event::Fault { agent: agent(n), attempt: attempt(journal), fault }
}

fn fold(events: &[Event]) -> Collections {
    let mut collections = Collections::default();
    for event in events {
        collections.apply(event);
    }
    collections
}

fn phase(events: &[Event]) -> Phase {
    fold(events).parts[&agent(1)].phase(NOW, NOW.plus_ms(1_000))
}

#[test]
fn the_life_of_a_collection() {
    let mut events = vec![Event::Expected(agent(1))];
    assert_eq!(phase(&events), Phase::Silent);
    events.push(Event::Seen(agent(1)));
    assert_eq!(phase(&events), Phase::Seen);
    events.push(status(1, 1, AgentState::Queued, 0, None));
    assert_eq!(phase(&events), Phase::Queued);
    events.push(status(1, 1, AgentState::Started, 1, None));
    assert_eq!(phase(&events), Phase::Running);
    events.push(status(1, 1, AgentState::Finished, 2, Some(2)));
    assert_eq!(phase(&events), Phase::Finishing);
    events.push(chunk(1, 1, 0));
    assert_eq!(phase(&events), Phase::Finishing);
    events.push(chunk(1, 1, 1));
    assert_eq!(phase(&events), Phase::Finished);
}

#[test]
fn a_chunk_twice_is_not_two_chunks() {
    let ended = status(1, 1, AgentState::Finished, 0, Some(2));
    assert_eq!(phase(&[ended.clone(), chunk(1, 1, 0), chunk(1, 1, 0)]), Phase::Finishing);
    assert_eq!(phase(&[ended, chunk(1, 1, 0), chunk(1, 1, 7)]), Phase::Finishing);
}

#[test]
fn what_nobody_answered_expires_and_what_is_missing_for_an_hour_is_incomplete() {
    let expected = fold(&[Event::Expected(agent(1)), Event::Seen(agent(1))]);
    let late = NOW.plus_ms(1_001 + limits::CLOCK_SKEW_MS_MAX);
    assert_eq!(expected.parts[&agent(1)].phase(late, NOW.plus_ms(1_000)), Phase::Expired);
    // A result that comes later overrides it.
    let answered =
        fold(&[Event::Expected(agent(1)), status(1, 1, AgentState::Finished, 0, Some(0))]);
    assert_eq!(answered.parts[&agent(1)].phase(late, NOW), Phase::Finished);
    let missing = [status(1, 1, AgentState::Finished, -limits::FINISHING_MS_MAX - 1, Some(1))];
    assert_eq!(phase(&missing), Phase::Incomplete);
}

#[test]
fn the_first_complete_run_counts() {
    let mut events = vec![
        status(1, 1, AgentState::Finished, 10, Some(1)),
        status(1, 2, AgentState::Failed, 5, Some(0)),
        status(1, 3, AgentState::Started, 99, None),
    ];
    assert_eq!(phase(&events), Phase::Failed);
    assert_eq!(*fold(&events).parts[&agent(1)].counting().unwrap().0, attempt(2));
    events.push(Event::Conflict { agent: agent(1), attempt: attempt(2) });
    events.push(chunk(1, 1, 0));
    assert_eq!(phase(&events), Phase::Finished);
}

#[test]
fn the_clock_of_an_agent_decides_nothing_between_runs() {
    let clocked = |journal, said, at, received: i64, chunks| {
        let Event::Status { status, .. } = status(1, journal, said, at, chunks) else {
            unreachable!("a status")
        };
        Event::Status { status, received: NOW.plus_ms(received) }
    };
    // The run that says it ended a century ago came later.
    let events = [
        clocked(1, AgentState::Finished, CENTURY, 1, Some(0)),
        clocked(2, AgentState::Failed, -CENTURY, 2, Some(0)),
    ];
    assert_eq!(phase(&events), Phase::Finished);
    // Of runs that have not ended the one that was heard of last.
    let events = [
        clocked(1, AgentState::Queued, CENTURY, 1, None),
        clocked(2, AgentState::Started, -CENTURY, 2, None),
    ];
    assert_eq!(phase(&events), Phase::Running);
    // Missing chunks are awaited for an hour, whatever year it is there.
    for at in [CENTURY, -CENTURY] {
        let recent = clocked(1, AgentState::Finished, at, 0, Some(1));
        assert_eq!(phase(&[recent]), Phase::Finishing);
        let old = clocked(1, AgentState::Finished, at, -limits::FINISHING_MS_MAX - 1, Some(1));
        assert_eq!(phase(&[old]), Phase::Incomplete);
    }
}

#[test]
fn a_run_that_the_coordinator_failed_does_not_count_beside_a_whole_one() {
    let mut events = vec![status(1, 1, AgentState::Finished, 0, Some(0)), fault(1, 1, 0)];
    assert_eq!(phase(&events), Phase::Failed);
    events.push(status(1, 2, AgentState::Finished, 9, Some(0)));
    assert_eq!(phase(&events), Phase::Finished);
}

#[test]
fn a_conflict_fails_the_run() {
    let conflict = Event::Conflict { agent: agent(1), attempt: attempt(1) };
    assert_eq!(phase(&[status(1, 1, AgentState::Finished, 0, Some(0)), conflict]), Phase::Failed);
}

fn event() -> impl Strategy<Value = Event> {
    let said = prop::sample::select(vec![
        AgentState::Declined,
        AgentState::Queued,
        AgentState::Started,
        AgentState::Progress,
        AgentState::Finished,
        AgentState::Failed,
        AgentState::Cancelled,
    ]);
    prop_oneof![
        (0..3u8).prop_map(|n| Event::Expected(agent(n))),
        (0..3u8).prop_map(|n| Event::Seen(agent(n))),
        (0..3u8, 0..5i64, any::<bool>()).prop_map(|(n, at, is_running)| Event::Sampled {
            agent: agent(n),
            at: NOW.plus_ms(at),
            is_running
        }),
        (0..3u8, 0..2u8, said, 0..3i64, prop::option::of(0..3u64), prop::option::of(0..3u64))
            .prop_map(|(n, journal, said, at, chunks, cpu_user_ms)| {
                let Event::Status { mut status, received } = status(n, journal, said, at, chunks)
                else {
                    unreachable!("a status")
                };
                let footer = |cpu_user_ms| Footer { cpu_user_ms, ..Footer::default() };
                status.footer = cpu_user_ms.map(footer);
                Event::Status { status, received }
            }),
        (0..3u8, 0..5i64)
            .prop_map(|(n, at)| Event::Passed { agent: agent(n), at: NOW.plus_ms(at) }),
        (0..3u8).prop_map(|n| Event::Revoked(agent(n))),
        (0..3u8, 0..2u8, 0..3u64).prop_map(|(n, journal, seq)| chunk(n, journal, seq)),
        (0..3u8, 0..2u8).prop_map(|(n, journal)| Event::Conflict {
            agent: agent(n),
            attempt: attempt(journal)
        }),
        (0..3u8, 0..2u8, 0..3u8).prop_map(|(n, journal, reason)| fault(n, journal, reason)),
    ]
}

/// Events, and the same in another order with some of them repeated.
fn in_two_orders() -> impl Strategy<Value = (Vec<Event>, Vec<Event>)> {
    let again = prop::collection::vec(any::<prop::sample::Index>(), 0..10);
    let events = prop::collection::vec(event(), 0..30);
    (events, again).prop_flat_map(|(events, again)| {
        let mut other = events.clone();
        if !events.is_empty() {
            other.extend(again.iter().map(|at| events[at.index(events.len())].clone()));
        }
        (Just(events), Just(other).prop_shuffle())
    })
}

/// Stores the statuses of events as they come, and folds what the store has then.
fn through_a_store(events: &[Event]) -> Collections {
    use crate::store::{DataDir, Write, Writer};
    let folder = tempfile::tempdir().unwrap();
    let place = DataDir::prepare(folder.path()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let writer = Writer::start(&place).unwrap();
        let mut landed = Vec::new();
        for event in events {
            let Event::Status { status, .. } = event else { continue };
            landed.push(writer.begin(Write::Status(status.clone())).await.unwrap());
        }
        for landed in landed {
            landed.await.unwrap();
        }
    });
    let mut collections = Collections::default();
    let reader = place.reader().unwrap();
    let visit = |event| match event {
        // When they came here is of this test alone.
        Event::Status { status, .. } => {
            let received = status.at;
            collections.apply(&Event::Status { status, received });
        }
        event => collections.apply(&event),
    };
    reader.visit_events(&RequestId::from_bytes([9; 16]), visit).unwrap();
    collections
}

proptest! {
    #[test]
    fn order_and_repetition_change_nothing((events, other) in in_two_orders()) {
        prop_assert_eq!(fold(&events), fold(&other));
    }

    #[test]
    fn the_states_always_add_up(events in prop::collection::vec(event(), 0..40), later in 0..10_000_000i64) {
        let collections = fold(&events);
        let targeted = collections.parts.values().filter(|p| p.is_expected || !p.runs.is_empty()).count();
        let states = count(collections.counted().map(|(_, part)| part.phase(NOW.plus_ms(later), NOW)));
        prop_assert_eq!(states.sum(), targeted as u64);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn nor_does_the_store_remember_what_came_first((events, other) in in_two_orders()) {
        let statuses = |event: &&Event| matches!(event, Event::Status { .. });
        let events: Vec<_> = events.iter().filter(statuses).cloned().collect();
        let stored = through_a_store(&events);
        prop_assert_eq!(&stored, &through_a_store(&other));
        prop_assert_eq!(stored, fold(&events));
    }
}

#[test]
fn an_agent_that_passed_a_broadcast_by_has_declined_it_after_a_while() {
    let passed = |at| Event::Passed { agent: agent(1), at: NOW.plus_ms(at) };
    let while_ms = limits::NOT_MATCHED_MS_MIN;
    let expected = Event::Expected(agent(1));
    assert_eq!(phase(&[expected.clone(), passed(1_000 - while_ms)]), Phase::Seen);
    let events = [expected, passed(0), passed(-while_ms)];
    let phase_of =
        |events: &[Event]| fold(events).parts[&agent(1)].phase(NOW.plus_ms(1), NOW.plus_ms(99_000));
    assert_eq!(phase_of(&events), Phase::Declined);
    // An answer counts, also one that comes later.
    let answered = [events.as_slice(), &[status(1, 1, AgentState::Finished, 0, Some(0))]].concat();
    assert_eq!(phase_of(&answered), Phase::Finished);
    let running = Event::Sampled { agent: agent(1), at: NOW, is_running: true };
    assert_eq!(phase_of(&[events.as_slice(), &[running]].concat()), Phase::Running);
}

#[test]
fn nobody_waits_for_an_agent_that_was_revoked() {
    let with = |event: Event| {
        let revoked = Event::Revoked(agent(1));
        phase(&[Event::Expected(agent(1)), event, revoked])
    };
    assert_eq!(with(Event::Seen(agent(1))), Phase::Expired);
    assert_eq!(with(status(1, 1, AgentState::Queued, 0, None)), Phase::Expired);
    assert_eq!(with(status(1, 1, AgentState::Started, 0, None)), Phase::Incomplete);
    assert_eq!(with(status(1, 1, AgentState::Finished, 0, Some(1))), Phase::Incomplete);
    // What it had done and handed over stays done.
    assert_eq!(with(status(1, 1, AgentState::Finished, 0, Some(0))), Phase::Finished);
    assert_eq!(with(status(1, 1, AgentState::Declined, 0, None)), Phase::Declined);
}
