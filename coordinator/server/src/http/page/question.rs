//! Cursors and sort keys: what a list was asked for, and where its next page begins.
//!
//! A cursor holds the last key of its page and a digest of the question. So it cannot be used for another question, and no item
//! is shown twice or missed while others are added.

use muster_protocol::hex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::http::error::ApiError;
use crate::roster::order::Direction;

/// Bytes of the digest of a question.
const DIGEST_BYTES: usize = 8;

/// What a list was asked for: its name, its filter and its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question([u8; DIGEST_BYTES]);

impl Question {
    /// Takes the name of a list and everything that decides what is on it and in which order; not the page's length.
    pub fn new(list: &str, asked: &impl Serialize) -> Self {
        let asked = serde_json::to_vec(&(list, asked)).unwrap_or_default();
        let whole: [u8; 32] = Sha256::digest(&asked).into();
        let mut digest = [0; DIGEST_BYTES];
        digest.copy_from_slice(&whole[..DIGEST_BYTES]);
        Self(digest)
    }

    /// Makes the cursor of the page that begins after a key.
    pub fn cursor(&self, key: &impl Serialize) -> String {
        let mut bytes = self.0.to_vec();
        bytes.extend(serde_json::to_vec(key).unwrap_or_default());
        hex::encode(&bytes)
    }

    /// Reads the key out of a cursor of this question.
    pub fn key<K: DeserializeOwned>(&self, cursor: Option<&str>) -> Result<Option<K>, ApiError> {
        let Some(text) = cursor else { return Ok(None) };
        let refused = |cause: &str| {
            let next = "begin with the first page: leave out cursor";
            ApiError::usage("cannot find this page", cause, next)
        };
        let bytes = hex::decode(text).ok_or_else(|| refused("this is no `next` of any page"))?;
        let (digest, key) = bytes
            .split_at_checked(DIGEST_BYTES)
            .ok_or_else(|| refused("this is no `next` of any page"))?;
        if digest != self.0 {
            return Err(refused(
                "this is the `next` of another question: filter, sort and list must stay",
            ));
        }
        serde_json::from_slice(key).map(Some).map_err(|_| refused("this is no `next` of any page"))
    }
}

/// Reads `sort=field` or `sort=-field` against the closed set of a list; returns the field and its direction.
pub fn sort<F: Copy>(
    asked: Option<&str>,
    fields: &[(&str, F)],
    usual: (F, Direction),
) -> Result<(F, Direction), ApiError> {
    let Some(text) = asked else { return Ok(usual) };
    let (name, direction) = text
        .strip_prefix('-')
        .map_or((text, Direction::Ascending), |name| (name, Direction::Descending));
    let found = fields.iter().find(|(known, _)| *known == name);
    found.map(|(_, field)| (*field, direction)).ok_or_else(|| {
        let names: Vec<_> = fields.iter().map(|(name, _)| *name).collect();
        let shown: String = text.chars().take(60).collect();
        let next = format!("one of {}, with - before it for the greatest first", names.join(", "));
        ApiError::usage("this list has no such order", format!("sort is {shown:?}"), &next)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_good_for_its_own_question_alone() {
        let asked = Question::new("agents", &("os:linux", "-cpu"));
        let cursor = asked.cursor(&(7_u64, "web-1"));
        let key: Option<(u64, String)> = asked.key(Some(&cursor)).unwrap();
        assert_eq!(key, Some((7, "web-1".to_owned())));
        assert_eq!(asked.key::<u64>(None).unwrap(), None);
        let other = Question::new("agents", &("os:linux", "cpu"));
        other.key::<(u64, String)>(Some(&cursor)).unwrap_err();
        for bad in ["", "00", "zz", &cursor[..cursor.len() - 2]] {
            asked.key::<(u64, String)>(Some(bad)).unwrap_err();
        }
    }

    #[test]
    fn an_order_is_of_a_closed_set() {
        let fields = [("id", 1), ("cpu", 2)];
        let usual = (1, Direction::Ascending);
        assert_eq!(sort(None, &fields, usual).unwrap(), usual);
        assert_eq!(sort(Some("-cpu"), &fields, usual).unwrap(), (2, Direction::Descending));
        for bad in ["", "-", "rss", "--cpu"] {
            sort(Some(bad), &fields, usual).unwrap_err();
        }
    }
}
