//! What can go wrong with the broker: one variant for each thing a caller does differently.

use lapin::protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError};
use lapin::{Error, ErrorKind};

use crate::tls::{self, Distrust, Trouble};

/// Why a connection, a channel or a consumer could not be had, or is gone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AmqpError {
    /// There is no answer: retry.
    #[error("no broker at {address}: {cause}")]
    NoBroker {
        /// `host:port`.
        address: String,
        /// What the system said.
        cause: String,
    },
    /// The broker does not know this user with this password. Goes on until a person changes something.
    #[error("the broker refused user {user:?}: wrong password, or no such user")]
    WrongPassword {
        /// The user.
        user: String,
    },
    /// The virtual host does not exist, or the user may not enter it. Goes on until a person changes something.
    #[error("virtual host {vhost:?}: {cause}")]
    NoVhost {
        /// The virtual host.
        vhost: String,
        /// What the broker said.
        cause: String,
    },
    /// What answers there has no certificate that is good for this name. Goes on until a person changes something.
    #[error("the broker at {address} is not trusted: {why}")]
    Untrusted {
        /// `host:port`.
        address: String,
        /// Why not.
        why: Distrust,
    },
    /// A file of the configuration cannot be used.
    #[error("{0}")]
    Config(String),
    /// The queue is not there. Shortly after a restart of the broker this passes: retry.
    #[error("no queue {queue:?}: {cause}")]
    Missing {
        /// The queue.
        queue: String,
        /// What the broker said.
        cause: String,
    },
    /// The user may not do this. Goes on until a person changes something.
    #[error("denied: {0}")]
    Denied(String),
    /// The connection or channel is gone: drop the session and connect again.
    #[error("connection gone: {0}")]
    Gone(String),
}

impl AmqpError {
    /// Returns whether only a person can end this: a link then tries on at its slowest pace.
    pub fn is_permanent(&self) -> bool {
        matches!(
            self,
            Self::WrongPassword { .. }
                | Self::NoVhost { .. }
                | Self::Untrusted { .. }
                | Self::Denied(_)
                | Self::Config(_)
        )
    }

    /// Returns what a person does next: the `try:` line of an error.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoBroker { .. } | Self::Gone(_) => {
                "start the broker, or correct host, port and tls in [broker] of the configuration"
            }
            Self::WrongPassword { .. } => {
                "put the user's right password into password_file; an agent is enrolled again: muster agents enrol"
            }
            Self::NoVhost { .. } => "rabbitmqctl add_vhost, or correct vhost in [broker]",
            Self::Untrusted { why, .. } => match why {
                Distrust::UnknownAuthority => {
                    "name the file (PEM) of the authority that signed it as ca_file in [broker] of the configuration"
                }
                Distrust::WrongName(_) => {
                    "use a name that the certificate holds as host in [broker], or have one made for this name"
                }
                Distrust::IsAuthority => {
                    "give the broker a certificate with CA:FALSE: docs/reference/config.md, TLS"
                }
                Distrust::Other(_) => "renew the broker's certificate; check both clocks",
            },
            Self::Config(_) => "correct [broker] in the configuration",
            Self::Missing { .. } => {
                "muster broker apply; an agent without its queue is enrolled again"
            }
            Self::Denied(_) => "muster broker apply; an agent without its rights is enrolled again",
        }
    }

    /// Returns one word for the kind: a link logs each kind once.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::NoBroker { .. } => "no_broker",
            Self::WrongPassword { .. } => "wrong_password",
            Self::NoVhost { .. } => "no_vhost",
            Self::Untrusted { .. } => "untrusted",
            Self::Config(_) => "config",
            Self::Missing { .. } => "missing",
            Self::Denied(_) => "denied",
            Self::Gone(_) => "gone",
        }
    }

    /// Judges an error on an open connection.
    pub(super) fn of_channel(error: &Error, queue: &str) -> Self {
        match reply(error) {
            Some(Reply::Denied(cause)) => Self::Denied(cause),
            Some(Reply::Missing(cause)) => Self::Missing { queue: queue.to_owned(), cause },
            None => Self::Gone(error.to_string()),
        }
    }
}

/// Why a publish does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// The broker did not take it (nack, or returned as unroutable): keep it and try again later.
    #[error("not taken: {0}")]
    Refused(String),
    /// The user may not publish this, or the broker never takes such a message: trying again is no use.
    #[error("denied: {0}")]
    Denied(String),
    /// The connection is gone or the time is up: whether the broker has it is unknown.
    #[error("outcome unknown: {0}")]
    Gone(String),
}

impl PublishError {
    pub(super) fn of(error: &Error) -> Self {
        match reply(error) {
            Some(Reply::Denied(cause)) => Self::Denied(cause),
            // Shortly after a restart an exchange may still be missing.
            Some(Reply::Missing(cause)) => Self::Refused(cause),
            None => Self::Gone(error.to_string()),
        }
    }
}

/// The replies on an open channel that say more than "gone".
enum Reply {
    Denied(String),
    Missing(String),
}

fn reply(error: &Error) -> Option<Reply> {
    let ErrorKind::ProtocolError(problem) = error.kind() else { return None };
    let cause = problem.get_message().to_string();
    match problem.kind() {
        AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED | AMQPSoftError::PRECONDITIONFAILED) => {
            Some(Reply::Denied(cause))
        }
        AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND) => Some(Reply::Missing(cause)),
        _ => None,
    }
}

/// Judges an error of the handshake.
pub(super) fn of_connect(error: &Error, config: &super::ConnectorConfig) -> AmqpError {
    if let ErrorKind::ProtocolError(problem) = error.kind() {
        let cause = problem.get_message().to_string();
        match problem.kind() {
            AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED) => {
                return AmqpError::WrongPassword { user: config.user.clone() };
            }
            AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED | AMQPHardError::INVALIDPATH) => {
                return AmqpError::NoVhost { vhost: config.vhost.clone(), cause };
            }
            _ => {}
        }
    }
    let trouble = match error.kind() {
        ErrorKind::IOError(io) => tls::trouble(io.as_ref()),
        _ => None,
    };
    match trouble {
        Some(Trouble::Distrust(why)) => AmqpError::Untrusted { address: address(config), why },
        Some(Trouble::NotTls) => {
            AmqpError::NoBroker { address: address(config), cause: tls::NOT_TLS.to_owned() }
        }
        None => AmqpError::NoBroker { address: address(config), cause: error.to_string() },
    }
}

/// Returns `host:port`.
pub(super) fn address(config: &super::ConnectorConfig) -> String {
    muster_protocol::address::joined(&config.host, config.port)
}
