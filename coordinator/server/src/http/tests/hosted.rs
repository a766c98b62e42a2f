//! The hosted console: each guard, by requests that only it refuses.

use muster_pages::confine::{DATA_POLICY, PAGE_POLICY};
use muster_protocol::limits::CONSOLE_GUESSES_MAX;
use serde_json::json;

use super::*;

const HOSTED: &str = "[console]\nhosted = true\n";
/// Read at the start alone: what listens here speaks no TLS, only the guard takes it for that.
const WITH_TLS: &str = "[tls]\ncert = \"c\"\nkey = \"k\"\n[console]\nhosted = true\n";

type Answer = ureq::http::Response<ureq::Body>;
type Headers<'a> = Vec<(&'a str, &'a str)>;

/// Headers with which our own page asks.
const OURS: [(&str, &str); 2] = [("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Dest", "empty")];

/// The secrets of a session, as its browser has them.
struct Session {
    cookie: String,
    secret: String,
}

impl Session {
    fn headers(&self) -> Headers<'_> {
        let own = [("Cookie", self.cookie.as_str()), ("X-Muster-Console", self.secret.as_str())];
        OURS.into_iter().chain(own).collect()
    }

    /// The same with one header set, or left out where the value is empty.
    fn but<'a>(&'a self, name: &'a str, value: &'a str) -> Headers<'a> {
        let others = self.headers().into_iter().filter(|(known, _)| *known != name);
        others.chain((!value.is_empty()).then_some((name, value))).collect()
    }
}

fn send(api: &Api, line: &str, headers: &[(&str, &str)], body: Option<&Value>) -> Answer {
    let (method, path) = line.split_once(' ').unwrap();
    let mut request = ureq::http::Request::builder().method(method);
    request = request.uri(format!("{}{path}", api.url));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).build().into();
    match body {
        Some(body) => {
            let request = request.header("Content-Type", "application/json");
            agent.run(request.body(body.to_string()).unwrap()).unwrap()
        }
        None => agent.run(request.body(()).unwrap()).unwrap(),
    }
}

fn status(api: &Api, line: &str, headers: &[(&str, &str)]) -> u16 {
    send(api, line, headers, None).status().as_u16()
}

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

fn document(mut answer: Answer) -> Value {
    serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap()
}

fn give(api: &Api, token: &str) -> Answer {
    send(api, "POST /console/session", &OURS, Some(&json!({ "token": token })))
}

fn session(api: &Api) -> Session {
    let answer = give(api, TOKEN);
    assert_eq!(answer.status(), 200);
    let cookie = header(&answer, "set-cookie").split(';').next().unwrap().to_owned();
    let secret = document(answer)["secret"].as_str().unwrap().to_owned();
    Session { cookie, secret }
}

const AGENTS: &str = "GET /api/v1/agents";
const SESSION: &str = "/console/session";

#[test]
fn nothing_is_hosted_unless_it_is_asked_for() {
    for api in [Api::new(), Api::with("[console]\n")] {
        for line in ["GET /", "GET /hunts/x", "GET /assets/app.js", "GET /console/session"] {
            let answer = send(&api, line, &[("Sec-Fetch-Dest", "document")], None);
            assert_eq!(
                (answer.status().as_u16(), header(&answer, "set-cookie")),
                (404, ""),
                "{line}"
            );
            assert_ne!(header(&answer, "content-security-policy"), PAGE_POLICY, "{line}");
        }
        assert_eq!(give(&api, TOKEN).status(), 404);
        let page = [("Cookie", "muster=x"), ("X-Muster-Console", "x")];
        let answer = send(&api, AGENTS, &page, None);
        assert_eq!(header(&answer, "x-muster-console"), "", "only a token counts");
        assert_eq!(document(answer)["cause"], "there is none");
    }
}

#[test]
fn pages_are_confined_and_may_be_navigated_to_from_anywhere() {
    let api = Api::with(HOSTED);
    for site in ["cross-site", "same-site", "none", "same-origin"] {
        for line in ["GET /", "GET /hunts/0199", "GET /apis"] {
            let headers = [("Sec-Fetch-Site", site), ("Sec-Fetch-Dest", "document")];
            let answer = send(&api, line, &headers, None);
            assert!(matches!(answer.status().as_u16(), 200 | 503), "{site} {line}");
            assert_eq!(header(&answer, "content-security-policy"), PAGE_POLICY);
            assert_eq!(header(&answer, "cross-origin-opener-policy"), "same-origin");
            assert_eq!(header(&answer, "x-content-type-options"), "nosniff");
            assert_eq!(header(&answer, "set-cookie"), "");
        }
    }
    let answer = send(&api, "GET /assets/app.js", &[], None);
    if muster_pages::assets::are_built_in() {
        let etag = header(&answer, "etag").to_owned();
        assert_eq!(status(&api, "GET /assets/app.js", &[("If-None-Match", &etag)]), 304);
    }
    for line in ["GET /api", "GET /api/v2/x", "GET /console", "GET /console/source"] {
        let answer = send(&api, line, &[("Sec-Fetch-Dest", "document")], None);
        assert_eq!(answer.status(), 404, "{line}");
        assert_eq!(header(&answer, "content-security-policy"), DATA_POLICY, "{line}");
        let error = document(answer)["error"].as_str().unwrap().to_owned();
        assert!(
            error.starts_with("no endpoint "),
            "the page disables what it does not find: {error}"
        );
    }
}

#[test]
fn a_token_opens_a_session_that_only_reads() {
    let api = Api::with(HOSTED);
    let answer = give(&api, TOKEN);
    let cookie = header(&answer, "set-cookie").to_owned();
    let (pair, attributes) = cookie.split_once("; ").unwrap();
    assert_eq!(attributes, "Path=/; HttpOnly; SameSite=Strict");
    let value = pair.strip_prefix("muster=").unwrap();
    let view = document(answer);
    assert_eq!((value.len(), view["secret"].as_str().unwrap().len()), (64, 64), "256 bits each");
    assert_ne!(view["secret"], value, "two secrets");
    assert_eq!((&view["mode"], &view["hosted"]), (&json!("read_only"), &json!(true)));
    // The token of these tests is called as the field of the second secret.
    let told = view.to_string().replace("\"secret\":", "");
    assert!(!told.contains(TOKEN), "the token stays behind");
    let session = session(&api);
    for line in [AGENTS, "GET /console/session", "GET /api/v1/search?q=a"] {
        let answer = send(&api, line, &session.headers(), None);
        assert_eq!(answer.status(), 200, "{line}");
        assert_eq!(header(&answer, "content-security-policy"), DATA_POLICY, "{line}");
        assert_eq!(header(&answer, "cache-control"), "no-store", "{line}");
        assert_eq!(header(&answer, "access-control-allow-origin"), "", "{line}");
    }
    assert!(
        document(send(&api, "GET /console/session", &session.headers(), None))
            .get("secret")
            .is_none()
    );
    assert_eq!(status(&api, "DELETE /console/session", &session.headers()), 204);
    assert_eq!(status(&api, AGENTS, &session.headers()), 401, "it is over");
}

#[test]
fn the_cookie_is_secure_with_tls_and_without_it_stays_on_this_machine() {
    let api = Api::with(WITH_TLS);
    let own = api.url.replace("http:", "https:");
    let headers = [OURS[0], OURS[1], ("Origin", own.as_str())];
    let body = json!({ "token": TOKEN });
    let answer = send(&api, "POST /console/session", &headers, Some(&body));
    let cookie = header(&answer, "set-cookie");
    assert!(cookie.starts_with("__Host-muster="), "{cookie}");
    assert!(cookie.ends_with("; Path=/; Secure; HttpOnly; SameSite=Strict"), "{cookie}");
    let headers = [OURS[0], OURS[1], ("Origin", api.url.as_str())];
    assert_eq!(send(&api, "POST /console/session", &headers, Some(&body)).status(), 403, "plain");

    let api = Api::at("hosts = [\"muster.example.org\"]\n", HOSTED);
    let headers = [OURS[0], OURS[1], ("Host", "muster.example.org")];
    let answer = send(&api, "POST /console/session", &headers, Some(&body));
    assert_eq!((answer.status().as_u16(), header(&answer, "set-cookie")), (403, ""));
    assert_eq!(give(&api, TOKEN).status(), 200, "on loopback");
}

#[test]
fn a_cookie_alone_opens_nothing_and_neither_does_the_secret() {
    let api = Api::with(HOSTED);
    let (mine, other) = (session(&api), session(&api));
    for line in [
        AGENTS,
        "GET /api/v1/events?topic=agents",
        "GET /console/session",
        "DELETE /console/session",
    ] {
        for (name, value) in [
            ("X-Muster-Console", ""),
            ("X-Muster-Console", other.secret.as_str()),
            ("Cookie", ""),
            ("Cookie", other.cookie.as_str()),
            ("Cookie", &mine.cookie.replace("muster", "__Host-muster")),
        ] {
            let answer = send(&api, line, &mine.but(name, value), None);
            // Guesses are counted, and all of these but one are such.
            assert!(matches!(answer.status().as_u16(), 401 | 429), "{line} {name} {value}");
            assert_eq!(header(&answer, "x-muster-console"), "session-over");
            assert_eq!(header(&answer, "x-muster-opens-with"), "token");
        }
    }
    assert_eq!(status(&api, AGENTS, &mine.headers()), 200);
    assert_eq!(status(&api, AGENTS, &other.headers()), 200);
}

#[test]
fn only_our_own_page_may_ask() {
    let api = Api::with(HOSTED);
    let session = session(&api);
    for line in [AGENTS, "GET /console/session", "DELETE /console/session", "POST /console/session"]
    {
        let ask = |name: &str, value: &str| {
            let token = json!({ "token": TOKEN });
            let body = line.starts_with("POST").then_some(&token);
            send(&api, line, &session.but(name, value), body).status().as_u16()
        };
        for site in ["", "cross-site", "same-site", "none"] {
            assert_eq!(ask("Sec-Fetch-Site", site), 403, "{line} {site}");
        }
        for origin in [
            "null",
            "http://elsewhere.example",
            "http://127.0.0.1:1",
            &api.url.replace("http", "https"),
        ] {
            assert_eq!(ask("Origin", origin), 403, "{line} {origin}");
        }
        for dest in ["", "document", "iframe", "script", "style", "image", "worker"] {
            assert_eq!(ask("Sec-Fetch-Dest", dest), 403, "{line} {dest}");
        }
    }
    assert_eq!(status(&api, AGENTS, &session.but("Origin", &api.url)), 200);
    assert_eq!(status(&api, AGENTS, &session.but("Host", "rebound.example")), 403);
}

#[test]
fn a_session_writes_nothing_whatever_its_token_may_do() {
    let api = Api::with(HOSTED);
    api.write(hunt(HUNT, &["a-1"]));
    let session = session(&api);
    let source = include_str!("../mod.rs");
    let mut refused = 0;
    for call in source.split(".route(").skip(1) {
        let path = call.split('"').nth(1).unwrap();
        let line = &call[..call.find('\n').unwrap_or(call.len())];
        let asked = path.replace("{id}", &HUNT.to_string()).replace(['{', '}'], "");
        if line.contains("post(") && path != "/targets/preview" {
            let line = format!("POST /api/v1{asked}");
            let answer = send(&api, &line, &session.headers(), Some(&json!({})));
            assert_eq!(answer.status(), 403, "{line}");
            refused += 1;
        }
    }
    assert!(refused > 5, "{refused}");
    for method in ["PUT", "DELETE", "PATCH"] {
        let line = format!("{method} /api/v1/hunts/{HUNT}");
        assert!(matches!(status(&api, &line, &session.headers()), 403 | 405), "{line}");
    }
    let (expr, line) = (json!({ "expr": "all" }), "POST /api/v1/targets/preview");
    assert_eq!(send(&api, line, &session.headers(), Some(&expr)).status(), 200);
    // The same token in the header does what it did before.
    let enrol = api.post(TOKEN, "/agents", &json!({}));
    assert!(![401, 403].contains(&enrol), "{enrol}");
    assert_eq!(api.ask(TOKEN, "/agents").status(), 200);
}

#[test]
fn wrong_tokens_are_refused_after_ten() {
    let api = Api::with(HOSTED);
    let session = session(&api);
    for n in 0..CONSOLE_GUESSES_MAX {
        let answer = give(&api, &format!("guess-{n}"));
        assert_eq!((answer.status().as_u16(), header(&answer, "set-cookie")), (401, ""), "{n}");
    }
    assert_eq!(give(&api, "guess").status(), 429);
    assert_eq!(give(&api, TOKEN).status(), 429, "not even a right one is looked at");
    assert_eq!(status(&api, AGENTS, &session.headers()), 200, "a session that is open goes on");
    assert_eq!(api.ask(TOKEN, "/agents").status(), 200, "and so does a token in the header");
}

#[test]
fn a_token_for_metrics_opens_no_session() {
    let digest = muster_protocol::hex::encode(&Sha256::digest("scrapes"));
    let token = format!("[[tokens]]\nname = \"p\"\nsha256 = \"{digest}\"\nrole = \"metrics\"\n");
    let api = Api::with(&format!("{token}{HOSTED}"));
    assert_eq!(give(&api, "scrapes").status(), 403);
    assert_eq!(give(&api, VIEWER).status(), 200);
    let answer = send(&api, &format!("POST {SESSION}"), &OURS, Some(&json!({ "code": TOKEN })));
    assert_eq!(answer.status(), 400, "no such field");
}
