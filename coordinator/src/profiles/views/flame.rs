//! The flame graph: one SVG file with search and zoom, that fetches nothing.

use inferno::flamegraph::{self, Options};

use crate::profiles::profile::Profile;

/// Why there is no flame graph.
#[derive(Debug, thiserror::Error)]
#[error("no flame graph: {0}")]
pub struct FlameError(#[from] std::io::Error);

impl Profile {
    /// Draws the samples. Without samples there is a graph that says so.
    pub fn flame_svg(&self, title: &str, subtitle: &str) -> Result<Vec<u8>, FlameError> {
        let folded = self.folded();
        let lines = if folded.is_empty() { "(no samples) 1\n" } else { &folded };
        let mut options = Options::default();
        title.clone_into(&mut options.title);
        options.subtitle = Some(subtitle.to_owned());
        options.deterministic = true;
        let mut svg = Vec::new();
        flamegraph::from_lines(&mut options, lines.lines(), &mut svg)?;
        Ok(svg)
    }
}
