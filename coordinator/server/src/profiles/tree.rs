//! The call tree: what every picture of calls is drawn from, of one profile or of two side by side.

use std::collections::HashMap;

use super::folding::{Folding, Plumbing};
use super::profile::{Profile, Sample};

/// Profiles that one tree can hold side by side.
pub const SIDES: usize = 2;

/// A call tree. The first node is the root: all samples.
#[derive(Debug, Clone)]
pub struct Tree<'a> {
    /// The nodes, parents before their children.
    pub nodes: Vec<Node<'a>>,
    /// For each side, the node of the leaf of each of its samples.
    pub leaves: Vec<Vec<usize>>,
}

/// A function, called along one path.
#[derive(Debug, Clone)]
pub struct Node<'a> {
    /// Who calls it; the root its own parent.
    pub parent: usize,
    /// How many calls lead to it.
    pub depth: usize,
    /// What it is; the root has none.
    pub frame: Option<Place<'a>>,
    /// In itself, a side.
    pub own: [i64; SIDES],
    /// In itself and in what it calls, a side.
    pub total: [i64; SIDES],
    /// Its line that costs most; 0 when unknown.
    pub line: u32,
}

/// A function of a tree: what makes two calls from one caller the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place<'a> {
    /// The function.
    pub function: &'a str,
    /// Its source file; empty when unknown.
    pub file: &'a str,
    /// Its module.
    pub module: &'a str,
    /// Whether the compiler put it into its caller.
    pub is_inlined: bool,
}

impl<'a> Tree<'a> {
    /// Builds the tree of one profile, or of two.
    pub fn of(sides: &[&'a Profile], plumbing: Plumbing) -> Self {
        let root = Node { parent: 0, depth: 0, frame: None, own: [0; 2], total: [0; 2], line: 0 };
        let mut growing = Growing {
            tree: Self { nodes: vec![root], leaves: Vec::new() },
            children: HashMap::new(),
            lines: HashMap::new(),
        };
        for (side, profile) in sides.iter().take(SIDES).enumerate() {
            let stacks = profile.folding(plumbing);
            let add = |sample| growing.add((side, profile), &stacks, sample);
            let leaves = profile.samples.iter().map(add);
            let leaves = leaves.collect();
            growing.tree.leaves.push(leaves);
        }
        growing.finish()
    }

    /// Returns the sum of a side.
    pub fn total(&self, side: usize) -> i64 {
        self.nodes.first().and_then(|root| root.total.get(side).copied()).unwrap_or(0)
    }

    /// Returns the children of every node, the most costly first.
    pub fn children(&self) -> Vec<Vec<usize>> {
        let mut children = vec![Vec::new(); self.nodes.len()];
        for (index, node) in self.nodes.iter().enumerate().skip(1) {
            if let Some(list) = children.get_mut(node.parent) {
                list.push(index);
            }
        }
        let weight = |index: &usize| self.nodes.get(*index).map(|node| (node.total, node.frame));
        for list in &mut children {
            list.sort_by(|a, b| {
                let (a, b) = (weight(a), weight(b));
                let heavier = b.map(|(total, _)| total).cmp(&a.map(|(total, _)| total));
                heavier.then_with(|| a.map(|(_, frame)| frame).cmp(&b.map(|(_, frame)| frame)))
            });
        }
        children
    }
}

/// A tree while it is built.
#[derive(Debug)]
struct Growing<'a> {
    tree: Tree<'a>,
    children: HashMap<(usize, Place<'a>), usize>,
    lines: HashMap<(usize, u32), i64>,
}

impl<'a> Growing<'a> {
    /// Adds a sample and returns the node of its leaf. Costs go to the leaf; callers get theirs at the end.
    fn add(
        &mut self,
        (side, profile): (usize, &'a Profile),
        stacks: &Folding<'a>,
        sample: &'a Sample,
    ) -> usize {
        let value = profile.value(sample);
        let mut at = 0;
        for step in stacks.steps(sample).into_iter().rev() {
            let place = Place {
                function: &step.frame.function,
                file: &step.frame.file,
                module: profile.module(&step),
                is_inlined: step.is_inlined,
            };
            at = self.child(at, place);
            *self.lines.entry((at, step.frame.line)).or_default() += value;
        }
        if let Some(own) = self.tree.nodes.get_mut(at).and_then(|node| node.own.get_mut(side)) {
            *own = own.saturating_add(value);
        }
        at
    }

    fn child(&mut self, parent: usize, place: Place<'a>) -> usize {
        let nodes = &mut self.tree.nodes;
        *self.children.entry((parent, place)).or_insert_with(|| {
            let depth = nodes.get(parent).map_or(0, |node| node.depth) + 1;
            let frame = Some(place);
            nodes.push(Node { parent, depth, frame, own: [0; 2], total: [0; 2], line: 0 });
            nodes.len() - 1
        })
    }

    fn finish(mut self) -> Tree<'a> {
        let mut lines: Vec<_> =
            self.lines.into_iter().filter(|((_, line), _)| *line != 0).collect();
        lines.sort_by_key(|((_, line), cost)| (*cost, std::cmp::Reverse(*line)));
        for ((index, line), _) in lines {
            if let Some(node) = self.tree.nodes.get_mut(index) {
                node.line = line;
            }
        }
        // Children come after their parents: from the last one on, each is whole when its parent gets it.
        for index in (0..self.tree.nodes.len()).rev() {
            let Some(node) = self.tree.nodes.get_mut(index) else { continue };
            node.total = sum(node.total, node.own);
            let (total, parent) = (node.total, node.parent);
            if index != 0
                && let Some(parent) = self.tree.nodes.get_mut(parent)
            {
                parent.total = sum(parent.total, total);
            }
        }
        self.tree
    }
}

fn sum(a: [i64; SIDES], b: [i64; SIDES]) -> [i64; SIDES] {
    let ([a0, a1], [b0, b1]) = (a, b);
    [a0.saturating_add(b0), a1.saturating_add(b1)]
}
