//! The report of a run, as people read it and as `docs/bench/scale` keeps it.

use super::run::{Outcome, Plan};

/// Returns the report in markdown.
#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
pub fn markdown(plan: &Plan, outcome: &Outcome) -> String {
    let rows = plan.agents * plan.files * plan.hunts;
    let rows_per_s = rows as f64 / outcome.stored_s.max(0.001);
    let mb = |bytes: u64| bytes / 1_000_000;
    let [broker, coordinator, agents] = outcome.rss.map(mb);
    let beside = outcome.beside.as_ref().map_or(String::new(), |beside| {
        format!(
            "| the same again, alone / beside a hostile endpoint | {:.1} / {:.1} s: {:.2} times |\n\
             | it sent, and the broker refused | {} messages, {} MB; {} |\n\
             | growth of the store meanwhile | {} MB |\n",
            beside.quiet_s,
            beside.stored_s,
            beside.stored_s / beside.quiet_s.max(0.001),
            beside.sent.messages,
            mb(beside.sent.bytes),
            beside.sent.refused,
            mb(beside.store_bytes),
        )
    });
    let hostile = if plan.hostile { " --hostile" } else { "" };
    let verdict = if outcome.is_clean() { "clean" } else { "NOT CLEAN" };
    let ioc = if plan.ioc > 0 { format!(" --ioc {}", plan.ioc) } else { String::new() };
    format!(
        "`muster-swarm --agents {} --files {} --hunts {} --profiles {}{ioc}{hostile} --seed {}`\n\n\
         | what | figure |\n|---|---|\n\
         | rows expected / right / lost / doubled | {} / {} / {} / {} |\n\
         | profiles expected / stored | {} / {} |\n\
         | enrolment of all | {:.1} s |\n\
         | first agent started → all live | {:.1} s |\n\
         | first launch → everything stored | {:.1} s ({rows_per_s:.0} rows/s) |\n\
         | CPU of the coordinator for it | {:.2} s |\n\
         | signed → started, ms: p50 p99 max | {} |\n\
         | signed → first row stored, ms: p50 p99 max | {} |\n\
         | signed → ended, ms: p50 p99 max | {} |\n\
         | peak RSS of broker / coordinator / all agents | {broker} / {coordinator} / {agents} MB |\n\
         {beside}\
         | verdict | {verdict} |\n",
        plan.agents,
        plan.files,
        plan.hunts,
        plan.profiles,
        plan.seed,
        outcome.expected,
        outcome.right,
        outcome.lost,
        outcome.doubled,
        outcome.profiles.0,
        outcome.profiles.1,
        outcome.enrolled_s,
        outcome.connected_s,
        outcome.stored_s,
        outcome.coordinator_cpu_s,
        outcome.started,
        outcome.first_row,
        outcome.finished,
    )
}
