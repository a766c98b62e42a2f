//! Profiles, once they have arrived: names for the addresses, and what people look at.
//!
//! * [`symbols`]: which local file belongs to a build id.
//! * [`module`]: one such file: from an address to functions, files and lines.
//! * [`profile`]: a decoded profile with its names.
//! * [`views`]: top, folded stacks, flame graph, pprof.

pub mod module;
pub mod profile;
pub mod symbols;
pub mod views;

#[cfg(test)]
mod tests;
