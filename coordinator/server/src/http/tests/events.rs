//! The event stream of a tab: first documents, changes, going on after a break, and what is refused.

use std::io::{BufRead, BufReader};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use muster_protocol::ids::JournalId;
use muster_protocol::limits::{EVENT_STREAMS_MAX, EVENT_TOPICS_MAX};
use muster_protocol::result::Telemetry;
use serde_json::json;

use super::*;
use crate::store::NewAgent;

/// Far longer than an event takes.
const LONG: Duration = Duration::from_mins(1);

/// One event: its id, its name, its data.
type Told = (String, String, Value);

/// Follows topics; each event is heard as it comes.
fn follow(api: &Api, topics: &[&str], last: Option<&str>) -> Receiver<Told> {
    let topics: Vec<_> = topics.iter().map(|topic| format!("topic={topic}")).collect();
    let answer =
        api.ask_with(TOKEN, &format!("/events?{}", topics.join("&")), |request| match last {
            Some(id) => request.header("Last-Event-ID", id),
            None => request,
        });
    assert_eq!(answer.status().as_u16(), 200);
    let (told, heard) = channel();
    let reader = BufReader::new(answer.into_body().into_reader());
    std::thread::spawn(move || {
        let (mut id, mut event) = (String::new(), None::<(String, Value)>);
        for line in reader.lines().map_while(Result::ok) {
            if line.is_empty() {
                // Behind a comment there is no event.
                let Some((name, data)) = event.take() else { continue };
                if told.send((id.clone(), name, data)).is_err() {
                    return;
                }
                continue;
            }
            let Some((field @ ("id" | "event" | "data"), value)) = line.split_once(':') else {
                continue;
            };
            let (name, data) = event.get_or_insert_default();
            match field {
                "id" => value.trim().clone_into(&mut id),
                "event" => value.trim().clone_into(name),
                _ => *data = serde_json::from_str(value.trim()).unwrap(),
            }
        }
    });
    heard
}

fn next(heard: &Receiver<Told>) -> Told {
    heard.recv_timeout(LONG).expect("an event")
}

/// Returns the first event of a name.
fn named(heard: &Receiver<Told>, name: &str) -> Told {
    loop {
        let told = next(heard);
        if told.1 == name {
            return told;
        }
    }
}

fn enrol(api: &Api, name: &str) {
    let new = NewAgent { id: agent(name), name: name.to_owned(), labels: "{}".to_owned() };
    api.write(Write::Agents(vec![new], Audit::default()));
}

fn sample(name: &str) -> Write {
    let said: Telemetry = serde_json::from_value(json!({
        "agent": name, "at": Clock::system().now(), "journal": JournalId::from_bytes([1; 16]), "os": "linux",
    }))
    .unwrap();
    Write::Telemetry(Box::new(said))
}

#[test]
fn documents_come_at_once_and_again_when_they_change() {
    let api = Api::new();
    api.write(hunt(HUNT, &["a-1", "a-2"]));
    let heard = follow(&api, &["overview", &format!("hunt:{HUNT}"), "profiles"], None);
    let mut first: Vec<_> = (0..3).map(|_| next(&heard)).collect();
    first.sort_by(|a, b| a.1.cmp(&b.1));
    let names: Vec<_> = first.iter().map(|told| told.1.as_str()).collect();
    assert_eq!(names, ["hunt", "overview", "profiles"]);
    assert_eq!(first[0].2["targeted"], 2);
    assert_eq!(first[1].2["hunts"][0]["id"], HUNT.to_string());
    api.write(chunk(HUNT, "a-1", 1, 0, vec![file("x", 1, FileStatus::Ok, 0)]));
    api.write(ended(HUNT, "a-1", 1, 1));
    loop {
        let (_, _, hunt) = named(&heard, "hunt");
        if hunt["states"]["finished"] == 1 {
            break;
        }
    }
}

#[test]
fn changes_of_agents_and_parts_name_what_has_changed() {
    let api = Api::new();
    enrol(&api, "a-1");
    enrol(&api, "a-2");
    api.write(hunt(HUNT, &["a-1", "a-2"]));
    // A first sample names the machine, which is news for the parts of a hunt as well.
    for agent in ["a-1", "a-2"] {
        api.write(sample(agent));
    }
    let parts = format!("hunt-agents:{HUNT}");
    let heard = follow(&api, &["agents", "agent:a-2", &parts], None);
    let (id, name, _) = next(&heard);
    assert!(id.starts_with(&api.core.journal.to_string()) && name.is_empty(), "{id} {name}");
    // What was there before is no change.
    assert_eq!(heard.recv_timeout(Duration::from_secs(3)), Err(RecvTimeoutError::Timeout));
    api.write(sample("a-1"));
    assert_eq!(named(&heard, "agents").2, json!({ "topic": "agents" }));
    api.write(sample("a-2"));
    assert_eq!(named(&heard, "agent").2, json!({ "topic": "agent:a-2" }));
    api.write(ended(HUNT, "a-1", 1, 0));
    let (_, _, changed) = named(&heard, "hunt-agents");
    assert_eq!(changed["hunt"], HUNT.to_string());
    assert_eq!(changed["agents"][0]["agent"], "a-1");
}

#[test]
fn a_client_goes_on_where_it_was_and_one_of_another_process_asks_again() {
    let api = Api::new();
    enrol(&api, "a-1");
    api.write(hunt(HUNT, &["a-1"]));
    let hunt = format!("hunt:{HUNT}");
    // Somebody else watches all the time, so that nothing is forgotten.
    let _held = follow(&api, &["agents", &hunt], None);
    let heard = follow(&api, &["agents", &hunt], None);
    named(&heard, "hunt");
    api.write(sample("a-1"));
    let (last, ..) = named(&heard, "agents");
    drop(heard);
    api.write(ended(HUNT, "a-1", 1, 0));
    let heard = follow(&api, &["agents", &hunt], Some(&last));
    loop {
        let (_, name, hunt) = next(&heard);
        assert_eq!(name, "hunt", "nothing of agents, and no resync: {hunt}");
        if hunt["states"]["finished"] == 1 {
            break;
        }
    }
    let other = JournalId::from_bytes([7; 16]);
    for unknown in [format!("{other}.9"), "9".to_owned(), "x".to_owned(), String::new()] {
        let heard = follow(&api, &["agents", &hunt], Some(&unknown));
        let mut topics: Vec<_> = (0..3).map(|_| next(&heard)).collect();
        assert_eq!(topics.remove(0).1, "", "where it is now");
        assert!(topics.iter().all(|told| told.1 == "resync"), "{topics:?}");
        let topics: Vec<_> = topics.iter().map(|told| told.2["topic"].as_str().unwrap()).collect();
        assert_eq!(topics, ["agents", hunt.as_str()], "one for each");
    }
    // Of what nobody watched meanwhile it is not known what has changed.
    let heard = follow(&api, &["agents", "profiles"], Some(&last));
    let told = named(&heard, "resync");
    assert_eq!(told.2, json!({ "topic": "profiles" }));
}

#[test]
fn what_cannot_be_followed_is_refused() {
    let api = Api::new();
    let refused = |query: &str| api.refused(400, &format!("/events{query}"));
    assert!(refused("").contains("no topic"));
    assert!(refused("?topics=agents").contains("\"topics\" is no parameter"));
    for bad in ["", "hunts", "agents:1", "overview:", "hunt", "Agents"] {
        assert!(refused(&format!("?topic={bad}")).contains("topic is"), "{bad}");
    }
    let many: Vec<_> = (0..=EVENT_TOPICS_MAX).map(|n| format!("topic=agent:a-{n}")).collect();
    assert!(refused(&format!("?{}", many.join("&"))).contains("17 topics"));
    api.refused(404, "/events?topic=hunt:ffff");
    api.refused(404, "/events?topic=agent:nobody");
    api.refused(404, &format!("/events?topic=agents&topic=hunt-agents:{HUNT}"));
}

#[test]
fn streams_are_bounded_and_a_closed_one_makes_room() {
    let api = Api::new();
    let names = ["agents".to_owned()];
    let mut held: Vec<_> = (0..EVENT_STREAMS_MAX)
        .map(|_| api.core.topics.join(&names, EVENT_STREAMS_MAX).unwrap())
        .collect();
    assert!(api.refused(503, "/events?topic=agents").contains("streams are open"));
    held.pop();
    next(&follow(&api, &["agents"], None));
}
