//! Wall-clock time: where every thread is, whether it runs or waits.
//!
//! At each look a thread that has not run since the last one is where it was, and is left alone. Any other
//! is asked; its answer says where it was for as long as it takes to come: a thread that the kernel does not
//! let go of answers on its way out, from the very place where it waited. What the kernel tells of a thread
//! that waits is read at the same moment.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use self::kernel::Files;
pub(super) use self::kernel::Place;
use crate::sys;
use crate::tag::Owner;
use crate::window::{Spent, Wait};
use muster_protocol::limits::{PROFILE_WALL_LOOKS_PER_S_MAX, PROFILE_WALL_OPEN_THREADS_MAX};

/// After so many looks without an answer the question is put again: it may have got lost.
const ASK_AGAIN: u32 = 16;
/// A thread that waits again in the same call of the same function is not asked more often: each question
/// interrupts, and a file system that then gives up would never get through.
const ASK_PAUSE: Duration = Duration::from_millis(50);
/// Stack of a thread that has never answered.
const UNKNOWN: [u64; 1] = [0];

/// The threads of this process, while a window of wall-clock time is open.
#[derive(Debug)]
pub(super) struct Wall {
    threads: BTreeMap<u32, Thread>,
    hertz: u32,
    /// When the next look is due.
    next: Option<Instant>,
}

#[derive(Debug)]
struct Thread {
    /// Where the kernel tells of it.
    files: Files,
    /// Until when its time is accounted for.
    until: Instant,
    known: Option<Known>,
    asked: Option<Asked>,
    asked_at: Instant,
    /// How long it had run when it was last found where `known` says.
    ran_ns: Option<u64>,
}

/// Where a thread said that it was.
#[derive(Debug)]
struct Known {
    frames: Box<[u64]>,
    owner: Option<Owner>,
    /// Where it waited, when it did.
    place: Option<Place>,
    /// It has not been found there since.
    is_new: bool,
}

/// A question without an answer.
#[derive(Debug)]
struct Asked {
    /// How much of its time waits for the answer.
    spent: Duration,
    looks: u32,
    place: Option<Place>,
}

impl Wall {
    pub(super) const fn new() -> Self {
        Self { threads: BTreeMap::new(), hertz: 0, next: None }
    }

    /// Returns whether so many threads can be looked at so often.
    pub(super) fn is_too_much(threads: usize, hertz: u32) -> bool {
        threads as u64 * u64::from(hertz) > PROFILE_WALL_LOOKS_PER_S_MAX
    }

    /// Looks so often from now on; 0 for never.
    pub(super) fn set_hertz(&mut self, hertz: u32) {
        if self.hertz == hertz {
            return;
        }
        self.hertz = hertz;
        self.next = (hertz > 0).then(Instant::now);
        if hertz == 0 {
            self.threads.clear();
        }
    }

    /// Returns when the next look is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Begins with new threads and forgets those that are gone.
    pub(super) fn meet(&mut self, tids: &BTreeSet<u32>, own_tid: u32, now: Instant) {
        if self.hertz == 0 {
            return;
        }
        self.threads.retain(|tid, _| tids.contains(tid));
        for tid in tids.iter().filter(|tid| **tid != own_tid) {
            let has_room = self.threads.len() < PROFILE_WALL_OPEN_THREADS_MAX;
            self.threads.entry(*tid).or_insert_with(|| Thread {
                files: Files::of(*tid, has_room),
                until: now,
                known: None,
                asked: None,
                asked_at: now,
                ran_ns: None,
            });
        }
    }

    /// Looks at every thread; says of each that is where it was how long.
    pub(super) fn look(&mut self, now: Instant, say: &mut impl FnMut(&Spent<'_>)) {
        for (tid, thread) in &mut self.threads {
            thread.look(*tid, now, say);
        }
        let threads = u32::try_from(self.threads.len()).unwrap_or(u32::MAX).max(1);
        let most = u32::try_from(PROFILE_WALL_LOOKS_PER_S_MAX).unwrap_or(u32::MAX) / threads;
        let period = Duration::from_secs(1) / self.hertz.min(most).max(1);
        // A look that comes late does not make the next ones hurry.
        let due = self.next.map(|due| due + period).filter(|due| *due > now);
        self.next = Some(due.unwrap_or(now + period));
    }

    /// Takes in an answer.
    pub(super) fn answered(
        &mut self,
        tid: u32,
        frames: &[u64],
        owner: Option<&Owner>,
        say: &mut impl FnMut(&Spent<'_>),
    ) {
        let Some(thread) = self.threads.get_mut(&tid) else { return };
        let asked = thread.asked.take();
        let leaf = frames.first().copied().unwrap_or_default();
        let spent = asked.as_ref().map(|asked| asked.spent);
        let place = asked.and_then(|asked| asked.place).filter(|place| place.is_at(leaf));
        let owner = owner.cloned();
        let known = Known { frames: frames.into(), owner, place, is_new: true };
        if let Some(spent) = spent {
            known.say(tid, spent, say);
        }
        thread.known = Some(known);
        thread.ran_ns = None;
    }

    /// Returns whether a thread has yet to answer.
    pub(super) fn is_waiting(&self) -> bool {
        self.threads.values().any(|thread| thread.asked.is_some())
    }

    /// Says of threads that do not answer where they were when they last did. One that does not wait has got no
    /// CPU to answer on.
    pub(super) fn unanswered(&self, say: &mut impl FnMut(&Spent<'_>)) {
        for (tid, thread) in &self.threads {
            let Some(asked) = &thread.asked else { continue };
            let waits = |place: &Place| Wait { syscall: place.call, is_unanswered: true };
            let known = thread.known.as_ref();
            say(&Spent {
                tid: *tid,
                frames: known.map_or(&UNKNOWN, |known| &known.frames),
                owner: known.and_then(|known| known.owner.as_ref()),
                wait: asked.place.as_ref().map(waits),
                ns: nanoseconds(asked.spent),
            });
        }
    }
}

impl Thread {
    fn look(&mut self, tid: u32, now: Instant, say: &mut impl FnMut(&Spent<'_>)) {
        let spent = now.saturating_duration_since(self.until);
        self.until = now;
        if let Some(asked) = &mut self.asked {
            asked.spent += spent;
            asked.looks += 1;
            if asked.place.is_none() {
                asked.place = self.files.place();
            }
            if asked.looks % ASK_AGAIN == 0 {
                ask(tid);
            }
            return;
        }
        let ran_ns = self.files.ran_ns();
        if let Some(known) = &self.known
            && ran_ns.is_some()
            && ran_ns == self.ran_ns
        {
            return known.say(tid, spent, say);
        }
        let place = self.files.place();
        if let (Some(place), Some(known)) = (&place, &mut self.known)
            && let Some(before) = &known.place
        {
            if known.is_new && before == place {
                // It has run since it answered: back to where it was, as the kernel tells.
                known.is_new = false;
                self.ran_ns = ran_ns;
                return known.say(tid, spent, say);
            }
            if before.is_same_stack(place) && now.duration_since(self.asked_at) < ASK_PAUSE {
                return known.say(tid, spent, say);
            }
        }
        ask(tid);
        self.asked_at = now;
        self.asked = Some(Asked { spent, looks: 0, place });
    }
}

impl Known {
    fn say(&self, tid: u32, spent: Duration, say: &mut impl FnMut(&Spent<'_>)) {
        let wait = self.place.as_ref();
        let wait = wait.map(|place| Wait { syscall: place.call, is_unanswered: false });
        let owner = self.owner.as_ref();
        say(&Spent { tid, frames: &self.frames, owner, wait, ns: nanoseconds(spent) });
    }
}

fn ask(tid: u32) {
    if let Err(error) = sys::ask(tid) {
        tracing::trace!(tid, %error, "a thread cannot be asked: it is gone");
    }
}

fn nanoseconds(spent: Duration) -> u64 {
    u64::try_from(spent.as_nanos()).unwrap_or(u64::MAX)
}

mod kernel;
#[cfg(test)]
mod tests;
