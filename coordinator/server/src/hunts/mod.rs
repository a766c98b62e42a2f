//! Hunts and profiles as requests: their launch, their state, what is shown of them.

pub mod error;
pub mod launch;
pub mod lists;
pub mod of_agent;
pub mod parts;
pub mod publish;
pub mod self_profile;
pub mod target_suggestions;
pub mod view;
