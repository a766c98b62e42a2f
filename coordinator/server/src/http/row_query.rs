//! What rows are asked for with: a few parameters of the endpoint's own, and a filter.

use std::collections::BTreeMap;

use super::error::ApiError;
use crate::rows::filter::FilterError;

/// The parameters of one question, taken apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowQuery {
    own: BTreeMap<String, String>,
    /// Names and values of the filter, in an order of their own: the same filter is the same question.
    pub filter: Vec<(String, String)>,
}

impl RowQuery {
    /// Takes the parameters apart; `own` are those that are no filter.
    pub fn read(asked: Vec<(String, String)>, own: &[&str]) -> Result<Self, ApiError> {
        let mut query = Self::default();
        for (name, value) in asked {
            if !own.contains(&name.as_str()) {
                query.filter.push((name, value));
            } else if query.own.insert(name.clone(), value).is_some() {
                return Err(FilterError::Twice(name).into());
            }
        }
        query.filter.sort();
        Ok(query)
    }

    /// Returns a parameter of the endpoint's own.
    pub fn own(&self, name: &str) -> Option<&str> {
        self.own.get(name).map(String::as_str)
    }

    /// Returns one that is a number.
    pub fn number(&self, name: &str) -> Result<Option<u64>, ApiError> {
        let Some(text) = self.own(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| {
            ApiError::usage(
                format!("{name} is a number"),
                format!("{text:?} is none"),
                "leave it out",
            )
        })
    }
}

impl From<FilterError> for ApiError {
    fn from(error: FilterError) -> Self {
        let next = "GET /api/v1/artifacts names the columns of each artifact";
        Self::usage("these rows cannot be asked for", error.to_string(), next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &[(&str, &str)]) -> Vec<(String, String)> {
        text.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_order_of_filters_makes_no_other_question() {
        let of = |asked: &[(&str, &str)]| RowQuery::read(pairs(asked), &["limit"]).unwrap();
        let one = of(&[("status", "ok"), ("limit", "7"), ("agent", "b"), ("agent", "a")]);
        assert_eq!(one, of(&[("agent", "a"), ("agent", "b"), ("status", "ok"), ("limit", "7")]));
        assert_eq!((one.number("limit").unwrap(), one.filter.len()), (Some(7), 3));
        assert_eq!(one.number("cursor").unwrap(), None);
        let error = RowQuery::read(pairs(&[("limit", "7"), ("limit", "7")]), &["limit"]);
        error.unwrap_err();
        of(&[("limit", "x")]).number("limit").unwrap_err();
    }
}
