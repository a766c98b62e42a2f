//! Comma-separated cells that no spreadsheet executes.

/// Writes a text cell: neutralised (a leading `=`, `+`, `-`, `@`, tab or carriage return gets a `'` in
/// front) and quoted where it must be.
pub fn text(cell: &str) -> String {
    let is_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    quoted(&if is_formula { format!("'{cell}") } else { cell.to_owned() })
}

/// Quotes a cell where it must be.
pub(super) fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) || cell.starts_with(' ') || cell.ends_with(' ') {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

#[cfg(test)]
mod tests {
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
