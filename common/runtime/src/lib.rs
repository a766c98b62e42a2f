//! What every long-lived process of ours needs around its work.
//!
//! * [`tasks`]: the owner of every spawned task. [`trace`]: logs.
//! * [`process`]: what this process costs.
//! * [`retry`]: how long each retry waits.
//! * [`lock`]: one process per folder.
//! * [`secret`]: one-line secrets as people write them.
//! * [`escape`], [`stdout`]: text from elsewhere on a terminal; stdout without the standard library's forgiveness.

pub mod escape;
pub mod lock;
pub mod process;
pub mod retry;
pub mod secret;
pub mod stdout;
pub mod tasks;
pub mod trace;
