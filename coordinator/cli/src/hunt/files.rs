//! `muster hunt files`: what matched and was sent, listed or fetched.
//!
//! What comes from an endpoint may be anything: it is written under its own digest, which is checked, readable by its
//! owner alone, and never under a name that the endpoint chose.

use std::path::Path;

use muster_api::{HuntFile, archive};
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
        fetch(context, &client, &hunt, &files, (folder, flags.zip.as_deref()))?;
    }
    context.out.list(FILES, &files)?;
    Ok(if files.is_empty() { Exit::NothingMatched } else { Exit::Done })
}

/// Fetches each content once into a folder, as it is or behind a password.
fn fetch(
    context: &Context,
    client: &Client,
    hunt: &str,
    files: &[Document<HuntFile>],
    (folder, password): (&Path, Option<&str>),
) -> Result<(), Failure> {
    private::folder(folder)?;
    let (mut fetched, mut here) = (0, 0);
    for file in files {
        let name = digest_name(&file.view.sha256)?;
        let path =
            folder.join(if password.is_some() { format!("{name}.zip") } else { name.clone() });
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
        match password {
            Some(password) => private::write(&path, &archived(&name, &bytes, password)?)?,
            None => private::write(&path, &bytes)?,
        }
        fetched += 1;
    }
    let already =
        if here > 0 { format!(", {} were there", units::count(here)) } else { String::new() };
    let count = units::count(fetched);
    let behind = password.map(|password| format!(" as ZIP archives, password {password}"));
    let behind = behind.unwrap_or_default();
    context.out.note(&format!("{count} files fetched into {}{behind}{already}", folder.display()));
    Ok(())
}

/// Makes the archive of a file here, so that its digest was checked before.
fn archived(digest: &str, bytes: &[u8], password: &str) -> Result<Vec<u8>, Failure> {
    let broken = |why| Failure::bug("cannot make an archive", why);
    let sha256 = hex::decode(digest).ok_or_else(|| broken("no digest".to_owned()))?;
    let mut archive = Vec::new();
    archive::write(&mut archive, &sha256, bytes, password).map_err(|e| broken(e.to_string()))?;
    Ok(archive)
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
