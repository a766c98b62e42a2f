//! What takes long: kill tests of what an agent remembers ([`cache`]), of files on their way in ([`blobs`]) and of a whole
//! hunt (`kill -9` of each of agent, coordinator and broker in the middle of it; `tests/run kills` does twenty of each), a thousand profiles one after the
//! other ([`cycles`]), a folder of half a million entries ([`huge`]).
//!
//! `MUSTER_SEED=n` repeats a run.

mod blobs;
mod cache;
mod cycles;
mod huge;

use tests::fault;
use tests::seed::seed;

/// Kills of each, unless `MUSTER_KILLS` says how many.
const KILLS: usize = 4;

#[test]
fn kills_of_each_lose_nothing_and_double_nothing() {
    let asked = std::env::var("MUSTER_KILLS").ok().map(|text| text.parse().expect("a number"));
    fault::kill_test(asked.unwrap_or(KILLS), seed());
}
