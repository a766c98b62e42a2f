//! Comma-separated cells that no spreadsheet executes, and rows of such cells.
//!
//! The columns of rows are those that the schema of the artifact names.

use muster_protocol::artifact::{Column, ColumnType, Schema};
use serde_json::Value;

use crate::RowView;

/// What rows have before the columns of the artifact, and behind them.
const BEFORE: [&str; 3] = ["hunt", "agent", "host"];
const BEHIND: [&str; 3] = ["match", "uploaded", "clone"];

/// Writes a text cell: neutralised (a leading `=`, `+`, `-`, `@`, tab or carriage return gets a `'` in
/// front) and quoted where it must be.
pub fn text(cell: &str) -> String {
    let is_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    quoted(&if is_formula { format!("'{cell}") } else { cell.to_owned() })
}

/// Quotes a cell where it must be.
pub fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) || cell.starts_with(' ') || cell.ends_with(' ') {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

/// Returns the first line of a file with rows.
pub fn head(schema: &Schema) -> String {
    let own = schema.columns.iter().flat_map(names);
    let names = BEFORE.iter().map(|name| (*name).to_owned()).chain(own);
    let names: Vec<_> = names.chain(BEHIND.iter().map(|name| (*name).to_owned())).collect();
    names.join(",") + "\r\n"
}

/// Returns the line of a row.
pub fn line(schema: &Schema, row: &RowView) -> String {
    let own = |name: String| row.columns.get(&name).map_or_else(String::new, cell);
    let flag = |flag: Option<bool>| flag.map_or_else(String::new, |is_so| is_so.to_string());
    let mut cells: Vec<_> = [&row.hunt, &row.agent, &row.host].map(|of| text(of)).into();
    cells.extend(schema.columns.iter().flat_map(names).map(own));
    cells.push(row.matched.as_deref().map_or_else(String::new, text));
    cells.extend([flag(row.uploaded), flag(row.clone)]);
    cells.join(",") + "\r\n"
}

/// Returns the names of the cells that a column takes.
fn names(column: &Column) -> impl Iterator<Item = String> {
    let is_bytes = matches!(column.kind, ColumnType::Bytes | ColumnType::OptionalBytes);
    let exact = is_bytes.then(|| format!("{}_b64", column.name));
    std::iter::once(column.name.to_owned()).chain(exact)
}

/// Writes one value: text is neutralised, what is nested is JSON.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(of) => text(of),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(_) | Value::Object(_) => quoted(&value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use muster_protocol::artifact::Rows;
    use muster_protocol::artifact::file_hash::{FileKind, FileStatus, Row, SCHEMA};

    use crate::Found;

    #[test]
    fn a_line_has_a_cell_for_each_of_the_head() {
        let row = Row::bare(b"/a,\xff".to_vec(), FileKind::Regular, FileStatus::Denied, 13);
        let rows = Rows::of([row]);
        let found = Found { hunt: "h", agent: "a", host: "=m", is_clone: true, ..Found::default() };
        let view = found.view(&rows.iter().next().unwrap(), &[]).unwrap();
        let (head, line) = (super::head(&SCHEMA), super::line(&SCHEMA, &view));
        assert!(head.starts_with("hunt,agent,host,path,path_b64,kind,status,errno,"), "{head}");
        assert!(head.ends_with(",match,uploaded,clone\r\n"), "{head}");
        assert!(line.starts_with("h,a,'=m,\"/a,\u{fffd}\",L2Es/w==,file,denied,13,0,,"), "{line}");
        assert!(line.ends_with(",,,true\r\n"), "{line}");
        let commas = |text: &str| text.matches(',').count();
        assert_eq!(commas(&line), commas(&head) + 1, "the path has a comma of its own");
    }

    #[test]
    fn formulas_are_neutralised() {
        for evil in ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\r=1"] {
            let cell = super::text(evil);
            assert!(cell.trim_start_matches('"').starts_with('\''), "{cell:?}");
        }
        assert_eq!(super::text("=HYPERLINK(\"http://x\")"), "\"'=HYPERLINK(\"\"http://x\"\")\"");
    }

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        assert_eq!(super::text("/a,b"), "\"/a,b\"");
        assert_eq!(super::text("a\"b"), "\"a\"\"b\"");
        assert_eq!(super::text("a\nb"), "\"a\nb\"");
        assert_eq!(super::text("plain"), "plain");
    }
}
