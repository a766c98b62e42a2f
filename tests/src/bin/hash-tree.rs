//! Runs the `file_hash` collector alone over some roots and prints its figures: for measurements, without the journal
//! and the session of a real collection.
//!
//! `hash-tree --count ROOT…`

use std::io::{self, Write};
use std::os::unix::ffi::OsStringExt;

use agent::collectors::file_hash;
use agent::session::fake::FakeSession;
use muster_protocol::artifact::HashKind;
use muster_protocol::artifact::file_hash::Args;
use serde_bytes::ByteBuf;

fn main() -> anyhow::Result<()> {
    let roots = std::env::args_os().skip(1).filter(|argument| argument != "--count");
    let roots: Vec<ByteBuf> = roots.map(|root| ByteBuf::from(root.into_vec())).collect();
    let spec = Args { roots, hashes: vec![HashKind::Sha256], ..Args::default() };
    let session = FakeSession::new().counting_only();
    let footer = file_hash::collect(&spec, &agent::files::Folders::default(), &session)?;
    Ok(writeln!(io::stdout(), "{footer:?}")?)
}
