//! `muster hunt costs`: what a hunt cost, and on which agents most.

use muster_api::{Distribution, HuntCosts};

use crate::Context;
use crate::failure::{Exit, Failure};
use crate::output::{Column, Document, Format, Show, escape, listing, units};

/// Agents that are named of each figure.
const WORST_SHOWN: usize = 3;

/// One figure in numbers, for a spreadsheet.
struct Figure {
    name: &'static str,
    spread: Distribution,
    shown: fn(u64) -> String,
}

const NUMBERS: &[Column<Figure>] = &[
    Column::new("figure", "figure", Show::Text, |one| one.name.into()),
    Column::new("agents", "count", Show::Count, |one| one.spread.count.into()),
    Column::new("sum", "sum", Show::Count, |one| one.spread.sum.into()),
    Column::new("p50", "p50", Show::Count, |one| one.spread.p50.into()),
    Column::new("p95", "p95", Show::Count, |one| one.spread.p95.into()),
    Column::new("p99", "p99", Show::Count, |one| one.spread.p99.into()),
    Column::new("max", "max", Show::Count, |one| one.spread.max.into()),
];

pub(super) fn run(context: &Context, hunt: &str) -> Result<Exit, Failure> {
    let client = context.client()?;
    let id = super::find(&client, hunt)?.id;
    let costs: Document<HuntCosts> = client.get(&format!("/api/v1/hunts/{id}/costs"))?;
    let HuntCosts { cpu_ms, bytes_read, duration_ms, rows, throttled_ms, .. } = costs.view.clone();
    let figures = [
        Figure { name: "cpu", spread: cpu_ms, shown: units::duration_ms },
        Figure { name: "read", spread: bytes_read, shown: units::bytes },
        Figure { name: "took", spread: duration_ms, shown: units::duration_ms },
        Figure { name: "rows", spread: rows, shown: units::count },
        Figure { name: "throttled", spread: throttled_ms, shown: units::duration_ms },
    ];
    match context.out.format {
        Format::Table => context.out.text(&table(&costs.view, &figures))?,
        Format::Csv => context.out.text(&listing::csv(NUMBERS, &figures))?,
        Format::Json | Format::Jsonl => context.out.json(&costs.json)?,
    }
    Ok(Exit::Done)
}

fn table(costs: &HuntCosts, figures: &[Figure]) -> String {
    let mut text = format!(
        "{:<10} {:>8} {:>10} {:>10} {:>10} {:>10} {:>10}  MOST ON\n",
        "FIGURE", "AGENTS", "SUM", "P50", "P95", "P99", "MAX"
    );
    for Figure { name, spread, shown } in figures {
        let worst = spread.worst.iter().take(WORST_SHOWN);
        let worst: Vec<_> =
            worst.map(|one| format!("{} {}", escape::text(&one.agent), shown(one.value))).collect();
        text.extend([format!(
            "{name:<10} {:>8} {:>10} {:>10} {:>10} {:>10} {:>10}  {}\n",
            units::count(spread.count),
            shown(spread.sum),
            shown(spread.p50),
            shown(spread.p95),
            shown(spread.p99),
            shown(spread.max),
            worst.join(", "),
        )]);
    }
    let mut waits: Vec<_> = costs.waits_ms.iter().filter(|(_, ms)| **ms > 0).collect();
    waits.sort_by_key(|(_, ms)| std::cmp::Reverse(**ms));
    let waits = waits
        .iter()
        .map(|(cause, ms)| format!("{} {}", escape::text(cause), units::duration_ms(**ms)));
    let waits: Vec<_> = waits.collect();
    if !waits.is_empty() {
        text.extend(["waited for: ", &waits.join(" · "), "\n"]);
    }
    text
}

#[cfg(test)]
mod tests {
    use muster_api::WorstAgent;

    use super::*;

    #[test]
    fn figures_have_units_and_agents_are_escaped() {
        let worst = vec![WorstAgent { agent: "a\u{1b}".into(), host: String::new(), value: 2_500 }];
        let spread =
            Distribution { count: 2, sum: 3_000, max: 2_500, worst, ..Distribution::default() };
        let json = serde_json::json!({
            "hunt": "0199", "cpu_ms": spread, "bytes_read": spread, "duration_ms": spread, "rows": spread,
            "throttled_ms": spread, "waits_ms": {"read": 10, "open": 2_000, "none": 0},
            "as_of": "2026-01-02T03:04:05.000Z",
        });
        let costs: HuntCosts = serde_json::from_value(json).unwrap();
        let figures =
            [Figure { name: "cpu", spread: costs.cpu_ms.clone(), shown: units::duration_ms }];
        let text = table(&costs, &figures);
        assert!(text.contains("a\\u{1b} 2.5 s"), "{text}");
        assert!(text.ends_with("waited for: open 2.0 s · read 10 ms\n"), "{text}");
    }
}
