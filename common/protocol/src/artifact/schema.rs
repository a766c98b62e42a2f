//! What the rows of an artifact are: its columns, each with a name, a type, a unit and a description.
//!
//! One schema drives the columns on the wire ([`super::rows`]), JSON ([`super::json`]), CSV and tables: no other list of
//! columns exists.

use super::HashKind;
use super::json::MemberName;

/// Columns of a schema, at most: one bit each in [`Schema::known_at`].
const COLUMNS_MAX: usize = 32;

/// The rows of one artifact.
#[derive(Debug, PartialEq, Eq)]
pub struct Schema {
    /// The artifact, `file_hash`.
    pub artifact: &'static str,
    /// Grows with every column that joins.
    pub version: u32,
    /// Every column, in the order of every output.
    pub columns: &'static [Column],
    /// Names of the columns that a table for people shows; the last one is as wide as it is. `digest` is that which
    /// people look up first.
    pub table: &'static [&'static str],
    /// By place of a column, the places of those that it is known by, a bit each.
    pub(super) known_at: [u32; COLUMNS_MAX],
    /// Columns before the first digest.
    digests_from: usize,
}

/// One column.
#[derive(Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name in every output.
    pub name: &'static str,
    /// What its values are.
    pub kind: ColumnType,
    /// The unit of its numbers: `bytes`, `s`, an empty text where they have none.
    pub unit: &'static str,
    /// What it says, for people.
    pub about: &'static str,
    /// The version of the schema that it joined with.
    pub since: u32,
    /// Names of columns: where all of them are 0, this one is not known and shown as nothing.
    pub known_by: &'static [&'static str],
    /// Its name as a member of a JSON object.
    pub(super) member: MemberName,
}

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// Bytes that mostly are UTF-8: a path. Not UTF-8, they are shown lossily, and exactly in `<name>_b64`.
    Bytes,
    /// The same, or nothing.
    OptionalBytes,
    /// A word of a closed list, a number on the wire.
    Word(Words),
    /// A number with a sign.
    I32,
    /// A number.
    U32,
    /// A number.
    U64,
    /// A number, or nothing.
    OptionalU64,
    /// Yes, no, or nothing where it is not known.
    OptionalBool,
    /// Nanoseconds since 1970, on the wire under `<name>_ns`.
    Time,
    /// The same, or nothing.
    OptionalTime,
    /// The digest of this kind, of the rows that have any.
    Digest(HashKind),
}

/// A closed list of words: returns the word of a number.
#[derive(Clone, Copy)]
pub struct Words(pub fn(u8) -> Option<&'static str>);

impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Words")
    }
}

/// A schema has one list of words a column: two columns are told apart by their names.
impl PartialEq for Words {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for Words {}

impl Column {
    /// Makes a column of a schema's first version.
    pub const fn new(
        name: &'static str,
        kind: ColumnType,
        unit: &'static str,
        about: &'static str,
    ) -> Self {
        Self { name, kind, unit, about, since: 1, known_by: &[], member: MemberName::new(name) }
    }

    /// Says of which columns one must not be 0 for this one to be known.
    #[must_use]
    pub const fn known_by(self, names: &'static [&'static str]) -> Self {
        Self { known_by: names, ..self }
    }

    /// Returns whether it is a digest.
    pub const fn is_digest(&self) -> bool {
        matches!(self.kind, ColumnType::Digest(_))
    }
}

impl ColumnType {
    /// Returns the word for it in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bytes | Self::OptionalBytes => "bytes",
            Self::Word(_) => "word",
            Self::I32 => "i32",
            Self::U32 => "u32",
            Self::U64 | Self::OptionalU64 => "u64",
            Self::OptionalBool => "bool",
            Self::Time | Self::OptionalTime => "time",
            Self::Digest(_) => "digest",
        }
    }

    /// Returns whether a value may be missing.
    pub const fn is_optional(self) -> bool {
        matches!(
            self,
            Self::OptionalBytes
                | Self::OptionalU64
                | Self::OptionalBool
                | Self::OptionalTime
                | Self::Digest(_)
        )
    }
}

impl Schema {
    /// Makes a schema. As a constant it does not compile with a name in `known_by` that no column has, with more columns
    /// than there are bits, or where digests are not the last columns, in the order of [`HashKind`].
    pub const fn new(
        artifact: &'static str,
        version: u32,
        columns: &'static [Column],
        table: &'static [&'static str],
    ) -> Self {
        let (known_at, digests_from) = (known_at(columns), digests_from(columns));
        Self { artifact, version, columns, table, known_at, digests_from }
    }

    /// Returns the columns that are digests, which are the last.
    pub(super) fn digests(&self) -> &'static [Column] {
        self.columns.get(self.digests_from..).unwrap_or_default()
    }

    /// Returns the place of a column.
    pub fn place(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// Returns a column.
    pub fn column(&self, name: &str) -> Option<&'static Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// Returns how many columns stand before the digests, which follow one another to the end, in the order of their kinds.
#[expect(clippy::indexing_slicing, clippy::panic, reason = "evaluated by the compiler")]
const fn digests_from(columns: &[Column]) -> usize {
    let mut from = 0;
    while from < columns.len() && !columns[from].is_digest() {
        from += 1;
    }
    let mut place = from;
    let mut kinds = 0;
    while place < columns.len() {
        let ColumnType::Digest(kind) = columns[place].kind else {
            panic!("a column behind a digest is none");
        };
        assert!(columns[place].known_by.is_empty(), "a digest is known by being there");
        assert!(kinds <= kind as usize, "digests stand in the order of their kinds");
        kinds = kind as usize + 1;
        place += 1;
    }
    from
}

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
const fn known_at(columns: &[Column]) -> [u32; COLUMNS_MAX] {
    assert!(columns.len() <= COLUMNS_MAX, "more columns than bits");
    let mut known_at = [0; COLUMNS_MAX];
    let mut place = 0;
    while place < columns.len() {
        let mut nth = 0;
        while nth < columns[place].known_by.len() {
            known_at[place] |= 1 << place_of(columns, columns[place].known_by[nth]);
            nth += 1;
        }
        place += 1;
    }
    known_at
}

#[expect(clippy::indexing_slicing, clippy::panic, reason = "evaluated by the compiler")]
const fn place_of(columns: &[Column], name: &str) -> usize {
    let mut place = 0;
    while place < columns.len() {
        if is_same(columns[place].name.as_bytes(), name.as_bytes()) {
            return place;
        }
        place += 1;
    }
    panic!("known by a column that is not there");
}

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
const fn is_same(a: &[u8], b: &[u8]) -> bool {
    let mut at = 0;
    while at < a.len() && at < b.len() && a[at] == b[at] {
        at += 1;
    }
    at == a.len() && at == b.len()
}
