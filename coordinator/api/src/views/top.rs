//! `top`: what cost most.

use serde::{Deserialize, Serialize};

use super::Share;

/// The list, and what it is a part of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Top {
    /// The value: `cpu`, `wall`, `inuse_space`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its unit: `nanoseconds`, `bytes`, `count`.
    pub unit: String,
    /// The sum over all samples.
    pub total: i64,
    /// How many samples that are; `null` where they are not counted.
    pub total_samples: Option<i64>,
    /// What it was spent on, the largest part first: work, modules, crates, system calls; at most 200.
    #[serde(default)]
    pub summary: Vec<Share>,
    /// For whom the threads worked, the most costly first.
    pub collections: Vec<Collection>,
    /// Files whose code has no names here, the most costly first: `muster symbols add`.
    pub nameless: Vec<Nameless>,
    /// The rows, the most costly first; at most 200. `functions`, `lines`, `files` …
    #[serde(flatten)]
    pub rows: Rows,
}

/// The rows, under the name of what they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rows {
    /// By function.
    Functions(Vec<Row>),
    /// By line.
    Lines(Vec<Row>),
    /// By source file.
    Files(Vec<Row>),
    /// By module.
    Modules(Vec<Row>),
    /// By thread.
    Threads(Vec<Row>),
    /// By hunt.
    Hunts(Vec<Row>),
    /// By agent.
    Agents(Vec<Row>),
}

/// A collection's part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Collection {
    /// Id of the request, `agent` or `untagged`.
    pub collection: String,
    /// Its value.
    pub value: i64,
    /// Its part of the whole, in percent.
    pub percent: f64,
}

/// A mapped file that nothing is known of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Nameless {
    /// Its name, without folders.
    pub module: String,
    /// Its build id.
    pub build_id: String,
    /// What was spent in it, in percent of the whole.
    pub percent: f64,
}

/// One part of the whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// What it is.
    #[serde(flatten)]
    pub key: Key,
    /// The line that costs most, or the line itself; `null` when unknown.
    pub line: Option<u32>,
    /// In itself, in the unit of the list.
    pub flat: i64,
    /// In itself and in what it calls.
    pub cum: i64,
    /// `flat` in percent of the whole.
    pub flat_percent: f64,
    /// `cum` in percent of the whole.
    pub cum_percent: f64,
}

/// What a row adds up.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Key {
    /// A function, or a line of it.
    Function {
        /// Its name.
        function: String,
        /// Its source file; empty when unknown.
        file: String,
    },
    /// A source file.
    File {
        /// Its path, as the compiler was told; empty when unknown.
        file: String,
    },
    /// A package or a mapped file.
    Module {
        /// Its name.
        module: String,
    },
    /// A thread.
    Thread {
        /// Its name.
        thread: String,
    },
    /// A hunt.
    Hunt {
        /// Its id, `agent` or `untagged`.
        hunt: String,
    },
    /// An agent.
    Agent {
        /// Its id.
        agent: String,
    },
}

impl Rows {
    /// Returns the rows, whatever they are.
    pub fn all(&self) -> &[Row] {
        match self {
            Self::Functions(rows)
            | Self::Lines(rows)
            | Self::Files(rows)
            | Self::Modules(rows)
            | Self::Threads(rows)
            | Self::Hunts(rows)
            | Self::Agents(rows) => rows,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::Part;

    #[test]
    fn rows_come_back_as_what_they_are() {
        let keys = [
            Key::Function { function: "f".to_owned(), file: "a.rs".to_owned() },
            Key::File { file: "a.rs".to_owned() },
            Key::Hunt { hunt: "agent".to_owned() },
        ];
        let row = |key: &Key| Row {
            key: key.clone(),
            line: Some(7),
            flat: 1,
            cum: 2,
            flat_percent: 50.0,
            cum_percent: 100.0,
        };
        for (key, rows) in keys.iter().zip([Rows::Functions, Rows::Files, Rows::Hunts]) {
            let top = Top {
                kind: "cpu".to_owned(),
                unit: "nanoseconds".to_owned(),
                total: 2,
                total_samples: None,
                summary: vec![Share {
                    part: Part::Syscall("openat".to_owned()),
                    value: 1,
                    percent: 50.0,
                }],
                collections: vec![],
                nameless: vec![],
                rows: rows(vec![row(key)]),
            };
            let text = serde_json::to_string(&top).unwrap();
            assert_eq!(serde_json::from_str::<Top>(&text).unwrap(), top, "{text}");
        }
    }
}
