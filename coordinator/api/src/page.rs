//! A part of a list, and where the next part begins.

use serde::{Deserialize, Serialize};

use super::Time;

/// The name of the query parameter that takes [`Page::next`].
pub const CURSOR: &str = "cursor";

/// A part of a list. An answer without `next` is the end of the list; one with it never is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Page<T> {
    /// What is listed, in the order of the list.
    pub items: Vec<T>,
    /// Where the next page begins: `?cursor=` takes it as it is. Nothing on the last page.
    pub next: Option<String>,
    /// How many the whole list has now.
    pub total: u64,
    /// When it was read.
    pub as_of: Time,
}
