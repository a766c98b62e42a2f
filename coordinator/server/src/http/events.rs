//! `GET /events?topic=…`: one stream of changes for a client, of up to sixteen topics.
//!
//! Each event has an id, `PROCESS.NUMBER`: whoever comes back with it as `Last-Event-ID` goes on behind it, or is told of each
//! topic to ask again. Events are taken when the client reads; see [`crate::live::topics`].

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use muster_protocol::ids::{AgentId, JournalId, RequestId};
use muster_protocol::limits::{
    CHANGED_PARTS_MAX, EVENT_STREAMS_MAX, EVENT_TOPICS_MAX, EVENTS_SILENCE_MS_MAX,
};
use muster_protocol::request::Kind;
use serde::Serialize;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::error::ApiError;
use super::extract::Asked;
use super::{feeds, hunts};
use crate::core::Core;
use crate::live::topics::{Shown, Watching};
use muster_api::events::{TOPIC, event};
use muster_api::{HuntAgentsEvent, TopicChanged};

/// The header that says how far a client has come.
const LAST_EVENT_ID: &str = "last-event-id";
/// What can be followed.
const KNOWN: &str = "overview, agents, agent:ID, hunt:ID, hunt-agents:ID, profiles";

/// Something that can be followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Topic {
    /// The first page.
    Overview,
    /// The list of agents.
    Agents,
    /// One agent.
    Agent(AgentId),
    /// One hunt.
    Hunt(RequestId),
    /// The parts of one hunt.
    HuntAgents(RequestId),
    /// The list of profiles.
    Profiles,
}

impl Topic {
    /// Reads a topic; ids may be cut, as everywhere.
    async fn read(core: &Core, text: &str) -> Result<Self, ApiError> {
        let (name, id) = text.split_once(':').map_or((text, None), |(name, id)| (name, Some(id)));
        Ok(match (name, id) {
            (event::OVERVIEW, None) => Self::Overview,
            (event::AGENTS, None) => Self::Agents,
            (event::PROFILES, None) => Self::Profiles,
            (event::AGENT, Some(id)) => {
                Self::Agent(super::agents::find(core, id)?.agent.id.clone())
            }
            (event::HUNT, Some(id)) => Self::Hunt(hunt(core, id).await?),
            (event::HUNT_AGENTS, Some(id)) => Self::HuntAgents(hunt(core, id).await?),
            _ => {
                let shown: String = text.chars().take(60).collect();
                let cause = format!("topic is {shown:?}");
                return Err(ApiError::usage("no such topic", cause, &format!("one of {KNOWN}")));
            }
        })
    }

    /// Returns the name under which all who follow it share it.
    pub fn name(&self) -> String {
        match self {
            Self::Overview => event::OVERVIEW.to_owned(),
            Self::Agents => event::AGENTS.to_owned(),
            Self::Profiles => event::PROFILES.to_owned(),
            Self::Agent(id) => format!("{}:{id}", event::AGENT),
            Self::Hunt(id) => format!("{}:{id}", event::HUNT),
            Self::HuntAgents(id) => format!("{}:{id}", event::HUNT_AGENTS),
        }
    }

    /// Returns the name of its events.
    const fn event(&self) -> &'static str {
        match self {
            Self::Overview => event::OVERVIEW,
            Self::Agents => event::AGENTS,
            Self::Agent(_) => event::AGENT,
            Self::Hunt(_) => event::HUNT,
            Self::HuntAgents(_) => event::HUNT_AGENTS,
            Self::Profiles => event::PROFILES,
        }
    }

    /// Returns whether its events carry a document, of which a new client gets the present one.
    const fn has_document(&self) -> bool {
        matches!(self, Self::Overview | Self::Hunt(_) | Self::Profiles)
    }
}

async fn hunt(core: &Core, id: &str) -> Result<RequestId, ApiError> {
    let id = id.to_owned();
    core.read(move |reader| Ok(hunts::find(reader, Kind::HuntStart, &id)?.id)).await
}

/// `GET /events`
pub async fn events(
    State(core): State<Arc<Core>>,
    Asked(asked): Asked<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let mut followed = Vec::new();
    for asked in topics(&asked)? {
        let topic = Topic::read(&core, &asked).await?;
        followed.push(Followed { name: topic.name(), topic, asked, seen: 0 });
    }
    let names: Vec<_> = followed.iter().map(|one| one.name.clone()).collect();
    let joined = core.topics.join(&names, EVENT_STREAMS_MAX);
    let (watching, fresh) = joined.ok_or_else(|| {
        let cause = format!("{EVENT_STREAMS_MAX} streams are open");
        ApiError::away("there is no room for another stream", cause, "close a tab, then try again")
    })?;
    for one in followed.iter().filter(|one| fresh.contains(&one.name)) {
        feeds::begin(&core, one.topic.clone());
    }
    let last = headers.get(LAST_EVENT_ID).map(|id| id.to_str().unwrap_or_default());
    let last = last.map_or(Client::New, |id| match number_of(id, core.journal) {
        Some(number) => Client::At(number),
        None => Client::Elsewhere,
    });
    let changes = watching.changes();
    let stop = core.tasks.stop_signal();
    let stream = Stream::new(core.journal, watching, changes, stop, followed, last);
    let silence = Duration::from_millis(EVENTS_SILENCE_MS_MAX);
    let keep_alive = KeepAlive::new().interval(silence);
    Ok(Sse::new(stream.events()).keep_alive(keep_alive).into_response())
}

/// Returns the topics that are asked for, each once.
fn topics(asked: &[(String, String)]) -> Result<Vec<String>, ApiError> {
    let refused = |cause: String| {
        let next = format!("topic=…, once for each, at most {EVENT_TOPICS_MAX}: {KNOWN}");
        Err(ApiError::usage("cannot follow that", cause, &next))
    };
    let mut topics: Vec<String> = Vec::new();
    for (name, value) in asked {
        if name != TOPIC {
            let shown: String = name.chars().take(60).collect();
            return refused(format!("{shown:?} is no parameter of this"));
        }
        if !topics.contains(value) {
            topics.push(value.clone());
        }
    }
    match topics.len() {
        0 => refused("no topic is named".to_owned()),
        count if count > EVENT_TOPICS_MAX => refused(format!("{count} topics")),
        _ => Ok(topics),
    }
}

/// Reads how far a client has come; nothing where that was in another process, or is no id of ours.
fn number_of(id: &str, process: JournalId) -> Option<u64> {
    let (of, number) = id.rsplit_once('.')?;
    (of == process.to_string()).then(|| number.parse().ok()).flatten()
}

/// A topic as one client follows it.
#[derive(Debug)]
struct Followed {
    topic: Topic,
    /// The name that all who follow it share.
    name: String,
    /// As the client called it.
    asked: String,
    /// The number up to which the client has seen it.
    seen: u64,
}

/// One client's stream.
struct Stream {
    process: JournalId,
    watching: Watching,
    changes: watch::Receiver<u64>,
    stop: CancellationToken,
    followed: Vec<Followed>,
    /// What is to be said before anything else.
    first: VecDeque<Event>,
}

/// How far a client had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Client {
    /// It is new.
    New,
    /// It has seen a process that is over, or what it says is no id.
    Elsewhere,
    /// To this change.
    At(u64),
}

impl Stream {
    /// Takes topics, and how far the client had come: see [`Client`].
    fn new(
        process: JournalId,
        watching: Watching,
        changes: watch::Receiver<u64>,
        stop: CancellationToken,
        followed: Vec<Followed>,
        last: Client,
    ) -> Self {
        let mut stream =
            Self { process, watching, changes, stop, followed, first: VecDeque::new() };
        stream.begin(last);
        stream
    }

    fn begin(&mut self, last: Client) {
        let now = self.watching.number();
        let mut first = VecDeque::new();
        for one in &mut self.followed {
            let since = self.watching.seen(&one.name).map_or(u64::MAX, |seen| seen.since);
            one.seen = match last {
                Client::New if one.topic.has_document() => 0,
                Client::New => now,
                Client::At(last) if last >= since => last,
                Client::At(_) | Client::Elsewhere => {
                    first.push_back(one.resync());
                    now
                }
            };
        }
        // So that a client that comes back before the first event goes on, too.
        let least = self.followed.iter().map(|one| one.seen).min().unwrap_or(now);
        if last == Client::New && least > 0 || !first.is_empty() {
            first.push_front(Event::default().id(id(self.process, now)));
        }
        self.first = first;
    }

    fn events(self) -> impl futures_lite::Stream<Item = Result<Event, Infallible>> {
        futures_lite::stream::unfold(self, |mut stream| async move {
            let event = stream.next().await?;
            Some((Ok(event), stream))
        })
    }

    /// Waits for the next event; nothing when the coordinator stops.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.first.pop_front() {
                return Some(event);
            }
            // Before the look: what changes behind it must lead to another.
            self.changes.mark_unchanged();
            if let Some(event) = self.newest() {
                return Some(event);
            }
            tokio::select! {
                () = self.stop.cancelled() => return None,
                changed = self.changes.changed() => changed.ok()?,
            }
        }
    }

    /// Returns the oldest of the changes that the client has not seen: whatever has a lower number, it has.
    fn newest(&mut self) -> Option<Event> {
        let watching = &self.watching;
        let news = self.followed.iter_mut().filter_map(|one| {
            let seen = watching.seen(&one.name)?;
            (seen.shown.is_some() && seen.number > one.seen).then_some((one, seen))
        });
        let (one, seen) = news.min_by_key(|(_, seen)| seen.number)?;
        let event = one.event(seen.shown?);
        one.seen = seen.number;
        Some(event.id(id(self.process, seen.number)))
    }
}

fn id(process: JournalId, number: u64) -> String {
    format!("{process}.{number}")
}

impl Followed {
    fn changed(&self) -> TopicChanged {
        TopicChanged { topic: self.asked.clone() }
    }

    fn resync(&self) -> Event {
        json(event::RESYNC, &self.changed())
    }

    fn event(&self, shown: Shown) -> Event {
        let name = self.topic.event();
        match shown {
            Shown::Document(json) => Event::default().event(name).data(json),
            Shown::Mark(_) => json(name, &self.changed()),
            Shown::Parts(parts) => {
                let Topic::HuntAgents(hunt) = &self.topic else { return self.resync() };
                let Some(agents) = parts.after(self.seen, CHANGED_PARTS_MAX) else {
                    return self.resync();
                };
                json(name, &HuntAgentsEvent { hunt: hunt.to_string(), agents })
            }
        }
    }
}

/// Makes an event of a document of ours, which is always JSON.
fn json(name: &str, data: &impl Serialize) -> Event {
    Event::default().event(name).data(serde_json::to_string(data).unwrap_or_default())
}
