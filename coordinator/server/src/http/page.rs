//! Pages of lists: where one begins, how long it is, and where the next one begins.

pub mod question;

use muster_api::Page;
use muster_protocol::clock::Timestamp;
use muster_protocol::limits::{PAGE_ITEMS, PAGE_ITEMS_MAX};
use serde::Deserialize;

use super::error::ApiError;

/// What a client asks for.
#[derive(Debug, Default, Deserialize)]
pub struct PageQuery {
    /// `next` of the page before; the beginning of the list when not given.
    cursor: Option<String>,
    /// The longest page that it wants.
    limit: Option<usize>,
}

impl PageQuery {
    /// Returns how many items the page has at most.
    pub fn limit(&self) -> Result<usize, ApiError> {
        length(self.limit)
    }

    /// Reads where the page begins.
    pub fn after<T: std::str::FromStr>(&self) -> Result<Option<T>, ApiError> {
        let Some(text) = &self.cursor else { return Ok(None) };
        text.parse().map(Some).map_err(|_| {
            let cause = format!("{text:?} is no `next` of a page of this list");
            ApiError::usage("cannot find this page", cause, "begin with the first page")
        })
    }
}

/// Returns how many items a page has at most, of what a client asks for.
pub fn length(limit: Option<usize>) -> Result<usize, ApiError> {
    let limit = limit.unwrap_or(PAGE_ITEMS);
    if (1..=PAGE_ITEMS_MAX).contains(&limit) {
        return Ok(limit);
    }
    let cause = format!("limit is {limit}");
    let next = format!("1 to {PAGE_ITEMS_MAX} items a page");
    Err(ApiError::usage("a page cannot be that long", cause, &next))
}

/// What was read of a list for one page: one more than the page holds, where there is more.
#[derive(Debug)]
pub struct Keys<K> {
    /// The keys of the page's items.
    pub keys: Vec<K>,
    next: Option<String>,
}

impl<K: ToString> Keys<K> {
    /// Cuts what was read to a page.
    pub fn cut(mut keys: Vec<K>, limit: usize) -> Self {
        let is_last = keys.len() <= limit;
        keys.truncate(limit);
        let next = keys.last().filter(|_| !is_last).map(K::to_string);
        Self { keys, next }
    }
}

impl<K> Keys<K> {
    /// Makes the page. An item that cannot be read is left out and ends no list.
    pub fn page<T>(self, items: Vec<T>, total: u64, now: Timestamp) -> Page<T> {
        Page { items, next: self.next, total, as_of: now.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_is_not_the_last_says_where_the_next_one_begins() {
        let cut = |read: &[u32], limit| {
            let keys = Keys::cut(read.to_vec(), limit);
            (keys.keys, keys.next)
        };
        assert_eq!(cut(&[9, 8, 7], 2), (vec![9, 8], Some("8".to_owned())));
        assert_eq!(cut(&[9, 8], 2), (vec![9, 8], None));
        assert_eq!(cut(&[], 2), (vec![], None));
    }

    #[test]
    fn a_page_has_a_longest_length_and_never_none() {
        let limit = |limit| PageQuery { cursor: None, limit }.limit();
        assert_eq!([limit(None).unwrap(), limit(Some(7)).unwrap()], [PAGE_ITEMS, 7]);
        assert_eq!(limit(Some(PAGE_ITEMS_MAX)).unwrap(), PAGE_ITEMS_MAX);
        assert!(limit(Some(0)).is_err() && limit(Some(PAGE_ITEMS_MAX + 1)).is_err());
        let after =
            |text: &str| PageQuery { cursor: Some(text.to_owned()), limit: None }.after::<i64>();
        assert_eq!(after("12").unwrap(), Some(12));
        assert!(after("x").is_err());
    }
}
