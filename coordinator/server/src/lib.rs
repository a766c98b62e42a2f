//! The coordinator: publishes signed requests, stores results exactly once, and answers its clients over HTTP.
//!
//! * [`mod@serve`]: puts the parts together; [`core`]: what they share; [`config`]: what it was told.
//! * [`http`]: the HTTP interface, whose types are in [`muster_api`].
//! * [`hunts`]: requests: launch, state, views. [`roster`]: who is in the fleet.
//! * [`instances`]: which processes report under one agent's id: clones, journals that were set back.
//! * [`link`], [`ingest`]: the life with the broker; results in, committed, acked.
//! * [`store`]: the one commit point. [`curves`]: how telemetry is kept.
//! * [`profiles`]: from addresses to functions and pictures.
//! * [`doctor`]: what is wrong. [`who_has`]: who holds a file.
//! * [`broker`]: queues and users as code. `self_telemetry`: the coordinator's own samples. [`tls`]: whom it trusts, and its own listener.

pub mod broker;
pub mod config;
pub mod core;
pub mod curves;
pub mod doctor;
pub mod http;
pub mod hunts;
pub mod ingest;
pub mod instances;
pub mod link;
pub mod profiles;
pub mod roster;
mod self_telemetry;
pub mod serve;
pub mod store;
pub mod tls;
pub mod who_has;

pub use serve::{ServeError, serve};
