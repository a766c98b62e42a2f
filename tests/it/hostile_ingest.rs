//! What one agent's credentials can put into the broker, and what the others notice of it: nothing.

use std::fs;
use std::time::Duration;

use muster_protocol::ids::{JournalId, RequestId};
use muster_protocol::result::State;
use muster_protocol::topology::Class;
use serde_json::Value;
use tests::doctor::{await_verdict, check};
use tests::eventually::{eventually, pause};
use tests::fault;
use tests::fleet::Fleet;
use tests::hostile::Hostile;
use tests::oracle::{self, Manifest};
use tests::swarm::trees;

const LONG: Duration = Duration::from_mins(3);

/// Writes a tree; returns its path and what is in it.
fn tree(fleet: &Fleet, files: usize) -> (String, Manifest) {
    let root = fleet.path("tree");
    trees::write(&root, files, 3).expect("a tree");
    let manifest = oracle::sha256_of_tree(&root);
    (root.to_string_lossy().into_owned(), manifest)
}

fn launch(fleet: &Fleet, flags: &[&str]) -> String {
    let launched = fleet.json(&[&["hunt", "launch"][..], flags].concat());
    launched["id"].as_str().expect("an id").to_owned()
}

fn id(hunt: &str) -> RequestId {
    hunt.parse().expect("an id")
}

/// Waits until doctor's account of the dead letters holds a text; returns it.
#[track_caller]
fn await_dead(fleet: &Fleet, wanted: &str) -> String {
    eventually(&format!("dead letters: {wanted}"), LONG, || {
        let found = check(fleet, "dead_letters")["message"].to_string();
        if found.contains(wanted) { Ok(found) } else { Err(found) }
    })
}

/// Waits until nothing lies in a queue, delivered or not.
#[track_caller]
fn await_empty(fleet: &Fleet, class: Class) {
    eventually("the queue is empty", LONG, || {
        let queue = fleet.broker.call("GET", &fleet.queue(class.queue()), &Value::Null);
        // The broker's figures are some seconds old, and not there before the first look.
        match queue["messages"].as_u64() {
            Some(0) => Ok(()),
            other => Err(format!("{other:?} messages")),
        }
    });
}

/// Waits until an agent is in a state.
#[track_caller]
fn await_state(fleet: &Fleet, agent: &str, state: &str) -> Value {
    eventually(&format!("{agent} is {state}"), LONG, || {
        let shown = fleet.json(&["agents", "show", agent]);
        if shown["state"] == state { Ok(shown) } else { Err(shown.to_string()) }
    })
}

#[test]
fn bad_messages_keep_nobody_waiting_and_their_sender_is_named_and_shut_out() {
    let mut fleet = Fleet::start(2);
    fleet.kill_agent(0);
    let hostile = Hostile::of(&fleet, 0);
    let (root, manifest) = tree(&fleet, 300);
    let bad = vec![hostile.message(Class::Rows, RequestId::new(), vec![0]); 20_000];
    let target = format!("id:{}", fleet.agents[1].id);
    std::thread::scope(|scope| {
        // It is shut out on the way.
        scope.spawn(|| hostile.try_send(&bad));
        let hunt = launch(&fleet, &["--root", &root, "--target", &target]);
        let shown = fleet.await_hunt(&hunt, LONG);
        assert_eq!(shown["states"]["finished"], 1, "{shown}");
        let rows = fleet.rows(&hunt);
        assert!(oracle::compare(&manifest, &rows[&fleet.agents[1].id]).is_clean());
    });
    await_dead(&fleet, hostile.agent.as_str());
    let found = await_verdict(&fleet, "quarantine", "bad");
    assert!(found["message"].to_string().contains(hostile.agent.as_str()), "{found}");
    await_state(&fleet, hostile.agent.as_str(), "quarantined");
    await_empty(&fleet, Class::Rows);
    // The other one goes on as if nothing had been.
    let hunt = launch(&fleet, &["--root", &root, "--target", &target, "--fresh"]);
    assert_eq!(fleet.await_hunt(&hunt, LONG)["states"]["finished"], 1);
}

#[test]
fn a_kill_between_burial_and_ack_loses_no_dead_letter() {
    const BAD: u64 = 900;
    let mut fleet = Fleet::start(1);
    fleet.kill_agent(0);
    let hostile = Hostile::of(&fleet, 0);
    let bad = vec![hostile.message(Class::Rows, RequestId::new(), vec![0]); 900];
    std::thread::scope(|scope| {
        scope.spawn(|| hostile.send(&bad));
        for _ in 0..3 {
            pause(Duration::from_millis(150));
            fleet.kill_coordinator();
            fleet.start_coordinator();
        }
    });
    let counted = eventually("all are counted", LONG, || {
        let found = check(&fleet, "dead_letters")["message"].to_string();
        let count =
            found.trim_matches('"').split(' ').next().and_then(|word| word.parse::<u64>().ok());
        match count {
            Some(count) if count >= BAD => Ok(count),
            _ => Err(found),
        }
    });
    // Each kill may repeat what was counted and not acked yet: at most what the broker had handed out.
    assert!(counted <= BAD + 3 * 200, "{counted}");
    await_empty(&fleet, Class::Rows);
}

#[test]
fn pieces_of_one_blob_keep_no_other_blob_waiting() {
    let mut fleet = Fleet::start(2);
    fleet.kill_agent(0);
    let hostile = Hostile::of(&fleet, 0);
    let (root, _) = tree(&fleet, 3);
    let hunt = launch(&fleet, &["--root", &root, "--target", "all"]);
    let journal = JournalId::new();
    let pieces: Vec<_> = (0..600).map(|seq| hostile.piece(id(&hunt), journal, seq, 1)).collect();
    hostile.send(&pieces);
    let take = ["profile", "take", "--agent", &fleet.agents[1].id, "--seconds", "1", "--detach"];
    let profile = fleet.json(&take)["id"].as_str().expect("an id").to_owned();
    eventually("the profile is whole", LONG, || {
        let shown = fleet.json(&["profile", "show", &profile]);
        if shown["states"]["finished"] == 1 { Ok(()) } else { Err(shown["states"].to_string()) }
    });
    await_empty(&fleet, Class::Blobs);
    // It contradicts itself: that is the end of its own run only.
    hostile.send(&[hostile.status(id(&hunt), journal, State::Finished)]);
    let shown = fleet.await_hunt(&hunt, LONG);
    assert_eq!((&shown["states"]["failed"], &shown["states"]["finished"]), (&1.into(), &1.into()));
}

#[test]
fn an_agent_that_a_request_is_not_for_adds_nothing_to_it() {
    let mut fleet = Fleet::start(2);
    fleet.kill_agent(0);
    let hostile = Hostile::of(&fleet, 0);
    let (root, manifest) = tree(&fleet, 20);
    let other = fleet.agents[1].id.clone();
    // One by its own queue, one on the stream.
    let targets = [format!("id:{other}"), format!("id:{other} and label:test=yes")];
    let hunts = targets.map(|target| launch(&fleet, &["--root", &root, "--target", &target]));
    for hunt in &hunts {
        let journal = JournalId::new();
        hostile.send(&[
            hostile.status(id(hunt), journal, State::Started),
            hostile.rows(id(hunt), journal, 0),
            hostile.status(id(hunt), JournalId::new(), State::Finished),
        ]);
    }
    await_dead(&fleet, "4 of status (not_targeted)");
    let found = await_dead(&fleet, "2 of rows (not_targeted)");
    assert!(found.contains(&format!("{} (6)", hostile.agent)), "{found}");
    for hunt in &hunts {
        let shown = fleet.await_hunt(hunt, LONG);
        let states = &shown["states"];
        assert_eq!((&shown["targeted"], &states["finished"]), (&1.into(), &1.into()), "{shown}");
        let rows = fleet.rows(hunt);
        assert_eq!(rows.keys().collect::<Vec<_>>(), [&other]);
        assert!(oracle::compare(&manifest, &rows[&other]).is_clean());
    }
}

#[test]
fn an_agent_joins_by_a_label_that_it_reports_only_later() {
    let mut fleet = Fleet::start(2);
    let (root, manifest) = tree(&fleet, 50);
    fleet.stop_agent(0);
    let target = format!("label:late=yes or id:{}", fleet.agents[1].id);
    let hunt = launch(&fleet, &["--root", &root, "--target", &target]);
    let shown = fleet.await_hunt(&hunt, LONG);
    assert_eq!(shown["targeted"], 1, "{shown}");
    let config = fleet.agents[0].bundle.join("agent.toml");
    let text = fs::read_to_string(&config).expect("agent.toml");
    fs::write(&config, text.replace("[labels]\n", "[labels]\nlate = \"yes\"\n")).expect("a label");
    fleet.start_agent(0);
    eventually("both have finished", LONG, || {
        let shown = fleet.json(&["hunt", "show", &hunt]);
        if shown["states"]["finished"] == 2 { Ok(()) } else { Err(shown.to_string()) }
    });
    fault::assert_exactly_once(&fleet, &hunt, &manifest);
    assert_eq!(check(&fleet, "dead_letters")["verdict"], "ok");
}

#[test]
fn an_agent_that_is_quarantined_in_the_middle_of_a_hunt_loses_nothing() {
    let mut fleet = Fleet::start(2);
    let agent = fleet.agents[0].id.clone();
    let (root, manifest) = tree(&fleet, 300);
    let flags = ["--root", &root, "--target", "all", "--max-files-per-s", "30"];
    let hunt = launch(&fleet, &flags);
    eventually("the first rows are stored", LONG, || {
        let rows = fleet.rows(&hunt);
        if rows.contains_key(&agent) { Ok(()) } else { Err(format!("{:?}", rows.keys())) }
    });
    fleet.muster_ok(["agents", "quarantine", &agent, "--reason", "a test", "--yes"]);
    let shown = await_state(&fleet, &agent, "quarantined");
    assert_eq!(shown["quarantine"], "a test", "{shown}");
    await_verdict(&fleet, "quarantine", "bad");
    eventually("the broker has shut it out", LONG, || {
        let said = fleet.said(&agent);
        if said.contains("cannot connect") { Ok(()) } else { Err("not yet".to_owned()) }
    });
    eventually("the other one finishes", LONG, || {
        let shown = fleet.json(&["hunt", "show", &hunt]);
        if shown["states"]["finished"] == 1 { Ok(()) } else { Err(shown["states"].to_string()) }
    });
    let metrics = fleet.json_lines(&["agents", "list"]);
    assert!(metrics.iter().any(|shown| shown["state"] == "quarantined"), "{metrics:?}");
    // What was done is in the store: another coordinator knows of it.
    fleet.kill_coordinator();
    fleet.start_coordinator();
    await_state(&fleet, &agent, "quarantined");

    fleet.muster_ok(["agents", "release", &agent]);
    fleet.kill_coordinator();
    fleet.start_coordinator();
    let shown = fleet.await_hunt(&hunt, LONG);
    assert_eq!(shown["states"]["finished"], 2, "{shown}");
    fault::assert_exactly_once(&fleet, &hunt, &manifest);
    await_verdict(&fleet, "quarantine", "ok");
    assert_eq!(check(&fleet, "dead_letters")["verdict"], "ok");
}

#[test]
fn good_results_behind_bad_ones_are_set_aside_and_taken_back() {
    let mut fleet = Fleet::start(2);
    let hostile = Hostile::of(&fleet, 0);
    let agent = hostile.agent.to_string();
    let (root, manifest) = tree(&fleet, 200);
    let hunt = launch(&fleet, &["--root", &root, "--target", "all", "--max-files-per-s", "40"]);
    fleet.kill_coordinator();
    hostile.send(&vec![hostile.message(Class::Rows, RequestId::new(), vec![0]); 3_000]);
    for member in &fleet.agents {
        eventually("the agent ends its part", LONG, || {
            let said = fleet.said(&member.id);
            let ended = |line: &str| line.contains("collection ended") && line.contains(&hunt);
            if said.lines().any(ended) { Ok(()) } else { Err("not yet".to_owned()) }
        });
    }
    fleet.start_coordinator();
    await_state(&fleet, &agent, "quarantined");
    eventually("the other one finishes", LONG, || {
        let shown = fleet.json(&["hunt", "show", &hunt]);
        if shown["states"]["finished"] == 1 { Ok(()) } else { Err(shown["states"].to_string()) }
    });
    await_empty(&fleet, Class::Rows);
    fleet.muster_ok(["agents", "release", &agent]);
    let shown = fleet.await_hunt(&hunt, LONG);
    assert_eq!(shown["states"]["finished"], 2, "{shown}");
    fault::assert_exactly_once(&fleet, &hunt, &manifest);
}
