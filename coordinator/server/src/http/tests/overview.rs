//! The first page.

use super::*;
use crate::store::NewAgent;

#[test]
fn one_document_says_how_everything_is() {
    let api = Api::new();
    let new =
        |name: &str| NewAgent { id: agent(name), name: name.to_owned(), labels: "{}".to_owned() };
    api.write(Write::Agents(vec![new("a-1"), new("a-2")], Audit::default()));
    for n in 1..=12 {
        api.write(hunt(RequestId::from_bytes([n; 16]), &["a-1"]));
    }
    let done = RequestId::from_bytes([12; 16]);
    api.write(ended(done, "a-1", 1, 0));
    let overview = api.well("/overview");
    assert_eq!(overview["fleet"], "7b1c6f0e-8b6c-4d52-9a53-1d3f2c0a9b11");
    let states = overview["agents"].as_array().unwrap();
    let count =
        |state: &str| states.iter().find(|one| one["value"] == state).unwrap()["count"].clone();
    assert_eq!((states.len(), count("new"), count("live")), (5, 2.into(), 0.into()));
    let hunts = overview["hunts"].as_array().unwrap();
    assert_eq!(
        (hunts.len(), &overview["hunts_open"], &overview["hunts_total"]),
        (10, &11.into(), &12.into())
    );
    assert!(hunts.iter().all(|hunt| hunt["id"] != done.to_string()), "it is done");
    assert_eq!(overview["broker"]["connected"], false);
    assert_eq!(overview["verdict"], "bad");
    let checks = overview["checks"].as_array().unwrap();
    assert!(checks.iter().all(|check| check["verdict"] != "ok") && checks[0]["verdict"] == "bad");
    // It is made once a second for all who ask.
    let again = api.well("/overview");
    std::thread::scope(|scope| {
        let asked: Vec<_> = (0..5).map(|_| scope.spawn(|| api.well("/overview"))).collect();
        let made: std::collections::BTreeSet<_> =
            asked.into_iter().map(|asked| asked.join().unwrap()["as_of"].to_string()).collect();
        assert!(made.len() <= 2, "{made:?}");
    });
    api.core.clock.set_offset_ms(2_000);
    assert_ne!(api.well("/overview")["as_of"], again["as_of"]);
}
