//! What may start: hunts and profiles in lanes of their own, in the order of arrival. No I/O, no clock.
//!
//! Nothing starts before the lanes are open, which they are once the stream and the directed queue have been
//! read to their ends: what was cancelled meanwhile must never begin.

use std::collections::BTreeMap;

use muster_protocol::clock::Timestamp;
use muster_protocol::ids::RequestId;
use muster_protocol::limits::{HUNT_LANES, PROFILE_LANES};

/// Which slots a request takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lane {
    /// Long work.
    Hunt,
    /// A look at what the agent does, which must not wait for hunts.
    Profile,
}

/// What waits and what runs.
#[derive(Debug)]
pub struct Admission {
    hunts_max: usize,
    profiles_max: usize,
    is_open: bool,
    arrivals: u64,
    waiting: BTreeMap<u64, Waiting>,
    running: BTreeMap<RequestId, Lane>,
}

#[derive(Debug, Clone, Copy)]
struct Waiting {
    request: RequestId,
    lane: Lane,
    not_before: Timestamp,
    was_running: bool,
}

/// Where a request is found that is to be taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withdrawn {
    /// It waited and will not start.
    Waiting,
    /// It runs and must be told.
    Running,
    /// Neither: it is not here yet, or over.
    Unknown,
}

impl Default for Admission {
    fn default() -> Self {
        Self::new(HUNT_LANES, PROFILE_LANES)
    }
}

impl Admission {
    /// Makes closed lanes of these widths.
    pub fn new(hunts_max: usize, profiles_max: usize) -> Self {
        let (waiting, running) = (BTreeMap::new(), BTreeMap::new());
        Self { hunts_max, profiles_max, is_open: false, arrivals: 0, waiting, running }
    }

    /// Lets requests start.
    pub fn open(&mut self) {
        self.is_open = true;
    }

    /// Takes a request in. One that `was_running` before a restart goes on although the lanes are closed: it
    /// does not start, it has started.
    pub fn queue(
        &mut self,
        request: RequestId,
        lane: Lane,
        not_before: Timestamp,
        was_running: bool,
    ) {
        let is_known = self.running.contains_key(&request)
            || self.waiting.values().any(|waiting| waiting.request == request);
        if !is_known {
            self.arrivals += 1;
            let waiting = Waiting { request, lane, not_before, was_running };
            self.waiting.insert(self.arrivals, waiting);
        }
    }

    /// Returns what starts now; it counts as running until [`Admission::ended`].
    pub fn start(&mut self, now: Timestamp) -> Vec<RequestId> {
        let mut started = Vec::new();
        let mut waiting: Vec<_> = self.waiting.iter().map(|(n, w)| (*n, *w)).collect();
        // What has begun goes before what has not: a pause must not cost it its place.
        waiting.sort_by_key(|(arrival, waiting)| (!waiting.was_running, *arrival));
        for (arrival, waiting) in waiting {
            let may = (self.is_open && waiting.not_before <= now) || waiting.was_running;
            if may && self.has_room(waiting.lane) {
                self.waiting.remove(&arrival);
                self.running.insert(waiting.request, waiting.lane);
                started.push(waiting.request);
            }
        }
        started
    }

    /// Returns when to ask again, if it is a matter of time.
    pub fn wake_at(&self) -> Option<Timestamp> {
        let waiting = self.waiting.values();
        let timed = waiting.filter(|w| self.is_open && !w.was_running && self.has_room(w.lane));
        timed.map(|w| w.not_before).min()
    }

    /// Gives the slot back.
    pub fn ended(&mut self, request: RequestId) {
        self.running.remove(&request);
    }

    /// Takes a request out before it starts, or says that it runs.
    pub fn withdraw(&mut self, request: RequestId) -> Withdrawn {
        let arrival = self.waiting.iter().find(|(_, w)| w.request == request).map(|(n, _)| *n);
        match arrival {
            Some(arrival) => {
                self.waiting.remove(&arrival);
                Withdrawn::Waiting
            }
            None if self.running.contains_key(&request) => Withdrawn::Running,
            None => Withdrawn::Unknown,
        }
    }

    /// Returns what waits, in order.
    pub fn waiting(&self) -> impl Iterator<Item = RequestId> + '_ {
        self.waiting.values().map(|waiting| waiting.request)
    }

    fn has_room(&self, lane: Lane) -> bool {
        let taken = self.running.values().filter(|running| **running == lane).count();
        taken < if lane == Lane::Hunt { self.hunts_max } else { self.profiles_max }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp(1_000);

    #[test]
    fn nothing_starts_before_the_lanes_are_open_but_what_ran_goes_on() {
        let mut lanes = Admission::default();
        let (new, old) = (RequestId::new(), RequestId::new());
        lanes.queue(new, Lane::Hunt, NOW, false);
        lanes.queue(old, Lane::Hunt, NOW, true);
        assert_eq!(lanes.start(NOW), [old]);
        lanes.open();
        assert_eq!(lanes.start(NOW), [new]);
    }

    #[test]
    fn a_profile_starts_though_the_hunts_are_busy() {
        let mut lanes = Admission::default();
        lanes.open();
        let ids: Vec<_> = (0..3).map(|_| RequestId::new()).collect();
        for id in &ids {
            lanes.queue(*id, Lane::Hunt, NOW, false);
        }
        assert_eq!(lanes.start(NOW), &ids[..2]);
        let profile = RequestId::new();
        lanes.queue(profile, Lane::Profile, NOW, false);
        assert_eq!(lanes.start(NOW), [profile]);
        lanes.ended(ids[0]);
        assert_eq!(lanes.start(NOW), &ids[2..]);
    }

    #[test]
    fn a_spread_start_waits_for_its_moment_and_blocks_nobody() {
        let mut lanes = Admission::default();
        lanes.open();
        let (later, now) = (RequestId::new(), RequestId::new());
        lanes.queue(later, Lane::Hunt, NOW.plus_ms(500), false);
        lanes.queue(now, Lane::Hunt, NOW, false);
        assert_eq!(lanes.start(NOW), [now]);
        assert_eq!(lanes.wake_at(), Some(NOW.plus_ms(500)));
        assert_eq!(lanes.start(NOW.plus_ms(500)), [later]);
        assert_eq!(lanes.wake_at(), None);
    }

    #[test]
    fn what_is_cancelled_while_it_waits_never_starts() {
        let mut lanes = Admission::default();
        let id = RequestId::new();
        lanes.queue(id, Lane::Hunt, NOW, false);
        assert_eq!(lanes.withdraw(id), Withdrawn::Waiting);
        lanes.open();
        assert!(lanes.start(NOW).is_empty());
        assert_eq!(lanes.withdraw(id), Withdrawn::Unknown);
    }

    proptest! {
        #[test]
        fn lanes_never_overflow_and_nothing_starts_twice(steps in prop::collection::vec((0..4_u8, 0..12_usize), 0..200)) {
            let ids: Vec<_> = (0..12).map(|_| RequestId::new()).collect();
            let mut lanes = Admission::new(2, 1);
            let mut running: Vec<usize> = Vec::new();
            lanes.open();
            for (step, n) in steps {
                let lane = if n % 3 == 0 { Lane::Profile } else { Lane::Hunt };
                match step {
                    0 => lanes.queue(ids[n], lane, NOW, false),
                    1 => { lanes.ended(ids[n]); running.retain(|r| *r != n); }
                    2 => { lanes.withdraw(ids[n]); }
                    _ => for id in lanes.start(NOW) {
                        let n = ids.iter().position(|known| *known == id).unwrap();
                        prop_assert!(!running.contains(&n));
                        running.push(n);
                    },
                }
                let profiles = running.iter().filter(|n| **n % 3 == 0).count();
                prop_assert!(profiles <= 1 && running.len() - profiles <= 2);
            }
        }
    }
}
