//! What a page has asked to be kept: each thing under a secret name, for a time, and only so many.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use muster_pages::secret::{self, Print};

use crate::failure::Failure;

/// Things that are kept, the oldest first.
#[derive(Debug)]
pub(super) struct Shelf<T> {
    kept: VecDeque<Kept<T>>,
    most: usize,
    lifetime: Duration,
}

#[derive(Debug)]
struct Kept<T> {
    name: Print,
    until: Instant,
    thing: T,
}

impl<T> Shelf<T> {
    /// Makes an empty one for `most` things, each of which is kept for `lifetime_ms`.
    pub(super) fn new(most: usize, lifetime_ms: u64) -> Self {
        Self { kept: VecDeque::new(), most, lifetime: Duration::from_millis(lifetime_ms) }
    }

    /// Keeps a thing; returns its name. Where there is no room the oldest one goes.
    pub(super) fn put(&mut self, thing: T, now: Instant) -> Result<String, Failure> {
        self.forget(now);
        while self.kept.len() >= self.most.max(1) {
            self.kept.pop_front();
        }
        let name = super::new_secret()?;
        let until = now + self.lifetime;
        self.kept.push_back(Kept { name: secret::print(&name), until, thing });
        Ok(name)
    }

    /// Finds a thing.
    pub(super) fn get(&mut self, name: &str, now: Instant) -> Option<&mut T> {
        self.forget(now);
        let name = secret::print(name);
        self.kept.iter_mut().find(|kept| kept.name == name).map(|kept| &mut kept.thing)
    }

    /// Takes a thing away.
    pub(super) fn take(&mut self, name: &str, now: Instant) -> Option<T> {
        self.forget(now);
        let name = secret::print(name);
        let at = self.kept.iter().position(|kept| kept.name == name)?;
        self.kept.remove(at).map(|kept| kept.thing)
    }

    /// Lets the oldest go until all that is left satisfies a condition, or one is left.
    pub(super) fn shrink(&mut self, is_small: impl Fn(&mut dyn Iterator<Item = &T>) -> bool) {
        while self.kept.len() > 1 && !is_small(&mut self.kept.iter().map(|kept| &kept.thing)) {
            self.kept.pop_front();
        }
    }

    fn forget(&mut self, now: Instant) {
        self.kept.retain(|kept| now < kept.until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thing_is_kept_under_its_name_for_a_time() {
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        let mut shelf = Shelf::new(2, 10_000);
        let first = shelf.put(1, now).unwrap();
        let other = shelf.put(2, now + second).unwrap();
        assert_eq!(shelf.get(&first, now + second * 9), Some(&mut 1));
        assert_eq!(shelf.get("", now), None);
        assert_eq!(shelf.get(&first, now + second * 10), None, "its time is over");
        assert_eq!(shelf.take(&other, now + second * 10), Some(2));
        assert_eq!(shelf.take(&other, now), None, "once");
    }

    #[test]
    fn the_oldest_goes_where_there_is_no_room() {
        let now = Instant::now();
        let mut shelf = Shelf::new(2, 10_000);
        let names: Vec<_> = (0..3).map(|n| shelf.put(n, now).unwrap()).collect();
        let kept: Vec<_> = names.iter().map(|name| shelf.get(name, now).copied()).collect();
        assert_eq!(kept, [None, Some(1), Some(2)]);
        shelf.shrink(|all| all.sum::<i32>() < 2);
        assert_eq!(shelf.get(&names[2], now), Some(&mut 2), "one always stays");
        assert_eq!(shelf.get(&names[1], now), None);
    }
}
