//! The parts of the hunts that were asked for last, as they were last read: a page asks for its list, its curve, its costs and its rows
//! one after the other, and the rows of ten thousand agents take 50 ms of a core to read.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use muster_protocol::ids::RequestId;
use muster_protocol::limits::PARTS_HELD_MAX;

use crate::store::{Reader, StoreError, StoredCollection, Summary};

/// What is kept of the hunts, the one that was asked for last first.
#[derive(Debug, Default)]
pub struct Parts(Mutex<VecDeque<Held>>);

/// The parts of one hunt at one of its changes.
#[derive(Debug)]
struct Held {
    request: RequestId,
    change: u64,
    parts: Arc<Vec<StoredCollection>>,
}

impl Parts {
    /// Returns all parts of a request, by agent. `summary` is of the moment that the reader shows: every commit that changes a part
    /// changes its number.
    pub fn of(
        &self,
        reader: &Reader,
        summary: &Summary,
    ) -> Result<Arc<Vec<StoredCollection>>, StoreError> {
        if let Some(parts) = self.held(summary) {
            return Ok(parts);
        }
        let parts = Arc::new(reader.stored_collections(&summary.id)?);
        let mut held = self.lock();
        held.retain(|one| one.request != summary.id);
        let (request, change) = (summary.id, summary.change);
        held.push_front(Held { request, change, parts: Arc::clone(&parts) });
        let mut kept = 0_usize;
        held.retain(|one| {
            let with = kept.saturating_add(one.parts.len());
            let has_room = with <= PARTS_HELD_MAX;
            kept = if has_room { with } else { kept };
            has_room
        });
        Ok(parts)
    }

    fn held(&self, summary: &Summary) -> Option<Arc<Vec<StoredCollection>>> {
        let mut held = self.lock();
        let is_it = |one: &Held| one.request == summary.id && one.change == summary.change;
        let at = held.iter().position(is_it)?;
        let found = held.remove(at)?;
        let parts = Arc::clone(&found.parts);
        held.push_front(found);
        Some(parts)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::store::collections::tests::{Step, World};

    #[test]
    fn the_hunt_that_was_asked_for_longest_ago_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut world = World::new(folder.path());
        for hunt in 0..2 {
            world.step(Step::Launch(hunt, vec![0, 1], true));
        }
        let reader = world.place.reader().unwrap();
        let mut summaries = Vec::new();
        let take = |summary| {
            summaries.push(summary);
            Ok(true)
        };
        reader.visit_summaries(muster_protocol::request::Kind::HuntStart, take).unwrap();
        let [one, other] = summaries.as_slice() else { panic!("{summaries:?}") };
        let parts = Parts::default();
        let of = |summary| parts.of(&reader, summary).unwrap();
        let (first, second) = (of(one), of(other));
        assert_eq!(first.len(), 2);
        assert!(Arc::ptr_eq(&first, &of(one)) && Arc::ptr_eq(&second, &of(other)), "read once");
        // As many as there is room for, of a hunt that is not there.
        let many = Arc::new(vec![first[0].clone(); PARTS_HELD_MAX - 2]);
        let held = Held { request: RequestId::from_bytes([9; 16]), change: 1, parts: many };
        parts.lock().insert(1, held);
        assert!(Arc::ptr_eq(&second, &of(other)));
        let later = Summary { change: one.change + 1, ..one.clone() };
        assert!(!Arc::ptr_eq(&first, &of(&later)), "a commit has changed it");
        assert_eq!(parts.lock().iter().map(|one| one.parts.len()).sum::<usize>(), 4);
    }
}
