//! A hunt and a profile of it through the whole agent, without a broker.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use muster_profiler::decode::{decode, text};
use muster_protocol::artifact::HashKind;
use muster_protocol::artifact::file_hash;
use muster_protocol::ids::{AgentId, FleetId, RequestId};
use muster_protocol::limits::RESULT_BYTES_MAX;
use muster_protocol::request::hunt::HuntStart;
use muster_protocol::request::profile::{ProfileKind, ProfileStart};
use muster_protocol::request::sign::{Draft, SigningKey};
use muster_protocol::request::trust::Grant;
use muster_protocol::request::{Args, Capability, Limits, Sealed, Target};
use muster_protocol::result::{BlobChunk, Status};
use muster_protocol::wire;
use serde_bytes::ByteBuf;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::core::{Parts, lock};
use crate::dispatch::dispatch;
use crate::identity::Identity;
use crate::intake::Source;
use crate::journal::Journal;
use crate::policy::Policy;
use crate::session::Stop;

fn agent(fleet: FleetId, root: &SigningKey) -> Arc<Core> {
    let agent = AgentId::new("web-prof").unwrap();
    let clock = Clock::system();
    let parts = Parts {
        agent: agent.clone(),
        fleet,
        root: root.public(),
        identity: Identity::of_this_machine(),
        labels: BTreeMap::new(),
        policy: Policy::default(),
        clock: clock.clone(),
        journal: Journal::in_memory().unwrap(),
    };
    let collectors =
        Collectors { scope: Scope::Agent(agent), clock, sampler: crate::telemetry::sample };
    let core = Arc::new(Core::new(parts, Box::new(collectors)).unwrap());
    lock(&core.admission).open();
    core
}

fn seal(fleet: FleetId, root: &SigningKey, args: &Args) -> Sealed {
    let (operator, now) = (SigningKey::generate().unwrap(), Clock::system().now());
    let grant = Grant {
        fleet,
        key: ByteBuf::from(operator.public()),
        name: "kim".to_owned(),
        capabilities: Capability::ALL.map(|it| it.as_str().to_owned()).to_vec(),
        issued: now,
        not_after: now.plus_ms(86_400_000),
    };
    let certificate = root.certify(&grant).unwrap();
    let (target, limits) = (Target::all(), Limits::default());
    let draft = Draft { fleet, target, limits, issued: now, valid_ms: 3_600_000 };
    let body = draft.body(operator.id(), args).unwrap();
    operator.seal(&body, Some(&certificate)).unwrap()
}

/// Takes the final status of a request out of the outbox, once it is there.
async fn final_status(core: &Core, request: RequestId) -> Status {
    for _ in 0..6_000 {
        while let Some(message) = core.journal.outbox_next(false, &BTreeSet::new()).unwrap() {
            core.journal.outbox_confirmed(&message).unwrap();
            let status: Status = wire::decode(&message.body, RESULT_BYTES_MAX).unwrap();
            if status.request == request && status.state.is_final() {
                return status;
            }
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("no final status of {request}");
}

fn blob(core: &Core) -> Vec<u8> {
    let (mut taken, mut bytes) = (BTreeSet::new(), Vec::new());
    while let Some(message) = core.journal.outbox_next(true, &taken).unwrap() {
        taken.insert(message.key);
        if message.kind != "rows.chunk" {
            let chunk: BlobChunk = wire::decode(&message.body, RESULT_BYTES_MAX).unwrap();
            bytes.extend_from_slice(&chunk.data);
        }
    }
    bytes
}

#[tokio::test]
async fn a_profile_tells_which_hunt_its_samples_worked_for() {
    let folder = tempfile::tempdir().unwrap();
    // A file without blocks: hours of hashing, ended by the test.
    let file = std::fs::File::create(folder.path().join("long")).unwrap();
    file.set_len(1 << 42).unwrap();
    let (fleet, root) = (FleetId::new(), SigningKey::generate().unwrap());
    let core = agent(fleet, &root);
    let roots = vec![ByteBuf::from(folder.path().as_os_str().as_encoded_bytes())];
    let spec =
        file_hash::Args { roots, hashes: vec![HashKind::Sha256], ..file_hash::Args::default() };
    let hunt = Args::HuntStart(HuntStart::files(&spec).unwrap());
    let kinds = vec![ProfileKind::Cpu];
    // Collectors are niced: on a busy machine they get a small share of it.
    let profile = Args::ProfileStart(ProfileStart {
        revision: 0,
        during: None,
        kinds,
        seconds: 4,
        hertz: 199,
    });
    let [hunt, profile] = [hunt, profile].map(|args| seal(fleet, &root, &args));
    for request in [&hunt, &profile] {
        core.take(request, Source::Directed).unwrap();
    }
    let stop = CancellationToken::new();
    let watched = async {
        let status = final_status(&core, profile.id.parse().unwrap()).await;
        for run in lock(&core.runs).values() {
            run.session.request_stop(Stop::Cancelled);
        }
        stop.cancel();
        status
    };
    let (status, ()) = tokio::join!(watched, dispatch(Arc::clone(&core), stop.clone()));
    assert_eq!((status.state, status.code.as_str()), (State::Finished, ""));
    let footer = status.footer.unwrap().profiles.remove(0);
    let bytes = blob(&core);
    assert_eq!(footer.blob_bytes, bytes.len() as u64);
    let profile = decode(&bytes).unwrap();
    let of_hunt = profile.sample.iter().filter(|sample| {
        sample.label.iter().any(|label| text(&profile, label.str) == Some(hunt.id.as_str()))
    });
    let of_hunt: i64 = of_hunt.map(|sample| sample.value[0]).sum();
    assert!(footer.samples >= 10, "{footer:?}");
    assert!(of_hunt * 10 >= i64::try_from(footer.samples).unwrap() * 9, "{of_hunt}: {footer:?}");
}
