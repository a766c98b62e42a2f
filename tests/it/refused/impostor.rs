//! An agent's result published under another agent's key.

use std::time::Duration;

use lapin::options::BasicPublishOptions;
use lapin::types::{AMQPValue, FieldArray, FieldTable};
use lapin::{BasicProperties, Connection, ConnectionProperties};
use muster_broker::{Connector, Message, PublishError};
use muster_protocol::clock::Clock;
use muster_protocol::ids::{AgentId, Attempt, JournalId, RequestId};
use muster_protocol::result::{State, Status};
use muster_protocol::topology::{Class, RESULTS, RoutingKey};
use muster_protocol::wire;
use tests::eventually::eventually;
use tests::fleet::Fleet;

const LONG: Duration = Duration::from_mins(2);
const FILES: usize = 20;

/// What the impostor says: that the other one is done, and found nothing.
fn lie(of: &AgentId, request: RequestId) -> Vec<u8> {
    wire::encode(&Status {
        agent: of.clone(),
        request,
        attempt: Attempt { origin: request, journal: JournalId::new() },
        state: State::Finished,
        at: Clock::system().now(),
        code: String::new(),
        reason: String::new(),
        revision: 0,
        chunks: Some(0),
        footer: None,
        host: String::new(),
        machine: None,
        instance: None,
    })
    .expect("a status")
}

fn status_key(agent: &AgentId, request: RequestId) -> String {
    RoutingKey { class: Class::Status, agent: agent.clone(), request: Some(request) }.to_string()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "an impostor does not go through our door")]
fn no_agent_speaks_for_another() {
    let mut fleet = Fleet::start(2);
    let root = fleet.path("tree");
    tests::swarm::trees::write(&root, FILES, 1).expect("a tree");
    let ids: Vec<AgentId> = fleet.agents.iter().map(|a| a.id.parse().expect("an id")).collect();
    let [impostor, victim] = ids.as_slice() else { panic!("{ids:?}") };
    fleet.kill_agent(1);
    let root = root.to_string_lossy().into_owned();
    let launched = fleet.json(&["hunt", "launch", "--root", &root, "--target", "all"]);
    let hunt = launched["id"].as_str().expect("an id").to_owned();
    let request: RequestId = hunt.parse().expect("an id");

    let password = fleet.agents[0].bundle.join("broker.password");
    let password = std::fs::read_to_string(password).expect("a password").trim().to_owned();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut link =
            Connector::new(fleet.broker.link_as(&fleet.vhost, impostor.as_str(), &password));
        let session = link.connect_once().await.expect("a connection");
        let publisher = session.publisher().await.expect("a publisher");
        let message = |routing_key: String, kind: &str, body: Vec<u8>| Message {
            exchange: RESULTS.to_owned(),
            routing_key,
            kind: kind.to_owned(),
            body,
            ..Message::default()
        };
        // Under the other's key: the broker itself refuses.
        let key = status_key(victim, request);
        let denied = publisher.publish(message(key, "status", lie(victim, request))).await;
        assert!(matches!(denied, Err(PublishError::Denied(_))), "{denied:?}");
        // Under its own key, the other's name inside; and what is no status at all.
        let own = status_key(impostor, request);
        for (kind, body) in [("status", lie(victim, request)), ("rows.chunk", vec![0x80])] {
            publisher.publish(message(own.clone(), kind, body)).await.expect("published");
        }
        session.close().await;
        // With a copy for the other's key, which RabbitMQ 3.10 does not check.
        let port = fleet.broker.port();
        let vhost = &fleet.vhost;
        let address = format!("amqp://{impostor}:{password}@127.0.0.1:{port}/{vhost}");
        let connection =
            Connection::connect(&address, ConnectionProperties::default()).await.expect("AMQP");
        let channel = connection.create_channel().await.expect("a channel");
        let mut copies = FieldTable::default();
        let copy = AMQPValue::LongString(status_key(victim, request).into());
        copies.insert("CC".into(), AMQPValue::FieldArray(FieldArray::from(vec![copy])));
        let properties = BasicProperties::default().with_type("status".into()).with_headers(copies);
        let body = lie(victim, request);
        let sent = channel
            .basic_publish(
                RESULTS.into(),
                own.into(),
                BasicPublishOptions::default(),
                &body,
                properties,
            )
            .await;
        sent.expect("sent");
        connection.close(200, "done".into()).await.expect("closed");
    });

    // Both copies of the last one: RabbitMQ delivers it to the queue once, whichever keys lead there.
    for counted in
        ["1 of status (key_differs)", "1 of status (unknown_type)", "1 of status (cc_header)"]
    {
        eventually(counted, LONG, || {
            let doctor = fleet.muster(["doctor", "--output", "json"]);
            let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
            if said.contains(counted) { Ok(()) } else { Err(said) }
        });
    }
    let shown = fleet.json(&["hunt", "show", &hunt]);
    assert_ne!(shown["states"]["finished"], 2, "nobody believed it: {shown}");
    // And the other one still does its work.
    fleet.start_agent(1);
    let shown = fleet.await_hunt(&hunt, LONG);
    assert_eq!(shown["states"]["finished"], 2, "{shown}");
    let rows = fleet.rows(&hunt);
    assert!(ids.iter().all(|id| rows[id.as_str()].len() == FILES), "{rows:?}");
}
