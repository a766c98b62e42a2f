//! Lists of hunts and of their agents: filtered, sorted, by page; one agent's part; costs and timeline; a request as it was signed.

use std::time::Duration;

use muster_protocol::request::Sealed;
use muster_protocol::request::sign;
use muster_protocol::wire;
use serde_json::Value;
use tests::eventually::eventually;
use tests::fleet::Fleet;

const LONG: Duration = Duration::from_mins(2);

fn ask(fleet: &Fleet, path: &str) -> ureq::http::Response<ureq::Body> {
    let token = std::fs::read_to_string(fleet.path("home").join("token")).expect("a token");
    let url = format!("{}/api/v1{path}", fleet.url());
    let config = ureq::Agent::config_builder().http_status_as_error(false).build();
    let agent = config.new_agent();
    let asked = agent.get(url).header("Authorization", format!("Bearer {}", token.trim()));
    asked.call().expect("an answer")
}

fn get(fleet: &Fleet, path: &str) -> Value {
    let mut answer = ask(fleet, path);
    let text = answer.body_mut().read_to_string().expect("text");
    assert_eq!(answer.status(), 200, "{path}: {text}");
    serde_json::from_str(&text).expect("a document")
}

/// Asserts that a question is refused, and that the answer says what would do.
fn refused(fleet: &Fleet, path: &str, says: &str) {
    let mut answer = ask(fleet, path);
    let text = answer.body_mut().read_to_string().expect("text");
    assert_eq!(answer.status(), 400, "{path}: {text}");
    let error: Value = serde_json::from_str(&text).expect("an error");
    assert_eq!(error["code"], 64, "{path}: {text}");
    assert!(text.contains(says), "{path}: {text}");
}

fn ids(page: &Value, field: &str) -> Vec<String> {
    let items = page["items"].as_array().expect("items");
    items.iter().map(|item| item[field].as_str().expect("an id").to_owned()).collect()
}

fn run(fleet: &Fleet, more: &[&str]) -> String {
    let before = fleet.json_lines(&["hunt", "list"]).len();
    fleet.muster([&["hunt", "run", "--quiet"], more].concat().as_slice());
    let hunts = fleet.json_lines(&["hunt", "list"]);
    assert_eq!(hunts.len(), before + 1);
    hunts[0]["id"].as_str().expect("an id").to_owned()
}

#[test]
fn hunts_and_their_agents_are_filtered_sorted_and_paged() {
    let fleet = Fleet::start(3);
    let tree = fleet.path("tree");
    std::fs::create_dir(&tree).expect("a folder");
    for name in ["a", "b", "it's c"] {
        std::fs::write(tree.join(name), name).expect("a file");
    }
    let root = tree.to_string_lossy().into_owned();
    let whole = run(
        &fleet,
        &["--root", &root, "--include", "it's*", "--max-cpu", "50%", "--expires", "1h"],
    );
    let failed = run(&fleet, &["--root", "/nowhere/at/all"]);

    // Hunts.
    assert_eq!(ids(&get(&fleet, "/hunts"), "id"), [failed.clone(), whole.clone()]);
    assert_eq!(ids(&get(&fleet, "/hunts?sort=issued"), "id"), [whole.clone(), failed.clone()]);
    assert_eq!(ids(&get(&fleet, "/hunts?sort=-rows&limit=1"), "id"), std::slice::from_ref(&whole));
    assert_eq!(ids(&get(&fleet, "/hunts?q=NOWHERE"), "id"), std::slice::from_ref(&failed));
    assert_eq!(
        ids(&get(&fleet, &format!("/hunts?q={}", &whole[..13])), "id"),
        std::slice::from_ref(&whole)
    );
    assert_eq!(get(&fleet, "/hunts?state=closed")["total"], 2);
    for (question, count) in [
        ("state=open", 0),
        ("state=running,cancelled", 0),
        ("operator=nobody", 0),
        ("since=1h", 2),
        ("until=1h", 0),
    ] {
        assert_eq!(get(&fleet, &format!("/hunts?{question}"))["total"], count, "{question}");
    }
    refused(&fleet, "/hunts?sort=cost", "cpu_ms");
    refused(&fleet, "/hunts?state=over", "cancelled");
    refused(&fleet, "/hunts?filter=x", "operator");
    refused(&fleet, "/hunts?limit=0", "500");
    refused(&fleet, "/hunts?limit=501", "500");
    refused(&fleet, "/hunts?since=soon", "15m");
    refused(&fleet, "/hunts?cursor=00", "first page");
    let next = get(&fleet, "/hunts?limit=1")["next"].as_str().expect("a cursor").to_owned();
    assert_eq!(
        ids(&get(&fleet, &format!("/hunts?limit=5&cursor={next}")), "id"),
        std::slice::from_ref(&whole)
    );
    refused(&fleet, &format!("/hunts?sort=rows&cursor={next}"), "another question");
    let listed = fleet.json_lines(&["hunt", "list", "--search", "nowhere", "--since", "1h"]);
    assert_eq!((listed.len(), &listed[0]["root"]), (1, &Value::from("/nowhere/at/all")));

    // Their agents.
    let mut agents: Vec<_> = fleet.agents.iter().map(|agent| agent.id.clone()).collect();
    agents.sort();
    let parts = format!("/hunts/{whole}/agents");
    assert_eq!(ids(&get(&fleet, &parts), "agent"), agents);
    let (mut paged, mut after) = (Vec::new(), String::new());
    loop {
        let page = get(&fleet, &format!("{parts}?limit=2&sort=-seen{after}"));
        assert_eq!(page["total"], 3);
        paged.extend(ids(&page, "agent"));
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&cursor={next}");
    }
    paged.sort();
    assert_eq!(paged, agents);
    assert_eq!(get(&fleet, &format!("{parts}?state=finished"))["total"], 3);
    assert_eq!(get(&fleet, &format!("{parts}?state=failed,silent"))["total"], 0);
    let failures =
        get(&fleet, &format!("/hunts/{failed}/agents?state=failed&code=no_root&limit=1"));
    assert_eq!((&failures["total"], &failures["items"][0]["code"]), (&3.into(), &"no_root".into()));
    assert_eq!(get(&fleet, &format!("{parts}?q={}", agents[1]))["total"], 1);
    let detailed = get(&fleet, &format!("{parts}?detail=1&limit=1"));
    assert_eq!(detailed["items"][0]["reasons"]["filtered"]["include"], 2, "{detailed}");
    refused(&fleet, &format!("{parts}?sort=size"), "bytes_read");
    refused(&fleet, &format!("{parts}?state=done"), "finished");

    // One of them.
    let one = get(&fleet, &format!("{parts}/{}", agents[0]));
    assert_eq!((&one["agent"], &one["rows"]), (&Value::from(agents[0].clone()), &1.into()));
    let attempts = one["attempts_known"].as_array().expect("attempts");
    assert_eq!((attempts.len(), &attempts[0]["counts"]), (1, &true.into()));
    assert_eq!(ask(&fleet, &format!("{parts}/nobody")).status(), 404);
    let shown = fleet.json(&["hunt", "show", &whole, "--agent", &agents[0]]);
    assert_eq!(shown["attempts_known"], one["attempts_known"]);
    let some = fleet.json_lines(&["hunt", "show", &failed, "--state", "failed", "--sort=-host"]);
    assert_eq!(some.len(), 3);

    // What it cost, and how it went.
    let costs = get(&fleet, &format!("/hunts/{whole}/costs"));
    let rows = &costs["rows"];
    assert_eq!((&rows["count"], &rows["sum"], &rows["max"]), (&3.into(), &3.into(), &1.into()));
    assert_eq!(rows["worst"].as_array().map(Vec::len), Some(3));
    assert_eq!(fleet.json(&["hunt", "costs", &whole])["rows"], *rows);
    let timeline = get(&fleet, &format!("/hunts/{whole}/timeline"));
    let points = timeline["points"].as_array().expect("points");
    let last = points.last().expect("a point");
    assert!(points.len() <= 600);
    assert_eq!(
        (&last["heard"], &last["rows"], &last["ended"]["finished"]),
        (&3.into(), &3.into(), &3.into())
    );

    // As it was signed.
    let request = get(&fleet, &format!("/requests/{whole}"));
    let command =
        format!("muster hunt run --root {root} --include 'it'\\''s*' --max-cpu 50% --expires 1h");
    assert_eq!(request["command"], command);
    assert_eq!(request["arguments"]["args"]["include"][0], "it's*");
    assert_eq!(request["limits"]["max_cpu_percent"], 50);
    let bytes = ask(&fleet, &format!("/requests/{whole}/sealed")).body_mut().read_to_vec();
    let sealed: Sealed = wire::decode(&bytes.expect("bytes"), 1 << 20).expect("a sealed request");
    assert_eq!(sign::body_of(&sealed).expect("a body").id.to_string(), whole);
    assert_eq!(ask(&fleet, "/requests/ffffffff").status(), 404);

    // What lists show is what the results are.
    assert_eq!(fleet.json(&["doctor", "--rebuild"])["different"], 0);
    let (before, now) =
        (get(&fleet, &format!("/hunts/{whole}")), || get(&fleet, &format!("/hunts/{whole}")));
    assert!(before["change"].as_u64() > Some(0), "{before}");
    fleet.muster_ok(["hunt", "cancel", &whole]);
    eventually("the change is seen", LONG, || {
        let now = now();
        let has_grown = now["change"].as_u64() > before["change"].as_u64();
        if has_grown && now["cancelled"] == true { Ok(()) } else { Err(now.to_string()) }
    });
}
