//! A part of the rows of a hunt, found by a filter within a bounded time.

use serde::{Deserialize, Serialize};
#[cfg(test)]
use utoipa::ToSchema;

use super::RowView;
use crate::Time;

/// `GET /hunts/{id}/rows`. It says how far it looked: an answer that is not complete goes on at `next`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct RowsPage {
    /// The rows that were found, in the order that was asked for.
    pub rows: Vec<RowView>,
    /// Where to go on: `?cursor=` takes it as it is. Nothing at the end.
    pub next: Option<String>,
    /// Rows of the hunt, whatever the filter.
    pub total: u64,
    /// How many of them were looked at for this answer.
    pub looked_at: u64,
    /// How many rows the filter leaves; nothing while that is not known.
    pub found: Option<u64>,
    /// Whether everything that the question asks for was looked at.
    pub complete: bool,
    /// When it was read.
    pub as_of: Time,
}
