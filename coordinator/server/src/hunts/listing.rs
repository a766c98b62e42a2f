//! Hunts and profiles in lists: which, in which order, one line each.

use muster_protocol::clock::Timestamp;
use muster_protocol::ids::{AgentId, RequestId};
use muster_protocol::limits::STALL_SECONDS;
use muster_protocol::request::Kind;

use crate::live::tallies::Tallies;
use crate::roster::order::{Cut, Direction, Key, Value, cut};
use crate::store::summaries::Brief;
use crate::store::{News, Reader, StoreError, Summary, Tally};
use muster_api::{HuntBrief, ProfileBrief, Time};

/// Where figures come from.
#[derive(Debug, Clone, Copy)]
pub struct Sources<'a> {
    /// What is stored.
    pub reader: &'a Reader,
    /// What agents last reported.
    pub news: &'a News,
    /// What was counted already.
    pub tallies: &'a Tallies,
    /// The moment.
    pub now: Timestamp,
}

impl Sources<'_> {
    fn tally(&self, summary: &Summary) -> Result<Tally, StoreError> {
        self.tallies.of(self.reader, self.news, summary, self.now)
    }

    /// Returns what a list shows of a request's arguments; one of which nothing can be read is noted and left out.
    fn brief(&self, summary: &Summary) -> Result<Option<Brief>, StoreError> {
        let brief = summary.brief.clone();
        let brief = brief.ok_or_else(|| StoreError::Broken("what was signed".to_owned()));
        self.reader.readable_request(&summary.id, brief)
    }
}

/// How far a hunt is, as lists are filtered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HuntState {
    /// On some agent it waits for a lane, runs, or its results are coming in.
    Running,
    /// A pause or a drain holds.
    Paused,
    /// Something may still come.
    Open,
    /// Nothing more is to come by itself.
    Closed,
    /// The operator cancelled it.
    Cancelled,
}

impl HuntState {
    /// Every state, with its word.
    pub const ALL: [(&'static str, Self); 5] = [
        ("running", Self::Running),
        ("paused", Self::Paused),
        ("open", Self::Open),
        ("closed", Self::Closed),
        ("cancelled", Self::Cancelled),
    ];

    fn is_of(self, summary: &Summary, tally: &Tally) -> bool {
        let states = &tally.states;
        let is_done = states.ended() == states.sum();
        match self {
            Self::Running => states.queued + states.running + states.paused + states.finishing > 0,
            Self::Open => !is_done,
            Self::Closed => is_done,
            Self::Paused => !is_done && summary.hold.is_pause(),
            Self::Cancelled => summary.is_cancelled(),
        }
    }
}

/// Which requests; everything holds that is there.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// In one of these states.
    pub states: Option<Vec<HuntState>>,
    /// Signed by this operator.
    pub operator: Option<String>,
    /// With this text in target, root or operator, in lower case, or with an id that begins so.
    pub text: Option<String>,
    /// With this text in the name, in lower case.
    pub name: Option<String>,
    /// With this text in the case, in lower case.
    pub case: Option<String>,
    /// Signed at this moment or later.
    pub since: Option<Timestamp>,
    /// Signed before this moment.
    pub until: Option<Timestamp>,
    /// Of profiles: one of these agents is, or was, asked.
    pub agent: Option<AgentId>,
    /// Of profiles: of this hunt.
    pub hunt: Option<RequestId>,
    /// Of profiles: with one of these kinds.
    pub kinds: Option<Vec<String>>,
}

impl Filter {
    /// Returns whether a request may be on the list, by its summary alone.
    fn leaves(&self, summary: &Summary) -> bool {
        self.operator.as_ref().is_none_or(|operator| summary.operator == *operator)
            && self.since.is_none_or(|since| summary.issued >= since)
            && self.until.is_none_or(|until| summary.issued < until)
            && holds(&summary.noted.name, self.name.as_ref())
            && holds(&summary.noted.case, self.case.as_ref())
            && self.text.as_ref().is_none_or(|text| summary.matches(text))
    }
}

/// Returns whether a text holds another one, where that is wanted.
fn holds(text: &str, wanted: Option<&String>) -> bool {
    wanted.is_none_or(|wanted| text.to_lowercase().contains(wanted))
}

/// What a list of hunts is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// When it was signed.
    Issued,
    /// How many agents are expected.
    Targeted,
    /// Rows stored.
    Rows,
    /// Files that matched.
    Matched,
    /// Entries that could not be read.
    Errors,
    /// File bytes read.
    Bytes,
    /// CPU time.
    Cpu,
}

impl Field {
    /// Every field, with its name.
    pub const ALL: [(&'static str, Self); 7] = [
        ("issued", Self::Issued),
        ("targeted", Self::Targeted),
        ("rows", Self::Rows),
        ("matched", Self::Matched),
        ("errors", Self::Errors),
        ("bytes", Self::Bytes),
        ("cpu_ms", Self::Cpu),
    ];

    fn value(self, sources: &Sources<'_>, summary: &Summary) -> Result<Value, StoreError> {
        let tally = match self {
            Self::Issued => return Ok(issued(summary)),
            _ => sources.tally(summary)?,
        };
        Ok(Value::count(match self {
            Self::Issued | Self::Targeted => tally.states.sum(),
            Self::Rows => tally.progress.rows,
            Self::Matched => tally.progress.matched,
            Self::Errors => tally.progress.errors,
            Self::Bytes => tally.progress.bytes,
            Self::Cpu => tally.progress.cpu_ms,
        }))
    }
}

/// Returns when a request was signed, and of one moment the later id: both ways the same order.
fn issued(summary: &Summary) -> Value {
    Value::Text(format!("{:020}{}", summary.issued.0.max(0), summary.id))
}

/// A page of a list, and how many the filter leaves.
#[derive(Debug)]
pub struct Listed<T> {
    /// What is on the page.
    pub items: Vec<T>,
    /// The last key, where the list goes on.
    pub next: Option<Key>,
    /// How many the filter leaves.
    pub total: u64,
}

/// Where a page begins and how long it is.
pub type Span<'a> = (Option<&'a Key>, usize);

/// Lists hunts.
pub fn hunts(
    sources: &Sources<'_>,
    filter: &Filter,
    (field, direction): (Field, Direction),
    (after, limit): Span<'_>,
) -> Result<Listed<HuntBrief>, StoreError> {
    let mut left = Vec::new();
    sources.reader.visit_summaries(Kind::HuntStart, |summary| {
        let Some(brief) = sources.brief(&summary)? else { return Ok(true) };
        if !filter.leaves(&summary) {
            return Ok(true);
        }
        if let Some(states) = &filter.states {
            let tally = sources.tally(&summary)?;
            if !states.iter().any(|state| state.is_of(&summary, &tally)) {
                return Ok(true);
            }
        }
        let value = field.value(sources, &summary)?;
        left.push((Key { behind: None, value, id: summary.id.to_string() }, (summary, brief)));
        Ok(true)
    })?;
    let total = left.len() as u64;
    let Cut { items, next } = cut(left.into_iter(), direction, after, limit);
    let items = items.into_iter().map(|(summary, brief)| {
        let tally = sources.tally(&summary)?;
        Ok(hunt(&summary, brief, &tally))
    });
    Ok(Listed { items: items.collect::<Result<_, StoreError>>()?, next, total })
}

fn hunt(summary: &Summary, brief: Brief, tally: &Tally) -> HuntBrief {
    let (states, progress) = (tally.states, &tally.progress);
    HuntBrief {
        id: summary.id.to_string(),
        name: summary.noted.name.clone(),
        case: summary.noted.case.clone(),
        note: summary.noted.note.clone(),
        artifact: brief.artifact,
        operator: summary.operator.clone(),
        target: summary.target.clone(),
        root: String::from_utf8_lossy(&brief.root).into_owned(),
        roots: brief.roots,
        hashes: brief.hashes,
        ioc: brief.ioc,
        issued: summary.issued.into(),
        expires: summary.not_after.into(),
        published: summary.is_published,
        cancelled: summary.is_cancelled(),
        hold: summary.hold.into(),
        ended_at: tally.ended_at.map(Time::from),
        outcome: states.outcome().unwrap_or_default(),
        done: states.ended() == states.sum(),
        targeted: states.sum(),
        states,
        rows: progress.rows,
        matched: progress.matched,
        errors: progress.errors,
        bytes: progress.bytes,
        cpu_ms: progress.cpu_ms,
    }
}

/// Lists profiles, the latest first: the requests for them, and the hunts of which agents took one by themselves.
pub fn profiles(
    sources: &Sources<'_>,
    filter: &Filter,
    direction: Direction,
    (after, limit): Span<'_>,
) -> Result<Listed<ProfileBrief>, StoreError> {
    let reader = sources.reader;
    let mut left = Vec::new();
    for kind in [Kind::ProfileStart, Kind::HuntStart] {
        reader.visit_summaries(kind, |summary| {
            if !filter.leaves(&summary) {
                return Ok(true);
            }
            let stalled = match kind {
                Kind::HuntStart => Some(reader.stall_kinds(&summary.id)?),
                _ => None,
            };
            if stalled.as_ref().is_some_and(Vec::is_empty) {
                return Ok(true);
            }
            let Some(brief) = sources.brief(&summary)? else { return Ok(true) };
            let kinds = stalled.clone().unwrap_or_else(|| brief.kinds.clone());
            if is_meant(reader, filter, &summary, brief.during, &kinds)? {
                let value = issued(&summary);
                let key = Key { behind: None, value, id: summary.id.to_string() };
                left.push((key, (summary, Brief { kinds, ..brief }, stalled.is_some())));
            }
            Ok(true)
        })?;
    }
    let total = left.len() as u64;
    let Cut { items, next } = cut(left.into_iter(), direction, after, limit);
    let items = items.into_iter().map(|(summary, brief, on_stall)| {
        let tally = sources.tally(&summary)?;
        let agent = reader.first_expected(&summary.id)?;
        Ok(profile(&summary, brief, on_stall, agent, &tally))
    });
    Ok(Listed { items: items.collect::<Result<_, StoreError>>()?, next, total })
}

/// Returns whether a list of profiles that is filtered has a request.
fn is_meant(
    reader: &Reader,
    filter: &Filter,
    summary: &Summary,
    during: Option<RequestId>,
    kinds: &[String],
) -> Result<bool, StoreError> {
    let is_of_hunt = filter.hunt.is_none_or(|hunt| during == Some(hunt) || summary.id == hunt);
    let has_kind =
        filter.kinds.as_ref().is_none_or(|wanted| kinds.iter().any(|k| wanted.contains(k)));
    if !is_of_hunt || !has_kind {
        return Ok(false);
    }
    let Some(agent) = &filter.agent else { return Ok(true) };
    let part = reader.stored_collection(&summary.id, agent)?;
    Ok(part.is_some_and(|part| part.is_counted()))
}

fn profile(
    summary: &Summary,
    brief: Brief,
    on_stall: bool,
    agent: Option<AgentId>,
    tally: &Tally,
) -> ProfileBrief {
    let states = tally.states;
    ProfileBrief {
        id: summary.id.to_string(),
        kinds: brief.kinds,
        seconds: if on_stall { STALL_SECONDS } else { brief.seconds },
        hertz: brief.hertz,
        hunt: brief.during.map(|hunt| hunt.to_string()),
        on_stall,
        operator: summary.operator.clone(),
        target: summary.target.clone(),
        agent: agent.map(|agent| agent.to_string()),
        issued: summary.issued.into(),
        done: states.ended() == states.sum(),
        targeted: states.sum(),
        states,
    }
}
