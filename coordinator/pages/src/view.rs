//! What a page knows of the program that serves it: `GET /console/session`.

use muster_api::ErrorBody;
use serde::Serialize;

/// What a page knows of the console that serves it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SessionView<Operator> {
    /// The second secret of the session, once: in the answer that begins it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// Version of this program.
    pub version: &'static str,
    /// What the page may do.
    pub mode: Mode,
    /// Whether the coordinator itself serves the pages, so that nothing can be done on the operator's machine.
    pub hosted: bool,
    /// Why it only reads.
    pub why: Option<ErrorBody>,
    /// Where a launch is confirmed: `page`, `terminal`.
    pub confirm: &'static str,
    /// Whether sources can be asked for.
    pub has_source: bool,
    /// Who signs; nothing where the key file cannot be used.
    pub operator: Option<Operator>,
    /// Where the fleet is.
    pub coordinator: CoordinatorView,
}

/// What a page may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Everything that the certificate allows.
    Sign,
    /// Look.
    ReadOnly,
}

/// The coordinator, as it answers now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CoordinatorView {
    /// Its address.
    pub url: String,
    /// The fleet's id.
    pub fleet: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// Why it does not answer.
    pub problem: Option<ErrorBody>,
}
