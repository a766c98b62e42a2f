//! `muster-swarm`: many real agents in a few processes, and a verdict at the end.

mod hostile;
pub mod latency;
pub mod report;
pub mod run;
pub mod trees;
pub mod workers;
