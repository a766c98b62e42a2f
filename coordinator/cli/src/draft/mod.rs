//! Requests that are made of a form, reviewed from the very bytes, and only then signed: what `muster console` and
//! `--draft FILE` share.
//!
//! * [`form`]: from fields, named like flags, to the command line and its own parser. No field names a local file.
//! * [`mod@prepare`]: from there, by the planning of each verb, to the bytes that will be signed.
//! * [`review`]: those bytes decoded again, as an agent would. [`text`]: the same for a terminal.
//! * [`command`]: the command line that makes the same. [`mod@file`]: `--draft FILE`.

mod command;
mod file;
mod form;
mod prepare;
mod review;
mod text;
mod warning;

pub(super) use self::file::{launch_hunt, lists, take_profile};
pub(super) use self::form::{Form, FormKind};
pub(super) use self::prepare::{Prepared, prepare};
pub(super) use self::review::{OperatorView, RequestReview, Review};
pub(super) use self::text::text_of;
pub(super) use self::warning::{Warning, warnings};

use crate::failure::Failure;
use crate::hunt::BadList;

/// Why there is no draft, and where in the form that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    /// What, why, what to do.
    pub(super) failure: Box<Failure>,
    /// The field.
    pub(super) field: Option<String>,
    /// The position within its text, in bytes from 0.
    pub(super) at: Option<usize>,
    /// Of a list: the line, from 1.
    pub(super) line: Option<u64>,
    /// Of a list: the column, from 1.
    pub(super) column: Option<usize>,
}

impl Problem {
    /// Means a field.
    fn of(field: &str, failure: Failure) -> Self {
        Self { field: Some(field.to_owned()), ..Self::from(failure) }
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        Self { failure: Box::new(failure), field: None, at: None, line: None, column: None }
    }
}

impl From<BadList> for Problem {
    fn from(bad: BadList) -> Self {
        let (line, column) = bad.place.unzip();
        Self { line, column, ..Self::of("list", bad.failure) }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        *problem.failure
    }
}
