//! Rows of a hunt: parts by cursor, the stream, and what is refused.

use muster_protocol::artifact::file_hash::FileStatus;
use muster_protocol::artifact::processes;
use muster_protocol::request::Kind;
use muster_protocol::request::hunt::HuntStart;
use muster_protocol::wire;

use super::*;

fn files(prefix: &str, count: u64) -> Vec<Row> {
    let status = |n| if n % 3 == 0 { (FileStatus::Denied, 13) } else { (FileStatus::Ok, 0) };
    let made = |n| file(&format!("{prefix}{n}"), n, status(n).0, status(n).1);
    (0..count).map(made).collect()
}

/// Two agents with 70 rows, one of whose runs gave way to another.
fn api() -> Api {
    let api = Api::new();
    api.write(hunt(HUNT, &["a-1", "a-2", "a-3"]));
    api.write(chunk(HUNT, "a-1", 1, 0, files("one-", 30)));
    api.write(chunk(HUNT, "a-1", 1, 1, files("two-", 20)));
    api.write(ended(HUNT, "a-1", 1, 2));
    api.write(chunk(HUNT, "a-2", 1, 0, files("gone-", 9)));
    api.write(chunk(HUNT, "a-2", 2, 0, files("kept-", 20)));
    api.write(ended(HUNT, "a-2", 2, 1));
    api
}

fn paths(document: &Value) -> Vec<String> {
    let rows = document["rows"].as_array().unwrap();
    rows.iter().map(|row| row["path"].as_str().unwrap().to_owned()).collect()
}

/// Asks until there is no further part; returns the paths of all, and the last answer.
fn all(api: &Api, query: &str) -> (Vec<String>, Value) {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let part = api.well(&format!("/hunts/{HUNT}/rows?{query}{cursor}"));
        found.extend(paths(&part));
        let Some(next) = part["next"].as_str() else { return (found, part) };
        cursor = format!("&cursor={next}");
    }
}

#[test]
fn parts_put_together_are_the_rows_that_count() {
    let api = api();
    for query in ["limit=500", "limit=7", "limit=1", "limit=30&sort=walk"] {
        let (found, last) = all(&api, query);
        assert_eq!((found.len(), &last["total"], &last["found"]), (70, &70.into(), &70.into()));
        assert_eq!((found[0].as_str(), found[30].as_str()), ("/srv/one-0", "/srv/two-0"));
        assert_eq!(found[69], "/srv/kept-19");
        assert_eq!(last["complete"], true);
    }
    let first = api.well(&format!("/hunts/{HUNT}/rows?limit=10"));
    assert_eq!((&first["complete"], &first["looked_at"]), (&false.into(), &10.into()));
    assert_eq!(first["found"], 70, "known without a look");
    let one = &first["rows"][0];
    assert_eq!((&one["agent"], &one["host"]), (&"a-1".into(), &"host-of-a-1".into()));
}

#[test]
fn a_filter_leaves_the_same_rows_in_parts_and_in_the_stream() {
    let api = api();
    for (filter, count) in [
        ("status=denied", 24),
        ("errno=EACCES&agent=a-2", 7),
        ("agent=a-1&agent=a-2&max_size=0", 3),
        ("path=two-*", 20),
        ("path=one-*&status=ok", 20),
        ("match=yes", 0),
        ("agent=a-3", 0),
        ("agent=nobody", 0),
    ] {
        let (found, last) = all(&api, &format!("{filter}&limit=3"));
        assert_eq!((found.len(), &last["found"]), (count, &count.into()), "{filter}");
        let mut stream = api.ask(TOKEN, &format!("/hunts/{HUNT}/results?{filter}"));
        let text = stream.body_mut().read_to_string().unwrap();
        let rows: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(paths(&serde_json::json!({ "rows": rows })), found, "{filter}");
    }
    let part = api.well(&format!("/hunts/{HUNT}/rows?status=denied&limit=3"));
    assert_eq!(part["found"], Value::Null, "not known yet");
}

#[test]
fn the_stream_has_a_limit_and_is_written_as_csv() {
    let api = api();
    let mut csv = api.ask(TOKEN, &format!("/hunts/{HUNT}/results?format=csv&status=ok&limit=2"));
    assert_eq!(csv.headers()["content-type"], "text/csv; charset=utf-8");
    let text = csv.body_mut().read_to_string().unwrap();
    let lines: Vec<_> = text.split("\r\n").collect();
    assert_eq!(lines.len(), 4, "{text}");
    assert!(lines[0].starts_with("hunt,agent,host,path,path_b64,kind,status"), "{text}");
    assert!(lines[1].starts_with(&format!("{HUNT},a-1,host-of-a-1,/srv/one-1,,file,ok")), "{text}");
    let mut none = api.ask(TOKEN, &format!("/hunts/{HUNT}/results?format=csv&agent=a-9"));
    assert_eq!(none.body_mut().read_to_string().unwrap().lines().count(), 1, "the head alone");
}

#[test]
fn sorted_rows_come_in_parts_too() {
    let api = api();
    for (query, first, last) in
        [("sort=-size&limit=9", 29, 0), ("sort=size&limit=500", 0, 29), ("sort=size", 0, 29)]
    {
        let (mut parts, mut cursor) = (Vec::new(), String::new());
        loop {
            let part = api.well(&format!("/hunts/{HUNT}/rows?{query}{cursor}"));
            if part["complete"] == true {
                let sizes = part["rows"].as_array().unwrap().iter();
                parts.extend(sizes.map(|row| row["size"].as_u64().unwrap()));
                assert_eq!(part["found"], 70);
            }
            let Some(next) = part["next"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!((parts.len(), parts[0], parts[69]), (70, first, last), "{query}");
        let is_descending = query.contains('-');
        assert!(parts.is_sorted_by(|a, b| if is_descending { a >= b } else { a <= b }));
    }
    // What was found so far is forgotten: it is found again.
    let part = api.well(&format!("/hunts/{HUNT}/rows?sort=-size&limit=40"));
    let next = part["next"].as_str().unwrap();
    for n in 0..20 {
        api.well(&format!("/hunts/{HUNT}/rows?sort=-size&limit=1&max_size={n}"));
    }
    let rest = api.well(&format!("/hunts/{HUNT}/rows?sort=-size&limit=40&cursor={next}"));
    assert_eq!(paths(&rest).len(), 30);
}

#[test]
fn what_makes_no_sense_is_refused_with_what_would() {
    let api = api();
    let rows = |query: &str| api.refused(400, &format!("/hunts/{HUNT}/rows?{query}"));
    for (query, cause) in [
        ("limit=0", "limit is 0"),
        ("limit=501", "limit is 501"),
        ("limit=x", "\"x\" is none"),
        ("limit=1&limit=2", "\"limit\" is given twice"),
        ("sort=colour", "sort is \"colour\""),
        ("sort=-walk", "sort is \"-walk\""),
        ("sort=cpu_ms", "sort is \"cpu_ms\""),
        ("colour=red", "\"colour\" is no filter of rows of file_hash"),
        ("follow=true", "\"follow\" is no filter"),
        ("pid=1", "have no column \"pid\""),
        ("status=fine", "status: \"fine\" is none of ok, cached"),
        ("path=%5B", "path: pattern `[`"),
        ("hash=abc", "hash: 3 digits"),
        ("cursor=zz", "no `next` of any page"),
    ] {
        assert!(rows(query).contains(cause), "{query}: {}", rows(query));
    }
    let next = api.well(&format!("/hunts/{HUNT}/rows?limit=1&status=ok"))["next"].clone();
    let next = next.as_str().unwrap();
    for other in ["", "&status=denied", "&status=ok&agent=a-1", "&status=ok&sort=size"] {
        let cause = rows(&format!("limit=1&cursor={next}{other}"));
        assert!(cause.contains("another question"), "{other}: {cause}");
    }
    let stream = |query: &str| api.refused(400, &format!("/hunts/{HUNT}/results?{query}"));
    for (query, cause) in [
        ("format=xml", "format is \"xml\""),
        ("follow=yes", "follow is \"yes\""),
        ("limit=-1", "\"-1\" is none"),
        ("sort=size", "\"sort\" is no filter"),
        ("uid=root", "uid: \"root\" is no number"),
    ] {
        assert!(stream(query).contains(cause), "{query}: {}", stream(query));
    }
    api.refused(404, "/hunts/ffff/rows");
}

#[test]
fn processes_have_columns_of_their_own() {
    let api = Api::new();
    let args = processes::Processes::default();
    let start = HuntStart::new(&processes::Running, &args).unwrap();
    api.write(request(HUNT, Kind::HuntStart, wire::encode(&start).unwrap(), &["a-1"]));
    let rows = format!("/hunts/{HUNT}/rows");
    for good in ["pid=1", "exe_state=deleted", "comm=sh*&uid=0", "sort=-cpu_ms", "exe=/usr/**"] {
        assert_eq!(api.well(&format!("{rows}?{good}"))["complete"], true, "{good}");
    }
    for bad in ["min_size=1", "newer=1d", "path=x", "mode=4000", "kind=file"] {
        let cause = api.refused(400, &format!("{rows}?{bad}"));
        assert!(cause.contains("rows of processes have no column"), "{cause}");
    }
    assert!(api.refused(400, &format!("{rows}?sort=size")).contains("sort is"));
}

#[test]
fn errors_are_gathered_by_cause() {
    let api = api();
    let errors = api.well(&format!("/hunts/{HUNT}/errors"));
    assert_eq!((&errors["complete"], &errors["looked_at"]), (&true.into(), &70.into()));
    let cause = &errors["causes"][0];
    assert_eq!((&cause["name"], &cause["count"]), (&"EACCES".into(), &24.into()));
    assert_eq!((&cause["agents"], &errors["folders"][0]["path"]), (&2.into(), &"/srv".into()));
    api.write(chunk(HUNT, "a-3", 1, 0, files("late-", 3)));
    let errors = api.well(&format!("/hunts/{HUNT}/errors"));
    assert_eq!((&errors["causes"][0]["count"], &errors["total"]), (&25.into(), &73.into()));
    assert!(api.refused(400, &format!("/hunts/{HUNT}/errors?errno=13")).contains("errno"));
    api.refused(404, "/hunts/ffff/errors");
}
