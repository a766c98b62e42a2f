//! The coordinator: publishes signed requests, stores results exactly once, and answers the CLI over HTTP.
//!
//! * [`mod@serve`]: puts the parts together; [`core`]: what they share; [`config`]: what it was told.
//! * [`api`]: the HTTP interface. [`cli`], [`output`]: the `muster` command, its client.
//! * [`hunts`]: requests: launch, state, views. [`roster`]: who is in the fleet.
//! * [`instances`]: which processes report under one agent's id: clones, journals that were set back.
//! * [`link`], [`ingest`]: the life with the broker; results in, committed, acked.
//! * [`store`]: the one commit point. [`curves`]: how telemetry is kept. [`moment`]: times as people type them.
//! * [`profiles`]: from addresses to functions and pictures.
//! * [`doctor`]: what is wrong. [`who_has`]: who holds a file.
//! * `quantile`: of a fleet's figures. [`broker`]: queues and users as code. `own`: what the coordinator says of itself. [`tls`]: whom it trusts, and its own listener.

pub mod api;
pub mod broker;
pub mod cli;
pub mod config;
pub mod core;
pub mod curves;
pub mod doctor;
pub mod hunts;
pub mod ingest;
pub mod instances;
pub mod link;
pub mod moment;
pub mod output;
mod own;
pub mod profiles;
mod quantile;
pub mod roster;
pub mod serve;
pub mod store;
pub mod tls;
pub mod who_has;

pub use serve::{ServeError, serve};
