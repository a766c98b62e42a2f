//! What the allocator costs a program while nothing samples, and while a profile of memory is open: nanoseconds an
//! allocation and its free, in alternation.
//!
//! `cargo run --release -p muster-profiler --example allocator [ROUNDS]` prints a line a round: nothing sampled, sampled, and
//! sampled while many sampled allocations live.

use std::error::Error;
use std::hint::black_box;
use std::io::Write;
use std::time::Instant;

use muster_profiler::{Allocator, Sampler, Scope};
use muster_protocol::clock::Clock;
use muster_protocol::request::profile::ProfileKind;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

/// As many pairs as take a fifth of a second.
const PAIRS: u32 = 5_000_000;
const BYTES: usize = 64;
/// As large as the mean distance of samples, so that two of three are sampled.
const KEPT_BYTES: usize = 131_072;
const KEPT: usize = 6_000;

/// Returns nanoseconds a pair.
fn pair_ns() -> f64 {
    let began = Instant::now();
    for _ in 0..PAIRS {
        drop(black_box(Vec::<u8>::with_capacity(black_box(BYTES))));
    }
    began.elapsed().as_secs_f64() * 1e9 / f64::from(PAIRS)
}

/// The same while memory is sampled, and while as many blocks live that most likely were.
fn sampled_ns(kept: usize) -> Result<f64, Box<dyn Error>> {
    let window =
        Sampler::global().window(ProfileKind::Heap, 99, Scope::Process, &Clock::system())?;
    let kept: Vec<Vec<u8>> = (0..kept).map(|_| Vec::with_capacity(KEPT_BYTES)).collect();
    let ns = pair_ns();
    drop(black_box(kept));
    drop(window.finish());
    Ok(ns)
}

fn main() -> Result<(), Box<dyn Error>> {
    let rounds = std::env::args().nth(1).map_or(Ok(5), |rounds| rounds.parse::<u32>())?;
    pair_ns();
    for _ in 0..rounds {
        let (off, on, full) = (pair_ns(), sampled_ns(0)?, sampled_ns(KEPT)?);
        writeln!(std::io::stdout(), "{off:.2} {on:.2} {full:.2}")?;
    }
    Ok(())
}
