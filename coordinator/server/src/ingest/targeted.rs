//! Whether a request is for the agent that answers it: expected at launch, or joined by the signed target.
//!
//! The target is evaluated with what the agent has reported at any time since the launch. Where that says no, the
//! delivery waits for the agent's next samples, unacked and beside the others, and is then refused as `not_targeted`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use muster_broker::Delivery;
use muster_protocol::ids::{AgentId, RequestId};
use muster_protocol::limits::{
    CLOCK_SKEW_MS_MAX, REQUEST_BYTES_MAX, TARGET_VERDICTS_MAX, TARGET_WAIT_MS_MAX,
    TARGET_WAITING_MAX, TARGET_WAITING_PER_AGENT_MAX,
};
use muster_protocol::request::{Body, Control, Kind, sign};
use muster_protocol::wire;
use tokio::time::Instant;

use crate::store::{Reader, StoreError};

/// An agent that answers, and what.
pub type Answer = (RequestId, AgentId);

/// What is known about an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The request is for the agent.
    Meant,
    /// Not by what the agent has reported so far.
    NotYet,
    /// It was waited for long enough.
    Never,
}

/// A delivery of an agent that the request is not for, as far as is known.
#[derive(Debug)]
pub struct Waiting {
    /// The delivery.
    pub delivery: Delivery,
    /// Which agent answers which request.
    pub answer: Answer,
    since: Instant,
}

/// The verdicts of one class, and the deliveries that wait for one.
#[derive(Debug, Default)]
pub struct Targeting {
    meant: BTreeSet<Answer>,
    refused: BTreeMap<Answer, Instant>,
    waiting: Vec<Waiting>,
}

impl Targeting {
    /// Returns whether a request is for an agent.
    pub fn verdict(&mut self, reader: &Reader, answer: &Answer) -> Result<Verdict, StoreError> {
        if self.meant.contains(answer) {
            return Ok(Verdict::Meant);
        }
        if self.refused.get(answer).is_some_and(|since| since.elapsed() < wait()) {
            return Ok(Verdict::Never);
        }
        if !is_meant(reader, &answer.0, &answer.1)? {
            return Ok(Verdict::NotYet);
        }
        if self.meant.len() >= TARGET_VERDICTS_MAX {
            self.meant.clear();
        }
        self.meant.insert(answer.clone());
        Ok(Verdict::Meant)
    }

    /// Returns whether another delivery may wait.
    pub fn has_room(&self, answer: &Answer) -> bool {
        let of_agent = self.waiting.iter().filter(|one| one.answer.1 == answer.1).count();
        self.waiting.len() < TARGET_WAITING_MAX && of_agent < TARGET_WAITING_PER_AGENT_MAX
    }

    /// Lets a delivery wait.
    pub fn wait(&mut self, delivery: Delivery, answer: Answer) {
        self.waiting.push(Waiting { delivery, answer, since: Instant::now() });
    }

    /// Returns whether any delivery waits.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Looks at those that wait again; returns those that have a verdict now, with it.
    pub fn decided(&mut self, reader: &Reader) -> Result<Vec<(Waiting, Verdict)>, StoreError> {
        let answers: BTreeSet<Answer> = self.waiting.iter().map(|one| one.answer.clone()).collect();
        let mut verdicts = BTreeMap::new();
        for answer in answers {
            let mut verdict = self.verdict(reader, &answer)?;
            let mut of_it = self.waiting.iter().filter(|one| one.answer == answer);
            if verdict == Verdict::NotYet && of_it.any(|one| one.since.elapsed() >= wait()) {
                verdict = Verdict::Never;
                self.refuse(answer.clone());
            }
            verdicts.insert(answer, verdict);
        }
        let mut decided = Vec::new();
        for one in std::mem::take(&mut self.waiting) {
            match verdicts.get(&one.answer) {
                Some(verdict) if *verdict != Verdict::NotYet => decided.push((one, *verdict)),
                _ => self.waiting.push(one),
            }
        }
        Ok(decided)
    }

    fn refuse(&mut self, answer: Answer) {
        if self.refused.len() >= TARGET_VERDICTS_MAX {
            self.refused.clear();
        }
        self.refused.insert(answer, Instant::now());
    }
}

fn wait() -> Duration {
    Duration::from_millis(TARGET_WAIT_MS_MAX)
}

/// Evaluates it; a request that is not on record is left to the check of the body.
fn is_meant(reader: &Reader, request: &RequestId, agent: &AgentId) -> Result<bool, StoreError> {
    if reader.is_expected(request, agent)? {
        return Ok(true);
    }
    let Some(known) = reader.request(request)? else { return Ok(true) };
    let Ok(body) = sign::body_of(&known.sealed) else { return Ok(false) };
    if matches_target(reader, &body, agent)? {
        return Ok(true);
    }
    // A control is also for the agents that its start is for, though a sample of its own id may say otherwise.
    if body.kind != Kind::Control {
        return Ok(false);
    }
    let Ok(control) = wire::decode::<Control>(&body.args, REQUEST_BYTES_MAX) else {
        return Ok(false);
    };
    if reader.is_expected(&control.about, agent)? {
        return Ok(true);
    }
    let Some(start) = reader.request(&control.about)? else { return Ok(false) };
    let Ok(body) = sign::body_of(&start.sealed) else { return Ok(false) };
    matches_target(reader, &body, agent)
}

fn matches_target(reader: &Reader, body: &Body, agent: &AgentId) -> Result<bool, StoreError> {
    let launched = body.issued.plus_ms(-CLOCK_SKEW_MS_MAX);
    let facts = reader.facts_since(agent, launched)?;
    Ok(facts.iter().any(|facts| body.target.matches(facts, &body.id).unwrap_or(false)))
}

#[cfg(test)]
mod tests;
