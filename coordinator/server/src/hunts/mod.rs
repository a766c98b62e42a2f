//! Hunts and profiles as requests: their launch, their state, what is shown of them.

pub mod launch;
pub mod lists;
pub mod near;
pub mod own;
pub mod publish;
pub mod state;
pub mod view;
