//! What each source line cost.

use std::collections::{BTreeMap, HashSet};

use muster_api::views::{Line, Lines};
use muster_protocol::limits::PROFILE_LINES_MAX;

use crate::profiles::profile::Profile;

impl Profile {
    /// Adds up what each line cost. A line that a stack holds twice counts once a stack.
    pub fn lines(&self) -> Lines {
        let mut costs: BTreeMap<(&str, u32), (i64, i64)> = BTreeMap::new();
        for sample in &self.samples {
            let value = self.value(sample);
            let mut seen = HashSet::new();
            for (depth, frame) in self.frames(sample).enumerate() {
                let key = (frame.file.as_str(), frame.line);
                if frame.line == 0 || !seen.insert(key) {
                    continue;
                }
                let (flat, cum) = costs.entry(key).or_default();
                *flat += if depth == 0 { value } else { 0 };
                *cum += value;
            }
        }
        let mut costs: Vec<_> = costs.into_iter().collect();
        if costs.len() > PROFILE_LINES_MAX {
            costs.sort_by_key(|(_, (flat, cum))| std::cmp::Reverse((*cum, *flat)));
            costs.truncate(PROFILE_LINES_MAX);
            costs.sort_by_key(|(key, _)| *key);
        }
        let line = |((file, line), (flat, cum)): ((&str, u32), (i64, i64))| Line {
            file: file.to_owned(),
            line,
            flat,
            cum,
        };
        let kind = self.shown_type();
        let lines = costs.into_iter().map(line).collect();
        Lines { kind: kind.name, unit: kind.unit, total: self.total(), lines }
    }
}
