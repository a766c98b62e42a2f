//! File rows as they stream in: a line each, so that millions need no memory.

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use muster_runtime::stdout::Stdout;
use serde_json::Value;

use super::{Format, Out, csv, escape, units};
use crate::failure::Failure;

/// The columns of CSV.
const FIELDS: [&str; 27] = [
    "hunt", "agent", "host", "path", "path_b64", "kind", "status", "errno", "size", "mtime",
    "ctime", "btime", "atime", "mode", "uid", "gid", "nlink", "dev", "ino", "md5", "sha1",
    "sha256", "sha512", "blake3", "match", "uploaded", "clone",
];

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

    /// Writes one row, which came as a line of JSON.
    pub fn row(&mut self, line: &[u8]) -> Result<(), Failure> {
        let mut text = self.shaped(line)?;
        if self.to_terminal {
            let shown = String::from_utf8_lossy(&text);
            text = self.format.on_screen(&shown).into_owned().into_bytes();
        }
        self.sink.write_all(&text).map_err(|error| Failure::stdout(&error))?;
        self.written += 1;
        Ok(())
    }

    /// Lets go of what is held back.
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

    fn shaped(&self, line: &[u8]) -> Result<Vec<u8>, Failure> {
        let is_first = self.written == 0;
        match self.format {
            Format::Jsonl => Ok([line, b"\n"].concat()),
            Format::Json if is_first => Ok([b"[\n".as_slice(), line].concat()),
            Format::Json => Ok([b",\n".as_slice(), line].concat()),
            Format::Csv => {
                let head = if is_first { header() } else { String::new() };
                let row = parsed(line)?;
                let cells: Vec<_> = FIELDS
                    .iter()
                    .map(|field| csv::value(row.get(*field).unwrap_or(&Value::Null)))
                    .collect();
                Ok(format!("{head}{}\r\n", cells.join(",")).into_bytes())
            }
            Format::Table => {
                let row = parsed(line)?;
                let mut text = if is_first { table_header(&row) } else { Vec::new() };
                text.extend(table_line(&row, self.to_terminal));
                Ok(text)
            }
        }
    }
}

fn header() -> String {
    format!("{}\r\n", FIELDS.join(","))
}

fn parsed(line: &[u8]) -> Result<Value, Failure> {
    serde_json::from_slice(line).map_err(|e| Failure::bug("the coordinator sent a broken row", e))
}

/// The digest that a table shows: of several the one that people look up first.
fn digest(row: &Value) -> (&'static str, &str) {
    let of = |name| row.get(name).and_then(Value::as_str);
    ["sha256", "blake3", "sha1", "md5", "sha512"]
        .into_iter()
        .find_map(|name| of(name).map(|digest| (name, digest)))
        .unwrap_or(("digest", "-"))
}

fn table_header(row: &Value) -> Vec<u8> {
    let (name, _) = digest(row);
    let name = name.to_uppercase();
    format!("{:<20} {:<12} {:>9}  {name:<64}  PATH\n", "AGENT", "STATUS", "SIZE").into_bytes()
}

fn table_line(row: &Value, to_terminal: bool) -> Vec<u8> {
    let text = |name: &str| escape::text(row.get(name).and_then(Value::as_str).unwrap_or("-"));
    let size = row.get("size").and_then(Value::as_u64).map_or_else(|| "-".to_owned(), units::bytes);
    let (_, digest) = digest(row);
    let digest = escape::text(digest);
    let (agent, mut status) = (text("agent"), text("status").into_owned());
    if row.get("match").is_some_and(Value::is_string) {
        status.push_str(" match");
    }
    if row.get("uploaded").is_some_and(|uploaded| *uploaded == Value::Bool(true)) {
        status.push_str(" sent");
    }
    if row.get("clone").is_some_and(|clone| *clone == Value::Bool(true)) {
        status.push_str(" clone");
    }
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
fn path(row: &Value) -> Vec<u8> {
    let exact =
        row.get("path_b64").and_then(Value::as_str).and_then(|b64| STANDARD.decode(b64).ok());
    let lossy = || row.get("path").and_then(Value::as_str).unwrap_or_default().as_bytes().to_vec();
    exact.unwrap_or_else(lossy)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_is_escaped_on_a_terminal_and_raw_to_a_pipe() {
        let row =
            json!({"agent": "a", "status": "ok", "size": 5, "sha256": "ab", "path": "/x\u{1b}[2J"});
        let shown = table_line(&row, true);
        assert!(!shown.contains(&0x1b), "{}", String::from_utf8_lossy(&shown));
        assert!(table_line(&row, false).ends_with(b"/x\x1b[2J\n"));
    }

    #[test]
    fn a_path_that_is_not_utf8_reaches_a_pipe_exactly() {
        let row = json!({"path": "/\u{fffd}", "path_b64": STANDARD.encode(b"/\xff")});
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
        let row = json!({"agent": "a", "path": "/x\u{1b}[2J\u{9b}1m\u{202e}\u{7f}\r/y"});
        let line = row.to_string();
        let printed = |format, to_terminal| {
            let kept = Kept::default();
            let sink = Box::new(kept.clone());
            let mut rows = FileRows { format, to_terminal, sink, written: 0 };
            rows.row(line.as_bytes()).unwrap();
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
        assert_eq!(serde_json::from_str::<Value>(&printed(Format::Jsonl, true)).unwrap(), row);
    }

    #[test]
    fn csv_rows_are_neutralised() {
        let line = br#"{"agent":"a","path":"=cmd|x","size":3}"#;
        let rows = FileRows {
            format: Format::Csv,
            to_terminal: false,
            sink: Box::new(Vec::new()),
            written: 1,
        };
        let text = String::from_utf8(rows.shaped(line).unwrap()).unwrap();
        assert!(text.contains(",'=cmd|x,"), "{text}");
    }
}
