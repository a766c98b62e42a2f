//! What cost most: functions, lines, files, modules, threads, hunts, agents.

use std::collections::{BTreeMap, HashMap, HashSet};

use muster_protocol::limits::PROFILE_ROWS_MAX;

use muster_api::By;
use muster_api::views::{Collection, Key, Nameless, Row, Rows, Top};

use crate::profiles::folding::{Folding, Plumbing};
use crate::profiles::module::Frame;
use crate::profiles::profile::{Profile, Sample, Step};

/// What costs are added up under: a name, a function's file, a line where lines are apart.
type Part<'a> = (&'a str, &'a str, u32);

#[derive(Debug, Default)]
struct Cost {
    flat: i64,
    cum: i64,
    /// By line: in itself, and in all.
    lines: BTreeMap<u32, (i64, i64)>,
}

impl Profile {
    /// Adds up what each part cost. What a stack holds twice counts once a stack.
    pub fn top(&self, by: By, plumbing: Plumbing) -> Top {
        let total = self.total();
        let mut rows = self.rows(by, plumbing);
        rows.truncate(PROFILE_ROWS_MAX);
        let kind = self.shown_type();
        Top {
            kind: kind.name,
            unit: kind.unit,
            total,
            total_samples: self.count(),
            summary: self.summary(),
            collections: self.collections(total),
            nameless: self.nameless(total),
            rows: rows_by(by, rows),
        }
    }

    /// Adds up what each part cost, without a limit; the most costly first.
    pub fn rows(&self, by: By, plumbing: Plumbing) -> Vec<Row> {
        let total = self.total();
        // Frames are asked for by name: all of them.
        let plumbing = if by == By::Frame { Plumbing::Shown } else { plumbing };
        let costs = self.costs(by, plumbing);
        let mut rows: Vec<Row> =
            costs.iter().map(|(part, cost)| row(by, part, cost, total)).collect();
        rows.sort_by(|a, b| {
            let order = (b.flat, b.cum).cmp(&(a.flat, a.cum));
            order.then_with(|| (&a.key, a.line).cmp(&(&b.key, b.line)))
        });
        rows
    }

    fn costs(&self, by: By, plumbing: Plumbing) -> HashMap<Part<'_>, Cost> {
        let mut costs: HashMap<Part<'_>, Cost> = HashMap::new();
        let stacks = self.folding(plumbing);
        for sample in &self.samples {
            let value = self.value(sample);
            let mut seen = HashSet::new();
            for (depth, step) in counted(&stacks, plumbing, sample).into_iter().enumerate() {
                let part = self.part(by, sample, &step);
                if !seen.insert(part) {
                    continue;
                }
                let flat = if depth == 0 { value } else { 0 };
                let cost = costs.entry(part).or_default();
                cost.flat += flat;
                cost.cum += value;
                if matches!(by, By::Function | By::Frame | By::Line) {
                    let line = cost.lines.entry(step.frame.line).or_default();
                    *line = (line.0 + flat, line.1 + value);
                }
                if matches!(by, By::Thread | By::Hunt | By::Agent) {
                    break;
                }
            }
        }
        costs
    }

    fn part<'a>(&'a self, by: By, sample: &'a Sample, step: &Step<'a>) -> Part<'a> {
        let Frame { function, file, line } = step.frame;
        match by {
            By::Function | By::Frame => (function, file, 0),
            By::Line => (function, file, *line),
            By::File => (file, "", 0),
            By::Module => (self.module(step), "", 0),
            By::Thread => (sample.labels.thread(), "", 0),
            By::Hunt => (sample.labels.hunt(), "", 0),
            By::Agent => (sample.labels.agent(), "", 0),
        }
    }

    fn nameless(&self, total: i64) -> Vec<Nameless> {
        let mut sums: BTreeMap<(&str, &str), i64> = BTreeMap::new();
        for sample in &self.samples {
            let leaf = sample.stack.first().and_then(|at| self.locations.get(*at));
            let leaf = leaf.filter(|leaf| leaf.is_nameless());
            let Some(mapping) = leaf.and_then(|leaf| self.mapping(leaf)) else { continue };
            if !mapping.build_id.is_empty() {
                *sums.entry((mapping.file(), &mapping.build_id)).or_default() += self.value(sample);
            }
        }
        let part = |((module, build_id), value): ((&str, &str), i64)| Nameless {
            module: module.to_owned(),
            build_id: build_id.to_owned(),
            percent: percent(value, total),
        };
        let mut nameless: Vec<Nameless> = sums.into_iter().map(part).collect();
        nameless.sort_by(|a, b| b.percent.total_cmp(&a.percent));
        nameless
    }

    fn collections(&self, total: i64) -> Vec<Collection> {
        let mut sums: BTreeMap<&str, i64> = BTreeMap::new();
        for sample in &self.samples {
            *sums.entry(sample.labels.hunt()).or_default() += self.value(sample);
        }
        let part = |(collection, value): (&str, i64)| Collection {
            collection: collection.to_owned(),
            value,
            percent: percent(value, total),
        };
        let mut collections: Vec<Collection> = sums.into_iter().map(part).collect();
        collections.sort_by_key(|collection| std::cmp::Reverse(collection.value));
        collections
    }
}

/// Returns the steps that costs are added up for, leaf first. What a stack spends in Rust's own library is its caller's:
/// the `next` of some iterator says nothing, the loop that it is in does.
fn counted<'a>(stacks: &Folding<'a>, plumbing: Plumbing, sample: &'a Sample) -> Vec<Step<'a>> {
    let mut steps = stacks.steps(sample);
    let is_own = |step: &Step<'_>| !step.frame.is_of_std();
    if plumbing == Plumbing::Folded && steps.iter().any(is_own) {
        steps.retain(is_own);
    }
    steps
}

fn row(by: By, part: &Part<'_>, cost: &Cost, total: i64) -> Row {
    Row {
        key: key(by, part),
        line: cost.dearest_line(),
        flat: cost.flat,
        cum: cost.cum,
        flat_percent: percent(cost.flat, total),
        cum_percent: percent(cost.cum, total),
    }
}

fn key(by: By, (name, file, _): &Part<'_>) -> Key {
    let name = (*name).to_owned();
    match by {
        By::Function | By::Frame | By::Line => {
            Key::Function { function: name, file: (*file).to_owned() }
        }
        By::File => Key::File { file: name },
        By::Module => Key::Module { module: name },
        By::Thread => Key::Thread { thread: name },
        By::Hunt => Key::Hunt { hunt: name },
        By::Agent => Key::Agent { agent: name },
    }
}

fn rows_by(by: By, rows: Vec<Row>) -> Rows {
    match by {
        By::Function | By::Frame => Rows::Functions(rows),
        By::Line => Rows::Lines(rows),
        By::File => Rows::Files(rows),
        By::Module => Rows::Modules(rows),
        By::Thread => Rows::Threads(rows),
        By::Hunt => Rows::Hunts(rows),
        By::Agent => Rows::Agents(rows),
    }
}

impl Cost {
    fn dearest_line(&self) -> Option<u32> {
        let known = self.lines.iter().filter(|(line, _)| **line != 0);
        known.max_by_key(|(_, cost)| **cost).map(|(line, _)| *line)
    }
}

/// Returns a share in percent.
#[expect(clippy::cast_precision_loss, reason = "a share, shown with one decimal")]
pub(in crate::profiles) fn percent(part: i64, total: i64) -> f64 {
    if total == 0 { 0.0 } else { part as f64 * 100.0 / total as f64 }
}
