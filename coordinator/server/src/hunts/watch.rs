//! Watching a hunt: one fold for all of its watchers, fed by commits.
//!
//! [`watch`] is the way in, for `/hunts/{id}/events` and for `/events`. The first watcher begins one task, which holds the parts of the
//! hunt that are not settled. After a commit it reads the parts that the writer says have changed, and no others; where nothing has
//! changed it reads nothing. It ends with the last watcher, or with the hunt. One more watcher costs no look and no memory.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use muster_protocol::clock::Timestamp;
use muster_protocol::ids::{AgentId, RequestId};
use muster_protocol::limits::{CHANGED_PARTS_MAX, EVENTS_LOOK_MS_MAX, EVENTS_PACE_MS};
use muster_protocol::request::Kind;

use super::controls;
use super::current::{Signed, notes, summary, view};
use super::parts::Moment;
use crate::core::Core;
use crate::live::broker_health::Blockage;
use crate::live::changes::Changes;
use crate::live::watched::{HuntWatch, Parts, Shown};
use crate::state::Phase;
use crate::store::news::{Interest, Pending};
use crate::store::summaries::totals::Tallying;
use crate::store::{News, Reader, StoreError, StoredCollection, Summary};
use muster_api::{ControlView, HuntView, Time};

/// Watches a hunt. `views` has the hunt as it is now, and then what it becomes, at most once a second; `parts` has the parts that
/// have changed since, at most [`CHANGED_PARTS_MAX`] at once. `None` when there is no such hunt.
pub async fn watch(core: &Arc<Core>, hunt: RequestId) -> Result<Option<HuntWatch>, StoreError> {
    if let Some(watch) = core.watched.join(&hunt) {
        return Ok(Some(watch));
    }
    // Before the first look: what is committed after it must lead to another.
    let changes = Changes::new(
        core.writer.commits(),
        Duration::from_millis(EVENTS_PACE_MS),
        Duration::from_millis(EVENTS_LOOK_MS_MAX),
    );
    let (news, blockage) = (Arc::clone(core.writer.news()), core.broker.blockage());
    let now = core.clock.now();
    let begin = move |reader: &Reader| {
        let interest = news.watch(hunt);
        let Some(mut fold) = Fold::begin(reader, hunt, interest)? else { return Ok(None) };
        let looked = fold.look(reader, &news, blockage.as_ref(), now)?;
        Ok::<_, StoreError>(Some((fold, looked)))
    };
    let Some((fold, looked)) = core.read(begin).await? else { return Ok(None) };
    // The first look shows the hunt, whatever it finds.
    let Some(first) = looked.shown else { return Ok(None) };
    let (watch, is_first) = core.watched.begin(hunt, first);
    if is_first {
        let shared = Arc::clone(core);
        core.tasks.spawn("watch", async move { follow(&shared, hunt, fold, changes).await });
    }
    Ok(Some(watch))
}

/// Looks at a hunt until it has ended, nobody watches it any more, or the coordinator stops.
async fn follow(core: &Core, hunt: RequestId, mut fold: Fold, mut changes: Changes) {
    let stop = core.tasks.stop_signal();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            () = changes.next() => {}
        }
        if !core.watched.has_watchers(&hunt) {
            return;
        }
        let (now, blockage) = (core.clock.now(), core.broker.blockage());
        if !fold.is_due(blockage.as_ref(), now) {
            continue;
        }
        let news = Arc::clone(core.writer.news());
        let look = move |reader: &Reader| {
            let looked = fold.look(reader, &news, blockage.as_ref(), now)?;
            Ok::<_, StoreError>((fold, looked))
        };
        let Ok((looked_at, looked)) = core.read(look).await else { break };
        fold = looked_at;
        if !core.watched.show(&hunt, looked.shown, looked.parts) {
            return;
        }
    }
    core.watched.end(&hunt);
}

/// What a look has found.
struct Looked {
    /// The hunt, where it is not shown so already.
    shown: Option<Shown>,
    /// The parts that have changed.
    parts: Option<Parts>,
}

/// A hunt that is being watched.
struct Fold {
    signed: Signed,
    summary: Summary,
    interest: Interest,
    pending: Pending,
    controls: Vec<ControlView>,
    /// The parts that are not settled, with the state that each was last shown in.
    open: BTreeMap<AgentId, (StoredCollection, Option<Phase>)>,
    shown: Option<HuntView>,
    looked: Timestamp,
    changes_at: Option<Timestamp>,
    blockage: Option<Blockage>,
}

impl Fold {
    fn begin(
        reader: &Reader,
        hunt: RequestId,
        interest: Interest,
    ) -> Result<Option<Self>, StoreError> {
        let request = reader.request(&hunt)?;
        let request = request.filter(|request| request.kind == Kind::HuntStart.as_str());
        let Some(request) = request else { return Ok(None) };
        Ok(Some(Self {
            signed: Signed::of(&request)?,
            summary: summary(reader, &hunt)?,
            interest,
            pending: Pending { is_any: true, ..Pending::default() },
            controls: Vec::new(),
            open: BTreeMap::new(),
            shown: None,
            looked: Timestamp(0),
            changes_at: None,
            blockage: None,
        }))
    }

    /// Returns whether something may be shown otherwise than at the last look.
    fn is_due(&mut self, blockage: Option<&Blockage>, now: Timestamp) -> bool {
        let new = self.interest.take();
        self.pending.parts.extend(new.parts);
        self.pending.is_any |= new.is_any;
        self.pending.is_request |= new.is_request;
        let rhythm = i64::try_from(EVENTS_LOOK_MS_MAX).unwrap_or(i64::MAX);
        !self.pending.is_empty()
            || self.changes_at.is_some_and(|at| now >= at)
            || self.blockage.as_ref() != blockage
            // A clone, an agent that falls silent: rare, and no business of a commit of this hunt.
            || (!self.open.is_empty() && now.since_ms(self.looked) >= rhythm)
    }

    /// Reads what has changed, and shows what comes of it.
    fn look(
        &mut self,
        reader: &Reader,
        news: &News,
        blockage: Option<&Blockage>,
        now: Timestamp,
    ) -> Result<Looked, StoreError> {
        let is_first = self.shown.is_none();
        let pending = std::mem::take(&mut self.pending);
        let sampled = news.sampled(&self.summary.id);
        let settled = reader.at_once(|reader| self.refresh(reader, &pending))?;
        let fleet = news.fleet();
        let moment = Moment::of(&self.summary, now, &fleet, blockage);
        let mut tallying = Tallying::new(&self.summary, now);
        let settled = settled.iter().filter(|part| part.is_counted());
        let mut briefs: BTreeMap<AgentId, _> =
            settled.map(|part| (part.agent.clone(), moment.brief(part))).collect();
        for (agent, (part, last)) in &mut self.open {
            let phase = tallying.add(part, moment.sample(part));
            let is_news = *last != Some(phase) || pending.parts.contains(agent);
            if is_news && part.is_counted() && briefs.len() <= CHANGED_PARTS_MAX {
                briefs.entry(agent.clone()).or_insert_with(|| moment.brief(part));
            }
            *last = Some(phase);
        }
        drop(fleet);
        let tally = tallying.tally();
        let notes = notes(reader, &self.summary, &tally, blockage, now)?;
        (self.looked, self.changes_at) = (now, tally.changes_at);
        self.blockage = blockage.cloned();
        let change = self.summary.change.max(sampled);
        let hunt =
            view(&self.signed, &self.summary, &tally, (change, notes), self.controls.clone(), now);
        let parts = match () {
            () if is_first || briefs.is_empty() => None,
            () if pending.is_any || briefs.len() > CHANGED_PARTS_MAX => Some(Parts::Resync),
            () => Some(Parts::Changed(Arc::new(briefs.into_values().collect()))),
        };
        let is_shown = self.shown.as_ref().is_some_and(|shown| {
            *shown == HuntView { change: shown.change, as_of: shown.as_of, ..hunt.clone() }
        });
        if is_shown {
            return Ok(Looked { shown: None, parts });
        }
        let shown = written(&hunt).map_err(|error| StoreError::Broken(error.to_string()))?;
        self.shown = Some(hunt);
        Ok(Looked { shown: Some(shown), parts })
    }

    /// Reads the parts that have changed; returns those that are settled now.
    fn refresh(
        &mut self,
        reader: &Reader,
        pending: &Pending,
    ) -> Result<Vec<StoredCollection>, StoreError> {
        let hunt = self.summary.id;
        if !pending.is_empty() {
            self.summary = summary(reader, &hunt)?;
        }
        if pending.is_any || pending.is_request {
            self.controls = controls::shown(reader, &hunt)?;
        }
        if pending.is_any {
            let mut held = std::mem::take(&mut self.open);
            for part in reader.open_collections(&hunt)? {
                let last = held.remove(&part.agent).and_then(|(_, phase)| phase);
                self.open.insert(part.agent.clone(), (part, last));
            }
            return Ok(Vec::new());
        }
        let mut settled = Vec::new();
        for agent in &pending.parts {
            let part = reader.stored_collection(&hunt, agent)?;
            let last = self.open.remove(agent).and_then(|(_, phase)| phase);
            match part {
                Some(part) if part.is_settled() => settled.push(part),
                Some(part) => drop(self.open.insert(agent.clone(), (part, last))),
                None => {}
            }
        }
        Ok(settled)
    }
}

/// Writes a hunt for its watchers.
fn written(hunt: &HuntView) -> Result<Shown, serde_json::Error> {
    let timeless = HuntView { change: 0, as_of: Time::default(), ..hunt.clone() };
    Ok(Shown {
        json: serde_json::to_string(hunt)?,
        timeless: serde_json::to_string(&timeless)?,
        change: hunt.change,
        is_done: hunt.done,
    })
}

#[cfg(test)]
mod tests;
