//! The functions that cost most.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Serialize;

use crate::profiles::profile::Profile;

/// Functions of the list.
const FUNCTIONS_MAX: usize = 200;

/// The list, and what it is a part of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Top {
    /// All samples.
    pub total_samples: i64,
    /// CPU time that they stand for.
    pub total_cpu_ns: i64,
    /// For whom the threads worked, the most costly first.
    pub collections: Vec<Collection>,
    /// The functions, the most costly first; at most 200.
    pub functions: Vec<Function>,
}

/// A collection's part.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Collection {
    /// Id of the request, `agent` or `untagged`.
    pub collection: String,
    /// Its samples.
    pub samples: i64,
    /// Its part of all samples, in percent.
    pub percent: f64,
}

/// A function's part.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Function {
    /// Its name.
    pub function: String,
    /// Its source file; empty when unknown.
    pub file: String,
    /// The line that costs most; `null` when unknown.
    pub line: Option<u32>,
    /// Samples in itself.
    pub flat: i64,
    /// Samples in itself and in what it calls.
    pub cum: i64,
    /// `flat` in percent of all samples.
    pub flat_percent: f64,
    /// `cum` in percent of all samples.
    pub cum_percent: f64,
}

#[derive(Debug, Default)]
struct Cost {
    flat: i64,
    cum: i64,
    /// By line: samples in itself, and samples in all.
    lines: BTreeMap<u32, (i64, i64)>,
}

impl Profile {
    /// Adds up what each function cost. A function that calls itself counts once a stack.
    pub fn top(&self) -> Top {
        let mut costs: HashMap<(&str, &str), Cost> = HashMap::new();
        let mut collections: BTreeMap<&str, i64> = BTreeMap::new();
        for sample in &self.samples {
            *collections.entry(&sample.collection).or_default() += sample.count;
            let mut seen = HashSet::new();
            for (depth, frame) in self.frames(sample).enumerate() {
                let key = (frame.function.as_str(), frame.file.as_str());
                if !seen.insert(key) {
                    continue;
                }
                let flat = if depth == 0 { sample.count } else { 0 };
                let cost = costs.entry(key).or_default();
                let line = cost.lines.entry(frame.line).or_default();
                *line = (line.0 + flat, line.1 + sample.count);
                cost.flat += flat;
                cost.cum += sample.count;
            }
        }
        let total = self.count();
        let mut functions: Vec<Function> = costs
            .into_iter()
            .map(|((function, file), cost)| Function {
                function: function.to_owned(),
                file: file.to_owned(),
                line: cost.dearest_line(),
                flat: cost.flat,
                cum: cost.cum,
                flat_percent: percent(cost.flat, total),
                cum_percent: percent(cost.cum, total),
            })
            .collect();
        functions.sort_by(|a, b| {
            let order = (b.flat, b.cum).cmp(&(a.flat, a.cum));
            order.then_with(|| (&a.function, &a.file).cmp(&(&b.function, &b.file)))
        });
        functions.truncate(FUNCTIONS_MAX);
        let mut collections: Vec<Collection> = collections
            .into_iter()
            .map(|(collection, samples)| Collection {
                collection: collection.to_owned(),
                samples,
                percent: percent(samples, total),
            })
            .collect();
        collections.sort_by_key(|collection| std::cmp::Reverse(collection.samples));
        Top { total_samples: total, total_cpu_ns: self.cpu_ns(), collections, functions }
    }
}

impl Cost {
    fn dearest_line(&self) -> Option<u32> {
        let known = self.lines.iter().filter(|(line, _)| **line != 0);
        known.max_by_key(|(_, cost)| **cost).map(|(line, _)| *line)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share, shown with one decimal")]
fn percent(part: i64, total: i64) -> f64 {
    if total == 0 { 0.0 } else { part as f64 * 100.0 / total as f64 }
}
