//! Folded stacks: `thread;root;…;leaf count`, a line a stack.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::profiles::profile::Profile;

impl Profile {
    /// Returns the samples as folded stacks, sorted, equal ones merged.
    pub fn folded(&self) -> String {
        let mut stacks: BTreeMap<String, i64> = BTreeMap::new();
        for sample in &self.samples {
            let thread = if sample.thread.is_empty() { "thread" } else { &sample.thread };
            let mut frames: Vec<&str> =
                self.frames(sample).map(|frame| frame.function.as_str()).collect();
            frames.push(thread);
            frames.reverse();
            *stacks.entry(frames.join(";")).or_default() += sample.count;
        }
        let mut text = String::new();
        for (stack, count) in stacks {
            // Writing to a string does not fail.
            writeln!(text, "{stack} {count}").unwrap_or_default();
        }
        text
    }
}
