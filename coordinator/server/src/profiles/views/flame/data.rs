//! What the picture is drawn from: the call tree in numbers, small frames put together.

use std::collections::{BTreeMap, HashMap};

use muster_protocol::limits::{
    PROFILE_FLAME_CELLS_MAX, PROFILE_FLAME_FRAMES_MAX, PROFILE_FLAME_SMALLEST_PPM,
};
use serde::Serialize;

use super::PALETTE;
use crate::profiles::profile::Profile;
use crate::profiles::tree::{Node, SIDES, Tree};

/// The name of what was put together.
const SMALLER: &str = "(smaller frames)";

/// The data of a picture, as the script reads it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Data {
    /// What the values are counted in.
    pub(super) unit: String,
    /// Names of the profiles side by side.
    sides: Vec<String>,
    /// Every text; others are indices into it.
    pub(super) names: Vec<String>,
    /// Six numbers a node: parent, function, file, line, module, whether it is inlined. The first is the root.
    pub(super) nodes: Vec<usize>,
    /// Names of modules, the most costly first.
    modules: Vec<usize>,
    /// Names of threads, hunts and agents, the most costly first.
    threads: Vec<usize>,
    hunts: Vec<usize>,
    agents: Vec<usize>,
    /// Four numbers a cell, node, thread, hunt, agent, and then its own values, one a side.
    pub(super) cells: Vec<i64>,
    /// Colours by rank.
    palette: &'static [&'static str],
    /// What is not drawn frame by frame; empty when all is.
    smallest: String,
}

/// Numbers of a node in [`Data::nodes`].
pub(super) const NODE: usize = 6;
/// Numbers of a cell in [`Data::cells`] before its values.
pub(super) const CELL: usize = 4;

impl Data {
    /// Returns how many profiles are side by side.
    pub(super) fn sides(&self) -> usize {
        self.sides.len()
    }

    /// Puts a tree into numbers.
    pub(super) fn of(tree: &Tree<'_>, sides: &[(&str, &Profile)], unit: String) -> Self {
        let mut names = Names::default();
        let kept = Kept::of(tree);
        let modules = Ranks::of(
            tree.nodes.iter().filter_map(|node| Some((node.frame?.module, sum(node.own)))),
        );
        let mut nodes = vec![0; NODE];
        // Where frames were put together, they are of no module, and grey.
        let no_module = modules.list.len().max(PALETTE.len());
        for (parent, node) in kept.nodes(tree) {
            let Some(place) = node.and_then(|node| node.frame) else {
                nodes.extend([parent, names.of(SMALLER), names.of(""), 0, no_module, 0]);
                continue;
            };
            let line = usize::try_from(node.map_or(0, |node| node.line)).unwrap_or(0);
            nodes.extend([
                parent,
                names.of(place.function),
                names.of(place.file),
                line,
                modules.of_name(place.module),
                usize::from(place.is_inlined),
            ]);
        }
        let mut module_names: Vec<usize> = modules.names(&mut names);
        if kept.has_smaller() {
            module_names.resize(no_module + 1, names.of(SMALLER));
        }
        let cells = Cells::of(tree, &kept, sides);
        Self {
            unit,
            sides: sides.iter().map(|(name, _)| (*name).to_owned()).collect(),
            modules: module_names,
            threads: cells.threads.names(&mut names),
            hunts: cells.hunts.names(&mut names),
            agents: cells.agents.names(&mut names),
            nodes,
            cells: cells.numbers,
            names: names.list,
            palette: &PALETTE,
            smallest: kept.told(),
        }
    }
}

/// Which nodes are drawn, and where the others went.
#[derive(Debug)]
struct Kept {
    /// The new number of each node; of those not kept, the one that they are put together in.
    new: Vec<usize>,
    /// The kept nodes in order: the new number of the parent, and the old one of the node; none for what was
    /// put together.
    order: Vec<(usize, Option<usize>)>,
    ppm: u64,
}

impl Kept {
    fn of(tree: &Tree<'_>) -> Self {
        let mut ppm = PROFILE_FLAME_SMALLEST_PPM;
        loop {
            let kept = Self::at(tree, ppm);
            if kept.order.len() <= PROFILE_FLAME_FRAMES_MAX {
                return kept;
            }
            ppm *= 2;
        }
    }

    fn at(tree: &Tree<'_>, ppm: u64) -> Self {
        let totals: Vec<i64> = (0..SIDES).map(|side| tree.total(side)).collect();
        let is_large = |node: &Node<'_>| {
            node.total.iter().zip(&totals).any(|(part, whole)| {
                *part > 0 && i128::from(*part) * 1_000_000 >= i128::from(*whole) * i128::from(ppm)
            })
        };
        let mut new = vec![0; tree.nodes.len()];
        let mut is_kept = vec![true; tree.nodes.len()];
        let mut order = Vec::new();
        let mut smaller: HashMap<usize, usize> = HashMap::new();
        for (index, node) in tree.nodes.iter().enumerate().skip(1) {
            let parent = new.get(node.parent).copied().unwrap_or(0);
            let below_kept = is_kept.get(node.parent).copied().unwrap_or(true);
            let kept = below_kept && is_large(node);
            let number = if kept {
                order.push((parent, Some(index)));
                order.len()
            } else if below_kept {
                *smaller.entry(parent).or_insert_with(|| {
                    order.push((parent, None));
                    order.len()
                })
            } else {
                parent
            };
            if let (Some(new), Some(is)) = (new.get_mut(index), is_kept.get_mut(index)) {
                (*new, *is) = (number, kept);
            }
        }
        Self { new, order, ppm }
    }

    fn nodes<'a, 't>(
        &'a self,
        tree: &'a Tree<'t>,
    ) -> impl Iterator<Item = (usize, Option<&'a Node<'t>>)> {
        let node = |index: &Option<usize>| index.and_then(|index| tree.nodes.get(index));
        self.order.iter().map(move |(parent, index)| (*parent, node(index)))
    }

    fn has_smaller(&self) -> bool {
        self.order.iter().any(|(_, index)| index.is_none())
    }

    #[expect(clippy::cast_precision_loss, reason = "a percentage to read")]
    fn told(&self) -> String {
        if !self.has_smaller() {
            return String::new();
        }
        format!("frames under {} % are put together", self.ppm as f64 / 10_000.0)
    }
}

/// The samples by node, thread, hunt and agent.
struct Cells<'a> {
    numbers: Vec<i64>,
    threads: Ranks<'a>,
    hunts: Ranks<'a>,
    agents: Ranks<'a>,
}

impl<'a> Cells<'a> {
    fn of(tree: &Tree<'_>, kept: &Kept, sides: &[(&str, &'a Profile)]) -> Self {
        let samples = || {
            sides.iter().flat_map(|(_, profile)| {
                profile.samples.iter().map(|sample| (&sample.labels, profile.value(sample)))
            })
        };
        let threads = Ranks::of(samples().map(|(labels, value)| (labels.thread(), value)));
        let hunts = Ranks::of(samples().map(|(labels, value)| (labels.hunt(), value)));
        let mut agents = Ranks::of(samples().map(|(labels, value)| (labels.agent(), value)));
        let gather = |agents: &Ranks<'a>| {
            let mut cells: BTreeMap<[usize; CELL], [i64; SIDES]> = BTreeMap::new();
            for (side, ((_, profile), leaves)) in sides.iter().zip(&tree.leaves).enumerate() {
                for (sample, leaf) in profile.samples.iter().zip(leaves) {
                    let key = [
                        kept.new.get(*leaf).copied().unwrap_or(0),
                        threads.of_name(sample.labels.thread()),
                        hunts.of_name(sample.labels.hunt()),
                        agents.of_name(sample.labels.agent()),
                    ];
                    if let Some(value) = cells.entry(key).or_default().get_mut(side) {
                        *value = value.saturating_add(profile.value(sample));
                    }
                }
            }
            cells
        };
        let mut cells = gather(&agents);
        if cells.len() > PROFILE_FLAME_CELLS_MAX {
            agents = Ranks::one("all agents");
            cells = gather(&agents);
        }
        let signed = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        let numbers = cells.into_iter().flat_map(|(key, values)| {
            let values = values.into_iter().take(sides.len());
            key.map(signed).into_iter().chain(values).collect::<Vec<_>>()
        });
        Self { numbers: numbers.collect(), threads, hunts, agents }
    }
}

fn sum(values: [i64; SIDES]) -> i64 {
    values.into_iter().fold(0, i64::saturating_add)
}

/// Names by their cost, the largest first.
#[derive(Debug)]
struct Ranks<'a> {
    list: Vec<&'a str>,
    rank: HashMap<&'a str, usize>,
}

impl<'a> Ranks<'a> {
    fn of(costs: impl Iterator<Item = (&'a str, i64)>) -> Self {
        let mut sums: BTreeMap<&str, i64> = BTreeMap::new();
        for (name, cost) in costs {
            let sum = sums.entry(name).or_default();
            *sum = sum.saturating_add(cost);
        }
        let mut sorted: Vec<(&str, i64)> = sums.into_iter().collect();
        sorted.sort_by_key(|(_, sum)| std::cmp::Reverse(*sum));
        let list: Vec<&str> = sorted.into_iter().map(|(name, _)| name).collect();
        let rank = list.iter().enumerate().map(|(rank, name)| (*name, rank)).collect();
        Self { list, rank }
    }

    /// Makes one of all.
    fn one(name: &'a str) -> Self {
        Self { list: vec![name], rank: HashMap::new() }
    }

    fn of_name(&self, name: &str) -> usize {
        self.rank.get(name).copied().unwrap_or(0)
    }

    fn names(&self, names: &mut Names) -> Vec<usize> {
        self.list.iter().map(|name| names.of(name)).collect()
    }
}

#[derive(Debug, Default)]
struct Names {
    list: Vec<String>,
    index: HashMap<String, usize>,
}

impl Names {
    fn of(&mut self, name: &str) -> usize {
        if let Some(index) = self.index.get(name) {
            return *index;
        }
        self.list.push(name.to_owned());
        self.index.insert(name.to_owned(), self.list.len() - 1);
        self.list.len() - 1
    }
}
