//! What a hostile coordinator sends, and what of it reaches the browser.

use std::io::{ErrorKind, Read, Write};
use std::sync::mpsc;
use std::time::Duration;

use super::bench::{Bench, TOKEN, Upstream, answer, document, good, head};

#[test]
fn guard_4_of_an_answer_little_passes() {
    let hostile = "200 OK\r\nContent-Type: text/html\r\nSet-Cookie: muster-1=x; Path=/\r\n\
        Location: http://elsewhere.example/\r\nLink: </x>; rel=preload\r\nRefresh: 0; url=file:///etc/passwd\r\n\
        Content-Encoding: identity\r\nAccess-Control-Allow-Origin: *\r\nX-Muster-Console: session-over\r\n\
        Content-Disposition: inline\r\nContent-Security-Policy: script-src *\r\nETag: \"7\"\r\nRetry-After: 3\r\n\
        Clear-Site-Data: \"*\"\r\nService-Worker-Allowed: /\r\nCache-Control: public";
    let upstream = Upstream::answering(move |asked| {
        let svg = "200 OK\r\nContent-Type: image/svg+xml";
        match asked.line.as_str() {
            line if line.contains("/svg") => answer(svg, "<svg onload='alert(1)'/>"),
            line if line.contains("/lines") => {
                answer("200 OK\r\nContent-Type: application/jsonl", "{}\n")
            }
            line if line.contains("/json") => document("{}"),
            _ => answer(hostile, "<script>alert(1)</script>"),
        }
    });
    let bench = Bench::new(&upstream.url, &[]);
    let session = bench.session();
    let page = bench.ask(&session, "GET /api/v1/html", "");
    assert_eq!((page.status, page.text().as_str()), (200, "<script>alert(1)</script>"));
    let wanted = [
        ("cache-control", "no-store"),
        ("content-disposition", "attachment"),
        ("content-length", "25"),
        ("content-security-policy", "sandbox; default-src 'none'"),
        ("content-type", "application/octet-stream"),
        ("cross-origin-resource-policy", "same-origin"),
        ("etag", "\"7\""),
        ("referrer-policy", "no-referrer"),
        ("retry-after", "3"),
        ("x-content-type-options", "nosniff"),
    ];
    let mut found = page.headers;
    found.retain(|(name, _)| !matches!(name.as_str(), "date" | "connection"));
    found.sort();
    assert_eq!(found, wanted.map(|(name, value)| (name.to_owned(), value.to_owned())));
    for (path, media, place) in [
        ("svg", "application/octet-stream", Some("attachment")),
        ("lines", "application/jsonl", Some("attachment")),
        ("json", "application/json", None),
    ] {
        let answer = bench.ask(&session, &format!("GET /api/v1/{path}"), "");
        assert_eq!(answer.header("content-type"), Some(media));
        assert_eq!(answer.header("content-disposition"), place, "{path}");
    }
}

#[test]
fn guard_4_no_redirect_is_followed() {
    let target = Upstream::answering(|_| document("\"reached\""));
    let elsewhere = target.url.clone();
    let upstream = Upstream::answering(move |asked| {
        let to = if asked.line.contains("file") { "file:///etc/passwd" } else { &elsewhere };
        let status =
            if asked.line.contains("307") { "307 Temporary Redirect" } else { "302 Found" };
        answer(&format!("{status}\r\nLocation: {to}"), "")
    });
    let bench = Bench::new(&upstream.url, &[]);
    let session = bench.session();
    for path in ["302", "307", "file"] {
        let answer = bench.ask(&session, &format!("GET /api/v1/{path}"), "");
        assert_eq!((answer.status, answer.header("location")), (502, None), "{path}");
        assert!(answer.json()["cause"].as_str().unwrap().contains("redirect"));
    }
    assert!(target.asked().is_empty());
}

#[test]
fn the_token_goes_to_the_coordinator_and_nothing_of_the_browser_does() {
    let upstream = Upstream::answering(|_| document("{}"));
    let bench = Bench::new(&upstream.url, &[]);
    let session = bench.session();
    let host = bench.host();
    let mut headers = good(&host, &session);
    headers.push(("Authorization", "Bearer of-the-page"));
    headers.push(("Last-Event-ID", "17"));
    headers.push(("X-Forwarded-For", "10.0.0.1"));
    let answer = bench.send("GET /api/v1/agents?q=%3Cx&limit=5", &headers, b"");
    assert!(!format!("{:?}{}", answer.headers, answer.text()).contains(TOKEN));
    let asked = upstream.asked().pop().unwrap();
    assert_eq!(asked.line, "GET /api/v1/agents?q=%3Cx&limit=5 HTTP/1.1");
    assert_eq!(asked.headers["authorization"], format!("Bearer {TOKEN}"));
    assert_eq!(asked.headers["last-event-id"], "17");
    let sent = format!("{asked:?}");
    for secret in [session.secret.as_str(), session.cookie.as_str(), "of-the-page", "10.0.0.1"] {
        assert!(!sent.contains(secret), "{secret}");
    }
}

#[test]
fn a_coordinator_that_is_away_is_said_in_three_lines_and_comes_back() {
    let bench = Bench::new("http://127.0.0.1:9", &[]);
    let session = bench.session();
    let answer = bench.ask(&session, "GET /api/v1/agents", "");
    assert_eq!(answer.status, 502);
    let body = answer.json();
    assert!(body["error"].as_str().unwrap().contains("cannot reach"), "{body}");
    assert!(body["try"].as_str().unwrap().contains("muster serve"), "{body}");
    assert_eq!(body["code"], 69);
    let view = bench.ask(&session, "GET /console/session", "").json();
    assert_eq!(view["coordinator"]["problem"]["code"], 69);
    assert_eq!((&view["mode"], &view["operator"]["name"]), (&"sign".into(), &"ada".into()));

    // A token that is written later is read then.
    let upstream = Upstream::answering(|_| document("{}"));
    let bench = Bench::new(&upstream.url, &[]);
    std::fs::rename(bench.dir.join("token"), bench.dir.join("later")).unwrap();
    let session = bench.session();
    assert_eq!(bench.ask(&session, "GET /api/v1/agents", "").status, 400);
    std::fs::rename(bench.dir.join("later"), bench.dir.join("token")).unwrap();
    assert_eq!(bench.ask(&session, "GET /api/v1/agents", "").status, 200);
}

#[test]
fn a_reader_that_goes_away_ends_the_request_and_one_that_stalls_holds_little() {
    /// What fits into the buffers of two sockets and the console, with room to spare.
    const HELD_BYTES_MAX: usize = 64 << 20;
    let (tell, told) = mpsc::channel();
    let upstream = Upstream::serving(move |asked, stream| {
        if !asked.line.contains("endless") {
            drop(stream.write_all(&document("{}")));
            return;
        }
        let head =
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(2))).unwrap();
        let (line, mut sent) = (vec![b'x'; 65_536], 0);
        let stalled = loop {
            match stream.write(&line) {
                Ok(bytes) if sent < HELD_BYTES_MAX => sent += bytes,
                Ok(_) => break Err("it takes everything"),
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    break Ok(());
                }
                Err(_) => break Err("it went away"),
            }
        };
        tell.send(stalled).unwrap();
        // Now the reader goes: writing must end with an error, not with another time-out.
        stream.set_write_timeout(None).unwrap();
        let ended = loop {
            if let Err(error) = stream.write(&line) {
                break error.kind();
            }
        };
        tell.send(if ended == ErrorKind::WouldBlock { Err("it holds on") } else { Ok(()) })
            .unwrap();
    });
    let bench = Bench::new(&upstream.url, &[]);
    let session = bench.session();
    let host = bench.host();
    let mut stream = bench.connect();
    stream.write_all(head("GET /api/v1/endless", &good(&host, &session)).as_bytes()).unwrap();
    let mut beginning = [0; 1_000];
    stream.read_exact(&mut beginning).unwrap();
    let wait = Duration::from_mins(1);
    assert_eq!(told.recv_timeout(wait).unwrap(), Ok(()), "of a reader that stalls");
    drop(stream);
    assert_eq!(told.recv_timeout(wait).unwrap(), Ok(()), "of a reader that is gone");
}

#[test]
fn an_answer_that_is_cut_off_is_not_whole() {
    let cut = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n[1,2\r\n";
    let upstream = Upstream::answering(move |asked| {
        if asked.line.contains("cut") { cut.as_bytes().to_vec() } else { document("{}") }
    });
    let bench = Bench::new(&upstream.url, &[]);
    let session = bench.session();
    let host = bench.host();
    let mut stream = bench.connect();
    let mut headers = good(&host, &session);
    headers.push(("Connection", "close"));
    stream.write_all(head("GET /api/v1/cut", &headers).as_bytes()).unwrap();
    let mut all = Vec::new();
    // Whether the end is a reset or an end, the last chunk must not be there.
    drop(stream.read_to_end(&mut all));
    let text = String::from_utf8_lossy(&all);
    assert!(!text.ends_with("0\r\n\r\n"), "{text}");
    assert!(upstream.asked().iter().any(|asked| asked.line.contains("cut")));
}

#[test]
fn a_download_works_once_without_a_session_and_is_a_file() {
    let upstream = Upstream::answering(|asked| {
        if asked.line.contains("results") { document("{\"a\":1}") } else { document("{}") }
    });
    let bench = Bench::new(&upstream.url, &[]);
    let session = bench.session();
    let asked = r#"{"path": "/api/v1/hunts/0199/results?format=csv", "name": "../rows\".csv"}"#;
    let prepared = bench.ask(&session, "POST /console/downloads", asked);
    assert_eq!(prepared.status, 200, "{}", prepared.text());
    let path = prepared.json()["path"].as_str().unwrap().to_owned();
    let host = bench.host();
    let link = [
        ("Host", host.as_str()),
        ("Sec-Fetch-Site", "same-origin"),
        ("Sec-Fetch-Dest", "document"),
    ];
    let file = bench.send(&format!("GET {path}"), &link, b"");
    assert_eq!((file.status, file.text().as_str()), (200, "{\"a\":1}"));
    assert_eq!(file.header("content-disposition"), Some("attachment; filename=\"_rows_.csv\""));
    assert_eq!(bench.send(&format!("GET {path}"), &link, b"").status, 404, "once");
    for bad in
        ["/metrics", "/api/v1/../metrics", "http://elsewhere.example/api/v1/x", "/console/session"]
    {
        let asked = format!(r#"{{"path": "{bad}"}}"#);
        let refused = bench.ask(&session, "POST /console/downloads", &asked);
        assert_eq!(refused.status, 400, "{bad}: {}", refused.text());
    }
}
