//! The broker that is away, and dead letters.

use muster_protocol::topology::Class;

use super::*;
use crate::store::DeadCount;

#[test]
fn a_broker_that_is_away_is_said_to_be_so() {
    let api = Api::new();
    let broker = api.well("/broker");
    assert_eq!(broker["link"]["connected"], false);
    assert!(broker["trouble"].as_str().unwrap().contains("no RabbitMQ management API"), "{broker}");
    assert_eq!((&broker["as_of"], &broker["directed_waiting"]), (&Value::Null, &Value::Null));
    assert_eq!(broker["queues"], Value::Array(Vec::new()));
}

#[test]
fn dead_letters_come_by_class_and_reason_in_pages() {
    let api = Api::new();
    let dead = |reason: &'static str, count| DeadCount {
        class: Class::Rows.as_str(),
        reason,
        agent: None,
        count,
    };
    let reasons = ["conflict", "malformed", "not_targeted", "too_big", "unknown"];
    api.write(Write::Dead(reasons.iter().map(|reason| dead(reason, 3)).collect()));
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = api.well(&format!("/dead?limit=2{cursor}"));
        assert_eq!(page["total"], 5);
        let items = page["items"].as_array().unwrap();
        found.extend(items.iter().map(|one| one["reason"].as_str().unwrap().to_owned()));
        assert!(items.iter().all(|one| one["class"] == "rows" && one["count"] == 3));
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
        // One more of a reason moves nothing.
        api.write(Write::Dead(vec![dead("unknown", 0)]));
    }
    assert_eq!(found, reasons);
    for bad in ["limit=0", "limit=501", "cursor=zz", "class=rows"] {
        api.refused(400, &format!("/dead?{bad}"));
    }
}
