//! Lists of things: a table for people, or cells for a spreadsheet.
//!
//! Things are JSON objects with the API's own field names; a [`Column`] says which field to show and how.

use comfy_table::{CellAlignment, Table, presets};
use serde_json::Value;

use super::{Show, csv as cells, escape, units};

/// One column: its heading, the path of the field (`a.b`), and how it is shown.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// The heading in a table.
    pub head: &'static str,
    /// The field; its name in CSV.
    pub field: &'static str,
    /// How people see it.
    pub show: Show,
}

impl Column {
    /// Makes a column.
    pub const fn new(head: &'static str, field: &'static str, show: Show) -> Self {
        Self { head, field, show }
    }
}

/// Lays out a table without lines; numbers to the right.
pub fn table(columns: &[Column], values: &[Value]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(columns.iter().map(|column| column.head.to_uppercase()));
    for value in values {
        table.add_row(columns.iter().map(|column| shown(column.show, field(value, column.field))));
    }
    for (at, column) in columns.iter().enumerate() {
        let is_left = matches!(column.show, Show::Text | Show::Time | Show::Pairs);
        if let (false, Some(laid)) = (is_left, table.column_mut(at)) {
            laid.set_cell_alignment(CellAlignment::Right);
        }
    }
    let lines: Vec<_> = table.lines().collect();
    let trimmed: Vec<_> = lines.iter().map(|line| line.trim_end()).collect();
    trimmed.join("\n") + "\n"
}

/// Writes a header and a line a thing.
pub fn csv(columns: &[Column], values: &[Value]) -> String {
    let header: Vec<_> = columns.iter().map(|column| column.field).collect();
    let mut out = format!("{}\r\n", header.join(","));
    for value in values {
        let line: Vec<_> =
            columns.iter().map(|column| cells::value(field(value, column.field))).collect();
        out.push_str(&line.join(","));
        out.push_str("\r\n");
    }
    out
}

/// Writes the fields of one thing below each other.
pub fn fields(columns: &[Column], value: &Value) -> String {
    let width = columns.iter().map(|column| column.head.chars().count()).max().unwrap_or(0);
    let line = |column: &Column| {
        let text = shown(column.show, field(value, column.field));
        format!("{:width$}  {text}", column.head)
    };
    columns.iter().map(line).collect::<Vec<_>>().join("\n") + "\n"
}

/// Finds a field by its path; null where there is none.
pub fn field<'a>(value: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(value, |at, name| at.get(name).unwrap_or(&Value::Null))
}

/// Writes a value for people.
pub fn shown(show: Show, value: &Value) -> String {
    if value.is_null() {
        return "-".to_owned();
    }
    match show {
        Show::Count => value.as_u64().map_or_else(|| plain(value), units::count),
        Show::Bytes => value.as_u64().map_or_else(|| plain(value), units::bytes),
        Show::Duration => value.as_u64().map_or_else(|| plain(value), units::duration_ms),
        Show::Percent => value.as_f64().map_or_else(|| plain(value), |v| format!("{v:.1} %")),
        Show::Points => value.as_f64().map_or_else(|| plain(value), |v| format!("{v:+.1}")),
        Show::Time => time(value),
        Show::Pairs => pairs(value),
        Show::Text | Show::Right => plain(value),
    }
}

fn time(value: &Value) -> String {
    match value {
        Value::Number(ms) => {
            let ms = ms.as_i64().unwrap_or_default();
            if ms == 0 { "-".to_owned() } else { muster_protocol::clock::Timestamp(ms).to_string() }
        }
        other => plain(other),
    }
}

fn pairs(value: &Value) -> String {
    let items: Vec<String> = match value {
        Value::Object(map) => map.iter().map(|(k, v)| pair(k, v)).collect(),
        Value::Array(items) => items.iter().map(plain).collect(),
        other => vec![plain(other)],
    };
    if items.is_empty() { "-".to_owned() } else { items.join(" ") }
}

fn pair(key: &str, value: &Value) -> String {
    let (key, value) = (escape::text(key).into_owned(), plain(value));
    if value.is_empty() { key } else { format!("{key}={value}") }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => escape::text(text).into_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        other => escape::text(&other.to_string()).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Show;
    use super::{Column, csv, fields, table};

    const COLUMNS: &[Column] = &[
        Column::new("id", "id", Show::Text),
        Column::new("rss", "last.rss", Show::Bytes),
        Column::new("labels", "labels", Show::Pairs),
    ];

    #[test]
    fn a_table_shows_units_and_nested_fields() {
        let rows =
            [json!({"id": "a\u{1b}[1m", "last": {"rss": 12_000_000}, "labels": {"role": "db"}})];
        let text = table(COLUMNS, &rows);
        assert!(text.contains("12.0 MB"), "{text}");
        assert!(text.contains("role=db"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }

    #[test]
    fn csv_has_the_field_names_and_plain_values() {
        let rows = [json!({"id": "=cmd", "last": {"rss": 12}})];
        assert_eq!(csv(COLUMNS, &rows), "id,last.rss,labels\r\n'=cmd,12,\r\n");
    }

    #[test]
    fn what_is_missing_is_a_dash() {
        assert_eq!(fields(COLUMNS, &json!({"id": "x"})), "id      x\nrss     -\nlabels  -\n");
    }
}
