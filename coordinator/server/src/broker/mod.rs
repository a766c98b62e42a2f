//! The broker as code: what `muster broker` and enrolment do through RabbitMQ's management API.
//!
//! * [`management`]: the client of that API. Its calls block: from async code use `spawn_blocking`.
//! * [`mod@apply`]: declares the exchange, policies, stream, queues and bindings of [`muster_protocol::topology`], and brings what agents have up to date.
//! * [`mod@audit`]: tries what an agent's credentials should not allow.
//! * [`mod@enrol`]: one queue and one least-privilege user per agent; takes them back.
//! * [`queues`]: depths, consumers, bounds. [`shown`]: the same of the shared ones, for the API. [`alarms`]: what makes the broker block publishers.
//! * [`quarantine`]: shuts one agent out and lets it in again; the queue of what it had sent.
//! * [`settings`]: what the API cannot set, looked at and tried out.
//! * [`mod@status`]: both, for the command line.

pub mod alarms;
pub mod apply;
pub mod audit;
pub mod enrol;
pub mod management;
pub mod quarantine;
pub mod queues;
pub mod settings;
pub mod shown;
pub mod status;

pub use apply::{Report, Roster, Stale, agents, apply};
pub use enrol::{Credentials, enrol, revoke};
pub use management::{Management, ManagementError};
pub use status::{Status, status};
