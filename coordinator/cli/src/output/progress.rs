//! How a hunt goes on, live on a terminal: agents by state, files and bytes a second, time to go.
//!
//! On a terminal that cannot move its cursor there is a plain line every ten seconds; without a terminal
//! there is nothing.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Out, escape, units};

/// Time between two plain lines.
const PLAIN: Duration = Duration::from_secs(10);

/// Where a request stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Agents that are meant.
    pub targeted: u64,
    /// How many of them nothing more is expected of.
    pub ended: u64,
    /// Agents by state, those that are not zero.
    pub states: Vec<(String, u64)>,
    /// Files hashed.
    pub files: u64,
    /// Bytes read.
    pub bytes: u64,
    /// What is said instead of rates and the time to go; empty where these are.
    pub says: String,
}

/// Shows the standing of one request again and again.
#[derive(Debug)]
pub struct Progress {
    out: Out,
    bar: Option<ProgressBar>,
    began: Instant,
    spoke: Instant,
    last: Option<(Instant, Standing)>,
    shown: Option<Standing>,
    rates: (u64, u64),
}

impl Progress {
    /// Begins; shows nothing where nobody looks.
    pub fn new(out: Out, is_dumb: bool) -> Self {
        let is_live = out.notes_to_terminal && !out.is_quiet && !is_dumb;
        let bar = is_live.then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(5));
            let style = ProgressStyle::with_template("{bar:24} {pos}/{len} agents  {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        let now = Instant::now();
        Self { out, bar, began: now, spoke: now, last: None, shown: None, rates: (0, 0) }
    }

    /// Shows a new standing.
    pub fn update(&mut self, standing: &Standing) {
        self.shown = Some(standing.clone());
        self.show(standing);
    }

    /// Shows the standing again, at the present time.
    pub fn again(&mut self) {
        if let Some(standing) = self.shown.clone() {
            self.show(&standing);
        }
    }

    fn show(&mut self, standing: &Standing) {
        let now = Instant::now();
        if let Some((then, before)) = &self.last {
            let ms = u64::try_from(now.duration_since(*then).as_millis()).unwrap_or(u64::MAX);
            let rate =
                |new: u64, old: u64| new.saturating_sub(old).saturating_mul(1_000) / ms.max(1);
            if ms >= 900 {
                self.rates =
                    (rate(standing.files, before.files), rate(standing.bytes, before.bytes));
                self.last = Some((now, standing.clone()));
            }
        } else {
            self.last = Some((now, standing.clone()));
        }
        let text = describe(standing, self.rates, self.began.elapsed());
        match &self.bar {
            Some(bar) => {
                bar.set_length(standing.targeted);
                bar.set_position(standing.ended);
                bar.set_message(escape::laid_out(&text).into_owned());
            }
            None if self.out.notes_to_terminal && self.spoke.elapsed() >= PLAIN => {
                self.spoke = now;
                self.out.note(&format!("{}/{} agents  {text}", standing.ended, standing.targeted));
            }
            None => {}
        }
    }

    /// Prints a note above the display.
    pub fn note(&self, text: &str) {
        self.aside(|| self.out.note(text));
    }

    /// Does something that prints, with the display out of its way.
    pub fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    /// Takes the display away.
    pub fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Writes a standing in one line.
fn describe(standing: &Standing, (files, bytes): (u64, u64), elapsed: Duration) -> String {
    let states: Vec<_> =
        standing.states.iter().map(|(s, n)| format!("{s} {}", units::count(*n))).collect();
    if !standing.says.is_empty() {
        let states = states.join(", ");
        let between = if states.is_empty() { "" } else { " · " };
        return format!("{states}{between}{}", standing.says);
    }
    let to_go = match eta_ms(standing, elapsed) {
        Some(ms) => format!("about {} to go", units::duration_ms(ms)),
        None => format!("{} so far", units::duration_ms(whole_ms(elapsed))),
    };
    format!(
        "{} · {} files/s · {}/s · {to_go}",
        states.join(", "),
        units::count(files),
        units::bytes(bytes)
    )
}

/// Guesses from the agents that have ended, once there is one and another has not.
fn eta_ms(standing: &Standing, elapsed: Duration) -> Option<u64> {
    let left = standing.targeted.checked_sub(standing.ended).filter(|left| *left > 0)?;
    let per_agent = whole_ms(elapsed).checked_div(standing.ended)?;
    Some(per_agent.saturating_mul(left))
}

fn whole_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_to_go_follows_the_agents_that_ended() {
        let standing = Standing { targeted: 4, ended: 1, ..Standing::default() };
        assert_eq!(eta_ms(&standing, Duration::from_secs(10)), Some(30_000));
        let none = Standing { targeted: 4, ..Standing::default() };
        assert_eq!(eta_ms(&none, Duration::from_secs(10)), None);
        let all = Standing { targeted: 4, ended: 4, ..Standing::default() };
        assert_eq!(eta_ms(&all, Duration::from_secs(10)), None);
    }

    #[test]
    fn a_line_has_states_and_rates() {
        let states = vec![("running".to_owned(), 2), ("finished".to_owned(), 1)];
        let standing =
            Standing { targeted: 3, ended: 1, states, files: 10, bytes: 10, ..Standing::default() };
        let line = describe(&standing, (1_234, 5_000_000), Duration::from_secs(1));
        assert_eq!(line, "running 2, finished 1 · 1,234 files/s · 5.0 MB/s · about 2.0 s to go");
        let paused = Standing { says: "paused by ada".to_owned(), ..standing };
        let line = describe(&paused, (0, 0), Duration::from_secs(1));
        assert_eq!(line, "running 2, finished 1 · paused by ada", "nothing to go towards");
    }
}
