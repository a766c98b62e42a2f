//! What the agent and the coordinator must agree on, and nothing else: no runtime, no broker, no file system.
//!
//! * [`ids`], [`clock`], [`limits`], [`hex`]: names, time, bounds.
//! * [`topology`]: the broker's objects as data.
//! * [`artifact`]: what can be collected: arguments, rows and their schemas, footers.
//! * [`request`]: what an operator asks: signed, targeted, decoded strictly.
//! * [`result`]: what agents answer: statuses, rows, blobs, telemetry.
//! * [`wire`]: the one door to MessagePack and zstd.
//! * [`address`], [`when`], [`decimal`]: hosts and ports, moments and lengths of time, numbers as people write them.

pub mod address;
pub mod artifact;
pub mod clock;
pub mod decimal;
pub mod hex;
pub mod ids;
pub mod limits;
pub mod request;
pub mod result;
pub mod topology;
pub mod when;
pub mod wire;
