//! What people look at.

pub mod callgrind;
pub mod diff;
pub mod flame;
pub mod folded;
pub mod lines;
pub mod pprof;
pub mod speedscope;
pub mod summary;
pub mod top;
pub mod tree;
