use muster_protocol::ids::JournalId;
use serde_json::json;

use super::*;
use crate::store::{Audit, DataDir, NewAgent, Write, Writer};

fn sample(agent: &str, cpu: f64) -> Telemetry {
    let journal = JournalId::from_bytes([1; 16]);
    let json = json!({ "agent": agent, "at": 1, "journal": journal, "cpu_percent": cpu });
    serde_json::from_value(json).unwrap()
}

fn agent(id: &str) -> AgentId {
    AgentId::new(id).unwrap()
}

/// A commit that has stored samples.
fn commit<'a>(number: u64, changed: &'a Changed, samples: Vec<&'a Telemetry>) -> Commit<'a> {
    Commit { number, at: Timestamp(i64::MAX), changed, agents: BTreeSet::new(), samples }
}

/// A store with two agents, of which each was heard once.
fn store(folder: &tempfile::TempDir) -> (DataDir, Reader) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let place = DataDir::prepare(folder.path()).unwrap();
    let writer = Writer::start(&place).unwrap();
    let new = |id: &str| NewAgent { id: agent(id), name: id.into(), labels: "{}".into() };
    let agents = Write::Agents(vec![new("a-1"), new("a-2")], Audit::default());
    runtime.block_on(writer.write(agents)).unwrap();
    for id in ["a-1", "a-2"] {
        let heard = Write::Telemetry(Box::new(sample(id, 1.0)));
        runtime.block_on(writer.write(heard)).unwrap();
    }
    // One that may write: the tests take tables away.
    let reader = Reader::new(place.connect().unwrap(), Arc::clone(&place.unreadable));
    (place, reader)
}

fn cpu(news: &News, id: &str) -> f64 {
    news.roster().get(&agent(id)).unwrap().said().unwrap().cpu_percent
}

#[test]
fn a_sample_is_taken_as_it_was_stored_and_nothing_is_read_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let (_place, reader) = store(&folder);
    let news = News::load(&reader).unwrap();
    // A table that is away cannot be read.
    reader.connection.execute("ALTER TABLE heard RENAME TO away", []).unwrap();
    let (changed, later) = (Changed::default(), sample("a-1", 7.0));
    news.publish(&reader, commit(9, &changed, vec![&later]));
    assert!((cpu(&news, "a-1") - 7.0).abs() < 1e-9 && (cpu(&news, "a-2") - 1.0).abs() < 1e-9);
    assert!(news.write().behind.is_empty());
}

#[test]
fn what_failed_to_follow_is_with_the_next_commit() {
    let folder = tempfile::tempdir().unwrap();
    let (place, reader) = store(&folder);
    let news = News::load(&reader).unwrap();
    reader.connection.execute("UPDATE agent SET name = 'renamed'", []).unwrap();
    reader.connection.execute("ALTER TABLE heard RENAME TO away", []).unwrap();
    let (changed, later) = (Changed::default(), sample("a-1", 7.0));
    let again = Commit { agents: [agent("a-2")].into(), ..commit(9, &changed, vec![&later]) };
    news.publish(&reader, again);
    assert!((cpu(&news, "a-1") - 1.0).abs() < 1e-9, "a commit is shown whole or not at all");
    assert_eq!(news.write().behind, [agent("a-1"), agent("a-2")].into());
    reader.connection.execute("ALTER TABLE away RENAME TO heard", []).unwrap();
    news.publish(&reader, commit(10, &changed, Vec::new()));
    assert_eq!(news.write().behind, BTreeSet::new());
    assert_eq!(news.roster().all(), Roster::load(&place.reader().unwrap()).unwrap().all());
    assert_eq!(news.roster().get(&agent("a-2")).unwrap().agent.name, "renamed");
}

#[test]
fn a_request_is_told_of_a_sample_that_shows_it_and_of_one_that_shows_it_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let (_place, reader) = store(&folder);
    let news = News::load(&reader).unwrap();
    let hunt = RequestId::from_bytes([5; 16]);
    let interest = news.watch(hunt);
    let mut busy = sample("a-1", 2.0);
    let running = json!({ "request": hunt, "state": "running" });
    busy.collections.push(serde_json::from_value(running).unwrap());
    let changed = Changed::default();
    let first = news.last() + 1;
    let samples = [(&busy, true), (&sample("a-1", 3.0), true), (&sample("a-1", 4.0), false)];
    for (number, (sample, is_told)) in (first..).zip(samples) {
        news.publish(&reader, commit(number, &changed, vec![sample]));
        assert_eq!(interest.take().parts.contains(&agent("a-1")), is_told, "{number}");
    }
    assert_eq!((news.sampled(&hunt), news.last()), (first + 1, first + 2));
}
