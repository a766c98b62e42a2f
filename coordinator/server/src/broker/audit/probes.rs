//! The probes: what is tried, what should come of it, and why it matters.

use muster_broker::{Attempt, Publish};
use muster_protocol::limits::BROKER_MESSAGE_BYTES_MAX;
use muster_protocol::topology::{Class, DEAD, REQUESTS, RESULTS};

/// What should come of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    /// An agent could not work without it.
    Allowed,
    /// The broker refuses it, with one of these codes; 0 is a channel that was closed before its reason was seen.
    Denied(&'static [u16]),
    /// Some or all versions of RabbitMQ let it through; the reason says what is done about it.
    Known,
}

/// No rights.
const RIGHTS: Expected = Expected::Denied(&[403, 0]);
/// Over a bound, or contradicts the user.
const PRECONDITION: Expected = Expected::Denied(&[406, 403, 0]);
/// No rights, or streams do not have it.
const STREAM: Expected = Expected::Denied(&[403, 540, 0]);

/// One probe.
#[derive(Debug)]
pub(super) struct Probe {
    pub(super) name: &'static str,
    pub(super) attempt: Attempt,
    pub(super) expected: Expected,
    pub(super) why: &'static str,
}

/// A request's id, as a routing key ends with it.
const REQUEST: &str = "01999999-9999-7999-8999-999999999999";
/// An agent that is not the guest.
const OTHER: &str = "another-agent-0000";

/// Returns everything that is tried as `me`, a user with a directed queue; `prey` is a queue and an exchange that nothing uses.
pub(super) fn probes(me: &str, own_queue: &str, prey: &str) -> Vec<Probe> {
    let mut all = needed(me, own_queue);
    all.extend(publishing(me));
    all.extend(changing(own_queue, prey));
    all.extend(reading(prey));
    all
}

fn probe(name: &'static str, attempt: Attempt, expected: Expected, why: &'static str) -> Probe {
    Probe { name, attempt, expected, why }
}

fn to(exchange: &str, key: String) -> Attempt {
    Attempt::Publish(Box::new(message(exchange, key)))
}

fn message(exchange: &str, key: String) -> Publish {
    Publish { exchange: exchange.to_owned(), key, bytes: 1, ..Publish::default() }
}

fn needed(me: &str, own_queue: &str) -> Vec<Probe> {
    let why = "an agent cannot work without it: muster broker apply";
    let all = Class::ALL.into_iter().map(|class| match class {
        Class::Telemetry => ("publish its telemetry", format!("telemetry.{me}.-")),
        Class::Status => ("publish its statuses", format!("status.{me}.{REQUEST}")),
        Class::Rows => ("publish its rows", format!("rows.{me}.{REQUEST}")),
        Class::Blobs => ("publish its blobs", format!("blobs.{me}.{REQUEST}")),
    });
    let mut all: Vec<_> =
        all.map(|(name, key)| probe(name, to(RESULTS, key), Expected::Allowed, why)).collect();
    let stream = Attempt::ConsumeStream(REQUESTS.to_owned());
    all.push(probe("read the request stream", stream, Expected::Allowed, why));
    let own = Attempt::Consume(own_queue.to_owned());
    all.push(probe("read its own queue", own, Expected::Allowed, why));
    all
}

fn publishing(me: &str) -> Vec<Probe> {
    let speaks = "one agent could speak for another";
    let parses = "a key that is not ASCII ends the connection of whoever reads the queue";
    let form = "only keys of results are let through; ingest would have to sort out the rest";
    let own = format!("status.{me}.{REQUEST}");
    let keys = [
        ("publish as another agent", format!("status.{OTHER}.{REQUEST}"), speaks),
        ("publish as one whose name begins like its own", format!("rows.{me}0.{REQUEST}"), speaks),
        (
            "publish as another, with its own name behind",
            format!("status.{OTHER}.{me}.{REQUEST}"),
            speaks,
        ),
        ("publish a key of another class", format!("control.{me}.{REQUEST}"), form),
        ("publish a key without a request", format!("status.{me}"), form),
        ("publish a key with a word too many", format!("{own}.x"), form),
        ("publish a key with a line end", format!("{own}\n"), form),
        ("publish a key after a line end", format!("x\n{own}"), speaks),
        ("publish a key that is not ASCII", format!("status.{me}.é{}", &REQUEST[1..]), parses),
    ];
    let mut all: Vec<_> = keys
        .into_iter()
        .map(|(name, key, why)| probe(name, to(RESULTS, key), RIGHTS, why))
        .collect();
    let forges =
        "one agent, or everybody, could be sent anything; it is signed, but it fills queues";
    for (name, exchange, key) in [
        ("publish to the request stream", "", REQUESTS.to_owned()),
        ("publish to another agent's queue", "", format!("{REQUESTS}.{OTHER}")),
        ("publish straight to results.rows", "", Class::Rows.queue().to_owned()),
        ("publish straight to results.dead", "", DEAD.to_owned()),
        ("publish to another exchange", "amq.topic", own.clone()),
        ("publish to an exchange that is not there", "muster-nowhere", own.clone()),
    ] {
        all.push(probe(name, to(exchange, key), RIGHTS, forges));
    }
    let spoofed = Publish { user_id: Some(OTHER.to_owned()), ..message(RESULTS, own.clone()) };
    let spoofed = Attempt::Publish(Box::new(spoofed));
    all.push(probe("publish with another's user_id", spoofed, PRECONDITION, speaks));
    for (name, header) in
        [("have a copy sent as another (CC)", "CC"), ("have a copy sent as another (BCC)", "BCC")]
    {
        let copy = Some((header, format!("rows.{OTHER}.{REQUEST}")));
        let copied = Attempt::Publish(Box::new(Publish { copy, ..message(RESULTS, own.clone()) }));
        let why =
            "RabbitMQ 3 does not check these keys; ingest refuses every message with such a header";
        all.push(probe(name, copied, Expected::Known, why));
    }
    let big = Publish { bytes: BROKER_MESSAGE_BYTES_MAX + 1, ..message(RESULTS, own) };
    let why = "few such messages fill the broker's memory, and it stops everybody: max_message_size in rabbitmq.conf";
    all.push(probe(
        "publish a message of over 2 MiB",
        Attempt::Publish(Box::new(big)),
        PRECONDITION,
        why,
    ));
    all
}

fn changing(own_queue: &str, prey: &str) -> Vec<Probe> {
    let makes = "what an agent makes is bounded by nothing";
    let breaks = "one agent could take a queue away from all, with what it holds";
    let copies = "results of all would be copied to one agent, or not be routed any more";
    let rows = Class::Rows.queue();
    let bind = |queue: &str, key: &str| {
        Attempt::Bind(queue.to_owned(), RESULTS.to_owned(), key.to_owned())
    };
    let unbind = Attempt::Unbind(rows.to_owned(), RESULTS.to_owned(), "muster.nowhere".to_owned());
    let chain =
        Attempt::BindExchange(prey.to_owned(), RESULTS.to_owned(), "muster.nowhere".to_owned());
    vec![
        probe("declare a queue", Attempt::DeclareQueue("muster-new".into()), RIGHTS, makes),
        probe("declare an exchange", Attempt::DeclareExchange("muster-new".into()), RIGHTS, makes),
        probe(
            "declare the request stream otherwise",
            Attempt::DeclareQueue(REQUESTS.into()),
            RIGHTS,
            breaks,
        ),
        probe("declare results.rows otherwise", Attempt::DeclareQueue(rows.into()), RIGHTS, breaks),
        probe(
            "declare its own queue otherwise",
            Attempt::DeclareQueue(own_queue.into()),
            RIGHTS,
            makes,
        ),
        probe(
            "declare the results exchange otherwise",
            Attempt::DeclareExchange(RESULTS.into()),
            RIGHTS,
            breaks,
        ),
        probe("purge a queue of results", Attempt::Purge(prey.into()), RIGHTS, breaks),
        probe("purge the request stream", Attempt::Purge(REQUESTS.into()), STREAM, breaks),
        probe("bind results to its own queue", bind(own_queue, "muster.nowhere"), RIGHTS, copies),
        probe("bind results.rows", bind(rows, "rows.#"), RIGHTS, copies),
        probe("unbind results.rows", unbind, RIGHTS, copies),
        probe("bind an exchange to results", chain, RIGHTS, copies),
        probe("delete a queue of results", Attempt::DeleteQueue(prey.into()), RIGHTS, breaks),
        probe(
            "delete an exchange of results",
            Attempt::DeleteExchange(prey.into()),
            RIGHTS,
            breaks,
        ),
    ]
}

fn reading(prey: &str) -> Vec<Probe> {
    let reads = "one agent could read what others have found, and keep it from the coordinator";
    let consume = |queue: &str| Attempt::Consume(queue.to_owned());
    let names = [
        ("consume results.status", Class::Status),
        ("consume results.rows", Class::Rows),
        ("consume results.blobs", Class::Blobs),
        ("consume results.telemetry", Class::Telemetry),
    ];
    let mut all: Vec<_> = names
        .into_iter()
        .map(|(name, class)| probe(name, consume(class.queue()), RIGHTS, reads))
        .collect();
    let looks =
        "RabbitMQ asks for no rights: it reveals names of queues, depths and numbers of consumers";
    let others = format!("{REQUESTS}.{OTHER}");
    all.extend([
        probe("consume results.dead", consume(DEAD), RIGHTS, reads),
        probe("consume another agent's queue", consume(&others), RIGHTS, reads),
        probe("get a message of results", Attempt::Get(prey.to_owned()), RIGHTS, reads),
        probe(
            "look at results.rows (passive declare)",
            Attempt::LookAtQueue(Class::Rows.queue().to_owned()),
            Expected::Known,
            looks,
        ),
        probe(
            "look at an exchange (passive declare)",
            Attempt::LookAtExchange(RESULTS.to_owned()),
            Expected::Known,
            looks,
        ),
    ]);
    all
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_probe_has_a_name_of_its_own_and_a_reason() {
        let all = probes("me-1", "requests.me-1", "results.me-1");
        let names: BTreeSet<_> = all.iter().map(|probe| probe.name).collect();
        assert_eq!(names.len(), all.len());
        assert!(all.iter().all(|probe| !probe.why.is_empty()));
    }

    #[test]
    fn nothing_that_deletes_or_purges_is_aimed_at_what_the_fleet_uses() {
        for probe in probes("me-1", "requests.me-1", "results.me-1") {
            match &probe.attempt {
                Attempt::DeleteQueue(name) | Attempt::DeleteExchange(name) => {
                    assert_eq!(name, "results.me-1", "{}", probe.name);
                }
                // Streams cannot be purged.
                Attempt::Purge(name) => assert!(name == "results.me-1" || name == REQUESTS),
                _ => {}
            }
        }
    }
}
