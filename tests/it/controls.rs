//! Controls: a cancel goes where its start went, and nowhere without one.

use std::time::Duration;

use muster_protocol::clock::Clock;
use muster_protocol::ids::RequestId;
use muster_protocol::request::sign::Draft;
use muster_protocol::request::{Args, Control, Limits, Target, Verb};
use muster_protocol::wire;
use serde_json::{Value, json};
use tests::eventually::eventually;
use tests::fleet::Fleet;

use super::keys::keys;

const LONG: Duration = Duration::from_mins(1);

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Seals a control for all agents and gives it to the coordinator; returns the exit code and what it said.
fn send(fleet: &Fleet, name: &str, args: &Args) -> (Option<i32>, String) {
    let keys = keys(fleet);
    let draft = Draft {
        fleet: keys.fleet,
        target: Target::all(),
        limits: Limits::default(),
        issued: Clock::system().now(),
        valid_ms: 3_600_000,
    };
    let body = draft.body(keys.operator.id(), args).expect("a body");
    let sealed = keys.operator.seal(&body, Some(&keys.certificate)).expect("sealed");
    let file = fleet.path(name);
    std::fs::write(&file, wire::encode(&sealed).expect("encoded")).expect("a file");
    let output =
        fleet.muster(["hunt", "launch", "--sealed", file.to_str().expect("a path")].as_slice());
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn waiting(fleet: &Fleet, queue: &str) -> u64 {
    let shown = fleet.broker.call("GET", &fleet.queue(queue), &json!({}));
    shown["messages"].as_u64().unwrap_or(0)
}

#[test]
fn a_control_goes_the_way_of_its_start_whatever_its_target_says() {
    let mut fleet = Fleet::start(2);
    let away = fleet.agents[0].id.clone();
    fleet.kill_agent(0);
    let launch = ["hunt", "launch", "--root", "/etc", "--agents", &away];
    let hunt = text(&fleet.json(&launch)["id"]);
    let request: RequestId = hunt.parse().expect("an id");
    // For all, though the hunt is for one: it must not wake the whole fleet.
    let (code, said) = send(&fleet, "c", &Args::Control(Control::new(request, Verb::Pause, 7)));
    assert_eq!(code, Some(0), "{said}");
    let queue = format!("requests.{away}");
    eventually("start and pause wait in the agent's own queue", LONG, || {
        let (own, all) = (waiting(&fleet, &queue), waiting(&fleet, "requests"));
        if (own, all) == (2, 0) { Ok(()) } else { Err(format!("{own} of its own, {all} for all")) }
    });
    // The revision is taken; a cancel needs none.
    let (code, said) = send(&fleet, "d", &Args::Control(Control::new(request, Verb::Resume, 7)));
    assert_eq!(code, Some(75), "{said}");
    assert!(said.contains("another control was faster"), "{said}");
    let (code, said) = send(&fleet, "e", &Args::Control(Control::new(request, Verb::Cancel, 1)));
    assert_eq!(code, Some(0), "{said}");
    fleet.start_agent(0);
    let shown = fleet.await_hunt(&hunt, LONG);
    assert_eq!(shown["states"]["cancelled"], 1, "{shown}");
    assert_eq!(shown["targeted"], 1, "{shown}");
}

#[test]
fn a_cancel_of_what_nobody_launched_is_refused() {
    let fleet = Fleet::start(1);
    let launched = fleet.json(&["hunt", "launch", "--root", "/etc", "--target", "all"]);
    let hunt: RequestId = text(&launched["id"]).parse().expect("an id");
    let nobody = Control::new(RequestId::new(), Verb::Cancel, 7);
    let (code, said) = send(&fleet, "a", &Args::Control(nobody.clone()));
    assert_eq!(code, Some(64), "{said}");
    assert!(said.contains(&format!("no hunt or profile \"{}\"", nobody.about)), "{said}");
    // A verb of tomorrow is not taken for a cancel.
    let newer = Control { verb: "explode".into(), ..Control::new(hunt, Verb::Cancel, 7) };
    let (code, said) = send(&fleet, "b", &Args::Control(newer));
    assert_eq!(code, Some(64), "{said}");
    assert!(said.contains("knows no control \"explode\""), "{said}");
}

#[test]
fn what_was_sampled_is_delivered_when_the_agent_or_the_coordinator_is_told_to_end() {
    let mut fleet = Fleet::start(1);
    let agent = fleet.agents[0].id.clone();
    let take = |of: &[&str]| {
        let take = ["profile", "take", "--kind", "cpu,wall,heap,tasks,metrics,logs"];
        let take = [&take[..], of, &["--seconds", "600", "--detach"]].concat();
        let profile = text(&fleet.json(&take)["id"]);
        eventually("it runs", LONG, || {
            let shown = fleet.json(&["profile", "show", &profile]);
            if shown["states"]["running"] == 1 { Ok(()) } else { Err(shown.to_string()) }
        });
        profile
    };
    let taken = [take(&["--agent", &agent]), take(&["--coordinator"])];
    let cut = take(&["--agent", &agent]);
    fleet.muster_ok(["profile", "cancel", &cut]);
    // SIGTERM, and a clean end.
    fleet.stop_agent(0);
    fleet.stop_coordinator();
    fleet.start_coordinator();
    for (profile, state) in [(&taken[0], "finished"), (&taken[1], "finished"), (&cut, "cancelled")]
    {
        let shown = eventually("it is stored", LONG, || {
            let shown = fleet.json(&["profile", "show", profile]);
            if shown["states"][state] == 1 { Ok(shown) } else { Err(shown.to_string()) }
        });
        let kinds = shown["agents"][0]["profiles"].as_array().expect("kinds");
        assert_eq!(kinds.len(), 6, "{shown}");
        for kind in kinds {
            assert!(kind["partial"] == true && kind["bytes"].as_u64() > Some(0), "{shown}");
        }
    }
    fleet.muster_ok(["profile", "top", &taken[0], "--kind", "wall"]);
}

#[test]
fn the_coordinators_own_profile_is_cancelled_and_what_it_has_is_kept() {
    let mut fleet = Fleet::start(0);
    let take = ["profile", "take", "--coordinator", "--seconds", "600", "--detach"];
    let output = fleet.muster(take);
    let profile = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let said = String::from_utf8_lossy(&output.stderr);
    let next = format!("meant for 1 agent; go on with: muster profile show {profile}\n");
    assert_eq!(said, next, "a person is told how to go on");
    let runs = |profile: &str| {
        eventually("it runs", LONG, || {
            let shown = fleet.json(&["profile", "show", profile]);
            if shown["states"]["running"] == 1 { Ok(()) } else { Err(shown.to_string()) }
        });
    };
    runs(&profile);
    fleet.muster_ok(["profile", "cancel", &profile]);
    let shown = eventually("it is cancelled", LONG, || {
        let shown = fleet.json(&["profile", "show", &profile]);
        if shown["states"]["cancelled"] == 1 { Ok(shown) } else { Err(shown.to_string()) }
    });
    let part = &shown["agents"][0];
    assert_eq!(part["partial"], true, "{part}");
    assert!(part["bytes"].as_u64() > Some(0), "{part}");
    // One that dies with its process has failed, and does not run on.
    let profile = text(&fleet.json(&take)["id"]);
    runs(&profile);
    fleet.kill_coordinator();
    fleet.start_coordinator();
    let shown = fleet.json(&["profile", "show", &profile]);
    assert_eq!(shown["states"]["failed"], 1, "{shown}");
    assert_eq!(shown["agents"][0]["code"], "restarted", "{shown}");
}
