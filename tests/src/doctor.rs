//! What `muster doctor` says of a fleet, check by check.

use std::time::Duration;

use serde_json::Value;

use crate::eventually::eventually;
use crate::fleet::Fleet;

const LONG: Duration = Duration::from_mins(3);

/// Returns one check of `muster doctor`.
///
/// # Panics
/// When there is no such check.
pub fn check(fleet: &Fleet, name: &str) -> Value {
    let output = fleet.muster(["doctor", "--output", "json"]);
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("doctor: {}", String::from_utf8_lossy(&output.stderr)));
    let checks = report["checks"].as_array().expect("checks");
    checks.iter().find(|check| check["name"] == name).expect("the check").clone()
}

/// Waits until a check has the verdict (`ok`, `warn`, `bad`); returns it.
///
/// # Panics
/// When it has not after three minutes.
#[track_caller]
pub fn await_verdict(fleet: &Fleet, name: &str, verdict: &str) -> Value {
    eventually(&format!("doctor finds {name} {verdict}"), LONG, || {
        let found = check(fleet, name);
        if found["verdict"] == verdict { Ok(found) } else { Err(found.to_string()) }
    })
}
