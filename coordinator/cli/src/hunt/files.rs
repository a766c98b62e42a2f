//! `muster hunt files`: what matched and was sent, listed or fetched.
//!
//! What comes from an endpoint may be anything: it is written under its own digest, which is checked, readable by its
//! owner alone, and never under a name that the endpoint chose.

use std::path::Path;

use muster_api::HuntFile;
use muster_protocol::hex;
use muster_protocol::result::rows::sha256;

use crate::args::hunt::Files as Flags;
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::output::{Column, Document, Show, units};
use crate::{Context, place, private};

const FILES: &[Column<HuntFile>] = &[
    Column::new("agent", "agent", Show::Text, |file| (&file.agent).into()),
    Column::new("size", "size", Show::Bytes, |file| file.size.into()),
    Column::new("sha256", "sha256", Show::Text, |file| (&file.sha256).into()),
    Column::new("paths", "paths", Show::Pairs, |file| (&file.paths).into()),
];

pub(super) fn run(context: &Context, flags: &Flags) -> Result<Exit, Failure> {
    let folder = flags.out.as_deref().map(place::folder).transpose()?;
    let client = context.client()?;
    let hunt = super::find(&client, &flags.hunt)?.id;
    let files: Vec<Document<HuntFile>> = client.list(&format!("/api/v1/hunts/{hunt}/files"))?;
    if let Some(folder) = folder {
        fetch(context, &client, &hunt, &files, folder)?;
    }
    context.out.list(FILES, &files)?;
    Ok(if files.is_empty() { Exit::NothingMatched } else { Exit::Done })
}

/// Fetches each content once into a folder.
fn fetch(
    context: &Context,
    client: &Client,
    hunt: &str,
    files: &[Document<HuntFile>],
    folder: &Path,
) -> Result<(), Failure> {
    private::folder(folder)?;
    let (mut fetched, mut here) = (0, 0);
    for file in files {
        let name = digest_name(&file.view.sha256)?;
        let path = folder.join(&name);
        if path.try_exists().map_err(|error| Failure::file("look for", &path, &error))? {
            here += 1;
            continue;
        }
        let bytes = client.bytes(&format!("/api/v1/hunts/{hunt}/files/{name}"))?;
        if hex::encode(&sha256(&bytes)) != name {
            let cause = format!("{} bytes that are not {name}", bytes.len());
            let next = "repeat the command; muster doctor";
            return Err(Failure::new(Exit::Bug, "a file came that is another", cause, next));
        }
        private::write(&path, &bytes)?;
        fetched += 1;
    }
    let already =
        if here > 0 { format!(", {} were there", units::count(here)) } else { String::new() };
    let count = units::count(fetched);
    context.out.note(&format!("{count} files fetched into {}{already}", folder.display()));
    Ok(())
}

/// Checks that a digest is one before it becomes a file name.
fn digest_name(digest: &str) -> Result<String, Failure> {
    let is_digest = digest.len() == 64 && hex::decode(digest).is_some();
    if !is_digest || digest.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(Failure::bug(
            "the coordinator sent a broken digest",
            "not 64 lower-case digits",
        ));
    }
    Ok(digest.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_digest_becomes_a_file_name() {
        let good = "0a".repeat(32);
        assert_eq!(digest_name(&good).unwrap(), good);
        for bad in ["", "../../etc/passwd", &good[1..], &good.to_uppercase(), &format!("{good}/x")]
        {
            assert!(digest_name(bad).is_err(), "{bad}");
        }
    }
}
