//! The latest samples.

use muster_protocol::clock::Clock;
use muster_protocol::ids::JournalId;
use serde_json::json;

use super::*;
use crate::store::NewAgent;

fn sample(name: &str) -> Write {
    let said = serde_json::from_value(json!({
        "agent": agent(name), "at": Clock::system().now(), "journal": JournalId::from_bytes([1; 16]),
    }));
    Write::Telemetry(Box::new(said.unwrap()))
}

#[test]
fn one_agent_may_be_asked_for() {
    let api = Api::new();
    let new =
        |name: &str| NewAgent { id: agent(name), name: name.to_owned(), labels: "{}".to_owned() };
    api.write(Write::Agents(vec![new("a-1"), new("b-1"), new("c-1")], Audit::default()));
    api.write(sample("a-1"));
    api.write(sample("b-1"));
    assert_eq!(api.well("/telemetry")["total"], 2);
    for prefix in ["b-1", "b"] {
        let page = api.well(&format!("/telemetry?agent={prefix}"));
        assert_eq!((&page["total"], &page["items"][0]["agent"]), (&1.into(), &"b-1".into()));
    }
    assert_eq!(api.well("/telemetry?agent=c-1")["total"], 0);
    assert_eq!(api.well("/telemetry?agent=coordinator")["total"], 0);
    api.refused(404, "/telemetry?agent=nobody");
}
