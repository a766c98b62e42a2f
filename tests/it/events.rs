//! The events of a hunt follow what is committed, and its list comes in pages.

use std::io::{BufRead, BufReader};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tests::fleet::Fleet;

const LONG: Duration = Duration::from_mins(2);

fn token(fleet: &Fleet) -> String {
    let token = std::fs::read_to_string(fleet.path("home").join("token")).expect("a token");
    format!("Bearer {}", token.trim())
}

fn get(fleet: &Fleet, path: &str) -> ureq::http::Response<ureq::Body> {
    let url = format!("{}/api/v1{path}", fleet.url());
    ureq::get(url).header("Authorization", token(fleet)).call().expect("an answer")
}

/// Reads the events of a hunt as they come: name and data.
fn events(fleet: &Fleet, hunt: &str) -> Receiver<(String, Value)> {
    let reader = get(fleet, &format!("/hunts/{hunt}/events")).into_body().into_reader();
    let (send, events) = channel();
    thread::spawn(move || {
        let mut name = String::new();
        for line in BufReader::new(reader).lines().map_while(Result::ok) {
            match line.split_once(": ") {
                Some(("event", value)) => value.clone_into(&mut name),
                Some(("data", data)) => {
                    let data = serde_json::from_str(data).expect("a hunt");
                    if send.send((name.clone(), data)).is_err() {
                        return;
                    }
                }
                _ => {}
            }
        }
    });
    events
}

fn launch(fleet: &Fleet, root: &str) -> String {
    let launched = fleet.json(&["hunt", "launch", "--target", "all", "--root", root]);
    launched["id"].as_str().expect("an id").to_owned()
}

#[test]
fn events_come_with_what_changed_and_not_by_the_clock() {
    let mut fleet = Fleet::start(1);
    let tree = fleet.path("tree");
    tests::swarm::trees::write(&tree, 50, 1).expect("a tree");
    let tree = tree.to_string_lossy().into_owned();
    fleet.kill_agent(0);
    let hunt = launch(&fleet, &tree);
    // The last sample of the agent may still be on its way.
    tests::eventually::pause(Duration::from_secs(2));
    let watchers: Vec<_> = (0..3).map(|_| events(&fleet, &hunt)).collect();
    for watcher in &watchers {
        let (name, shown) = watcher.recv_timeout(LONG).expect("how it is, at once");
        assert_eq!((name.as_str(), &shown["done"]), ("progress", &Value::from(false)));
    }
    // Samples of the coordinator itself are committed meanwhile, and change nothing.
    let quiet = watchers[0].recv_timeout(Duration::from_secs(12));
    assert!(quiet.is_err(), "nothing has changed: {quiet:?}");

    let begin = Instant::now();
    fleet.start_agent(0);
    for watcher in &watchers {
        let mut last = Value::Null;
        let mut count = 0;
        loop {
            let (name, shown) = watcher.recv_timeout(LONG).expect("an event");
            assert_ne!(shown, last, "the same again");
            count += 1;
            if name == "done" {
                assert_eq!(shown["states"]["finished"], 1, "{shown}");
                break;
            }
            last = shown;
        }
        let seconds = begin.elapsed().as_secs();
        assert!(count <= seconds + 2, "{count} events in {seconds} s");
        watcher.recv_timeout(LONG).expect_err("it ends with the last one");
    }
    // Who comes late gets the end at once.
    assert_eq!(events(&fleet, &hunt).recv_timeout(LONG).expect("an event").0, "done");
}

#[test]
fn lists_come_in_pages_that_make_the_whole() {
    let fleet = Fleet::start(3);
    let mut hunts: Vec<_> = (0..5).map(|_| launch(&fleet, "/nowhere")).collect();
    hunts.sort();
    hunts.reverse();
    let page = |path: &str| -> Value {
        let text = get(&fleet, path).into_body().read_to_string().expect("text");
        serde_json::from_str(&text).expect("a page")
    };
    for (list, least) in [("/hunts", 5), ("/agents", 3), ("/audit", 6)] {
        let (mut ids, mut after, mut lengths) = (Vec::new(), String::new(), Vec::new());
        loop {
            let page = page(&format!("{list}?limit=2{after}"));
            assert!(page["total"].as_u64() >= Some(least), "{page}");
            assert!(page["as_of"].is_string(), "{page}");
            let items = page["items"].as_array().expect("items");
            lengths.push(items.len());
            ids.extend(items.iter().map(|item| item["id"].to_string().replace('"', "")));
            let Some(next) = page["next"].as_str() else { break };
            after = format!("&cursor={next}");
        }
        assert!(lengths.iter().rev().skip(1).all(|length| *length == 2), "{list}: {lengths:?}");
        let whole = page(list);
        let all: Vec<_> = whole["items"].as_array().expect("items").iter().collect();
        assert_eq!(ids.len(), all.len(), "{list}");
        assert_eq!(whole["next"], Value::Null);
        if list == "/hunts" {
            assert_eq!(ids, hunts);
        }
    }
    assert_eq!(fleet.json(&["hunt", "list"]).as_array().map(Vec::len), Some(5));
    assert_eq!(fleet.json(&["agents", "list"]).as_array().map(Vec::len), Some(3));
}
