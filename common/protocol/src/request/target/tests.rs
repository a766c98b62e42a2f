use proptest::prelude::*;

use super::*;

fn facts() -> Facts {
    Facts {
        id: "web-1-ab12".into(),
        host: "web-1.example.net".into(),
        os: "linux".into(),
        arch: "x86_64".into(),
        version: "0.1.0".into(),
        labels: BTreeMap::from([("db".into(), String::new()), ("tier".into(), "front".into())]),
    }
}

fn matches(expr: &str) -> bool {
    let target = Target { expr: expr.into(), sample_ppm: None };
    target.matches(&facts(), &RequestId::new()).unwrap()
}

fn error(expr: &str) -> TargetError {
    Target { expr: expr.into(), sample_ppm: None }.check().unwrap_err()
}

#[test]
fn words() {
    for yes in [
        "all",
        "id:web-1-ab12",
        "host:web-*",
        "host:web-?.example.net",
        "os:linux",
        "arch:x86_64",
        "version:0.1*",
        "label:db",
        "label:tier=front",
        "label:tier=f*t",
        "host:*",
    ] {
        assert!(matches(yes), "{yes}");
    }
    for no in [
        "id:web-1",
        "host:db-*",
        "os:windows",
        "label:web",
        "label:tier=back",
        "label:tier=",
        "host:web",
        "version:1*",
    ] {
        assert!(!matches(no), "{no}");
    }
}

#[test]
fn not_binds_tighter_than_and_and_tighter_than_or() {
    assert!(matches("not os:windows and label:db"));
    assert!(matches("os:windows and label:web or label:db"));
    assert!(!matches("os:windows and (label:web or label:db)"));
    assert!(matches("label:db or label:web and os:windows"));
    assert!(matches("not (os:windows or label:web)"));
    assert!(matches("not not all"));
}

#[test]
fn errors_mark_the_place() {
    assert_eq!(error("label:db and").at, 12);
    assert_eq!(error("label:db adn os:linux").at, 9);
    assert_eq!(error("all and (os:linux").at, 8);
    assert_eq!(error("all)").at, 3);
    assert_eq!(error("").at, 0);
    assert_eq!(error("ip:1").at, 0);
    assert_eq!(error("all and os:").at, 8);
    assert!(error(&"(".repeat(5000)).why.contains("deep"));
    assert!(error(&"not ".repeat(2000)).why.contains("deep"));
    assert!(error(&"a".repeat(10_000)).why.contains("longer"));
}

#[test]
fn a_list_of_ids_is_directed() {
    let ids = |expr: &str| Target { expr: expr.into(), sample_ppm: None }.directed();
    let agents = ["b-1", "a-1"].map(|id| AgentId::new(id).unwrap());
    assert_eq!(Target::agents(&agents).directed().unwrap(), [agents[1].clone(), agents[0].clone()]);
    assert_eq!(ids("id:a").unwrap().len(), 1);
    assert_eq!(ids("id:a or id:a").unwrap().len(), 1);
    assert!(ids("id:a and id:b").is_none());
    assert!(ids("id:a or label:b").is_none());
    assert!(ids("all").is_none());
    let many: Vec<_> = (0..65).map(|n| AgentId::new(&format!("a-{n}")).unwrap()).collect();
    assert!(Target::agents(&many).directed().is_none());
    assert_eq!(Target::agents(&many[..64]).directed().unwrap().len(), 64);
    let sampled = Target { expr: "id:a".into(), sample_ppm: Some(500_000) };
    assert!(sampled.directed().is_none());
}

#[test]
fn a_sample_is_a_stable_fraction() {
    let target = Target { expr: "all".into(), sample_ppm: Some(50_000) };
    let request = RequestId::new();
    let chosen = |n: u32| {
        let facts = Facts { id: format!("agent-{n}"), ..Facts::default() };
        target.matches(&facts, &request).unwrap()
    };
    let count = (0..10_000).filter(|n| chosen(*n)).count();
    assert!((350..=650).contains(&count), "{count} of 10,000 at 5 %");
    assert!((0..1000).all(|n| chosen(n) == chosen(n)));
    assert!(Target { expr: "all".into(), sample_ppm: Some(0) }.check().is_err());
    assert!(Target { expr: "all".into(), sample_ppm: Some(1_000_001) }.check().is_err());
}

/// The obvious way to match, for comparison: exponential, on small inputs.
fn naive(glob: &[char], text: &[char]) -> bool {
    match (glob.first(), text.first()) {
        (None, None) => true,
        (Some('*'), _) => naive(&glob[1..], text) || (!text.is_empty() && naive(glob, &text[1..])),
        (Some(g), Some(t)) if *g == '?' || g == t => naive(&glob[1..], &text[1..]),
        _ => false,
    }
}

proptest! {
    #[test]
    fn globs_agree_with_the_naive_model(glob in "[ab?*]{0,8}", text in "[ab]{0,8}") {
        let (g, t): (Vec<char>, Vec<char>) = (glob.chars().collect(), text.chars().collect());
        prop_assert_eq!(glob_matches(&glob, &text), naive(&g, &t));
    }

    #[test]
    fn nothing_crashes_the_parser(text in "\\PC{0,60}") {
        if let Err(error) = parse::parse(&text) {
            prop_assert!(text.is_char_boundary(error.at));
        }
    }

    #[test]
    fn printed_trees_mean_what_they_say(tree in tree()) {
        let (text, value) = tree;
        prop_assert_eq!(matches(&text), value, "{}", text);
    }
}

/// An expression with every precedence spelled out in parentheses, and its value.
fn tree() -> impl Strategy<Value = (String, bool)> {
    let leaf = prop::bool::ANY.prop_map(|value| {
        (if value { "label:db".to_owned() } else { "label:absent".to_owned() }, value)
    });
    leaf.prop_recursive(6, 40, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|(text, value)| (format!("not ({text})"), !value)),
            (inner.clone(), inner.clone())
                .prop_map(|(a, b)| (format!("({}) and ({})", a.0, b.0), a.1 && b.1)),
            (inner.clone(), inner)
                .prop_map(|(a, b)| (format!("({}) or ({})", a.0, b.0), a.1 || b.1)),
        ]
    })
}
