//! The client of the coordinator's HTTP API; the CLI knows the fleet through nothing else.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::time::Duration;

use muster_broker::tls::{Distrust, NOT_TLS, Trouble};
use muster_protocol::ids::AgentId;
use muster_protocol::request::Sealed;
use muster_protocol::wire;
use serde_json::Value;

use super::failure::{Exit, Failure};
use super::settings::Settings;
use muster_api::tls;

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// Longest wait for the beginning of an answer; enrolling thousands takes a while.
const ANSWER: Duration = Duration::from_mins(2);
/// Longest silence within an answer. Events come every second, comments keep the line alive.
const SILENCE: Duration = Duration::from_mins(1);
/// Longest line of a stream.
const LINE_BYTES_MAX: u64 = 4_194_304;
/// Largest document.
const DOCUMENT_BYTES_MAX: u64 = 268_435_456;

/// A connection to one coordinator. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Client {
    agent: ureq::Agent,
    url: String,
    token: String,
}

/// A body that is read piece by piece.
pub(super) struct Lines {
    reader: BufReader<ureq::BodyReader<'static>>,
    url: String,
}

impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lines").field("url", &self.url).finish_non_exhaustive()
    }
}

/// One server-sent event.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Event {
    /// `progress`, `done`.
    pub(super) name: String,
    /// What it carries.
    pub(super) body: Value,
}

impl Client {
    /// Makes a client; nothing is sent yet.
    pub(super) fn new(settings: &Settings) -> Result<Self, Failure> {
        let url = settings.url()?;
        let trusted = tls::client(&url, settings.ca_file().as_deref()).map_err(|error| {
            Failure::usage("cannot use this certificate authority", error, "--ca-file FILE (PEM)")
        })?;
        let config = ureq::Agent::config_builder()
            .tls_config(trusted)
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(ANSWER))
            .timeout_per_read(Some(SILENCE))
            .user_agent(concat!("muster/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self { agent: config.new_agent(), url, token: settings.token()? })
    }

    /// Fetches a document.
    pub(super) fn get(&self, path: &str) -> Result<Value, Failure> {
        self.document(self.send(self.agent.get(self.at(path))))
    }

    /// Fetches bytes.
    pub(super) fn bytes(&self, path: &str) -> Result<Vec<u8>, Failure> {
        let response = self.checked(self.send(self.agent.get(self.at(path))))?;
        let mut bytes = Vec::new();
        let reader = response.into_body().into_reader();
        let read = reader.take(DOCUMENT_BYTES_MAX).read_to_end(&mut bytes);
        read.map_err(|error| self.cut(&error))?;
        Ok(bytes)
    }

    /// Fetches a stream of lines.
    pub(super) fn lines(&self, path: &str) -> Result<Lines, Failure> {
        let response = self.checked(self.send(self.agent.get(self.at(path))))?;
        let reader = BufReader::new(response.into_body().into_reader());
        Ok(Lines { reader, url: self.url.clone() })
    }

    /// Posts a JSON document.
    pub(super) fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.posted(path, "application/json", body.to_string())
    }

    /// Posts a sealed request.
    pub(super) fn submit(&self, sealed: &Sealed) -> Result<Value, Failure> {
        let body = wire::encode(sealed).map_err(|e| Failure::bug("cannot encode a request", e))?;
        self.posted("/api/v1/requests", "application/msgpack", &body[..])
    }

    /// Posts a piece of the whole digests of a list.
    pub(super) fn keep_list(&self, piece: &[u8]) -> Result<Value, Failure> {
        self.posted("/api/v1/lists", "application/msgpack", piece)
    }

    /// Posts a file.
    pub(super) fn upload(&self, path: &str, file: File) -> Result<Value, Failure> {
        self.posted(path, "application/octet-stream", file)
    }

    fn posted(
        &self,
        path: &str,
        media: &str,
        body: impl ureq::AsSendBody,
    ) -> Result<Value, Failure> {
        let request = self.prepared(self.agent.post(self.at(path)));
        self.document(request.content_type(media).send(body))
    }

    /// Resolves the unique beginning of an agent's id.
    pub(super) fn agent_id(&self, prefix: &str) -> Result<AgentId, Failure> {
        Ok(self.agent(prefix)?.0)
    }

    /// Resolves the id of an agent that is to be asked: one that was revoked cannot be.
    pub(super) fn asked_id(&self, prefix: &str) -> Result<AgentId, Failure> {
        let (id, agent) = self.agent(prefix)?;
        if agent.get("state").and_then(Value::as_str) == Some("revoked") {
            let next = "leave it out, or enrol it again: muster agents enrol NAME --out DIR";
            let cause = "its broker user is gone, so it hears nothing";
            return Err(Failure::new(
                Exit::NothingMatched,
                format!("{id} is revoked"),
                cause,
                next,
            ));
        }
        Ok(id)
    }

    fn agent(&self, prefix: &str) -> Result<(AgentId, Value), Failure> {
        if prefix == AgentId::COORDINATOR {
            return Ok((AgentId::coordinator(), Value::Null));
        }
        AgentId::new(prefix)
            .map_err(|e| Failure::usage("no such agent", e, "muster agents list"))?;
        let agent = self.get(&format!("/api/v1/agents/{prefix}"))?;
        let id = agent.get("id").and_then(Value::as_str).unwrap_or_default();
        let id = AgentId::new(id);
        let broken = |e| Failure::bug("the coordinator sent a broken agent id", e);
        Ok((id.map_err(broken)?, agent))
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    fn prepared<B>(&self, request: ureq::RequestBuilder<B>) -> ureq::RequestBuilder<B> {
        request
            .header("Authorization", format!("Bearer {}", self.token))
            .header("Muster-Version", env!("CARGO_PKG_VERSION"))
    }

    fn send(&self, request: ureq::RequestBuilder<ureq::typestate::WithoutBody>) -> Answer {
        self.prepared(request).call()
    }

    fn document(&self, answer: Answer) -> Result<Value, Failure> {
        let response = self.checked(answer)?;
        let mut bytes = Vec::new();
        let reader = response.into_body().into_reader();
        let read = reader.take(DOCUMENT_BYTES_MAX).read_to_end(&mut bytes);
        read.map_err(|error| self.cut(&error))?;
        if bytes.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&bytes).map_err(|error| self.foreign(error))
    }

    /// Turns everything but a good answer into what a person can act on.
    fn checked(&self, answer: Answer) -> Result<ureq::http::Response<ureq::Body>, Failure> {
        let response = answer.map_err(|error| self.unreachable(&error))?;
        let status = response.status().as_u16();
        if (200..300).contains(&status) {
            return Ok(response);
        }
        let mut text = String::new();
        let reader = response.into_body().into_reader();
        reader.take(65_536).read_to_string(&mut text).map_err(|error| self.cut(&error))?;
        Err(refused(status, &text, &self.url))
    }

    fn unreachable(&self, error: &ureq::Error) -> Failure {
        match tls::trouble(error) {
            Some(Trouble::Distrust(why)) => return self.untrusted(&why),
            Some(Trouble::NotTls) => {
                let what = format!("cannot reach the coordinator at {}", self.url);
                let next = "give an address with http:// where the coordinator has no [tls]";
                return Failure::new(Exit::Unavailable, what, NOT_TLS, next);
            }
            None => {}
        }
        if matches!(error, ureq::Error::Protocol(_)) {
            let what = format!("what answers at {} is not a coordinator", self.url);
            let next = "give an address with https:// if it speaks TLS; check --url or MUSTER_URL";
            return Failure::new(Exit::Unavailable, what, error, next);
        }
        let (exit, what) = match error {
            ureq::Error::BadUri(_) => (Exit::Usage, "cannot use this coordinator address"),
            ureq::Error::Timeout(_) => (Exit::Unavailable, "the coordinator does not answer"),
            _ => (Exit::Unavailable, "cannot reach the coordinator"),
        };
        let next = "start it with `muster serve`, or name another with --url or MUSTER_URL";
        Failure::new(exit, format!("{what} at {}", self.url), error, next)
    }

    fn untrusted(&self, why: &Distrust) -> Failure {
        let next = match why {
            Distrust::UnknownAuthority => {
                "give the file (PEM) of the authority that signed it: --ca-file FILE or MUSTER_CA_FILE"
            }
            Distrust::WrongName(_) => "give a name that the certificate holds: --url or MUSTER_URL",
            Distrust::IsAuthority => {
                "give the coordinator a certificate with CA:FALSE: docs/reference/config.md, TLS"
            }
            Distrust::Other(_) => "renew the coordinator's certificate; check both clocks",
        };
        let what = format!("the coordinator at {} is not trusted", self.url);
        Failure::new(Exit::Refused, what, why, next)
    }

    fn cut(&self, error: &std::io::Error) -> Failure {
        cut(&self.url, error)
    }

    fn foreign(&self, error: impl std::fmt::Display) -> Failure {
        let what = format!("what answers at {} is not a coordinator", self.url);
        Failure::new(Exit::Unavailable, what, error, "check --url or MUSTER_URL")
    }
}

type Answer = Result<ureq::http::Response<ureq::Body>, ureq::Error>;

fn cut(url: &str, error: &std::io::Error) -> Failure {
    let what = format!("the answer of {url} was cut off");
    Failure::new(Exit::Unavailable, what, error, "repeat the command; check the coordinator's log")
}

/// Reads the API's error document.
fn refused(status: u16, text: &str, url: &str) -> Failure {
    let exit = match status {
        400 | 404 | 405 | 413 | 414 | 415 => Exit::Usage,
        401 | 403 | 421 => Exit::Refused,
        408 | 504 => Exit::TimedOut,
        409 | 425 | 429 => Exit::TryAgain,
        422 => Exit::NothingMatched,
        502 | 503 | 507 => Exit::Unavailable,
        _ => Exit::Bug,
    };
    let document: Value = serde_json::from_str(text).unwrap_or_default();
    let field = |name: &str| document.get(name).and_then(Value::as_str).unwrap_or_default();
    let or = |text: &str, other: String| if text.is_empty() { other } else { text.to_owned() };
    let next = match exit {
        Exit::Refused => "give the right token: --token-file FILE or MUSTER_TOKEN",
        Exit::TryAgain => "repeat the command",
        Exit::Unavailable => "muster doctor",
        Exit::Usage | Exit::NothingMatched => "add --help to the command",
        _ => "look into the coordinator's log",
    };
    Failure {
        error: or(field("error"), format!("the coordinator at {url} refused")),
        cause: or(field("cause"), format!("HTTP status {status}")),
        next: or(field("try"), next.to_owned()),
        exit,
    }
}

impl Lines {
    /// Reads the next line, without its end; `None` at the end of the stream.
    pub(super) fn next_line(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        let mut line = Vec::new();
        let mut limited = (&mut self.reader).take(LINE_BYTES_MAX);
        let read = limited.read_until(b'\n', &mut line);
        let bytes = read.map_err(|error| cut(&self.url, &error))?;
        if bytes == 0 {
            return Ok(None);
        }
        while matches!(line.last(), Some(b'\n' | b'\r')) {
            line.pop();
        }
        Ok(Some(line))
    }

    /// Reads the next server-sent event; `None` at the end of the stream.
    pub(super) fn next_event(&mut self) -> Result<Option<Event>, Failure> {
        let (mut name, mut body) = (String::new(), String::new());
        while let Some(line) = self.next_line()? {
            let line = String::from_utf8_lossy(&line).into_owned();
            match line.split_once(':') {
                _ if line.is_empty() && body.is_empty() && name.is_empty() => {}
                _ if line.is_empty() => {
                    let body = serde_json::from_str(&body).unwrap_or_default();
                    return Ok(Some(Event { name, body }));
                }
                Some(("event", value)) => value.trim_start().clone_into(&mut name),
                Some(("data", value)) => {
                    body.push_str(value.strip_prefix(' ').unwrap_or(value));
                    body.push('\n');
                }
                // Comments keep the line alive; ids and retry times are not used.
                _ => {}
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_become_exit_codes() {
        let document = r#"{"error":"no agent matches","cause":"0 of 4","try":"look","code":"x"}"#;
        let failure = refused(422, document, "http://x");
        assert_eq!(failure.exit, Exit::NothingMatched);
        assert_eq!((failure.error.as_str(), failure.next.as_str()), ("no agent matches", "look"));
        assert_eq!(refused(401, "", "u").exit, Exit::Refused);
        assert_eq!(refused(409, "", "u").exit, Exit::TryAgain);
        assert_eq!(refused(503, "", "u").exit, Exit::Unavailable);
        assert_eq!(refused(500, "<html>", "u").exit, Exit::Bug);
    }
}
