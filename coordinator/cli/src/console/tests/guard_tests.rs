//! Each guard, by requests that only it refuses.

use muster_pages::confine::{DATA_POLICY, PAGE_POLICY};
use muster_protocol::limits::CONSOLE_GUESSES_MAX;

use super::bench::{Bench, Session, Upstream, document, good, with};

fn bench() -> (Upstream, Bench) {
    let upstream = Upstream::answering(|_| document("{}"));
    let bench = Bench::new(&upstream.url, &[]);
    (upstream, bench)
}

/// Sends a request for data that is good but for one header.
fn but(bench: &Bench, session: &Session, line: &str, name: &str, value: &str) -> u16 {
    let host = bench.host();
    bench.send(line, &with(&good(&host, session), name, value), b"").status
}

const AGENTS: &str = "GET /api/v1/agents";

#[test]
fn guard_1_only_our_own_names_are_answered_to() {
    let (upstream, bench) = bench();
    let (session, port) = (bench.session(), bench.address().port());
    let other = if port == 80 { 81 } else { 80 };
    let good_names = ["127.0.0.1", "localhost", "[::1]"].map(|name| format!("{name}:{port}"));
    for host in &good_names {
        assert_eq!(but(&bench, &session, AGENTS, "Host", host), 200, "{host}");
    }
    let before = upstream.asked().len();
    for host in [
        "rebound.example".to_owned(),
        format!("rebound.example:{port}"),
        format!("127.0.0.1.rebound.example:{port}"),
        format!("127.0.0.1:{other}"),
        "127.0.0.1".to_owned(),
        format!("LOCALHOST:{port}"),
        format!("localhost.:{port}"),
        format!("127.0.0.2:{port}"),
        format!("user@127.0.0.1:{port}"),
    ] {
        for line in
            [AGENTS, "GET /", "GET /assets/app.js", "GET /console/session", "POST /console/session"]
        {
            assert_eq!(but(&bench, &session, line, "Host", &host), 421, "{host} {line}");
        }
    }
    assert_eq!(but(&bench, &session, AGENTS, "Host", ""), 421);
    let host = bench.host();
    let proxied = "GET http://rebound.example/api/v1/agents";
    assert_eq!(bench.send(proxied, &good(&host, &session), b"").status, 421);
    let mut twice = good(&host, &session);
    twice.push(("Host", "rebound.example"));
    assert!(matches!(bench.send(AGENTS, &twice, b"").status, 400 | 421));
    assert_eq!(upstream.asked().len(), before, "the coordinator was asked nothing");
}

#[test]
fn guard_2_documents_may_be_navigated_to_from_anywhere() {
    let (_, bench) = bench();
    let host = bench.host();
    for site in ["cross-site", "same-site", "none", "same-origin"] {
        let headers =
            [("Host", host.as_str()), ("Sec-Fetch-Site", site), ("Sec-Fetch-Dest", "document")];
        for path in ["GET /", "GET /hunts/0199", "GET /agents/a?tab=1"] {
            let answer = bench.send(path, &headers, b"");
            assert!(matches!(answer.status, 200 | 503), "{site} {path}: {}", answer.status);
            assert!(answer.header("set-cookie").is_none());
        }
    }
}

#[test]
fn guard_2_only_our_own_page_may_ask() {
    let (upstream, bench) = bench();
    let session = bench.session();
    let host = bench.host();
    let before = upstream.asked().len();
    for line in [
        AGENTS,
        "GET /console/session",
        "POST /console/drafts",
        "DELETE /console/session",
        "GET /api",
        "GET /console/x",
    ] {
        for site in ["", "cross-site", "same-site", "none"] {
            assert_eq!(but(&bench, &session, line, "Sec-Fetch-Site", site), 403, "{line} {site}");
        }
        for origin in
            ["null", "http://elsewhere.example", "http://127.0.0.1:1", &format!("https://{host}")]
        {
            assert_eq!(but(&bench, &session, line, "Origin", origin), 403, "{line} {origin}");
        }
    }
    // The exchange and a download stand on secrets of their own, but not from elsewhere.
    let elsewhere =
        [("Host", host.as_str()), ("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Dest", "empty")];
    assert_eq!(bench.send("POST /console/session", &elsewhere, b"{}").status, 403);
    assert_eq!(bench.send("GET /console/downloads/x", &elsewhere, b"").status, 403);
    assert_eq!(upstream.asked().len(), before, "the coordinator was asked nothing");
    assert_eq!(but(&bench, &session, AGENTS, "Origin", &format!("http://{host}")), 200);
}

#[test]
fn guard_2_a_cookie_alone_opens_nothing_and_neither_does_the_secret() {
    for line in [
        AGENTS,
        "GET /api/v1/events?topic=agents",
        "GET /console/session",
        "POST /console/drafts",
        "POST /console/downloads",
    ] {
        let (upstream, bench) = bench();
        let (mine, other) = (bench.session(), bench.session());
        let before = upstream.asked().len();
        for (name, value) in [
            ("X-Muster-Console", ""),
            ("X-Muster-Console", "guessed"),
            ("X-Muster-Console", other.secret.as_str()),
            ("Cookie", ""),
            ("Cookie", other.cookie.as_str()),
            ("Cookie", &mine.cookie.replace("muster-", "other-")),
        ] {
            assert_eq!(but(&bench, &mine, line, name, value), 401, "{line} {name} {value}");
        }
        assert_eq!(upstream.asked().len(), before, "the coordinator was asked nothing");
    }
    let (_upstream, bench) = bench();
    let (mine, other) = (bench.session(), bench.session());
    let host = bench.host();
    let answer = bench.send(AGENTS, &with(&good(&host, &mine), "Cookie", ""), b"");
    assert_eq!(answer.header("x-muster-console"), Some("session-over"));
    assert_eq!(bench.ask(&mine, AGENTS, "").status, 200);
    assert_eq!(bench.ask(&mine, "DELETE /console/session", "").status, 204);
    assert_eq!(bench.ask(&mine, AGENTS, "").status, 401, "it is over");
    assert_eq!(bench.ask(&other, AGENTS, "").status, 200, "the other one is not");
}

#[test]
fn guard_6_wrong_secrets_are_refused_after_ten() {
    let (upstream, bench) = bench();
    let session = bench.session();
    let before = upstream.asked().len();
    for n in 0..CONSOLE_GUESSES_MAX {
        let guess = format!("guess-{n}");
        assert_eq!(but(&bench, &session, AGENTS, "X-Muster-Console", &guess), 401, "{n}");
        assert_eq!(bench.exchange(&guess).status, 401, "{n}");
    }
    assert_eq!(but(&bench, &session, AGENTS, "X-Muster-Console", "guess"), 429);
    assert_eq!(bench.exchange("guess").status, 429);
    assert_eq!(bench.exchange(&bench.code()).status, 429, "not even a right one is looked at");
    assert_eq!(upstream.asked().len(), before, "the coordinator was asked nothing");
    assert_eq!(bench.ask(&session, AGENTS, "").status, 200, "who has both goes on");
}

#[test]
fn guard_2_a_code_is_exchanged_once() {
    let (_, bench) = bench();
    let code = bench.code();
    let answer = bench.exchange(&code);
    assert_eq!(answer.status, 200);
    let cookie = answer.header("set-cookie").unwrap();
    let name = format!("muster-{}=", bench.address().port());
    assert!(cookie.starts_with(&name), "{cookie}");
    for part in ["; HttpOnly", "; SameSite=Strict", "; Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!answer.text().contains(cookie.split(['=', ';']).nth(1).unwrap()), "two secrets");
    for code in [&code, "", "guessed"] {
        let refused = bench.exchange(code);
        assert_eq!((refused.status, refused.header("set-cookie")), (401, None), "{code}");
    }
}

#[test]
fn guard_3_an_answer_never_becomes_a_document_and_nobody_else_may_read_it() {
    let (_, bench) = bench();
    let session = bench.session();
    for line in [AGENTS, "GET /console/session", "POST /console/session", "GET /api/v1/x.js"] {
        for dest in [
            "",
            "document",
            "iframe",
            "frame",
            "embed",
            "object",
            "script",
            "style",
            "image",
            "worker",
            "serviceworker",
            "sharedworker",
            "font",
        ] {
            assert_eq!(but(&bench, &session, line, "Sec-Fetch-Dest", dest), 403, "{line} {dest}");
        }
    }
    let host = bench.host();
    let mut preflight = good(&host, &session);
    preflight.push(("Origin", "http://elsewhere.example"));
    preflight.push(("Access-Control-Request-Method", "GET"));
    for line in [
        AGENTS,
        "GET /",
        "OPTIONS /api/v1/agents",
        "OPTIONS /",
        "OPTIONS /console/session",
        "GET /api/v1/none",
    ] {
        let answer = bench.send(line, &preflight, b"");
        let cors = answer.headers.iter().find(|(name, _)| name.starts_with("access-control-"));
        assert_eq!(cors, None, "{line}");
    }
}

#[test]
fn guard_4_every_answer_with_data_is_confined() {
    let (_, bench) = bench();
    let session = bench.session();
    for line in [
        AGENTS,
        "GET /console/session",
        "GET /api",
        "GET /console/none",
        "POST /console/drafts",
        "DELETE /api/v1/agents",
    ] {
        let answer = bench.ask(&session, line, "");
        assert_eq!(answer.header("content-security-policy"), Some(DATA_POLICY), "{line}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{line}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{line}");
        assert_eq!(answer.header("cross-origin-resource-policy"), Some("same-origin"), "{line}");
    }
    assert_eq!(DATA_POLICY, "sandbox; default-src 'none'");
}

#[test]
fn guard_5_pages_run_nothing_but_their_own_script() {
    let (_, bench) = bench();
    let host = bench.host();
    let headers = [("Host", host.as_str())];
    for path in
        ["GET /", "GET /hunts/x", "GET /assets/app.js", "GET /assets/none", "POST /", "GET /apis"]
    {
        let answer = bench.send(path, &headers, b"");
        assert_eq!(answer.header("content-security-policy"), Some(PAGE_POLICY), "{path}");
        for (name, value) in [
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{path} {name}");
        }
        let permissions = answer.header("permissions-policy").unwrap();
        assert!(permissions.split(", ").all(|one| one.ends_with("=()")), "{permissions}");
    }
    assert_eq!(
        PAGE_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; \
         worker-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'"
    );
}

#[test]
fn guard_6_a_request_is_launched_in_one_way_only() {
    let (upstream, bench) = bench();
    let session = bench.session();
    let before = upstream.asked().len();
    for line in [
        "POST /api/v1/requests",
        "POST /api/v1/lists",
        "POST /api/v1/agents",
        "POST /api/v1/agents/a/quarantine",
        "PUT /api/v1/agents/a",
        "DELETE /api/v1/hunts/a",
        "PATCH /api/v1/hunts/a",
        "GET /api/v1/agents/a/revoke",
        "POST /console/drafts/x",
    ] {
        let status = bench.ask(&session, line, "{}").status;
        assert!(matches!(status, 404 | 405), "{line}: {status}");
    }
    assert_eq!(bench.ask(&session, "POST /api/v1/requests", "{}").status, 405);
    let wrong = bench.ask(&session, "POST /api/v1/agents/web-1/revoke", r#"{"confirm":"web"}"#);
    assert_eq!(wrong.status, 409, "{}", wrong.text());
    assert_eq!(upstream.asked().len(), before, "the coordinator was asked nothing");
    let right = bench.ask(&session, "POST /api/v1/agents/web-1/revoke", r#"{"confirm":"web-1"}"#);
    assert_eq!(right.status, 200, "{}", right.text());
    let last = upstream.asked().pop().unwrap();
    assert_eq!(last.line, "POST /api/v1/agents/web-1/revoke HTTP/1.1");
}

#[test]
fn a_console_that_only_reads_changes_nothing() {
    let upstream = Upstream::answering(|_| document("{}"));
    let bench = Bench::new(&upstream.url, &["--read-only"]);
    let session = bench.session();
    let view = bench.ask(&session, "GET /console/session", "").json();
    assert_eq!(view["mode"], "read_only");
    assert!(view["why"]["cause"].as_str().unwrap().contains("--read-only"), "{view}");
    let before = upstream.asked().len();
    for (line, body) in [
        ("POST /console/drafts", r#"{"kind":"hunt","fields":{"root":["/a"]}}"#),
        ("POST /api/v1/agents/web-1/revoke", r#"{"confirm":"web-1"}"#),
        ("POST /api/v1/agents/web-1/release", r#"{"confirm":"web-1"}"#),
        ("POST /api/v1/symbols", "x"),
    ] {
        assert_eq!(bench.ask(&session, line, body).status, 403, "{line}");
    }
    assert_eq!(upstream.asked().len(), before);
    assert_eq!(bench.ask(&session, "POST /api/v1/targets/preview", "{}").status, 200);
}
