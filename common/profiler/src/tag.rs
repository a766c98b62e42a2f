//! Tags: which agent and which collection a thread works for.
//!
//! A tag is a number in a thread-local cell, which the signal handler may read at any moment; the table
//! in this file gives the number its meaning. Many agents may live in one process (the swarm).

use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::sys;
use muster_protocol::ids::{AgentId, RequestId};

/// What a sample belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Owner {
    /// The agent.
    pub agent: AgentId,
    /// The collection that the agent works for; `None`: the agent's own running.
    pub request: Option<RequestId>,
}

/// A registered owner. Clones share the number; it is given back when the last one is gone.
#[derive(Debug, Clone)]
pub struct Tag(Arc<Entry>);

#[derive(Debug)]
struct Entry {
    number: u64,
    owner: Owner,
}

/// Keeps the calling thread tagged until it is dropped; then the earlier tag holds again.
#[derive(Debug)]
#[must_use = "the thread is tagged only as long as the guard lives"]
pub struct Guard {
    earlier: u64,
    _tag: Tag,
    /// A guard must be dropped on the thread that it tagged.
    _thread: PhantomData<*const ()>,
}

static NEXT: AtomicU64 = AtomicU64::new(1);
static TABLE: Mutex<Option<Table>> = Mutex::new(None);

/// Numbers in use, and those given back whose samples may still wait in the ring.
#[derive(Debug, Default)]
struct Table {
    owners: HashMap<u64, Owner>,
    retired: Vec<u64>,
}

impl Tag {
    /// Registers a thread's work for `agent`, or for one of its collections.
    pub fn new(agent: AgentId, request: Option<RequestId>) -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let owner = Owner { agent, request };
        with_table(|table| table.owners.insert(number, owner.clone()));
        Self(Arc::new(Entry { number, owner }))
    }

    /// Returns what the tag stands for.
    pub fn owner(&self) -> &Owner {
        &self.0.owner
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        with_table(|table| {
            if sys::is_on() {
                table.retired.push(self.number);
            } else {
                table.owners.remove(&self.number);
            }
        });
    }
}

/// Tags the calling thread. Guards nest and must be dropped in the reverse order, as scopes do.
pub fn enter(tag: &Tag) -> Guard {
    Guard { earlier: sys::exchange_tag(tag.0.number), _tag: tag.clone(), _thread: PhantomData }
}

/// Tags the threads that poll `future`, while they poll it.
pub async fn within<F: Future>(tag: &Tag, future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|context| {
        let _guard = enter(tag);
        future.as_mut().poll(context)
    })
    .await
}

impl Drop for Guard {
    fn drop(&mut self) {
        sys::exchange_tag(self.earlier);
    }
}

/// Returns the owner of a number; `None` for 0, the untagged.
pub(super) fn owner(number: u64) -> Option<Owner> {
    if number == 0 {
        return None;
    }
    with_table(|table| table.owners.get(&number).cloned())
}

/// Returns the numbers given back so far: take it before the ring is drained, forget it afterwards.
pub(super) fn retired() -> Vec<u64> {
    with_table(|table| std::mem::take(&mut table.retired))
}

/// Forgets numbers whose samples have left the ring.
pub(super) fn forget(numbers: &[u64]) {
    with_table(|table| {
        for number in numbers {
            table.owners.remove(number);
        }
    });
}

fn with_table<T>(change: impl FnOnce(&mut Table) -> T) -> T {
    let mut table = TABLE.lock().unwrap_or_else(PoisonError::into_inner);
    change(table.get_or_insert_default())
}
