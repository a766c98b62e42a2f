//! Hunts that are being watched: the latest view of each, and which of its parts have changed, made once for all of its watchers.
//!
//! A watcher that is slow has one view waiting, the latest; it holds no other watcher up.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use muster_api::CollectionBrief;
use muster_protocol::ids::RequestId;
use muster_protocol::limits::WATCHED_BEHIND_MAX;
use tokio::sync::{broadcast, watch};

/// A hunt as its watchers get it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The view, as JSON.
    pub json: String,
    /// The same but for the moment and the number of the change: another one is news.
    pub timeless: String,
    /// The number of its last change.
    pub change: u64,
    /// Whether nothing more is to come.
    pub is_done: bool,
}

/// Parts of a hunt that have changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parts {
    /// These, as they are now.
    Changed(Arc<Vec<CollectionBrief>>),
    /// Too many to send: ask again for what is shown.
    Resync,
}

/// A watcher's end of a hunt.
#[derive(Debug)]
pub struct HuntWatch {
    /// The view. A new one is a change; when the sender is gone, the last one is the end.
    pub views: watch::Receiver<Arc<Shown>>,
    /// The parts that have changed. One that lags must ask again for what it shows, as after [`Parts::Resync`].
    pub parts: broadcast::Receiver<Parts>,
}

/// The way to the watchers of one hunt.
#[derive(Debug)]
struct Watchers {
    views: watch::Sender<Arc<Shown>>,
    parts: broadcast::Sender<Parts>,
}

impl Watchers {
    fn join(&self) -> HuntWatch {
        HuntWatch { views: self.views.subscribe(), parts: self.parts.subscribe() }
    }
}

/// The hunts that are being watched.
#[derive(Debug, Default)]
pub struct Watched {
    hunts: Mutex<BTreeMap<RequestId, Watchers>>,
}

impl Watched {
    /// Adds a watcher of a hunt that somebody looks at already.
    pub fn join(&self, hunt: &RequestId) -> Option<HuntWatch> {
        self.lock().get(hunt).map(Watchers::join)
    }

    /// Adds a watcher of a hunt that is shown so now; returns whether it is the first, and a task must begin to look.
    pub fn begin(&self, hunt: RequestId, now: Shown) -> (HuntWatch, bool) {
        let mut hunts = self.lock();
        if let Some(watchers) = hunts.get(&hunt) {
            return (watchers.join(), false);
        }
        let (views, seen) = watch::channel(Arc::new(now));
        let (parts, changes) = broadcast::channel(WATCHED_BEHIND_MAX);
        hunts.insert(hunt, Watchers { views, parts });
        (HuntWatch { views: seen, parts: changes }, true)
    }

    /// Shows a hunt to its watchers, where there is news, and which parts have changed; returns whether to look again. Without a
    /// watcher it ends.
    pub fn show(&self, hunt: &RequestId, now: Option<Shown>, parts: Option<Parts>) -> bool {
        let mut hunts = self.lock();
        let Some(watchers) = hunts.get(hunt) else { return false };
        // Nobody may listen for parts.
        if let Some(parts) = parts {
            drop(watchers.parts.send(parts));
        }
        let is_done =
            now.as_ref().map_or_else(|| watchers.views.borrow().is_done, |now| now.is_done);
        if let Some(now) = now {
            watchers.views.send_replace(Arc::new(now));
        }
        let goes_on = !is_done && watchers.views.receiver_count() > 0;
        if !goes_on {
            hunts.remove(hunt);
        }
        goes_on
    }

    /// Returns whether a hunt has watchers; when it has none, looking ends.
    pub fn has_watchers(&self, hunt: &RequestId) -> bool {
        let mut hunts = self.lock();
        let is_watched =
            hunts.get(hunt).is_some_and(|watchers| watchers.views.receiver_count() > 0);
        if !is_watched {
            hunts.remove(hunt);
        }
        is_watched
    }

    /// Ends the watching of a hunt that cannot be shown any more.
    pub fn end(&self, hunt: &RequestId) {
        self.lock().remove(hunt);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<RequestId, Watchers>> {
        self.hunts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(json: &str) -> Shown {
        Shown {
            json: json.to_owned(),
            timeless: json.to_owned(),
            change: 0,
            is_done: json == "end",
        }
    }

    fn hunt(n: u8) -> RequestId {
        RequestId::from_bytes([n; 16])
    }

    #[test]
    fn watchers_share_what_is_shown_and_a_slow_one_gets_the_latest() {
        let watched = Watched::default();
        assert!(watched.join(&hunt(1)).is_none());
        let (mut first, is_first) = watched.begin(hunt(1), shown("a"));
        assert!(is_first);
        first.views.borrow_and_update();
        assert!(watched.show(&hunt(1), None, Some(Parts::Resync)));
        assert!(!first.views.has_changed().unwrap());
        assert_eq!(first.parts.try_recv().unwrap(), Parts::Resync);
        let (second, is_first) = watched.begin(hunt(1), shown("z"));
        assert!(!is_first);
        assert_eq!(second.views.borrow().json, "a", "what the first look has found");
        let third = watched.join(&hunt(1)).unwrap();
        for json in ["b", "c", "d"] {
            assert!(watched.show(&hunt(1), Some(shown(json)), None));
        }
        for watch in [&first, &second, &third] {
            assert_eq!(watch.views.borrow().json, "d");
        }
        assert!(!watched.show(&hunt(2), Some(shown("a")), None), "it is not watched");
    }

    #[tokio::test]
    async fn the_end_is_seen_and_then_the_channel_is_closed() {
        let watched = Watched::default();
        let (mut watch, _) = watched.begin(hunt(1), shown("a"));
        watch.views.borrow_and_update();
        assert!(!watched.show(&hunt(1), Some(shown("end")), None));
        watch.views.changed().await.unwrap();
        assert!(watch.views.borrow_and_update().is_done);
        watch.views.changed().await.unwrap_err();
        assert!(watched.begin(hunt(1), shown("end")).1);
        assert!(!watched.show(&hunt(1), None, None), "it has ended before");
    }

    #[test]
    fn looking_ends_with_the_last_watcher() {
        let watched = Watched::default();
        let (watch, _) = watched.begin(hunt(1), shown("a"));
        assert!(watched.has_watchers(&hunt(1)));
        drop(watch);
        assert!(!watched.has_watchers(&hunt(1)));
        assert!(watched.begin(hunt(1), shown("a")).1, "the next one is the first again");
        assert!(!watched.show(&hunt(1), Some(shown("b")), None));
    }

    #[test]
    fn who_lags_behind_is_told_so() {
        let watched = Watched::default();
        let (mut watch, _) = watched.begin(hunt(1), shown("a"));
        for _ in 0..=WATCHED_BEHIND_MAX {
            watched.show(&hunt(1), None, Some(Parts::Changed(Arc::default())));
        }
        assert!(matches!(watch.parts.try_recv(), Err(broadcast::error::TryRecvError::Lagged(1))));
    }
}
