//! What cost most: functions, lines, files, modules, threads, hunts, agents.

use std::collections::{BTreeMap, HashMap, HashSet};

use muster_protocol::limits::PROFILE_ROWS_MAX;
use serde::Serialize;

use muster_api::By;

use crate::profiles::module::Frame;
use crate::profiles::profile::{Profile, Sample, Step};

/// The list, and what it is a part of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Top {
    /// The value: `cpu`, `wall`, `inuse_space`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its unit: `nanoseconds`, `bytes`, `count`.
    pub unit: String,
    /// The sum over all samples.
    pub total: i64,
    /// How many samples that are; `null` where they are not counted.
    pub total_samples: Option<i64>,
    /// For whom the threads worked, the most costly first.
    pub collections: Vec<Collection>,
    /// Files whose code has no names here, the most costly first: `muster symbols add`.
    pub nameless: Vec<Nameless>,
    /// The rows, the most costly first; at most 200. `functions`, `lines`, `files` …
    #[serde(flatten)]
    pub rows: Rows,
}

/// The rows, under the name of what they are.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Rows {
    /// By function.
    Functions(Vec<Row>),
    /// By line.
    Lines(Vec<Row>),
    /// By source file.
    Files(Vec<Row>),
    /// By module.
    Modules(Vec<Row>),
    /// By thread.
    Threads(Vec<Row>),
    /// By hunt.
    Hunts(Vec<Row>),
    /// By agent.
    Agents(Vec<Row>),
}

/// A collection's part.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Collection {
    /// Id of the request, `agent` or `untagged`.
    pub collection: String,
    /// Its value.
    pub value: i64,
    /// Its part of the whole, in percent.
    pub percent: f64,
}

/// A mapped file that nothing is known of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Nameless {
    /// Its name, without folders.
    pub module: String,
    /// Its build id.
    pub build_id: String,
    /// What was spent in it, in percent of the whole.
    pub percent: f64,
}

/// One part of the whole.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// What it is.
    #[serde(flatten)]
    pub key: Key,
    /// The line that costs most, or the line itself; `null` when unknown.
    pub line: Option<u32>,
    /// In itself, in the unit of the list.
    pub flat: i64,
    /// In itself and in what it calls.
    pub cum: i64,
    /// `flat` in percent of the whole.
    pub flat_percent: f64,
    /// `cum` in percent of the whole.
    pub cum_percent: f64,
}

/// What a row adds up.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(untagged)]
pub enum Key {
    /// A function, or a line of it.
    Function {
        /// Its name.
        function: String,
        /// Its source file; empty when unknown.
        file: String,
    },
    /// A source file.
    File {
        /// Its path, as the compiler was told; empty when unknown.
        file: String,
    },
    /// A package or a mapped file.
    Module {
        /// Its name.
        module: String,
    },
    /// A thread.
    Thread {
        /// Its name.
        thread: String,
    },
    /// A hunt.
    Hunt {
        /// Its id, `agent` or `untagged`.
        hunt: String,
    },
    /// An agent.
    Agent {
        /// Its id.
        agent: String,
    },
}

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
    pub fn top(&self, by: By) -> Top {
        let total = self.total();
        let mut rows = self.rows(by);
        rows.truncate(PROFILE_ROWS_MAX);
        let kind = self.shown_type();
        Top {
            kind: kind.name,
            unit: kind.unit,
            total,
            total_samples: self.count(),
            collections: self.collections(total),
            nameless: self.nameless(total),
            rows: rows_by(by, rows),
        }
    }

    /// Adds up what each part cost, without a limit; the most costly first.
    pub fn rows(&self, by: By) -> Vec<Row> {
        let total = self.total();
        let mut rows: Vec<Row> =
            self.costs(by).iter().map(|(part, cost)| row(by, part, cost, total)).collect();
        rows.sort_by(|a, b| {
            let order = (b.flat, b.cum).cmp(&(a.flat, a.cum));
            order.then_with(|| (&a.key, a.line).cmp(&(&b.key, b.line)))
        });
        rows
    }

    fn costs(&self, by: By) -> HashMap<Part<'_>, Cost> {
        let mut costs: HashMap<Part<'_>, Cost> = HashMap::new();
        for sample in &self.samples {
            let value = self.value(sample);
            let mut seen = HashSet::new();
            for (depth, step) in self.counted(by, sample).into_iter().enumerate() {
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

    /// Returns the steps that costs are added up for, leaf first. What a stack spends in Rust's own library is spent by
    /// whoever called it: the `next` of some iterator says nothing, the loop that it is in does.
    fn counted<'a>(&'a self, by: By, sample: &'a Sample) -> Vec<Step<'a>> {
        let steps: Vec<_> = self.steps(sample).collect();
        let own = || steps.iter().filter(|step| !step.frame.is_of_std());
        if by == By::Frame || own().next().is_none() { steps } else { own().copied().collect() }
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

impl Rows {
    /// Returns the rows, whatever they are.
    pub fn all(&self) -> &[Row] {
        match self {
            Self::Functions(rows)
            | Self::Lines(rows)
            | Self::Files(rows)
            | Self::Modules(rows)
            | Self::Threads(rows)
            | Self::Hunts(rows)
            | Self::Agents(rows) => rows,
        }
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
