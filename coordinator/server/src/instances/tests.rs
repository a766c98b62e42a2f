use muster_protocol::ids::AgentId;
use proptest::prelude::*;

use super::*;

/// One process of an agent: what its samples have in common.
#[derive(Debug, Clone, Copy)]
struct Process {
    id: u8,
    machine: u8,
    started: i64,
    generation: u64,
}

fn sample(process: Process, number: u64, at: i64) -> Telemetry {
    let json = serde_json::json!({
        "agent": AgentId::new("a-1").unwrap(), "at": at, "journal": JournalId::from_bytes([1; 16]),
        "host": format!("host-{}", process.machine),
        "instance": {
            "id": InstanceId::from_bytes([process.id; 16]), "started": process.started, "sample": number,
            "machine": MachineId::from_bytes([process.machine; 16]),
            "generation": process.generation + number,
        },
    });
    serde_json::from_value(json).unwrap()
}

fn after<'a>(samples: impl IntoIterator<Item = &'a (Telemetry, i64)>) -> Instances {
    let mut instances = Instances::default();
    for (sample, now) in samples {
        instances.apply(sample, Timestamp(*now));
    }
    instances
}

const A: Process = Process { id: 1, machine: 1, started: 0, generation: 0 };
const B: Process = Process { id: 2, machine: 2, started: 100_000, generation: 1_000 };

/// Samples every ten seconds while a process lives, each received as it is taken.
fn life(process: Process, until: i64) -> Vec<(Telemetry, i64)> {
    let samples = (1_u64..).zip((process.started..until).step_by(10_000));
    samples.map(|(number, at)| (sample(process, number, at), at)).collect()
}

#[test]
fn a_restart_is_no_clone_and_nothing_is_set_back() {
    let samples = [life(A, 95_000), life(B, 200_000)].concat();
    assert_eq!(after(&samples).faults(), []);
}

#[test]
fn two_that_report_by_turns_are_a_clone_until_one_of_them_ends() {
    let mut samples = [life(A, 300_000), life(B, 200_000)].concat();
    samples.sort_by_key(|(_, at)| *at);
    let instances = after(&samples);
    let [fault] = instances.faults() else { panic!("{:?}", instances.faults()) };
    assert_eq!(fault.kind, FaultKind::Clone);
    assert_eq!((fault.since, fault.until), (Timestamp(100_000), Timestamp(190_000)));
    let hosts: Vec<_> = fault.sides.iter().map(|side| side.host.as_str()).collect();
    assert_eq!(hosts, ["host-1", "host-2"]);
}

#[test]
fn a_clone_is_found_though_its_clock_is_hours_behind() {
    let behind = |(mut sample, now): (Telemetry, i64)| {
        let shift = 7_200_000;
        sample.at.0 -= shift;
        (sample, now)
    };
    let mut samples = life(A, 600_000).into_iter().map(behind).collect::<Vec<_>>();
    samples.extend(life(B, 600_000));
    samples.sort_by_key(|(_, at)| *at);
    assert_eq!(after(&samples).faults().len(), 1);
}

#[test]
fn a_journal_that_was_set_back_is_found_and_a_clone_is_not_called_that() {
    let back = Process { generation: 3, ..B };
    let samples = [life(A, 95_000), life(back, 120_000)].concat();
    let instances = after(&samples);
    assert_eq!(instances.faults().len(), 1);
    assert_eq!(instances.faults()[0].kind, FaultKind::SetBack);
    let mut samples = [life(A, 300_000), life(back, 300_000)].concat();
    samples.sort_by_key(|(_, at)| *at);
    let kinds: Vec<_> = after(&samples).faults().iter().map(|fault| fault.kind).collect();
    assert_eq!(kinds, [FaultKind::Clone]);
}

#[test]
fn a_machine_that_was_resumed_from_a_snapshot_repeats_its_samples() {
    let late = |n: u64, at: i64| (sample(A, n, at), at);
    let mut samples = life(A, 300_000);
    samples.extend([late(29, 280_000), late(30, 290_000)]);
    assert_eq!(after(&samples).faults(), [], "delivered again");
    samples.extend([late(12, 400_000), late(13, 410_000)]);
    let instances = after(&samples);
    let [fault] = instances.faults() else { panic!("{:?}", instances.faults()) };
    assert_eq!((fault.kind, fault.since), (FaultKind::SetBack, Timestamp(400_000)));
}

#[test]
fn what_one_agent_may_send_is_bounded() {
    let mut instances = Instances::default();
    for n in 0..2_000_i64 {
        let id = u8::try_from(n % 251).unwrap();
        let mut sample = sample(Process { id, ..A }, n.unsigned_abs() + 1, n);
        sample.host = "é".repeat(5_000);
        instances.apply(&sample, Timestamp(n));
    }
    assert!(
        instances.records.len() <= INSTANCES_MAX && instances.faults.len() <= IDENTITY_FAULTS_MAX
    );
    let bytes = muster_protocol::wire::encode(&instances).unwrap().len();
    assert!(bytes < 80_000, "{bytes}");
}

#[test]
fn an_agent_that_names_no_instance_is_left_alone() {
    let mut nameless = sample(A, 1, 0);
    nameless.instance = None;
    assert_eq!(after(&[(nameless, 0)]), Instances::default());
}

/// A sequence of restarts on one machine: how long each lives, and the pause before the next.
fn restarts() -> impl Strategy<Value = Vec<(Telemetry, i64)>> {
    proptest::collection::vec((1_i64..200_000, 0_i64..60_000), 1..7).prop_map(|lives| {
        let (mut samples, mut now, mut generation) = (Vec::new(), 0, 0);
        for (id, (length, pause)) in (1_u8..).zip(lives) {
            let life = life(Process { id, machine: 1, started: now, generation }, now + length);
            generation += life.len() as u64 + 1;
            now += length + pause + 1;
            samples.extend(life);
        }
        samples
    })
}

proptest! {
    /// Lost, doubled, delivered again after a while, late by up to the bound: a restart stays a restart.
    #[test]
    fn no_delivery_makes_a_clone_of_restarts(
        samples in restarts(),
        fates in proptest::collection::vec((0_u8..10, 0..INSTANCE_LATE_MS_MAX), 200),
    ) {
        let mut delivered = Vec::new();
        for ((sample, at), (fate, delay)) in samples.iter().zip(fates.iter().cycle()) {
            match fate {
                0 | 1 => {}
                2 => delivered.extend([(sample.clone(), *at), (sample.clone(), at + delay)]),
                3 => delivered.push((sample.clone(), at + delay)),
                _ => delivered.push((sample.clone(), *at)),
            }
        }
        delivered.sort_by_key(|(_, now)| *now);
        let instances = after(&delivered);
        prop_assert_eq!(instances.faults(), &[]);
    }

    /// Two that live together longer than a straggler may take are found whatever is lost or doubled between.
    #[test]
    fn two_lives_at_once_are_found(
        start in 1_i64..200_000,
        fates in proptest::collection::vec(0_u8..4, 200),
    ) {
        let end = start + 2 * INSTANCE_LATE_MS_MAX;
        let both = [life(A, end), life(Process { started: start, ..B }, end)].concat();
        let (firsts, lasts) = (start + 30_000, end - 30_000);
        let kept = both.iter().zip(fates.iter().cycle());
        let kept = kept.filter(|((_, at), fate)| **fate > 0 || *at < firsts || *at > lasts);
        let doubled = kept.flat_map(|(one, fate)| vec![one.clone(); usize::from(*fate == 1) + 1]);
        let mut delivered: Vec<_> = doubled.collect();
        delivered.sort_by_key(|(_, now)| *now);
        let kinds: Vec<_> = after(&delivered).faults().iter().map(|fault| fault.kind).collect();
        prop_assert_eq!(kinds, vec![FaultKind::Clone]);
    }
}
