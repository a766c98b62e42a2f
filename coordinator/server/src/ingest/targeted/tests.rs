use muster_protocol::artifact::file_hash;
use muster_protocol::clock::Timestamp;
use muster_protocol::ids::{FleetId, JournalId};
use muster_protocol::request::hunt::HuntStart;
use muster_protocol::request::sign::{Draft, SigningKey};
use muster_protocol::request::{Args, Limits, Sealed, Target, Verb};
use muster_protocol::result::Telemetry;

use super::*;
use crate::store::{Audit, DataDir, NewAgent, Request, Write, Writer};

const LAUNCHED: Timestamp = Timestamp(1_700_000_000_000);

fn agent() -> AgentId {
    AgentId::new("web-1-ab12").unwrap()
}

fn sealed(target: Target, args: &Args) -> (RequestId, Sealed) {
    let key = SigningKey::from_seed(&[3; 32]);
    let draft = Draft {
        fleet: FleetId::new(),
        target,
        limits: Limits::default(),
        issued: LAUNCHED,
        valid_ms: 1,
    };
    let body = draft.body(key.id(), args).unwrap();
    (body.id, key.seal(&body, None).unwrap())
}

fn hunt(target: Target) -> (RequestId, Sealed) {
    let start = HuntStart::files(&file_hash::Args::default()).unwrap();
    sealed(target, &Args::HuntStart(start))
}

fn request((id, sealed): &(RequestId, Sealed), expected: Vec<AgentId>) -> Write {
    let request = Request {
        id: *id,
        kind: sealed.kind.clone(),
        operator: "ada".into(),
        issued: LAUNCHED,
        not_after: LAUNCHED,
        target: String::new(),
        route: muster_api::Route::Broadcast,
        sealed: sealed.clone(),
        control: None,
        expected,
        revokes: vec![],
        names: vec![],
    };
    Write::Request(Box::new(request), Audit::default())
}

fn sample(role: &str) -> Write {
    let json = serde_json::json!({
        "agent": agent(), "at": Timestamp(0), "journal": JournalId::from_bytes([1; 16]),
        "os": "linux", "labels": {"role": role},
    });
    Write::Telemetry(Box::new(serde_json::from_value::<Telemetry>(json).unwrap()))
}

/// A store that knows one agent.
struct Scene {
    _folder: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
    writer: Writer,
    reader: Reader,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = DataDir::prepare(folder.path()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (writer, reader) = (Writer::start(&place).unwrap(), place.reader().unwrap());
        let scene = Self { _folder: folder, runtime, writer, reader };
        let labels = r#"{"site":"fra"}"#.into();
        let new = NewAgent { id: agent(), name: "web-1".into(), labels };
        scene.write(Write::Agents(vec![new], Audit::default()));
        scene
    }

    fn write(&self, write: Write) {
        self.runtime.block_on(self.writer.write(write)).unwrap();
    }

    fn verdict(&self, request: RequestId) -> Verdict {
        Targeting::default().verdict(&self.reader, &(request, agent())).unwrap()
    }
}

fn expr(text: &str) -> Target {
    Target { expr: text.to_owned(), sample_ppm: None }
}

#[test]
fn an_agent_may_answer_what_it_is_expected_to_or_what_its_facts_match() {
    let scene = Scene::new();
    let expected = hunt(expr("id:web-2-cd34"));
    scene.write(request(&expected, vec![agent()]));
    assert_eq!(scene.verdict(expected.0), Verdict::Meant);
    let other = hunt(expr("id:web-2-cd34"));
    scene.write(request(&other, vec![]));
    assert_eq!(scene.verdict(other.0), Verdict::NotYet);
    let enrolled = hunt(expr("label:site=fra"));
    scene.write(request(&enrolled, vec![]));
    assert_eq!(scene.verdict(enrolled.0), Verdict::Meant, "before its first sample");
    // What is not on record has its own word.
    assert_eq!(scene.verdict(RequestId::new()), Verdict::Meant);
}

#[test]
fn a_label_counts_that_was_reported_after_the_launch_even_if_it_is_gone() {
    let scene = Scene::new();
    scene.write(sample("web"));
    let by_label = hunt(expr("label:role=db and os:linux"));
    scene.write(request(&by_label, vec![]));
    assert_eq!(scene.verdict(by_label.0), Verdict::NotYet);
    scene.write(sample("db"));
    assert_eq!(scene.verdict(by_label.0), Verdict::Meant);
    scene.write(sample("web"));
    assert_eq!(scene.verdict(by_label.0), Verdict::Meant);
}

#[test]
fn a_sample_of_the_fleet_leaves_the_others_out() {
    let scene = Scene::new();
    let sampled = hunt(Target { expr: "all".to_owned(), sample_ppm: Some(1) });
    scene.write(request(&sampled, vec![]));
    assert_eq!(scene.verdict(sampled.0), Verdict::NotYet);
    // A cancel holds for the agents that its start is for.
    let start = hunt(expr("all"));
    scene.write(request(&start, vec![]));
    let cancel = |of| {
        let control = Control::new(of, Verb::Cancel, 1);
        sealed(expr("id:web-2-cd34"), &Args::Control(control))
    };
    let (of_start, of_sampled) = (cancel(start.0), cancel(sampled.0));
    scene.write(request(&of_start, vec![]));
    scene.write(request(&of_sampled, vec![]));
    assert_eq!(scene.verdict(of_start.0), Verdict::Meant);
    assert_eq!(scene.verdict(of_sampled.0), Verdict::NotYet);
}

#[test]
fn a_refused_answer_is_refused_without_another_look() {
    let scene = Scene::new();
    let other = hunt(expr("id:web-2-cd34"));
    scene.write(request(&other, vec![]));
    let mut targeting = Targeting::default();
    let answer = (other.0, agent());
    assert_eq!(targeting.verdict(&scene.reader, &answer).unwrap(), Verdict::NotYet);
    targeting.refuse(answer.clone());
    assert_eq!(targeting.verdict(&scene.reader, &answer).unwrap(), Verdict::Never);
    assert!(!targeting.is_waiting() && targeting.decided(&scene.reader).unwrap().is_empty());
}
