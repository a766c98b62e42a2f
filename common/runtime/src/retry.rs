//! When to try again: the one place that knows how long each retry of ours waits.
//!
//! A [`Policy`] says how the pauses grow, a [`Retry`] counts the tries of one thing that is being tried. Whoever retries
//! names one of the policies below; their figures are limits.

use std::time::Duration;

use muster_protocol::limits;

/// How long the pauses between two tries are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// The first pause.
    pub initial_ms: u64,
    /// By how much each pause is longer than the one before.
    pub factor: u64,
    /// The longest pause.
    pub max_ms: u64,
    /// How pauses differ between callers that try at the same time.
    pub jitter: Jitter,
}

/// How pauses differ between callers that try at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jitter {
    /// Not at all: there is one caller.
    None,
    /// Each is drawn uniformly between zero and what it would be: a fleet spreads over the whole time.
    Full,
}

/// To connect to the broker, which a whole fleet does at once after it was away.
pub const CONNECT: Policy =
    Policy::growing(limits::RECONNECT_MS_FIRST, limits::RECONNECT_MS_MAX).spread();
/// To publish what the broker did not take: a queue is full or missing.
pub const PUBLISH: Policy =
    Policy::growing(limits::PUBLISH_RETRY_MS_FIRST, limits::PUBLISH_RETRY_MS_MAX);
/// To use an agent's journal: its disk is full or away.
pub const JOURNAL: Policy = Policy::fixed(limits::JOURNAL_RETRY_MS);
/// To write to the coordinator's store: its disk is full or away.
pub const STORE: Policy = Policy::fixed(limits::STORE_RETRY_MS);
/// To read a stream that a broker which has just been started does not find yet.
pub const STREAM: Policy = Policy::fixed(limits::STREAM_RETRY_MS);
/// To publish requests that are owed to the broker.
pub const OWED: Policy = Policy::fixed(limits::OWED_RETRY_MS);
/// To set results aside and to take them back.
pub const HELD: Policy = Policy::fixed(limits::HELD_RETRY_MS);
/// To take the rights of an agent in quarantine.
pub const QUARANTINE: Policy = Policy::fixed(limits::QUARANTINE_RETRY_MS);
/// To delete pieces of blobs that are put together.
pub const SWEEP: Policy = Policy::fixed(limits::PIECE_SWEEP_RETRY_MS);
/// To ask a coordinator that has gone away; also between two questions to one that is there.
pub const COORDINATOR: Policy = Policy::fixed(limits::COORDINATOR_RETRY_MS);

impl Policy {
    /// Makes a policy whose pauses are all the same.
    pub const fn fixed(ms: u64) -> Self {
        Self { initial_ms: ms, factor: 1, max_ms: ms, jitter: Jitter::None }
    }

    /// Makes a policy whose pauses double up to a longest one.
    pub const fn growing(initial_ms: u64, max_ms: u64) -> Self {
        Self { initial_ms, factor: 2, max_ms, jitter: Jitter::None }
    }

    /// Draws each pause between zero and what it would be.
    #[must_use]
    pub const fn spread(self) -> Self {
        Self { jitter: Jitter::Full, ..self }
    }

    /// Returns the first pause, before jitter.
    pub const fn first(self) -> Duration {
        Duration::from_millis(self.initial_ms)
    }

    /// Returns pause number `tries` (from 0), before jitter.
    pub fn ceiling_ms(self, tries: u32) -> u64 {
        let grown = self.factor.checked_pow(tries).and_then(|f| self.initial_ms.checked_mul(f));
        grown.unwrap_or(self.max_ms).min(self.max_ms)
    }

    /// Returns pause number `tries` (from 0).
    pub fn pause(self, tries: u32) -> Duration {
        let ceiling = self.ceiling_ms(tries);
        let ms = match self.jitter {
            Jitter::None => ceiling,
            Jitter::Full => {
                let mut bytes = [0; 8];
                match getrandom::fill(&mut bytes) {
                    Ok(()) => u64::from_le_bytes(bytes) % ceiling.saturating_add(1),
                    // No randomness is no reason for all to try at once.
                    Err(_) => ceiling,
                }
            }
        };
        Duration::from_millis(ms)
    }
}

/// The tries of one thing.
#[derive(Debug, Clone, Copy)]
pub struct Retry {
    policy: Policy,
    tries: u32,
}

impl Retry {
    /// Begins; nothing has failed yet.
    pub const fn new(policy: Policy) -> Self {
        Self { policy, tries: 0 }
    }

    /// Notes a failure; returns the pause before the next try.
    pub fn pause(&mut self) -> Duration {
        let pause = self.policy.pause(self.tries);
        self.tries = self.tries.saturating_add(1);
        pause
    }

    /// Notes a failure that trying again will hardly mend; returns the longest pause.
    pub fn longest_pause(&mut self) -> Duration {
        self.tries = self.tries.saturating_add(1);
        self.policy.pause(u32::MAX)
    }

    /// Returns how many failures were noted since the beginning or the last success.
    pub const fn tries(&self) -> u32 {
        self.tries
    }

    /// Notes a success: the next failure is the first again.
    pub fn reset(&mut self) {
        self.tries = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn pauses_double_and_stop_and_begin_again_after_a_success() {
        let mut retry = Retry::new(Policy::growing(10_000, 60_000));
        let mut pauses = || [(); 5].map(|()| retry.pause());
        let grown = [10_000, 20_000, 40_000, 60_000, 60_000].map(ms);
        assert_eq!(pauses(), grown);
        assert_eq!(pauses(), [ms(60_000); 5]);
        retry.reset();
        assert_eq!((retry.tries(), retry.longest_pause()), (0, ms(60_000)));
        assert_eq!((retry.pause(), retry.tries()), (ms(20_000), 2));
        assert_eq!(Policy::growing(10_000, 60_000).ceiling_ms(u32::MAX), 60_000);
    }

    #[test]
    fn fixed_pauses_stay_the_same() {
        let mut retry = Retry::new(STORE);
        assert_eq!([(); 3].map(|()| retry.pause()), [STORE.first(); 3]);
        assert_eq!(retry.longest_pause(), STORE.first());
    }

    #[test]
    fn a_fleet_spreads_over_the_whole_pause() {
        let drawn: Vec<_> = (0..400).map(|_| CONNECT.pause(0)).collect();
        assert!(drawn.iter().all(|pause| *pause <= ms(10_000)));
        assert!(drawn.iter().any(|pause| *pause < ms(2_000)));
        assert!(drawn.iter().any(|pause| *pause > ms(8_000)));
    }
}
