//! A target means the same agents wherever it is evaluated: in the list, in a preview, and by the agents themselves.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

use serde_json::Value;
use tests::fleet::Fleet;
use tests::seed::seed;
use tests::swarm::trees::Numbers;

const AGENTS: usize = 4;
/// How long expressions are made; `MUSTER_SEED` repeats a run.
const TIME: Duration = Duration::from_secs(20);
/// One expression of so many is hunted with as well.
const HUNTED: u64 = 12;

/// The labels of each agent.
const LABELS: [&[(&str, &str)]; AGENTS] = [
    &[("tier", "front"), ("site", "a-1")],
    &[("tier", "back"), ("site", "a-2"), ("old", "")],
    &[("tier", "front"), ("site", "b-1")],
    &[("site", "b-2")],
];

type Agents = BTreeSet<usize>;

fn where_label(holds: impl Fn(&str, &str) -> bool) -> Agents {
    let has = |n: &usize| LABELS[*n].iter().any(|(key, value)| holds(key, value));
    (0..AGENTS).filter(has).collect()
}

/// An expression, and the agents that it means.
fn expression(numbers: &mut Numbers, depth: u64, ids: &[String]) -> (String, Agents) {
    let all: Agents = (0..AGENTS).collect();
    let mut inner = || expression(numbers, depth - 1, ids);
    if depth > 0 {
        let (left, right) = (inner(), inner());
        match numbers.below(4) {
            0 => return (format!("not ({})", left.0), &all - &left.1),
            1 => return (format!("({}) and ({})", left.0, right.0), &left.1 & &right.1),
            2 => return (format!("({}) or ({})", left.0, right.0), &left.1 | &right.1),
            _ => {}
        }
    }
    let n = usize::try_from(numbers.below(AGENTS as u64)).expect("a number");
    match numbers.below(9) {
        0 => ("all".to_owned(), all),
        1 => (format!("id:{}", ids[n]), [n].into()),
        2 => (
            "label:tier=front".to_owned(),
            where_label(|key, value| (key, value) == ("tier", "front")),
        ),
        3 => (
            "label:site=a-*".to_owned(),
            where_label(|key, value| key == "site" && value.starts_with("a-")),
        ),
        4 => (
            "label:site=?-2".to_owned(),
            where_label(|key, value| key == "site" && value.ends_with("-2")),
        ),
        5 => ("label:tier".to_owned(), where_label(|key, _| key == "tier")),
        6 => ("label:old".to_owned(), where_label(|key, _| key == "old")),
        7 => ("os:linux".to_owned(), all),
        _ => ("host:nowhere-*".to_owned(), Agents::new()),
    }
}

#[test]
fn list_preview_and_agents_agree_on_generated_expressions() {
    let seed = seed();
    println!("MUSTER_SEED={seed}");
    let next = Cell::new(0);
    let fleet = Fleet::start_with(AGENTS, |bundle| {
        let config = bundle.join("agent.toml");
        let text = fs::read_to_string(&config).expect("agent.toml");
        let labels = LABELS[next.replace(next.get() + 1)];
        let lines = labels.iter().map(|(key, value)| format!("{key} = {value:?}\n"));
        let lines = lines.collect::<Vec<_>>().concat();
        let (head, tail) = text.split_once("[labels]\n").expect("labels");
        let (_, tail) = tail.split_once("\n\n").unwrap_or_default();
        fs::write(&config, format!("{head}[labels]\n{lines}\n{tail}")).expect("agent.toml");
    });
    let ids: Vec<String> = fleet.agents.iter().map(|agent| agent.id.clone()).collect();
    let tree = fleet.path("tree");
    fs::create_dir(&tree).expect("a folder");
    fs::write(tree.join("file"), "content").expect("a file");
    let tree = tree.to_str().expect("UTF-8");

    let mut numbers = Numbers::new(seed);
    let began = Instant::now();
    let (mut compared, mut hunted) = (0_u64, 0_u64);
    while began.elapsed() < TIME {
        let depth = numbers.below(5);
        let (expr, meant) = expression(&mut numbers, depth, &ids);
        let meant: BTreeSet<&str> = meant.into_iter().map(|n| ids[n].as_str()).collect();
        let says = |what: &str| format!("{what}: {expr}, MUSTER_SEED={seed}");
        // Nobody is no failure, and yet not success.
        let code = Some(if meant.is_empty() { 3 } else { 0 });
        let asked = |verb: &str| -> Vec<Value> {
            let output = fleet.muster(["agents", verb, "--target", &expr, "--output", "jsonl"]);
            assert_eq!(output.status.code(), code, "{}: {output:?}", says(verb));
            let lines = String::from_utf8(output.stdout).expect("UTF-8");
            lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
        };
        let listed = asked("list");
        let listed: BTreeSet<&str> = listed.iter().filter_map(|one| one["id"].as_str()).collect();
        assert_eq!(listed, meant, "{}", says("the list"));
        let preview = asked("preview");
        assert_eq!(preview[0]["matched"], meant.len(), "{}", says("the preview"));
        compared += 1;
        if compared % HUNTED != 1 {
            continue;
        }
        let launch = ["hunt", "launch", "--target", &expr, "--root", tree, "--output", "json"];
        if meant.is_empty() {
            assert_eq!(
                fleet.muster(launch).status.code(),
                Some(3),
                "{}",
                says("a launch on nobody")
            );
            continue;
        }
        let hunt = fleet.json(&launch[..6])["id"].as_str().expect("an id").to_owned();
        let ended = fleet.await_hunt(&hunt, Duration::from_mins(1));
        assert_eq!(ended["states"]["finished"], meant.len(), "{}: {ended}", says("the hunt"));
        let rows = fleet.rows(&hunt);
        let answered: BTreeSet<&str> = rows.keys().map(String::as_str).collect();
        assert_eq!(answered, meant, "{}", says("those that answered"));
        hunted += 1;
    }
    println!("{compared} expressions compared, {hunted} hunted with");
    assert!(compared >= 20 && hunted >= 2, "{compared} and {hunted} are too few to say anything");
}
