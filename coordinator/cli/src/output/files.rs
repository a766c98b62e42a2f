//! File rows as they stream in: a line each, so that millions need no memory.

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use muster_api::FileRow;
use muster_runtime::stdout::Stdout;

use super::document::Line;
use super::listing::{self, Column};
use super::{Cell, Format, Out, Show, escape, units};
use crate::failure::Failure;

/// The columns of CSV.
const COLUMNS: &[Column<FileRow>] = &[
    column("hunt", |row| (&row.hunt).into()),
    column("agent", |row| (&row.agent).into()),
    column("host", |row| (&row.host).into()),
    column("path", |row| (&row.path).into()),
    column("path_b64", |row| row.path_b64.as_deref().into()),
    column("kind", |row| (&row.kind).into()),
    column("status", |row| (&row.status).into()),
    column("errno", |row| i64::from(row.errno).into()),
    column("size", |row| row.size.into()),
    column("mtime", |row| row.mtime.as_deref().into()),
    column("ctime", |row| row.ctime.as_deref().into()),
    column("btime", |row| row.btime.as_deref().into()),
    column("atime", |row| row.atime.as_deref().into()),
    column("mode", |row| row.mode.into()),
    column("uid", |row| row.uid.into()),
    column("gid", |row| row.gid.into()),
    column("nlink", |row| row.nlink.into()),
    column("dev", |row| row.dev.into()),
    column("ino", |row| row.ino.into()),
    column("md5", |row| row.md5.as_deref().into()),
    column("sha1", |row| row.sha1.as_deref().into()),
    column("sha256", |row| row.sha256.as_deref().into()),
    column("sha512", |row| row.sha512.as_deref().into()),
    column("blake3", |row| row.blake3.as_deref().into()),
    column("match", |row| row.matched.as_deref().into()),
    column("uploaded", |row| row.uploaded.into()),
    column("clone", |row| row.clone.into()),
];

const fn column(name: &'static str, value: fn(&FileRow) -> Cell<'_>) -> Column<FileRow> {
    Column::new(name, name, Show::Text, value)
}

/// Writes rows to stdout or a file in one format.
pub struct FileRows {
    format: Format,
    to_terminal: bool,
    sink: Box<dyn Write>,
    written: u64,
}

impl std::fmt::Debug for FileRows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileRows").field("written", &self.written).finish_non_exhaustive()
    }
}

impl FileRows {
    /// Writes to stdout.
    pub fn to_stdout(out: &Out) -> Self {
        let sink = Box::new(io::BufWriter::new(Stdout));
        Self { format: out.format, to_terminal: out.to_terminal, sink, written: 0 }
    }

    /// Writes to a file.
    pub fn to_file(format: Format, file: std::fs::File) -> Self {
        let sink = Box::new(io::BufWriter::new(file));
        Self { format, to_terminal: false, sink, written: 0 }
    }

    /// Writes one row; as JSON just as it came.
    pub fn row(&mut self, line: &Line<FileRow>) -> Result<(), Failure> {
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
        let end = match (self.format, self.written) {
            (Format::Json, 0) => "[]\n".to_owned(),
            (Format::Json, _) => "\n]\n".to_owned(),
            (Format::Csv, 0) => header(),
            _ => String::new(),
        };
        let ended = self.sink.write_all(end.as_bytes()).and_then(|()| self.sink.flush());
        ended.map_err(|error| Failure::stdout(&error)).map(|()| self.written)
    }

    fn shaped(&self, line: &Line<FileRow>) -> Result<Vec<u8>, Failure> {
        let (is_first, json) = (self.written == 0, line.json());
        match self.format {
            Format::Jsonl => Ok([json, b"\n"].concat()),
            Format::Json if is_first => Ok([b"[\n".as_slice(), json].concat()),
            Format::Json => Ok([b",\n".as_slice(), json].concat()),
            Format::Csv => {
                let head = if is_first { header() } else { String::new() };
                let row = decoded(line)?;
                Ok((head + &listing::csv_row(COLUMNS, &row)).into_bytes())
            }
            Format::Table => {
                let row = decoded(line)?;
                let mut text = if is_first { table_header(&row) } else { Vec::new() };
                text.extend(table_line(&row, self.to_terminal));
                Ok(text)
            }
        }
    }
}

fn header() -> String {
    listing::csv_header(COLUMNS)
}

fn decoded(line: &Line<FileRow>) -> Result<FileRow, Failure> {
    line.view().map_err(|e| Failure::bug("the coordinator sent a broken row", e))
}

/// Returns the digest that a table shows: of several the one that people look up first.
fn digest(row: &FileRow) -> (&'static str, &str) {
    let digests = [
        ("sha256", &row.sha256),
        ("blake3", &row.blake3),
        ("sha1", &row.sha1),
        ("md5", &row.md5),
        ("sha512", &row.sha512),
    ];
    let mut known = digests.into_iter().filter_map(|(name, of)| Some((name, of.as_deref()?)));
    known.next().unwrap_or(("digest", "-"))
}

fn table_header(row: &FileRow) -> Vec<u8> {
    let (name, _) = digest(row);
    let name = name.to_uppercase();
    format!("{:<20} {:<12} {:>9}  {name:<64}  PATH\n", "AGENT", "STATUS", "SIZE").into_bytes()
}

fn table_line(row: &FileRow, to_terminal: bool) -> Vec<u8> {
    let size = units::bytes(row.size);
    let (_, digest) = digest(row);
    let digest = escape::text(digest);
    let (agent, mut status) = (escape::text(&row.agent), escape::text(&row.status).into_owned());
    let marks = [
        (row.matched.is_some(), " match"),
        (row.uploaded == Some(true), " sent"),
        (row.clone == Some(true), " clone"),
    ];
    status.extend(marks.into_iter().filter(|(is_so, _)| *is_so).map(|(_, mark)| mark));
    let mut line = format!("{agent:<20} {status:<12} {size:>9}  {digest:<64}  ").into_bytes();
    let path = path(row);
    if to_terminal {
        line.extend(escape::bytes(&path).into_bytes());
    } else {
        line.extend(path);
    }
    line.push(b'\n');
    line
}

/// Returns the path, byte for byte.
fn path(row: &FileRow) -> Vec<u8> {
    let exact = row.path_b64.as_ref().and_then(|b64| STANDARD.decode(b64).ok());
    exact.unwrap_or_else(|| row.path.clone().into_bytes())
}

#[cfg(test)]
mod tests {
    use muster_protocol::result::{FileKind, FileStatus, Row};

    use super::*;

    fn row(path: &str) -> FileRow {
        let row = Row::bare(path.as_bytes().to_vec(), FileKind::Regular, FileStatus::Ok, 0);
        FileRow::new("h".into(), "a".into(), "m".into(), &row)
    }

    fn line(row: &FileRow) -> Line<FileRow> {
        Line::new(serde_json::to_vec(row).unwrap())
    }

    #[test]
    fn a_path_is_escaped_on_a_terminal_and_raw_to_a_pipe() {
        let row = row("/x\u{1b}[2J");
        let shown = table_line(&row, true);
        assert!(!shown.contains(&0x1b), "{}", String::from_utf8_lossy(&shown));
        assert!(table_line(&row, false).ends_with(b"/x\x1b[2J\n"));
    }

    #[test]
    fn a_path_that_is_not_utf8_reaches_a_pipe_exactly() {
        let row = FileRow { path_b64: Some(STANDARD.encode(b"/\xff")), ..row("/\u{fffd}") };
        assert!(table_line(&row, false).ends_with(b"/\xff\n"));
        assert!(table_line(&row, true).ends_with(b"/\\xff\n"));
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
            let mut rows = FileRows { format, to_terminal, sink, written: 0 };
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
        assert_eq!(serde_json::from_str::<FileRow>(&printed(Format::Jsonl, true)).unwrap(), row);
    }

    #[test]
    fn csv_rows_are_neutralised() {
        let rows = FileRows {
            format: Format::Csv,
            to_terminal: false,
            sink: Box::new(Vec::new()),
            written: 1,
        };
        let text = String::from_utf8(rows.shaped(&line(&row("=cmd|x"))).unwrap()).unwrap();
        assert!(text.contains(",'=cmd|x,"), "{text}");
    }
}
