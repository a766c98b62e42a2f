//! The audit log: filters, pages, and what is refused.

use super::*;

fn line(token: &str, operator: &str, action: &'static str, subject: &str, detail: &str) -> Write {
    Write::Audit(Audit {
        token: token.to_owned(),
        operator: operator.to_owned(),
        action,
        subject: subject.to_owned(),
        detail: detail.to_owned(),
    })
}

fn api() -> Api {
    let api = Api::new();
    for n in 0..30 {
        let (token, action) = if n % 3 == 0 { ("ada", "enrol") } else { ("eve", "request") };
        api.write(line(token, "op", action, &format!("subject-{n}"), "of Web-1 and 100% more"));
    }
    api.write(line("ada", "other", "revoke", "web-1", ""));
    api
}

/// Follows the pages; returns the numbers of the lines.
fn all(api: &Api, query: &str) -> Vec<i64> {
    let (mut numbers, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = api.well(&format!("/audit?limit=7&{query}{cursor}"));
        let items = page["items"].as_array().unwrap();
        numbers.extend(items.iter().map(|line| line["id"].as_i64().unwrap()));
        let Some(next) = page["next"].as_str() else {
            assert_eq!(page["total"], numbers.len(), "{query}");
            return numbers;
        };
        assert_eq!(items.len(), 7);
        cursor = format!("&cursor={next}");
    }
}

#[test]
fn the_log_is_filtered_and_comes_in_pages() {
    let api = api();
    for (query, count) in [
        ("", 31),
        ("token=ada", 11),
        ("token=ada&action=enrol", 10),
        ("operator=other", 1),
        ("action=request", 20),
        ("subject=subject-1", 11),
        ("subject=SUBJECT", 0),
        ("q=web-1", 31),
        ("q=WEB-1&action=revoke", 1),
        ("q=100%25", 30),
        ("q=_", 0),
        ("since=1h", 31),
        ("until=1h", 0),
        ("since=2999-01-01", 0),
        ("until=2999-01-01T00:00:00Z&token=eve", 20),
    ] {
        let numbers = all(&api, query);
        assert_eq!(numbers.len(), count, "{query}");
        assert!(numbers.is_sorted_by(|a, b| a > b), "the latest first, none twice: {numbers:?}");
    }
}

#[test]
fn lines_that_are_added_move_nothing() {
    let api = api();
    let first = api.well("/audit?limit=7&action=request");
    api.write(line("eve", "op", "request", "new", ""));
    let next = first["next"].as_str().unwrap();
    let second = api.well(&format!("/audit?limit=7&action=request&cursor={next}"));
    let number = |page: &Value, at: usize| page["items"][at]["id"].as_i64().unwrap();
    assert_eq!(number(&first, 6) - number(&second, 0), 1 + i64::from(number(&first, 6) % 3 == 2));
    assert_eq!(second["total"], 21);
}

#[test]
fn what_cannot_be_asked_is_refused() {
    let api = api();
    let refused = |query: &str| api.refused(400, &format!("/audit?{query}"));
    assert!(refused("colour=red").contains("unknown field `colour`"), "{}", refused("colour=red"));
    assert!(refused("since=yesterday").contains("yesterday"));
    assert!(refused("until=2026").contains("2026"));
    assert!(refused("limit=0").contains("limit is 0"));
    assert!(refused(&format!("q={}", "x".repeat(257))).contains("257 bytes"));
    let next = api.well("/audit?limit=1&token=ada")["next"].as_str().unwrap().to_owned();
    assert!(refused(&format!("limit=1&token=eve&cursor={next}")).contains("another question"));
    assert!(refused("cursor=12").contains("no `next`"));
}
