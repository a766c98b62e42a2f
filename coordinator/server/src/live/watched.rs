//! Hunts that are being watched: the latest view of each, made once for all of its watchers.
//!
//! A watcher that is slow has one view waiting, the latest; it holds nobody else up.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use muster_protocol::ids::RequestId;
use tokio::sync::watch;

/// A hunt as its watchers get it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The view, as JSON.
    pub json: String,
    /// Whether nothing more is to come.
    pub is_done: bool,
}

/// The way to a watcher.
pub type Views = watch::Receiver<Arc<Shown>>;

/// The hunts that are being watched.
#[derive(Debug, Default)]
pub struct Watched {
    hunts: Mutex<BTreeMap<RequestId, watch::Sender<Arc<Shown>>>>,
}

impl Watched {
    /// Adds a watcher of a hunt that is shown so now; returns whether it is the first, and somebody must begin to look.
    pub fn join(&self, hunt: RequestId, now: Shown) -> (Views, bool) {
        let mut hunts = self.lock();
        if let Some(views) = hunts.get(&hunt) {
            let seen = views.subscribe();
            show(views, now);
            return (seen, false);
        }
        let (views, seen) = watch::channel(Arc::new(now));
        hunts.insert(hunt, views);
        (seen, true)
    }

    /// Shows a hunt to its watchers where that is news; returns whether to look again. Without a watcher it ends.
    pub fn show(&self, hunt: &RequestId, now: Shown) -> bool {
        let mut hunts = self.lock();
        let Some(views) = hunts.get(hunt) else { return false };
        let is_done = now.is_done;
        show(views, now);
        let goes_on = !is_done && views.receiver_count() > 0;
        if !goes_on {
            hunts.remove(hunt);
        }
        goes_on
    }

    /// Returns whether anybody watches a hunt; when nobody does, looking ends.
    pub fn has_watchers(&self, hunt: &RequestId) -> bool {
        let mut hunts = self.lock();
        let is_watched = hunts.get(hunt).is_some_and(|views| views.receiver_count() > 0);
        if !is_watched {
            hunts.remove(hunt);
        }
        is_watched
    }

    /// Ends the watching of a hunt that cannot be shown any more.
    pub fn end(&self, hunt: &RequestId) {
        self.lock().remove(hunt);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<RequestId, watch::Sender<Arc<Shown>>>> {
        self.hunts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn show(views: &watch::Sender<Arc<Shown>>, now: Shown) {
    views.send_if_modified(|last| {
        let is_news = **last != now;
        if is_news {
            *last = Arc::new(now);
        }
        is_news
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(json: &str) -> Shown {
        Shown { json: json.to_owned(), is_done: json == "end" }
    }

    fn hunt(n: u8) -> RequestId {
        RequestId::from_bytes([n; 16])
    }

    #[test]
    fn what_is_the_same_is_no_news_and_a_slow_watcher_gets_the_latest() {
        let watched = Watched::default();
        let (mut first, is_first) = watched.join(hunt(1), shown("a"));
        assert!(is_first);
        first.borrow_and_update();
        assert!(watched.show(&hunt(1), shown("a")));
        assert!(!first.has_changed().unwrap());
        let (second, is_first) = watched.join(hunt(1), shown("a"));
        assert!(!is_first);
        assert!(!first.has_changed().unwrap());
        for json in ["b", "c", "d"] {
            assert!(watched.show(&hunt(1), shown(json)));
        }
        assert_eq!((first.borrow().json.as_str(), second.borrow().json.as_str()), ("d", "d"));
        assert!(!watched.show(&hunt(2), shown("a")), "it is not watched");
    }

    #[tokio::test]
    async fn the_end_is_seen_and_then_the_channel_is_closed() {
        let watched = Watched::default();
        let (mut views, _) = watched.join(hunt(1), shown("a"));
        views.borrow_and_update();
        assert!(!watched.show(&hunt(1), shown("end")));
        views.changed().await.unwrap();
        assert!(views.borrow_and_update().is_done);
        views.changed().await.unwrap_err();
        assert!(watched.join(hunt(1), shown("end")).1);
    }

    #[test]
    fn looking_ends_with_the_last_watcher() {
        let watched = Watched::default();
        let (views, _) = watched.join(hunt(1), shown("a"));
        assert!(watched.has_watchers(&hunt(1)));
        drop(views);
        assert!(!watched.has_watchers(&hunt(1)));
        assert!(watched.join(hunt(1), shown("a")).1, "the next one is the first again");
        assert!(!watched.show(&hunt(1), shown("b")));
    }
}
