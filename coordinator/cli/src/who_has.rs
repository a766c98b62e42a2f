//! `muster who-has`: which agents hold a file with one of these digests.

use muster_protocol::hex;
use muster_protocol::request::hunt::HashKind;
use serde_json::Value;

use super::Context;
use super::args::WhoHas;
use super::failure::{Exit, Failure};
use super::listed;
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
    let hashes: Vec<Vec<String>> =
        flags.hashes.iter().map(|hash| digests(hash)).collect::<Result<_, _>>()?;
    let hashes = hashes.concat();
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

/// Returns whether a column says anything; the digests that no row has are left out.
fn is_used(rows: &[Value], column: &Column) -> bool {
    HashKind::ALL.iter().all(|kind| kind.as_str() != column.field)
        || rows.iter().any(|row| !field(row, column.field).is_null())
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
