//! Hashes in text as people keep them: one a line, many a line, what a sum program prints, tables with and without a
//! header, labels before or behind. A line is taken whole or not at all: what looks like a hash is taken, or is known
//! to be something else, or the line is refused with the place.

mod name;
mod scan;
mod source;
mod table;
#[cfg(test)]
mod tests;

use std::io::{self, BufRead};

use muster_protocol::artifact::HashKind;

use self::name::Name;
use self::source::Lines;
use self::table::Table;

/// A hash: its kind and its bytes.
pub(crate) type Digest = (HashKind, Vec<u8>);

/// What a line is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Hashes, at least one.
    Hashes(Vec<Digest>),
    /// A comment, a header, or empty.
    Nothing,
    /// What cannot be taken.
    Unclear(Unclear),
}

/// Why a line, or a whole list, cannot be taken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unclear {
    /// Where it is in the line, in characters from 1.
    pub(crate) column: usize,
    /// What is there.
    pub(crate) text: String,
    /// What is wrong with it.
    pub(crate) why: String,
    /// Whether the line may be left out: it holds no hash, so no hash is lost.
    pub(crate) is_spare: bool,
}

impl Unclear {
    /// Means `part` of `line`.
    fn new(line: &str, part: &str, why: impl Into<String>) -> Self {
        let before = (part.as_ptr() as usize).saturating_sub(line.as_ptr() as usize);
        let column = line.get(..before).map_or(0, |text| text.chars().count()) + 1;
        Self { column, text: part.to_owned(), why: why.into(), is_spare: false }
    }

    fn spare(self) -> Self {
        Self { is_spare: true, ..self }
    }
}

/// Reads the lines of one list.
pub(crate) struct Reader<'a> {
    lines: Lines<'a>,
    text: String,
    table: Option<Table>,
    /// A header in a comment, as some exports have it; it holds where the first row has as many cells.
    announced: Option<Table>,
    /// A header can only be the first line that is no comment.
    is_begun: bool,
}

impl<'a> Reader<'a> {
    /// Takes a list in UTF-8 or, with a byte order mark, in UTF-16.
    pub(crate) fn new(reader: impl BufRead + 'a) -> io::Result<Self> {
        let lines = Lines::new(reader)?;
        Ok(Self { lines, text: String::new(), table: None, announced: None, is_begun: false })
    }

    /// Reads the next line and its number, from 1.
    pub(crate) fn next(&mut self) -> io::Result<Option<(u64, Line)>> {
        let mut text = std::mem::take(&mut self.text);
        let read = self.lines.next(&mut text)?;
        let line = match read {
            source::Read::End => return Ok(None),
            source::Read::Refused(why) => Line::Unclear(Unclear::new(&text, &text, why)),
            source::Read::Line => self.line(&text),
        };
        self.text = text;
        Ok(Some((self.lines.number(), line)))
    }

    fn line(&mut self, whole: &str) -> Line {
        // A tab at the beginning is an empty cell.
        let is_around = |c: char| (c.is_whitespace() && c != '\t') || scan::is_invisible(c);
        let (row, text) = (whole.trim_matches(is_around), whole.trim_matches(is_around).trim());
        if text.is_empty() {
            return Line::Nothing;
        }
        if let Some(comment) = text.strip_prefix('#') {
            if !self.is_begun && !scan::has_hashlike(comment) {
                self.announced = Table::of_header(comment).or(self.announced.take());
            }
            return Line::Nothing;
        }
        if self.table.is_none()
            && let Some(digest) = scan::bare(text)
        {
            self.is_begun = true;
            return Line::Hashes(vec![digest]);
        }
        // hashdeep's two lines of header: its name, and the names of its columns.
        if let Some(header) = text.strip_prefix("%%%%") {
            self.table = Table::of_header(header);
            return Line::Nothing;
        }
        let is_first = !std::mem::replace(&mut self.is_begun, true);
        if !scan::has_hashlike(text) {
            if is_first && let Some(table) = Table::of_header(row) {
                self.table = Some(table);
                return Line::Nothing;
            }
            if is_rule(text) || is_remark(text) || (is_first && text.starts_with("sep=")) {
                self.is_begun = !is_first;
                return Line::Nothing;
            }
        }
        if is_first && self.announced.as_ref().is_some_and(|table| table.fits(row)) {
            self.table = self.announced.take();
        }
        let taken = match &self.table {
            Some(table) => table.row(whole, row),
            None => scan::free(whole, text),
        };
        match taken {
            Ok(found) if found.is_empty() => {
                Line::Unclear(Unclear::new(whole, text, "there is no hash here").spare())
            }
            Ok(found) => Line::Hashes(found),
            Err(unclear) => Line::Unclear(unclear),
        }
    }
}

/// Reads the hashes of a text that stands alone, as an argument does.
pub(crate) fn of_text(text: &str) -> Result<Vec<Digest>, Unclear> {
    let found = scan::free(text, text.trim())?;
    if found.is_empty() {
        Err(Unclear::new(text, text, "there is no hash here"))
    } else {
        Ok(found)
    }
}

/// Returns whether a line is the rule between the header of a table and its rows.
fn is_rule(text: &str) -> bool {
    text.contains(['-', '=']) && text.chars().all(|c| " \t-=|+:".contains(c))
}

/// Returns whether a line without a hash is a comment of another kind of file.
fn is_remark(text: &str) -> bool {
    text.starts_with("//") || text.starts_with("; ")
}

/// Returns the kind that a digest without a name has by its length. 64 digits are SHA-256: far more lists hold it than
/// BLAKE3.
fn kind_by_length(digits: usize) -> Option<HashKind> {
    let kinds = [HashKind::Md5, HashKind::Sha1, HashKind::Sha256, HashKind::Sha512];
    kinds.into_iter().find(|kind| digits == kind.bytes() * 2)
}
