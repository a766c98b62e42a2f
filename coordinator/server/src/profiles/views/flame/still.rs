//! The picture for viewers that run no scripts: the same frames, at a fixed width.

use std::fmt::Write;

use super::data::{CELL, Data, NODE};
use super::{PALETTE, xml};

const WIDTH: f64 = 1_200.0;
const MARGIN: f64 = 16.0;
const TOP: f64 = 64.0;
const ROW: f64 = 18.0;
/// Narrower frames are left out.
const SMALLEST: f64 = 0.5;
/// Width of a character.
const GLYPH: f64 = 7.0;
/// What has no rank.
const REST: &str = "#cfcac1";
const ROOT: &str = "#ded8cc";

/// Draws all frames; returns the elements and the height of the picture.
pub(super) fn draw(data: &Data) -> (String, u64) {
    let count = data.nodes.len() / NODE;
    let node = |index: usize, at: usize| data.nodes.get(index * NODE + at).copied().unwrap_or(0);
    // The last side is the one that is shown: after.
    let width = CELL + data.sides();
    let mut totals = vec![0_i64; count];
    for cell in data.cells.chunks_exact(width) {
        let at = cell.first().and_then(|at| usize::try_from(*at).ok()).unwrap_or(0);
        if let (Some(total), Some(value)) = (totals.get_mut(at), cell.last()) {
            *total = total.saturating_add(*value);
        }
    }
    let mut children = vec![Vec::new(); count];
    for index in (1..count).rev() {
        let (parent, value) = (node(index, 0), totals.get(index).copied().unwrap_or(0));
        if let (Some(total), Some(list)) = (totals.get_mut(parent), children.get_mut(parent)) {
            *total = total.saturating_add(value);
            list.push(index);
        }
    }
    let total = |index: usize| totals.get(index).copied().unwrap_or(0);
    let whole = total(0);
    let (mut out, mut deepest) = (String::new(), TOP);
    let mut next = vec![(0, MARGIN, TOP, WIDTH - 2.0 * MARGIN)];
    while let Some((index, x, y, w)) = next.pop() {
        deepest = y.max(deepest);
        let name = match (index, whole) {
            (0, 0) => "no samples",
            (0, _) => "all",
            _ => data.names.get(node(index, 1)).map_or("", String::as_str),
        };
        let fill = PALETTE.get(node(index, 4)).copied().unwrap_or(REST);
        let frame = Frame { name, x, y, w, fill: if index == 0 { ROOT } else { fill } };
        frame.draw(&mut out, node(index, 5) == 1);
        let mut list = children.get(index).cloned().unwrap_or_default();
        list.sort_by_key(|child| (std::cmp::Reverse(total(*child)), *child));
        let mut from = x;
        for child in list {
            let w = share(total(child), whole) * (WIDTH - 2.0 * MARGIN);
            if w >= SMALLEST {
                next.push((child, from, y + ROW, w));
            }
            from += w;
        }
    }
    (out, rounded(deepest + ROW + MARGIN))
}

struct Frame<'a> {
    name: &'a str,
    x: f64,
    y: f64,
    w: f64,
    fill: &'a str,
}

impl Frame<'_> {
    fn draw(&self, out: &mut String, is_inlined: bool) {
        let Self { name, x, y, w, fill } = *self;
        let class = if is_inlined { "frame inlined" } else { "frame" };
        let room = usize::try_from(rounded((w - 8.0) / GLYPH)).unwrap_or(0);
        let mut text = String::new();
        if room >= 3 {
            let is_whole = name.chars().count() <= room;
            let cut: String = name.chars().take(if is_whole { room } else { room - 1 }).collect();
            let end = if is_whole { "" } else { "…" };
            let (left, base) = (x + 4.0, y + 13.0);
            text = format!("<text x=\"{left:.1}\" y=\"{base}\">{}{end}</text>", xml(&cut));
        }
        // Writing to a string does not fail.
        writeln!(
            out,
            "<g class=\"{class}\"><rect x=\"{x:.2}\" y=\"{y}\" width=\"{w:.2}\" height=\"{ROW}\" \
             fill=\"{fill}\"/>{text}</g>"
        )
        .unwrap_or_default();
    }
}

#[expect(clippy::cast_precision_loss, reason = "a width on the screen")]
fn share(part: i64, whole: i64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "pixels, at least 0")]
fn rounded(pixels: f64) -> u64 {
    pixels.max(0.0) as u64
}
