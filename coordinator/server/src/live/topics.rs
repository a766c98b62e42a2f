//! What the event streams of clients follow: topics, each with what was last shown of it, made once for all who watch it.
//!
//! Nothing is queued. A watcher remembers the number up to which it has seen everything, and takes what is newer when it
//! reads: one that is slow gets the latest, and holds no memory. Numbers rise over all topics, and a change has its number
//! under the same lock under which it can be seen: so one number tells how far a whole stream has come.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use muster_api::CollectionBrief;
use muster_protocol::limits::TOPIC_PARTS_MAX;
use tokio::sync::watch;

/// What is shown of a topic.
#[derive(Debug, Clone, PartialEq)]
pub enum Shown {
    /// A document, as JSON.
    Document(Arc<str>),
    /// Nothing but that it has changed.
    Mark(u64),
    /// Parts of a hunt that have changed, by their agents.
    Parts(Arc<ChangedParts>),
}

/// Parts of a hunt that have changed since it is watched.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ChangedParts {
    /// Each with the number of its last change.
    parts: BTreeMap<String, (u64, Arc<CollectionBrief>)>,
    /// Of changes up to this number it is not known which they were.
    unknown: u64,
}

impl ChangedParts {
    /// Returns the parts that have changed after a number; nothing where that is not known, or they are more than `most`.
    pub fn after(&self, number: u64, most: usize) -> Option<Vec<CollectionBrief>> {
        let changed = self.parts.values().filter(|(of, _)| *of > number);
        let changed: Vec<_> = changed.take(most.saturating_add(1)).collect();
        let is_known = number >= self.unknown && changed.len() <= most;
        is_known.then(|| changed.into_iter().map(|(_, part)| part.as_ref().clone()).collect())
    }

    fn add(&mut self, parts: Option<&[CollectionBrief]>, number: u64) {
        for part in parts.unwrap_or_default() {
            self.parts.insert(part.agent.clone(), (number, Arc::new(part.clone())));
        }
        if parts.is_none() || self.parts.len() > TOPIC_PARTS_MAX {
            self.parts.clear();
            self.unknown = number;
        }
    }
}

/// A topic at one moment.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The number of its last change; what was there when watching began is no change of a mark or a part.
    pub number: u64,
    /// The number from which on every change is known.
    pub since: u64,
    /// What is shown; nothing until it was looked at.
    pub shown: Option<Shown>,
}

/// The topics that are watched.
#[derive(Debug, Default)]
pub struct Topics {
    state: Mutex<State>,
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    number: u64,
    topics: BTreeMap<String, Watched>,
    streams: usize,
}

#[derive(Debug)]
struct Watched {
    watchers: usize,
    seen: Seen,
    /// What `shown` is compared by.
    compared: String,
}

/// One stream's topics: while it is there, they are looked at.
#[derive(Debug)]
pub struct Watching {
    topics: Arc<Topics>,
    names: Vec<String>,
}

impl Topics {
    /// Begins a stream of topics; returns those that nobody looks at yet. Nothing where there are as many streams as there
    /// may be.
    pub fn join(
        self: &Arc<Self>,
        names: &[String],
        most: usize,
    ) -> Option<(Watching, Vec<String>)> {
        let mut state = self.lock();
        if state.streams >= most {
            return None;
        }
        state.streams += 1;
        // Of what nobody watched until now, nothing before this number is known.
        let since = state.number + 1;
        let mut fresh = Vec::new();
        for name in names {
            let watched = state.topics.entry(name.clone()).or_insert_with(|| {
                fresh.push(name.clone());
                let seen = Seen { number: since, since, shown: None };
                Watched { watchers: 0, seen, compared: String::new() }
            });
            watched.watchers += 1;
        }
        if !fresh.is_empty() {
            state.number = since;
        }
        Some((Watching { topics: Arc::clone(self), names: names.to_vec() }, fresh))
    }

    /// Shows a document where what it is compared by is news; returns whether the topic is to be looked at again.
    pub fn document(&self, name: &str, json: &str, compared: String) -> bool {
        self.show(name, |number, watched| {
            if watched.seen.shown.is_some() && watched.compared == compared {
                return false;
            }
            watched.compared = compared;
            watched.seen.number = number;
            watched.seen.shown = Some(Shown::Document(json.into()));
            true
        })
    }

    /// The same of a topic of which nothing is shown but that it has changed.
    pub fn mark(&self, name: &str, mark: u64) -> bool {
        self.show(name, |number, watched| {
            let is_first = watched.seen.shown.is_none();
            let is_news = watched.seen.shown != Some(Shown::Mark(mark));
            watched.seen.shown = Some(Shown::Mark(mark));
            if is_news && !is_first {
                watched.seen.number = number;
            }
            is_news && !is_first
        })
    }

    /// The same of parts of a hunt that have changed; of which ones is not known where none are given.
    pub fn parts(&self, name: &str, changed: Option<&[CollectionBrief]>) -> bool {
        self.show(name, |number, watched| {
            if changed.is_some_and(<[_]>::is_empty) {
                return false;
            }
            let mut parts = match watched.seen.shown.take() {
                Some(Shown::Parts(parts)) => parts,
                _ => Arc::default(),
            };
            Arc::make_mut(&mut parts).add(changed, number);
            watched.seen.number = number;
            watched.seen.shown = Some(Shown::Parts(parts));
            true
        })
    }

    /// Returns whether a topic is watched; where it is not, it is forgotten.
    pub fn is_watched(&self, name: &str) -> bool {
        self.show(name, |_, _| false)
    }

    /// Changes what is shown of a topic, under the next number; returns whether it is watched.
    fn show(&self, name: &str, change: impl FnOnce(u64, &mut Watched) -> bool) -> bool {
        let mut state = self.lock();
        let next = state.number + 1;
        let Some(watched) = state.topics.get_mut(name) else { return false };
        if watched.watchers == 0 {
            state.topics.remove(name);
            return false;
        }
        if change(next, watched) {
            state.number = next;
            drop(state);
            self.changes.send_replace(next);
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watching {
    /// Returns a topic as it is.
    pub fn seen(&self, name: &str) -> Option<Seen> {
        self.topics.lock().topics.get(name).map(|watched| watched.seen.clone())
    }

    /// Returns the number of the last change of any topic.
    pub fn number(&self) -> u64 {
        self.topics.lock().number
    }

    /// Returns what tells of changes.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.topics.changes.subscribe()
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let mut state = self.topics.lock();
        state.streams = state.streams.saturating_sub(1);
        for name in &self.names {
            if let Some(watched) = state.topics.get_mut(name) {
                watched.watchers = watched.watchers.saturating_sub(1);
            }
        }
    }
}

#[cfg(test)]
mod tests;
