//! A curve in one line of text.

const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Draws values from 0 to their maximum in at most `width` characters (neighbours are merged, the highest
/// counts: a peak is what one looks for). A missing value (`NaN`) is a blank.
pub fn draw(values: &[f64], width: usize) -> String {
    let values = merged(values, width.max(1));
    let top = values.iter().copied().filter(|v| v.is_finite()).fold(0.0_f64, f64::max);
    values.iter().map(|value| level(*value, top)).collect()
}

fn level(value: f64, top: f64) -> char {
    if !value.is_finite() {
        return ' ';
    }
    let share = if top > 0.0 { (value / top).clamp(0.0, 1.0) } else { 0.0 };
    let steps = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0];
    let above = steps.iter().filter(|step| share * 7.0 + 0.5 >= **step).count();
    LEVELS.get(above).copied().unwrap_or('█')
}

/// Merges neighbours so that no more than `width` values are left.
fn merged(values: &[f64], width: usize) -> Vec<f64> {
    let per = values.len().div_ceil(width).max(1);
    values.chunks(per).map(|chunk| chunk.iter().copied().fold(f64::NAN, f64::max)).collect()
}

#[cfg(test)]
mod tests {
    use super::draw;

    #[test]
    fn zero_is_lowest_and_the_maximum_highest() {
        assert_eq!(draw(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], 80), "▁▂▃▄▅▆▇█");
    }

    #[test]
    fn a_flat_zero_curve_is_flat() {
        assert_eq!(draw(&[0.0, 0.0, 0.0], 80), "▁▁▁");
    }

    #[test]
    fn a_gap_is_a_blank() {
        assert_eq!(draw(&[1.0, f64::NAN, 1.0], 80), "█ █");
    }

    #[test]
    fn a_peak_survives_merging() {
        let mut values = vec![0.0; 100];
        values[41] = 9.0;
        let curve = draw(&values, 10);
        assert_eq!(curve.chars().count(), 10);
        assert_eq!(curve.chars().nth(4), Some('█'));
    }

    #[test]
    fn nothing_is_nothing() {
        assert_eq!(draw(&[], 10), "");
    }
}
