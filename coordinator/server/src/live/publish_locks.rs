//! One publisher per request at a time.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use muster_protocol::ids::RequestId;

/// The requests that are being published. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct PublishLocks {
    held: Arc<Mutex<BTreeSet<RequestId>>>,
}

/// The right to publish one request, until it is dropped.
#[derive(Debug)]
pub struct PublishLock {
    locks: PublishLocks,
    pub(crate) request: RequestId,
}

impl PublishLocks {
    /// Takes the lock of a request; `None` while it is held.
    pub fn take(&self, request: RequestId) -> Option<PublishLock> {
        let is_free = self.held.lock().unwrap_or_else(PoisonError::into_inner).insert(request);
        is_free.then(|| PublishLock { locks: self.clone(), request })
    }
}

impl Drop for PublishLock {
    fn drop(&mut self) {
        self.locks.held.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.request);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_lock_per_request() {
        let locks = PublishLocks::default();
        let (one, two) = (RequestId::new(), RequestId::new());
        let held = locks.take(one).unwrap();
        assert!(locks.take(one).is_none());
        assert!(locks.take(two).is_some());
        drop(held);
        assert!(locks.take(one).is_some());
    }
}
