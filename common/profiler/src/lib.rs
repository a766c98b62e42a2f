//! The profiler of this process, and the one door to the pprof format.
//!
//! * [`tag`]: which agent and which collection a thread works for.
//! * [`sampler`]: the one object that is per process: windows over one shared stream of samples; `wall`: where
//!   threads are that do not use the CPU. [`syscalls`]: what they wait for.
//! * `heap`: the allocator that samples what is allocated, and what of it lives.
//! * `cost`: what all that costs, by counters of our own.
//! * [`capture`]: several kinds over one window, as an agent and the coordinator take them.
//! * [`documents`]: the kinds that are no stacks.
//! * [`encode`], [`decode`]: unsymbolised pprof, out and in.
//! * [`protos`]: the format's messages, as the `pprof` crate has them. [`maps`]: what is mapped where, with build ids.
//! * `sys`: signal handler, timers, ring; with `heap::sys` the only unsafe code.
//!
//! Nothing here resolves names: the process that is profiled sends addresses only.

pub mod capture;
mod cost;
pub mod decode;
pub mod documents;
pub mod encode;
mod heap;
pub mod maps;
pub mod sampler;
mod sys;
pub mod syscalls;
pub mod tag;
mod wall;
mod window;

pub use capture::{Capture, Captured, ProcessReport};
pub use cost::Cost;
pub use heap::Allocator;
pub use pprof::protos;
pub use sampler::{Sampler, SamplerError, Window};
pub use tag::{Owner, Tag};
pub use window::{Memory, RawProfile, Sample, Scope, Wait};

#[cfg(test)]
mod tests;
