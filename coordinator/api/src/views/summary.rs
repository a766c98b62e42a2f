//! What a profile is of, in parts that one can quote: `65 % hashing, 20 % openat()`.

use serde::{Deserialize, Serialize};

/// A part of the whole. Each sample is in one part only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// What it is.
    #[serde(flatten)]
    pub part: Part,
    /// Its value.
    pub value: i64,
    /// Its share of the whole, in percent.
    pub percent: f64,
}

/// What a sample was spent on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "part", content = "name")]
pub enum Part {
    /// Work that several crates do: `hashing`.
    Work(String),
    /// A module of Muster: `agent::journal`.
    Module(String),
    /// Another crate.
    Crate(String),
    /// A system call.
    Syscall(String),
    /// A program or library of which no more is known.
    File(String),
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Work(name) | Self::Module(name) | Self::Crate(name) | Self::File(name) => {
                f.write_str(name)
            }
            Self::Syscall(name) => write!(f, "{name}()"),
        }
    }
}
