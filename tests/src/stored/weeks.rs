//! Agents, their curves, hunts and the audit log.

use std::time::Instant;

use muster_protocol::artifact::file_hash::{self, FileKind, FileStatus, Row};
use muster_protocol::artifact::{HashKind, Rows};
use muster_protocol::clock::{Clock, Timestamp};
use muster_protocol::ids::RequestId;
use muster_protocol::request::Args;
use muster_protocol::request::hunt::HuntStart;
use muster_protocol::result::State;
use muster_server::store::{Audit, DeadCount, NewAgent, Write};
use serde_bytes::ByteBuf;

use super::Filling;
use super::made::{agent, chunk, footer, name, request, request_id, sample, status};
use crate::swarm::trees::Numbers;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
/// How long ago the fleet was enrolled.
const LIFE_MS: i64 = 30 * DAY_MS;
/// Every so many hunts agents send a few rows; the others found nothing.
const WITH_ROWS: u32 = 10;
/// What lines of the audit log are of.
const ACTIONS: [&str; 4] = ["request", "quarantine", "rebuild", "release"];
/// Why results were refused.
const REASONS: [(&str, &str); 4] =
    [("rows", "schema"), ("status", "undecodable"), ("blobs", "digest"), ("telemetry", "agent")];

/// Enrols the agents.
pub(super) async fn agents(filling: &mut Filling<'_>) {
    let began = Instant::now();
    let new = |n| NewAgent { id: agent(n), name: name(n), labels: "{}".into() };
    let agents: Vec<_> = (0..filling.plan.agents).map(new).collect();
    filling.at(filling.now.plus_ms(-LIFE_MS));
    let audit = Audit { token: "admin".into(), action: "enrol", ..Audit::default() };
    filling.write(Write::Agents(agents, audit)).await;
    filling.step("agents", filling.plan.agents.into(), began);
}

/// Stores the hunts of a month, from the oldest to one that runs, and the lines of the audit log
/// between them.
pub(super) async fn hunts(filling: &mut Filling<'_>) {
    let (began, hunts) = (Instant::now(), filling.plan.hunts);
    let apart = (LIFE_MS - DAY_MS / 2) / i64::from(hunts.max(1));
    let lines = filling.plan.audit / hunts.max(1);
    for number in 0..hunts {
        // The newest is five minutes old and not answered by everyone.
        let ago = i64::from(hunts - 1 - number) * apart + 5 * MINUTE_MS;
        let issued = filling.now.plus_ms(-ago);
        filling.at(issued);
        hunt(filling, number, issued).await;
        audit(filling, number * lines, lines).await;
    }
    audit(filling, hunts * lines, filling.plan.audit - hunts * lines).await;
    filling.write(Write::Condense).await;
    filling.step("hunts of all agents", hunts.into(), began);
}

async fn hunt(filling: &Filling<'_>, number: u32, issued: Timestamp) {
    let roots = ["/etc", "/usr", "/srv/www", "/home", "/opt", "/var/lib"];
    let root = roots.iter().cycle().nth(usize::try_from(number).unwrap_or_default());
    let files = file_hash::Args {
        roots: vec![ByteBuf::from(root.expect("a root").as_bytes())],
        hashes: vec![HashKind::Sha256],
        ..file_hash::Args::default()
    };
    let start = Args::HuntStart(HuntStart::files(&files).expect("arguments"));
    let id = request_id(issued, filling.plan.seed.wrapping_add(number.into()));
    let made = request(id, &start, issued, filling.agents(), "all");
    filling.launch(made).await;
    let is_newest = number + 1 == filling.plan.hunts;
    for n in 0..filling.plan.agents {
        part(filling, id, n, issued, (number.is_multiple_of(WITH_ROWS), is_newest)).await;
    }
}

/// Stores what an agent did with a hunt: most finish; of every hundred, a few never answer, fail,
/// decline or go on.
async fn part(
    filling: &Filling<'_>,
    id: RequestId,
    n: u32,
    issued: Timestamp,
    (has_rows, is_newest): (bool, bool),
) {
    let started = issued.plus_ms(i64::from(n % 2_000));
    let state = match n.wrapping_mul(2_654_435_761) % 100 {
        0 => return,
        1 => State::Failed,
        2 => State::Declined,
        3..=30 if is_newest => State::Started,
        31..=40 if is_newest => State::Queued,
        41..=60 if is_newest => return,
        _ => State::Finished,
    };
    let mut made = status(id, n, state, started);
    match state {
        State::Failed => {
            "no_root".clone_into(&mut made.code);
            "/srv/www does not exist".clone_into(&mut made.reason);
        }
        State::Declined => {
            "denied_by_policy".clone_into(&mut made.code);
            "policy.toml allows /var/log only".clone_into(&mut made.reason);
        }
        State::Finished => {
            let rows = if has_rows { 2 } else { 0 };
            if has_rows {
                let rows = Rows::of((0..2).map(|at| denied(n, at)).collect::<Vec<_>>());
                filling.begin(Write::Chunk(chunk(id, n, 0, &rows))).await;
            }
            made.chunks = Some(u64::from(has_rows));
            made.footer = Some(footer(n, started, rows, (rows, 0)));
        }
        _ => {}
    }
    filling.begin(Write::Status(made)).await;
}

fn denied(n: u32, at: u32) -> Row {
    let path = format!("/srv/www/site-{n}/private-{at}.key").into_bytes();
    Row::bare(path, FileKind::Regular, FileStatus::Denied, 13)
}

async fn audit(filling: &Filling<'_>, from: u32, lines: u32) {
    let mut numbers = Numbers::new(filling.plan.seed ^ u64::from(from));
    for _ in 0..lines {
        let drawn = numbers.draw();
        let subject =
            agent(u32::try_from(drawn % u64::from(filling.plan.agents.max(1))).expect("an agent"));
        let line = Audit {
            token: if drawn.is_multiple_of(3) { "ci".into() } else { "admin".into() },
            operator: if drawn.is_multiple_of(2) { "ana".into() } else { "ben".into() },
            action: ACTIONS[usize::try_from(drawn % 4).expect("an index")],
            subject: subject.to_string(),
            detail: format!("more than 1,000 refused results in a minute ({drawn})"),
        };
        filling.begin(Write::Audit(line)).await;
    }
}

/// Stores a day of samples of some agents, one a minute.
pub(super) async fn curves(filling: &mut Filling<'_>) {
    let began = Instant::now();
    let minutes = DAY_MS / MINUTE_MS;
    for minute in 0..minutes {
        let at = filling.now.plus_ms(-DAY_MS + minute * MINUTE_MS);
        filling.at(at);
        for n in 0..filling.plan.curves.min(filling.plan.agents) {
            filling.begin(Write::Telemetry(sample(n, minute.unsigned_abs(), at))).await;
        }
        if minute % 60 == 59 {
            filling.write(Write::Condense).await;
        }
    }
    filling.step("samples", minutes.unsigned_abs() * u64::from(filling.plan.curves), began);
}

/// Counts dead letters of a few agents.
pub(super) async fn dead(filling: &mut Filling<'_>) {
    let began = Instant::now();
    filling.at(filling.now);
    for at in 0..filling.plan.dead {
        let (class, reason) = REASONS[usize::try_from(at % 4).expect("an index")];
        let of = u32::try_from(at % 37).expect("an agent") % filling.plan.agents.max(1);
        let one = DeadCount { class, reason, agent: Some(agent(of)), count: 1 };
        filling.begin(Write::Dead(vec![one])).await;
    }
    filling.step("dead letters", filling.plan.dead, began);
}

/// Stores the last sample of every agent: of every hundred some have not been heard for an hour.
pub(super) async fn last_samples(filling: &mut Filling<'_>) {
    let began = Instant::now();
    for (is_silent, ago) in [(true, 60 * MINUTE_MS), (false, 0)] {
        let at = Clock::system().now().plus_ms(-ago);
        filling.at(at);
        for n in (0..filling.plan.agents).filter(|n| (n % 100 < 4) == is_silent) {
            filling.begin(Write::Telemetry(sample(n, 1_440, at))).await;
        }
        filling.write(Write::Condense).await;
    }
    filling.step("last samples", filling.plan.agents.into(), began);
}
