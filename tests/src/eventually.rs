//! Waiting for something to become true, with a deadline and a last word.

use std::time::{Duration, Instant};

/// Asks `probe` every 50 ms until it answers `Ok`; panics with its last `Err` when `limit` is over.
///
/// # Panics
/// When the deadline passes.
#[track_caller]
pub fn eventually<T>(
    what: &str,
    limit: Duration,
    mut probe: impl FnMut() -> Result<T, String>,
) -> T {
    let deadline = Instant::now() + limit;
    loop {
        match probe() {
            Ok(value) => return value,
            Err(why) if Instant::now() >= deadline => {
                panic!("{what}: not within {} s: {why}", limit.as_secs())
            }
            Err(_) => pause(Duration::from_millis(50)),
        }
    }
}

/// Lets time pass: the rhythm of a probe or the moment of a fault, never a way to wait for a result.
pub fn pause(time: Duration) {
    std::thread::park_timeout(time);
}
