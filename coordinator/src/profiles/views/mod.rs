//! What people look at.

pub mod callgrind;
pub mod flame;
pub mod folded;
pub mod pprof;
pub mod speedscope;
pub mod top;
