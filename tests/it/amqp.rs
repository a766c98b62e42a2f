//! `muster_broker` against a real broker: what counts as published, what comes back, what is refused.

use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use muster_broker::{AmqpError, Connector, ConnectorConfig, Message, PublishError, Session, Start};
use muster_protocol::ids::{AgentId, RequestId};
use muster_protocol::topology::{Class, REQUESTS, RESULTS, RoutingKey};
use muster_server::broker::{Management, apply, enrol};
use serde_json::json;
use tests::broker::{Broker, shared};
use tests::eventually::pause;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

const WAIT: Duration = Duration::from_secs(30);

fn management(broker: &Broker, vhost: &str) -> Management {
    let password = muster_broker::Password::new(broker.password());
    Management::new(&broker.management_url(), broker.admin(), password, vhost)
}

async fn connect(config: ConnectorConfig) -> Session {
    Connector::new(config).connect_once().await.expect("the broker is there")
}

fn to_queue(queue: &str, body: &[u8]) -> Message {
    Message {
        routing_key: queue.to_owned(),
        id: "m".to_owned(),
        body: body.to_vec(),
        persistent: true,
        ..Message::default()
    }
}

/// Makes a classic queue on its own, as no part of the product may.
fn plain_queue(broker: &Broker, vhost: &str, name: &str, arguments: &serde_json::Value) {
    let body = json!({"durable": true, "arguments": arguments});
    broker.call("PUT", &format!("/api/queues/{vhost}/{name}"), &body);
}

/// Listens on `::1` and hands every connection to a port of 127.0.0.1, as long as the test runs.
fn relay(to: u16) -> io::Result<u16> {
    fn pass(mut from: TcpStream, mut to: TcpStream) {
        // A connection that ends is the end of its relay.
        drop(io::copy(&mut from, &mut to));
        drop(to.shutdown(Shutdown::Write));
    }
    let listener = TcpListener::bind("[::1]:0")?;
    let port = listener.local_addr()?.port();
    thread::spawn(move || {
        for near in listener.incoming().flatten() {
            let far = TcpStream::connect(("127.0.0.1", to)).unwrap();
            let (near_again, far_again) = (near.try_clone().unwrap(), far.try_clone().unwrap());
            thread::spawn(move || pass(near, far));
            thread::spawn(move || pass(far_again, near_again));
        }
    });
    Ok(port)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_is_reached_by_an_ipv6_address() {
    let broker = shared();
    let vhost = broker.vhost();
    let Ok(port) = relay(broker.port()) else {
        eprintln!("not run: this machine has no ::1");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("p"), format!("\u{feff}{} \r\n", broker.password())).unwrap();
    let text = format!(
        "host = \"[::1]:{port}\"\nvhost = \"{vhost}\"\nuser = \"{}\"\npassword_file = \"p\"",
        broker.admin()
    );
    let config: muster_broker::BrokerConfig = toml::from_str(&text).unwrap();
    drop(connect(config.link(folder.path(), "test").unwrap()).await);
    let password = muster_broker::Password::new(broker.password());
    let api = relay(broker.management_url().rsplit(':').next().unwrap().parse().unwrap());
    let url = muster_protocol::address::url(&format!("http://[::1]:{}/", api.unwrap())).unwrap();
    let management = Management::new(&url, broker.admin(), password, &vhost);
    let checked =
        tokio::task::spawn_blocking(move || muster_server::broker::status(&management).map(drop));
    let answer = checked.await.unwrap();
    let is_there = !matches!(answer, Err(muster_server::broker::ManagementError::NoBroker { .. }));
    assert!(is_there, "{answer:?}");
}

#[tokio::test]
async fn what_is_confirmed_comes_back_whole() {
    let broker = shared();
    let vhost = broker.vhost();
    plain_queue(broker, &vhost, "q", &json!({}));
    let session = connect(broker.link(&vhost)).await;
    let publisher = session.publisher().await.unwrap();
    let mut message = to_queue("q", &vec![7; 100_000]);
    message.kind = "hunt.start".to_owned();
    message.headers = vec![("sig", vec![0, 255, 1]), ("cert", Vec::new())];
    publisher.publish(message).await.unwrap();
    let depth = session.depth("q").await.unwrap();
    assert_eq!((depth.messages, depth.consumers), (1, 0));

    let mut consumer = session.consumer("q", Start::Queue, 10).await.unwrap();
    let delivery = timeout(WAIT, consumer.next()).await.unwrap().unwrap();
    assert_eq!(delivery.body, vec![7; 100_000]);
    assert_eq!((delivery.kind.as_str(), delivery.id.as_str()), ("hunt.start", "m"));
    assert_eq!(delivery.header("sig"), Some([0, 255, 1].as_slice()));
    assert_eq!(delivery.sealed().sig.as_slice(), [0, 255, 1]);
    assert!(!delivery.has_cc && !delivery.redelivered && delivery.stream_offset.is_none());
    delivery.settle.ack().await.unwrap();
    session.close().await;
}

#[tokio::test]
async fn among_many_open_publishes_exactly_the_unroutable_ones_are_refused() {
    let broker = shared();
    let vhost = broker.vhost();
    plain_queue(broker, &vhost, "q", &json!({"x-queue-type": "quorum"}));
    let session = connect(broker.link(&vhost)).await;
    let publisher = session.publisher().await.unwrap();
    let mut open = tokio::task::JoinSet::new();
    for n in 0..200_usize {
        let publisher = publisher.clone();
        let queue = if n % 5 == 0 { "nowhere" } else { "q" };
        open.spawn(async move { (n, publisher.publish(to_queue(queue, b"x")).await) });
    }
    while let Some(done) = open.join_next().await {
        let (n, outcome) = done.unwrap();
        if n % 5 == 0 {
            let refused =
                matches!(&outcome, Err(PublishError::Refused(why)) if why.contains("312"));
            assert!(refused, "{n}: {outcome:?}");
        } else {
            assert_eq!(outcome, Ok(()), "{n}");
        }
    }
    assert_eq!(session.depth("q").await.unwrap().messages, 160);
}

#[tokio::test]
async fn a_full_queue_refuses_and_takes_again_when_it_has_room() {
    let broker = shared();
    let vhost = broker.vhost();
    let limits = json!({"x-max-length": 2, "x-overflow": "reject-publish"});
    plain_queue(broker, &vhost, "q", &limits);
    let session = connect(broker.link(&vhost)).await;
    let publisher = session.publisher().await.unwrap();
    for _ in 0..2 {
        publisher.publish(to_queue("q", b"x")).await.unwrap();
    }
    let refused = publisher.publish(to_queue("q", b"x")).await;
    assert!(matches!(refused, Err(PublishError::Refused(_))), "{refused:?}");
    let mut consumer = session.consumer("q", Start::Queue, 1).await.unwrap();
    timeout(WAIT, consumer.next()).await.unwrap().unwrap().settle.ack().await.unwrap();
    timeout(WAIT, consumer.next()).await.unwrap().unwrap().settle.ack().await.unwrap();
    publisher.publish(to_queue("q", b"x")).await.unwrap();
}

#[tokio::test]
async fn a_stream_is_read_from_an_offset_and_again() {
    let broker = shared();
    let vhost = broker.vhost();
    plain_queue(broker, &vhost, "s", &json!({"x-queue-type": "stream"}));
    let session = connect(broker.link(&vhost)).await;
    let publisher = session.publisher().await.unwrap();
    for n in 0..20_u8 {
        publisher.publish(to_queue("s", &[n])).await.unwrap();
    }
    for (start, first) in
        [(Start::StreamFirst, 0), (Start::StreamAt(7), 7), (Start::StreamAt(7), 7)]
    {
        let mut consumer = session.consumer("s", start, 4).await.unwrap();
        for expected in first..20_u64 {
            let delivery = timeout(WAIT, consumer.next()).await.unwrap().unwrap();
            assert_eq!(delivery.stream_offset, Some(expected));
            assert_eq!(u64::from(delivery.body[0]), expected);
            delivery.settle.ack().await.unwrap();
        }
    }
    let mut consumer = session.consumer("s", Start::StreamNext, 4).await.unwrap();
    publisher.publish(to_queue("s", &[99])).await.unwrap();
    let delivery = timeout(WAIT, consumer.next()).await.unwrap().unwrap();
    assert_eq!((delivery.body[0], delivery.stream_offset), (99, Some(20)));
    delivery.settle.leave();
}

#[tokio::test]
async fn one_ack_settles_all_before_it() {
    let broker = shared();
    let vhost = broker.vhost();
    plain_queue(broker, &vhost, "q", &json!({}));
    let session = connect(broker.link(&vhost)).await;
    let publisher = session.publisher().await.unwrap();
    for n in 0..3_u8 {
        publisher.publish(to_queue("q", &[n])).await.unwrap();
    }
    let mut consumer = session.consumer("q", Start::Queue, 10).await.unwrap();
    timeout(WAIT, consumer.next()).await.unwrap().unwrap().settle.covered();
    timeout(WAIT, consumer.next()).await.unwrap().unwrap().settle.ack_up_to().await.unwrap();
    timeout(WAIT, consumer.next()).await.unwrap().unwrap().settle.leave();
    session.close().await;
    let session = connect(broker.link(&vhost)).await;
    let mut consumer = session.consumer("q", Start::Queue, 10).await.unwrap();
    let again = timeout(WAIT, consumer.next()).await.unwrap().unwrap();
    assert_eq!((again.body[0], again.redelivered), (2, true));
    again.settle.ack().await.unwrap();
}

#[tokio::test]
async fn each_first_mistake_has_its_own_error() {
    let broker = shared();
    let vhost = broker.vhost();
    let wrong = Connector::new(broker.link_as(&vhost, "admin", "wrong")).connect_once().await;
    assert!(matches!(wrong, Err(AmqpError::WrongPassword { .. })), "{wrong:?}");
    let nowhere = Connector::new(broker.link("no-such-vhost")).connect_once().await;
    assert!(matches!(nowhere, Err(AmqpError::NoVhost { .. })), "{nowhere:?}");
    let closed_port = ConnectorConfig { port: 1, ..broker.link(&vhost) };
    let nobody = Connector::new(closed_port).connect_once().await;
    assert!(matches!(nobody, Err(AmqpError::NoBroker { .. })), "{nobody:?}");
    let session = connect(broker.link(&vhost)).await;
    let missing = session.depth("nothing").await;
    assert!(matches!(missing, Err(AmqpError::Missing { .. })), "{missing:?}");
    let missing = session.consumer("nothing", Start::Queue, 1).await;
    assert!(matches!(missing, Err(AmqpError::Missing { .. })), "{missing:?}");
}

/// An enrolled agent: what the broker lets it do.
#[tokio::test]
async fn an_agent_may_do_only_what_an_agent_does() {
    let broker = shared();
    let vhost = broker.vhost();
    let management = management(broker, &vhost);
    assert!(apply(&management).unwrap().is_complete());
    let suffix = &vhost[2..10];
    let [a, b] = ["a", "b"].map(|name| AgentId::new(&format!("{name}-{suffix}")).unwrap());
    let credentials = enrol(&management, &[a.clone(), b.clone()]).unwrap();
    let password = credentials[0].password.reveal();
    let session = connect(broker.link_as(&vhost, a.as_str(), password)).await;
    let publisher = session.publisher().await.unwrap();
    let result = |agent: &AgentId| {
        let (class, request) = (Class::Rows, Some(RequestId::new()));
        let key = RoutingKey { class, agent: agent.clone(), request };
        Message { exchange: RESULTS.to_owned(), routing_key: key.to_string(), ..Message::default() }
    };
    let denied = |outcome: Result<(), PublishError>| {
        assert!(matches!(outcome, Err(PublishError::Denied(_))), "{outcome:?}");
    };

    publisher.publish(result(&a)).await.unwrap();
    denied(publisher.publish(result(&b)).await);
    denied(publisher.publish(to_queue(REQUESTS, b"forged")).await);
    denied(publisher.publish(to_queue(&format!("{REQUESTS}.{b}"), b"forged")).await);
    denied(publisher.publish(to_queue(Class::Rows.queue(), b"forged")).await);
    // A denied publish costs its channel, not the connection nor the other publishes.
    publisher.publish(result(&a)).await.unwrap();

    for queue in [Class::Rows.queue().to_owned(), format!("{REQUESTS}.{b}")] {
        let read = session.consumer(&queue, Start::Queue, 1).await;
        assert!(matches!(read, Err(AmqpError::Denied(_))), "{queue}: {read:?}");
    }
    session.consumer(REQUESTS, Start::StreamFirst, 1).await.unwrap();
    session.consumer(&format!("{REQUESTS}.{a}"), Start::Queue, 1).await.unwrap();
}

#[tokio::test]
async fn a_link_comes_back_after_the_broker_was_killed() {
    let broker = Broker::start();
    let vhost = broker.vhost();
    plain_queue(&broker, &vhost, "q", &json!({"x-queue-type": "quorum"}));
    let mut link = Connector::new(broker.link(&vhost));
    let stop = CancellationToken::new();
    let session = link.connect(&stop).await.unwrap();
    let publisher = session.publisher().await.unwrap();
    publisher.publish(to_queue("q", b"before")).await.unwrap();
    let mut consumer = session.consumer("q", Start::Queue, 1).await.unwrap();
    timeout(WAIT, consumer.next()).await.unwrap().unwrap().settle.leave();

    // Killed right after the declaration, RabbitMQ 3.10.8 was seen to come back without a usable queue. Why was not
    // found out; this test is about what is confirmed on a queue that has settled.
    pause(Duration::from_secs(6));
    broker.kill9();
    timeout(WAIT, session.closed()).await.expect("the session sees that the broker is gone");
    let outcome = publisher.publish(to_queue("q", b"lost")).await;
    assert!(matches!(outcome, Err(PublishError::Gone(_))), "{outcome:?}");
    assert!(matches!(consumer.next().await, Err(AmqpError::Gone(_))));
    broker.restart();

    // Queues may still be recovering: whatever fails, the answer is a new session.
    let again = timeout(3 * WAIT, async {
        loop {
            let session = link.connect(&stop).await.unwrap();
            let Ok(mut consumer) = session.consumer("q", Start::Queue, 1).await else { continue };
            if let Ok(delivery) = consumer.next().await {
                return delivery;
            }
        }
    });
    let again = again.await.expect("the message comes again");
    assert_eq!((again.body.as_slice(), again.redelivered), (b"before".as_slice(), true));
    again.settle.ack().await.unwrap();
}

#[tokio::test]
async fn a_stopped_link_gives_up() {
    let nobody = ConnectorConfig { port: 1, ..shared().link("/") };
    let stop = CancellationToken::new();
    let (mut link, stopper) = (Connector::new(nobody), stop.clone());
    let (session, ()) = tokio::join!(link.connect(&stop), async move {
        tokio::time::sleep(Duration::from_millis(300)).await;
        stopper.cancel();
    });
    assert!(session.is_none());
}
