use super::*;

fn topics() -> Arc<Topics> {
    Arc::new(Topics::default())
}

fn join(topics: &Arc<Topics>, names: &[&str]) -> (Watching, Vec<String>) {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    topics.join(&names, 10).unwrap()
}

fn part(agent: &str, rows: u64) -> CollectionBrief {
    let text = String::new;
    CollectionBrief {
        agent: agent.to_owned(),
        host: text(),
        state: text(),
        code: text(),
        reason: text(),
        rows,
        matched: 0,
        errors: 0,
        seen: 0,
        cpu_ms: 0,
        bytes_read: 0,
        throttled_ms: 0,
        started: None,
        ended: None,
        age_ms: 0,
        silent_s: None,
        path: text(),
        attempts: 1,
    }
}

#[test]
fn what_is_the_same_is_no_news() {
    let topics = topics();
    let (one, fresh) = join(&topics, &["overview"]);
    assert_eq!(fresh, ["overview"]);
    let mut changes = one.changes();
    changes.mark_unchanged();
    assert!(topics.document("overview", "{1}", "1".to_owned()));
    let first = one.seen("overview").unwrap();
    assert_eq!(first.shown, Some(Shown::Document("{1}".into())));
    assert!(changes.has_changed().unwrap() && first.number > first.since);
    changes.mark_unchanged();
    assert!(topics.document("overview", "{of another moment}", "1".to_owned()));
    assert_eq!(one.seen("overview").unwrap().number, first.number);
    assert!(!changes.has_changed().unwrap());
    let (_two, fresh) = join(&topics, &["overview"]);
    assert!(fresh.is_empty(), "it is looked at already");
}

#[test]
fn of_a_mark_only_what_changes_later_is_news() {
    let topics = topics();
    let (watching, _) = join(&topics, &["agents"]);
    let begun = watching.number();
    assert!(topics.mark("agents", 7) && topics.mark("agents", 7));
    assert_eq!(watching.number(), begun);
    assert!(topics.mark("agents", 8));
    assert!(watching.seen("agents").unwrap().number > begun);
}

#[test]
fn parts_that_have_changed_are_known_up_to_a_bound() {
    let topics = topics();
    let (watching, _) = join(&topics, &["hunt-agents:1", "agents"]);
    let after = |number: u64, most: usize| {
        let Some(Shown::Parts(parts)) = watching.seen("hunt-agents:1").unwrap().shown else {
            panic!("no parts");
        };
        let news = parts.after(number, most)?;
        Some(news.into_iter().map(|part| (part.agent, part.rows)).collect::<Vec<_>>())
    };
    let begun = watching.number();
    assert!(topics.parts("hunt-agents:1", Some(&[])));
    assert_eq!(watching.number(), begun, "nothing has changed");
    assert!(topics.parts("hunt-agents:1", Some(&[part("a", 1), part("b", 1)])));
    let first = watching.number();
    assert!(topics.parts("hunt-agents:1", Some(&[part("b", 2), part("c", 0)])));
    let news = |of: &[(&str, u64)]| {
        Some(of.iter().map(|(agent, rows)| ((*agent).to_owned(), *rows)).collect::<Vec<_>>())
    };
    assert_eq!(after(begun, 9), news(&[("a", 1), ("b", 2), ("c", 0)]));
    assert_eq!(after(first, 9), news(&[("b", 2), ("c", 0)]));
    assert_eq!(after(begun, 2), None, "too many");
    assert!(topics.parts("hunt-agents:1", None));
    let then = watching.number();
    assert_eq!((after(first, 9), after(then, 9)), (None, news(&[])));
    let many: Vec<_> = (0..=TOPIC_PARTS_MAX).map(|n| part(&n.to_string(), 0)).collect();
    assert!(topics.parts("hunt-agents:1", Some(&many)));
    assert_eq!(after(then, usize::MAX), None, "they are not all remembered");
    assert!(topics.mark("agents", 1) && topics.mark("agents", 2));
    assert!(watching.seen("agents").unwrap().number > then, "numbers rise over all topics");
}

#[test]
fn what_nobody_watches_any_more_is_forgotten_and_begins_with_a_higher_number() {
    let topics = topics();
    let (one, _) = join(&topics, &["agents"]);
    let (two, _) = join(&topics, &["agents"]);
    drop(one);
    assert!(topics.is_watched("agents"));
    let number = two.number();
    drop(two);
    let (three, fresh) = join(&topics, &["agents"]);
    assert!(fresh.is_empty(), "whoever looked at it has not noticed, and goes on");
    drop(three);
    assert!(!topics.is_watched("agents"));
    let (four, fresh) = join(&topics, &["agents"]);
    assert_eq!(fresh, ["agents"]);
    assert!(four.seen("agents").unwrap().since > number, "what lies between is not known");
    assert!(!topics.mark("profiles", 1), "nobody watches it");
}

#[test]
fn there_are_only_so_many_streams() {
    let topics = topics();
    let (one, _) = topics.join(&["agents".to_owned()], 1).unwrap();
    assert!(topics.join(&["agents".to_owned()], 1).is_none());
    drop(one);
    assert!(topics.join(&["agents".to_owned()], 1).is_some());
}
