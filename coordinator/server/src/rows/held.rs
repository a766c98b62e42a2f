//! What is kept between two answers: sorted rows and errors that were found so far, and lists of hashes that were read.
//!
//! Nothing depends on it: what is forgotten is found and read again.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use muster_protocol::artifact::ioc::IocList;
use muster_protocol::ids::RequestId;
use muster_protocol::limits::{ROWS_LISTS_HELD_MAX, ROWS_SORTS_HELD_MAX};

use super::errors::Errors;
use super::sorted::Sorting;

/// What is kept.
#[derive(Debug, Default)]
pub struct HeldRows {
    sorts: Mutex<VecDeque<(String, Arc<Mutex<Sorting>>)>>,
    errors: Mutex<VecDeque<(RequestId, Arc<Mutex<Errors>>)>>,
    lists: Mutex<VecDeque<(RequestId, Arc<Vec<IocList>>)>>,
}

impl HeldRows {
    /// Returns the sorting of a question: the one that is under way, or a new one where there is none or it is to begin
    /// again.
    pub fn sorting(&self, question: &str, begins: bool) -> Arc<Mutex<Sorting>> {
        let mut sorts = lock(&self.sorts);
        let held = sorts.iter().position(|(known, _)| known == question);
        let held = held.and_then(|at| sorts.remove(at)).filter(|_| !begins);
        let (named, sorting) = held.unwrap_or_else(|| (question.to_owned(), Arc::default()));
        keep(&mut sorts, (named, Arc::clone(&sorting)), ROWS_SORTS_HELD_MAX);
        sorting
    }

    /// Returns what was found so far of what could not be read in a hunt.
    pub fn errors(&self, hunt: RequestId) -> Arc<Mutex<Errors>> {
        let mut errors = lock(&self.errors);
        let held = errors.iter().position(|(known, _)| *known == hunt);
        let held = held.and_then(|at| errors.remove(at));
        let (_, found) = held.unwrap_or_else(|| (hunt, Arc::default()));
        keep(&mut errors, (hunt, Arc::clone(&found)), ROWS_SORTS_HELD_MAX);
        found
    }

    /// Returns the list of hashes of a hunt, read where it is not held.
    pub fn list<E>(
        &self,
        hunt: RequestId,
        read: impl FnOnce() -> Result<Vec<IocList>, E>,
    ) -> Result<Arc<Vec<IocList>>, E> {
        let held = {
            let mut lists = lock(&self.lists);
            let at = lists.iter().position(|(known, _)| *known == hunt);
            at.and_then(|at| lists.remove(at))
        };
        let list = match held {
            Some((_, list)) => list,
            None => Arc::new(read()?),
        };
        let mut lists = lock(&self.lists);
        // Another question may have read the same meanwhile.
        lists.retain(|(known, _)| *known != hunt);
        keep(&mut lists, (hunt, Arc::clone(&list)), ROWS_LISTS_HELD_MAX);
        Ok(list)
    }
}

/// Puts one in front and forgets the last ones that are too many.
fn keep<T>(held: &mut VecDeque<T>, one: T, most: usize) {
    held.truncate(most.saturating_sub(1));
    held.push_front(one);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sorting_goes_on_until_it_is_to_begin_again_or_is_forgotten() {
        let held = HeldRows::default();
        let first = held.sorting("a", true);
        assert!(Arc::ptr_eq(&first, &held.sorting("a", false)));
        assert!(!Arc::ptr_eq(&first, &held.sorting("a", true)));
        let last = held.sorting("z", true);
        for n in 0..ROWS_SORTS_HELD_MAX - 1 {
            held.sorting(&n.to_string(), true);
            assert!(Arc::ptr_eq(&last, &held.sorting("z", false)), "the last used stays");
        }
        held.sorting("one more", true);
        for n in 0..ROWS_SORTS_HELD_MAX {
            held.sorting(&format!("more {n}"), true);
        }
        assert!(!Arc::ptr_eq(&last, &held.sorting("z", false)));
        assert!(lock(&held.sorts).len() <= ROWS_SORTS_HELD_MAX);
    }

    #[test]
    fn a_list_is_read_once_and_one_that_cannot_be_read_is_no_list() {
        let held = HeldRows::default();
        let hunt = |n| RequestId::from_bytes([n; 16]);
        held.list(hunt(1), || Err("broken")).unwrap_err();
        let read = held.list(hunt(1), || Ok::<_, &str>(Vec::new())).unwrap();
        let again = held.list(hunt(1), || Err("it is held")).unwrap();
        assert!(Arc::ptr_eq(&read, &again));
        for n in 2..10 {
            held.list(hunt(n), || Ok::<_, &str>(Vec::new())).unwrap();
        }
        assert!(lock(&held.lists).len() <= ROWS_LISTS_HELD_MAX);
        held.list(hunt(1), || Err("it was forgotten")).unwrap_err();
    }
}
