//! The client of the coordinator's HTTP API; the CLI knows the fleet through nothing else.
//!
//! * [`answer`]: what can be asked for, by its type. [`query`]: paths with their parameters. [`stream`]: answers that come piece by piece.
//! * [`refusal`]: an error of the API as an exit code and three lines.

mod answer;
mod query;
mod refusal;
mod stream;

use std::fs::File;
use std::io::Read;
use std::time::Duration;

use muster_api::{AgentState, AgentView, CURSOR, Launched, ListPiece, Page, tls};
use muster_broker::tls::{Distrust, NOT_TLS, Trouble};
use muster_protocol::ids::AgentId;
use muster_protocol::limits::PAGE_ITEMS_MAX;
use muster_protocol::request::Sealed;
use muster_protocol::wire;
use serde::Serialize;

pub(super) use self::answer::Answer;
pub(super) use self::query::{Query, escaped};
pub(super) use self::refusal::redirected;
pub(super) use self::stream::{Event, Events, Lines};
use super::failure::{Exit, Failure};
use super::settings::Settings;
use crate::output::Document;

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// Longest wait for the beginning of an answer; enrolling thousands takes a while.
const ANSWER: Duration = Duration::from_mins(2);
/// Longest silence within an answer. Where nothing changes, comments keep the line alive every 15 s.
const SILENCE: Duration = Duration::from_mins(1);
/// The same where the coordinator answers at once, and a page waits.
const PAGE_ANSWER: Duration = Duration::from_secs(10);
/// The same within the events of a page: one that has gone is noticed when the next comes, or this is over.
const PAGE_SILENCE: Duration = Duration::from_secs(20);
/// Largest document, but where a smaller bound was set.
const DOCUMENT_BYTES_MAX: u64 = 268_435_456;

/// A connection to one coordinator. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Client {
    agent: ureq::Agent,
    url: String,
    token: String,
    /// Largest document that is held.
    document_bytes_max: u64,
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
        let token = settings.token()?;
        let document_bytes_max = DOCUMENT_BYTES_MAX;
        Ok(Self { agent: config.new_agent(), url, token, document_bytes_max })
    }

    /// Refuses documents of more bytes than this: for a program that stays.
    pub(super) fn bounded(self, document_bytes_max: u64) -> Self {
        Self { document_bytes_max, ..self }
    }

    /// Fetches a document.
    pub(super) fn get<T: Answer>(&self, path: &str) -> Result<T, Failure> {
        self.document(self.send(self.agent.get(self.at(path))))
    }

    /// Fetches a document that the coordinator has at hand, while a page waits.
    pub(super) fn get_soon<T: Answer>(&self, path: &str) -> Result<T, Failure> {
        let request = self.agent.get(self.at(path)).config();
        self.document(self.send(request.timeout_global(Some(PAGE_ANSWER)).build()))
    }

    /// Fetches a list to its end, page by page.
    pub(super) fn list<T: Answer>(&self, path: &str) -> Result<Vec<T>, Failure> {
        self.list_up_to(path, usize::MAX)
    }

    /// Fetches the first items of a list, page by page.
    pub(super) fn list_up_to<T: Answer>(&self, path: &str, most: usize) -> Result<Vec<T>, Failure> {
        self.list_after(path, None, most)
    }

    /// Fetches the items of a list that come after a page.
    pub(super) fn list_after<T: Answer>(
        &self,
        path: &str,
        mut after: Option<String>,
        most: usize,
    ) -> Result<Vec<T>, Failure> {
        let mut all = Vec::new();
        while all.len() < most {
            let length = (most - all.len()).min(PAGE_ITEMS_MAX);
            let sign = if path.contains('?') { '&' } else { '?' };
            let cursor = after.as_deref().map(|after| format!("{CURSOR}={}&", escaped(after)));
            let cursor = cursor.unwrap_or_default();
            let page: Page<T> = self.get(&format!("{path}{sign}{cursor}limit={length}"))?;
            all.extend(page.items);
            if page.next.is_some() && page.next == after {
                let cause = "a page leads to itself";
                return Err(Failure::bug("the coordinator sent a broken list", cause));
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(all)
    }

    /// Fetches bytes.
    pub(super) fn bytes(&self, path: &str) -> Result<Vec<u8>, Failure> {
        let response = self.checked(self.send(self.agent.get(self.at(path))))?;
        self.whole(response)
    }

    /// Fetches a stream of JSON lines.
    pub(super) fn lines<T: Answer>(&self, path: &str) -> Result<Lines<T>, Failure> {
        let response = self.checked(self.send(self.agent.get(self.at(path))))?;
        Ok(Lines::new(response.into_body(), self.url.clone()))
    }

    /// Fetches a stream of server-sent events.
    pub(super) fn events<T: Answer>(&self, path: &str) -> Result<Events<T>, Failure> {
        Ok(Events::of(self.lines(path)?))
    }

    /// Posts a JSON document.
    pub(super) fn post<T: Answer>(&self, path: &str, body: &impl Serialize) -> Result<T, Failure> {
        let body = serde_json::to_string(body);
        let body = body.map_err(|error| Failure::bug("cannot write a request", error))?;
        self.posted(path, "application/json", body)
    }

    /// Posts nothing to an endpoint that does something.
    pub(super) fn act<T: Answer>(&self, path: &str) -> Result<T, Failure> {
        self.posted(path, "application/json", "{}")
    }

    /// Posts a sealed request.
    pub(super) fn submit(&self, sealed: &Sealed) -> Result<Document<Launched>, Failure> {
        let body = wire::encode(sealed).map_err(|e| Failure::bug("cannot encode a request", e))?;
        self.posted("/api/v1/requests", "application/msgpack", &body[..])
    }

    /// Posts a piece of the whole digests of a list.
    pub(super) fn keep_list(&self, piece: &[u8]) -> Result<ListPiece, Failure> {
        self.posted("/api/v1/lists", "application/msgpack", piece)
    }

    /// Posts a file.
    pub(super) fn upload<T: Answer>(&self, path: &str, file: File) -> Result<T, Failure> {
        self.posted(path, "application/octet-stream", file)
    }

    /// Fetches what is passed on as it comes, whatever it is.
    pub(super) fn pass(&self, path: &str, last_event_id: Option<&str>) -> Result<Passed, Failure> {
        let mut request = self.agent.get(self.at(path));
        if path.starts_with("/api/v1/events") {
            request = request.config().timeout_per_read(Some(PAGE_SILENCE)).build();
        }
        if let Some(id) = last_event_id {
            request = request.header("Last-Event-ID", id);
        }
        self.send(request).map(Passed::of).map_err(|error| self.unreachable(&error))
    }

    /// Posts what is passed on as it comes.
    pub(super) fn pass_post(
        &self,
        path: &str,
        media: &str,
        body: impl ureq::AsSendBody,
    ) -> Result<Passed, Failure> {
        let request = self.prepared(self.agent.post(self.at(path))).content_type(media);
        request.send(body).map(Passed::of).map_err(|error| self.unreachable(&error))
    }

    fn posted<T: Answer>(
        &self,
        path: &str,
        media: &str,
        body: impl ureq::AsSendBody,
    ) -> Result<T, Failure> {
        let request = self.prepared(self.agent.post(self.at(path)));
        self.document(request.content_type(media).send(body))
    }

    /// Resolves the unique beginning of an agent's id.
    pub(super) fn agent_id(&self, prefix: &str) -> Result<AgentId, Failure> {
        if prefix == AgentId::COORDINATOR {
            return Ok(AgentId::coordinator());
        }
        id_of(&self.agent(prefix)?)
    }

    /// Resolves the id of an agent that is to be asked: one that was revoked cannot be.
    pub(super) fn asked_id(&self, prefix: &str) -> Result<AgentId, Failure> {
        if prefix == AgentId::COORDINATOR {
            return Ok(AgentId::coordinator());
        }
        let agent: AgentView = self.agent(prefix)?;
        let id = id_of(&agent)?;
        if agent.state == AgentState::Revoked {
            let next = "leave it out, or enrol it again: muster agents enrol NAME --out DIR";
            let cause = "its broker user is gone, so it hears nothing";
            let what = format!("{id} is revoked");
            return Err(Failure::new(Exit::NothingMatched, what, cause, next));
        }
        Ok(id)
    }

    /// Fetches the agent whose id is, or uniquely begins with, `prefix`.
    pub(super) fn agent<T: Answer>(&self, prefix: &str) -> Result<T, Failure> {
        AgentId::new(prefix)
            .map_err(|e| Failure::usage("no such agent", e, "muster agents list"))?;
        self.get(&format!("/api/v1/agents/{prefix}"))
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    fn prepared<B>(&self, request: ureq::RequestBuilder<B>) -> ureq::RequestBuilder<B> {
        request
            .header("Authorization", format!("Bearer {}", self.token))
            .header("Muster-Version", env!("CARGO_PKG_VERSION"))
    }

    fn send(&self, request: ureq::RequestBuilder<ureq::typestate::WithoutBody>) -> Reply {
        self.prepared(request).call()
    }

    fn document<T: Answer>(&self, answer: Reply) -> Result<T, Failure> {
        let response = self.checked(answer)?;
        let bytes = self.whole(response)?;
        let text = if bytes.is_empty() { b"null".as_slice() } else { &bytes };
        serde_json::from_slice(text).map_err(|error| {
            if error.is_data() { answer::broken::<T>(error) } else { self.foreign(error) }
        })
    }

    /// Reads a body to its end, up to the bound.
    fn whole(&self, response: ureq::http::Response<ureq::Body>) -> Result<Vec<u8>, Failure> {
        let (most, mut bytes) = (self.document_bytes_max, Vec::new());
        let mut reader = response.into_body().into_reader().take(most.saturating_add(1));
        reader.read_to_end(&mut bytes).map_err(|error| self.cut(&error))?;
        if bytes.len() as u64 > most {
            let what = format!("the answer of {} is too large", self.url);
            let cause = format!("it has more than {most} bytes");
            let next = "ask for less; check --url or MUSTER_URL";
            return Err(Failure::new(Exit::Unavailable, what, cause, next));
        }
        Ok(bytes)
    }

    /// Turns everything but a good answer into what a person can act on.
    fn checked(&self, answer: Reply) -> Result<ureq::http::Response<ureq::Body>, Failure> {
        let response = answer.map_err(|error| self.unreachable(&error))?;
        let status = response.status().as_u16();
        if (200..300).contains(&status) {
            return Ok(response);
        }
        let mut text = String::new();
        let reader = response.into_body().into_reader();
        reader.take(65_536).read_to_string(&mut text).map_err(|error| self.cut(&error))?;
        Err(refusal::refused(status, &text, &self.url))
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
        refusal::cut(&self.url, error)
    }

    fn foreign(&self, error: impl std::fmt::Display) -> Failure {
        let what = format!("what answers at {} is not a coordinator", self.url);
        Failure::new(Exit::Unavailable, what, error, "check --url or MUSTER_URL")
    }
}

/// An answer that is passed on: nothing of it was looked at.
pub(super) struct Passed {
    pub(super) head: ureq::http::response::Parts,
    pub(super) body: ureq::BodyReader<'static>,
}

impl Passed {
    fn of(response: ureq::http::Response<ureq::Body>) -> Self {
        let (head, body) = response.into_parts();
        Self { head, body: body.into_reader() }
    }
}

type Reply = Result<ureq::http::Response<ureq::Body>, ureq::Error>;

fn id_of(agent: &AgentView) -> Result<AgentId, Failure> {
    AgentId::new(&agent.id).map_err(|e| Failure::bug("the coordinator sent a broken agent id", e))
}
