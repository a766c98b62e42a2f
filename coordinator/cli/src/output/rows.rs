//! Rows as they stream in: a line each, so that millions need no memory.
//!
//! The columns of CSV and of the table are those that the schema of the artifact names.

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use muster_api::RowView;
use muster_protocol::artifact::{self, Artifact, ColumnType, HashKind, Schema};
use muster_runtime::stdout::Stdout;
use serde_json::Value;

use super::document::Line;
use super::{Format, Out, csv, escape, units};
use crate::failure::{Exit, Failure};

/// Digests in the order in which people look them up.
const DIGESTS: [HashKind; 5] =
    [HashKind::Sha256, HashKind::Blake3, HashKind::Sha1, HashKind::Md5, HashKind::Sha512];

/// Writes rows to stdout or a file in one format.
pub struct RowWriter {
    format: Format,
    to_terminal: bool,
    /// The columns; nothing where this program does not know the artifact.
    schema: Option<&'static Schema>,
    artifact: String,
    sink: Box<dyn Write>,
    written: u64,
}

impl std::fmt::Debug for RowWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RowWriter").field("written", &self.written).finish_non_exhaustive()
    }
}

impl RowWriter {
    /// Writes rows of an artifact to stdout.
    pub fn to_stdout(out: &Out, artifact: &str) -> Self {
        let sink = Box::new(io::BufWriter::new(Stdout));
        Self { to_terminal: out.to_terminal, ..Self::new(out.format, artifact, sink) }
    }

    /// Writes rows of an artifact to a file.
    pub fn to_file(format: Format, artifact: &str, file: std::fs::File) -> Self {
        Self::new(format, artifact, Box::new(io::BufWriter::new(file)))
    }

    fn new(format: Format, artifact: &str, sink: Box<dyn Write>) -> Self {
        let schema = artifact::find(artifact).map(Artifact::schema);
        let artifact = artifact.to_owned();
        Self { format, to_terminal: false, schema, artifact, sink, written: 0 }
    }

    /// Writes one row; as JSON just as it came.
    pub fn row(&mut self, line: &Line<RowView>) -> Result<(), Failure> {
        let mut text = self.shaped(line)?;
        if self.to_terminal {
            let shown = String::from_utf8_lossy(&text);
            text = self.format.on_screen(&shown).into_owned().into_bytes();
        }
        self.sink.write_all(&text).map_err(|error| Failure::stdout(&error))?;
        self.written += 1;
        Ok(())
    }

    /// Flushes the rows that are buffered.
    pub fn flush(&mut self) -> Result<(), Failure> {
        self.sink.flush().map_err(|error| Failure::stdout(&error))
    }

    /// Ends the output; returns how many rows there were.
    pub fn finish(mut self) -> Result<u64, Failure> {
        let end = match (self.format, self.written, self.schema) {
            (Format::Json, 0, _) => "[]\n".to_owned(),
            (Format::Json, _, _) => "\n]\n".to_owned(),
            (Format::Csv, 0, Some(schema)) => csv::head(schema),
            _ => String::new(),
        };
        let ended = self.sink.write_all(end.as_bytes()).and_then(|()| self.sink.flush());
        ended.map_err(|error| Failure::stdout(&error)).map(|()| self.written)
    }

    fn shaped(&self, line: &Line<RowView>) -> Result<Vec<u8>, Failure> {
        let (is_first, json) = (self.written == 0, line.json());
        match self.format {
            Format::Jsonl => Ok([json, b"\n"].concat()),
            Format::Json if is_first => Ok([b"[\n".as_slice(), json].concat()),
            Format::Json => Ok([b",\n".as_slice(), json].concat()),
            Format::Csv => {
                let (row, schema) = (decoded(line)?, self.columns()?);
                let head = if is_first { csv::head(schema) } else { String::new() };
                Ok((head + &csv::line(schema, &row)).into_bytes())
            }
            Format::Table => {
                let (row, schema) = (decoded(line)?, self.columns()?);
                let mut text =
                    if is_first { table_header(schema, &row).into_bytes() } else { Vec::new() };
                text.extend(table_line(schema, &row, self.to_terminal));
                Ok(text)
            }
        }
    }

    fn columns(&self) -> Result<&'static Schema, Failure> {
        self.schema.ok_or_else(|| {
            let cause = format!("this program does not know the columns of {:?}", self.artifact);
            let next = "take a newer muster, or --output jsonl";
            Failure::new(Exit::Usage, "these rows cannot be laid out", cause, next)
        })
    }
}

fn decoded(line: &Line<RowView>) -> Result<RowView, Failure> {
    line.view().map_err(|e| Failure::bug("the coordinator sent a broken row", e))
}

/// Returns the digest that a table shows: of several the one that people look up first.
fn digest(row: &RowView) -> (&'static str, &str) {
    let known = |kind: HashKind| Some((kind.as_str(), row.text(kind.as_str())?));
    DIGESTS.into_iter().find_map(known).unwrap_or(("digest", "-"))
}

/// Returns how wide a column of the table is.
fn width(schema: &Schema, name: &str) -> usize {
    match schema.column(name).map(|column| (column.kind, column.unit)) {
        None => 64,
        Some((ColumnType::U32 | ColumnType::I32, _)) => 7,
        Some((ColumnType::U64 | ColumnType::OptionalU64, _)) => 9,
        Some((ColumnType::Time | ColumnType::OptionalTime, _)) => 30,
        Some(_) => 12,
    }
}

/// Lays out the cells of a table: numbers to the right, and a wider gap before a digest.
fn laid_out(schema: &Schema, name: &str, text: &str, line: &mut Vec<u8>) {
    let width = width(schema, name);
    let is_number = schema.column(name).is_some_and(|column| {
        matches!(
            column.kind,
            ColumnType::U32 | ColumnType::I32 | ColumnType::U64 | ColumnType::OptionalU64
        )
    });
    let text = if is_number { format!("{text:>width$}") } else { format!("{text:<width$}") };
    line.extend_from_slice(if name == "digest" { b"  " } else { b" " });
    line.extend_from_slice(text.as_bytes());
}

fn table_header(schema: &Schema, row: &RowView) -> String {
    let mut line = format!("{:<20}", "AGENT").into_bytes();
    let (last, names) = schema.table.split_last().unwrap_or((&"", &[]));
    for name in names {
        let head = if *name == "digest" { digest(row).0 } else { name };
        laid_out(schema, name, &head.to_uppercase(), &mut line);
    }
    format!("{}  {}\n", String::from_utf8_lossy(&line), last.to_uppercase())
}

fn table_line(schema: &Schema, row: &RowView, to_terminal: bool) -> Vec<u8> {
    let mut line = format!("{:<20}", escape::text(&row.agent)).into_bytes();
    let (last, names) = schema.table.split_last().unwrap_or((&"", &[]));
    for name in names {
        let mut text = shown(schema, row, name);
        if *name == "status" {
            text.push_str(&marks(row));
        }
        laid_out(schema, name, &text, &mut line);
    }
    line.extend_from_slice(b"  ");
    let exact = bytes(row, last);
    if to_terminal {
        line.extend(escape::bytes(&exact).into_bytes());
    } else {
        line.extend(exact);
    }
    line.push(b'\n');
    line
}

fn shown(schema: &Schema, row: &RowView, name: &str) -> String {
    if name == "digest" {
        return escape::text(digest(row).1).into_owned();
    }
    let unit = schema.column(name).map_or("", |column| column.unit);
    match row.columns.get(name) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => escape::text(text).into_owned(),
        Some(Value::Number(number)) if unit == "bytes" => {
            number.as_u64().map_or_else(|| number.to_string(), units::bytes)
        }
        Some(other) => escape::text(&other.to_string()).into_owned(),
    }
}

/// Returns what is to be known of a row beside its status.
fn marks(row: &RowView) -> String {
    let marks = [
        (row.matched.is_some(), " match"),
        (row.uploaded == Some(true), " sent"),
        (row.clone == Some(true), " clone"),
    ];
    marks.into_iter().filter(|(is_so, _)| *is_so).map(|(_, mark)| mark).collect()
}

/// Returns a column that holds bytes, byte for byte.
fn bytes(row: &RowView, name: &str) -> Vec<u8> {
    let exact = row.text(&format!("{name}_b64")).and_then(|b64| STANDARD.decode(b64).ok());
    exact.unwrap_or_else(|| row.text(name).unwrap_or("-").as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use muster_api::Found;
    use muster_protocol::artifact::Rows;
    use muster_protocol::artifact::file_hash::{FILE_HASH, FileKind, FileStatus, Row, SCHEMA};

    use super::*;

    fn row(path: impl AsRef<[u8]>) -> RowView {
        let row = Row::bare(path.as_ref().to_vec(), FileKind::Regular, FileStatus::Ok, 0);
        let rows = Rows::of([row]);
        let found = Found { hunt: "h", agent: "a", host: "m", ..Found::default() };
        found.view(&rows.iter().next().unwrap(), &[]).unwrap()
    }

    fn line(row: &RowView) -> Line<RowView> {
        Line::new(serde_json::to_vec(row).unwrap())
    }

    #[test]
    fn a_path_is_escaped_on_a_terminal_and_raw_to_a_pipe() {
        let row = row("/x\u{1b}[2J");
        let shown = table_line(&SCHEMA, &row, true);
        assert!(!shown.contains(&0x1b), "{}", String::from_utf8_lossy(&shown));
        assert!(table_line(&SCHEMA, &row, false).ends_with(b"/x\x1b[2J\n"));
    }

    #[test]
    fn a_path_that_is_not_utf8_reaches_a_pipe_exactly() {
        let row = row(b"/\xff");
        assert!(table_line(&SCHEMA, &row, false).ends_with(b"/\xff\n"));
        assert!(table_line(&SCHEMA, &row, true).ends_with(b"/\\xff\n"));
    }

    #[test]
    fn no_format_shows_a_terminal_what_it_would_obey() {
        #[derive(Clone, Default)]
        struct Kept(std::rc::Rc<std::cell::RefCell<Vec<u8>>>);
        impl Write for Kept {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.borrow_mut().write(bytes)
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let row = row("/x\u{1b}[2J\u{9b}1m\u{202e}\u{7f}\r/y");
        let line = line(&row);
        let printed = |format, to_terminal| {
            let kept = Kept::default();
            let sink = Box::new(kept.clone());
            let mut rows = RowWriter { to_terminal, ..RowWriter::new(format, FILE_HASH, sink) };
            rows.row(&line).unwrap();
            rows.finish().unwrap();
            String::from_utf8(kept.0.take()).unwrap()
        };
        for format in [Format::Table, Format::Json, Format::Jsonl, Format::Csv] {
            let shown = printed(format, true);
            let bad = |c: char| "\u{1b}\u{9b}\u{202e}\u{7f}".contains(c);
            assert!(!shown.contains(bad), "{format:?}: {shown:?}");
            assert!(!shown.replace("\r\n", "").contains('\r'), "{format:?}: {shown:?}");
            assert!(printed(format, false).contains('\u{202e}'), "{format:?} raw to a pipe");
        }
        assert_eq!(serde_json::from_str::<RowView>(&printed(Format::Jsonl, true)).unwrap(), row);
    }

    #[test]
    fn csv_rows_are_neutralised() {
        let rows = RowWriter {
            written: 1,
            ..RowWriter::new(Format::Csv, FILE_HASH, Box::new(Vec::new()))
        };
        let text = String::from_utf8(rows.shaped(&line(&row("=cmd|x"))).unwrap()).unwrap();
        assert!(text.contains(",'=cmd|x,"), "{text}");
    }
}
