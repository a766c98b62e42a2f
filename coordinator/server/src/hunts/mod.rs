//! Hunts and profiles as requests: their launch, their state, what is shown of them.
//!
//! * [`launch`], [`publish`], [`lists`], [`self_profile`], [`target_suggestions`]: a request comes in and goes out.
//! * [`listing`], [`current`], [`parts`]: lists, one hunt as a whole, its parts, from the read models.
//! * [`of_agent`], [`files`]: what one agent was asked for and has sent; the files of a hunt.
//! * [`watch`]: one fold of a hunt for all who watch it. [`view`]: every figure of some parts, from what is stored of them.

pub mod controls;
pub mod current;
pub mod error;
pub mod files;
pub mod launch;
pub mod listing;
pub mod lists;
mod names;
mod notes;
pub mod of_agent;
pub mod parts;
pub mod publish;
pub mod self_profile;
pub mod target_suggestions;
pub mod view;
pub mod watch;
pub mod why;
