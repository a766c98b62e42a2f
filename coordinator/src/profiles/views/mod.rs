//! What people look at.

pub mod flame;
pub mod folded;
pub mod pprof;
pub mod top;
