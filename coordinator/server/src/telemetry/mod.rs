//! What is shown of telemetry beside the samples themselves.
//!
//! * [`marks`]: hunts and profiles on the time axis of a curve.

pub mod marks;
