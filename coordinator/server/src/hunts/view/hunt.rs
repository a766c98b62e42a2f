//! What is shown of a hunt, as a whole and for each agent.

use muster_protocol::artifact::ioc::IocList;
use muster_protocol::clock::Timestamp;
use muster_protocol::ids::{AgentId, Attempt};
use muster_protocol::request::hunt::HuntStart;
use muster_protocol::request::lifecycle;
use muster_protocol::result::{ArtifactFooter, Footer};

use super::{RequestSnapshot, exit_code};
use crate::hunts::lists;
use crate::live::broker_health::Blockage;
use crate::state::{AttemptState, Collection, Done, done::total};
use crate::store::collections::derive::CONFLICT;
use crate::store::summaries::totals::count;
use crate::store::{DataDir, StoreError};
use muster_api::{
    Applied, AttemptView, CollectionView, Hold, HuntView, Progress, Reasons, Spent, Time,
};

impl RequestSnapshot {
    /// Shows the hunt.
    pub fn hunt(&self) -> Result<HuntView, StoreError> {
        let args: HuntStart = self.args()?;
        let asked = args.shown()?;
        let states = self.states();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(HuntView {
            id: self.request.id.to_string(),
            change: 0,
            as_of: self.now.into(),
            name: self.noted.name.clone(),
            case: self.noted.case.clone(),
            note: self.noted.note.clone(),
            artifact: args.artifact,
            operator: self.request.operator.clone(),
            target: self.request.target.clone(),
            roots: asked.roots.iter().map(|root| text(root)).collect(),
            hashes: asked.hashes.iter().map(|hash| hash.as_str().to_owned()).collect(),
            ioc: match asked.list.count {
                0 => asked.ioc.iter().map(|list| list.count() as u64).sum(),
                count => count,
            },
            issued: self.request.issued.into(),
            expires: self.request.not_after.into(),
            route: self.route().into(),
            published: self.request.is_published,
            cancelled: self.controls.hold() == lifecycle::Hold::Cancel,
            hold: Hold::from(self.controls.hold()).into(),
            revision: self.controls.revision(),
            controls: self.controls_shown.clone(),
            applied: self.applied(),
            ended_at: self.ended_at().map(Time::from),
            outcome: states.outcome().unwrap_or_default(),
            targeted: states.sum(),
            states,
            progress: self.progress(),
            spent: self.spent(),
            done: states.ended() == states.sum(),
            exit_code: exit_code(&states),
            notes: self.notes(states.ended() == states.sum()),
        })
    }

    /// Returns what holds it up beside the agents, then what is wrong with their identities.
    fn notes(&self, is_done: bool) -> Vec<String> {
        let open = self.blockage.iter().filter(|blockage| blockage.until.is_none() && !is_done);
        open.map(Blockage::sentence).chain(self.identity_notes()).collect()
    }

    /// Returns how far the newest pause, drain or resume has come.
    fn applied(&self) -> Option<Applied> {
        let revision = self.controls.revision();
        if revision == 0 || self.controls.hold() == lifecycle::Hold::Cancel {
            return None;
        }
        let mut applied = Applied { revision, ..Applied::default() };
        for (agent, part) in self.parts() {
            let run = part.counting().map(|(_, run)| run);
            let has_ended = run.is_some_and(|run| run.last.is_some());
            let has_applied = has_ended
                || self.phase(agent, part).has_ended()
                || run.is_some_and(|run| run.revision() >= revision);
            count(&mut applied, agent, has_applied);
        }
        Some(applied)
    }

    /// Returns when the last part ended; nothing while one has not.
    fn ended_at(&self) -> Option<Timestamp> {
        let mut last = None;
        for (agent, part) in self.parts() {
            if !self.phase(agent, part).has_ended() {
                return None;
            }
            let run = part.counting().map(|(_, run)| run);
            let received = run.and_then(|run| run.last.as_ref()).map(|last| last.received);
            let footer = run.and_then(|run| run.last.as_ref()?.footer.as_ref());
            let id = part.counting().map(|(id, _)| id);
            let is_whole = footer.zip(id).is_none_or(|(said, id)| self.has_blobs(agent, id, said));
            let standing = part.standing(is_whole);
            let timed_out = standing.timed_out_at(self.request.not_after);
            last = last.max(timed_out.filter(|_| !standing.is_settled()).or(received));
        }
        last
    }

    fn progress(&self) -> Progress {
        let mut sum = Progress::default();
        for (agent, part) in self.parts() {
            let run = part.counting();
            let is_live = run.is_none_or(|(_, run)| run.last.is_none());
            let sample = self.sample(agent).filter(|_| is_live);
            let footer = run.and_then(|(_, run)| run.footer());
            let done = footer.map(Done::of).unwrap_or_default().with(sample);
            add(&mut sum.seen, done.seen);
            add(&mut sum.files, done.hashed.saturating_add(done.cached));
            add(&mut sum.matched, done.matched);
            add(&mut sum.errors, done.errors);
            add(&mut sum.bytes, done.bytes);
            add(&mut sum.cpu_ms, done.cpu_ms);
            add(&mut sum.throttled_ms, done.throttled_ms);
            if let Some(sample) = sample {
                sum.files_per_s += rate(sample.hashed, sample.age_ms);
                sum.mb_per_s += rate(sample.bytes, sample.age_ms) / 1e6;
            }
            if let Some(stored) = run.and_then(|(id, _)| self.volume.get(&(agent.clone(), *id))) {
                sum.rows += stored.rows;
                sum.stored_bytes += stored.bytes;
            }
        }
        sum
    }

    /// Adds up what the ended parts cost.
    fn spent(&self) -> Spent {
        let runs = self.parts().filter_map(|(_, part)| part.counting());
        let footers = runs.filter_map(|(_, run)| run.last.as_ref()?.footer.as_ref());
        shown(&footers.fold(Footer::default(), |sum, footer| Footer {
            cpu_user_ms: sum.cpu_user_ms.saturating_add(footer.cpu_user_ms),
            cpu_system_ms: sum.cpu_system_ms.saturating_add(footer.cpu_system_ms),
            spent: sum.spent.plus(&footer.spent),
            ..sum
        }))
    }

    /// Returns the list of hashes of the hunt, as it was signed: whole digests, where there was room for them.
    pub fn ioc(&self, place: &DataDir) -> Result<Vec<IocList>, StoreError> {
        let asked = self.args::<HuntStart>()?.asked()?;
        if asked.list.is_none() { Ok(asked.ioc) } else { lists::whole(place, &asked.list) }
    }

    /// Shows one agent's part.
    pub fn part_of(&self, agent: &AgentId) -> Option<CollectionView> {
        let part = self.parts().find(|(known, _)| *known == agent);
        part.map(|(agent, part)| self.part(agent, part))
    }

    /// Shows one agent's part with all of its attempts.
    pub fn part_with_attempts(&self, agent: &AgentId) -> Option<CollectionView> {
        let view = self.part_of(agent)?;
        let part = self.collections.parts.get(agent)?;
        let attempts = part.runs.iter().map(|(id, run)| self.attempt(agent, part, id, run));
        Some(CollectionView { attempts_known: attempts.collect(), ..view })
    }

    fn attempt(
        &self,
        agent: &AgentId,
        part: &Collection,
        id: &Attempt,
        run: &AttemptState,
    ) -> AttemptView {
        let last = run.last.as_ref();
        let footer = last.and_then(|last| last.footer.as_ref());
        let is_whole = footer.is_none_or(|said| self.has_blobs(agent, id, said));
        let standing = run.standing(is_whole, part.is_revoked);
        let said = last.or(run.latest.as_ref());
        let (code, reason) = match &run.fault {
            _ if run.has_conflict => CONFLICT,
            Some(fault) => (fault.code.as_str(), fault.reason.as_str()),
            None => said.map(|said| (said.code.as_str(), said.reason.as_str())).unwrap_or_default(),
        };
        let footer = run.footer();
        let time = |at: Timestamp| (at.0 != 0).then(|| Time::from(at));
        let volume = self.volume.get(&(agent.clone(), *id));
        AttemptView {
            attempt: id.origin.to_string(),
            journal: id.journal.to_string(),
            counts: part.counting().is_some_and(|(counting, _)| counting == id),
            host: run.host().unwrap_or_default().to_owned(),
            state: standing.phase(self.now, self.request.not_after, None).as_str().to_owned(),
            code: code.to_owned(),
            reason: reason.to_owned(),
            chunks: run.chunks(),
            chunks_stored: run.stored.len(),
            rows: volume.map_or(0, |stored| stored.rows),
            started: footer.and_then(|footer| time(footer.started)),
            ended: footer.and_then(|footer| time(footer.ended)),
            received: run.received().map(Time::from),
            resumed: footer.map_or(0, |footer| footer.resumed),
        }
    }

    /// Shows every agent's part.
    pub fn parts_shown(&self) -> Vec<CollectionView> {
        self.parts().map(|(agent, part)| self.part(agent, part)).collect()
    }

    fn part(&self, agent: &AgentId, part: &Collection) -> CollectionView {
        let run = part.counting();
        let (code, reason) = self.why(agent, part);
        let footer = run.and_then(|(_, run)| run.footer()).cloned().unwrap_or_default();
        let spent = shown(&footer);
        let files = footer.artifact.as_ref().map(ArtifactFooter::figures).unwrap_or_default();
        let is_live = run.is_none_or(|(_, run)| run.last.is_none());
        let sample = self.sample(agent).filter(|_| is_live);
        let time = |at: Timestamp| (at.0 != 0).then(|| Time::from(at));
        let volume = run.and_then(|(id, _)| self.volume.get(&(agent.clone(), *id)));
        let done = Done::of(&footer).with(sample);
        let path = sample.map_or(files.slowest_path.as_slice(), |sample| &sample.path);
        CollectionView {
            hunt: self.request.id.to_string(),
            agent: agent.to_string(),
            host: self.host(agent, run.map(|(_, run)| run)),
            machine: run.and_then(|(_, run)| run.machine()).map(|machine| machine.to_string()),
            clone: self.is_clone(agent),
            state: self.phase(agent, part).as_str().to_owned(),
            code,
            reason,
            attempt: run.map(|(id, _)| id.origin.to_string()),
            journal: run.map(|(id, _)| id.journal.to_string()),
            attempts: u64::try_from(part.runs.len()).unwrap_or(u64::MAX),
            chunks: run.and_then(|(_, run)| run.chunks()),
            chunks_stored: run.map_or(0, |(_, run)| run.stored.len()),
            rows: volume.map_or(0, |stored| stored.rows),
            first_row: volume.and_then(|stored| stored.first_row).map(Time::from),
            started: time(footer.started),
            ended: time(footer.ended),
            seen: done.seen,
            hashed: done.hashed,
            matched: files.matched,
            unmatched: files.unmatched,
            uploaded: files.uploaded,
            upload_bytes: files.upload_bytes,
            cached: files.cached,
            listed: files.listed,
            filtered: total(&files.filtered),
            skipped: total(&files.skipped),
            errors: total(&files.failed),
            reasons: Reasons {
                filtered: files.filtered,
                skipped: files.skipped,
                errors: files.failed,
                unjudged: files.unjudged,
                not_uploaded: files.not_uploaded,
            },
            mounts_skipped: files.mounts_skipped,
            bytes_hashed: files.bytes_hashed,
            bytes_read: done.bytes,
            cpu_ms: done.cpu_ms,
            throttled_ms: done.throttled_ms,
            spent,
            resumed: footer.resumed,
            path: String::from_utf8_lossy(path).into_owned(),
            attempts_known: Vec::new(),
        }
    }
}

/// Adds a figure that an agent said.
fn add(sum: &mut u64, figure: u64) {
    *sum = sum.saturating_add(figure);
}

fn shown(footer: &Footer) -> Spent {
    let spent = footer.spent.clone();
    Spent {
        threads_ms: spent.threads_ms,
        cpu_user_ms: footer.cpu_user_ms,
        cpu_system_ms: footer.cpu_system_ms,
        waits_ms: spent.waits_ms,
        faults_minor: spent.faults_minor,
        faults_major: spent.faults_major,
        disk_read_bytes: spent.disk_read_bytes,
        disk_written_bytes: spent.disk_written_bytes,
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
fn rate(count: u64, ms: u64) -> f64 {
    if ms == 0 { 0.0 } else { count as f64 * 1_000.0 / ms as f64 }
}
