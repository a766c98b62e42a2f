//! The CPU profiler of this process, and the one door to the pprof format.
//!
//! * [`tag`]: which agent and which collection a thread works for.
//! * [`sampler`]: the one object that is per process: windows over one shared stream of samples.
//! * [`encode`], [`decode`]: unsymbolised pprof, out and in.
//! * [`protos`]: the format's messages. [`maps`]: what is mapped where, with build ids.
//! * `sys`: signal handler, timers, ring: the only unsafe code.
//!
//! Nothing here resolves names: the process that is profiled sends addresses only.

pub mod decode;
pub mod encode;
pub mod maps;
pub mod protos;
pub mod sampler;
mod sys;
pub mod tag;
mod window;

pub use sampler::{Sampler, SamplerError, Window};
pub use tag::{Owner, Tag};
pub use window::{RawProfile, Sample, Scope};

#[cfg(test)]
mod tests;
