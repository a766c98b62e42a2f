//! Lists of things: a table for people, or cells for a spreadsheet.

use comfy_table::{CellAlignment, Table, presets};

use super::cell::{Cell, Show};

/// One column of a list of `T`: its heading, its name in CSV, how people see it, and its value.
#[derive(Debug)]
pub struct Column<T> {
    head: &'static str,
    name: &'static str,
    show: Show,
    value: fn(&T) -> Cell<'_>,
}

// Derived, they would ask the same of `T`.
impl<T> Clone for Column<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Column<T> {}

impl<T> Column<T> {
    /// Makes a column. The name in CSV is the field's name in the API, with a dot on the way into an object.
    pub const fn new(
        head: &'static str,
        name: &'static str,
        show: Show,
        value: fn(&T) -> Cell<'_>,
    ) -> Self {
        Self { head, name, show, value }
    }

    /// Returns the name in CSV.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Returns whether there is nothing to show.
    pub fn is_empty(&self, row: &T) -> bool {
        (self.value)(row) == Cell::Nothing
    }

    fn shown(&self, row: &T) -> String {
        (self.value)(row).shown(self.show)
    }
}

/// Lays out a table without lines; numbers to the right.
pub fn table<'a, T: 'a>(columns: &[Column<T>], rows: impl IntoIterator<Item = &'a T>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(columns.iter().map(|column| column.head.to_uppercase()));
    for row in rows {
        table.add_row(columns.iter().map(|column| column.shown(row)));
    }
    for (at, column) in columns.iter().enumerate() {
        if let (false, Some(laid)) = (column.show.is_left(), table.column_mut(at)) {
            laid.set_cell_alignment(CellAlignment::Right);
        }
    }
    let lines: Vec<_> = table.lines().collect();
    let trimmed: Vec<_> = lines.iter().map(|line| line.trim_end()).collect();
    trimmed.join("\n") + "\n"
}

/// Writes a header and a line for each row.
pub fn csv<'a, T: 'a>(columns: &[Column<T>], rows: impl IntoIterator<Item = &'a T>) -> String {
    let mut out = csv_header(columns);
    for row in rows {
        out.push_str(&csv_row(columns, row));
    }
    out
}

/// Writes the names of the columns.
pub(super) fn csv_header<T>(columns: &[Column<T>]) -> String {
    csv_line(columns.iter().map(|column| column.name.to_owned()))
}

/// Writes the cells of one row.
pub(super) fn csv_row<T>(columns: &[Column<T>], row: &T) -> String {
    csv_line(columns.iter().map(|column| (column.value)(row).csv()))
}

fn csv_line(cells: impl Iterator<Item = String>) -> String {
    format!("{}\r\n", cells.collect::<Vec<_>>().join(","))
}

/// Writes the fields of one thing below each other.
pub fn fields<T>(columns: &[Column<T>], row: &T) -> String {
    let width = columns.iter().map(|column| column.head.chars().count()).max().unwrap_or(0);
    let line = |column: &Column<T>| format!("{:width$}  {}", column.head, column.shown(row));
    columns.iter().map(line).collect::<Vec<_>>().join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    struct Row {
        id: &'static str,
        rss: Option<u64>,
        labels: BTreeMap<String, String>,
    }

    const COLUMNS: &[Column<Row>] = &[
        Column::new("id", "id", Show::Text, |row| row.id.into()),
        Column::new("rss", "last.rss", Show::Bytes, |row| row.rss.into()),
        Column::new("labels", "labels", Show::Pairs, |row| (&row.labels).into()),
    ];

    #[test]
    fn a_table_shows_units_and_escapes_text() {
        let labels = BTreeMap::from([("role".to_owned(), "db".to_owned())]);
        let text = table(COLUMNS, &[Row { id: "a\u{1b}[1m", rss: Some(12_000_000), labels }]);
        assert_eq!(text, " ID              RSS  LABELS\n a\\u{1b}[1m  12.0 MB  role=db\n");
    }

    #[test]
    fn csv_has_the_field_names_and_plain_values() {
        let rows = [Row { id: "=cmd", rss: Some(12), labels: BTreeMap::new() }];
        assert_eq!(csv(COLUMNS, &rows), "id,last.rss,labels\r\n'=cmd,12,{}\r\n");
    }

    #[test]
    fn what_is_missing_is_a_dash() {
        let row = Row { id: "x", rss: None, labels: BTreeMap::new() };
        assert_eq!(fields(COLUMNS, &row), "id      x\nrss     -\nlabels  -\n");
    }
}
