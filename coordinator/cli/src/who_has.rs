//! `muster who-has`: which agents hold a file with one of these digests.

use muster_api::{RowView, WhoHas};
use muster_protocol::artifact::HashKind;
use muster_protocol::hex;

use super::Context;
use super::args::WhoHas as Flags;
use super::failure::{Exit, Failure};
use super::listed;
use crate::output::{Column, Document, Show};

/// Digests of one question.
const PART: usize = 64;

const COLUMNS: &[Column<RowView>] = &[
    Column::new("agent", "agent", Show::Text, |row| (&row.agent).into()),
    Column::new("host", "host", Show::Text, |row| (&row.host).into()),
    Column::new("hunt", "hunt", Show::Text, |row| (&row.hunt).into()),
    Column::new("artifact", "artifact", Show::Text, |row| (&row.artifact).into()),
    Column::new("size", "size", Show::Bytes, |row| row.number("size").into()),
    Column::new("sha256", "sha256", Show::Text, |row| row.text("sha256").into()),
    Column::new("sha512", "sha512", Show::Text, |row| row.text("sha512").into()),
    Column::new("blake3", "blake3", Show::Text, |row| row.text("blake3").into()),
    Column::new("sha1", "sha1", Show::Text, |row| row.text("sha1").into()),
    Column::new("md5", "md5", Show::Text, |row| row.text("md5").into()),
    Column::new("path", "path", Show::Text, |row| where_it_is(row).into()),
];

pub(super) fn run(context: &Context, flags: &Flags) -> Result<Exit, Failure> {
    let hashes: Vec<Vec<String>> =
        flags.hashes.iter().map(|hash| digests(hash)).collect::<Result<_, _>>()?;
    let hashes = hashes.concat();
    let client = context.client()?;
    let mut rows = Vec::new();
    for part in hashes.chunks(PART) {
        let query: Vec<_> = part.iter().map(|hash| format!("hash={hash}")).collect();
        let answer: WhoHas = client.get(&format!("/api/v1/who-has?{}", query.join("&")))?;
        rows.extend(answer.rows);
    }
    let is_used = |column: &&Column<RowView>| is_used(&rows, column);
    let shown: Vec<_> = COLUMNS.iter().filter(is_used).copied().collect();
    let rows = Document::of_all(rows)?;
    context.out.list(&shown, &rows)?;
    if rows.is_empty() {
        context.out.note("no hunt that has landed found such a file");
        return Ok(Exit::NothingMatched);
    }
    Ok(Exit::Done)
}

/// Returns the column that a table of the artifact ends with: the path of a file, or of the file that a process runs.
fn where_it_is(row: &RowView) -> Option<&str> {
    row.text(row.schema()?.table.last()?)
}

/// Returns whether a column is shown: digests that no row has are left out.
fn is_used(rows: &[RowView], column: &Column<RowView>) -> bool {
    HashKind::ALL.iter().all(|kind| kind.as_str() != column.name())
        || rows.iter().any(|row| !column.is_empty(row))
}

/// Reads the digests of an argument, in any form that a list of hashes may have.
fn digests(text: &str) -> Result<Vec<String>, Failure> {
    let found = listed::of_text(text).map_err(|unclear| {
        let shown: String = unclear.text.chars().take(80).collect();
        let next = "give md5, sha1, sha256, sha512 or blake3 in hexadecimal";
        Failure::usage("this is not a digest", format!("{shown:?}: {}", unclear.why), next)
    })?;
    Ok(found.into_iter().map(|(_, digest)| hex::encode(&digest)).collect())
}

#[cfg(test)]
mod tests {
    #[test]
    fn digests_are_read_as_lists_hold_them() {
        let digest = "ab".repeat(32);
        for text in [
            digest.to_uppercase(),
            format!("sha256:{digest}"),
            format!("SHA-256={digest}"),
            format!("blake3:{digest}"),
            format!("0x{digest}"),
            format!(" {digest}\n"),
        ] {
            assert_eq!(super::digests(&text).unwrap(), [digest.as_str()], "{text}");
        }
        assert_eq!(super::digests(&"ab".repeat(64)).unwrap()[0].len(), 128);
        let two = format!("{digest}\n{}", "cd".repeat(16));
        assert_eq!(super::digests(&two).unwrap(), [digest.clone(), "cd".repeat(16)]);
        for bad in ["abcd", "", &"zz".repeat(32), &digest[1..], &format!("md5:{digest}")] {
            let failure = super::digests(bad).unwrap_err();
            assert_eq!(failure.exit, super::Exit::Usage, "{bad}");
        }
    }
}
