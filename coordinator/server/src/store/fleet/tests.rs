use muster_protocol::clock::Clock;
use muster_protocol::ids::JournalId;
use serde_json::json;

use super::*;
use crate::store::{Audit, DataDir, NewAgent, Write, Writer};

/// An agent that was heard of at 1,000, with what a test changes of it.
pub(crate) fn known(id: &str, change: impl FnOnce(&mut StoredAgent, &mut Telemetry)) -> Arc<Known> {
    let mut agent = StoredAgent {
        id: AgentId::new(id).unwrap(),
        name: id.to_owned(),
        labels: "{}".to_owned(),
        enrolled: Timestamp(0),
        revoked: None,
        quarantine: None,
        heard: None,
    };
    let mut said = sample(id, 1);
    change(&mut agent, &mut said);
    agent.heard = Some((Timestamp(1_000), said));
    Arc::new(Known::new(agent, Vec::new()))
}

fn sample(agent: &str, journal: u8) -> Telemetry {
    let json = json!({
        "agent": agent, "at": Timestamp(1_000), "journal": JournalId::from_bytes([journal; 16]), "os": "linux",
    });
    serde_json::from_value(json).unwrap()
}

/// Numbers that look random and are the same in each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

const IDS: u64 = 5;

fn id(numbers: &mut Numbers) -> AgentId {
    AgentId::new(&format!("a-{}", numbers.below(IDS))).unwrap()
}

/// A write that may change the roster, or may not.
fn write(numbers: &mut Numbers, step: u64) -> Write {
    let (agent, audit) = (id(numbers), Audit::default());
    match numbers.below(16) {
        0 => {
            let labels = format!(r#"{{"site":"{}"}}"#, numbers.below(3));
            Write::Agents(vec![NewAgent { id: agent, name: "n".into(), labels }], audit)
        }
        1 => Write::Revoked(agent, audit),
        2 => Write::Quarantined(agent, format!("cause {step}"), audit),
        3 => Write::Released(agent, audit),
        4 => Write::Held(agent),
        5 => Write::Drained(agent),
        6 => Write::Audit(audit),
        7 => Write::Condense,
        _ => {
            let mut said = sample(agent.as_str(), u8::try_from(numbers.below(3)).unwrap());
            if numbers.below(10) == 0 {
                said.agent = AgentId::coordinator();
            }
            said.cpu_percent = f64::from(u32::try_from(step).unwrap());
            said.host = format!("host-{}", numbers.below(3));
            said.labels.insert("role".into(), numbers.below(3).to_string());
            said.policy = step.is_multiple_of(3).then(Box::default);
            // Instances that report by turns are clones.
            let instance = numbers.below(2);
            said.instance = serde_json::from_value(json!({
                "id": uuid::Uuid::from_u128(instance.into()), "started": 1_000_000 + instance, "sample": step,
                "generation": 1_000 - step.min(1_000),
            }))
            .unwrap();
            Write::Telemetry(Box::new(said))
        }
    }
}

fn assert_is_stored(roster: &Roster, place: &DataDir, step: u64) {
    let rebuilt = Roster::load(&place.reader().unwrap()).unwrap();
    assert_eq!(roster.all(), rebuilt.all(), "step {step}");
    assert_eq!(roster.own(), rebuilt.own(), "step {step}");
}

fn followed(place: &DataDir, clock: &Clock) -> (Arc<Roster>, Writer) {
    let writer = Writer::start_at(place, clock.clone()).unwrap();
    (Arc::clone(writer.news().roster()), writer)
}

/// Whatever is written, in groups or alone, with a clock that jumps and across restarts: what is in memory is what is stored.
#[tokio::test]
async fn what_is_in_memory_is_what_a_rebuild_gives() {
    let (mut clones, mut quarantines, mut revoked) = (0, 0, 0);
    for seed in 0..6 {
        let folder = tempfile::tempdir().unwrap();
        let place = DataDir::prepare(folder.path()).unwrap();
        let (clock, mut numbers) = (Clock::system(), Numbers(seed));
        let (mut roster, mut writer) = followed(&place, &clock);
        for step in 0..120 {
            clock.set_offset_ms(i64::try_from(numbers.below(2_000_000)).unwrap() - 1_000_000);
            let group = 1 + numbers.below(6);
            let mut landing = Vec::new();
            for _ in 0..group {
                landing.push(writer.begin(write(&mut numbers, step)).await.unwrap());
            }
            for landed in landing {
                // An agent that is enrolled again is refused; the others of its group are not.
                landed.await.unwrap();
            }
            assert_is_stored(&roster, &place, step);
            if numbers.below(20) == 0 {
                drop(writer);
                (roster, writer) = followed(&place, &clock);
                assert_is_stored(&roster, &place, step);
            }
        }
        clones += roster.all().iter().filter(|known| !known.faults.is_empty()).count();
        quarantines += roster.all().iter().filter(|k| k.agent.quarantine.is_some()).count();
        revoked += roster.all().iter().filter(|k| k.agent.revoked.is_some()).count();
    }
    assert!(clones > 0 && quarantines > 0 && revoked > 0, "{clones} {quarantines} {revoked}");
}

#[test]
fn an_id_is_found_by_its_beginning_where_that_is_its_alone() {
    let roster = Roster::default();
    for id in ["db-1", "db-10", "web-1", "web-2"] {
        let known = known(id, |_, _| {});
        roster.state.write().unwrap().agents.insert(known.agent.id.clone(), known);
    }
    let one = |prefix: &str| match roster.find(prefix) {
        Named::One(known) => known.agent.id.to_string(),
        other => panic!("{prefix}: {other:?}"),
    };
    assert_eq!([one("db-1"), one("db-10"), one("web-2")], ["db-1", "db-10", "web-2"]);
    assert_eq!(roster.find("web"), Named::Many(2, AgentId::new("web-1").unwrap()));
    for none in ["", "x", "web-3", "web-11", "WEB", "a/b", "zz"] {
        assert_eq!(roster.find(none), Named::None, "{none:?}");
    }
}

#[test]
fn a_search_looks_at_id_name_host_and_labels_in_any_case() {
    let known = known("a-1", |agent, said| {
        agent.name = "Front".into();
        agent.labels = r#"{"Site":"FRA"}"#.into();
        said.host = "WEB.example".into();
        said.labels.insert("role".into(), "db".into());
    });
    for held in ["a-1", "front", "web.ex", "site=fra", "role", "=db"] {
        assert!(known.holds(held), "{held}");
    }
    assert!(!known.holds("frontweb") && !known.holds("linux"));
}
