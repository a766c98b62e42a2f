//! What is shown of telemetry beside the samples themselves.
//!
//! * [`latest`]: the latest samples, sorted and summed up.
//! * [`marks`]: hunts and profiles on the time axis of a curve.

pub mod latest;
pub mod marks;
