//! A part of the rows of a hunt, found by a filter within a bounded time.

use serde::{Deserialize, Serialize};
#[cfg(test)]
use utoipa::ToSchema;

use super::RowView;
use crate::Time;

/// `GET /hunts/{id}/rows`. It says how far it looked: an answer that is not complete goes on at `next`.
///
/// In walk order the answers put together are the rows that the filter leaves, each once. Sorted, each answer has the first
/// rows of all that was looked at so far and takes the place of the one before; once an answer is complete, its `next` leads
/// to the rows behind it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct RowsPage {
    /// The rows that were found, in the order that was asked for.
    pub rows: Vec<RowView>,
    /// Where to go on: `?cursor=` takes it as it is. Nothing at the end. Behind it there may be no further row.
    pub next: Option<String>,
    /// Rows of the hunt, whatever the filter.
    pub total: u64,
    /// How many of them were looked at for this answer.
    pub looked_at: u64,
    /// How many rows the filter leaves; nothing while that is not known.
    pub found: Option<u64>,
    /// Whether everything that the question asks for was looked at: no row behind it is meant, and a sorted answer is final.
    pub complete: bool,
    /// When it was read.
    pub as_of: Time,
}
