//! What the API takes and gives: the view types of every endpoint, shared by the server and the CLI.
//!
//! [`views`] are the JSON views of profiles; [`command`] and [`decoded`] show a signed request; [`archive`] is the form in which
//! a file that may be malware is given.
//!
//! Field names are stable: a thing's own id is `id`, another's id is its noun (`hunt`, `agent`,
//! `profile`). Times are RFC 3339 in UTC. Stored types and wire types are others.

pub mod address;
mod agents;
pub mod archive;
mod audit;
mod broker;
pub mod command;
pub mod csv;
pub mod decoded;
mod doctor;
pub mod events;
mod hunts;
mod open;
#[cfg(test)]
mod openapi;
mod overview;
mod page;
mod profiles;
pub mod quantile;
mod rows;
mod telemetry;
mod time;
pub mod tls;
pub mod units;
pub mod views;

pub use agents::brief::{
    AgentBrief, AgentRequest, AgentUpload, AgentsPage, FacetCount, Facets, LabelFacet,
    PreviewTarget, TargetError, TargetPreview,
};
pub use agents::policy::{JournalView, PolicyView, StreamView};
pub use agents::{
    AgentState, AgentView, BrokerAddress, Enrol, EnrolAgents, Enrolled, EnrolledAgents,
    QuarantineAgent,
};
pub use audit::{AuditView, AuditWords, BEFORE_THE_FIRST};
pub use broker::{BrokerView, DeadView, QueueView};
pub use doctor::{BrokerHealth, Check, Doctor, FleetView, Health, Rebuilt, Verdict};
pub use events::{HuntAgentsEvent, TopicChanged};
pub use hunts::brief::{CollectionBrief, HuntBrief};
pub use hunts::control::{Applied, ControlView, Hold};
pub use hunts::inquiry::{
    Bucket, Distribution, ErrorCause, ErrorExample, ErrorFolder, HuntCosts, HuntErrors,
    HuntTimeline, TimelinePoint, WorstAgent,
};
pub use hunts::request::RequestView;
pub use hunts::why::{Finding, HuntWhy};
pub use hunts::{
    AttemptView, CollectionView, HuntFile, HuntView, Launched, ListPiece, Progress, Reasons, Route,
    Spent, States,
};
pub use open::{Open, Word};
pub use overview::{Overview, Search, SearchHit};
pub use page::{CURSOR, Page};
pub use profiles::brief::ProfileBrief;
pub use profiles::{By, ProfileAgentView, ProfileKindView, ProfileView, SymbolsView};
pub use rows::page::RowsPage;
pub use rows::{ArtifactView, ColumnView, Found, RowView, WhoHas};
pub use telemetry::fleet::{FleetCurve, FleetPoint, Spread};
pub use telemetry::{CurveView, MarkView, PointView, RunningView, TelemetryPage, TelemetryView};
pub use time::Time;

use serde::{Deserialize, Serialize};
#[cfg(test)]
use utoipa::ToSchema;

/// Every error of the API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct ErrorBody {
    /// What failed.
    pub error: String,
    /// Why.
    pub cause: String,
    /// What to do next.
    #[serde(rename = "try")]
    pub next: String,
    /// The exit code that the CLI ends with.
    pub code: u8,
}

/// The name of a server-sent event that carries the present state.
pub const EVENT_PROGRESS: &str = "progress";
/// The name of the last server-sent event.
pub const EVENT_DONE: &str = "done";

/// The OpenAPI document as it is served: made from the types by a test, so that no build pays for the derivation.
pub const OPENAPI: &str = include_str!("openapi.json");
