//! Runs the `file_hash` collector alone over some roots: for tests under another user, and for measurements.
//!
//! `hash-tree ROOT…` prints six fields for each row, each ended by a zero byte: path, kind, status, size,
//! SHA-256 in hex, link target. `hash-tree --count ROOT…` prints the figures alone.

use std::io::{self, BufWriter, Write};
use std::os::unix::ffi::OsStringExt;

use agent::collectors::file_hash;
use agent::session::fake::FakeSession;
use common::hex;
use common::request::hunt::{FileHash, HashKind};
use serde_bytes::ByteBuf;

fn main() -> anyhow::Result<()> {
    let mut roots: Vec<ByteBuf> =
        std::env::args_os().skip(1).map(|root| ByteBuf::from(root.into_vec())).collect();
    let is_counting = roots.first().is_some_and(|first| first.as_slice() == b"--count");
    if is_counting {
        roots.remove(0);
    }
    let spec = FileHash { roots, hashes: vec![HashKind::Sha256], ..FileHash::default() };
    let session = FakeSession::new();
    let session = if is_counting { session.counting_only() } else { session };
    let footer = file_hash::collect(&spec, &session)?;
    let mut out = BufWriter::new(io::stdout().lock());
    if is_counting {
        writeln!(out, "{footer:?}")?;
    }
    for row in session.seen().rows {
        let sha256 = row.digests.first().map(|(_, bytes)| hex::encode(bytes)).unwrap_or_default();
        let size = row.size.to_string();
        let target = row.link_target.unwrap_or_default();
        let fields: [&[u8]; 6] = [
            &row.path,
            row.kind.as_str().as_bytes(),
            row.status.as_str().as_bytes(),
            size.as_bytes(),
            sha256.as_bytes(),
            &target,
        ];
        for field in fields {
            out.write_all(field)?;
            out.write_all(b"\0")?;
        }
    }
    Ok(out.flush()?)
}
