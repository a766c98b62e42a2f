//! The seed of a test that makes its inputs.

/// Returns the seed: another one each time, unless `MUSTER_SEED` repeats a run.
pub fn seed() -> u64 {
    let given = std::env::var("MUSTER_SEED").ok().and_then(|text| text.parse().ok());
    given.unwrap_or_else(|| u64::from(std::process::id()))
}
