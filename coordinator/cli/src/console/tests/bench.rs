//! A console on a port of its own, a fake coordinator, and a client that sends exactly what a test says.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Instant;

use clap::Parser;
use muster_protocol::clock::Clock;

use super::super::{Console, Flags, listen, serve};
use crate::args::{Environment, Typed, Verb};
use crate::keys::{Operator, Root};
use crate::output::{Format, Out};
use crate::settings::Settings;
use crate::{Context, private};

/// The operator's token: it must never reach the browser.
pub(super) const TOKEN: &str = "the-operators-token";

/// What the fake coordinator was asked.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) line: String,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Vec<u8>,
}

/// A fake coordinator.
#[derive(Debug, Clone)]
pub(super) struct Upstream {
    pub(super) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Upstream {
    /// Answers each request with what a function makes of it.
    pub(super) fn answering(answer: impl Fn(&Asked) -> Vec<u8> + Send + 'static) -> Self {
        Self::serving(move |asked, stream| {
            // A client that has seen enough closes its end early.
            drop(stream.write_all(&answer(asked)));
        })
    }

    /// Has a function write the answer, each on a thread of its own.
    pub(super) fn serving(answer: impl Fn(&Asked, &mut TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut reader = BufReader::new(stream.unwrap());
                let Some(one) = read(&mut reader) else { continue };
                record.lock().unwrap().push(one.clone());
                answer(&one, &mut reader.into_inner());
            }
        });
        Self { url, asked }
    }

    /// Returns what it was asked so far.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Asked> {
    let (mut line, mut headers) = (String::new(), BTreeMap::new());
    reader.read_line(&mut line).ok().filter(|bytes| *bytes > 0)?;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).unwrap();
        let Some((name, value)) = header.trim().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let mut body = Vec::new();
    let length = headers.get("content-length").map_or(0, |text| text.parse().unwrap());
    reader.take(length).read_to_end(&mut body).unwrap();
    Some(Asked { line: line.trim().to_owned(), headers, body })
}

/// Makes an answer of the fake coordinator.
pub(super) fn answer(head: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
        .into_bytes()
}

/// Makes an answer that is a document.
pub(super) fn document(body: &str) -> Vec<u8> {
    answer("200 OK\r\nContent-Type: application/json", body)
}

/// A console and what belongs to it.
#[derive(Debug)]
pub(super) struct Bench {
    pub(super) console: Arc<Console>,
    pub(super) operator: Operator,
    pub(super) dir: PathBuf,
    _folder: tempfile::TempDir,
}

/// The secrets of a session, as its browser has them.
#[derive(Debug, Clone)]
pub(super) struct Session {
    pub(super) cookie: String,
    pub(super) secret: String,
}

/// An answer of the console.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// Returns a header, which must come once at most.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(known, _)| known == name);
        let value = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "{name} comes twice");
        value
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

impl Bench {
    /// Starts a console with flags before a coordinator.
    pub(super) fn new(url: &str, flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().to_owned();
        let operator = Root::generate().unwrap().operator("ada", Clock::system().now()).unwrap();
        operator.write(&dir.join("operator.key")).unwrap();
        private::write(&dir.join("token"), TOKEN.as_bytes()).unwrap();
        let words = ["muster", "--url", url, "--dir", dir.to_str().unwrap(), "console"];
        let words = words.iter().chain(["--listen", "127.0.0.1:0"].iter()).chain(flags);
        let typed = Typed::try_parse_from(words).unwrap();
        let Verb::Console(flags) = typed.verb else { panic!("another verb") };
        let environment = Environment {
            token: None,
            home: None,
            is_colourless: true,
            is_dumb: true,
            log: String::new(),
        };
        let settings = Settings::new(&typed.global, &environment);
        let out = Out::new(Format::Table, true, false);
        let context = Context { out, settings, environment, began: Instant::now() };
        let console = started(context, flags);
        Self { console, operator, dir, _folder: folder }
    }

    /// Sends a request as it is, with nothing added but the length of its body.
    pub(super) fn send(&self, line: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut stream = self.connect();
        let length = body.len().to_string();
        let mut headers = headers.to_vec();
        headers.push(("Connection", "close"));
        if !body.is_empty() {
            headers.push(("Content-Length", &length));
        }
        stream.write_all(head(line, &headers).as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        parsed(&all)
    }

    pub(super) fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address()).unwrap()
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.console.address
    }

    pub(super) fn host(&self) -> String {
        self.address().to_string()
    }

    /// Returns a new code.
    pub(super) fn code(&self) -> String {
        super::super::lock(&self.console.sessions).new_code(Instant::now()).unwrap()
    }

    /// Exchanges a code as the page does.
    pub(super) fn exchange(&self, code: &str) -> Answer {
        let host = self.host();
        let headers = [
            ("Host", host.as_str()),
            ("Sec-Fetch-Site", "same-origin"),
            ("Sec-Fetch-Dest", "empty"),
            ("Content-Type", "application/json"),
        ];
        self.send("POST /console/session", &headers, format!(r#"{{"code":"{code}"}}"#).as_bytes())
    }

    /// Opens a session.
    pub(super) fn session(&self) -> Session {
        let answer = self.exchange(&self.code());
        assert_eq!(answer.status, 200, "{}", answer.text());
        let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        let secret = answer.json()["secret"].as_str().unwrap().to_owned();
        Session { cookie, secret }
    }

    /// Asks as the page does, with a session.
    pub(super) fn ask(&self, session: &Session, line: &str, body: &str) -> Answer {
        let host = self.host();
        let mut headers = good(&host, session);
        headers.push(("Content-Type", "application/json"));
        self.send(line, &headers, body.as_bytes())
    }
}

/// Returns the headers with which the page asks.
pub(super) fn good<'a>(host: &'a str, session: &'a Session) -> Vec<(&'a str, &'a str)> {
    vec![
        ("Host", host),
        ("Sec-Fetch-Site", "same-origin"),
        ("Sec-Fetch-Dest", "empty"),
        ("Cookie", &session.cookie),
        ("X-Muster-Console", &session.secret),
    ]
}

/// Returns the head of a request.
pub(super) fn head(line: &str, headers: &[(&str, &str)]) -> String {
    let headers: Vec<_> =
        headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("{line} HTTP/1.1\r\n{}\r\n", headers.concat())
}

/// Returns the same with one header set, or left out where the value is empty.
pub(super) fn with<'a>(
    headers: &[(&'a str, &'a str)],
    name: &'a str,
    value: &'a str,
) -> Vec<(&'a str, &'a str)> {
    let others = headers.iter().copied().filter(|(known, _)| *known != name);
    others.chain((!value.is_empty()).then_some((name, value))).collect()
}

fn started(context: Context, flags: Flags) -> Arc<Console> {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let address = super::super::loopback(&flags.listen).unwrap();
            let listener = listen(address).await.unwrap();
            let console = Arc::new(Console::new(&context, &flags, &listener).unwrap());
            tell.send(Arc::clone(&console)).unwrap();
            serve::serve(listener, serve::router(console)).await;
        });
    });
    told.recv().unwrap()
}

fn parsed(all: &[u8]) -> Answer {
    let end = all.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(all[..end].to_vec()).unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let pair = |line: &str| {
        let (name, value) = line.split_once(':').unwrap();
        (name.to_ascii_lowercase(), value.trim().to_owned())
    };
    let headers: Vec<_> = lines.map(pair).collect();
    let body = all[end + 4..].to_vec();
    let is_chunked =
        headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked");
    Answer { status, headers, body: if is_chunked { unchunked(&body) } else { body } }
}

fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(end) = body.windows(2).position(|two| two == b"\r\n") {
        let length = usize::from_str_radix(std::str::from_utf8(&body[..end]).unwrap(), 16).unwrap();
        if length == 0 {
            break;
        }
        all.extend_from_slice(&body[end + 2..end + 2 + length]);
        body = &body[end + 4 + length..];
    }
    all
}
