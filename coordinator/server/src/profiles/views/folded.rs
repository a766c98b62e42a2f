//! Folded stacks: `thread;root;…;leaf count`, a line a stack.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::profiles::profile::Profile;

impl Profile {
    /// Returns the samples as folded stacks, sorted, equal ones merged. What is counted are samples; where
    /// the profile does not count any, it is the value that is shown.
    pub fn folded(&self) -> String {
        let counted = self.types.iter().position(|kind| kind.name == "samples");
        let counted = counted.unwrap_or(self.shown);
        let mut stacks: BTreeMap<String, i64> = BTreeMap::new();
        for sample in &self.samples {
            let thread = &sample.labels.thread;
            let mut frames: Vec<&str> =
                self.frames(sample).map(|frame| frame.function.as_str()).collect();
            frames.push(if thread.is_empty() { "thread" } else { thread });
            frames.reverse();
            let count = sample.values.get(counted).copied().unwrap_or(0);
            *stacks.entry(frames.join(";")).or_default() += count;
        }
        let mut text = String::new();
        for (stack, count) in stacks.iter().filter(|(_, count)| **count != 0) {
            // Writing to a string does not fail.
            writeln!(text, "{stack} {count}").unwrap_or_default();
        }
        text
    }
}
