//! Spans on as few lines as needed, so that none covers another.

/// Returns a line for each span (beginning and end, sorted by their beginnings), and how many lines there are.
pub(super) fn assign(spans: &[(f64, f64)]) -> (Vec<usize>, usize) {
    let mut ends: Vec<f64> = Vec::new();
    let mut lanes = Vec::with_capacity(spans.len());
    for (start, end) in spans {
        let lane = ends.iter().position(|held| held <= start).unwrap_or(ends.len());
        match ends.get_mut(lane) {
            Some(held) => *held = *end,
            None => ends.push(*end),
        }
        lanes.push(lane);
    }
    (lanes, ends.len())
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_overlaps_lies_on_lines_of_its_own() {
        let spans = [(0.0, 10.0), (5.0, 7.0), (6.0, 12.0), (10.0, 11.0), (7.0, 8.0)];
        assert_eq!(super::assign(&spans), (vec![0, 1, 2, 0, 1], 3));
        assert_eq!(super::assign(&[]), (vec![], 0));
    }
}
