//! The broker as code: what `muster broker` and enrolment do through RabbitMQ's management API.
//!
//! * [`management`]: the client of that API. Its calls block: from async code use `spawn_blocking`.
//! * [`mod@apply`]: declares the exchange, stream, queues and bindings of [`common::topology`].
//! * [`mod@enrol`]: one queue and one least-privilege user per agent; takes them back.
//! * [`mod@status`]: depths, consumers, dead letters.

pub mod apply;
pub mod enrol;
pub mod management;
pub mod status;

pub use apply::{Report, apply};
pub use enrol::{Credentials, enrol, revoke};
pub use management::{Management, ManagementError};
pub use status::{Status, status};
