//! A request as it was signed.

use serde::{Deserialize, Serialize};
use serde_json::Value;
#[cfg(test)]
use utoipa::ToSchema;

use super::{Open, Route};
use crate::Time;

/// `GET /requests/{id}`: every field of a signed request, decoded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct RequestView {
    /// Its id.
    pub id: String,
    /// `hunt.start`, `profile.start`, `control`, …
    pub kind: String,
    /// The key that signed it.
    pub key: String,
    /// Whose key that is, by its certificate.
    pub operator: String,
    /// What the certificate allows.
    pub capabilities: Vec<String>,
    /// When the certificate ends; nothing where the root itself signed.
    pub certificate_until: Option<Time>,
    /// When it was signed.
    pub issued: Time,
    /// Until when agents may begin.
    pub expires: Time,
    /// Which agents.
    pub target: String,
    /// The part of the matching agents that is meant, in millionths.
    pub sample_ppm: Option<u32>,
    /// The way it took.
    #[cfg_attr(test, schema(value_type = Route))]
    pub route: Open<Route>,
    /// Its bounds, every one by its name.
    pub limits: Value,
    /// Its arguments, every field by its name; bytes that are no text as `{"base64": "…"}`.
    pub arguments: Value,
    /// The command that makes the same; empty where there is none.
    pub command: String,
    /// How many bytes are signed.
    pub bytes: u64,
}
