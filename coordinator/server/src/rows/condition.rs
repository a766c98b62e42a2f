//! One condition on one column of a row, as it was asked for and as it is held against values.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use muster_protocol::artifact::file_hash::FileKind;
use muster_protocol::artifact::file_hash::pattern::PathPattern;
use muster_protocol::artifact::file_hash::select::{ModeBits, ModeTest, Window};
use muster_protocol::artifact::{Column, ColumnType, RowRef, Schema, Value};
use muster_protocol::clock::Timestamp;
use muster_protocol::limits::{FILTER_VALUES_MAX, PATH_BYTES_MAX};
use muster_protocol::when::Moment;

use super::errno;

/// Columns whose values are paths; other bytes are text.
const PATHS: [&str; 3] = ["path", "exe", "link_target"];
/// The word for a folder.
const FOLDER: &str = FileKind::Directory.as_str();
/// Bits of a mode that say what an entry is.
const MODE_KIND: u32 = 0o170_000;
/// Those of a symbolic link, which has no mode of its own.
const MODE_LINK: u32 = 0o120_000;

/// A condition on one column.
#[derive(Debug, Clone)]
pub struct Condition {
    place: usize,
    /// The columns of which one must not be 0 for this one to be known.
    known_by: Vec<usize>,
    test: Test,
}

#[derive(Debug, Clone)]
enum Test {
    Words(BTreeSet<&'static str>),
    Signed(BTreeSet<i64>),
    Unsigned(BTreeSet<u64>),
    AtLeast(u64),
    AtMost(u64),
    Within(Window),
    Mode(ModeBits),
    Pattern { pattern: PathPattern, folder: Option<usize> },
    Exactly(Vec<u8>),
    Bool(bool),
}

/// How a value is to compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// As the column's own type suggests: one of a list, a pattern.
    Usual,
    /// The very bytes, in base64.
    Base64,
    /// At least.
    Min,
    /// At most.
    Max,
    /// At this time or later.
    Since,
    /// Before this time.
    Before,
}

impl Condition {
    /// Reads the condition on the column at a place of a schema. The error says what is wrong with the value.
    pub fn read(
        schema: &'static Schema,
        place: usize,
        how: How,
        text: &str,
        roots: &[Vec<u8>],
        now: Timestamp,
    ) -> Result<Self, String> {
        let column = schema.columns.get(place).ok_or("no such column")?;
        let test = test(schema, column, how, text, roots, now)?;
        let known_by = column.known_by.iter().filter_map(|name| schema.place(name)).collect();
        Ok(Self { place, known_by, test })
    }

    /// Returns the places of the columns that it looks at.
    pub fn places(&self) -> impl Iterator<Item = usize> {
        let folder = match self.test {
            Test::Pattern { folder, .. } => folder,
            _ => None,
        };
        std::iter::once(self.place).chain(folder).chain(self.known_by.iter().copied())
    }

    /// Returns whether a row fulfils it. What is not known of a row fulfils nothing.
    pub fn holds(&self, row: &RowRef<'_>) -> bool {
        is_known(row, &self.known_by)
            && match (&self.test, row.value(self.place)) {
                (Test::Words(words), Value::Word(word)) => words.contains(word),
                (Test::Signed(numbers), Value::Signed(number)) => numbers.contains(&number),
                (Test::Unsigned(numbers), Value::Unsigned(number)) => numbers.contains(&number),
                (Test::AtLeast(least), Value::Unsigned(number)) => number >= *least,
                (Test::AtMost(most), Value::Unsigned(number)) => number <= *most,
                (Test::Within(window), Value::Time(ns)) => window.contains(ns),
                (Test::Mode(bits), Value::Unsigned(mode)) => is_mode(*bits, mode),
                (Test::Pattern { pattern, folder }, Value::Bytes(bytes)) => {
                    let is_folder = folder.is_some_and(|at| row.value(at) == Value::Word(FOLDER));
                    pattern.is_match(bytes, is_folder)
                }
                (Test::Exactly(wanted), Value::Bytes(bytes)) => bytes == wanted.as_slice(),
                (Test::Bool(wanted), Value::Bool(is_so)) => is_so == *wanted,
                _ => false,
            }
    }
}

/// Returns whether one of some columns is not 0; whether there are none.
pub(super) fn is_known(row: &RowRef<'_>, known_by: &[usize]) -> bool {
    let is_zero = |place: &usize| matches!(row.value(*place), Value::Unsigned(0) | Value::Nothing);
    known_by.is_empty() || !known_by.iter().all(is_zero)
}

fn is_mode(bits: ModeBits, mode: u64) -> bool {
    u32::try_from(mode).is_ok_and(|mode| mode & MODE_KIND != MODE_LINK && bits.is_match(mode))
}

fn test(
    schema: &'static Schema,
    column: &'static Column,
    how: How,
    text: &str,
    roots: &[Vec<u8>],
    now: Timestamp,
) -> Result<Test, String> {
    let unfit = || Err(format!("{} is no column that can be asked so", column.name));
    let number = |text: &str| text.parse::<u64>().map_err(|_| format!("{text:?} is no number"));
    let moment = |text: &str| Moment::with_unit(text).map(|moment| Some(moment.ns(now)));
    Ok(match (how, column.kind) {
        (How::Usual, ColumnType::Word(words)) => {
            let known: Vec<_> = (0..=u8::MAX).filter_map(words.0).collect();
            let word = |text: &str| {
                let found = known.iter().find(|word| **word == text).copied();
                found.ok_or_else(|| format!("{text:?} is none of {}", known.join(", ")))
            };
            Test::Words(listed(text, word)?)
        }
        (How::Usual, ColumnType::I32) if column.name == "errno" => {
            let number = |text: &str| {
                let number = text.parse().ok().or_else(|| errno::number(text)).map(i64::from);
                number.ok_or_else(|| format!("{text:?} is no error number like 13 or EACCES"))
            };
            Test::Signed(listed(text, number)?)
        }
        (How::Usual, ColumnType::I32) => {
            let number = |text: &str| text.parse().map_err(|_| format!("{text:?} is no number"));
            Test::Signed(listed(text, number)?)
        }
        (How::Usual, ColumnType::U32) if column.name == "mode" => {
            Test::Mode(text.parse::<ModeTest>()?.into())
        }
        (How::Usual, ColumnType::U32 | ColumnType::U64 | ColumnType::OptionalU64) => {
            Test::Unsigned(listed(text, number)?)
        }
        (How::Usual, ColumnType::OptionalBool) => Test::Bool(yes_or_no(text)?),
        (How::Usual, ColumnType::Bytes | ColumnType::OptionalBytes) => {
            let pattern = pattern(column, text, roots)?;
            // What a row is about is looked at for patterns of folders alone.
            let folder = schema.place("kind").filter(|_| pattern.is_for_folders());
            Test::Pattern { pattern, folder }
        }
        (How::Base64, ColumnType::Bytes | ColumnType::OptionalBytes) => {
            let bytes = STANDARD.decode(text).or_else(|_| URL_SAFE_NO_PAD.decode(text));
            Test::Exactly(bytes.map_err(|error| format!("no base64: {error}"))?)
        }
        (How::Min, ColumnType::U32 | ColumnType::U64 | ColumnType::OptionalU64) => {
            Test::AtLeast(number(text)?)
        }
        (How::Max, ColumnType::U32 | ColumnType::U64 | ColumnType::OptionalU64) => {
            Test::AtMost(number(text)?)
        }
        (How::Since, ColumnType::Time | ColumnType::OptionalTime) => {
            Test::Within(Window { from_ns: moment(text)?, until_ns: None })
        }
        (How::Before, ColumnType::Time | ColumnType::OptionalTime) => {
            Test::Within(Window { from_ns: None, until_ns: moment(text)? })
        }
        _ => return unfit(),
    })
}

fn pattern(column: &Column, text: &str, roots: &[Vec<u8>]) -> Result<PathPattern, String> {
    if text.is_empty() || text.len() > PATH_BYTES_MAX {
        return Err(format!("a pattern of {} bytes, not 1 to {PATH_BYTES_MAX}", text.len()));
    }
    let read = match column.name {
        "path" => PathPattern::read(text, roots),
        name if PATHS.contains(&name) => PathPattern::read(text, &["/"]),
        _ => PathPattern::of_text(text),
    };
    read.map_err(|error| error.to_string())
}

/// Reads `yes` or `no`.
pub(super) fn yes_or_no(text: &str) -> Result<bool, String> {
    match text {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err(format!("{text:?} is neither yes nor no")),
    }
}

/// Reads values that are separated by commas: one at least.
fn listed<T: Ord>(
    text: &str,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<BTreeSet<T>, String> {
    let count = text.split(',').count();
    if count > FILTER_VALUES_MAX {
        return Err(format!("{count} values, {FILTER_VALUES_MAX} are allowed"));
    }
    text.split(',').map(read).collect()
}
