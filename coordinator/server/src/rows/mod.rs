//! Rows of a hunt: found by a filter, in parts of bounded work.
//!
//! * [`source`]: the runs whose rows count, and what is shown of a row beside its columns.
//! * [`filter`], [`condition`]: which rows are meant, by the columns of the artifact's schema.
//! * [`walk`]: rows by agent, then in the order in which the agent met them. [`sorted`]: the first ones by a column.
//! * [`stream`]: all rows of a run, for those who take everything.
//! * [`errors`]: what could not be read, by cause and folder. [`errno`]: what error numbers are called.
//! * [`held`]: what is kept between two answers.

pub mod condition;
pub mod errno;
pub mod errors;
pub mod filter;
pub mod held;
pub mod sorted;
pub mod source;
pub mod stream;
pub mod walk;

#[cfg(test)]
mod tests;
