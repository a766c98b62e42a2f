//! Pages of lists: where one begins, how long it is, and where the next one begins.

pub mod question;

use muster_protocol::limits::{PAGE_ITEMS, PAGE_ITEMS_MAX};

use super::error::ApiError;

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

/// Cuts what was read of a list to a page: one more than the page holds, where there is more. Returns the last one of a page
/// that is not the last.
pub fn cut<T>(read: &mut Vec<T>, limit: usize) -> Option<&T> {
    let is_last = read.len() <= limit;
    read.truncate(limit);
    read.last().filter(|_| !is_last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_is_not_the_last_says_where_the_next_one_begins() {
        let cut = |read: &[u32], limit| {
            let mut read = read.to_vec();
            let next = cut(&mut read, limit).copied();
            (read, next)
        };
        assert_eq!(cut(&[9, 8, 7], 2), (vec![9, 8], Some(8)));
        assert_eq!(cut(&[9, 8], 2), (vec![9, 8], None));
        assert_eq!(cut(&[], 2), (vec![], None));
    }

    #[test]
    fn a_page_has_a_longest_length_and_never_none() {
        assert_eq!([length(None).unwrap(), length(Some(7)).unwrap()], [PAGE_ITEMS, 7]);
        assert_eq!(length(Some(PAGE_ITEMS_MAX)).unwrap(), PAGE_ITEMS_MAX);
        assert!(length(Some(0)).is_err() && length(Some(PAGE_ITEMS_MAX + 1)).is_err());
    }
}
