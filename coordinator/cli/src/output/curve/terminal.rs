//! The curve in block characters, as wide as the terminal.

use super::{Figure, id_length, lanes, short, step_words, ticks};
use crate::output::{escape, units};
use muster_api::{CurveView, MarkView, PointView, Time};

const EIGHTHS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Characters left of the plot: a value and the axis.
const MARGIN: usize = 11;
/// Lines of a panel.
const HEIGHT: usize = 5;
/// Lines of hunts, and of profiles, at most.
const LANES_MAX: usize = 4;

/// Where a time lies among the columns of a plot.
#[derive(Debug, Clone, Copy)]
struct Axis {
    since: i64,
    until: i64,
    columns: usize,
}

/// Draws panels, marks and the time axis; nothing is wider than `width`.
pub fn draw(view: &CurveView, width: usize) -> String {
    let columns = width.clamp(40, 240) - MARGIN - 1;
    let axis = Axis { since: view.since.0.0, until: view.until.0.0, columns };
    let host = if view.host.is_empty() { String::new() } else { format!(" on {}", view.host) };
    let mut lines =
        vec![format!("{}{}, {}", escape::text(&view.agent), escape::text(&host), step_words(view))];
    for figure in Figure::ALL {
        lines.push(String::new());
        lines.push(format!("{:MARGIN$} {}: {}", "", figure.title(), figure.summary(&view.points)));
        lines.extend(panel(view, figure, axis));
    }
    lines.extend(marks(view, axis));
    lines.extend(clock(axis));
    if !view.marks.is_empty() {
        lines.push(String::new());
        lines.extend(view.marks.iter().map(legend));
    }
    if view.marks_left_out > 0 {
        lines.push(format!("… and {} earlier ones", view.marks_left_out));
    }
    lines.iter().flat_map(|line| [line.trim_end(), "\n"]).collect()
}

impl Axis {
    /// Returns the column of a time; of one before the beginning or after the end, the first or the last.
    fn column(self, at: i64) -> usize {
        let span = self.until.saturating_sub(self.since).max(1);
        let share = at.saturating_sub(self.since).clamp(0, span);
        let columns = i64::try_from(self.columns).unwrap_or(1);
        let column = i128::from(share) * i128::from(columns) / i128::from(span);
        usize::try_from(column).unwrap_or(0).min(self.columns.saturating_sub(1))
    }
}

/// Returns the highest value of each column; `None` where nothing came.
fn peaks(view: &CurveView, figure: Figure, axis: Axis) -> Vec<Option<f64>> {
    let mut peaks = vec![None; axis.columns];
    let step = i64::try_from(view.step_ms).unwrap_or(i64::MAX);
    for point in &view.points {
        let (from, until) = covers(view, point, step);
        if until <= axis.since {
            continue;
        }
        let [_, _, value] = figure.spread(point);
        let (first, last) = (axis.column(from), axis.column(until - 1));
        for held in peaks.iter_mut().take(last + 1).skip(first) {
            *held = Some(held.unwrap_or(0.0_f64).max(value));
        }
    }
    peaks
}

/// A sample says what was since the one before; a minute or an hour lies behind its time.
fn covers(view: &CurveView, point: &PointView, step: i64) -> (i64, i64) {
    let at = point.at.0.0;
    if view.step == "sample" { (at - step - step / 4, at) } else { (at, at + step) }
}

fn panel(view: &CurveView, figure: Figure, axis: Axis) -> Vec<String> {
    let top = ticks::values(figure.top(&view.points), 2).last().copied().unwrap_or(1.0);
    let peaks = peaks(view, figure, axis);
    let line = |row: usize| {
        let label = match row {
            _ if row + 1 == HEIGHT => figure.shown(top),
            0 => figure.shown(0.0),
            _ => String::new(),
        };
        let edge = if label.is_empty() { '│' } else { '┤' };
        let bars: String = peaks.iter().map(|peak| block(*peak, top, row)).collect();
        format!("{label:>width$} {edge}{bars}", width = MARGIN - 1)
    };
    (0..HEIGHT).rev().map(line).collect()
}

/// Returns what a value shows on one row: nothing comes as a blank, zero as the lowest block.
fn block(peak: Option<f64>, top: f64, row: usize) -> char {
    let Some(value) = peak else { return ' ' };
    let share = (value / top).clamp(0.0, 1.0);
    let least = usize::from(row == 0);
    let above = (1..=8).filter(|eighth| {
        let edge = to_f64(row * 8 + eighth) - 0.5;
        share * to_f64(HEIGHT * 8) >= edge
    });
    match above.count().max(least) {
        0 => ' ',
        eighths => EIGHTHS.get(eighths - 1).copied().unwrap_or('█'),
    }
}

fn to_f64(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}

fn marks(view: &CurveView, axis: Axis) -> Vec<String> {
    let length = id_length(&view.marks);
    let mut lines = Vec::new();
    for kind in ["hunt", "profile"] {
        let marks: Vec<_> = view.marks.iter().filter(|mark| mark.kind == kind).collect();
        let spans: Vec<_> = marks.iter().map(|mark| columns(mark, axis, length)).collect();
        let taken: Vec<_> =
            spans.iter().map(|(from, until, _)| (to_f64(*from), to_f64(*until))).collect();
        let (lanes, count) = lanes::assign(&taken);
        for lane in 0..count.min(LANES_MAX) {
            let mut line = vec![' '; axis.columns];
            let on_it = spans.iter().zip(&lanes).filter(|(_, held)| **held == lane);
            for ((from, _, text), _) in on_it {
                for (place, c) in line.iter_mut().skip(*from).zip(text.chars()) {
                    *place = c;
                }
            }
            let head = if lane == 0 { format!("{kind}s") } else { String::new() };
            lines.push(format!("{head:>MARGIN$} {}", line.iter().collect::<String>()));
        }
        if count > LANES_MAX {
            let hidden = lanes.iter().filter(|lane| **lane >= LANES_MAX).count();
            lines.push(format!("{:MARGIN$} … {hidden} more at the same time, see below", ""));
        }
    }
    lines
}

/// Returns the first column of a mark, the one behind it, and its text.
fn columns(mark: &MarkView, axis: Axis, length: usize) -> (usize, usize, String) {
    let from = axis.column(mark.started.0.0);
    let end = mark.ended.map_or(axis.until, |at| at.0.0);
    let wide = axis.column(end).saturating_sub(from) + 1;
    let id = escape::text(short(&mark.id, length));
    let bar = match wide {
        1 => "◆".to_owned(),
        2 => "├┤".to_owned(),
        _ => {
            let right = if mark.ended.is_some() { '┤' } else { '▸' };
            format!("├{}{right}", "─".repeat(wide - 2))
        }
    };
    let text = format!("{bar} {id}");
    let all = text.chars().count();
    if from + all <= axis.columns {
        return (from, from + all + 1, text);
    }
    // No room on the right: the id goes to the left of the bar.
    let text = format!("{id} {bar}");
    let from = from.saturating_sub(id.chars().count() + 1);
    (from, from + all + 1, text)
}

fn clock(axis: Axis) -> Vec<String> {
    let many = (axis.columns / 14).max(2);
    let mut line = vec!['─'; axis.columns];
    let mut labels = vec![' '; axis.columns + 4];
    let mut free = 0;
    for (at, label) in ticks::times(axis.since, axis.until, many) {
        let column = axis.column(at);
        if let Some(place) = line.get_mut(column) {
            *place = '┬';
        }
        let from = column.saturating_sub(label.chars().count() / 2).max(free);
        if from + label.chars().count() > axis.columns {
            continue;
        }
        for (place, c) in labels.iter_mut().skip(from).zip(label.chars()) {
            *place = c;
        }
        free = from + label.chars().count() + 1;
    }
    let (line, labels): (String, String) = (line.iter().collect(), labels.iter().collect());
    vec![format!("{:>MARGIN$}└{line}", ""), format!("{:>MARGIN$} {labels}", "UTC")]
}

fn legend(mark: &MarkView) -> String {
    let time = |at: Time| ticks::clock(at.0.0, "%H:%M:%S");
    let ended = mark.ended.map_or_else(|| "…".to_owned(), time);
    let mut line = format!(
        "{:8} {}  {:9} {} to {ended}",
        escape::text(&mark.kind),
        escape::text(&mark.id),
        escape::text(&mark.state),
        time(mark.started),
    );
    if mark.kind == "hunt" {
        let (cpu, read) = (units::duration_ms(mark.cpu_ms), units::bytes(mark.read_bytes));
        line.extend([", cpu ", &cpu, ", read ", &read]);
    }
    line
}
