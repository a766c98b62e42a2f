//! What stands still by an operator's word, and until when it may. No I/O, no clock.

use std::collections::BTreeMap;

use muster_protocol::clock::Timestamp;
use muster_protocol::ids::RequestId;
use muster_protocol::limits::{CLOCK_SKEW_MS_MAX, PAUSED_MS_MAX};
use muster_protocol::result::Counters;

/// One collection that stands still.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standstill {
    /// Since when.
    pub(crate) since: Timestamp,
    /// Until when it may begin; `None` when it has begun, and may go on at any time.
    pub(crate) not_after: Option<Timestamp>,
    /// What was done before it.
    pub(crate) done: Counters,
}

/// Why a standstill is over without a resume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    /// It has lasted for [`PAUSED_MS_MAX`].
    TooLong,
    /// What had not begun may not begin any more.
    Expired,
}

impl Standstill {
    /// Returns when it is over, and why.
    fn end(&self) -> (Timestamp, Over) {
        let too_long = (self.since.plus_ms(PAUSED_MS_MAX), Over::TooLong);
        // As long as a request may be late.
        let expired = self.not_after.map(|at| at.plus_ms(CLOCK_SKEW_MS_MAX + 1));
        match expired {
            Some(at) if at < too_long.0 => (at, Over::Expired),
            Some(_) | None => too_long,
        }
    }
}

/// Everything that stands still; at most as many as requests may wait.
#[derive(Debug, Default)]
pub(crate) struct Paused(BTreeMap<RequestId, Standstill>);

impl Paused {
    /// Notes that a collection stands still.
    pub(crate) fn hold(&mut self, request: RequestId, standstill: Standstill) {
        self.0.insert(request, standstill);
    }

    /// Notes that it does not any more.
    pub(crate) fn release(&mut self, request: RequestId) {
        self.0.remove(&request);
    }

    /// Returns what is over by now, and why.
    pub(crate) fn over(&self, now: Timestamp) -> Vec<(RequestId, Over)> {
        let ends = self.0.iter().map(|(request, standstill)| (*request, standstill.end()));
        ends.filter(|(_, (at, _))| *at <= now).map(|(request, (_, why))| (request, why)).collect()
    }

    /// Returns when the next one is over.
    pub(crate) fn wake_at(&self) -> Option<Timestamp> {
        self.0.values().map(|standstill| standstill.end().0).min()
    }

    /// Returns all of it, by request.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (RequestId, Standstill)> + '_ {
        self.0.iter().map(|(request, standstill)| (*request, *standstill))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_begun_may_stand_still_longer_than_its_request_is_valid() {
        let (begun, unbegun) = (RequestId::new(), RequestId::new());
        let mut paused = Paused::default();
        assert_eq!(paused.wake_at(), None);
        let standstill =
            |not_after| Standstill { since: Timestamp(7), not_after, done: Counters::default() };
        paused.hold(begun, standstill(None));
        paused.hold(unbegun, standstill(Some(Timestamp(1_000))));
        let late = Timestamp(1_000 + CLOCK_SKEW_MS_MAX);
        assert_eq!(paused.over(late), []);
        assert_eq!(paused.wake_at(), Some(late.plus_ms(1)));
        assert_eq!(paused.over(late.plus_ms(1)), [(unbegun, Over::Expired)]);
        paused.release(unbegun);
        let end = Timestamp(7 + PAUSED_MS_MAX);
        assert_eq!((paused.wake_at(), paused.over(end.plus_ms(-1))), (Some(end), vec![]));
        assert_eq!(paused.over(end), [(begun, Over::TooLong)]);
    }

    #[test]
    fn a_request_that_outlives_its_pause_ends_by_the_pause() {
        let (request, mut paused) = (RequestId::new(), Paused::default());
        let not_after = Some(Timestamp(2 * PAUSED_MS_MAX));
        let done = Counters::default();
        paused.hold(request, Standstill { since: Timestamp(0), not_after, done });
        assert_eq!(paused.over(Timestamp(PAUSED_MS_MAX)), [(request, Over::TooLong)]);
    }
}
