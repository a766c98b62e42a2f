//! The life of one agent's part of a request: which events it knows, and what each makes of it.
//!
//! * [`Controls`] folds the controls of a request, in whatever order they come, into what holds: a [`Hold`].
//! * [`next`] is the table *state × event → state* that agent, coordinator and documentation share.
//!   `docs/reference/lifecycle.md` shows it, and a test holds the two together.

use super::Verb;

/// What the controls of a request, all together, want of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Hold {
    /// Nothing: it goes its way.
    #[default]
    None,
    /// What has not begun waits; what runs goes on.
    Drain,
    /// Nothing runs.
    Pause,
    /// It has ended, for good.
    Cancel,
}

impl Hold {
    /// Returns whether it keeps a part from running that has begun, or has not.
    pub const fn stops(self, has_begun: bool) -> bool {
        match self {
            Self::Pause => true,
            Self::Drain => !has_begun,
            Self::None | Self::Cancel => false,
        }
    }
}

/// The controls of one request. Cancel is final at any revision; of the others the highest revision counts. The order in
/// which they come makes no difference, nor does one that comes twice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Controls {
    is_cancelled: bool,
    last: Option<(u64, Verb)>,
}

impl Controls {
    /// Takes one control in.
    pub fn apply(&mut self, verb: Verb, revision: u64) {
        if verb == Verb::Cancel {
            self.is_cancelled = true;
        } else {
            // Two of one revision are a clash that nobody should have signed: the one that does more counts.
            self.last = self.last.max(Some((revision, verb)));
        }
    }

    /// Returns what holds.
    pub fn hold(&self) -> Hold {
        match self.last {
            _ if self.is_cancelled => Hold::Cancel,
            None | Some((_, Verb::Resume | Verb::Cancel)) => Hold::None,
            Some((_, Verb::Drain)) => Hold::Drain,
            Some((_, Verb::Pause)) => Hold::Pause,
        }
    }

    /// Returns the revision of the control that holds, among those that are ordered by revision; 0 before the first.
    pub fn revision(&self) -> u64 {
        self.last.map_or(0, |(revision, _)| revision)
    }
}

impl FromIterator<(Verb, u64)> for Controls {
    fn from_iter<I: IntoIterator<Item = (Verb, u64)>>(controls: I) -> Self {
        let mut folded = Self::default();
        controls.into_iter().for_each(|(verb, revision)| folded.apply(verb, revision));
        folded
    }
}

/// Where one agent's part of a request stands, for the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Waits for a lane, for its moment, or for parts of its list.
    Waiting,
    /// Has not begun, and may not.
    Held,
    /// Runs.
    Running,
    /// Has begun, stands still, and goes on from its cursor.
    Paused,
    /// Has ended before it began.
    Unbegun,
    /// Has ended; its final status says how.
    Ended,
}

/// What can happen to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A lane is free, and it is next.
    Lane,
    /// A pause holds.
    Pause,
    /// A drain holds.
    Drain,
    /// Neither holds any more.
    Resume,
    /// It was cancelled.
    Cancel,
    /// Its `not_after` has passed.
    Expiry,
    /// It has been paused for `PAUSED_MS_MAX`.
    TooLong,
    /// Its collector has come to an end, or a limit has.
    End,
    /// The agent's process ends and starts again.
    Restart,
}

impl Stage {
    /// Every stage.
    pub const ALL: [Self; 6] =
        [Self::Waiting, Self::Held, Self::Running, Self::Paused, Self::Unbegun, Self::Ended];

    /// Returns the word in the documentation.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Held => "held",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Unbegun => "ended before it began",
            Self::Ended => "ended",
        }
    }
}

impl Event {
    /// Every event.
    pub const ALL: [Self; 9] = [
        Self::Lane,
        Self::Pause,
        Self::Drain,
        Self::Resume,
        Self::Cancel,
        Self::Expiry,
        Self::TooLong,
        Self::End,
        Self::Restart,
    ];

    /// Returns the word in the documentation.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lane => "lane is free",
            Self::Pause => "pause",
            Self::Drain => "drain",
            Self::Resume => "resume",
            Self::Cancel => "cancel",
            Self::Expiry => "expiry",
            Self::TooLong => "paused too long",
            Self::End => "end",
            Self::Restart => "restart",
        }
    }
}

/// The table. What is not listed changes nothing: the same stage comes back.
pub const fn next(stage: Stage, event: Event) -> Stage {
    match (stage, event) {
        (Stage::Waiting, Event::Pause | Event::Drain) => Stage::Held,
        (Stage::Held, Event::Resume) => Stage::Waiting,
        (Stage::Waiting | Stage::Held, Event::Cancel | Event::Expiry)
        | (Stage::Held, Event::TooLong) => Stage::Unbegun,
        (Stage::Running, Event::Pause) => Stage::Paused,
        // What is resumed waits for a lane again, and shows as running: it has begun.
        (Stage::Waiting, Event::Lane) | (Stage::Paused, Event::Resume | Event::Drain) => {
            Stage::Running
        }
        (Stage::Running | Stage::Paused, Event::Cancel)
        | (Stage::Paused, Event::TooLong)
        | (Stage::Running, Event::End) => Stage::Ended,
        (stage, _) => stage,
    }
}

#[cfg(test)]
mod tests;
