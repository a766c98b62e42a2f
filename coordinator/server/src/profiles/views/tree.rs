//! The call tree as rows, callers above what they call.

use muster_protocol::limits::PROFILE_TREE_ROWS_MAX;
use serde::Serialize;

use super::top::percent;
use crate::profiles::profile::Profile;
use crate::profiles::tree::{Node, Tree};

/// The tree, and what it is a part of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TreeView {
    /// The value: `cpu`, `wall`, `inuse_space`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its unit.
    pub unit: String,
    /// The sum over all samples.
    pub total: i64,
    /// How many nodes were too small, too deep or too many to be shown.
    pub left_out: usize,
    /// The nodes, each above its children.
    pub rows: Vec<TreeRow>,
}

/// A function, called along one path.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TreeRow {
    /// 1 for a function at the root of a stack.
    pub depth: usize,
    /// Its name.
    pub function: String,
    /// Its source file; empty when unknown.
    pub file: String,
    /// Its line that costs most; `null` when unknown.
    pub line: Option<u32>,
    /// Whether the compiler put it into its caller.
    pub inlined: bool,
    /// In itself.
    pub flat: i64,
    /// In itself and in what it calls.
    pub cum: i64,
    /// `flat` in percent of the whole.
    pub flat_percent: f64,
    /// `cum` in percent of the whole.
    pub cum_percent: f64,
}

/// What of the tree is shown.
#[derive(Debug, Clone, Copy)]
pub struct Cut {
    /// Levels.
    pub depth: usize,
    /// The smallest part of the whole, in percent.
    pub min_percent: f64,
}

impl Profile {
    /// Lays out the call tree.
    pub fn tree(&self, cut: Cut) -> TreeView {
        let tree = Tree::of(&[self]);
        let (total, children) = (tree.total(0), tree.children());
        let mut rows = Vec::new();
        let mut next: Vec<usize> = children.first().cloned().unwrap_or_default();
        next.reverse();
        while let Some(index) = next.pop() {
            let Some(node) = tree.nodes.get(index) else { continue };
            let row = row(node, total);
            let is_shown = row.depth <= cut.depth && row.cum_percent >= cut.min_percent;
            if !is_shown || rows.len() >= PROFILE_TREE_ROWS_MAX {
                continue;
            }
            rows.push(row);
            next.extend(children.get(index).into_iter().flatten().rev());
        }
        let kind = self.shown_type();
        let left_out = tree.nodes.len() - 1 - rows.len();
        TreeView { kind: kind.name, unit: kind.unit, total, left_out, rows }
    }
}

fn row(node: &Node<'_>, total: i64) -> TreeRow {
    let ([flat, _], [cum, _]) = (node.own, node.total);
    let place = node.frame;
    TreeRow {
        depth: node.depth,
        function: place.map_or("", |place| place.function).to_owned(),
        file: place.map_or("", |place| place.file).to_owned(),
        line: (node.line != 0).then_some(node.line),
        inlined: place.is_some_and(|place| place.is_inlined),
        flat,
        cum,
        flat_percent: percent(flat, total),
        cum_percent: percent(cum, total),
    }
}
