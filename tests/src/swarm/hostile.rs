//! The same hunts once more, beside one endpoint that sends every attack it can.

use std::fs;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::run::{Beside, launched};
use crate::attack::cost::store_bytes;
use crate::attack::{Attacker, Target};
use crate::eventually::{eventually, pause};
use crate::fleet::Fleet;

/// So long the attack goes on before the hunts begin: queues, windows and shares are full by then.
const AHEAD: Duration = Duration::from_secs(10);

/// Runs the hunts again, enrols one more agent, attacks with its credentials, and runs them once more meanwhile; returns
/// what they took, and their ids.
pub(super) fn beside(
    fleet: &Fleet,
    hunts: usize,
    foreign: &str,
    launch: impl Fn() -> String,
    limit: Duration,
) -> (Beside, Vec<String>) {
    // The first hunts read the tree and fill the caches: they are no comparison.
    let run = || {
        let began = Instant::now();
        let hunts: Vec<_> = (0..hunts).map(|_| launch()).collect();
        for hunt in &hunts {
            fleet.await_hunt(hunt, limit);
        }
        (began.elapsed().as_secs_f64(), hunts)
    };
    let (quiet_s, mut all) = run();
    let folder = fleet.path("hostile").to_string_lossy().into_owned();
    fleet.muster_ok(["agents", "enrol", "hostile", "--out", &folder]);
    let bundle =
        fs::read_dir(&folder).expect("a folder").flatten().next().expect("a bundle").path();
    let agent = bundle.file_name().and_then(|name| name.to_str()).expect("an id").to_owned();
    let root = fleet.path("tree").to_string_lossy().into_owned();
    let own = launched(fleet, &["hunt", "launch", "--agents", &agent, "--root", &root]);
    let attacker = Attacker::new(Target::of(fleet, &agent, &bundle, &own, foreign), limit);
    let stop = attacker.stop_flag();
    let attack = std::thread::spawn(move || attacker.attack());
    pause(AHEAD);
    let before = store_bytes(fleet);
    let (stored_s, hunts) = run();
    all.extend(hunts);
    stop.store(true, Ordering::Relaxed);
    let sent = attack.join().expect("an attack");
    let store_bytes = store_bytes(fleet).saturating_sub(before);
    eventually("doctor names the offender", Duration::from_mins(2), || {
        let doctor = fleet.muster(["doctor", "--output", "json"]);
        let report = String::from_utf8_lossy(&doctor.stdout).into_owned();
        if report.contains(&agent) { Ok(()) } else { Err(report) }
    });
    (Beside { quiet_s, stored_s, sent, store_bytes }, all)
}
