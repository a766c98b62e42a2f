//! Profiles, once they have arrived: names for the addresses, and what people look at.
//!
//! * [`symbols`]: which local file belongs to a build id.
//! * [`module`]: one such file: from an address to functions, files and lines.
//! * [`profile`]: a profile with names, of any kind. [`resolve`]: how it gets them.
//!   `naming`: what its frames are a part of. [`folding`]: which of them a view shows.
//! * [`merge`]: many profiles as one. [`tree`]: the call tree of one, or of two side by side.
//! * [`views`]: top with its summary, tree, lines, flame graph, difference, folded stacks, pprof, callgrind, speedscope.

pub mod folding;
pub mod merge;
pub mod module;
mod naming;
pub mod profile;
mod resolve;
pub mod symbols;
pub mod tree;
pub mod views;

#[cfg(test)]
mod tests;
