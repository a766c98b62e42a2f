//! The coordinator: publishes signed requests, stores results exactly once, and answers its clients over HTTP.
//!
//! From the lowest layer to the highest; none names one above itself (`tests/run fences`):
//!
//! * [`tls`], [`config`]: the API's identity; what the coordinator was told.
//! * [`curves`], [`instances`], [`state`]: pure folds: of telemetry, of the processes under one id, of a request's events.
//! * [`store`]: the one commit point. [`rows`]: rows of a hunt, found by a filter. [`broker`]: queues, users and settings of
//!   the broker as code.
//! * [`live`], [`core`]: what the running coordinator keeps in memory, and shares.
//! * [`roster`], [`telemetry`], [`profiles`], [`who_has`]: who is in the fleet, marks on curves, from addresses to functions
//!   and pictures, who holds a file.
//! * [`ingest`], [`hunts`]: results in, committed, acked; requests: launch, publishing, views.
//! * [`doctor`], [`link`], [`http`]: what is wrong, the life with the broker, the HTTP interface with the types of
//!   [`muster_api`].
//! * [`mod@serve`]: puts the parts together.

pub mod broker;
mod broker_watch;
pub mod config;
pub mod core;
pub mod curves;
pub mod doctor;
pub mod http;
pub mod hunts;
pub mod ingest;
pub mod instances;
pub mod link;
pub mod live;
pub mod profiles;
pub mod roster;
pub mod rows;
mod self_telemetry;
pub mod serve;
pub mod state;
pub mod store;
pub mod telemetry;
pub mod tls;
pub mod tokens;
pub mod who_has;

pub use serve::{ServeError, serve};
