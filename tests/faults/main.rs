//! What takes long: kill tests of what an agent remembers ([`cache`]), of files on their way in ([`blobs`]) and of a whole
//! hunt (twenty `kill -9` of each of agent, coordinator and broker in the middle of it), a thousand profiles one after the
//! other ([`cycles`]), a folder of half a million entries ([`huge`]).
//!
//! `MUSTER_SEED=n` repeats a run.

mod blobs;
mod cache;
mod cycles;
mod huge;

use tests::fault;
use tests::seed::seed;

#[test]
fn twenty_kills_of_each_lose_nothing_and_double_nothing() {
    fault::kill_test(20, seed());
}
