//! The call tree as rows, callers above what they call.

use muster_api::views::{self, TreeRow};
use muster_protocol::limits::PROFILE_TREE_ROWS_MAX;

use super::top::percent;
use crate::profiles::folding::Plumbing;
use crate::profiles::profile::Profile;
use crate::profiles::tree::{Node, Tree};

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
    pub fn tree(&self, cut: Cut, plumbing: Plumbing) -> views::Tree {
        let tree = Tree::of(&[self], plumbing);
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
        views::Tree { kind: kind.name, unit: kind.unit, total, left_out, rows }
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
