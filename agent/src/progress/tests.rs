use std::collections::BTreeSet;

use muster_protocol::clock::Timestamp;
use muster_protocol::ids::{AgentId, Attempt, RequestId};
use muster_protocol::limits::RESULT_BYTES_MAX;
use muster_protocol::request::Sealed;
use muster_protocol::result::Status;
use muster_protocol::wire;
use serde_bytes::ByteBuf;

use super::*;
use crate::journal::{Intake, Journal, Step};

#[test]
fn a_watched_hunt_reports_from_the_first_second_on_and_a_broadcast_as_often_as_it_was_asked_to() {
    let began = Instant::now();
    let at = |ms| began + Duration::from_millis(ms);
    let mut watched = Reports::new(0, true, began);
    assert!(!watched.is_due(at(900)) && watched.is_due(at(1_000)));
    assert!(!watched.is_due(at(3_900)) && watched.is_due(at(4_000)));
    assert!(
        watched.is_due(at(20_000)) && !watched.is_due(at(20_100)),
        "what is late is not made up"
    );
    let mut asked = Reports::new(7, false, began);
    assert!(!asked.is_due(at(6_900)) && asked.is_due(at(7_000)) && !asked.is_due(at(13_900)));
    assert!(!Reports::new(0, false, began).is_due(at(3_600_000)));
}

/// A journal with a hunt that runs.
fn running() -> (Journal, Status) {
    let (journal, request) = (Journal::in_memory().unwrap(), RequestId::new());
    let empty = ByteBuf::new;
    let sealed = Sealed {
        kind: "hunt.start".to_owned(),
        id: request.to_string(),
        body: empty(),
        sig: empty(),
        cert: empty(),
    };
    let intake = Intake { start: Some((request, &sealed, true)), ..Intake::default() };
    journal.take(&intake, Timestamp(1)).unwrap();
    journal.begin(request, Timestamp(1)).unwrap();
    let status = Status {
        agent: AgentId::new("a-1").unwrap(),
        request,
        attempt: Attempt { origin: request, journal: journal.id() },
        state: State::Progress,
        at: Timestamp(2),
        code: String::new(),
        reason: String::new(),
        revision: 0,
        chunks: None,
        footer: None,
        host: String::new(),
        machine: None,
        instance: None,
    };
    (journal, status)
}

fn statuses(journal: &Journal) -> Vec<Status> {
    let (mut taken, mut found) = (BTreeSet::new(), Vec::new());
    while let Some(message) = journal.outbox_next(false, &taken).unwrap() {
        taken.insert(message.key);
        found.push(wire::decode(&message.body, RESULT_BYTES_MAX).unwrap());
    }
    found
}

#[test]
fn of_a_run_one_report_waits_and_it_is_the_newest() {
    let (journal, status) = running();
    let started = Status { state: State::Started, ..status.clone() };
    journal.put_status(&started).unwrap();
    let mut last = None;
    for at in 2..9 {
        let report = Status { at: Timestamp(at), ..status.clone() };
        last = journal.put_progress(&report, last).unwrap();
    }
    let newest = Status { at: Timestamp(8), ..status.clone() };
    assert_eq!(statuses(&journal), [started, newest]);
    let (messages, bytes) = journal.outbox_size();
    // Sent: it is not there any more to be replaced.
    while let Some(message) = journal.outbox_next(false, &BTreeSet::new()).unwrap() {
        journal.outbox_confirmed(&message).unwrap();
    }
    assert_eq!((messages, journal.outbox_size()), (2, (0, 0)), "{bytes} bytes");
    assert!(journal.put_progress(&status, last).unwrap().is_some());
    assert_eq!((statuses(&journal).len(), journal.outbox_size().0), (1, 1));
}

#[test]
fn no_report_follows_the_final_status() {
    let (journal, status) = running();
    let last = journal.put_progress(&status, None).unwrap();
    let end = Status { state: State::Finished, chunks: Some(0), ..status.clone() };
    let step = Step { last: Some(&end), ..Step::default() };
    journal.step(&status.agent, status.request, &step).unwrap();
    assert_eq!(journal.put_progress(&status, last).unwrap(), None);
    assert_eq!(statuses(&journal), [status, end]);
}
