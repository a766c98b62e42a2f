//! `muster who-has`: which agents hold a file with one of these digests.

use common::request::hunt::HashKind;
use serde_json::Value;

use super::Context;
use super::args::WhoHas;
use super::failure::{Exit, Failure};
use crate::output::listing::field;
use crate::output::{Column, Show};

/// Digests of one question.
const PART: usize = 64;

const COLUMNS: &[Column] = &[
    Column::new("agent", "agent", Show::Text),
    Column::new("host", "host", Show::Text),
    Column::new("hunt", "hunt", Show::Text),
    Column::new("size", "size", Show::Bytes),
    Column::new("sha256", "sha256", Show::Text),
    Column::new("sha512", "sha512", Show::Text),
    Column::new("blake3", "blake3", Show::Text),
    Column::new("sha1", "sha1", Show::Text),
    Column::new("md5", "md5", Show::Text),
    Column::new("path", "path", Show::Text),
];

pub(super) fn run(context: &Context, flags: &WhoHas) -> Result<Exit, Failure> {
    let hashes: Vec<String> =
        flags.hashes.iter().map(|hash| digest(hash)).collect::<Result<_, _>>()?;
    let client = context.client()?;
    let mut rows = Vec::new();
    for part in hashes.chunks(PART) {
        let query: Vec<_> = part.iter().map(|hash| format!("hash={hash}")).collect();
        let answer = client.get(&format!("/api/v1/who-has?{}", query.join("&")))?;
        // Either the rows themselves, or a document that holds them.
        let found = answer.as_array().or_else(|| field(&answer, "rows").as_array());
        rows.extend(found.into_iter().flatten().cloned());
    }
    let shown: Vec<Column> =
        COLUMNS.iter().copied().filter(|column| is_used(&rows, column)).collect();
    context.out.list(&shown, &rows)?;
    if rows.is_empty() {
        context.out.note("no hunt that has landed found such a file");
        return Ok(Exit::NothingMatched);
    }
    Ok(Exit::Done)
}

/// Tells whether a column says anything; the digests that no row has are left out.
fn is_used(rows: &[Value], column: &Column) -> bool {
    HashKind::ALL.iter().all(|kind| kind.as_str() != column.field)
        || rows.iter().any(|row| !field(row, column.field).is_null())
}

/// Checks one digest by its length.
fn digest(text: &str) -> Result<String, Failure> {
    let lower = text.trim().to_ascii_lowercase();
    let is_hex = lower.bytes().all(|b| b.is_ascii_hexdigit());
    if is_hex && HashKind::ALL.iter().any(|kind| lower.len() == 2 * kind.bytes()) {
        return Ok(lower);
    }
    let cause = format!(
        "{:?} is not 32, 40, 64 or 128 hexadecimal digits",
        text.chars().take(80).collect::<String>()
    );
    let fix = "give md5, sha1, sha256, sha512 or blake3 in hexadecimal";
    Err(Failure::usage("this is not a digest", cause, fix))
}

#[cfg(test)]
mod tests {
    #[test]
    fn digests_are_checked() {
        assert_eq!(super::digest(&"AB".repeat(32)).unwrap(), "ab".repeat(32));
        assert_eq!(super::digest(&"ab".repeat(64)).unwrap().len(), 128);
        assert!(super::digest("abcd").is_err());
        assert!(super::digest(&"zz".repeat(32)).is_err());
    }
}
