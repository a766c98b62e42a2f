//! The agent: takes signed requests from the broker, runs them in lanes, and delivers what they yield.
//!
//! * [`run()`]: one agent, from its [`config`] to its end; no globals, a process may hold many.
//! * `reader` → [`intake`]: a delivery is verified, journalled, acked, and only then acted upon.
//! * [`journal`]: what the agent owes, on disk. [`policy`]: what its machine allows. [`identity`]: its identity.
//! * [`files`]: files as every collector meets them. [`hash_cache`]: digests of those that were hashed before.
//! * [`admission`]: the lanes, without I/O; `dispatch` and `runner` carry out what it decides. `settle`: what controls make
//!   of a collection; `paused`: what they hold.
//! * [`session`]: the only way out of a collector; [`collectors`]: one an artifact, and `profile`.
//! * `outbox`, [`telemetry`]: what leaves, confirmed; what the agent says of itself.
//! * [`doctor`]: what keeps an agent from starting or from being heard.
//! * `memory`: what the process keeps of what it no longer uses.
//! * [`mod@once`]: a sealed request without a broker. [`cli`]: the `muster-agent` command.

pub mod admission;
pub mod cli;
#[cfg(test)]
mod codes;
pub mod collectors;
pub mod config;
pub mod core;
mod dispatch;
pub mod doctor;
pub mod files;
pub mod hash_cache;
pub mod identity;
pub mod intake;
pub mod journal;
mod memory;
pub mod once;
mod outbox;
mod paused;
pub mod policy;
mod private;
mod progress;
mod reader;
pub mod run;
pub mod runner;
pub mod session;
mod settle;
pub mod task;
pub mod telemetry;
mod watchdog;

pub use config::Config;
pub use once::once;
pub use run::{AgentError, run};
