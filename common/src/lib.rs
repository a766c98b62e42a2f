//! What the agent and the coordinator must agree on, and nothing else.
//!
//! * [`ids`], [`clock`], [`limits`], [`hex`]: names, time, bounds.
//! * [`lock`]: one process per folder.
//! * [`topology`]: the broker's objects as data.
//! * [`request`]: what an operator asks: signed, targeted, decoded strictly.
//! * [`result`]: what agents answer: statuses, rows, blobs, telemetry.
//! * [`wire`]: the one door to MessagePack and zstd.
//! * [`amqp`]: the one door to the broker: link, publisher, consumer, declarations.
//! * [`process`]: what a process costs. [`profile`]: the sampler (the one object that is per process) and its encoding.
//! * [`tasks`], [`trace`]: the owner of every spawned task; logs.
//! * [`address`], [`secret`]: hosts and one-line secrets as people write them.
//! * [`escape`], [`stdout`]: text from elsewhere on a terminal; stdout without the standard library's forgiveness.

pub mod address;
pub mod amqp;
pub mod clock;
pub mod escape;
pub mod hex;
pub mod ids;
pub mod limits;
pub mod lock;
pub mod process;
pub mod profile;
pub mod request;
pub mod result;
pub mod secret;
pub mod stdout;
pub mod tasks;
pub mod tls;
pub mod topology;
pub mod trace;
pub mod wire;
