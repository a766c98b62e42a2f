//! What becomes of one delivery: verified, journalled, and only then acted upon (and acked by the caller).
//!
//! * An id that was accepted before is journalled as read and otherwise ignored: replays are harmless.
//! * A refusal is `declined` with its code, once an id and at most [`REFUSALS_PER_MINUTE_MAX`] a minute; it never
//!   marks the id as seen, or a forged message could keep the real one out.
//! * A broadcast that does not match is not answered: the receipt in telemetry (the offset) is the answer, from
//!   which the coordinator derives `declined: not matched` for an agent that it had expected. A directed request is
//!   answered, for there the operator named this agent.
//! * What expired before a *new* journal read it is history, not a refusal: a new agent that reads 30 days of
//!   hunts stays silent about them.
//! * A message that cannot be read (a [`Defect`]) is journalled as read and counted, and never answered.
//! * Revocations and controls hold whatever their target says: those that stop only ever take away, and a resume only
//!   gives back what they took.

use std::sync::atomic::Ordering;

use muster_broker::Defect;
use muster_profiler::capture;
use muster_protocol::clock::Timestamp;
use muster_protocol::ids::RequestId;
use muster_protocol::limits;
use muster_protocol::request::lifecycle::Hold;
use muster_protocol::request::sign::{Opened, Refusal};
use muster_protocol::request::{Args, Body, Control, Kind, Sealed, Verb};
use muster_protocol::result::State;
use tracing::{info, warn};

use crate::core::{Core, lock};
use crate::journal::{Collection, Controlled, Intake, JournalError};
use crate::task::Task;

/// Refusals that are answered in a minute; beyond it they are only counted and logged.
pub const REFUSALS_PER_MINUTE_MAX: u64 = 60;

/// The way that a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The stream, at this offset; `is_history` while a new journal reads what was there before it.
    Stream {
        /// Where in the stream.
        offset: u64,
        /// Whether this journal is reading the stream for the first time.
        is_history: bool,
    },
    /// The agent's own queue.
    Directed,
}

/// What follows once the delivery is durable.
enum Effect {
    Nothing,
    /// A start or a control is journalled: what it makes of the collection.
    Settle(RequestId),
    /// A hunt may have waited for it.
    Part,
    Revoke,
}

impl Core {
    /// Takes one delivery. When this returns `Ok`, the delivery may be acked.
    pub fn take(&self, sealed: &Sealed, source: Source) -> Result<(), JournalError> {
        let now = self.now();
        let id = sealed.id.parse::<RequestId>().ok().filter(|id| id.to_string() == sealed.id);
        let mut intake = Intake::default();
        match source {
            Source::Stream { offset, .. } => intake.stream = Some((offset, id)),
            Source::Directed => intake.directed = id,
        }
        let is_seen = id.map_or(Ok(false), |id| self.journal.is_seen(id))?;
        let effect = if is_seen {
            // A replay, or a delivery whose ack was lost.
            info!(request = %sealed.id, "this request came before: nothing to do");
            Effect::Nothing
        } else {
            let opened = lock(&self.trust).open(sealed, now);
            match opened {
                Ok(opened) => self.accept(&mut intake, sealed, opened, source)?,
                Err(refusal) => {
                    self.refuse(&mut intake, id, sealed, &refusal, source)?;
                    Effect::Nothing
                }
            }
        };
        self.journal.take(&intake, now)?;
        self.act(&effect)
    }

    /// Passes over a message that cannot be read: journals its place, so that it is not met again, and counts
    /// it. Nothing answers it, for nothing in it can be believed. When this returns `Ok`, it may be acked.
    pub fn pass_over(&self, defect: &Defect, offset: Option<u64>) -> Result<(), JournalError> {
        let stream = offset.map(|offset| (offset, None));
        self.journal.take(&Intake { stream, ..Intake::default() }, self.now())?;
        self.unreadable.fetch_add(1, Ordering::Relaxed);
        let (reason, bytes) = (defect.reason.as_str(), defect.body_bytes);
        warn!(agent = %self.agent, reason, ?offset, bytes, "passed over a message that cannot be read");
        Ok(())
    }

    /// Decides about a request whose chain of trust held.
    fn accept<'a>(
        &self,
        intake: &mut Intake<'a>,
        sealed: &'a Sealed,
        opened: Opened,
        source: Source,
    ) -> Result<Effect, JournalError> {
        let Opened { body, args, operator } = opened;
        let id = body.id;
        info!(request = %id, kind = %body.kind, operator, "request accepted");
        intake.seen = Some(id);
        match &args {
            Args::Control(control) => return self.control(intake, &body, control),
            Args::TrustRevoke(revoke) => {
                intake.revoke.clone_from(&revoke.keys);
                return Ok(Effect::Revoke);
            }
            Args::HuntStart(_) | Args::ProfileStart(_) | Args::ListPart(_) => {}
        }
        let declined = |code: &str, reason: String| self.status(id, State::Declined, code, reason);
        let is_meant = body.target.matches(&self.facts, &id).unwrap_or(false);
        if !is_meant {
            if source == Source::Directed {
                let reason = format!("this agent does not match {:?}", body.target.expr);
                intake.status = Some(declined("not_matched", reason));
            }
            return Ok(Effect::Nothing);
        }
        if let Err(reason) = self.policy.allow(&body, &args) {
            intake.status = Some(declined("policy", reason));
            return Ok(Effect::Nothing);
        }
        if let Args::ProfileStart(profile) = &args
            && let Some(reason) = capture::unsupported(profile)
        {
            intake.status = Some(declined("unsupported", reason));
            return Ok(Effect::Nothing);
        }
        if let Args::ListPart(_) = &args {
            intake.part = Some((id, body.args.into_vec(), body.not_after));
            return Ok(Effect::Part);
        }
        let Some(task) = Task::new(body, args) else { return Ok(Effect::Nothing) };
        if self.journal.controls(id)?.hold() == Hold::Cancel {
            let reason = "cancelled before it came";
            intake.status = Some(self.status(id, State::Cancelled, "cancelled", reason));
            return Ok(Effect::Nothing);
        }
        if self.journal.unfinished()? >= limits::QUEUED_REQUESTS_MAX as u64 {
            intake.status = Some(declined("too_many", "too many requests wait".to_owned()));
            return Ok(Effect::Nothing);
        }
        intake.names = task.parts().to_vec();
        intake.start = Some((id, sealed, source == Source::Directed));
        // A pause that came before it holds.
        intake.held = Some(self.status(id, State::Paused, "", ""));
        Ok(Effect::Settle(id))
    }

    fn control(
        &self,
        intake: &mut Intake<'_>,
        body: &Body,
        control: &Control,
    ) -> Result<Effect, JournalError> {
        let id = body.id;
        let Some(verb) = control.known() else {
            // Never taken for a verb that is known. An agent that is not a target stays silent.
            if body.target.matches(&self.facts, &id).unwrap_or(false) {
                let reason = format!("newer than this agent: it cannot {:?}", control.verb);
                intake.status = Some(self.status(id, State::Declined, "unknown_verb", reason));
            }
            return Ok(Effect::Nothing);
        };
        let mut declined = |code: &str, reason: String| {
            intake.status = Some(self.status(id, State::Declined, code, reason));
            Ok(Effect::Nothing)
        };
        let known = self.journal.controls(control.about)?;
        if verb == Verb::Cancel && known.hold() == Hold::Cancel {
            return Ok(Effect::Nothing);
        }
        let mut folded = known;
        // The journal counts with signs.
        let revision = control.revision.min(i64::MAX.unsigned_abs());
        folded.apply(verb, revision);
        if folded == known || revision == 0 {
            let reason = format!("revision {revision} is not above {}", known.revision());
            return declined("lower_revision", reason);
        }
        let collection = self.journal.collection(control.about)?;
        let is_profile = |it: Collection| it.sealed.kind == Kind::ProfileStart.as_str();
        if verb != Verb::Cancel && collection.is_some_and(is_profile) {
            let reason = format!("a profile is a window of time: it knows no {:?}", verb.as_str());
            return declined("not_pausable", reason);
        }
        let about = control.about;
        let status = self.status(about, State::Paused, "", "");
        intake.control = Some(Controlled { about, verb, revision, status });
        Ok(Effect::Settle(about))
    }

    fn refuse(
        &self,
        intake: &mut Intake<'_>,
        id: Option<RequestId>,
        sealed: &Sealed,
        refusal: &Refusal,
        source: Source,
    ) -> Result<(), JournalError> {
        self.refused.fetch_add(1, Ordering::Relaxed);
        warn!(id = %sealed.id.escape_debug().take(60).collect::<String>(), code = refusal.code(), error = %refusal, "request refused");
        let Some(id) = id else { return Ok(()) };
        let is_history = matches!(source, Source::Stream { is_history: true, .. })
            && matches!(refusal, Refusal::Expired(_) | Refusal::CertificateExpired(_));
        if is_history || self.journal.is_refused(id)? || !self.may_answer() {
            return Ok(());
        }
        intake.refused = Some(id);
        let status = self.status(id, State::Declined, refusal.code(), refusal.to_string());
        intake.status = Some(status);
        Ok(())
    }

    /// Allows a number of answers a minute, whoever asks how often.
    fn may_answer(&self) -> bool {
        let minute = self.now().0 / 60_000;
        let mut answered = lock(&self.answered);
        if answered.0 != minute {
            *answered = (minute, 0);
        }
        answered.1 += 1;
        answered.1 <= REFUSALS_PER_MINUTE_MAX
    }

    /// Acts on what is durable now.
    fn act(&self, effect: &Effect) -> Result<(), JournalError> {
        match effect {
            Effect::Nothing => {}
            Effect::Part => self.wake.notify_one(),
            Effect::Settle(request) => self.settle_or_later(*request),
            Effect::Revoke => {
                let revoked = self.journal.revoked()?;
                lock(&self.trust).revoked = revoked;
            }
        }
        Ok(())
    }
}

/// Answers that were given in a minute: the minute, the count.
pub(crate) type Answered = (i64, u64);

/// The moment before which a status says nothing new.
pub(crate) fn is_over(not_after: Timestamp, now: Timestamp) -> bool {
    now > not_after.plus_ms(limits::CLOCK_SKEW_MS_MAX)
}

#[cfg(test)]
mod tests;
