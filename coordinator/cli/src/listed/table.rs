//! Lists with a header: columns by their names.

use muster_protocol::artifact::HashKind;

use super::scan::{self, Word};
use super::{Digest, Name, Unclear};

/// What separates the cells of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Separator {
    /// One character.
    Char(char),
    /// Blanks.
    Blanks,
    /// Any of those that are usual: the header has one cell only.
    Usual,
}

const USUAL: [char; 4] = ['\t', ';', '|', ','];

/// The columns of a list.
#[derive(Debug)]
pub(super) struct Table {
    separator: Separator,
    columns: Vec<(String, Name)>,
}

impl Table {
    /// Reads a header; `None` where no column is named after a hash.
    pub(super) fn of_header(text: &str) -> Option<Self> {
        let count = |c: char| text.matches(c).count();
        let usual = USUAL.into_iter().filter(|c| count(*c) > 0).max_by_key(|c| count(*c));
        let separator = match usual {
            Some(c) => Separator::Char(c),
            None if names_hash(Name::of_column(text)) => Separator::Usual,
            None => Separator::Blanks,
        };
        let columns = separator.cells(text).into_iter();
        let columns: Vec<_> =
            columns.map(|cell| (cell.to_owned(), Name::of_column(cell))).collect();
        let is_header = columns.iter().any(|(_, name)| names_hash(*name));
        // A sentence has blanks, too.
        let is_sentence = separator == Separator::Blanks
            && columns.iter().any(|(_, name)| *name == Name::Unknown);
        (is_header && !is_sentence).then_some(Self { separator, columns })
    }

    /// Returns whether a row has as many cells as the header, more than one.
    pub(super) fn fits(&self, row: &str) -> bool {
        let is_char = matches!(self.separator, Separator::Char(_));
        is_char && self.separator.cells(row).len() == self.columns.len()
    }

    /// Takes the hashes of a row.
    pub(super) fn row(&self, line: &str, text: &str) -> Result<Vec<Digest>, Unclear> {
        let cells = self.separator.cells(text);
        let of_row = self.type_of(&cells);
        let (mut good, mut bad) = (Vec::new(), None);
        for (at, cell) in cells.iter().enumerate() {
            match self.cell(line, at, cell, of_row) {
                Ok(found) => good.extend(found),
                Err(unclear) => bad = bad.or(Some(unclear)),
            }
        }
        match bad {
            Some(unclear) => Err(Unclear { is_spare: good.is_empty(), ..unclear }),
            None => Ok(good),
        }
    }

    /// Returns what the row says of the kind of its hash, where a column does.
    fn type_of(&self, cells: &[&str]) -> Option<Name> {
        let at = self.columns.iter().position(|(_, name)| *name == Name::Type)?;
        cells.get(at).map(|cell| Name::of_type(cell))
    }

    fn cell(
        &self,
        line: &str,
        at: usize,
        cell: &str,
        of_row: Option<Name>,
    ) -> Result<Vec<Digest>, Unclear> {
        let beyond = || {
            // A comma in the name of a file, which comes last.
            let last = self.columns.last().map(|(_, name)| *name);
            last.filter(|name| *name == Name::Aside).unwrap_or(Name::Unknown)
        };
        let column = self.columns.get(at);
        match column.map_or_else(beyond, |(_, name)| *name) {
            Name::Kind(kind) => of_kind(line, cell, kind),
            Name::Generic => match of_row {
                Some(Name::Kind(kind)) => of_kind(line, cell, kind),
                Some(Name::Foreign) => Ok(Vec::new()),
                Some(Name::Generic) | None => scan::words_of(line, cell),
                Some(_) if scan::has_hashlike(cell) => {
                    let why = "the type of this row is not that of a hash";
                    Err(Unclear::new(line, cell, why))
                }
                Some(_) => Ok(Vec::new()),
            },
            Name::Type | Name::Foreign | Name::Aside => Ok(Vec::new()),
            Name::Unknown => match scan::words_of(line, cell) {
                Ok(found) if found.is_empty() => Ok(found),
                Err(unclear) if !scan::has_hashlike(cell) => Err(unclear),
                Err(_) if scan::word(cell) == Word::Path => Ok(Vec::new()),
                _ => {
                    let name = column.map_or("beyond the header", |(name, _)| name);
                    let why = format!("this looks like a hash; its column is {name:?}");
                    Err(Unclear::new(line, cell, why))
                }
            },
        }
    }
}

fn names_hash(name: Name) -> bool {
    matches!(name, Name::Kind(_) | Name::Generic)
}

/// Takes the hashes of a cell that can hold only one kind.
fn of_kind(line: &str, cell: &str, kind: HashKind) -> Result<Vec<Digest>, Unclear> {
    if !scan::has_hashlike(cell) {
        return if is_placeholder(cell) {
            Ok(Vec::new())
        } else {
            Err(Unclear::new(line, cell, scan::not_of(kind)))
        };
    }
    let found = scan::words_of(line, cell)?;
    if found.is_empty() {
        return Err(Unclear::new(line, cell, scan::not_of(kind)));
    }
    // 64 digits without a name are taken for SHA-256 where no column says better.
    let is_named = cell.to_ascii_lowercase().contains("sha");
    let of_column = |(other, digest): Digest| match other {
        HashKind::Sha256 if kind == HashKind::Blake3 && !is_named => Ok((kind, digest)),
        other if other == kind => Ok((kind, digest)),
        _ => Err(Unclear::new(line, cell, scan::not_of(kind))),
    };
    found.into_iter().map(of_column).collect()
}

/// Returns whether a cell says that there is no hash: empty, `n/a`, `-`, `unknown`; not the beginning of a hash.
fn is_placeholder(cell: &str) -> bool {
    let has_digits = cell.chars().any(|c| c.is_ascii_digit());
    let is_word = cell.chars().any(|c| c.is_alphabetic() && !c.is_ascii_hexdigit());
    let has_letters = cell.chars().any(char::is_alphabetic);
    cell == "0" || (!has_digits && (is_word || !has_letters))
}

impl Separator {
    /// Splits a line into cells, without their quotes. A quote counts where a cell begins with it.
    fn cells(self, text: &str) -> Vec<&str> {
        if self == Self::Blanks {
            return text.split_whitespace().map(unquoted).collect();
        }
        let ends_cell = |c: char| match self {
            Self::Char(separator) => c == separator,
            Self::Blanks | Self::Usual => USUAL.contains(&c),
        };
        let (mut cells, mut from) = (Vec::new(), 0);
        let (mut is_quoted, mut is_empty) = (false, true);
        for (at, c) in text.char_indices() {
            if c == '"' && (is_empty || is_quoted) {
                is_quoted = !is_quoted;
                is_empty = false;
            } else if !is_quoted && ends_cell(c) {
                cells.push(text.get(from..at).unwrap_or_default());
                from = at + c.len_utf8();
                is_empty = true;
            } else if is_quoted && c == '"' || !c.is_whitespace() {
                is_empty = false;
            }
        }
        cells.push(text.get(from..).unwrap_or_default());
        cells.into_iter().map(unquoted).collect()
    }
}

fn unquoted(cell: &str) -> &str {
    cell.trim().trim_matches(['"', '\'']).trim()
}
