//! The kinds of profile as `--help` and the shell's completions list them.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use muster_protocol::request::profile::ProfileKind;

/// Returns what reads a kind and can say which there are.
pub(super) fn parser() -> impl TypedValueParser<Value = ProfileKind> {
    let values = ProfileKind::ALL.map(|kind| PossibleValue::new(kind.as_str()).help(about(kind)));
    PossibleValuesParser::new(values).try_map(|word| word.parse::<ProfileKind>())
}

fn about(kind: ProfileKind) -> &'static str {
    match kind {
        ProfileKind::Cpu => "Where CPU time goes",
        ProfileKind::Wall => "Where threads are, whether they work or wait, and for what",
        ProfileKind::Heap => "What was allocated in the window and what of it is held, by whom",
        ProfileKind::Tasks => "Threads, tasks and collections, and where each of them stands",
        ProfileKind::Metrics => "The figures of the process and its telemetry",
        ProfileKind::Logs => "The last lines of the log",
    }
}
