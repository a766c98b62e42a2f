//! What agents answer: statuses, row and blob chunks, telemetry.
//!
//! Results are additive: an unknown field is ignored, a missing one has its default. Everything here is
//! untrusted until `muster_server::ingest` has held it against its routing key and its limits.

pub mod blob;
pub mod bounds;
pub mod policy;
pub mod rows;
pub mod status;
pub mod telemetry;

pub use blob::{BlobChunk, FILE_BLOB};
pub use bounds::Bounded;
pub use policy::{ReportedFolders, ReportedPolicy};
pub use rows::{RowChunk, RowsError};
pub use status::{ArtifactFooter, Counters, Footer, ProfileFooter, Spent, State, Status};
pub use telemetry::{CollectionSample, Instance, Telemetry};
