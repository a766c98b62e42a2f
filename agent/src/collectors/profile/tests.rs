//! Windows over threads that burn CPU, told to stop or not.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;

use muster_profiler::decode::{decode, text};
use muster_profiler::encode::{COLLECTION_LABEL, THREAD_LABEL};
use muster_profiler::{Captured, ProcessReport, Tag, protos, tag};
use muster_protocol::ids::{AgentId, JournalId, RequestId};
use muster_protocol::request::profile::ProfileKind;
use muster_protocol::result::rows::sha256;
use muster_protocol::result::{CollectionSample, Telemetry};
use muster_runtime::tasks::Running;
use serde_bytes::ByteBuf;
use sha2::{Digest, Sha256};

use super::*;
use crate::session::fake::FakeSession;

fn args(seconds: u32) -> ProfileStart {
    ProfileStart { revision: 0, during: None, kinds: vec![ProfileKind::Cpu], seconds, hertz: 199 }
}

/// What an agent tells of itself: one hunt is under way.
fn told() -> ProcessReport {
    let hunt = CollectionSample {
        request: RequestId::from_bytes([7; 16]),
        state: "running".into(),
        age_ms: 1_500,
        seen: 3,
        hashed: 2,
        bytes: 9,
        cpu_ms: 4,
        throttled_ms: 0,
        path: ByteBuf::from(b"/srv/slow".as_slice()),
    };
    let mut said = telemetry();
    said.collections.push(hunt);
    said.outbox_messages = 11;
    let outbox = Running {
        name: "outbox",
        age: Duration::from_secs(2),
        polls: 5,
        busy: Duration::from_millis(3),
        idle: None,
    };
    ProcessReport { telemetry: said, tasks: vec![outbox] }
}

fn telemetry() -> Telemetry {
    let json = serde_json::json!({
        "agent": "prof-0", "at": 5, "journal": JournalId::from_bytes([1; 16]), "version": "1.2.3",
        "cpu_percent": 1.5, "rss_bytes": 6, "threads": 7, "fds": 8, "read_bytes": 9, "written_bytes": 10,
    });
    serde_json::from_value(json).unwrap()
}

/// Runs `watch` while a thread of that name burns CPU for a collection of `agent`.
fn beside<T>(name: &str, agent: &AgentId, request: RequestId, watch: impl FnOnce() -> T) -> T {
    let tag = Tag::new(agent.clone(), Some(request));
    let is_over = AtomicBool::new(false);
    let (ready, is_ready) = channel();
    std::thread::scope(|scope| {
        let burn = || {
            let _guard = tag::enter(&tag);
            ready.send(()).unwrap();
            let mut bytes = vec![7_u8; 65_536];
            while !is_over.load(Ordering::Relaxed) {
                bytes[0] = bytes[0].wrapping_add(Sha256::digest(black_box(&bytes))[0]);
            }
        };
        std::thread::Builder::new().name(name.to_owned()).spawn_scoped(scope, burn).unwrap();
        is_ready.recv().unwrap();
        let seen = watch();
        is_over.store(true, Ordering::Relaxed);
        seen
    })
}

fn label<'a>(profile: &'a protos::Profile, sample: &protos::Sample, key: &str) -> &'a str {
    let label = sample.label.iter().find(|label| text(profile, label.key) == Some(key)).unwrap();
    text(profile, label.str).unwrap()
}

/// Samples that `select` picks, by thread and collection.
fn count(profile: &protos::Profile, select: impl Fn(&str, &str) -> bool) -> i64 {
    let picked = profile.sample.iter().filter(|sample| {
        select(label(profile, sample, THREAD_LABEL), label(profile, sample, COLLECTION_LABEL))
    });
    picked.map(|sample| sample.value[0]).sum()
}

#[test]
fn a_window_yields_a_blob_whose_samples_name_their_collection() {
    let (agent, request) = (AgentId::new("prof-1").unwrap(), RequestId::new());
    let session = FakeSession::new();
    beside("busy-1", &agent, request, || {
        let scope = Scope::AgentAndUntagged(agent.clone());
        collect(&args(1), &scope, &Clock::system(), &mut || Ok(told()), &session).unwrap();
    });
    let blobs = session.seen().blobs;
    let [Captured { kind, bytes, footer }] = blobs.as_slice() else {
        panic!("{} blobs", blobs.len())
    };
    let profile = decode(bytes).unwrap();
    let of_thread = count(&profile, |thread, _| thread == "busy-1");
    let wanted = request.to_string();
    let labelled = count(&profile, |thread, of| thread == "busy-1" && of == wanted);
    assert!(of_thread >= 10, "{of_thread} samples of a thread that did nothing but work");
    assert!(labelled * 10 >= of_thread * 9, "{labelled} of {of_thread}");
    assert_eq!(kind.blob(), "profile.cpu");
    assert_eq!((footer.kind.as_str(), footer.hertz, footer.partial), ("cpu", 199, false));
    assert_eq!(footer.samples, u64::try_from(count(&profile, |_, _| true)).unwrap());
    assert_eq!((footer.blob_bytes, &footer.blob_sha256), (bytes.len() as u64, &sha256(bytes)));
    assert!(profile.duration_nanos >= 1_000_000_000, "{}", profile.duration_nanos);
    assert!(footer.window_end > footer.window_start && footer.cpu_ms > 0, "{footer:?}");
    assert_eq!(session.threads(), (1, 1));
}

#[test]
fn a_stop_delivers_what_was_sampled_until_then() {
    for stop in [Stop::Cancelled, Stop::Shutdown, Stop::TimedOut(1)] {
        let (agent, request) = (AgentId::new("prof-2").unwrap(), RequestId::new());
        let session = FakeSession::new();
        let ended = beside("busy-2", &agent, request, || {
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    std::thread::park_timeout(Duration::from_millis(300));
                    session.stop(stop.clone());
                });
                let scope = Scope::Agent(agent.clone());
                collect(&args(600), &scope, &Clock::system(), &mut || Ok(told()), &session)
            })
        });
        assert_eq!(ended, Err(CollectError::Stop(stop)));
        let blobs = session.seen().blobs;
        let [Captured { bytes, footer, .. }] = blobs.as_slice() else {
            panic!("{} blobs", blobs.len())
        };
        assert!(footer.partial);
        let wanted = request.to_string();
        let profile = decode(bytes).unwrap();
        assert!(count(&profile, |_, of| of == wanted) > 0, "nothing of the cut window");
        assert_eq!(count(&profile, |_, of| of != wanted), 0, "another one's samples");
    }
}

#[test]
fn the_session_is_asked_all_the_time_and_bad_arguments_open_no_window() {
    let session = FakeSession::new().cancelling_at(6);
    let agent = Scope::Agent(AgentId::new("prof-3").unwrap());
    let ended = collect(&args(600), &agent, &Clock::system(), &mut || Ok(told()), &session);
    assert_eq!(ended, Err(CollectError::Stop(Stop::Cancelled)));
    for bad in [ProfileStart { kinds: vec![], ..args(1) }, ProfileStart { hertz: 0, ..args(1) }] {
        let session = FakeSession::new();
        let ended = collect(&bad, &agent, &Clock::system(), &mut || Ok(told()), &session);
        let Err(CollectError::Failed { code, .. }) = ended else { panic!("{ended:?}") };
        assert_eq!((code, session.seen().blobs.len()), (CollectError::BAD_ARGUMENTS, 0));
    }
}

#[test]
fn a_profile_of_a_hunt_has_the_hunts_window() {
    use RequestState::{Ended, Pending, Running};
    let agent = Scope::Agent(AgentId::new("prof-5").unwrap());
    let of = ProfileStart { during: Some(RequestId::new()), ..args(600) };
    let session =
        FakeSession::new().beside(vec![Pending, Pending, Running, Running, Running, Ended]);
    collect(&of, &agent, &Clock::system(), &mut || Ok(told()), &session).unwrap();
    let blobs = session.seen().blobs;
    let footer = &blobs[0].footer;
    let window_ms = footer.window_end.since_ms(footer.window_start);
    assert!(!footer.partial && window_ms < 60_000, "the end of the hunt is its end: {footer:?}");
    assert_eq!(session.checks(), 5, "two while it waited, three in the window");
    let session = FakeSession::new().beside(vec![Pending, Ended]);
    let ended = collect(&of, &agent, &Clock::system(), &mut || Ok(told()), &session);
    let Err(CollectError::Failed { code, .. }) = ended else { panic!("{ended:?}") };
    assert_eq!((code, session.seen().blobs.len()), (CollectError::NO_HUNT, 0));
    let session = FakeSession::new().cancelling_at(3);
    let ended = collect(&of, &agent, &Clock::system(), &mut || Ok(told()), &session);
    assert_eq!(ended, Err(CollectError::Stop(Stop::Cancelled)), "also while it waits");
}

#[test]
fn several_kinds_have_one_window_and_each_its_blob() {
    let (agent, request) = (AgentId::new("prof-4").unwrap(), RequestId::new());
    let kinds = ["cpu", "wall", "tasks", "metrics", "logs"].map(|kind| kind.parse().unwrap());
    let all = ProfileStart { kinds: kinds.to_vec(), ..args(1) };
    let session = FakeSession::new();
    beside("busy-4", &agent, request, || {
        let scope = Scope::AgentAndUntagged(agent.clone());
        collect(&all, &scope, &Clock::system(), &mut || Ok(told()), &session).unwrap();
    });
    let blobs = session.seen().blobs;
    assert_eq!(blobs.iter().map(|blob| blob.kind).collect::<Vec<_>>(), kinds);
    for blob in &blobs {
        let footer = &blob.footer;
        assert_eq!(footer.kind, blob.kind.as_str());
        let window_ms = footer.window_end.since_ms(footer.window_start);
        assert!((900..10_000).contains(&window_ms), "{footer:?}");
        assert_eq!((&footer.blob_sha256, footer.partial), (&sha256(&blob.bytes), false));
    }
    let wanted = request.to_string();
    for stacks in &blobs[..2] {
        let profile = decode(&stacks.bytes).unwrap();
        assert!(count(&profile, |thread, of| thread == "busy-4" && of == wanted) > 10);
    }
    let text = |at: usize| String::from_utf8(blobs[at].bytes.clone()).unwrap();
    let (tasks, metrics, logs) = (text(2), text(3), text(4));
    // The thread that works, and what the agent is at, at both ends of the window.
    assert_eq!(tasks.matches(r#""name":"busy-4""#).count(), 2, "{tasks}");
    let hunt = r#""state":"running","age_ms":1500"#;
    assert_eq!(tasks.matches(hunt).count(), 2, "{tasks}");
    assert!(tasks.contains("/srv/slow") && tasks.contains(r#""syscall":"futex""#), "{tasks}");
    let outbox = r#"{"name":"outbox","age_ms":2000,"polls":5,"busy_ms":3,"idle_ms":null}"#;
    assert_eq!(tasks.matches(outbox).count(), 2, "{tasks}");
    assert_eq!(metrics.matches(r#""outbox_messages":11"#).count(), 2, "{metrics}");
    assert!(logs.starts_with(r#"{"lines":["#), "{logs}");
}
