//! The curve as a page by itself: one SVG file that fetches nothing.

use super::{Figure, id_length, lanes, middle, short, step_words, ticks, unbroken};
use crate::output::{escape, units};
use muster_api::{CurveView, MarkView, PointView};

const WIDTH: f64 = 1_200.0;
const LEFT: f64 = 92.0;
const RIGHT: f64 = 28.0;
const HEAD: f64 = 84.0;
const PANEL: f64 = 132.0;
/// Above each panel, for its title.
const GAP: f64 = 46.0;
const LANE: f64 = 22.0;
/// Room for an id beside a short span.
const ID_WIDTH: f64 = 96.0;
const LANES_MAX: usize = 8;

const STYLE: &str = "\
text{font:13px system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif;fill:#334155}\
.title{font-size:20px;font-weight:600;fill:#0f172a}.sub{fill:#64748b}.panel{font-weight:600;fill:#0f172a}\
.tick{font-size:11px;fill:#64748b}.id{font:11px ui-monospace,'DejaVu Sans Mono',monospace;fill:#334155}\
.grid{stroke:#e2e8f0;stroke-width:1}.axis{stroke:#94a3b8;stroke-width:1}\
.line{fill:none;stroke-width:1.6;stroke-linejoin:round}.band{opacity:.22}.under{opacity:.10}\
.hunt{fill:#f59e0b}.profile{fill:#7c3aed}.shade{opacity:.10}.edge{opacity:.55}\
.cpu .line{stroke:#2563eb}.cpu .band,.cpu .under,.cpu circle{fill:#2563eb}\
.memory .line{stroke:#059669}.memory .band,.memory .under,.memory circle{fill:#059669}\
.read .line{stroke:#0e7490}.read .band,.read .under,.read circle{fill:#0e7490}";

/// From times and values to places on the page.
struct Page<'a> {
    view: &'a CurveView,
    out: String,
    /// Where the first panel begins.
    panels: f64,
    height: f64,
}

/// One mark where it lies.
struct Placed<'a> {
    mark: &'a MarkView,
    from: f64,
    until: f64,
    lane: usize,
}

/// Draws the page.
pub fn draw(view: &CurveView) -> String {
    let (hunts, hunt_lanes) = placed(view, "hunt");
    let (profiles, profile_lanes) = placed(view, "profile");
    let lanes = hunt_lanes.min(LANES_MAX) + profile_lanes.min(LANES_MAX);
    let panels = HEAD + number(lanes) * LANE;
    let height = panels + 3.0 * (PANEL + GAP) + 44.0;
    let mut page = Page { view, out: String::new(), panels, height };
    page.head();
    page.gaps();
    page.marks(&hunts, HEAD);
    page.marks(&profiles, HEAD + number(hunt_lanes.min(LANES_MAX)) * LANE);
    for (at, figure) in Figure::ALL.into_iter().enumerate() {
        page.panel(figure, panels + number(at) * (PANEL + GAP) + GAP);
    }
    page.clock();
    page.out += "</svg>\n";
    page.out
}

fn number(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}

/// Returns the place of a time, within the plot.
fn x(view: &CurveView, at: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a picture")]
    let of = |ms: i64| ms as f64;
    let span = of(view.until.0.since_ms(view.since.0).max(1));
    let share = of(at.saturating_sub(view.since.0.0)) / span;
    LEFT + share.clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
}

fn placed<'a>(view: &'a CurveView, kind: &str) -> (Vec<Placed<'a>>, usize) {
    let marks = view.marks.iter().filter(|mark| mark.kind == kind);
    let mut placed: Vec<_> = marks
        .map(|mark| {
            let from = x(view, mark.started.0.0);
            let until = x(view, mark.ended.map_or(view.until.0.0, |end| end.0.0));
            Placed { mark, from, until: until.max(from + 3.0), lane: 0 }
        })
        .collect();
    let taken: Vec<_> = placed.iter().map(|p| (p.from, p.until.max(p.from + ID_WIDTH))).collect();
    let (lanes, count) = lanes::assign(&taken);
    for (mark, lane) in placed.iter_mut().zip(lanes) {
        mark.lane = lane;
    }
    (placed, count)
}

/// Makes text safe to look at and to put into markup.
fn safe(text: &str) -> String {
    let text = escape::text(text);
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

impl Page<'_> {
    fn put(&mut self, what: std::fmt::Arguments<'_>) {
        self.out += &what.to_string();
        self.out.push('\n');
    }

    fn head(&mut self) {
        let (view, height) = (self.view, self.height);
        let time = |at: i64| ticks::clock(at, "%Y-%m-%d %H:%M:%S");
        let (since, until) = (time(view.since.0.0), time(view.until.0.0));
        let agent = safe(&view.agent);
        let host =
            if view.host.is_empty() { String::new() } else { format!(" on {}", safe(&view.host)) };
        self.put(format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
             viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n<title>Telemetry of {agent}</title>\n\
             <style>{STYLE}</style>\n\
             <defs><pattern id=\"gap\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" \
             patternTransform=\"rotate(45)\"><rect width=\"2\" height=\"6\" fill=\"#e2e8f0\"/></pattern></defs>\n\
             <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n\
             <text class=\"title\" x=\"24\" y=\"38\">{agent}{host}</text>\n\
             <text class=\"sub\" x=\"24\" y=\"60\">{since} to {until} UTC, {}</text>",
            step_words(view)
        ));
    }

    /// Where nothing came, that is said.
    fn gaps(&mut self) {
        let view = self.view;
        let runs = unbroken(view);
        let mut from = view.since.0.0;
        let mut gaps = Vec::new();
        let room = i64::try_from(view.step_ms).unwrap_or(i64::MAX).saturating_mul(7) / 4;
        for run in &runs {
            let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
            gaps.push((from, middle(view, first)));
            from = middle(view, last);
        }
        gaps.push((from, view.until.0.0));
        for (from, until) in gaps {
            // Before the first point and after the last one there may be a step that is not complete yet.
            if until.saturating_sub(from) <= room {
                continue;
            }
            let (left, right) = (x(view, from), x(view, until));
            for at in 0..3 {
                let top = self.panels + number(at) * (PANEL + GAP) + GAP;
                self.put(format_args!(
                    "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{PANEL}\" \
                     fill=\"url(#gap)\"><title>no sample came</title></rect>",
                    right - left
                ));
            }
        }
    }

    /// Draws spans on their lanes, and their shade on all panels.
    fn marks(&mut self, marks: &[Placed<'_>], top: f64) {
        let length = id_length(&self.view.marks);
        let (shade_top, shade) = (self.panels + GAP, 3.0 * PANEL + 2.0 * GAP);
        for placed in marks.iter().filter(|placed| placed.lane < LANES_MAX) {
            let Placed { mark, from, until, lane } = placed;
            let (kind, wide) = (safe(&mark.kind), until - from);
            let y = top + number(*lane) * LANE;
            let (id, words) = (safe(short(&mark.id, length)), safe(&words(mark)));
            self.put(format_args!(
                "<g><title>{words}</title>\
                 <rect class=\"{kind} shade\" x=\"{from:.1}\" y=\"{shade_top:.1}\" width=\"{wide:.1}\" height=\"{shade:.1}\"/>\
                 <rect class=\"{kind} edge\" x=\"{from:.1}\" y=\"{:.1}\" width=\"1\" height=\"{:.1}\"/>\
                 <rect class=\"{kind}\" x=\"{from:.1}\" y=\"{y:.1}\" width=\"{wide:.1}\" height=\"5\" rx=\"2.5\"/>\
                 <text class=\"id\" x=\"{:.1}\" y=\"{:.1}\"{}>{kind} {id}</text></g>",
                y + 5.0,
                shade_top + shade - y - 5.0,
                if from + ID_WIDTH > WIDTH - 8.0 { WIDTH - 8.0 } else { from + 4.0 },
                y + 16.0,
                if from + ID_WIDTH > WIDTH - 8.0 { " text-anchor=\"end\"" } else { "" },
            ));
        }
    }

    fn panel(&mut self, figure: Figure, top: f64) {
        let view = self.view;
        let ticks = ticks::values(figure.top(&view.points), 3);
        let greatest = ticks.last().copied().unwrap_or(1.0);
        let y = |value: f64| top + PANEL - (value / greatest).clamp(0.0, 1.0) * PANEL;
        let (class, right) = (class(figure), WIDTH - RIGHT);
        self.put(format_args!(
            "<g class=\"{class}\"><text class=\"panel\" x=\"{LEFT}\" y=\"{:.1}\">{}</text>\
             <text class=\"sub\" x=\"{right}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            top - 10.0,
            figure.title(),
            top - 10.0,
            figure.summary(&view.points),
        ));
        for tick in &ticks {
            let at = y(*tick);
            let grid = if *tick == 0.0 { "axis" } else { "grid" };
            self.put(format_args!(
                "<line class=\"{grid}\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
                 <text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 8.0,
                at + 4.0,
                figure.shown(*tick),
            ));
        }
        for run in unbroken(view) {
            self.run(figure, run, y, top + PANEL);
        }
        self.peak(figure, y);
        self.out += "</g>\n";
    }

    /// Draws points that follow each other: least to greatest as a band, the mean as a line.
    fn run(&mut self, figure: Figure, run: &[PointView], y: impl Fn(f64) -> f64, floor: f64) {
        let at = |point: &PointView| x(self.view, middle(self.view, point));
        let line = |which: usize, points: &mut dyn Iterator<Item = &PointView>| {
            let place = |point: &PointView| {
                let value = figure.spread(point).get(which).copied().unwrap_or(0.0);
                format!("{:.1},{:.1}", at(point), y(value))
            };
            points.map(place).collect::<Vec<_>>().join(" ")
        };
        let (Some(first), Some(last)) = (run.first(), run.last()) else { return };
        let (left, right) = (at(first), at(last));
        let mean = line(1, &mut run.iter());
        let mut drawn = String::new();
        if run.len() == 1 {
            let [_, value, _] = figure.spread(first);
            drawn.extend([format!("<circle cx=\"{left:.1}\" cy=\"{:.1}\" r=\"1.8\"/>", y(value))]);
        }
        if self.view.step == "sample" {
            drawn.extend([format!(
                "<polygon class=\"under\" points=\"{left:.1},{floor:.1} {mean} {right:.1},{floor:.1}\"/>"
            )]);
        } else {
            let (top, bottom) = (line(2, &mut run.iter()), line(0, &mut run.iter().rev()));
            drawn.extend([format!("<polygon class=\"band\" points=\"{top} {bottom}\"/>")]);
        }
        self.put(format_args!("{drawn}<polyline class=\"line\" points=\"{mean}\"/>"));
    }

    fn peak(&mut self, figure: Figure, y: impl Fn(f64) -> f64) {
        let value = |point: &&PointView| figure.spread(point)[2];
        let by_value = |a: &&PointView, b: &&PointView| value(a).total_cmp(&value(b));
        let Some(point) = self.view.points.iter().max_by(by_value) else { return };
        let (at, peak) = (x(self.view, middle(self.view, point)), y(value(&point)));
        let when = ticks::clock(middle(self.view, point), "%H:%M:%S");
        let shown = figure.shown(value(&point));
        self.put(format_args!(
            "<circle cx=\"{at:.1}\" cy=\"{peak:.1}\" r=\"3\"><title>peak {shown} at {when}</title></circle>"
        ));
    }

    fn clock(&mut self) {
        let view = self.view;
        let floor = self.panels + 3.0 * (PANEL + GAP);
        let top = self.panels + GAP;
        for (at, label) in ticks::times(view.since.0.0, view.until.0.0, 10) {
            let at = x(view, at);
            self.put(format_args!(
                "<line class=\"grid\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{top:.1}\" y2=\"{:.1}\" opacity=\".6\"/>\
                 <text class=\"tick\" x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{label}</text>",
                floor + 5.0,
                floor + 20.0,
            ));
        }
        self.put(format_args!(
            "<text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">UTC</text>",
            LEFT - 8.0,
            floor + 20.0
        ));
    }
}

const fn class(figure: Figure) -> &'static str {
    match figure {
        Figure::Cpu => "cpu",
        Figure::Memory => "memory",
        Figure::Read => "read",
    }
}

/// What one reads with the pointer on a mark.
fn words(mark: &MarkView) -> String {
    let time = |at: i64| ticks::clock(at, "%H:%M:%S");
    let ended = mark.ended.map_or_else(|| "now".to_owned(), |end| time(end.0.0));
    let mut words =
        format!("{} {} {}, {} to {ended}", mark.kind, mark.id, mark.state, time(mark.started.0.0));
    if mark.kind == "hunt" {
        let (cpu, read) = (units::duration_ms(mark.cpu_ms), units::bytes(mark.read_bytes));
        words.extend([", cpu ", &cpu, ", read ", &read]);
    }
    words
}
