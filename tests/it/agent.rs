//! One real agent on a real broker: both ways in, results out, a restart, a stream made again.

use std::path::Path;
use std::time::Duration;

use agent::Config;
use agent::identity::Identity;
use agent::policy::Policy;
use muster_broker::{Connector, Consumer, Message, Password, Session, Start};
use muster_protocol::artifact::HashKind;
use muster_protocol::artifact::file_hash::{self, Row};
use muster_protocol::clock::Clock;
use muster_protocol::ids::{AgentId, FleetId, RequestId};
use muster_protocol::request::hunt::HuntStart;
use muster_protocol::request::sign::{Draft, SigningKey};
use muster_protocol::request::trust::Grant;
use muster_protocol::request::{Args, Capability, Control, Limits, Sealed, Target, Verb};
use muster_protocol::result::{RowChunk, State, Status};
use muster_protocol::topology::{Class, REQUESTS, directed_queue};
use muster_protocol::wire;
use muster_server::broker::{Management, apply, enrol};
use serde_bytes::ByteBuf;
use tests::broker::{Broker, shared};
use tokio_util::sync::CancellationToken;

const DEADLINE: Duration = Duration::from_mins(1);

struct Stage {
    broker: &'static Broker,
    vhost: String,
    management: Management,
    id: AgentId,
    fleet: FleetId,
    root: SigningKey,
    operator: SigningKey,
    session: Session,
    password: Password,
}

impl Stage {
    async fn new() -> Self {
        let broker = shared();
        let vhost = broker.vhost();
        let admin = Password::new(broker.password());
        let management = Management::new(&broker.management_url(), broker.admin(), admin, &vhost);
        apply(&management).unwrap();
        let id = AgentId::new(&format!("web-{}", &vhost[2..10])).unwrap();
        let password = enrol(&management, std::slice::from_ref(&id)).unwrap().remove(0).password;
        let session = Connector::new(broker.link(&vhost)).connect_once().await.unwrap();
        let (root, operator) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
        let fleet = FleetId::new();
        Self { broker, vhost, management, id, fleet, root, operator, session, password }
    }

    fn config(&self, folder: &Path) -> Config {
        Config {
            agent: self.id.clone(),
            fleet: self.fleet,
            root: self.root.public(),
            state_dir: folder.join("state"),
            labels: std::collections::BTreeMap::new(),
            link: self.broker.link_as(&self.vhost, self.id.as_str(), self.password.reveal()),
            policy: Policy::default(),
            identity: Identity::of_this_machine(),
            clock: Clock::system(),
            telemetry_ms: 500,
            quiet_ms: 1_000,
            shares_process: false,
        }
    }

    fn seal(&self, args: &Args) -> Sealed {
        let now = Clock::system().now();
        let certificate = self
            .root
            .certify(&Grant {
                fleet: self.fleet,
                key: ByteBuf::from(self.operator.public()),
                name: "kim".to_owned(),
                capabilities: Capability::ALL.map(|it| it.as_str().to_owned()).to_vec(),
                issued: now,
                not_after: now.plus_ms(86_400_000),
            })
            .unwrap();
        let draft = Draft {
            fleet: self.fleet,
            target: Target::all(),
            limits: Limits::default(),
            issued: now,
            valid_ms: 3_600_000,
        };
        let body = draft.body(self.operator.id(), args).unwrap();
        self.operator.seal(&body, Some(&certificate)).unwrap()
    }

    fn hunt(&self, tree: &Path) -> Sealed {
        self.seal(&Args::HuntStart(
            HuntStart::files(&file_hash::Args {
                roots: vec![ByteBuf::from(tree.as_os_str().as_encoded_bytes())],
                hashes: vec![HashKind::Sha256],
                ..file_hash::Args::default()
            })
            .unwrap(),
        ))
    }

    async fn publish(&self, sealed: &Sealed, queue: &str) {
        let publisher = self.session.publisher().await.unwrap();
        publisher.publish(Message::request(sealed, queue)).await.unwrap();
    }

    async fn statuses(&self) -> Statuses {
        Statuses { consumer: self.results(Class::Status).await, told: Vec::new() }
    }

    async fn results(&self, class: Class) -> Consumer {
        self.session.consumer(class.queue(), Start::Queue, 10).await.unwrap()
    }
}

async fn next_body(consumer: &mut Consumer) -> Vec<u8> {
    let delivery =
        tokio::time::timeout(DEADLINE, consumer.next()).await.expect("a result").unwrap();
    let body = delivery.body.clone();
    delivery.settle.ack().await.unwrap();
    body
}

/// Statuses as they come, and the last words that have come.
struct Statuses {
    consumer: Consumer,
    told: Vec<Status>,
}

/// Waits for the last word about a request; statuses of others must not come, but for the very same as before: an agent
/// that was stopped before it had the broker's confirm sends it again.
async fn final_status(statuses: &mut Statuses, request: &str) -> Status {
    loop {
        let body = next_body(&mut statuses.consumer).await;
        let status: Status = wire::decode(&body, 1_000_000).unwrap();
        if statuses.told.contains(&status) {
            continue;
        }
        assert_eq!(status.request.to_string(), request, "{status:?}");
        if status.state.is_final() {
            statuses.told.push(status.clone());
            return status;
        }
    }
}

/// Runs an agent beside `work`, then stops it and waits for its end.
async fn beside<T>(config: Config, work: impl Future<Output = T>) -> T {
    let stop = CancellationToken::new();
    let agent = agent::run(config, stop.clone().cancelled_owned());
    let work = async {
        let value = work.await;
        stop.cancel();
        value
    };
    let (ended, value) = tokio::join!(Box::pin(agent), work);
    ended.unwrap();
    value
}

fn on_runtime(work: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(work);
}

#[test]
fn a_hunt_comes_back_whole_by_the_stream_and_by_the_queue() {
    on_runtime(Box::pin(async {
        let stage = Stage::new().await;
        let folder = tempfile::tempdir().unwrap();
        let tree = folder.path().join("tree");
        std::fs::create_dir(&tree).unwrap();
        std::fs::write(tree.join("a"), "abc").unwrap();
        let mut statuses = stage.statuses().await;
        let mut rows = stage.results(Class::Rows).await;
        let ways = [REQUESTS.to_owned(), directed_queue(&stage.id)];
        beside(stage.config(folder.path()), async {
            for queue in ways {
                let sealed = stage.hunt(&tree);
                stage.publish(&sealed, &queue).await;
                let last = final_status(&mut statuses, &sealed.id).await;
                assert_eq!((last.state, last.chunks), (State::Finished, Some(1)), "{last:?}");
                let chunk: RowChunk = wire::decode(&next_body(&mut rows).await, 1_000_000).unwrap();
                assert_eq!((chunk.request.to_string(), chunk.seq), (sealed.id.clone(), 0));
                let rows = chunk.unpack().unwrap().records::<Row>();
                let file = rows.iter().find(|row| row.path.ends_with(b"/a")).unwrap();
                let digest = muster_protocol::hex::encode(&file.digests[0].1);
                assert!(digest.starts_with("ba7816bf"), "{digest}");
            }
        })
        .await;
    }));
}

#[test]
fn a_cancel_on_the_stream_is_read_before_its_hunt_could_start() {
    on_runtime(Box::pin(async {
        let stage = Stage::new().await;
        let folder = tempfile::tempdir().unwrap();
        let sealed = stage.hunt(folder.path());
        let request: RequestId = sealed.id.parse().unwrap();
        let cancel = stage.seal(&Args::Control(Control::new(request, Verb::Cancel, 1)));
        stage.publish(&sealed, REQUESTS).await;
        stage.publish(&cancel, REQUESTS).await;
        let mut statuses = stage.statuses().await;
        let last =
            beside(stage.config(folder.path()), final_status(&mut statuses, &sealed.id)).await;
        assert_eq!((last.state, last.chunks), (State::Cancelled, Some(0)));
        assert!(last.footer.is_none(), "it had begun: {last:?}");
    }));
}

#[test]
fn a_cancel_that_comes_before_its_start_wins_also_when_both_come_again_after_a_restart() {
    on_runtime(Box::pin(async {
        let stage = Stage::new().await;
        let folder = tempfile::tempdir().unwrap();
        let sealed = stage.hunt(folder.path());
        let request: RequestId = sealed.id.parse().unwrap();
        let cancel = stage.seal(&Args::Control(Control::new(request, Verb::Cancel, 1)));
        let mut statuses = stage.statuses().await;
        // The agent has taken the cancel, and nothing else, when it ends: another hunt behind it has come through.
        let other = stage.hunt(folder.path());
        stage.publish(&cancel, REQUESTS).await;
        stage.publish(&other, REQUESTS).await;
        let last =
            beside(stage.config(folder.path()), final_status(&mut statuses, &other.id)).await;
        assert_eq!(last.state, State::Finished);
        stage.publish(&sealed, REQUESTS).await;
        let last =
            beside(stage.config(folder.path()), final_status(&mut statuses, &sealed.id)).await;
        assert_eq!((last.state, last.chunks), (State::Cancelled, Some(0)));
        // Both again, the other way round and by the other way in.
        for (again, queue) in [(&sealed, directed_queue(&stage.id)), (&cancel, REQUESTS.to_owned())]
        {
            stage.publish(again, &queue).await;
        }
        let other = stage.hunt(folder.path());
        stage.publish(&other, REQUESTS).await;
        // Had one of them been carried out, its word would stand before the other hunt's.
        let last =
            beside(stage.config(folder.path()), final_status(&mut statuses, &other.id)).await;
        assert_eq!(last.state, State::Finished);
    }));
}

#[test]
fn a_stream_that_was_made_anew_makes_no_agent_deaf() {
    on_runtime(Box::pin(async {
        let stage = Stage::new().await;
        let folder = tempfile::tempdir().unwrap();
        let tree = tempfile::tempdir().unwrap();
        let mut statuses = stage.statuses().await;
        beside(stage.config(folder.path()), async {
            for _ in 0..3 {
                let sealed = stage.hunt(tree.path());
                stage.publish(&sealed, REQUESTS).await;
                final_status(&mut statuses, &sealed.id).await;
            }
        })
        .await;
        stage.management.delete(&format!("/api/queues/{}/{REQUESTS}", stage.vhost)).unwrap();
        apply(&stage.management).unwrap();
        let sealed = stage.hunt(tree.path());
        stage.publish(&sealed, REQUESTS).await;
        let last =
            beside(stage.config(folder.path()), final_status(&mut statuses, &sealed.id)).await;
        assert_eq!(last.state, State::Finished);
    }));
}
