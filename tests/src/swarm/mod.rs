//! `muster-swarm`: many real agents in one process, and a verdict at the end.

mod hostile;
pub mod latency;
pub mod report;
pub mod run;
pub mod trees;
