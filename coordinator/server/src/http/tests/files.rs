//! Files that agents sent: plain, and as archives with a password.

use std::fs;
use std::process::Command;

use muster_protocol::artifact::{Digest, Digests, HashKind};
use muster_protocol::result::FILE_BLOB;

use super::*;
use crate::store::Piece;

/// Where the file lay, as its endpoint says.
const PATH: &str = "../../../tmp/\u{202e}x\n;id.sh";

/// A file that an agent sent; more than one piece of an answer.
fn content() -> Vec<u8> {
    (0..300_000_u32).flat_map(u32::to_le_bytes).collect()
}

/// An API whose agent has sent [`content`]; returns its digest, too.
fn api() -> (Api, String) {
    let api = Api::new();
    let content = content();
    let sha256 = wire_rows::sha256(&content).into_vec();
    api.write(hunt(HUNT, &["a-1"]));
    let row = Row {
        digests: Digests::from_iter([(HashKind::Sha256, Digest::from_slice(&sha256))]),
        ..file(PATH, content.len() as u64, FileStatus::Ok, 0)
    };
    api.write(chunk(HUNT, "a-1", 1, 0, vec![row]));
    let bytes = content.len() as u64;
    let piece = Piece {
        blob: 0,
        kind: FILE_BLOB.into(),
        place: 0,
        bytes,
        total: bytes,
        sha256: sha256.clone(),
    };
    let chunk = Chunk {
        request: HUNT,
        agent: agent("a-1"),
        attempt: attempt(HUNT, 1),
        seq: 1,
        rows: 0,
        blob: Some(piece),
        sha256: vec![7; 32],
        body: vec![0x80],
    };
    fs::write(api.core.place.blob(&sha256), &content).unwrap();
    api.write(Write::Chunk(chunk.clone()));
    api.write(Write::Blob { chunk, kind: FILE_BLOB.into(), sha256: sha256.clone(), bytes });
    api.write(ended(HUNT, "a-1", 1, 2));
    (api, muster_protocol::hex::encode(&sha256))
}

/// Fetches a file; returns its type, its disposition and its bytes.
fn fetch(api: &Api, path: &str) -> (String, String, Vec<u8>) {
    let mut answer = api.ask(TOKEN, path);
    assert_eq!(answer.status(), 200, "{path}");
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    let (media, disposition) = (header("content-type"), header("content-disposition"));
    (media, disposition, answer.body_mut().read_to_vec().unwrap())
}

#[test]
fn a_file_is_an_attachment_called_by_its_digest() {
    let (api, digest) = api();
    let listed = api.well(&format!("/hunts/{HUNT}/files"));
    assert_eq!(listed["items"][0]["paths"][0], format!("/srv/{PATH}"), "the name is an odd one");
    for query in ["", "?format=raw"] {
        let (media, disposition, bytes) =
            fetch(&api, &format!("/hunts/{HUNT}/files/{digest}{query}"));
        assert_eq!(media, "application/octet-stream");
        assert_eq!(disposition, format!("attachment; filename=\"{digest}\""));
        assert!(bytes == content(), "{query}");
    }
    for bad in ["format=exe", "format=", "zip=1"] {
        api.refused(400, &format!("/hunts/{HUNT}/files/{digest}?{bad}"));
    }
    api.refused(404, &format!("/hunts/{HUNT}/files/{}?format=zip", "0".repeat(64)));
}

#[test]
fn an_archive_holds_one_name_and_unzip_reads_it() {
    let (api, digest) = api();
    let (media, disposition, bytes) =
        fetch(&api, &format!("/hunts/{HUNT}/files/{digest}?format=zip"));
    assert_eq!(media, "application/zip");
    assert_eq!(disposition, format!("attachment; filename=\"{digest}.zip\""));
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("a/b");
    fs::create_dir_all(&place).unwrap();
    let path = folder.path().join("x.zip");
    fs::write(&path, &bytes).unwrap();
    let unzip = |password: &str| {
        let mut unzip = Command::new("unzip");
        unzip.args(["-q", "-o", "-P", password]).arg(&path).arg("-d").arg(&place);
        unzip.output().expect("unzip is installed").status.success()
    };
    assert!(!unzip("guess"));
    assert!(unzip("infected"));
    let names = |folder: &std::path::Path| {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|one| one.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&place), [digest.as_str()], "its digest, and nothing else");
    assert_eq!(names(folder.path()), ["a", "x.zip"], "nothing came to lie outside");
    assert!(fs::read(place.join(&digest)).unwrap() == content());
}

#[test]
fn a_file_that_is_gone_is_an_error_and_not_an_empty_one() {
    let (api, digest) = api();
    fs::remove_file(api.core.place.blob(&muster_protocol::hex::decode(&digest).unwrap())).unwrap();
    for query in ["", "?format=zip"] {
        api.refused(500, &format!("/hunts/{HUNT}/files/{digest}{query}"));
    }
}
