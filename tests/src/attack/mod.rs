//! One compromised endpoint: its identity, its broker credentials, and what it remembers.

pub mod attacks;
pub mod cost;
pub mod message;

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::eventually::pause;
use crate::fleet::Fleet;
use crate::raw_amqp::{Properties, Raw, RawError};
use muster_protocol::ids::{AgentId, JournalId, RequestId};
use muster_protocol::result::rows::sha256;
use muster_protocol::topology::{Class, RESULTS, RoutingKey};

use self::message::Value;

/// Messages that are sent before their confirms are waited for.
const WINDOW: u64 = 50;
/// Pause after the broker has closed the door.
const BREATH: Duration = Duration::from_millis(500);

/// Where the attacker connects, and as whom.
#[derive(Debug, Clone)]
pub struct Target {
    /// The broker's port.
    pub port: u16,
    /// The virtual host.
    pub vhost: String,
    /// Whose credentials.
    pub agent: AgentId,
    /// The password.
    pub password: String,
    /// A hunt that asks this agent, too.
    pub own_hunt: RequestId,
    /// A hunt that asks only others.
    pub foreign_hunt: RequestId,
}

impl Target {
    /// Takes the credentials from an agent's bundle.
    ///
    /// # Panics
    /// When they are not there.
    pub fn of(fleet: &Fleet, agent: &str, bundle: &Path, own_hunt: &str, foreign: &str) -> Self {
        let password = fs::read_to_string(bundle.join("broker.password")).expect("a password");
        Self {
            port: fleet.broker.port(),
            vhost: fleet.vhost.clone(),
            agent: agent.parse().expect("an id"),
            password: password.trim().to_owned(),
            own_hunt: own_hunt.parse().expect("an id"),
            foreign_hunt: foreign.parse().expect("an id"),
        }
    }
}

/// What an attack came to.
#[derive(Debug, Default, Clone, Copy)]
pub struct Sent {
    /// Messages that the broker took.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How often the broker refused a message or the connection.
    pub refused: u64,
}

/// The attacker.
#[derive(Debug)]
pub struct Attacker {
    /// Where and as whom.
    pub target: Target,
    /// What has been sent so far.
    pub sent: Sent,
    until: Instant,
    stop: Arc<AtomicBool>,
    connection: Option<Raw<TcpStream>>,
    waiting: u64,
}

impl Attacker {
    /// Attacks until the time is over.
    pub fn new(target: Target, time: Duration) -> Self {
        let until = Instant::now() + time;
        let stop = Arc::default();
        Self { target, sent: Sent::default(), until, stop, connection: None, waiting: 0 }
    }

    /// Returns a flag that ends the attack before its time.
    pub fn stop_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.stop)
    }

    /// Sends every attack, again and again, until the time is over.
    pub fn attack(mut self) -> Sent {
        while !self.is_over() {
            for (name, burst) in attacks::ALL {
                let refused = self.sent.refused;
                burst(&mut self);
                if self.sent.refused > refused {
                    println!("the broker refused some of: {name}");
                }
            }
        }
        self.sent
    }

    /// Returns whether the time is over.
    pub fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || Instant::now() >= self.until
    }

    /// Sends a message of a class, well formed on the outside.
    pub fn send(&mut self, class: Class, request: Option<RequestId>, kind: &str, body: &[u8]) {
        let key = RoutingKey { class, agent: self.target.agent.clone(), request };
        let kind = Some(kind.as_bytes().to_vec());
        let properties = Properties { kind, ..Properties::default() };
        self.send_raw(key.to_string().as_bytes(), &properties.encode(), body);
    }

    /// Sends any bytes.
    pub fn send_raw(&mut self, key: &[u8], properties: &[u8], body: &[u8]) {
        if self.is_over() {
            return;
        }
        match self.try_send(key, properties, body) {
            Ok(()) => {
                self.sent.messages += 1;
                self.sent.bytes += body.len() as u64;
            }
            // A queue is full: the connection is as good as before.
            Err(RawError::Nack) => self.sent.refused += 1,
            Err(_) => {
                self.sent.refused += 1;
                self.connection = None;
                pause(BREATH);
            }
        }
    }

    fn try_send(&mut self, key: &[u8], properties: &[u8], body: &[u8]) -> Result<(), RawError> {
        let Target { port, vhost, agent, password, .. } = &self.target;
        let connection = if let Some(connection) = &mut self.connection {
            connection
        } else {
            self.waiting = 0;
            let opened = Raw::connect(*port, vhost, agent.as_str(), password)?;
            self.connection.insert(opened)
        };
        connection.send(RESULTS, key, properties, body)?;
        self.waiting += 1;
        if self.waiting >= WINDOW {
            let all = connection.confirmed + self.waiting;
            self.waiting = 0;
            connection.confirm(all)?;
        }
        Ok(())
    }

    /// Returns the start of every message about a request: whose it is, of which run.
    pub fn head(&self, request: RequestId, journal: JournalId) -> Value {
        let id = |id: &[u8]| Value::Bytes(id.to_vec());
        let attempt =
            Value::map([("origin", id(request.as_bytes())), ("journal", id(journal.as_bytes()))]);
        Value::map([
            ("agent", Value::text(self.target.agent.as_str())),
            ("request", id(request.as_bytes())),
            ("attempt", attempt),
        ])
    }

    /// Returns a piece of a blob.
    pub fn piece(&self, journal: JournalId, seq: u64, total: u64, data: &[u8]) -> Value {
        self.head(self.target.own_hunt, journal)
            .with("seq", Value::Number(seq))
            .with("blob", Value::Number(seq % 7))
            .with("kind", Value::text("profile.cpu"))
            .with("offset", Value::Number(0))
            .with("total", Value::Number(total))
            .with("blob_sha256", Value::Bytes(sha256(data).into_vec()))
            .with("sha256", Value::Bytes(sha256(data).into_vec()))
            .with("data", Value::Bytes(data.to_vec()))
    }
}
