//! The one door to the broker: nothing else in the system sees `lapin`.
//!
//! * [`config`]: where the broker is, and as which user to connect.
//! * [`connector`]: connects, again and again, with full jitter; no recovery but our own.
//! * [`session`]: one connection; every wait on it is bounded, and it ends for good.
//! * [`publisher`]: a publish counts only when it was confirmed *and not returned*.
//! * [`consumer`]: deliveries that must be settled; streams from an offset.
//! * [`filter`]: replaces deliveries that the client library cannot parse or must not hold.
//! * [`declare`]: passive declarations only; `muster broker apply` makes the objects.
//! * [`probe`]: what the broker lets a user do, for `muster broker audit`.
//! * [`tls`]: which certificate authorities are trusted.
//! * [`error`]: what a caller does differently.

pub mod config;
pub mod connector;
pub mod consumer;
pub mod declare;
pub mod error;
pub mod filter;
pub mod probe;
pub mod publisher;
pub mod session;
pub mod tls;

pub use config::{BrokerConfig, ConnectorConfig, Password, broker_address};
pub use connector::Connector;
pub use consumer::{Consumer, Delivery, Settle, Start};
pub use declare::Depth;
pub use error::{AmqpError, PublishError};
pub use filter::{Defect, Reason};
pub use probe::{Answer, Attempt, Publish};
pub use publisher::{Message, Publisher};
pub use session::Session;

/// What the log lines of the client library are filed under.
pub const LOG_TARGET: &str = "lapin";
